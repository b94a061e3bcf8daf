"""The one style of all figures, what is drawn on a chart, and the parts that every chart has."""

from __future__ import annotations

from dataclasses import dataclass, field

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from costlib.units import number

# The page's style sheet sets each of these for its two themes; these values, those of the light one, serve elsewhere.
COLORS = {
    "compute": "#3660c1", "memory": "#ce5a26", "prefill": "#0a83b0", "decode": "#b13a6c", "idle": "#767676",
    "overhead": "#816000", "api": "#864aae", "self": "#068965", "grid": "#909090",
}  # fmt: skip

INK = "#000001"  # turned into the page's own text color

STYLE = {
    "figure.figsize": (5.2, 3.5), "figure.constrained_layout.use": True, "font.size": 10, "font.family": "sans-serif",
    "svg.fonttype": "none", "svg.hashsalt": "costlib", "savefig.transparent": True,
    "text.color": INK, "axes.labelcolor": INK, "axes.edgecolor": INK, "xtick.color": INK, "ytick.color": INK,
    "axes.facecolor": "none", "figure.facecolor": "none", "axes.spines.top": False, "axes.spines.right": False,
    "axes.grid": True, "grid.color": COLORS["grid"], "grid.alpha": 0.35, "grid.linewidth": 0.6, "axes.axisbelow": True,
    "lines.linewidth": 2.0, "lines.markersize": 6.5, "xtick.minor.size": 0, "ytick.minor.size": 0,
}  # fmt: skip


@dataclass(frozen=True)
class Line:
    """One curve: `y` over the chart's x, its direct `label`, its color's meaning; `low`, `high` draw a band."""

    label: str
    y: np.ndarray
    color: str
    dashed: bool = False
    low: np.ndarray | None = None
    high: np.ndarray | None = None


@dataclass(frozen=True)
class Track:
    """One series over time: its own `x` in years and `y`, label and color; drawn as "line", "steps" or "dots".

    `low` and `high` draw a band.
    """

    label: str
    x: np.ndarray
    y: np.ndarray
    color: str
    shape: str = "line"
    dashed: bool = False
    low: np.ndarray | None = None
    high: np.ndarray | None = None


@dataclass(frozen=True)
class Point:
    """One marked point with a label; hollow says that it cannot be had (does not fit, or is only claimed)."""

    label: str
    x: float
    y: float
    color: str
    hollow: bool = False
    offset: tuple[float, float] = field(default=(-7, 5))


@dataclass(frozen=True)
class Rule:
    """A named straight line across the chart at `at`: a limit or a crossover; `low` puts the name at the bottom."""

    label: str
    at: float
    color: str = "idle"
    vertical: bool = True
    low: bool = False


def axes_for(x_label: str, y_label: str) -> tuple[Figure, Axes]:
    """An empty chart with names of its two axes."""
    with mpl.rc_context(STYLE):
        figure = Figure()
        axes = figure.add_subplot()
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    return figure, axes


def plain_ticks(axis: Axis, span: tuple[float, float]) -> None:
    """Plain numbers on an axis; on a short logarithmic one also between the powers of ten."""
    if axis.get_scale() == "log":
        decades = np.log10(span[1] / span[0])
        axis.set_major_locator(LogLocator(subs=(1,) if decades > 2.3 else (1, 3) if decades > 1.3 else (1, 2, 5)))
        axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: _round_number(float(f"{value:.6g}"))))


def _round_number(value: float) -> str:
    """A number of an axis, without the zeros that would say how exactly it is known."""
    text = number(value)
    return text.rstrip("0").rstrip(".") if "." in text and "e" not in text else text


def note(axes: Axes, text: str, at: tuple, system: object, offset: tuple, color: str, **more: object) -> None:
    """A small text on a chart, `offset` points away from the place `at` in the coordinates `system`."""
    axes.annotate(
        text, xy=at, xycoords=system, xytext=offset, textcoords="offset points", color=COLORS[color], fontsize=9, **more
    )  # fmt: skip


def draw_rule(axes: Axes, rule: Rule) -> None:
    """A rule across a chart with its name along it."""
    draw = axes.axvline if rule.vertical else axes.axhline
    draw(rule.at, color=COLORS[rule.color], linewidth=1.2, linestyle=":")
    if not rule.vertical:
        note(axes, rule.label, (0, rule.at), ("axes fraction", "data"), (5, 3), rule.color, va="bottom")
    elif rule.low:
        note(axes, rule.label, (rule.at, 0), ("data", "axes fraction"), (5, 6), rule.color, va="bottom")
    else:
        edge = {"ha": "right", "va": "top", "rotation": 90}
        note(axes, rule.label, (rule.at, 1), ("data", "axes fraction"), (-3, -3), rule.color, **edge)


def draw_point(axes: Axes, point: Point) -> None:
    """A marked point with its name beside it."""
    color = COLORS[point.color]
    axes.plot(
        [point.x], [point.y], "o", color=color, markerfacecolor="none" if point.hollow else color, markeredgewidth=1.6
    )
    side = "right" if point.offset[0] < 0 else "left"
    note(axes, point.label, (point.x, point.y), "data", point.offset, point.color, ha=side)
