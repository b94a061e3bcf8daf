"""Several charts below each other over the same axes, one for each result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from costlib.figures.cells import draw_cells
from costlib.figures.curves import label_ends
from costlib.figures.style import COLORS, STYLE, Line, note, plain_ticks
from costlib.units import number

HEIGHT = 2.3  # inches of a panel of lines
LONG = 6  # characters from which names of columns are written aslant
EVENLY = 20.0  # positive results that span more than this factor get a logarithmic scale


def panels(x: np.ndarray, results: Mapping[str, Sequence[Line]], x_label: str, log_x: bool) -> Figure:
    """Curves over a common x, a panel for each of `results`, by its title; a curve breaks where there is no number."""
    with mpl.rc_context({**STYLE, "figure.figsize": (5.6, 0.5 + HEIGHT * len(results))}):
        figure = Figure()
        every = figure.subplots(len(results), sharex=True, squeeze=False)[:, 0]
        for axes, (title, curves) in zip(every, results.items(), strict=True):
            axes.set_title(title, loc="left", fontsize=10)
            axes.set_xscale("log" if log_x else "linear")
            for curve in curves:
                axes.plot(x, curve.y, color=COLORS[curve.color], marker="o", markersize=3.5, clip_on=False)
            _scale(axes, np.array([curve.y for curve in curves]))
            axes.set_xlim(x[0], x[-1])
            _label(axes, x, curves)
            plain_ticks(axes.xaxis, axes.get_xlim())
            plain_ticks(axes.yaxis, axes.get_ylim())
        every[-1].set_xlabel(x_label)
    return figure


def _label(axes: Axes, x: np.ndarray, curves: Sequence[Line]) -> None:
    """Names at the right ends of curves, or at the last point of those that end before."""
    label_ends(axes, x, [curve for curve in curves if np.isfinite(curve.y[-1])])
    for curve in curves:
        known = np.flatnonzero(np.isfinite(curve.y))
        if len(known) and known[-1] < len(x) - 1:
            note(axes, curve.label, (x[known[-1]], curve.y[known[-1]]), "data", (5, 4), curve.color)


def _scale(axes: Axes, values: np.ndarray) -> None:
    """A logarithmic scale for positive values far apart; from zero up for others that are positive."""
    low, high = np.nanmin(values), np.nanmax(values)
    if low > 0 and high / low > EVENLY:
        axes.set_yscale("log")
    elif low >= 0:
        axes.set_ylim(bottom=0)


def tables(x: Sequence[str], y: Sequence[str], results: Mapping[str, np.ndarray], x_label: str, y_label: str) -> Figure:
    """Cells for each place of a grid, the larger the fuller, one panel for each of `results`; a cross: no number."""
    height = (0.55 + 0.42 * len(y)) * len(results) + 0.5
    with mpl.rc_context({**STYLE, "figure.figsize": (max(5.2, 0.62 * len(x) + 1), height), "axes.grid": False}):
        figure = Figure()
        every = figure.subplots(len(results), sharex=True, squeeze=False)[:, 0]
        for axes, (title, values) in zip(every, results.items(), strict=True):
            axes.set_title(title, loc="left", fontsize=10)
            texts = [["×" if np.isnan(each) else number(each, 2) for each in row] for row in values]
            draw_cells(axes, x, y, _depth(values), texts, "compute")
            axes.set_ylabel(y_label)
        every[-1].set_xlabel(x_label)
        if max(map(len, x)) > LONG:
            every[-1].tick_params(axis="x", rotation=60)
    return figure


def _depth(values: np.ndarray) -> np.ndarray:
    """How full each cell is, 0..1, between the least and the largest value; by their logarithms if all are positive."""
    scaled = np.log(values) if np.nanmin(values) > 0 else values
    span = np.nanmax(scaled) - np.nanmin(scaled)
    return np.nan_to_num((scaled - np.nanmin(scaled)) / (span or 1.0))
