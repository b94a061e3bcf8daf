"""A figure as SVG that follows the light or dark theme of its page."""

from __future__ import annotations

import io
import re

import matplotlib as mpl
from matplotlib.figure import Figure

from costlib.figures.style import COLORS, INK, STYLE


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
