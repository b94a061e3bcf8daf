"""API, hosting or both: what each way costs a reader over a horizon, which are ruled out and why, and which to take.

A hybrid keeps replicas for the base of the load and leaves the rest to the cheapest API that may be used. It needs no
spares and no warm pool: the API takes what a missing replica would have served.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from costlib import cases, data, economics, horizons, latency, loads, market, prices, tracking, units
from costlib.equations import Model
from costlib.errors import InputError
from costlib.models import breakeven, hosting, workloads
from costlib.models import decision as equations_of
from costlib.overflow import Stretched, base_load

MONTH = units.base_factor("month")
KINDS = {"api": ("api", "host"), "hosting": ("rented", "owned"), "hybrid": ("hybrid", "hybrid_owned")}
KIND_OF = {way: kind for kind, ways in KINDS.items() for way in ways}
HOSTED = ("rented", "owned", "hybrid", "hybrid_owned")
OWNED = ("owned", "hybrid_owned")
UNSOLD, UNKNOWN = "nobody in the table sells this model", "what this GPU costs to buy is not known"
SLOW = "even a nearly idle replica is too slow"
LOAD_SHARES = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9])  # of a replica, tried against an objective
BOUGHT = ("api_usd_per_token", "host_usd_per_token")  # prices of the two ways to buy


@dataclass(frozen=True)
class Case:
    """What a decision rests on.

    `values` are in base units; prices of what is bought are `BOUGHT`, infinite where nobody sells. `load` is a week
    with mean 1, `team` the hours per month over a month (infinite: enough), `refused` says by way why it is ruled out
    whatever it costs, and `host` names the seller of the same open model.
    """

    equations: Model
    values: dict[str, Any]
    load: np.ndarray
    months: int
    team: float
    within: float
    refused: dict[str, str]
    host: str

    def free(self) -> Case:
        """The same case without its conditions: ruled out is only what has no cost."""
        unpriced = {way: why for way, why in self.refused.items() if why in (UNSOLD, UNKNOWN, SLOW)}
        return replace(self, refused=unpriced, team=np.inf)


def case(
    *,
    api_model: str,
    residency: bool = False,
    same_model_hosts: bool | None = None,
    may_buy_gpus: bool = True,
    team_hours_per_month: float | None = None,
    horizon_months: float = 12 * MONTH,
    load: str = "constant",
    first_token_limit_seconds: float | None = None,
    output_token_limit_seconds: float | None = None,
    api_first_token_seconds: float | None = None,
    api_output_token_seconds: float | None = None,
    **given: Any,
) -> Case:
    """The case of a reader; `given` is what `horizons.case` takes.

    Hosts of the same open model may be used unless data must stay (`residency`) or `same_model_hosts` says otherwise.
    Without a limit there is no latency objective, and an API whose latency is not given is taken to meet it.
    """
    _check(residency=residency, same_model_hosts=same_model_hosts, may_buy_gpus=may_buy_gpus)
    months = horizon_months / MONTH
    if months != round(months) or months > 120:
        raise InputError(f"horizon_months = {months:g} is not allowed: it must be a whole number from 1 to 120")
    equations, values = horizons.case(api_model=api_model, **given)
    values.setdefault("peak_to_mean_ratio", cases.assumed("peak_to_mean_ratio"))
    model, same = given["model"], str(data.row("api_models", api_model)["open_model"]) == given["model"]
    name, values["host_usd_per_token"] = cheapest_host(model, values)
    limits = (first_token_limit_seconds, output_token_limit_seconds)
    within = carried(equations, values, limits)
    hosts = not residency if same_model_hosts is None else same_model_hosts
    refused: dict[str, str] = {}
    if residency and not (same and hosts):
        refused["api"] = "the data may not leave"
    if not name:
        refused["host"] = UNSOLD
    elif not hosts:
        refused["host"] = "the data may not leave" if residency else "hosts are not wanted"
    late = _late(limits, (api_first_token_seconds, api_output_token_seconds))
    if late:
        refused |= {way: late for way in KINDS["api"] if way not in refused}
    if all(way in refused for way in KINDS["api"]):
        refused |= dict.fromkeys(KINDS["hybrid"], "there is no API that may take the rest")
    if within == 0:
        refused |= dict.fromkeys(HOSTED, SLOW)
    if "usd_per_gpu" not in values:
        refused |= dict.fromkeys(OWNED, UNKNOWN)
    elif not may_buy_gpus:
        refused |= {way: "GPUs are not to be bought" for way in OWNED if way not in refused}
    team = np.inf if team_hours_per_month is None else _hours(team_hours_per_month)
    values["horizon_months"] = horizon_months
    more = (*breakeven.EQUATIONS, *workloads.CAPACITY, *equations_of.EQUATIONS)
    return Case(equations + more, values, loads.curve(load), round(months), team, within, refused, name)


def _check(**flags: bool | None) -> None:
    for name, flag in flags.items():
        if not (isinstance(flag, bool) or (flag is None and name == "same_model_hosts")):
            raise InputError(f"{name} = {flag!r} is not allowed: it must be true or false")


def _hours(given: float) -> float:
    if isinstance(given, bool) or not isinstance(given, int | float) or not given >= 0:
        raise InputError(
            f"team_hours_per_month = {given!r} is not allowed: it must be a number at least 0 (hour/month)"
        )
    return units.to_base(given, "hour/month")


@tracking.question
def cheapest_host(model: str, mix: Mapping[str, Any]) -> tuple[str, float]:
    """Who sells the open `model` for the least, by a fresh price where there is one, and what a token costs there.

    No name and an infinite price where nobody does. `mix` has the lengths of a request.
    """
    offered = market.requests(input_tokens=float(mix["input_tokens"]), output_tokens=float(mix["output_tokens"]))
    mine = offered[offered["api_model"].map(data.table("api_models")["open_model"]).eq(model).fillna(False)]
    mine = mine[~mine["old"]] if (~mine["old"]).any() else mine
    if mine.empty:
        return "", np.inf
    row = mine.loc[mine["api_usd_per_token"].astype(float).idxmin()]
    return prices.provider_name(row["provider"]), float(row["api_usd_per_token"])


def carried(equations: Model, values: dict[str, Any], limits: tuple[float | None, float | None]) -> float:
    """The share of its full speed to which a replica may be loaded under a latency objective; 1 without one."""
    if limits == (None, None):
        return 1.0
    first, each = (np.inf if limit is None else limit for limit in limits)
    late = np.array([seen.late(first, each) for seen in latency.simulated(equations, values, LOAD_SHARES)])
    return latency.highest_share(LOAD_SHARES, late)


def _late(limits: tuple[float | None, ...], seen: tuple[float | None, ...]) -> str:
    """Why an API misses the objective; nothing where it does not, or its latency is not known."""
    known = (limit is not None and mine is not None and mine > limit for limit, mine in zip(limits, seen, strict=True))
    return "its latency misses the objective" if any(known) else ""


# --- costs -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Costs:
    """Present cost in USD (`usd`) and hours of work per month over a month (`work`) by way: (rows, months).

    `usd` is infinite where a way is ruled out; `replicas` and `bought` are those of the hybrids in each month.
    """

    usd: dict[str, np.ndarray]
    work: dict[str, np.ndarray]
    replicas: dict[str, np.ndarray]
    bought: dict[str, np.ndarray]

    def best(self) -> np.ndarray:
        """The place in `usd` of the cheapest way, by row and month; -1 where all are ruled out."""
        every = np.stack(list(self.usd.values()))
        return np.where(np.isfinite(every).any(axis=0), every.argmin(axis=0), -1)

    def kinds(self) -> np.ndarray:
        """The place in `KINDS` of the cheapest way, by row and month; -1 where all are ruled out."""
        of = np.array([*(list(KINDS).index(KIND_OF[way]) for way in self.usd), -1])
        return of[self.best()]

    def of_kind(self, kind: str) -> np.ndarray:
        """The least cost of the ways of one kind; infinite where all of them are ruled out."""
        nothing = np.full(self.usd["api"].shape, np.inf)
        return np.minimum.reduce([nothing, *(self.usd[way] for way in KINDS[kind] if way in self.usd)])


def costs(about: Case, drawn: Mapping[str, np.ndarray] | None = None, months: int | None = None) -> Costs:
    """What every way costs over 1, 2, ..., `months` months, for each of the rows `drawn` (one without).

    `drawn` gives arrays of values by name.
    """
    months = months or about.months
    rows = {name: np.asarray(each, dtype=float) for name, each in (drawn or {}).items()}
    rows = rows or {"demand_tokens_per_second": np.array([float(about.values["demand_tokens_per_second"])])}
    count = max(len(each) for each in rows.values())
    penalty = rows.get("batch_penalty_share", about.values["batch_penalty_share"])
    rows["batch_penalty_share"] = np.broadcast_to(np.maximum(penalty, 1 - max(about.within, LOAD_SHARES[0])), count)
    known = {**about.values, **{name: horizons.column(each) for name, each in rows.items()}}
    priced = {name: each for name, each in rows.items() if name != "host_usd_per_token"}
    usd = {
        name: np.array(each)
        for name, each in horizons.present_costs(about.equations, about.values, months, priced).items()
    }
    ratio = known["host_usd_per_token"] / known["api_usd_per_token"]
    usd["host"] = usd["api"] * np.broadcast_to(ratio, (count, 1))
    hybrids, replicas, bought = _hybrids(about, known, months, count)
    usd |= hybrids
    work = {way: _work(about, known, each, months, count) for way, each in replicas.items()}
    if np.isfinite(about.team) or count == 1:
        peaks = _fleet(about, known, months)
        work |= {way: _work(about, known, peaks, months, count) for way in ("rented", "owned")}
    for way in usd:
        late = work[way] > about.team * (1 + 1e-9) if way in work else False
        usd[way] = np.where(late | (way in about.refused), np.inf, usd[way])
    ordered = {way: usd[way] for way in KIND_OF if way in usd}
    return Costs(ordered, work, replicas, bought)


def _volume(known: Mapping[str, Any], months: int) -> np.ndarray:
    return np.atleast_2d(known["demand_tokens_per_second"] * horizons.path(1.0, known["growth_per_year"], months))


def volumes(about: Case) -> np.ndarray:
    """The volume of each month, in tokens per second."""
    return _volume(about.values, about.months)[0]


def _fleet(about: Case, known: dict[str, Any], months: int) -> np.ndarray:
    """The most replicas that hosting everything has paid for up to each month, spares included."""
    demand = {**known, "demand_tokens_per_second": _volume(known, months)}
    needed = np.atleast_2d(about.equations(demand, "replicas_needed"))
    found = economics.with_spares(about.equations, {**demand, "replicas_needed": needed})
    return np.maximum.accumulate(needed + found["spare_replicas"], axis=-1)


def _work(about: Case, known: dict[str, Any], replicas: np.ndarray, months: int, count: int) -> np.ndarray:
    spans = {"horizon_months": MONTH * np.arange(1, months + 1), "replicas": replicas}
    return np.broadcast_to(about.equations({**known, **spans}, "work_hours_per_month"), (count, months))


def overflow_price(about: Case, known: Mapping[str, Any]) -> Any:
    """The least price of a token (USD) among the APIs that may be used; infinite where there is none."""
    allowed = [known[name] for name, way in zip(BOUGHT, KINDS["api"], strict=True) if way not in about.refused]
    return np.minimum.reduce(allowed) if allowed else np.inf


def _hybrids(about: Case, known: dict[str, Any], months: int, count: int) -> tuple[dict, dict, dict]:
    """Present cost, replicas and tokens bought per second of the hybrids, by way."""
    equations, shape = about.equations, (count, months)
    if all(way in about.refused for way in KINDS["hybrid"]):
        return {}, {}, {}
    worth = horizons.discounts(horizons.column(known["discount_rate_per_year"])[..., 0] * horizons.YEAR, months)
    volume = np.broadcast_to(_volume(known, months), shape)
    week = Stretched.of(about.load, np.broadcast_to(known["peak_to_mean_ratio"], (count, 1))[:, 0])
    _, up, _ = economics.reliability(known)
    price = overflow_price(about, known) * horizons.drift(known["api_price_change_per_year"], months)
    step = equations(known, "loaded_tokens_per_second") / volume
    moving = horizons.drift(known["gpu_price_change_per_year"], months)
    setup = np.cumsum(worth[..., :-1] * horizons.setups(known, months) * equations(known, "setup_usd"), axis=-1)
    fixed = equations({**known, "replicas": 0.0}, "labor_usd_per_second")
    fixed = fixed + equations(known, "storage_usd_per_second") + known["overhead_usd_per_month"]
    hours = known["labor_hours_per_month"] + known["setup_hours"] / (MONTH * months)
    most = np.floor((about.team - hours) / (known["labor_hours_per_month_per_gpu"] * known["n_gpus"]) * (1 + 1e-9))
    usd, replicas, bought = {}, {}, {}
    for way, rent in _rents(known, worth, months).items():
        rate = equations({**known, "usd_per_gpu_second": rent * moving}, "replica_usd_per_second")
        keep, over = base_load(week, step, rate / volume, price * up, most)
        given = {"overflow_tokens_per_second": over * volume, "demand_tokens_per_second": volume,
                 "replica_availability": up, "fixed_usd_per_second": fixed, "replica_usd_per_second": rate,
                 "api_usd_per_token": price}  # fmt: skip
        if way == "hybrid_owned":
            keep = np.maximum.accumulate(keep, axis=-1)
            given["overflow_tokens_per_second"] = week.overflow(keep * step) * volume
            given["replica_usd_per_second"] = equations({**known, "usd_per_gpu_second": 0.0}, "replica_usd_per_second")
        found = equations.evaluate(
            {**known, "replicas": keep, **given}, "hybrid_usd_per_second", "bought_tokens_per_second"
        )
        usd[way] = setup + np.cumsum(worth[..., 1:] * MONTH * found["hybrid_usd_per_second"], axis=-1)
        if way == "hybrid_owned":
            usd[way] = usd[way] + _ownership(known, keep * known["n_gpus"], moving, worth)
        replicas[way], bought[way] = keep, np.broadcast_to(found["bought_tokens_per_second"], shape)
    return usd, replicas, bought


def _rents(known: dict[str, Any], worth: np.ndarray, months: int) -> dict[str, Any]:
    """What a GPU costs by hybrid, in USD per second: its rent, and what stands in its place where it is owned.

    That is the level payment that amounts to buying one GPU, powering it, and selling it at the horizon.
    """
    found = {"hybrid": known["usd_per_gpu_second"]}
    if "usd_per_gpu" in known:
        one = np.ones((len(worth), months))
        held = _ownership(known, one, np.ones((1, months)), worth)[:, -1:]
        found["hybrid_owned"] = held / (MONTH * worth[..., 1:].sum(axis=-1, keepdims=True))
    return found


def _ownership(known: dict[str, Any], fleet: np.ndarray, moving: np.ndarray, worth: np.ndarray) -> np.ndarray:
    """Present cost of owning and powering `fleet` GPUs (rows, months) up to each month."""
    paid = known["usd_per_gpu"] * (1 + known["gpu_server_overhead_share"]) * moving
    power = Model(*hosting.OWNING)(known, "power_usd_per_gpu_second") * fleet
    rows = max(len(fleet), len(np.atleast_2d(paid)), len(worth), len(np.atleast_2d(power)))
    fleet, paid = (np.broadcast_to(each, (rows, fleet.shape[-1])) for each in (fleet, paid))
    return horizons.capital(fleet, paid, known, worth) + np.cumsum(worth[..., 1:] * MONTH * power, axis=-1)
