"""The PDF and the slides, made of the built book (see browsing for where it is): whole, linked, and nothing cut."""

import re
from fnmatch import fnmatch

import pytest
from bs4 import BeautifulSoup

from costlib import binding, browser, build, chapters, freshness, printing, proof, slides
from costlib.errors import InputError
from tests.browsing import BOOK, NO_BOOK, PAGES, needs_book
from tests.conftest import ROOT

FEW = ("index", "egress")  # chapters that are printed here; `costlib pdf` proofreads the whole book in the same way
CITATION = {
    "title": "A Book", "authors": [{"name": "Someone"}], "version": "1", "license": ["MIT", "CC-BY-4.0"],
    "repository-code": "https://example.com/book",
}  # fmt: skip


@pytest.fixture(scope="module")
def book():
    return chapters.read(ROOT / "_toc.yml", BOOK)


def composed(*names):
    read = chapters.read(ROOT / "_toc.yml", BOOK, names)
    text, entries = binding.compose(read, CITATION, "2026-01-31")
    return BeautifulSoup(text, "lxml"), entries


@pytest.fixture(scope="module")
def tab():
    try:
        with browser.tab(1280, 720) as opened:
            yield opened
    except InputError as error:
        pytest.skip(str(error))


# --- the built pages as chapters --------------------------------------------------------------------------------------


@needs_book
def test_every_page_of_the_contents_is_a_chapter_with_a_name_of_its_own(book):
    toc = (ROOT / "_toc.yml").read_text("utf-8")
    families = [f"{pattern}.html" for pattern in re.findall(r"glob: (\S+)", toc)]
    of_family = [each.page for each in book if any(fnmatch(each.page, pattern) for pattern in families)]
    assert (
        set(of_family) == {str(path.relative_to(BOOK)) for pattern in families for path in BOOK.glob(pattern)} != set()
    )
    listed = re.findall(r"(?:root|file): (\S+)", toc)
    assert [f"{name}.html" for name in listed] == [each.page for each in book if each.page not in of_family]
    assert len({each.name for each in book}) == len(book)
    assert all(each.title for each in book)


@needs_book
def test_unknown_chapters_are_told_with_those_there_are():
    with pytest.raises(InputError, match=r"no chapter rofline; the book has index, calculator, roofline"):
        chapters.read(ROOT / "_toc.yml", BOOK, ["rofline"])


def test_without_a_book_one_is_told_how_to_build_it(tmp_path):
    with pytest.raises(InputError, match="make book"):
        chapters.read(ROOT / "_toc.yml", tmp_path)


@needs_book
def test_the_style_of_paper_has_the_last_word_over_those_of_all_pages():
    page, _ = composed("roofline", "calculator")
    sheets = [each["href"] for each in page.select("head link[rel=stylesheet]")]
    assert len(sheets) > 2 and [each.endswith("/print.css") for each in sheets].index(True) == len(sheets) - 1


@needs_book
def test_links_between_chapters_stay_within_the_joined_page_and_others_lead_to_the_site():
    page, _ = composed("roofline", "equations_roofline")
    ids = [each["id"] for each in page.find_all(id=True)]
    assert len(ids) == len(set(ids))
    targets = {each["href"] for each in page.find_all("a", href=True)}
    inner = {target[1:] for target in targets if target.startswith("#")}
    assert inner <= set(ids)
    assert {each for each in inner if each.startswith("equations_roofline--def-")}
    site = re.compile(r"https://[^/]+\.github\.io/.*/serving\.html#serving")
    assert [target for target in targets if site.fullmatch(target)]
    assert [each for each in targets if not re.match(r"#|https?://|mailto:", each)] == []


# --- paper ------------------------------------------------------------------------------------------------------------


@needs_book
def test_solutions_stand_at_the_end_and_exercises_lead_to_them():
    page, entries = composed("egress")
    assert [each.title for each in entries if each.level == 0][-1] == "Solutions"
    assert not page.select("#egress .solution")
    solutions = {each["id"] for each in page.select("#solutions .solution")}
    assert {each["href"][1:] for each in page.select("#egress .exercise a.solved")} == solutions
    assert len(solutions) >= 3


@needs_book
def test_questions_show_their_answers_and_the_right_one_stands_with_the_solutions():
    page, _ = composed("egress")
    checks = page.select("#egress .check")
    assert checks and not page.select("#egress .check details")
    assert all(len(each.select(".choices > li")) >= 2 for each in checks)
    said = [each.get_text() for each in page.select("#solutions p") if each.get_text().startswith("Check yourself")]
    assert [re.match(r"Check yourself (\d+): [A-D] Right\.", each)[1] for each in said] == [
        str(number) for number in range(1, len(checks) + 1)
    ]


@needs_book
def test_tables_of_data_show_what_their_columns_mean_and_one_row():
    page, _ = composed("table_accelerators")
    tables = page.select("#table_accelerators table")
    assert tables and all(row.select("th, td") for table in tables for row in table.select("tr"))
    assert not page.select("#table_accelerators .wide")
    gpus = next(each for each in tables if each.find("code", string="gpu_name"))
    cells = {row.td.get_text(strip=True): row.select("td")[-1].get_text(strip=True) for row in gpus.select("tbody tr")}
    assert cells["gpu_name"] == "A100 SXM 40 GB"
    assert "are in the file" not in page.get_text()


@pytest.fixture(scope="module")
def printed(tmp_path_factory):
    if not PAGES:
        pytest.skip(NO_BOOK)
    output = tmp_path_factory.mktemp("print") / "few.pdf"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(build, "HTML", BOOK)
        try:
            pages = printing.write(FEW, output)
        except InputError as error:
            if "Chromium" not in str(error):
                raise
            pytest.skip(str(error))
    return output.read_bytes(), pages


def test_a_printed_chapter_has_its_title_page_contents_and_numbers_of_pages(printed):
    pdf, pages = printed
    read = proof.reader(pdf)
    assert 8 <= pages == len(read.pages) <= 40
    texts = [page.extract_text() for page in read.pages]
    assert read.metadata.title in texts[0] and freshness.day()[:4] in texts[0]
    where = proof.places(read)
    for chapter in chapters.read(ROOT / "_toc.yml", BOOK, FEW):
        assert re.search(rf"{re.escape(chapter.title)}\s*{where[chapter.name]}\b", texts[1])
    assert all(text.split("\n", 2)[1] == str(number) for number, text in enumerate(texts[2:], 3))  # head, number, text


def test_a_printed_chapter_is_set_and_does_not_depend_on_the_day(printed):
    pdf, _ = printed
    read = proof.reader(pdf)
    text = "".join(page.extract_text() for page in read.pages)
    assert "??" not in text and not re.search(r"\\(frac|mathrm|left|text)\b", text)
    assert read.metadata["/CreationDate"] == f"D:{freshness.day().replace('-', '')}000000Z"
    assert read.trailer["/Root"]["/Lang"] == "en"


@needs_book
def test_the_proof_finds_chapters_that_are_not_there_and_links_to_nowhere(printed):
    missing = chapters.read(ROOT / "_toc.yml", BOOK, ["roofline"])
    found = proof.faults(printed[0], missing)
    assert found == [f"the outline lacks {missing[0].title!r}", f"no page begins {missing[0].title!r}"]
    broken = printed[0].replace(b"/Dest /egress--", b"/Dest /EGRESS--", 1)
    assert broken != printed[0]
    assert [each for each in proof.faults(broken, []) if "leads nowhere: /EGRESS--" in each]


@needs_book
def test_without_a_browser_the_last_pdf_stays(tmp_path, monkeypatch):
    output = tmp_path / "book.pdf"
    output.write_text("the last good one")
    monkeypatch.setattr(build, "HTML", BOOK)
    monkeypatch.setenv("CHROMIUM", str(tmp_path / "nothing"))
    with pytest.raises(InputError, match=r"CHROMIUM is .*nothing, which is no program"):
        printing.write(["about"], output)
    assert output.read_text() == "the last good one"
    monkeypatch.delenv("CHROMIUM")
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path))
    with pytest.raises(InputError, match="apt install chromium"):
        printing.write(["about"], output)


@needs_book
@pytest.mark.parametrize(
    ("body", "said"),
    [
        ('<svg class="costfig" style="display: block; min-width: 3000px"></svg>', "wider than the page"),
        ('<table><tr><td style="min-width: 3000px">x</td></tr></table>', "wider than the page"),
        (r"<p>of \frac{1}{2} and</p>", "not set"),
        ("<p>see Fig. ??</p>", "not set"),
    ],
)
def test_what_would_be_cut_or_is_not_set_stops_the_print(tab, tmp_path, body, said):
    page = tmp_path / "page.html"
    page.write_text(f'<main><section class="chapter" id="one">{body}</section></main>', "utf-8")
    with pytest.raises(InputError, match=said):
        printing.print_page(tab.context.new_page(), page.as_uri())


# --- slides -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def decks(tmp_path_factory):
    if not PAGES:
        pytest.skip(NO_BOOK)
    folder = tmp_path_factory.mktemp("slides") / "slides"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(build, "HTML", BOOK)
        slides.write([], folder)
    return folder


def test_every_notebook_has_a_deck_and_the_index_lists_them(decks):
    made = {path.stem for path in decks.glob("*.html")} - {"index"}
    assert made == {path.stem for path in (ROOT / "notebooks").glob("*.ipynb")}
    assert set(re.findall(r'href="(\w+)\.html"', (decks / "index.html").read_text("utf-8"))) == made


@needs_book
def test_a_deck_says_what_its_chapter_says(decks, book):
    for chapter in (each for each in book if (decks / f"{each.name}.html").exists() and each.name != "index"):
        deck = BeautifulSoup((decks / f"{chapter.name}.html").read_text("utf-8"), "lxml")
        assert (deck.h1.get_text(), deck.select_one(".asked").get_text()) == (chapter.title, chapter.question)
        titles = [each.get_text() for each in deck.select("section > h2")]
        figures = chapter.article.select("figure:has(svg) .caption-text")
        claims = [" ".join(each.get_text().split()) for each in figures]
        assert [title for title in titles if any(claim.startswith(title) for claim in claims)] and claims
        assert len(deck.select(".drawing > svg.costfig > *")) >= len(claims)
        assert len(deck.select(".exercises > li")) == len(chapter.article.select(".exercise"))
        assert titles[-1] == "Exercises"
        assert len(deck.select(".choices")) == len(chapter.article.select(".check"))
        boxes = chapter.article.select(":is(.takeaway, .correction, .lesson, .check) > .admonition-title")
        assert {" ".join(each.get_text().split()) for each in boxes} <= set(titles)
        text = deck.select_one(".slides").get_text()
        assert not re.search(r":::|\{(numref|cite|glue|ref)|Kaplan et al", text)
        assert not deck.select(".slides a, .slides section section")
        assert deck.select("aside.notes")


WALK = """() => {
    const found = [];
    for (let place = 0; place < Reveal.getTotalSlides(); place += 1) {
        Reveal.slide(place);
        const slide = Reveal.getCurrentSlide(), drawing = slide.querySelector(".drawing svg");
        const said = `${place + 1}: ${slide.textContent.trim().slice(0, 40)}`;
        if (slide.scrollHeight > 720 || slide.scrollWidth > slide.clientWidth + 1) found.push(`cut ${said}`);
        if (drawing && drawing.getBoundingClientRect().height < 240) found.push(`small ${said}`);
        if (slide.querySelector(".katex-error")) found.push(`mathematics ${said}`);
        if (slide.querySelectorAll(".formula").length > slide.querySelectorAll(".formula .katex").length)
            found.push(`mathematics ${said}`);
    }
    return found;
}"""


def test_no_slide_is_cut_and_no_deck_asks_for_anything_outside(decks, tab):
    faults, asked = [], []
    tab.on("pageerror", lambda error: faults.append(str(error)))
    tab.on("console", lambda said: said.type == "error" and faults.append(said.text))
    tab.on("requestfailed", lambda lost: lost.failure == "net::ERR_ABORTED" or faults.append(lost.url))  # by moving on
    tab.on("request", lambda request: asked.append(request.url))
    for deck in sorted(decks.glob("*.html")):
        tab.goto(deck.as_uri())
        if deck.stem != "index":
            tab.wait_for_function("Reveal.isReady()")
            faults += [f"{deck.stem} {each}" for each in tab.evaluate(WALK)]
            tab.evaluate("document.fonts.ready.then(() => null)")
    assert not faults, "\n".join(faults)
    assert {url for url in asked if not url.startswith((decks.as_uri(), "data:"))} == set()


def test_a_deck_is_worked_by_keyboard_and_follows_the_theme(decks, tab):
    tab.emulate_media(color_scheme="dark")
    tab.goto((decks / "egress.html").as_uri())
    tab.wait_for_function("Reveal.isReady()")
    paper = "getComputedStyle(document.body).backgroundColor"
    assert tab.evaluate(paper) == "rgb(18, 18, 18)"
    tab.keyboard.press("t")
    assert tab.evaluate(paper) == "rgb(255, 255, 255)"
    tab.keyboard.press("ArrowRight")
    assert tab.evaluate("Reveal.getIndices().h") == 1
    tab.wait_for_url("**#/1")
