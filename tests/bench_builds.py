"""How long builds take, as shares of plain `jupyter-book build` that executes the same notebooks, all in one run.

The baseline is a copy of the project with clean notebooks in the place of executed ones, ``execute_notebooks: force``,
and without `book/_ext/faster.py`. Ours are, in another copy: a clean build, a rebuild after one price has changed, and
one with nothing changed. CPU seconds count all processes of a build; they say what a busy machine hides.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat

from costlib import machine
from tests.conftest import COMMAND, ROOT, Project

GOALS = {"clean build": "0.4", "one price changed": "0.2", "nothing changed": "2 s"}
PRICE = ("api_token_prices", "usd_per_million_tokens")


def seconds(command: list[str], project: Project) -> tuple[float, float]:
    """Wall and CPU seconds of a command in `project`. RuntimeError, with the end of what it said, if it fails."""
    env = {**os.environ, "PYTHONPATH": str(project.path), "PYTHONHASHSEED": "0"}
    used, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, cwd=project.path, env=env, capture_output=True, text=True)
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{(done.stdout + done.stderr)[-2000:]}")
    return wall, after.ru_utime + after.ru_stime - used.ru_utime - used.ru_stime


def plain(project: Project, generated: Path) -> tuple[float, float]:
    """Seconds of plain jupyter-book, which finds the pages that are generated in the folder `generated`."""
    executed = project.path / "book" / "executed"
    shutil.rmtree(executed, ignore_errors=True)
    executed.mkdir()
    for path in sorted((project.path / "notebooks").glob("*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        if path.stem == "your_machine":  # as in our builds it shows what is recorded, and measures nothing
            cell = next(cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", ()))
            cell.source = cell.source.replace('machine_name = "this"', f"machine_name = {machine.PUBLISHED!r}")
        nbformat.write(notebook, executed / path.name)
    for path in generated.glob("*.md"):
        shutil.copy(path, executed)
    project.replace("_config.yml", 'execute_notebooks: "off"', "execute_notebooks: force\n  timeout: -1")
    project.replace("_config.yml", "    faster: book/_ext\n", "")
    program = str(Path(sys.executable).parent / "jupyter-book")
    return seconds([program, "build", ".", "--keep-going"], project)


def change_a_price(project: Project) -> str:
    """Make the newest price in the table of token prices a tenth higher. Returns its key."""
    path = project.path / "data" / f"{PRICE[0]}.csv"
    head, *rows = path.read_text("utf-8").splitlines()
    place = head.split(",").index(PRICE[1])
    dated = head.split(",").index("date")
    newest = max(range(len(rows)), key=lambda index: rows[index].split(",")[dated])
    cells = rows[newest].split(",")
    cells[place] = f"{float(cells[place]) * 1.1:.6g}"
    rows[newest] = ",".join(cells)
    path.write_text("\n".join([head, *rows]) + "\n", "utf-8")
    return "|".join(cells[:3])


def notebook_seconds(project: Project) -> dict[str, float]:
    """CPU seconds of each notebook in the build that was made last."""
    records = sorted((project.path / "_build" / "cache" / "notebooks").glob("*.json"))
    return {path.stem: json.loads(path.read_text("utf-8"))["seconds"] for path in records}


def main(record: bool) -> None:
    """Measure, print a table, and with `record` note how long each notebook takes, which orders them from then on."""
    build = [sys.executable, "-c", COMMAND, "build"]
    with tempfile.TemporaryDirectory() as folder:
        ours, theirs = Project(Path(folder) / "ours"), Project(Path(folder) / "theirs")
        shutil.rmtree(ours.path / "_build", ignore_errors=True)
        rows = {"clean build": seconds(build, ours)}
        baseline = plain(theirs, ours.path / "book" / "executed")
        each = notebook_seconds(ours)
        change_a_price(ours)
        rows["one price changed"] = seconds(build, ours)
        rows["nothing changed"] = seconds(build, ours)
    print(f"plain jupyter-book build, {len(each)} notebooks: {baseline[0]:.0f} s, {baseline[1]:.0f} s of CPU")
    for name, (wall, used) in rows.items():
        print(
            f"  {name:20} {wall:7.1f} s, {wall / baseline[0]:.2f} of its time (goal: {GOALS[name]}); "
            f"{used:6.1f} s of CPU, {used / baseline[1]:.2f} of its"
        )
    if record:
        (ROOT / "notebooks" / "seconds.json").write_text(json.dumps(each, indent=1) + "\n", "utf-8")
