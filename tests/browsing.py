"""The built book in a browser, for the tests that look at pages.

The book is taken from $BOOK_HTML, or _build/html. Without a book or a browser these tests are skipped, and say why.
"""

import functools
import http.server
import os
import threading
from pathlib import Path

import pytest

from costlib import browser
from costlib.errors import InputError

ROOT = Path(__file__).resolve().parents[1]
BOOK = Path(os.environ.get("BOOK_HTML", ROOT / "_build" / "html")).resolve()
NO_BOOK = f"there is no book in {BOOK}: build it with `costlib build`, or set BOOK_HTML"

PAGES = sorted(
    path.relative_to(BOOK).as_posix()
    for path in BOOK.rglob("*.html")
    if path != BOOK / "index.html" and path.relative_to(BOOK).parts[0] not in ("_static", "_sources")
)  # index.html only leads to the first page
needs_book = pytest.mark.skipif(not PAGES, reason=NO_BOOK)


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def site():
    """The address of the built book, served on this machine."""
    handler = functools.partial(QuietHandler, directory=BOOK)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture(scope="module")
def chromium():
    """Chromium, or the reason why there is none."""
    try:
        with browser.opened() as opened:
            yield opened
    except InputError as error:
        pytest.skip(str(error))


def watched(chromium, site, **context):
    """A new tab that notes in `faults` what its scripts complain of, and what it fetches from anywhere but the book."""
    tab = chromium.new_context(**context).new_page()
    tab.faults = []
    inside = (site, "data:", "blob:")
    tab.on("console", lambda said: said.type == "error" and tab.faults.append(f"console: {said.text}"))
    tab.on("pageerror", lambda error: tab.faults.append(f"script: {error}"))
    tab.on("request", lambda asked: asked.url.startswith(inside) or tab.faults.append(f"outside: {asked.url}"))
    return tab


SET_BY_KATEX = {"exclude": [[".katex-html"]]}  # thousands of boxes in the color of the text, hidden from screen readers


def violations(tab, theme):
    """What axe finds wrong. The dark page is the light one in other colors, so there it looks at colors only."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    options = {"preload": False, "resultTypes": ["violations"]}  # preloading looks for style sheets in the wrong place
    if theme == "dark":
        options["runOnly"] = {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}
    found = axe.run(tab, context=SET_BY_KATEX, options=options).response["violations"]
    return [f"{each['id']} ({each['impact']}): {each['nodes'][0]['html'][:200]}" for each in found]
