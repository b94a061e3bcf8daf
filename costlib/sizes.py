"""How cost grows with size: every model of the tables on one kind of GPU, and power laws through the results."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from costlib import cases, data, economics, prices, tracking
from costlib.equations import Model
from costlib.errors import InputError
from costlib.models import memory

CASE = ("precision", "kv_precision", "input_tokens", "output_tokens", "batch", "vintage")  # what memory depends on

LEAST = 1e9  # weights of a model that is served: the cost of smaller ones is that of the fixed times of a step
CLASSES = {  # below so many weights
    "below 5B": 5e9, "7B": 10e9, "13B to 70B": 75e9, "70B to 405B": 405e9, "405B and more": float("inf"),
}  # fmt: skip
SEED = 20_261_124
_NOTHING = 1e-9  # so little that it takes no part
RESAMPLES = 4_000


def class_of(total_parameters: float) -> str:
    """The article's class of a model; 70B stands for sizes around it, so that 72 billion weights are not yet beyond."""
    return next(name for name, limit in CLASSES.items() if total_parameters < limit)


def smallest_deployment(model: str, gpu: str, **given: Any) -> tuple:
    """`economics.hosted` on the smallest power of two of GPUs that holds the weights and the batch at full length."""
    _, values = cases.deployment(model, gpu, **{k: v for k, v in given.items() if k in CASE})
    return economics.hosted(model, gpu, n_gpus=2.0 ** np.ceil(np.log2(values["n_gpus"])), **given)


def served(gpu: str, **given: Any) -> pd.DataFrame:
    """Every model of `LEAST` weights whose context is long enough: size, class, GPUs, cost at full and at usual load.

    `given` is what `economics.hosted` takes. Usual load is the assumed utilization; people and spares, which depend on
    the volume and not on the model, are left out. Costs are in USD per token. `first` marks
    the first of the models that have one shape.
    """
    rows = []
    for model, cells in data.table("models").iterrows():
        if cells["max_context_tokens"] < given["input_tokens"] + given["output_tokens"]:
            continue
        equations, values = smallest_deployment(model, gpu, utilization=cases.assumed("utilization"), **given)
        found = equations.evaluate(
            values, "idle_usd_per_token", "total_parameters", "active_parameters", "weight_bytes"
        )
        if found["total_parameters"] < LEAST:
            continue
        rows.append({
            "model": model, "model_name": cells["model_name"], "experts": bool(cells["moe_ffn_layers"]),
            "total": found["total_parameters"], "active": found["active_parameters"],
            "class": class_of(found["total_parameters"]), "n_gpus": found["n_gpus"], "weights": found["weight_bytes"],
            "rent": found["rent_usd_per_token"], "usual": found["idle_usd_per_token"],
        })  # fmt: skip
    if not rows:
        raise InputError("input_tokens + output_tokens is longer than any model of data/models.csv was built for")
    frame = pd.DataFrame(rows).set_index("model")
    return frame.assign(first=~frame.duplicated(["total", "active", "rent"]))


@tracking.question
def sold(input_tokens: float, output_tokens: float, on: str | None = None) -> pd.DataFrame:
    """What hosts ask for open models of the tables, per token of the mix in USD: one row per model and host."""
    asked = prices.offers(on)
    asked = asked[~asked["provider"].isin(prices.AGGREGATORS)]
    open_model = data.table("api_models")["open_model"]
    asked = asked.assign(model=asked["api_model"].map(open_model)).dropna(subset=["model"])
    blended = (asked["input"] * input_tokens + asked["output"] * output_tokens) / (input_tokens + output_tokens)
    asked = asked.assign(price=blended / 1e6)
    sizes = {model: _size(model) for model in asked["model"].unique()}
    for place, name in enumerate(("total", "active")):
        asked[name] = [sizes[model][place] for model in asked["model"]]
    asked["experts"] = [bool(data.row("models", model)["moe_ffn_layers"]) for model in asked["model"]]
    asked["class"] = [class_of(total) for total in asked["total"]]
    return asked


def total_parameters(model: str) -> float:
    """All weights of a model of the tables."""
    return _size(model)[0]


def _size(model: str) -> tuple[float, float]:
    kind, numbers = cases.shape(model)
    found = Model(*memory.equations_for(**kind)).evaluate(numbers, "total_parameters", "active_parameters")
    return float(found["total_parameters"]), float(found["active_parameters"])


def without(gpu: str, **given: Any) -> dict[str, float]:
    """The exponent of dense models in all weights if caches or the fixed times, or both, took no time."""
    fixed = [
        "step_overhead_seconds", "layer_seconds", "allreduce_latency_seconds", "sequence_seconds",
        "request_overhead_seconds",
    ]  # fmt: skip
    cut = dict.fromkeys(["bytes_per_cached_number", *fixed], _NOTHING)
    parts = {"caches": ["bytes_per_cached_number"], "fixed": fixed, "both": list(cut)}
    found = {}
    for name, chosen in parts.items():
        frame = served(gpu, **given, **{each: cut[each] for each in chosen})
        frame = frame[~frame["experts"] & frame["first"]]
        found[name] = power_law(frame["total"], frame["usual"]).exponent
    return found


@dataclass(frozen=True)
class PowerLaw:
    """``y = scale * x ** exponent`` through `points` points, with a 90% interval of the exponent from a bootstrap.

    `miss` is the factor by which a point typically lies off the line (the exponential of the residuals' deviation).
    """

    exponent: float
    low: float
    high: float
    scale: float
    points: int
    miss: float
    draws: np.ndarray

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """The law at each `x`."""
        return self.scale * np.asarray(x, dtype=float) ** self.exponent

    def band(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The 5% and 95% quantile of the resampled laws at each `x`."""
        exponents, scales = self.draws
        laws = np.log(scales) + np.outer(np.log(x), exponents)
        low, high = np.quantile(laws, (0.05, 0.95), axis=1)
        return np.exp(low), np.exp(high)


def power_law(x: np.ndarray, y: np.ndarray) -> PowerLaw:
    """The least-squares line through logarithms, and how it moves when points are drawn again with replacement.

    The seed is fixed. The interval says how far the answer hangs on which models happen to be in the table; it is not
    an error of measurement. Raises InputError with fewer than five different x.
    """
    u, v = np.log(np.asarray(x, dtype=float)), np.log(np.asarray(y, dtype=float))
    if len(np.unique(u)) < 5:
        raise InputError(f"a power law needs at least five different sizes, and there are {len(np.unique(u))}")
    picks = np.random.default_rng(SEED).integers(len(u), size=(RESAMPLES, len(u)))
    picks = picks[np.ptp(u[picks], axis=1) > 0]
    slopes, intercepts = _line(u[picks], v[picks])
    (slope,), (intercept,) = _line(u[np.newaxis], v[np.newaxis])
    low, high = np.quantile(slopes, (0.05, 0.95))
    draws = np.array([slopes, np.exp(intercepts)])
    miss = np.exp(np.sqrt(np.sum((v - intercept - slope * u) ** 2) / (len(u) - 2)))
    return PowerLaw(float(slope), float(low), float(high), float(np.exp(intercept)), len(u), float(miss), draws)


def growth(law: PowerLaw) -> str:
    """In words whether `law` grows less, more or as much as its x, as far as its interval can tell."""
    if law.high < 1:
        return "less than in proportion"
    return "more than in proportion" if law.low > 1 else "roughly in proportion"


def _line(u: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    middle_u, middle_v = u.mean(axis=1, keepdims=True), v.mean(axis=1, keepdims=True)
    slope = ((u - middle_u) * (v - middle_v)).sum(axis=1) / ((u - middle_u) ** 2).sum(axis=1)
    return slope, middle_v[:, 0] - slope * middle_u[:, 0]


def ratio(above: PowerLaw, below: PowerLaw, x: np.ndarray) -> float:
    """How many times `above` lies over `below` at the middle (geometric mean) of `x`."""
    middle = np.exp(np.mean(np.log(np.asarray(x, dtype=float))))
    return float(above(middle) / below(middle))


def tags(dense: pd.DataFrame, mixed: pd.DataFrame, asked: pd.DataFrame, size: str) -> list[tuple]:
    """Labelled points for a chart of cost over `size` in billions: smallest and largest dense, dearest mixture."""
    ends = [(dense, dense[size].idxmin(), "self", (8, -4)), (dense, dense[size].idxmax(), "self", (-8, 4))]
    ends.append((mixed, mixed["usual"].idxmax(), "overhead", (-8, 4) if size == "active" else (7, -12)))
    return [
        (rows.loc[key, "model_name"], rows.loc[key, size] / 1e9, rows.loc[key, "usual"] * 1e6, color, False, offset)
        for rows, key, color, offset in ends
    ]


def class_ranges(hosted: pd.DataFrame, asked: pd.DataFrame) -> list[tuple[str, str, tuple[float, float, float]]]:
    """By class of size: name, color, and least, median and greatest cost per token, self-hosted and from hosts."""
    found = []
    for name in CLASSES:
        for rows, column, label, color in ((hosted, "usual", "self", "self"), (asked, "price", "hosts", "api")):
            costs = rows[rows["class"] == name][column]
            if len(costs):
                found.append((f"{name}, {label}", color, (costs.min(), float(costs.median()), costs.max())))
    return found


def curve(law: PowerLaw, x: np.ndarray, over: np.ndarray) -> dict[str, np.ndarray]:
    """`law` and its band at `x` in USD per million tokens, left out beyond the range of the sizes `over`."""
    inside = (x >= np.min(over)) & (x <= np.max(over))
    low, high = law.band(x)
    return {name: np.where(inside, each, np.nan) * 1e6 for name, each in (("y", law(x)), ("low", low), ("high", high))}


def dots(dense: pd.DataFrame, mixed: pd.DataFrame, asked: pd.DataFrame, size: str) -> list[tuple]:
    """Every model as a point of a chart of cost over `size`: hosted dense and mixed, hosts' prices, then `tags`."""
    groups = ((dense, "usual", "self"), (mixed, "usual", "overhead"), (asked, "price", "api"))
    points = [
        ("", row[size] / 1e9, row[cost] * 1e6, color) for rows, cost, color in groups for _, row in rows.iterrows()
    ]
    return points + tags(dense, mixed, asked, size)
