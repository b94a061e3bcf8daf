"""Building the book: checked data, executed notebooks, generated pages, all set by jupyter-book and published whole.

A failure at any point leaves the last good book in place. A build with nothing changed ends at once.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from costlib import files, fingerprints
from costlib.errors import InputError

ROOT = fingerprints.ROOT
WORK = ROOT / "_build"
HTML = WORK / "html"
EXECUTED = ROOT / "book" / "executed"
SCRATCH = ".scratch-"  # how folders of a build under way begin
RECORD = WORK / "cache" / "built.json"  # what the published pages rest on
ABSENT = ROOT / "book" / "_ext" / "absent"  # stands before modules that jupyter-book need not load
SOUND = WORK / "cache" / "sound.json"  # what the last check found sound


def unchanged(given: Mapping[str, Any]) -> bool:
    """Whether the published book rests on just what there is now, with the parameters `given`."""
    return (HTML / "index.html").exists() and _recorded(RECORD) == _everything(given)


def _everything(given: Mapping[str, Any]) -> fingerprints.Inputs:
    return {**fingerprints.sources(), "parameters": fingerprints.of_value(dict(given))}


def _recorded(path: Path) -> Any:
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None


def _record(path: Path, rests_on: fingerprints.Inputs) -> None:
    files.write(path, json.dumps(rests_on, indent=1))


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Hold the build folder for this process, cleared of what a killed build left; another build waits, and says so."""
    WORK.mkdir(exist_ok=True)
    with (WORK / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("waiting for another build to end", file=sys.stderr, flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        for published in (HTML, EXECUTED):
            files.recover(published)
        for left in WORK.glob(".*-*"):  # as all commands name the folders that they work in
            shutil.rmtree(left, ignore_errors=True)
        yield


def check() -> str:
    """Check all data, unless they are as they were when last found sound. Returns what there is, in words.

    Raises InputError with every mistake.
    """
    rests_on = fingerprints.facts()
    before = _recorded(SOUND)
    if before and before.pop("said", "") and before == rests_on:
        return _recorded(SOUND)["said"]
    from costlib import data, freshness

    problems = data.check() or freshness.to_come(freshness.today())
    if problems:
        raise InputError(f"the data are not sound:\n{data.told(problems)}")
    rows = {name: len(data.table(name)) for name in data.package()}
    said = f"{sum(rows.values())} rows in {len(rows)} tables, {len(data.bibliography())} sources: sound"
    _record(SOUND, {**rests_on, "said": said})
    return said


def notebooks(given: Mapping[str, Any]) -> None:
    """Execute the notebooks with the parameters `given` into `book/executed`, and generate the pages beside them."""
    from costlib import book, execute, freshness, machine, quotes

    given = {"machine_name": machine.PUBLISHED, **given}  # recorded times, so that two builds are the same
    quotes.given()  # a mistake in them stops here, before any notebook runs
    if (days := freshness.days(freshness.day(), freshness.today())) > freshness.STALE_DAYS:
        print(f"the newest prices are {days} days old: make refresh renews them", file=sys.stderr)
    WORK.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=WORK, prefix=SCRATCH) as scratch:
        fresh = Path(scratch) / "executed"
        failures = execute.run_all(book.notebooks(), fresh, given)
        if failures:
            kept = WORK / "failed"
            shutil.rmtree(kept, ignore_errors=True)
            shutil.copytree(fresh, kept, ignore=lambda _, files: [f for f in files if not f.endswith(".failed.ipynb")])
            told = "\n\n".join(failures).replace(str(fresh), str(kept))
            raise InputError(f"{told}\n\nnothing is published; partial notebooks are in {kept}")
        _write_pages(fresh)
        files.publish(fresh, EXECUTED)


def _write_pages(folder: Path) -> None:
    """The generated pages, beside the executed notebooks that they refer to, made side by side."""
    from costlib import book, calculator, calculator_page, pages, reference, teaching, workers

    print("making the pages of data, symbols and code", file=sys.stderr, flush=True)
    texts = [path.read_text("utf-8") for path in folder.glob("*.ipynb")]
    labels = (f"eq-{made.function.__name__}" for made in pages.every_equation())
    shown = {label for label in labels if any(f":label: {label}\\n" in text for text in texts)}
    makers: dict[str, Callable[[], dict[str, str]]] = {
        "teaching": lambda: {"teaching": teaching.page(folder)},
        "reference": reference.pages,
        "data and symbols": lambda: pages.generated(shown),
    }
    if calculator.CHAPTER in book.notebooks():  # it starts from that chapter's parameters
        makers = {"calculator": lambda: {"calculator": calculator_page.page()}, **makers}
    for maker, written in workers.results(lambda each: _outcome(makers[each]), list(makers)):
        if not isinstance(written, dict):
            raise InputError(str(written or f"the pages of {maker}: the process that made them was ended from outside"))
        for name, text in written.items():
            (folder / f"{name}.md").write_text(text, "utf-8")


def _outcome(make: Callable[[], dict[str, str]]) -> dict[str, str] | InputError:
    try:
        return make()
    except InputError as error:
        return error


def book(given: Mapping[str, Any]) -> Path:
    """Build the whole book with the parameters `given`. Returns its first page.

    Raises InputError for anything that the reader can mend; the last good book then stands untouched.
    """
    index = HTML / "index.html"
    with alone():
        if unchanged(given):
            print("nothing has changed since the book was built", file=sys.stderr)
            return index
        rests_on = _everything(given)
        print(check(), file=sys.stderr)
        notebooks(given)
        _publish_pages()
        _record(RECORD, rests_on)
    return index


def _publish_pages() -> None:
    with tempfile.TemporaryDirectory(dir=WORK, prefix=SCRATCH) as scratch:
        print("setting the pages", file=sys.stderr, flush=True)
        status, log = _set_pages(Path(scratch))
        html = Path(scratch) / "_build" / "html"
        if status or not (html / "index.html").exists():
            raise InputError(f"{log}\nthe pages could not be set (above); the last good book stands untouched")
        RECORD.unlink(missing_ok=True)  # from here on it would speak of the book before
        files.publish(html, HTML)


def _set_pages(folder: Path) -> tuple[int, str]:
    """Run jupyter-book into `folder`, warnings as errors, showing how far it is. Returns its exit code and its log."""
    program = Path(sys.executable).parent / "jupyter-book"
    command = [str(program), "build", str(ROOT), "--path-output", str(folder), "-W", "-n", "--keep-going"]
    paths = os.pathsep.join(filter(None, (str(ABSENT), os.environ.get("PYTHONPATH"))))
    lines, shown = [], ""
    with subprocess.Popen(
        command, cwd=ROOT, text=True, env=os.environ | {"PYTHONPATH": paths}, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    ) as running:  # fmt: skip
        try:
            for line in running.stdout:
                lines.append(line)
                stage = re.match(r"(?:\x1b\[[0-9;]*m)*(reading sources|writing output)\.\.\. .*%\]", line)
                if stage and stage[1] != shown:
                    shown = stage[1]
                    print(f"  {shown}", file=sys.stderr, flush=True)
        except BaseException:
            os.killpg(running.pid, signal.SIGKILL)  # with the processes that it has started
            raise
    return running.returncode, "".join(lines)
