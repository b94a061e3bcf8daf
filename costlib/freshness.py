"""How old prices are: counted from the newest day that any price table knows, since a build must not read the clock."""

from __future__ import annotations

import datetime

import pandas as pd

from costlib import data, tracking
from costlib.data import Fact
from costlib.errors import InputError

TABLES = ("api_token_prices", "gpu_rental_prices", "gpu_purchase_prices", "egress_prices")
STALE_DAYS = 120  # a price seen longer ago than this is marked as old


def day(on: str | None = None) -> str:
    """The day up to which prices are known: `on`, or the newest of all price tables. InputError for what is no day."""
    if on is None:
        return _newest()
    try:
        return datetime.date.fromisoformat(on).isoformat()
    except (TypeError, ValueError) as error:
        raise InputError(f"{on!r} is not a day, such as {day()}") from error


@tracking.derived
@tracking.question
def _newest() -> str:
    return max(str(data.table(name)["date"].max()) for name in TABLES)


def today() -> str:
    """The day in UTC, by the clock: for what a command refuses or warns of, never for a page."""
    return datetime.datetime.now(datetime.UTC).date().isoformat()


def days(earlier: str, later: str) -> int:
    """How many days there are between two days."""
    return (pd.Timestamp(later) - pd.Timestamp(earlier)).days


def age(dates: pd.Series, on: str | None = None) -> pd.Series:
    """How many days before `day(on)` each of `dates` is."""
    return (pd.Timestamp(day(on)) - pd.to_datetime(dates)).dt.days


def stale(fact: Fact, on: str | None = None) -> bool:
    """Whether `fact` is a price that was seen more than `STALE_DAYS` before `day(on)`."""
    return fact.table in TABLES and days(fact.date, day(on)) > STALE_DAYS


def to_come(today: str) -> list[str]:
    """Prices dated after `today`, a line each with file, line and field: a slip, which would make all others old."""
    late = ((name, data.table(name)["date"].reset_index(drop=True)) for name in TABLES)
    return [
        f"data/{name}.csv, line {line + 2}, field date: {date} is still to come"
        for name, dates in late
        for line, date in dates[dates > today].items()
    ]
