"""Costs over months: growth, prices that fall or rise, setup and hardware paid up front, and what it is worth today.

Bills are paid at the end of each month, setup and hardware at its start. A deployment is set up again whenever it is
rebuilt, hardware is bought as the fleet grows and bought again at the end of its life, and sold at the horizon.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from costlib import availability, cases, economics, tiers, uncertainty, units
from costlib.equations import Model
from costlib.models import breakeven
from costlib.models import horizons as equations_of

MONTH = units.base_factor("month")
YEAR = units.base_factor("year")
CHANGES = ("api_price_change_per_year", "gpu_price_change_per_year", "discount_rate_per_year")
WAYS = {"api": "the API", "rented": "rented GPUs", "owned": "owned GPUs"}
SPANS = {1: "one month", 12: "one year", 36: "three years", 60: "five years"}
MOST = 1_000  # replicas beyond which a break-even is called never
TOLERANCE = 0.01  # of a probability


def path(start: float, change_per_year: float | np.ndarray, months: int) -> np.ndarray:
    """A value that changes by the share `change_per_year` each year, by month from `start` (last axis: months)."""
    change = np.asarray(change_per_year, dtype=float)[..., np.newaxis]
    return start * (1 + change) ** (np.arange(months) / 12)


def present_value(monthly: np.ndarray, rate_per_year: float | np.ndarray) -> np.ndarray:
    """The sum of `monthly` payments (last axis: months, each due at its month's end) at today's worth."""
    return np.sum(np.asarray(monthly) * discounts(rate_per_year, np.shape(monthly)[-1])[..., 1:], axis=-1)


def discounts(rate_per_year: float | np.ndarray, months: int) -> np.ndarray:
    """What a dollar due after 0, 1, ..., `months` months is worth today (last axis)."""
    rate = np.asarray(rate_per_year, dtype=float)[..., np.newaxis]
    return (1 + rate) ** (-np.arange(months + 1) / 12)


def case(
    model: str,
    gpu: str,
    *,
    api_model: str,
    provider: str | None = None,
    vintage: str = "current",
    growth_per_year: float = 0.0,
    api_price_change_per_year: float | None = None,
    gpu_price_change_per_year: float | None = None,
    **given: Any,
) -> tuple[Model, dict[str, Any]]:
    """The equations and values for hosting `model` and for buying from `api_model` instead, over time.

    `economics.hosted`, `economics.owned` where hardware has a price, and what `api_model` asks for a token of the same
    mix. Changes are shares per year; without them the assumed ones are taken. `given` is what `economics.hosted` takes,
    and prices of the API that replace the table's.
    """
    buying = {name: given.pop(name) for name in ("input_usd_per_token", "output_usd_per_token") if name in given}
    mix = {name: given[name] for name in ("input_tokens", "output_tokens")}
    bought, sold = economics.bought(api_model, provider=provider, vintage=vintage, **mix, **buying)
    equations, values = economics.hosted(model, gpu, vintage=vintage, **given)
    values |= {name: cases.assumed(name) for name in CHANGES}
    set_here = {"api_price_change_per_year": api_price_change_per_year,
                "gpu_price_change_per_year": gpu_price_change_per_year}  # fmt: skip
    values |= {name: share / YEAR for name, share in set_here.items() if share is not None}
    values |= {"api_usd_per_token": bought(sold, "api_usd_per_token"), "growth_per_year": growth_per_year}
    owned = economics.owned(gpu)
    if owned is not None:
        values |= owned[1]
        equations = equations + owned[0]
    return equations, values


def present_costs(
    equations: Model,
    values: dict[str, Any],
    months: int,
    drawn: dict[str, np.ndarray] | None = None,
    divisible: bool = False,
) -> dict[str, np.ndarray]:
    """The present cost in USD of serving for 1, 2, ..., `months` months (last axis) by "api", "rented" and "owned".

    One row per draw, where some are `drawn`. "owned" is there only where the values of `economics.owned` are. Hardware
    is sold at the end of each horizon. With `divisible`, as if replicas came in any fraction and never failed.
    """
    known = {**values, **{name: np.reshape(each, (-1, 1)) for name, each in (drawn or {}).items()}}
    known["replica_tokens_per_second"] = equations(known, "replica_tokens_per_second")
    rate = column(known["discount_rate_per_year"]) * YEAR
    worth = discounts(rate[..., 0], months)
    volume = known["demand_tokens_per_second"] * path(1.0, known["growth_per_year"], months)
    price = known["api_usd_per_token"] * drift(known["api_price_change_per_year"], months)
    moving = drift(known["gpu_price_change_per_year"], months)
    if divisible:
        known["replicas"] = np.atleast_2d(volume) / (equations + breakeven.EQUATIONS)(known, "step_tokens_per_second")
    else:
        needed = np.atleast_2d(equations({**known, "demand_tokens_per_second": volume}, "replicas_needed"))
        known["replicas"] = needed + _spares(known, needed)
    gpus = known["replicas"] * known["n_gpus"]
    around = equations(known, "labor_usd_per_second") + equations(known, "storage_usd_per_second")
    around = around + known["overhead_usd_per_month"]
    setup = np.cumsum(worth[..., :-1] * setups(known, months) * equations(known, "setup_usd"), axis=-1)
    rent = gpus * known["usd_per_gpu_second"] * moving
    found = {
        "api": np.cumsum(worth[..., 1:] * MONTH * volume * price, axis=-1),
        "rented": setup + np.cumsum(worth[..., 1:] * MONTH * (rent + around), axis=-1),
    }
    if "usd_per_gpu" in known:
        fleet = np.maximum.accumulate(np.broadcast_to(gpus, np.broadcast_shapes(gpus.shape, worth[..., 1:].shape)), -1)
        power = fleet * equations(known, "power_usd_per_gpu_second")
        paid = known["usd_per_gpu"] * (1 + known["gpu_server_overhead_share"]) * moving
        hardware = capital(fleet, np.broadcast_to(paid, fleet.shape), known, worth)
        found["owned"] = setup + hardware + np.cumsum(worth[..., 1:] * MONTH * (power + around), axis=-1)
    rows = max(each.shape[0] for each in found.values())
    shaped = {way: np.broadcast_to(each, (rows, months)) for way, each in found.items()}
    return shaped if drawn else {way: each[0] for way, each in shaped.items()}


def column(value: Any) -> np.ndarray:
    """A value or a column of draws as a column."""
    return np.reshape(np.asarray(value, dtype=float), (-1, 1))


def drift(change: Any, months: int) -> np.ndarray:
    """A price over today's by month, for each of many changes per second (a row each)."""
    return path(1.0, column(change)[..., 0] * YEAR, months)


def setups(known: dict[str, Any], months: int) -> np.ndarray:
    """Which months begin with a setup: the first, and each in which the deployment is due to be rebuilt."""
    rebuilt = np.floor(np.arange(months) * MONTH / column(known["amortization_months"]) + 1e-9)
    return np.diff(rebuilt, prepend=-1.0, axis=-1)


def _spares(known: dict[str, Any], needed: np.ndarray) -> np.ndarray:
    """Spare replicas for each draw and month; looked up once for each number needed of a draw."""
    target, replica, common = economics.reliability(known)
    rows = max(np.size(replica), np.size(common), needed.shape[0])
    needed = np.broadcast_to(needed, (rows, needed.shape[-1])).astype(int)
    codes = np.arange(rows)[:, np.newaxis] * (int(needed.max()) + 1) + needed
    unique, places = np.unique(codes, return_inverse=True)
    row, count = np.divmod(unique, int(needed.max()) + 1)
    replica, common = (np.broadcast_to(column(each), (rows, 1))[:, 0] for each in (replica, common))
    spares = availability.extra_replicas(count, target, replica[row], common[row])
    return spares[places].reshape(needed.shape).astype(float)


def capital(fleet: np.ndarray, paid: np.ndarray, known: dict[str, Any], worth: np.ndarray) -> np.ndarray:
    """Present cost of hardware up to the end of each month: bought for the fleet, replaced, and sold at the end.

    `paid` is the price of a GPU with its share of the server in each month. Used hardware loses the same share of its
    value each month, down to `residual_share` at the end of its life.
    """
    rows, months = fleet.shape
    life = np.broadcast_to(np.ceil(column(known["server_life_years"]) / MONTH - 1e-9), (rows, 1))[:, 0].astype(int)
    residual = np.broadcast_to(column(known["residual_share"]), (rows, 1))[:, 0]
    worth = np.broadcast_to(worth, (rows, months + 1))
    grown = np.diff(fleet, prepend=0.0, axis=-1)
    bought, spent, used = np.zeros((rows, months)), np.zeros(rows), np.zeros(rows)
    costs, draws = np.empty((rows, months)), np.arange(rows)
    for month in range(months):
        since = np.maximum(month - life, 0)
        retired = np.where(month >= life, bought[draws, since], 0.0)
        sold = retired * paid[draws, since] * residual
        bought[:, month] = grown[:, month] + retired
        outlay = bought[:, month] * paid[:, month]
        spent = spent + worth[:, month] * (outlay - sold)
        used = (used - sold + outlay) * residual ** (1 / life)
        costs[:, month] = spent - worth[:, month + 1] * used
    return costs


def first_win(equations: Model, values: dict[str, Any], months: int, way: str = "rented") -> float:
    """The smallest demand (tokens per second, today's) from which hosting costs no more than the API over `months`.

    Infinite if never, or if it takes more than `MOST` replicas. As in `breakeven.first_wins`: from the demand at which
    divisible hosting breaks even on to the demand that the bill would buy, until the bill stays.
    """

    def bill(demand: float, divisible: bool = False) -> dict[str, np.ndarray]:
        return present_costs(equations, {**values, "demand_tokens_per_second": demand}, months, divisible=divisible)

    per_demand = bill(1.0)["api"][-1]
    one, two = (bill(demand, divisible=True)[way][-1] for demand in (1.0, 2.0))
    gain = per_demand - (two - one)
    if gain <= 0:
        return float("inf")
    step = (equations + breakeven.EQUATIONS)(values, "step_tokens_per_second")
    most = MOST * step / max(1.0, (1 + values["growth_per_year"]) ** (months / 12))
    demand = (2 * one - two) / gain * (1 - 1e-9)
    while demand <= most:
        bought = bill(demand)[way][-1] / per_demand
        if bought <= demand * (1 + 1e-9):
            return float(demand)
        demand = bought
    return float("inf")


def probabilities(
    equations: Model,
    values: dict[str, Any],
    volumes: np.ndarray,
    horizons: tuple[int, ...],
    way: str = "rented",
    gpu: str | None = None,
    contract: str = "on_demand",
) -> tuple[np.ndarray, int]:
    """The share of draws in which hosting costs less than the API: a row per horizon, a column per volume; and draws.

    As many draws as keep the standard error of each share at `TOLERANCE` or below.
    """
    draws = int(0.25 / TOLERANCE**2)
    drawn = uncertainty.draw(economics.triples(values, gpu, contract), draws)
    shares = np.empty((len(horizons), len(volumes)))
    for column, volume in enumerate(volumes):
        found = present_costs(equations, {**values, "demand_tokens_per_second": volume}, max(horizons), drawn)
        wins = (found[way] < found["api"]).mean(axis=0)
        shares[:, column] = wins[np.array(horizons) - 1]
    return shares, draws


def bands(
    equations: Model, values: dict[str, Any], months: int, gpu: str | None = None, contract: str = "on_demand"
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """The 5% and 95% quantile of `present_costs` by way and month, over draws of assumptions and the GPU's price."""
    drawn = uncertainty.draw(economics.triples(values, gpu, contract), economics.BAND_DRAWS)
    found = present_costs(equations, values, months, drawn)
    levels = (uncertainty.LEVELS[0], uncertainty.LEVELS[-1])
    return {way: tuple(np.quantile(each, levels, axis=0)) for way, each in found.items()}


EQUATIONS = Model(*equations_of.EQUATIONS)


# --- words -----------------------------------------------------------------------------------------------------------


def listed(words: list[str]) -> str:
    """Words in a row: "a, b and c"."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def cheapest(costs: dict[str, np.ndarray]) -> dict[int, str]:
    """The cheapest way for each of `SPANS`."""
    return {months: min(costs, key=lambda way: costs[way][months - 1]) for months in SPANS}


def says_cheapest(costs: dict[str, np.ndarray]) -> str:
    """Which way is cheapest over which of `SPANS`, in words."""
    found = cheapest(costs)
    if len(set(found.values())) == 1:
        return f"{WAYS[found[1]]} cost the least over each of the four horizons".replace("API cost", "API costs")
    spans = {way: [SPANS[months] for months, each in found.items() if each == way] for way in WAYS}
    return "cheapest are " + "; ".join(f"{WAYS[way]} over {listed(each)}" for way, each in spans.items() if each)


def says_wins(wins: list[float]) -> str:
    """Break-evens over `SPANS` in words: "7.87, 9.03, 10.2 and 11.5 billion tokens a month over one month, ..."."""
    said = [tiers.volume(each) if np.isfinite(each) else "never" for each in wins]
    spans = list(SPANS.values())
    ends = {each.partition(" ")[2] for each in said}
    if len(ends) == 1 and "" not in ends:
        return f"{listed([each.split(' ')[0] for each in said])} {ends.pop()} over {listed(spans)}"
    if set(said) == {"never"}:
        return f"never reached, over {listed(spans)} alike"
    return listed([f"{each} over {span}" for each, span in zip(said, spans, strict=True)])


def says_trend(wins: list[float]) -> str:
    """What a longer horizon does to a break-even, from those over `SPANS`: one sentence."""
    first, year, *_, last = wins
    if np.isinf(wins).all():
        return "no horizon makes hosting win"
    if np.isinf(last):
        return "over the longest horizon hosting does not win at all"
    if last > 1.03 * year:
        return (
            "the first year spreads the setup, but a longer horizon then raises the break-even again"
            if (first > 1.03 * year)
            else "a longer horizon raises the break-even"
        )
    return "a longer horizon lowers the break-even" if last < 0.97 * first else "the horizon hardly matters"
