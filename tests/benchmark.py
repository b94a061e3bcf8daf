"""How fast the compiled equations are, and the pricing of a usage log, as ratios to baselines of the same run.

Run with `make bench`. Builds of the book are measured by `tests/bench_builds.py`, against plain jupyter-book. The
baselines of the equations are a scalar Python loop over the same equations, and the time to copy the chain's inputs and
outputs in memory on as many threads, which no computation that reads and writes them can undercut. A Sobol run of a
million evaluations (indices with intervals, models and GPUs drawn) is measured against the evaluations alone, and
against SALib's sampling and analysis of as many, which evaluate nothing. The baseline of the log is the least that
plain Python does with the same file.
"""

from __future__ import annotations

import contextlib
import csv
import io
import os
import platform
import re
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
from SALib.analyze import sobol as salib_analysis
from SALib.sample import sobol as salib_sample

from costlib import drivers, economics, sensitivity, sweep, usage
from tests import bench_builds

SCENARIOS = 4_000_000
LOOPED = 2_000
TARGETS = ("self_usd_per_token", "output_token_seconds")

# What a sweep over deployments varies; the shape of the model and the assumptions stay those of one case.
VARIED = {
    "batch": (1, 512), "input_tokens": (100, 16_000), "output_tokens": (50, 2_000), "n_gpus": (1, 16),
    "peak_flops_per_second": (1e14, 2.5e15), "memory_bytes_per_second": (3e11, 8e12),
    "bytes_per_parameter": (0.5, 2), "usd_per_gpu_second": (3e-4, 3e-3), "demand_tokens_per_second": (1e2, 1e6),
}  # fmt: skip


def best(function: Callable[[], object], repeats: int = 5) -> float:
    """The least time of several runs, in seconds."""
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        function()
        times.append(time.perf_counter() - began)
    return min(times)


def copy_all(arrays: list[np.ndarray], into: list[np.ndarray]) -> None:
    """Copy arrays block by block on all cores, as a sweep reads and writes them."""
    starts = range(0, len(arrays[0]), sweep.BLOCK)

    def block(start: int) -> None:
        for source, target in zip(arrays, into, strict=True):
            target[start : start + sweep.BLOCK] = source[start : start + sweep.BLOCK]

    with ThreadPoolExecutor() as pool:
        list(pool.map(block, starts))


def analyze() -> None:
    """Measure a Sobol run of more than a million evaluations for a host, and print its rows."""
    count, study = 2**16, drivers.host()
    inputs = len(study.inputs)

    def ours() -> None:
        found = sensitivity.sobol(study, study.groups, count)
        found.first.interval()
        found.total.interval()

    def theirs() -> None:
        problem = {"num_vars": inputs, "names": study.labels, "bounds": [[0, 1]] * inputs}
        points = salib_sample.sample(problem, count, calc_second_order=False)
        resampled = {"calc_second_order": False, "num_resamples": sensitivity.RESAMPLES}
        salib_analysis.analyze(problem, points.sum(axis=1), **resampled)

    points = sensitivity.points(sum(study.groups), count)
    taken, alone = best(ours, repeats=2), best(lambda: study(points), repeats=2) * (inputs + 2)
    evaluations, ratio = count * (inputs + 2), taken / alone
    print(f"Sobol run             {evaluations:,d} evaluations in {taken:.1f} s, {ratio:.2f} times theirs alone")
    print(f"SALib around them     takes {best(theirs, repeats=1) / taken:.1f} times as long without any evaluation")


ROWS = 1_000_000  # of a usage log


def usage_log(path: Path) -> None:
    """Write a usage log of `ROWS` requests as CSV."""
    random = np.random.default_rng(0)
    seconds = np.sort(random.integers(0, 120 * 86_400, ROWS))
    pd.DataFrame({
        "startTimeUnixNano": pd.Timestamp("2026-06-01").value + seconds * 10**9,
        "spanId": np.arange(ROWS),
        "gen_ai.provider.name": "openai",
        "gen_ai.response.model": "gpt-4.1",
        "gen_ai.usage.input_tokens": random.integers(1, 5_000, ROWS),
        "gen_ai.usage.output_tokens": random.integers(1, 500, ROWS),
        "user.id": random.integers(0, 5_000, ROWS),
    }).to_csv(path, index=False)  # fmt: skip


def summed(path: Path) -> dict[str, int]:
    """The least that pricing takes in plain Python: one price, no checks, costs by user."""
    costs: dict[str, int] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            cost = (
                int(row["gen_ai.usage.input_tokens"]) * 2_000_000 + int(row["gen_ai.usage.output_tokens"]) * 8_000_000
            )
            costs[row["user.id"]] = costs.get(row["user.id"], 0) + cost
    return costs


def priced() -> tuple[float, float]:
    """Seconds to read, check and price a log and sum it by user; and those of a plain loop without checks."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log.csv"
        usage_log(path)
        checked = best(lambda: usage.read(path).by("user"), repeats=2)
        return checked, best(lambda: summed(path), repeats=2)


def compiled() -> None:
    """Measure the compiled equations and what is computed with them."""
    random = np.random.default_rng(0)
    lengths = {"input_tokens": 2000, "output_tokens": 500}
    demand = {"demand_tokens_per_second": 1e4}
    equations, values = economics.hosted("llama_3_3_70b", "h100_sxm_80gb", n_gpus=4, batch=32, **lengths, **demand)
    given = [*VARIED, "total_parameters", "layer_parameters", "table_parameters"]
    fixed = equations.evaluate(values)
    drawn = {name: random.uniform(low, high, SCENARIOS) for name, (low, high) in VARIED.items()}
    chain = equations.compile(*TARGETS, given=given)
    scenarios = {name: drawn.get(name, fixed.get(name)) for name in chain.inputs}
    arrays = [each for each in scenarios.values() if np.ndim(each)]

    swept = best(lambda: sweep.run(chain, scenarios))
    buffers = [np.empty(SCENARIOS) for _ in range(len(arrays) + len(TARGETS))]
    copied = best(lambda: copy_all([*arrays, *buffers[: len(TARGETS)]], buffers))
    rows = [{name: np.broadcast_to(each, SCENARIOS)[i] for name, each in scenarios.items()} for i in range(LOOPED)]
    looped = best(lambda: [equations.evaluate(row, *TARGETS) for row in rows], repeats=1) / LOOPED

    rate, copies, single = SCENARIOS / swept / 1e6, SCENARIOS / copied / 1e6, 1 / looped / 1e6
    steps = chain.source.count(" = ")
    print(f"chain: {steps} lines, {len(arrays)} arrays in, {len(TARGETS)} out, {SCENARIOS:,} scenarios")
    print(f"compiled, all cores   {rate:8.1f} million scenarios per second")
    print(f"scalar Python loop    {single:8.4f} million; the compiled chain is {rate / single:,.0f} times as fast")
    print(f"copying ins and outs  {copies:8.1f} million; the compiled chain takes {copies / rate:.1f} times as long")
    analyze()
    checked, plain = priced()
    print(f"usage log, {ROWS:,} rows of CSV, checked and priced: {checked:.1f} s, {checked / plain:.2f} times the")
    print(f"time of a plain loop over the same file with one price and no checks, {plain:.1f} s")
    configurations(copied / SCENARIOS)


CONFIGURATIONS = 1_000_000


def configurations(copied: float) -> None:
    """The serving model at a million configurations: latencies, throughput and what fits in memory.

    `copied` is the time to copy one scenario, measured just before, which the result is a multiple of.
    """
    random = np.random.default_rng(0)
    equations, values = economics.served(
        "llama_3_3_70b", "h100_sxm_80gb", n_gpus=4, batch=32, input_tokens=2000, output_tokens=500
    )
    varied = {
        "batch": (1, 512), "input_tokens": (100, 16_000), "output_tokens": (50, 2_000), "n_gpus": (1, 16),
        "peak_flops_per_second": (1e14, 2.5e15), "memory_bytes_per_second": (3e11, 8e12),
        "bytes_per_parameter": (0.5, 2), "weight_bandwidth_efficiency": (0.3, 1),
        "prefill_compute_efficiency": (0.2, 0.8), "layer_seconds": (1e-6, 1e-4),
    }  # fmt: skip
    targets = ("time_to_first_token", "output_token_seconds", "replica_output_tokens_per_second", "cache_sequences")
    shape = equations.independent(*targets, of=varied)
    fixed = equations.evaluate(values, *shape)
    chain = equations.compile(*targets, given=[*varied, *shape])
    drawn = {name: random.uniform(low, high, CONFIGURATIONS) for name, (low, high) in varied.items()}
    scenarios = {name: drawn.get(name, fixed.get(name)) for name in chain.inputs}
    took = best(lambda: sweep.run(chain, scenarios))
    print(
        f"a million configurations served: {took:.2f} s on all cores,"
        f" {took / (copied * CONFIGURATIONS):.0f} times as long as copying a scenario above"
    )


def where() -> str:
    """The day and the machine, as far as they say what the figures mean."""
    named = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text("utf-8"))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{date.today()}; {os.cpu_count()} cores of {named[1] if named else platform.machine()}, {memory:.0f} GiB; "
        f"Python {sys.version.split()[0]}, numpy {np.__version__}; "
        f"{os.getloadavg()[2]:.1f} processes waited for a core in the quarter of an hour before"
    )


RECORD = Path(__file__).resolve().parents[1] / "book" / "benchmarks.md"
HEAD = """# Benchmarks

What `make bench RECORD=1` printed. Ratios are to baselines measured in the same run; `tests/benchmark.py` and
`tests/bench_builds.py` say what these are. No test depends on a time.

```text
"""


def main(record: bool, only_builds: bool) -> None:
    """Measure and print; with `record` keep it in the repository."""
    told = io.StringIO()
    with contextlib.redirect_stdout(told) if record else contextlib.nullcontext():
        print(where())
        bench_builds.main(record)
        if not only_builds:
            compiled()
    if record:
        RECORD.write_text(f"{HEAD}{told.getvalue()}```\n", "utf-8")
        print(told.getvalue(), end="")


if __name__ == "__main__":
    main("--record" in sys.argv, "--builds" in sys.argv)
