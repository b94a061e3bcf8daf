"""The built book, page by page, in a browser: accessible, quiet, self-contained, and whole."""

import functools
import gzip
import importlib.util
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import nbformat
import pytest
from bs4 import BeautifulSoup

from costlib import chapters
from tests.browsing import BOOK, NO_BOOK, PAGES, ROOT, needs_book, violations, watched

VIEWS = [("light", 360), ("dark", 1280)]  # every page; what a theme and a width do hardly depends on one another
OTHER_VIEWS = [("dark", 360), ("light", 1280)]  # one page of each kind
KINDS = ("book/index", "book/executed/roofline", "book/executed/sources", "book/executed/data", "search")
MOST_BYTES = 500_000  # of a first visit, compressed

each_page = pytest.mark.parametrize("name", PAGES or [pytest.param("-", marks=pytest.mark.skip(reason=NO_BOOK))])


@pytest.fixture(scope="module")
def views(chromium, site):
    """One open tab for each theme and width, which notes what goes wrong in it."""
    return {
        (theme, width): watched(chromium, site, color_scheme=theme, viewport={"width": width, "height": 800})
        for theme, width in (*VIEWS, *OTHER_VIEWS)
    }


def extension(name):
    """A module of the book's own extensions."""
    spec = importlib.util.spec_from_file_location(name, ROOT / f"book/_ext/{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# --- what a page must be ----------------------------------------------------------------------------------------------

UNNAMED_PICTURES = """() => [...document.querySelectorAll("main img, main svg")]
    .filter(e => !e.closest("[aria-hidden=true], button, summary, .katex"))
    .filter(e => !(e.getAttribute("alt") || e.getAttribute("aria-label") || "").trim())
    .map(e => e.outerHTML.slice(0, 120))"""

LAID_OUT = "section, .math { content-visibility: visible !important }"  # what is out of view has no layout to judge
FETCHED = "() => performance.getEntriesByType('resource').map(each => each.name)"

RAW_MATHEMATICS = r"""() => {
    const text = document.querySelector("main").cloneNode(true);
    text.querySelectorAll("pre, code, script, .katex").forEach(e => e.remove());
    return (text.textContent.match(/\\[([].{0,40}|\\(frac|text|mathrm)\b.{0,40}/g) || []);
}"""


@functools.cache
def compressed_bytes(path):
    """What a host sends for a file: fonts and pictures are compressed already."""
    data = path.read_bytes()
    return len(data) if path.suffix in (".woff2", ".png") else len(gzip.compress(data, 6))


def weight(tab, site):
    """The bytes of a first visit to the page that the tab shows: the page, and all that it has fetched."""
    addresses = {tab.url, *tab.evaluate(FETCHED)}
    files = {BOOK / unquote(urlsplit(each).path).lstrip("/") for each in addresses if each.startswith(site)}
    return sum(map(compressed_bytes, files))


def faults_of(tab, width):
    """What is wrong with the page that the tab shows."""
    found, tab.faults[:] = [*tab.faults], []
    if tab.evaluate("document.documentElement.scrollWidth > innerWidth"):
        found.append(f"the page scrolls sideways at {width} px")
    found += [f"picture without words: {each}" for each in tab.evaluate(UNNAMED_PICTURES)]
    found += [f"mathematics not set: {each}" for each in tab.evaluate(RAW_MATHEMATICS)]
    found += [f"mathematics not understood: {each}" for each in tab.locator(".katex-error").all_text_contents()]
    if tab.locator(".math").count() > tab.locator(".math .katex").count():
        found.append("some mathematics has no typeset form")
    return found


def faults_in(views, wanted, site, name):
    """What is wrong with a page in the views that are wanted."""
    shown = {view: views[view] for view in wanted}
    for tab in shown.values():
        tab.goto(site + name)
        tab.add_style_tag(content=LAID_OUT)
        tab.evaluate("dispatchEvent(new Event('resize'))")  # the page looks at a section when it comes near: now at all
    tab.wait_for_timeout(400)  # the theme looks for boxes that scroll 300 ms after the page is there
    faults = []
    for (theme, width), tab in shown.items():
        faults += [f"{theme} {width}: {each}" for each in [*faults_of(tab, width), *violations(tab, theme)]]
        if (sent := weight(tab, site)) > MOST_BYTES:
            faults.append(f"{theme} {width}: a first visit takes {sent / 1000:.0f} kB")
    return faults


@each_page
def test_page_is_accessible_light_and_whole(name, site, views):
    faults = faults_in(views, VIEWS, site, name)
    assert not faults, "\n".join(faults)


@needs_book
@pytest.mark.parametrize("name", KINDS)
def test_one_page_of_each_kind_is_so_in_the_other_views(name, site, views):
    faults = faults_in(views, OTHER_VIEWS, site, f"{name}.html")
    assert not faults, "\n".join(faults)


@needs_book
def test_a_box_that_scrolls_is_a_tab_stop_once_it_is_in_view(chromium, site):
    phone = chromium.new_context(viewport={"width": 360, "height": 800}).new_page()
    phone.goto(f"{site}book/executed/scale_tiers.html")
    wide = phone.locator("section section .pst-scrollable-table-container:has(table)").last
    assert wide.get_attribute("tabindex") is None  # nobody has laid it out to find out
    wide.scroll_into_view_if_needed()
    phone.wait_for_function(
        "box => box.tabIndex === (box.scrollWidth > box.clientWidth ? 0 : -1)", arg=wide.element_handle()
    )
    assert phone.evaluate("box => box.scrollWidth > box.clientWidth", wide.element_handle())
    phone.close()


@needs_book
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_theme_is_there_before_scripts_are(chromium, site, theme):
    tab = chromium.new_context(color_scheme=theme).new_page()
    tab.route("**/_static/scripts/*.js*", lambda route: route.abort())
    tab.goto(f"{site}book/executed/roofline.html")
    assert tab.locator("html").get_attribute("data-theme") == theme
    tab.close()


@needs_book
def test_without_scripts_a_page_has_its_colors_and_its_mathematics(chromium, site):
    still = chromium.new_context(java_script_enabled=False).new_page()
    still.goto(f"{site}book/executed/roofline.html")
    box, formula = still.locator(".admonition").first, still.locator("div.math .katex-html").first
    assert box.evaluate("box => getComputedStyle(box).borderLeftWidth") != "0px"
    assert formula.bounding_box()["height"] > 10
    still.close()


@needs_book
def test_search_finds_a_word(site, views):
    tab = views[VIEWS[-1]]
    tab.goto(f"{site}search.html?q=token")
    tab.locator("#search-results ul.search li a").first.wait_for(timeout=10_000)
    assert not tab.faults


# --- what the files must say ------------------------------------------------------------------------------------------


class Links(HTMLParser):
    """The anchors of a page, and where its links lead."""

    def __init__(self, text):
        super().__init__()
        self.anchors, self.targets = {"", "top"}, set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.anchors |= {attributes[key] for key in ("id", "name") if attributes.get(key)}
        if tag in ("a", "link", "img", "script"):
            self.targets |= {attributes[key] for key in ("href", "src") if attributes.get(key)}


@functools.cache
def links(path):
    return Links(path.read_text("utf-8"))


def leads_nowhere(page, target):
    """Whether a link from a page to a place in this book has no such place."""
    address = urlsplit(target)
    if address.scheme or address.netloc:
        return False
    path = (page.parent / unquote(address.path)).resolve() if address.path else page
    if not path.is_file():
        return True
    return path.suffix == ".html" and unquote(address.fragment) not in links(path).anchors


@each_page
def test_links_and_anchors_resolve(name):
    broken = [target for target in links(BOOK / name).targets if leads_nowhere(BOOK / name, target)]
    assert not broken


@needs_book
def test_first_page_is_found():
    assert re.search(r'http-equiv="Refresh".*url=book/index\.html', (BOOK / "index.html").read_text("utf-8"), re.I)


HEADINGS = r"<h[1-6]>.*?</h[1-6]>"
NUMBERED = r"<(?:caption|figcaption)>(?:(?!</caption>|</figcaption>).)*?caption-number.*?</(?:caption|figcaption)>"
EQUATIONS = r'<span class="eqno">.*?</span>'


@each_page
def test_headings_figures_tables_and_equations_have_permanent_links(name):
    article = re.search(r"<article.*?</article>", (BOOK / name).read_text("utf-8"), re.S)
    named = re.findall("|".join((HEADINGS, NUMBERED, EQUATIONS)), article[0], re.S) if name != "search.html" else []
    assert named or name == "search.html"
    assert [each[:100] for each in named if 'class="headerlink"' not in each] == []


@each_page
def test_a_link_to_the_page_shows_its_title_its_words_and_a_picture(name):
    text = (BOOK / name).read_text("utf-8")
    tags = dict(re.findall(r'<meta (?:property|name)="([\w:]+)" content="([^"]*)"', text))
    if name == "search.html":
        return
    assert tags["og:title"] and tags["og:site_name"] == "What a Token Costs"
    assert len(tags["og:description"]) > 20
    assert tags["description"]
    site = tags["og:url"].removesuffix(name)
    assert site.startswith("https://") and tags["og:image"].startswith(site)
    assert (BOOK / tags["og:image"].removeprefix(site)).is_file()


@needs_book
def test_every_table_is_offered_whole():
    tables = {path.name: path.read_bytes() for path in (ROOT / "data").glob("*.csv")}
    index = BOOK / "book/executed/data.html"
    for page in (index, *index.parent.glob("table_*.html")):
        found = [(page.parent / target).resolve() for target in links(page).targets if target.endswith(".csv")]
        wanted = tables.keys() if page == index else {f"{page.stem.removeprefix('table_')}.csv"}
        assert {path.name for path in found} == wanted
        assert all(path.read_bytes() == tables[path.name] for path in found)


def downloads():
    """Pages that offer a notebook, and the notebook."""
    leads = ((BOOK / name, target) for name in PAGES for target in links(BOOK / name).targets)
    return [(page, page.parent / target) for page, target in leads if re.search(r"/_sources/.*\.ipynb$", target)]


@needs_book
def test_notebook_pages_offer_their_notebook():
    assert downloads()
    for page, notebook in downloads():
        nbformat.validate(nbformat.read(notebook, as_version=4))
        assert notebook.stem == page.stem


@needs_book
def test_launch_buttons_open_sources():
    for page, _ in downloads():
        launched = [t for t in links(page).targets if re.search(r"//(mybinder\.org|colab\.)", t)]
        sources = {re.search(r"/(notebooks/\w+\.ipynb)$", target)[1] for target in launched}
        assert sources == {f"notebooks/{page.stem}.ipynb"}
        assert (ROOT / sources.pop()).exists()


# --- the style sheet --------------------------------------------------------------------------------------------------


@each_page
def test_a_page_waits_for_one_style_sheet_and_no_script(name):
    head = (BOOK / name).read_text("utf-8").partition("</head>")[0]
    sheets = re.findall(r'<link rel="stylesheet" href="([^"]+)"', head)
    [sheet] = [Path(each).name for each in sheets]
    assert sheet in {path.name for path in (BOOK / "_static").glob("book.*.css")}
    assert not re.findall(r"<script (?![^>]*defer)[^>]*src=[^>]*>", head)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (".used{a:b}", ".used{a:b}"),
        (".unused{a:b}", ""),
        ("p.used > .unused, div .used{a:b}", "div .used{a:b}"),
        ("#unused p{a:b}", ""),
        ("a:not(.unused){a:b}", "a:not(.unused){a:b}"),
        ("@media print{.unused{a:b}}", ""),
        ("@media print{.used{a:b}.unused{a:b}}", "@media print{.used{a:b}}"),
        ("@font-face{src:url(x)}", "@font-face{src:url(x)}"),
        ("table td{a:b}", "table td{a:b}"),
    ],
)
def test_only_rules_that_can_match_stay(given, kept):
    tinycss2 = pytest.importorskip("tinycss2")
    lean_site = extension("lean_site")
    assert "".join(lean_site.used(tinycss2.parse_stylesheet(given, True, True), {"used"})) == kept


# --- mathematics ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("display", [False, True])
@pytest.mark.parametrize(
    "latex", [r"\frac{1}{2}", "a < b", r"t_{\mathrm{step}} = \max\left(x, y\right)", r"\text{<b>\&}"]
)
def test_a_formula_is_set_while_building_and_taken_back_for_print(latex, display):
    made = extension("set_math").formula(latex, display)
    soup = BeautifulSoup(made, "lxml")
    assert soup.select_one(".katex-html") and soup.math and not soup.select_one(".katex-error, b")
    back = chapters.with_latex(f"<p>{made}</p>")
    text = BeautifulSoup(back, "lxml").p.get_text()
    assert text == (rf"\[{latex}\]" if display else rf"\({latex}\)")


def test_formulas_side_by_side_stay_apart():
    set_math = extension("set_math")
    line = "".join(f"<p>{set_math.formula(latex, display)}</p>" for latex, display in [("a", False), ("b", True)])
    assert chapters.with_latex(line) == r"<p>\(a\)</p><p>\[b\]</p>"


def test_a_formula_that_katex_does_not_understand_is_told(caplog):
    set_math = extension("set_math")
    caplog.set_level("WARNING")
    set_math.LOG.logger.propagate = True
    set_math.formula(r"\frac{1", False)
    assert "not understood: \\frac{1 (KaTeX parse error" in caplog.text


# --- the colors -------------------------------------------------------------------------------------------------------

PAPERS = {"white": "#ffffff", "dark": "#121212"}


def luminance(color):
    channels = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one, other):
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("paper", PAPERS)
def test_colors_stand_out_on_either_page(paper):
    colors = re.findall(r"(--cost-\w+): (#\w{6});", (ROOT / "book/_static/custom.css").read_text("utf-8"))
    assert len(colors) == 18
    faint = {name: color for name, color in colors if contrast(color, PAPERS[paper]) < 3}
    assert not faint
