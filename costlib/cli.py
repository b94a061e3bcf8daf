"""The `costlib` command: run a notebook, run them all, build the book, check the data, and renew the prices."""

from __future__ import annotations

import argparse
import datetime
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import yaml

from costlib import book, data, execute, freshness, pages, prices, quotes
from costlib.errors import InputError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. A mistake of the reader is printed as one error without traceback, and the exit code is 1."""
    options = _parser().parse_args(arguments)
    try:
        if getattr(options, "prices", None):
            os.environ[quotes.ENVIRONMENT] = str(options.prices.resolve())
            quotes.given()  # a mistake in them stops here, before any notebook runs
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
    uses_prices = [one]
    for name, run, text in (
        ("notebooks", _notebooks, "execute all notebooks into book/executed"),
        ("build", _build, "notebooks, then pages, into _build/html"),
    ):
        each = commands.add_parser(name, help=text)
        each.add_argument("--scenario", metavar="NAME", help="parameters from notebooks/scenarios/NAME.yml")
        each.set_defaults(run=run)
        uses_prices.append(each)
    for each in uses_prices:
        each.add_argument(
            "--prices", type=Path, metavar="FILE.csv", help="your own quotes, which go before public prices"
        )
    _add_prices(commands)
    commands.add_parser("check", help="check tables, sources and bibliography").set_defaults(run=_check)
    return parser


def _add_prices(commands: argparse._SubParsersAction) -> None:
    """The commands `costlib prices refresh`, `diff`, `import` and `template`."""
    group = commands.add_parser("prices", help="renew the prices, compare two vintages, check quotes of your own")
    actions = group.add_subparsers(dest="action", required=True, metavar="ACTION")
    renew = actions.add_parser(
        "refresh", help="add what the installed genai-prices has changed; exit code 3: held back"
    )
    renew.add_argument("--on", metavar="DAY", help="day of the prices; not needed for a release that is known already")
    renew.add_argument(
        "--accept", nargs="*", metavar="API_MODEL", help="take doubtful prices of these models, or of all, as they are"
    )
    renew.set_defaults(run=_refresh)
    compare = actions.add_parser("diff", help="what other prices change in the book, in words")
    for name in ("old", "new"):
        compare.add_argument(name, help="a day such as 2026-05-01, a price table, or a folder of price tables")
    compare.set_defaults(run=_diff)
    own = actions.add_parser("import", help="check a file of your own quotes, and keep it in prices/, outside of git")
    own.add_argument("file", type=Path)
    own.set_defaults(run=_import)
    actions.add_parser("template", help="print an empty file of quotes").set_defaults(run=_template)


def _today() -> str:
    """The day in UTC. It decides what a command refuses or warns of, never what a page says."""
    return str(datetime.datetime.now(datetime.UTC).date())


HELD_BACK = 3  # the exit code of a refresh that held something back


def _refresh(options: argparse.Namespace) -> int:
    if options.on and freshness.day(options.on) > _today():
        raise InputError(f"--on {options.on} is not allowed: prices of a day that is still to come are not known")
    from costlib import refresh  # with genai-prices, which no other command needs

    found = refresh.refresh(options.on, options.accept)
    print(refresh.says(found))
    return HELD_BACK if any(one.state == refresh.HELD for one in found) else 0


def _diff(options: argparse.Namespace) -> int:
    from costlib import vintages  # with all that the chapters compute with

    print("computing the book's answers from both", file=sys.stderr, flush=True)
    print(vintages.diff(options.old, options.new))
    return 0


FAR = 10  # a quote off by this factor from the public price is worth a second look at its unit


def _import(options: argparse.Namespace) -> int:
    found = quotes.read(options.file)
    for each in found:
        public = prices.beside(each)
        other = "no public price" if public is None else f"public: {public:.6g}"
        far = " LOOK AT THE UNIT" if public and not 1 / FAR < each.value / public < FAR else ""
        print(f"  {each.says()}; {other}{far}")
    kept = data.ROOT / "prices" / options.file.name
    if kept.resolve() != options.file.resolve():
        execute.write(kept, options.file.read_text("utf-8-sig"))
    place = kept.relative_to(data.ROOT)
    print(f"{len(found)} quotes, kept apart in {place}; use them: make book PRICES={place}")
    return 0


def _template(_: argparse.Namespace) -> int:
    print(quotes.template(), end="")
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
    problems = data.check() or freshness.to_come(_today())
    if problems:
        raise InputError("\n".join(["the data are not sound:", *problems]))
    rows = {name: len(data.table(name)) for name in data.package()}
    print(f"{sum(rows.values())} rows in {len(rows)} tables, {len(data.bibliography())} sources: sound")
    return 0


def _notebooks(options: argparse.Namespace) -> int:
    _check(options)
    given = execute.scenario(options.scenario) if options.scenario else {}
    age = freshness.age(pd.Series([freshness.day()]), _today())[0]
    if age > freshness.STALE_DAYS:
        print(f"the newest prices are {age} days old: make refresh renews them", file=sys.stderr)
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
