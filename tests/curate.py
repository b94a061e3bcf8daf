"""How data/measurements.csv was chosen from a wider table: by design, never by how well a row is predicted.

Rows are sampled within cells of one source, engine, GPU, model, precision, parallelism, kind of metric and kind of
load. A cell of n rows gives rows in proportion to the square root of n (power allocation), so that large tables do not
drown small ones, and within a cell rows are taken at even steps through batch and lengths (systematic sampling).
"""

from __future__ import annotations

import numpy as np
import pandas as pd

POWER, SEED = 0.5, 0
CELL = ("gpu", "model", "precision", "tensor_parallel", "metric_kind", "load")
ORDER = ("load_value", "input_tokens", "output_tokens")


def choose(parsed: pd.DataFrame, origin: pd.Series, count: int) -> np.ndarray:
    """The places of about `count` rows of `parsed` (`configs.parse`); `origin` names source and engine of each."""
    parsed = parsed.reset_index(drop=True)
    cell = parsed[list(CELL)].astype(str).agg("|".join, axis=1) + "|" + pd.Series(list(origin))
    size = cell.map(cell.value_counts()).to_numpy(float)
    share = size ** (POWER - 1)
    for _ in range(20):  # until no cell gives more rows than it has
        share = np.minimum(share * count / share.sum(), 1.0)
    order = parsed.assign(cell=cell).sort_values(["cell", *ORDER], kind="stable").index.to_numpy()
    steps = np.cumsum(share[order]) + np.random.default_rng(SEED).random()
    taken = np.floor(steps) - np.floor(steps - share[order]) > 0
    return np.sort(order[taken])
