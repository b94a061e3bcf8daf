"""Can the serving model be trusted: predictions for measurements that were left out of the fit, and their errors.

Sets are left out whole (configurations, GPUs, models, engines, sources), in folds that are fitted at once.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from costlib import calibration, data, intervals, sheets, tracking
from costlib.serving import IDEAL, Rows

SCHEMES = ("configuration", "gpu", "model", "engine", "source")
WITHOUT = {scheme: f"without_{scheme}" for scheme in SCHEMES}  # their columns in `report`
FOLDS = 8
SOURCE = "own_validation"  # what tables that are computed here name as their source


def sets(frame: pd.DataFrame, rows: Rows) -> dict[str, np.ndarray]:
    """What each scheme leaves out together: a name per measurement."""
    parsed = rows.parsed
    cell = parsed[["model", "gpu", "precision", "engine", "tensor_parallel"]].astype(str).agg("|".join, axis=1)
    return {
        "configuration": (cell + "|" + frame["source"].astype(str)).to_numpy(object),
        "gpu": parsed["gpu"].to_numpy(object),
        "model": parsed["model"].to_numpy(object),
        "engine": parsed["engine"].to_numpy(object),
        "source": frame["source"].astype(str).to_numpy(object),
    }


def folds(names: np.ndarray, count: int = FOLDS) -> np.ndarray:
    """A fold for each measurement; those of one name share it. Largest sets first, each into the emptiest fold."""
    sizes = pd.Series(names).value_counts()
    ordered = sorted(sizes.index, key=lambda name: (-sizes[name], zlib.crc32(name.encode())))
    filled, of = np.zeros(count, int), {}
    for name in ordered:
        of[name] = int(filled.argmin())
        filled[of[name]] += sizes[name]
    return np.array([of[name] for name in names])


@tracking.derived
def left_out() -> pd.DataFrame:
    """Predictions of every measurement by fits that did not see its set: one column per scheme."""
    frame, rows, measured = calibration.measurements()
    whole = calibration.fit(rows, measured)
    return refitted(frame, rows, measured, whole)


def refitted(frame: pd.DataFrame, rows: Rows, measured: np.ndarray, whole: calibration.Calibration) -> pd.DataFrame:
    """The same for any rows, starting from the fit of the `whole`: 40 fits at once, each without one fold of sets."""
    named = {scheme: folds(names) for scheme, names in sets(frame, rows).items()}
    counts = calibration.row_weights(rows)
    weight = np.array([np.where(fold == k, 0.0, counts) for fold in named.values() for k in range(FOLDS)])
    made = calibration.fit(rows, measured, weight, start=whole)
    predicted = rows.predict(calibration.values(rows, made.design(rows), made.estimate))
    places = np.arange(rows.size)
    found = {scheme: predicted[FOLDS * i + fold, places] for i, (scheme, fold) in enumerate(named.items())}
    return pd.DataFrame(found)


def errors(out: pd.DataFrame, measured: np.ndarray) -> dict[str, np.ndarray]:
    """Logarithms of measured over predicted, by scheme."""
    return {scheme: np.log(measured / out[scheme].to_numpy(float)) for scheme in out}


def ideal(rows: Rows, efficiency: float = 1.0) -> np.ndarray:
    """What the roofline predicts for every row: every efficiency the same, nothing else takes time."""
    return rows.predict(
        {
            name: np.full(rows.size, value * efficiency if name.endswith("efficiency") else value)
            for name, value in IDEAL.items()
        }
    )


def calibrate(progress: Callable[[str], None]) -> list[tuple[str, int]]:
    """Fit the constants to data/measurements.csv and write data/calibration.csv and data/prediction_errors.csv anew.

    Returns the names of the files with their numbers of rows.
    """
    frame, rows, measured = calibration.measurements()
    progress(f"fitting constants to {len(measured)} measurements")
    whole = calibration.fit(rows, measured)
    progress(f"fitting without each of {FOLDS} folds of {', '.join(f'{scheme}s' for scheme in SCHEMES)}")
    out = refitted(frame, rows, measured, whole)
    tables = {
        "calibration": calibration.table_of(whole),
        "prediction_errors": intervals.table_of(errors(out, measured), intervals.classes(rows.parsed)),
    }
    for name, table in tables.items():
        sheets.write(table.assign(source=SOURCE), data.package()[name].path)
    return [(data.package()[name].path.name, len(table)) for name, table in tables.items()]


# --- what the chapter shows ------------------------------------------------------------------------------------------


@tracking.derived
def report() -> pd.DataFrame:
    """Every measurement with what was predicted for it: one row each.

    Columns: ``measurement``, ``source``, the parsed configuration, ``measured``, one prediction per scheme (named by
    `WITHOUT`), ``fitted`` (by a fit that saw it), ``ideal`` (the roofline) and ``one_efficiency`` (the roofline at the
    one efficiency that is right in the middle). Values are in the unit of the metric's name.
    """
    frame, rows, measured = calibration.measurements()
    out = left_out()
    parsed = rows.parsed
    speed = ~parsed["metric_kind"].isin(("ttft", "tpot")).to_numpy()
    best = ideal(rows)
    known = speed & (parsed["load"] == "batch").to_numpy()
    efficiency = float(np.median(measured[known] / best[known]))
    return parsed.assign(
        measurement=frame["measurement"].to_numpy(object),
        source=frame["source"].to_numpy(object),
        measured=measured,
        fitted=calibration.committed().predict(rows),
        ideal=best,
        one_efficiency=ideal(rows, efficiency),
        **{WITHOUT[scheme]: out[scheme] for scheme in SCHEMES},
    )


SPEEDS = ("throughput", "decode")
KNOWN, FULL, LATE = "throughput and decode, batch known", "maximum load", "TPOT, rate or burst"
WORDS = {"configuration": "configuration", "gpu": "GPU", "model": "model", "engine": "engine", "source": "source"}
SAID = {
    "batch": "batch known", "max": "full load", "burst": "burst", "rate": "requests at a rate",
    "offline": "MLPerf offline", "server": "MLPerf server", "interactive": "MLPerf interactive",
}  # fmt: skip
LLAMAS = tuple(f"llama_3{minor}_{size}" for minor in ("", "_1", "_3") for size in ("8b", "70b"))
HOPPERS = ("h100_sxm_80gb", "h200_sxm_141gb")
NEAR, GOOD, POOR = 1.5, 0.2, 0.3  # a ratio that counts as close; middle errors that count as good and as poor
SUBSETS: dict[str, Callable[[pd.DataFrame], pd.Series]] = {
    KNOWN: lambda t: (t["load"] == "batch") & t["metric_kind"].isin(SPEEDS),
    FULL: lambda t: t["load"] == "max",
    "MLPerf": lambda t: t["load"].isin(("offline", "server", "interactive")),
    "throughput at a rate": lambda t: (t["load"] == "rate") & (t["metric_kind"] == "throughput"),
    "throughput of a burst": lambda t: (t["load"] == "burst") & (t["metric_kind"] == "throughput"),
    "prefill": lambda t: t["metric_kind"] == "prefill",
    "TPOT, batch known": lambda t: (t["load"] == "batch") & (t["metric_kind"] == "tpot"),
    LATE: lambda t: t["load"].isin(("rate", "burst")) & (t["metric_kind"] == "tpot"),
    "TTFT": lambda t: t["metric_kind"] == "ttft",
    "all": lambda t: t["metric_kind"].notna(),
}


def summary(table: pd.DataFrame, predictors: Sequence[str]) -> pd.DataFrame:
    """Errors of each of `predictors` (columns of `report`) on each of `SUBSETS`.

    Columns: subset, predictor, rows, ``median`` and ``p90`` of the absolute error relative to the measured value, and
    ``bias``, the median of predicted over measured less one.
    """
    found = []
    for name, chosen in SUBSETS.items():
        part = table[chosen(table)]
        for predictor in predictors if len(part) else ():
            error = part[predictor] / part["measured"] - 1
            size = error.abs()
            found.append((name, predictor, len(part), size.median(), size.quantile(0.9), error.median()))
    return pd.DataFrame(found, columns=["subset", "predictor", "rows", "median", "p90", "bias"])


def by(table: pd.DataFrame, column: str, predictor: str, least: int = 5) -> pd.DataFrame:
    """The same errors of one predictor by the values of `column` with at least `least` rows, largest groups first."""
    error = table[predictor] / table["measured"] - 1
    grouped = pd.DataFrame({column: table[column], "size": error.abs(), "error": error}).groupby(column)
    found = grouped.agg(
        rows=("size", "size"), median=("size", "median"), p90=("size", lambda each: each.quantile(0.9)),
        bias=("error", "median"),
    )  # fmt: skip
    return found[found["rows"] >= least].sort_values(["rows", "median"], ascending=False).reset_index()


def coverage(table: pd.DataFrame) -> pd.DataFrame:
    """How many measurements lie in their 50% and 90% intervals when their set was left out, by scheme.

    Quantiles and widening are taken from the other folds alone. Columns: scheme, rows, covered50, covered90, widening.
    """
    frame, rows, measured = calibration.measurements()
    named, of = intervals.classes(rows.parsed), sets(frame, rows)
    error = errors(table[list(WITHOUT.values())].set_axis(SCHEMES, axis=1), measured)
    found = []
    for scheme in SCHEMES:
        fold, inside, factors = folds(of[scheme]), {50: [], 90: []}, []
        for k in range(FOLDS):
            other, here = fold != k, fold == k
            if not here.any():
                continue
            known = intervals.quantiles(error["configuration"][other], named[other])
            around = intervals.spread(known, named)
            factor = intervals.widening(error[scheme][other], {q: each[other] for q, each in around.items()})
            factors.append(factor)
            middle = around["q50"][here]
            for level, low, high in ((50, "q25", "q75"), (90, "q05", "q95")):
                below, above = (middle + (around[q][here] - middle) * factor for q in (low, high))
                inside[level].append((error[scheme][here] >= below) & (error[scheme][here] <= above))
        shares = (float(np.concatenate(inside[level]).mean()) for level in (50, 90))
        found.append((scheme, len(measured), *shares, float(np.median(factors))))
    return pd.DataFrame(found, columns=["scheme", "rows", "covered50", "covered90", "widening"])


def worst(table: pd.DataFrame, predictor: str, count: int = 10) -> pd.DataFrame:
    """The `count` configurations predicted worst: one row per source, model, GPU and metric, by its largest factor."""
    off = np.abs(np.log(table[predictor] / table["measured"]))
    ranked = table.assign(factor=np.exp(off)).sort_values("factor", ascending=False)
    return ranked.drop_duplicates(["source", "model", "gpu", "metric_kind"]).head(count)
