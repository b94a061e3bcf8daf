"""Can the serving model be trusted: predictions for measurements that were left out of the fit, and their errors.

Sets are left out whole (configurations, GPUs, models, engines, sources), in folds that are fitted at once.
"""

from __future__ import annotations

import functools
import zlib
from collections.abc import Callable

import numpy as np
import pandas as pd

from costlib import calibration, data, intervals
from costlib.serving import IDEAL, Rows

SCHEMES = ("configuration", "gpu", "model", "engine", "source")
FOLDS = 8


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


@functools.cache
def left_out() -> pd.DataFrame:
    """Predictions of every measurement by fits that did not see its set: one column per scheme, NaN where none could."""
    frame, rows, measured = calibration.measurements()
    whole = calibration.fit(rows, measured)
    return _left_out(frame, rows, measured, whole)


def _left_out(frame: pd.DataFrame, rows: Rows, measured: np.ndarray, whole: calibration.Calibration) -> pd.DataFrame:
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
    out = _left_out(frame, rows, measured, whole)
    tables = {
        "calibration": calibration.table_of(whole),
        "prediction_errors": intervals.table_of(errors(out, measured), intervals.classes(rows.parsed)),
    }
    for name, table in tables.items():
        table.to_csv(data.package()[name].path, index=False, lineterminator="\n")
    return [(data.package()[name].path.name, len(table)) for name, table in tables.items()]
