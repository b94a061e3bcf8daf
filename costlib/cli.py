"""The `costlib` command: run a notebook, run them all, build the book, check the data, and renew the prices."""

from __future__ import annotations

import argparse
import errno
import gc
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from costlib import build, files, fingerprints
from costlib.errors import InputError

STOPPED = 130  # the exit code after Ctrl-C, as shells have it
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # there is no room for what is to be written


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. A mistake of the reader is printed as one error without traceback, and the exit code is 1."""
    options = _parser().parse_args(arguments)
    try:
        if getattr(options, "prices", None):
            os.environ[fingerprints.QUOTES] = str(options.prices.resolve())
        return options.run(options)
    except KeyboardInterrupt:
        print(f"costlib {options.command}: stopped; what was published before stands", file=sys.stderr)
        return STOPPED
    except (InputError, OSError) as error:  # of the latter, a file or folder that is in the way, or a full disk
        full = isinstance(error, OSError) and error.errno in FULL
        text = f"{error}; nothing is published" if full else str(error)
        said = "".join(each if each.isprintable() or each == "\n" else repr(each)[1:-1] for each in text)
        print(f"costlib {options.command}: {said}", file=sys.stderr)
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
    many = commands.add_parser("grid", help="execute one notebook with many parameters: one table, one figure")
    many.add_argument("notebook", help="as for run")
    many.add_argument(
        "-p", "--parameter", action="append", default=[], metavar="NAME=VALUES",
        help="may be repeated: A,B,C or LOW:HIGH:log:COUNT or LOW:HIGH:lin:COUNT",
    )  # fmt: skip
    many.add_argument("-o", "--output", type=Path, metavar="DIR", help="where to put grid.csv and grid.svg")
    many.add_argument("--scheduler", metavar="ADDRESS", help="of a Dask cluster, such as tcp://127.0.0.1:8786")
    many.add_argument("--show", action="append", default=[], metavar="NAME", help="a result for the figure")
    many.set_defaults(run=_grid)
    uses_prices = [one, many]
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
    many = commands.add_parser("predict", help="predict speeds and latencies of a table of serving configurations")
    many.add_argument("rows", type=Path, help="CSV with a row per configuration; the columns are in the README")
    many.add_argument("-o", "--output", type=Path, required=True, help="CSV to write, a row per row")
    many.set_defaults(run=_predict)
    fitted = commands.add_parser("calibrate", help="fit the serving model's constants to data/measurements.csv anew")
    fitted.set_defaults(run=_calibrate)
    handed = commands.add_parser("student", help="write all notebooks without solutions, with places to answer")
    handed.add_argument("-o", "--output", type=Path, help="folder to write them to (default: _build/student)")
    handed.set_defaults(run=_student)
    audit = commands.add_parser("audit", help="every claim of the article with our value and the verdict, as CSV")
    audit.add_argument("-o", "--output", type=Path, required=True, help="where to put the table")
    audit.set_defaults(run=_audit)
    paper = commands.add_parser("pdf", help="print the built book, or some chapters of it, as one PDF (needs Chromium)")
    paper.add_argument("chapter", nargs="*", help="such as roofline; all if none is named")
    paper.add_argument("-o", "--output", type=Path, metavar="FILE.pdf", help="where to put it (default: _build/)")
    paper.set_defaults(run=_pdf)
    decks = commands.add_parser("slides", help="make slides of the built book, a deck per chapter, in _build/slides")
    decks.add_argument("chapter", nargs="*", help="such as roofline; all if none is named")
    decks.set_defaults(run=_slides)
    commands.add_parser("check", help="check tables, sources and bibliography").set_defaults(run=_check)
    return parser


def _audit(options: argparse.Namespace) -> int:
    from costlib import audit, sheets  # the first loads every chapter's computations

    found = audit.export()
    sheets.write(found, options.output)
    counts = found["verdict"].replace("", "not answered").value_counts()
    print(f"{options.output}: {len(found)} claims; " + ", ".join(f"{n} {name}" for name, n in counts.items()))
    return 0


def _student(options: argparse.Namespace) -> int:
    from costlib import book, student

    folder = options.output or build.WORK / "student"
    for name in book.notebooks():
        source = json.loads((book.NOTEBOOKS / f"{name}.ipynb").read_text("utf-8"))
        text = json.dumps(student.student(source), ensure_ascii=False, indent=1, sort_keys=True)
        files.write(folder / f"{name}.ipynb", text + "\n")
    print(f"{folder}  ({len(book.notebooks())} notebooks)")
    return 0


def _pdf(options: argparse.Namespace) -> int:
    from costlib import printing

    output = options.output or build.WORK / f"{'-'.join(options.chapter) or 'what-a-token-costs'}.pdf"
    pages = printing.write(options.chapter, output.resolve())
    print(f"{output}  ({pages} pages)")
    return 0


def _slides(options: argparse.Namespace) -> int:
    from costlib import slides

    folder = build.WORK / "slides"
    print(f"{folder / 'index.html'}  ({slides.write(options.chapter, folder)} decks)")
    return 0


def _run(options: argparse.Namespace) -> int:
    from costlib import execute, quotes

    quotes.given()  # a mistake in them stops here, before the notebook runs
    given = dict(map(execute.parameter, options.parameter))
    output = options.output or execute.BUILD / "runs" / f"{options.notebook}.ipynb"
    execute.run(options.notebook, given, output.resolve(), progress=sys.stderr.isatty())
    print(output)
    return 0


def _grid(options: argparse.Namespace) -> int:
    from costlib import grid

    found = grid.run(options.notebook, options.parameter, options.output, options.scheduler, options.show)
    print(*grid.written(found), sep="\n")
    if found.failures:
        failed = f"{len(found.failures)} of {len(found.points)} points failed; the others are in the table"
        print(f"costlib grid: {failed}\n\n{found.told()}", file=sys.stderr)
    return 1 if found.failures else 0


def _report(options: argparse.Namespace) -> int:
    from costlib import report

    for path in report.write(options.log, options.output, options.prices, options.bill):
        print(path)
    return 0


def _check(_: argparse.Namespace) -> int:
    print(build.check())
    return 0


def _measure(options: argparse.Namespace) -> int:
    """Measure what the chapter measures, and put it where the published book looks."""
    from costlib import book, data, machine, sheets

    chosen = {**book.parameters("your_machine"), "library": options.library, "rounds": options.rounds}
    for table, frame in machine.rows(machine.times(**chosen), machine.PUBLISHED).items():
        path = data.package()[table].path
        sheets.write(frame, path, float_format="%.6g")
        print(path)
    return 0


def _predict(options: argparse.Namespace) -> int:
    from costlib import predict, sheets  # scipy and the tables of the model take a while to load

    found = predict.predict(predict.read(options.rows), progress=True)
    sheets.write(found, options.output)
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
    gc.disable()  # nearly all that this process makes stands to its end; looking through it took a quarter of its time
    print(build.check(), file=sys.stderr)
    with build.alone():
        build.notebooks(_given(options))
    return 0


def _build(options: argparse.Namespace) -> int:
    gc.disable()  # as above
    began = time.perf_counter()
    index = build.book(_given(options))
    print(f"{index}  ({time.perf_counter() - began:.0f} s)")
    return 0


# --- prices ----------------------------------------------------------------------------------------------------------


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


HELD_BACK = 3  # the exit code of a refresh that held something back


def _refresh(options: argparse.Namespace) -> int:
    from costlib import freshness, refresh

    if options.on and freshness.day(options.on) > freshness.today():
        raise InputError(f"--on {options.on} is not allowed: prices of a day that is still to come are not known")
    found = refresh.refresh(options.on, options.accept)
    print(refresh.says(found))
    return HELD_BACK if any(one.state == refresh.HELD for one in found) else 0


def _diff(options: argparse.Namespace) -> int:
    from costlib import vintages

    print("computing the book's answers from both", file=sys.stderr, flush=True)
    print(vintages.diff(options.old, options.new))
    return 0


FAR = 10  # a quote off by this factor from the public price is worth a second look at its unit


def _import(options: argparse.Namespace) -> int:
    from costlib import prices, quotes

    found = quotes.read(options.file)
    for each in found:
        public = prices.beside(each)
        other = "no public price" if public is None else f"public: {public:.6g}"
        far = " LOOK AT THE UNIT" if public and not 1 / FAR < each.value / public < FAR else ""
        print(f"  {each.says()}; {other}{far}")
    kept = build.ROOT / "prices" / options.file.name
    if kept.resolve() != options.file.resolve():
        files.write(kept, options.file.read_text("utf-8-sig"))
    place = kept.relative_to(build.ROOT)
    print(f"{len(found)} quotes, kept apart in {place}; use them: make book PRICES={place}")
    return 0


def _template(_: argparse.Namespace) -> int:
    from costlib import quotes

    print(quotes.template(), end="")
    return 0
