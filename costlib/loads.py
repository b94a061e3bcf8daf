"""Load curves: the tokens asked for in each hour of a week, Monday first, relative to their mean.

The hour-by-hour counts of the published traces are too large to ship, so a week is drawn from figures that were
published about it: the mean of weekdays and of weekends, and how far the busiest hour of a day exceeds the quietest.
Between these the logarithm of the load follows a cosine. Such a week is synthetic; other published figures of the same
trace (spread, median) check it. Bursts are synthetic and seeded.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import brentq
from scipy.stats import gamma

from costlib import cases
from costlib.errors import InputError, near

DAY_HOURS = 24
WEEKDAYS, WEEKENDS = 5, 2
HOURS = DAY_HOURS * (WEEKDAYS + WEEKENDS)
BUSIEST_HOUR = 14  # of a day; only the order of hours hangs on it
MINUTES = 60  # over which the published bursts were counted
SEED = 20_261_124

# A load, the trace whose week it follows, and the trace whose bursts it has (none: as smooth as its week).
KINDS = {
    "constant": ("conversation", None),
    "realtime": ("code", None),
    "bursty": ("conversation", "code"),
    "batch": ("conversation", None),
}
NAMES = {"constant": "constant", "realtime": "real-time", "bursty": "bursty", "batch": "batch"}
DEFERRABLE = ("batch",)  # may wait until the end of its day


def curve(kind: str, peak_to_mean: float | None = None) -> np.ndarray:
    """The load of one of `KINDS` in each hour of a week, with mean 1; with `peak_to_mean`, stretched to that peak.

    Raises InputError for an unknown kind.
    """
    if kind not in KINDS:
        raise InputError(f"load = {kind!r} is not allowed: it must be one of {', '.join(KINDS)}{near(kind, KINDS)}")
    trace, bursts = KINDS[kind]
    found = week(trace)
    if bursts:
        found = burst(found, float(cases.published(f"azure_{bursts}_peak_to_mean")))
    return found if peak_to_mean is None else stretched(found, peak_to_mean)


def week(trace: str) -> np.ndarray:
    """The week of a published trace (``"code"``, ``"conversation"``), with mean 1."""
    figures = {
        name: float(cases.published(f"azure_week_{trace}_{name}"))
        for name in ("weekday_per_hour", "weekend_per_hour", "weekday_peak_to_trough", "weekend_peak_to_trough")
    }
    weekday = figures["weekday_per_hour"] * day(figures["weekday_peak_to_trough"])
    weekend = figures["weekend_per_hour"] * day(figures["weekend_peak_to_trough"])
    hours = np.concatenate([np.tile(weekday, WEEKDAYS), np.tile(weekend, WEEKENDS)])
    return hours / hours.mean()


def day(peak_to_trough: float) -> np.ndarray:
    """The hours of a day with mean 1 whose logarithm is a cosine, and whose busiest exceeds the quietest so often."""
    angle = 2 * np.pi * (np.arange(DAY_HOURS) - BUSIEST_HOUR) / DAY_HOURS
    hours = np.exp(np.log(peak_to_trough) / 2 * np.cos(angle))
    return hours / hours.mean()


def burst_shape(peak_to_mean: float, count: int = MINUTES) -> float:
    """The shape of a gamma distribution of mean 1 the largest of whose `count` draws has the median `peak_to_mean`."""
    if not 1 < peak_to_mean < 1_000:
        raise InputError(
            f"peak_to_mean = {peak_to_mean:g} is not allowed: bursts need a number above 1 and below 1,000"
        )
    level = 0.5 ** (1 / count)
    return float(np.exp(brentq(lambda k: gamma.ppf(level, np.exp(k)) / np.exp(k) - peak_to_mean, -4, 12)))


def burst(load: np.ndarray, peak_to_mean: float, seed: int = SEED) -> np.ndarray:
    """`load` with each hour multiplied by a seeded gamma draw as wild as published minutes; the mean stays.

    Counts by the minute are all that is known of bursts; hours are taken to be as uneven as minutes are.
    """
    shape = burst_shape(peak_to_mean)
    drawn = load * np.random.default_rng(seed).gamma(shape, 1 / shape, len(load))
    return drawn * load.mean() / drawn.mean()


def stretched(load: np.ndarray, peak_to_mean: float) -> np.ndarray:
    """`load` raised to the power at which its busiest hour is `peak_to_mean` times its mean; the mean stays.

    Raises InputError when no power does: for a flat load, or a peak so high that the hours beside it were empty.
    """
    most = len(load) / np.sum(load == load.max())
    if not 1 <= peak_to_mean < 0.999 * most:
        raise InputError(
            f"peak_to_mean_ratio = {peak_to_mean:g} is not allowed: for this load it must be at least 1 and below"
            f" {0.999 * most:g}"
        )

    def gap(power: float) -> float:
        raised = (load / load.max()) ** power
        return 1 / raised.mean() - peak_to_mean

    power = brentq(gap, 0.0, 1e6)
    raised = (load / load.max()) ** power
    return raised * load.mean() / raised.mean()


def duration(load: np.ndarray) -> np.ndarray:
    """The load-duration curve: the hours of `load` from the busiest to the quietest."""
    return np.sort(load)[::-1]


def peak(load: np.ndarray) -> float:
    """The busiest hour over the mean."""
    return float(load.max() / load.mean())


def variation(load: np.ndarray) -> float:
    """Standard deviation over mean."""
    return float(load.std() / load.mean())
