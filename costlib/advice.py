"""What to do and how sure that is: the cheapest way, its share of draws, and how far each input is from a change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from costlib import decision, economics, horizons, uncertainty
from costlib.decision import KIND_OF, KINDS, Case, Costs

NEAR = 0.05  # ways whose costs differ by less than this share cost about the same
DRAWS = int(0.25 / horizons.TOLERANCE**2)  # as many as keep the standard error of a share below its tolerance
REACH = 100.0  # inputs are multiplied and divided by up to so much
STEP = 1.02  # between the factors that are tried; what flips and flips back within one is not seen
LONGEST = 120  # months

INPUTS = {  # what may flip the answer: label, and the values that move with it
    "volume": ("demand_tokens_per_second",),
    "prices of APIs": ("api_usd_per_token", "host_usd_per_token"),
    "rent of a GPU": ("usd_per_gpu_second",),
    "price of a GPU": ("usd_per_gpu",),
    "speed of a replica": ("replica_tokens_per_second",),
    "peak over mean": ("peak_to_mean_ratio",),
    "price of labor": ("labor_usd_per_hour",),
    "hours of upkeep": ("labor_hours_per_month", "labor_hours_per_month_per_gpu"),
    "hours of setup": ("setup_hours",),
}
ONLY = {  # inputs that some ways alone depend on
    "prices of APIs": decision.KINDS["api"], "rent of a GPU": ("rented", "hybrid"), "price of a GPU": decision.OWNED,
}  # fmt: skip
HORIZON, TEAM = "horizon", "hours of the team"


@dataclass(frozen=True)
class Advice:
    """The cheapest `way` and its `kind` (both empty if every way is ruled out), and the cheapest of another kind."""

    way: str
    kind: str
    usd: float
    other: str
    other_usd: float

    @property
    def ahead(self) -> float:
        """By which share the cheapest of another kind is dearer; infinite if there is none."""
        return self.other_usd / self.usd - 1 if self.other else float("inf")


def advise(found: Costs, row: int = 0) -> Advice:
    """What `found` says over all its months, for one of its rows."""
    last = {way: float(each[row, -1]) for way, each in found.usd.items() if np.isfinite(each[row, -1])}
    if not last:
        return Advice("", "", float("inf"), "", float("inf"))
    way = min(last, key=lambda each: last[each])
    others = {each: usd for each, usd in last.items() if KIND_OF[each] != KIND_OF[way]}
    other = min(others, key=lambda each: others[each], default="")
    return Advice(way, KIND_OF[way], last[way], other, others.get(other, float("inf")))


# --- how sure --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Confidence:
    """Shares of `draws` in which each kind is the cheapest (`cheapest`), and no more than `NEAR` dearer (`near`).

    `spans` are the 5%, 50% and 95% quantile of the present cost by way, in USD.
    """

    cheapest: dict[str, float]
    near: dict[str, float]
    spans: dict[str, tuple[float, float, float]]
    draws: int


def confidence(about: Case, gpu: str, contract: str) -> Confidence:
    """How often each kind wins when the assumptions and the prices of GPUs are drawn."""
    drawn = uncertainty.draw(economics.triples(about.values, gpu, contract), DRAWS)
    found = decision.costs(about, drawn)
    last = {kind: found.of_kind(kind)[:, -1] for kind in KINDS}
    least = np.minimum.reduce(list(last.values()))
    kinds = found.kinds()[:, -1]
    spans = {
        way: tuple(np.quantile(each[:, -1], uncertainty.LEVELS, method="inverted_cdf"))
        for way, each in found.usd.items()
        if np.isfinite(each[:, -1]).any()
    }
    return Confidence(
        {kind: float(np.mean(kinds == place)) for place, kind in enumerate(KINDS)},
        {kind: float(np.mean(np.isfinite(each) & (each <= least * (1 + NEAR)))) for kind, each in last.items()},
        spans,
        DRAWS,
    )


# --- how far from a change -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Flip:
    """Factors on one input at which the answer first changes to another kind, below (`down`) and above one (`up`).

    Zero and infinity say that it does not within `reach`. `low` and `high` are the kinds it changes to (empty: none,
    since every way is ruled out, or never).
    """

    label: str
    down: float
    up: float
    low: str
    high: str
    reach: tuple[float, float] = (1 / REACH, REACH)

    @property
    def distance(self) -> float:
        """The nearer of both as a factor above one; infinite if neither is reached."""
        return min(1 / self.down if self.down else float("inf"), self.up)


def flips(about: Case) -> list[Flip]:
    """How far every input is from changing the kind of the answer, the nearest first."""
    idle = {label for label, ways in ONLY.items() if all(way in about.refused for way in ways)}
    found = [_flip(about, label, names) for label, names in INPUTS.items() if label not in idle]
    found += [_team(about)] if 0 < about.team < np.inf else []
    return sorted([*found, _horizon(about)], key=lambda each: each.distance)


def _base(about: Case) -> dict[str, Any]:
    speed = about.equations(about.values, "replica_tokens_per_second")
    return {**about.values, "replica_tokens_per_second": speed}


def kinds_at(about: Case, names: tuple[str, ...], factors: np.ndarray) -> np.ndarray:
    """The kind of the answer (its place in `KINDS`, -1: none) with the values `names` multiplied by each factor."""
    base = _base(about)
    return decision.costs(about, {name: float(base[name]) * factors for name in names}).kinds()[:, -1]


def _flip(about: Case, label: str, names: tuple[str, ...]) -> Flip:
    least, most = _room(about, names)
    ends = []
    for limit in (least, most):
        tried = np.geomspace(1.0, limit, int(np.ceil(abs(np.log(limit)) / np.log(STEP))) + 1)
        ends.append(_first(lambda factors: kinds_at(about, names, factors), tried))
    (down, low), (up, high) = ends
    return Flip(label, down or 0.0, up or float("inf"), low, high, (least, most))


def _room(about: Case, names: tuple[str, ...]) -> tuple[float, float]:
    """The least and the greatest factor that values may be multiplied by: `REACH`, or what a peak can be."""
    if "peak_to_mean_ratio" not in names:
        return 1 / REACH, REACH
    peak = float(about.values["peak_to_mean_ratio"])
    most = 0.998 * len(about.load) / np.sum(about.load == about.load.max())
    return max(1 / REACH, 1 / peak), max(min(REACH, most / peak), 1.0)


def _first(kinds: Any, tried: np.ndarray) -> tuple[float | None, str]:
    """The first of the factors `tried` (from one on) at which the kind differs, refined, and the kind there."""
    found = kinds(tried)
    changed = np.flatnonzero(found != found[0])
    if not changed.size:
        return None, ""
    fine = np.geomspace(tried[changed[0] - 1], tried[changed[0]], 201)
    closer = kinds(fine)
    place = int(np.argmax(closer != found[0]))
    return float(fine[place]), _name(closer[place])


def _name(place: int) -> str:
    return list(KINDS)[place] if place >= 0 else ""


def _team(about: Case) -> Flip:
    """The flip of the hours that a team has, which no equation of a cost needs."""
    work = decision.costs(about).work
    ends: list[tuple[float | None, str]] = []

    def kinds(factors: np.ndarray) -> np.ndarray:
        cases = (decision.replace(about, team=about.team * each) for each in factors)
        return np.array([decision.costs(each).kinds()[0, -1] for each in cases])

    reach = max((float(each.max()) / about.team for each in work.values()), default=1.0)
    limits = (1 / REACH, min(REACH, max(1.5 * reach, STEP)))
    for limit in limits:
        ends.append(_first(kinds, np.geomspace(1.0, limit, 41)))
    (down, low), (up, high) = ends
    return Flip(TEAM, down or 0.0, up or float("inf"), low, high)


def _horizon(about: Case) -> Flip:
    """The flip of the horizon, in whole months from 1 to `LONGEST`."""
    found = np.array([_kind_over(about, months) for months in range(1, LONGEST + 1)])
    now, places = about.months - 1, np.flatnonzero(found != found[about.months - 1])
    shorter, longer = places[places < now], places[places > now]
    down = (shorter[-1] + 1) / about.months if shorter.size else 0.0
    up = (longer[0] + 1) / about.months if longer.size else float("inf")
    return Flip(
        HORIZON, float(down), float(up), _name(found[shorter[-1]]) if shorter.size else "",
        _name(found[longer[0]]) if longer.size else "", (1 / about.months, LONGEST / about.months),
    )  # fmt: skip


def _kind_over(about: Case, months: int) -> int:
    return int(decision.costs(about, months=months).kinds()[0, -1])
