"""Numbers that decide what the article says without a number.

One function per chapter. Each returns, by claim, the value whose allowed range stands with the claim in
`data/claims.csv`, where the column `test` says in words what it is.
"""

from __future__ import annotations

import numpy as np

from costlib import answers, data, drivers, prices, rules, scenarios, units
from costlib import decision as deciding
from costlib.article import GPU

CASE = {"n_gpus": 4, "precision": "fp8", "kv_precision": "fp8", "input_tokens": 2000, "output_tokens": 500, "batch": 64}
USUAL_MODEL, USUAL_API = "llama_3_3_70b", "gpt_4_1"


def decision() -> dict[str, float]:
    """How often the rules on spending name the cheapest way, the article's burst, and what is saved before what."""
    found = scenarios.solved()
    little, much = (rules.speaks(found, claim) for claim in ("C139", "C140"))
    api, replicas = (np.full(len(found.spend), kind) for kind in (rules.API, rules.HYBRID))
    return {
        "C139": rules.score(found, "every", api, little).right,
        "C140": rules.score(found, "every", replicas, much).with_replicas,
        "C141": burst_ratio(),
        "C142": cached_over_other(),
        "C143": hardware_over_least(),
    }


def burst_ratio() -> float:
    """The article's burst: base hosted and peaks bought, over the cheaper of buying all and hosting all, in a year."""
    mean, most = data.row("claims", "C141")[["claimed_low", "claimed_high"]].astype(float)
    about = deciding.case(
        model=USUAL_MODEL, gpu=GPU, api_model=USUAL_API, same_model_hosts=False, peak_to_mean_ratio=most / mean,
        demand_tokens_per_second=units.to_base(mean, "token/month"), **CASE,
    )  # fmt: skip
    found = deciding.costs(about)
    hybrid, api, hosting = (float(found.of_kind(kind)[0, -1]) for kind in ("hybrid", "api", "hosting"))
    return hybrid / min(api, hosting)


def cached_over_other() -> float:
    """What a cached input token costs over the cheapest other token of the same offer: the median of the market."""
    offered = prices.offers()
    known = offered[offered["cached_input"].notna()].astype({"cached_input": float, "batch_input": float})
    others = known[["input", "output", "batch_input"]].astype(float).min(axis=1)
    return float((known["cached_input"] / others).median())


def hardware_over_least() -> float:
    """What the choice of GPU saves a host, over the least that model, precision, batches or a cache save."""
    found = answers.swings(drivers.host(), answers.COUNT)
    named = ("model", "precision", "sequences at once", "cache hits")
    return answers.saving(found, "GPU") / min(answers.saving(found, label) for label in named)
