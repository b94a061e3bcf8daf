"""What a usage log says, for people: who costs how much, to the cent; how cost per token moved; alerts in words."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from costlib import alerts, anomalies, attribution, bills
from costlib.alerts import Alert
from costlib.equations import Model
from costlib.models import api
from costlib.usage import PICO, Log

MOST = 10  # names that a table shows; the others share a line
LEAST_SHARE = 0.05  # of the bill: a change below it is counted, not told


def money(cents: int) -> str:
    """A whole number of cents as USD: ``"1,234.56"``."""
    return f"{'-' if cents < 0 else ''}{abs(cents) // 100:,}.{abs(cents) % 100:02d}"


def usd(log: Log) -> float:
    """What the priced rows cost, in USD."""
    return log.total / PICO


def ranked(log: Log, split: str) -> list[tuple[str, int, int, int]]:
    """The names of `split`, dearest first: name, requests, tokens, cents; beyond `MOST`, all others on one line.

    The cents add up to the rounded bill.
    """
    frame = log.by(split)
    cents = bills.to_cents(list(frame["pico"]))
    rows = list(zip(frame[split].astype(str), frame["requests"], frame["input"] + frame["output"], cents, strict=True))
    if len(rows) <= MOST + 1:
        return rows
    others = [sum(int(row[column]) for row in rows[MOST:]) for column in (1, 2, 3)]
    return [*rows[:MOST], (f"{len(rows) - MOST:,} others", *others)]


def shares(log: Log, split: str = "product") -> pd.DataFrame:
    """Shares of requests, tokens and bill by `split`, dearest first."""
    frame = log.by(split).set_index(split)
    columns = {"requests": frame["requests"], "tokens": frame["input"] + frame["output"], "bill": frame["pico"]}
    return pd.DataFrame({name: each.astype(float) / float(each.sum()) for name, each in columns.items()})


def top_share(log: Log, share: float = 0.1) -> tuple[int, float]:
    """How many users the dearest `share` of them are, at least one, and their part of the bill."""
    costs = log.by("user")["pico"].astype(float).to_numpy()
    count = max(1, round(share * len(costs)))
    return count, float(costs[:count].sum() / costs.sum())


def example(log: Log) -> tuple[Model, dict[str, float]]:
    """The dearest request that was no batch job, as the equations of an API's bill and their values in base units."""
    row, read, cached, wrote, paid_read, paid_cached, paid_wrote = log.query(
        'SELECT "row", input, cached, output, paid_input_pico, paid_cached_pico, paid_output_pico FROM requests'
        ' WHERE reason IS NULL ORDER BY batch, pico DESC, "row" LIMIT 1'
    )[0]
    price = paid_read / PICO / (read - cached) if read > cached else paid_cached / PICO / max(cached, 1)
    values = {
        "input_tokens": read, "output_tokens": wrote, "cache_hit_share": cached / read if read else 0.0,
        "input_usd_per_token": price, "cached_input_usd_per_token": paid_cached / PICO / cached if cached else price,
        "output_usd_per_token": paid_wrote / PICO / wrote if wrote else 0.0, "batch_share": 0.0,
        "batch_discount_share": 0.0,
    }  # fmt: skip
    return Model(*api.EQUATIONS), {**values, "row": row}


# --- over time -------------------------------------------------------------------------------------------------------


def weekly(log: Log) -> tuple[pd.DataFrame, float]:
    """Why a token cost more or less than at first: USD per token by week (rows, named by their first day) and factor.

    Weeks have seven days from the first of the log on; the first of them, at most four and at most half, are what the
    others are compared with. Returns also the USD per token of those. Empty, and NaN, for less than two weeks.
    """
    days = alerts.daily(log).index
    weeks = [days[start : start + 7] for start in range(0, len(days) - 6, 7)]
    first = min(4, len(weeks) // 2)
    names = [name for name in attribution.FACTORS if name != "requests"]
    if not first:
        return pd.DataFrame(columns=names), float("nan")
    rows = log.by("day", "product", "model", "batch")
    rows["day"] = pd.to_datetime(rows["day"])
    base = days[: 7 * first]
    effects = {week[0]: attribution.change(rows, base, week)[1] for week in weeks if rows["day"].isin(week).any()}
    known = rows[rows["day"].isin(base)]
    return pd.DataFrame(effects).T[names], float(known["pico"].sum() / PICO / (known["input"] + known["output"]).sum())


# --- alerts in words -------------------------------------------------------------------------------------------------


def told(log: Log, found: Sequence[Alert]) -> tuple[list[Alert], int]:
    """The changes worth telling: those that move the bill by `LEAST_SHARE` or more; and how many are not."""
    per_month = usd(log) / max(len(alerts.daily(log)), 1) * anomalies.MONTH_DAYS
    large = [each for each in found if abs(each.usd_per_month) >= LEAST_SHARE * per_month]
    return large, len(found) - len(large)


def tell(alert: Alert, literal: Callable[[str], str] = str) -> str:
    """An alert as one paragraph of Markdown; `literal` makes names from the log harmless."""
    month, (more, fewer) = alert.usd_per_month, ("more", "more") if alert.share > 0 else ("less", "fewer")
    subject = _SUBJECT[alert.series].format(by=f"{abs(alert.share):.0%}", more=more, fewer=fewer)
    factors = _parts(alert.by("factor").rename(attribution.FACTORS), str)
    products, users = _parts(alert.by("product"), literal), alert.by("user")
    days = f"{alert.days} days" if alert.days > 1 else "one day"
    who = f"The user who moved it most is {literal(users.index[0])} with {_signed(users.iloc[0])}"
    who += f", {users.iloc[0] / month:.0%} of it" if month and users.iloc[0] / month > 0 else ""
    return (
        f"**Since {alert.since.date()}** {subject} (seen on {alert.seen.date()}). Over the {days} from then on the bill"
        f" is **{_signed(month)} USD a month**: {factors}. By product: {products}. {who}."
    )


_SUBJECT = {
    "cost per token": "a token costs {by} {more}", "cost per request": "a request costs {by} {more}",
    "requests": "there are {by} {fewer} requests",
}  # fmt: skip


def _parts(effects: pd.Series, literal: Callable[[str], str]) -> str:
    """The effects that make up at least a tenth of the largest, at most four, and all others together."""
    main = effects[effects.abs() >= 0.1 * effects.abs().max()].iloc[:4]
    rest = effects.sum() - main.sum()
    shown = [f"{literal(name)} {_signed(value)}" for name, value in main.items()]
    return ", ".join([*shown, f"all else {_signed(rest)}"] if abs(rest) >= 0.005 else shown)


def _signed(value: float) -> str:
    return f"{'+' if value >= 0 else '−'}{abs(value):,.2f}"


def stack(effects: pd.DataFrame) -> dict[str, np.ndarray]:
    """The columns of weekly effects in USD per million tokens, by the names of the factors."""
    return {attribution.FACTORS[name]: effects[name].to_numpy(float) * 1e6 for name in effects}
