"""Series of prices of tokens out of the tables: one named model, the newest best models, a fixed quality.

Prices are mixed, three tokens of input for one of output as the published series are, in USD per million. `year` is
the date as a decimal year.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from costlib import data, gpu_history, prices, tracking, trends
from costlib.errors import InputError, near
from costlib.models import trends as equations_of

INPUT_SHARE = 0.75  # of the tokens in a mixed price, as in the published series
SNAPSHOT = "pydantic_2026_genai_prices"  # lists what is sold on one day, not since when
LEVELS = {  # named after the first model that reached them
    "mmlu": {"GPT-3": "GPT-3 175B (davinci)", "GPT-3.5": "GPT-3.5", "GPT-4": "GPT-4-0314"},
    "arena_text": {"GPT-3.5 Turbo": "openai/gpt-3.5-turbo", "GPT-4": "openai/gpt-4-0314",
                   "GPT-4o": "openai/gpt-4o-2024-05-13", "o1": "openai/o1"},
}  # fmt: skip

# --- tokens ----------------------------------------------------------------------------------------------------------


@tracking.derived
def token_prices() -> pd.DataFrame:
    """Mixed prices of every model at every provider, one row per day with a row in the table."""
    frame = data.table("api_token_prices")
    kinds = frame[frame["kind"].isin(["input", "output"])]
    wide = kinds.pivot(index=["api_model", "provider", "date"], columns="kind", values="usd_per_million_tokens")
    wide = wide.groupby(level=["api_model", "provider"]).ffill().dropna().reset_index()
    known = frame.drop_duplicates(["api_model", "provider", "date"])[["api_model", "provider", "date", "source"]]
    wide = wide.merge(known, on=["api_model", "provider", "date"])
    about = data.table("api_models").loc[wide["api_model"]].reset_index(drop=True)
    own = [prices.sells_own(*pair) for pair in zip(wide["provider"], wide["api_model"], strict=True)]
    return wide.assign(
        usd=mixed(wide["input"], wide["output"]), year=trends.decimal_years(wide["date"]), own=own,
        name=about["api_model_name"], developer=about["developer"], frontier=about["frontier"].astype(bool),
        open=about["open_model"].notna(),
    )  # fmt: skip


def mixed(input_usd: pd.Series, output_usd: pd.Series) -> np.ndarray:
    """The mixed price of input and output, in their unit."""
    values = {"input_usd_per_token": input_usd.to_numpy(), "output_usd_per_token": output_usd.to_numpy()}
    return equations_of.mixed_usd_per_token({"input_token_share": INPUT_SHARE, **values})


def named() -> pd.DataFrame:
    """What developers ask for their own models, by model and day."""
    every = token_prices()
    return every[every["own"]].sort_values(["api_model", "date"]).reset_index(drop=True)


def hosted(api_model: str) -> pd.DataFrame:
    """What others than its developer ask for an open model, by day. Raises InputError where nobody is known to."""
    every = token_prices()
    rows = every[~every["own"] & (every["api_model"] == api_model)]
    if rows.empty:
        sold = every.loc[~every["own"], "api_model"].unique()
        raise InputError(f"data/api_token_prices.csv has no host of {api_model!r}{near(api_model, sold)}")
    return rows.sort_values("date", kind="stable").reset_index(drop=True)


def launches() -> pd.DataFrame:
    """The first known price of each model that its developer sold as its best, in order of time.

    Models of which only a list of what is sold now is known are left out.
    """
    own = named()
    first = own[own["frontier"]].groupby("api_model").head(1)
    return first[first["source"] != SNAPSHOT].sort_values("date", kind="stable").reset_index(drop=True)


def best_models() -> pd.DataFrame:
    """By month, the price then of the newest best model at the developer in the middle, and how many are known."""
    first = launches()
    own = named()
    known = monthly(own[own["api_model"].isin(first["api_model"])], "api_model").ffill()
    newest = pd.DataFrame({
        developer: known[rows["api_model"]].ffill(axis=1).iloc[:, -1] for developer, rows in first.groupby("developer")
    })  # fmt: skip
    dates = known.index.to_timestamp(how="end").strftime("%Y-%m-%d")
    usd = np.exp(newest.median(axis=1).to_numpy())
    count = newest.notna().sum(axis=1).to_numpy()
    return pd.DataFrame({"date": dates, "year": trends.decimal_years(dates), "usd": usd, "developers": count})


STANDS = 12  # months for which a price is taken to stand when no newer one is known


def input_prices(rows: pd.DataFrame, year: int) -> np.ndarray:
    """Input prices in force in the months of a year, one per month and offer, of rows of `token_prices`."""
    offer = rows["api_model"] + " at " + rows["provider"]
    month = pd.to_datetime(rows["date"]).dt.to_period("M")
    last = rows.assign(month=month, offer=offer).groupby(["month", "offer"])["input"].last().unstack()
    full = last.reindex(pd.period_range(month.min(), f"{year}-12", freq="M")).ffill(limit=STANDS)
    prices_then = full[full.index.year == year].to_numpy()
    return prices_then[np.isfinite(prices_then)]


def repricings() -> pd.DataFrame:
    """How far developers changed the price of a model: first and last known price, cuts and raises between.

    One row per model whose price is known on two days at least.
    """
    rows = []
    for key, own in named().groupby("api_model"):
        steps = np.diff(np.log(own["usd"].to_numpy()))
        rows.append({
            "api_model": key, "name": own["name"].iloc[0], "years": own["year"].iloc[-1] - own["year"].iloc[0],
            "cuts": int(np.sum(steps < -1e-9)), "raises": int(np.sum(steps > 1e-9)), "known": len(own),
            "first": own["usd"].iloc[0], "last": own["usd"].iloc[-1],
        })  # fmt: skip
    found = pd.DataFrame(rows)
    return found[found["known"] > 1].reset_index(drop=True)


# --- quality ---------------------------------------------------------------------------------------------------------


def scored(benchmark: str) -> pd.DataFrame:
    """The rows of `price_quality` for `benchmark`, oldest first."""
    frame = data.table("price_quality")
    rows = frame[frame["benchmark"] == benchmark]
    if rows.empty:
        known = frame["benchmark"].unique()
        raise InputError(f"data/price_quality.csv has no benchmark {benchmark!r}{near(benchmark, known)}")
    usd = rows["usd_per_million_tokens"].astype(float)
    return rows.assign(year=trends.decimal_years(rows["date"]), usd=usd).sort_values("date", kind="stable")


def level(benchmark: str, name: str) -> float:
    """The score of the model after which a level is named."""
    rows = scored(benchmark)
    return float(rows.loc[rows["model"] == LEVELS[benchmark][name], "score"].iloc[0])


def fixed_quality(benchmark: str, least: float, since: str = "", reasoning: bool = True) -> pd.DataFrame:
    """The cheapest model with a score of `least` or more, over time from `since`.

    Of published prices each lower one; of archived lists the cheapest of each. Without `reasoning`, models that reason
    are left out, whose tokens are not comparable.
    """
    rows = scored(benchmark)
    rows = rows[(rows["score"] >= least) & (rows["date"] >= since) & (reasoning | ~rows["reasoning"].astype(bool))]
    places = trends.cheapest(rows["year"].to_numpy(), rows["usd"].to_numpy(), lasting=benchmark != "arena_text")
    return rows.iloc[places].reset_index(drop=True)


def recomputed() -> pd.DataFrame:
    """The published rates of milestones beside the same fit on the book's rows: ordinary least squares, 90%.

    Rows of `decline_rates` that name a benchmark, a score and an interval, with `ours`, `ours_low`, `ours_high` as
    factors per year and `ours_points`.
    """
    frame = data.table("decline_rates")
    rows = frame[frame["benchmark"].notna() & frame["low"].notna() & (frame["kind"] == "factor per year")]
    found = []
    for _, cells in rows.iterrows():
        series = fixed_quality(cells["benchmark"], cells["score"], cells["start_date"], reasoning=False)
        line = trends.least_squares(series["year"].to_numpy(), np.log(series["usd"].to_numpy()))
        rate, fast, slow = (float(trends.factor(each)) for each in line)
        found.append({"ours": rate, "ours_low": slow, "ours_high": fast, "ours_points": len(series)})
    return rows.assign(**{name: [each[name] for each in found] for name in found[0]})


def totals() -> pd.DataFrame:
    """The published factors over a whole period beside that of the book's rows, `ours`, at mixed prices."""
    frame = data.table("decline_rates")
    rows = frame[frame["kind"] == "total factor"]
    ours = []
    for _, cells in rows.iterrows():
        series = fixed_quality(cells["benchmark"], cells["score"], cells["start_date"], reasoning=False)
        known = series.loc[series["date"] <= cells["end_date"], "usd"]
        ours.append(float(known.iloc[0] / known.iloc[-1]))
    return rows.assign(ours=ours)


# --- by month --------------------------------------------------------------------------------------------------------


def monthly(rows: pd.DataFrame, series: str) -> pd.DataFrame:
    """Logarithms of prices by month (rows) and `series` (columns): the last known one, until the series ends."""
    month = pd.to_datetime(rows["date"]).dt.to_period("M")
    last = rows.assign(month=month).groupby(["month", series])["usd"].last().unstack()
    full = last.reindex(pd.period_range(month.min(), month.max(), freq="M"))
    return np.log(full.ffill().where(full.bfill().notna()))


RATINGS = range(1200, 1500, 25)  # levels of the Arena to follow


def quality_levels() -> pd.DataFrame:
    """Logarithms of the price of the cheapest model by month (rows) and by rating of the Arena (columns)."""
    series = [fixed_quality("arena_text", each).assign(level=str(each)) for each in RATINGS]
    return monthly(pd.concat([each for each in series if len(each)]), "level")


def by_age(levels: pd.DataFrame) -> pd.DataFrame:
    """The panel of `quality_levels` by months since a level is first listed instead of by calendar month."""
    return pd.DataFrame({name: levels[name].dropna().reset_index(drop=True) for name in levels})


def panels(gpu: str, contract: str = "on_demand") -> dict[str, pd.DataFrame]:
    """Monthly series of the kinds of prices that a forecast can be asked for, by the name of the kind."""
    every, levels = token_prices(), quality_levels()
    hosts = every[~every["own"]].assign(offer=lambda rows: rows["api_model"] + " at " + rows["provider"])
    rented = {f"a GPU at one of the {name}": gpu_history.rents(gpu, key, contract) for key, name in _CLOUDS.items()}
    return {
        "a named model at its developer": monthly(every[every["own"]], "api_model"),
        "an open model at one host": monthly(hosts, "offer"),
        "a quality known for over a year": levels.where(levels.notna() & levels.shift(12).notna()),
        **{name: monthly(rows, "provider") for name, rows in rented.items() if len(rows)},
    }


_CLOUDS = {key: gpu_history.CLASSES[key] for key in ("neocloud", "hyperscaler")}
