"""Charts of curves: over a common x, over years, over days, and clouds of dots."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import matplotlib as mpl
import matplotlib.dates as mdates
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from costlib.figures.style import (
    COLORS,
    INK,
    STYLE,
    Line,
    Point,
    Rule,
    Track,
    axes_for,
    draw_point,
    draw_rule,
    note,
    plain_ticks,
)
from costlib.units import number


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
    figure, axes = axes_for(x_label, y_label)
    with mpl.rc_context(STYLE):
        axes.set_xscale("log" if log_x else "linear")
        axes.set_yscale("log" if log_y else "linear")
        for curve in curves:
            _draw(axes, x, curve)
        axes.set_xlim(x[0], x[-1])
        axes.set_ylim(bottom, top)
        for rule in rules:
            draw_rule(axes, rule)
        for point in points:
            draw_point(axes, point)
        label_ends(axes, x, curves)
        plain_ticks(axes.xaxis, axes.get_xlim())
        plain_ticks(axes.yaxis, axes.get_ylim())
    return figure


def _draw(axes: Axes, x: np.ndarray, curve: Line) -> None:
    color = COLORS[curve.color]
    axes.plot(x, curve.y, color=color, linestyle="--" if curve.dashed else "-")
    if curve.low is not None:
        axes.fill_between(
            x, curve.low, curve.y if curve.high is None else curve.high, color=color, alpha=0.22, linewidth=0
        )


def label_ends(axes: Axes, x: np.ndarray, curves: Sequence[Line]) -> None:
    """Names beside the right ends of curves, pushed apart where they would touch, or above where a curve leaves."""
    top, height = axes.get_ylim()[1], axes.bbox.height
    ends = []
    for curve in (each for each in curves if each.label):
        if curve.y[-1] <= top:
            ends.append([axes.transData.transform((x[-1], curve.y[-1]))[1] - axes.bbox.y0, curve])
        else:
            leaves = x[int(np.argmax(curve.y > top))]
            note(axes, curve.label, (leaves, 1), ("data", "axes fraction"), (0, 4), curve.color, ha="center")
    ends.sort(key=lambda each: each[0])
    for lower, upper in itertools.pairwise(ends):
        upper[0] = max(upper[0], lower[0] + 11.5 * axes.figure.dpi / 72)
    for place, curve in ends:
        note(axes, curve.label, (1, place / height), "axes fraction", (5, 0), curve.color, va="center")


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
            note(axes, "memory-bound", (middle, middle * bandwidth), "data", (-6, 4), "memory", ha="right")
        else:
            note(axes, "memory-bound", (x[0] * 4, roof[0] * 4), "data", (12, -8), "memory")
        note(axes, "compute-bound", (1, peak), ("axes fraction", "data"), (-2, 5), "compute", ha="right")
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
                draw_rule(axes, rule)
            plain_ticks(axes.yaxis, axes.get_ylim())
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0f}"))
        figure.draw_without_rendering()
        for axes, tracks in zip(every, panels.values(), strict=True):
            late = [track for track in tracks if track.x[-1] > right - 0.12 * np.ptp(times)]
            label_ends(axes, np.array([right]), [Line(each.label, each.y, each.color) for each in late])
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
    note(axes, track.label, at, "data", offset, track.color, va="center", ha="right" if side else "left")


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
    figure, axes = axes_for(x_label, y_label)
    with mpl.rc_context(STYLE):
        axes.set_xscale("log")
        axes.set_yscale("log")
        for place, (name, (x, y, color)) in enumerate(groups.items()):
            axes.plot(x, y, "o", color=COLORS[color], markersize=5, alpha=0.8, markeredgewidth=0)
            note(axes, f"● {name}", (0.02, 1.1 - 0.07 * place), "axes fraction", (0, 0), color, va="center")
        for point in points:
            side = "right" if point.offset[0] < 0 else "left"
            note(axes, point.label, (point.x, point.y), "data", point.offset, point.color, ha=side)
        axes.margins(0.1)
        plain_ticks(axes.xaxis, axes.get_xlim())
        plain_ticks(axes.yaxis, axes.get_ylim())
    return figure


def tally(
    groups: Mapping[str, tuple[Sequence[float], bool]],
    x_label: str,
    y_label: str,
    color: str,
    rules: Sequence[Rule] = (),
) -> Figure:
    """How often values occur: one dot each, piled up by value on a log axis; groups are (values, whether hollow)."""
    figure, axes = axes_for(x_label, y_label)
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
            note(axes, name, (0.03, 0.95 - 0.075 * place), "axes fraction", (7, 0), color, va="center")
        axes.set_ylim(0, max(heights.values()) * 1.15)
        low, high = (np.exp(pick(heights) * width) for pick in (min, max))
        axes.set_xlim(low / 1.3, high * 1.3)
        for rule in rules:
            draw_rule(axes, rule)
        plain_ticks(axes.xaxis, axes.get_xlim())
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))
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
        plain_ticks(axes.yaxis, axes.get_ylim())
    return figure
