"""Shapes of models by key, among them models known only by the size in their name, and the room their weights take."""

from __future__ import annotations

import math
import re

from costlib import cases, data, tracking
from costlib.data import Fact
from costlib.equations import Model
from costlib.errors import InputError
from costlib.models import memory

PREFIX = "estimated_"
LEAST, MOST = 0.05e9, 5e12  # weights of a model whose shape is estimated
_SIZE = re.compile(r"(?<= )(\d+(?:\.\d+)?)(b|m)(?= )")


def estimate(words: str) -> str:
    """The key of an estimated shape for a model of which only the size is known, ``""`` where the name has none.

    `words` is the name as `names.spelled` gives it. ``"30b a 3b"`` are all and active weights, ``"8x7b"`` eight
    experts of which two work.
    """
    sizes = [float(number) * (1e9 if unit == "b" else 1e6) for number, unit in _SIZE.findall(words)]
    times = re.search(r" (\d+)x([\d.]+)b ", words)
    if times:
        count, each = float(times[1]), float(times[2]) * 1e9
        total, used = count * each, min(count, 2.0) * each
    elif sizes:
        active = re.search(r" a (\d+(?:\.\d+)?)b ", words)
        total, used = max(sizes), float(active[1]) * 1e9 if active else max(sizes)
    else:
        return ""
    if not LEAST <= total <= MOST or not 0 < used <= total:
        return ""
    return f"{PREFIX}{total / 1e9:g}b" + (f"_a{used / 1e9:g}b" if used < total else "")


@tracking.derived
def shape_of(model: str) -> tuple[dict[str, bool], dict[str, Fact]]:
    """`cases.shape` of a model of the table, or of an estimated one by the key that `estimate` gives."""
    if not model.startswith(PREFIX):
        return cases.shape(model)
    total, *active = (float(each[:-1].removeprefix("a")) * 1e9 for each in model.removeprefix(PREFIX).split("_"))
    return _estimated(total, active[0] if active else total)


def neighbour(total: float, active: float) -> str:
    """The model of the table nearest in size, by ratio: with experts where `active` is less than `total`."""
    mixed = active < total

    def distance(key: str) -> float:
        size = sizes(key)
        return abs(math.log(size["total_parameters"] / total)) + abs(math.log(size["active_parameters"] / active))

    rows = data.table("models")
    usual = rows[(rows["attention"] == "GQA") & (rows["window_layers"] == 0) & ((rows["moe_ffn_layers"] > 0) == mixed)]
    return min(usual.index, key=distance)


@tracking.derived
def sizes(model: str) -> dict[str, float]:
    """All and active weights of a model, and those of its vocabulary tables."""
    kind, numbers = shape_of(model)
    return Model(*memory.equations_for(**kind)).evaluate(
        numbers, "total_parameters", "active_parameters", "table_parameters"
    )


def _estimated(total: float, active: float) -> tuple[dict[str, bool], dict[str, Fact]]:
    """The neighbour's shape, with as many layers as `total` weights need and no fewer than one."""
    key = neighbour(total, active)
    kind, numbers = cases.shape(key)
    tables = numbers["embedding_tables"] * sizes(key)["table_parameters"]
    growth = max(total - tables, 0.0) / (sizes(key)["total_parameters"] - tables)
    layers = max(round(float(numbers["n_layers"]) * growth), 1)
    dense = layers - min(round(float(numbers["moe_ffn_layers"]) * growth), layers) if kind["experts"] else layers
    counts = {"n_layers": layers, "full_attention_layers": layers, "dense_ffn_layers": dense}
    counts["moe_ffn_layers"] = layers - dense
    scaled = {
        name: Fact(float(count), **{**numbers[name].__dict__, "kind": "estimated"}) for name, count in counts.items()
    }
    return kind, {**numbers, **scaled}


@tracking.derived
def weight_bytes(model: str, precision: str) -> float:
    """Bytes that the weights of `model` take at `precision`. Raises InputError for unknown names."""
    kind, numbers = shape_of(model)
    stored = cases.weights(precision, "bf16")
    return Model(*memory.equations_for(**kind))({**numbers, **stored}, "weight_bytes")


@tracking.derived
def memory_bytes(gpu: str) -> float:
    """The most that an accelerator can hold: what its driver reports, else the datasheet's GB read as GiB.

    The weights of a row that fit in less are not turned away for the difference.
    """
    found = data.facts("accelerators", gpu)
    if "reported_mebibytes" in found:
        return float(found["reported_mebibytes"])
    if "memory_gigabytes" in found:
        return float(found["memory_gigabytes"]) * 2**30 / 1e9
    raise InputError(f"data/accelerators.csv knows no memory of {gpu}")
