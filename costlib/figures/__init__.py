"""Figures: one style, a few charts on plain arrays, and SVG that follows the page's light or dark theme.

A color means one thing in the whole book. Charts draw on arrays in quoted units and know nothing of models or tables.
"""

from costlib.figures.cells import heat, pairs, shares
from costlib.figures.curves import lines, over_days, roofline, scatter, stacked, tally, timelines
from costlib.figures.panels import panels, tables
from costlib.figures.rows import distances, dots, effects, evidence, ranges, thresholds, tornado, waterfall
from costlib.figures.style import COLORS, INK, STYLE, Line, Point, Rule, Track
from costlib.figures.vector import plain, svg

__all__ = [
    "COLORS",
    "INK",
    "STYLE",
    "Line",
    "Point",
    "Rule",
    "Track",
    "distances",
    "dots",
    "effects",
    "evidence",
    "heat",
    "lines",
    "over_days",
    "pairs",
    "panels",
    "plain",
    "ranges",
    "roofline",
    "scatter",
    "shares",
    "stacked",
    "svg",
    "tables",
    "tally",
    "thresholds",
    "timelines",
    "tornado",
    "waterfall",
]
