"""Sheets of cells, in CSV files: read strictly, so that none is taken for what it is not, and written harmless.

Every CSV file that a person gives or gets goes through this module, and every number in it through `number`.
"""

from __future__ import annotations

import csv
import datetime
import io
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from costlib.errors import InputError

NUMBER = r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?"
# A spreadsheet computes a cell that begins so, whatever blanks come before; the last four are wide forms of the first.
FORMULA = "^([\\t\\r\\n]|[ \\t\\r\\n]*[=+@\\-\uff1d\uff0b\uff20\uff0d])"
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")

Row = tuple[int, list[str]]  # the line on which a row begins, and its cells


def number(text: str) -> float:
    """The number that `text` is in plain decimal form, as in ``1000``, ``-1.5`` or ``2e-6``; nan for anything else.

    Blanks, group separators, decimal commas, signs of percent or currency, digits of other scripts, and words such as
    ``infinity`` are anything else: not everybody reads them alike.

    >>> number("1000"), number("2e-6"), number("1,000"), number("1_000"), number("inf")
    (1000.0, 2e-06, nan, nan, nan)
    """
    value = float(text) if re.fullmatch(NUMBER, text) else math.nan
    return value if math.isfinite(value) else math.nan


def is_day(text: str) -> bool:
    """Whether `text` is a day of the calendar, written as ``2026-11-01``."""
    try:
        return bool(re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text) and datetime.date.fromisoformat(text))
    except ValueError:
        return False


# --- reading ----------------------------------------------------------------------------------------------------------


def text_of(path: Path) -> str:
    """The text of a file in UTF-8, with or without a byte order mark. Raises InputError when it is none."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except (OSError, ValueError) as error:  # a name that no file can have is a ValueError
        raise InputError(f"{path} cannot be read: {_why(error)}") from error
    found = _CONTROL.search(text)
    if found:
        line = len(re.findall(r"\r\n|\r|\n", text[: found.start()])) + 1
        raise InputError(f"{path} cannot be read: line {line:,} has the control character {found[0]!r}")
    return text


def read(path: Path, comment: str = "") -> tuple[list[str], list[Row]]:
    """The header of the CSV file at `path`, and its other rows, which may have more or fewer cells.

    Empty lines are left out, and so are rows that begin with `comment`. Raises InputError, naming file and line, for
    what is no CSV in UTF-8 and for a header that names a column twice.
    """
    table = csv.reader(io.StringIO(text_of(path), newline=""), strict=True)
    rows, line = [], 1
    try:
        for cells in table:
            if cells and not (comment and cells[0].startswith(comment)):
                rows.append((line, cells))
            line = table.line_num + 1
    except csv.Error as error:
        raise InputError(f"{path} cannot be read as CSV: line {line:,}: {error}") from error
    return _once(rows[0][1] if rows else [], path), rows[1:]


def head(path: Path) -> list[str]:
    """The header of a CSV file of any size. Raises InputError for none in UTF-8 and for a column named twice."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return _once(next(csv.reader(file), []), path)
    except (OSError, ValueError, csv.Error) as error:
        raise InputError(f"{path} cannot be read: {_why(error)}") from error


def _once(names: list[str], path: Path) -> list[str]:
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"{path}: the header names {name!r} twice")
    return names


def ragged(names: list[str], rows: Iterable[Row]) -> Iterator[str]:
    """The rows that have not as many cells as the header, a line of text each."""
    for line, cells in rows:
        if len(cells) != len(names):
            yield f"line {line}: {len(cells)} cells where {len(names)} are named"


# What does something in Markdown, HTML or LaTeX. The tables' names go into prose, figures and their descriptions, where
# no one way of masking such a character would be right, and none needs it.
_MARKS = re.compile(r"[<`$\\{}\[\]|]")
_FORMS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "number": ("a plain number, such as 1250.5", lambda text: not math.isnan(number(text))),
    "integer": ("a plain whole number, such as 1250", lambda text: re.fullmatch("-?[0-9]+", text)),
    "boolean": ("true or false", lambda text: text in ("true", "false")),
    "date": ("a day, such as 2026-11-01", is_day),
}
_PLAIN = (
    ("one line of characters that can be printed", str.isprintable),
    ("a text that no spreadsheet takes for a formula", lambda text: harmless(text) == text),
    ("plain text without any of < ` $ \\ { } [ ] |", lambda text: not _MARKS.search(text)),
)


def doubtful(path: Path, types: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Cells that not everybody would read alike, or that would do something where they are shown.

    `types` are those of the columns, as a Data Package names them. Yields line and field, and what is wrong. Raises
    InputError when the file is no CSV file.
    """
    names, rows = read(path)
    forms = [(_FORMS[types[name]],) if types.get(name) in _FORMS else _PLAIN for name in names]
    for line, cells in rows:
        for name, cell, allowed in zip(names, cells, forms, strict=False):
            wrong = cell and next((words for words, fits in allowed if not fits(cell)), "")
            if wrong:
                yield f"line {line}, field {name}", f"{cell[:60]!r} must be {wrong}"


# --- writing ----------------------------------------------------------------------------------------------------------


def harmless(text: str) -> str:
    """`text` as a spreadsheet shows it instead of computing it; numbers stay as they are.

    >>> harmless("=1+1"), harmless("-1.5"), harmless("a=b")
    ("'=1+1", '-1.5', 'a=b')
    """
    return f"'{text}" if re.match(FORMULA, text) and not re.fullmatch(NUMBER, text) else text


def text(frame: pd.DataFrame, **form: str) -> str:
    """A table as the text of a CSV file, its texts `harmless`; `form` is for `pandas.DataFrame.to_csv`.

    A carriage return, which pandas would leave bare, so that it began a row, becomes a line feed in quotes.
    """
    safe = frame.map(lambda each: harmless(re.sub("\r\n?", "\n", each)) if isinstance(each, str) else each)
    return safe.to_csv(index=False, lineterminator="\n", **form)


def write(frame: pd.DataFrame, path: Path, **form: str) -> None:
    """Write a table as CSV, as `text` has it. Raises InputError when the file cannot be written."""
    try:
        path.write_text(text(frame, **form), "utf-8", newline="")
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be written: {_why(error)}") from error


def _why(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return f"it is not text in UTF-8 (byte {error.start:,})"
    return getattr(error, "strerror", None) or str(error)
