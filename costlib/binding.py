"""The chapters bound into one page for paper: a title page, contents, running heads, and solutions at the end."""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from bs4 import BeautifulSoup, Tag

from costlib import chapters
from costlib.chapters import Chapter, words

SCRIPTS = ("katex.min.js", "auto-render.min.js", "katex_autorenderer.js")
SOLUTIONS = "solutions"
REFERENCE = "Reference"  # the part of the table of contents that is looked up, not read
SHORTENED = re.compile(r"The \w+ \d+ of (\d+) rows; all are in the file\.")  # what the site says of a long table


@dataclass(frozen=True)
class Entry:
    """A line of the contents and of the outline: a chapter (level 0) or a section (level 1), and the id it leads to."""

    level: int
    target: str
    title: str
    part: str


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
    every = [style for chapter in book for style in chapter.styles]
    styles = sorted(dict.fromkeys(every), key=lambda style: style.endswith("/print.css"))  # which has the last word
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
    """Open what a reader of the site would open, leave out what needs a script, and shorten the tables of data."""
    for shown_by_script in article.select("[hidden]"):
        shown_by_script.decompose()
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
    shown = rows.find_parent(class_="wide")
    for text in shown.find_previous_sibling("p").find_all(string=SHORTENED):
        text.replace_with(SHORTENED.sub(r"\1 rows.", text))
    shown.decompose()


def _take_solutions(chapter: Chapter) -> str:
    """Take answers and solutions out of a chapter, link each exercise to its own, and return them under its title."""
    taken = [_take_answer(check, number) for number, check in enumerate(chapter.article.select("div.check"), 1)]
    for solution in chapter.article.select("div.solution"):
        exercise = chapter.article.find(id=solution.select_one(".admonition-title a")["href"].removeprefix("#"))
        link = BeautifulSoup(f'<a class="solved" href="#{solution["id"]}">solution</a>', "lxml").a
        exercise.select_one(".admonition-title").append(link)
        taken.append(chapter.html(solution.extract()))
    heading = f'<h2 id="{chapters.anchor(SOLUTIONS, chapter.name)}">{escape(chapter.title)}</h2>'
    return heading + "".join(taken) if taken else ""


def _take_answer(check: Tag, number: int) -> str:
    """List the choices of a question in its box, which gets a number, and return which is right and why."""
    title, options = check.select_one(".admonition-title"), chapters.choices(check)
    title.append(f" {number}")
    listed = "".join(f"<li>{each.text}</li>" for each in options)
    for details in check.select("details"):
        details.decompose()
    check.append(BeautifulSoup(f'<ol class="choices">{listed}</ol>', "lxml").ol)
    said = "".join(f"<b>{each.letter}</b> {each.reply} " for each in options if each.right)
    return f"<p>{escape(words(title))}: {said}</p>"


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
<p class="book-authors">{escape(authors(citation))}</p>
<p>Prices up to {date.day} {date:%B %Y}<br>Version {escape(citation["version"])}</p>
<p class="book-address"><a href="{citation["repository-code"]}">{citation["repository-code"]}</a><br>
Code: {code}. Text, figures and tables: {text}.</p>
</header>"""


def authors(citation: Mapping[str, Any]) -> str:
    """Who wrote the book, in one line."""
    return ", ".join(each["name"] for each in citation["authors"])


def _contents(entries: Sequence[Entry]) -> str:
    """The table of contents: chapters under their parts, and their sections; `printing` fills in the pages.

    Sections of the reference are left to the outline: they are names, and would fill pages.
    """
    lines, part = ['<nav class="book-contents"><h1>Contents</h1>'], ""
    for each in (entry for entry in entries if entry.level == 0 or entry.part != REFERENCE):
        if each.part != part:
            part = each.part
            lines.append(f'<p class="contents-part">{escape(part)}</p>')
        kind = ("chapter", "section")[each.level]
        lines.append(
            f'<a class="contents-{kind}" href="#{escape(each.target)}"><span>{escape(each.title)}</span>'
            f'<span class="contents-page">000</span></a>'
        )
    return "\n".join([*lines, "</nav>"])
