"""Numbers that decide what the article says without a number.

One function per chapter. Each returns, by claim, the value whose allowed range stands with the claim in
`data/claims.csv`, where the column `test` says in words what it is.
"""

from __future__ import annotations

import numpy as np

from costlib import article, cases, data, economics, prices, techniques
from costlib import levers as pulled
from costlib.errors import InputError

# --- levers ----------------------------------------------------------------------------------------------------------


def levers() -> dict[str, float]:
    """Batching in engines, prices by volume, prompts too short to cache, drafts by kind of text, layers, the best."""
    equations, values = economics.bought("claude_sonnet_4_6", provider="anthropic", **article.REQUEST)
    bills = [
        equations({**values, "demand_tokens_per_second": sent}, "api_usd_per_second") / sent for sent in (1.0, 1e6)
    ]
    accepted = {
        test: cases.published(f"qwen3_5_eagle3_accepted_{test}") for test in ("mt_bench", "math500", "humaneval")
    }
    return {
        "C101": float(np.median(techniques.throughput_ratios({"1"}, {"32", "64", "100", "128"}))),
        "C102": bills[1] / bills[0],
        "C114": cases.published("claude_sonnet_4_6_cached_tokens_minimum") / article.claimed("C114"),
        "C146": float(np.mean([accepted["math500"], accepted["humaneval"]]) / accepted["mt_bench"]),
        "C156": cases.published("early_layers_low_bits_loss") / cases.published("late_layers_low_bits_loss"),
        "C197": _best_technique() / max(_best_gpu(), _best_host()),
    }


def _best_technique() -> float:
    """The greatest saving of the article's new techniques, each at its middle, for a 70B model on four H100."""
    target = article.usual()
    named = {"prefix", "experts", "routing", "distillation"}
    own = techniques.own(target, target, "llama_3_1_8b")
    return max(pulled.saving(target, lever) for lever in own if lever.key in named)


def _best_gpu() -> float:
    """What the cheapest accelerator saves on a request of a 70B model against the H100, at rents on demand."""
    usual = article.usual()
    rented = data.table("gpu_rental_prices")
    rented = rented[(rented["contract"] == "on_demand") & (rented["provider_class"] != "index")]["gpu"].unique()
    costs = []
    for gpu in rented:
        try:
            served = usual.but(gpu=gpu, usd_per_gpu_second=float(prices.rental(gpu)))
            costs.append(float(pulled.request_usd(served)))
        except InputError:  # four of them do not hold the model
            continue
    return 1 - min(costs) / float(pulled.request_usd(usual))


def _best_host() -> float:
    """What the cheapest host of the same open model saves against the one in the middle."""
    sold = prices.offers()
    sold = sold[(sold["api_model"] == article.USUAL) & ~sold["provider"].isin(prices.AGGREGATORS)]
    asked = sold["input"] * article.REQUEST["input_tokens"] + sold["output"] * article.REQUEST["output_tokens"]
    return float(1 - asked.min() / asked.median())
