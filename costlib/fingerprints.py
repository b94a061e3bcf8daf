"""What a result rests on, as hashes: only what changed is made again, and the reason can be told.

Only the standard library is used, so that a build with nothing to do ends before anything large is loaded.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import json
import os
import platform
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
SETTINGS = ("_config.yml", "requirements.lock", "data/datapackage.yaml")  # what every notebook rests on
FACTS = ("data", "book/references.bib", "costlib")  # what the check of the data rests on
SOURCES = (*SETTINGS, *FACTS, "_toc.yml", "notebooks", "book")  # what the whole book rests on
QUOTES = "COSTLIB_PRICES"  # the variable of the environment that names a file of the reader's own quotes
GENERATED = {"executed", "__pycache__", ".ipynb_checkpoints"}

Inputs = dict[str, str]  # what a result rests on: its hash


def of_file(path: Path) -> str:
    """The hash of a file's bytes; empty where there is no such file."""
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


def of_value(value: Any) -> str:
    """The hash of a value that JSON can hold."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()


def tables() -> Inputs:
    """The hashes of all tables of facts."""
    return {f"data/{path.name}": of_file(path) for path in sorted((ROOT / "data").glob("*.csv"))}


def quotes() -> Inputs:
    """The hash of the reader's own quotes and of the name of their file; empty where there are none."""
    path = Path(os.environ.get(QUOTES) or "")
    return {"quotes of your own": of_value([path.name, of_file(path)]) if path.name else ""}


def notebook(name: str, given: Mapping[str, Any]) -> Inputs:
    """What the notebook `name` with the parameters `given` rests on, all tables included."""
    path = ROOT / "notebooks" / f"{name}.ipynb"
    cells = json.loads(path.read_text("utf-8"))["cells"]
    source = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    code = {module: of_file(ROOT / module) for module in sorted(_reached(source))}
    settings = {each: of_file(ROOT / each) for each in SETTINGS}
    own = {f"notebooks/{name}.ipynb": of_file(path), "its parameters": of_value(dict(given))}
    return {**own, **code, **settings, **tables(), **quotes(), "Python": platform.python_version()}


def sources() -> Inputs:
    """The hashes of all that the book is made of, the reader's own quotes included."""
    return {**_of_all(SOURCES), **quotes()}


def facts() -> Inputs:
    """The hashes of all that the check of the data looks at, and of the code that checks."""
    return _of_all(FACTS)


def _of_all(places: Iterable[str]) -> Inputs:
    found = {}
    for place in places:
        for path in [ROOT / place] if (ROOT / place).is_file() else (ROOT / place).rglob("*"):
            if path.is_file() and not GENERATED & set(path.relative_to(ROOT).parts):
                found[path.relative_to(ROOT).as_posix()] = of_file(path)
    return {**dict(sorted(found.items())), "Python": platform.python_version()}


def changed(before: Inputs, now: Inputs) -> list[str]:
    """What of `before` is not the same `now`; what came only now does not count, since nothing rested on it."""
    return [name for name, digest in before.items() if now.get(name, "") != digest]


def _reached(source: str) -> set[str]:
    """The modules of costlib that `source` imports, and those that they import, as paths in the project."""
    found: set[str] = set()
    waiting = list(_imported(source))
    while waiting:
        module = waiting.pop()
        if module not in found:
            found.add(module)
            waiting += _imports_of(module)
    return found


@functools.cache
def _imports_of(module: str) -> tuple[str, ...]:
    return tuple(_imported((ROOT / module).read_text("utf-8")))


def _imported(source: str) -> Iterator[str]:
    """The modules of costlib that the text of a module or notebook names in its imports, wherever they stand."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from _files(each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from _files((node.module, *(f"{node.module}.{each.name}" for each in node.names)))


def _files(names: Iterable[str]) -> Iterator[str]:
    for name in names:
        if name.split(".")[0] == "costlib":
            place = name.replace(".", "/")
            for path in (f"{place}.py", f"{place}/__init__.py"):
                if (ROOT / path).is_file():
                    yield path
