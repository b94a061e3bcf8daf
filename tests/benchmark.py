"""How fast the compiled equations are: scenarios per second, as ratios to two baselines of the same run.

Run with `make bench`. The baselines are a scalar Python loop over the same equations, and the time to copy the chain's
inputs and outputs in memory on as many threads, which no computation that reads and writes them can undercut.
"""

from __future__ import annotations

import platform
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date

import numpy as np

from costlib import economics, sweep

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


def main() -> None:
    """Measure, and print one table."""
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
    print(f"{date.today()}, {platform.machine()}, Python {sys.version.split()[0]}, numpy {np.__version__}")
    print(f"chain: {steps} lines, {len(arrays)} arrays in, {len(TARGETS)} out, {SCENARIOS:,} scenarios")
    print(f"compiled, all cores   {rate:8.1f} million scenarios per second")
    print(f"scalar Python loop    {single:8.4f} million; the compiled chain is {rate / single:,.0f} times as fast")
    print(f"copying ins and outs  {copies:8.1f} million; the compiled chain takes {copies / rate:.1f} times as long")
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


if __name__ == "__main__":
    main()
