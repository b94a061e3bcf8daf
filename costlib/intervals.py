"""How far off a prediction may be: quantiles of errors of left-out configurations, widened by what is new about a row.

Errors are logarithms of measured over predicted. A class of rows (kind of metric, kind of load) has quantiles of its
own, drawn towards those of all rows where it has few. A new source, GPU, model or engine adds variance, measured by
leaving sources, GPUs, models or engines out whole.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from costlib import calibration, data, tracking

LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)
QUANTILES = tuple(f"q{round(100 * level):02d}" for level in LEVELS)
DRAWN = 25  # rows that count as one class together with all others
NEW = ("source", "gpu", "model", "engine")
FEW = 4  # sequences up to which decode is a matter of weights alone
_MLPERF = ("offline", "server", "interactive")


def classes(parsed: pd.DataFrame) -> np.ndarray:
    """The class of each row: ``"throughput batch"``, with few or many sequences apart."""
    load = parsed["load"].where(~parsed["load"].isin(_MLPERF), "mlperf")
    many = np.where(parsed["load_value"] <= FEW, " few", " many")
    split = (parsed["metric_kind"] == "throughput") & (load == "batch")
    return (parsed["metric_kind"] + " " + load + np.where(split, many, "")).to_numpy(object)


def quantiles(errors: np.ndarray, named: np.ndarray) -> pd.DataFrame:
    """The quantiles of `errors` by class, and of all together, with the number of rows."""
    pooled = np.quantile(errors, LEVELS)
    found = {"all": (len(errors), *pooled)}
    for name in sorted(set(named)):
        own = errors[named == name]
        share = len(own) / (len(own) + DRAWN)
        found[name] = (len(own), *(share * np.quantile(own, LEVELS) + (1 - share) * pooled))
    return pd.DataFrame.from_dict(found, orient="index", columns=["rows", *QUANTILES])


def spread(table: pd.DataFrame, named: np.ndarray) -> dict[str, np.ndarray]:
    """The quantiles of each row's class, one array per level."""
    rows = table.loc[[name if name in table.index else "all" for name in named]]
    return {name: rows[name].to_numpy(float) for name in QUANTILES}


def ratio(errors: np.ndarray, found: Mapping[str, np.ndarray]) -> np.ndarray:
    """By which factor the 90% interval would have to be widened to hold each error."""
    middle = found["q50"]
    room = np.where(errors > middle, found["q95"] - middle, middle - found["q05"])
    return np.abs(errors - middle) / room


def widening(errors: np.ndarray, found: Mapping[str, np.ndarray], covered: float = 0.9) -> float:
    """The factor with which the interval holds the share `covered` of `errors`; at least 1."""
    return max(float(np.quantile(ratio(errors, found), covered)), 1.0)


def table_of(errors: Mapping[str, np.ndarray], named: np.ndarray) -> pd.DataFrame:
    """The rows of data/prediction_errors.csv for `errors` by scheme and the class of each row."""
    usable = np.isfinite(errors["configuration"])
    found = quantiles(errors["configuration"][usable], named[usable])
    rows = found.round(4).rename_axis("name").reset_index().assign(kind="quantiles", factor=np.nan)
    known = spread(found, named)
    widened = pd.DataFrame(
        {
            "kind": "widening",
            "name": NEW,
            "rows": [int(np.isfinite(errors[name]).sum()) for name in NEW],
            "factor": [round(_factor(errors[name], known), 3) for name in NEW],
        }
    )
    return pd.concat([rows, widened], ignore_index=True)[["kind", "name", "rows", *QUANTILES, "factor"]]


def _factor(errors: np.ndarray, known: Mapping[str, np.ndarray]) -> float:
    usable = np.isfinite(errors)
    return widening(errors[usable], {name: each[usable] for name, each in known.items()})


@tracking.derived
def committed() -> tuple[pd.DataFrame, dict[str, float]]:
    """The quantiles by class, and the widenings by what is new, of data/prediction_errors.csv."""
    table = data.table("prediction_errors").set_index("name")
    classed = table[table["kind"] == "quantiles"]
    return classed[["rows", *QUANTILES]], table.loc[table["kind"] == "widening", "factor"].to_dict()


@tracking.derived
def measured() -> dict[str, set[str]]:
    """The GPUs, models and engines that the constants are fitted to."""
    _, rows, _ = calibration.measurements()
    return {name: set(rows.parsed[name]) for name in ("gpu", "model", "engine")}


def combined(new: Mapping[str, np.ndarray], factors: Mapping[str, float]) -> np.ndarray:
    """The widening of rows that are new in several ways: what each adds to the variance is added up."""
    return np.sqrt(1 + sum(flags * (factors[name] ** 2 - 1) for name, flags in new.items()))


def bounds(parsed: pd.DataFrame, predicted: np.ndarray, source: bool = True) -> dict[str, np.ndarray]:
    """The quantiles around each prediction, by `QUANTILES`; `source`: the rows come from sources not fitted to."""
    table, factors = committed()
    found = spread(table, classes(parsed))
    new = {name: ~parsed[name].isin(seen).to_numpy() for name, seen in measured().items()}
    wide = combined({"source": np.full(len(parsed), source), **new}, factors)
    return {name: predicted * np.exp(found["q50"] + (each - found["q50"]) * wide) for name, each in found.items()}


def throughput_error() -> tuple[float, float, float]:
    """Low, central and high of real over modelled throughput: 5% and 95% quantile for a new source, and 1."""
    table, factors = committed()
    row = table.loc["throughput batch many"]
    low, high = (float(np.exp(row[name] * factors["source"])) for name in ("q05", "q95"))
    return low, 1.0, high
