"""Levers: what each technique saves per request, together with others, and in which order to pull them.

A `Serving` says how requests are served; `request_usd` prices it with the serving equations. A `Lever` changes some of
its fields. Values that stand for an assumption may be arrays, and costs are arrays then. Which levers there are, and
what is published about them, stands in `techniques`.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from costlib import cases, economics, serving, tracking, uncertainty
from costlib.equations import Equation, Model
from costlib.errors import InputError
from costlib.models import levers as equations

RULES = Model(*equations.EQUATIONS)


@dataclass(frozen=True)
class Serving:
    """How requests are served on replicas of one's own. Shares may be arrays."""

    model: str
    gpu: str
    precision: str
    kv_precision: str
    batch: Any
    n_gpus: float | None
    input_tokens: float
    output_tokens: float
    usd_per_gpu_second: float
    vintage: str = "current"
    all_experts: bool = False  # every token passes every expert: the dense model of the same size
    prefix_hit_share: Any = 0.0
    kept_token_share: Any = 1.0
    draft_tokens: float = 0.0
    acceptance_share: Any = 0.0
    draft_cost_share: Any = 0.0
    exit_share: Any = 0.0
    exit_depth_share: Any = 1.0
    narrow: str = ""  # the precision of some layers, where layers differ
    low_precision_share: Any = 0.0
    small_model: str = ""  # where some requests go
    routed_share: Any = 0.0
    repeated_share: Any = 0.0
    router_cost_share: Any = 0.0
    found_share: Any = 0.0
    search_usd: Any = 0.0

    def but(self, **changes: Any) -> Serving:
        """The same with some fields changed."""
        return dataclasses.replace(self, **changes)


def request_usd(served: Serving) -> Any:
    """Rent for one request in USD: of the model, of those that stand in for it, of searches before it."""
    cost = _mixed(served)
    if served.small_model:
        small = _mixed(served.but(model=served.small_model))
        named = ("routed_share", "repeated_share", "router_cost_share")
        chosen = {name: getattr(served, name) for name in named}
        cost = RULES({"large_request_usd": cost, "small_request_usd": small, **chosen}, "routed_request_usd")
    if np.any(np.asarray(served.found_share) > 0):
        found = {"found_share": served.found_share, "search_usd": served.search_usd, "large_request_usd": cost}
        cost = RULES(found, "retrieved_request_usd")
    return cost


def _mixed(served: Serving) -> Any:
    wide = _engine(served)
    if not served.narrow:
        return wide
    narrow = _engine(served.but(precision=served.narrow))
    mixed = {"low_precision_share": served.low_precision_share, "narrow_request_usd": narrow, "wide_request_usd": wide}
    return RULES(mixed, "mixed_request_usd")


def _engine(served: Serving) -> Any:
    model, values = replica(served)
    return model(values, "served_request_usd")


def replica(served: Serving) -> tuple[Model, dict[str, Any]]:
    """The equations and values of one replica: the serving model with drafts, exits and a pruned cache as they apply.

    No more sequences run together than memory holds at full length, so what frees memory lets a full replica take on
    more. Raises InputError where not even one fits.
    """
    model, values = _case(
        served.model, served.gpu, served.precision, served.kv_precision, gpus(served), served.input_tokens,
        served.output_tokens, served.vintage, served.draft_tokens > 0, served.all_experts,
    )  # fmt: skip
    values = {**values, "usd_per_gpu_second": served.usd_per_gpu_second, "prefix_hit_share": served.prefix_hit_share}
    if np.any(np.asarray(served.kept_token_share) < 1):
        for name in ("cached_layer_tokens", "full_layer_tokens"):
            values[name] = model(values, name) * served.kept_token_share
    if served.draft_tokens:
        names = ("draft_tokens", "acceptance_share", "draft_cost_share")
        values |= {name: getattr(served, name) for name in names}
    if np.any(np.asarray(served.exit_share) > 0):
        model = _replaced(model, equations.EARLY_EXIT)
        values |= {"exit_share": served.exit_share, "exit_depth_share": served.exit_depth_share}
    room = model.evaluate(values, "cache_room_bytes", "cache_sequences")
    if not np.all(np.asarray(room["cache_room_bytes"]) > 0):
        raise InputError(f"n_gpus = {values['n_gpus']:g} is not allowed: the weights of {served.model} in "
                         f"{served.precision} leave no room for a cache on {served.gpu}")  # fmt: skip
    values["batch"] = np.minimum(served.batch, np.floor(room["cache_sequences"]))
    return model, values


def gpus(served: Serving) -> float:
    """GPUs of a replica; where they are not given, the fewest that hold the weights and the (largest) batch."""
    if served.n_gpus is not None:
        return served.n_gpus
    named = ("n_gpus", "precision", "kv_precision", "input_tokens", "output_tokens", "vintage")
    given = {name: getattr(served, name) for name in named}
    return float(cases.deployment(served.model, served.gpu, batch=float(np.max(served.batch)), **given)[1]["n_gpus"])


@tracking.derived
def _case(
    model: str, gpu: str, precision: str, kv_precision: str, n_gpus: float, input_tokens: float,
    output_tokens: float, vintage: str, speculative: bool, all_experts: bool,
) -> tuple[Model, dict[str, Any]]:  # fmt: skip
    """The serving equations and values of a case without its batch."""
    given = {"precision": precision, "kv_precision": kv_precision, "vintage": vintage}
    lengths = {"input_tokens": input_tokens, "output_tokens": output_tokens}
    found, values = economics.served(model, gpu, n_gpus=n_gpus, **given, **lengths)
    if speculative:
        kind, _ = cases.shape(model)
        found = _replaced(serving.replica("steady", **kind, speculative=True), equations.DRAFTS)
        values = {name: value for name, value in values.items() if name != "tokens_per_step"}
    if all_experts:
        plain = {"expert_compute_factor": 1.0, "expert_routing_moves": 0.0}
        values = {**values, **plain, "experts_per_token": values["n_experts"]}
    return found + equations.REQUEST, values


@functools.cache
def _replaced(model: Model, alternatives: tuple[Equation, ...]) -> Model:
    """The model with `alternatives` in place of what defines the same quantities."""
    gone = {made.defines.name for made in alternatives}
    return Model(*(made for made in model.equations if made.defines.name not in gone), *alternatives)


PARTS = ("prompts", "reading weights", "fixed times", "reading caches", "arithmetic", "traffic and sampling")


def parts(served: Serving) -> dict[str, float]:
    """What the GPU time of a request goes into, in shares, where neither drafts nor exits are used."""
    model, values = replica(served)
    found = model.evaluate(values, "request_seconds")
    per_step = found["output_tokens"] / found["tokens_per_step"]
    seconds = (
        found["prefill_request_seconds"],
        per_step * found["weight_read_seconds"] / found["batch"],
        per_step * found["fixed_step_seconds"] / found["batch"],
        per_step * found["cache_seconds_per_sequence"],
        per_step * found["arithmetic_seconds_per_sequence"],
        per_step * (found["communication_seconds_per_sequence"] + found["sequence_seconds"]),
    )
    return {name: float(each / sum(seconds)) for name, each in zip(PARTS, seconds, strict=True)}


# --- levers ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Lever:
    """One technique: the fields that it sets, the assumptions behind them, and what cannot be pulled with it.

    `ranges` are (low, central, high) by field, `choices` other settings of it. Whether it `keeps` the model's own
    answers says if it changes which model answers. `claims` are keys of claims of savings, `published` savings with the
    name of what was measured.
    """

    key: str
    name: str
    changes: Mapping[str, Any]
    ranges: Mapping[str, tuple[float, float, float]] = dataclasses.field(default_factory=dict)
    choices: tuple[Mapping[str, Any], ...] = ()
    keeps: bool = True
    claims: tuple[str, ...] = ()
    published: tuple[float, ...] = ()
    excludes: frozenset[str] = frozenset()

    def at(self, served: Serving, drawn: Mapping[str, Any] | None = None) -> Serving:
        """`served` with the lever pulled, its assumptions at their central values or as `drawn`."""
        central = {name: triple[1] for name, triple in self.ranges.items()}
        return served.but(**{**self.changes, **central, **(drawn or {})})


def saving(served: Serving, *pulled: Lever) -> float:
    """The share of a request's cost that levers save together, negative where they cost more than they save."""
    return 1 - float(request_usd(together(served, pulled)) / request_usd(served))


def together(served: Serving, pulled: Iterable[Lever]) -> Serving:
    """`served` with all levers pulled."""
    for lever in pulled:
        served = lever.at(served)
    return served


def span(served: Serving, lever: Lever) -> tuple[float, float, float]:
    """The saving of a lever from low to high, and its central value between, over its assumptions and its choices.

    Of assumptions the ends are the 5% and the 95% quantile, of choices the worst and the best.
    """
    before, central = request_usd(served), saving(served, lever)
    found = [central, *(1 - float(request_usd(lever.at(served, choice)) / before) for choice in lever.choices)]
    if lever.ranges:
        drawn = uncertainty.propagate(lambda draws: request_usd(lever.at(served, draws)) / before, lever.ranges)
        found += [1 - drawn.high, 1 - drawn.low]
    return min(found), central, max(found)


def batches(served: Serving, lever: Lever, sizes: np.ndarray, **drawn: Any) -> np.ndarray:
    """The saving of a lever if `sizes` sequences are decoded together on the GPUs of `served`, with and without it."""
    before = served.but(n_gpus=gpus(served), batch=sizes)
    return 1 - np.asarray(request_usd(lever.at(before, drawn)) / request_usd(before))


def assumed(*names: str) -> dict[str, tuple[float, float, float]]:
    """Low, central and high of assumptions by name."""
    return {name: tuple(float(cases.assumed(name, level)) for level in ("low", "central", "high")) for name in names}


# --- interaction and order -------------------------------------------------------------------------------------------


def compatible(pulled: Iterable[Lever]) -> bool:
    """Whether levers can be pulled together."""
    return not any(b.key in a.excludes or a.key in b.excludes for a, b in itertools.combinations(pulled, 2))


def interaction(served: Serving, levers: list[Lever]) -> pd.DataFrame:
    """For every pair: the saving of both less that of the product, in shares; NaN where they exclude each other."""
    kept = {lever.key: 1 - saving(served, lever) for lever in levers}
    found = pd.DataFrame(np.nan, index=list(kept), columns=list(kept))
    for a, b in itertools.combinations(levers, 2):
        if compatible((a, b)):
            found.loc[a.key, b.key] = found.loc[b.key, a.key] = kept[a.key] * kept[b.key] - (1 - saving(served, a, b))
    return found


@dataclass(frozen=True)
class Way:
    """Levers in the order in which they are pulled, and the cost of a request before the first and after each."""

    levers: tuple[Lever, ...]
    usd: tuple[float, ...]

    @property
    def saving(self) -> float:
        """The share of the cost that all save together."""
        return 1 - self.usd[-1] / self.usd[0]

    @property
    def added(self) -> list[float]:
        """What each adds to the saving, in shares of the first cost."""
        return [(before - after) / self.usd[0] for before, after in itertools.pairwise(self.usd)]

    @property
    def paid(self) -> float:
        """The cost of a request while the levers are pulled one after the other, on average over the steps."""
        return float(np.mean(self.usd[1:])) if self.levers else self.usd[0]


def greedy(served: Serving, levers: list[Lever]) -> Way:
    """Always the lever next that saves most after those before, until none saves anything."""
    pulled: list[Lever] = []
    usd = [float(request_usd(served))]
    while True:
        rest = [each for each in levers if each not in pulled and compatible((*pulled, each))]
        costs = [float(request_usd(together(served, (*pulled, each)))) for each in rest]
        if not rest or min(costs) >= usd[-1]:
            return Way(tuple(pulled), tuple(usd))
        pulled.append(rest[int(np.argmin(costs))])
        usd.append(min(costs))


def exact(served: Serving, levers: list[Lever]) -> Way:
    """The cheapest of all compatible sets of levers, in the order in which least is paid on the way.

    Sets are enumerated; the order is the best of all by dynamic programming over subsets, each step taking as long.
    """
    cost = _subsets(served, levers)
    best = min(cost, key=lambda each: (cost[each], len(each)))
    paid: dict[frozenset[int], tuple[float, tuple[int, ...]]] = {frozenset(): (0.0, ())}
    for size in range(1, len(best) + 1):
        for each in map(frozenset, itertools.combinations(sorted(best), size)):
            ways = [(paid[each - {last}][0] + cost[each], (*paid[each - {last}][1], last)) for last in sorted(each)]
            paid[each] = min(ways)
    order = paid[best][1]
    usd = [cost[frozenset(order[:size])] for size in range(len(order) + 1)]
    return Way(tuple(levers[place] for place in order), tuple(usd))


def _subsets(served: Serving, levers: list[Lever]) -> dict[frozenset[int], float]:
    """The cost of a request with each compatible set of levers, by their places."""
    found = {}
    for size in range(len(levers) + 1):
        for each in itertools.combinations(range(len(levers)), size):
            pulled = [levers[place] for place in each]
            if compatible(pulled):
                found[frozenset(each)] = float(request_usd(together(served, pulled)))
    return found


def first_batch(sizes: np.ndarray, savings: np.ndarray) -> float:
    """The batch from which on a lever saves nothing, between `sizes`; infinite if it saves at all, 0 at none."""
    losing = savings <= 0
    if not losing.any():
        return float("inf")
    place = int(np.argmax(losing))
    if place == 0:
        return 0.0
    return float(np.interp(0.0, savings[[place, place - 1]], sizes[[place, place - 1]]))
