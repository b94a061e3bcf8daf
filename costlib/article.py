"""The article's own cases, computed by this book's equations from this book's tables.

One function per chapter. Each returns our value for every claim that it answers, by the claim's key and in the claim's
unit, whatever the parameters of the page that shows them.
"""

from __future__ import annotations

import numpy as np

from costlib import availability, cases, data, economics, market, prices, sizes, units
from costlib.equations import Model
from costlib.models import hosting

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


SOLD = {"claude_sonnet_4_6": "anthropic", "gpt_4_1": "openai", "deepseek_r1": "deepseek"}  # by whom, in the article
REQUEST = {"input_tokens": 1000, "output_tokens": 300}


def api_pricing() -> dict[str, float]:
    """Prices of three models at their developers, the market's premium, and the article's request at its own prices."""
    listed = {
        (model, kind): float(prices.offer(model, provider)[kind]) for model, provider in SOLD.items() for kind in _KINDS
    }
    request = {model: _request(model) for model in SOLD}
    offered = market.requests(**REQUEST)
    return {
        **dict(zip(("C028", "C029", "C030", "C031", "C032", "C033"), listed.values(), strict=True)),
        "C034": float(offered.loc[offered["stands"], "output_premium"].median()),
        "C035": 1 / cases.assumed("tokens_per_step"),
        "C039": sum(REQUEST.values()),
        **dict(zip(("C040", "C041", "C042"), request.values(), strict=True)),
        "C043": 1 - request["deepseek_r1"] / request["claude_sonnet_4_6"],
    }


_KINDS = ("input", "output")


def _request(model: str) -> float:
    equations, values = economics.bought(model, provider=SOLD[model], vintage="article", **REQUEST)
    return equations(values, "request_usd")


def egress() -> dict[str, float]:
    """Traffic prices of the named providers, and one copy of a 70B model in BF16 at the article's price."""
    equations, values = economics.moved(MODEL, precision="bf16", provider="AWS", vintage="article")
    newest = {name: prices.egress(name)["egress_usd_per_gigabyte"] for name in ("AWS", "CoreWeave", "Lambda")}
    per_gigabyte = {name: price / units.base_factor("USD/GB") for name, price in newest.items()}
    return {
        "C119": per_gigabyte["AWS"],
        "C120": equations(values, "weight_bytes") / units.base_factor("GB"),
        "C121": equations(values, "copy_usd"),
        "C123": max(per_gigabyte["CoreWeave"], per_gigabyte["Lambda"]),
        "C124": per_gigabyte["Lambda"],
    }


# --- self-hosting ----------------------------------------------------------------------------------------------------

_SERVED = {"n_gpus": 4, "precision": "fp8", "kv_precision": "fp8", "input_tokens": 2000, "output_tokens": 500}


def self_hosting() -> dict[str, float]:
    """One H100 at the article's rent and speed, what stands around it, and what the market asks now."""
    equations = Model(*hosting.EQUATIONS)
    replica = {"n_gpus": 1, "usd_per_gpu_second": claimed("C058"), "replica_tokens_per_second": claimed("C011")}
    used = float(data.row("claims", "C059")[["claimed_low", "claimed_high"]].mean())
    usual = {**replica, "utilization": used, "batch_penalty_share": 0.0}
    setup = {"labor_usd_per_hour": cases.assumed("labor_usd_per_hour"), "setup_hours": units.to_base(5 * 8, "hour")}
    found = {
        "C045": prices.quoted_by("RunPod", GPU),
        "C046": one_year(),
        "C047": prices.quoted_by("RunPod", "l4_24gb"),
        "C049": prices.quoted_by("Lambda", "a100_sxm_40gb"),
        "C050": 8 * prices.quoted_by("CoreWeave", GPU),
        "C053": equations(replica, "rent_usd_per_token"),
        "C054": replica["replica_tokens_per_second"],
        "C059": cases.assumed("utilization"),
        "C060": equations(usual, "idle_usd_per_token"),
        "C065": 1 + spares(1),
        "C067": equations(setup, "setup_usd"),
        "C068": cases.assumed("amortization_months"),
        "C070": _half_batch_penalty(),
    }
    return {claim: in_unit(claim, value) for claim, value in found.items()}


NEARLY = 0.05  # an exponent this close to one stands for proportion
TARGET = 0.999  # the availability that the article speaks of (C065)


def spares(needed: int, target: float = TARGET) -> float:
    """Replicas beyond `needed` for the availability that the article speaks of."""
    node, common = cases.assumed("node_availability"), cases.assumed("common_failure_share")
    return float(availability.extra_replicas(np.array(needed), target, node, common))


def one_year() -> data.Fact:
    """The median of the newest quotes for an H100 with a commitment of a year."""
    return prices.rental(GPU, "reserved_1yr")


def in_unit(claim: str, value: float) -> float:
    """`value` (base units) in the unit of a claim."""
    return float(value) / units.base_factor(data.text(data.row("claims", claim), "unit"))


def _half_batch_penalty() -> float:
    """How much dearer a token gets when 32 sequences run together instead of 64: Llama 3.3 70B on four H100."""
    equations, values = economics.hosted("llama_3_3_70b", GPU, batch=64, **_SERVED)
    full, half = equations({**values, "batch": np.array([64.0, 32.0])}, "rent_usd_per_token")
    return half / full - 1


# --- sizes -----------------------------------------------------------------------------------------------------------

_CLASS_CLAIMS = {
    "7B": ("C128", "C129"), "13B to 70B": ("C131", "C132"), "70B to 405B": ("C135", "C136"),
    "405B and more": ("C137", None),
}  # fmt: skip


def model_sizes() -> dict[str, float]:
    """Cost by class of size: the median model on H100s in FP8 at usual load, and the median offer of hosts."""
    case = {key: value for key, value in _SERVED.items() if key != "n_gpus"} | {"batch": 64}
    served = sizes.served(GPU, **case)
    wide = sizes.served(GPU, **{**case, "precision": "bf16", "kv_precision": "bf16"})
    offers = sizes.sold(case["input_tokens"], case["output_tokens"])
    dense = served[~served["experts"] & served["first"]]
    found = {
        "C126": sizes.power_law(dense["total"], dense["usual"]).exponent,
        "C127": wide.loc["llama_2_7b", "weights"],
        "C130": wide[wide["class"] == "13B to 70B"]["weights"].max(),
        "C134": wide[wide["class"] == "70B to 405B"]["n_gpus"].min(),
    }
    for name, (hosted, bought) in _CLASS_CLAIMS.items():
        found[hosted] = served[served["class"] == name]["usual"].median()
        if bought:
            found[bought] = offers[offers["class"] == name]["price"].median()
    return {claim: in_unit(claim, value) for claim, value in found.items()}
