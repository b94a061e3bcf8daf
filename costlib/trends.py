"""Trends of prices: straight lines through logarithms, breaks found in the data, slopes that outliers do not move.

Times are decimal years, prices any unit. A rate is the change of the natural logarithm per year; `factor` turns it into
how many times less a price is after a year. Plain numeric work: nothing here reads a table.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from costlib.errors import InputError
from costlib.models.trends import halving_seconds
from costlib.quantities import quantity
from costlib.units import number

LEAST = 6  # points below which nothing here is called a trend
SHORTEST = 0.75  # years: a rate per year is read off no shorter segment
BREAK_PRICE = 2.0  # times BIC's price of a parameter: with BIC alone, correlated errors pass for breaks
COVERED = 0.9  # of the intervals of a rate
DRAWS = 500
SEED = 20_261_124


@dataclass(frozen=True)
class Segment:
    """A stretch of a series without a break: from `start` to `end` (years), `points` in it, its `rate` per year with
    an interval from `low` to `high`, and the fitted logarithm `level` at `start`.
    """

    start: float
    end: float
    points: int
    rate: float
    low: float
    high: float
    level: float

    def price(self, years: np.ndarray) -> np.ndarray:
        """The fitted price at `years`."""
        return np.exp(self.level + self.rate * (np.asarray(years) - self.start))


def decimal_years(dates: Sequence[str] | pd.Series) -> np.ndarray:
    """ISO dates as years with a fraction, all years being 365.25 days long."""
    days = (pd.to_datetime(pd.Series(dates)) - pd.Timestamp("2000-01-01")).dt.days
    return 2000 + days.to_numpy() / 365.25


def month(year: float) -> str:
    """The month of a decimal year, 2025-09, with a hyphen that does not break."""
    return f"{pd.Timestamp('2000-01-01') + pd.Timedelta(days=round((year - 2000) * 365.25)):%Y\u2011%m}"


def factor(rate: float | np.ndarray) -> float | np.ndarray:
    """By what a price is divided in a year when its logarithm changes by `rate`; below 1 where it rises."""
    return np.exp(-np.asarray(rate))


def cheapest(years: np.ndarray, prices: np.ndarray, lasting: bool) -> np.ndarray:
    """Places of the offers that were the cheapest when they came, in order of time.

    With `lasting` an offer stands for good, so that only a lower price counts; else each day is a list of its own.
    """
    order = np.lexsort((prices, years))
    order = order[np.append(True, np.diff(years[order]) > 0)[: len(order)]]
    if lasting:
        before = np.append(np.inf, np.minimum.accumulate(prices[order]))[:-1]
        order = order[prices[order] < before]
    return order


def theil_sen(years: np.ndarray, logs: np.ndarray) -> np.ndarray:
    """The median slope over all pairs of points; `logs` may have leading axes (draws), the last one is the series.

    Source: sen_1968_slope.
    """
    first, second = np.triu_indices(len(years), 1)
    apart = years[second] - years[first]
    first, second, apart = first[apart > 0], second[apart > 0], apart[apart > 0]
    return np.median((logs[..., second] - logs[..., first]) / apart, axis=-1)


def least_squares(years: np.ndarray, logs: np.ndarray, covered: float = COVERED) -> tuple[float, float, float]:
    """The rate of an ordinary line and its interval by Student's t, as the published rates are computed."""
    line = stats.linregress(years, logs)
    half = stats.t.ppf((1 + covered) / 2, len(years) - 2) * line.stderr
    return float(line.slope), float(line.slope - half), float(line.slope + half)


# --- segments --------------------------------------------------------------------------------------------------------


def fit(years: Sequence[float], prices: Sequence[float], most: int = 2) -> list[Segment]:
    """The segments of a series of prices, oldest first, with at most `most` breaks between them.

    Raises InputError when there are fewer than `LEAST` points, a single day, or prices that are not above zero.
    """
    time, price = np.asarray(years, dtype=float), np.asarray(prices, dtype=float)
    if len(time) < LEAST:
        raise InputError(f"{len(time)} {'price' if len(time) == 1 else 'prices'} make no trend: it takes {LEAST}")
    if not np.all(price > 0):
        raise InputError(f"a price of {price.min():g} has no logarithm: prices must be above 0")
    order = np.argsort(time, kind="stable")
    time, logs = time[order], np.log(price[order])
    if time[-1] == time[0]:
        raise InputError("prices of a single day make no trend")
    return [_segment(time[a:b], logs[a:b]) for a, b in itertools.pairwise(breaks(time, logs, most))]


def _segment(years: np.ndarray, logs: np.ndarray) -> Segment:
    rate = float(theil_sen(years, logs))
    level = float(np.median(logs - rate * (years - years[0])))
    low, high = interval(years, logs)
    return Segment(float(years[0]), float(years[-1]), len(years), rate, low, high, level)


def breaks(years: np.ndarray, logs: np.ndarray, most: int = 2) -> list[int]:
    """Where the segments of a series begin and end (indices, from 0 to the number of points).

    For each number of breaks up to `most` the places with the least squared error, by dynamic programming over all
    segments (truong_2020_ruptures); of these the number with the lowest information criterion. A segment has `LEAST`
    points at least and lasts `SHORTEST` years, unless it is the whole series.
    """
    count = len(years)
    error = _errors(years, logs)
    whole = error[0, count]
    index, ends = np.arange(count + 1), np.append(years, np.inf)
    long_enough = ends[np.maximum(index - 1, 0)] - ends[:, np.newaxis] >= SHORTEST
    allowed = (index - index[:, np.newaxis] >= LEAST) & long_enough
    error = np.where(allowed, error, np.inf)
    best, came = [error[0]], []  # least error of the points up to each place with no break, one break, ...
    for _ in range(most):
        total = best[-1][:, np.newaxis] + error
        came.append(total.argmin(axis=0))
        best.append(total.min(axis=0))
    errors = np.array([whole, *(each[count] for each in best[1:])])
    penalty = BREAK_PRICE * (3 * np.arange(most + 1) + 2) * np.log(count)  # two parameters a line, one a break
    floor = count * np.finfo(float).eps  # of a perfect fit
    chosen = int(np.argmin(count * np.log(np.maximum(errors, floor) / count) + penalty))
    found = [count]
    for back in reversed(came[:chosen]):
        found.append(int(back[found[-1]]))
    return [0, *reversed(found)]


def _errors(years: np.ndarray, logs: np.ndarray) -> np.ndarray:
    """Squared error of the line through the points from each place (rows) up to each other (columns, not included)."""
    time, height = years - years.mean(), logs - logs.mean()
    parts = (np.ones_like(time), time, height, time**2, time * height, height**2)
    sums = (np.append(0, np.cumsum(each)) for each in parts)
    n, t, y, tt, ty, yy = (each[np.newaxis, :] - each[:, np.newaxis] for each in sums)
    with np.errstate(divide="ignore", invalid="ignore"):
        spread, shared, square = tt - t * t / n, ty - t * y / n, yy - y * y / n
        return np.maximum(square - np.where(spread > 1e-12, shared**2 / spread, 0.0), 0.0)


# --- intervals -------------------------------------------------------------------------------------------------------


def interval(
    years: np.ndarray, logs: np.ndarray, draws: int = DRAWS, seed: int = SEED, covered: float = COVERED
) -> tuple[float, float]:
    """An interval of the Theil-Sen rate by a moving-block bootstrap (kunsch_1989_block_bootstrap) of what a
    first-order autoregression leaves of the residuals; blocks are as long as the cube root of the number of points.

    Widened as Student's t is against the normal, and for the ends of blocks. Intervals of 90% cover a little less than
    that in simulated series; the tests measure it.
    """
    count, rng = len(years), np.random.default_rng(seed)
    rate = theil_sen(years, logs)
    rest = logs - rate * years
    rest = rest - np.median(rest)
    memory = _autocorrelation(rest)
    shocks = rest[1:] - memory * rest[:-1]
    shocks = (shocks - shocks.mean()) * np.sqrt(count / (count - 3))
    length = int(np.ceil(count ** (1 / 3)))
    noise = _remember(_blocks(shocks, (draws, 2 * count), length, rng), memory)[:, count:]
    found = theil_sen(years, rate * years + noise)
    share = (1 - covered) / 2
    wider = stats.t.ppf(share, count - 3) / stats.norm.ppf(share) * (1 + length / count)
    low, high = np.quantile(found, (share, 1 - share))
    return float(rate + (low - rate) * wider), float(rate + (high - rate) * wider)


def _autocorrelation(rest: np.ndarray) -> float:
    """The first autocorrelation of residuals of a line, its bias for short series taken out, within 0 to 0.95."""
    square = rest @ rest
    raw = rest[1:] @ rest[:-1] / square if square else 0.0
    return float(np.clip(raw + (2 + 4 * raw) / len(rest), 0, 0.95))


def _blocks(values: np.ndarray, shape: tuple[int, int], length: int, rng: np.random.Generator) -> np.ndarray:
    """Series of `shape` (draws, points) put together from stretches of `length` neighbours in `values`."""
    starts = rng.integers(0, len(values) - length + 1, (shape[0], -(-shape[1] // length)))
    places = (starts[..., np.newaxis] + np.arange(length)).reshape(shape[0], -1)
    return values[places[:, : shape[1]]]


def _remember(shocks: np.ndarray, memory: float) -> np.ndarray:
    """Each value is `memory` times the one before it plus a shock (last axis: time)."""
    made = np.empty_like(shocks)
    made[:, 0] = shocks[:, 0] / np.sqrt(1 - memory**2)
    for place in range(1, shocks.shape[1]):
        made[:, place] = memory * made[:, place - 1] + shocks[:, place]
    return made


# --- in words --------------------------------------------------------------------------------------------------------

FLAT = 0.005  # a change per year below this, of the logarithm, is called none


def move(rate: float) -> str:
    """What a rate does to a price in a year: divides it (÷ 8.20), multiplies it (× 1.30), or nothing."""
    if abs(rate) < FLAT:
        return "no change"
    sign, size = ("÷", factor(rate)) if rate < 0 else ("×", np.exp(rate))
    return f"{sign}\u00a0{number(float(size))}"


def direction(segment: Segment) -> str:
    """Whether a segment falls, rises, or cannot be told from standing still."""
    return "falls" if segment.high < 0 else "rises" if segment.low > 0 else "shows no trend"


def described(series: Mapping[str, tuple[Sequence[float], Sequence[float]]]) -> list[tuple[str, ...]]:
    """Rows of a table on `series` (name to years and prices): each segment, or why there is none.

    Series, years, points, change per year, its interval, and the time in which the price halves or doubles.
    """
    rows: list[tuple[str, ...]] = []
    for name, (years, prices) in series.items():
        try:
            found = fit(years, prices)
        except InputError as refused:
            rows.append((name, "", str(len(years)), "no fit", str(refused), ""))
            continue
        for place, each in enumerate(found):
            span = f"{month(each.start)} to {month(each.end)}"
            ends = f"{move(each.low)} to {move(each.high)}"
            rows.append((name if not place else "", span, str(each.points), move(each.rate), ends, _halving(each)))
    return rows


def _halving(segment: Segment) -> str:
    if direction(segment) == "shows no trend":
        return "no trend"
    time = halving_seconds({"decline_factor_per_year": factor(segment.rate)})
    return f"{'halves' if time > 0 else 'doubles'} in {quantity('halving_seconds').quote(abs(float(time)))}"
