"""The facts: tables of `data/`, as the one `data/datapackage.yaml` describes them, each value with its source.

Only this module reads the tables. A value comes out as a `Fact`: a float in base units that knows its row. Tables are
validated by frictionless before their first use, so a broken row is named instead of computed with.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from costlib import sheets, tracking, units
from costlib.errors import InputError, near
from costlib.quantities import VOCABULARY

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "data"
PACKAGE = FOLDER / "datapackage.yaml"
BIBLIOGRAPHY = ROOT / "book" / "references.bib"


class Fact(float):
    """A number in base units that knows where it stands: table, key, field, and the source that says so."""

    table: str
    key: str
    field: str
    quantity: str
    source: str
    locator: str
    date: str
    kind: str

    def __new__(cls, value: float, **where: str) -> Fact:
        """The number `value` (base units) from the place that `where` describes by the names above."""
        fact = super().__new__(cls, value)
        fact.__dict__.update(where)
        return fact

    def named(self, quantity: str) -> Fact:
        """The same value under another name of the vocabulary, such as a cached number's bytes for a weight's."""
        return Fact(float(self), **{**self.__dict__, "quantity": quantity})


@dataclass(frozen=True)
class Field:
    """One column: what it holds, in which unit, and which column names its source (empty for names and notes).

    `minimum`, `maximum`, `choices` and `pattern` say what is allowed there, where the description does.
    """

    name: str
    type: str
    description: str
    quantity: str
    unit: str
    source_field: str
    minimum: float | None
    maximum: float | None
    choices: tuple[str, ...]
    pattern: str


@dataclass(frozen=True)
class Table:
    """One table of the package: its texts and its columns. `key` are the columns that together name a row."""

    name: str
    title: str
    description: str
    path: Path
    key: tuple[str, ...]
    kind: str
    fields: dict[str, Field]


def use(folder: Path) -> None:
    """Take the tables from another folder, described there, from here on."""
    global FOLDER, PACKAGE
    FOLDER, PACKAGE = folder, folder / PACKAGE.name
    forget()


def forget() -> None:
    """Read the tables anew from here on."""
    for kept in (package, _problems, _table_rows, _cells, _described):
        kept.cache_clear()
    tracking.forget()


@functools.cache
def package() -> dict[str, Table]:
    """The tables that `data/datapackage.yaml` describes, by name."""
    try:
        described = yaml.safe_load(sheets.text_of(PACKAGE))
        return {each["name"]: _table(each) for each in described["resources"]}
    except (yaml.YAMLError, RecursionError) as error:
        raise InputError(f"data/datapackage.yaml cannot be read: {' '.join(str(error).split())}") from error
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(f"data/datapackage.yaml does not describe tables and their fields: {error!r}") from error


def _table(described: dict[str, Any]) -> Table:
    schema = described["schema"]
    fields = {
        each["name"]: Field(
            each["name"], each["type"], each.get("description", ""),
            each.get("quantity", ""), each.get("unit", ""), each.get("source_field", ""),
            *(each.get("constraints", {}).get(limit) for limit in ("minimum", "maximum")),
            tuple(each.get("constraints", {}).get("enum", ())), each.get("constraints", {}).get("pattern", ""),
        )
        for each in schema["fields"]
    }  # fmt: skip
    key = schema["primaryKey"]
    return Table(
        described["name"], described["title"], described["description"], FOLDER / described["path"],
        (key,) if isinstance(key, str) else tuple(key), described.get("kind", "list"), fields,
    )  # fmt: skip


def table(name: str) -> pd.DataFrame:
    """The rows of table `name` as they stand in the file (quoted units), indexed by their key, its parts joined by "|".

    Raises InputError, naming file, row and field, when the table does not fit its description.
    """
    tracking.read(name)
    return _table_rows(name)


@functools.cache
def _table_rows(name: str) -> pd.DataFrame:
    about = package()[name]
    if problems := _problems(name):
        raise InputError(told(list(problems)))
    types = {field.name: _dtype(field) for field in about.fields.values()}
    frame = pd.read_csv(about.path, dtype=types, keep_default_na=False, na_values=[""])
    frame.index = frame[list(about.key)].astype(str).agg("|".join, axis=1)
    return frame


@functools.cache
def _cells(name: str, key: str) -> pd.Series:
    return _table_rows(name).loc[key]


def _dtype(field: Field) -> str:
    return {"number": "float64", "integer": "Int64", "boolean": "boolean"}.get(field.type, "string")


def row(name: str, key: str) -> pd.Series:
    """One row of a table. Raises InputError, with near matches, when there is none of that name."""
    frame = table(name)
    if key not in frame.index:
        about = package()[name]
        raise InputError(f"data/{about.path.name} has no {about.key[0]} {key!r}{near(str(key), frame.index)}")
    return _cells(name, key)


@tracking.derived
def fact(name: str, key: str, field: str) -> Fact | None:
    """The value of one cell in base units, with its provenance; None where the cell is empty."""
    cells, about = row(name, key), package()[name]
    value = cells[field]
    if pd.isna(value):
        return None
    column = about.fields[field]
    group = column.source_field
    date = next((str(cells[each]) for each in ("date", "checked_on") if each in cells.index), "")
    return Fact(
        units.to_base(float(value), column.unit),
        table=name, key=key, field=field, quantity=column.quantity, date=date,
        source=str(cells[group]), locator=text(cells, group.replace("source", "locator")),
        kind=about.kind,
    )  # fmt: skip


def facts(name: str, key: str) -> dict[str, Fact]:
    """All values of a row that stand for a quantity of their own, by field name."""
    about = package()[name]
    cells = ((field, fact(name, key, field)) for field, column in about.fields.items() if column.quantity)
    return {field: value for field, value in cells if value is not None}


def text(cells: pd.Series, field: str) -> str:
    """A cell as text, empty where the cell is empty or the table has no such column."""
    return "" if field not in cells.index or pd.isna(cells[field]) else str(cells[field])


MOST_TOLD = 20  # mistakes that are listed before the rest is only counted


def told(problems: list[str]) -> str:
    """Mistakes below each other; of very many, as a broken column makes, the first ones and how many more there are."""
    more = len(problems) - MOST_TOLD
    return "\n".join([*problems[:MOST_TOLD], *([f"and {more} more"] if more > 0 else [])])


# --- checks ----------------------------------------------------------------------------------------------------------


@functools.cache
def bibliography() -> dict[str, dict[str, str]]:
    """The entries of `book/references.bib`: key to fields, all as text."""
    from pybtex.database import parse_string
    from pybtex.exceptions import PybtexError

    try:
        parsed = parse_string(BIBLIOGRAPHY.read_text("utf-8"), "bibtex")
    except PybtexError as error:
        raise InputError(f"book/references.bib cannot be read: {error}") from error
    people = {key: " and ".join(map(str, entry.persons.get("author", []))) for key, entry in parsed.entries.items()}
    return {key: {"author": people[key], **dict(entry.fields)} for key, entry in parsed.entries.items()}


def check() -> list[str]:
    """Every mistake in the tables and the bibliography, one line each, naming file, row and field. Empty when sound."""
    try:
        problems = [*_undescribed(), *_incomplete_references()]
        problems += [line for name in package() for line in _problems(name)]
        checks = (_unsourced, _unfit, _spelled_twice)
        return problems or [line for name in package() for each in checks for line in each(name)]
    except InputError as error:
        return [str(error)]


@functools.cache
def _described(path: Path) -> Any:
    """The description at `path` as frictionless reads it, which takes a while."""
    import frictionless
    from frictionless.formats import CsvControl

    try:
        described = frictionless.Package(str(path))
    except frictionless.FrictionlessException as error:
        raise InputError(f"data/{path.name} is no description of tables: {error}") from error
    for each in described.resources:  # said, so that nothing is guessed from what stands in a table
        comma = CsvControl(delimiter=",", line_terminator="\n", quote_char='"', skip_initial_space=False)
        each.dialect.add_control(comma)
    return described


@functools.cache
def _problems(name: str) -> tuple[str, ...]:
    return tuple(invalid(name))


def invalid(name: str, path: Path | None = None) -> list[str]:
    """What is wrong with a table, or with the file at `path` beside it that may take its place."""
    about = package()[name]
    place, file = f"data/{about.path.name}", path or about.path
    try:
        doubtful = list(sheets.doubtful(file, {field.name: field.type for field in about.fields.values()}))
        columns = sheets.head(file)
    except InputError as error:  # no file, or none with a table
        return [str(error).replace(str(file), place)]
    found = _against_description(name, path)
    if columns != list(about.fields) and not found:  # a first line of one cell passes there
        return [f"{place}, line 1: the columns must be {', '.join(about.fields)}"]
    told = {line.partition(": ")[0] for line in found}
    return found + [f"{place}, {where}: {why}" for where, why in doubtful if f"{place}, {where}" not in told]


def _against_description(name: str, path: Path | None) -> list[str]:
    """What frictionless finds wrong with a table, or with the file at `path` beside it."""
    resource = _described(PACKAGE).get_resource(name)
    if path:
        package_of_all, resource = resource.package, resource.to_copy()
        resource.path, resource.package = path.name, package_of_all
    try:
        found = resource.validate().flatten(["rowNumber", "fieldName", "note", "message"])
    except (TypeError, ValueError, AttributeError) as error:  # it trusts the description to be a sound one
        raise InputError(f"data/datapackage.yaml does not describe {name} soundly: {error}") from error
    problems = []
    for line, field, note, message in found:
        place = (
            f"data/{package()[name].path.name}"
            + (f", line {line}" if line else "")
            + (f", field {field}" if field else "")
        )
        problems.append(f"{place}: {note or message}")
    return problems


def _undescribed() -> Iterator[str]:
    """Quantities, units and source columns of the description that do not exist or do not fit."""
    for about in package().values():
        for field in about.fields.values():
            place = f"data/datapackage.yaml, table {about.name}, field {field.name}"
            if field.source_field and field.source_field not in about.fields:
                yield f"{place}: there is no column {field.source_field!r}{near(field.source_field, about.fields)}"
            if field.quantity:
                yield from (f"{place}: {problem}" for problem in _misfit(field.quantity, field.unit))


def _misfit(quantity: str, unit: str) -> Iterator[str]:
    """What is wrong with a quantity's name or with the unit that it is given in."""
    if quantity not in VOCABULARY:
        yield f"no quantity is called {quantity!r}{near(quantity, VOCABULARY)}"
        return
    try:
        if not units.same_dimension(unit, VOCABULARY[quantity].unit):
            yield f"{unit!r} does not measure {quantity} ({VOCABULARY[quantity].unit!r})"
    except units.UnitError as error:
        yield str(error)


def _unsourced(name: str) -> Iterator[str]:
    """Values without a source, and sources that the bibliography does not have."""
    about, frame = package()[name], table(name)
    for field in about.fields.values():
        column = frame[field.name]
        if field.source_field:
            for line in _lines(column.notna() & frame[field.source_field].isna()):
                yield f"{_place(about, line, field)}: a value without a source in {field.source_field}"
        if field.name.endswith("source"):
            for line in _lines(column.notna() & ~column.isin(list(bibliography()))):
                key = column.iloc[line - 2]
                yield f"{_place(about, line, field)}: book/references.bib has no {key!r}{near(key, bibliography())}"


def _lines(where: pd.Series) -> Iterator[int]:
    """The lines of a file in which `where` holds for a row of its table; the first line names the columns."""
    return (int(position) + 2 for position in np.flatnonzero(where))


def _place(about: Table, line: int, field: Field) -> str:
    return f"data/{about.path.name}, line {line}, field {field.name}"


def _spelled_twice(name: str) -> Iterator[str]:
    """Providers that a table spells in two ways, which would count them as two."""
    if "provider" not in package()[name].fields:
        return
    spelled: dict[str, str] = {}
    for line, provider in enumerate(table(name)["provider"], start=2):
        first = spelled.setdefault("".join(filter(str.isalnum, provider.lower())), provider)
        if first != provider:
            place = f"data/{package()[name].path.name}, line {line}, field provider"
            yield f"{place}: {provider!r} is spelled {first!r} above"


# In these tables a row names its own quantity: the columns of name, unit, and values from low to high.
_NAMED = {
    "assumptions": ("assumption", ("low", "central", "high")),
    "claims": ("quantity", ("claimed_low", "claimed_high")),
}


def _unfit(name: str) -> Iterator[str]:
    """Rows of assumptions and claims whose quantity, unit, order or range is wrong."""
    if name not in _NAMED:
        return
    quantity_field, value_fields = _NAMED[name]
    for line, (_, cells) in enumerate(table(name).iterrows(), start=2):
        place, unit = f"data/{package()[name].path.name}, line {line}", text(cells, "unit")
        values = [float(cells[field]) for field in value_fields if not pd.isna(cells[field])]
        if values != sorted(values):
            yield f"{place}: {' <= '.join(value_fields)} does not hold"
        if name == "claims" and not cells["input"]:
            problems = [] if _known_unit(unit) else [f"unknown unit {unit!r}"]
        else:
            problems = list(_misfit(cells[quantity_field], unit)) or list(
                _out_of_range(cells[quantity_field], unit, values)
            )
        yield from (f"{place}: {problem}" for problem in problems)


def _known_unit(text: str) -> bool:
    try:
        units.unit(text)
    except units.UnitError:
        return False
    return True


def _out_of_range(quantity: str, unit: str, values: list[float]) -> Iterator[str]:
    for value in values:
        try:
            VOCABULARY[quantity].check(units.to_base(value, unit))
        except InputError as error:
            yield str(error)


def _incomplete_references() -> Iterator[str]:
    for key, fields in bibliography().items():
        for needed in ("title", "year", "url", "urldate"):
            if not fields.get(needed):
                yield f"book/references.bib, entry {key}: no {needed}"
