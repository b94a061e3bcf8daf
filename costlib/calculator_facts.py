"""What the calculator's scripts need of the tables: every model, precision, GPU and API, in base units."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from costlib import calculator, calibration, cases, data, economics, intervals, prices, serving, units
from costlib.errors import InputError
from costlib.quantities import quantity

Facts = dict[str, Any]
ASSUMED = (*economics.ASSUMED, *economics.RELIABILITY, "memory_reserve_share", "tokens_per_step")
UNLESS = {"experts_per_token": 0.0, "moe_ffn_layers": 0.0}  # of a model without experts
ALL_APPLY = {"compute_precision": serving.NARROW[0], "weight_only": True, "experts": True}


def facts() -> Facts:
    """The rows behind every choice of `calculator.INPUTS`, by table and key, and what holds for all of them."""
    models = {key: _model(key) for key in data.table("models").index}
    kinds = sorted({each["kind"] for each in models.values()})
    needed = {name for kind in kinds for name in calculator.equations(kind).inputs(*calculator.TARGETS)}
    shape = [name for name in serving.SHAPE if name in needed] + ["max_context_tokens"]
    rented = set(zip(*(data.table("gpu_rental_prices")[name] for name in ("gpu", "contract")), strict=True))
    found = {
        "models": {key: {**each, "v": [each["v"].get(name) for name in shape]} for key, each in models.items()},
        "accelerators": {key: each for key in data.table("accelerators").index if (each := _gpu(key, rented))},
        "precisions": {key: _precision(key) for key in data.table("precisions").index},
        "api_models": {key: each for key in data.table("api_models").index if (each := _api(key))},
        "contracts": {key: {"name": name.capitalize()} for key, name in prices.CONTRACTS.items()},
        "vintages": {key: {"name": key.capitalize()} for key in cases.VINTAGES},
    }
    named = [key for table in ("models", "accelerators", "api_models") for key in found[table]]
    return found | {
        "shape": shape,
        "constants": _constants(found["accelerators"], [name for name in serving.CONSTANTS if name in needed]),
        "article": {key: dict(stated) for key in named if (stated := cases.article_inputs(key))},
        "assumed": {name: float(cases.assumed(name)) for name in ASSUMED},
        "plain": {**serving.PLAIN, "pipeline_parallel": 1.0},
        "unused": {name: pair for name, pair in serving.UNUSED.items() if name in needed},
        "narrow": serving.NARROW,
        "node_gpus": economics.NODE_GPUS,
        "throughput_error": intervals.throughput_error(),
        "errors": _errors(),
    }


def _model(key: str) -> Facts:
    cells, (_, shape) = data.row("models", key), cases.shape(key)
    values = {name: float(value) for name, value in {**UNLESS, **shape}.items()}
    known = key in intervals.measured()["model"]
    return {
        "name": cells["model_name"],
        "group": cells["developer"],
        "kind": calculator.kind_of(key),
        "known": known,
        "v": values,
    }


def _constants(gpus: Facts, names: list[str]) -> Facts:
    """The measured constants, once for all GPUs that share them; `gpus` get the place of theirs."""
    rows: dict[tuple[float, ...], int] = {}
    for key, about in gpus.items():
        measured = calibration.constants(calculator.ENGINE, key, **ALL_APPLY)
        about["constants"] = rows.setdefault(tuple(measured[name] for name in names), len(rows))
    return {"names": names, "rows": list(rows)}


def _precision(key: str) -> Facts:
    cells, bits = data.row("precisions", key), data.row("precisions", key)["weight_bits"]
    stored = {name: float(value) for name, value in cases.weights(key, key).items()}
    plain = pd.isna(cells["scale_bits"]) and f"{bits:g}" in cells["compute_precision"]
    return {
        "name": cells["precision_name"], "computed": cells["compute_precision"], "packed": bool(bits < 16),
        "cached": stored.pop("bytes_per_cached_number"), "cache": bool(plain), "v": stored,
    }  # fmt: skip


def _gpu(key: str, rented: set[tuple[str, str]]) -> Facts | None:
    """None for a GPU whose dense 16-bit peak is not known, since nothing can be computed of it."""
    cells, found = data.row("accelerators", key), data.facts("accelerators", key)
    peaks = {name.split("_")[1]: float(value) for name, value in found.items() if name.startswith("dense_")}
    if "fp16" not in peaks:
        return None
    values = {f.quantity: float(f) for f in cases.accelerator(key, "fp16").values()}
    del values["peak_flops_per_second"]  # it depends on the precision
    link = serving.hardware(key, "fp16")["interconnect_bytes_per_second"]
    return {
        "name": cells["gpu_name"], "group": cells["vendor"], "known": key in intervals.measured()["gpu"],
        "peaks": peaks,
        "v": {**values, "interconnect_bytes_per_second": link},
        "rents": {contract: _rent(key, contract) for contract in prices.CONTRACTS if (key, contract) in rented},
    }  # fmt: skip


def _rent(gpu: str, contract: str) -> Facts:
    rows, middle = prices.rental_rows(gpu, contract), prices.rental(gpu, contract)
    quoted = quantity("usd_per_gpu_second").quote
    low, _, high = prices.rental_range(gpu, contract)
    span = f"; most ask {quoted(low).split(' ')[0]} to {quoted(high)}" if len(rows) > 1 else ""
    count = "the only quote" if len(rows) == 1 else f"median of {len(rows)} quotes"
    extra = ", with what interruptions take" if contract == "spot" else ""
    price = float(economics.dependable(middle, contract))
    return {"price": price, "note": f"{count}, newest of {rows['date'].max()}{extra}{span}"}


def _api(key: str) -> Facts | None:
    cells = data.row("api_models", key)
    try:
        sold = prices.offer(key)
    except InputError:
        return None
    asked = {
        kind: None if pd.isna(sold[kind]) else units.to_base(float(sold[kind]), "USD/megatoken")
        for kind in ("input", "output", "cached_input", "batch_input")
    }
    note = f"list price of {prices.provider_name(sold['provider'])}, {sold['date']}{' (old)' if sold['old'] else ''}"
    return {"name": cells["api_model_name"], "group": cells["developer"], "note": note, **asked}


def _errors() -> Facts:
    """Quantiles of the logarithm of measured over predicted by kind of metric and load, and how news widen them."""
    table, factors = intervals.committed()
    classes = [name for name in table.index if name == "all" or " batch" in name]
    ends = table.loc[classes, ["q05", "q50", "q95"]]
    return {
        "quantiles": {name: [float(each) for each in row] for name, row in ends.iterrows()},
        "widening": {name: float(factors[name]) for name in ("source", "gpu", "model")},
        "few": intervals.FEW,
    }


def rounded(value: Any) -> Any:
    """`value` as JSON takes it: numpy's numbers as Python's, whole ones without a fraction."""
    if isinstance(value, dict):
        return {key: rounded(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(each) for each in value]
    if isinstance(value, bool | str) or value is None:
        return value
    plain = float(np.asarray(value))
    return int(plain) if plain == int(plain) else plain
