"""Points of a grid on a Dask cluster: each in a Python of its own beside the worker, with the project that is there.

A worker must have this project in the same state. It compares the hashes of everything that a point rests on with ours
and refuses the point if one differs, so that a cluster never computes with other prices or other code.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from costlib import data, execute, fingerprints, quotes
from costlib.errors import InputError

ANSWERS_WITHIN = 10  # seconds


def results(address: str, points: Sequence[Any], inputs: fingerprints.Inputs) -> Iterator[tuple[Any, execute.Attempt]]:
    """What came of each of `points` (`grid.Point`), as they are done on the cluster whose scheduler is at `address`.

    Raises InputError when no scheduler answers there, or when it goes away.
    """
    from dask.distributed import as_completed  # it takes a while to load

    with _client(address) as client:
        if not client.scheduler_info()["workers"]:
            raise InputError(f"the Dask scheduler at {address} has no workers: dask worker {address} starts one")
        tasks = [_task(point, inputs) for point in points]
        futures = client.map(_on_worker, tasks, pure=False, retries=1)
        of_future = dict(zip(futures, points, strict=True))
        for future in as_completed(futures):
            yield of_future[future], _outcome(future, address)


def _client(address: str) -> Any:
    from dask.distributed import Client

    if not re.fullmatch(r"(tcp|tls)://[^:/\s]+:\d+", address):
        raise InputError(f"--scheduler {address!r} is not of the form tcp://HOST:PORT or tls://HOST:PORT")
    try:
        return Client(address, timeout=ANSWERS_WITHIN)
    except (OSError, TimeoutError) as error:
        raise InputError(f"no Dask scheduler answers at {address}: dask scheduler starts one") from error


def _task(point: Any, inputs: fingerprints.Inputs) -> dict[str, Any]:
    own = Path(os.environ.get(fingerprints.QUOTES) or "")
    text = own.read_text("utf-8-sig") if quotes.given() else ""
    return {"name": point.notebook, "given": point.given, "inputs": inputs, "quotes": [own.name, text]}


def _outcome(future: Any, address: str) -> execute.Attempt:
    if future.cancelled():
        raise InputError(f"the Dask scheduler at {address} went away; the same command goes on from here")
    error = future.exception()
    if error is not None:
        return execute.Attempt(f"the worker failed: {error!r}")
    return execute.Attempt(**future.result())


def _on_worker(task: dict[str, Any]) -> dict[str, Any]:
    """Execute one point in a process of its own beside this worker, where this runs: a notebook may change anything."""
    with tempfile.TemporaryDirectory() as folder:
        env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(data.ROOT), os.environ.get("PYTHONPATH", "")])}
        name, text = task["quotes"]
        env[fingerprints.QUOTES] = str(Path(folder, name)) if name else ""
        if name:
            Path(folder, name).write_text(text, "utf-8")
        done = subprocess.run(
            [sys.executable, "-c", "from costlib import cluster; cluster.answer()", folder],
            input=json.dumps(task), env=env, cwd=data.ROOT, capture_output=True, text=True,
        )  # fmt: skip
    if done.returncode:
        return asdict(execute.Attempt(f"{execute.ENDED} with {done.returncode}: {done.stderr.strip()[-500:]}"))
    return json.loads(done.stdout)


def answer() -> None:
    """Execute the point that stands on stdin as `_on_worker` wrote it, and write what came of it to stdout."""
    task = json.load(sys.stdin)
    own = fingerprints.notebook(task["name"], {})
    others = sorted(name for name in {*own, *task["inputs"]} if own.get(name) != task["inputs"].get(name))
    if others:
        found = execute.Attempt(f"the worker's project is not this one: it has another {', '.join(others[:3])}")
    else:
        found = execute.attempt(task["name"], task["given"], Path(sys.argv[1]) / "point.ipynb")
    print(json.dumps(asdict(found)))
