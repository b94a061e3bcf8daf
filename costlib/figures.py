"""Figures: one style, a few charts on plain arrays, and SVG that follows the page's light or dark theme.

A color means one thing in the whole book. Charts draw on arrays in quoted units and know nothing of models or tables.
"""

from __future__ import annotations

import io
import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import matplotlib as mpl
import matplotlib.dates as mdates
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

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


def _axes(x_label: str, y_label: str) -> tuple[Figure, Axes]:
    with mpl.rc_context(STYLE):
        figure = Figure()
        axes = figure.add_subplot()
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    return figure, axes


def _plain_ticks(axis: Axis, span: tuple[float, float]) -> None:
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


def lines(
    x: np.ndarray,
    curves: Sequence[Line],
    x_label: str,
    y_label: str,
    *,
    points: Sequence[Point] = (),
    rules: Sequence[Rule] = (),
    log_x: bool = True,
    log_y: bool = True,
    bottom: float | None = None,
    top: float | None = None,
) -> Figure:
    """Curves over a common x, labelled at their right ends, with marked points and named rules."""
    figure, axes = _axes(x_label, y_label)
    with mpl.rc_context(STYLE):
        axes.set_xscale("log" if log_x else "linear")
        axes.set_yscale("log" if log_y else "linear")
        for curve in curves:
            _draw(axes, x, curve)
        axes.set_xlim(x[0], x[-1])
        axes.set_ylim(bottom, top)
        for rule in rules:
            _rule(axes, rule)
        for point in points:
            _point(axes, point)
        _label_ends(axes, x, curves)
        _plain_ticks(axes.xaxis, axes.get_xlim())
        _plain_ticks(axes.yaxis, axes.get_ylim())
    return figure


def _draw(axes: Axes, x: np.ndarray, curve: Line) -> None:
    color = COLORS[curve.color]
    axes.plot(x, curve.y, color=color, linestyle="--" if curve.dashed else "-")
    if curve.low is not None:
        axes.fill_between(
            x, curve.low, curve.y if curve.high is None else curve.high, color=color, alpha=0.22, linewidth=0
        )


def _label_ends(axes: Axes, x: np.ndarray, curves: Sequence[Line]) -> None:
    """Names beside the right ends of curves, pushed apart where they would touch, or above where a curve leaves."""
    top, height = axes.get_ylim()[1], axes.bbox.height
    ends = []
    for curve in (each for each in curves if each.label):
        if curve.y[-1] <= top:
            ends.append([axes.transData.transform((x[-1], curve.y[-1]))[1] - axes.bbox.y0, curve])
        else:
            leaves = x[int(np.argmax(curve.y > top))]
            _note(axes, curve.label, (leaves, 1), ("data", "axes fraction"), (0, 4), curve.color, ha="center")
    ends.sort(key=lambda each: each[0])
    for lower, upper in itertools.pairwise(ends):
        upper[0] = max(upper[0], lower[0] + 11.5 * axes.figure.dpi / 72)
    for place, curve in ends:
        _note(axes, curve.label, (1, place / height), "axes fraction", (5, 0), curve.color, va="center")


def _note(axes: Axes, text: str, at: tuple, system: object, offset: tuple, color: str, **more: object) -> None:
    axes.annotate(
        text, xy=at, xycoords=system, xytext=offset, textcoords="offset points", color=COLORS[color], fontsize=9, **more
    )  # fmt: skip


def _rule(axes: Axes, rule: Rule) -> None:
    draw = axes.axvline if rule.vertical else axes.axhline
    draw(rule.at, color=COLORS[rule.color], linewidth=1.2, linestyle=":")
    if not rule.vertical:
        _note(axes, rule.label, (0, rule.at), ("axes fraction", "data"), (5, 3), rule.color, va="bottom")
    elif rule.low:
        _note(axes, rule.label, (rule.at, 0), ("data", "axes fraction"), (5, 6), rule.color, va="bottom")
    else:
        edge = {"ha": "right", "va": "top", "rotation": 90}
        _note(axes, rule.label, (rule.at, 1), ("data", "axes fraction"), (-3, -3), rule.color, **edge)


def _point(axes: Axes, point: Point) -> None:
    color = COLORS[point.color]
    axes.plot(
        [point.x], [point.y], "o", color=color, markerfacecolor="none" if point.hollow else color, markeredgewidth=1.6
    )
    side = "right" if point.offset[0] < 0 else "left"
    _note(axes, point.label, (point.x, point.y), "data", point.offset, point.color, ha=side)


def roofline(
    peak: float, bandwidth: float, points: Sequence[Point], x_label: str, y_label: str, *, below: bool = False
) -> Figure:
    """The roof of one GPU: `bandwidth` times intensity up to `peak`, both in the units of the labels, with points.

    `below` says that the points lie under the roof, so that the slope's name goes above it.
    """
    ridge = peak / bandwidth
    spread = [each.x for each in points] + [ridge]
    x = np.unique([*np.geomspace(min(spread) / 2.5, max(spread) * 3, 200), ridge])
    roof = np.minimum(x * bandwidth, peak)
    slope = Line("", np.where(x <= ridge, roof, np.nan), "memory")
    flat = Line("", np.where(x >= ridge, roof, np.nan), "compute")
    figure = lines(
        x, [slope, flat], x_label, y_label, points=points, bottom=roof[0] * 0.7, top=peak * 3,
        rules=[Rule(f"ridge: {number(ridge)}", ridge, low=True)],
    )  # fmt: skip
    axes = figure.axes[0]
    with mpl.rc_context(STYLE):
        if below:
            middle = float(x[0] ** 0.4 * ridge**0.6)
            _note(axes, "memory-bound", (middle, middle * bandwidth), "data", (-6, 4), "memory", ha="right")
        else:
            _note(axes, "memory-bound", (x[0] * 4, roof[0] * 4), "data", (12, -8), "memory")
        _note(axes, "compute-bound", (1, peak), ("axes fraction", "data"), (-2, 5), "compute", ha="right")
    return figure


def timelines(panels: Mapping[str, Sequence[Track]], y_label: str, rules: Sequence[Rule] = ()) -> Figure:
    """Series over time, one panel below the other on the same years, each under its name; prices on log axes."""
    with mpl.rc_context({**STYLE, "figure.figsize": (5.2, 0.7 + 1.95 * len(panels) + 0.6 * (len(panels) == 1))}):
        figure = Figure()
        every = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
        figure.supylabel(y_label, fontsize=10)
        times = np.concatenate([track.x for tracks in panels.values() for track in tracks])
        right = times.max()
        for axes, (name, tracks) in zip(every, panels.items(), strict=True):
            axes.set_yscale("log")
            axes.set_title(name, loc="left", fontsize=9.5, pad=3)
            for track in tracks:
                _track(axes, track)
            low, high = axes.get_ylim()
            axes.set_ylim(low / 1.15, high * 1.15)
            axes.set_xlim(times.min() - 0.1, right + 0.05)
            for rule in rules:
                _rule(axes, rule)
            _plain_ticks(axes.yaxis, axes.get_ylim())
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0f}"))
        figure.draw_without_rendering()
        for axes, tracks in zip(every, panels.values(), strict=True):
            late = [track for track in tracks if track.x[-1] > right - 0.12 * np.ptp(times)]
            _label_ends(axes, np.array([right]), [Line(each.label, each.y, each.color) for each in late])
            for track in (each for each in tracks if each.label and not any(each is other for other in late)):
                _label_track(axes, track)
    return figure


def _label_track(axes: Axes, track: Track) -> None:
    """The name of a track that ends early: above the middle of a line, below the start of anything else."""
    if track.shape == "line":
        rises = track.y[-1] > track.y[0]
        at, offset, side = (np.mean(track.x), np.sqrt(track.y[0] * track.y[-1])), (-5 if rises else 5, 7), rises
    else:
        at, offset, side = (track.x[0], track.y[0]), (0, -8), False
    _note(axes, track.label, at, "data", offset, track.color, va="center", ha="right" if side else "left")


def _track(axes: Axes, track: Track) -> None:
    color = COLORS[track.color]
    if track.shape == "dots":
        axes.plot(track.x, track.y, "o", color=color, markersize=4, alpha=0.75, markeredgewidth=0)
    else:
        style = "steps-post" if track.shape == "steps" else "default"
        axes.plot(track.x, track.y, color=color, drawstyle=style, linestyle="--" if track.dashed else "-")
    if track.low is not None:
        axes.fill_between(track.x, track.low, track.high, color=color, alpha=0.2, linewidth=0)


def scatter(
    groups: Mapping[str, tuple[Sequence[float], Sequence[float], str]],
    x_label: str,
    y_label: str,
    points: Sequence[Point] = (),
) -> Figure:
    """Dots on log axes, a color per group: name to (x, y, color), names above; `points` label some of them."""
    figure, axes = _axes(x_label, y_label)
    with mpl.rc_context(STYLE):
        axes.set_xscale("log")
        axes.set_yscale("log")
        for place, (name, (x, y, color)) in enumerate(groups.items()):
            axes.plot(x, y, "o", color=COLORS[color], markersize=5, alpha=0.8, markeredgewidth=0)
            _note(axes, f"● {name}", (0.02, 1.1 - 0.07 * place), "axes fraction", (0, 0), color, va="center")
        for point in points:
            side = "right" if point.offset[0] < 0 else "left"
            _note(axes, point.label, (point.x, point.y), "data", point.offset, point.color, ha=side)
        axes.margins(0.1)
        _plain_ticks(axes.xaxis, axes.get_xlim())
        _plain_ticks(axes.yaxis, axes.get_ylim())
    return figure


def dots(rows: Sequence[str], series: Mapping[str, tuple[Sequence[float], str]], x_label: str) -> Figure:
    """One row per item, one colored dot per series, its value beside it; `series` maps a name to values and color."""
    size = (5.2, 1.0 + len(rows) * (0.26 if len(series) == 1 else 0.17 * len(series) + 0.08))
    with mpl.rc_context({**STYLE, "figure.figsize": size}):
        figure = Figure()
        axes = figure.add_subplot()
        axes.set_xscale("log")
        figure.supxlabel(x_label, fontsize=10)
        step = 0.84 / len(series)
        for place, (name, (values, color)) in enumerate(series.items()):
            y = np.arange(len(rows)) - 0.42 + step * (place + 0.5)
            axes.plot(values, y, "o", color=COLORS[color], markersize=5.5)
            for value, at in zip(values, y, strict=True):
                _note(axes, f"{number(value)}{name}", (value, at), "data", (6, 0), color, va="center")
        axes.set_yticks(range(len(rows)), rows)
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.grid(axis="y", visible=False)
        for between in range(1, len(rows)):
            axes.axhline(between - 0.5, color=COLORS["grid"], alpha=0.35, linewidth=0.6)
        low, high = axes.get_xlim()
        axes.set_xlim(low, high * (high / low) ** 0.5)
        _plain_ticks(axes.xaxis, axes.get_xlim())
    return figure


def ranges(
    rows: Sequence[str],
    spans: Sequence[tuple[float, float, float]],
    colors: Sequence[str],
    x_label: str,
    rule: Rule | None = None,
) -> Figure:
    """One row per item: a bar from its low to its high value, a dot at the middle one with its number above.

    A `rule` is named above the chart.
    """
    with mpl.rc_context({**STYLE, "figure.figsize": (5.2, 1.0 + 0.36 * len(rows))}):
        figure = Figure()
        axes = figure.add_subplot()
        axes.set_xscale("log")
        figure.supxlabel(x_label, fontsize=10)
        for row, ((low, middle, high), color) in enumerate(zip(spans, colors, strict=True)):
            axes.plot([low, high], [row, row], color=COLORS[color], linewidth=6, alpha=0.3, solid_capstyle="round")
            axes.plot([middle], [row], "o", color=COLORS[color], markersize=5.5)
            _note(axes, number(middle), (middle, row), "data", (0, 5), color, ha="center")
        if rule:
            axes.axvline(rule.at, color=COLORS[rule.color], linewidth=1.2, linestyle=":")
            _note(axes, rule.label, (rule.at, 1), ("data", "axes fraction"), (0, 3), rule.color, ha="center")
        axes.set_yticks(range(len(rows)), rows)
        axes.set_ylim(len(rows) - 0.4, -0.7)
        axes.grid(axis="y", visible=False)
        _plain_ticks(axes.xaxis, axes.get_xlim())
    return figure


def waterfall(steps: Sequence[tuple[str, float]], x_label: str, color: str = "self") -> Figure:
    """Running totals as rows of bars, each from the total before it: (name of the step, total after it)."""
    with mpl.rc_context({**STYLE, "figure.figsize": (5.2, 1.0 + 0.36 * len(steps))}):
        figure = Figure()
        axes = figure.add_subplot()
        figure.supxlabel(x_label, fontsize=10)
        before = 0.0
        for row, (_, total) in enumerate(steps):
            whole = row in (0, len(steps) - 1)
            start = 0.0 if whole else before
            fill = COLORS[color] if whole else COLORS["overhead"]
            axes.barh(row, total - start, left=start, height=0.62, color=fill, alpha=0.9)
            text = number(total) if whole else f"{'+' if total >= before else '−'}{number(abs(total - before))}"
            _note(axes, text, (max(total, start), row), "data", (5, 0), color if whole else "overhead", va="center")
            before = total
        axes.set_yticks(range(len(steps)), [name for name, _ in steps])
        axes.set_ylim(len(steps) - 0.5, -0.5)
        axes.set_xlim(0, max(total for _, total in steps) * 1.18)
        axes.grid(axis="y", visible=False)
        _plain_ticks(axes.xaxis, axes.get_xlim())
    return figure


def evidence(
    rows: Sequence[str],
    spans: Sequence[tuple[float, float, float]],
    claims: Sequence[tuple[float, float] | None],
    marks: Sequence[Sequence[float]],
    x_label: str,
    least: float = -100.0,
) -> Figure:
    """One row per item, in per cent: our range with its middle, the range claimed above it, published marks below.

    What lies left of `least` is drawn at the edge.
    """
    with mpl.rc_context({**STYLE, "figure.figsize": (5.2, 1.3 + 0.5 * len(rows))}):
        figure = Figure()
        axes = figure.add_subplot()
        figure.supxlabel(x_label, fontsize=10)
        drawn: dict[str, object] = {}
        for row, ((low, middle, high), claim, points) in enumerate(zip(spans, claims, marks, strict=True)):
            ends = np.maximum([low, high], least)
            drawn["ours"] = axes.plot(ends, [row, row], color=COLORS["self"], linewidth=7, alpha=0.35)[0]
            axes.plot([max(middle, least)], [row], "o", color=COLORS["self"], markersize=5.5)
            _note(axes, f"{middle:.0f}".replace("-", "−"), (max(high, least), row), "data", (6, 0), "self", va="center")
            if claim:
                style = {"color": COLORS["overhead"], "linewidth": 3, "marker": "|", "markersize": 9}
                drawn["the article"] = axes.plot(claim, [row - 0.28] * 2, **style)[0]
            if len(points):
                at = np.maximum(points, least)
                style = {"color": COLORS["idle"], "markersize": 5, "markerfacecolor": "none", "markeredgewidth": 1.4}
                drawn["published"] = axes.plot(at, [row + 0.28] * len(at), "D", **style)[0]
        axes.axvline(0, color=COLORS["idle"], linewidth=1.2)
        axes.set_xlim(max(axes.get_xlim()[0], least * 1.04), max(axes.get_xlim()[1], 100) * 1.02)
        axes.set_yticks(range(len(rows)), rows)
        axes.set_ylim(len(rows) - 0.45, -0.6)
        axes.grid(axis="y", visible=False)
        axes.tick_params(axis="y", length=0)
        for between in range(1, len(rows)):
            axes.axhline(between - 0.5, color=COLORS["grid"], alpha=0.35, linewidth=0.6)
        figure.legend(drawn.values(), drawn, loc="outside upper center", ncols=3, frameon=False, fontsize=9)
        _plain_ticks(axes.xaxis, axes.get_xlim())
    return figure


def pairs(names: Sequence[str], values: np.ndarray, gain: str, loss: str) -> Figure:
    """A number for every pair, below the diagonal: cells in the color `gain` above zero, `loss` below, by their size.

    NaN leaves a cell empty with a cross.
    """
    count = len(names) - 1
    largest = np.nanmax(np.abs(values)) if np.isfinite(values).any() else 1.0
    with mpl.rc_context({**STYLE, "figure.figsize": (5.2, 2.0 + 0.33 * count), "axes.grid": False}):
        figure = Figure()
        axes = figure.add_subplot()
        for row, column in ((r, c) for r in range(1, count + 1) for c in range(r)):
            value = values[row, column]
            if np.isnan(value):
                axes.text(column, row, "×", ha="center", va="center", fontsize=9, color=COLORS["idle"])
                continue
            cell = mpl.patches.Rectangle((column - 0.48, row - 0.46), 0.96, 0.92, linewidth=0)
            depth = float(np.sqrt(abs(value) / largest)) if largest else 0.0
            cell.set(facecolor=COLORS[gain if value > 0 else loss], alpha=0.06 + 0.5 * depth)
            axes.add_patch(cell)
            text = f"{abs(value):.0f}"
            sign = "" if text == "0" else "+" if value > 0 else "−"
            axes.text(column, row, sign + text, ha="center", va="center", fontsize=8)
        axes.set_xticks(range(count), names[:-1], rotation=90, fontsize=8.5)
        axes.set_yticks(range(1, count + 1), names[1:], fontsize=8.5)
        axes.set_xlim(-0.5, count - 0.5)
        axes.set_ylim(count + 0.5, 0.5)
        axes.tick_params(length=0)
        for side in axes.spines.values():
            side.set_visible(False)
    return figure


def shares(x: Sequence[str], y: Sequence[str], share: np.ndarray, x_label: str, y_label: str, color: str) -> Figure:
    """Shares in 0..1 as cells, the more the fuller: one row per `y`, one column per `x`, first row on top.

    A share that is not a number leaves its cell empty.
    """
    texts = [["" if np.isnan(each) else f"{round(each, 2) + 0.0:.0%}" for each in row] for row in share]
    return _cells(x, y, np.clip(np.nan_to_num(share), 0, 1), texts, x_label, y_label, color)


def heat(x: Sequence[str], y: Sequence[str], values: np.ndarray, x_label: str, y_label: str, color: str) -> Figure:
    """Positive values as cells, the larger the fuller, on a logarithmic scale: one row per `y`, first row on top."""
    logs = np.log(values)
    depth = (logs - logs.min()) / (float(np.ptp(logs)) or 1.0)
    return _cells(x, y, depth, [[number(each, 2) for each in row] for row in values], x_label, y_label, color)


def _cells(
    x: Sequence[str], y: Sequence[str], depth: np.ndarray, texts: Sequence[Sequence[str]], x_label: str, y_label: str,
    color: str,
) -> Figure:  # fmt: skip
    """A cell for each place of `depth` (0..1, how full its color is) with its text."""
    with mpl.rc_context({**STYLE, "figure.figsize": (5.2, 1.1 + 0.42 * len(y)), "axes.grid": False}):
        figure = Figure()
        axes = figure.add_subplot()
        for row, column in np.ndindex(depth.shape):
            cell = mpl.patches.Rectangle((column - 0.48, row - 0.46), 0.96, 0.92, linewidth=0)
            cell.set(facecolor=COLORS[color], alpha=0.08 + 0.5 * float(depth[row, column]))
            axes.add_patch(cell)
            axes.text(column, row, texts[row][column], ha="center", va="center", fontsize=9)
        axes.set_xticks(range(len(x)), x)
        axes.set_yticks(range(len(y)), y)
        axes.set_xlim(-0.5, len(x) - 0.5)
        axes.set_ylim(len(y) - 0.5, -0.5)
        axes.tick_params(length=0)
        for side in axes.spines.values():
            side.set_visible(False)
        axes.set_xlabel(x_label)
        axes.set_ylabel(y_label)
    return figure


def effects(
    rows: Sequence[str],
    bars: tuple[Sequence[float], Sequence[float], Sequence[float]],
    marks: Mapping[str, tuple[Sequence[float], bool]],
    x_label: str,
    color: str,
) -> Figure:
    """One row per input, the first on top: a bar with its interval (value, low, high), and named dots beside it.

    `marks` maps a name to values and whether its dots are hollow; values are shares of one.
    """
    with mpl.rc_context({**STYLE, "figure.figsize": (5.2, 1.35 + 0.31 * len(rows))}):
        figure = Figure()
        axes = figure.add_subplot()
        y, (values, low, high) = np.arange(len(rows)), (np.asarray(each, dtype=float) for each in bars)
        axes.barh(y, values, height=0.56, color=COLORS[color], alpha=0.35, label="Shapley effect")
        axes.hlines(y, low, high, color=COLORS[color], linewidth=2)
        ends = high
        for name, (found, hollow) in marks.items():
            face = "none" if hollow else COLORS[color]
            axes.plot(found, y, "o", color=COLORS[color], markerfacecolor=face, markersize=4.5, label=name)
            ends = np.maximum(ends, found)
        for row, (end, value) in enumerate(zip(ends, values, strict=True)):
            text = f"{value:.0%}" if value >= 0.1 else f"{round(value, 3) + 0.0:.1%}"
            _note(axes, text, (end, row), "data", (7, 0), color, va="center")
        axes.set_yticks(y, rows)
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.set_xlim(min(0.0, low.min()), max(ends) * 1.16)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0%}"))
        axes.grid(axis="y", visible=False)
        axes.tick_params(axis="y", length=0)
        figure.supxlabel(x_label, fontsize=10)
        figure.legend(loc="outside upper right", ncols=len(marks) + 1, frameon=False, fontsize=8.5, handletextpad=0.5)
    return figure


def tally(
    groups: Mapping[str, tuple[Sequence[float], bool]],
    x_label: str,
    y_label: str,
    color: str,
    rules: Sequence[Rule] = (),
) -> Figure:
    """How often values occur: one dot each, piled up by value on a log axis; groups are (values, whether hollow)."""
    figure, axes = _axes(x_label, y_label)
    width, heights = 0.1, {}
    with mpl.rc_context(STYLE):
        axes.set_xscale("log")
        for place, (name, (values, hollow)) in enumerate(groups.items()):
            piles = [round(float(np.log(value)) / width) for value in values]
            heights |= {pile: heights.get(pile, 0) for pile in piles}
            y = []
            for pile in piles:
                heights[pile] += 1
                y.append(heights[pile])
            face = "none" if hollow else COLORS[color]
            axes.plot(np.exp(np.array(piles) * width), y, "o", color=COLORS[color], markerfacecolor=face, markersize=6)
            axes.plot([0.03], [0.95 - 0.075 * place], "o", color=COLORS[color], markerfacecolor=face, markersize=6,
                      transform=axes.transAxes)  # fmt: skip
            _note(axes, name, (0.03, 0.95 - 0.075 * place), "axes fraction", (7, 0), color, va="center")
        axes.set_ylim(0, max(heights.values()) * 1.15)
        low, high = (np.exp(pick(heights) * width) for pick in (min, max))
        axes.set_xlim(low / 1.3, high * 1.3)
        for rule in rules:
            _rule(axes, rule)
        _plain_ticks(axes.xaxis, axes.get_xlim())
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    return figure


def thresholds(
    groups: Mapping[str, Sequence[tuple[str, float]]], x_label: str, color: str, rule: Rule | None = None
) -> Figure:
    """Where something begins, one row per item under the name of its group; a hollow dot at the edge says never.

    Items are (name, value), infinite for never.
    """
    rows = [each for name, items in groups.items() for each in ((name, None), *items)]
    finite = [value for _, value in rows if value is not None and np.isfinite(value)]
    low, high = (min(finite) / 1.6, max(finite) * 1.6) if finite else (0.5, 2.0)
    low, high = (min(low, rule.at / 1.6), max(high, rule.at * 1.6)) if rule else (low, high)
    edge = high * (high / low) ** 0.22
    with mpl.rc_context({**STYLE, "figure.figsize": (5.2, 1.0 + 0.235 * len(rows))}):
        figure = Figure()
        axes = figure.add_subplot()
        axes.set_xscale("log")
        figure.supxlabel(x_label, fontsize=10)
        axes.set_xlim(low, edge * (high / low) ** 0.14)
        axes.set_ylim(len(rows) - 0.4, -0.6)
        for row, (_, value) in enumerate(rows):
            if value is None:
                axes.axhspan(row - 0.42, row + 0.42, color=COLORS["grid"], alpha=0.14, linewidth=0)
                continue
            never = not np.isfinite(value)
            face = "none" if never else COLORS[color]
            at = edge if never else value
            axes.plot([at], [row], "o", color=COLORS[color], markerfacecolor=face, markersize=5.5)
            _note(axes, "never" if never else number(value), (at, row), "data", (6, 0), color, va="center")
        if rule:
            axes.axvline(rule.at, color=COLORS[rule.color], linewidth=1.2, linestyle=":")
            _note(axes, rule.label, (rule.at, 1), ("data", "axes fraction"), (0, 3), rule.color, ha="center")
        axes.set_yticks(range(len(rows)), [name for name, _ in rows])
        for tick, (_, value) in zip(axes.get_yticklabels(), rows, strict=True):
            tick.set(color=COLORS["idle"] if value is None else INK, style="italic" if value is None else "normal")
        axes.grid(axis="y", visible=False)
        axes.tick_params(axis="y", length=0)
        _plain_ticks(axes.xaxis, (low, edge))
    return figure


def tornado(rows: Sequence[tuple[str, float, float]], center: float, x_label: str, color: str) -> Figure:
    """What a result becomes with each input at its low (hollow end) and its high value (full end), around `center`.

    Infinite ends run to the edge and say never.
    """
    finite = [value for _, *ends in rows for value in ends if np.isfinite(value)] + [center]
    low, high = min(finite) / 1.15, max(finite) * 1.15
    span = high / low
    edge = high * span**0.12
    with mpl.rc_context({**STYLE, "figure.figsize": (5.2, 1.0 + 0.46 * len(rows))}):
        figure = Figure()
        axes = figure.add_subplot()
        axes.set_xscale("log")
        figure.supxlabel(x_label, fontsize=10)
        axes.set_xlim(low / span**0.2, edge * span**0.2)
        axes.set_ylim(len(rows) - 0.4, -0.6)
        for row, (_, *ends) in enumerate(rows):
            places = [value if np.isfinite(value) else edge for value in ends]
            axes.plot(places, [row, row], color=COLORS[color], linewidth=5, alpha=0.3, solid_capstyle="butt")
            for place, value, other, face in zip(places, ends, places[::-1], ("none", COLORS[color]), strict=True):
                axes.plot([place], [row], "o", color=COLORS[color], markerfacecolor=face)
                text = number(value) if np.isfinite(value) else "never"
                right = place >= other
                _note(axes, text, (place, row), "data", (7 if right else -7, 0), color, va="center",
                      ha="left" if right else "right")  # fmt: skip
        axes.axvline(center, color=COLORS["idle"], linewidth=1.2, linestyle=":")
        axes.set_yticks(range(len(rows)), [name for name, *_ in rows], fontsize=8.5)
        axes.grid(axis="y", visible=False)
        axes.tick_params(axis="y", length=0)
        _plain_ticks(axes.xaxis, (low, edge))
    return figure


def distances(rows: Sequence[tuple], x_label: str) -> Figure:
    """How far inputs are from changing an answer: a bar around one while it stays, a dot and a word where it changes.

    Rows are (label, (least, greatest factor tried), below, above), the last two (factor, word, color's meaning); zero
    and infinity say that it does not change.
    """
    reach = [np.max([1 / least, most]) for _, (least, most), *_ in rows]
    edge = max(reach)
    with mpl.rc_context({**STYLE, "figure.figsize": (5.2, 1.0 + 0.36 * len(rows))}):
        figure = Figure()
        axes = figure.add_subplot()
        axes.set_xscale("log")
        figure.supxlabel(x_label, fontsize=10)
        axes.set_xlim(1 / edge**1.02, edge**1.02)
        axes.set_ylim(len(rows) - 0.4, -0.6)
        for row, (_, (least, most), below, above) in enumerate(rows):
            ends = [below[0] or least, above[0] if np.isfinite(above[0]) else most]
            axes.plot(ends, [row, row], color=COLORS["idle"], linewidth=5, alpha=0.3, solid_capstyle="butt")
            for (factor, word, color), side in ((below, -1), (above, 1)):
                if factor and np.isfinite(factor):
                    axes.plot([factor], [row], "o", color=COLORS[color], markersize=5.5)
                    inside = side * np.log(factor) > 0.6 * np.log(edge)
                    place = (
                        {"offset": (0, 5), "va": "baseline"} if inside else {"offset": (7 * side, 0), "va": "center"}
                    )
                    place["ha"] = "left" if (side > 0) != inside else "right"
                    _note(axes, f"{word} {number(factor, 2)}", (factor, row), "data", color=color, **place)
        axes.axvline(1, color=COLORS["idle"], linewidth=1.2, linestyle=":")
        axes.set_yticks(range(len(rows)), [name for name, *_ in rows])
        axes.grid(axis="y", visible=False)
        axes.tick_params(axis="y", length=0)
        _plain_ticks(axes.xaxis, axes.get_xlim())
    return figure


def over_days(
    days: np.ndarray, curves: Sequence[Line], y_label: str, *, rules: Sequence[Rule] = (), bottom: float | None = None
) -> Figure:
    """Curves over `days` (numpy dates), labelled at their right ends, on a linear axis; `rules` stand at dates."""
    x = mdates.date2num(days)
    at = [Rule(each.label, float(mdates.date2num(np.datetime64(each.at))), each.color) for each in rules]
    figure = lines(x, curves, "", y_label, rules=at, log_x=False, log_y=False, bottom=bottom)
    _date_ticks(figure.axes[0])
    return figure


def _date_ticks(axes: Axes) -> None:
    locator = mdates.AutoDateLocator(minticks=3, maxticks=7)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(mdates.ConciseDateFormatter(locator))


def stacked(days: np.ndarray, parts: Mapping[str, tuple[np.ndarray, str]], y_label: str) -> Figure:
    """Bars at `days` (numpy dates, evenly apart) of parts stacked up and down from zero, and a dot at their sum.

    `parts` maps a name to its values and its color.
    """
    with mpl.rc_context({**STYLE, "figure.figsize": (5.2, 3.9)}):
        figure = Figure()
        axes = figure.add_subplot()
        x, ends = mdates.date2num(days), np.zeros((2, len(days)))
        width = 0.8 * (x[1] - x[0]) if len(x) > 1 else 1.0
        for name, (values, color) in parts.items():
            side = (np.asarray(values) < 0).astype(int)
            start = ends[side, np.arange(len(x))]
            axes.bar(x, values, width, start, color=COLORS[color], alpha=0.85, label=name, linewidth=0)
            ends[side, np.arange(len(x))] += values
        axes.plot(x, ends.sum(axis=0), "o", color=INK, markersize=4, label="change in all")
        axes.axhline(0, color=COLORS["grid"], linewidth=0.8)
        axes.set_ylabel(y_label)
        figure.legend(loc="outside upper center", ncols=2, frameon=False, fontsize=8.5, handlelength=1)
        axes.grid(axis="x", visible=False)
        _date_ticks(axes)
        _plain_ticks(axes.yaxis, axes.get_ylim())
    return figure


def plain(text: str) -> str:
    """A name as a label that matplotlib does not read as a formula."""
    return text.replace("$", r"\$")


def svg(figure: Figure, name: str, alt: str) -> str:
    """The figure as SVG for a page: colors by meaning, text in the page's color, ids of its own, `alt` as its label."""
    buffer = io.StringIO()
    with mpl.rc_context(STYLE):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>\s*", "", text, flags=re.S)
    for prefix in (r'\bid="', r"url\(#", r'href="#'):
        text = re.sub(prefix, lambda found: f"{found[0]}{name}-", text)
    for meaning, color in COLORS.items():
        text = text.replace(color, f"var(--cost-{meaning}, {color})")
    text = text.replace(INK, "currentColor")
    text = re.sub(r'width="([\d.]+)pt" height="[\d.]+pt"', 'width="100%"', text, count=1)
    return text.replace("<svg ", f'<svg class="costfig" role="img" aria-label="{_escape(alt)}" ', 1)


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;").replace(">", "&gt;")
