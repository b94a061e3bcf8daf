"""Many deployments at once: every combination of models, GPUs and precisions as columns of numbers.

`economics.hosted` gives each combination its equations and values. Models with the same equations share one compiled
chain, so that a million draws over all of them are a few sweeps over long arrays.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from costlib import economics, sweep, tracking
from costlib.equations import Chain, Model
from costlib.models import drivers, hosting

KV_PRECISION = {"bf16": "bf16"}  # of the cache beside weights of that precision; FP8 beside all others
LEAST_BATCH = 1.0


@dataclass(frozen=True)
class _Kind:
    """Combinations with the same equations: their chains, and their values as columns over all combinations."""

    fewest: Chain
    room: Chain
    speed: Chain
    columns: dict[str, np.ndarray]


@dataclass(frozen=True)
class Deployments:
    """Combinations of `models`, `gpus` and `precisions`; the last one varies fastest."""

    models: tuple[str, ...]
    gpus: tuple[str, ...]
    precisions: tuple[str, ...]
    kinds: tuple[_Kind, ...]
    kind_of: np.ndarray
    values: dict[str, Any]

    def index(self, model: np.ndarray, gpu: np.ndarray, precision: np.ndarray) -> np.ndarray:
        """The combination of places in `models`, `gpus` and `precisions`."""
        return (model * len(self.gpus) + gpu) * len(self.precisions) + precision

    def speeds(self, which: np.ndarray, drawn: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """GPUs, batch, tokens per second and weights of a replica for the combinations `which`, one per draw.

        `drawn` gives arrays of input_tokens, output_tokens, batch, cache_hit_share and room_factor, and of any
        other quantity to override. A replica has the smallest power of two of GPUs that holds the weights and one
        sequence, times `room_factor`; a batch that does not fit is cut to what does.
        """
        found = {name: np.empty(len(which)) for name in ("n_gpus", "batch", *_SPEEDS)}
        for place, kind in enumerate(self.kinds):
            rows = np.flatnonzero(self.kind_of[which] == place)
            if len(rows):
                mine = {name: each[rows] for name, each in drawn.items()}
                values = {name: _at(each, which[rows]) for name, each in kind.columns.items()} | mine
                for name, each in _speeds(kind, values).items():
                    found[name][rows] = each
        return found


_SPEEDS = {"replica_tokens_per_second": "cached_replica_tokens_per_second", "weight_bytes": "weight_bytes"}


def _at(column: np.ndarray, which: np.ndarray) -> np.ndarray | float:
    return column[which] if column.ndim else float(column)


def _speeds(kind: _Kind, values: dict[str, Any]) -> dict[str, np.ndarray]:
    full = {**values, "context_tokens": values["input_tokens"] + values["output_tokens"], "batch": LEAST_BATCH}
    [fewest] = sweep.run(kind.fewest, full)
    n_gpus = 2.0 ** np.ceil(np.log2(fewest)) * values["room_factor"]
    [largest] = sweep.run(kind.room, {**full, "n_gpus": n_gpus})
    batch = np.clip(values["batch"], LEAST_BATCH, largest)
    solved = sweep.run(kind.speed, {**values, "n_gpus": n_gpus, "batch": batch})
    return {"n_gpus": n_gpus, "batch": batch, **dict(zip(_SPEEDS, solved, strict=True))}


@tracking.derived
def deployments(
    models: Sequence[str], gpus: Sequence[str], precisions: Sequence[str], vintage: str = "current"
) -> Deployments:
    """All combinations of the named models, GPUs and precisions of weights."""
    solved = [
        economics.hosted(
            model, gpu, precision=precision, kv_precision=KV_PRECISION.get(precision, "fp8"), n_gpus=1.0,
            usd_per_gpu_second=1.0, vintage=vintage,
        )
        for model, gpu, precision in itertools.product(models, gpus, precisions)
    ]  # fmt: skip
    names = [tuple(each.function.__name__ for each in equations.equations) for equations, _ in solved]
    distinct = list(dict.fromkeys(names))
    kind_of = np.array([distinct.index(each) for each in names])
    kinds = tuple(_kind(solved[names.index(each)][0], [values for _, values in solved]) for each in distinct)
    return Deployments(models, gpus, precisions, kinds, kind_of, solved[0][1])


def _kind(equations: Model, values: Sequence[Mapping[str, Any]]) -> _Kind:
    served = equations + CACHED
    fewest = equations.compile("gpus_to_hold_batch", given=["context_tokens"])
    room = equations.compile("largest_batch", given=["context_tokens"])
    speed = served.compile(*_SPEEDS.values())
    wanted = {name for chain in (fewest, room, speed) for name in chain.inputs} - {"n_gpus"}
    columns = {}
    for name in sorted(wanted):
        column = np.array([float(each.get(name, np.nan)) for each in values])
        if not np.isnan(column).all():
            columns[name] = column if np.ptp(column[~np.isnan(column)]) or np.isnan(column).any() else column[0]
    return _Kind(fewest, room, speed, {name: np.asarray(each) for name, each in columns.items()})


CACHED = Model(drivers.cached_replica_tokens_per_second)
MONEY = Model(*hosting.EQUATIONS, drivers.provider_usd_per_token)
