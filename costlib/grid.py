"""Grids: a notebook executed with every combination of some parameters, and what it says as one table and one figure.

Each finished point is kept at once with the hashes of what it rests on, so that a grid that is stopped goes on where it
was, and a changed notebook, table or module runs again what rests on it.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from costlib import axes, cluster, execute, files, fingerprints, plots, quotes, sheets, workers
from costlib.outcome import Grid, Point


def run(notebook: str, given: Sequence[str], folder: Path | None, scheduler: str | None, shown: Sequence[str]) -> Grid:
    """Execute a grid, here or on the Dask cluster at `scheduler`, and write its table and figure into `folder`.

    `given` are the arguments ``NAME=VALUES``, `shown` the results that the figure shows, by default those of the
    notebook's takeaway. Raises InputError for arguments that are not allowed; points that fail do not stop the others.
    """
    chosen = axes.read(notebook, given)
    quotes.given()  # a mistake in them stops here
    folder = (folder or execute.BUILD / "grids" / notebook).resolve()
    shutil.rmtree(folder / "failed", ignore_errors=True)
    points = [
        Point(notebook, each, folder / "failed" / f"{number:04d}.ipynb")
        for number, each in enumerate(axes.points(chosen), 1)
    ]
    inputs = fingerprints.notebook(notebook, {})
    before = {index: _before(point, inputs) for index, point in enumerate(points)}
    said = {index: found for index, found in before.items() if found is not None}
    waiting = [point for index, point in enumerate(points) if index not in said]
    _tell(f"{len(points)} points, {len(said)} of them done before")
    failures = {}
    for point, outcome in _work_off(waiting, inputs, scheduler):
        if outcome.failure:
            failures[points.index(point)] = outcome.failure
        else:
            said[points.index(point)] = outcome.said
    grid = Grid(notebook, chosen, points, said, failures, folder)
    _write(grid, shown)
    return grid


def _before(point: Point, inputs: fingerprints.Inputs) -> dict[str, Any] | None:
    """What the point said when it was last run, if that still stands."""
    try:
        record = json.loads(point.kept.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return None if fingerprints.changed(record["inputs"], inputs) else record["said"]


def _work_off(
    points: Sequence[Point], inputs: fingerprints.Inputs, scheduler: str | None
) -> Iterator[tuple[Point, execute.Attempt]]:
    """Execute points and keep what they say, telling how far it is."""
    began = time.perf_counter()
    found = cluster.results(scheduler, points, inputs) if scheduler else _here(points, inputs)
    for count, (point, outcome) in enumerate(found, 1):
        if not outcome.failure:
            rests_on = execute.of_read(inputs, {*outcome.tables, *outcome.behind})
            files.write(point.kept, json.dumps({"inputs": rests_on, "said": outcome.said}))
            point.output.unlink(missing_ok=True)
        state = "failed" if outcome.failure else "done"
        _tell(f"  {count}/{len(points)} {point} {state}, {time.perf_counter() - began:.1f} s")
        yield point, outcome


def _attempt(point: Point) -> execute.Attempt:
    return execute.attempt(point.notebook, point.given, point.output)


def _here(points: Sequence[Point], inputs: fingerprints.Inputs) -> Iterator[tuple[Point, execute.Attempt]]:
    """Execute points in processes of this machine."""
    modules = [name for name in inputs if name.endswith(".py")]
    for point, outcome in workers.results(_attempt, points, modules):
        yield point, outcome or execute.Attempt(f"{execute.ENDED}, with {point.given}")


def _write(grid: Grid, shown: Sequence[str]) -> None:
    """Write ``grid.csv`` and, if there is something to draw, ``grid.svg``."""
    safe = grid.table().map(lambda each: sheets.harmless(each) if isinstance(each, str) else each)
    files.write(grid.folder / "grid.csv", safe.to_csv(index=False, lineterminator="\n"))
    (grid.folder / "grid.svg").unlink(missing_ok=True)
    try:
        files.write(grid.folder / "grid.svg", plots.drawn(grid, shown))
    except plots.NothingToDrawError as reason:
        _tell(f"no figure: {reason}")


def written(grid: Grid) -> list[Path]:
    """The files that a grid has."""
    return [path for path in (grid.folder / "grid.csv", grid.folder / "grid.svg") if path.exists()]


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
