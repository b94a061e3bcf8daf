"""The article's own cases, computed by this book's equations from this book's tables.

One function per chapter. Each returns our value for every claim that it answers, by the claim's key and in the claim's
unit, whatever the parameters of the page that shows them.
"""

from __future__ import annotations

from costlib import cases, data, units

MODEL, GPU, OLDER = "llama_3_1_70b", "h100_sxm_80gb", "a100_sxm_80gb"


def claimed(claim: str) -> float:
    """The lower end of what a claim states, in base units."""
    cells = data.row("claims", claim)
    return units.to_base(float(cells["claimed_low"]), data.text(cells, "unit"))


def roofline() -> dict[str, float]:
    """Arithmetic, memory and bandwidth of a 70B model on an H100 with 2,000 prompt and 500 answer tokens."""
    lengths = {"input_tokens": 2000, "output_tokens": 500}
    equations, values = cases.deployment(MODEL, GPU, n_gpus=1, batch=1, **lengths)
    single = equations.evaluate(values)
    cached = equations(cases.at_full_length(values), "kv_bytes_per_sequence")
    bandwidth = single["memory_bytes_per_second"]
    best = _best_on_one_gpu(lengths)
    older = cases.accelerator(OLDER, "bf16")
    return {
        "C007": single["decode_flops_per_token"],
        "C008": float(single["peak_flops_per_second"]),
        "C009": single["peak_flops_per_second"] / single["decode_flops_per_token"],
        "C011": best["decode_tokens_per_second"],
        **{claim: _weight_gigabytes(precision) for claim, precision in _PRECISIONS.items()},
        "C015": lengths["input_tokens"] + lengths["output_tokens"],
        "C016": cached / units.base_factor("GB"),
        "C019": bandwidth / units.base_factor("TB/s"),
        "C021": 1 / single["decode_intensity"],
        "C022": bandwidth / claimed("C021"),
        "C024": single["peak_flops_per_second"] / older["peak_flops_per_second"],
        "C025": bandwidth / older["memory_bytes_per_second"],
    }


_PRECISIONS = {"C012": "fp32", "C013": "bf16", "C014": "int8"}


def _weight_gigabytes(precision: str) -> float:
    equations, values = cases.deployment(MODEL, GPU, precision=precision)
    return equations(values, "weight_bytes") / units.base_factor("GB")


def _best_on_one_gpu(lengths: dict[str, int]) -> dict[str, float]:
    """The fastest bound for one H100: any precision whose weights fit, an FP8 cache, the largest batch that fits."""
    found = []
    for precision in data.table("precisions").index:
        equations, values = cases.deployment(
            MODEL, GPU, n_gpus=1, precision=precision, kv_precision="fp8", batch=1, **lengths
        )
        largest = equations(cases.at_full_length(values), "largest_batch")
        if largest >= 1:
            found.append({**equations.evaluate({**values, "batch": largest}), "precision": precision})
    return max(found, key=lambda each: each["decode_tokens_per_second"])
