"""Prices: the newest row that was in force on a day, and what the market asked around it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from costlib import data
from costlib.data import Fact
from costlib.errors import InputError, near

RECENT_DAYS = 365  # quotes older than this before the newest of their kind no longer speak for the market


KINDS = ("input", "output", "cached_input", "batch_input", "batch_output")
STALE_DAYS = 120  # a quote older than this, counted from the newest of its table, is marked as old
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


def day(on: str | None) -> str:
    """The day up to which API prices are known: `on`, or that of the newest row. Raises InputError for what is none."""
    newest = str(data.table("api_token_prices")["date"].max())
    if on is None:
        return newest
    try:
        return str(pd.Timestamp(on).date())
    except (TypeError, ValueError) as error:
        raise InputError(f"on = {on!r} is not allowed: it must be a day, such as {newest}") from error


def offers(on: str | None = None, recent_days: float = RECENT_DAYS) -> pd.DataFrame:
    """The newest offer of each provider for each model, in USD per million tokens, one column per kind of token.

    Also the keys of its rows (``input_key`` and so on), its `date`, and `old`: more than 120 days before `day(on)`.
    Offers more than `recent_days` before that day are left out.
    """
    frame = data.table("api_token_prices")
    known = frame[frame["date"] <= day(on)]
    newest = known.groupby(["api_model", "provider"])["date"].transform("max")
    rows = known[known["date"] == newest].assign(key=lambda each: each.index)
    index = ["api_model", "provider", "date"]
    priced = rows.pivot(index=index, columns="kind", values="usd_per_million_tokens").reindex(columns=KINDS)
    keys = rows.pivot(index=index, columns="kind", values="key").reindex(columns=KINDS).add_suffix("_key")
    found = priced.join(keys).reset_index().dropna(subset=["input", "output"])
    age = (pd.Timestamp(day(on)) - pd.to_datetime(found["date"])).dt.days
    return found.assign(old=age > STALE_DAYS)[age <= recent_days].reset_index(drop=True)


def offer(api_model: str, provider: str | None = None, on: str | None = None) -> pd.Series:
    """The newest offer of `provider` for a model.

    Without `provider`: the developer's own if it is still offered, else the one in the middle of the hosts' (the lower
    of two, by input and output price together), no older than a year before the newest of them. Raises InputError, with
    near matches, for an unknown model or provider.
    """
    every = offers(on, float("inf"))
    rows = every[every["api_model"] == api_model]
    if rows.empty:
        raise InputError(
            f"data/api_token_prices.csv has no api_model {api_model!r} by {day(on)}"
            f"{near(api_model, every['api_model'].unique())}"
        )
    if provider:
        if provider not in set(rows["provider"]):
            raise InputError(f"nobody called {provider!r} sells {api_model}{near(provider, rows['provider'].unique())}")
        return rows[rows["provider"] == provider].iloc[0]
    dates = pd.to_datetime(rows["date"])
    rows = rows[dates >= dates.max() - pd.Timedelta(days=RECENT_DAYS)]
    own = rows[[sells_own(provider, api_model) for provider in rows["provider"]]]
    hosts = rows[~rows["provider"].isin(AGGREGATORS)]
    among = next(each for each in (own, hosts, rows) if len(each))
    return among.iloc[(among["input"] + among["output"]).argsort(kind="stable").iloc[(len(among) - 1) // 2]]


def api(api_model: str, kind: str, provider: str | None = None, on: str | None = None) -> Fact | None:
    """The price of `kind` (input, output, cached_input, batch_input, batch_output) in `offer`, in USD per token.

    None where that offer has no such price.
    """
    key = offer(api_model, provider, on)[f"{kind}_key"]
    return None if pd.isna(key) else data.fact("api_token_prices", key, "usd_per_million_tokens")


def rental_rows(
    gpu: str, contract: str = "on_demand", provider_class: str | None = None, on: str | None = None
) -> pd.DataFrame:
    """The newest quote of each provider for `gpu` under `contract`, none older than a year before the newest of all.

    Raises InputError when nobody is known to rent it so.
    """
    frame = data.table("gpu_rental_prices")
    rows = frame[(frame["gpu"] == gpu) & (frame["contract"] == contract) & (frame["provider_class"] != "index")]
    rows = rows[rows["provider_class"] == provider_class] if provider_class else rows
    rows = rows[rows["date"] <= on] if on else rows
    if rows.empty:
        known = frame["gpu"].unique()
        raise InputError(
            f"data/gpu_rental_prices.csv has no {contract} price of {gpu!r}"
            f"{f' from a {provider_class}' if provider_class else ''}{near(gpu, known) if gpu not in known else ''}"
        )
    newest = rows.sort_values("date").groupby("provider").tail(1)
    dates = pd.to_datetime(newest["date"])
    return newest[dates >= dates.max() - pd.Timedelta(days=RECENT_DAYS)].sort_values("usd_per_gpu_hour")


def rental(gpu: str, contract: str = "on_demand", provider_class: str | None = None, on: str | None = None) -> Fact:
    """The median quote for `gpu` in USD per GPU-second: the row in the middle (the lower of two), with its source."""
    rows = rental_rows(gpu, contract, provider_class, on)
    return data.fact("gpu_rental_prices", rows.index[(len(rows) - 1) // 2], "usd_per_gpu_hour")


def rental_range(
    gpu: str, contract: str = "on_demand", provider_class: str | None = None, on: str | None = None
) -> tuple[float, float, float]:
    """The 10th percentile, median and 90th percentile of the quotes for `gpu`, in USD per GPU-second."""
    rows = rental_rows(gpu, contract, provider_class, on)
    facts = [data.fact("gpu_rental_prices", key, "usd_per_gpu_hour") for key in rows.index]
    low, middle, high = np.quantile(facts, (0.1, 0.5, 0.9))
    return float(low), float(middle), float(high)
