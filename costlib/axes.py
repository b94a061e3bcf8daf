"""The axes of a grid: which values each parameter of a notebook takes, read from the command line, and their points."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from costlib import book, cases, values
from costlib.errors import InputError, near
from costlib.quantities import VOCABULARY

FORMS = "allowed: NAME=VALUE, NAME=A,B,C, and NAME=LOW:HIGH:log:COUNT or NAME=LOW:HIGH:lin:COUNT"
MOST = 10_000  # points of one grid; at a second each that is most of three hours
DIGITS = 6  # significant digits of the values of a range


@dataclass(frozen=True)
class Axis:
    """A parameter and the values that it takes; `log`: they are spaced by a factor."""

    name: str
    values: tuple[Any, ...]
    log: bool = False

    @property
    def numeric(self) -> bool:
        """Whether all values are numbers."""
        return all(isinstance(each, int | float) and not isinstance(each, bool) for each in self.values)


def read(notebook: str, texts: Sequence[str]) -> list[Axis]:
    """The axes that the arguments `texts` name for a notebook.

    Raises InputError for another form, a name that the notebook does not have or that comes twice, a value that its
    parameter does not allow, and for no point or too many.
    """
    known = book.parameters(notebook)
    axes: list[Axis] = []
    for text in texts:
        name, equals, spec = text.partition("=")
        if not equals or not name or not spec:
            raise InputError(f"-p {text!r} names no values; {FORMS}")
        if name not in known:
            raise InputError(f"notebooks/{notebook}.ipynb has no parameter {name!r}{near(name, known)}")
        if name in {axis.name for axis in axes}:
            raise InputError(f"-p {text!r}: {name} was given before; put all its values into one list")
        axes.append(_range(name, spec, text, known[name]) if ":" in spec else _list(name, spec, text))
    if not axes:
        raise InputError(f"a grid needs a parameter that takes some values; {FORMS}")
    count = math.prod(len(axis.values) for axis in axes)
    if count > MOST:
        sizes = " × ".join(f"{len(axis.values):,} {axis.name}" for axis in axes)
        raise InputError(f"{count:,} points are too many ({sizes}): at most {MOST:,} are allowed")
    for axis in axes:
        for value in axis.values:
            book.check_parameters(notebook, {axis.name: value})
    return axes


def points(axes: Sequence[Axis]) -> list[dict[str, Any]]:
    """Every combination of the values of `axes`, the last axis the fastest."""
    return [
        dict(zip((axis.name for axis in axes), values, strict=True))
        for values in itertools.product(*(axis.values for axis in axes))
    ]


def _list(name: str, spec: str, text: str) -> Axis:
    parts = [part.strip() for part in spec.split(",")]
    if not all(parts):
        raise InputError(f"-p {text!r} has an empty value; {FORMS}")
    return Axis(name, tuple(dict.fromkeys(values.scalar(part, f"-p {text!r}") for part in parts)))


def _range(name: str, spec: str, text: str, default: Any) -> Axis:
    """Values between two ends, both taken; whole where the parameter is, and then each once."""
    parts = spec.split(":")
    if len(parts) != 4 or parts[2] not in ("log", "lin"):
        raise InputError(f"-p {text!r} is no range; {FORMS}")
    low, high, count = (values.scalar(each, f"-p {text!r}") for each in (parts[0], parts[1], parts[3]))
    if not all(type(end) in (int, float) and abs(end) <= cases.LARGEST for end in (low, high)) or not low < high:
        raise InputError(f"-p {text!r}: LOW and HIGH must be numbers, the lower first")
    if type(count) is not int or not 2 <= count <= MOST:
        raise InputError(f"-p {text!r}: COUNT must be a whole number from 2 to {MOST:,}")
    log = parts[2] == "log"
    if log and low <= 0:
        raise InputError(f"-p {text!r}: a logarithmic range must begin above 0")
    spaced = np.geomspace(low, high, count) if log else np.linspace(low, high, count)
    if isinstance(default, int) or (name in VOCABULARY and VOCABULARY[name].whole):
        return Axis(name, tuple(dict.fromkeys(round(float(each)) for each in spaced)), log)
    inside = dict.fromkeys(float(f"{each:.{DIGITS}g}") for each in spaced)
    return Axis(name, (float(low), *(each for each in inside if low < each < high), float(high)), log)
