"""Where self-hosting begins to win: an API's straight line against a staircase, exactly.

Hosting costs a fixed amount for each number of replicas, so its cost over volume is a staircase; an API's is a straight
line through zero. The line can cross the stairs many times: hosting wins at the full end of a step first, and on all of
it later.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import isclose

import numpy as np

ROUNDING = 1e-12  # volumes closer to the end of a step than this share count as its end


@dataclass(frozen=True)
class Staircase:
    """What hosting costs by volume.

    `step` is the volume that one more needed replica carries (tokens per second, on average over the load curve);
    `usd_per_second[n - 1]` is the bill with n needed replicas, non-decreasing; `marginal_usd_per_second` is what one
    more replica adds in the long run.
    """

    step: float
    usd_per_second: np.ndarray
    marginal_usd_per_second: float

    def bill(self, needed: np.ndarray) -> np.ndarray:
        """The bill (USD per second) with so many needed replicas; beyond the last known, by the marginal cost."""
        last = len(self.usd_per_second)
        beyond = np.maximum(needed - last, 0) * self.marginal_usd_per_second
        return self.usd_per_second[np.minimum(needed, last) - 1] + beyond

    def cost(self, volume: np.ndarray | float) -> np.ndarray:
        """The bill (USD per second) at `volume` (tokens per second)."""
        full = np.asarray(volume, dtype=float) / self.step * (1 - ROUNDING)  # a full step needs no further replica
        return self.bill(np.maximum(np.ceil(full), 1).astype(int))

    @property
    def ends(self) -> np.ndarray:
        """The volume at which each step is full."""
        return self.step * np.arange(1, len(self.usd_per_second) + 1)

    @property
    def floor_usd_per_token(self) -> float:
        """The price below which an API always wins: the least cost per token that hosting reaches or tends to."""
        return min(float(np.min(self.usd_per_second / self.ends)), self.marginal_usd_per_second / self.step)

    def wins(self, api_usd_per_token: float) -> list[tuple[float, float]]:
        """The volumes (tokens per second) at which hosting is cheaper, as intervals (low, high], in order."""
        low = np.maximum(self.usd_per_second / api_usd_per_token, np.concatenate([[0.0], self.ends[:-1]]))
        intervals: list[tuple[float, float]] = []
        for start, end in zip(low[low < self.ends], self.ends[low < self.ends], strict=True):
            if intervals and isclose(intervals[-1][1], start, rel_tol=1e-12):
                intervals[-1] = (intervals[-1][0], float(end))
            else:
                intervals.append((float(start), float(end)))
        return intervals

    def first_win(self, api_usd_per_token: float) -> float:
        """The smallest volume (tokens per second) from which hosting wins, for a while at least; infinite if never."""
        intervals = self.wins(api_usd_per_token)
        if intervals:
            return intervals[0][0]
        gain = api_usd_per_token * self.step - self.marginal_usd_per_second
        if gain <= 0:
            return float("inf")
        known = len(self.usd_per_second)
        needed = np.floor((self.usd_per_second[-1] - known * self.marginal_usd_per_second) / gain) + 1
        bill = self.bill(np.array(max(int(needed), known + 1)))
        return max(float(bill) / api_usd_per_token, (max(needed, known + 1) - 1) * self.step)

    def last_loss(self, api_usd_per_token: float) -> float:
        """The largest known volume at which the API wins: above it hosting wins throughout, as far as is known."""
        intervals = self.wins(api_usd_per_token)
        if not intervals or not np.isclose(intervals[-1][1], self.ends[-1]):
            return float("inf")
        return intervals[-1][0]


MOST = 400  # needed replicas beyond which a break-even is called never


def first_wins(
    bill: Callable[[np.ndarray, np.ndarray], np.ndarray],
    fixed: np.ndarray,
    replica: np.ndarray,
    step: np.ndarray,
    price: float,
) -> np.ndarray:
    """For many staircases at once, the smallest volume at which `price` times it reaches the bill; infinite if never.

    `bill(needed, which)` is the bill of the staircases `which` with so many needed replicas, at least `fixed` and
    `replica` for each. Volumes rise from where that lower bound is reached: at the volume that the current bill would
    buy, more replicas may be needed, whose bill buys more, until they carry it. The first volume at which that holds is
    the smallest at all, as bills never fall.
    """
    volume = np.full(step.shape, np.inf)
    gain = price * step - replica
    with np.errstate(divide="ignore"):
        least = np.where(gain > 0, fixed / gain, np.inf)
    which = np.flatnonzero(least <= MOST)
    needed = np.maximum(np.ceil(least[which] * (1 - 1e-9)), 1).astype(int)
    while which.size:
        bought = bill(needed, which) / price
        wanted = np.floor(np.minimum(bought / step[which], MOST + 1.0)).astype(int) + 1
        volume[which] = np.where(wanted <= needed, bought, np.inf)
        going = (wanted > needed) & (wanted <= MOST)
        which, needed = which[going], wanted[going]
    return volume
