"""Quotes of the reader's own: negotiated rents and rates, read from a file that is no part of the book's tables.

The file is named by the environment's `QUOTES`, which `costlib build --prices FILE.csv` sets. Where a quote
fits a model or a GPU it goes before all public prices.
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from costlib import data, sheets, units
from costlib.data import Fact
from costlib.errors import InputError, near
from costlib.fingerprints import QUOTES

FACTS = "own_quotes"  # the table that facts from a quote name; it is not among the book's
TOKENS, RENTS = "api_token_prices", "gpu_rental_prices"  # the tables that the two sorts of quote stand beside
ITEMS = {TOKENS: "api_models", RENTS: "accelerators"}  # the tables whose keys name what is quoted
NAMES = {  # by table: the columns of item, kind and price
    TOKENS: ("api_model", "kind", "usd_per_million_tokens"),
    RENTS: ("gpu", "contract", "usd_per_gpu_hour"),
}
COLUMNS = ("provider", "item", "kind", "price", "unit", "gpus_per_node", "date", "note")
UNUSED = ("cache_write",)  # kinds that the book does not compute with
OPTIONAL = ("gpus_per_node", "note")
NODE = "USD per node-hour"
UNITS = {
    "USD per million tokens": (TOKENS, "USD/megatoken"), "USD per thousand tokens": (TOKENS, "USD/kilotoken"),
    "USD per token": (TOKENS, "USD/token"), "USD per GPU-hour": (RENTS, "USD/hour/GPU"),
    "USD per GPU-second": (RENTS, "USD/s/GPU"), "USD per GPU-month": (RENTS, "USD/month/GPU"),
    NODE: (RENTS, "USD/hour/GPU"),
}  # fmt: skip
MOST_GPUS = 1000  # of one node


@dataclass(frozen=True)
class Quote:
    """One price: `value` is in the unit of the public `table`, `line` its place in the file."""

    table: str
    provider: str
    item: str
    kind: str
    value: float
    date: str
    line: int

    @property
    def key(self) -> str:
        """How facts and frames name the quote."""
        return f"{self.provider}|{self.item}|{self.kind}"

    def says(self) -> str:
        """The quote in words, in the unit of the public table."""
        quoted = data.package()[self.table].fields[NAMES[self.table][2]].unit
        unit = next(name for name, each in UNITS.items() if each == (self.table, quoted))
        return (
            f"{self.item} {self.kind.replace('_', ' ')} from {self.provider} at {self.value:.6g} {unit} ({self.date})"
        )


def kinds(table: str) -> tuple[str, ...]:
    """The kinds of price that quotes beside `table` can have: those that its description allows and the book uses."""
    return tuple(kind for kind in data.package()[table].fields[NAMES[table][1]].choices if kind not in UNUSED)


def template() -> str:
    """An empty file of quotes that explains itself."""
    lines = ["# Quotes of your own, one price a row. Lines that begin with # are skipped."]
    for table, items in ITEMS.items():
        fit = "; ".join(unit for unit, (of, _) in UNITS.items() if of == table)
        lines += [f"# kind {', '.join(kinds(table))}:", f"#   item is a key of data/{items}.csv, unit one of: {fit}"]
    lines += [
        f"# gpus_per_node goes with {NODE} and is empty otherwise; date is the day of the quote; note what you like.",
        "# Prices in another currency must be converted to USD first. Two rows to copy, without the #:",
        f"# acme_cloud,h100_sxm_80gb,reserved_1yr,17.60,{NODE},8,2026-11-01,offer 4711",
        "# openai,gpt_4_1,input,1.60,USD per million tokens,,2026-11-01,a fifth off the list",
        ",".join(COLUMNS),
    ]
    return "\n".join(lines) + "\n"


# --- reading ----------------------------------------------------------------------------------------------------------


def read(path: Path) -> list[Quote]:
    """The quotes in the file at `path`. Raises InputError that lists every mistake with its line and field."""
    head, rows = sheets.read(path, comment="#")
    if not rows:
        raise InputError(f"{path.name} has no quotes: costlib prices template shows what it must look like")
    problems = list(_wrong_head(head))
    whole = [row for row in rows if len(row[1]) == len(head)] if not problems else []
    problems += sheets.ragged(head, rows)
    found: list[Quote] = []
    for line, given in whole:
        row = dict.fromkeys(COLUMNS, "") | {name: cell.strip() for name, cell in zip(head, given, strict=True)}
        wrong = list(_wrong(row))
        problems += [f"line {line}, field {each}" for each in wrong]
        found += [] if wrong else [_quote(row, line)]
    problems += [*_contradicting(found), *(_halves(found) if not problems else ())]
    if problems:
        raise InputError(data.told([f"{path.name}, {each}" for each in problems]))
    return found


def _wrong_head(head: list[str]) -> Iterator[str]:
    for name in head:
        if name not in COLUMNS:
            yield f"header: column {name!r} is not known{near(name, COLUMNS)}; known: {', '.join(COLUMNS)}"
    for name in COLUMNS:
        if name not in head and name not in OPTIONAL:
            yield f"header: there is no column {name!r}"


def _wrong(row: Mapping[str, str]) -> Iterator[str]:
    """Every mistake in one row, each with the name of its field and what is allowed there."""
    table = next((table for table in NAMES if row["kind"] in kinds(table)), None)
    pattern = data.package()[TOKENS].fields["provider"].pattern
    if not row["provider"]:
        yield "provider: it is empty"
    elif table == TOKENS and not re.fullmatch(pattern, row["provider"]):
        yield f"provider: {row['provider']!r} must consist of {pattern}, such as 'openai'"
    elif "|" in row["provider"] or not row["provider"].isprintable():
        yield f"provider: {row['provider']!r} must be a name without | and line breaks"
    if table is None:
        every = [kind for each in NAMES for kind in kinds(each)]
        yield f"kind: {row['kind']!r} must be one of {', '.join(every)}{near(row['kind'], every)}"
    elif row["item"] not in data.table(ITEMS[table]).index:
        keys = data.table(ITEMS[table]).index
        yield f"item: data/{ITEMS[table]}.csv has no {row['item']!r}{near(row['item'], keys)}"
    fit = [unit for unit, (of, _) in UNITS.items() if table in (None, of)]
    if row["unit"] not in fit:
        yield f"unit: {row['unit']!r} must be one of {'; '.join(fit)}"
    gpus = sheets.number(row["gpus_per_node"])
    whole = 1 <= gpus <= MOST_GPUS and gpus == int(gpus)
    if row["unit"] == NODE and not whole:
        yield f"gpus_per_node: {row['gpus_per_node']!r} must be a whole number from 1 to {MOST_GPUS} with {NODE}"
    if row["unit"] != NODE and row["gpus_per_node"]:
        yield f"gpus_per_node: {row['gpus_per_node']!r} must be empty with the unit {row['unit']!r}"
    if not sheets.is_day(row["date"]):
        yield f"date: {row['date']!r} must be a day such as 2026-11-01"
    if not sheets.number(row["price"]) > 0:
        yield f"price: {row['price']!r} must be a number above 0, such as 1250.5, without any other sign"
    elif table and row["unit"] in fit and (whole or row["unit"] != NODE):
        yield from _out_of_range(table, _value(row))


def _value(row: Mapping[str, str]) -> float:
    """The price of a row without mistakes, in the unit of its public table."""
    table, unit = UNITS[row["unit"]]
    quoted = data.package()[table].fields[NAMES[table][2]].unit
    share = sheets.number(row["gpus_per_node"]) if row["unit"] == NODE else 1
    return units.to_base(sheets.number(row["price"]), unit) / units.base_factor(quoted) / share


def _out_of_range(table: str, value: float) -> Iterator[str]:
    field = data.package()[table].fields[NAMES[table][2]]
    if not field.minimum <= value <= field.maximum:
        yield f"price: it makes {value:.6g} {field.unit}, allowed is {field.minimum:g} to {field.maximum:g}"


def _quote(row: Mapping[str, str], line: int) -> Quote:
    table = next(table for table in NAMES if row["kind"] in kinds(table))
    return Quote(table, row["provider"], row["item"], row["kind"], _value(row), row["date"], line)


def _contradicting(found: list[Quote]) -> Iterator[str]:
    """Quotes of one day that say different things about the same."""
    first: dict[tuple[str, str], Quote] = {}
    for each in found:
        before = first.setdefault((each.key, each.date), each)
        if before is not each:
            yield f"line {each.line}: a second quote of the same for {each.date}, after line {before.line}"


def _halves(found: list[Quote]) -> Iterator[str]:
    """Providers that quote one of input and output where no public price fills in the other."""
    public = data.table(TOKENS)
    public = set(zip(public["provider"], public["api_model"], public["kind"], strict=True))
    quoted = {(each.provider, each.item, each.kind) for each in found}
    for each in found:
        for kind in ("input", "output") if each.table == TOKENS else ():
            if (each.provider, each.item, kind) not in public | quoted:
                yield f"line {each.line}: {each.provider} has no price of {kind} for {each.item}; quote it as well"


# --- use --------------------------------------------------------------------------------------------------------------


def given() -> list[Quote]:
    """The quotes in force: the newest of each provider, item and kind in the file that the environment names."""
    path = os.environ.get(QUOTES)
    return list(_given(path)) if path and not _aside else []


_aside: list[bool] = []  # as long as it holds something, quotes are not in force


@contextlib.contextmanager
def set_aside() -> Iterator[None]:
    """Compute with public prices alone, as what is said of the article must be. Also decorates functions."""
    forget = data.forget if given() else lambda: None  # results with the quotes do not hold without them, and back
    forget()
    _aside.append(True)
    try:
        yield
    finally:
        _aside.pop()
        forget()


@functools.cache
def _given(path: str) -> tuple[Quote, ...]:
    newest = {each.key: each for each in sorted(read(Path(path)), key=lambda each: each.date)}
    return tuple(sorted(newest.values(), key=lambda each: each.line))


def rows(table: str) -> pd.DataFrame:
    """The quotes beside `table` in its columns, indexed by `Quote.key`; empty where there are none."""
    item, kind, value = NAMES[table]
    columns = ["provider", item, kind, value, "date"]
    chosen = [each for each in given() if each.table == table]
    named = [(each.provider, each.item, each.kind, each.value, each.date) for each in chosen]
    return pd.DataFrame(named, [each.key for each in chosen], columns)


def fact(table: str, key: str) -> Fact:
    """The quote called `key` beside `table` as a number in base units."""
    quote = next(each for each in given() if each.table == table and each.key == key)
    field = data.package()[table].fields[NAMES[table][2]]
    return Fact(
        units.to_base(quote.value, field.unit), table=FACTS, key=key, field=field.name, quantity=field.quantity,
        date=quote.date, source="", locator=f"{file_name()}, line {quote.line}", kind="quoted",
    )  # fmt: skip


def file_name() -> str:
    """The name of the file of quotes, without its place."""
    return Path(os.environ[QUOTES]).name
