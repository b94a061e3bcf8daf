"""The computer at hand: a transformer whose work is counted exactly, timings that add up. No timing decides a test."""

import importlib
import importlib.util
import io
from types import SimpleNamespace

import nbformat
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costlib import book, data, engine, execute, machine, timing, transformer
from costlib.errors import InputError
from costlib.transformer import Arrays, Meter, Transformer

NUMPY = Arrays(np)
SMALL = {
    "hidden_dim": 24, "n_layers": 2, "n_heads": 6, "n_kv_heads": 2, "head_dim": 4, "dense_ffn_dim": 40,
    "ffn_matrices": 3, "vocabulary_size": 30, "embedding_tables": 1, "context_tokens": 5, "input_tokens": 4,
}  # fmt: skip

shapes = st.builds(
    lambda group, shared, head, layers, inner, context, prompt: {
        **SMALL, "n_heads": group * shared, "n_kv_heads": shared, "head_dim": head, "n_layers": layers,
        "dense_ffn_dim": inner, "context_tokens": context, "input_tokens": prompt,
    },
    *(st.integers(1, most) for most in (4, 3, 8, 3, 50, 9, 9)),
)  # fmt: skip


def tokens(batch, length, seed=1):
    return np.random.default_rng(seed).integers(0, SMALL["vocabulary_size"], (batch, length))


def values(sizes, **more):
    """What the equations need of a machine of 8 FLOP/s and 2 byte/s."""
    peaks = {"peak_flops_per_second": 8.0, "memory_bytes_per_second": 2.0}
    return {**measured(sizes).values(), **peaks, **more}


# --- the transformer --------------------------------------------------------------------------------------------------


def normed(x, scale):
    return x / np.sqrt((x**2).mean() + 1e-6) * scale


def scores_by_loops(model, sequence):
    """Scores of the next token, computed for every token and head by itself, without a cache."""
    sizes, head = model.sizes, model.sizes["head_dim"]
    group = sizes["n_heads"] // sizes["n_kv_heads"]
    state = [model.table[token].astype(float) for token in sequence]
    for layer in model.layers:
        inner = [normed(x, layer["attention_norm"]) for x in state]
        for place, x in enumerate(inner):
            mixed = []
            for number in range(sizes["n_heads"]):
                own = slice(number * head, (number + 1) * head)
                shared = slice(number // group * head, (number // group + 1) * head)
                query = x @ layer["queries"][:, own]
                weight = np.exp([query @ (y @ layer["keys"][:, shared]) / head**0.5 for y in inner[: place + 1]])
                seen = np.array([y @ layer["values"][:, shared] for y in inner[: place + 1]])
                mixed.append(weight @ seen / weight.sum())
            state[place] = state[place] + np.concatenate(mixed) @ layer["out"]
        for place, x in enumerate(state):
            wide = normed(x, layer["ffn_norm"])
            gate = wide @ layer["gate"]
            state[place] = x + (gate / (1 + np.exp(-gate)) * (wide @ layer["up"])) @ layer["down"]
    return normed(state[-1], model.last_norm) @ model.table.T


def test_the_transformer_computes_what_loops_over_tokens_and_heads_compute():
    model, batch = Transformer(SMALL, NUMPY), tokens(3, 7)
    found = model(batch, model.cache(3, 7))
    assert found.shape == (3, SMALL["vocabulary_size"])
    for sequence, scores in zip(batch, found, strict=True):
        np.testing.assert_allclose(scores, scores_by_loops(model, sequence), rtol=1e-3, atol=1e-4)


@settings(max_examples=25)
@given(shapes, st.integers(1, 4))
def test_decoding_with_the_cache_gives_what_a_full_pass_gives(sizes, batch):
    model, length = Transformer(sizes, NUMPY), 6
    sequence = tokens(batch, length)
    full = model(sequence, model.cache(batch, length))
    cache = model.cache(batch, length)
    model(sequence[:, :3], cache)
    for place in range(3, length):
        last = model(sequence[:, place : place + 1], cache, place)
    np.testing.assert_allclose(last, full, rtol=1e-3, atol=1e-4)


def test_a_later_token_changes_nothing_before_it_and_an_earlier_one_does():
    model, first, second = Transformer(SMALL, NUMPY), tokens(1, 6), tokens(1, 6)
    second[0, 4:] = (first[0, 4:] + 1) % SMALL["vocabulary_size"]
    short, (one, other) = model(first[:, :4], model.cache(1, 4)), (model.cache(1, 6) for _ in range(2))
    changed = model(first, one), model(second, other)
    for (keys, values_), (other_keys, other_values) in zip(one, other, strict=True):
        np.testing.assert_allclose(keys[:, :, :4], other_keys[:, :, :4], rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(values_[:, :, :4], other_values[:, :, :4], rtol=1e-4, atol=1e-5)
    assert not np.allclose(*changed)
    first[0, 0] = (first[0, 0] + 1) % SMALL["vocabulary_size"]
    assert not np.allclose(model(first[:, :4], model.cache(1, 4)), short)


@settings(max_examples=40)
@given(shapes, st.integers(1, 4))
def test_the_equations_count_the_products_of_a_decode_step_exactly(sizes, batch):
    meter = Meter()
    model = Transformer(sizes, NUMPY, meter)
    context = sizes["context_tokens"]
    model(tokens(batch, 1), model.cache(batch, context), context - 1)
    result = machine.predicted(values(sizes), batch)
    normalizations = 2 * batch * result["norm_parameters"]  # charged by the equation, and no product
    assert meter.flops["weights"] == batch * result["linear_flops_per_token"] - normalizations
    assert sum(meter.flops.values()) == result["decode_flops"] - normalizations
    assert sum(meter.flops.values()) == machine.counted_flops(sizes, batch)


@settings(max_examples=40)
@given(shapes, st.integers(1, 4))
def test_the_equations_count_a_prefill_but_for_the_masked_half_of_attention_and_the_last_table(sizes, batch):
    meter, length = Meter(), sizes["input_tokens"]
    model = Transformer(sizes, NUMPY, meter)
    model(tokens(batch, length), model.cache(batch, length))
    result = machine.predicted(values(sizes), batch)
    layers = batch * length * 2 * (result["layer_parameters"] - result["norm_parameters"])
    attended = batch * length * result["prefill_flops_per_pair"] * result["prefill_layer_tokens"]
    assert meter.flops["weights"] == layers + 2 * batch * result["table_parameters"]
    assert meter.flops["attention"] == 2 * attended
    assert result["prefill_flops"] == layers + attended + 2 * batch * length * result["norm_parameters"]


@given(shapes, st.integers(1, 4))
def test_the_equations_count_the_bytes_of_weights_and_cache_exactly(sizes, batch):
    model, result = Transformer(sizes, NUMPY), machine.predicted(values(sizes), batch)
    held = sum(each.nbytes for each in model.weights())
    cached = sum(each.nbytes for pair in model.cache(batch, sizes["context_tokens"]) for each in pair)
    assert held == result["weight_bytes"]
    assert cached == batch * result["kv_bytes_per_sequence"]
    assert held + cached == result["decode_bytes"]


# --- which library and which device -----------------------------------------------------------------------------------


def install(monkeypatch, cuda=False, mps=False):
    """Pretend that PyTorch is installed, with or without a GPU."""
    stub = SimpleNamespace(
        cuda=SimpleNamespace(is_available=lambda: cuda),
        backends=SimpleNamespace(mps=SimpleNamespace(is_available=lambda: mps)),
    )
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name == "torch" or None)
    monkeypatch.setattr(importlib, "import_module", lambda name: stub)
    return stub


def test_without_pytorch_numpy_multiplies(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert transformer.arrays() == transformer.arrays("numpy") == NUMPY
    with pytest.raises(InputError, match="library = 'torch' is not allowed here: PyTorch is not installed"):
        transformer.arrays("torch")


@pytest.mark.parametrize(("there", "device"), [({"cuda": True}, "cuda"), ({"mps": True}, "mps"), ({}, "cpu")])
def test_with_pytorch_a_gpu_multiplies_if_there_is_one(monkeypatch, there, device):
    stub = install(monkeypatch, **there)
    assert transformer.arrays() == transformer.arrays("torch") == Arrays(stub, device)
    assert transformer.arrays("numpy") == NUMPY


def test_another_library_is_an_error():
    with pytest.raises(InputError, match="library = 'jax' is not allowed: it must be one of numpy, torch"):
        transformer.arrays("jax")


# --- timing -----------------------------------------------------------------------------------------------------------


def test_the_least_of_several_times_counts():
    moments = iter([0.0, 0.03, 1.0, 1.01, 2.0, 2.02])  # 0.03, 0.01 and 0.02 seconds
    called = []
    clock = SimpleNamespace(clock=lambda: next(moments))
    assert timing._least(clock, lambda: called.append(1)) == pytest.approx(0.01)
    assert len(called) == 3  # together they pass LEAST_SECONDS


def test_everything_is_timed_once_per_round_and_progress_is_told(monkeypatch, capsys):
    monkeypatch.setattr(timing, "LEAST_SECONDS", 1e-5)
    found = timing.measure(NUMPY, SMALL, 3, batches=(1, 3), squares=(8, 16))
    assert set(found.index.get_level_values("measurement")) == {
        "sum", "copy", "matvec", "thin", "gemm", "decode", "decode_weights", "decode_attention", "prefill"
    }  # fmt: skip
    assert list(found.loc["gemm"].index) == [8, 16]
    for each in ("decode", "prefill", "thin"):
        assert list(found.loc[each].index) == [1, 3]
    assert (found["seconds"] > 0).all()
    assert (found["median_seconds"] >= found["seconds"]).all()
    assert [line.partition(",")[0] for line in capsys.readouterr().err.splitlines()] == [
        f"measured {done} of 3 rounds" for done in (1, 2, 3)
    ]


def test_the_bandwidth_is_measured_up_to_the_size_of_the_weights(monkeypatch):
    monkeypatch.setattr(timing, "LEAST_SECONDS", 1e-5)
    model = Transformer({**SMALL, "vocabulary_size": 50_000}, NUMPY)
    most = sum(each.nbytes for each in model.weights()) // 4096 * 4096  # whole rows of 1,024 numbers
    sizes = [(name, size) for name, size, _ in timing._reads(NUMPY, model, [2])]
    powers = [("matvec", n * 2**20) for n in (1, 2, 4)]
    assert sizes == [("sum", most), ("copy", most), *powers, ("matvec", most), ("thin", 2)]
    assert 4 * 2**20 < most < 8 * 2**20


def test_a_thin_product_has_as_many_matrices_as_fit_into_the_array():
    assert timing.thin_parameters(SMALL, 4 * 24 * 40 * 3) == 24 * 40 * 3
    assert timing.thin_parameters(SMALL, 4 * 24 * 40 * 3 + 4 * 24 * 39) == 24 * 40 * 3


@pytest.mark.parametrize("rounds", [0, -1, 1.5, True, "3"])
def test_rounds_are_counted(rounds):
    with pytest.raises(InputError, match="rounds = .* is not allowed: it must be a whole number above 0"):
        timing.measure(NUMPY, SMALL, rounds)


def test_the_machine_is_described(tmp_path):
    about = timing.describe(NUMPY)
    assert about["processor"]
    assert about["cores"] >= 1
    assert np.__version__ in about["library"]
    assert timing._last_cache_bytes(tmp_path) is None
    for level, size in enumerate(("32K", "1024K", "16384K")):
        (tmp_path / f"index{level}").mkdir()
        (tmp_path / f"index{level}" / "size").write_text(f"{size}\n")
    assert timing._last_cache_bytes(tmp_path) == 16 * 2**20


# --- from times to predictions ----------------------------------------------------------------------------------------

TIMES = {
    ("sum", 8000): 80.0, ("copy", 8000): 40.0, ("matvec", 10): 0.01, ("matvec", 8000): 64.0,
    ("thin", 2): 0.1, ("gemm", 10): 4.0, ("gemm", 20): 20.0, ("decode", 4): 3.0, ("decode", 1): 1.0,
}  # fmt: skip


def measured(sizes=SMALL, times=TIMES):
    frame = pd.DataFrame({"seconds": times, "median_seconds": {key: 1.1 * value for key, value in times.items()}})
    frame.index.names = ["measurement", "size"]
    about = {"processor": "abacus", "cores": 1, "library": "beads", "cache_megabytes": None, "rounds": 2}
    return machine.Measured("here", {**about, "date": "2026-01-02"}, sizes, frame)


def test_rates_are_computed_from_times_by_hand():
    found = measured()
    assert found.bytes_per_second("sum")[1].tolist() == [100.0]
    assert found.bytes_per_second("copy")[1].tolist() == [400.0]  # read and written
    assert [each.tolist() for each in found.bytes_per_second("matvec")] == [[10.0, 8000.0], [1000.0, 125.0]]
    assert [each.tolist() for each in found.flops_per_second()] == [[10.0, 20.0], [500.0, 800.0]]
    assert found.thin_flops_per_second().tolist() == [2 * 2 * 1920 / 0.1]  # two matrices of 24 x 40 in 8,000 bytes
    assert [each.tolist() for each in found.kind("decode")] == [[1.0, 4.0], [1.0, 3.0]]
    assert found.disturbance() == pytest.approx(0.1)


def test_the_peaks_are_the_best_product_and_the_best_read_of_the_largest_size_and_know_where_they_stand():
    peaks = measured().peaks()
    assert peaks["peak_flops_per_second"] == 800
    assert peaks["memory_bytes_per_second"] == 125  # not the 1,000 of a matrix in a cache, nor the copy's 400
    assert {fact.key for fact in peaks.values()} == {"gemm|20", "matvec|8000"}
    assert {(fact.quantity, fact.date, fact.source) for fact in peaks.values()} == {
        (name, "2026-01-02", machine.SOURCE) for name in peaks
    }
    slower = {**TIMES, ("matvec", 8000): 100.0}
    assert measured(times=slower).peaks()["memory_bytes_per_second"].key == "sum|8000"


@given(shapes, st.floats(1e-3, 1e6), st.floats(1e-3, 1e6))
def test_without_a_cache_the_knee_of_an_ideal_roofline_is_where_the_equation_puts_it(sizes, peak, bandwidth):
    given_ = values(sizes, peak_flops_per_second=peak, memory_bytes_per_second=bandwidth, cached_layer_tokens=0.0)
    turning = float(machine.predicted(given_, 1.0)["compute_bound_batch"])
    batches = np.array([min(1.0, turning / 2), 2 * turning])
    found = machine.knee(batches, machine.predicted(given_, batches)["decode_seconds"])
    assert found == pytest.approx(turning, rel=1e-9)


@given(shapes, st.integers(1, 300))
def test_the_parts_of_a_step_take_together_what_the_step_takes_if_both_wait_for_the_same(sizes, batch):
    for peak in (1e-6, 1e12):  # only arithmetic matters, then only memory
        given_ = values(sizes, peak_flops_per_second=peak, batch=batch)
        parts = machine.by_part(given_)
        whole = machine.EQUATIONS(given_, "decode_seconds")
        assert parts["weights"] > 0 < parts["attention"]
        assert parts["weights"] + parts["attention"] == pytest.approx(whole, rel=1e-9)


def test_the_shape_is_that_of_a_small_llama():
    sizes = machine.shape(1024, 6, 128, 16)
    assert (sizes["n_heads"], sizes["n_kv_heads"], sizes["dense_ffn_dim"]) == (16, 4, 3072)
    assert machine.predicted(values(sizes), 1.0)["weight_bytes"] == 4 * 80_753_664


@pytest.mark.parametrize(
    ("given_", "message"),
    [
        ((1000, 6, 128, 16), "hidden_dim = 1000 is not allowed: it must be a multiple of 256"),
        ((1024, 1.5, 128, 16), "n_layers = 1.5 is not allowed"),
        ((1024, 6, 0, 16), "context_tokens = 0 is not allowed"),
    ],
)  # fmt: skip
def test_a_shape_that_cannot_be_is_an_error(given_, message):
    with pytest.raises(InputError, match=message):
        machine.shape(*given_)


# --- the recorded machine ---------------------------------------------------------------------------------------------

PARAMETERS = book.parameters("your_machine")
ASKED = {**PARAMETERS, "machine_name": machine.PUBLISHED}


def test_the_published_machine_has_run_what_the_chapter_runs():
    found = machine.times(**ASKED)
    for name in ("decode", "decode_weights", "decode_attention", "prefill", "thin"):
        assert tuple(found.kind(name)[0]) == timing.BATCHES
    assert tuple(found.flops_per_second()[0]) == timing.SQUARES
    assert (found.times["median_seconds"] >= found.times["seconds"]).all()


def test_the_weights_of_the_published_run_do_not_fit_into_the_cache_of_its_machine():
    found = machine.times(**ASKED)
    assert machine.predicted(found.values(), 1.0)["weight_bytes"] > 5e6 * found.about["cache_megabytes"]
    assert found.bytes_per_second("sum")[0][-1] > 5e6 * found.about["cache_megabytes"]


@pytest.mark.parametrize(
    ("given_", "message"),
    [
        ({"n_layers": 7}, "n_layers = 7 is not allowed with machine_name = 'published'"),
        ({"context_tokens": 64}, "context_tokens = 64 is not allowed with"),
        ({"machine_name": "publishd"}, "data/machines.csv has no machine 'publishd'; did you mean published"),
    ],
)
def test_what_was_not_recorded_is_an_error(given_, message):
    with pytest.raises(InputError, match=message):
        machine.times(**{**ASKED, **given_})


def test_a_recorded_machine_goes_back_into_the_tables_as_it_came():
    for table, frame in machine.rows(machine.times(**ASKED), machine.PUBLISHED).items():
        before = data.table(table)
        same = frame.reset_index(drop=True).astype(before.dtypes)
        pd.testing.assert_frame_equal(same, before.reset_index(drop=True))


def test_a_new_machine_leaves_the_others_in_the_tables():
    added = machine.rows(measured(), "abacus")
    assert list(added["machines"]["machine"]) == [*data.table("machines")["machine"], "abacus"]
    assert len(added["machine_measurements"]) == len(data.table("machine_measurements")) + len(TIMES)


# --- the chapter ------------------------------------------------------------------------------------------------------


def said(path):
    cells = nbformat.read(path, as_version=4).cells
    outputs = (output for cell in cells for output in cell.get("outputs", ()))
    return "\n".join(each.data["text/markdown"] for each in outputs if "text/markdown" in each.get("data", {}))


def test_the_published_chapter_is_the_same_every_time_and_names_its_machine(tmp_path):
    for name in ("once", "again"):
        execute.run("your_machine", {"machine_name": machine.PUBLISHED}, tmp_path / f"{name}.ipynb", engine=None)
    assert (tmp_path / "once.ipynb").read_bytes() == (tmp_path / "again.ipynb").read_bytes()
    text, found = said(tmp_path / "once.ipynb"), machine.times(**ASKED)
    peaks = found.values()
    single = machine.predicted(peaks, 1.0)
    assert f"{found.about['processor']} with {found.about['cores']} cores, {found.about['date']}" in text
    assert machine.rate("memory_bytes_per_second", peaks["memory_bytes_per_second"]) in text
    assert f"compute-bound at a batch of {single['compute_bound_batch']:.0f}" in text
    assert f"bends at {machine.knee(*found.kind('decode')):.0f}**" in text


def test_the_chapter_measures_the_machine_that_runs_it_and_tells_how_far_it_is(tmp_path, capsys):
    small = {"library": "numpy", "hidden_dim": 256, "n_layers": 1, "context_tokens": 8, "prompt_tokens": 2, "rounds": 1}
    execute.run("your_machine", small, tmp_path / "here.ipynb", progress=True, engine=None)
    text = said(tmp_path / "here.ipynb")
    assert f"Measured on {timing.describe(NUMPY)['processor']}" in text
    assert "measured on this machine: `" in text
    assert "machine_measurements" not in text
    assert "measured 1 of 1 rounds" in capsys.readouterr().err


def test_what_a_notebook_tells_on_stderr_is_kept_and_told_at_once():
    kept, echo = [], io.StringIO()
    engine._Stream("stderr", kept.append, echo).write("half way")
    assert echo.getvalue() == "half way"
    assert [(each.name, each.text) for each in kept] == [("stderr", "half way")]


def test_a_build_shows_the_recorded_machine(project):
    project.without_notebooks()
    project.notebook("sound", 'machine_name = "this"  # a parameter', "print(machine_name)")
    done = project.costlib("notebooks")
    assert done.returncode == 0, done.stderr
    text = (project.path / "book" / "executed" / "sound.ipynb").read_text("utf-8")
    assert "published\\n" in text
