"""Serving configurations as people write them, one per row, as what the equations need.

Every name goes through `names.match`; every text is read once. What the row leaves open is filled by the rules below
and told in `note`; what cannot be read is told in `reason`. Nothing is guessed silently, and a bad row never stops
another.
"""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pandas as pd

from costlib import data, readings, shapes, tracking
from costlib.errors import InputError, near
from costlib.names import Match, match, spelled

COLUMNS = (
    "model", "gpu", "n_gpus", "tp", "precision", "engine", "input_tokens", "output_tokens", "batch_or_concurrency",
    "metric",
)  # fmt: skip
NEEDED = ("model", "gpu", "metric")
EMPTY: dict[str, Any] = {
    "model": "", "estimated": False, "gpu": "", "precision": "", "kv_precision": "", "compute_precision": "",
    "weight_only": False, "engine": "", "n_gpus": math.nan, "tensor_parallel": math.nan, "pipeline_parallel": math.nan,
    "attention_data_parallel": False, "replicas": math.nan, "load": "", "load_value": math.nan,
    "load_requests": math.nan, "input_tokens": math.nan, "output_tokens": math.nan, "metric": "", "metric_kind": "",
    "reason": "", "note": "",
}  # fmt: skip
METRICS = {
    "total_tokens_per_s_total": "throughput", "output_tokens_per_s_total": "throughput",
    "output_tokens_per_s_per_gpu": "throughput", "per_user_tokens_per_s": "decode", "decode_tokens_per_s": "decode",
    "prefill_tokens_per_s": "prefill",
}  # fmt: skip
PREFIXES = {"ttft_ms": "ttft", "tpot_ms": "tpot", "itl_ms": "tpot"}
MOST = {"n_gpus": 100_000.0, "input_tokens": 1e7, "output_tokens": 1e7, "batch_or_concurrency": 1e7}
UNSAID = {
    "nan", "none", "null", "n/a", "na", "-", "?", "unknown", "unspecified", "not stated", "not given", "not specified",
}  # fmt: skip
DECODED = 256.0  # tokens of an answer whose length does not matter much and is not given
WEIGHTS_SHARE = 0.675  # of the memory that weights are given at most where the number of GPUs is open
NARROW = {"fp8", "fp8_block", "nvfp4"}  # weights under which TensorRT-LLM keeps its cache in FP8

shape_of = shapes.shape_of


def parse(rows: pd.DataFrame) -> pd.DataFrame:
    """Each row of `rows` in the columns of `EMPTY`, on the same index.

    `rows` has the columns `COLUMNS`, as text or numbers; those that are missing count as empty, but for `NEEDED`, whose
    absence is an InputError. Rows that say the same are read once.
    """
    for column in NEEDED:
        if column not in rows.columns:
            raise InputError(f"there is no column {column!r}{near(column, map(str, rows.columns))}")
    codes, cells = np.zeros(len(rows), dtype=np.int64), []
    for column in COLUMNS:
        code, distinct = _distinct(rows[column]) if column in rows.columns else (np.zeros_like(codes), [""])
        cells.append((code, distinct))
        codes = pd.factorize(codes * len(distinct) + code)[0].astype(np.int64)
    first = np.unique(codes, return_index=True)[1]
    texts = [[distinct[i] for i in code[first]] for code, distinct in cells]
    read = pd.DataFrame([_row(*each) for each in zip(*texts, strict=True)], columns=list(EMPTY))
    read = read.astype({name: type(value) for name, value in EMPTY.items()})
    return read.iloc[codes].set_axis(rows.index)


def _distinct(values: pd.Series) -> tuple[np.ndarray, list[str]]:
    """The distinct texts of a column, and the number of the one in each row."""
    raw, cells = pd.factorize(values.astype(object), use_na_sentinel=False)
    code, texts = pd.factorize(np.array([_text(each) for each in cells], dtype=object))
    return code[raw] if len(code) else raw, list(texts)


def _text(value: Any) -> str:
    """A cell as text; empty for what stands for an empty cell."""
    text = "" if value is None or value is pd.NA or value != value else str(value).strip()
    return "" if text.lower() in UNSAID else text


class UnreadError(InputError):
    """Why a row cannot be read."""


def _row(
    model: str, gpu: str, n_gpus: str, tp: str, precision: str, engine: str, inputs: str, outputs: str, load: str,
    metric: str,
) -> tuple:  # fmt: skip
    """What one row says, in the order of `EMPTY`; with a reason, as far as it could be read."""
    found, notes = {**EMPTY, "metric": metric}, []
    try:
        for step in (
            lambda: _metric(found, metric),
            lambda: _model(found, notes, model),
            lambda: _gpu(found, notes, gpu),
            lambda: _engine(found, notes, engine),
            lambda: _precision(found, notes, precision or _suffix(model), engine),
            lambda: _gpus(found, notes, n_gpus, gpu, tp, load),
            lambda: _load(found, notes, load),
            lambda: _lengths(found, notes, inputs, outputs),
        ):
            step()
    except UnreadError as why:
        found["reason"] = str(why)
    return tuple({**found, "note": "; ".join(dict.fromkeys(filter(None, notes)))}.values())


def _metric(found: dict[str, Any], metric: str) -> None:
    name = metric.lower()
    kind = METRICS.get(name) or next((kind for start, kind in PREFIXES.items() if name.startswith(start)), "")
    if not kind:
        known = (*METRICS, "ttft_ms", "tpot_ms", "itl_ms_mean")
        raise UnreadError(
            f"metric {metric!r} is not predicted{near(metric, known) or ': known are ' + ', '.join(known)}"
        )
    found |= {"metric": name, "metric_kind": kind}


def _known(kind: str, text: str, notes: list[str]) -> Match:
    if not text:
        raise UnreadError(f"{kind} is empty")
    match_ = match(kind, text)
    if match_.note:
        notes.append(f"{kind} {text!r}: {match_.note}")
    return match_


def _model(found: dict[str, Any], notes: list[str], text: str) -> None:
    read = _known("model", text, notes)
    found["model"] = read.key or shapes.estimate(spelled(text))
    if not found["model"]:
        raise UnreadError(f"model {read.reason}; its name says no size from which to estimate its shape")
    found["estimated"] = not read.key
    if found["estimated"]:
        notes.append(f"model {text!r} is not in the table: shape estimated from the size in its name")


def _gpu(found: dict[str, Any], notes: list[str], text: str) -> None:
    read = _known("gpu", text, notes)
    if not read.key:
        raise UnreadError(f"gpu {read.reason}")
    found["gpu"] = read.key


def _engine(found: dict[str, Any], notes: list[str], text: str) -> None:
    if re.search(readings.SPECULATIVE, text.lower()):
        raise UnreadError(f"engine {text!r} decodes speculatively, and the accepted length is not in the row")
    read = match("engine", text) if text else Match()
    found["engine"] = read.key or "other"
    if not read.key:
        notes.append(f"engine {text!r} is not known: other" if text else "engine not given: other")


def _suffix(model: str) -> str:
    """The precision that a model's name ends in, such as ``-FP8`` or ``-AWQ``; empty where it names none."""
    return model if match("precision", model).key else ""


def _precision(found: dict[str, Any], notes: list[str], text: str, engine: str) -> None:
    """Weights, cache and arithmetic. A GPU that has no unit for the arithmetic works at 16 bits."""
    if re.search(readings.SPECULATIVE, text.lower()):
        raise UnreadError(f"precision {text!r} names a draft model, and the accepted length is not in the row")
    weights, cache = _cache(text)
    read = _known("precision", weights, notes) if weights else Match("bf16", "")
    if not weights:
        notes.append("precision not given: BF16")
    if not read.key:
        raise UnreadError(f"precision {read.reason}")
    about, key = _about("engines", found["engine"]), read.key
    found["precision"] = key
    found["kv_precision"] = cache or _default_cache(key, bool(about["cache_follows_weights"]))
    stored = _about("precisions", key)
    wanted = "fp4" if key == "mxfp4" and about["native_mxfp4"] else stored["compute_precision"]
    found["compute_precision"] = wanted if wanted in _units(found["gpu"]) else "fp16"
    found["weight_only"] = bool(stored["weight_bits"] < 16 and found["compute_precision"] == "fp16")


@tracking.derived
def _about(table: str, key: str) -> dict[str, Any]:
    return data.row(table, key).to_dict()


@tracking.derived
def _units(gpu: str) -> set[str]:
    """The precisions that the units of an accelerator work in."""
    known = data.facts("accelerators", gpu)
    return {"fp16", "fp32"} | {name for name in ("fp8", "int8", "fp4") if f"dense_{name}_teraflops" in known}


def _cache(text: str) -> tuple[str, str]:
    """A precision without what it says of the cache, and the cache's key: ``"INT4 AWQ; KV fp8"``."""
    said = re.search(r"kv\s*(?:cache)?\s*[:=]?\s*(fp8|int8|fp16|bf16)|(fp8|int8|fp16|bf16)\s*kv", text.lower())
    if said:
        return (text[: said.start()] + text[said.end() :]).strip(" ;,+") or said[0], said[1] or said[2]
    if re.search(r"weights?\s*\+\s*kv", text.lower()):
        return text, match("precision", text).key
    return text, ""


def _default_cache(precision: str, follows: bool) -> str:
    if precision == "fp32":
        return "fp32"
    return "fp8" if follows and precision in NARROW else "bf16"


# --- GPUs ------------------------------------------------------------------------------------------------------------


def _gpus(found: dict[str, Any], notes: list[str], n_gpus: str, gpu: str, tp: str, load: str) -> None:
    """How many GPUs there are, and how copies, stages and tensor-parallel groups share them."""
    said = readings.layout(tp)
    if said.speculative:
        raise UnreadError(f"tp {tp!r} names speculative decoding, and the accepted length is not in the row")
    count = _count(found, notes, n_gpus, gpu, said)
    if said.wide or said.expert > count:
        raise UnreadError(f"tp {tp!r} spreads experts over more GPUs than the {count:g} of the row")
    tensor, pipeline, spread = _ways(found, notes, said, count)
    whole = not said.unread and float(tensor).is_integer() and float(pipeline).is_integer()
    if not whole or tensor * pipeline > count or tensor < 1 or pipeline < 1:
        raise UnreadError(
            f"tp {tp!r} is not allowed: it must be whole numbers, and tensor times pipeline parallel from 1 to n_gpus ="
            f" {count:g}"
        )
    weights, room = shapes.weight_bytes(found["model"], found["precision"]), shapes.memory_bytes(found["gpu"])
    if weights > room * tensor * pipeline and count > tensor * pipeline:
        experts = shapes.shape_of(found["model"])[0]["experts"]
        tensor, pipeline, spread = (count, 1.0, True) if experts else (tensor, count // tensor, spread)
        notes.append(f"the weights do not fit in tp {tp!r}: spread over all {count:g} GPUs")
    elif count > tensor * pipeline and math.isnan(said.data) and math.isnan(said.copies):
        spare = _about("engines", found["engine"])["spare_gpus"]
        full = spare == "pipeline at maximum load" and readings.load(load).kind == "max"
        pipeline = count // tensor if full or (spare == "pipeline" and tensor == 1) else pipeline
    if weights > room * tensor * pipeline:
        raise UnreadError(
            f"the weights of model {found['model']!r} at {found['precision']} take {weights / 1e9:,.1f} GB and do not"
            f" fit in the {room * tensor * pipeline / 1e9:,.1f} GB of {tensor * pipeline:g} {found['gpu']}"
        )
    found |= {
        "n_gpus": count, "tensor_parallel": tensor, "pipeline_parallel": pipeline, "attention_data_parallel": spread,
        "replicas": max(count // (tensor * pipeline), 1.0),
    }  # fmt: skip


def _ways(found: dict[str, Any], notes: list[str], said: readings.Layout, count: float) -> tuple[float, float, bool]:
    """Tensor and pipeline parallel ways, and whether attention is data parallel inside the tensor-parallel group."""
    pipeline = 1.0 if math.isnan(said.pipeline) else said.pipeline
    if said.cores:
        return count, pipeline, False
    if not math.isnan(said.tensor):
        return said.tensor, pipeline, said.data > 1 and said.tensor * said.data > count
    if not math.isnan(said.expert):
        return said.expert, pipeline, True
    tensor = _fewest(found, count / pipeline if pipeline >= 1 else count)
    notes.append(f"tp not given: {tensor:g}, the fewest GPUs that hold the weights with room to work" * (count > 1))
    return tensor, pipeline, False


_TIMES = re.compile(r"^\s*(\d{1,5})\s*[x×*]\s*[A-Z]|(?<=[\s\d(])[x×*](\d{1,4})\s*\)?\s*$", re.IGNORECASE)


def _count(found: dict[str, Any], notes: list[str], n_gpus: str, gpu: str, said: readings.Layout) -> float:
    """The number of GPUs: as given, else as the GPU's name says (``8xH100``), else what the layout needs."""
    value = readings.number(n_gpus)
    if n_gpus:
        if math.isnan(value) or not 1 <= value <= MOST["n_gpus"] or value != int(value):
            raise UnreadError(
                f"n_gpus {n_gpus!r} is not allowed: it must be a whole number from 1 to {MOST['n_gpus']:,.0f}"
            )
        return value
    times = _TIMES.search(gpu)
    if times and int(times[1] or times[2]):
        count = float(times[1] or times[2])
    else:
        ways = [way for way in (said.tensor, said.pipeline, said.data, said.copies) if way >= 1]
        count = float(math.prod(ways) if ways else said.expert if said.expert >= 1 else 1.0)
        notes.append(f"n_gpus not given: {count:g}")
    if count > MOST["n_gpus"]:
        raise UnreadError(f"these are {count:g} GPUs, and at most {MOST['n_gpus']:,.0f} are allowed")
    return count


def _fewest(found: dict[str, Any], limit: float) -> float:
    """The least power of two of GPUs in whose memory the weights leave room to work, at most `limit`."""
    share = shapes.weight_bytes(found["model"], found["precision"]) / shapes.memory_bytes(found["gpu"]) / WEIGHTS_SHARE
    return max(min(2.0 ** math.ceil(math.log2(max(share, 1.0))), float(int(limit))), 1.0)


# --- load and lengths ------------------------------------------------------------------------------------------------


def _load(found: dict[str, Any], notes: list[str], text: str) -> None:
    said = readings.load(text)
    single = found["metric_kind"] != "throughput"
    if not said.kind and single and not text:
        notes.append("batch_or_concurrency not given: 1")
        said = readings.Load("batch", 1.0)
    if not said.kind or (
        said.kind in ("batch", "burst", "rate") and not 0 < said.value <= MOST["batch_or_concurrency"]
    ):
        raise UnreadError(
            f"batch_or_concurrency {text!r} is not allowed: it must be a number above 0 and at most"
            f' {MOST["batch_or_concurrency"]:,.0f}, requests at once ("1000 at once"), a rate ("QPS 4"), "max load" or'
            " an MLPerf scenario"
        )
    if said.tokens:
        raise UnreadError(f"batch_or_concurrency {text!r} counts tokens: it must count sequences or requests")
    value = said.value * found["n_gpus"] if said.per_gpu else said.value
    found |= {"load": said.kind, "load_value": value, "load_requests": said.requests}
    if said.kind == "rate" and math.isnan(said.requests):
        notes.append("requests of the test not given")


def _lengths(found: dict[str, Any], notes: list[str], inputs: str, outputs: str) -> None:
    kind = found["metric_kind"]
    for name, text, least in (("input_tokens", inputs, 1.0), ("output_tokens", outputs, 0.0)):
        value = _length(found, notes, name, text)
        if math.isnan(value) and kind in ("decode", "tpot"):
            value = 1.0 if name == "input_tokens" else DECODED
            notes.append(f"{name} not given: {value:g}")
        elif math.isnan(value) and kind in ("prefill", "ttft") and name == "output_tokens":
            value = DECODED
            notes.append(f"{name} not given: {value:g}")
        if math.isnan(value):
            raise UnreadError(f"{name} {text!r} is not allowed: it must be a number of tokens or a known data set")
        least = 0.0 if kind in ("decode", "tpot") else least
        if not least <= value <= MOST[name]:
            raise UnreadError(f"{name} {text!r} is not allowed: it must be from {least:g} to {MOST[name]:,.0f}")
        found[name] = value


def _length(found: dict[str, Any], notes: list[str], name: str, text: str) -> float:
    """Tokens of a text: a number, the middle of a range, or the mean of a data set that `workload_facts` knows."""
    ends = readings.between(text)
    if ends:
        notes.append(f"{name} {text!r}: the middle of the range")
        return sum(ends) / 2
    low = text.lower()
    subject = "sharegpt" if "sharegpt" in low else "short_chat" if "short" in low else ""
    if not subject and (low == "dataset" or not low) and found["load"] in ("offline", "server", "interactive"):
        subject = f"mlperf_{found['model']}"
    mean = _means().get(f"{subject}_{name}_mean")
    if mean is None:
        return readings.number(text)
    notes.append(f"{name} {text!r}: the mean of {subject}")
    return mean


@tracking.derived
def _means() -> dict[str, float]:
    return data.table("workload_facts")["value"].astype(float).to_dict()
