"""Proofreading a printed book: what is wrong with a PDF that was made of chapters."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from pypdf import PageObject, PdfReader

from costlib.chapters import Chapter

Place = dict[str, int]


def reader(pdf: bytes) -> PdfReader:
    """A PDF, opened."""
    return PdfReader(io.BytesIO(pdf))


def places(read: PdfReader) -> Place:
    """The number of the page, from one, on which each named place of a PDF is."""
    found = read.named_destinations
    return {name.removeprefix("/"): read.get_destination_page_number(place) + 1 for name, place in found.items()}


def faults(pdf: bytes, book: Sequence[Chapter]) -> list[str]:
    """What is wrong with a PDF of the chapters: what it lacks, links that lead nowhere, fonts that it does not hold."""
    read = reader(pdf)
    where, headings = places(read), set(_headings(read.outline))
    found = [f"the outline lacks {each.title!r}" for each in book if each.title not in headings]
    for chapter in book:
        page = where.get(chapter.name)
        if page is None:
            found.append(f"no page begins {chapter.title!r}")
            continue
        text = _letters("".join(each.extract_text() for each in read.pages[page - 1 : page + 1]))
        missing = [each for each in (chapter.title, chapter.question) if _letters(each) not in text]
        found += [f"page {page} does not say {each!r}" for each in missing]
    for number, page in enumerate(read.pages, 1):
        found += [f"page {number}: a link leads nowhere: {each}" for each in _dead_links(page, where)]
    found += [f"the font {name} is not in the PDF" for name in _foreign_fonts(read.pages)]
    if "/StructTreeRoot" not in read.trailer["/Root"]:
        found.append("it is not tagged, so it cannot be read aloud")
    return found


def _headings(outline: Iterable[Any]) -> Iterator[str]:
    for entry in outline:
        if isinstance(entry, list):
            yield from _headings(entry)
        else:
            yield " ".join(entry.title.split())


def _letters(text: str) -> str:
    """The text without spaces, which a PDF need not hold where a line breaks, and with one kind of apostrophe."""
    return re.sub(r"\s+", "", text).replace("\N{MODIFIER LETTER APOSTROPHE}", "\N{RIGHT SINGLE QUOTATION MARK}")


def _dead_links(page: PageObject, where: Place) -> Iterator[str]:
    for note in page.get("/Annots", ()):
        link = note.get_object()
        if link.get("/Subtype") != "/Link":
            continue
        place, address = link.get("/Dest"), str(link.get("/A", {}).get("/URI", ""))
        if not (str(place).removeprefix("/") in where if place else re.match(r"https?://|mailto:", address)):
            yield str(place or address)


def _foreign_fonts(pages: Iterable[PageObject]) -> list[str]:
    """Fonts that a reader would have to have: those without a program, unless they are drawn (Type 3)."""
    fonts = {}
    for page in pages:
        for font in page["/Resources"].get("/Font", {}).values():
            fonts[font.idnum] = font.get_object()
    foreign = set()
    for font in fonts.values():
        inner = font["/DescendantFonts"][0].get_object() if "/DescendantFonts" in font else font
        held = inner.get("/FontDescriptor", {}).get_object() if "/FontDescriptor" in inner else {}
        if font["/Subtype"] != "/Type3" and not {"/FontFile", "/FontFile2", "/FontFile3"} & set(held):
            foreign.add(str(font["/BaseFont"]))
    return sorted(foreign)
