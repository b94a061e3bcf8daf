"""Equations: their own examples, planted mistakes, order, overriding, and derivatives."""

import itertools
import math

import numpy as np
import pytest
from sympy import Piecewise, ceiling, floor, oo, sin, symbols

from costlib import data, pages, render
from costlib.equations import Max, Min, Model, equation
from costlib.errors import InputError
from costlib.models import api, batching, memory, roofline, serving
from costlib.units import UnitError
from tests.conftest import MODELS, deployed

EVERY = pages.every_equation()
KINDS = [
    dict(zip(("latent", "windows", "experts"), each, strict=True))
    for each in itertools.product((True, False), repeat=3)
]
each_equation = pytest.mark.parametrize("made", EVERY, ids=lambda made: made.function.__name__)


def define(function, defines, source="williams_2009_roofline", **example):
    """An equation of `function`, with ones for its example unless one is given."""
    names = function.__code__.co_varnames[: function.__code__.co_argcount]
    ones = {name: 1 for name in names if name not in ("flops_per_weight", "router_draws")}
    return equation(source=source, example=example or {**ones, "gives": 1}, defines=defines)(function)


# --- the equations of the book ----------------------------------------------------------------------------------------


@each_equation
def test_the_example_by_hand_is_what_the_equation_gives(made):
    assert made(made.example) == pytest.approx(made.example["gives"], rel=1e-12)


SECOND = [  # where the first cannot tell: a part is discounted, nothing divides evenly, a prompt fills the budget
    (
        api.request_usd,
        {
            "input_tokens": 1000,
            "paid_input_usd_per_token": 3e-6,
            "output_tokens": 300,
            "output_usd_per_token": 15e-6,
            "batch_share": 0.4,
            "batch_discount_share": 0.5,
        },
        0.006,
    ),
    (
        batching.cache_sequences,
        {
            "cache_room_bytes": 42e9,
            "kv_bytes_per_token_layer": 4000,
            "full_layer_tokens": 200_000,
            "stage_gpus": 8,
            "cache_gpus": 4,
            "beams": 1,
        },
        26.25,
    ),
    (serving.prompts_per_pass, {"batch": 32, "chunk_budget_tokens": 8192, "computed_input_tokens": 16_384}, 1),
    (serving.prompts_per_pass_queued, {"chunk_budget_tokens": 3072, "computed_input_tokens": 2048}, 1.5),
]


@pytest.mark.parametrize(("made", "values", "gives"), SECOND, ids=lambda each: getattr(each, "meaning", ""))
def test_a_second_example_by_hand_is_what_the_equation_gives(made, values, gives):
    assert made(values) == pytest.approx(gives, rel=1e-12)


@each_equation
def test_the_example_takes_allowed_values(made):
    for q in (q for q in made.uses if q.value is None):
        q.check(made.example[q.name])


@each_equation
def test_the_source_is_in_the_bibliography(made):
    assert {made.source} <= set(data.bibliography())


@each_equation
def test_the_equation_says_in_a_sentence_what_it_means(made):
    assert made.meaning.endswith(".")
    assert "\n\n" not in made.meaning


@each_equation
def test_the_place_is_the_line_that_defines_the_equation(made):
    path, line = made.place
    written = "\n".join((data.ROOT / path).read_text("utf-8").splitlines()[line - 1 :])
    assert written.partition("def ")[2].startswith(f"{made.function.__name__}(")


@each_equation
def test_arrays_give_what_their_elements_give(made):
    factors = np.array([1.0, 1.5, 2.0, 0.25])
    names = [name for name in made.example if name != "gives"]
    for name in names:
        arrays = {**made.example, name: made.example[name] * factors}
        each = [made({**made.example, name: made.example[name] * factor}) for factor in factors]
        assert np.broadcast_to(made(arrays), 4) == pytest.approx(np.array(each), rel=1e-13)


@pytest.mark.parametrize("module", (memory, roofline), ids=lambda module: module.__name__)
def test_every_equation_serves_some_model(module):
    used = {made for kind in KINDS for made in module.equations_for(**kind)}
    assert [made.function.__name__ for made in pages.equations(module) if made not in used] == []


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_every_kind_of_model_has_one_equation_for_each_quantity(kind):
    made = (*memory.equations_for(**kind), *roofline.equations_for(**kind))
    assert len(Model(*made).equations) == len(made)


def test_columns_and_rows_broadcast_to_a_grid():
    equations, values = deployed()
    batches, contexts = np.array([[1.0], [2.0], [64.0]]), np.array([100.0, 5000.0])
    seconds = equations({**values, "batch": batches, "context_tokens": contexts}, "decode_seconds")
    assert seconds.shape == (3, 2)
    assert seconds[2, 1] == equations({**values, "batch": 64.0, "context_tokens": 5000.0}, "decode_seconds")


# --- mistakes in an equation ------------------------------------------------------------------------------------------

UNIT_MISTAKES = {
    "bytes added to seconds": (
        lambda decode_bytes, decode_seconds: decode_bytes + decode_seconds, "decode_bytes", "puts B and s together",
    ),
    "a result of another unit": (
        lambda decode_bytes, decode_seconds: decode_bytes * decode_seconds, "decode_seconds", "gives B \\* s where",
    ),
    "a forgotten number of GPUs": (
        lambda decode_bytes, memory_bytes_per_second: decode_bytes / memory_bytes_per_second, "decode_memory_seconds",
        "gives .*GPU.* where decode_memory_seconds is in s",
    ),
    "a forgotten number of tokens": (
        lambda batch, decode_flops_per_token: batch * decode_flops_per_token, "decode_flops", "gives FLOP / token",
    ),
    "a pure number added to bytes": (
        lambda decode_bytes: decode_bytes + 1, "decode_bytes", "together",
    ),
    "an exponent with a unit": (
        lambda batch, input_tokens: batch**input_tokens, "batch", "to a power of unit token",
    ),
    "a base with a unit and an open exponent": (
        lambda input_tokens, batch: input_tokens**batch, "input_tokens", "raises token to a power",
    ),
    "a power that changes the unit": (
        lambda decode_seconds: decode_seconds**2, "decode_seconds", "gives s \\*\\* 2 where",
    ),
    "the larger of unlike things": (
        lambda decode_seconds, decode_bytes: Max(decode_seconds, decode_bytes), "decode_seconds", "together in Max",
    ),
    "the smaller of unlike things": (
        lambda decode_seconds, batch: Min(decode_seconds, batch), "decode_seconds", "together in Min",
    ),
    "a branch of another unit": (
        lambda batch, decode_seconds, decode_bytes: Piecewise((decode_seconds, batch > 1), (decode_bytes, True)),
        "decode_seconds", "puts s and B together",
    ),
    "a branch that ones would not take": (
        lambda batch, decode_seconds, decode_bytes: Piecewise((decode_seconds, batch < 2), (decode_bytes, True)),
        "decode_seconds", "puts s and B together",
    ),
    "a condition on unlike things": (
        lambda decode_seconds, decode_bytes: Piecewise((decode_seconds, decode_bytes > decode_seconds), (0, True)),
        "decode_seconds", "together in decode_bytes > decode_seconds",
    ),
    "a mistake inside a condition": (
        lambda decode_seconds, decode_bytes: Piecewise((decode_seconds, decode_bytes + decode_seconds > 0), (0, True)),
        "decode_seconds", "together",
    ),
    "a mistake inside a rounding": (
        lambda batch, decode_seconds: ceiling(batch + decode_seconds), "batch", "together",
    ),
    "a mistake deep inside": (
        lambda batch, decode_seconds, decode_bytes: batch * Max(0, (decode_seconds + decode_bytes) / decode_seconds),
        "batch", "together",
    ),
}  # fmt: skip


@pytest.mark.parametrize("mistake", UNIT_MISTAKES)
def test_a_unit_error_is_caught_where_the_equation_is_defined(mistake):
    function, defines, message = UNIT_MISTAKES[mistake]
    with pytest.raises(UnitError, match=f"^equation <lambda> .*{message}"):
        define(function, defines)


SOUND = {
    "zero fits any unit": lambda decode_seconds: Max(decode_seconds, 0),
    "infinity fits any unit": lambda decode_seconds, batch: Piecewise((decode_seconds, batch > 0), (oo, True)),
    "rounding keeps the unit": lambda decode_seconds: floor(decode_seconds) + ceiling(decode_seconds),
    "a root undoes a square": lambda decode_seconds: (decode_seconds * decode_seconds) ** 0.5,
    "a ratio may be an exponent": lambda decode_seconds, prefill_seconds, batch: (
        decode_seconds * (1 + batch) ** (prefill_seconds / decode_seconds)
    ),
}


@pytest.mark.parametrize("claim", SOUND)
def test_sound_units_are_not_refused(claim):
    define(SOUND[claim], "decode_seconds")


def test_an_unknown_name_is_an_error_with_near_matches():
    with pytest.raises(InputError, match="no quantity is called 'decode_byte'; did you mean .*decode_bytes"):
        define(lambda decode_byte: decode_byte, "decode_bytes")
    with pytest.raises(InputError, match="no quantity is called 'decode_second'; did you mean .*decode_seconds"):
        define(lambda decode_seconds: decode_seconds, "decode_second")


@pytest.mark.parametrize(
    "example",
    [
        {"decode_flops": 1}, {"gives": 1}, {"decode_flops": 1, "decode_bytes": 1, "gives": 1},
        {"decode_flop": 1, "gives": 1},
    ],
)  # fmt: skip
def test_an_example_must_give_exactly_what_is_used(example):
    with pytest.raises(InputError, match=r"the example must give exactly \['decode_flops', 'gives'\]"):
        define(lambda decode_flops: decode_flops, "decode_flops", **example)


def test_what_has_no_place_in_an_equation_is_refused_by_name():
    with pytest.raises(InputError, match="sin has no place in an equation"):
        define(lambda batch: sin(batch), "batch")


# --- the order that the author chose ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "latex"),
    [
        (lambda weight_bytes, batch, kv_bytes_per_sequence: weight_bytes + batch * kv_bytes_per_sequence, "W + B K"),
        (lambda batch, kv_bytes_per_sequence, weight_bytes: kv_bytes_per_sequence * batch + weight_bytes, "K B + W"),
        (lambda usable_bytes, weight_bytes: usable_bytes - weight_bytes, r"M_{\mathrm{use}} - W"),
        (lambda usable_bytes, weight_bytes: -weight_bytes + usable_bytes, r"- W + M_{\mathrm{use}}"),
        (lambda usable_bytes, batch: (1 - batch) * usable_bytes, r"\left(1 - B\right) M_{\mathrm{use}}"),
        (lambda usable_bytes, batch: (1 + batch) * usable_bytes, r"\left(1 + B\right) M_{\mathrm{use}}"),
        (lambda weight_bytes, usable_bytes: Max(weight_bytes, usable_bytes), r"\max\left(W, M_{\mathrm{use}}\right)"),
        (lambda used_bytes, batch, n_layers: used_bytes / batch / n_layers, r"\frac{U}{B n_{\mathrm{layer}}}"),
        (lambda weight_bytes, batch: weight_bytes * 2 + weight_bytes * batch * 2, r"W \cdot 2 + W B \cdot 2"),
    ],
)  # fmt: skip
def test_latex_keeps_the_order_of_the_author(function, latex):
    assert render.right_side(define(function, "used_bytes")) == latex


def test_a_constant_is_written_as_its_number_and_counts_in_the_units():
    made = define(
        lambda flops_per_weight, layer_parameters: flops_per_weight * layer_parameters, "linear_flops_per_token",
        layer_parameters=70, gives=140,
    )  # fmt: skip
    assert render.right_side(made) == r"2 N_{\mathrm{lay}}"
    assert made({"layer_parameters": 70}) == 140


# --- models -----------------------------------------------------------------------------------------------------------

itself = define(lambda decode_bytes: 2 * decode_bytes, "decode_bytes")
half = define(lambda used_bytes: used_bytes / 2, "weight_bytes")
double = define(lambda weight_bytes: 2 * weight_bytes, "usable_bytes")
back = define(lambda usable_bytes: 3 * usable_bytes, "used_bytes")


def test_equations_are_sorted_whatever_their_order():
    for order in itertools.permutations((half, double)):
        assert Model(*order)({"used_bytes": 10.0}, "usable_bytes") == 10.0


def test_two_equations_for_one_quantity_are_refused():
    other = define(lambda used_bytes: used_bytes / 3, "weight_bytes")
    with pytest.raises(InputError, match="two equations of the model define weight_bytes"):
        Model(half, other)
    assert Model(half, half).equations == (half,)


def test_a_circle_is_refused_and_shown():
    with pytest.raises(InputError, match="circle: (\\w+ -> ){3}\\w+"):
        Model(half, double, back)
    with pytest.raises(InputError, match="circle: decode_bytes -> decode_bytes"):
        Model(itself)


def test_a_missing_input_is_named_with_its_target():
    equations, values = deployed()
    few = {name: value for name, value in values.items() if name not in ("batch", "memory_bytes_per_second")}
    with pytest.raises(InputError, match="batch and memory_bytes_per_second must be given to compute decode_seconds"):
        equations(few, "decode_seconds")


@pytest.mark.parametrize(
    "ask",
    [
        lambda equations, values: equations(values, "decode_second"),
        lambda equations, values: equations.trace(values, "decode_second"),
        lambda equations, values: equations.elasticities(values, "decode_second"),
        lambda equations, values: equations["decode_second"],
        lambda equations, values: equations.compile("decode_second"),
        lambda equations, values: equations.inputs("decode_second"),
    ],
    ids=["call", "trace", "elasticities", "item", "compile", "inputs"],
)  # fmt: skip
def test_an_unknown_target_is_an_error_with_near_matches(ask):
    with pytest.raises(InputError, match="no equation for 'decode_second'; did you mean .*decode_seconds"):
        ask(*deployed())


def test_a_measured_value_overrides_the_modelled_one():
    equations, values = deployed()
    measured = {**values, "decode_seconds": 0.025}
    found = equations.evaluate(measured)
    assert found["decode_seconds"] == 0.025
    assert found["decode_tokens_per_second"] == 32 / 0.025
    assert "decode_seconds" not in {step.equation.defines.name for step in equations.trace(measured)}
    assert "memory_bytes_per_second" not in equations.inputs("decode_tokens_per_second", given=measured)


def test_an_overridden_quantity_frees_the_caller_from_its_inputs():
    equations, _ = deployed()
    given = {"decode_seconds": 0.02, "batch": 8.0, "tokens_per_step": 1.0}
    assert equations(given, "decode_tokens_per_second") == 400.0


def test_only_what_the_target_needs_is_computed():
    equations, values = deployed()
    steps = [step.equation.defines.name for step in equations.trace(values, "kv_bytes_per_token")]
    assert steps == ["kv_bytes_per_token_layer", "kv_bytes_per_token"]


def test_a_trace_holds_the_values_that_each_step_used():
    equations, values = deployed()
    step = equations.trace(values, "kv_bytes_per_token")[-1]
    assert step.values == {"n_layers": 80, "kv_bytes_per_token_layer": 4096}
    assert step.result == 327_680


def test_a_model_grows_by_equations():
    assert (Model(half) + (double,))({"used_bytes": 4.0}, "usable_bytes") == 4.0
    assert (Model(half) + Model(double)).equations == Model(half, double).equations


@pytest.mark.parametrize("model", MODELS)
def test_the_compiled_chain_gives_what_the_equations_give(model):
    equations, values = deployed(model)
    targets = ("decode_tokens_per_second", "prefill_seconds", "largest_batch", "compute_bound_batch")
    chain = equations.compile(*targets)
    assert set(chain.inputs) == set(equations.inputs(*targets))
    expected = [float(equations(values, target)) for target in targets]
    assert [float(each) for each in chain(values)] == pytest.approx(expected, rel=1e-14)


def test_a_compiled_chain_takes_what_is_given():
    equations, values = deployed()
    chain = equations.compile("decode_tokens_per_second", given=["decode_seconds"])
    assert set(chain.inputs) == {"batch", "tokens_per_step", "decode_seconds"}
    assert chain({**values, "decode_seconds": 0.04}) == (800.0,)


# --- elasticities -----------------------------------------------------------------------------------------------------

TARGETS = ("decode_tokens_per_second", "prefill_seconds", "used_bytes", "compute_bound_batch", "total_parameters")
NEVER = {("llama_2_7b", "compute_bound_batch")}  # infinite: its cache outweighs the arithmetic


def moved(equations, values, target, *names, by):
    return float(equations({**values, **{name: float(values[name]) * by for name in names}}, target))


def differences(equations, values, target, *names, step=1e-5):
    """The elasticity of `target` in `names` together, by a central difference of logarithms."""
    up, down = (moved(equations, values, target, *names, by=by) for by in (1 + step, 1 - step))
    return (math.log(up) - math.log(down)) / (math.log1p(step) - math.log1p(-step))


@pytest.mark.parametrize(
    ("model", "target"), [each for each in itertools.product(MODELS, TARGETS) if each not in NEVER]
)
def test_elasticities_are_what_small_changes_do(model, target):
    equations, values = deployed(model, n_gpus=16, input_tokens=64, output_tokens=64)
    found = equations.elasticities(values, target)
    assert math.isfinite(equations(values, target))
    for name in equations.inputs(target):
        if float(values[name]):
            assert found.get(name, 0.0) == pytest.approx(differences(equations, values, target, name), abs=1e-5), name


@pytest.mark.parametrize(
    ("target", "names", "degree"),
    [
        ("decode_tokens_per_second", ("peak_flops_per_second", "memory_bytes_per_second"), 1),
        ("decode_tokens_per_second", ("n_gpus",), 1),
        ("decode_serial_seconds", ("peak_flops_per_second", "memory_bytes_per_second"), -1),
        ("prefill_seconds", ("peak_flops_per_second", "memory_bytes_per_second"), -1),
        ("ridge_flops_per_byte", ("peak_flops_per_second", "memory_bytes_per_second"), 0),
        ("decode_bytes", ("element_bytes", "scale_bytes", "table_bytes_per_parameter", "bytes_per_cached_number"), 1),
        ("used_bytes", ("element_bytes", "scale_bytes", "table_bytes_per_parameter", "bytes_per_cached_number"), 1),
        ("kv_bytes_per_sequence", ("input_tokens", "output_tokens"), 1),
        ("largest_batch", ("n_gpus",), 0),
    ],
)  # fmt: skip
@pytest.mark.parametrize("model", ("llama_3_1_70b", "deepseek_v3", "mixtral_8x7b"))
def test_elasticities_of_what_scales_together_add_up_to_its_degree(model, target, names, degree):
    equations, values = deployed(model, precision="mxfp4", n_gpus=16)
    found = equations.elasticities(values, target)
    assert sum(found.get(name, 0.0) for name in names) == pytest.approx(degree, abs=1e-9)


def test_an_input_without_influence_has_no_elasticity():
    equations, values = deployed()
    found = equations.elasticities(values, "decode_tokens_per_second")
    assert found.get("peak_flops_per_second", 0.0) == 0  # memory-bound
    assert found["memory_bytes_per_second"] == pytest.approx(1, abs=1e-12)


def test_an_overridden_quantity_shields_its_inputs():
    equations, values = deployed()
    found = equations.elasticities({**values, "decode_seconds": 0.02}, "decode_tokens_per_second")
    assert found == pytest.approx({"batch": 1, "tokens_per_step": 1, "decode_seconds": -1}, abs=1e-12)


def test_at_a_kink_the_derivative_is_that_of_one_side():
    at_kink = {"decode_compute_seconds": 0.01, "decode_memory_seconds": 0.01}
    sides = [roofline.decode_seconds.partial(name, at_kink) for name in at_kink]
    assert sorted(sides) == [0.0, 1.0]  # the one argument that counts as taken, not both and not neither
    tied = {"decode_compute_seconds": 0.01, "decode_memory_seconds": 0.01 + 1e-12}
    assert roofline.decode_seconds.partial("decode_memory_seconds", tied) == 1.0


@pytest.mark.parametrize("word", [Max, Min])
def test_of_arguments_that_tie_the_first_is_taken(word):
    a, b, c = names = symbols("a b c")
    slopes = [word(a, b, c).diff(each).subs(dict.fromkeys(names, 1.0)) for each in names]
    assert slopes == [1, 0, 0]


def test_what_does_not_depend_on_a_quantity_is_found_in_order():
    model, _ = deployed()
    found = model.independent("decode_seconds", of=["batch"])
    assert found and set(found) < set(model._sorted(["decode_seconds"], ()))
    assert "decode_seconds" not in found
    assert model.independent("decode_seconds", of=[]) == model._sorted(["decode_seconds"], ())
