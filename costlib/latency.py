"""Latency of cases: what requests see at a replica of a deployment, and how full it may be for an objective."""

from __future__ import annotations

from typing import Any

import numpy as np

from costlib import cases, queueing
from costlib.equations import Model

TARGET = 0.99  # the share of requests that an objective holds for, as in MLPerf
REQUESTS = 30_000  # of a simulation


def limits(first_token: float | None, per_token: float | None) -> tuple[float, float]:
    """The latency objective in seconds: to the first token, and per token after it; as in MLPerf where not given."""
    known = (cases.published(f"mlperf_interactive_{name}_seconds") for name in ("first_token", "output_token"))
    return tuple(
        float(ours if theirs is None else theirs) for theirs, ours in zip((first_token, per_token), known, strict=True)
    )


def speed(equations: Model, values: dict[str, Any], batch: float | None = None) -> tuple[float, float]:
    """Tokens per second of a replica with at most `batch` requests at once, and its pace over the modelled one.

    A measured speed holds for the batch of `values`; other batches, and each request, are then faster or slower than
    modelled in the same proportion, which is the second number (1 where the speed is modelled).
    """
    sizes = np.array([float(values["batch"]), float(values["batch"] if batch is None else batch)])
    modelled = {name: value for name, value in values.items() if name != "replica_tokens_per_second"}
    own, wanted = np.broadcast_to(equations({**modelled, "batch": sizes}, "replica_tokens_per_second"), 2)
    pace = float(equations(values, "replica_tokens_per_second")) / own
    return float(wanted * pace), float(pace)


def simulated(
    equations: Model,
    values: dict[str, Any],
    shares: np.ndarray,
    batch: float | None = None,
    seed: int = queueing.SEED,
) -> list[queueing.Served]:
    """What requests see at one replica that is loaded to each of `shares` of its full speed.

    At most `batch` requests are inside (as many as `values` say where not given). Answers vary in length as a published
    trace's do; arrivals are random.
    """
    full, ratio = speed(equations, values, batch)
    request = float(values["input_tokens"] + values["output_tokens"])
    prompt = float(equations(values, "prefill_request_seconds")) / ratio
    asked = np.maximum(queueing.lengths(float(values["output_tokens"]), length_variation(), REQUESTS, seed), 1.0)

    def pace(inside: np.ndarray) -> np.ndarray:
        return np.broadcast_to(equations({**values, "batch": inside}, "output_token_seconds"), inside.shape) / ratio

    limit = int(values["batch"] if batch is None else batch)
    return [
        queueing.simulated_batching(
            queueing.poisson(full / request * share, REQUESTS, seed), asked, limit, pace, prompt
        )
        for share in np.atleast_1d(shares)
    ]


def length_variation() -> float:
    """Standard deviation over mean of the length of answers: of the gamma distribution with the published median."""
    mean, median = (float(cases.published(f"azure_conversation_output_tokens_{name}")) for name in ("mean", "median"))
    return queueing.gamma_variation(median / mean)


def highest_share(shares: np.ndarray, late: np.ndarray, target: float = TARGET) -> float:
    """The highest load share at which no more than ``1 - target`` of requests are `late`; zero if there is none.

    Between the last share that meets the target and the next one it is interpolated.
    """
    fits = late <= 1 - target
    if fits.all():
        return float(shares[-1])
    last = int(np.argmin(fits))
    if last == 0:
        return 0.0
    return float(np.interp(1 - target, late[last - 1 : last + 1], shares[last - 1 : last + 1]))


def realtime_capacity(equations: Model, values: dict[str, Any], within: float) -> float:
    """Capacity that a real-time token takes over another one, if a replica may be loaded to the share `within`.

    Infinite where no load meets the objective.
    """
    found = equations.evaluate(values, "loaded_tokens_per_second", "replica_tokens_per_second")
    allowed = float(found["replica_tokens_per_second"]) * within
    return max(float(found["loaded_tokens_per_second"]) / allowed, 1.0) if within > 0 else float("inf")
