"""The figure of a grid: lines over a numeric axis, cells for two axes, one panel for each result that is shown."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from costlib import data, figures, units
from costlib.axes import Axis
from costlib.errors import InputError, near
from costlib.outcome import Grid
from costlib.quantities import VOCABULARY

PANELS = 4  # results shown if none are named
LINES = 8  # that can be told apart in one panel
_STYLES = data.ROOT / "book" / "_static" / "custom.css"  # has the colors of figures, for light and for dark
_ALONE = """<style>
.costfig {{ background: #fff; color: #1f2328; fill: currentColor; color-scheme: light dark; {light} }}
@media (prefers-color-scheme: dark) {{ .costfig {{ background: #14181e; color: #e6e6e6; {dark} }} }}
</style>"""


class NothingToDrawError(Exception):
    """Why a grid has no figure."""


def colors() -> tuple[str, str]:
    """Declarations of the figures' colors as the book has them, light and dark."""
    found = re.findall(r"--cost-\w+: #\w+;", _STYLES.read_text("utf-8"))
    half = len(found) // 2
    return " ".join(found[:half]), " ".join(found[half:])


def drawn(grid: Grid, shown: Sequence[str]) -> str:
    """The figure of a grid as an SVG file that follows the reader's light or dark theme.

    Raises InputError for a result in `shown` that is not there, NothingToDrawError where no figure can show the grid.
    """
    varied = [axis for axis in grid.axes if len(axis.values) > 1]
    names = _results(grid, shown)
    values = {name: _values(grid, name) for name in names}
    if not varied:
        raise NothingToDrawError("one point has nothing to be compared with")
    if not names:
        raise NothingToDrawError("no number that the notebook says varies over these points")
    numeric = [axis for axis in varied if axis.numeric]
    over = max(numeric, key=lambda axis: len(axis.values), default=None)
    curves = math.prod(len(axis.values) for axis in varied if axis is not over)
    if len(varied) <= 2 and (len(numeric) in (0, 2) or curves > LINES):
        figure = _cells(varied, values)
    elif over and curves <= LINES:
        figure = _lines(varied, over, values)
    else:
        raise NothingToDrawError(f"more than {LINES} lines in one panel cannot be told apart; the table has them all")
    text = figures.svg(figure, "grid", _alt(grid, varied, values))
    light, dark = colors()
    return text.replace(">", ">" + _ALONE.format(light=light, dark=dark), 1)


def _results(grid: Grid, shown: Sequence[str]) -> list[str]:
    """The results to show: those named, else what varies: quantities of the takeaway, its other numbers, or any."""
    known = grid.results()
    for name in shown:
        if name not in known:
            raise InputError(f"--show {name}: the notebook says no such thing{near(name, known)}")
    numbers = [name for name in known if any(isinstance(v, float) for v in _said(grid, name, "value"))]
    if wrong := [name for name in shown if name not in numbers]:
        raise InputError(f"--show {wrong[0]}: it is no number")
    varying = [name for name in numbers if np.nanmin(_values(grid, name)) < np.nanmax(_values(grid, name))]
    headlines = [name for name in varying if any(_said(grid, name, "headline"))]
    known_quantities = [name for name in headlines if name in VOCABULARY]
    return list(shown) or (known_quantities or headlines or varying)[:PANELS]


def _said(grid: Grid, name: str, what: str) -> list[Any]:
    return [said[name][what] for said in grid.said.values() if name in said]


def _values(grid: Grid, name: str) -> np.ndarray:
    """What each point said under `name`, in the unit that people use; NaN where it failed or did not say it."""
    found = (grid.said.get(index, {}).get(name, {}).get("value") for index in range(len(grid.points)))
    values = np.array([each if isinstance(each, float) else np.nan for each in found])
    quantity = VOCABULARY.get(name)
    if quantity is None or quantity.quoted is None:
        return values
    return 100 * values if quantity.quoted == "%" else units.convert(1.0, quantity.unit, quantity.quoted) * values


def _title(name: str) -> str:
    """A result's name and unit in words."""
    quantity, words = VOCABULARY.get(name), name.replace("_", " ")
    label = units.quote(2.0, quantity.unit, quantity.quoted)[1] if quantity else ""
    return f"{words} ({label})" if label else words


def _shaped(values: np.ndarray, varied: Sequence[Axis], last: Axis) -> np.ndarray:
    """`values` as one row per combination of the other axes, one column per value of `last`."""
    shaped = values.reshape([len(axis.values) for axis in varied])
    place = next(index for index, axis in enumerate(varied) if axis is last)
    return np.moveaxis(shaped, place, -1).reshape(-1, len(last.values))


def _lines(varied: Sequence[Axis], over: Axis, values: dict[str, np.ndarray]) -> Any:
    others = [axis for axis in varied if axis is not over]
    labels = [_words(others, each) for each in itertools.product(*(axis.values for axis in others))]
    hues = itertools.cycle(color for color in figures.COLORS if color not in ("idle", "grid"))
    chosen = list(itertools.islice(hues, len(labels)))
    panels = {
        _title(name): [figures.Line(*curve) for curve in zip(labels, _shaped(found, varied, over), chosen, strict=True)]
        for name, found in values.items()
    }
    return figures.panels(np.array(over.values, float), panels, over.name.replace("_", " "), over.log)


def _words(others: Sequence[Axis], values: Sequence[Any]) -> str:
    """The values of a curve, by name where they do not speak for themselves."""
    return ", ".join(
        f"{axis.name.replace('_', ' ')} {_label(value)}" if axis.numeric else _label(value)
        for axis, value in zip(others, values, strict=True)
    )


def _label(value: Any) -> str:
    return units.number(value) if isinstance(value, int | float) and not isinstance(value, bool) else str(value)


def _cells(varied: Sequence[Axis], values: dict[str, np.ndarray]) -> Any:
    *first, over = varied
    rows = [_label(value) for value in first[0].values] if first else [""]
    tables = {_title(name): _shaped(found, varied, over) for name, found in values.items()}
    y_label = first[0].name.replace("_", " ") if first else ""
    return figures.tables([_label(each) for each in over.values], rows, tables, over.name.replace("_", " "), y_label)


def _alt(grid: Grid, varied: Sequence[Axis], values: dict[str, np.ndarray]) -> str:
    """What the figure shows, in words, with the range of each result."""
    over = " and ".join(f"{axis.name} ({len(axis.values)} values)" for axis in varied)
    ranges = "; ".join(
        f"{_title(name)} from {units.number(np.nanmin(each))} to {units.number(np.nanmax(each))}"
        for name, each in values.items()
    )
    return f"{grid.notebook} over {over}: {ranges}."
