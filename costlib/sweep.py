"""Many scenarios at once: a compiled chain over long arrays, in blocks that fit the cache, on all cores.

Arrays too large for one machine come as Dask arrays; the same call then gives Dask arrays, computed where Dask says.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from costlib.equations import Chain, Values

BLOCK = 8192  # numbers per array and block: a dozen such arrays stay in the second-level cache


def run(chain: Chain, values: Values, workers: int | None = None) -> tuple[Any, ...]:
    """The targets of `chain` for arrays of scenarios: each value a scalar or an array of one common length n.

    Returns one array of n numbers per target. Works in blocks, on `workers` threads (default: all cores). Where any
    value is a Dask array the results are Dask arrays, not computed yet, in the chunks that Dask aligns the values to.
    """
    if any(hasattr(values[name], "__dask_graph__") for name in chain.inputs):
        return _lazily(chain, values)
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


def _lazily(chain: Chain, values: Values) -> tuple[Any, ...]:
    """The targets as Dask arrays: each task runs the chain over one chunk of every array, on one thread."""
    import dask.array as da  # loads much, and few sweeps need it

    arrays = {name: values[name] for name in chain.inputs if np.ndim(values[name])}
    scalars = {name: float(values[name]) for name in chain.inputs if name not in arrays}
    parts = [each for array in arrays.values() for each in (da.asarray(array), "i")]
    options = {"chain": chain, "names": tuple(arrays), "scalars": scalars}
    found = da.blockwise(
        _chunk, "ti", *parts, new_axes={"t": len(chain.targets)}, dtype=float, meta=np.empty((0, 0)), **options
    )
    return tuple(found[place] for place in range(len(chain.targets)))


def _chunk(*parts: np.ndarray, chain: Chain, names: tuple[str, ...], scalars: dict[str, float]) -> np.ndarray:
    return np.stack(run(chain, {**scalars, **dict(zip(names, parts, strict=True))}, workers=1))


def grid(**axes: Any) -> dict[str, np.ndarray]:
    """All combinations of the axes as flat arrays, the last axis running fastest."""
    meshed = np.meshgrid(*(np.asarray(each, dtype=float) for each in axes.values()), indexing="ij")
    return {name: each.ravel() for name, each in zip(axes, meshed, strict=True)}
