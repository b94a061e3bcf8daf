"""The headline numbers: what the front page and the takeaways of the chapters say, as tests/headlines.csv keeps it.

They change only by ``make accept REASON="..."``, which runs this file: it takes the numbers of the executed chapters
into the table and adds a line to CHANGELOG.md that carries the table's mark, so that no number changes by accident.
"""

from __future__ import annotations

import ast
import csv
import hashlib
import json
import re
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from costlib import book, build, execute, machine
from costlib.errors import InputError

TABLE = Path(__file__).with_suffix(".csv")
CHANGELOG = build.ROOT / "CHANGELOG.md"
FIELDS = ("chapter", "name", "value", "unit")
GLUED = "application/papermill.record/text/plain"


@dataclass(frozen=True)
class Headline:
    """One glued value of a chapter, digit for digit as readers see it: a number and its unit, or words alone."""

    chapter: str
    name: str
    value: str
    unit: str = ""

    @property
    def said(self) -> str:
        """The text that readers see."""
        return f"{self.value} {self.unit}".rstrip()

    @classmethod
    def of_text(cls, chapter: str, name: str, text: str) -> Headline:
        """The headline that a chapter glued as `text`."""
        found = re.fullmatch(r"([+-]?\d[\d,]*\.?\d*(?:e[+-]?\d+)?%?)(?: (.+))?", text)
        return cls(chapter, name, *(found.groups(default="") if found else (text,)))


def kept(table: Path = TABLE) -> list[Headline]:
    """The headlines of the table; one that is new to it has no value yet."""
    with table.open(encoding="utf-8", newline="") as file:
        return [Headline(**{field: row[field] or "" for field in FIELDS}) for row in csv.DictReader(file)]


def glued(chapters: Iterable[Path]) -> dict[tuple[str, str], str]:
    """What executed chapters glued for prose, by chapter and name."""
    found = {}
    for path in chapters:
        for cell in json.loads(path.read_text("utf-8"))["cells"]:
            for output in cell.get("outputs", ()):
                bundle = output.get("data", {})
                if GLUED in bundle and len(bundle) == 1:  # a figure has a picture beside it
                    text = "".join(bundle[GLUED])
                    found[path.stem, output["metadata"]["scrapbook"]["name"]] = ast.literal_eval(text).strip()
    return found


def computed() -> dict[tuple[str, str], str]:
    """What the chapters glue with their own parameters; those that are as they were last built do not run again."""
    with tempfile.TemporaryDirectory() as scratch:  # not in _build, which a build that begins clears
        fresh = Path(scratch) / "executed"
        if failures := execute.run_all(book.notebooks(), fresh, {"machine_name": machine.PUBLISHED}):
            raise InputError("\n\n".join(failures))
        return glued(fresh.glob("*.ipynb"))


def compared(before: Iterable[Headline], now: dict[tuple[str, str], str]) -> list[str]:
    """The headlines that are not the same `now`, one line each: name, old text, new text and relative change."""
    lines = []
    for old in before:
        text = now.get((old.chapter, old.name))
        if text is None:
            lines.append(f"{old.chapter}: {old.name} was {old.said!r}, and the chapter no longer says it")
        elif text != old.said:
            new = Headline.of_text(old.chapter, old.name, text)
            lines.append(f"{old.chapter}: {old.name} was {old.said!r} and is {text!r}{_change(old, new)}")
    return lines


def _change(old: Headline, new: Headline) -> str:
    try:
        one, other = (float(each.value.replace(",", "").rstrip("%")) for each in (old, new))
    except ValueError:
        return ""
    return f" ({other / one - 1:+.2%})" if one and old.unit == new.unit else ""


def mark(path: Path) -> str:
    """A short hash of the table, which a line of the changelog must carry."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:10]


def accept(reason: str, now: dict[tuple[str, str], str], table: Path = TABLE, changelog: Path = CHANGELOG) -> list[str]:
    """Take the values `now` into the table and say why in the changelog. Returns what changed, one line each.

    To follow another number, add a row with its chapter and name first. Raises InputError without a reason, and where
    a chapter no longer says what a row names.
    """
    reason = " ".join(reason.split())
    if not reason:
        raise InputError('say why the numbers change: make accept REASON="..."')
    before = kept(table)
    if gone := [f"{each.chapter}: {each.name}" for each in before if (each.chapter, each.name) not in now]:
        raise InputError(f"tests/headlines.csv: no chapter says {'; '.join(gone)}: take the row out or correct it")
    changes = compared(before, now)
    if changes or mark(table) not in changelog.read_text("utf-8"):
        after = [Headline.of_text(each.chapter, each.name, now[each.chapter, each.name]) for each in before]
        with table.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerows([FIELDS, *((each.chapter, each.name, each.value, each.unit) for each in after)])
        text = changelog.read_text("utf-8").rstrip("\n")
        count = f"{len(changes)} headline number{'' if len(changes) == 1 else 's'}"
        changelog.write_text(f"{text}\n- {count} changed: {reason} (`{mark(table)}`)\n", "utf-8")
    return changes


if __name__ == "__main__":
    try:
        for line in accept(sys.argv[1], computed()) or ["no headline number has changed"]:
            print(line)
    except InputError as error:
        sys.exit(str(error))
