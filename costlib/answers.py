"""Answers to the title question: a study's shares of variance, how they change with what is open, and in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from scipy.stats import rankdata, spearmanr

from costlib import sensitivity, tracking
from costlib.sensitivity import Shares, Sobol
from costlib.study import KINDS, Study
from costlib.uncertainty import LEVELS

COUNT = 2**13  # points of each Sobol matrix
TENTHS = 10  # parts of a range whose mean costs are compared


@dataclass(frozen=True)
class Answer:
    """What drives the cost in a study: Sobol indices, Shapley effects, and Shapley effects with dependent ranks.

    `costs` are the 5%, 50% and 95% quantile of the cost of a token in USD; `swings` as the function of that name.
    """

    study: Study
    sobol: Sobol
    shapley: Shares
    dependent: Shares
    costs: tuple[float, ...]
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


@tracking.derived
def answer(study: Study, count: int = COUNT) -> Answer:
    """The answer for `study`, from ``count * (inputs + 2)`` evaluations for Sobol and about as many for Shapley."""
    indices = sensitivity.sobol(study, study.groups, count)
    effects = (shares(study, count), shares(study, count, study.correlation()))
    return Answer(study, indices, *effects, _costs(study, 8 * count), swings(study, 8 * count))


def shares(study: Study, count: int = COUNT, correlation: np.ndarray | None = None) -> Shares:
    """Shapley effects of the study's inputs from `count` walks."""
    return sensitivity.shapley(study, study.groups, correlation, orders=count // 32, each=32)


def _costs(study: Study, count: int) -> tuple[float, ...]:
    logs = study(sensitivity.points(sum(study.groups), count))
    return tuple(float(each) for each in np.exp(np.quantile(logs, LEVELS)))


def swings(study: Study, count: int = 8 * COUNT) -> dict[str, tuple[float, float, float]]:
    """Geometric mean costs with one input at the entry or tenth of its range where it is cheapest, middling, dearest.

    In USD per token, for inputs of one coordinate, all others varying.
    """
    points = sensitivity.points(sum(study.groups), count)
    logs, place, found = study(points), 0, {}
    for each in study.inputs:
        if each.coordinates == 1:
            parts = np.exp(sensitivity.effect(points[place], logs, each.options or TENTHS))
            found[each.label] = (float(parts.min()), float(np.median(parts)), float(parts.max()))
        place += each.coordinates
    return found


def views(found: Answer, **held: Study) -> dict[str, dict[str, float]]:
    """Shapley effects by label under other questions: dependent ranks, halved ranges, `held` studies, a request."""
    study, count = found.study, found.sobol.samples
    asked = {"halved": study.halved(), **held, "per request": study.per_request()}
    open_now = {"all open": found.shares, "linked": by_label(study, found.dependent)}
    return open_now | {name: by_label(each, shares(each, count)) for name, each in asked.items()}


def saving(found: Mapping[str, tuple[float, float, float]], label: str) -> float:
    """The share of the cost that one input saves at most by its `swings`: from its dearest to its cheapest place."""
    cheapest, _, dearest = found[label]
    return 1 - cheapest / dearest


def moved(one: Mapping[str, float], other: Mapping[str, float]) -> tuple[str, float, float]:
    """The input whose share differs most between two answers: its label and both shares."""
    label = max(one, key=lambda each: abs(one[each] - other.get(each, 0.0)))
    return label, one[label], other.get(label, 0.0)


def grid(found: Mapping[str, Mapping[str, float]], least: float = 0.02) -> tuple[list[str], np.ndarray]:
    """The labels whose share reaches `least` under some question, and all shares (label, question); nan where fixed."""
    labels = [each for each in found["all open"] if max(one.get(each, 0.0) for one in found.values()) >= least]
    return labels, np.array([[one.get(each, np.nan) for one in found.values()] for each in labels])


def chart(found: Answer) -> tuple[list[str], tuple[np.ndarray, ...], dict[str, tuple[np.ndarray, bool]]]:
    """What `figures.effects` draws: labels, Shapley effects with their interval, Sobol indices; largest first."""
    order = np.argsort(-found.shapley.value, kind="stable")
    labels = [found.study.labels[each] for each in order]
    bars = tuple(each[order] for each in (found.shapley.value, *found.shapley.interval()))
    marks = {"first-order": (found.sobol.first.value[order], True), "total": (found.sobol.total.value[order], False)}
    return labels, bars, marks


def convergence(found: Answer, count: int = 3) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Evaluations, and for the largest inputs the total index from the first so many: value, low and high (rows)."""
    sizes = [2**power for power in range(5, found.sobol.samples.bit_length())]
    series = {}
    for label in list(found.shares)[:count]:
        mine = found.study.labels.index(label)
        parts = [found.sobol.total.upto(size) for size in sizes]
        series[label] = np.array([(each.value[mine], *(end[mine] for end in each.interval())) for each in parts])
    return np.array(sizes) * (len(found.study.inputs) + 2), series


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
