"""The book as one PDF: the bound page set on paper by Chromium, numbered, given an outline, and proofread."""

from __future__ import annotations

import io
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from costlib import binding, browser, build, chapters, files, freshness, proof
from costlib.binding import Entry
from costlib.errors import InputError

if TYPE_CHECKING:
    from playwright.sync_api import Page

TEXT_WIDTH = 605  # CSS pixels between the margins of a page, which print.css sets: 160 mm


def write(wanted: Sequence[str], output: Path) -> int:
    """Print the chapters `wanted`, or the whole book, into the file `output`. Returns the number of its pages.

    It is proofread before it replaces the PDF that was there. Raises InputError where there is no book, no Chromium, or
    anything wrong with the PDF.
    """
    with build.alone(), tempfile.TemporaryDirectory(dir=build.WORK, prefix=".print-") as scratch:
        _say("reading the built pages")
        citation = yaml.safe_load((build.ROOT / "CITATION.cff").read_text("utf-8"))
        book = chapters.read(build.ROOT / "_toc.yml", build.HTML, wanted)
        text, entries = binding.compose(book, citation, freshness.day())
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
        files.write(output, pdf)
    return len(proof.reader(pdf).pages)


def _say(text: str) -> None:
    print(f"  {text}", file=sys.stderr, flush=True)


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
        item = writer.add_outline_item(
            title=each.title, page_number=number, parent=chapter if each.level else None, fit=fit
        )
        chapter = chapter if each.level else item
    made = f"D:{day.replace('-', '')}000000Z"
    about = {"/Title": citation["title"], "/Author": binding.authors(citation), "/CreationDate": made, "/ModDate": made}
    writer.metadata = {**about, "/Producer": "costlib"}
    buffer = io.BytesIO()
    writer.write(buffer)
    return buffer.getvalue()
