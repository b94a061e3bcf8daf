"""A deck of slides per chapter, taken from the built page: its question, goals, claims, key equations and exercises.

What becomes a slide follows from what stands in the page, in its order, so a deck says what its chapter says.
"""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

import yaml
from bs4 import Tag

from costlib import build, chapters, files, freshness
from costlib.chapters import Chapter, words

MOST_EQUATIONS = 4  # of a section: the last ones, to which the others lead
EXERCISES_PER_SLIDE = 3
TALL = 0.9  # height over width from which a figure stands beside its claim, not below it
ASSETS = (
    "vendor/katex", "vendor/reveal", "katex.min.js", "auto-render.min.js", "custom.css", "slides.css", "slides.js",
    "favicon.svg",
)  # fmt: skip
BOXES = ("lesson", "takeaway", "correction")  # boxes of a page that are a slide each
SENTENCE_END = re.compile(r"(?<=[.?!]) (?=[A-Z0-9\[])")


@dataclass
class Slide:
    """A slide: a title, what stands under it as HTML, and what the speaker has to say as HTML."""

    title: str
    body: str
    notes: list[str] = field(default_factory=list)
    kind: str = ""

    def html(self) -> str:
        """The slide as a section for reveal.js."""
        notes = f'<aside class="notes">{"".join(self.notes)}</aside>' if self.notes else ""
        return f'<section class="{self.kind}"><h2>{escape(self.title)}</h2>\n{self.body}{notes}</section>'


def write(wanted: Sequence[str], folder: Path) -> int:
    """Write a deck for each of the chapters `wanted`, or of all, and a page that lists them. Returns how many decks.

    The decks need nothing but the folder. Raises InputError where there is no book.
    """
    citation = yaml.safe_load((build.ROOT / "CITATION.cff").read_text("utf-8"))
    about = f"{citation['title']} · prices up to {freshness.day()} · version {citation['version']}"
    with build.alone(), tempfile.TemporaryDirectory(dir=build.WORK, prefix=".slides-") as scratch:
        new = Path(scratch) / "slides"
        for asset in ASSETS:
            _copy(build.HTML / "_static" / asset, new / "_static" / asset)
        print("  reading the built pages", file=sys.stderr, flush=True)
        book = [each for each in chapters.read(build.ROOT / "_toc.yml", build.HTML, wanted) if each.question]
        book = [each for each in book if each.article.select_one(".exercise")]
        for chapter in book:
            (new / f"{chapter.name}.html").write_text(deck(chapter, about), "utf-8")
        (new / "index.html").write_text(_index(book, about), "utf-8")
        files.publish(new, folder)
    return len(book)


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target)
    else:
        shutil.copy(source, target)


# --- from a page to slides --------------------------------------------------------------------------------------------


def deck(chapter: Chapter, about: str) -> str:
    """The deck of a chapter as a page of HTML; `about` stands at the foot of its first slide."""
    first = (
        f'<section class="first"><h1>{escape(chapter.title)}</h1>\n<p class="asked">{escape(chapter.question)}</p>'
        f'<p class="about">{escape(about)}</p></section>'
    )
    body = "\n".join([first, *(slide.html() for slide in slides(chapter))])
    return _page(chapter.title, f'<div class="reveal"><div class="slides">\n{body}\n</div></div>', DECK_SCRIPTS)


def slides(chapter: Chapter) -> list[Slide]:
    """The slides after the first one, in the order of the chapter; prose becomes notes of the slide that follows it."""
    made: list[Slide] = []
    section, prose, equations = chapter.title, [], []

    def tell_equations() -> None:
        if equations:
            made.append(Slide(section, "".join(equations[-MOST_EQUATIONS:]), prose.copy(), "equations"))
            equations.clear()
            prose.clear()

    for element in _parts(chapter.article):
        kinds = set(element.get("class", ()))
        if element.name in ("h2", "figure") or kinds & {*BOXES, "check"}:
            tell_equations()
        if element.name == "h2":
            section, prose = words(element), []
        elif element.name == "figure":
            made.append(_figure(chapter, element, prose.copy()))
            prose.clear()
        elif "math" in kinds:
            equations.append(_equation(element))
        elif "check" in kinds:
            made.append(_question(element))
        elif kinds & {*BOXES}:
            made.append(Slide(words(element.select_one(".admonition-title")), _content(element), prose.copy(), "box"))
            prose.clear()
        else:
            prose.append(f"<p>{_inner(element)}</p>")
    return [*made, *_exercises(chapter.article)]


def _parts(article: Tag) -> Iterator[Tag]:
    """What a deck takes of a page: headings, figures, numbered equations, boxes, and the paragraphs between them."""
    boxes = ", ".join(f".{name}" for name in (*BOXES, "check"))
    inside = ("admonition", "exercise", "solution")
    for element in article.select(f"h2, figure:has(svg), div.math:has(.eqno), {boxes}, p"):
        if element.name == "p" and (element.find_parent(["figcaption", "td", "th", "li", "dd", "details", "summary"])):
            continue
        if element.find_parent("details") or element.find_parent(class_=inside):
            continue
        yield element


def _figure(chapter: Chapter, figure: Tag, notes: list[str]) -> Slide:
    """A figure under what its caption claims; what else the caption says stands below."""
    claim, *rest = SENTENCE_END.split(words(figure.select_one(".caption-text")), maxsplit=1)
    below = f'<p class="caption">{escape(rest[0])}</p>' if rest else ""
    drawing = chapter.html(figure.svg)
    width, height = map(float, re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', drawing).groups())
    kind = "figure tall" if height > TALL * width else "figure"
    return Slide(claim.removesuffix("."), f'<div class="drawing">{drawing}</div>{below}', notes, kind)


def _equation(block: Tag) -> str:
    """A numbered equation, and the sentence after it that says what it means."""
    number = block.select_one(".eqno")
    formula = block.get_text().replace(number.get_text(), "", 1)
    after = block.find_next_sibling()
    meaning = SENTENCE_END.split(words(after), maxsplit=1)[0] if after is not None and after.name == "p" else ""
    return (
        f'<div class="equation"><div class="formula">{escape(formula)}</div><span>{words(number)}</span></div>\n'
        f'<p class="meaning">{escape(meaning)}</p>'
    )


def _question(check: Tag) -> Slide:
    """A question with its answers; which is right, and what leads to the wrong ones, is for the speaker."""
    options = chapters.choices(check)
    listed = "".join(f"<li>{_plain(each.text)}</li>" for each in options)
    asked = "".join(f"<p>{_inner(each)}</p>" for each in check.select(":scope > p:not(.admonition-title)"))
    notes = [f"<p>{each.letter}: {_plain(each.reply)}</p>" for each in options]
    return Slide(words(check.select_one(".admonition-title")), f'{asked}<ol class="choices">{listed}</ol>', notes)


def _exercises(article: Tag) -> Iterator[Slide]:
    """The exercises, some on a slide; their solutions are for the speaker."""
    found = article.select("div.exercise")
    answers = {each.select_one(".admonition-title a")["href"]: each for each in article.select("div.solution")}
    for start in range(0, len(found), EXERCISES_PER_SLIDE):
        here = found[start : start + EXERCISES_PER_SLIDE]
        items = (
            f"<li><b>{escape(words(each.select_one('.admonition-title')))}</b> {_content(each)}</li>" for each in here
        )
        solved = (answers[f"#{each['id']}"] for each in here if f"#{each['id']}" in answers)
        notes = [
            f"<p><b>{escape(words(each.select_one('.admonition-title')))}</b></p>{_content(each)}" for each in solved
        ]
        yield Slide("Exercises", f'<ul class="exercises">{"".join(items)}</ul>', notes, "exercises")


def _content(box: Tag) -> str:
    """What a box says under its title."""
    inner = [each for each in box.find_all(recursive=False) if "admonition-title" not in each.get("class", ())]
    html = "".join(f"<{each.name}>{_inner(each)}</{each.name}>" for each in inner)
    return re.sub(r"(</?)section>", r"\1div>", html)  # a section is a slide


def _inner(element: Tag) -> str:
    """The inside of an element, for a slide."""
    return _plain(element.decode_contents())


def _plain(html: str) -> str:
    """HTML without links and citations, which lead nowhere from a slide."""
    html = re.sub(r'<span class="bibtex-citation".*?</span>', "", html, flags=re.DOTALL)
    html = re.sub(r"</?a\b[^>]*>", "", html)
    return re.sub(r'\s(?:id|class)="[^"]*"', "", html).strip()


# --- pages ------------------------------------------------------------------------------------------------------------

DECK_SCRIPTS = ("katex.min.js", "auto-render.min.js", "vendor/reveal/reveal.js", "vendor/reveal/notes.js")


def _page(title: str, body: str, scripts: Sequence[str] = ()) -> str:
    styles = ("vendor/reveal/reveal.css", "vendor/katex/katex.min.css", "custom.css", "slides.css")
    return "\n".join([
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f'<title>{escape(title)}</title><link rel="icon" href="_static/favicon.svg">',
        *(f'<link rel="stylesheet" href="_static/{style}">' for style in styles),
        f"</head><body>{body}",
        *(f'<script src="_static/{script}"></script>' for script in (*scripts, "slides.js")),
        "</body></html>\n",
    ])  # fmt: skip


def _index(book: Sequence[Chapter], about: str) -> str:
    items = "\n".join(
        f'<li><a href="{each.name}.html">{escape(each.title)}</a><br>{escape(each.question)}</li>' for each in book
    )
    keys = "Arrows: next and back. Esc: overview. F: full screen. S: speaker notes. T: light or dark. ?: all keys."
    return _page(
        "Slides", f'<main class="decks"><h1>Slides</h1><p>{escape(about)}</p><p>{keys}</p>\n<ol>{items}</ol></main>'
    )
