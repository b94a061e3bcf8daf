"""What follows from a claim of the article and our value: a verdict, and by which factor the claim is off."""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pandas as pd

from costlib import units

VERDICTS = (
    "reproduces", "holds under stated assumptions", "off by factor", "inconsistent with another claim",
    "contradicted by public data", "cannot be checked",
)  # fmt: skip
TOLERANCE = 0.05  # a claim holds when our value is within this share of its range
EXACT = 0.02  # what arithmetic alone decides must agree more closely, unless the article rounds more
ALIKE = 1e-9  # of two numbers that differ by rounding alone


def tolerance(claim: Mapping[str, Any]) -> float:
    """By which share of its range a claim may miss our value."""
    if claim["basis"] != "arithmetic":
        return TOLERANCE
    ends = [claim[end] for end in ("claimed_low", "claimed_high") if not pd.isna(claim[end]) and claim[end]]
    rounding = [_last_digit(each) / abs(each) / 2 for each in ends]
    return min(max(EXACT, *rounding), TOLERANCE) if rounding else EXACT


def _last_digit(value: float) -> float:
    """The weight of the last digit that is not zero: 0.01 for 2.69, 1,000 for 33,000."""
    return 10.0 ** int(Decimal(repr(float(value))).normalize().as_tuple().exponent)


def bounds(claim: Mapping[str, Any]) -> tuple[float, float]:
    """Between which values the claim holds: the article's range, or for a statement that of its test."""
    ends = ("holds_low", "holds_high") if is_statement(claim) else ("claimed_low", "claimed_high")
    low, high = (float(claim[end]) for end in ends)
    return (-math.inf if math.isnan(low) else low), (math.inf if math.isnan(high) else high)


def is_statement(claim: Mapping[str, Any]) -> bool:
    """Whether the article gives no number, so that a test of ours decides."""
    return not pd.isna(claim["test"])


def verdict(
    claim: Mapping[str, Any], value: float, low: float | None = None, high: float | None = None
) -> tuple[str, float]:
    """The verdict on a row of `data/claims.csv` and by which factor it is off (1 if it holds, NaN if none applies).

    It holds when its range and ours, from `low` to `high` (our `value` alone without them), overlap. How far it is off
    is counted from `value`.
    """
    if not pd.isna(claim["needed"]):
        return "cannot be checked", math.nan
    low, high = (value if each is None else each for each in (low, high))
    least, most = bounds(claim)
    share = ALIKE if is_statement(claim) else tolerance(claim)
    if high >= _widened(least, -share) and low <= _widened(most, share):
        assumed = claim["basis"] in ("model", "definition")
        return ("holds under stated assumptions" if assumed else "reproduces"), 1.0
    off = math.nan if is_statement(claim) else factor(least, most, value)
    if not pd.isna(claim["against"]):
        return "inconsistent with another claim", off
    return ("off by factor" if math.isfinite(off) else "contradicted by public data"), off


def _widened(end: float, share: float) -> float:
    return end if math.isinf(end) else end + share * abs(end)


def factor(low: float, high: float, value: float) -> float:
    """How many times the nearer end is above or below `value`; 1 within, NaN where signs differ or one is zero."""
    if low <= value <= high:
        return 1.0
    nearer = low if value < low else high
    if nearer == 0 or value * nearer <= 0:
        return math.nan
    return max(nearer / value, value / nearer)


# --- in words --------------------------------------------------------------------------------------------------------


def said(claim: Mapping[str, Any]) -> str:
    """The statement in our words; without a number, with what decides it in brackets."""
    return f"{claim['paraphrase']} [{claim['test']}]" if is_statement(claim) else str(claim["paraphrase"])


def quoted(claim: Mapping[str, Any]) -> str:
    """The range within which the claim holds, with its unit; nothing where it cannot be checked."""
    if not pd.isna(claim["needed"]):
        return ""
    low, high = bounds(claim)
    if low == high:
        return in_unit(low, _unit(claim))
    if math.isinf(high):
        return f"{in_unit(low, _unit(claim))} or more"
    if math.isinf(low):
        return f"{in_unit(high, _unit(claim))} or less"
    return span(in_unit(low, _unit(claim)), in_unit(high, _unit(claim)))


def quoted_value(claim: Mapping[str, Any]) -> str:
    """Our value with the claim's unit; nothing where there is none."""
    return "" if pd.isna(claim["value"]) else in_unit(float(claim["value"]), _unit(claim))


def worded(claim: Mapping[str, Any]) -> str:
    """The verdict of a row of `audit.table` with the factor, if any."""
    off = claim["factor_off"]
    return f"{claim['verdict']} ({units.number(off, 2)})" if off > 1 else str(claim["verdict"])


def place(claim: Mapping[str, Any]) -> str:
    """A link to the chapter that answers the claim, in MyST; nothing where none does."""
    chapter = claim["chapter"]
    return "" if pd.isna(chapter) else f"{{doc}}`{chapter.replace('_', ' ')} <{chapter}>`"


def _unit(claim: Mapping[str, Any]) -> str:
    return "" if is_statement(claim) or pd.isna(claim["unit"]) else str(claim["unit"])


def span(low: str, high: str) -> str:
    """Two quoted values as a range, with their unit said once."""
    amount, _, unit = low.partition(" ")
    return f"{amount if unit and high.endswith(f' {unit}') else low} to {high}"


def in_unit(value: float, unit: str) -> str:
    """A value of a claim's unit for people: an SI prefix where the unit has none."""
    wanted = unit if units.base_factor(unit) != 1 else None
    return " ".join(units.quote(value, unit, wanted)).removesuffix("/GPU").strip()
