"""Intervals by propagation: assumptions are drawn between their low and high values, results read off as quantiles.

Draws follow a triangle from an assumption's low over its central to its high value, on a logarithmic scale where high
is more than four times low. They are fixed by a seed and the assumption's name, so that two cases that share an
assumption share its draws, and there are as many as the quantiles' own error asks for.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

SEED = 20_261_124
LEVELS = (0.05, 0.5, 0.95)
COVERED = LEVELS[-1] - LEVELS[0]  # the share of draws between the ends of an interval
_BATCHES = 20


@dataclass(frozen=True)
class Interval:
    """A result with its 5%, 50% and 95% quantile, the number of draws, and the relative error of the quantiles."""

    low: float
    central: float
    high: float
    draws: int
    error: float


def triangle(low: float, central: float, high: float, uniform: np.ndarray) -> np.ndarray:
    """Quantiles of the triangle between `low` and `high` with its peak at `central`, for uniform numbers in 0..1.

    On a logarithmic scale where ``high > 4 * low > 0``. A triple of equal values gives that value.
    """
    if low == high:
        return np.full(uniform.shape, low)
    logarithmic = low > 0 and high > 4 * low
    a, c, b = np.log([low, central, high]) if logarithmic else (low, central, high)
    turn = (c - a) / (b - a)
    rising = a + np.sqrt(uniform * (b - a) * (c - a))
    falling = b - np.sqrt((1 - uniform) * (b - a) * (b - c))
    drawn = np.where(uniform < turn, rising, falling)
    return np.exp(drawn) if logarithmic else drawn


def draw(triples: Mapping[str, Sequence[float]], count: int, seed: int = SEED) -> dict[str, np.ndarray]:
    """`count` independent draws of each (low, central, high) triple, by name."""
    streams = {name: np.random.default_rng([seed, zlib.crc32(name.encode())]) for name in triples}
    return {name: triangle(*triple, streams[name].random(count)) for name, triple in triples.items()}


def propagate(
    function: Callable[[dict[str, np.ndarray]], np.ndarray],
    triples: Mapping[str, Sequence[float]],
    tolerance: float = 0.01,
    most: int = 262_144,
) -> Interval:
    """The interval of `function` of the drawn values (arrays in, an array out).

    Draws double from 4,096 until the standard error of each quantile, from batches, is below `tolerance` of the median.
    Draws for which the result is not a number are refused with ValueError; infinite ones count as large.
    """
    count = 4_096
    while True:
        found = np.asarray(function(draw(triples, count)), dtype=float)
        if np.isnan(found).any():
            raise ValueError("some draws have no result")
        low, central, high = np.quantile(found, LEVELS, method="inverted_cdf")
        parts = found[: count // _BATCHES * _BATCHES].reshape(_BATCHES, -1)
        batches = np.quantile(parts, LEVELS, axis=1, method="inverted_cdf")
        with np.errstate(invalid="ignore"):
            spread = np.nan_to_num(batches.std(axis=1, ddof=1) / np.sqrt(_BATCHES), nan=0.0, posinf=np.inf)
        error = float(np.max(spread) / central) if np.isfinite(central) and central else 0.0
        if error <= tolerance or count >= most:
            return Interval(float(low), float(central), float(high), count, error)
        count *= 2
