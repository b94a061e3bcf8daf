"""One small style sheet in place of a dozen large ones, and scripts that let the page show before they run.

The themes bring 570 kB of styles in twelve files, and 300 kB of icons, of which a page uses a tenth. A reader on a
phone waits for all of it before the first word. When all pages are written, the sheets of each page become one, without
the rules whose classes nothing in the book has, and with only those icons that are left.
"""

from __future__ import annotations

import base64
import hashlib
import io
import logging
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import tinycss2
from fontTools import subset
from fontTools.ttLib import TTFont
from sphinx.application import Sphinx

SHEET = re.compile(r'<link\b(?=[^>]*\brel="stylesheet")(?![^>]*\bmedia=)[^>]*\bhref="([^"?]+)[^"]*"[^>]*>\n?')
SCRIPT = re.compile(r'<script\b[^>]*\bsrc="([^"?]+)[^"]*"')
LOADED_LATER = ("katex.min.js",)
"""Scripts that a page loads only when a reader asks for what they do."""

NAMES = re.compile(r"[\w-]+")


def names_in_use(pages: Iterable[str], scripts: Iterable[str]) -> set[str]:
    """Every class and id that an element has, and every word of a script, since it may give it to an element."""
    attributes = (found for page in pages for found in re.findall(r'\b(?:class|id)="([^"]*)"', page))
    return {name for text in (*attributes, *scripts) for name in NAMES.findall(text)}


def absolute(sheet: Path, folder: Path) -> str:
    """A sheet with what it imports in its place, and its addresses as seen from `folder`."""
    text = sheet.read_text("utf-8").removeprefix("\ufeff")
    text = re.sub(r'@charset "[^"]*";', "", text)

    def seen_from_folder(found: re.Match) -> str:
        target = found[2].partition("?")[0]
        if target.startswith(("data:", "#", "http")):
            return found[0]
        return f"url({(sheet.parent / target).resolve().relative_to(folder.resolve()).as_posix()})"

    text = re.sub(r"""url\((["']?)([^)"']+)\1\)""", seen_from_folder, text)
    return re.sub(r'@import "([^"]+)";', lambda found: absolute(sheet.parent / found[1], folder), text)


def used(rules: list[Any], names: set[str]) -> Iterator[str]:
    """The rules of which at least one selector can match, each with only such selectors."""
    for rule in rules:
        if rule.type == "qualified-rule":
            selectors = [each for each in split(rule.prelude) if wanted(each) <= names]
            if selectors:
                yield f"{','.join(map(tinycss2.serialize, selectors)).strip()}{{{tinycss2.serialize(rule.content)}}}"
        elif rule.type == "at-rule" and rule.lower_at_keyword in ("media", "supports"):
            inner = "".join(used(tinycss2.parse_rule_list(rule.content, True, True), names))
            if inner:
                yield f"@{rule.at_keyword}{tinycss2.serialize(rule.prelude)}{{{inner}}}"
        elif rule.type == "error":
            raise ValueError(f"a style sheet has a mistake: {rule.message}")
        else:
            yield rule.serialize()


def split(prelude: list[Any]) -> list[list[Any]]:
    """The selectors of a list that commas separate."""
    parts: list[list[Any]] = [[]]
    for token in prelude:
        if token == ",":
            parts.append([])
        else:
            parts[-1].append(token)
    return parts


def wanted(selector: list[Any]) -> set[str]:
    """The classes and ids that a selector cannot do without; those within ``:not()`` and its kin it may."""
    classes = {
        token.value for dot, token in zip(selector, selector[1:], strict=False) if dot == "." and token.type == "ident"
    }
    return classes | {token.value for token in selector if token.type == "hash"}


def with_icons(css: str, folder: Path) -> str:
    """The sheet with each icon font cut to the icons that the sheet names, and put inside it."""
    icons = {int(code, 16) for code in re.findall(r"""["']\\([ef][0-9a-f]{3})["']""", css)}
    icons |= {ord(sign) for sign in re.findall(r"""["']([\ue000-\uf8ff])["']""", css)}

    def cut(found: re.Match) -> str:
        font = TTFont(folder / f"{found[1]}.woff2", recalcTimestamp=False)
        cutter = subset.Subsetter(subset.Options(layout_features=[], hinting=False))
        cutter.populate(unicodes=icons)
        cutter.subset(font)
        font.flavor = "woff"  # its compression comes with Python
        held = io.BytesIO()
        font.save(held, reorderTables=False)
        return f'src:url(data:font/woff;base64,{base64.b64encode(held.getvalue()).decode()}) format("woff")'

    return re.sub(r"src:\s*url\(([^)]*fontawesome[^)]*)\.woff2\)[^;}]*", cut, css)


def bundle(sheets: tuple[Path, ...], names: set[str], folder: Path) -> str:
    """One sheet that does what these do in a book that has these names. Returns its file name in `folder`."""
    css = "\n".join(absolute(sheet, folder) for sheet in sheets)
    css = "".join(used(tinycss2.parse_stylesheet(css, True, True), names))
    css = with_icons(css, folder)
    file = f"book.{hashlib.sha256(css.encode()).hexdigest()[:12]}.css"
    (folder / file).write_text(css, "utf-8")
    return file


def lean(site: Path) -> None:
    """Give the pages of a built site one style sheet."""
    static = site / "_static"
    texts = {path: path.read_text("utf-8") for path in site.rglob("*.html") if static not in path.parents}
    scripts = {(path.parent / src).resolve() for path, text in texts.items() for src in SCRIPT.findall(text)}
    scripts |= {static / name for name in LOADED_LATER if (static / name).exists()}
    names = names_in_use(texts.values(), (script.read_text("utf-8") for script in sorted(scripts)))
    alike: dict[tuple[Path, ...], list[Path]] = defaultdict(list)
    for path, text in texts.items():
        if sheets := tuple((path.parent / href).resolve() for href in SHEET.findall(text)):
            alike[sheets].append(path)
    for sheets, paths in alike.items():
        file = bundle(sheets, names, static)
        for path in paths:
            root = "../" * len(path.relative_to(site).parents[:-1])
            link = f'<link rel="stylesheet" href="{root}_static/{file}" />\n'
            first = SHEET.search(texts[path]).start()
            path.write_text(texts[path][:first] + link + SHEET.sub("", texts[path][first:]), "utf-8")


def lean_when_built(app: Sphinx, failure: Exception | None) -> None:
    """Make the site lean once all its pages are written."""
    if failure is None and app.builder.name == "html":
        lean(Path(app.outdir))


def setup(app: Sphinx) -> dict[str, Any]:
    """Let it run when a build is done."""
    logging.getLogger("fontTools").setLevel(logging.WARNING)  # it tells of each table of each font
    app.connect("build-finished", lean_when_built, priority=900)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
