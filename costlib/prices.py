"""Prices: the newest row that was in force on a day, and what the market asked around it.

Where the reader gave quotes of their own (`costlib.quotes`), these go before the public rows, unless `public` is asked.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from costlib import data, quotes, tracking
from costlib.data import Fact
from costlib.errors import InputError, near
from costlib.freshness import STALE_DAYS, age, day

RECENT_DAYS = 365  # quotes older than this before the newest of their kind no longer speak for the market
KINDS = ("input", "output", "cached_input", "batch_input", "batch_output")
COVERED = 0.8  # the share of quotes that a range of rents spans
FEWEST = 5  # recent quotes that speak for a market; where there are fewer, older ones are taken in
AGGREGATORS = ("openrouter",)  # they pass requests on, at the price of one host among several
PROVIDER_NAMES = {
    "openai": "OpenAI", "anthropic": "Anthropic", "google": "Google", "mistral": "Mistral", "deepseek": "DeepSeek",
    "xai": "xAI", "zai": "Z.ai", "moonshotai": "Moonshot AI", "aws_bedrock": "AWS Bedrock", "deepinfra": "DeepInfra",
    "sambanova": "SambaNova", "openrouter": "OpenRouter",
}  # fmt: skip


def provider_name(provider: str) -> str:
    """A provider's name for people."""
    return PROVIDER_NAMES.get(provider, provider.replace("_", " ").capitalize())


def sells_own(provider: str, api_model: str) -> bool:
    """Whether `provider` is the developer of `api_model`."""
    developer = str(data.row("api_models", api_model)["developer"])
    return "".join(filter(str.isalnum, developer.lower())).startswith(provider)


@tracking.question
def offers(on: str | None = None, recent_days: float = RECENT_DAYS, public: bool = False) -> pd.DataFrame:
    """The newest offer of each provider for each model, in USD per million tokens, one column per kind of token.

    A price stands until its kind has a newer row. Also the keys of the rows (``input_key`` and so on), the `date` of
    the newest of them, `old`: more than 120 days before `day(on)`, `own`: sold by the developer, and `quoted`: with a
    quote of the reader's own. Other offers of more than `recent_days` before that day are left out.
    """
    every = _offers(day(on), () if public else tuple(quotes.given()))
    days = age(every["date"], on)
    return every.assign(old=days > STALE_DAYS)[(days <= recent_days) | every["quoted"]].reset_index(drop=True)


@tracking.derived
def _offers(on: str, own: tuple[quotes.Quote, ...]) -> pd.DataFrame:
    """`offers` of any age on the day `on`, with the quotes `own` in the place of public rows."""
    frame = data.table("api_token_prices")
    known = frame[frame["date"] <= on].sort_values("date", kind="stable")
    public = known.groupby(["api_model", "provider", "kind"]).tail(1)
    quoted = quotes.rows("api_token_prices") if own else public.iloc[:0]
    named = (public["provider"] + "|" + public["api_model"] + "|" + public["kind"]).isin(quoted.index)
    rows = pd.concat([public[~named], quoted]).assign(key=lambda each: each.index)
    pairs = rows.groupby(["api_model", "provider"])
    wide = rows.pivot(index=["api_model", "provider"], columns="kind", values=["usd_per_million_tokens", "key"])
    priced = wide["usd_per_million_tokens"].reindex(columns=KINDS).astype(float)
    found = priced.join(wide["key"].reindex(columns=KINDS).add_suffix("_key")).join(pairs["date"].max())
    found["quoted"] = pairs["key"].agg(lambda keys: keys.isin(quoted.index).any())
    found = found.reset_index().dropna(subset=["input", "output"])
    named = zip(found["provider"], found["api_model"], strict=True)
    return found.assign(own=[sells_own(*each) for each in named])


def _fact(table: str, key: str, field: str) -> Fact:
    """The price `field` of a row of `table`, or of the reader's quote that `key` names, in base units."""
    return data.fact(table, key, field) if key in data.table(table).index else quotes.fact(table, key)


@tracking.question
def offer(api_model: str, provider: str | None = None, on: str | None = None, public: bool = False) -> pd.Series:
    """The newest offer of `provider` for a model; without `provider`, the one that `representative` picks.

    Raises InputError, with near matches, for an unknown model or provider.
    """
    return _offer(api_model, provider, day(on), () if public else tuple(quotes.given()))


@tracking.derived
def _offer(api_model: str, provider: str | None, on: str, own: tuple[quotes.Quote, ...]) -> pd.Series:
    """`offer` on the day `on`, with the quotes `own`."""
    every = offers(on, float("inf"), public=not own)
    rows = every[every["api_model"] == api_model]
    if rows.empty:
        raise InputError(
            f"data/api_token_prices.csv has no api_model {api_model!r} by {on}"
            f"{near(api_model, every['api_model'].unique())}"
        )
    if not provider:
        return representative(rows)
    if provider not in set(rows["provider"]):
        raise InputError(f"nobody called {provider!r} sells {api_model}{near(provider, rows['provider'].unique())}")
    return rows[rows["provider"] == provider].iloc[0]


def representative(rows: pd.DataFrame) -> pd.Series:
    """The offer that stands for a model, of the offers in `rows`: the reader's quote, else the developer's own.

    Else the one in the middle of the hosts' (the lower of two, by input and output price together); fresh ones go
    before old ones, and hosts before routers. Offers a year older than the newest are left out.
    """
    rows = rows[rows["quoted"]] if rows["quoted"].any() else rows
    dates = pd.to_datetime(rows["date"])
    rows = rows[dates >= dates.max() - pd.Timedelta(days=RECENT_DAYS)]
    host, fresh = ~rows["provider"].isin(AGGREGATORS), ~rows["old"]
    among = next(rows[each] for each in (rows["own"], host & fresh, fresh, host, ~host) if each.any())
    order = (among["input"] + among["output"]).argsort(kind="stable")
    return among.iloc[order.iloc[(len(among) - 1) // 2]]


@tracking.question
def api(api_model: str, kind: str, provider: str | None = None, on: str | None = None) -> Fact | None:
    """The price of `kind` (input, output, cached_input, batch_input, batch_output) in `offer`, in USD per token.

    None where that offer has no such price.
    """
    key = offer(api_model, provider, on)[f"{kind}_key"]
    return None if pd.isna(key) else _fact("api_token_prices", key, "usd_per_million_tokens")


@tracking.question
def rental_rows(
    gpu: str,
    contract: str = "on_demand",
    provider_class: str | None = None,
    on: str | None = None,
    public: bool = False,
) -> pd.DataFrame:
    """The newest quote of each provider for `gpu` under `contract`, cheapest first; the reader's own go alone.

    Those of the last 120 days before `day(on)`; where they are fewer than `FEWEST`, all that are no older than a year
    before the newest. Raises InputError when nobody is known to rent it so.
    """
    if quotes.given() and not public and not provider_class:
        own = quotes.rows("gpu_rental_prices").query("gpu == @gpu and contract == @contract")
        if len(own):
            return own.sort_values("usd_per_gpu_hour")
    return _rental_rows(gpu, contract, provider_class, day(on))


@tracking.derived
def _rental_rows(gpu: str, contract: str, provider_class: str | None, on: str) -> pd.DataFrame:
    """`rental_rows` of the public table on the day `on`."""
    frame = data.table("gpu_rental_prices")
    rows = frame[(frame["gpu"] == gpu) & (frame["contract"] == contract) & (frame["provider_class"] != "index")]
    rows = rows[rows["provider_class"] == provider_class] if provider_class else rows
    rows = rows[rows["date"] <= on]
    if rows.empty:
        known = frame["gpu"].unique()
        raise InputError(
            f"data/gpu_rental_prices.csv has no {contract} price of {gpu!r}"
            f"{f' from a {provider_class}' if provider_class else ''}{near(gpu, known) if gpu not in known else ''}"
        )
    newest = rows.sort_values("date", kind="stable").groupby("provider").tail(1)
    days = age(newest["date"], on)
    recent = days <= STALE_DAYS
    if recent.sum() < FEWEST:
        recent = days <= days.min() + RECENT_DAYS
    return newest[recent].sort_values("usd_per_gpu_hour", kind="stable")


@tracking.question
def rental(
    gpu: str,
    contract: str = "on_demand",
    provider_class: str | None = None,
    on: str | None = None,
    public: bool = False,
) -> Fact:
    """The median quote for `gpu` in USD per GPU-second: the row in the middle (the lower of two), with its source."""
    rows = rental_rows(gpu, contract, provider_class, on, public)
    return _fact("gpu_rental_prices", rows.index[(len(rows) - 1) // 2], "usd_per_gpu_hour")


def beside(quote: quotes.Quote) -> float | None:
    """The public price that a quote goes before, in the quote's unit: of the same provider, else that of the market.

    None where the market has none.
    """
    try:
        if quote.table == "gpu_rental_prices":
            rows = rental_rows(quote.item, quote.kind, public=True)
            row = rows[rows["provider"] == quote.provider]
            return float((row if len(row) else rows)["usd_per_gpu_hour"].median())
        sold = offers(public=True).query("api_model == @quote.item and provider == @quote.provider")
        row = sold.iloc[0] if len(sold) else offer(quote.item, public=True)
        return None if pd.isna(row.get(quote.kind)) else float(row[quote.kind])
    except InputError:
        return None


@tracking.question
def rental_at(gpu: str, provider: str, contract: str = "on_demand") -> Fact:
    """The newest quote of `provider` for `gpu` in USD per GPU-second; the median of all where it has none."""
    for public in (False, True):
        rows = rental_rows(gpu, contract, public=public)
        named = rows.index[rows["provider"] == provider]
        if len(named):
            return _fact("gpu_rental_prices", named[0], "usd_per_gpu_hour")
    return rental(gpu, contract)


@tracking.question
def rents(
    gpu: str, contract: str = "on_demand", provider_class: str | None = None, on: str | None = None
) -> list[Fact]:
    """The quotes of `rental_rows` in USD per GPU-second, cheapest first."""
    rows = rental_rows(gpu, contract, provider_class, on)
    return [_fact("gpu_rental_prices", key, "usd_per_gpu_hour") for key in rows.index]


@tracking.question
def rental_range(
    gpu: str, contract: str = "on_demand", provider_class: str | None = None, on: str | None = None
) -> tuple[float, float, float]:
    """The ends of the middle `COVERED` of the quotes for `gpu`, and their median between, in USD per GPU-second."""
    asked = rents(gpu, contract, provider_class, on)
    low, middle, high = np.quantile(asked, ((1 - COVERED) / 2, 0.5, (1 + COVERED) / 2))
    return float(low), float(middle), float(high)


ROUTE_WORDS = {
    "internet": "to the internet", "inter_region": "to another region", "cross_zone": "to another zone",
    "within_provider": "within the provider",
}  # fmt: skip


@tracking.question
def egress_rows(on: str | None = None) -> pd.DataFrame:
    """The newest row of each provider and route; of two on one day the dearer."""
    frame = data.table("egress_prices")
    rows = frame[frame["date"] <= on] if on else frame
    newest = rows.sort_values(["date", "usd_per_gigabyte"], kind="stable").groupby(["provider", "route"]).tail(1)
    return newest.sort_values(["usd_per_gigabyte", "provider"], ascending=[False, True])


@tracking.question
def egress(provider: str, route: str = "internet") -> dict[str, Fact | float]:
    """Price per byte and free allowance of a provider's route; InputError, with near matches, for unknown names."""
    rows = egress_rows()
    for column, wanted in (("provider", provider), ("route", route)):
        known = rows[column].unique()
        if wanted not in known:
            of = f" of {provider}" if column == "route" else ""
            raise InputError(f"data/egress_prices.csv has no {column} {wanted!r}{of}{near(wanted, known)}")
        rows = rows[rows[column] == wanted]
    key = rows.index[0]
    price = data.fact("egress_prices", key, "usd_per_gigabyte").named("egress_usd_per_gigabyte")
    free = data.fact("egress_prices", key, "free_gigabytes_per_month")
    return {
        "egress_usd_per_gigabyte": price,
        "free_gigabytes_per_month": 0.0 if free is None else free.named("free_gigabytes_per_month"),
    }


@tracking.derived
@tracking.question
def contract_ratio(contract: str) -> float:
    """The price of a GPU under `contract` over its price on demand: the median of the offers that quote both.

    An offer is one provider's for one GPU, with quotes of the two contracts not further apart than `STALE_DAYS`. So
    contracts are compared like for like, where the medians of two contracts may come from different providers.
    """
    if contract not in CONTRACTS:
        raise InputError(f"contract = {contract!r} is not allowed: it must be one of {', '.join(CONTRACTS)}")
    frame = data.table("gpu_rental_prices")
    rows = frame[(frame["provider_class"] != "index") & frame["contract"].isin(["on_demand", contract])]
    newest = rows.sort_values("date").groupby(["provider", "gpu", "contract"]).tail(1)
    wide = newest.assign(date=pd.to_datetime(newest["date"])).pivot(
        index=["provider", "gpu"], columns="contract", values=["usd_per_gpu_hour", "date"]
    )
    apart = (wide["date"][contract] - wide["date"]["on_demand"]).abs().dt.days
    price = wide["usd_per_gpu_hour"][apart <= STALE_DAYS]
    if price.empty:
        raise InputError(f"data/gpu_rental_prices.csv has no offer that quotes {contract} and on_demand on near days")
    return float((price[contract] / price["on_demand"]).astype(float).median())


CONTRACTS = {"on_demand": "on demand", "reserved_1yr": "one year", "reserved_3yr": "three years", "spot": "spot"}


@tracking.question
def rental_markets(gpu: str) -> list[dict]:
    """Who rents `gpu` under which contract: names, 10th percentile, median, 90th percentile, quotes, newest month.

    `old` says whether that is more than 120 days ago. One entry per contract and class of provider of which quotes are
    known; prices in USD per GPU-second.
    """
    frame = data.table("gpu_rental_prices")
    frame = frame[(frame["gpu"] == gpu) & (frame["provider_class"] != "index")]
    found = []
    for contract, name in CONTRACTS.items():
        for provider_class in ("marketplace", "neocloud", "hyperscaler"):
            if ((frame["contract"] == contract) & (frame["provider_class"] == provider_class)).any():
                rows = rental_rows(gpu, contract, provider_class)
                low, middle, high = rental_range(gpu, contract, provider_class)
                labels = {"contract": contract, "contract_name": name, "provider_class": provider_class}
                count = {"quotes": len(rows), "month": str(rows["date"].max())[:7]}
                old = bool(age(rows["date"]).min() > STALE_DAYS)
                found.append({**labels, "low": low, "median": middle, "high": high, **count, "old": old})
    return found


@tracking.question
def quoted_by(provider: str, gpu: str, contract: str = "on_demand") -> Fact:
    """The newest quote of one provider for `gpu`, in USD per GPU-second; the middle one if a day has several."""
    frame = data.table("gpu_rental_prices")
    rows = frame[(frame["provider"] == provider) & (frame["gpu"] == gpu) & (frame["contract"] == contract)]
    if rows.empty:
        raise InputError(f"data/gpu_rental_prices.csv has no {contract} price of {gpu} from {provider!r}")
    rows = rows[rows["date"] == rows["date"].max()].sort_values("usd_per_gpu_hour")
    return data.fact("gpu_rental_prices", rows.index[(len(rows) - 1) // 2], "usd_per_gpu_hour")


@tracking.question
def purchase_rows(gpu: str) -> pd.DataFrame:
    """Quotes for `gpu` no older than a year before the newest, cheapest first; empty where nobody quotes.

    Of cards and boards; of a GPU's share of a whole server or rack where there is nothing else.
    """
    frame = data.table("gpu_purchase_prices")
    rows = frame[frame["gpu"] == gpu]
    alone = rows[rows["quote"].isin(["card", "board share"])]
    rows = alone if len(alone) else rows
    dates = pd.to_datetime(rows["date"])
    return rows[dates >= dates.max() - pd.Timedelta(days=RECENT_DAYS)].sort_values("usd_per_gpu")


@tracking.question
def purchase(gpu: str) -> Fact | None:
    """The median of `purchase_rows`, in USD: the row in the middle (the lower of two); None where nobody quotes."""
    rows = purchase_rows(gpu)
    return data.fact("gpu_purchase_prices", rows.index[(len(rows) - 1) // 2], "usd_per_gpu") if len(rows) else None
