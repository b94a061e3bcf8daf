"""Forecasts of prices and how to judge them: no change, a straight line drawn on, and what prices did in a year before.

Prices are logarithms here. A forecast is an array of draws; the continuous ranked probability score (CRPS) of a draw
of forecasts is in the same unit, so that exp(score) is a factor by which one is off. Plain numeric work.
"""

from __future__ import annotations

import numpy as np
from scipy import stats

from costlib.errors import InputError
from costlib.trends import LEAST, SEED

DRAWS = 2_000
COVERED = 0.8  # of the intervals of a forecast


def crps(draws: np.ndarray, happened: float | np.ndarray) -> np.ndarray:
    """The score of forecasts (last axis: draws) for what `happened`: 0 is perfect, a sure forecast scores its error.

    The mean distance to what happened less half the mean distance between draws. Source: gneiting_2007_scoring.
    """
    ordered = np.sort(draws, axis=-1)
    count = ordered.shape[-1]
    weights = (2 * np.arange(1, count + 1) - count - 1) / count**2
    distance = np.abs(ordered - np.expand_dims(happened, -1)).mean(axis=-1)
    return distance - ordered @ weights


def no_change(years: np.ndarray, logs: np.ndarray, at: float, draws: int = DRAWS, seed: int = SEED) -> np.ndarray:
    """The last price stays, give or take what a random walk does until `at`, as wild as the series was so far."""
    variance = np.sum(np.diff(logs) ** 2) / (years[-1] - years[0])
    noise = np.random.default_rng(seed).standard_normal(draws)
    return logs[-1] + noise * np.sqrt(variance * (at - years[-1]))


def extrapolated(years: np.ndarray, logs: np.ndarray, at: float, draws: int = DRAWS, seed: int = SEED) -> np.ndarray:
    """The line of least squares drawn on to `at`, with the interval that its textbook formula gives.

    Raises InputError where there are too few points.
    """
    count = len(years)
    if count < LEAST:
        raise InputError(f"{count} {'price' if count == 1 else 'prices'} make no trend: it takes {LEAST}")
    line = stats.linregress(years, logs)
    rest = logs - line.intercept - line.slope * years
    mean, spread = years.mean(), np.sum((years - years.mean()) ** 2)
    error = np.sqrt(rest @ rest / (count - 2) * (1 + 1 / count + (at - mean) ** 2 / spread))
    return line.intercept + line.slope * at + error * stats.t.rvs(
        count - 2, size=draws, random_state=np.random.default_rng(seed)
    )


def past_changes(panel: np.ndarray, months: int = 12) -> np.ndarray:
    """Every change over `months` that a `panel` of logarithms (months, series; NaN where there is no price) shows."""
    if len(panel) <= months:
        return np.empty(0)
    change = panel[months:] - panel[:-months]
    return change[np.isfinite(change)]


METHODS = {"change": "past changes", "stay": "no change", "line": "a line drawn on"}


def backtest(panel: np.ndarray, months: int = 12, least: int = LEAST, seed: int = SEED) -> dict[str, np.ndarray]:
    """Scores of forecasts over `months` from every month and series of a `panel` (months, series; NaN for none).

    Keys of `METHODS`: past changes of all series up to then; no change, as wild as these were; the series' own line.
    Each forecast knows only what was known in its month. Also "inside": whether what happened lay in the interval of
    past changes. One entry per forecast; only months and series for which all three can be made.
    """
    rng = np.random.default_rng(seed)
    found: dict[str, list[float]] = {**{name: [] for name in METHODS}, "inside": []}
    for month in range(months + 1, len(panel) - months):
        known, later = panel[: month + 1], panel[month + months]
        pool = past_changes(known, months)
        if len(pool) < least:
            continue
        stay = rng.standard_normal(DRAWS) * np.sqrt(np.mean(pool**2))
        low, high = np.quantile(pool, ((1 - COVERED) / 2, (1 + COVERED) / 2))
        for series in np.flatnonzero(np.isfinite(known[-1]) & np.isfinite(later)):
            seen = np.flatnonzero(np.isfinite(known[:, series]))
            if len(seen) < least:
                continue
            logs, change = known[seen, series], later[series] - known[-1, series]
            line = extrapolated(seen / 12, logs, (month + months) / 12, DRAWS, int(rng.integers(2**31)))
            found["change"].append(float(crps(pool, change)))
            found["stay"].append(float(crps(stay, change)))
            found["line"].append(float(crps(line - logs[-1], change)))
            found["inside"].append(float(low <= change <= high))
    return {name: np.array(values) for name, values in found.items()}
