"""The feed of prices: the genai-prices that is installed, read for one provider, one model and one day.

Only the data that came with the package are read; those that it can fetch at run time are refused.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from costlib.errors import InputError

if TYPE_CHECKING:  # loaded only where it is used: no other command needs it
    from genai_prices.types import ModelInfo, TieredPrices

SOURCE = "pydantic_2026_genai_prices"
BATCH = {"processing": "batch"}
KINDS = {
    "input": ("input_mtok", None), "output": ("output_mtok", None), "cached_input": ("cache_read_mtok", None),
    "cache_write": ("cache_write_mtok", None), "batch_input": ("input_mtok", BATCH),
    "batch_output": ("output_mtok", BATCH),
}  # fmt: skip
SHORT_PROMPT = 32_000  # tokens up to which the price of short prompts must hold
OTHER_CURRENCY = re.compile(r"\b(?:yuan|CNY|RMB|EUR|euros?|GBP|JPY)\b|[¥€£]", re.IGNORECASE)
LONG, HOURLY, WAITS = "short prompts", "off-peak price", "offered for work that may wait"  # as notes of rows say it


@dataclass(frozen=True)
class Price:
    """A price in USD per million tokens: that of short prompts and of the cheaper hours, as its `note` says.

    `doubt` says what cannot be expressed so.
    """

    value: float
    note: str
    doubt: str = ""

    def changed_form(self, before: str) -> str:
        """What is new about what the price depends on, against the note `before` of the row that stood until now."""
        for words, on in ((LONG, "the length of the prompt"), (HOURLY, "the hour")):
            if words in self.note and words not in before:
                return f"now depends on {on}"
        return ""


def prices(provider: str, model: str, day: str) -> tuple[dict[str, Price], str]:
    """The prices of the model called `model` at `provider` on `day`, by kind; and a doubt about all of them, or "".

    Raises LookupError when the feed has no such provider or model: a model's own name must fit, since the feed also
    knows others by the first letters of their names.
    """
    from genai_prices import data_snapshot

    snapshot = data_snapshot.get_snapshot()
    if snapshot.from_auto_update:
        raise InputError("genai-prices has fetched data at run time; only those of the installed release are read")
    seller = next((each for each in snapshot.providers if each.id == provider), None)
    found = next((each for each in seller.models if each.id == model), None) if seller else None
    if found is None:
        raise LookupError(f"{provider} has no {model}")
    doubt = "marked as deprecated" if found.deprecated else ""
    if currency := OTHER_CURRENCY.search(found.price_comments or ""):
        doubt = f"its comment speaks of another currency: {currency[0]}"
    priced = {kind: _price(found, key, context, day) for kind, (key, context) in KINDS.items()}
    return {kind: price for kind, price in priced.items() if price is not None}, doubt


def _price(model: ModelInfo, key: str, context: dict[str, str] | None, day: str) -> Price | None:
    """One price over the hours of `day`; None where there is none."""
    from genai_prices.types import TieredPrices

    values = [
        getattr(model.get_prices(moment, context), key)
        for moment in _moments(day)
        if context is None or _has_batch(model, key, moment)
    ]
    if not values or values[0] is None:
        return None
    bases = [float(each.base if isinstance(each, TieredPrices) else each) for each in values]
    cheapest = bases.index(min(bases))
    notes, doubt = [WAITS] if context else [], ""
    if isinstance(tiered := values[cheapest], TieredPrices):
        notes.append(f"price of {LONG}; long prompts cost more")
        doubt = _inexpressible(tiered)
    if max(bases) > min(bases):
        notes.append(f"{HOURLY}; {max(bases) / min(bases):.3g} times as much at other hours")
    return Price(bases[cheapest], "; ".join(notes), doubt)


def _moments(day: str) -> Sequence[datetime.datetime]:
    """Every half hour of `day` in UTC: price lists change at full and half hours."""
    midnight = datetime.datetime.combine(datetime.date.fromisoformat(day), datetime.time(tzinfo=datetime.UTC))
    return [midnight + datetime.timedelta(minutes=30 * step) for step in range(48)]


def _has_batch(model: ModelInfo, key: str, moment: datetime.datetime) -> bool:
    """Whether a price for batch jobs is in force: without one, the feed answers with the ordinary price."""
    return any(
        variant.when == BATCH
        and (variant.constraint is None or variant.constraint.active(moment))
        and getattr(variant.prices, key) is not None
        for variant in model.price_variants or ()
    )


def _inexpressible(tiered: TieredPrices) -> str:
    """Why prices by the length of the prompt are not "a price of short prompts, and a higher one beyond", or ""."""
    if min(tier.start for tier in tiered.tiers) < SHORT_PROMPT:
        return f"depends on the length of prompts below {SHORT_PROMPT:,} tokens already"
    if min(tier.price for tier in tiered.tiers) < tiered.base:
        return "long prompts cost less than short ones"
    return ""
