"""Mathematics is set while the book is built, so that no page waits for a script to set it.

KaTeX comes with sphinxcontrib-katex, which would run it in Node; here a small JavaScript engine inside Python does.
Its scripts are copied for what sets mathematics later (the calculator's formulas, slides), and no page loads them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import quickjs
import sphinxcontrib.katex
from sphinx.application import Sphinx
from sphinx.util import logging

LOG = logging.getLogger(__name__)

END = "<!--/katex-->"
"""What stands after each formula, so that its end is found without counting tags (see costlib.chapters)."""

SET = """function set(latex, options) {
    try { return JSON.stringify({html: katex.renderToString(latex, JSON.parse(options))}); }
    catch (error) { return JSON.stringify({error: error.message}); }
}"""  # in JSON, since the engine cannot hand over a text that it has not yet joined from its parts


@cache
def engine() -> Any:
    """KaTeX, loaded once in each process."""
    context = quickjs.Context()
    context.eval((Path(sphinxcontrib.katex.SRC_DIR) / "katex.min.js").read_text("utf-8"))
    context.eval(SET)
    return context.get("set")


@cache
def formula(latex: str, display: bool) -> str:
    """HTML and MathML of a formula. One that KaTeX does not understand is a warning, and the book then not built."""
    done = json.loads(engine()(latex, json.dumps({"displayMode": display})))
    if "error" in done:
        LOG.warning("mathematics not understood: %s (%s)", latex, done["error"], type="set_math")
    return done.get("html", "") + END


def render_latex(latex: str, options: Mapping[str, Any] | None = None) -> str:
    """What sphinxcontrib-katex calls for each formula."""
    return formula(latex, bool((options or {}).get("displayMode")))


def set_while_building(app: Sphinx) -> None:
    """Take the place of Node, once the scripts are registered to be copied."""
    sphinxcontrib.katex.render_latex = render_latex
    app.config.katex_prerender = True


def load_no_scripts(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any) -> None:
    """Leave the scripts of sphinxcontrib-katex out of every page."""
    scripts = {"katex.min.js", "auto-render.min.js", "katex_autorenderer.js"}
    named = [(Path(str(script.filename)).name, script) for script in context["script_files"]]
    if missing := scripts - {name for name, _ in named}:
        LOG.warning("no %s to leave out on %s", ", ".join(sorted(missing)), pagename, type="set_math")
    context["script_files"] = [script for name, script in named if name not in scripts]


def setup(app: Sphinx) -> dict[str, Any]:
    """Set mathematics while building."""
    app.connect("builder-inited", set_while_building, priority=900)  # after sphinxcontrib-katex
    app.connect("html-page-context", load_no_scripts, priority=900)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
