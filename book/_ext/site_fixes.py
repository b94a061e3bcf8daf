"""Mend the pages that jupyter-book 1.x and its theme make: weight, accessibility, no third-party requests.

Every fix says why it is there. A fix that finds nothing to mend warns, and the book is built with warnings as errors,
so an upgrade that moves a fault (or cures it: then delete the fix) cannot pass unseen.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

from docutils import nodes
from myst_nb.sphinx_ import HideCodeCellNode, depart_HideCellInput
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.jinja2glue import BuiltinTemplateLoader
from sphinx.util import logging

LOG = logging.getLogger(__name__)

EXECUTED, SOURCES = "book/executed/", "notebooks/"

SCROLLS = "pst-scrollable-table-container"
"""The theme's class of a box that scrolls sideways: its script makes the box a tab stop when it is too narrow."""


@dataclass(frozen=True)
class Fix:
    """One fault in the theme's frame of a page: why it hurts, how to find it, what to put there."""

    why: str
    find: str
    put: str
    not_on: frozenset[str] = field(default_factory=frozenset)
    always: bool = True  # whether every page has the fault

    def apply(self, html: str, page: str) -> str:
        """Mend one page, and warn if the fault is not there."""
        if page in self.not_on:
            return html
        mended, count = re.subn(self.find, self.put, html)
        if not count and self.always:
            LOG.warning("nothing to mend on %s: %s", page, self.why, type="site_fixes")
        return mended


FRAME = (
    Fix(
        why="fontawesome.js is 1.5 MB that draws no icon of this book: they come from the icon font",
        find=r"\s*<script[^>]*/fontawesome\.js[^>]*></script>",
        put="",
    ),
    Fix(
        why="every page loads the whole search index to search as you type, which is switched off",
        find=r'\s*<script src="[^"]*(?:searchtools|language_data|searchindex)\.js[^"]*"></script>',
        put="",
        not_on=frozenset({"search"}),
    ),
    Fix(
        why="two scripts that no page needs at once are loaded before the style sheet that every page waits for",
        find=r'\s*<link rel="preload" as="script"[^>]*>',
        put="",
    ),
    Fix(
        why="these lines serve a switch of versions and a search as you type; they cannot wait for the script before",
        find=r"\s*<script>DOCUMENTATION_OPTIONS\.[^<]*</script>",
        put="",
    ),
    Fix(
        why="scripts in the head are loaded and run before the page shows a word",
        find=r"<script (?!defer)([^>]*\bsrc=)",
        put=r'<script defer="defer" \1',
    ),
    Fix(
        why="the title and the search button of the sidebar lie outside every landmark of the page",
        find=r'<div id="pst-primary-sidebar"',
        put='<div id="pst-primary-sidebar" role="region" aria-label="Book"',
    ),
    Fix(
        why="what opens the pages under a page of the sidebar is an arrow without a name",
        find=r'<summary>(?=<span class="toctree-toggle")',
        put='<summary aria-label="pages of this part">',
        always=False,  # a book may have no pages under pages
    ),
    Fix(
        why="until its script is there a page has the theme `auto`, which sets no colors: boxes get their borders "
        "late and move, and without scripts never",
        find=r'(<html\b[^>]*) data-theme="auto"',
        put=r'\1 data-theme="light"',
    ),
    Fix(
        why="the line that sets the theme before the first word is shown does not know what `auto` means",
        find=r'(document\.documentElement\.dataset\.theme = )localStorage\.getItem\("theme"\) \|\| "auto";',
        put=r"""\1{light: "light", dark: "dark"}[localStorage.getItem("mode")]
      || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");""",
    ),
)

SCRIPT = "_static/scripts/pydata-sphinx-theme.js"

SCRIPT_FIXES = (
    Fix(
        why="to see which boxes scroll, the theme lays out every section of a page before it can be used",
        find=r"(\w)\.tabIndex=(\1\.scrollWidth>[^}]*\?0:-1)",
        put=r"\1.checkVisibility({contentVisibilityAuto:true})&&(\1.tabIndex=\2)",
    ),
    Fix(
        why="the same: a section is looked at when it comes into view",
        find=r'(window\.addEventListener\("resize",(\w)\)),new MutationObserver',
        put=r'\1,document.addEventListener("contentvisibilityautostatechange",\2,!0),new MutationObserver',
    ),
)


class MendedTemplates(BuiltinTemplateLoader):
    """Sphinx's template engine, with the frame of each page mended."""

    def render(self, template: str, context: dict[str, Any]) -> str:
        """Render a page and apply every fix to it."""
        html = super().render(template, context)
        for fix in FRAME if "<body" in html else ():
            html = fix.apply(html, context["pagename"])
        return html


def use_mended_templates(app: Sphinx, config: Config) -> None:
    """Let the book's pages go through MendedTemplates."""
    config.template_bridge = f"{__name__}.{MendedTemplates.__name__}"


def set_site_address(app: Sphinx, config: Config) -> None:
    """Derive the published address (canonical links, social metadata) from the repository, which is named once."""
    _, owner, name = config.html_theme_options["repository_url"].rsplit("/", 2)
    config.html_baseurl = config.ogp_site_url = f"https://{owner}.github.io/{name}/"
    config.ogp_site_name = config.html_title


def drop_thebe(app: Sphinx, config: Config) -> None:
    """Disconnect sphinx-thebe.

    jupyter-book loads it always. It names a third-party script on every page and declares one constant twice, which is
    an error in the console. The book's launch buttons do its work.
    """
    if "jupyter_book" not in app.extensions:  # plain Sphinx loads only what it is told to
        return
    found = [
        listener.id
        for listeners in app.events.listeners.values()
        for listener in listeners
        if listener.handler.__module__ == "sphinx_thebe"
    ]
    for listener_id in found:
        app.disconnect(listener_id)
    styles = app.registry.css_files
    kept = [style for style in styles if style[0] != "sphinx-thebe.css"]
    if not found or len(kept) == len(styles):
        LOG.warning("sphinx-thebe is not loaded any more: drop_thebe has nothing to do", type="site_fixes")
    styles[:] = kept


def mend_script(app: Sphinx, failure: Exception | None) -> None:
    """Mend the theme's script once it is copied."""
    if failure is None and app.builder.format == "html":
        script = Path(app.outdir, SCRIPT)
        text = script.read_text("utf-8")
        for fix in SCRIPT_FIXES:
            text = fix.apply(text, SCRIPT)
        script.write_text(text, "utf-8")


def launch_sources(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any) -> None:
    """Point the launch buttons at the notebook in the repository: the executed page is not committed."""
    if not pagename.startswith(EXECUTED) or context.get("page_source_suffix") != ".ipynb":
        return
    groups = [group for group in context["header_buttons"] if group["label"] == "launch-buttons"]
    source = f"{SOURCES}{pagename.removeprefix(EXECUTED)}.ipynb"
    if not groups or not Path(app.srcdir, source).exists():
        LOG.warning("no launch button, or no %s to launch, for %s", source, pagename, type="site_fixes")
    for button in (button for group in groups for button in group["buttons"]):
        button["url"] = button["url"].replace(f"{pagename}.ipynb", source)


def lighter_icons(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any) -> None:
    """Keep GitHub's mark off the buttons: it alone costs a reader a font of 118 kB."""
    groups = [group for group in context["header_buttons"] if group["label"] == "source-buttons"]
    for button in (button for group in groups for button in (group, *group["buttons"])):
        if button["icon"] == "fab fa-github":
            button["icon"] = "fas fa-code-branch"


def mend_equations(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Let the keyboard reach a long equation."""
    if app.builder.format != "html":
        return
    for block in doctree.findall(nodes.math_block):
        block["classes"].append(SCROLLS)


def mend_outputs(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Let the keyboard reach a wide figure or table, and turn the empty headings of a pandas table into plain cells."""
    for raw in doctree.findall(nodes.raw):
        if "text_html" not in raw["classes"]:
            continue
        raw["classes"].append(SCROLLS)
        if 'class="dataframe"' in raw.astext():
            plain = raw.astext().replace('<table border="1" ', "<table ").replace("<th></th>", "<td></td>")
            raw.children = [nodes.Text(plain)]


def open_hidden_cell(translator: Any, node: HideCodeCellNode) -> None:
    """Write the toggle of hidden code with its visible words as its name, and no paragraph inside a summary."""
    shown, hidden = (escape(node[key]) for key in ("prompt_show", "prompt_hide"))
    translator.body.append(
        f'<details class="admonition hide {" ".join(node["classes"])}">\n<summary>\n'
        f'<span class="collapsed admonition-title">{shown}</span>\n'
        f'<span class="expanded admonition-title">{hidden}</span>\n</summary>\n'
    )


def open_citation(translator: Any, node: nodes.citation) -> None:
    """Open a reference as an item of its list: the role docutils gives it is deprecated, and not allowed in a list."""
    type(translator).visit_citation(translator, node)
    tag = translator.body[-1]
    translator.body[-1] = tag.replace('role="doc-biblioentry"', 'role="listitem"')
    if tag == translator.body[-1]:
        LOG.warning("docutils no longer writes a reference as doc-biblioentry: drop open_citation", type="site_fixes")


PROSE = 32
"""Characters from which a table's cell is a sentence, which the style sheet gives room beside columns of numbers."""


def open_table_cell(translator: Any, node: nodes.entry) -> None:
    """Open a table's cell: a sentence gets its class, and an empty cell of the head is no heading to be read out."""
    if len(node.astext()) >= PROSE:
        node["classes"].append("prose")
    type(translator).visit_entry(translator, node)
    if not node.astext() and translator.body[-1].startswith("<th"):
        translator.body[-1] = translator.body[-1].replace("<th", "<td", 1)
        translator.context[-1] = translator.context[-1].replace("</th", "</td")


def lend_html_visitors(app: Sphinx) -> None:
    """Give the singlehtml builder the html visitors.

    sphinx-exercise registers visitors of its own for singlehtml, and Sphinx then no longer falls back on the html ones.
    """
    handlers = app.registry.translation_handlers
    handlers["singlehtml"] = {**handlers["html"], **handlers.get("singlehtml", {})}


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the fixes."""
    app.add_node(HideCodeCellNode, override=True, html=(open_hidden_cell, depart_HideCellInput))
    app.add_node(nodes.citation, override=True, html=(open_citation, None))
    app.add_node(nodes.entry, override=True, html=(open_table_cell, None))
    for configure in (use_mended_templates, set_site_address, drop_thebe):
        app.connect("config-inited", configure)
    app.connect("builder-inited", lend_html_visitors)
    app.connect("build-finished", mend_script)
    for mend in (mend_equations, mend_outputs):
        app.connect("doctree-resolved", mend)
    for page_fix in (launch_sources, lighter_icons):
        app.connect("html-page-context", page_fix, priority=900)  # after the theme has filled the context
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
