"""The market: what the same request costs with every offer, which offers to show, and who charges for traffic."""

from __future__ import annotations

from typing import Any

import pandas as pd

from costlib import data, prices, quotes, tracking, units
from costlib.equations import Model
from costlib.errors import InputError
from costlib.models import api


def requests(on: str | None = None, *, public: bool = False, **mix: Any) -> pd.DataFrame:
    """`prices.offers` with what the `mix` of `api.EQUATIONS` costs there: a request, a token, and the output premium.

    Routers are left out where hosts sell the model themselves. `name` and `seller` are for people, `open` says whether
    the weights are published, and `stands` marks the one offer that stands for its model. `public`: without quotes of
    the reader's own.
    """
    found = _sold(on, () if public else tuple(quotes.given()))
    cached, batched = found["cached_input"].fillna(found["input"]), found["batch_input"].fillna(found["input"])
    quoted = {"input": found["input"], "output": found["output"], "cached_input": cached}
    values: dict[str, Any] = {
        f"{kind}_usd_per_token": units.to_base(price.to_numpy(), "USD/megatoken") for kind, price in quoted.items()
    }
    values["batch_discount_share"] = (1 - batched / found["input"]).to_numpy()
    solved = Model(*api.EQUATIONS).evaluate({"cache_hit_share": 0.0, "batch_share": 0.0, **values, **mix}, *_BOUGHT)
    about = data.table("api_models").loc[found["api_model"]].reset_index(drop=True)
    return found.assign(
        **{name: solved[name] for name in _BOUGHT},
        name=about["api_model_name"], developer=about["developer"], open=about["open_model"].notna(),
        frontier=about["frontier"].astype(bool), seller=found["provider"].map(prices.provider_name),
    )  # fmt: skip


@tracking.derived
def _sold(on: str | None, own: tuple[quotes.Quote, ...]) -> pd.DataFrame:
    """Offers on the day `on`, with the quotes `own`; `stands`: it speaks for its model. No router beside hosts."""
    found = prices.offers(on, public=not own)
    router = found["provider"].isin(prices.AGGREGATORS)
    found = found[~router | ~found["api_model"].isin(found["api_model"][~router])].reset_index(drop=True)
    standing = [prices.representative(rows).name for _, rows in found.groupby("api_model")]
    return found.assign(stands=found.index.isin(standing))


_BOUGHT = ("request_usd", "api_usd_per_token", "output_premium")


def shortlist(offered: pd.DataFrame, *also: str) -> pd.DataFrame:
    """Offers of `requests` to show, dearest first: each developer's dearest and cheapest fresh model that is not open,
    open models that several hosts sell, and the models in `also`.
    """
    standing = offered[offered["stands"]].sort_values("request_usd", ascending=False, kind="stable")
    closed = standing[~standing["open"] & ~standing["old"]].groupby("developer")
    sellers = offered.groupby("api_model")["provider"].nunique()
    shared = standing[standing["open"] & standing["api_model"].map(sellers).ge(2)]
    wanted = {*closed.head(1).index, *closed.tail(1).index, *shared.index}
    return standing[standing.index.isin(wanted) | standing["api_model"].isin(also)]


def frontier(offered: pd.DataFrame) -> pd.DataFrame:
    """The best closed model of each developer, cheapest first: of those sold as its best, the one that came last."""
    first = data.table("api_token_prices").groupby("api_model")["date"].min()
    closed = offered[offered["stands"] & offered["frontier"] & ~offered["open"]]
    newest = closed.assign(first=closed["api_model"].map(first)).sort_values("first", kind="stable")
    return newest.groupby("developer").tail(1).sort_values("request_usd", kind="stable")


def age_label(offered: pd.Series) -> str:
    """The month of an old offer in brackets, for the end of a label; nothing for a fresh one."""
    return f" ({offered['date'][:7]})" if offered["old"] else ""


def offer_label(offered: pd.Series) -> str:
    """The name of an offer: the model, its host if that is not its developer, and its month if it is old."""
    return offered["name"] + ("" if offered["own"] else f", {offered['seller']}") + age_label(offered)


def hosts(offered: pd.DataFrame, model: str) -> pd.DataFrame:
    """The offers of one open model, dearest first: of `model`, or where fewer than two hosts sell it, of the most sold.

    Raises InputError when nobody sells an open model.
    """
    counts = offered.loc[offered["open"], "api_model"].value_counts(sort=True)
    if counts.empty:
        raise InputError("data/api_token_prices.csv has no offer of an open model by that day")
    key = model if counts.get(model, 0) > 1 else sorted(counts[counts == counts.max()].index)[0]
    return offered[offered["api_model"] == key].sort_values("request_usd", ascending=False, kind="stable")


def traffic_hosts(gpu: str, contract: str = "on_demand") -> pd.DataFrame:
    """Who is known to rent `gpu` and to charge, or not, for traffic to the internet; cheapest rent first.

    In base units: `usd_per_gpu_second`, and the quantities of `prices.egress`.
    """
    rents = prices.rental_rows(gpu, contract, public=True)
    routes = prices.egress_rows()
    both = [name for name in rents["provider"] if name in set(routes.loc[routes["route"] == "internet", "provider"])]
    rows = [
        {"provider": name, "usd_per_gpu_second": prices.rental_at(gpu, name, contract), **prices.egress(name)}
        for name in both
    ]
    columns = ["provider", "usd_per_gpu_second", "egress_usd_per_gigabyte", "free_gigabytes_per_month"]
    return pd.DataFrame(rows, columns=columns)


def disputed() -> list[str]:
    """Providers for whose traffic to the internet sources say both that it is free and that it is not."""
    rows = data.table("egress_prices")
    by = rows[rows["route"] == "internet"].groupby("provider")["usd_per_gigabyte"]
    return sorted(by.min().index[(by.min() == 0) & (by.max() > 0)])
