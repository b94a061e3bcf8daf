"""Answers to the title question: a study's shares of variance, how they change with what is open, and in words."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from scipy.stats import rankdata, spearmanr

from costlib import sensitivity
from costlib.sensitivity import Shares, Sobol
from costlib.study import KINDS, Study
from costlib.uncertainty import LEVELS

COUNT = 2**13  # points of each Sobol matrix
TENTHS = 10  # parts of a range whose mean costs are compared


@dataclass(frozen=True)
class Answer:
    """What drives the cost in a study: Sobol indices, Shapley effects, and Shapley effects with dependent ranks.

    `costs` are the 5%, 50% and 95% quantile of the cost of a token in USD; `swings` the geometric mean costs with an
    input (of one coordinate) at the entry or tenth of its range where it is cheapest, middling and dearest.
    """

    study: Study
    sobol: Sobol
    shapley: Shares
    dependent: Shares
    costs: tuple[float, float, float]
    swings: Mapping[str, tuple[float, float, float]] = field(hash=False)

    @property
    def shares(self) -> dict[str, float]:
        """The Shapley effect of each input, the largest first."""
        return by_label(self.study, self.shapley)

    def kinds(self) -> dict[str, float]:
        """The Shapley effects of each kind of input together, the largest first."""
        found = dict.fromkeys(KINDS, 0.0)
        for each, share in zip(self.study.inputs, self.shapley.value, strict=True):
            found[each.kind] += float(share)
        return _falling(found)


def by_label(study: Study, shares: Shares) -> dict[str, float]:
    """Shares by the labels of the study's inputs, the largest first."""
    return _falling(dict(zip(study.labels, map(float, shares.value), strict=True)))


def _falling(found: Mapping[str, float]) -> dict[str, float]:
    return dict(sorted(found.items(), key=lambda each: -each[1]))


@functools.cache
def answer(study: Study, count: int = COUNT) -> Answer:
    """The answer for `study`, from ``count * (inputs + 2)`` evaluations for Sobol and about as many for Shapley."""
    indices = sensitivity.sobol(study, study.groups, count)
    return Answer(
        study, indices, shares(study, count), shares(study, count, study.correlation()), *_costs(study, 4 * count)
    )


def shares(study: Study, count: int = COUNT, correlation: np.ndarray | None = None) -> Shares:
    """Shapley effects of the study's inputs from `count` walks."""
    return sensitivity.shapley(study, study.groups, correlation, orders=count // 32, each=32)


def _costs(study: Study, count: int) -> tuple[tuple[float, float, float], dict[str, tuple[float, float, float]]]:
    points = sensitivity.points(sum(study.groups), count)
    logs, place, swings = study(points), 0, {}
    for each in study.inputs:
        if each.coordinates == 1:
            parts = np.exp(sensitivity.effect(points[place], logs, each.options or TENTHS))
            swings[each.label] = (float(parts.min()), float(np.median(parts)), float(parts.max()))
        place += each.coordinates
    low, middle, high = np.exp(np.quantile(logs, LEVELS))
    return (float(low), float(middle), float(high)), swings


def views(study: Study, **held: Study) -> dict[str, dict[str, float]]:
    """Shapley effects by label under other questions: dependent ranks, halved ranges, a request, and `held` studies."""
    found = answer(study)
    asked = {"halved": study.halved(), **held, "per request": study.per_request()}
    open_now = {"all open": found.shares, "dependent": by_label(study, found.dependent)}
    return open_now | {name: by_label(each, shares(each)) for name, each in asked.items()}


def saving(found: Answer, label: str) -> float:
    """The share of the cost saved by moving one input from its middle to where it is cheapest, all others varying."""
    cheapest, middle, _ = found.swings[label]
    return 1 - cheapest / middle


# --- the article's tiers ---------------------------------------------------------------------------------------------

TIERS = {"model": 1, "precision": 1, "sequences at once": 1, "cache hits": 2, "landlord": 3, "GPU": 3}
NAMES = {
    "model": "model selection", "precision": "quantization", "sequences at once": "batching", "cache hits": "caching",
    "landlord": "provider selection", "GPU": "hardware selection",
}  # fmt: skip


def ranks(found: Mapping[str, float]) -> dict[str, tuple[int, float, int]]:
    """The levers that the article ranks: its tier, the rank that the tier stands for, and the rank by `found`."""
    theirs = rankdata(list(TIERS.values()))
    ours = rankdata([-found[label] for label in TIERS]).astype(int)
    return {label: (TIERS[label], float(theirs[i]), int(ours[i])) for i, label in enumerate(TIERS)}


def rank_correlation(found: Mapping[str, float]) -> float:
    """Spearman's correlation of the article's tiers with our ranks."""
    rows = ranks(found).values()
    return float(spearmanr([tier for tier, _, _ in rows], [ours for _, _, ours in rows]).statistic)


def misplaced(found: Mapping[str, float]) -> list[tuple[str, float]]:
    """Levers by how many ranks the article puts them too high (positive) or too low, the worst first."""
    off = [(label, ours - theirs) for label, (_, theirs, ours) in ranks(found).items()]
    return sorted(off, key=lambda each: -abs(each[1]))


# --- words -----------------------------------------------------------------------------------------------------------


def listed(found: Mapping[str, float], count: int = 3) -> str:
    """The first of `found` (in its order) with their shares: "the model (94%), the seller (2%) and retries (1%)"."""
    words = [f"{label} ({share:.0%})" for label, share in list(found.items())[:count]]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def leads(found: Mapping[str, float]) -> str:
    """Whether the largest of `found` decides alone, leads, or is one of several."""
    first, second = [*found.values(), 0.0][:2]
    if first > 0.5:
        return "decides"
    return "comes first" if first > 1.5 * second else "comes first by little"
