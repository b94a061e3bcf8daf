"""What follows from a claim of the article and our value: a verdict, and by which factor the claim is off."""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pandas as pd

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
