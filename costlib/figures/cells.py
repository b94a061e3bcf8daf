"""Charts of cells: a number for every pair, or for every place of a grid."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from costlib.figures.style import COLORS, STYLE
from costlib.units import number


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
        draw_cells(axes, x, y, depth, texts, color)
        axes.set_xlabel(x_label)
        axes.set_ylabel(y_label)
    return figure


def draw_cells(
    axes: Axes, x: Sequence[str], y: Sequence[str], depth: np.ndarray, texts: Sequence[Sequence[str]], color: str
) -> None:
    """Draw a cell for each place of `depth` with its text, named along both axes, the first row on top."""
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
