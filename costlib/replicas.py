"""One replica seen from several sides: the parts of its step, other links, other loads, drafts and other weights.

Everything is evaluated from the serving equations with the measured constants; arrays of batches come back as arrays.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from costlib import calibration, cases, data, economics, intervals, prices, serving
from costlib.equations import Model
from costlib.errors import InputError

# What can be predicted of a replica, and the kind of metric that its error is measured on.
ERRORS = {
    "replica_output_tokens_per_second": "throughput", "gpu_output_tokens_per_second": "throughput",
    "time_to_first_token": "ttft", "output_token_seconds": "tpot", "inter_token_seconds": "tpot",
}  # fmt: skip
LINK_NAMES = {"nvlink": "NVLink", "pcie": "PCIe", "infinity_fabric": "Infinity Fabric", "ici": "ICI"}


def case(
    model: str,
    gpu: str,
    *,
    batch: float,
    engine: str = "vllm",
    n_gpus: float | None = None,
    tensor_parallel: float | None = None,
    contract: str = "on_demand",
    usd_per_gpu_second: float | None = None,
    **given: Any,
) -> tuple[Model, dict[str, Any]]:
    """The equations and values of one rented replica: `economics.served` with a layout, checked to fit in memory.

    `tensor_parallel` GPUs share every layer, and the others of `n_gpus` are further stages of a pipeline; without it
    all GPUs share every layer. The rent is the given one, the article's, or the median quote; a GPU that nobody quotes
    has none. Raises InputError where a layout does not come out even, or the batch does not fit.
    """
    data.row("engines", engine)
    equations, values = economics.served(model, gpu, engine=engine, n_gpus=n_gpus, batch=batch, **given)
    rent = usd_per_gpu_second or values.get("usd_per_gpu_second") or _rent(gpu, contract)
    values |= {"replicas": 1.0} | ({} if rent is None else {"usd_per_gpu_second": rent})
    if tensor_parallel is not None:
        cases.check("tensor_parallel", tensor_parallel)
        if n_gpus is None:
            values["n_gpus"] = math.ceil(values["n_gpus"] / tensor_parallel) * tensor_parallel
        if values["n_gpus"] % tensor_parallel:
            raise InputError(
                f"tensor_parallel = {tensor_parallel:g} is not allowed: it must divide n_gpus = {values['n_gpus']:g}"
            )
        values["pipeline_parallel"] = values["n_gpus"] / tensor_parallel
    cases.require_fit(equations, values)
    found = equations.evaluate(values, "decoding_sequences", "cache_sequences", "stage_gpus", "cache_gpus")
    if found["decoding_sequences"] > found["cache_sequences"]:
        raise InputError(
            f"batch = {batch:,.0f} does not fit: memory holds {found['cache_sequences']:,.0f} sequences at once, since"
            f" {found['stage_gpus'] / found['cache_gpus']:g} GPUs hold a copy of each cache"
        )
    return equations, values


def _rent(gpu: str, contract: str) -> float | None:
    quotes = data.table("gpu_rental_prices")
    offered = ((quotes["gpu"] == gpu) & (quotes["provider_class"] != "index")).any()
    return economics.dependable(prices.rental(gpu, contract), contract) if offered else None


def parts(equations: Model, values: dict[str, Any]) -> dict[str, np.ndarray]:
    """Seconds of a decode step by what takes them; together they are `step_seconds`."""
    found = equations.evaluate(values, "step_seconds")
    batch = found["batch"]
    messages = found["n_layers"] * found["allreduce_latency_seconds"] * found["allreduce_hops"]
    return {
        "weights": found["weight_read_seconds"],
        "fixed": found["fixed_step_seconds"] - messages,
        "links": messages + batch * found["communication_seconds_per_sequence"],
        "caches": batch * found["cache_seconds_per_sequence"],
        "arithmetic": batch * found["arithmetic_seconds_per_sequence"],
        "sequences": batch * found["sequence_seconds"],
    }


def bounds(name: str, value: float, *, model: str, gpu: str, engine: str, sequences: float) -> tuple[float, float]:
    """The 90% interval around a predicted `value` of the quantity `name`, by the errors of left-out measurements.

    Times of whole answers and GPU time per token are in inverse proportion to throughput, and so are their intervals.
    """
    about = {"load": "batch", "load_value": sequences, "gpu": gpu, "model": model, "engine": engine}
    kind = ERRORS.get(name, "throughput")
    found = intervals.bounds(pd.DataFrame([{**about, "metric_kind": kind}]), np.ones(1))
    low, high = float(found["q05"][0]), float(found["q95"][0])
    return (value / high, value / low) if name not in ERRORS else (value * low, value * high)


# --- links -----------------------------------------------------------------------------------------------------------


def other_link(gpu: str) -> tuple[str, str] | None:
    """Another link that GPUs like `gpu` come with, and an accelerator that has it; None where none is known.

    PCIe for a GPU with a faster link, and the vendor's own link for one with PCIe. The accelerator is the one with the
    middle bandwidth among the nearest: same vendor, generation and class of memory, as far as there are any.
    """
    frame = data.table("accelerators")
    about = frame.assign(stacked=frame["memory_type"].str.startswith("HBM").fillna(False).astype(bool))
    own, known = (
        about.loc[data.row("accelerators", gpu).name],
        about[about["interconnect_gigabytes_per_second"].notna()],
    )
    if own["link"] == "pcie":
        chosen = known[~known["link"].isin(("pcie", "none")) & (known["vendor"] == own["vendor"])]
    else:
        chosen = known[known["link"] == "pcie"]
    for field in ("vendor", "generation", "stacked"):
        closer = chosen[chosen[field] == own[field]]
        chosen = chosen if closer.empty else closer
    ordered = chosen.sort_values("interconnect_gigabytes_per_second", kind="stable")
    if ordered.empty:
        return None
    middle = ordered["interconnect_gigabytes_per_second"].iloc[len(ordered) // 2]
    first = ordered[ordered["interconnect_gigabytes_per_second"] == middle]
    return str(first["link"].iloc[0]), str(first.index[0])


def linked(values: dict[str, Any], donor: str, engine: str) -> dict[str, Any]:
    """`values` with the link of the accelerator `donor`: its bandwidth and what engines make of such a link."""
    measured = calibration.constants(engine, donor, "fp16")
    names = ("link_efficiency", "allreduce_latency_seconds")
    speed = serving.hardware(donor, "fp16")["interconnect_bytes_per_second"]
    return {**values, "interconnect_bytes_per_second": speed, **{name: measured[name] for name in names}}


def across(equations: Model, values: dict[str, Any], ways: Sequence[int]) -> np.ndarray:
    """Output tokens per second and GPU at each tensor parallel size of `ways`, NaN where the batch does not fit."""
    case = {**values, "n_gpus": np.asarray(ways, dtype=float), "pipeline_parallel": 1.0}
    names = ("gpu_output_tokens_per_second", "cache_room_bytes", "cache_sequences", "decoding_sequences")
    found = equations.evaluate(case, *names)
    fits = (found["cache_room_bytes"] > 0) & (found["decoding_sequences"] <= found["cache_sequences"])
    return np.where(fits, found["gpu_output_tokens_per_second"], np.nan)


# --- other loads, drafts, other weights ------------------------------------------------------------------------------

QUEUE = (
    "time_to_first_token", "answer_seconds", "output_token_seconds", "replica_output_tokens_per_second", "in_flight",
    "cache_sequences",
)  # fmt: skip


def queued(model: str, values: dict[str, Any], concurrency: np.ndarray) -> dict[str, Any]:
    """`QUEUE` of a replica for which clients keep that many requests open, however many fit."""
    kind, _ = cases.shape(model)
    case = {name: value for name, value in values.items() if name != "batch"}
    return serving.replica("batch", **kind).evaluate({**case, "concurrency": concurrency}, *QUEUE)


def speculated(
    model: str, values: dict[str, Any], draft_tokens: float, level: str = "central"
) -> tuple[Model, dict[str, Any]]:
    """The case with a draft model that proposes `draft_tokens` per step, at the assumed acceptance and cost.

    `level` low is the worse end of both assumptions, high the better one.
    """
    kind, _ = cases.shape(model)
    cost = {"low": "high", "high": "low"}.get(level, level)
    case = {name: value for name, value in values.items() if name != "tokens_per_step"}
    case |= {"acceptance_share": cases.assumed("acceptance_share", level)}
    case |= {"draft_cost_share": cases.assumed("draft_cost_share", cost), "draft_tokens": draft_tokens}
    return serving.replica("steady", **kind, speculative=True), case


def last_above(x: np.ndarray, gain: np.ndarray) -> float:
    """The largest `x` up to which `gain` stays above one: 0 where it never is, infinite where it always is."""
    below = np.flatnonzero(gain <= 1)
    if below.size == 0:
        return float("inf")
    first = below[0]
    return 0.0 if first == 0 else float(np.interp(0.0, [gain[first] - 1, gain[first - 1] - 1], x[[first, first - 1]]))
