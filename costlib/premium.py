"""Why output tokens cost more: what they take of a GPU, by batch, beside what the market asks for them."""

from __future__ import annotations

from typing import Any

import numpy as np

from costlib.equations import Model

LARGEST_BATCH = 2.0**20


def weights(equations: Model, values: dict[str, Any], batches: np.ndarray) -> np.ndarray:
    """GPU time of an output token over that of an input token, at each of `batches`."""
    return np.broadcast_to(equations({**values, "batch": batches}, "output_token_weight"), np.shape(batches))


def matching_batch(equations: Model, values: dict[str, Any], output_premium: float) -> float:
    """The smallest batch at which an output token takes no more than `output_premium` input tokens of GPU time.

    A whole number; infinite where no batch gets there, since caches and arithmetic, which nobody shares, remain.
    The weight falls with batch, so bisection finds it.
    """
    low, high = 0, int(LARGEST_BATCH)
    if weights(equations, values, np.array([float(high)]))[0] > output_premium:
        return float("inf")
    while high - low > 1:
        middle = (low + high) // 2
        enough = weights(equations, values, np.array([float(middle)]))[0] <= output_premium
        low, high = (low, middle) if enough else (middle, high)
    return float(high)
