"""Running notebooks: papermill from clean sources into executed pages, side by side, all or nothing.

A notebook that fails does not stop the others; what it had done is kept for inspection, and nothing is published.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
import sys
import time
import uuid
from collections.abc import Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import yaml

from costlib import book, data
from costlib.errors import InputError, near

BUILD = data.ROOT / "_build"
EXECUTED = data.ROOT / "book" / "executed"


SCENARIOS = book.NOTEBOOKS / "scenarios"


def plain(value: Any) -> Any:
    """`value` as YAML reads it, but for numbers such as 1e9, which YAML takes for words."""
    exponential = isinstance(value, str) and re.fullmatch(r"[+-]?\d+(\.\d*)?[eE][+-]?\d+", value)
    return float(value) if exponential else value


def scenario(name: str) -> dict[str, Any]:
    """The parameters in `notebooks/scenarios/<name>.yml`.

    Raises InputError for an unknown scenario, one that is not a list of values by name, or one that sets a parameter
    that no notebook has.
    """
    names = sorted(path.stem for path in SCENARIOS.glob("*.yml"))
    if name not in names:
        raise InputError(f"there is no notebooks/scenarios/{name}.yml{near(name, names)}; known: {', '.join(names)}")
    try:
        given = yaml.safe_load((SCENARIOS / f"{name}.yml").read_text("utf-8"))
    except yaml.YAMLError as error:
        raise InputError(f"notebooks/scenarios/{name}.yml cannot be read: {error}") from error
    if not isinstance(given, dict):
        raise InputError(f"notebooks/scenarios/{name}.yml must give values by name")
    known = {parameter for notebook in book.notebooks() for parameter in book.parameters(notebook)}
    for parameter in given:
        if parameter not in known:
            raise InputError(
                f"notebooks/scenarios/{name}.yml: no notebook has {parameter!r}{near(str(parameter), known)}"
            )
    return {parameter: plain(value) for parameter, value in given.items()}


def run(name: str, given: Mapping[str, Any], output: Path, progress: bool = False) -> None:
    """Execute one notebook with the parameters `given` into `output`.

    Raises InputError for a wrong parameter or for a cell that fails, naming notebook, cell and parameters; the partial
    notebook is then beside `output`, ending in ``.failed.ipynb``.
    """
    import nbformat
    import papermill

    book.check_parameters(name, given)
    partial = output.with_suffix(".failed.ipynb")
    output.parent.mkdir(parents=True, exist_ok=True)
    logging.getLogger("papermill").setLevel(logging.ERROR)
    try:
        papermill.execute_notebook(
            book.NOTEBOOKS / f"{name}.ipynb", partial, parameters=dict(given), kernel_name="python3", language="python",
            cwd=data.ROOT, progress_bar=progress, log_output=False,
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


def run_all(names: Iterable[str], folder: Path, given: Mapping[str, Any]) -> list[str]:
    """Execute the notebooks `names` into `folder`, on all cores, showing progress. Returns what failed, in words.

    Each notebook takes those of the parameters `given` that it declares.
    """
    failures, names, began = [], list(names), time.perf_counter()
    with ProcessPoolExecutor(min(len(names), os.cpu_count() or 1)) as pool:
        jobs = {}
        for name in names:
            taken = {key: value for key, value in given.items() if key in book.parameters(name)}
            jobs[pool.submit(run, name, taken, folder / f"{name}.ipynb")] = name
        for done, job in enumerate(as_completed(jobs), 1):
            error = job.exception()
            if error is not None:
                failures.append(
                    str(error) if isinstance(error, InputError) else f"notebooks/{jobs[job]}.ipynb: {error!r}"
                )
            state = "failed" if error is not None else "done"
            print(
                f"  {done}/{len(names)} {jobs[job]} {state}, {time.perf_counter() - began:.1f} s",
                file=sys.stderr,
                flush=True,
            )
    return failures


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
