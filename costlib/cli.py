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
    many = commands.add_parser("predict", help="predict speeds and latencies of a table of serving configurations")
    many.add_argument("rows", type=Path, help="CSV with a row per configuration; the columns are in the README")
    many.add_argument("-o", "--output", type=Path, required=True, help="CSV to write, a row per row")
    many.set_defaults(run=_predict)
    fitted = commands.add_parser("calibrate", help="fit the serving model's constants to data/measurements.csv anew")
    fitted.set_defaults(run=_calibrate)
    commands.add_parser("check", help="check tables, sources and bibliography").set_defaults(run=_check)
    return parser


def _run(options: argparse.Namespace) -> int:
    from costlib import execute

    given = dict(_parameter(text) for text in options.parameter)
    output = options.output or execute.BUILD / "runs" / f"{options.notebook}.ipynb"
    execute.run(options.notebook, given, output.resolve(), progress=sys.stderr.isatty())
    print(output)
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


def _predict(options: argparse.Namespace) -> int:
    from costlib import predict  # scipy and the tables of the model take a while to load

    found = predict.predict(predict.read(options.rows), progress=True)
    predict.write(found, options.output)
    without = int(found["predicted"].isna().sum())
    print(f"{options.output}  ({len(found):,} rows, {without:,} of them with a reason instead of a prediction)")
    return 0


def _calibrate(_: argparse.Namespace) -> int:
    from costlib import validation

    for name, rows in validation.calibrate(progress=lambda text: print(f"  {text}", file=sys.stderr, flush=True)):
        print(f"data/{name}  ({rows} rows)")
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
