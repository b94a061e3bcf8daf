"""Break-evens of cases: who else sells tokens, from which volume hosting wins against each, and how sure that is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from costlib import breakeven, cases, data, economics, market, prices, uncertainty
from costlib.breakeven import Staircase
from costlib.equations import Model
from costlib.models import breakeven as equations_of

SPREAD_TOLERANCE = 0.03  # of the quantiles of a break-even, whose tails are long
SPREAD_DRAWS = 32_768


def rivals(model: str, api_model: str, price: float, vintage: str = "current", **mix: Any) -> pd.DataFrame:
    """Who sells tokens instead: `usd_per_token` of the `mix`, a `label`, and `like`: whether it is `model` itself.

    All hosts of `model`, the shortlist of other models, and `api_model` at `price` (USD per token), which `chosen`
    marks. With `vintage` "article" at the article's prices where it states any. Dearest first, like ones before others.
    """
    offered = market.requests(**mix)
    about = data.table("api_models")["open_model"]
    like = offered["api_model"].map(about).eq(model).fillna(False).astype(bool)
    shown = pd.concat([offered[like], market.shortlist(offered[~like], api_model)])
    shown = shown[like.loc[shown.index] | ~shown["old"] | shown["api_model"].eq(api_model)]
    shown = shown.assign(like=like.loc[shown.index], chosen=shown["api_model"].eq(api_model) & shown["stands"])
    shown["usd_per_token"] = shown["api_usd_per_token"].astype(float)
    if vintage == "article":
        for key in (key for key in shown["api_model"].unique() if cases.article_inputs(key)):
            bought, values = economics.bought(key, vintage=vintage, **mix)
            shown.loc[shown["api_model"] == key, "usd_per_token"] = bought(values, "api_usd_per_token")
    shown.loc[shown["chosen"], "usd_per_token"] = price
    shown["label"] = np.where(shown["own"], shown["name"], shown["name"] + ", " + shown["seller"])
    shown.loc[shown["like"], "label"] = shown.loc[shown["like"], "seller"]
    return shown.sort_values(["like", "usd_per_token"], ascending=False, kind="stable").reset_index(drop=True)


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


def cheapest_host(sold: pd.DataFrame) -> pd.Series | None:
    """The cheapest of those in `sold` that sell the model itself; None where nobody does."""
    like = sold[sold["like"]]
    return None if like.empty else like.sort_values("usd_per_token").iloc[0]


def middle_host(sold: pd.DataFrame) -> pd.Series | None:
    """The one in the middle of those that sell the model itself, as `prices.representative` picks it; else None."""
    like = sold[sold["like"]]
    return None if like.empty else like.loc[prices.representative(like).name]
