"""Lighthouse's scores of the built book's pages, and what a first visit to each transfers.

Run with `make quality`, or `python -m tests.quality PAGE...` for some pages (`roofline`, `index`). The book is served
compressed, as a host would serve it, on this machine alone; Lighthouse visits each page as a mid-range phone on a slow
network, or with --desktop as a desktop. Node runs it, in the version that package-lock.json pins. Scores depend on how
busy the machine is, and a disturbance can only lower them: a page below the mark is visited again, up to three times,
and its best visit counts.
What can be held fast (weight, accessibility) is in tests/test_pages.py; this is a report and no part of the tests.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

HERE = Path(__file__).resolve().parent
BOOK = Path(os.environ.get("BOOK_HTML", HERE.parents[1] / "_build" / "html")).resolve()
CATEGORIES = ("performance", "accessibility", "best-practices", "seo")
LEAST = 95  # of 100, in each category
MOST_BYTES = 500_000  # of a first visit
COMPRESSED = {".html", ".css", ".js", ".svg", ".json", ".csv", ".ipynb", ".txt", ".xml"}


@cache
def packed(path: Path, changed: int) -> bytes:
    """The file as a host sends it: compressed where that helps. `changed` is when it was written, in ns."""
    return gzip.compress(path.read_bytes(), 6, mtime=0)


class Handler(SimpleHTTPRequestHandler):
    """Serves files as the usual hosts of static sites do: compressed, and over connections that stay open."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer with the compressed file, or as the base class does for what does not compress."""
        path = Path(self.translate_path(self.path))
        if path.suffix not in COMPRESSED or not path.is_file():
            super().do_GET()
            return
        body = packed(path, path.stat().st_mtime_ns)
        self.send_response(200)
        self.send_header("Content-Type", self.guess_type(str(path)))
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "max-age=600")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder on this machine while the context lasts; gives the address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=folder)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def pages(names: list[str]) -> list[str]:
    """The pages with these names, or all of the book's own."""
    found = sorted(path.relative_to(BOOK).as_posix() for path in (BOOK / "book").rglob("*.html"))
    if not found:
        sys.exit(f"there is no book in {BOOK}: build it with `make book`")
    known = {Path(each).stem: each for each in found}
    if unknown := [name for name in names if name not in known]:
        sys.exit(f"there is no page {', '.join(unknown)}; there are {', '.join(sorted(known))}")
    return [known[name] for name in names] or found


def ready() -> None:
    """Install the pinned Lighthouse where it is missing; stop with a reason where that cannot be done."""
    if not shutil.which("node") or not shutil.which("npm"):
        sys.exit("make quality needs Node 18.20 or newer with npm (Debian, Ubuntu: sudo apt install nodejs npm)")
    if not (HERE / "node_modules" / "lighthouse").is_dir():
        print("installing Lighthouse (about half a minute)", file=sys.stderr, flush=True)
        done = subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--loglevel=error"], cwd=HERE)
        if done.returncode:
            sys.exit("npm could not install Lighthouse, for the reason above; the first time it needs a network")


def browser() -> str:
    """Where Chromium is."""
    names = ("chromium", "chromium-browser", "google-chrome")
    found = os.environ.get("CHROME_PATH") or next(filter(None, map(shutil.which, names)), None)
    return found or sys.exit("there is no Chromium: install it, or set CHROME_PATH")


Visit = tuple[list[int], int, list[str]]


def visit(address: str, program: str, more: tuple[str, ...] = ()) -> Visit:
    """Lighthouse's scores of a page, the bytes that it transfers, and the audits that are not passed."""
    command = [
        "node", "node_modules/lighthouse/cli/index.js", address, "--output=json", "--quiet",
        f"--only-categories={','.join(CATEGORIES)}", "--max-wait-for-load=60000", *more,
        "--chrome-flags=--headless=new --no-sandbox --disable-gpu --disable-quic --disable-background-networking",
    ]  # fmt: skip
    done = subprocess.run(command, cwd=HERE, env={**os.environ, "CHROME_PATH": program}, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"Lighthouse failed on {address}:\n{done.stderr}")
    report = json.loads(done.stdout)
    scores = [round(100 * (report["categories"][each]["score"] or 0)) for each in CATEGORIES]
    sent = sum(each["transferSize"] for each in report["audits"]["network-requests"]["details"]["items"])
    counted = {each["id"] for kind in CATEGORIES for each in report["categories"][kind]["auditRefs"] if each["weight"]}
    asked = {name: report["audits"][name]["score"] for name in sorted(counted)}
    return scores, sent, [name for name, score in asked.items() if score is not None and score < 0.9]


VISITS = 3  # of a page that is below the mark


def best(address: str, program: str, more: tuple[str, ...] = ()) -> Visit:
    """The best of up to three visits to a page, which end with the first that reaches the mark."""
    visits: list[Visit] = []
    while len(visits) < VISITS and not (visits and min(visits[-1][0]) >= LEAST):
        visits.append(visit(address, program, more))
    return max(visits, key=lambda each: sum(each[0]))


def main() -> None:
    """Visit the pages, print a line for each, and fail with the names of those that are below the mark."""
    asked = argparse.ArgumentParser(prog="make quality", description="Lighthouse over the built book.")
    asked.add_argument("names", nargs="*", help="pages, such as roofline; all without any")
    asked.add_argument("--desktop", action="store_true", help="visit as a desktop, not as a phone")
    options = asked.parse_args()
    chosen, more = pages(options.names), ("--preset=desktop",) if options.desktop else ()
    ready()
    program, failed = browser(), []
    print(f"{'page':24}{'perf':>6}{'a11y':>6}{'best':>6}{'seo':>6}{'kB':>7}", flush=True)
    with served(BOOK) as address:
        for page in chosen:
            scores, sent, poor = best(address + page, program, more)
            name = page.removeprefix("book/").removeprefix("executed/").removesuffix(".html")
            row = f"{name:24}{''.join(f'{score:6d}' for score in scores)}{sent / 1000:7.0f}"
            print(row, *poor, sep="  ", flush=True)
            if min(scores) < LEAST or sent > MOST_BYTES:
                failed.append(name)
    if failed:
        sys.exit(f"below {LEAST}, or over {MOST_BYTES // 1000} kB: {', '.join(failed)}")
    print(f"{len(chosen)} pages: at least {LEAST} in each category, and at most {MOST_BYTES // 1000} kB")


if __name__ == "__main__":
    main()
