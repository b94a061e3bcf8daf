"""Running notebooks: papermill from clean sources into executed pages, side by side, all or nothing.

Only what changed runs again. A notebook that fails does not stop the others; what it had done is kept for inspection,
and nothing is published.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import logging
import re
import shutil
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from costlib import book, data, files, fingerprints, quotes, sheets, tracking, values, workers
from costlib.errors import InputError, near

BUILD = data.ROOT / "_build"
CACHE = BUILD / "cache" / "notebooks"  # executed notebooks, and what they rest on
SECONDS = book.NOTEBOOKS / "seconds.json"  # CPU seconds of each notebook, by make bench RECORD=1
NEVER = "it has not run before"
ENDED = "its process was ended from outside"
SHOWN = 3  # reasons named, before the rest is only counted


SCENARIOS = book.NOTEBOOKS / "scenarios"


def parameter(text: str) -> tuple[str, Any]:
    """Name and value of ``NAME=VALUE``. Raises InputError for another form."""
    name, equals, given = text.partition("=")
    if not equals or not name:
        raise InputError(f"-p {text!r} is not of the form NAME=VALUE")
    return name, values.scalar(given, f"-p {text!r}")


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
    every = ", ".join(f"{key}={each!r}" for key, each in {**book.parameters(name), **given}.items())
    told = (f"{place}: {error.ename}: {error.evalue}", *last, f"Parameters: {every}")
    return "\n".join((*told, f"The notebook up to there: {partial}"))


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
            jobs.append(Job(name, taken, output, inputs, why, _seconds(name)))
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
    """A notebook to execute: with which parameters, into what, resting on what, why, and the CPU seconds it takes."""

    name: str
    given: dict[str, Any]
    output: Path
    inputs: fingerprints.Inputs
    why: str
    seconds: float


def _why(name: str, inputs: fingerprints.Inputs) -> str:
    """Why the notebook must run; empty if what is in the cache still stands."""
    record, kept = CACHE / f"{name}.json", CACHE / f"{name}.ipynb"
    try:
        before = json.loads(record.read_text("utf-8"))
        rests_on, behind, answers, result = (before[key] for key in ("rests_on", "behind", "answers", "result"))
    except (OSError, ValueError, KeyError, TypeError):  # the latter two: another version has left it
        return NEVER
    if result != fingerprints.of_file(kept):
        return "its result in the cache is not whole"
    if changes := fingerprints.changed(rests_on, inputs):
        return f"{_first_of(changes)} changed"
    if not (changes := fingerprints.changed(behind, inputs)):
        return ""
    asked = ((tracking.Question(*question), answer) for *question, answer in answers)
    other = [f"the answer to {question}" for question, answer in asked if question.answer_now() != answer]
    return f"{_first_of(changes)} changed, and with it {_first_of(other)}" if other else ""


def _first_of(reasons: Sequence[str]) -> str:
    more = [f"{len(reasons) - SHOWN} more"] if len(reasons) > SHOWN else []
    return " and ".join([*reasons[:SHOWN], *more])


def _remember(job: Job, outcome: Attempt) -> None:
    """Keep the result, and what it rests on."""
    record = {
        "rests_on": of_read(job.inputs, outcome.tables),
        "behind": {name: job.inputs[name] for name in _files(outcome.behind)},  # if these stand, all answers do
        "answers": outcome.answers,
        "result": fingerprints.of_file(job.output),
        "seconds": round(outcome.seconds, 1),
    }
    files.write(CACHE / job.output.name, job.output.read_text("utf-8"))
    files.write(CACHE / f"{job.name}.json", json.dumps(record, indent=1))


def of_read(inputs: fingerprints.Inputs, tables: Iterable[str]) -> fingerprints.Inputs:
    """Of `inputs`, what a run rests on that read `tables`: of the tables only those."""
    read = set(_files(tables))
    return {name: digest for name, digest in inputs.items() if not name.endswith(".csv") or name in read}


def _files(tables: Iterable[str]) -> Iterator[str]:
    return (f"data/{data.package()[table].path.name}" for table in tables)


def _seconds(name: str) -> float:
    """CPU seconds that the notebook took when it last ran, here or, if it never has, where `SECONDS` was recorded."""
    for record, key in ((CACHE / f"{name}.json", "seconds"), (SECONDS, name)):
        with contextlib.suppress(OSError, ValueError, KeyError):
            return float(json.loads(record.read_text("utf-8"))[key])
    return float("inf")  # it is new: nobody knows how long it takes


@dataclass(frozen=True)
class Attempt:
    """What came of a notebook: what failed (empty: nothing), what it asked of the tables, what it said, CPU seconds.

    `tables` were read as a whole, those `behind` only for the `answers`: module, function, arguments, hash of each.
    """

    failure: str
    tables: list[str] = field(default_factory=list)
    behind: list[str] = field(default_factory=list)
    answers: list[tuple[str, str, str, str]] = field(default_factory=list)
    said: dict[str, dict[str, Any]] = field(default_factory=dict)
    seconds: float = 0.0


def attempt(name: str, given: Mapping[str, Any], output: Path) -> Attempt:
    """Execute a notebook in this process, which should do nothing else before or after."""
    began, failure = time.process_time(), ""
    try:
        run(name, given, output)
    except InputError as error:
        failure = str(error)
    except Exception as error:
        failure = f"notebooks/{name}.ipynb: {error!r}"
    said = {name: asdict(each) for name, each in book.said.items()}
    asked = tracking.noted()
    tables, behind = asked.tables, asked.behind - asked.tables
    if quotes.given():  # an answer may be theirs, and at another place not: then all rests on the tables
        tables, behind = tables | behind, set()
    answers = sorted((*each, answer) for each, answer in asked.answers.items()) if behind else []
    return Attempt(failure, sorted(tables), sorted(behind), answers, said, time.process_time() - began)


def _work_off(jobs: Sequence[Job]) -> Iterator[str]:
    """Execute `jobs` side by side, the longest first. Yields what failed, in words."""
    began = time.perf_counter()
    longest_first = sorted(jobs, key=lambda job: -job.seconds)
    modules = {name for job in jobs for name in job.inputs if name.endswith(".py")}
    done = workers.results(lambda job: attempt(job.name, job.given, job.output), longest_first, modules)
    for count, (job, outcome) in enumerate(done, 1):
        failure = outcome.failure if outcome else f"notebooks/{job.name}.ipynb: {ENDED}"
        state = "failed" if failure else "done"
        _tell(f"  {count}/{len(jobs)} {job.name} {state}, {time.perf_counter() - began:.1f} s")
        if failure:
            yield failure
        else:
            _remember(job, outcome)


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
