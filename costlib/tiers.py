"""Break-evens of cases: who else sells tokens, from which volume hosting wins against each, and how sure that is."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from costlib import breakeven, cases, data, economics, market, tracking, uncertainty, units
from costlib.breakeven import Staircase
from costlib.equations import Model
from costlib.models import breakeven as equations_of
from costlib.quantities import quantity

SPREAD_TOLERANCE = 0.03  # of the quantiles of a break-even, whose tails are long
SPREAD_DRAWS = 32_768


BUYING = ("api_model", "provider", "input_usd_per_token", "output_usd_per_token")
MONTH = units.base_factor("month")


def case(*, api_model: str, vintage: str = "current", **given: Any) -> tuple[Model, dict[str, Any]]:
    """The equations and values for hosting, for buying the same mix from `api_model`, and for where the two meet.

    `given` is what `economics.hosted` takes, and of the API `provider` and prices that replace the table's.
    """
    buying = {name: given.pop(name) for name in BUYING if name in given}
    mix = {name: given[name] for name in ("input_tokens", "output_tokens", "demand_tokens_per_second") if name in given}
    bought, sold = economics.bought(api_model, vintage=vintage, **buying, **mix)
    equations, values = limits(*economics.hosted(vintage=vintage, **given))
    return equations + bought, {**sold, **values}


@tracking.question
def rivals(
    model: str, api_model: str, price: float, provider: str | None = None, vintage: str = "current", **mix: Any
) -> pd.DataFrame:
    """Who sells tokens instead: `usd_per_token` of the `mix`, a `label`, and `like`: whether it is `model` itself.

    All hosts of `model`, the shortlist of other models, and `api_model` at `price` (USD per token), which `chosen`
    marks. With `vintage` "article" at the article's prices where it states any. Dearest first, like ones before others.
    """
    offered = market.requests(**mix)
    about = data.table("api_models")
    like = offered["api_model"].map(about["open_model"]).eq(model).fillna(False).astype(bool)
    shown = pd.concat([offered[like], market.shortlist(offered[~like], api_model)])
    shown = shown.assign(like=like.loc[shown.index], usd_per_token=shown["api_usd_per_token"].astype(float))
    shown["label"] = [
        row["seller"] + market.age_label(row) if row["like"] else market.offer_label(row) for _, row in shown.iterrows()
    ]
    if vintage == "article":
        for key in (key for key in shown["api_model"].unique() if cases.article_inputs(key)):
            bought, values = economics.bought(key, vintage=vintage, **mix)
            shown.loc[shown["api_model"] == key, "usd_per_token"] = bought(values, "api_usd_per_token")
    seller = shown["provider"].eq(provider) if provider else shown["stands"]
    shown["chosen"] = shown["api_model"].eq(api_model) & seller
    shown.loc[shown["chosen"], "usd_per_token"] = price
    if not shown["chosen"].any():  # its last price is too old for the market
        itself = str(about.loc[api_model, "open_model"]) == model
        row = {"api_model": api_model, "label": about.loc[api_model, "api_model_name"], "like": itself, "chosen": True}
        shown = pd.concat([shown, pd.DataFrame([{**row, "usd_per_token": price}])])
    columns = ["api_model", "label", "like", "chosen", "usd_per_token"]
    return shown[columns].sort_values(["like", "usd_per_token"], ascending=False, kind="stable").reset_index(drop=True)


def against(stairs: Staircase, sold: pd.DataFrame) -> pd.DataFrame:
    """`sold` with the demand from which hosting wins (`first_win`, tokens per second; infinite: never), and `losses`:
    how often the API wins again beyond it.
    """
    first = [stairs.first_win(price) for price in sold["usd_per_token"]]
    losses = [max(len(stairs.wins(price)) - 1, 0) for price in sold["usd_per_token"]]
    return sold.assign(first_win=first, losses=losses)


def limits(equations: Model, values: dict[str, Any]) -> tuple[Model, dict[str, Any]]:
    """`equations` with those of the break-even, and `values` with how many replicas are paid for per needed one."""
    _, replica, common = economics.reliability(values)
    target = float(values["availability_target"])
    count = economics.availability.sites(target, replica, common)
    up = 1 - (1 - common) * (1 - replica)
    return equations + equations_of.EQUATIONS, {**values, "paid_per_needed_replica": float(count / up)}


def first_wins(
    equations: Model, values: dict[str, Any], price: float, drawn: dict[str, np.ndarray] | None = None
) -> np.ndarray:
    """The demand from which hosting wins against `price` (USD per token), for each draw; infinite where it never does.

    Draws that need more than `breakeven.MOST` replicas count as never.
    """
    case = {**_without_demand(values), **(drawn or {})}
    length = max((np.size(each) for each in (drawn or {}).values()), default=1)
    one, two = (equations({**case, "replicas": count}, "self_usd_per_second") for count in (1.0, 2.0))
    step = (equations + equations_of.EQUATIONS)(case, "step_tokens_per_second")
    one, two, step = (np.broadcast_to(each, length).astype(float) for each in (one, two, step))
    target, replica, common = economics.reliability(case)
    replica, common = (np.broadcast_to(each, length) for each in (replica, common))

    def bill(needed: np.ndarray, which: np.ndarray) -> np.ndarray:
        spares = economics.availability.extra_replicas(needed, target, replica[which], common[which])
        return one[which] + (needed + spares - 1) * (two - one)[which]

    return breakeven.first_wins(bill, 2 * one - two, two - one, step, price)


def _without_demand(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name not in ("demand_tokens_per_second", "spare_replicas")}


@dataclass(frozen=True)
class Spread:
    """The interval of a break-even (infinite ends: never), and the share of draws in which hosting never wins."""

    interval: uncertainty.Interval
    never_share: float


def spread(
    equations: Model, values: dict[str, Any], price: float, gpu: str | None = None, contract: str = "on_demand"
) -> Spread:
    """How sure the break-even against `price` is, over the assumptions and the GPU's price."""
    last: list[np.ndarray] = []

    def found(drawn: dict[str, np.ndarray]) -> np.ndarray:
        last[:] = [first_wins(equations, values, price, drawn)]
        return last[0]

    triples = economics.triples(_without_demand(values), gpu, contract)
    interval = uncertainty.propagate(found, triples, SPREAD_TOLERANCE, SPREAD_DRAWS)
    return Spread(interval, float(np.isinf(last[0]).mean()))


def tornado(
    equations: Model, values: dict[str, Any], price: float, gpu: str | None = None, contract: str = "on_demand"
) -> list[tuple[str, float, float]]:
    """The break-even against `price` with each assumption at its low and at its high value, the others as they are.

    The widest first; an assumption that does not move it is left out.
    """
    rows = []
    for name, (low, _, high) in economics.triples(_without_demand(values), gpu, contract).items():
        ends = [float(first_wins(equations, {**values, name: end}, price)[0]) for end in (low, high)]
        if ends[0] != ends[1]:
            rows.append((name, *ends))
    return sorted(rows, key=lambda row: -abs(np.log(min(row[2], 1e30)) - np.log(min(row[1], 1e30))))


# --- words -----------------------------------------------------------------------------------------------------------


def volume(tokens_per_second: float) -> str:
    """A demand as people say it: tokens of a month."""
    return f"{_amount(tokens_per_second)} tokens a month"


def _amount(tokens_per_second: float) -> str:
    return " ".join(units.quote(float(tokens_per_second) * MONTH, "")).strip()


def between(low: float, high: float) -> str:
    """Two demands: "5.95 to 17.9 billion tokens a month"."""
    first, last = _amount(low), volume(high)
    number, _, word = first.partition(" ")
    return f"{number if word and last.split(' ')[1] == word else first} to {last}"


def starts(stairs: Staircase, price: float) -> str:
    """The volume from which hosting first wins against `price` (USD per token), in words."""
    first = stairs.first_win(price)
    return "at no volume" if np.isinf(first) else f"from {volume(first)} on"


def says_sellers(name: str, stairs: Staircase, asked: pd.Series) -> str:
    """What those who sell the model called `name` ask (USD per token), and which of them hosting beats."""
    if asked.empty:
        return f"Nobody in the table sells {name} itself."
    cheapest, dearest = float(asked.min()), float(asked.max())
    if len(asked) == 1:
        asks = f"The only seller of {name} itself asks {price_span(dearest, dearest)}"
        return f"{asks}: hosting beats it {starts(stairs, dearest)}."
    lost = sum(np.isinf(stairs.first_win(price)) for price in asked)
    outcome = {
        0: f"hosting beats the dearest {starts(stairs, dearest)} and the cheapest {starts(stairs, cheapest)}",
        len(asked): "hosting beats none of them at any volume",
    }.get(lost, f"hosting beats the dearest {starts(stairs, dearest)}, but {lost} of them at no volume")
    return f"The {len(asked)} that sell {name} itself ask {price_span(cheapest, dearest)}: {outcome}."


def price_span(low: float, high: float) -> str:
    """Two prices of a token (USD): "0.144 to 1.04 USD per million tokens"."""
    first, last = (quantity("api_usd_per_token").quote(each) for each in (low, high))
    return last if first == last else f"{first.split(' ')[0]} to {last}"


def says(stairs: Staircase, price: float) -> str:
    """From which volume hosting wins against `price` (USD per token), in words; "never" if it does not."""
    text = starts(stairs, price)
    losses, last = max(len(stairs.wins(price)) - 1, 0), stairs.last_loss(price)
    if not losses:
        return text
    times = "once more" if losses == 1 else f"{losses} more times"
    until = "" if np.isinf(last) else f", the last time up to {volume(last)}"
    return f"{text}, though the API is cheaper again {times}{until}"


def says_spread(found: Spread) -> str:
    """The interval of a break-even in words, with its draws and the share of them in which hosting never wins."""
    low, high = found.interval.low, found.interval.high
    if np.isinf(low):
        return (
            f"hosting wins at no volume in {found.never_share:.0%} of {found.interval.draws:,} draws of the assumptions"
        )
    span = f"above {volume(low)}" if np.isinf(high) else f"at {between(low, high)}"
    never = f"; in {found.never_share:.0%} of the draws hosting never wins" if found.never_share >= 0.005 else ""
    return f"nine of ten of {found.interval.draws:,} draws of the assumptions put the break-even {span}{never}"


def assumption_label(name: str, low: float, high: float) -> str:
    """An assumption and its range (base units) in a few short lines."""
    about = quantity(name)
    span = f"{about.quote(low).split(' ')[0]} to {about.quote(high)}"
    return textwrap.fill(f"{about.meaning}: {span}", 38)
