"""Series of prices out of the tables: one named model, the newest best models, a fixed quality, one kind of GPU.

Prices of tokens are mixed, three of input for one of output as the published series are, in USD per million; those of
GPUs in USD per hour. `year` is the date as a decimal year.
"""

from __future__ import annotations

import functools

import numpy as np
import pandas as pd

from costlib import data, prices, trends
from costlib.errors import InputError, near

INPUT_SHARE = 0.75  # of the tokens; source: epoch_2025_price_trends
LEVELS = {  # named after the first model that reached them
    "mmlu": {"GPT-3": "GPT-3 175B (davinci)", "GPT-3.5": "GPT-3.5", "GPT-4": "GPT-4-0314"},
    "arena_text": {"GPT-3.5 Turbo": "openai/gpt-3.5-turbo", "GPT-4": "openai/gpt-4-0314",
                   "GPT-4o": "openai/gpt-4o-2024-05-13", "o1": "openai/o1"},
}  # fmt: skip


@functools.cache
def token_prices() -> pd.DataFrame:
    """Mixed prices of every model at every provider, one row per day with a row in the table."""
    frame = data.table("api_token_prices")
    frame = frame[frame["kind"].isin(["input", "output"])]
    wide = frame.pivot(index=["api_model", "provider", "date"], columns="kind", values="usd_per_million_tokens")
    wide = wide.groupby(level=["api_model", "provider"]).ffill().dropna().reset_index()
    wide["usd"] = INPUT_SHARE * wide["input"] + (1 - INPUT_SHARE) * wide["output"]
    about = data.table("api_models").loc[wide["api_model"]].reset_index(drop=True)
    own = [prices.sells_own(*pair) for pair in zip(wide["provider"], wide["api_model"], strict=True)]
    return wide.assign(
        year=trends.decimal_years(wide["date"]), own=own, name=about["api_model_name"], developer=about["developer"],
        frontier=about["frontier"].astype(bool), open=about["open_model"].notna(),
    )  # fmt: skip


def named() -> pd.DataFrame:
    """What developers ask for their own models, by model and day."""
    every = token_prices()
    return every[every["own"]].sort_values(["api_model", "date"]).reset_index(drop=True)


def launches() -> pd.DataFrame:
    """The first known price of each model that its developer sold as its best, in order of time."""
    own = named()
    return own[own["frontier"]].groupby("api_model").head(1).sort_values("date", kind="stable").reset_index(drop=True)


def repricings() -> pd.DataFrame:
    """How often and how far developers changed the price of a model: first and last price, days known, changes.

    Only models whose price is known on two days at least.
    """
    rows = []
    for key, own in named().groupby("api_model"):
        steps = np.diff(np.log(own["usd"].to_numpy()))
        if len(own) > 1:
            rows.append({
                "api_model": key, "name": own["name"].iloc[0], "start": own["date"].iloc[0], "end": own["date"].iloc[-1],
                "years": own["year"].iloc[-1] - own["year"].iloc[0], "cuts": int(np.sum(steps < -1e-9)),
                "raises": int(np.sum(steps > 1e-9)), "first": own["usd"].iloc[0], "last": own["usd"].iloc[-1],
            })  # fmt: skip
    return pd.DataFrame(rows)


def scored(benchmark: str) -> pd.DataFrame:
    """The rows of `price_quality` for `benchmark`, oldest first."""
    frame = data.table("price_quality")
    rows = frame[frame["benchmark"] == benchmark]
    if rows.empty:
        known = frame["benchmark"].unique()
        raise InputError(f"data/price_quality.csv has no benchmark {benchmark!r}{near(benchmark, known)}")
    return rows.assign(
        year=trends.decimal_years(rows["date"]), usd=rows["usd_per_million_tokens"].astype(float)
    ).sort_values("date", kind="stable")  # fmt: skip


def level(benchmark: str, name: str) -> float:
    """The score of the model after which a level is named."""
    rows = scored(benchmark)
    return float(rows.loc[rows["model"] == LEVELS[benchmark][name], "score"].iloc[0])


def fixed_quality(benchmark: str, least: float, reasoning: bool = True) -> pd.DataFrame:
    """The cheapest model with a score of `least` or more, over time.

    Of published prices each lower one; of archived lists the cheapest of each. Without `reasoning`, models that reason
    are left out, whose tokens are not comparable.
    """
    rows = scored(benchmark)
    rows = rows[(rows["score"] >= least) & (reasoning | ~rows["reasoning"].astype(bool))]
    places = trends.cheapest(rows["year"].to_numpy(), rows["usd"].to_numpy(), lasting=benchmark != "arena_text")
    return rows.iloc[places].reset_index(drop=True)


CLASSES = {"hyperscaler": "large clouds", "neocloud": "GPU clouds", "marketplace": "marketplaces"}


def rents(gpu: str, provider_class: str, contract: str = "on_demand") -> pd.DataFrame:
    """Quotes for `gpu` by one class of provider, oldest first, in USD per hour.

    `like` is the quote as an average provider of those known would have made it: who asks is taken out by a regression
    of logarithms on providers and quarters, so that a series does not move because others are asked.
    """
    frame = data.table("gpu_rental_prices")
    rows = frame[
        (frame["gpu"] == gpu) & (frame["contract"] == contract) & (frame["provider_class"] == provider_class)
    ].sort_values(["date", "provider"])
    rows = rows.assign(year=trends.decimal_years(rows["date"]), usd=rows["usd_per_gpu_hour"].astype(float))
    return rows.assign(like=like_for_like(rows)).reset_index(drop=True)


def like_for_like(rows: pd.DataFrame) -> np.ndarray:
    """Prices of `rows` (provider, year, usd) with each provider's own level taken out."""
    if rows.empty:
        return np.empty(0)
    who = pd.get_dummies(rows["provider"]).to_numpy(float)
    when = pd.get_dummies((rows["year"] * 4).astype(int)).to_numpy(float)
    logs = np.log(rows["usd"].to_numpy())
    effects = np.linalg.lstsq(np.hstack([who, when]), logs, rcond=None)[0][: who.shape[1]]
    asked = who @ effects
    return np.exp(logs - asked + asked.mean())


def monthly(rows: pd.DataFrame, series: str, usd: str = "usd") -> pd.DataFrame:
    """Logarithms of prices by month (rows) and `series` (columns): the last known one, until the series ends."""
    month = pd.to_datetime(rows["date"]).dt.to_period("M")
    last = rows.assign(month=month).groupby(["month", series])[usd].last().unstack()
    full = last.reindex(pd.period_range(month.min(), month.max(), freq="M"))
    return np.log(full.ffill().where(full.bfill().notna()))
