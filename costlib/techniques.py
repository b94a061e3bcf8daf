"""Techniques: the levers that the article names, their assumptions, what it promises, and what is published.

The start is a deployment in 16 bits with a small batch; levers lead from there to the reader's case.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

import numpy as np

from costlib import cases, data, economics, prices, published, serving, tracking
from costlib.equations import Model
from costlib.errors import InputError
from costlib.levers import Lever, Serving, assumed, replica, saving
from costlib.models import levers as equations

LIKE_SIZE = 1.5  # models whose sizes differ by less than this factor count as alike
SMALL = (6e9, 10e9)  # parameters of small models, the article's 7B
FORMATS = ("fp8", "int8", "int4_g128", "w4a8")  # what weights may be brought to


def hit_shares() -> tuple[float, float, float]:
    """Least, middle and greatest share of input that published services and traces find in their cache."""
    frame = data.table("workload_facts")
    shares = frame.loc[frame["topic"] == "prefix cache", "value"].astype(float)
    return float(shares.min()), float(shares.median()), float(shares.max())


def small_models() -> list[str]:
    """Dense models of the small class."""
    plain = (model for model, cells in data.table("models").iterrows() if not cells["moe_ffn_layers"])
    return [model for model in plain if SMALL[0] <= parameters(model)[0] < SMALL[1]]


@tracking.derived
def parameters(model: str) -> tuple[float, float]:
    """All weights of a model, and those that a token passes through."""
    kind, numbers = cases.shape(model)
    found = serving.replica("steady", **kind).evaluate(numbers, "total_parameters", "active_parameters")
    return float(found["total_parameters"]), float(found["active_parameters"])


def experts_like(model: str) -> list[str]:
    """Models with experts that have about as many weights as `model`, the nearest first."""
    total = parameters(model)[0]
    mixed = [key for key in data.table("models").index if has_experts(key)]
    away = {key: abs(np.log(parameters(key)[0] / total)) for key in mixed if key != model}
    return sorted((key for key, each in away.items() if each <= np.log(LIKE_SIZE)), key=away.get)


def has_experts(model: str) -> bool:
    """Whether some layers of a model are mixtures of experts."""
    return bool(data.row("models", model)["moe_ffn_layers"])


def _fitting(served: Serving, models: Iterable[str]) -> list[str]:
    """Those of `models` that were built for as long a context as the case has, and that fit its GPUs."""
    length, held = served.input_tokens + served.output_tokens, []
    for model in models:
        if data.row("models", model)["max_context_tokens"] < length:
            continue
        try:
            replica(served.but(model=model))
        except InputError:
            continue
        held.append(model)
    return held


def case(
    model: str, gpu: str, *, start_precision: str = "bf16", start_kv_precision: str = "bf16", start_batch: float = 16,
    usd_per_gpu_second: float | None = None, **given: Any,
) -> tuple[Serving, Serving]:  # fmt: skip
    """Where the way begins, wide weights and caches and a small batch, and where it leads: the reader's case.

    Without `usd_per_gpu_second` the median quote on demand is taken, or the article's in its vintage. Raises InputError
    for unknown names, for values out of range, and where the weights leave no room.
    """
    cases.check("batch", start_batch)
    _, values = cases.deployment(model, gpu, **{name: value for name, value in given.items() if value is not None})
    if values["input_tokens"] + values["output_tokens"] > values["max_context_tokens"]:
        raise InputError(
            "input_tokens + output_tokens is not allowed: the model was built for a context of at most"
            f" {values['max_context_tokens']:,.0f} tokens"
        )
    price = usd_per_gpu_second or values.get("usd_per_gpu_second") or prices.rental(gpu)
    given["batch"] = float(given["batch"])
    target = Serving(model, gpu, usd_per_gpu_second=price, **{"n_gpus": None, **given})
    served = target.but(precision=start_precision, kv_precision=start_kv_precision, batch=float(start_batch))
    replica(served)
    return served, target


def own(target: Serving, served: Serving, small_model: str, draft_tokens: float = 3) -> list[Lever]:
    """The levers of someone who serves a model on GPUs, from the start `served` to `target`.

    Left out are those that have nothing to change: another precision that is there already, experts that do not fit.
    """
    others = {"size", "experts", "routing", "distillation"}
    small = _fitting(served, [small_model] if small_model != served.model else [])
    sizes = [{"model": key} for key in _fitting(served, small_models())] if small else []
    mixed = [] if has_experts(served.model) else _fitting(served, experts_like(served.model))
    formats = [{"precision": key} for key in FORMATS if _computes(served.gpu, key)]
    narrow = target.precision if target.precision != served.precision else "int8"
    levers = [
        Lever("weights", "quantized weights", {"precision": target.precision}, choices=tuple(formats),
              claims=("C098",), published=_published_weights(), excludes=frozenset({"layers"})),
        Lever("cache", "quantized cache", {"kv_precision": target.kv_precision}, published=_published_cache()),
        Lever("batch", "larger batches", {"batch": target.batch}, claims=("C103",), published=_published_batch(),
              choices=({"batch": target.batch / 2}, {"batch": 2 * target.batch})),
        Lever("prefix", "cached prefixes", {}, {"prefix_hit_share": hit_shares()}, claims=("C187",),
              excludes=frozenset({"pruning"})),
        Lever("speculation", "speculative decoding", {"draft_tokens": draft_tokens},
              assumed("acceptance_share", "draft_cost_share"), claims=("C145",),
              published=_published_speculation(), excludes=frozenset({"exits"})),
        Lever("exits", "early exits", {}, assumed("exit_share", "exit_depth_share"), claims=("C152",),
              published=_published_exits(), excludes=frozenset({"speculation", *others})),
        Lever("pruning", "pruned cache", {}, assumed("kept_token_share"), excludes=frozenset({"prefix"})),
        Lever("layers", "precision by layer", {"narrow": narrow}, assumed("low_precision_share"),
              excludes=frozenset({"weights"})),
        Lever("retrieval", "search first", {}, assumed("found_share", "search_usd"), claims=("C118",)),
    ]  # fmt: skip
    if small:
        levers += [
            Lever("size", "a smaller model", {"model": small_model}, choices=tuple(sizes), keeps=False,
                  claims=("C108",), excludes=frozenset(others - {"size"}) | {"exits"}),
            Lever("routing", "routing", {"small_model": small_model},
                  assumed("routed_share", "repeated_share", "router_cost_share"), keeps=False, claims=("C192",),
                  published=tuple(float(cases.published(f"routellm_{each}_saving")) for each in _ROUTED),
                  excludes=frozenset(others - {"routing"}) | {"exits"}),
            Lever("distillation", "distillation", {"model": small_model}, choices=tuple(sizes), keeps=False,
                  claims=("C193",), published=(float(cases.published("distillabs_inference_saving")),),
                  excludes=frozenset(others - {"distillation"}) | {"exits"}),
        ]  # fmt: skip
    if mixed:
        levers.append(
            Lever("experts", "experts", {"model": mixed[0]}, choices=tuple({"model": key} for key in mixed),
                  keeps=False, claims=("C149", "C190"), excludes=frozenset(others - {"experts"}) | {"exits"})
        )  # fmt: skip
    unmoved = {"layers"} if narrow == served.precision else set()
    return [each for each in levers if each.at(served) != served and each.key not in unmoved]


_ROUTED = ("mt_bench", "mmlu", "gsm8k")


def _computes(gpu: str, precision: str) -> bool:
    """Whether `gpu` has a unit for arithmetic in `precision`, or 16 bits are what it is computed in anyway."""
    wanted = data.row("precisions", precision)["compute_precision"]
    return wanted == cases.compute_precision(gpu, precision)


def claimed(served: Serving, lever: Lever) -> tuple[float, float] | None:
    """The savings that the article promises for a lever, least to most.

    A factor counts as what it saves; a share of the input that need not be computed, as what that would save here.
    """
    ends = []
    for row in (data.row("claims", key) for key in lever.claims):
        pair = [float(row[f"claimed_{end}"]) for end in ("low", "high")]
        if row["quantity"] == "cache_hit_share":
            ends += [
                saving(served, dataclasses.replace(lever, changes={"prefix_hit_share": end}, ranges={})) for end in pair
            ]
        else:
            ends += [1 - 1 / end if row["quantity"] == "cost_ratio" else end for end in pair]
    return (min(ends), max(ends)) if ends else None


# --- published savings -----------------------------------------------------------------------------------------------


def faster(after: str, before: str) -> float:
    """The saving in time per token between two published throughputs."""
    return 1 - float(cases.published(before)) / float(cases.published(after))


def speedup_saving(speedup: float) -> float:
    """The saving in time of a speedup; below one it is a loss."""
    return 1 - 1 / speedup


def _published_weights() -> tuple[float, ...]:
    return (
        *(faster(f"gpustack_h100_{each}", "gpustack_h100_bf16") for each in ("fp8_static", "int4_w4a16", "awq")),
        faster("gpustack_rtx4090_awq", "gpustack_rtx4090_bf16"),
    )


def _published_cache() -> tuple[float, ...]:
    return (faster("gpustack_h100_bf16_kv_fp8", "gpustack_h100_bf16"),)


def _published_speculation() -> tuple[float, ...]:
    named = ("eagle3_vllm_batch_2_speedup", "eagle3_vllm_batch_56_speedup", "accelmark_eagle_offline_speedup")
    slow = 1 / float(cases.published("vllm_draft_high_load_slowdown"))
    return tuple(speedup_saving(each) for each in (*(float(cases.published(name)) for name in named), slow))


def _published_exits() -> tuple[float, ...]:
    skipped = (float(cases.published(f"layerskip_{task}_speedup")) for task in ("code", "summaries"))
    return (float(cases.published("calm_saving")), *map(speedup_saving, skipped))


def _published_batch() -> tuple[float, ...]:
    return tuple(map(speedup_saving, published.gains(16, lambda requests: requests == 64)["gain"]))


# --- an API's cache --------------------------------------------------------------------------------------------------


def prefixed(
    api_model: str, provider: str | None, requests_per_second: float, **given: Any
) -> tuple[Model, dict[str, Any]]:
    """The equations and values of buying requests whose first tokens are shared by `requests_per_second` of them.

    The discount is that of the provider's prices; the life of the cache and the premium for writing it are Anthropic's
    where the model is its own, else OpenAI's.
    """
    offer = prices.offer(api_model, provider)
    written = offer["provider"] == "anthropic"
    found, values = economics.bought(api_model, provider=provider, **given)
    cached, plain = values["cached_input_usd_per_token"], values["input_usd_per_token"]
    values |= {
        "prompt_requests_per_second": requests_per_second,
        "cache_discount_share": 1 - cached / plain,
        "cache_life_seconds": cases.published(f"{'anthropic' if written else 'openai'}_cache_life_seconds"),
        "cache_write_premium": cases.published("anthropic_cache_write_premium") if written else 0.0,
    }
    values["plain_request_usd"] = found(values, "request_usd")
    return found + equations.EQUATIONS, values
