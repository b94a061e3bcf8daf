"""What exceeds the replicas, for many loads, peaks and prices at once, and how many replicas then pay.

`capacity` answers this for one load. Here one week of load is stretched to a peak for each of many rows, as
`loads.stretched` does, and capacities are counted in the mean load of their row.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from costlib.errors import InputError

STEPS = 100
CLOSE = 1e-14


def powers(load: np.ndarray, peaks: np.ndarray) -> np.ndarray:
    """The power to which `load` is raised for its busiest hour to be each of `peaks` times its mean.

    Newton's steps from zero: the logarithm of the mean of powers is convex, so that they never go too far.
    """
    logs = np.log(load / load.max())
    target, power = np.log(np.asarray(peaks, dtype=float)), np.zeros(np.shape(peaks))
    for _ in range(STEPS):
        raised = np.exp(power[:, np.newaxis] * logs)
        mean = raised.mean(axis=1)
        step = (np.log(mean) + target) / -((raised * logs).mean(axis=1) / mean)
        power = power + step
        if np.all(np.abs(step) <= CLOSE + CLOSE * power):
            break
    return power


@dataclass(frozen=True)
class Stretched:
    """A week of load stretched to a peak for each row; loads and capacities are multiples of the row's mean load.

    `hours` are the hours of each row from the quietest to the busiest, `above` the sums of those from each hour on.
    """

    hours: np.ndarray
    above: np.ndarray
    base: np.ndarray
    power: np.ndarray
    scale: np.ndarray

    @classmethod
    def of(cls, load: np.ndarray, peaks: np.ndarray) -> Stretched:
        """`load` with each of `peaks` as busiest hour over mean. Raises InputError for a peak that it cannot have."""
        peaks = np.atleast_1d(np.asarray(peaks, dtype=float))
        most = 0.999 * len(load) / np.sum(load == load.max())
        wrong = peaks[~((peaks >= 1) & (peaks < most))]
        if wrong.size:
            raise InputError(
                f"peak_to_mean_ratio = {wrong[0]:g} is not allowed: for this load it must be at least 1 and below"
                f" {most:g}"
            )
        base = np.sort(load / load.max())
        unique, places = np.unique(peaks, return_inverse=True)
        power = powers(base, unique)[places]
        hours = base ** power[:, np.newaxis]
        scale = 1 / hours.mean(axis=1)
        hours = hours * scale[:, np.newaxis]
        above = np.concatenate([hours[:, ::-1].cumsum(axis=1)[:, ::-1], np.zeros((len(peaks), 1))], axis=1)
        return cls(hours, above, base, power, scale)

    def overflow(self, capacity: np.ndarray) -> np.ndarray:
        """What exceeds `capacity` (rows, n) on average over the hours."""
        with np.errstate(divide="ignore", over="ignore"):
            level = (capacity / self.scale[:, np.newaxis]) ** (1 / self.power[:, np.newaxis])
        first = np.searchsorted(self.base, level, side="right")
        above = np.take_along_axis(self.above, first, axis=1)
        return np.maximum(above - capacity * (len(self.base) - first), 0) / len(self.base)

    def quantile(self, fractile: np.ndarray) -> np.ndarray:
        """The least capacity (rows, n) that is enough in the share `fractile` of the hours; zero if that is below 0."""
        place = np.ceil(np.clip(fractile, 0, 1) * len(self.base) * (1 - CLOSE)).astype(int) - 1
        found = np.take_along_axis(self.hours, np.maximum(place, 0), axis=1)
        return np.where(fractile > 0, found, 0.0)


def base_load(
    shape: Stretched, step: np.ndarray, replica: np.ndarray, price: np.ndarray, most: np.ndarray | float = np.inf
) -> tuple[np.ndarray, np.ndarray]:
    """The number of replicas, at least one, that makes a hybrid cheapest, and what exceeds them (rows, n).

    A replica carries `step` (in mean loads) and costs `replica` per second and mean load; what exceeds the replicas
    costs `price` per token. At most `most` replicas. The bill is convex in the capacity, so the best whole number is
    beside the newsvendor's capacity.
    """
    step, replica, price = np.broadcast_arrays(step, replica, price)
    ideal = shape.quantile(1 - replica / (step * price)) / step
    tried = []
    for count in (np.floor(ideal), np.ceil(ideal)):
        count = np.clip(count, 1, np.maximum(most, 1))
        left = shape.overflow(count * step)
        tried.append((count * replica + price * left, count, left))
    (one, *low), (other, *high) = tried
    return tuple(np.where(one <= other, *pair) for pair in zip(low, high, strict=True))
