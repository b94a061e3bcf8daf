"""Refreshing the prices of tokens from the genai-prices that is installed.

What changed is added to the table as rows of the given day; nothing is overwritten, and no network is used. What looks
doubtful is held back, with the reason, until it is accepted by name.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version

import pandas as pd

from costlib import data, feed, freshness, ledger
from costlib.errors import InputError, near

TABLE, VALUE = "api_token_prices", "usd_per_million_tokens"
FACTOR = 3  # a price that moves by more than this, either way, is doubtful
RARE = 1000  # as are cached or batch tokens at less than this part of the price of others
KINDS_BEFORE = {"cached_input": "input", "batch_input": "input", "batch_output": "output"}  # never dearer than that
WRONG_UNITS = {1e3: "of a thousand tokens", 1e6: "of one token"}
CHANGED, ADDED, SEEN, SAME, HELD, OVERRIDDEN = "changed", "added", "seen again", "same", "held back", "overridden"


@dataclass(frozen=True)
class Finding:
    """One price of the feed beside the newest row of its provider, model and kind: what it is, and what to do.

    Prices are in USD per million tokens; `old` and `new` are None where there is none. What is held back has a
    `reason`, and becomes what it would be `otherwise` when it is accepted; some things cannot be (empty `otherwise`).
    What is `corrected` has its price from data/price_overrides.csv.
    """

    provider: str
    api_model: str
    kind: str
    old: float | None
    old_date: str
    new: float | None
    day: str
    state: str
    reason: str = ""
    otherwise: str = ""
    note: str = ""
    source: str = feed.SOURCE
    locator: str = ""
    corrected: bool = False

    @property
    def clashes(self) -> bool:
        """Whether the table has a row of the day for which prices are taken already."""
        return self.old_date == self.day

    def held(self, reason: str, otherwise: str = "") -> Finding:
        """The finding held back."""
        return dataclasses.replace(self, state=HELD, reason=reason, otherwise=otherwise)


def release_day() -> str:
    """The day of the table's rows from the installed release. InputError when it is new and so has none yet."""
    rows = data.table(TABLE)
    known = rows[(rows["source"] == feed.SOURCE) & rows["locator"].str.startswith(f"{_release()}, ", na=False)]
    if known.empty:
        raise InputError(
            f"genai-prices {version('genai-prices')} does not say when it was released: give the day for which its"
            " prices are taken, such as --on 2026-12-01 (make refresh takes today)"
        )
    return str(known["date"].max())


def _release() -> str:
    return f"release {version('genai-prices')}"


def findings(on: str | None = None, accept: Sequence[str] | None = None) -> list[Finding]:
    """Every price of the models that data/price_feed.csv follows, as the feed has it on the day `on`.

    `accept` names the models whose doubtful prices are accepted; an empty list means all.
    """
    day = freshness.day(on) if on else release_day()
    follows = data.table("price_feed")
    for name in accept or ():
        if name not in set(follows["api_model"]):
            raise InputError(
                f"data/price_feed.csv follows no api_model {name!r}{near(name, follows['api_model'].unique())}"
            )
    newest = newest_rows()
    found: list[Finding] = []
    for _, entry in follows.iterrows():
        each = _together(_of_model(entry, newest.get((entry["provider"], entry["api_model"]), {}), day))
        if accept is not None and (not accept or entry["api_model"] in accept):
            each = [dataclasses.replace(one, state=one.otherwise) if one.otherwise else one for one in each]
        found += each
    return found


def newest_rows() -> dict[tuple[str, str], dict[str, pd.Series]]:
    """The newest row of each kind, by provider and model."""
    table = data.table(TABLE).sort_values("date", kind="stable")
    found: dict[tuple[str, str], dict[str, pd.Series]] = {}
    for _, row in table.groupby(["provider", "api_model", "kind"]).tail(1).iterrows():
        found.setdefault((row["provider"], row["api_model"]), {})[row["kind"]] = row
    return found


def _of_model(entry: pd.Series, newest: dict[str, pd.Series], day: str) -> list[Finding]:
    """The findings of one model of the feed."""
    place = f"{_release()}, provider {entry['feed_provider']}, model {entry['feed_model']}"
    try:
        shown, doubt = feed.prices(entry["feed_provider"], entry["feed_model"], day)
    except LookupError:
        shown, doubt = {}, ""
    found = []
    for kind in feed.KINDS:
        row, price = newest.get(kind), shown.get(kind)
        old, old_date = (None, "") if row is None else (float(row[VALUE]), str(row["date"]))
        locator = f"{place}, batch" if kind.startswith("batch") else place
        one = Finding(entry["provider"], entry["api_model"], kind, old, old_date, None, day, SAME, locator=locator)
        if price is None:
            if row is not None and row["source"] == feed.SOURCE:
                gone = "has no such price any more" if shown else "is gone from the feed"
                found.append(one.held(f"{entry['feed_model']} {gone}; not sold? take it out of data/price_feed.csv"))
            continue
        override = _override(one, price.value)
        if override is not None:
            found.append(_overridden(one, override, day))
            continue
        state = _state(old, old_date, price.value, day)
        one = dataclasses.replace(one, new=price.value, state=state, note=price.note)
        found.append(_doubted(one, row, price, shown, doubt))
    return found


def _state(old: float | None, old_date: str, new: float, day: str) -> str:
    if old is None:
        return ADDED
    if not math.isclose(old, new, rel_tol=1e-9):
        return CHANGED if old_date <= day else SAME  # a newer row of another source stands
    return SEEN if (pd.Timestamp(day) - pd.Timestamp(old_date)).days > freshness.STALE_DAYS else SAME


def _override(one: Finding, shown: float) -> pd.Series | None:
    """The row of data/price_overrides.csv that corrects this price, as long as the feed shows what it corrects."""
    rows, key = data.table("price_overrides"), _key(one)
    if key in rows.index and math.isclose(rows.loc[key, "shown_usd_per_million_tokens"], shown, rel_tol=1e-9):
        return rows.loc[key]
    return None


def _key(one: Finding) -> str:
    return f"{one.provider}|{one.api_model}|{one.kind}"


def _overridden(one: Finding, override: pd.Series, day: str) -> Finding:
    """The finding with the corrected price; without one, nothing is taken over."""
    new = None if pd.isna(override[VALUE]) else float(override[VALUE])
    state = OVERRIDDEN if new is None else _state(one.old, one.old_date, new, day)
    cited = {"source": override["source"], "locator": data.text(override, "locator")}
    return dataclasses.replace(
        one, new=new, state=state, reason=override["reason"], note=override["reason"], corrected=True, **cited
    )


def _doubted(one: Finding, row: pd.Series | None, price: feed.Price, shown: dict, doubt: str) -> Finding:
    """The finding, held back if its price may be wrong or cannot be a price at all."""
    limit = data.package()[TABLE].fields[VALUE]
    if not limit.minimum <= one.new <= limit.maximum:
        allowed = f"{limit.minimum:g} to {limit.maximum:g} USD per million tokens"
        return one.held(f"no price: allowed is {allowed}")
    if one.state == CHANGED and one.clashes:
        return one.held(f"the table has another price of the same day, from {row['source']}")
    form = "" if row is None else price.changed_form(data.text(row, "note"))
    if one.state == SAME:
        return one.held(form, CHANGED) if form and not one.clashes else one
    reason = _odd(one, shown) or (_unusual(one) if row is None else form) or price.doubt or doubt
    return one.held(reason, one.state) if reason else one


def _odd(one: Finding, shown: dict[str, feed.Price]) -> str:
    """Why a price that moved or is new may be wrong by its size, or nothing."""
    if one.new == 0:
        return "the price is zero"
    factor = one.new / one.old if one.old else 1.0
    if not 1 / FACTOR <= factor <= FACTOR:
        return f"{factor:.3g} times the price of {one.old_date}{_unit_hint(factor)}"
    base = shown.get(KINDS_BEFORE.get(one.kind, ""))
    if base and one.new > base.value * (1 + 1e-9):
        return f"dearer than {KINDS_BEFORE[one.kind]} at {base.value:g}"
    if base and one.new * RARE < base.value:
        return f"less than a {RARE}th of {KINDS_BEFORE[one.kind]} at {base.value:g}"
    return ""


def _unit_hint(factor: float) -> str:
    """What unit a price may be in that is `factor` times what it was."""
    for wrong, words in WRONG_UNITS.items():
        if any(1 / FACTOR < factor * each < FACTOR for each in (wrong, 1 / wrong)):
            return f"; perhaps one of the two is the price {words}"
    return ""


def _unusual(one: Finding) -> str:
    """Why a first price of its kind may be in a wrong unit or currency: it lies outside of all that the table has."""
    table = data.table(TABLE)
    known = table.loc[(table["kind"] == one.kind) & (table[VALUE] > 0), VALUE]
    if known.empty or known.min() / FACTOR <= one.new <= known.max() * FACTOR:
        return ""
    return f"far from all known prices of {one.kind}, {known.min():g} to {known.max():g}; perhaps in another unit"


def _together(found: list[Finding]) -> list[Finding]:
    """A model's prices move together: while one is held back, the others that moved wait with it."""
    first = next((one for one in found if one.state == HELD and one.new is not None), None)
    moves = (CHANGED, ADDED, SEEN)
    return [one.held(f"waits for {first.kind}", one.state) if first and one.state in moves else one for one in found]


def rows(found: Sequence[Finding]) -> list[dict[str, str]]:
    """The rows of the table that `found` adds."""
    return [
        {
            "date": one.day, "provider": one.provider, "api_model": one.api_model, "kind": one.kind,
            VALUE: f"{one.new:.12g}", "source": one.source, "locator": one.locator, "note": one.note,
        }
        for one in found
        if one.state in (CHANGED, ADDED, SEEN)
    ]  # fmt: skip


def refresh(on: str | None = None, accept: Sequence[str] | None = None) -> list[Finding]:
    """Add what changed to data/api_token_prices.csv and return all findings. Either all rows are added or none."""
    found = findings(on, accept)
    added = rows(found)
    if added:
        ledger.append(TABLE, added)
    return found


def unused_overrides(found: Sequence[Finding]) -> list[str]:
    """Corrections of data/price_overrides.csv whose wrong price the feed does not show any more, as keys."""
    used = {_key(one) for one in found if one.corrected}
    return [key for key in data.table("price_overrides").index if key not in used]


# --- words -----------------------------------------------------------------------------------------------------------


def says(found: Sequence[Finding]) -> str:
    """The findings as a table of old, new and change, and what is held back or overridden with the reason."""
    moved = [one for one in found if one.state in (CHANGED, ADDED)]
    count = {state: sum(one.state == state for one in found) for state in (SEEN, SAME)}
    lines = [_line(one) for one in moved]
    lines.append(
        f"{len(moved) or 'no'} prices changed or new; {count[SEEN]} seen again after more than {freshness.STALE_DAYS}"
        f" days; {count[SAME]} as they were"
    )
    corrected = [one for one in found if one.corrected]
    lines += [f"corrected by data/price_overrides.csv, {len(corrected)}:"] * bool(corrected)
    lines += [f"{_line(one)}  {one.reason}" for one in corrected]
    held = [one for one in found if one.state == HELD]
    lines += [f"held back, {len(held)}:"] * bool(held) + [f"{_line(one)}  {one.reason}" for one in held]
    lines += [
        f"data/price_overrides.csv: {key} corrects a price that is not shown any more; take it out"
        for key in unused_overrides(found)
    ]
    return "\n".join(lines)


def _line(one: Finding) -> str:
    old, new = ("-" if each is None else f"{each:g}" for each in (one.old, one.new))
    change = f"{one.new / one.old - 1:+.0%}" if one.old and one.new is not None else ""
    return f"  {one.provider:<12} {one.api_model:<22} {one.kind:<13} {old:>9} {new:>9} {change:>8}"
