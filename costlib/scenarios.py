"""Thousands of services, each solved by trying everything: what buying, hosting and a hybrid cost at least.

A scenario is a service: a volume, lengths, a load curve, an open model that would do, the API that it uses now, and a
place in the market of GPUs. Solving it tries every GPU of the market, the smallest replica and its double and fourfold,
every contract and owned hardware, with spares for the whole load or as a hybrid with the best number of replicas, and
the offers of APIs. Costs are those of a steady month.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from costlib import cases, data, drivers, economics, loads, prices, sweep, tracking, uncertainty, units
from costlib.decision import KINDS, Case, overflow_price
from costlib.deployments import Deployments, deployments
from costlib.equations import Model
from costlib.models import api, breakeven, hosting
from costlib.overflow import Stretched, base_load
from costlib.study import lengths, place

COUNT = 2_500
SEED = 20_261_124
ROOMS = (1.0, 2.0, 4.0)
MOST_GPUS = 16  # of a replica: two servers
PRECISION = "fp8"
CONTRACTS = ("on_demand", "reserved_1yr", "spot", "owned")
SHAPES = ("constant", "realtime", "bursty")
USUAL_GPU, USUAL_ROOMS = "h100_sxm_80gb", (1.0, 2.0)  # what the quick recommendation looks at
WORLDS = {"every": "with all offers of its API's model and of the open model", "own": "with the API it uses now alone"}
MONTH = units.base_factor("month")
REPLICA = Model(*hosting.EQUATIONS, *breakeven.EQUATIONS)


@dataclass(frozen=True)
class Sample:
    """Scenarios: `drawn` are values by name, `model`, `offer` and `shape` places in lists, `seller` in 0..1."""

    drawn: dict[str, np.ndarray]
    model: np.ndarray
    offer: np.ndarray
    shape: np.ndarray
    seller: np.ndarray


def sample(count: int = COUNT, seed: int = SEED, peak: float | None = None) -> Sample:
    """`count` scenarios; with `peak`, all with that peak over mean.

    The volume is even over the logarithms of its range; models, models of APIs and their sellers are drawn from lists,
    lengths from published means, all else from the triangles of the assumptions.
    """
    random = np.random.default_rng(seed)
    triples = _unknown() | {name: lengths(name) for name in ("input_tokens", "output_tokens")}
    triples |= {name: _triple(name) for name in ("batch", "cache_hit_share")}
    drawn = uncertainty.draw(triples, count, seed)
    low, _, high = _triple("demand_tokens_per_second")
    drawn["demand_tokens_per_second"] = np.exp(random.uniform(np.log(low), np.log(high), count))
    if peak is not None:
        drawn["peak_to_mean_ratio"] = np.full(count, peak)
    offers = drivers.offered().groupby("api_model", sort=False).size().to_numpy()
    chosen = random.integers(len(offers), size=count)
    first = np.cumsum(offers)[chosen] - offers[chosen]
    return Sample(
        drawn, random.integers(len(drivers.hosted_models()), size=count),
        first + place(random.random(count), offers[chosen]), random.integers(len(SHAPES), size=count),
        random.random(count),
    )  # fmt: skip


def _unknown() -> dict[str, tuple[float, float, float]]:
    """Low, central and high of what is not known of a deployment and of owned hardware before there is one."""
    return {**economics.triples(_many().values), **{name: _triple(name) for name in economics.OWNED}}


def _triple(name: str) -> tuple[float, float, float]:
    return tuple(float(cases.assumed(name, level)) for level in ("low", "central", "high"))


def gpus() -> tuple[str, ...]:
    """Every GPU that somebody rents on demand."""
    quotes = data.table("gpu_rental_prices").query("contract == 'on_demand' and provider_class != 'index'")
    return tuple(sorted(quotes["gpu"].unique()))


def _many() -> Deployments:
    return deployments(drivers.hosted_models(), gpus(), (PRECISION,))


# --- what is bought --------------------------------------------------------------------------------------------------


def prices_of(taken: Sample) -> dict[str, np.ndarray]:
    """The price of a token (USD) by world: of the API used now, and the least of all offers that would do."""
    offers = drivers.offered()
    mix = {name: taken.drawn[name][:, np.newaxis] for name in ("input_tokens", "output_tokens", "cache_hit_share")}
    listed = {name: offers[name].to_numpy(float) for name in drivers.PRICED}
    every = Model(*api.EQUATIONS)({**mix, **listed, "batch_share": 0.0}, "api_usd_per_token")
    opened = offers["api_model"].map(data.table("api_models")["open_model"]).fillna("").to_numpy(str)
    named = offers["api_model"].to_numpy(str)
    models = np.array(drivers.hosted_models())
    fits = (named == named[taken.offer][:, np.newaxis]) | (opened == models[taken.model][:, np.newaxis])
    own = every[np.arange(len(taken.offer)), taken.offer]
    return {"every": np.where(fits, every, np.inf).min(axis=1), "own": own}


# --- what is hosted --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Fleet:
    """Replicas that a scenario could be served with, in base units: arrays (scenarios, ways to build one)."""

    values: dict[str, np.ndarray]
    rents: dict[str, np.ndarray]
    week: tuple[np.ndarray, list[Stretched]]


def fleets(taken: Sample, many: Deployments, on: tuple[str, ...], rooms: tuple[float, ...]) -> Fleet:
    """Every replica of `many` on the GPUs `on` with `rooms` times the fewest GPUs, and what a GPU costs."""
    known, count = taken.drawn, len(taken.model)
    ways = [(many.gpus.index(gpu), room) for gpu in on for room in rooms]
    wide = {name: np.repeat(each, len(ways)) for name, each in known.items()}
    wide["room_factor"] = np.tile([room for _, room in ways], count)
    at = np.tile([gpu for gpu, _ in ways], count)
    model = np.repeat(taken.model, len(ways))
    wide |= many.speeds(many.index(model, at, np.zeros_like(at)), wide)
    large = (wide["n_gpus"] > MOST_GPUS).reshape(count, len(ways))
    rents = {contract: np.repeat(each[:, [many.gpus.index(gpu) for gpu in on]], len(rooms), axis=1)
             + np.where(large, np.inf, 0.0) for contract, each in _rents(taken.seller, known).items()}  # fmt: skip
    shaped = {name: each.reshape(count, len(ways)) for name, each in wide.items()}
    weeks = [
        Stretched.of(loads.curve(kind), known["peak_to_mean_ratio"][taken.shape == number])
        for number, kind in enumerate(SHAPES)
    ]
    return Fleet(shaped, rents, (taken.shape, weeks))


def _rents(seller: np.ndarray, known: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """USD per GPU-second by contract (scenarios, GPUs of the market); infinite where it is not offered."""
    market, names = gpus(), list(prices.CONTRACTS)
    quotes = drivers.Rents.of(market).quotes
    at = seller * (len(drivers.KNOTS) - 1)
    found = {}
    for contract in CONTRACTS[:-1]:
        rows = [
            np.interp(at, np.arange(len(drivers.KNOTS)), quotes[row, names.index(contract)])
            for row in range(len(market))
        ]
        found[contract] = np.nan_to_num(np.stack(rows, axis=1), nan=np.inf)
    owned = [economics.owned(gpu) for gpu in market]
    cost = np.full((len(seller), len(market)), np.inf)
    for column, (equations, values) in ((number, each) for number, each in enumerate(owned) if each):
        drawn = {name: known[name] for name in economics.OWNED if name in economics.triples(values)}
        cost[:, column] = equations({**values, **drawn}, "owned_usd_per_gpu_second")
    return {**found, "owned": cost}


def _hosting(fleet: Fleet) -> np.ndarray:
    """The bill (USD per second) of hosting everything with spares: (contracts, scenarios, ways)."""
    flat = {name: each.ravel() for name, each in fleet.values.items()}
    flat.setdefault("availability_target", np.array(float(cases.assumed("availability_target"))))
    [needed] = sweep.run(_SOUGHT, flat)
    flat["replicas"] = needed + economics.availability.extra_replicas(needed, *economics.reliability(flat))
    bills = [sweep.run(_BILLED, {**flat, "usd_per_gpu_second": rent.ravel()})[0] for rent in fleet.rents.values()]
    return np.stack(bills).reshape(len(fleet.rents), *fleet.values["n_gpus"].shape)


def _hybrid(fleet: Fleet, price: np.ndarray) -> np.ndarray:
    """The bill (USD per second) of replicas for the base and an API at `price` (USD per token) for the rest.

    With the best number of replicas, at least one: (contracts, scenarios, ways).
    """
    values, (kinds, weeks) = fleet.values, fleet.week
    flat = {name: each.ravel() for name, each in values.items()} | {"usd_per_gpu_second": 0.0, "replicas": 0.0}
    fixed = sweep.run(_BILLED, flat)[0].reshape(values["n_gpus"].shape)
    up = values["node_availability"] ** np.ceil(values["n_gpus"] / economics.NODE_GPUS)
    volume, price = values["demand_tokens_per_second"], price[:, np.newaxis]
    step = values["replica_tokens_per_second"] * (1 - values["batch_penalty_share"]) / volume
    people = values["labor_usd_per_hour"] * values["labor_hours_per_month_per_gpu"]
    bills = np.empty((len(fleet.rents), *step.shape))
    for bill, rent in zip(bills, fleet.rents.values(), strict=True):
        rate = np.where(np.isfinite(rent), values["n_gpus"] * (rent + people), _DEAR)
        for number, week in enumerate(weeks):
            mine = kinds == number
            count, over = base_load(week, step[mine], (rate / volume)[mine], (price * up)[mine])
            bought = volume[mine] * (1 - up[mine] * (1 - over))
            bill[mine] = fixed[mine] + count * rate[mine] + price[mine] * bought
    return bills


_DEAR = 1e9  # USD per second: stands for what cannot be had

_SOUGHT = REPLICA.compile("replicas_needed", given=["replica_tokens_per_second"])
_BILLED = REPLICA.compile("self_usd_per_second", given=["replicas", "weight_bytes"])


# --- solved ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Solved:
    """Scenarios with the least bill of each kind, by world, in USD per month: `bills` (kinds, scenarios).

    `spend` is the bill of the API used now, `rent` that of the smallest fleet that holds the model, and `quick` the
    place in `KINDS` that a quick look names.
    """

    bills: dict[str, np.ndarray]
    spend: np.ndarray
    offered: dict[str, np.ndarray]
    rent: np.ndarray
    peak: np.ndarray
    quick: dict[str, np.ndarray]

    def best(self, world: str) -> np.ndarray:
        """The place in `KINDS` of the cheapest kind of each scenario."""
        return self.bills[world].argmin(axis=0)

    def regret(self, world: str, said: np.ndarray) -> np.ndarray:
        """By which share following `said` (places in `KINDS`) costs more than the cheapest way."""
        bills = self.bills[world]
        return bills[said, np.arange(bills.shape[1])] / bills.min(axis=0) - 1


@tracking.derived
def solved(count: int = COUNT, seed: int = SEED, peak: float | None = None) -> Solved:
    """`sample` solved by trying everything."""
    taken = sample(count, seed, peak)
    offered, volume = prices_of(taken), taken.drawn["demand_tokens_per_second"]
    everything = fleets(taken, _many(), gpus(), ROOMS)
    hosted = _hosting(everything).min(axis=(0, 2))
    bills = {
        world: MONTH * np.stack([volume * price, hosted, _hybrid(everything, price).min(axis=(0, 2))])
        for world, price in offered.items()
    }
    held = everything.values["n_gpus"] * everything.rents["on_demand"]
    return Solved(
        bills, MONTH * volume * offered["own"], {world: MONTH * volume * price for world, price in offered.items()},
        MONTH * held.min(axis=1), taken.drawn["peak_to_mean_ratio"], _quick(taken, offered),
    )  # fmt: skip


SERVICE = (
    "demand_tokens_per_second", "input_tokens", "output_tokens", "batch", "cache_hit_share", "peak_to_mean_ratio",
)  # fmt: skip


def _quick(taken: Sample, offered: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What a reader sees who knows the service and the API, and for all else takes one GPU and the assumptions."""
    middles = {name: middle for name, (_, middle, _) in _unknown().items()}
    known = {name: each if name in SERVICE else np.full(len(each), middles[name]) for name, each in taken.drawn.items()}
    middle = Sample(known, taken.model, taken.offer, taken.shape, np.full(len(taken.seller), 0.5))
    one = fleets(middle, _many(), (USUAL_GPU,), USUAL_ROOMS)
    volume, hosted = known["demand_tokens_per_second"], _hosting(one).min(axis=(0, 2))
    return {
        world: np.stack([volume * price, hosted, _hybrid(one, price).min(axis=(0, 2))]).argmin(axis=0)
        for world, price in offered.items()
    }


# --- one reader ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Best:
    """The cheapest way of one kind in a steady month: its bill in USD, and the GPU, their number and the contract."""

    usd: float
    gpu: str = ""
    n_gpus: float = 0.0
    contract: str = ""


def search(about: Case, model: str, precision: str, load: str, vintage: str = "current") -> dict[str, Best]:
    """What a reader could do at best if the GPU, their number and the contract were free too, by kind.

    For a steady month at the volume of today; `about` says which kinds are ruled out.
    """
    many, values = deployments((model,), gpus(), (precision,), vintage), {"cache_hit_share": 0.0, **about.values}
    middles = {name: middle for name, (_, middle, _) in _unknown().items()}
    names = {*middles, *SERVICE, "availability_target"}
    known = {name: np.array([float(values[name] if name in values else middles[name])]) for name in names}
    known["batch_penalty_share"] = np.maximum(known["batch_penalty_share"], 1 - about.within)
    shape = SHAPES.index(load) if load in SHAPES else 0
    taken = Sample(known, np.array([0]), np.array([0]), np.array([shape]), np.array([0.5]))
    every, volume, price = (
        fleets(taken, many, gpus(), ROOMS),
        known["demand_tokens_per_second"],
        overflow_price(about, values),
    )
    found = {"api": Best(MONTH * float(volume[0] * price))} if np.isfinite(price) else {}
    if not all(way in about.refused for way in KINDS["hosting"]):
        found["hosting"] = _cheapest(every, _hosting(every), about)
        if np.isfinite(price):
            found["hybrid"] = _cheapest(every, _hybrid(every, np.array([price])), about)
    return found


def _cheapest(every: Fleet, bills: np.ndarray, about: Case) -> Best:
    allowed = np.array([contract != "owned" or "owned" not in about.refused for contract in every.rents])
    bills = np.where(allowed[:, np.newaxis], bills[:, 0], np.inf)
    contract, way = np.unravel_index(bills.argmin(), bills.shape)
    gpu = gpus()[way // len(ROOMS)]
    return Best(MONTH * float(bills[contract, way]), gpu, float(every.values["n_gpus"][0, way]), CONTRACTS[contract])
