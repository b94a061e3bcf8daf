"""An equation in its other forms: JavaScript that computes the same, worked lines, LaTeX for a page."""

import itertools
import json
import math
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from costlib import pages, render
from costlib.equations import Model
from costlib.models import memory, parallel, roofline
from costlib.quantities import VOCABULARY
from tests.conftest import MODELS, deployed
from tests.test_equations import KINDS, define

# --- JavaScript -------------------------------------------------------------------------------------------------------

RUNS = """
const write = (_, value) => typeof value === "number" && !Number.isFinite(value) ? String(value) : value;
const cases = JSON.parse(require("fs").readFileSync(0, "utf8"));
console.log(JSON.stringify(cases.map(([model, givens]) => {
  const evaluate = new Function(model + "; return evaluate;")();
  return givens.map(evaluate);
}), write));
"""


def node():
    """A program that runs JavaScript: the system's, or the one that playwright brings. None if there is neither."""
    playwright = pytest.importorskip("playwright", reason="neither node nor playwright is installed")
    own = Path(playwright.__file__).parent / "driver" / "node"
    return shutil.which("node") or (str(own) if own.exists() else None)


@pytest.fixture(scope="module")
def run():
    """Run models as JavaScript: pairs of a text and the values to give it, to the values it returns."""
    program = node()
    if not program:
        pytest.skip("there is no node to run JavaScript with")

    def results(cases):
        done = subprocess.run(
            [program, "-e", RUNS], input=json.dumps(cases), text=True, capture_output=True, timeout=60
        )
        assert not done.returncode, done.stderr
        return [
            [{name: float(value) for name, value in each.items()} for each in case] for case in json.loads(done.stdout)
        ]

    return results


def drawn(model, number=200, seed=1):
    """Random inputs of a model, of any allowed size: counts up to 300, shares below one, the rest over six decades."""
    random = np.random.default_rng(seed)

    def values(q):
        if q.high < math.inf:
            return random.uniform(q.low, q.high * 0.99, number)
        if q.whole:
            return random.integers(1, 300, number).astype(float)
        return 10 ** random.uniform(0, 6, number)

    found = {name: values(VOCABULARY[name]) for name in model.inputs()}
    if "n_experts" in found:
        found["n_experts"] += found.get("experts_per_token", 0)  # at least as many as a token is sent to
    return found


def columns(results, names):
    return {name: np.array([each[name] for each in results]) for name in names}


def differ(one, other):
    """By how much `one` differs from `other`, relative to it; infinities must stand at the same places."""
    assert np.array_equal(np.isnan(one), np.isnan(other))
    assert np.array_equal(np.isinf(one), np.isinf(other))
    one, other = one[np.isfinite(one)], other[np.isfinite(other)]
    return np.max(np.abs(one - other) / np.maximum(np.abs(other), np.finfo(float).tiny), initial=0)


def by_numpy(model, given):
    found = model.evaluate(given)
    return {
        made.defines.name: np.broadcast_to(found[made.defines.name], len(next(iter(given.values()))))
        for made in model.equations
    }


def rows(given):
    return [
        dict(zip(given, each, strict=True))
        for each in zip(*(values.tolist() for values in given.values()), strict=True)
    ]


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_javascript_computes_what_numpy_computes(run, kind):
    model = Model(*memory.equations_for(**kind), *roofline.equations_for(**kind))
    given = drawn(model)
    expected = by_numpy(model, given)
    [results] = run([[render.javascript(model), rows(given)]])
    found = columns(results, expected)
    assert {name: gap for name in expected if (gap := differ(found[name], expected[name])) > 1e-12} == {}


def test_javascript_of_every_equation_alone_computes_what_numpy_computes(run):
    every = (made for made in pages.every_equation() if any(each.value is None for each in made.uses))
    models = [Model(made) for made in every]  # without those that say one constant is another
    givens = [drawn(model, 50, seed) for seed, model in enumerate(models)]
    found = run([[render.javascript(model), rows(given)] for model, given in zip(models, givens, strict=True)])
    for model, given, results in zip(models, givens, found, strict=True):
        for name, expected in by_numpy(model, given).items():
            assert differ(columns(results, [name])[name], expected) <= 1e-12, name


def test_javascript_of_published_models_computes_what_numpy_computes(run):
    cases = [deployed(model) for model in MODELS]
    plain = [{name: float(value) for name, value in values.items()} for _, values in cases]
    found = run([[render.javascript(model), [values]] for (model, _), values in zip(cases, plain, strict=True)])
    for (model, _), values, [result] in zip(cases, plain, found, strict=True):
        expected = model.evaluate(values)
        assert set(result) >= set(expected)
        assert all(
            differ(np.array([result[name]]), np.array([float(value)])) <= 1e-12 for name, value in expected.items()
        )


def test_javascript_takes_a_measured_value_in_the_place_of_a_modelled_one(run):
    model, values = deployed()
    plain = {name: float(value) for name, value in values.items()}
    [[result]] = run([[render.javascript(model), [{**plain, "decode_seconds": 0.025}]]])
    assert result["decode_seconds"] == 0.025
    assert result["decode_tokens_per_second"] == 32 / 0.025


# --- worked lines and LaTeX -------------------------------------------------------------------------------------------


def worked(model, values, target):
    return render.worked(model.trace(values, target)[-1])


@pytest.mark.parametrize(
    ("target", "line"),
    [
        (
            "kv_bytes_per_token_layer",
            r"\kappa = 2 n_{\mathrm{kv}} d_{\mathrm{head}} b_{\mathrm{kv}}"
            r" = 2 \cdot 8 \cdot 128 \cdot 2\,\mathrm{B/token} = 4.10\,\mathrm{kB/token}",
        ),
        (
            "ridge_flops_per_byte",
            r"I^{*} = \frac{\pi}{\beta} = \frac{989\,\mathrm{TFLOP/s/GPU}}{3.35\,\mathrm{TB/s/GPU}}"
            r" = 295\,\mathrm{FLOP/B}",
        ),
        (
            "usable_bytes",
            r"M_{\mathrm{use}} = G M \left(1 - \epsilon\right)"
            r" = 4\,\mathrm{GPUs} \cdot 85.5\,\mathrm{GB/GPU} \cdot \left(1 - 10\,\mathrm{\%}\right)"
            r" = 308\,\mathrm{GB}",
        ),
    ],
)  # fmt: skip
def test_a_worked_line_shows_symbols_then_numbers_with_units_then_the_result(target, line):
    assert worked(*deployed(), target) == line


def test_worked_lines_stand_below_each_other():
    model, values = deployed()
    text = render.worked_lines(model.trace(values, "kv_bytes_per_token"))
    assert text.startswith(r"\begin{aligned}\kappa &= ")
    assert text.endswith(r"\mathbf{328\,\mathrm{kB/token}}\end{aligned}")
    assert text.count(r"\mathbf{") == 2


@pytest.mark.parametrize(
    ("name", "value", "latex"),
    [
        ("memory_bytes_per_second", 3.35e12, r"3.35\,\mathrm{TB/s/GPU}"),
        ("memory_reserve_share", 0.1, r"10\,\mathrm{\%}"),
        ("decode_seconds", 1.5e-5, r"15.0\,\mathrm{\mu{}s}"),
        ("prefill_flops_per_pair", 32_768, r"32.8\,\mathrm{kFLOP/token^2}"),
        ("batch", 1024, r"1{,}024"),
        ("compute_bound_batch", math.inf, r"\infty"),
        ("covered_experts", 2e-9, r"2.00 \times 10^{-9}"),
        ("n_layers", 80, "80"),
    ],
)  # fmt: skip
def test_a_value_is_escaped_for_latex(name, value, latex):
    assert render.quoted_latex(VOCABULARY[name], value) == latex


@pytest.mark.parametrize("made", pages.every_equation(), ids=lambda made: made.function.__name__)
def test_latex_is_the_symbol_and_balanced(made):
    text = render.latex(made)
    assert text.startswith(f"{made.defines.symbol} = ")
    assert text.count("{") == text.count("}")
    assert text.count(r"\left") == text.count(r"\right")
    assert not any(name in text for name in (q.name for q in made.uses if "_" in q.name))


def test_a_number_in_a_product_is_not_run_together_with_the_next():
    made = define(lambda batch, n_layers: batch * n_layers, "covered_experts", batch=12, n_layers=34, gives=408)
    [step] = Model(made).trace({"batch": 12.0, "n_layers": 34.0})
    assert render.worked(step) == r"\bar{E} = B n_{\mathrm{layer}} = 12 \cdot 34 = 408"


def test_a_constant_written_as_its_number_is_not_run_together_with_the_symbol_before_it():
    assert r"d \cdot 2" in render.latex(parallel.allreduce_seconds_per_token)
    assert r"\cdot 2 \cdot 2" in render.latex(parallel.allreduce_seconds_per_token)
    written = [render.latex(made).replace(r"\cdot ", "* ") for made in pages.every_equation()]
    assert not [text for text in written if re.search(r"\* \*|[a-z}] \d", text)]


def test_a_one_that_only_carries_a_unit_is_not_written():
    written = {made.function.__name__: render.right_side(made) for made in pages.every_equation()}
    assert written["cache_gpus"] == r"\min\left(G_{\mathrm{stage}}, n_{\mathrm{kv}}\right)"
    assert written["tensor_parallel"] == r"G_{\mathrm{stage}}"
    assert written["cache_gpus_latent"] == "1" and written["verified_tokens_per_step"].endswith("+ 1")


def test_every_kind_of_model_renders():
    texts = [render.javascript(Model(*memory.equations_for(**kind), *roofline.equations_for(**kind))) for kind in KINDS]
    assert all(one != other for one, other in itertools.combinations(texts, 2))
