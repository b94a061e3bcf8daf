"""Configurations as people write them: names, numbers, layouts and loads; and rows that cannot be read."""

import re
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from costlib import cases, configs, data, names, readings, shapes
from costlib.errors import InputError

ROW = {
    "model": "Llama 3.1 8B", "gpu": "H100 SXM", "n_gpus": 1, "tp": 1, "precision": "FP8", "engine": "vLLM",
    "input_tokens": 1000, "output_tokens": 500, "batch_or_concurrency": 16, "metric": "output_tokens_per_s_total",
}  # fmt: skip
SPELLINGS = [
    line
    for line in Path(__file__).with_name("spellings.txt").read_text("utf-8").splitlines()
    if not line.startswith("#")
]
PUBLISHED = pd.DataFrame([line.split("|") for line in SPELLINGS[::2]], columns=configs.COLUMNS)


def one(**changes: object) -> pd.Series:
    return configs.parse(pd.DataFrame([{**ROW, **changes}])).iloc[0]


# --- names -----------------------------------------------------------------------------------------------------------

GPUS = {
    "a100_pcie_40gb": "NVIDIA A100-PCIE-40GB",
    "a100_pcie_80gb": "A100 80GB PCIe|a100_pcie_80gb",
    "a100_sxm_40gb": "A100-SXM4-40GB|NVIDIA A100-SXM4-40GB|a100 sxm 40 gb|A100 40GB",
    "a100_sxm_80gb": "A100|A100-SXM4-80GB|4x A100 80GB SXM|A100-80G",
    "a10_24gb": "A10|NVIDIA A10",
    "a10g_24gb": "A10G",
    "apple_m2_ultra_192gb": "M2 Ultra|Apple M2 Ultra|Apple-M2-Ultra-76c",
    "ascend_910b_64gb": "Ascend 910B|Ascend-910B2",
    "b200_sxm_180gb": "B200|HGX B200",
    "gaudi3_128gb": "Gaudi 3|Intel Gaudi3",
    "gb10_128gb": "DGX Spark|GB10",
    "gb200_186gb": "GB200|GB200 NVL72",
    "gb300_278gb": "GB300|NVIDIA GB300 NVL72",
    "h100_nvl_94gb": "NVIDIA H100 NVL",
    "h100_pcie_80gb": "H100 PCIe|NVIDIA H100-PCIE-80GB",
    "h100_sxm_80gb": "NVIDIA H100 80GB HBM3|H100-SXM5-80GB|h100 sxm|8xH100|H100|DGX H100|H100 x8|H100_SXM",
    "h200_nvl_141gb": "H200 NVL",
    "h200_sxm_141gb": "H200|NVIDIA H200|H200 SXM 141GB",
    "l40_48gb": "L40",
    "l40s_48gb": "L40S|NVIDIA L40S",
    "l4_24gb": "L4|NVIDIA L4",
    "mi300x_192gb": "MI300X|AMD Instinct MI300X|8xMI300X|mi300x oam",
    "rtx_3090_24gb": "rtx-3090|GeForce RTX 3090|3090",
    "rtx_3090_ti_24gb": "RTX 3090 Ti|RTX-3090Ti",
    "rtx_4090_24gb": "RTX4090|NVIDIA GeForce RTX 4090|Ryzen 9 7900X (Nvidia 4090)",
    "rtx_6000_ada_48gb": "NVIDIA RTX 6000 Ada Generation|RTX 6000 Ada",
    "rtx_a6000_48gb": "A6000|RTX A6000",
    "rtx_pro_6000_96gb": "RTX PRO 6000 Blackwell Server Edition|RTX-PRO-6000-BSE",
    "rx_7900_xtx_24gb": "Radeon RX 7900 XTX|7900 XTX",
    "t4_16gb": "T4|Tesla T4",
    "tpu_v5e_16gb": "TPU v5e|Google TPU v5e-8|v5litepod-8",
    "tpu_v6e_32gb": "TPU v6e|Trillium",
    "trainium2_96gb": "Trainium2|trn2|AWS Trainium 2",
    "v100_sxm_32gb": "NVIDIA Tesla V100-SXM2-32GB|V100",
    "": "H1000|RTX 9999|Xeon 8480|RTX 4090 Laptop GPU|RTX PRO 6000 Max-Q|Groq LPU|GPU|H800 PCIe",
}
MODELS = {
    "codellama_34b": "CodeLlama-34b-Instruct-hf",
    "command_r_plus": "CohereForAI/c4ai-command-r-plus",
    "deepseek_r1": "DeepSeek-R1|deepseek-ai/DeepSeek-R1-0528",
    "deepseek_v2": "DeepSeek-V2.5|DeepSeek-Coder-V2",
    "deepseek_v3": "deepseek-ai/DeepSeek-V3-0324|DeepSeek-V3.1|DeepSeek-V3/R1",
    "deepseek_v3_2": "DeepSeek-V3.2-Exp",
    "gemma_2_9b": "google/gemma-2-9b-it",
    "glm_4_5_air": "GLM 4.5 Air",
    "gpt_j_6b": "EleutherAI/gpt-j-6b|GPT-J",
    "gpt_oss_120b": "gpt-oss-120b",
    "gpt_oss_20b": "openai/gpt-oss-20b|gpt oss 20B",
    "kimi_k2": "moonshotai/Kimi-K2-Instruct",
    "llama_13b": "LLaMA-13B",
    "llama_2_13b": "Vicuna-13B|TheBloke/Llama-2-13B-chat-GGUF|Nous-Hermes-Llama2-13b",
    "llama_2_70b": "llama2-70b|Llama-2-70b-chat-hf|WizardLM-70B",
    "llama_2_7b": "Llama-2-7b-chat-hf|lmsys/vicuna-7b-v1.5|CodeLlama-7B",
    "llama_3_1_405b": "hugging-quants/Meta-Llama-3.1-405B-Instruct-AWQ-INT4|Llama 405B",
    "llama_3_1_70b": "neuralmagic/Meta-Llama-3.1-70B-Instruct-FP8",
    "llama_3_1_8b": "meta-llama/Llama-3.1-8B-Instruct|llama3.1:8b|LLAMA 3.1 8b|llama_3_1_8b",
    "llama_3_3_70b": "DeepSeek-R1-Distill-Llama-70B|llama3.3 70b",
    "llama_3_70b": "meta-llama/Meta-Llama-3-70B-Instruct",
    "llama_3_8b": "Llama3-8B|Meta Llama 3 8B|Dolphin 2.9 Llama 3 8B",
    "llama_4_maverick": "meta-llama/Llama-4-Maverick-17B-128E-Instruct-FP8",
    "mistral_7b": "mistral-7b-v0.1|Zephyr 7B beta",
    "mistral_7b_v0_3": "Mistral 7B|mistralai/Mistral-7B-Instruct-v0.3",
    "mistral_nemo_12b": "Mistral-Nemo-Instruct-2407",
    "mixtral_8x22b": "mistralai/Mixtral-8x22B-Instruct-v0.1",
    "mixtral_8x7b": "Mixtral 8x7B|Nous-Hermes-2-Mixtral-8x7B-DPO|mixtral",
    "phi_3_mini": "Phi-3-mini-4k-instruct|microsoft/Phi-3-mini-128k-instruct",
    "phi_4": "microsoft/phi-4",
    "qwen2_5_32b": "Qwen2.5-Coder-32B-Instruct|DeepSeek-R1-Distill-Qwen-32B|QwQ-32B",
    "qwen2_5_72b": "Qwen/Qwen2.5-72B-Instruct-GPTQ-Int4",
    "qwen3_30b_a3b": "Qwen3 30B A3B|Qwen3-Coder-30B-A3B",
    "qwen3_8b": "DeepSeek-R1-0528-Qwen3-8B",
    "tinyllama_1_1b": "TinyLlama-1.1B-Chat-v1.0",
    "yi_34b": "Yi-34B-Chat|Yi-1.5-34B",
    "": "GPT-4|Claude 3 Opus|secret-model|Llama|Qwen|Gemma 3n|MyModel-9B",
}
PRECISIONS = {
    "bf16": "bf16|BFloat16|bf16 weights, BF16 compute|fp16/bf16",
    "exl2_4bpw": "EXL2 4.0 bpw",
    "fp16": "FP16|half|F16|torch.float16|GGUF F16",
    "fp8": "FP8|fp8_e4m3|FP8 static|FP8 W8A8",
    "fp8_block": "FP8 block-wise",
    "int4_g128": "AWQ|GPTQ-Int4|W4A16|4-bit|INT4 GPTQ-Marlin",
    "int8": "W8A8|INT8 (SmoothQuant)|INT8 W8A8",
    "iq4_xs": "IQ4_XS",
    "mxfp4": "MXFP4|w MXFP4 (BF16 activations)",
    "nf4": "bnb-nf4|bitsandbytes 4-bit",
    "nvfp4": "NVFP4|FP4",
    "q4_k_m": "Q4_K_M.gguf|GGUF Q4_K_M|gguf",
    "q8_0": "Q8_0",
    "w4a8": "W4A8KV4",
    "w8a16": "INT8|INT8 W8A16",
    "": "banana|mixed|fp6",
}
ENGINES = {
    "exllama": "ExLlamaV2",
    "llamacpp": "llama.cpp b4000|ollama|LM Studio|Ollama/llama.cpp",
    "sglang": "SGLang v0.4|Dynamo + SGLang",
    "tgi": "TGI|text-generation-inference",
    "trtllm": "TensorRT-LLM 0.17|TRT-LLM|NIM",
    "vllm": "vLLM 0.6.3|VLLM|vllm v1",
    "": "custom|my own engine",
}
SPELT = [
    (kind, key, text)
    for kind, table in (("gpu", GPUS), ("model", MODELS), ("precision", PRECISIONS), ("engine", ENGINES))
    for key, texts in table.items()
    for text in texts.split("|")
]


@pytest.mark.parametrize(("kind", "key", "text"), SPELT)
def test_a_name_stands_for_its_row_however_it_is_spelt(kind, key, text):
    for spelling in (text, text.upper(), text.lower(), f"  {text} ", text.replace(" ", "  ").replace("-", "_")):
        found = names.match(kind, spelling)
        assert found.key == key, found
        assert bool(found.reason) == (not key)


@pytest.mark.parametrize("kind", names.TABLES)
def test_every_row_is_found_by_its_key_and_by_its_name(kind):
    rows = data.table(names.TABLES[kind])
    for key, name in rows[rows.columns[1]].items():
        assert names.match(kind, key).key == key or f"{kind}|{key}" in data.table("aliases").index
        assert names.match(kind, name).key == key


def test_every_alias_leads_to_a_row_and_says_why_it_leads_to_none():
    aliases = data.table("aliases")
    for kind, some in aliases.groupby("kind"):
        keys = some["key"].dropna()
        assert set(keys) <= set(data.table(names.TABLES[kind]).index)
        assert some.loc[some["key"].isna(), "note"].notna().all()
        assert (some.groupby(some["pattern"].map(names.spelled))["key"].nunique() <= 1).all()


@pytest.mark.parametrize(
    ("kind", "text", "note"),
    [
        ("gpu", "H100", "form factor not given: SXM"), ("gpu", "A100", "80 GB"), ("gpu", "V100", "32 GB"),
        ("model", "Mistral-7B", "v0.3"), ("model", "Vicuna-13B", "fine-tune of Llama 2 13B"),
        ("model", "DeepSeek-R1-Distill-Llama-70B", "fine-tune of Llama 3.3 70B"), ("precision", "INT8", "weight-only"),
    ],
)  # fmt: skip
def test_what_a_name_leaves_open_is_told(kind, text, note):
    assert note in names.match(kind, text).note


def test_the_tables_are_as_wide_as_what_people_publish():
    gpus, models = data.table("accelerators"), data.table("models")
    assert len(gpus) >= 95 and len(models) >= 85
    assert gpus["generation"].notna().all()
    linked = gpus["interconnect_gigabytes_per_second"].notna()
    assert gpus.loc[linked, "link"].notna().all() and (gpus.loc[linked, "link"] != "none").all()


# --- numbers, layouts and loads --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1,000", 1000), ("1e3", 1000), ("2k", 2000), ("2 k", 2000), ("2048 tokens", 2048), ("~15", 15),
        ("1_024", 1024), ("3.5", 3.5), ("-4", -4), ("200 (the default)", 200), ("1.5M", 1.5e6), ("many", np.nan),
        ("", np.nan),
    ],
)  # fmt: skip
def test_numbers(text, value):
    assert readings.number(text) == pytest.approx(value, nan_ok=True)


@pytest.mark.parametrize(
    ("n_gpus", "tp", "ways"),
    [
        (8, "8", (8, 1, 1, False)), (8, "TP4", (4, 1, 2, False)), (8, "tp=4, pp=2", (4, 2, 1, False)),
        (8, "TP8 DP8", (8, 1, 1, True)), (8, "TP4 DP2", (4, 1, 2, False)), (8, "DEP8", (8, 1, 1, True)),
        (4, "DEP2,PP2", (2, 2, 1, True)), (4, "2 replica(s) x TP1 PP2", (1, 2, 2, False)), (8, "", (1, 1, 8, False)),
        (4, "2.0", (2, 1, 2, False)), ("", "TP4", (4, 1, 1, False)), ("", "", (1, 1, 1, False)),
    ],
)  # fmt: skip
def test_layouts(n_gpus, tp, ways):
    found = one(n_gpus=n_gpus, tp=tp)
    fields = ["tensor_parallel", "pipeline_parallel", "replicas", "attention_data_parallel"]
    assert tuple(found[fields]) == ways, found["reason"]


def test_gpus_are_counted_by_the_name_where_the_row_does_not():
    assert one(gpu="8xH100", n_gpus="", tp="")["n_gpus"] == 8
    assert one(gpu="H100 x4", n_gpus="", tp="")["n_gpus"] == 4
    assert one(gpu="RTX4090", n_gpus="", tp="")["n_gpus"] == 1
    assert one(gpu="8xH100", n_gpus="2", tp="")["n_gpus"] == 2


@pytest.mark.parametrize(
    ("text", "load", "value", "requests"),
    [
        ("64", "batch", 64, np.nan), (32.0, "batch", 32, np.nan), ("~128 seq/GPU", "batch", 1024, np.nan),
        ("1000 at once", "burst", 1000, 1000), ("QPS 4 (500 requests)", "rate", 4, 500),
        ("2.82 req/s", "rate", 2.82, np.nan),
        ("QPS INF (500 requests)", "burst", 500, 500), ("max load (all requests queued)", "max", np.nan, np.nan),
        ("MLPerf Offline", "offline", np.nan, np.nan), ("MLPerf Server", "server", np.nan, np.nan),
        ("MLPerf Interactive", "interactive", np.nan, np.nan),
    ],
)  # fmt: skip
def test_loads(text, load, value, requests):
    found = one(batch_or_concurrency=text, n_gpus=8)
    assert found["load"] == load
    np.testing.assert_equal([found["load_value"], found["load_requests"]], [value, requests])


@pytest.mark.parametrize(
    ("precision", "gpu", "engine", "read"),
    [
        ("FP8", "H100", "vLLM", ("fp8", "bf16", "fp8", False)),
        ("FP8", "H100", "TensorRT-LLM", ("fp8", "fp8", "fp8", False)),
        ("FP8", "A100", "vLLM", ("fp8", "bf16", "fp16", True)),
        ("FP8 weights+KV", "H100", "vLLM", ("fp8", "fp8", "fp8", False)),
        ("INT4 AWQ; KV fp8", "L40S", "vLLM", ("int4_g128", "fp8", "fp16", True)),
        ("BF16 weights, FP8 KV", "H100", "vLLM", ("bf16", "fp8", "fp16", False)),
        ("FP4", "B200", "vLLM", ("nvfp4", "bf16", "fp4", False)),
        ("W8A8", "A100", "vLLM", ("int8", "bf16", "int8", False)),
        ("MXFP4", "B200", "TensorRT-LLM", ("mxfp4", "bf16", "fp4", False)),
        ("MXFP4", "B200", "vLLM", ("mxfp4", "bf16", "fp16", True)),
        ("", "H100", "vLLM", ("bf16", "bf16", "fp16", False)),
    ],
)  # fmt: skip
def test_precisions_of_weights_cache_and_arithmetic(precision, gpu, engine, read):
    found = one(precision=precision, gpu=gpu, engine=engine)
    assert tuple(found[["precision", "kv_precision", "compute_precision", "weight_only"]]) == read


def test_a_model_whose_name_ends_in_its_precision_needs_no_other():
    assert one(model="Llama-3.1-8B-Instruct-FP8", precision="")["precision"] == "fp8"
    assert one(model="Llama-3.1-8B-Instruct-AWQ", precision="")["precision"] == "int4_g128"


# --- rows that cannot be read, and estimated models -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"n_gpus": -1}, "n_gpus '-1' is not allowed: it must be a whole number from 1"),
        ({"n_gpus": 0}, "n_gpus '0'"), ({"n_gpus": 1.5}, "n_gpus '1.5'"), ({"n_gpus": "some"}, "n_gpus 'some'"),
        ({"tp": 2}, r"tp '2' is not allowed.*from 1 to n_gpus = 1"), ({"tp": -2}, "tp '-2'"), ({"tp": 0}, "tp '0'"),
        ({"tp": "eight"}, "tp 'eight' is not allowed"), ({"tp": 1.5, "n_gpus": 2}, "tp '1.5'"),
        ({"input_tokens": -5}, "input_tokens '-5' is not allowed: it must be from 1 to 10,000,000"),
        ({"input_tokens": "a few"}, "input_tokens 'a few'"), ({"output_tokens": "1e9"}, "output_tokens '1e9'"),
        ({"batch_or_concurrency": 0}, "batch_or_concurrency '0' is not allowed: it must be a number above 0"),
        ({"batch_or_concurrency": -3}, "batch_or_concurrency '-3'"), ({"batch_or_concurrency": "lots"}, "'lots'"),
        ({"batch_or_concurrency": ""}, "batch_or_concurrency ''"),
        ({"batch_or_concurrency": "1e99"}, "at most 10,000,000"),
        ({"batch_or_concurrency": "16384 tokens/device"}, "counts tokens"),
        ({"model": "Llama 3.1 405B"}, r"weights of model .* take .* GB and do not fit in the .* GB of 1 h100_sxm_80gb"),
        ({"model": "lama_3_1"}, "model 'lama_3_1' is not known; did you mean llama_3_1_8b"),
        ({"model": ""}, "model is empty"),
        ({"gpu": "H1OO_SXM"}, "gpu 'H1OO_SXM' is not known; did you mean h100_sxm_80gb"),
        ({"gpu": None}, "gpu is empty"),
        ({"precision": "fp7"}, "precision 'fp7' is not known; did you mean fp"),
        ({"engine": "vLLM + EAGLE"}, "decodes speculatively"), ({"tp": "wide-EP"}, "spreads experts"),
        ({"metric": "tokens_per_joule"}, "metric 'tokens_per_joule' is not predicted"),
    ],
)  # fmt: skip
def test_a_row_that_cannot_be_read_says_why(changes, reason):
    found = one(**changes)
    assert re.search(reason, found["reason"]), found["reason"]


def test_a_missing_column_counts_as_empty_unless_nothing_can_be_said_without_it():
    rows = pd.DataFrame([{"model": "Llama 3.1 8B", "gpu": "H100", "metric": "tpot_ms"}])
    found = configs.parse(rows).iloc[0]
    assert not found["reason"] and found["load_value"] == 1 and found["output_tokens"] == configs.DECODED
    for column in configs.NEEDED:
        with pytest.raises(InputError, match=f"no column '{column}'"):
            configs.parse(rows.drop(columns=column))


@pytest.mark.parametrize(
    ("name", "key", "total", "active"),
    [
        ("MyModel-9B", "estimated_9b", 9e9, 9e9), ("Foo-30B-A3B", "estimated_30b_a3b", 30e9, 3e9),
        ("Bar 8x13B", "estimated_104b_a26b", 104e9, 26e9), ("LLaMA-65B", "estimated_65b", 65e9, 65e9),
        ("tiny-500M", "estimated_0.5b", 0.5e9, 0.5e9),
    ],
)  # fmt: skip
def test_a_model_known_by_its_size_only_gets_a_shape_of_that_size(name, key, total, active):
    found = one(model=name, n_gpus=8, tp=8)
    assert found["model"] == key and found["estimated"] and "shape estimated" in found["note"] and not found["reason"]
    size = shapes.sizes(key)
    assert size["total_parameters"] == pytest.approx(total, rel=0.15)
    assert size["active_parameters"] == pytest.approx(active, rel=0.4)


@pytest.mark.parametrize(
    ("total", "share"),
    [
        *((size, 1.0) for size in np.geomspace(6e7, 4.9e12, 20)),
        *((size, 0.1) for size in np.geomspace(1e9, 4.9e12, 20)),
    ],
)
def test_estimated_shapes_can_be_counted(total, share):
    key = shapes.estimate(names.spelled(f"model {total / 1e9:.3f}B" + f" a{total * share / 1e9:.3f}B" * (share < 1)))
    assert shapes.sizes(key)["total_parameters"] == pytest.approx(total, rel=0.45)
    kind, numbers = configs.shape_of(key)
    assert kind["experts"] == (share < 1) and numbers["n_layers"].kind == "estimated"


def test_the_shape_of_a_model_of_the_table_is_that_of_the_cases():
    assert configs.shape_of("llama_3_1_8b") == cases.shape("llama_3_1_8b")


# --- all rows together -----------------------------------------------------------------------------------------------


def told(row: pd.Series) -> str:
    """A parsed row as in `spellings.txt`."""
    if row["reason"]:
        return f"! {row['reason']}"
    group = "dp" if row["attention_data_parallel"] else "tp"
    kinds = [row["precision"], row["kv_precision"], row["compute_precision"], *["only"] * row["weight_only"]]
    load = ":".join([row["load"], f"{row['load_value']:g}", f"{row['load_requests']:g}"])
    return (
        f"= {row['model']} {row['gpu']} {row['n_gpus']:g} {group}{row['tensor_parallel']:g}"
        f" pp{row['pipeline_parallel']:g} x{row['replicas']:g} {'/'.join(kinds)} {row['engine']} {load}"
        f" {row['input_tokens']:g}+{row['output_tokens']:g} {row['metric_kind']}"
    )


def test_rows_of_published_measurements():
    for (_, row), expected in zip(configs.parse(PUBLISHED).iterrows(), SPELLINGS[1::2], strict=True):
        assert told(row).startswith(expected)


def test_the_index_and_the_types_are_kept_whatever_the_rows():
    some = configs.parse(PUBLISHED.set_axis(PUBLISHED.index // 3 * 7))
    assert list(some.index) == [index // 3 * 7 for index in PUBLISHED.index] and list(some) == list(configs.EMPTY)
    none = configs.parse(PUBLISHED.head(0))
    assert len(none) == 0 and (none.dtypes == some.dtypes).all()


@given(st.permutations(range(len(PUBLISHED))), st.lists(st.integers(0, len(PUBLISHED) - 1), max_size=50))
def test_neither_the_order_of_rows_nor_their_repetition_changes_any(order, again):
    alone = configs.parse(PUBLISHED)
    chosen = [*order, *again]
    pd.testing.assert_frame_equal(configs.parse(PUBLISHED.iloc[chosen]), alone.iloc[chosen])


CELLS = st.one_of(
    st.text(max_size=30), st.integers(-(10**30), 10**30), st.floats(), st.none(), st.booleans(),
    st.sampled_from(sorted({str(value) for column in PUBLISHED for value in PUBLISHED[column]})),
    st.from_regex(r"[0-9]{1,400}(x|k|e|b|\.)?[0-9]{0,400}b?", fullmatch=True),
)  # fmt: skip


@given(st.lists(st.fixed_dictionaries(dict.fromkeys(configs.COLUMNS, CELLS)), min_size=1, max_size=4))
def test_no_row_stops_the_others_or_changes_them(bad):
    rows = pd.concat([PUBLISHED.head(3), pd.DataFrame(bad), PUBLISHED.tail(3)], ignore_index=True)
    found = configs.parse(rows)
    pd.testing.assert_frame_equal(found.head(3), configs.parse(PUBLISHED.head(3)))
    pd.testing.assert_frame_equal(
        found.tail(3).reset_index(drop=True), configs.parse(PUBLISHED.tail(3)).reset_index(drop=True)
    )
    read = found[found["reason"] == ""]
    assert np.isfinite(read[["n_gpus", "tensor_parallel", "replicas", "input_tokens", "output_tokens"]]).all(axis=None)
    assert (read["tensor_parallel"] * read["pipeline_parallel"] <= read["n_gpus"]).all()


@given(
    st.fixed_dictionaries(dict.fromkeys(("precision", "tp", "n_gpus", "batch_or_concurrency", "input_tokens"), CELLS))
)
def test_a_strange_cell_gives_a_reading_or_a_reason(changes):
    assert set(one(**changes).index) == set(configs.EMPTY)


def test_many_rows_take_seconds(record_property):
    """A sanity check: rows that repeat are read once."""
    rows = PUBLISHED.iloc[np.arange(200_000) % len(PUBLISHED)]
    start = time.perf_counter()
    configs.parse(rows)
    record_property("seconds", time.perf_counter() - start)
    assert time.perf_counter() - start < 60
