"""The `costlib` command: run a notebook, run them all, build the book, check the data."""

from __future__ import annotations

import argparse
import datetime
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import yaml

from costlib import book, data, execute, pages
from costlib.errors import InputError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. A mistake of the reader is printed as one error without traceback, and the exit code is 1."""
    options = _parser().parse_args(arguments)
    try:
        return options.run(options)
    except InputError as error:
        print(f"costlib {options.command}: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="costlib", description="Run, build and check the book.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    one = commands.add_parser("run", help="execute one notebook with other parameters")
    one.add_argument("notebook", help=f"one of: {', '.join(book.notebooks())}")
    one.add_argument("-p", "--parameter", action="append", default=[], metavar="NAME=VALUE", help="may be repeated")
    one.add_argument("-o", "--output", type=Path, help="where to put the executed notebook")
    one.set_defaults(run=_run)
    for name, run, text in (
        ("notebooks", _notebooks, "execute all notebooks into book/executed"),
        ("build", _build, "notebooks, then pages, into _build/html"),
    ):
        each = commands.add_parser(name, help=text)
        each.add_argument("--scenario", metavar="NAME", help="parameters from notebooks/scenarios/NAME.yml")
        each.set_defaults(run=run)
    audit = commands.add_parser("audit", help="every claim of the article with our value and the verdict, as CSV")
    audit.add_argument("-o", "--output", type=Path, required=True, help="where to put the table")
    audit.set_defaults(run=_audit)
    commands.add_parser("check", help="check tables, sources and bibliography").set_defaults(run=_check)
    return parser


def _audit(options: argparse.Namespace) -> int:
    from costlib import audit  # it loads every chapter's computations

    found = audit.export()
    found.to_csv(options.output, index=False, lineterminator="\n")
    counts = found["verdict"].replace("", "not answered").value_counts()
    print(f"{options.output}: {len(found)} claims; " + ", ".join(f"{n} {name}" for name, n in counts.items()))
    return 0


def _run(options: argparse.Namespace) -> int:
    given = dict(_parameter(text) for text in options.parameter)
    output = options.output or execute.BUILD / "runs" / f"{options.notebook}.ipynb"
    execute.run(options.notebook, given, output.resolve(), progress=sys.stderr.isatty())
    print(output)
    return 0


def _parameter(text: str) -> tuple[str, object]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise InputError(f"-p {text!r} is not of the form NAME=VALUE")
    try:
        read = yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise InputError(f"-p {text!r}: the value cannot be read") from error
    return name, execute.plain(read if not isinstance(read, datetime.date) else value)


def _check(_: argparse.Namespace) -> int:
    problems = data.check()
    if problems:
        raise InputError("\n".join(["the data are not sound:", *problems]))
    rows = {name: len(data.table(name)) for name in data.package()}
    print(f"{sum(rows.values())} rows in {len(rows)} tables, {len(data.bibliography())} sources: sound")
    return 0


def _notebooks(options: argparse.Namespace) -> int:
    _check(options)
    given = execute.scenario(options.scenario) if options.scenario else {}
    execute.BUILD.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=execute.BUILD, prefix=".executed-") as scratch:
        fresh = Path(scratch) / "executed"
        names = book.notebooks()
        print(f"executing {len(names)} notebooks", file=sys.stderr)
        failures = execute.run_all(names, fresh, given)
        if failures:
            kept = execute.BUILD / "failed"
            shutil.rmtree(kept, ignore_errors=True)
            shutil.copytree(fresh, kept, ignore=lambda _, files: [f for f in files if not f.endswith(".failed.ipynb")])
            told = "\n\n".join(failures).replace(str(fresh), str(kept))
            raise InputError(f"{told}\n\nnothing is published; partial notebooks are in {kept}")
        _write_pages(fresh)
        execute.publish(fresh, execute.EXECUTED)
    return 0


def _write_pages(folder: Path) -> None:
    """The generated pages, beside the executed notebooks that they refer to."""
    texts = [path.read_text("utf-8") for path in folder.glob("*.ipynb")]
    labels = (f"eq-{made.function.__name__}" for made in pages.every_equation())
    shown = {label for label in labels if any(f":label: {label}\\n" in text for text in texts)}
    for name, text in {"symbols": pages.symbols(shown), "sources": pages.sources(), "data": pages.tables()}.items():
        (folder / f"{name}.md").write_text(text, "utf-8")


def _build(options: argparse.Namespace) -> int:
    began = time.perf_counter()
    _notebooks(options)
    with tempfile.TemporaryDirectory(dir=execute.BUILD, prefix=".html-") as scratch:
        print("setting the pages", file=sys.stderr, flush=True)
        status, log = _set_pages(Path(scratch))
        html = Path(scratch) / "_build" / "html"
        if status or not (html / "index.html").exists():
            raise InputError(f"{log}\nthe pages have mistakes (above); the last good book stands untouched")
        execute.publish(html, execute.BUILD / "html")
    print(f"{execute.BUILD / 'html' / 'index.html'}  ({time.perf_counter() - began:.0f} s)")
    return 0


def _set_pages(folder: Path) -> tuple[int, str]:
    """Run jupyter-book into `folder`, warnings as errors, showing how far it is. Returns its exit code and its log."""
    program = Path(sys.executable).parent / "jupyter-book"
    command = [str(program), "build", str(data.ROOT), "--path-output", str(folder), "-W", "-n", "--keep-going"]
    lines, shown = [], ""
    with subprocess.Popen(
        command, cwd=data.ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as running:
        for line in running.stdout:
            lines.append(line)
            stage = re.match(r"(?:\x1b\[[0-9;]*m)*(reading sources|writing output)\.\.\.", line)
            if stage and stage[1] != shown:
                shown = stage[1]
                print(f"  {shown}", file=sys.stderr, flush=True)
    return running.returncode, "".join(lines)
