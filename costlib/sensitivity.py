"""Which inputs the variance of a result comes from: Sobol indices and Shapley effects, with intervals.

An input is one coordinate of a unit cube, or several that belong together (`groups` says how many each). A function
takes an array of points, one row per coordinate, to one number per point. Points are scrambled Sobol sequences with a
fixed seed. Every share is a mean over a mean, so that one bootstrap gives all intervals, and the start of a sample
shows how far it has converged.

SALib is the referee: its estimators on the same points give the same indices (a test holds them to it). Its sampler and
its bootstrap, which gathers every sample again for each input and resample, take longer than a million evaluations.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri
from scipy.stats import qmc

from costlib.uncertainty import LEVELS, SEED

Function = Callable[[np.ndarray], np.ndarray]
RESAMPLES = 200
BLOCKS = 2**11  # of samples that a bootstrap draws again
AT_ONCE = 2**18  # points given to the function together
_EDGE = 2.0**-32  # keeps points inside the cube, where normal quantiles are finite


@dataclass(frozen=True)
class Shares:
    """Shares of a variance: the means of `parts` (samples, inputs) over the mean of `whole` (samples)."""

    parts: np.ndarray
    whole: np.ndarray

    @property
    def value(self) -> np.ndarray:
        """The share of each input."""
        return self.parts.mean(axis=0) / self.whole.mean()

    def resampled(self, count: int = RESAMPLES, seed: int = SEED) -> np.ndarray:
        """The shares of `count` bootstrap resamples, one row each.

        Samples (of many, the means of up to `BLOCKS` runs of neighbours) are drawn again as if they were independent,
        which for points of a Sobol sequence errs on the wide side.
        """
        size = min(len(self.whole), BLOCKS)
        used = len(self.whole) // size * size
        parts = self.parts[:used].reshape(size, -1, self.parts.shape[1]).mean(axis=1)
        whole = self.whole[:used].reshape(size, -1).mean(axis=1)
        draws = np.random.default_rng(seed).integers(size, size=(count, size))
        weights = np.stack([np.bincount(each, minlength=size) for each in draws]).astype(float)
        return weights @ parts / (weights @ whole)[:, np.newaxis]

    def interval(self) -> tuple[np.ndarray, np.ndarray]:
        """The 5% and the 95% quantile of the resampled shares."""
        low, high = np.quantile(self.resampled(), (LEVELS[0], LEVELS[-1]), axis=0)
        return low, high

    def upto(self, count: int) -> Shares:
        """The shares from the first `count` samples alone."""
        return Shares(self.parts[:count], self.whole[:count])


@dataclass(frozen=True)
class Sobol:
    """First-order and total indices, and how often the function was evaluated."""

    first: Shares
    total: Shares
    evaluations: int

    @property
    def samples(self) -> int:
        """The points of each of the two matrices."""
        return len(self.first.whole)


def _slices(groups: Sequence[int]) -> list[slice]:
    ends = np.cumsum(groups)
    return [slice(int(end) - size, int(end)) for end, size in zip(ends, groups, strict=True)]


def points(coordinates: int, count: int, seed: int = SEED) -> np.ndarray:
    """The first `count` points of a scrambled Sobol sequence, one row per coordinate; `count` is a power of two."""
    if count < 2 or count & (count - 1):
        raise ValueError(f"count = {count} is not allowed: a Sobol sequence is balanced at powers of two only")
    return np.clip(qmc.Sobol(coordinates, rng=seed).random(count).T, _EDGE, 1 - _EDGE)


def sobol(function: Function, groups: Sequence[int], count: int = 2**13, seed: int = SEED) -> Sobol:
    """Sobol indices of independent inputs from ``count * (inputs + 2)`` evaluations; `count` is a power of two.

    First-order indices after Saltelli and others (2010), total ones after Jansen (1999), as in SALib.
    """
    coordinates = sum(groups)
    base, other = points(2 * coordinates, count, seed).reshape(2, coordinates, count)
    at_base, at_other = function(base), function(other)
    middle = (at_base.mean() + at_other.mean()) / 2
    whole = ((at_base - middle) ** 2 + (at_other - middle) ** 2) / 2
    first, total = np.empty((2, count, len(groups)))
    for place, mine in enumerate(_slices(groups)):
        mixed = base.copy()
        mixed[mine] = other[mine]
        change = function(mixed) - at_base
        first[:, place] = (at_other - middle) * change
        total[:, place] = change**2 / 2
    return Sobol(Shares(first, whole), Shares(total, whole), count * (len(groups) + 2))


def normal_correlation(rank_correlation: float) -> float:
    """The correlation of two normal variables whose ranks correlate so (Pearson, 1907)."""
    return 2 * np.sin(np.pi / 6 * rank_correlation)


def shapley(
    function: Function,
    groups: Sequence[int],
    correlation: np.ndarray | None = None,
    orders: int = 256,
    each: int = 64,
    seed: int = SEED,
) -> Shares:
    """Shapley effects from ``orders * each * (inputs + 1)`` evaluations; they add up to one.

    `correlation` is that of the normal variables behind the coordinates (a Gaussian copula; None: independent). The
    value of a set of inputs is the variance that they leave when all others are known (Song and others, 2016),
    estimated from pairs of points that share the others. Inputs join in random orders (Goda, 2021), every second one
    being the reverse of the one before; with dependence, the tail of the order is redrawn through the Cholesky factor
    in that order. One sample of the result is a pair of orders.
    """
    inputs, coordinates, where = len(groups), sum(groups), _slices(groups)
    normal = ndtri(points(2 * coordinates, orders * each, seed).reshape(2, coordinates, orders, each))
    random = np.random.default_rng(seed)
    forward = [random.permutation(inputs) for _ in range(orders // 2)]
    joining = [order for one in forward for order in (one, one[::-1])]
    gains, batch = np.empty((orders, inputs)), max(1, AT_ONCE // ((inputs + 1) * each))
    for start in range(0, orders, batch):
        stop = min(start + batch, orders)
        walks = [_walk(normal[:, :, place], joining[place], where, correlation) for place in range(start, stop)]
        found = function(np.concatenate(walks, axis=1)).reshape(stop - start, inputs + 1, each)
        left = ((found - found[:, :1]) ** 2 / 2).mean(axis=2)
        for place in range(start, stop):
            gains[place, joining[place]] = np.diff(left[place - start])
    paired = gains.reshape(-1, 2, inputs).mean(axis=1)
    return Shares(paired, paired.sum(axis=1))


def _walk(
    normal: np.ndarray, joining: np.ndarray, where: Sequence[slice], correlation: np.ndarray | None
) -> np.ndarray:
    """Points (coordinates, (inputs + 1) * each) that start at one draw and redraw one more input at each step.

    `normal` holds two independent draws (2, coordinates, each). Redrawn inputs keep their dependence on the rest.
    """
    backward = [np.arange(part.start, part.stop) for part in (where[place] for place in joining[::-1])]
    order, ends = np.concatenate(backward), np.cumsum([len(part) for part in backward[::-1]])
    steps = np.repeat(normal[0][order][:, np.newaxis], len(joining) + 1, axis=1)
    for step, redrawn in enumerate(ends, start=1):
        steps[len(order) - redrawn :, step] = normal[1][order][len(order) - redrawn :]
    flat = steps.reshape(len(order), -1)
    if correlation is not None:
        flat = np.linalg.cholesky(correlation[np.ix_(order, order)]) @ flat
    uniform = np.empty_like(flat)
    uniform[order] = ndtr(flat)
    return uniform


def effect(coordinate: np.ndarray, result: np.ndarray, bins: int) -> np.ndarray:
    """The mean of `result` in each of `bins` equal parts of one coordinate, all other inputs varying."""
    place = np.minimum((coordinate * bins).astype(int), bins - 1)
    return np.bincount(place, result, bins) / np.bincount(place, minlength=bins)
