"""Many scenarios at once: a compiled chain over long arrays, in blocks that fit the cache, on all cores."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from costlib.equations import Chain, Values

BLOCK = 8192  # numbers per array and block: a dozen such arrays stay in the second-level cache


def run(chain: Chain, values: Values, workers: int | None = None) -> tuple[np.ndarray, ...]:
    """The targets of `chain` for arrays of scenarios: each value a scalar or an array of one common length n.

    Returns one array of n numbers per target. Works in blocks, on `workers` threads (default: all cores).
    """
    given = [np.asarray(values[name], dtype=float) for name in chain.inputs]
    length = max((each.shape[0] for each in given if each.ndim), default=1)
    results = tuple(np.empty(length) for _ in chain.targets)

    def block(start: int) -> None:
        stop = min(start + BLOCK, length)
        with np.errstate(divide="ignore", invalid="ignore"):
            found = chain.function(*(each[start:stop] if each.ndim else each for each in given))
        for result, part in zip(results, found, strict=True):
            result[start:stop] = part

    with ThreadPoolExecutor(workers or os.cpu_count()) as pool:
        for _ in pool.map(block, range(0, length, BLOCK)):
            pass
    return results


def grid(**axes: Any) -> dict[str, np.ndarray]:
    """All combinations of the axes as flat arrays, the last axis running fastest."""
    meshed = np.meshgrid(*(np.asarray(each, dtype=float) for each in axes.values()), indexing="ij")
    return {name: each.ravel() for name, each in zip(axes, meshed, strict=True)}
