"""Charts of one row per item: bars, ranges and dots beside their names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from costlib.figures.style import COLORS, INK, STYLE, Rule, note, plain_ticks
from costlib.units import number

FAINT = {"color": COLORS["grid"], "alpha": 0.35, "linewidth": 0.6}  # a line between rows


@contextmanager
def _rows(
    names: Sequence[str], x_label: str, height: float, *, log: bool = True, room: tuple[float, float] = (0.5, 0.5)
) -> Iterator[tuple[Figure, Axes]]:
    """A chart `height` inches high to draw on: row 0 on top, each beside its name, `room` above and below the rows."""
    with mpl.rc_context({**STYLE, "figure.figsize": (5.2, height)}):
        figure = Figure()
        axes = figure.add_subplot()
        axes.set_xscale("log" if log else "linear")
        figure.supxlabel(x_label, fontsize=10)
        axes.set_yticks(range(len(names)), names)
        axes.grid(axis="y", visible=False)
        yield figure, axes
        axes.set_ylim(len(names) - 1 + room[1], -room[0])
        plain_ticks(axes.xaxis, axes.get_xlim())


def _rule_above(axes: Axes, rule: Rule | None) -> None:
    """A dotted line down the chart, named above it."""
    if rule:
        axes.axvline(rule.at, color=COLORS[rule.color], linewidth=1.2, linestyle=":")
        note(axes, rule.label, (rule.at, 1), ("data", "axes fraction"), (0, 3), rule.color, ha="center")


def _part_rows(axes: Axes, count: int) -> None:
    for between in range(1, count):
        axes.axhline(between - 0.5, **FAINT)


def dots(rows: Sequence[str], series: Mapping[str, tuple[Sequence[float], str]], x_label: str) -> Figure:
    """One row per item, one colored dot per series, its value beside it; `series` maps a name to values and color."""
    height = 1.0 + len(rows) * (0.26 if len(series) == 1 else 0.17 * len(series) + 0.08)
    with _rows(rows, x_label, height) as (figure, axes):
        step = 0.84 / len(series)
        for place, (name, (values, color)) in enumerate(series.items()):
            y = np.arange(len(rows)) - 0.42 + step * (place + 0.5)
            axes.plot(values, y, "o", color=COLORS[color], markersize=5.5)
            for value, at in zip(values, y, strict=True):
                note(axes, f"{number(value)}{name}", (value, at), "data", (6, 0), color, va="center")
        _part_rows(axes, len(rows))
        low, high = axes.get_xlim()
        axes.set_xlim(low, high * (high / low) ** 0.5)
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
    with _rows(rows, x_label, 1.0 + 0.36 * len(rows), room=(0.7, 0.6)) as (figure, axes):
        for row, ((low, middle, high), color) in enumerate(zip(spans, colors, strict=True)):
            axes.plot([low, high], [row, row], color=COLORS[color], linewidth=6, alpha=0.3, solid_capstyle="round")
            axes.plot([middle], [row], "o", color=COLORS[color], markersize=5.5)
            note(axes, number(middle), (middle, row), "data", (0, 5), color, ha="center")
        _rule_above(axes, rule)
    return figure


def waterfall(steps: Sequence[tuple[str, float]], x_label: str, color: str = "self") -> Figure:
    """Running totals as rows of bars, each from the total before it: (name of the step, total after it)."""
    with _rows([name for name, _ in steps], x_label, 1.0 + 0.36 * len(steps), log=False) as (figure, axes):
        before = 0.0
        for row, (_, total) in enumerate(steps):
            whole = row in (0, len(steps) - 1)
            start = 0.0 if whole else before
            fill = COLORS[color] if whole else COLORS["overhead"]
            axes.barh(row, total - start, left=start, height=0.62, color=fill, alpha=0.9)
            text = number(total) if whole else f"{'+' if total >= before else '−'}{number(abs(total - before))}"
            note(axes, text, (max(total, start), row), "data", (5, 0), color if whole else "overhead", va="center")
            before = total
        axes.set_xlim(0, max(total for _, total in steps) * 1.18)
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
    with _rows(rows, x_label, 1.3 + 0.5 * len(rows), log=False, room=(0.6, 0.55)) as (figure, axes):
        drawn: dict[str, object] = {}
        for row, ((low, middle, high), claim, points) in enumerate(zip(spans, claims, marks, strict=True)):
            ends = np.maximum([low, high], least)
            drawn["ours"] = axes.plot(ends, [row, row], color=COLORS["self"], linewidth=7, alpha=0.35)[0]
            axes.plot([max(middle, least)], [row], "o", color=COLORS["self"], markersize=5.5)
            note(axes, f"{middle:.0f}".replace("-", "−"), (max(high, least), row), "data", (6, 0), "self", va="center")
            if claim:
                style = {"color": COLORS["overhead"], "linewidth": 3, "marker": "|", "markersize": 9}
                drawn["the article"] = axes.plot(claim, [row - 0.28] * 2, **style)[0]
            if len(points):
                at = np.maximum(points, least)
                style = {"color": COLORS["idle"], "markersize": 5, "markerfacecolor": "none", "markeredgewidth": 1.4}
                drawn["published"] = axes.plot(at, [row + 0.28] * len(at), "D", **style)[0]
        axes.axvline(0, color=COLORS["idle"], linewidth=1.2)
        axes.set_xlim(max(axes.get_xlim()[0], least * 1.04), max(axes.get_xlim()[1], 100) * 1.02)
        axes.tick_params(axis="y", length=0)
        _part_rows(axes, len(rows))
        figure.legend(drawn.values(), drawn, loc="outside upper center", ncols=3, frameon=False, fontsize=9)
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
    with _rows(rows, x_label, 1.35 + 0.31 * len(rows), log=False) as (figure, axes):
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
            note(axes, text, (end, row), "data", (7, 0), color, va="center")
        axes.set_xlim(min(0.0, low.min()), max(ends) * 1.16)
        axes.tick_params(axis="y", length=0)
        figure.legend(loc="outside upper right", ncols=len(marks) + 1, frameon=False, fontsize=8.5, handletextpad=0.5)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0%}"))
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
    names = [name for name, _ in rows]
    with _rows(names, x_label, 1.0 + 0.235 * len(rows), room=(0.6, 0.6)) as (figure, axes):
        axes.set_xlim(low, edge * (high / low) ** 0.14)
        for row, (_, value) in enumerate(rows):
            if value is None:
                axes.axhspan(row - 0.42, row + 0.42, color=COLORS["grid"], alpha=0.14, linewidth=0)
                continue
            never = not np.isfinite(value)
            face = "none" if never else COLORS[color]
            at = edge if never else value
            axes.plot([at], [row], "o", color=COLORS[color], markerfacecolor=face, markersize=5.5)
            note(axes, "never" if never else number(value), (at, row), "data", (6, 0), color, va="center")
        _rule_above(axes, rule)
        for tick, (_, value) in zip(axes.get_yticklabels(), rows, strict=True):
            tick.set(color=COLORS["idle"] if value is None else INK, style="italic" if value is None else "normal")
        axes.tick_params(axis="y", length=0)
    plain_ticks(axes.xaxis, (low, edge))
    return figure


def tornado(rows: Sequence[tuple[str, float, float]], center: float, x_label: str, color: str) -> Figure:
    """What a result becomes with each input at its low (hollow end) and its high value (full end), around `center`.

    Infinite ends run to the edge and say never.
    """
    finite = [value for _, *ends in rows for value in ends if np.isfinite(value)] + [center]
    low, high = min(finite) / 1.15, max(finite) * 1.15
    span = high / low
    edge = high * span**0.12
    names = [name for name, *_ in rows]
    with _rows(names, x_label, 1.0 + 0.46 * len(rows), room=(0.6, 0.6)) as (figure, axes):
        axes.set_xlim(low / span**0.2, edge * span**0.2)
        for row, (_, *ends) in enumerate(rows):
            places = [value if np.isfinite(value) else edge for value in ends]
            axes.plot(places, [row, row], color=COLORS[color], linewidth=5, alpha=0.3, solid_capstyle="butt")
            for place, value, other, face in zip(places, ends, places[::-1], ("none", COLORS[color]), strict=True):
                axes.plot([place], [row], "o", color=COLORS[color], markerfacecolor=face)
                text = number(value) if np.isfinite(value) else "never"
                right = place >= other
                note(axes, text, (place, row), "data", (7 if right else -7, 0), color, va="center",
                      ha="left" if right else "right")  # fmt: skip
        axes.axvline(center, color=COLORS["idle"], linewidth=1.2, linestyle=":")
        axes.tick_params(axis="y", length=0, labelsize=8.5)
    plain_ticks(axes.xaxis, (low, edge))
    return figure


def distances(rows: Sequence[tuple], x_label: str) -> Figure:
    """How far inputs are from changing an answer: a bar around one while it stays, a dot and a word where it changes.

    Rows are (label, (least, greatest factor tried), below, above), the last two (factor, word, color's meaning); zero
    and infinity say that it does not change.
    """
    edge = max(np.max([1 / least, most]) for _, (least, most), *_ in rows)
    names = [name for name, *_ in rows]
    with _rows(names, x_label, 1.0 + 0.36 * len(rows), room=(0.6, 0.6)) as (figure, axes):
        axes.set_xlim(1 / edge**1.02, edge**1.02)
        for row, (_, (least, most), below, above) in enumerate(rows):
            ends = [below[0] or least, above[0] if np.isfinite(above[0]) else most]
            axes.plot(ends, [row, row], color=COLORS["idle"], linewidth=5, alpha=0.3, solid_capstyle="butt")
            for end, side in ((below, -1), (above, 1)):
                if end[0] and np.isfinite(end[0]):
                    _end(axes, row, *end, side, inside=side * np.log(end[0]) > 0.6 * np.log(edge))
        axes.axvline(1, color=COLORS["idle"], linewidth=1.2, linestyle=":")
        axes.tick_params(axis="y", length=0)
    return figure


def _end(axes: Axes, row: int, factor: float, word: str, color: str, side: int, *, inside: bool) -> None:
    """The end of a bar at which an answer changes, named beside it, or above it where there is no room beside it."""
    axes.plot([factor], [row], "o", color=COLORS[color], markersize=5.5)
    offset, stands = ((0, 5), "baseline") if inside else ((7 * side, 0), "center")
    aligned = "left" if (side > 0) != inside else "right"
    note(axes, f"{word} {number(factor, 2)}", (factor, row), "data", offset, color, va=stands, ha=aligned)
