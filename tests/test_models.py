"""What the equations say about published models and GPUs, and what must hold for any of them."""

import csv
import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from costlib import article, book, cases, data
from costlib.data import Fact
from costlib.errors import InputError
from tests.conftest import DENSE, MODELS, deployed

# --- published numbers ------------------------------------------------------------------------------------------------

# Cache of one token in all layers, in bytes, with a 16-bit cache.
KV_BYTES_PER_TOKEN = {
    # DeepSeek-AI, "Insights into DeepSeek-V3" (ISCA 2025, arXiv 2505.09343), table 1: 70.272, 327.680 and 516.096 KB
    "deepseek_v3": 70_272,
    "qwen2_5_72b": 327_680,
    "llama_3_1_405b": 516_096,
    # 80 layers, 8 key-value heads of 128 numbers: config.json of meta-llama/Llama-2-70b-hf and Meta-Llama-3-70B
    "llama_2_70b": 2 * 80 * 8 * 128 * 2,
    "llama_3_70b": 2 * 80 * 8 * 128 * 2,
    # Kwon et al. 2023 (vLLM, arXiv 2309.06180), section 3, counts a 13B model of 40 layers and width 5120 as 800 KB
    "llama_2_13b": 800 * 1024,
}


@pytest.mark.parametrize(("model", "published"), KV_BYTES_PER_TOKEN.items())
def test_the_cache_of_a_token_is_as_published(model, published):
    equations, values = deployed(model)
    assert equations(values, "kv_bytes_per_token") == published


STATED = {
    key: fact for key in data.table("models").index if (fact := data.fact("models", key, "stated_total_parameters"))
}
ROUNDED = {  # published to the nearest billion, or with parts that are no part of a text model
    "deepseek_v3": 1e-4, "deepseek_r1": 1e-4,  # 671B
    "gpt_oss_120b": 1e-3, "gpt_oss_20b": 1e-3,  # biases and attention sinks
    "llama_4_scout": 1e-2, "llama_4_maverick": 3e-3,  # with the encoder of images
    "glm_4_5": 1e-2, "glm_4_5_air": 1e-2,  # 355B and 106B
    "phi_2": 3e-4, "starcoder2_3b": 3e-4, "starcoder2_7b": 2e-4, "starcoder2_15b": 2e-4, "bloom_7b1": 2e-4,  # biases
    "gpt_neox_20b": 1e-2, "pythia_6_9b": 2e-2, "pythia_12b": 2e-2, "gpt2_xl": 4e-2,  # biases and masks stored with them
    "kimi_k2_5": 5e-4,  # with the encoder of images
    "deepseek_v3_2": 2.2e-2, "glm_5": 1.5e-2, "glm_5_2": 1.4e-2,  # with draft head and indexer
    # recurrent layers, whose weights are counted like attention; Qwen3.5 with the encoder of images and a draft head
    "qwen3_next_80b_a3b": 8e-3, "nemotron_3_nano_30b_a3b": 1.6e-2, "jamba_mini": 3.5e-2, "jamba_large": 4.3e-2,
    "qwen3_5_9b": 0.15, "qwen3_5_27b": 0.13, "qwen3_5_35b_a3b": 5.1e-2, "qwen3_5_122b_a10b": 3.7e-2,
    "qwen3_5_397b_a17b": 2.4e-2,
}  # fmt: skip


@pytest.mark.parametrize("model", STATED)
def test_the_weights_counted_from_the_shape_are_as_published(model):
    kind, numbers = cases.shape(model)
    counted = deployed(model)[0](numbers, "total_parameters")
    assert counted == pytest.approx(STATED[model], rel=ROUNDED.get(model, 1e-4))


def test_ten_models_and_more_are_counted_to_the_last_weight():
    exact = [
        model for model in STATED if deployed(model)[0](cases.shape(model)[1], "total_parameters") == STATED[model]
    ]
    assert len(exact) >= 10


ACTIVE = {
    # Mixtral of Experts (arXiv 2401.04088) states 13B; the count of the released weights is 12.88e9
    "mixtral_8x7b": (12_879_925_248, 0),
    # DeepSeek-V3 technical report (arXiv 2412.19437): 37B activated, with one of the two tables
    "deepseek_v3": (37e9, 0.02),
    # Qwen3 technical report (arXiv 2505.09388): 22B and 3B activated
    "qwen3_235b_a22b": (22e9, 0.02), "qwen3_30b_a3b": (3.3e9, 0.02),
}  # fmt: skip


@pytest.mark.parametrize("model", ACTIVE)
def test_the_active_weights_are_as_published(model):
    published, tolerance = ACTIVE[model]
    assert deployed(model)[0](cases.shape(model)[1], "active_parameters") == pytest.approx(published, rel=tolerance)


LOOSE = {  # what the files hold beside the model, or leave in 16 bits, as the rows say
    "deepseek_v3_fp8": 0.025, "deepseek_r1_fp8": 0.025, "gpt_oss_120b_mxfp4": 0.03, "gpt_oss_20b_mxfp4": 0.07,
    "llama_3_1_70b_awq": 1.3e-3,  # published sizes are rounded to 0.05 GB of 39.77
    "kimi_k2_fp8": 2e-4,
}  # fmt: skip


@pytest.mark.parametrize("checkpoint", data.table("checkpoints").index)
def test_the_bytes_of_weights_are_those_of_the_published_files(checkpoint):
    row = data.row("checkpoints", checkpoint)
    equations, values = deployed(row["model"], precision=row["precision"])
    published = data.fact("checkpoints", checkpoint, "checkpoint_bytes")
    assert equations(values, "weight_bytes") == pytest.approx(published, rel=LOOSE.get(checkpoint, 5e-5))


def test_at_least_five_checkpoints_are_met_to_a_twentieth_of_a_per_mille():
    assert len(set(data.table("checkpoints").index) - set(LOOSE)) >= 5


RIDGES = {
    # NVIDIA H100 datasheet: 1,979 TFLOP/s BF16 and 3,958 FP8 with sparsity, half of that dense; 3.35 TB/s
    ("h100_sxm_80gb", "bf16"): 1979e12 / 2 / 3.35e12,
    ("h100_sxm_80gb", "fp8"): 3958e12 / 2 / 3.35e12,
    # the same datasheet for PCIe: 1,513 and 3,026 TFLOP/s with sparsity; 2 TB/s
    ("h100_pcie_80gb", "bf16"): 1513e12 / 2 / 2e12,
    ("h100_pcie_80gb", "fp8"): 3026e12 / 2 / 2e12,
}


@pytest.mark.parametrize(("gpu", "precision"), RIDGES)
def test_the_ridge_of_an_h100_is_that_of_its_datasheet(gpu, precision):
    equations, values = deployed(gpu=gpu, precision=precision)
    assert equations(values, "ridge_flops_per_byte") == pytest.approx(RIDGES[gpu, precision], rel=1e-3)


def test_a_precision_without_a_unit_runs_at_fp16_peak():
    assert deployed(gpu="a100_sxm_80gb", precision="fp8")[1]["peak_flops_per_second"] == 312e12
    assert deployed(gpu="a100_sxm_80gb", precision="int8")[1]["peak_flops_per_second"] == 624e12


def test_the_memory_is_what_the_driver_reports_where_that_is_known():
    assert deployed()[1]["memory_bytes"] == 81_559 * 2**20
    assert deployed(gpu="h100_pcie_80gb")[1]["memory_bytes"] == 80e9


# --- the article's case, by hand --------------------------------------------------------------------------------------

LAYERS, TABLE, CONTEXT = 68_452_360_192, 1_050_673_152, 2000 + 500 / 2
FLOPS = 2 * (LAYERS + TABLE) + 2 * 64 * 256 * 80 * CONTEXT
BY_HAND = {
    "C007": FLOPS,
    "C008": 989e12,
    "C009": 989e12 / FLOPS,
    "C012": (LAYERS + 2 * TABLE) * 4 / 1e9,
    "C013": (LAYERS + 2 * TABLE) * 2 / 1e9,
    "C014": (LAYERS * 1 + 2 * TABLE * 2) / 1e9,
    "C015": 2500,
    "C016": 2 * 80 * 8 * 128 * 2 * 2500 / 1e9,
    "C019": 3.35,
    "C021": ((LAYERS + TABLE) * 2 + 4096 * 80 * CONTEXT) / FLOPS,
    "C022": 3.35e12 / 2,
    "C024": 989 / 312,
    "C025": 3350 / 2039,
}


@pytest.fixture(scope="module")
def ours():
    return article.roofline()


@pytest.mark.parametrize("claim", BY_HAND)
def test_the_article_case_is_what_a_hand_computes(ours, claim):
    assert ours[claim] == pytest.approx(BY_HAND[claim], rel=1e-9)


def test_the_fastest_case_on_one_gpu_is_the_best_of_all_precisions(ours):
    with (data.FOLDER / "precisions.csv").open(encoding="utf-8") as file:
        formats = [each for each in csv.DictReader(file) if float(each["weight_bits"]) >= 4]
    room, speeds = 81_559 * 2**20 * 0.9, []
    for each in formats:
        scale = float(each["scale_bits"] or 0) / float(each["scale_group_parameters"] or 1)
        layers, table = LAYERS * (float(each["weight_bits"]) + scale) / 8, TABLE * float(each["table_bits"]) / 8
        batch = (room - layers - 2 * table) // (2048 * 80 * 2500)
        if batch >= 1:
            peak = 1978e12 if each["compute_precision"] in ("fp8", "int8") else 989e12
            seconds = max((layers + table + batch * 2048 * 80 * CONTEXT) / 3.35e12, batch * FLOPS / peak)
            speeds.append(batch / seconds)
    assert ours["C011"] == pytest.approx(max(speeds), rel=1e-9)


def test_every_answered_claim_is_a_claim_of_the_article(ours):
    assert set(ours) <= set(data.table("claims").index)


# --- bounds and directions, for any case ------------------------------------------------------------------------------

GPUS = ("t4_16gb", "a100_sxm_80gb", "h100_sxm_80gb", "b200_sxm_180gb", "mi300x_192gb")

any_model = st.sampled_from(MODELS)
any_batch = st.integers(1, 4096)
any_tokens = st.integers(1, 100_000)
more = st.floats(1.01, 50)


@st.composite
def any_case(draw, models=MODELS):
    """The equations of a model, with values of any allowed size."""
    precision = draw(st.sampled_from(("fp32", "bf16", "fp8", "int4_g128", "mxfp4")))
    equations, values = deployed(draw(st.sampled_from(models)), draw(st.sampled_from(GPUS)), precision)
    numbers = {
        "n_gpus": draw(st.integers(1, 512)), "batch": draw(any_batch), "input_tokens": draw(any_tokens),
        "output_tokens": draw(any_tokens), "memory_reserve_share": draw(st.floats(0, 0.99)),
        "tokens_per_step": draw(st.floats(1, 8)), "bytes_per_cached_number": draw(st.sampled_from((0.5, 1.0, 2.0))),
    }  # fmt: skip
    return equations, {**values, **{name: float(value) for name, value in numbers.items()}}


@given(any_case())
def test_without_overlap_a_step_takes_at_least_as_long_and_at_most_twice(case):
    equations, values = case
    found = equations.evaluate(values)
    for phase in ("decode", "prefill"):
        arithmetic, memory = found[f"{phase}_compute_seconds"], found[f"{phase}_memory_seconds"]
        most, total = found[f"{phase}_seconds"], found[f"{phase}_serial_seconds"]
        assert 0 < max(arithmetic, memory) == most < total <= 2 * most
        assert total == arithmetic + memory


@given(any_case())
def test_every_result_is_an_allowed_value(case):
    equations, values = case
    found = equations.evaluate(values)
    for made in equations.equations:
        result = float(found[made.defines.name])
        if math.isfinite(result):
            made.defines.check(result)
        else:
            assert made.defines.name == "compute_bound_batch"


@given(any_case())
def test_attainable_arithmetic_is_below_the_peak_and_below_what_memory_feeds(case):
    equations, values = case
    found = equations.evaluate(values)
    reached = found["attainable_flops_per_second"]
    assert reached <= values["peak_flops_per_second"]
    assert reached <= found["decode_intensity"] * values["memory_bytes_per_second"]
    assert reached == pytest.approx(found["decode_flops"] / found["decode_seconds"] / values["n_gpus"], rel=1e-12)


@given(any_case())
def test_the_ridge_parts_memory_bound_from_compute_bound(case):
    equations, values = case
    found = equations.evaluate(values)
    assume(found["decode_intensity"] != pytest.approx(found["ridge_flops_per_byte"], rel=1e-9))
    memory_bound = found["decode_memory_seconds"] > found["decode_compute_seconds"]
    assert memory_bound == (found["decode_intensity"] < found["ridge_flops_per_byte"])


RISES = ("memory_bytes_per_second", "peak_flops_per_second", "n_gpus", "batch", "tokens_per_step")
FALLS = ("input_tokens", "output_tokens", "element_bytes", "bytes_per_cached_number", "table_bytes_per_parameter")


@pytest.mark.parametrize("target", ("decode_tokens_per_second", "decode_serial_tokens_per_second"))
@pytest.mark.parametrize(("name", "sign"), [*((name, 1) for name in RISES), *((name, -1) for name in FALLS)])
@given(case=any_case(), factor=more)
def test_decode_speed_moves_the_right_way(target, name, sign, case, factor):
    equations, values = case
    before, after = (equations({**values, name: values[name] * by}, target) for by in (1, factor))
    assert sign * (after / before - 1) >= -1e-12


@given(any_case(), more)
def test_without_overlap_more_bandwidth_always_helps(case, factor):
    equations, values = case
    faster = {**values, "memory_bytes_per_second": values["memory_bytes_per_second"] * factor}
    target = "decode_serial_tokens_per_second"
    assert equations(faster, target) > equations(values, target)


@given(any_case(), st.integers(2, 64))
def test_speed_grows_with_gpus_and_not_faster_than_their_number(case, times):
    equations, values = case
    many = {**values, "n_gpus": values["n_gpus"] * times}
    for target in ("decode_tokens_per_second", "prefill_tokens_per_second"):
        assert equations(many, target) == pytest.approx(times * equations(values, target), rel=1e-12)


@given(any_case(), st.integers(2, 64))
def test_a_larger_batch_never_gives_more_than_its_share(case, times):
    equations, values = case
    many = {**values, "batch": values["batch"] * times}
    assert equations(many, "decode_seconds") >= equations(values, "decode_seconds") * (1 - 1e-12)
    assert equations(many, "decode_seconds") <= times * equations(values, "decode_seconds") * (1 + 1e-12)


@given(any_case(DENSE[:4]), any_batch)
def test_where_the_batch_turns_compute_bound_both_times_are_equal(case, _):
    equations, values = case
    turning = float(equations(values, "compute_bound_batch"))
    assume(math.isfinite(turning))
    found = equations.evaluate({**values, "batch": turning})
    assert found["decode_compute_seconds"] == pytest.approx(found["decode_memory_seconds"], rel=1e-9)


@pytest.mark.parametrize("model", DENSE[1:])
def test_a_short_context_turns_compute_bound_somewhere(model):
    equations, values = deployed(model, input_tokens=64, output_tokens=64)
    turning = float(equations(values, "compute_bound_batch"))
    for by, slower in ((0.99, "memory"), (1.01, "compute")):
        found = equations.evaluate({**values, "batch": turning * by})
        assert found["decode_seconds"] == found[f"decode_{slower}_seconds"]


def test_a_long_context_never_turns_compute_bound():
    equations, values = deployed(input_tokens=64_000)
    assert equations(values, "compute_bound_batch") == math.inf
    found = equations.evaluate({**values, "batch": 1e9})
    assert found["decode_memory_seconds"] > found["decode_compute_seconds"]


# --- memory -----------------------------------------------------------------------------------------------------------


@given(any_case())
def test_the_largest_batch_fits_and_one_more_does_not(case):
    equations, values = case
    found = equations.evaluate(values)
    largest, usable = found["largest_batch"], found["usable_bytes"]
    assume(found["weight_bytes"] <= usable)
    used = equations({**values, "batch": np.array([largest, largest + 1])}, "used_bytes")
    assert used[0] <= usable * (1 + 1e-12)
    assert used[1] > usable * (1 - 1e-12)


@given(any_case(("llama_3_1_70b", "mixtral_8x7b", "deepseek_v3")))
def test_no_batch_fits_where_the_weights_do_not(case):
    equations, values = case
    found = equations.evaluate({**values, "usable_bytes": equations(values, "weight_bytes") * 0.999})
    assert found["largest_batch"] == 0


@pytest.mark.parametrize(
    ("target", "held"), [("gpus_to_hold_model", "weight_bytes"), ("gpus_to_hold_batch", "used_bytes")]
)
@given(case=any_case())
def test_the_fewest_gpus_hold_it_and_one_less_does_not(target, held, case):
    equations, values = case
    found = equations.evaluate(values)
    fewest = found[target]
    assert fewest >= 1
    rooms = equations({**values, "n_gpus": np.array([fewest, fewest - 1])}, "usable_bytes")
    assert rooms[1] * (1 - 1e-12) < found[held] <= rooms[0] * (1 + 1e-12)


@given(any_case(("mixtral_8x7b", "gpt_oss_120b", "llama_4_maverick", "deepseek_v3")), st.integers(1, 1000))
def test_experts_read_are_between_those_of_one_token_and_all(case, extra):
    equations, values = case
    batches = np.array([values["batch"], values["batch"] + extra])
    found = equations.evaluate({**values, "batch": batches})
    for covered in (found["covered_experts"], found["prefill_covered_experts"]):
        assert np.all(covered >= values["experts_per_token"] * (1 - 1e-12))
        assert np.all(covered <= values["n_experts"])
        assert covered[1] >= covered[0]
    assert np.all(found["decode_read_parameters"] >= found["layer_parameters"] * (1 - 1e-12))
    assert np.all(found["decode_read_parameters"] <= found["swept_parameters"])


def test_one_sequence_reads_the_experts_of_one_token_and_many_read_all():
    equations, values = deployed("mixtral_8x7b")
    covered = equations({**values, "batch": np.array([1.0, 10_000.0])}, "covered_experts")
    assert covered == pytest.approx([2, 8], rel=1e-12)


@given(any_case(("gemma_3_27b", "gpt_oss_120b", "llama_4_maverick")))
def test_windows_never_make_a_cache_larger_and_do_nothing_until_full(case):
    equations, values = case
    found = equations.evaluate(values)
    full = found["kv_bytes_per_token"] * found["context_tokens"]
    if found["context_tokens"] <= values["window_tokens"]:
        assert found["kv_bytes_per_sequence"] == pytest.approx(full, rel=1e-12)
    else:
        assert found["kv_bytes_per_sequence"] < full


@given(any_case(("gemma_3_27b",)))
def test_a_window_as_long_as_the_prompt_attends_like_full_attention(case):
    equations, values = case
    found = equations.evaluate({**values, "window_tokens": values["input_tokens"]})
    assert found["prefill_layer_tokens"] == pytest.approx(values["n_layers"] * values["input_tokens"] / 2, rel=1e-12)


@given(any_case(("deepseek_v3",)))
def test_latent_attention_caches_less_than_its_heads_would(case):
    equations, values = case
    heads = 2 * values["n_heads"] * values["nope_head_dim"] * values["bytes_per_cached_number"]
    assert equations(values, "kv_bytes_per_token_layer") < heads
    assert equations(values, "decode_flops_per_pair") > equations(values, "prefill_flops_per_pair")


def test_latent_attention_caches_less_than_grouped_attention_of_eight_heads():
    assert cases.cache("deepseek_v3", "bf16", 2500) < cases.cache("llama_3_1_70b", "bf16", 2500)
    assert cases.cache("llama_3_1_70b", "bf16", 2500) == 819_200_000
    assert cases.cache("llama_3_1_70b", "fp8", 2500) == 409_600_000


# --- cases: names, numbers, and what they are refused for -------------------------------------------------------------

SIZES = {"batch": 32, "input_tokens": 2000, "output_tokens": 500}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"model": "lama_3_1_70b"}, r"data/models.csv has no model 'lama_3_1_70b'; did you mean llama_3_1_70b or "),
        ({"model": "70b"}, r"has no model '70b'; did you mean llama_2_70b or llama_3_70b"),
        ({"gpu": "h100"}, r"data/accelerators.csv has no gpu 'h100'; did you mean h100_sxm_80gb or h100_pcie_80gb"),
        ({"gpu": "zzz"}, r"data/accelerators.csv has no gpu 'zzz'$"),
        ({"precision": "bf61"}, r"data/precisions.csv has no precision 'bf61'; did you mean bf16"),
        ({"kv_precision": "int9"}, r"data/precisions.csv has no precision 'int9'; did you mean int8"),
        ({"vintage": "artcle"}, r"vintage = 'artcle' is not allowed: it must be one of current, article"),
        ({"batch": 0}, "batch = 0 is not allowed: it must be a whole number above 0"),
        ({"batch": -3}, "batch = -3 is not allowed: it must be a whole number above 0"),
        ({"batch": 1.5}, "batch = 1.5 is not allowed: it must be a whole number above 0"),
        ({"batch": math.nan}, "batch = nan is not allowed"),
        ({"batch": "32"}, "batch = '32' is not allowed: it must be a whole number above 0"),
        ({"batch": True}, "batch = True is not allowed: it must be a whole number above 0"),
        ({"batch": [1, 0]}, "batch = 0 is not allowed: it must be a whole number above 0"),
        ({"n_gpus": 0}, "n_gpus = 0 is not allowed: it must be a whole number above 0"),
        ({"input_tokens": -1}, "input_tokens = -1 is not allowed: it must be a whole number above 0"),
        ({"output_tokens": 0}, "output_tokens = 0 is not allowed: it must be a whole number above 0"),
        ({"memory_reserve_share": 1.2}, "memory_reserve_share = 1.2 is not allowed: .* at least 0 and at most 0.99"),
        ({"memory_reserve_share": -0.1}, "memory_reserve_share = -0.1 is not allowed: .* at least 0 and at most 0.99"),
        ({"peak_flops_per_second": 0}, "peak_flops_per_second = 0 is not allowed: it must be a number above 0"),
        ({"bacth": 3}, "no quantity is called 'bacth'; did you mean batch"),
    ],
    ids=str,
)  # fmt: skip
def test_a_wrong_input_is_one_error_that_names_it(wrong, message):
    given = {"model": "llama_3_1_70b", "gpu": "h100_sxm_80gb", "n_gpus": 4, **SIZES, **wrong}
    with pytest.raises(InputError, match=message) as caught:
        cases.deployment(**given)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("value", [None, "", [], [[1]], {"a": 1}, math.inf], ids=repr)
def test_what_is_no_number_is_refused_by_name(value):
    with pytest.raises(InputError, match="batch = .* is not allowed: it must be a whole number above 0"):
        cases.check("batch", value)


def test_a_batch_that_does_not_fit_is_told_how_many_gpus_would_hold_it():
    equations, values = deployed(batch=4096)
    with pytest.raises(InputError, match=r"batch = 4,096 does not fit: .* 203 .*; n_gpus = (\d+) would") as caught:
        cases.require_fit(equations, values)
    enough = int(str(caught.value).partition("; n_gpus = ")[2].split()[0])
    cases.require_fit(equations, {**values, "n_gpus": enough})
    with pytest.raises(InputError, match=f"n_gpus = {enough} would hold"):
        cases.require_fit(equations, {**values, "n_gpus": enough - 1})


def test_weights_that_do_not_fit_leave_room_for_no_sequence():
    equations, values = deployed(n_gpus=1, precision="fp32")
    with pytest.raises(InputError, match="left by 282 GB of weights holds no sequence of 2,500 tokens"):
        cases.require_fit(equations, values)


def test_the_largest_batch_is_not_refused():
    equations, values = deployed()
    largest = equations(cases.at_full_length(values), "largest_batch")
    cases.require_fit(equations, {**values, "batch": largest})
    with pytest.raises(InputError, match="does not fit"):
        cases.require_fit(equations, {**values, "batch": largest + 1})


def test_a_sequence_longer_than_the_model_allows_is_refused():
    equations, values = deployed("llama_2_7b", input_tokens=4000)
    with pytest.raises(InputError, match=r"input_tokens \+ output_tokens = 4,500 .* at most 4,096 tokens"):
        cases.require_fit(equations, values)


@given(any_model, any_batch, st.integers(1, 3000), st.integers(1, 1000))
def test_without_a_number_of_gpus_the_fewest_are_taken(model, batch, input_tokens, output_tokens):
    equations, values = deployed(
        model, n_gpus=None, batch=batch, input_tokens=input_tokens, output_tokens=output_tokens
    )
    cases.require_fit(equations, values)
    if values["n_gpus"] > 1:
        with pytest.raises(InputError, match="does not fit"):
            cases.require_fit(equations, {**values, "n_gpus": values["n_gpus"] - 1})


def test_the_article_vintage_replaces_only_what_the_article_states():
    now, then = deployed()[1], deployed(vintage="article")[1]
    assert {name for name in now if now[name] != then[name]} == {"peak_flops_per_second", "memory_bytes_per_second"}
    assert then["peak_flops_per_second"] == 1.4e15
    assert then["memory_bytes_per_second"] == 3.4e12
    assert deployed(gpu="a100_sxm_80gb", vintage="article")[1] == deployed(gpu="a100_sxm_80gb")[1]


def test_every_value_of_a_case_comes_from_a_row_or_from_the_caller():
    _, values = deployed(precision="mxfp4")
    loose = {name for name, value in values.items() if not isinstance(value, Fact)}
    assert loose == {"n_gpus", "batch", "input_tokens", "output_tokens"}


# --- explaining -------------------------------------------------------------------------------------------------------


def test_a_result_is_explained_by_its_inputs_their_rows_dates_and_sources():
    equations, values = deployed(precision="mxfp4")
    found = book.explain(equations, values, "decode_tokens_per_second").set_index("quantity")
    assert set(found.index) == set(equations.inputs("decode_tokens_per_second"))
    bandwidth = found.loc["memory_bytes_per_second"]
    assert list(bandwidth[["value", "unit", "table", "key", "field"]]) == [
        3.35e12, "byte/s/GPU", "accelerators", "h100_sxm_80gb", "memory_gigabytes_per_second",
    ]  # fmt: skip
    assert bandwidth["source"] == data.row("accelerators", "h100_sxm_80gb")["memory_source"]
    facts = found[found["kind"] != "given"]
    assert set(facts["source"]) <= set(data.bibliography())
    assert facts["date"].str.fullmatch(r"\d{4}-\d{2}-\d{2}").all()
    assert set(found.index[found["kind"] == "given"]) == {"n_gpus", *SIZES}


@pytest.mark.parametrize("target", [made.defines.name for made in deployed()[0].equations])
def test_any_target_can_be_explained(target):
    equations, values = deployed()
    assert set(book.explain(equations, values, target)["quantity"]) == set(equations.inputs(target))


def test_an_explanation_names_a_measured_value_in_the_place_of_what_it_replaces():
    equations, values = deployed()
    found = book.explain(equations, {**values, "decode_seconds": 0.02}, "decode_tokens_per_second").set_index(
        "quantity"
    )
    assert found.loc["decode_seconds", ["value", "kind"]].tolist() == [0.02, "given"]
    assert "memory_bytes_per_second" not in found.index


def test_a_measured_target_explains_itself():
    equations, values = deployed()
    found = book.explain(equations, {**values, "decode_seconds": 0.02}, "decode_seconds")
    assert found[["quantity", "value", "kind"]].values.tolist() == [["decode_seconds", 0.02, "given"]]


def test_an_unknown_target_cannot_be_explained():
    with pytest.raises(InputError, match="'decode_second'; did you mean .*decode_seconds"):
        book.explain(*deployed(), "decode_second")
