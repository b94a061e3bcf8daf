"""What a chapter asks of its reader, counted in its notebook: so that no stated time is typed.

Cells are those of a notebook file: anything with a `cell_type` and a `source`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from costlib import cases, units

ROUNDED = 5  # minutes; a stated time is a multiple of this
EXERCISES = {"By hand": "hand", "By changing a parameter": "run", "A published claim": "critique"}
"""The kinds of exercise that every chapter has, as titles, each with the end of its label."""


@dataclass(frozen=True)
class Work:
    """How many words, displays (figures and tables), equations, questions and exercises there are to work through."""

    words: int = 0
    displays: int = 0
    equations: int = 0
    questions: int = 0
    exercises: int = 0

    def __add__(self, other: Work) -> Work:
        return Work(*(one + two for one, two in zip(vars(self).values(), vars(other).values(), strict=True)))

    def reading_seconds(self) -> float:
        """Time to read the text and to look at the figures, tables and equations, at the assumed pace."""
        pace = ("reading_seconds_per_word", self.words), ("seconds_per_display", self.displays + self.equations)
        return sum(float(cases.assumed(name)) * count for name, count in pace)

    def practice_seconds(self) -> float:
        """Time for the questions and the exercises, as assumed."""
        pace = ("seconds_per_question", self.questions), ("seconds_per_exercise", self.exercises)
        return sum(float(cases.assumed(name)) * count for name, count in pace)

    def seconds(self) -> float:
        """Time for all of it."""
        return self.reading_seconds() + self.practice_seconds()


@dataclass(frozen=True)
class Section:
    """A stretch of a chapter under one heading; the first one, up to the first heading, has no title."""

    title: str
    work: Work


@dataclass(frozen=True)
class Lesson:
    """What a chapter teaches: its name and title, goals, the chapters that it needs, and its sections."""

    name: str
    title: str
    goals: tuple[str, ...]
    needs: tuple[str, ...]
    sections: tuple[Section, ...]

    def work(self) -> Work:
        """All of the chapter's work."""
        return sum((each.work for each in self.sections), Work())


def lesson(name: str, cells: Sequence[Any]) -> Lesson:
    """The lesson of the notebook `name`, from its cells."""
    title = re.search(r"^# (.+)$", "\n".join(_prose(cells)), flags=re.M)
    stated = next((call for call, verb in _calls(cells) if verb == "lesson"), None)
    said = {each.arg: ast.literal_eval(each.value) for each in stated.keywords} if stated else {}
    goals, needs = (tuple(said.get(part, ())) for part in ("goals", "needs"))
    return Lesson(name, title[1] if title else name, goals, needs, tuple(sections(cells)))


def sections(cells: Iterable[Any]) -> Iterator[Section]:
    """The sections of a notebook, each with its work."""
    title, work = "", Work()
    for cell in cells:
        heading = re.match(r"## (.+)", cell["source"]) if cell["cell_type"] == "markdown" else None
        if heading:
            yield Section(title, work)
            title, work = heading[1], Work()
        work += _work(cell)
    yield Section(title, work)


def clock(seconds: float) -> str:
    """A time as people plan with it, in steps of five minutes: ``"50 minutes"``, ``"2 h 10 min"``."""
    minutes = ROUNDED * max(round(seconds / units.base_factor("minute") / ROUNDED), 1)
    hours, rest = divmod(minutes, 60)
    return f"{minutes} minutes" if hours < 2 else f"{hours} h {rest} min" if rest else f"{hours} h"


# --- counting ---------------------------------------------------------------------------------------------------------

_WORD = re.compile(r"[A-Za-z][\w'-]*|\{[\w:,.%~+]+\}")  # a word, or a number that is filled in
_TEXTS = ("say", "figure", "check", "lesson")  # what shows sentences that are read
_DISPLAYS = ("figure", "table", "inputs", "claims", "worked")


def _prose(cells: Iterable[Any]) -> list[str]:
    return [cell["source"] for cell in cells if cell["cell_type"] == "markdown"]


def _calls(cells: Iterable[Any]) -> Iterator[tuple[ast.Call, str]]:
    """The calls of `book` in the code cells, each with the name of what is called."""
    for source in (cell["source"] for cell in cells if cell["cell_type"] == "code"):
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Call) and (named := re.fullmatch(r"book\.(\w+)", ast.unparse(node.func))):
                yield node, named[1]


def _strings(node: ast.AST) -> list[str]:
    return [each.value for each in ast.walk(node) if isinstance(each, ast.Constant) and isinstance(each.value, str)]


def _words(text: str) -> int:
    return len(_WORD.findall(text))


def _work(cell: Any) -> Work:
    if cell["cell_type"] == "markdown":
        return Work(words=_words(cell["source"]), exercises=len(re.findall(r"^```\{exercise\}", cell["source"], re.M)))
    work = Work()
    for call, verb in _calls([cell]):
        texts = [each for each in _strings(call) if " " in each] if verb in _TEXTS else []
        shown = len(_strings(call)) or len(call.args) if verb == "show" else 0
        work += Work(sum(map(_words, texts)), int(verb in _DISPLAYS), shown, int(verb == "check"))
    return work
