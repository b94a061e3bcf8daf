"""What one deployment gives: parts of a step, links, queues, drafts, constants with covariance, published batches."""

import functools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from costlib import article, calibration, cases, constants, data, published, replicas, statements, units
from costlib.errors import InputError
from tests.conftest import MODELS, Project, Run

CASE = {"precision": "fp8", "kv_precision": "fp8", "input_tokens": 2000, "output_tokens": 500}
MODEL, GPU = "llama_3_3_70b", "h100_sxm_80gb"
OUTPUT = "replica_output_tokens_per_second"
WHERE = {"model": MODEL, "gpu": GPU, "engine": "vllm", "sequences": 64.0}


@functools.cache
def replica(model=MODEL, gpu=GPU, n_gpus=4, batch=64, **given):
    return replicas.case(model, gpu, n_gpus=n_gpus, batch=batch, **{**CASE, **given})


# --- by hand ----------------------------------------------------------------------------------------------------------


def test_a_step_by_hand():
    """Weights of Llama 3.3 70B in FP8 from their shape, over four H100; fixed times of 80 layers; 64 sequences."""
    equations, values = replica()
    attention = 8192 * 8192 * 2 + 2 * 8192 * 1024
    layers = 80 * (attention + 3 * 8192 * 28_672)
    read = layers + 128_256 * 8192 * 2  # the output table in two bytes
    weights = read / (4 * 3.35e12 * values["weight_bandwidth_efficiency"])
    fixed = values["step_overhead_seconds"] + 80 * (
        values["layer_seconds"] + 2 * values["allreduce_latency_seconds"]
    )  # two rounds of messages among four GPUs
    cache = 80 * 2 * 1024 * 2250 / (4 * 3.35e12 * values["cache_bandwidth_efficiency"])
    parts = replicas.parts(equations, values)
    assert parts["weights"] == pytest.approx(weights, rel=2e-3)  # norms are left out here
    assert parts["fixed"] + parts["links"] > fixed > parts["fixed"]
    assert parts["caches"] == pytest.approx(64 * cache)
    assert parts["sequences"] == pytest.approx(64 * values["sequence_seconds"])


def test_an_output_token_waits_for_its_part_of_the_prompts_of_others():
    found = replica()[0].evaluate(replica()[1])
    waits = 63 / 500 * found["prefill_request_seconds"]
    assert found["output_token_seconds"] == pytest.approx(found["step_seconds"] + waits)
    assert found["answer_seconds"] == pytest.approx(found["time_to_first_token"] + 499 * found["output_token_seconds"])


def test_three_drafts_by_hand():
    """At an acceptance of 0.76 a step yields 1 + 0.76 + 0.76² + 0.76³ tokens and costs three draft passes more."""
    assert cases.assumed("acceptance_share") == 0.76
    equations, drafted = replicas.speculated(MODEL, replica()[1], 3.0)
    found = equations.evaluate(drafted, "tokens_per_step", "step_seconds")
    assert found["tokens_per_step"] == pytest.approx(1 + 0.76 + 0.76**2 + 0.76**3)
    plain = found["weight_read_seconds"] + found["fixed_step_seconds"] + 64 * found["sequence_step_seconds"]
    assert found["step_seconds"] == pytest.approx(plain * (1 + 3 * cases.assumed("draft_cost_share")))


def test_the_arithmetic_of_a_published_test_by_hand():
    """898 tokens/s of two H100 in FP8, ten input tokens for each: about 11 x 2 x 70.5 billion FLOP per output token."""
    about = 898 * 11 * 2 * 70.5e9 / (2 * 1979e12)
    shares = published.achieved_shares(GPU, article.LARGE)
    assert np.abs(shares / about - 1).min() < 0.05  # attention comes on top
    assert ((shares > 0) & (shares < 1)).all() and len(shares) >= 20


def test_a_published_pair_by_hand():
    """Qwen2 7B on one H100, TensorRT-LLM: 12,249 tokens/s with 64 requests, 4,021 with 16."""
    pairs = published.gains(16, lambda requests: requests == 64)
    own = pairs[(pairs["model"] == "qwen2_7b") & (pairs["gpu"] == GPU)]
    assert own["gain"].tolist() == pytest.approx([12_249.2 / 4_021.27], rel=1e-4)


# --- the claims -------------------------------------------------------------------------------------------------------


def test_the_claims_on_batches():
    ours = article.serving()
    assert ours["C010"] < article.claimed("C010")
    assert ours["C010"] == pytest.approx(float(np.median(published.achieved_shares(GPU, article.LARGE))))
    equations, values = replica()
    many, few = (float(equations({**values, "batch": size}, OUTPUT)) for size in (64.0, 16.0))
    assert ours["C100"] == pytest.approx(many / few)
    assert 1 < ours["C100"] < article.claimed("C100")
    assert set(statements.serving()) == {"C071", "C101"} and statements.serving()["C071"] > 2


# --- parts and layouts ------------------------------------------------------------------------------------------------


@given(model=st.sampled_from(MODELS), gpus=st.sampled_from((16, 32)), batch=st.integers(1, 16))
def test_the_parts_of_a_step_add_up_and_none_is_negative(model, gpus, batch):
    equations, values = replica(model, n_gpus=gpus, batch=1, input_tokens=300, output_tokens=100)
    case = {**values, "batch": float(batch)}
    parts = {name: float(each) for name, each in replicas.parts(equations, case).items()}
    assert sum(parts.values()) == pytest.approx(float(equations(case, "step_seconds")), rel=1e-12)
    assert min(parts.values()) >= 0 and parts["links"] > 0


def test_gpus_beyond_the_tensor_parallel_ones_are_stages():
    equations, values = replica(tensor_parallel=2, batch=16)
    found = equations.evaluate(values, "stage_gpus", "decoding_sequences", OUTPUT)
    assert values["pipeline_parallel"] == 2 and found["stage_gpus"] == 2 and found["decoding_sequences"] == 32
    assert replica(n_gpus=None, tensor_parallel=2, batch=1)[1]["n_gpus"] % 2 == 0


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"tensor_parallel": 3}, "must divide n_gpus = 4"),
        ({"tensor_parallel": 0}, "tensor_parallel = 0"),
        ({"engine": "vlm"}, "did you mean vllm"),
        ({"batch": 100_000}, "does not fit"),
        ({"contract": "weekly"}, "no weekly price"),
    ],
)
def test_what_cannot_be_is_told(given, told):
    with pytest.raises(InputError, match=told):
        replicas.case(MODEL, GPU, **{"n_gpus": 4, "batch": 64, **CASE, **given})


def test_copies_of_a_latent_cache_take_room():
    """On eight GPUs every one holds the caches of all: the roofline's largest batch does not fit."""
    equations, values = replica("deepseek_v3", "h200_sxm_141gb", n_gpus=8)
    full = equations.evaluate(cases.at_full_length(values), "largest_batch", "cache_sequences")
    assert full["largest_batch"] > 7 * full["cache_sequences"]
    with pytest.raises(InputError, match="8 GPUs hold a copy of each cache"):
        replica("deepseek_v3", "h200_sxm_141gb", n_gpus=8, batch=int(full["cache_sequences"]) + 1)


def test_a_gpu_that_nobody_rents_out_has_no_rent():
    assert "usd_per_gpu_second" not in replica("llama_3_1_8b", "rtx_4090_24gb", n_gpus=1, batch=1)[1]
    assert replica(vintage="article")[1]["usd_per_gpu_second"] == pytest.approx(2.69 / 3600)
    assert replica(usd_per_gpu_second=1e-3)[1]["usd_per_gpu_second"] == 1e-3


# --- intervals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*replicas.ERRORS, "answer_seconds", "gpu_seconds_per_input_token"])
def test_an_interval_holds_its_prediction_and_is_wider_where_nothing_was_measured(name):
    low, high = replicas.bounds(name, 10.0, **WHERE)
    assert 0 < low < 10 < high
    unknown = replicas.bounds(name, 10.0, **{**WHERE, "gpu": "no such GPU"})
    assert unknown[0] < low and high < unknown[1]


def test_what_is_in_inverse_proportion_has_the_inverse_interval():
    slow, fast = replicas.bounds(OUTPUT, 1.0, **WHERE)
    assert replicas.bounds("answer_seconds", 1.0, **WHERE) == pytest.approx((1 / fast, 1 / slow))


# --- links, queues, drafts --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("gpu", "link", "donor"),
    [(GPU, "pcie", "hopper"), ("h100_pcie_80gb", "nvlink", "hopper"), ("mi300x_192gb", "pcie", "cdna4")],
)
def test_the_other_link_is_that_of_a_near_relative(gpu, link, donor):
    found, card = replicas.other_link(gpu)
    assert found == link and data.row("accelerators", card)["generation"] == donor


def test_a_slow_link_costs_more_the_more_gpus_share_a_layer():
    equations, values = replica()
    slow = replicas.linked(values, replicas.other_link(GPU)[1], "vllm")
    own, other = (replicas.across(equations, case, (1, 2, 4, 8)) for case in (values, slow))
    assert np.isnan(own[0]) and np.isnan(other[0])  # 70 GB of weights leave one GPU no room for 64 caches
    assert (np.diff(other[1:] / own[1:]) < 0).all() and (other[1:] < own[1:]).all()


@given(st.floats(2, 20), st.floats(1, 20))
def test_requests_beyond_what_fits_only_wait(factor, more):
    """No more output, and by Little's law each request more adds to every stay the time in which one leaves."""
    _, values = replica()
    full = float(replica()[0](values, "cache_sequences"))
    sizes = full * np.array([1.0, factor, factor + more])
    found = replicas.queued(MODEL, values, sizes)
    assert found[OUTPUT] == pytest.approx(found[OUTPUT][0], rel=1e-9)
    assert found["in_flight"] == pytest.approx(full)
    leaving = found[OUTPUT][0] / CASE["output_tokens"]
    assert leaving * np.diff(found["answer_seconds"])[1] == pytest.approx(full * more, rel=1e-9)
    assert found["answer_seconds"][1] > found["answer_seconds"][0]


@pytest.mark.parametrize("model", [MODEL, "deepseek_v3"])
def test_better_drafts_give_more(model):
    gpus = {"n_gpus": 16}
    equations, values = replica(model, **gpus)
    sizes = {"batch": np.array([1.0, 8.0, 64.0])}
    plain = equations({**values, **sizes}, OUTPUT)
    gains = []
    for level in ("low", "central", "high"):
        other, drafted = replicas.speculated(model, values, 3.0, level)
        gains.append(other({**drafted, **sizes}, OUTPUT) / plain)
    assert (np.diff(gains, axis=0) > 0).all()


def test_drafts_lose_where_arithmetic_binds():
    wide = {"precision": "bf16", "engine": "trtllm", "input_tokens": 64, "output_tokens": 64}
    equations, values = replica("llama_3_1_8b", n_gpus=1, **wide)
    other, drafted = replicas.speculated("llama_3_1_8b", values, 3.0)
    few, many = (
        other({**drafted, "batch": size}, OUTPUT) / equations({**values, "batch": size}, OUTPUT)
        for size in (1.0, 4096.0)
    )
    assert few > 1.5 and many < 1


def test_the_point_from_which_something_no_longer_pays():
    x = np.array([1.0, 2.0, 3.0])
    assert replicas.last_above(x, np.array([2.0, 1.5, 0.5])) == pytest.approx(2.5)
    assert replicas.last_above(x, np.array([0.9, 0.8, 0.7])) == 0
    assert replicas.last_above(x, np.array([2.0, 1.5, 1.2])) == np.inf


# --- constants --------------------------------------------------------------------------------------------------------


def test_the_covariance_gives_the_standard_errors_of_the_table():
    spread = constants.covariance()
    assert (np.linalg.eigvalsh(spread) > 0).all()
    ratio = np.sqrt(np.diag(spread)) / calibration.committed().error
    assert np.median(ratio) == pytest.approx(1, abs=0.25)  # shifts that are too small for the table are missing here


def test_a_constant_is_better_known_than_its_terms():
    equations, values = replica()
    felt = constants.of_case(equations, values, engine="vllm", gpu=GPU, target=OUTPUT)
    several = felt[felt["terms"] > 1]
    assert (felt["low"] < felt["value"]).all() and (felt["value"] < felt["high"]).all()
    assert (several["alone_low"] < several["low"]).all() and (several["high"] < several["alone_high"]).all()
    assert felt["effect"].abs().is_monotonic_decreasing
    assert "dequantization_factor" not in felt.index and "expert_compute_factor" not in felt.index


def test_only_what_a_case_feels_is_listed():
    single = replica("llama_3_1_8b", n_gpus=1, batch=1)
    felt = constants.of_case(*single, engine="vllm", gpu=GPU, target=OUTPUT).index
    assert not {"link_efficiency", "allreduce_latency_seconds", "pipeline_bubble_share"} & set(felt)


def test_two_constants_trade_off():
    felt = constants.of_case(*replica(), engine="vllm", gpu=GPU, target=OUTPUT)
    one, two, related = constants.confounded(felt)
    assert one != two and {one, two} <= set(felt.index) and 0.3 < abs(related) < 1


# --- the page ---------------------------------------------------------------------------------------------------------

RUNS = {
    "impossible": {"first_token_limit_seconds": 0.001, "tensor_parallel": 2, "batch": 16},
    "arithmetic": {
        "model": "llama_3_1_8b", "n_gpus": 1, "batch": 1024, "input_tokens": 64, "output_tokens": 64,
        "engine": "trtllm", "first_token_limit_seconds": 1000, "output_token_limit_seconds": 1000,
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """The chapter with an objective that nobody can keep, and where arithmetic binds and no limit does."""
    project = Project(tmp_path_factory.mktemp("serving") / "project")
    found = {}
    for name, chosen in RUNS.items():
        output = project.path / "_build" / "runs" / f"{name}.ipynb"
        done = project.costlib("run", "serving", *(f"-p{key}={value}" for key, value in chosen.items()), "-o", output)
        assert done.returncode == 0, done.stderr
        found[name] = Run(done, project, output)
    return found


def test_an_objective_that_cannot_be_kept_is_told(pages):
    text = pages["impossible"].takeaway()
    assert "No batch and no parallelism tried keeps 1 ms to the first token" in text
    assert "in each stage" in text and "ms at least" in text


def test_the_sentences_follow_the_case(pages):
    texts = " ".join(pages["arithmetic"].texts())
    assert "The largest part of a decode step is arithmetic" in texts and "neither limit binds" in texts
    equations, values = replicas.case(
        "llama_3_1_8b", GPU, **{**CASE, "n_gpus": 1, "batch": 1024, "input_tokens": 64, "output_tokens": 64},
        engine="trtllm",
    )  # fmt: skip
    speed = float(equations(values, OUTPUT))
    assert f"**{units.number(speed)} tokens/s of output**" in pages["arithmetic"].takeaway()
