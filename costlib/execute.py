"""Running notebooks: papermill from clean sources into executed pages, side by side, all or nothing.

Only what changed runs again. A notebook that fails does not stop the others; what it had done is kept for inspection,
and nothing is published.
"""

from __future__ import annotations

import importlib
import json
import logging
import multiprocessing
import multiprocessing.connection
import os
import re
import shutil
import sys
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from costlib import book, data, fingerprints, sheets, values
from costlib.errors import InputError, near

BUILD = data.ROOT / "_build"
EXECUTED = data.ROOT / "book" / "executed"
CACHE = BUILD / "cache" / "notebooks"  # executed notebooks, and what they rest on
NEVER = "it has not run before"
SHOWN = 3  # reasons named, before the rest is only counted


SCENARIOS = book.NOTEBOOKS / "scenarios"


def scenario(name: str) -> dict[str, Any]:
    """The parameters in `notebooks/scenarios/<name>.yml`.

    Raises InputError for an unknown scenario, one that is not a list of values by name, or one that sets a parameter
    that no notebook has.
    """
    names = sorted(path.stem for path in SCENARIOS.glob("*.yml"))
    if name not in names:
        raise InputError(f"there is no notebooks/scenarios/{name}.yml{near(name, names)}; known: {', '.join(names)}")
    given = values.mapping(sheets.text_of(SCENARIOS / f"{name}.yml"), f"notebooks/scenarios/{name}.yml")
    known = {parameter for notebook in book.notebooks() for parameter in book.parameters(notebook)}
    for parameter in given:
        if parameter not in known:
            raise InputError(
                f"notebooks/scenarios/{name}.yml: no notebook has {parameter!r}{near(str(parameter), known)}"
            )
    return given


def run(
    name: str, given: Mapping[str, Any], output: Path, progress: bool = False, engine: str | None = "in_process"
) -> None:
    """Execute one notebook with the parameters `given` into `output`: in this process, or without `engine` in a kernel.

    Raises InputError for a wrong parameter or for a cell that fails, naming notebook, cell and parameters; the partial
    notebook is then beside `output`, ending in ``.failed.ipynb``.
    """
    import nbformat
    import papermill

    importlib.import_module("costlib.engine")  # papermill finds the engine once this is loaded
    book.check_parameters(name, given)
    partial = output.with_suffix(".failed.ipynb")
    output.parent.mkdir(parents=True, exist_ok=True)
    logging.getLogger("papermill").setLevel(logging.ERROR)
    try:
        papermill.execute_notebook(
            book.NOTEBOOKS / f"{name}.ipynb", partial, parameters=dict(given), kernel_name="python3", language="python",
            cwd=data.ROOT, progress_bar=progress, log_output=False, engine_name=engine,
            stderr_file=sys.stderr if progress else None,
            extra_arguments=["--IPKernelApp.log_level=50"],
        )  # fmt: skip
    except papermill.PapermillExecutionError as error:
        raise InputError(_failure(name, given, error, partial)) from None
    executed = nbformat.read(partial, as_version=4)
    nbformat.write(_clean(executed), output)
    partial.unlink()


def _failure(name: str, given: Mapping[str, Any], error: Any, partial: Path) -> str:
    """What went wrong, in a few lines: our own errors speak for themselves, others show the end of their traceback."""
    place = f"notebooks/{name}.ipynb, cell {error.exec_count}" + (f", with {dict(given)}" if given else "")
    if error.ename in ("InputError", "UnitError"):
        return f"{place}:\n{error.evalue}"
    last = re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(error.traceback)).strip().splitlines()[-8:]
    return f"{place}: {error.ename}: {error.evalue}\n" + "\n".join(last) + f"\nThe notebook up to there: {partial}"


def _clean(notebook: Any) -> Any:
    """The notebook without what differs between two runs of the same input."""
    for key in ("papermill", "widgets"):
        notebook.metadata.pop(key, None)
    notebook.metadata["language_info"] = {"name": "python"}
    for place, cell in enumerate(notebook.cells):
        tags = cell.metadata.get("tags", [])
        cell["metadata"] = {"tags": tags} if tags else {}
        if "injected-parameters" in tags:
            cell["id"] = f"injected-{place}"
    return notebook


# --- all of them -----------------------------------------------------------------------------------------------------


def run_all(names: Sequence[str], folder: Path, given: Mapping[str, Any]) -> list[str]:
    """Execute the notebooks `names` into `folder`, on all cores, showing progress. Returns what failed, in words.

    Each notebook takes those of the parameters `given` that it declares. What has not changed since it was last
    executed is taken from the cache instead.
    """
    jobs = []
    for name in names:
        taken = {key: value for key, value in given.items() if key in book.parameters(name)}
        inputs, output = fingerprints.notebook(name, taken), folder / f"{name}.ipynb"
        why = _why(name, inputs)
        if why:
            jobs.append(Job(name, taken, output, inputs, why))
        else:
            output.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(CACHE / output.name, output)
    _tell(f"{len(jobs)} of {len(names)} notebooks to execute")
    for job in jobs:
        if job.why != NEVER:
            _tell(f"  {job.name} again: {job.why}")
    return list(_work_off(jobs)) if jobs else []


@dataclass(frozen=True)
class Job:
    """A notebook to execute: with which parameters, into what, resting on what, and why."""

    name: str
    given: dict[str, Any]
    output: Path
    inputs: fingerprints.Inputs
    why: str


def _why(name: str, inputs: fingerprints.Inputs) -> str:
    """Why the notebook must run; empty if what is in the cache still stands."""
    record, kept = CACHE / f"{name}.json", CACHE / f"{name}.ipynb"
    try:
        before = json.loads(record.read_text("utf-8"))
    except (OSError, ValueError):
        return NEVER
    if before.pop("result") != fingerprints.of_file(kept):
        return "its result in the cache is not whole"
    changes = fingerprints.changed(before, inputs)
    more = [f"{len(changes) - SHOWN} more"] if len(changes) > SHOWN else []
    return " and ".join([*changes[:SHOWN], *more]) + " changed" if changes else ""


def _remember(job: Job, tables: Iterable[str]) -> None:
    """Keep the result, and what it rests on: of the tables only those that it read."""
    read = {f"data/{data.package()[table].path.name}" for table in tables}
    rests_on = {name: digest for name, digest in job.inputs.items() if not name.endswith(".csv") or name in read}
    CACHE.mkdir(parents=True, exist_ok=True)
    for target, text in (
        (CACHE / job.output.name, job.output.read_text("utf-8")),
        (CACHE / f"{job.name}.json", json.dumps({**rests_on, "result": fingerprints.of_file(job.output)}, indent=1)),
    ):
        scratch = target.with_suffix(f".{os.getpid()}")
        scratch.write_text(text, "utf-8")
        scratch.replace(target)


def _work_off(jobs: Sequence[Job]) -> Iterator[str]:
    """Execute `jobs` in processes of their own, forked from this one with all that they import."""
    for module in sorted((data.ROOT / "costlib").rglob("*.py")):
        importlib.import_module(".".join(module.relative_to(data.ROOT).with_suffix("").parts).removesuffix(".__init__"))
    fork, began = multiprocessing.get_context("fork"), time.perf_counter()
    waiting, running, done = list(jobs), {}, 0
    try:
        while waiting or running:
            while waiting and len(running) < (os.cpu_count() or 1):
                job = waiting.pop(0)
                ours, theirs = fork.Pipe(duplex=False)
                process = fork.Process(target=_child, args=(job, theirs))
                process.start()
                theirs.close()
                running[ours] = (job, process)
            for ended in multiprocessing.connection.wait(list(running)):
                job, process = running.pop(ended)
                failure = _outcome(job, ended)
                process.join()
                done += 1
                state = "failed" if failure else "done"
                _tell(f"  {done}/{len(jobs)} {job.name} {state}, {time.perf_counter() - began:.1f} s")
                if failure:
                    yield failure
    finally:
        for _, process in running.values():
            process.terminate()


def _child(job: Job, report: Connection) -> None:
    """Execute one notebook and report the tables that it read, or what failed."""
    data.read_tables.clear()
    try:
        run(job.name, job.given, job.output)
        report.send(("", sorted(data.read_tables)))
    except InputError as error:
        report.send((str(error), []))
    except Exception as error:
        report.send((f"notebooks/{job.name}.ipynb: {error!r}", []))


def _outcome(job: Job, report: Connection) -> str:
    """What a child that has ended reported: empty if its notebook is done, and then it is kept in the cache."""
    try:
        failure, tables = report.recv()
    except EOFError:
        return f"notebooks/{job.name}.ipynb: its process was ended from outside"
    if not failure:
        _remember(job, tables)
    return failure


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def publish(new: Path, old: Path) -> None:
    """Put the finished folder `new` in the place of `old`, which is gone only once `new` stands there."""
    aside = old.with_name(f".{old.name}-{uuid.uuid4().hex}")
    old.parent.mkdir(parents=True, exist_ok=True)
    if old.exists():
        old.rename(aside)
    try:
        new.rename(old)
    except OSError:
        if aside.exists():
            aside.rename(old)
        raise
    shutil.rmtree(aside, ignore_errors=True)


def write(path: Path, text: str) -> None:
    """Write a small file whole: it is there only once it is complete."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}-{uuid.uuid4().hex}")
    try:
        beside.write_text(text, "utf-8")
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)
