"""A reader's own page: the cells of an executed notebook that are tagged ``report``, as one HTML file on its own."""

from __future__ import annotations

import html
import json
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from markdown_it import MarkdownIt

from costlib import execute, plots, usage

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; {light} }}
@media (prefers-color-scheme: dark) {{ :root {{ {dark} }} }}
body {{ font: 1rem/1.6 system-ui, sans-serif; margin: 0 auto; max-width: 44rem; padding: 1rem; }}
body {{ overflow-wrap: break-word; }}
h1, h2 {{ line-height: 1.2; }}
figure {{ margin: 1.5rem 0; }}
svg {{ display: block; height: auto; max-width: 100%; }}
table {{ border-collapse: collapse; display: block; margin: 1rem 0; max-width: 100%; overflow-x: auto; }}
th, td {{ border-bottom: 1px solid color-mix(in srgb, currentColor 25%, transparent); padding: 0.25rem 0.75rem; }}
</style>
</head>
<body>
<h1>{title}</h1>
{body}
</body>
</html>
"""


def page(cells: Iterable[Mapping[str, Any]], title: str) -> str:
    """The page of an executed notebook's `cells`. It has no scripts, and nothing of it comes from elsewhere."""
    light, dark = plots.colors()
    body = "\n".join(part for cell in cells if "report" in cell["metadata"].get("tags", ()) for part in _parts(cell))
    return _PAGE.format(title=html.escape(title), light=light, dark=dark, body=body)


def _parts(cell: Mapping[str, Any]) -> Iterable[str]:
    if cell["cell_type"] == "markdown":
        yield MarkdownIt("commonmark", {"html": False}).render("".join(cell["source"]))
    for output in cell.get("outputs", ()):
        if output["output_type"] == "display_data" and "text/html" in output["data"]:
            yield "".join(output["data"]["text/html"])


def write(log: Path, folder: Path | None = None, own_prices: Path | None = None, bill: str | None = None) -> list[Path]:
    """Write `report.html`, `costs.csv` and `requests.csv` about a usage log into `folder`, telling progress.

    Without `folder` they go into ``_build/usage``. Raises InputError for a log, prices or a bill that cannot be read.
    """
    source = log.resolve()
    folder = folder.resolve() if folder else execute.BUILD / "usage" / source.stem
    given = {"log": str(source), "own_prices": own_prices and str(own_prices.resolve()), "bill_usd": bill}
    print(f"pricing {source.name}", file=sys.stderr, flush=True)
    tables = usage.read(source, given["own_prices"]).write(folder)
    print("looking for changes, about half a minute", file=sys.stderr, flush=True)
    with tempfile.TemporaryDirectory() as scratch:
        executed = Path(scratch) / "monitoring.ipynb"
        execute.run("monitoring", {name: value for name, value in given.items() if value is not None}, executed)
        cells = json.loads(executed.read_text("utf-8"))["cells"]
    (folder / "report.html").write_text(page(cells, f"What {source.name} cost"), "utf-8")
    return [folder / "report.html", *tables]
