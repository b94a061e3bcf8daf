"""The serving model: nothing beats the roofline, nothing but the roofline without losses, and what must rise rises."""

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from costlib import configs, economics, frontier, pages, serving
from costlib.equations import Model
from costlib.errors import InputError
from costlib.models import batching, parallel
from costlib.models import serving as steps
from tests.conftest import MODELS

KINDS = [dict(zip(serving.KINDS, each, strict=True)) for each in itertools.product((True, False), repeat=3)]
CASE = {"n_gpus": 4, "batch": 32, "input_tokens": 2000, "output_tokens": 500}
SPEEDS = ("throughput", "decode", "prefill")


def served(model="llama_3_1_70b", gpu="h100_sxm_80gb", **more):
    return economics.served(model, gpu, **{**CASE, "precision": "fp8", "kv_precision": "fp8", **more})


def rows(*texts, **columns):
    """Parsed rows of a known batch on H100, one per text ``"column=value …"``."""
    usual = {
        "model": "Llama-3.1-70B", "gpu": "H100 SXM", "n_gpus": "4", "tp": "4", "precision": "fp8", "engine": "vLLM",
        "input_tokens": "2000", "output_tokens": "500", "batch_or_concurrency": "32",
        "metric": "output_tokens_per_s_total",
    }  # fmt: skip
    each = [{**usual, **columns, **dict(part.split("=") for part in text.split("; ") if part)} for text in texts]
    parsed = configs.parse(pd.DataFrame(each))
    assert (parsed["reason"] == "").all(), parsed["reason"].tolist()
    return serving.Rows(parsed)


def ideal(made):
    return {name: np.full(made.size, value) for name, value in serving.IDEAL.items()}


# --- the equations fit together ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("load", batching.LOADS)
@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_every_load_and_kind_of_model_has_one_equation_for_each_quantity(load, kind):
    for more in itertools.product((True, False), repeat=3):
        flags = dict(zip(("attention_data_parallel", "free_memory", "speculative"), more, strict=True))
        made = serving.replica(load, **kind, **flags)
        assert isinstance(made, Model)
        assert "replica_output_tokens_per_second" in made.by_name


@pytest.mark.parametrize("module", (parallel, steps, batching), ids=lambda module: module.__name__)
def test_every_equation_serves_some_deployment(module):
    used = set()
    for load, kind in itertools.product(batching.LOADS, KINDS):
        for more in itertools.product((True, False), repeat=3):
            flags = dict(zip(("attention_data_parallel", "free_memory", "speculative"), more, strict=True))
            used |= set(serving.replica(load, **kind, **flags).equations)
    assert [made.function.__name__ for made in pages.equations(module) if made not in used] == []


# --- the roofline -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", MODELS)
def test_without_losses_a_step_is_the_rooflines_without_overlap(model):
    equations, values = economics.served(model, "h100_sxm_80gb", n_gpus=1, batch=16, input_tokens=700, output_tokens=90)
    values = {**values, **serving.IDEAL}
    found = equations.evaluate(values, "step_seconds", "decode_serial_seconds", "communication_seconds_per_sequence")
    assert found["communication_seconds_per_sequence"] == 0
    copies = equations(values, "decode_serial_seconds")  # one GPU: no cache lies there twice
    assert found["step_seconds"] == pytest.approx(copies, rel=1e-12)


def test_without_losses_a_prompt_is_the_rooflines_plus_the_reading_of_the_output_table():
    equations, values = served(n_gpus=1, batch=1)
    parts = ("table_parameters", "first_prefill_seconds", "prefill_serial_seconds")
    found = {**values, **equations.evaluate({**values, **serving.IDEAL}, *parts)}
    table = found["table_parameters"] * found["table_bytes_per_parameter"] / found["memory_bytes_per_second"]
    assert found["first_prefill_seconds"] == pytest.approx(found["prefill_serial_seconds"] + table, rel=1e-12)


efficiencies = st.floats(0.05, 1.0)
overheads = st.floats(0.0, 1e-3)


@given(
    model=st.sampled_from(MODELS), efficiency=st.tuples(*[efficiencies] * 4), overhead=st.tuples(*[overheads] * 4),
    factors=st.floats(1, 4), overlap=st.floats(0, 1), batch=st.integers(1, 2048),
    lengths=st.tuples(*[st.integers(1, 20_000)] * 2),
    load=st.sampled_from(("steady", "max", "offline", "server", "interactive")), gpus=st.sampled_from((1, 2, 8)),
)  # fmt: skip
def test_no_prediction_beats_the_ideal_roofline(
    model, efficiency, overhead, factors, overlap, batch, lengths, load, gpus
):
    kind, _ = configs.shape_of(model)
    _, values = economics.served(
        model, "h100_sxm_80gb", n_gpus=gpus, batch=batch, input_tokens=lengths[0], output_tokens=lengths[1]
    )
    shares = dict(
        zip([name for name in serving.CONSTANTS if name.endswith("efficiency")], (*efficiency, 1), strict=True)
    )
    times = dict(zip([name for name in serving.CONSTANTS if name.endswith("seconds")], (*overhead, 0, 0), strict=False))
    slower = {name: factors for name in serving.CONSTANTS if name.endswith("factor")}
    equations = serving.replica(load, **kind)
    case = {**values, **serving.IDEAL, **shares, **times, **slower, "overlap_share": overlap, "max_sequences": 2048.0}
    if load != "steady":  # the load decides on the batch
        case.pop("batch")
    found = equations.evaluate(
        case, "replica_output_tokens_per_second", "decode_tokens_per_second", "output_token_seconds"
    )
    assert found["replica_output_tokens_per_second"] <= found["decode_tokens_per_second"] * (1 + 1e-9)


@pytest.mark.parametrize(
    "text",
    (
        "", "batch_or_concurrency=1; metric=decode_tokens_per_s", "metric=ttft_ms", "metric=tpot_ms",
        "model=Mixtral 8x7B",
        "model=DeepSeek V3; n_gpus=8; tp=8", "batch_or_concurrency=max load; engine=TensorRT-LLM",
        "batch_or_concurrency=200 at once", "batch_or_concurrency=QPS 2", "metric=prefill_tokens_per_s",
        "n_gpus=8; tp=8; gpu=MI300X", "gpu=L40S; precision=AWQ",
    ),
)  # fmt: skip
def test_losses_only_ever_slow_a_row_down(text):
    made, low = rows(text), {}
    best = made.predict(ideal(made))[0]
    assert np.isfinite(best) and best > 0
    worse_is_less = made.parsed["metric_kind"][0] in SPEEDS
    for name, value in serving.IDEAL.items():
        if name in ("chunk_budget_tokens", "interference_share"):
            continue
        lossy = value / 2 if name.endswith("efficiency") else value * 1.5 if name.endswith("factor") else 1e-3
        if name == "overlap_share":
            continue
        low[name] = made.predict({**ideal(made), name: np.full(made.size, lossy)})[0]
        assert low[name] <= best * (1 + 1e-9) if worse_is_less else low[name] >= best * (1 - 1e-9), name
    assert any(abs(each / best - 1) > 1e-3 for each in low.values())


# --- what must rise, rises --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(
    "name", ("memory_bytes_per_second", "peak_flops_per_second", "interconnect_bytes_per_second", "batch")
)
def test_throughput_rises_with_what_should_raise_it(model, name):
    equations, values = economics.served(model, "h100_sxm_80gb", **{**CASE, "n_gpus": 8})
    grid = np.geomspace(1, 64, 13) * (float(values[name]) if name != "batch" else 1.0)
    speeds = equations({**values, name: grid}, "replica_output_tokens_per_second")
    assert (np.diff(speeds) >= -1e-9 * speeds[1:]).all()
    assert speeds[-1] > speeds[0]


def test_copies_of_the_cache_limit_the_batch_and_attention_in_data_parallel_does_not():
    kind = configs.shape_of("deepseek_v3")[0]
    _, values = economics.served("deepseek_v3", "h200_sxm_141gb", precision="fp8", **{**CASE, "n_gpus": 8})
    shared, split = (
        float(serving.replica("steady", **kind, attention_data_parallel=flag)(values, "cache_sequences"))
        for flag in (False, True)
    )
    assert split == pytest.approx(8 * shared)


def test_speculation_by_hand():
    kind = configs.shape_of("llama_3_1_70b")[0]
    plain = serving.replica("steady", **kind)
    drafted = serving.replica("steady", **kind, speculative=True)
    _, values = served(batch=1)
    values = {name: value for name, value in values.items() if name != "tokens_per_step"}
    drafts = {"draft_tokens": 3.0, "acceptance_share": 0.8, "draft_cost_share": 0.05}
    found = drafted.evaluate({**values, **drafts}, "tokens_per_step", "step_seconds", "output_token_seconds")
    usual = plain.evaluate({**values, "tokens_per_step": 1.0}, "step_seconds", "output_token_seconds")
    assert found["tokens_per_step"] == pytest.approx(1 + 0.8 + 0.64 + 0.512)
    assert usual["step_seconds"] * 1.15 < found["step_seconds"] < usual["step_seconds"] * 1.25
    assert found["output_token_seconds"] < usual["output_token_seconds"] / 2
    crowded = {**values, **drafts, "batch": 512.0}
    gain = drafted(crowded, "replica_output_tokens_per_second") / plain(
        {**crowded, "tokens_per_step": 1.0}, "replica_output_tokens_per_second"
    )
    alone = usual["output_token_seconds"] / found["output_token_seconds"]
    assert gain < 0.7 * alone  # what is checked in vain costs arithmetic once the batch is large


def test_a_cached_prefix_saves_prompts_and_not_decoding():
    equations, values = served()
    half = equations.evaluate({**values, "prefix_hit_share": 0.5}, "prefill_request_seconds", "step_seconds")
    full = equations.evaluate(values, "prefill_request_seconds", "step_seconds")
    assert half["step_seconds"] == full["step_seconds"]
    assert 0.45 < half["prefill_request_seconds"] / full["prefill_request_seconds"] < 0.65


def test_requests_that_do_not_fit_wait():
    made = rows("batch_or_concurrency=64; metric=ttft_ms", "batch_or_concurrency=6400; metric=ttft_ms")
    found = made.predict(ideal(made))
    assert found[1] > 20 * found[0]


def test_arrivals_beyond_capacity_do_not_raise_throughput():
    made = rows(*(f"batch_or_concurrency=QPS {rate}" for rate in (0.1, 1, 1000, 100_000)))
    slow, usual, over, far = made.predict(ideal(made))
    assert slow == pytest.approx(0.1 * 500, rel=0.05)
    assert usual < over
    assert far == pytest.approx(over, rel=1e-3)


def test_a_row_is_computed_as_the_chapters_compute_it():
    made = rows("batch_or_concurrency=32; metric=tpot_ms_mean")
    from costlib import calibration

    by_row = made.predict(calibration.committed().constants(made))[0]
    equations, values = served(kv_precision=made.parsed["kv_precision"][0])
    assert by_row == pytest.approx(1000 * equations(values, "output_token_seconds"), rel=1e-9)


# --- the best operating point -----------------------------------------------------------------------------------------


def test_the_best_point_keeps_the_limits_and_none_within_them_is_better():
    points = frontier.operating_points(
        "llama_3_3_70b", "h100_sxm_80gb", precision="fp8", kv_precision="fp8", input_tokens=2000, output_tokens=500
    )
    best = frontier.best(points, output_token_seconds=0.05)
    assert best["output_token_seconds"] <= 0.05
    within = points[points["output_token_seconds"] <= 0.05]
    assert best["gpu_output_tokens_per_second"] == within["gpu_output_tokens_per_second"].max()
    looser = frontier.best(points, output_token_seconds=0.1)
    assert looser["gpu_output_tokens_per_second"] > best["gpu_output_tokens_per_second"]
    assert frontier.best(points, output_token_seconds=1e-6) is None
    edge = frontier.frontier(points)
    assert (np.diff(edge["user_tokens_per_second"]) > 0).all()
    assert (np.diff(edge["gpu_output_tokens_per_second"]) < 0).all()


def test_a_model_that_fits_nowhere_is_an_error():
    with pytest.raises(InputError, match="fits on none of 1 l4_24gb"):
        frontier.operating_points(
            "llama_3_1_405b", "l4_24gb", tensor_parallel=(1.0,), input_tokens=100, output_tokens=100
        )
