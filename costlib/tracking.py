"""What a computation asks of the tables, noted while it runs, so that it runs again only when an answer changes.

It rests on every table that it reads, as a whole, and on the answers to the questions that it asks. A `question` is a
function that reads tables and gives back little of them, such as one price: other rows may change, and it stands.
Tables are asked by one thread at a time; sweeps on all cores get numbers.
"""

from __future__ import annotations

import functools
import hashlib
import importlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pandas as pd

from costlib.errors import InputError


class Question(NamedTuple):
    """A function of costlib and its arguments as JSON: a list of those by place and a mapping of those by name."""

    module: str
    function: str
    arguments: str

    def __str__(self) -> str:
        by_place, by_name = json.loads(self.arguments)
        told = [str(each) for each in by_place] + [f"{name}={value}" for name, value in by_name.items()]
        return f"{self.module.removeprefix('costlib.')}.{self.function}({', '.join(told)})"

    def answer_now(self) -> str:
        """The hash of what the answer is now."""
        function = getattr(importlib.import_module(self.module), self.function)
        by_place, by_name = json.loads(self.arguments)
        with _noting() as asked:
            _outcome(function, by_place, by_name)
        return asked.answers[self]


@dataclass(eq=False)
class Noted:
    """What was asked: names of tables that were read, of those that only answered questions, and hashes of answers."""

    tables: set[str] = field(default_factory=set)
    behind: set[str] = field(default_factory=set)
    answers: dict[Question, str] = field(default_factory=dict)
    answering: bool = False  # a question: what it asks is its own affair
    included: set[Noted] = field(default_factory=set)  # what was added before

    def add(self, other: Noted) -> None:
        """Note what `other` has noted, once."""
        if other not in self.included:
            self.included.add(other)
            self.tables |= other.tables
            self.behind |= other.behind
            self.answers |= other.answers


_open: list[Noted] = [Noted()]  # the last is of what is being computed, the first of this process
_kept: list[dict[Any, tuple[Any, Noted]]] = []  # results of each derived function, with what they rest on


def noted() -> Noted:
    """What this process has asked of the tables since it began to note."""
    return _open[0]


def begin() -> None:
    """Note anew from here on."""
    _open[:] = [Noted()]


def forget() -> None:
    """Compute anew from here on what was derived from tables."""
    for results in _kept:
        results.clear()


def read(table: str) -> None:
    """Note that the table of this name is read."""
    _open[-1].tables.add(table)


@contextmanager
def _noting(answering: bool = False) -> Iterator[Noted]:
    """Note apart what is asked within."""
    mine = Noted(answering=answering)
    _open.append(mine)
    try:
        yield mine
    finally:
        _open.pop()


def derived(function: Callable) -> Callable:
    """`function` with its results kept as long as the tables stay the same; who takes one rests on what it rests on."""
    results: dict[Any, tuple[Any, Noted]] = {}
    _kept.append(results)

    @functools.wraps(function)
    def result(*by_place: Any, **by_name: Any) -> Any:
        key = (by_place, tuple(by_name.items()))
        if key not in results:
            with _noting() as asked:
                try:
                    results[key] = function(*by_place, **by_name), asked
                finally:
                    _open[-2].add(asked)
        found, asked = results[key]
        _open[-1].add(asked)
        return found

    return result


def question(function: Callable) -> Callable:
    """`function`, with a note that who asks it rests on its answer, and not on the tables that it reads.

    Its arguments must be what JSON can hold, and its answer what `_plain` knows.
    """

    @functools.wraps(function)
    def answer(*by_place: Any, **by_name: Any) -> Any:
        asker = _open[-1]
        if asker.answering:
            return function(*by_place, **by_name)
        asked = Question(function.__module__, function.__qualname__, json.dumps([by_place, by_name]))
        with _noting(answering=True) as inner:
            found = _outcome(function, by_place, by_name)
        if asked not in asker.answers:
            asker.answers[asked] = hashlib.sha256(json.dumps(_plain(found)).encode()).hexdigest()
            asker.behind |= inner.tables | inner.behind
        if isinstance(found, InputError):
            raise found
        return found

    return answer


def _outcome(function: Callable, by_place: tuple, by_name: dict[str, Any]) -> Any:
    try:
        return function(*by_place, **by_name)
    except InputError as error:
        return error


def _plain(answer: Any) -> Any:
    """All that there is in an answer, as JSON can hold it. TypeError for what is not known."""
    if isinstance(answer, pd.DataFrame | pd.Series):
        return answer.to_csv()
    if isinstance(answer, dict):
        return {str(name): _plain(value) for name, value in answer.items()}
    if isinstance(answer, list | tuple):
        return [_plain(each) for each in answer]
    if isinstance(answer, InputError):
        return str(answer)
    if isinstance(answer, float):
        return [float(answer), getattr(answer, "__dict__", {})]  # of a Fact, where it stands
    if answer is None or isinstance(answer, str | int | bool):
        return answer
    raise TypeError(f"an answer may not hold {answer!r}")
