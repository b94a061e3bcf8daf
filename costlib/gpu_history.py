"""Rents of one kind of GPU over time, by class of provider, made comparable although ever other providers are asked."""

from __future__ import annotations

import numpy as np
import pandas as pd

from costlib import data, trends

CLASSES = {"hyperscaler": "large clouds", "neocloud": "GPU clouds", "marketplace": "marketplaces"}


def rents(gpu: str, provider_class: str, contract: str = "on_demand") -> pd.DataFrame:
    """Quotes for `gpu` by one class of provider, oldest first, in USD per hour; maybe none.

    `like` is the quote as a provider in the middle would have made it: who asks is taken out by a regression of
    logarithms on providers and quarters, so that a series does not move because others are asked.
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
    return np.exp(logs - asked + np.median(asked))


def half_years(rows: pd.DataFrame) -> pd.DataFrame:
    """The median of quotes of `rents` by half-year, `like` for like and as `asked`; how many, and by how many."""
    half = np.floor(rows["year"] * 2) / 2
    grouped = rows.assign(half=half).groupby("half")
    return grouped.agg(
        like=("like", "median"), asked=("usd", "median"), quotes=("usd", "size"), providers=("provider", "nunique")
    ).reset_index()


def same_providers(rows: pd.DataFrame, first: float, second: float) -> np.ndarray:
    """The price in the half-year `second` over that in `first` of each provider of `rents` that asked in both."""
    half = np.floor(rows["year"] * 2) / 2
    asked = rows.assign(half=half).groupby(["provider", "half"])["usd"].median().unstack()
    if not {first, second} <= set(asked):
        return np.empty(0)
    return (asked[second] / asked[first]).dropna().to_numpy()


def half_name(half: float) -> str:
    """A half-year for people."""
    return f"the {'first' if half % 1 < 0.5 else 'second'} half of {int(half)}"
