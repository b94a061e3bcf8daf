"""Bills: exact amounts as cents that add up, and a log beside what was billed for it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from costlib.errors import InputError
from costlib.usage import COPY, PICO, Log

CENT = PICO // 100


def to_cents(parts: Sequence[int]) -> list[int]:
    """Amounts of pico-USD as whole cents that add up to their rounded sum, by largest remainders.

    Every part is off by less than a cent, and equal remainders go to the earlier part.
    """
    cents = [part // CENT for part in parts]
    short = round_to_cents(sum(parts)) - sum(cents)
    order = sorted(range(len(parts)), key=lambda place: (-(parts[place] % CENT), place))
    for place in order[:short]:
        cents[place] += 1
    return cents


def round_to_cents(pico: int) -> int:
    """An amount of pico-USD in whole cents, halves up."""
    return (2 * pico + CENT) // (2 * CENT)


@dataclass(frozen=True)
class Reconciliation:
    """A bill beside the log, in USD: `bill` = `priced` + `rounding` + `open`, to the last digit.

    `rounding` is what stating the priced sum in whole cents adds. `open` is left for the `tokens` of rows without a
    price (those of copies not counted) or, where there are none, unexplained; `usd_per_million` is what they would
    have to cost to explain it, and `dearest_usd_per_million` what the dearest output of the log cost.
    """

    bill: Decimal
    priced: Decimal
    rounding: Decimal
    open: Decimal
    tokens: int
    usd_per_million: Decimal | None
    dearest_usd_per_million: Decimal


def reconcile(log: Log, bill_usd: str | float) -> Reconciliation:
    """Set a bill in USD beside the priced sum of a log. Raises InputError for a bill that is no amount of cents."""
    if not re.fullmatch(r"[0-9]{1,15}(\.[0-9]{1,2})?", str(bill_usd)):
        raise InputError(
            f"bill_usd = {bill_usd!r} is not allowed: it must be an amount in USD and cents, such as 123.45"
        )
    bill, priced = Decimal(str(bill_usd)), Decimal(log.total) / PICO
    rounding = Decimal(round_to_cents(log.total)) / 100 - priced
    left, tokens = bill - priced - rounding, sum(each.tokens for each in log.unpriced() if each.reason != COPY)
    dearest = log.query("SELECT coalesce(max(paid_output_pico // output), 0) FROM requests WHERE output > 0")[0][0]
    each = left / tokens * 10**6 if tokens else None
    return Reconciliation(bill, priced, rounding, left, tokens, each, Decimal(dearest) / 10**6)
