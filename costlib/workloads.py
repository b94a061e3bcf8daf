"""Cases of loads: what replicas cost by contract, how a volume is best served, and which portfolio serves several."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from costlib import availability, capacity, cases, economics, loads, portfolio, prices, tiers
from costlib.equations import Model
from costlib.errors import InputError
from costlib.models import workloads as equations_of
from costlib.portfolio import API, BATCH_API, HOSTED, SPOT, Market, Portfolio, Workload

RATIOS = {"reserved": "reserved_1yr", "spot": "spot"}  # contracts whose price follows from that on demand
ARTICLE_RESERVED = {"h100_sxm_80gb": "h100_reserved"}  # GPUs for which the article states a price with commitment
ASSUMED = ("spot_interruptions_per_month", "spot_restart_seconds")
WINDOW = loads.DAY_HOURS


def case(*, load: str, **given: Any) -> tuple[Model, dict[str, Any]]:
    """The equations and values of `tiers.case` with those of loads; the volume follows the curve of `load`.

    The peak of the curve stands for ``peak_to_mean_ratio``, by which a curve is stretched if `given` has it.
    """
    stretch = given.pop("peak_to_mean_ratio", None)
    extra = {name: given.pop(name) if name in given else cases.assumed(name) for name in ASSUMED}
    curve = loads.curve(load, stretch)
    equations, values = tiers.case(peak_to_mean_ratio=loads.peak(curve), **given)
    return equations + equations_of.EQUATIONS, {**values, **extra}


# --- prices ----------------------------------------------------------------------------------------------------------


def contract_prices(gpu: str, on_demand: float, vintage: str = "current") -> dict[str, float]:
    """USD per GPU-second by contract: `on_demand` as given, the others in the market's proportion to it.

    With `vintage` "article" the article's price with commitment where it states one.
    """
    found = {"on_demand": float(on_demand)}
    found |= {name: on_demand * prices.contract_ratio(contract) for name, contract in RATIOS.items()}
    if vintage == "article" and gpu in ARTICLE_RESERVED:
        found["reserved"] = float(cases.article_inputs(ARTICLE_RESERVED[gpu])["usd_per_gpu_second"])
    return found


def replica_costs(equations: Model, values: dict[str, Any], gpu: str, vintage: str = "current") -> dict[str, float]:
    """What one replica costs by contract, in USD per second; spot with its interruptions."""
    rents = contract_prices(gpu, values["usd_per_gpu_second"], vintage)
    target = {name: "spot_replica_usd_per_second" if name == "spot" else "replica_usd_per_second" for name in rents}
    return {name: float(equations({**values, "usd_per_gpu_second": rents[name]}, target[name])) for name in rents}


def spot_values(equations: Model, values: dict[str, Any], gpu: str, vintage: str = "current") -> dict[str, Any]:
    """`values` at the price of spot, with the cheapest replica that nobody takes back to compare it with."""
    rents = contract_prices(gpu, values["usd_per_gpu_second"], vintage)
    costs = replica_costs(equations, values, gpu, vintage)
    dependable = min(costs["on_demand"], costs["reserved"])
    return {**values, "usd_per_gpu_second": rents["spot"], "dependable_replica_usd_per_second": dependable}


def fixed(equations: Model, values: dict[str, Any]) -> float:
    """What hosting costs before its first replica: people, setup, monitoring, storage (USD per second)."""
    one, two = (float(equations({**values, "replicas": n}, "self_usd_per_second")) for n in (1.0, 2.0))
    return 2 * one - two


# --- one load --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Served:
    """A volume of one load by its cheapest mix, and by each single way, in USD per second.

    `replicas` are those that the newsvendor keeps on demand around the clock, `plan` mixes all contracts.
    """

    replicas: int
    mixed: float
    plan: capacity.Plan | None
    api: float
    alone: float


def serve(equations: Model, values: dict[str, Any], curve: np.ndarray, costs: dict[str, float]) -> Served:
    """The cheapest ways to serve `curve` (tokens per second by hour), whose mean is the demand of `values`.

    ``mixed`` keeps replicas on demand and lets the API take what exceeds them; `plan` uses all contracts in `costs`,
    and is None where it would be no cheaper than the API alone once what hosting costs anyway is added.
    """
    step, price = (float(equations(values, name)) for name in ("loaded_tokens_per_second", "api_usd_per_token"))
    base = fixed(equations, values)
    bills = capacity.bills(curve, step, costs["on_demand"], price, base)
    planned = capacity.plan(curve, step, costs, price)
    own = economics.with_spares(equations, {**values, "demand_tokens_per_second": float(np.mean(curve))})
    alone = float(equations(own, "self_usd_per_second"))
    hosts = planned.total + base < bills[0]
    return Served(int(bills.argmin()), float(bills.min()), planned if hosts else None, float(bills[0]), alone)


# --- a portfolio -----------------------------------------------------------------------------------------------------


def split(demand: float, bursty: float, constant: float, realtime: float) -> dict[str, np.ndarray]:
    """The curves of the four loads (tokens per second by hour): means are these shares of `demand`, batch the rest.

    Raises InputError when the shares add up to more than one.
    """
    shares = {"bursty": bursty, "constant": constant, "realtime": realtime}
    rest = 1 - sum(shares.values())
    if rest < -1e-9:
        raise InputError(
            f"bursty_share + constant_share + realtime_share = {sum(shares.values()):g} is not allowed: at most 1,"
            " the rest is batch work"
        )
    shares["batch"] = max(rest, 0.0)
    return {kind: demand * share * loads.curve(kind) for kind, share in shares.items() if share > 0}


def market(equations: Model, values: dict[str, Any], costs: dict[str, float]) -> Market:
    """What the portfolio may buy: replicas kept around the clock, spot, the API and its batch endpoint."""
    found = equations.evaluate(values, "loaded_tokens_per_second", "api_usd_per_token")
    price = float(found["api_usd_per_token"])
    fleets = {HOSTED: min(costs["on_demand"], costs["reserved"]), SPOT: costs["spot"]}
    discounted = price * (1 - float(values["batch_discount_share"]))
    return Market(float(found["loaded_tokens_per_second"]), fleets, price, discounted, fixed(equations, values))


def workloads(curves: dict[str, np.ndarray], realtime: float = 1.0) -> list[Workload]:
    """The curves as workloads: batch may wait for a day; real-time may not be interrupted.

    A real-time token takes `realtime` times the capacity of another; if that is infinite, it stays with the API.
    """
    found = []
    for kind, curve in curves.items():
        window = WINDOW if kind in loads.DEFERRABLE else 0
        if kind != "realtime":
            found.append(Workload(kind, curve, window))
        elif np.isfinite(realtime):
            found.append(Workload(kind, curve, window, realtime, (API, HOSTED)))
        else:
            found.append(Workload(kind, curve, window, homes=(API,)))
    return found


@dataclass(frozen=True)
class Mixed:
    """A portfolio beside the single choices, in USD per second; `best` names the cheaper of the two."""

    portfolio: Portfolio
    api: float
    hosted: float

    @property
    def best(self) -> str:
        """The cheapest single choice: ``"api"`` or ``"hosted"``."""
        return API if self.api <= self.hosted else HOSTED

    @property
    def saving(self) -> float:
        """What the portfolio saves of the best single choice, as a share."""
        return 1 - self.portfolio.usd_per_second / min(self.api, self.hosted)


def mix(equations: Model, values: dict[str, Any], works: list[Workload], offered: Market) -> Mixed:
    """The best portfolio of `works`, the API for everything at its list price, and hosting for everything.

    Hosting alone has nobody to fall back on: it is built for the busiest hour and has the spares that `values` ask for;
    its batch work may wait. Where the API alone may serve a workload, hosting alone is infinitely dear.
    """
    everything = portfolio.solve(works, offered)
    listed = offered.api * sum(float(np.mean(each.load)) for each in works)
    if any(HOSTED not in each.homes for each in works):
        return Mixed(everything, listed, float("inf"))
    own = [replace(each, homes=(HOSTED,)) for each in works]
    hosted = portfolio.solve(own, offered)
    spares = availability.extra_replicas(np.array(hosted.replicas[HOSTED]), *economics.reliability(values))
    return Mixed(everything, listed, hosted.usd_per_second + float(spares) * offered.replica[HOSTED])


def mixes(
    equations: Model, values: dict[str, Any], volumes: np.ndarray, shares: dict[str, float], realtime: float,
    offered: Market,
) -> list[Mixed]:  # fmt: skip
    """`mix` at each of `volumes` (tokens per second), of which the loads have these `shares` (see `split`)."""
    return [mix(equations, values, workloads(split(each, **shares), realtime), offered) for each in volumes]


def first_hosting(
    equations: Model, values: dict[str, Any], volumes: np.ndarray, found: list[Mixed], shares: dict[str, float],
    realtime: float, offered: Market,
) -> float:  # fmt: skip
    """The smallest volume (tokens per second) at which a portfolio has a replica, to about one per cent.

    `found` are the portfolios at `volumes`, in order; the first of them with a replica is refined by halving the step
    before it. Infinite if none has one.
    """
    hosts = [bool(sum(each.portfolio.replicas.values())) for each in found]
    if not any(hosts):
        return float("inf")
    first = hosts.index(True)
    if first == 0:
        return float(volumes[0])
    low, high = float(volumes[first - 1]), float(volumes[first])
    while high > 1.01 * low:
        middle = float(np.sqrt(low * high))
        tried = portfolio.solve(workloads(split(middle, **shares), realtime), offered)
        low, high = (low, middle) if sum(tried.replicas.values()) else (middle, high)
    return high


HOME_NAMES = {API: "the API", BATCH_API: "its batch endpoint", HOSTED: "replicas of one's own", SPOT: "spot replicas"}


def says_homes(found: Portfolio) -> str:
    """Who serves which load: "bursty and constant work goes to the API, batch work to its batch endpoint"."""
    parts = []
    for home, name in HOME_NAMES.items():
        kinds = [loads.NAMES[kind] for kind, where in found.homes.items() if where == home]
        if kinds:
            listed = kinds[0] if len(kinds) == 1 else f"{', '.join(kinds[:-1])} and {kinds[-1]}"
            parts.append(f"{listed} work {'' if parts else 'goes '}to {name}")
    return ", ".join(parts)


def says_replicas(found: Portfolio) -> str:
    """The replicas of a portfolio: "2 replicas kept all the time and 1 on spot"; "no replica"."""
    kept, spot = found.replicas.get(HOSTED, 0), found.replicas.get(SPOT, 0)
    parts = [f"{count:,} {'replica' if count == 1 else 'replicas'} {how}" for count, how in
             ((kept, "kept all the time"), (spot, "on spot")) if count]  # fmt: skip
    return " and ".join(parts) or "no replica"
