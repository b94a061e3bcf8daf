"""The best way to serve: batch and parallelism swept at once, and what they give under limits of latency."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from costlib import economics
from costlib.errors import InputError

MEASURES = (
    "time_to_first_token", "output_token_seconds", "user_tokens_per_second", "gpu_output_tokens_per_second",
    "replica_output_tokens_per_second", "answer_seconds", "gpu_seconds_per_output_token",
    "gpu_seconds_per_input_token",
)  # fmt: skip
BATCHES = tuple(float(round(2 ** (step / 2))) for step in range(21))  # 1 to 1,024 in steps of a factor 1.4
WAYS = (1.0, 2.0, 4.0, 8.0)


def operating_points(
    model: str,
    gpu: str,
    *,
    batches: Sequence[float] = BATCHES,
    tensor_parallel: Sequence[float] = WAYS,
    pipeline_parallel: Sequence[float] = (1.0,),
    **given: Any,
) -> pd.DataFrame:
    """Every combination of batch and parallelism that fits in memory: a row each, with `MEASURES` in base units.

    `given` is what `economics.served` takes (lengths, precision, engine). Raises InputError when none fits.
    """
    ways = np.array(np.meshgrid(batches, tensor_parallel, pipeline_parallel, indexing="ij")).reshape(3, -1)
    batch, tensor, pipeline = (np.unique(ways, axis=1) if ways.size else ways).astype(float)
    equations, values = economics.served(model, gpu, n_gpus=1, batch=1, **given)
    case = {**values, "batch": batch, "n_gpus": tensor * pipeline, "pipeline_parallel": pipeline}
    found = equations.evaluate(case, *MEASURES, "cache_sequences", "cache_room_bytes", "decoding_sequences")
    table = pd.DataFrame(
        {
            "batch": batch,
            "tensor_parallel": tensor,
            "pipeline_parallel": pipeline,
            "n_gpus": tensor * pipeline,
            **{name: np.broadcast_to(found[name], batch.shape) for name in MEASURES},
        }
    )
    fits = (found["cache_room_bytes"] > 0) & (found["decoding_sequences"] <= found["cache_sequences"])
    if not np.any(fits):
        raise InputError(f"{model} fits on none of {', '.join(f'{n:g}' for n in sorted(set(tensor * pipeline)))} {gpu}")
    return table[np.broadcast_to(fits, batch.shape)].reset_index(drop=True)


def frontier(points: pd.DataFrame) -> pd.DataFrame:
    """The operating points that no other beats in both the speed of one user and the throughput of one GPU."""
    ordered = points.sort_values(["user_tokens_per_second", "gpu_output_tokens_per_second"], ascending=False)
    best = ordered["gpu_output_tokens_per_second"].cummax()
    ahead = best.shift(fill_value=-np.inf)
    return ordered[ordered["gpu_output_tokens_per_second"] > ahead].iloc[::-1].reset_index(drop=True)


def best(
    points: pd.DataFrame, *, time_to_first_token: float = np.inf, output_token_seconds: float = np.inf
) -> pd.Series | None:
    """The operating point with the most output per GPU within the limits, in seconds; None where there is none."""
    within = points[
        (points["time_to_first_token"] <= time_to_first_token)
        & (points["output_token_seconds"] <= output_token_seconds)
    ]
    return None if within.empty else within.loc[within["gpu_output_tokens_per_second"].idxmax()]
