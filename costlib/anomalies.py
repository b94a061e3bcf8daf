"""Seeing a cost move: three detectors on daily series of a log, set on some synthetic logs and judged on others.

Each series is compared with its own first weeks: the median of its day of the week and the median absolute deviation,
which a few odd days do not move. A detector scores every day; an alarm goes off where its score passes the threshold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import ruptures

from costlib import synthetic, units
from costlib.errors import InputError

WATCHED = {"cost per token": ("usd", "tokens"), "cost per request": ("usd", "requests"), "requests": ("requests",)}
BASELINE = 28  # days that say what is usual
WINDOW = 28  # days that the change-point method looks back on
SHARE = 0.2  # weight of the newest day in the moving average
SLACK = 0.5  # deviations per day that the sum of CUSUM forgives: half of a shift worth finding
SOON = 14  # days within which an alarm still helps
GAUSS = 1.4826  # standard deviations of a normal distribution in a median absolute deviation
MONTH_DAYS = units.base_factor("month") / units.base_factor("day")


def logs_of(daily: Mapping[str, np.ndarray]) -> np.ndarray:
    """The natural logs of the series `WATCHED`, as rows, of daily `usd`, `tokens` and `requests`; NaN without data."""
    rows = []
    for over, *under in WATCHED.values():
        value, per = np.asarray(daily[over], float), np.asarray(daily[under[0]] if under else 1.0, float)
        rows.append(np.log(np.where(value > 0, value, np.nan)) - np.log(np.where(per > 0, per, np.nan)))
    return np.array(rows)


def deviations(series: np.ndarray, baseline: int = BASELINE) -> tuple[np.ndarray, np.ndarray]:
    """How far each day of `series` (logs, days last) lies above the usual of its day of the week, and how far usual is.

    The usual is the median over the first `baseline` days; the second result is their spread, in logs, without the
    last axis. Days without data lie at the usual.
    """
    first, weekday = series[..., :baseline], np.arange(series.shape[-1]) % 7
    usual = np.empty_like(series)
    for each in range(7):
        alike = first[..., weekday[:baseline] == each]
        usual[..., weekday == each] = (
            np.nanmedian(alike, axis=-1, keepdims=True) if np.isfinite(alike).any() else np.nan
        )
    above = np.nan_to_num(series - usual)
    spread = GAUSS * np.median(np.abs(above[..., :baseline]), axis=-1)
    return above, np.maximum(spread, 1e-3)  # a tenth of a per cent: days that are all alike still vary by rounding


# --- detectors: scores of each day, in deviations ------------------------------------------------------------------


def ewma(z: np.ndarray) -> np.ndarray:
    """Exponentially weighted moving average of `z` (days last), in its own standard deviations."""
    score, level = np.empty_like(z), np.zeros(z.shape[:-1])
    for day in range(z.shape[-1]):
        level = SHARE * z[..., day] + (1 - SHARE) * level
        score[..., day] = level / np.sqrt(SHARE / (2 - SHARE) * (1 - (1 - SHARE) ** (2 * (day + 1))))
    return score


def cusum(z: np.ndarray) -> np.ndarray:
    """Cumulative sum of what `z` (days last) exceeds the slack by, never below zero."""
    score, level = np.empty_like(z), np.zeros(z.shape[:-1])
    for day in range(z.shape[-1]):
        level = np.maximum(0.0, level + z[..., day] - SLACK)
        score[..., day] = level
    return score


def split(z: np.ndarray, shortest: int = 2) -> tuple[int, float]:
    """Where the mean of `z` changes most, and the root of the squared error that a change there explains, with sign.

    No part is shorter than `shortest` days. By kernel change-point detection :cite:`truong_2020_ruptures`.
    """
    place = ruptures.KernelCPD(kernel="linear", min_size=shortest).fit(z[:, None]).predict(n_bkps=1)[0]
    rise = z[place:].mean() - z[:place].mean()
    return int(place), float(np.sign(rise) * np.sqrt(place * (len(z) - place) / len(z)) * abs(rise))


def change_point(z: np.ndarray) -> np.ndarray:
    """What the best single change in the window up to each day explains; 0 for falls and until a window is full."""
    score = np.zeros_like(z)
    for index in np.ndindex(z.shape[:-1]):
        for day in range(WINDOW, z.shape[-1]):
            score[(*index, day)] = max(0.0, split(z[index][day + 1 - WINDOW : day + 1])[1])
    return score


DETECTORS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "EWMA chart": ewma, "CUSUM": cusum, "change point": change_point,
}  # fmt: skip
FIXED = "fixed rule"  # for comparison: an alarm whenever a day is a given share above the usual
SINGLE = "single days"  # the same rule, its share set by the false alarms that it gives


def scores(series: np.ndarray) -> dict[str, np.ndarray]:
    """Scores by detector for logs of daily series (days last); `SINGLE` and `FIXED` score the share above the usual."""
    above, spread = deviations(series)
    z = above / spread[..., None]
    watched = z.copy()
    watched[..., :BASELINE] = 0  # the charts start where the baseline ends
    found = {name: each(z if each is change_point else watched) for name, each in DETECTORS.items()}
    return {**found, SINGLE: np.expm1(above), FIXED: np.expm1(above)}


def alarms(score: np.ndarray, threshold: float) -> np.ndarray:
    """Days (last axis) on which a score goes above the threshold, the baseline left out."""
    above = score > threshold
    above[..., :BASELINE] = False
    return above & ~np.roll(above, 1, axis=-1)


def alarms_per_month(score: np.ndarray, threshold: float) -> float:
    """How often an alarm goes off in a month, over logs (first axis) in which nothing happens."""
    return float(alarms(score, threshold).sum(axis=-1).mean() / (score.shape[-1] - BASELINE) * MONTH_DAYS)


def threshold(score: np.ndarray, per_month: float) -> float:
    """The lowest threshold down to which at most `per_month` alarms go off in logs in which nothing happens."""
    candidates = np.quantile(score[..., BASELINE:], 1 - np.geomspace(1e-4, 0.5, 120))
    chosen = float(score.max())
    for each in candidates:
        if alarms_per_month(score, each) > per_month:
            break
        chosen = float(each)
    return chosen


# --- judging -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Judged:
    """One detector on one watch: its threshold, and on logs that had no part in it: false alarms per month with their
    standard error, and by kind of fault the share found within `SOON` days and the median delay in days.
    """

    detector: str
    watch: str
    threshold: float
    false_per_month: float
    error: float
    found: dict[str, float]
    delay: dict[str, float]


TOKEN_ONLY, ALL = "cost per token", "all three series"
AFTER = 28  # days after the start of a fault that are looked at


def judge(seed: int, quiet: int, faulty: int, rise: float, per_month: float, fixed: float, on: str) -> list[Judged]:
    """Set and judge every detector, watching cost per token alone and all three series, on synthetic logs.

    `quiet` logs without a fault set the thresholds, as many others count false alarms, and `faulty` logs of each kind
    of fault, which adds the share `rise` to the bill, measure what is found. Seeds never meet: each log has its own.
    """
    for name, value, low, high in (
        ("n_logs", quiet, 10, 10_000), ("n_faulty", faulty, 10, 10_000), ("fault_rise", rise, 0.01, 1),
        ("false_alarms_per_month", per_month, 0.05, 5), ("alert_rise", fixed, 0.01, 10),
    ):  # fmt: skip
        if not low <= value <= high:
            raise InputError(f"{name} = {value!r} is not allowed: it must lie between {low:g} and {high:,g}")
    seeds, price = synthetic.seeds(seed).spawn(3), synthetic.price_of(on, rise)
    setting, counting = (scores(np.array(list(_quiet(each, quiet, price)))) for each in seeds[:2])
    tried = {kind: _faulty(each, kind, faulty, rise, price)
             for kind, each in zip(synthetic.FAULTS, seeds[2].spawn(len(synthetic.FAULTS)), strict=True)}  # fmt: skip
    judged = []
    for name in (*DETECTORS, SINGLE, FIXED):
        for watch in (TOKEN_ONLY, ALL):
            limit = fixed if name == FIXED else threshold(_over(setting[name], watch), per_month)
            score = _over(counting[name], watch)
            each = alarms(score, limit).sum(axis=-1) / (score.shape[-1] - BASELINE) * MONTH_DAYS
            outcomes = {kind: _delays(_over(of[name], watch), start, limit) for kind, (of, start) in tried.items()}
            judged.append(Judged(
                name, watch, limit, float(each.mean()), float(each.std() / np.sqrt(len(each))),
                {kind: float((late < SOON).mean()) for kind, late in outcomes.items()},
                {kind: float(np.median(late)) for kind, late in outcomes.items()},
            ))  # fmt: skip
    return judged


def _over(score: np.ndarray, watch: str) -> np.ndarray:
    """The score of a watch: that of cost per token, or the highest of all series (axis -2)."""
    return score[..., 0, :] if watch == TOKEN_ONLY else score.max(axis=-2)


def _quiet(seed: np.random.SeedSequence, count: int, price: np.ndarray) -> Iterator[np.ndarray]:
    for each in seed.spawn(count):
        yield logs_of(synthetic.daily(synthetic.requests(np.random.default_rng(each)), price))


def _faulty(
    seed: np.random.SeedSequence, kind: str, count: int, rise: float, price: np.ndarray
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Scores of logs with one fault, and the day on which each begins, which is any of the week after the baseline."""
    size, days, series, starts = synthetic.sized(kind, rise, price), BASELINE + 14 + AFTER, [], []
    for each in seed.spawn(count):
        rng = np.random.default_rng(each)
        fault = synthetic.Fault(kind, int(rng.integers(BASELINE, BASELINE + 14)), days, size)
        made = synthetic.requests(rng, days, fault)
        series.append(logs_of(synthetic.daily(made, price, days, fault)))
        starts.append(fault.start)
    return scores(np.array(series)), np.array(starts)


def _delays(score: np.ndarray, start: np.ndarray, limit: float) -> np.ndarray:
    """Days from the start of the fault to the first alarm on or after it, by log; infinite where none goes off."""
    off = alarms(score, limit) & (np.arange(score.shape[-1]) >= start[:, None])
    return np.where(off.any(axis=-1), off.argmax(axis=-1) - start, np.inf)
