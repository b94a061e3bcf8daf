"""What published measurements say by themselves: the arithmetic they reach, and what more requests at once give."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from costlib import calibration, configs
from costlib.equations import Model
from costlib.models import memory
from costlib.serving import IDEAL

FULL = ("max", "offline")  # loads whose queue is never empty and that limit no latency
SAME = (
    "model", "gpu", "n_gpus", "tensor_parallel", "pipeline_parallel", "precision", "kv_precision", "engine",
    "input_tokens", "output_tokens", "metric",
)  # fmt: skip


def achieved_shares(gpu: str, parameters: tuple[float, float]) -> np.ndarray:
    """Share of peak arithmetic at work in each maximum-load test on `gpu` of models between the given sizes.

    Arithmetic of all tokens, prompts and answers, over the dense peak of all GPUs in the precision of the test.
    """
    _, rows, measured = calibration.measurements()
    parsed = rows.parsed
    size = parsed["model"].map({model: _parameters(model) for model in parsed["model"].unique()})
    chosen = (parsed["gpu"] == gpu) & parsed["load"].isin(FULL) & size.between(*parameters)
    chosen &= parsed["metric"] == "output_tokens_per_s_total"
    ideal = {name: np.full(rows.size, value) for name, value in IDEAL.items()}
    names = ("decode_flops_per_token", "prefill_flops_per_token", "input_tokens", "output_tokens")
    decode, prefill, asked, answered = rows.compute(ideal, *names)
    peak, gpus, replicas = rows.compute(ideal, "peak_flops_per_second", "n_gpus", "replicas")
    shares = measured * (decode + prefill * asked / answered) / (peak * gpus * replicas)
    return shares[chosen.to_numpy()]


def _parameters(model: str) -> float:
    kind, numbers = configs.shape_of(model)
    return float(Model(*memory.equations_for(**kind))(numbers, "total_parameters"))


def gains(few: float, many: Callable[[pd.Series], pd.Series]) -> pd.DataFrame:
    """Throughput with `many` requests at once over that with `few`, nothing else changed: one row per pair of tests.

    `many` says of numbers of requests which ones count. Columns: those of `SAME`, ``source``, ``requests``, ``gain``.
    """
    frame, rows, measured = calibration.measurements()
    about = frame[["source", "engine_version"]].astype(object).where(frame[["source", "engine_version"]].notna(), "")
    tests = rows.parsed.assign(speed=measured, software=frame["engine"], version=about["engine_version"])
    tests["source"] = about["source"]
    tests = tests[(tests["load"] == "batch") & (tests["metric_kind"] == "throughput")]
    key = [*SAME, "source", "software", "version"]
    base = tests.loc[tests["load_value"] == few, [*key, "speed"]]
    more = tests.loc[many(tests["load_value"]), [*key, "load_value", "speed"]]
    pairs = more.merge(base, on=key, suffixes=("", "_few"))
    pairs["gain"] = pairs["speed"] / pairs["speed_few"]
    return pairs.rename(columns={"load_value": "requests"})[[*SAME, "source", "requests", "gain"]]
