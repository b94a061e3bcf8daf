"""The built book as chapters: each page's article without the site's frame, to be set again as print or as slides."""

from __future__ import annotations

import itertools
import posixpath
import re
import string
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin

import yaml
from bs4 import BeautifulSoup, Tag

from costlib.errors import InputError

HIDDEN_CODE = re.compile(r'<details class="admonition hide.*?</details>', re.DOTALL)
DRAWING = re.compile(r'<svg class="costfig".*?</svg>', re.DOTALL)

POINTERS = ("for", "aria-labelledby", "aria-describedby", "aria-controls")
"""Attributes of an element that name the ids of others."""

FORMULA = re.compile(
    r'<span class="katex(?P<display>-display)?">.*?<annotation encoding="application/x-tex">(?P<latex>.*?)</annotation>'
    r".*?<!--/katex-->",
    re.DOTALL,
)  # as the site shows it: book/_ext/set_math.py

OF_THE_SITE = ".headerlink, .copybtn, script, noscript"
"""What an article holds only for the site."""


@dataclass(frozen=True)
class Chapter:
    """A page of the book.

    `page` is its path in the site, `part` the heading it stands under (empty for the first page), `address` where it is
    published, `styles` the paths in the site of its style sheets. In the `article` each figure is an empty svg element
    that tells which of `drawings` belongs there, since parsing them takes longer than all the rest.
    """

    page: str
    part: str
    article: Tag
    drawings: tuple[str, ...]
    address: str
    styles: tuple[str, ...]

    @property
    def name(self) -> str:
        """A short name that no other chapter has."""
        return posixpath.splitext(posixpath.basename(self.page))[0]

    @property
    def title(self) -> str:
        """The heading of the page, as plain words."""
        return words(self.article.h1)

    @property
    def question(self) -> str:
        """What the chapter asks; empty if it asks nothing."""
        asked = self.article.select_one(".question p:not(.admonition-title)")
        return words(asked) if asked else ""

    def html(self, element: Tag) -> str:
        """An element of the article as HTML, with its drawings."""
        place = r'<svg class="costfig" data-drawing="(\d+)"></svg>'
        return re.sub(place, lambda found: self.drawings[int(found[1])], str(element))


@dataclass(frozen=True)
class Choice:
    """An answer to a question that checks itself, as HTML: its letter, its text, the reply, and whether it is right."""

    letter: str
    text: str
    reply: str
    right: bool


def choices(check: Tag) -> list[Choice]:
    """The answers that a question in a box of the class `check` offers."""
    return [
        Choice(
            letter, answer.select_one(".sd-summary-text").decode_contents(),
            answer.select_one(".sd-summary-content > p").decode_contents(), "right" in answer["class"],
        )
        for letter, answer in zip(string.ascii_uppercase, check.select("details.answer"), strict=False)
    ]  # fmt: skip


def words(element: Tag) -> str:
    """The text of an element on one line."""
    return " ".join(element.get_text().split())


def read(toc: Path, html: Path, wanted: Sequence[str] = ()) -> list[Chapter]:
    """The chapters of the book that was built into the folder `html`, in the order of the table of contents `toc`.

    Only those named in `wanted`, if any are. Raises InputError for a name that is unknown, and where there is no book.
    """
    pages = dict(_pages(yaml.safe_load(toc.read_text("utf-8")), html))
    names = {Path(page).stem: page for page in pages}
    if unknown := [name for name in wanted if name not in names]:
        raise InputError(f"there is no chapter {', '.join(unknown)}; the book has {', '.join(names)}")
    pages = {page: part for page, part in pages.items() if not wanted or Path(page).stem in wanted}
    if missing := [page for page in pages if not (html / page).is_file()]:
        raise InputError(f"there is no book in {html} that has {missing[0]}: make book builds it")
    return [_chapter(html, page, part) for page, part in pages.items()]


def _pages(toc: dict, html: Path) -> Iterator[tuple[str, str]]:
    yield f"{toc['root']}.html", ""
    for part in toc["parts"]:
        for each in part["chapters"]:
            yield f"{each['file']}.html", part["caption"]
            for section in each.get("sections", ()):
                for page in sorted(html.glob(f"{section.get('glob') or section['file']}.html")):
                    yield page.relative_to(html).as_posix(), part["caption"]


def _chapter(html: Path, page: str, part: str) -> Chapter:
    text = with_latex(HIDDEN_CODE.sub("", (html / page).read_text("utf-8")))
    drawings = tuple(DRAWING.findall(text))
    places = (f'<svg class="costfig" data-drawing="{place}"></svg>' for place in itertools.count())
    soup = BeautifulSoup(DRAWING.sub(lambda _: next(places), text), "lxml")
    article = soup.select_one("article.bd-article")
    for element in article.select(OF_THE_SITE):
        element.decompose()
    sheets = (link["href"] for link in soup.select("head link[rel=stylesheet]"))
    styles = tuple(_in_site(sheet.partition("?")[0], page) for sheet in sheets)
    return Chapter(page, part, article, drawings, soup.select_one('link[rel="canonical"]')["href"], styles)


def with_latex(html: str) -> str:
    """The HTML of a page with its formulas as they were written, since print and slides set them anew."""
    return FORMULA.sub(lambda found: (r"\[%s\]" if found["display"] else r"\(%s\)") % found["latex"], html)


def join(chapters: Sequence[Chapter]) -> None:
    """Make the articles fit to stand on one page at the top of the site: ids of their own, links that stay within it.

    A link to what is not among the chapters leads to the published site.
    """
    inside = {chapter.page: chapter.name for chapter in chapters}
    for chapter in chapters:
        _rename_ids(chapter)
        for link in chapter.article.find_all("a", href=True):
            link["href"] = _moved(link["href"], chapter, inside)
        for shown in chapter.article.find_all(src=True):
            shown["src"] = _in_site(shown["src"], chapter.page)


def _rename_ids(chapter: Chapter) -> None:
    """Put the chapter's name before each id; a repeated one goes. Ids in a figure carry the figure's name already."""
    seen = set()
    for element in chapter.article.find_all(id=True):
        name = element["id"]
        element["id"] = anchor(chapter.name, name)
        if name in seen:
            del element["id"]
        seen.add(name)
    for attribute in POINTERS:
        for element in chapter.article.find_all(attrs={attribute: True}):
            element[attribute] = " ".join(anchor(chapter.name, each) for each in element[attribute].split())


def anchor(name: str, fragment: str = "") -> str:
    """The id, on the joined page, of what had the id `fragment` in the chapter `name`; without it, of the chapter."""
    return f"{name}--{unquote(fragment).replace('/', '-')}" if fragment else name


def _moved(href: str, chapter: Chapter, inside: dict[str, str]) -> str:
    address, fragment = urldefrag(href)
    if "://" in address or address.startswith("mailto:"):
        return href
    page = _in_site(address, chapter.page) if address else chapter.page
    return f"#{anchor(inside[page], fragment)}" if page in inside else urljoin(chapter.address, href)


def _in_site(address: str, page: str) -> str:
    """The path in the site of what `page` refers to by a relative address."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(page), address))
