"""Rules of thumb put to a test on scenarios: how often they name the cheapest kind, and what following them costs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from costlib import data
from costlib.decision import KINDS
from costlib.scenarios import Solved

API, HOSTING, HYBRID = range(len(KINDS))


@dataclass(frozen=True)
class Score:
    """How a rule does where it speaks: `share` of scenarios, how often it is `right`, and the `regret` on average.

    `right` counts the cheapest kind; `with_replicas` also a hybrid where hosting is said, and the other way round.
    `overpaid` is what following it costs more over all of them together.
    """

    share: float
    right: float
    with_replicas: float
    regret: float
    overpaid: float


def score(found: Solved, world: str, said: np.ndarray, where: np.ndarray) -> Score:
    """The score of `said` (a place in `KINDS` for every scenario) on the scenarios `where` (true or false)."""
    best, bills = found.best(world)[where], found.bills[world][:, where]
    mine = said[where]
    paid = bills[mine, np.arange(len(mine))]
    least = bills.min(axis=0)
    return Score(
        float(where.mean()), float(np.mean(best == mine)), float(np.mean((best == API) == (mine == API))),
        float(np.mean(paid / least - 1)), float(paid.sum() / least.sum() - 1),
    )  # fmt: skip


def speaks(found: Solved, claim: str) -> np.ndarray:
    """The scenarios whose spending lies in the range of a claim of the article."""
    low, high = data.row("claims", claim)[["claimed_low", "claimed_high"]].astype(float)
    return (found.spend >= low) & (found.spend <= (np.inf if np.isnan(high) else high))


def threshold(ratio: np.ndarray, found: Solved, world: str, where: np.ndarray) -> float:
    """The ratio above which a hybrid is taken instead of an API, with the least mean regret on the scenarios `where`.

    Every value between two neighboring ratios is tried, at once.
    """
    order = np.argsort(ratio[where])
    sorted_ratio = ratio[where][order]
    api, hybrid = (found.regret(world, np.full(len(ratio), kind))[where][order] for kind in (API, HYBRID))
    total = np.concatenate([[0.0], api.cumsum()]) + np.concatenate([hybrid[::-1].cumsum()[::-1], [0.0]])
    least = int(total.argmin())
    ends = np.concatenate([[sorted_ratio[0] / 2], sorted_ratio, [sorted_ratio[-1] * 2]])
    return float(np.sqrt(ends[least] * ends[least + 1]))
