"""Alerts: since when a cost of a log has moved, by how much a month, and which factor, product and user moved it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from costlib import anomalies, attribution
from costlib.anomalies import BASELINE, MONTH_DAYS, SLACK, WATCHED, WINDOW
from costlib.usage import PICO, Log

SETTLE = 14  # days that say what the new level is before the watch goes on from there


@dataclass(frozen=True)
class Alert:
    """One change. `series` is what told of it on day `seen`, and it lies `share` higher (lower) from day `since` on.

    `effects` are USD per day by product and model (rows) and factor (columns), `users` USD per day by user; both add
    up to what the `days` from `since` on cost more per day than those before, the days of the week matched.
    """

    series: str
    share: float
    since: pd.Timestamp
    seen: pd.Timestamp
    days: int
    effects: pd.DataFrame
    users: pd.Series

    @property
    def usd_per_month(self) -> float:
        """What the change adds to the bill of a month."""
        return float(self.effects.to_numpy().sum()) * MONTH_DAYS

    def by(self, axis: str) -> pd.Series:
        """USD per month by `axis`, "factor", "product" or "user", those that move with the bill most first."""
        found = {
            "factor": lambda: self.effects.sum(),
            "product": lambda: self.effects.groupby(level="product").sum().sum(axis=1),
            "user": lambda: self.users,
        }[axis]()
        return (found * MONTH_DAYS).sort_values(ascending=self.usd_per_month < 0, kind="stable")


def daily(log: Log) -> pd.DataFrame:
    """Requests, tokens and USD of every day of the log, from its first to its last, days without requests as 0."""
    rows = log.by("day")
    frame = pd.DataFrame({
        "requests": rows["requests"], "tokens": rows["input"] + rows["output"],
        "usd": rows["pico"].astype(float) / PICO,
    }).set_index(pd.DatetimeIndex(rows["day"]))  # fmt: skip
    if frame.empty:
        return frame
    return frame.reindex(pd.date_range(frame.index.min(), frame.index.max(), name="day"), fill_value=0)


def find(log: Log, limit: float) -> list[Alert]:
    """The changes of a log that a CUSUM with that `limit` tells of, up and down, on any of the series watched.

    None where the log is no longer than the baseline. After each, the watch goes on from the new level.
    """
    series = daily(log)
    if len(series) <= BASELINE:
        return []
    above, spread = anomalies.deviations(anomalies.logs_of(series))
    found = changes(above / spread[:, None], limit)
    rows = log.by("day", "product", "model", "batch")
    rows["day"] = pd.to_datetime(rows["day"])
    bounds = [0, *(since for since, *_ in found), len(series)]
    made = []
    for place, (since, seen, which) in enumerate(found, start=1):
        earlier = series.index[max(bounds[place - 1], since - WINDOW) : since]
        days = series.index[since : max(since + 1, min(bounds[place + 1], since + WINDOW))]
        shift = above[which, since : since + len(days)].mean() - above[which, since - len(earlier) : since].mean()
        effects, _ = attribution.change(rows, earlier, days)
        made.append(Alert(
            list(WATCHED)[which], float(np.expm1(shift)), series.index[since], series.index[seen], len(days),
            effects, _users(log, earlier, days),
        ))  # fmt: skip
    return made


def changes(z: np.ndarray, limit: float) -> list[tuple[int, int, int]]:
    """The changes of series `z` (by series and day, in deviations): day it began, day it was seen, and which series."""
    found, count, day = [], z.shape[1], BASELINE
    level, total, last = np.zeros(len(z)), np.zeros((2, len(z))), 0
    while day < count:
        step = z[:, day] - level
        total = np.maximum(0.0, total + np.array([step, -step]) - SLACK)
        if total.max() <= limit:
            day += 1
            continue
        which, begin = int(total.argmax() % len(z)), max(last, day + 1 - WINDOW)
        since = begin + anomalies.split(z[which, begin : day + 1], shortest=1)[0]
        found.append((since, day, which))
        level, total, last = np.median(z[:, since : min(count, max(day + 1, since + SETTLE))], axis=1), 0 * total, since
        day = max(day + 1, since + SETTLE)
    return found


def _users(log: Log, earlier: pd.DatetimeIndex, days: pd.DatetimeIndex) -> pd.Series:
    """What each user costs more per day than before, in USD, the days of the week matched."""
    before = {day: -weight for day, weight in attribution.matched(days, earlier).items()}
    return log.weighted("user", {**before, **dict.fromkeys(days, 1.0)}) / len(days)
