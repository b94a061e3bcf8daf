"""Replicas as engines run them: the equations and values of a deployment with measured constants, and many at once.

`replica` picks the equations, `deployment` fills them in for one case by name (the chapters' way in), and `Rows`
evaluates any number of parsed configurations in arrays (calibration, validation and prediction).
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from costlib import cases, data
from costlib.equations import Chain, Model
from costlib.models import batching, memory, parallel, roofline, serving

# The constants that are measured, in the order in which they are fitted.
CONSTANTS = (
    "weight_bandwidth_efficiency", "cache_bandwidth_efficiency", "decode_compute_efficiency",
    "prefill_compute_efficiency", "link_efficiency", "step_overhead_seconds", "layer_seconds", "sequence_seconds",
    "streaming_seconds", "request_overhead_seconds", "allreduce_latency_seconds", "chunk_budget_tokens",
    "attention_cost_factor", "dequantization_factor", "low_precision_factor", "expert_compute_factor",
    "expert_routing_moves", "pipeline_bubble_share", "overlap_share", "queue_share", "interference_share",
    "burst_time_factor", "burst_token_factor", "server_time_factor", "interactive_time_factor",
)  # fmt: skip
# What each constant is where it does not apply, and the condition on a row under which it does.
UNUSED = {
    "dequantization_factor": (1.0, "weight_only"), "low_precision_factor": (1.0, "narrow"),
    "expert_compute_factor": (1.0, "experts"), "expert_routing_moves": (0.0, "experts"),
    "interference_share": (1.0, "median"),
}  # fmt: skip
IDEAL = {
    name: 1.0 if name.endswith(("efficiency", "_factor")) or name == "interference_share" else 0.0 for name in CONSTANTS
} | {"chunk_budget_tokens": 8192.0}
NARROW = ("fp8", "fp4", "int8")
PLAIN = {"beams": 1.0, "prefix_hit_share": 0.0, "draft_tokens": 0.0, "throughput_error_factor": 1.0}

# The quantity that each metric of a row is, and what one of its units is in base units.
METRICS = {
    "total_tokens_per_s_total": ("deployment_tokens_per_second", 1.0),
    "output_tokens_per_s_total": ("deployment_output_tokens_per_second", 1.0),
    "output_tokens_per_s_per_gpu": ("gpu_output_tokens_per_second", 1.0),
    "per_user_tokens_per_s": ("user_tokens_per_second", 1.0),
    "decode_tokens_per_s": ("decoding_tokens_per_second", 1.0),
    "prefill_tokens_per_s": ("deployment_prompt_tokens_per_second", 1.0),
    "ttft": ("time_to_first_token", 1e-3),
    "tpot": ("output_token_seconds", 1e-3),
    "itl": ("inter_token_seconds", 1e-3),
}


@functools.cache
def replica(
    load: str,
    *,
    latent: bool,
    windows: bool,
    experts: bool,
    attention_data_parallel: bool = False,
    free_memory: bool = False,
    speculative: bool = False,
) -> Model:
    """The equations of one replica under a load of `batching.LOADS`, for a kind of model and of engine."""
    kind = {"latent": latent, "windows": windows, "experts": experts}
    chosen = [
        *memory.equations_for(**kind),
        *roofline.equations_for(**kind),
        *parallel.equations_for(latent=latent, attention_data_parallel=attention_data_parallel),
        *serving.equations_for(queued=load not in ("steady", "batch"), streamed=load == "rate"),
        *batching.equations_for(load, windows=windows, free_memory=free_memory),
    ]
    special = serving.speculation(experts) if speculative else ()
    replaced = {made.defines.name for made in special}
    return Model(*(made for made in chosen if made.defines.name not in replaced), *special)
