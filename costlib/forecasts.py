"""Forecasts of prices and how to judge them: no change, a straight line drawn on, and what prices did in a year before.

Prices are logarithms here. A forecast is an array of draws; the continuous ranked probability score (CRPS) of a
forecast is in the same unit, so that exp(score) is a factor by which one is off. Plain numeric work.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd
from scipy import stats

from costlib.errors import InputError
from costlib.trends import LEAST, SEED

DRAWS = 2_000
COVERED = 0.8  # of the intervals of a forecast
METHODS = {"stay": "no change", "change": "past changes", "line": "a line drawn on"}


def crps(draws: np.ndarray, happened: float | np.ndarray) -> np.ndarray:
    """The score of forecasts (last axis: draws) for what `happened`: 0 is perfect, a sure forecast scores its error.

    The mean distance to what happened less half the mean distance between draws. Source: gneiting_2007_scoring.
    """
    ordered = np.sort(draws, axis=-1)
    count = ordered.shape[-1]
    weights = (2 * np.arange(1, count + 1) - count - 1) / count**2
    distance = np.abs(ordered - np.expand_dims(happened, -1)).mean(axis=-1)
    return distance - ordered @ weights


def ends(draws: np.ndarray) -> tuple[float, float, float]:
    """The low end, the middle and the high end of the interval of a forecast."""
    low, middle, high = np.quantile(draws, ((1 - COVERED) / 2, 0.5, (1 + COVERED) / 2))
    return float(low), float(middle), float(high)


# --- one series ------------------------------------------------------------------------------------------------------


def no_change(years: np.ndarray, logs: np.ndarray, at: float, seed: int = SEED) -> np.ndarray:
    """The last price stays, give or take what a random walk does until `at`, as wild as the series was so far."""
    variance = np.sum(np.diff(logs) ** 2) / (years[-1] - years[0])
    noise = np.random.default_rng(seed).standard_normal(DRAWS)
    return logs[-1] + noise * np.sqrt(variance * (at - years[-1]))


def extrapolated(years: np.ndarray, logs: np.ndarray, at: float, seed: int = SEED) -> np.ndarray:
    """The line of least squares drawn on to `at`, with the interval that its textbook formula gives.

    Raises InputError where there are fewer than `LEAST` points.
    """
    count = len(years)
    if count < LEAST:
        raise InputError(f"{count} {'price' if count == 1 else 'prices'} make no trend: it takes {LEAST}")
    line = stats.linregress(years, logs)
    rest = logs - line.intercept - line.slope * years
    mean, spread = years.mean(), np.sum((years - years.mean()) ** 2)
    error = np.sqrt(rest @ rest / (count - 2) * (1 + 1 / count + (at - mean) ** 2 / spread))
    noise = np.random.default_rng(seed).standard_t(count - 2, DRAWS)
    return line.intercept + line.slope * at + error * noise


def hindcasts(years: np.ndarray, logs: np.ndarray, origins: Iterable[float]) -> pd.DataFrame:
    """What a line drawn on from each of `origins` said of the last price of a series, and how it and no change score.

    One row per origin before the last price: `points` known then, `low`, `middle`, `high` of the forecast as
    logarithms, `line` and `stay` the scores. Where the points make no trend, these are NaN.
    """
    rows = []
    for origin in (each for each in origins if each < years[-1]):
        known = years < origin
        row = {"origin": origin, "points": int(known.sum())}
        if row["points"] >= LEAST:
            line = extrapolated(years[known], logs[known], years[-1])
            stay = no_change(years[known], logs[known], years[-1])
            row |= dict(zip(("low", "middle", "high"), ends(line), strict=True))
            row |= {"line": float(crps(line, logs[-1])), "stay": float(crps(stay, logs[-1]))}
        rows.append(row)
    return pd.DataFrame(rows, columns=["origin", "points", "low", "middle", "high", "line", "stay"])


# --- many series of one kind -----------------------------------------------------------------------------------------


def past_changes(panel: np.ndarray, months: int = 12) -> np.ndarray:
    """Every change over `months` that a `panel` of logarithms (months, series; NaN where there is no price) shows."""
    change = panel[months:] - panel[: max(len(panel) - months, 0)]
    return change[np.isfinite(change)]


def changes(pool: np.ndarray, method: str, seed: int = SEED) -> np.ndarray:
    """Draws of a change to come, from the `pool` of past ones.

    "change": one of them. "stay": around none, with their root mean square as its spread.
    """
    if method == "change":
        return pool
    return np.random.default_rng(seed).standard_normal(DRAWS) * np.sqrt(np.mean(pool**2))


def backtest(panel: np.ndarray, months: int = 12, seed: int = SEED) -> pd.DataFrame:
    """Forecasts over `months` from every month for every series of a `panel` (months, series; NaN for no price).

    One row per forecast: `method` (a key of `METHODS`), `score`, and `inside`: whether what happened lay in its
    interval. The pool of past changes is that of all series up to then, the line that of the series alone; each knows
    only what was known in its month. Only months and series for which all three can be made count.
    """
    rows: list[tuple[str, float, bool]] = []
    for month in range(months + 1, len(panel) - months):
        known, later = panel[: month + 1], panel[month + months]
        pool = past_changes(known, months)
        if len(pool) < LEAST:
            continue
        pooled = {method: changes(pool, method, seed) for method in ("stay", "change")}
        for series in np.flatnonzero(np.isfinite(known[-1]) & np.isfinite(later)):
            seen = np.flatnonzero(np.isfinite(known[:, series]))
            if len(seen) >= LEAST:
                now, happened = known[-1, series], later[series] - known[-1, series]
                line = extrapolated(seen / 12, known[seen, series], (month + months) / 12, seed) - now
                rows += [_judged(method, draws, happened) for method, draws in {**pooled, "line": line}.items()]
    return pd.DataFrame(rows, columns=["method", "score", "inside"])


def _judged(method: str, draws: np.ndarray, happened: float) -> tuple[str, float, bool]:
    low, _, high = ends(draws)
    return method, float(crps(draws, happened)), bool(low <= happened <= high)


def best(judged: pd.DataFrame) -> str:
    """The pooled method of a backtest with the lower mean score; no change where there is nothing to judge by."""
    means = judged[judged["method"] != "line"].groupby("method")["score"].mean()
    return str(means.idxmin()) if len(means) else "stay"
