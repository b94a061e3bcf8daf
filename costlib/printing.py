"""The book as one PDF: the built pages joined, set on paper by Chromium, with numbers of pages in its contents."""

from __future__ import annotations

import datetime
import io
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from bs4 import BeautifulSoup, Tag

from costlib import browser, build, chapters, freshness, proof
from costlib.chapters import Chapter, words
from costlib.errors import InputError

if TYPE_CHECKING:
    from playwright.sync_api import Page

TEXT_WIDTH = 605  # CSS pixels between the margins of a page, which print.css sets: 160 mm
SCRIPTS = ("katex.min.js", "auto-render.min.js", "katex_autorenderer.js")
SOLUTIONS = "solutions"


@dataclass(frozen=True)
class Entry:
    """A line of the contents and of the outline: a chapter (level 0) or a section (level 1), and the id it leads to."""

    level: int
    target: str
    title: str
    part: str


def write(wanted: Sequence[str], output: Path) -> int:
    """Print the chapters `wanted`, or the whole book, into the file `output`. Returns the number of its pages.

    It is proofread before it replaces the PDF that was there. Raises InputError where there is no book, no Chromium, or
    anything wrong with the PDF.
    """
    with build.alone(), tempfile.TemporaryDirectory(dir=build.WORK, prefix=".print-") as scratch:
        _say("reading the built pages")
        citation = yaml.safe_load((build.ROOT / "CITATION.cff").read_text("utf-8"))
        book = chapters.read(build.ROOT / "_toc.yml", build.HTML, wanted)
        text, entries = compose(book, citation, freshness.day())
        for each in build.HTML.iterdir():
            (Path(scratch) / each.name).symlink_to(each)
        page = Path(scratch) / "print.html"
        page.write_text(text, "utf-8")
        with browser.tab(TEXT_WIDTH, 900) as tab:
            printed = print_page(tab, page.as_uri())
        _say("adding the outline, and reading the proofs")
        pdf = _finish(printed, entries, citation, freshness.day())
        if wrong := proof.faults(pdf, book):
            raise InputError("the PDF is not published:\n" + "\n".join(f"  {each}" for each in wrong))
        beside = Path(scratch) / "book.pdf"
        beside.write_bytes(pdf)
        output.parent.mkdir(parents=True, exist_ok=True)
        os.replace(beside, output)
    return len(proof.reader(pdf).pages)


def _say(text: str) -> None:
    print(f"  {text}", file=sys.stderr, flush=True)


# --- one page of HTML -------------------------------------------------------------------------------------------------


def compose(book: Sequence[Chapter], citation: Mapping[str, Any], day: str) -> tuple[str, list[Entry]]:
    """The chapters as one page of HTML, to lie in the top folder of the built site, and what its contents list.

    `citation` says what the book is called, by whom and of which version; `day` is the date of its prices.
    """
    chapters.join(book)
    for chapter in book:
        _for_paper(chapter.article)
    solutions = "".join([_take_solutions(chapter) for chapter in book])  # first: the chapters are then without them
    parts = [(chapter.name, chapter.part, chapter.html(chapter.article)) for chapter in book]
    if solutions:
        title = "<h1>Solutions</h1>"
        parts.append((SOLUTIONS, book[-1].part, f'<article class="bd-article">{title}{solutions}</article>'))
    entries = [entry for name, part, html in parts for entry in _entries(name, part, html)]
    styles = dict.fromkeys(style for chapter in book for style in chapter.styles)
    text = "\n".join([
        '<!DOCTYPE html><html lang="en" data-theme="light" data-mode="light"><head><meta charset="utf-8">',
        f"<title>{escape(citation['title'])}</title>",
        *(f'<link rel="stylesheet" href="{style}">' for style in styles),
        f"<style>{_running_heads(entries)}</style>",
        *(f'<script defer src="_static/{script}"></script>' for script in SCRIPTS),
        '</head><body class="whole-book"><main class="bd-main"><div class="bd-content">',
        '<div class="bd-article-container">',
        _title_page(book[0].question, citation, day), _contents(entries), *(_body(*each) for each in parts),
        "</div></div></main></body></html>",
    ])  # fmt: skip
    return text, entries


def _for_paper(article: Tag) -> None:
    """Open what a reader of the site would open, and shorten the tables of data."""
    for table in article.select(".wide table"):
        _abridge(table)
    for details in article.select("details"):
        details["open"] = ""


def _abridge(rows: Tag) -> None:
    """Leave of a table of data its columns with what they mean, and its first row as an example."""
    names, values = ([words(cell) for cell in row.select("th, td")] for row in rows.select("tr")[:2])
    example = dict(zip((name.replace(" ", "_") for name in names), values, strict=True))
    columns = rows.find_next("table")
    for row in columns.select("tr"):
        name = words(row.select_one("th, td"))
        cell = "<th>a row</th>" if row.th else f"<td>{escape(example.get(name, ''))}</td>"
        row.append(BeautifulSoup(f"<table><tr>{cell}</tr></table>", "lxml").select_one("th, td"))
    rows.find_parent(class_="wide").decompose()


def _take_solutions(chapter: Chapter) -> str:
    """Take the solutions out of a chapter, link each exercise to its own, and return them under the chapter's title."""
    taken = []
    for solution in chapter.article.select("div.solution"):
        exercise = chapter.article.find(id=solution.select_one(".admonition-title a")["href"].removeprefix("#"))
        link = BeautifulSoup(f'<a class="solved" href="#{solution["id"]}">solution</a>', "lxml").a
        exercise.select_one(".admonition-title").append(link)
        taken.append(chapter.html(solution.extract()))
    heading = f'<h2 id="{chapters.anchor(SOLUTIONS, chapter.name)}">{escape(chapter.title)}</h2>'
    return heading + "".join(taken) if taken else ""


def _entries(name: str, part: str, html: str) -> list[Entry]:
    soup = BeautifulSoup(html, "lxml")
    sections = ((h.get("id") or h.parent.get("id"), words(h)) for h in soup.select("h2"))
    return [Entry(0, name, words(soup.h1), part), *(Entry(1, target, title, part) for target, title in sections)]


def _body(name: str, part: str, html: str) -> str:
    kind = f"chapter {part.lower()}".strip()
    return f'<section class="{kind}" id="{name}" style="page: {_page_name(name)}">{html}</section>'


def _page_name(name: str) -> str:
    return "chapter-" + name.replace("_", "-")


def _running_heads(entries: Sequence[Entry]) -> str:
    """A kind of page per chapter, whose head says which chapter it is."""
    quoted = ((_page_name(each.target), each.title.replace('"', r"\"")) for each in entries if each.level == 0)
    return "\n".join(f'@page {name} {{ @top-left {{ content: "{title}"; }} }}' for name, title in quoted)


def _title_page(question: str, citation: Mapping[str, Any], day: str) -> str:
    date = datetime.date.fromisoformat(day)
    code, text = citation["license"]
    return f"""<header class="title-page">
<p class="book-title">{escape(citation["title"])}</p>
<p class="book-question">{escape(question)}</p>
<p class="book-strip" aria-hidden="true">{"<span></span>" * 6}</p>
<p class="book-authors">{escape(_authors(citation))}</p>
<p>Prices up to {date.day} {date:%B %Y}<br>Version {escape(citation["version"])}</p>
<p class="book-address"><a href="{citation["repository-code"]}">{citation["repository-code"]}</a><br>
Code: {code}. Text, figures and tables: {text}.</p>
</header>"""


def _authors(citation: Mapping[str, Any]) -> str:
    return ", ".join(each["name"] for each in citation["authors"])


def _contents(entries: Sequence[Entry]) -> str:
    """The table of contents: chapters under their parts, and their sections; NUMBER fills in the pages."""
    lines, part = ['<nav class="book-contents"><h1>Contents</h1>'], ""
    for each in entries:
        if each.part != part:
            part = each.part
            lines.append(f'<p class="contents-part">{escape(part)}</p>')
        kind = ("chapter", "section")[each.level]
        lines.append(
            f'<a class="contents-{kind}" href="#{escape(each.target)}"><span>{escape(each.title)}</span>'
            f'<span class="contents-page">000</span></a>'
        )
    return "\n".join([*lines, "</nav>"])


# --- on paper ---------------------------------------------------------------------------------------------------------

LEAST_SIZE = 60  # per cent of its size to which what is too wide may shrink

FIT = r"""(least) => {
    const tooWide = e => e.scrollWidth > e.clientWidth + 1;
    const place = e => `${e.closest(".chapter").id}: ${e.textContent.trim().slice(0, 60)}`;
    const cut = [];
    for (const box of document.querySelectorAll(".chapter :is(.pst-scrollable-table-container, div.math, pre)")) {
        for (let size = 95; tooWide(box) && size >= least; size -= 5) box.style.fontSize = `${size}%`;
        if (tooWide(box)) box.classList.add("anywhere");
        if (tooWide(box)) cut.push(`wider than the page: ${place(box)}`);
    }
    const edge = document.querySelector(".chapter").getBoundingClientRect().right + 1;
    for (const e of document.querySelectorAll(".chapter :is(p, li, td, th, svg.costfig, .katex-html > .base)"))
        if (e.getBoundingClientRect().right > edge) cut.push(`wider than the page: ${place(e)}`);
    for (const e of document.querySelectorAll(".katex-error")) cut.push(`no mathematics: ${place(e)}`);
    const text = document.querySelector("main").cloneNode(true);
    text.querySelectorAll("pre, code, .katex").forEach(e => e.remove());
    for (const raw of text.textContent.match(/\\[([].{0,40}|\\(frac|text|mathrm)\b.{0,40}|.{0,40}\?\?/g) || [])
        cut.push(`not set: ${raw}`);
    return cut;
}"""
"""Sets what is wider than the page smaller, and says what even so does not fit, and what was not set at all."""

NUMBER = """(pages) => {
    for (const entry of document.querySelectorAll(".book-contents a"))
        entry.querySelector(".contents-page").textContent = pages[entry.hash.slice(1)];
}"""


def print_page(page: Page, address: str) -> bytes:
    """The page of HTML at `address` as PDF, its contents with numbers of pages. InputError if anything would be cut."""
    _say("setting the mathematics")
    page.emulate_media(media="print")
    page.goto(address, wait_until="load")
    page.evaluate("document.fonts.ready")
    if wrong := page.evaluate(FIT, LEAST_SIZE):
        raise InputError("the book cannot be printed:\n" + "\n".join(f"  {each}" for each in wrong))
    _say("finding the pages of the contents")
    page.evaluate(NUMBER, proof.places(proof.reader(_pdf(page, tagged=False))))
    _say("printing")
    return _pdf(page, tagged=True)


def _pdf(page: Page, tagged: bool) -> bytes:
    return page.pdf(prefer_css_page_size=True, print_background=True, tagged=tagged)


def _finish(pdf: bytes, entries: Sequence[Entry], citation: Mapping[str, Any], day: str) -> bytes:
    """The PDF with an outline, and with authors and a date that follow from the sources alone."""
    from pypdf import PdfWriter
    from pypdf.generic import Fit

    source = proof.reader(pdf)
    writer = PdfWriter(clone_from=source)
    writer.page_mode = "/UseOutlines"
    chapter = None
    for each in entries:
        place = source.named_destinations[f"/{each.target}"]
        fit, number = Fit.xyz(place.left, place.top), source.get_destination_page_number(place)
        item = writer.add_outline_item(each.title, number, parent=chapter if each.level else None, fit=fit)
        chapter = chapter if each.level else item
    made = f"D:{day.replace('-', '')}000000Z"
    about = {"/Title": citation["title"], "/Author": _authors(citation), "/CreationDate": made, "/ModDate": made}
    writer.metadata = {**about, "/Producer": "costlib"}
    buffer = io.BytesIO()
    writer.write(buffer)
    return buffer.getvalue()
