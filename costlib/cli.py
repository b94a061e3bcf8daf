"""The `costlib` command: run a notebook, run them all, build the book, check the data."""

from __future__ import annotations

import argparse
import datetime
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import yaml

from costlib import build
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
    names = sorted(path.stem for path in (build.ROOT / "notebooks").glob("*.ipynb"))
    one.add_argument("notebook", help=f"one of: {', '.join(names)}")
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
    logs = commands.add_parser("usage", help="a reader's own usage log").add_subparsers(required=True, metavar="WHAT")
    own = logs.add_parser("report", help="a page and tables of costs from a log with OpenTelemetry's GenAI names")
    own.add_argument("log", type=Path, metavar="LOG", help="a .parquet, .csv, or OTLP .json or .jsonl file")
    own.add_argument("-o", "--output", type=Path, metavar="DIR", help="where to put report.html and two CSV files")
    own.add_argument("--prices", type=Path, metavar="FILE", help="own prices: a CSV like data/api_token_prices.csv")
    own.add_argument("--bill", metavar="USD", help="what was billed for the log, to be set beside it")
    own.set_defaults(run=_report)
    own = commands.add_parser("measure", help="record this machine in data/, for the chapter on your own machine")
    own.add_argument("--rounds", type=int, default=20, help="rounds of which the least time counts (default: 20)")
    own.add_argument("--library", metavar="NAME", help="numpy or torch (default: torch if it is installed)")
    own.set_defaults(run=_measure)
    commands.add_parser("check", help="check tables, sources and bibliography").set_defaults(run=_check)
    return parser


def _run(options: argparse.Namespace) -> int:
    from costlib import execute

    given = dict(_parameter(text) for text in options.parameter)
    output = options.output or execute.BUILD / "runs" / f"{options.notebook}.ipynb"
    execute.run(options.notebook, given, output.resolve(), progress=sys.stderr.isatty())
    print(output)
    return 0


def _report(options: argparse.Namespace) -> int:
    from costlib import report

    for path in report.write(options.log, options.output, options.prices, options.bill):
        print(path)
    return 0


def _parameter(text: str) -> tuple[str, object]:
    from costlib import execute

    name, equals, value = text.partition("=")
    if not equals or not name:
        raise InputError(f"-p {text!r} is not of the form NAME=VALUE")
    try:
        read = yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise InputError(f"-p {text!r}: the value cannot be read") from error
    return name, execute.plain(read if not isinstance(read, datetime.date) else value)


def _check(_: argparse.Namespace) -> int:
    print(build.check())
    return 0


def _measure(options: argparse.Namespace) -> int:
    """Measure what the chapter measures, and put it where the published book looks."""
    from costlib import book, data, machine

    chosen = {**book.parameters("your_machine"), "library": options.library, "rounds": options.rounds}
    for table, frame in machine.rows(machine.times(**chosen), machine.PUBLISHED).items():
        path = data.package()[table].path
        frame.to_csv(path, index=False, lineterminator="\n", float_format="%.6g")
        print(path)
    return 0


def _given(options: argparse.Namespace) -> dict[str, object]:
    """The parameters for all notebooks that the scenario sets."""
    if not options.scenario:
        return {}
    from costlib import execute

    return execute.scenario(options.scenario)


def _notebooks(options: argparse.Namespace) -> int:
    print(build.check(), file=sys.stderr)
    with build.alone():
        build.notebooks(_given(options))
    return 0


def _build(options: argparse.Namespace) -> int:
    began = time.perf_counter()
    index = build.book(_given(options))
    print(f"{index}  ({time.perf_counter() - began:.0f} s)")
    return 0
