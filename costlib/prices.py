"""Prices: the newest row that was in force on a day, and what the market asked around it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from costlib import data
from costlib.data import Fact
from costlib.errors import InputError, near

RECENT_DAYS = 365  # quotes older than this before the newest of their kind no longer speak for the market


def api(api_model: str, kind: str, provider: str | None = None, on: str | None = None) -> Fact | None:
    """The newest price of `kind` (input, output, cached_input, batch_input, batch_output) in USD per token.

    Of `provider` alone, or of whoever sells it; `on` is a day (ISO) after which prices are unknown. None where no row
    says. Raises InputError for an unknown model.
    """
    frame = data.table("api_token_prices")
    rows = frame[frame["api_model"] == api_model]
    if rows.empty:
        raise InputError(
            f"data/api_token_prices.csv has no api_model {api_model!r}{near(api_model, frame['api_model'].unique())}"
        )
    rows = rows[(rows["kind"] == kind) & (rows["provider"] == provider if provider else True)]
    rows = rows[rows["date"] <= on] if on else rows
    if rows.empty:
        return None
    return data.fact("api_token_prices", rows.sort_values("date").index[-1], "usd_per_million_tokens")


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
