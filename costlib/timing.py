"""Timing a computer: its memory, its matrix products, and the steps of a small transformer.

Every measurement is the least time of several: what disturbs a computer only ever slows it down. They are taken in
rounds, everything once in each, so that a disturbance spoils a round and not a measurement.
"""

from __future__ import annotations

import os
import platform
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from costlib.errors import InputError
from costlib.transformer import Arrays, Meter, Transformer

BATCHES = tuple(2**power for power in range(9))
SQUARES = (512, 1024, 2048, 4096)  # widths of the square matrices that the arithmetic is measured on
COLUMNS = 1024  # of the matrices that the bandwidth is measured on
SMALLEST_BYTES = 2**20  # of the matrices that show the caches
LEAST_SECONDS = 0.05  # that a measurement takes in one round


def measure(
    arrays: Arrays,
    sizes: Mapping[str, float],
    rounds: int,
    batches: Sequence[int] = BATCHES,
    squares: Sequence[int] = SQUARES,
) -> pd.DataFrame:
    """Time everything, a transformer of the shape `sizes` included, saying on stderr how far it is.

    By kind of measurement and its size (as `data/datapackage.yaml` describes them): `seconds` in the best round, and
    `median_seconds` of all.
    """
    if isinstance(rounds, bool) or not isinstance(rounds, int) or rounds < 1:
        raise InputError(f"rounds = {rounds!r} is not allowed: it must be a whole number above 0")
    model, began = Transformer(sizes, arrays), time.perf_counter()
    found: dict[tuple[str, int], list[float]] = defaultdict(list)
    for done in range(rounds):
        for name, size, seconds in _one_round(arrays, model, batches, squares):
            found[name, size].append(seconds)
        told = f"measured {done + 1} of {rounds} rounds, {time.perf_counter() - began:.0f} s"
        print(told, file=sys.stderr, flush=True)
    places = pd.MultiIndex.from_tuples(found, names=["measurement", "size"])
    columns = {"seconds": map(min, found.values()), "median_seconds": map(statistics.median, found.values())}
    return pd.DataFrame({name: list(values) for name, values in columns.items()}, places)


def _one_round(
    arrays: Arrays, model: Transformer, batches: Sequence[int], squares: Sequence[int]
) -> Iterator[tuple[str, int, float]]:
    """Everything once: kind, size and seconds of each measurement."""
    yield from _reads(arrays, model, batches)
    for width in squares:
        one, other = (arrays.put(np.full((width, width), 0.5, np.float32)) for _ in range(2))
        yield "gemm", width, _least(arrays, lambda one=one, other=other: one @ other)
    for batch in batches:
        yield from _decode(arrays, model, batch)
        yield "prefill", batch, _prefill(arrays, model, batch)


def _least(arrays: Arrays, call: Callable[[], object]) -> float:
    """The least seconds of a call, repeated until some time has passed."""
    times: list[float] = []
    while sum(times) < LEAST_SECONDS:
        began = arrays.clock()
        call()
        times.append(arrays.clock() - began)
    return min(times)


def _reads(arrays: Arrays, model: Transformer, batches: Sequence[int]) -> Iterator[tuple[str, int, float]]:
    """An array as large as the weights: read, copied, in parts from small to whole multiplied with a vector, and cut
    into matrices of the shape of the model's own multiplied with as many rows as a batch has.
    """
    most_bytes = sum(each.nbytes for each in model.weights())
    whole = arrays.put(np.full((most_bytes // (4 * COLUMNS), COLUMNS), 0.5, np.float32))
    vector = whole[0]
    with ThreadPoolExecutor(cores() if arrays.xp is np else 1) as pool:
        parts = np.array_split(whole, cores()) if arrays.xp is np else [whole]
        yield "sum", whole.nbytes, _least(arrays, lambda: list(pool.map(arrays.xp.sum, parts)))
    yield "copy", whole.nbytes, _copy(arrays, whole)
    sizes = [*(SMALLEST_BYTES * 2**power for power in range(40)), most_bytes]
    for size in (each for each in sizes if each <= most_bytes):
        matrix = whole[: size // (4 * COLUMNS)]
        yield "matvec", matrix.nbytes, _least(arrays, lambda matrix=matrix: matrix @ vector)
    width, inner = model.sizes["hidden_dim"], model.sizes["dense_ffn_dim"]
    matrices = whole.reshape(-1)[: thin_parameters(model.sizes, whole.nbytes)].reshape(-1, width, inner)
    for batch in batches:
        rows = arrays.put(np.full((batch, width), 0.5, np.float32))
        yield "thin", batch, _least(arrays, lambda rows=rows: [rows @ each for each in matrices])


def _copy(arrays: Arrays, whole: Any) -> float:
    into = whole + 1  # written once, so that its memory is there

    def copy() -> None:
        into[:] = whole

    return _least(arrays, copy)


def thin_parameters(sizes: Mapping[str, float], read_bytes: float) -> int:
    """Numbers in the whole matrices of the feed-forward network's shape that `read_bytes` of 4-byte numbers hold."""
    one = sizes["hidden_dim"] * sizes["dense_ffn_dim"]
    return int(read_bytes // (4 * one) * one)


def _decode(arrays: Arrays, model: Transformer, batch: int) -> Iterator[tuple[str, int, float]]:
    """One step of `batch` sequences with a full cache: alone, and once more with its parts timed."""
    context = model.sizes["context_tokens"]
    tokens, cache = np.zeros((batch, 1), int), model.cache(batch, context)
    yield "decode", batch, _least(arrays, lambda: model(tokens, cache, context - 1))
    model.meter = Meter()
    model(tokens, cache, context - 1)
    for part, seconds in model.meter.seconds.items():
        yield f"decode_{part}", batch, seconds
    model.meter = None


def _prefill(arrays: Arrays, model: Transformer, batch: int) -> float:
    length = model.sizes["input_tokens"]
    tokens, cache = np.zeros((batch, length), int), model.cache(batch, length)
    return _least(arrays, lambda: model(tokens, cache))


# --- which machine ---------------------------------------------------------------------------------------------------


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def describe(arrays: Arrays) -> dict[str, Any]:
    """Processor, cores, library, size of the last cache (megabytes, None where it is not told), and today's date."""
    if arrays.device == "cuda":
        about = arrays.xp.cuda.get_device_properties(0)
        processor, cache = about.name, about.L2_cache_size
    else:
        processor, cache = _processor(), _last_cache_bytes()
    return {
        "processor": processor, "cores": cores(), "library": _library(arrays),
        "cache_megabytes": cache and cache / 1e6, "date": date.today().isoformat(),
    }  # fmt: skip


def _processor() -> str:
    listed = Path("/proc/cpuinfo")
    lines = listed.read_text("utf-8").splitlines() if listed.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _last_cache_bytes(folder: Path = Path("/sys/devices/system/cpu/cpu0/cache")) -> int | None:
    """What Linux says of the largest cache; other systems do not say."""
    found = [path.read_text("utf-8").strip() for path in folder.glob("index*/size")]
    return max((int(size.removesuffix("K")) * 1024 for size in found), default=None)


def _library(arrays: Arrays) -> str:
    if arrays.xp is not np:
        return f"PyTorch {arrays.xp.__version__}"
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return f"NumPy {np.__version__} with {blas['name']} {blas['version']}"
