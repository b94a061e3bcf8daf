"""Levers: what each technique saves per request, together with others, and in which order to pull them.

A `Serving` says how requests are served; `request_usd` prices it with the serving equations. A `Lever` changes some of
its fields. The start is a deployment in 16 bits with a small batch; levers lead from there to the reader's case. Values
that stand for an assumption may be arrays, and costs are arrays then.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from costlib import cases, data, economics, prices, serving, uncertainty
from costlib.equations import Model
from costlib.errors import InputError
from costlib.models import levers as equations

RULES = Model(*equations.EQUATIONS)
LIKE_SIZE = 1.5  # models whose sizes differ by less than this factor count as alike
SMALL = (6e9, 10e9)  # parameters of small models, the article's 7B
FORMATS = ("fp8", "int8", "int4_g128", "w4a8")  # what weights may be brought to


@dataclass(frozen=True)
class Serving:
    """How requests are served on replicas of one's own. Shares may be arrays."""

    model: str
    gpu: str
    precision: str
    kv_precision: str
    batch: Any
    n_gpus: float | None
    input_tokens: float
    output_tokens: float
    usd_per_gpu_second: float
    vintage: str = "current"
    all_experts: bool = False  # every token passes every expert: the dense model of the same size
    prefix_hit_share: Any = 0.0
    kept_token_share: Any = 1.0
    draft_tokens: float = 0.0
    acceptance_share: Any = 0.0
    draft_cost_share: Any = 0.0
    exit_share: Any = 0.0
    exit_depth_share: Any = 1.0
    narrow: str = ""  # the precision of some layers, where layers differ
    low_precision_share: Any = 0.0
    small_model: str = ""  # where some requests go
    routed_share: Any = 0.0
    repeated_share: Any = 0.0
    router_cost_share: Any = 0.0
    found_share: Any = 0.0
    search_usd: Any = 0.0

    def but(self, **changes: Any) -> Serving:
        """The same with some fields changed."""
        return dataclasses.replace(self, **changes)


def request_usd(served: Serving) -> Any:
    """Rent for one request in USD: of the model, of those that stand in for it, of searches before it."""
    cost = _mixed(served)
    if served.small_model:
        small = _mixed(served.but(model=served.small_model))
        named = ("routed_share", "repeated_share", "router_cost_share")
        chosen = {name: getattr(served, name) for name in named}
        cost = RULES({"large_request_usd": cost, "small_request_usd": small, **chosen}, "routed_request_usd")
    if np.any(np.asarray(served.found_share) > 0):
        found = {"found_share": served.found_share, "search_usd": served.search_usd, "large_request_usd": cost}
        cost = RULES(found, "retrieved_request_usd")
    return cost


def _mixed(served: Serving) -> Any:
    wide = _engine(served)
    if not served.narrow:
        return wide
    narrow = _engine(served.but(precision=served.narrow))
    mixed = {"low_precision_share": served.low_precision_share, "narrow_request_usd": narrow, "wide_request_usd": wide}
    return RULES(mixed, "mixed_request_usd")


def _engine(served: Serving) -> Any:
    model, values = replica(served)
    return model(values, "served_request_usd")


def replica(served: Serving) -> tuple[Model, dict[str, Any]]:
    """The equations and values of one replica: the serving model with drafts, exits and a pruned cache as they apply.

    No more sequences run together than memory holds at full length, so what frees memory lets a full replica take on
    more. Raises InputError where not even one fits.
    """
    model, values = _case(
        served.model, served.gpu, served.precision, served.kv_precision, served.n_gpus, served.input_tokens,
        served.output_tokens, served.vintage, served.draft_tokens > 0, served.all_experts,
    )  # fmt: skip
    values = {**values, "usd_per_gpu_second": served.usd_per_gpu_second, "prefix_hit_share": served.prefix_hit_share}
    if np.any(np.asarray(served.kept_token_share) < 1):
        for name in ("cached_layer_tokens", "full_layer_tokens"):
            values[name] = model(values, name) * served.kept_token_share
    if served.draft_tokens:
        names = ("draft_tokens", "acceptance_share", "draft_cost_share")
        values |= {name: getattr(served, name) for name in names}
    if np.any(np.asarray(served.exit_share) > 0):
        model = _with_exits(model)
        values |= {"exit_share": served.exit_share, "exit_depth_share": served.exit_depth_share}
    room = model.evaluate(values, "cache_room_bytes", "cache_sequences")
    if not np.all(np.asarray(room["cache_room_bytes"]) > 0):
        raise InputError(f"n_gpus = {values['n_gpus']:g} is not allowed: the weights of {served.model} in "
                         f"{served.precision} leave no room for a cache on {served.gpu}")  # fmt: skip
    values["batch"] = np.minimum(served.batch, np.floor(room["cache_sequences"]))
    return model, values


@functools.cache
def _case(
    model: str, gpu: str, precision: str, kv_precision: str, n_gpus: float | None, input_tokens: float,
    output_tokens: float, vintage: str, speculative: bool, all_experts: bool,
) -> tuple[Model, dict[str, Any]]:  # fmt: skip
    """The serving equations and values of a case without its batch."""
    given = {"precision": precision, "kv_precision": kv_precision, "vintage": vintage}
    lengths = {"input_tokens": input_tokens, "output_tokens": output_tokens}
    found, values = economics.served(model, gpu, n_gpus=n_gpus, **given, **lengths)
    if speculative:
        kind, _ = cases.shape(model)
        found = serving.replica("steady", **kind, speculative=True)
        values = {name: value for name, value in values.items() if name != "tokens_per_step"}
    if all_experts:
        values = {**values, "experts_per_token": values["n_experts"]}
    return found + equations.REQUEST, values


@functools.cache
def _with_exits(model: Model) -> Model:
    others = (made for made in model.equations if made.defines.name != "step_seconds")
    return Model(*others, *equations.EARLY_EXIT)


# --- levers ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Lever:
    """One technique: the fields that it sets, the assumptions behind them, and what cannot be pulled with it.

    `ranges` are (low, central, high) by field, `choices` other settings of it. Whether it `keeps` the model's own
    answers says if it changes which model answers. `claims` are keys of claims of savings, `published` savings with the
    name of what was measured.
    """

    key: str
    name: str
    changes: Mapping[str, Any]
    ranges: Mapping[str, tuple[float, float, float]] = dataclasses.field(default_factory=dict)
    choices: tuple[Mapping[str, Any], ...] = ()
    keeps: bool = True
    claims: tuple[str, ...] = ()
    published: tuple[float, ...] = ()
    excludes: frozenset[str] = frozenset()

    def at(self, served: Serving, drawn: Mapping[str, Any] | None = None) -> Serving:
        """`served` with the lever pulled, its assumptions at their central values or as `drawn`."""
        central = {name: triple[1] for name, triple in self.ranges.items()}
        return served.but(**{**self.changes, **central, **(drawn or {})})


def saving(served: Serving, *pulled: Lever) -> float:
    """The share of a request's cost that levers save together, negative where they cost more than they save."""
    return 1 - float(request_usd(together(served, pulled)) / request_usd(served))


def together(served: Serving, pulled: Iterable[Lever]) -> Serving:
    """`served` with all levers pulled."""
    for lever in pulled:
        served = lever.at(served)
    return served


def span(served: Serving, lever: Lever) -> tuple[float, float, float]:
    """The saving of a lever from low to high, and its central value between, over its assumptions and its choices.

    Of assumptions the ends are the 5% and the 95% quantile, of choices the worst and the best.
    """
    before, central = request_usd(served), saving(served, lever)
    found = [central, *(1 - float(request_usd(lever.at(served, choice)) / before) for choice in lever.choices)]
    if lever.ranges:
        drawn = uncertainty.propagate(lambda draws: request_usd(lever.at(served, draws)) / before, lever.ranges)
        found += [1 - drawn.high, 1 - drawn.low]
    return min(found), central, max(found)


def batches(served: Serving, lever: Lever, sizes: np.ndarray, **drawn: Any) -> np.ndarray:
    """The saving of a lever if `sizes` sequences are decoded together, with and without it."""
    before = served.but(batch=sizes)
    return 1 - np.asarray(request_usd(lever.at(before, drawn)) / request_usd(before))


def assumed(*names: str) -> dict[str, tuple[float, float, float]]:
    """Low, central and high of assumptions by name."""
    return {name: tuple(float(cases.assumed(name, level)) for level in ("low", "central", "high")) for name in names}


def hit_shares() -> tuple[float, float, float]:
    """Least, middle and greatest share of input that published services and traces find in their cache."""
    frame = data.table("workload_facts")
    shares = frame.loc[frame["topic"] == "prefix cache", "value"].astype(float)
    return float(shares.min()), float(shares.median()), float(shares.max())


def dense(small: bool = True) -> list[str]:
    """Dense models of the table: of the small class, or all; one of each shape."""
    sizes = {
        model: parameters(model) for model, cells in data.table("models").iterrows() if not cells["moe_ffn_layers"]
    }
    return [model for model, size in sizes.items() if not small or SMALL[0] <= size[0] < SMALL[1]]


@functools.cache
def parameters(model: str) -> tuple[float, float]:
    """All weights of a model, and those that a token passes through."""
    kind, numbers = cases.shape(model)
    found = serving.replica("steady", **kind).evaluate(numbers, "total_parameters", "active_parameters")
    return float(found["total_parameters"]), float(found["active_parameters"])


def experts_like(model: str) -> list[str]:
    """Models with experts that have about as many weights as `model`, the nearest first."""
    total = parameters(model)[0]
    mixed = [key for key, cells in data.table("models").iterrows() if cells["moe_ffn_layers"]]
    away = {key: abs(np.log(parameters(key)[0] / total)) for key in mixed if key != model}
    return sorted((key for key, each in away.items() if each <= np.log(LIKE_SIZE)), key=away.get)


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


def start(target: Serving, precision: str = "bf16", kv_precision: str = "bf16", batch: float = 16) -> Serving:
    """Where the way to `target` begins: wide weights and caches, a small batch."""
    return target.but(precision=precision, kv_precision=kv_precision, batch=batch)


def own(target: Serving, served: Serving, small_model: str, draft_tokens: float = 3) -> list[Lever]:
    """The levers of someone who serves a model on GPUs, from the start `served` to `target`.

    Left out are those that have nothing to change: another precision that is there already, experts that do not fit.
    """
    others = {"size", "experts", "routing", "distillation"}
    small = _fitting(served, [small_model])
    sizes = [{"model": key} for key in _fitting(served, dense())] if small else []
    mixed = _fitting(served, experts_like(served.model))
    formats = [{"precision": key} for key in FORMATS if _computes(served.gpu, key)]
    narrow = target.precision if target.precision != served.precision else "int8"
    levers = [
        Lever("weights", "quantized weights", {"precision": target.precision}, choices=tuple(formats),
              claims=("C098",), published=_published_weights(), excludes=frozenset({"layers"})),
        Lever("cache", "quantized cache", {"kv_precision": target.kv_precision}, published=_published_cache()),
        Lever("batch", "larger batches", {"batch": target.batch}, claims=("C103",), published=_published_batch(),
              choices=({"batch": target.batch / 2}, {"batch": 2 * target.batch})),
        Lever("prefix", "cached prefixes", {}, {"prefix_hit_share": hit_shares()}, claims=("C207",),
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
    return [each for each in levers if each.at(served) != served]


_ROUTED = ("mt_bench", "mmlu", "gsm8k")


def _computes(gpu: str, precision: str) -> bool:
    """Whether `gpu` has a unit for arithmetic in `precision`, or 16 bits are what it is computed in anyway."""
    wanted = data.row("precisions", precision)["compute_precision"]
    return wanted == cases.compute_precision(gpu, precision)


def claimed(lever: Lever) -> tuple[float, float] | None:
    """The savings that the article promises for a lever, least to most; a factor counts as what it saves."""
    if not lever.claims:
        return None
    rows = [data.row("claims", key) for key in lever.claims]
    ends = [(float(row["claimed_low"]), float(row["claimed_high"])) for row in rows]
    shares = [tuple(1 - 1 / end if end > 1 else end for end in pair) for pair in ends]
    return min(low for low, _ in shares), max(high for _, high in shares)


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
    return (float(cases.published("calm_saving")), float(cases.published("drex_gain_low")),
            float(cases.published("drex_gain_high")))  # fmt: skip


def _published_batch() -> tuple[float, ...]:
    return tuple(speedup_saving(each) for each in throughput_ratios({"16"}, {"64"}))


@functools.cache
def _sweeps() -> tuple[dict[str, float], ...]:
    """Throughputs of measured configurations that differ in nothing but the requests at once, by that number."""
    frame = data.table("measurements")
    frame = frame[frame["metric"].isin(["total_tokens_per_s_total", "output_tokens_per_s_total"])]
    same = ["model", "gpu", "n_gpus", "tp", "precision", "engine", "engine_version", "input_tokens", "output_tokens",
            "metric", "source"]  # fmt: skip
    groups = frame.groupby(same, dropna=False)
    return tuple(dict(zip(each["batch_or_concurrency"].astype(str), each["value"], strict=True)) for _, each in groups)


def throughput_ratios(before: set[str], after: set[str]) -> list[float]:
    """How many times more tokens per second were measured with one of `after` requests at once than with `before`."""
    pairs = [
        (sweep[few], sweep[many])
        for sweep in _sweeps()
        for few in before & sweep.keys()
        for many in after & sweep.keys()
    ]
    return [many / few for few, many in pairs]


# --- interaction and order -------------------------------------------------------------------------------------------


def compatible(pulled: Iterable[Lever]) -> bool:
    """Whether levers can be pulled together."""
    return not any(b.key in a.excludes or a.key in b.excludes for a, b in itertools.combinations(pulled, 2))


def interaction(served: Serving, levers: list[Lever]) -> pd.DataFrame:
    """For every pair: the saving of both less that of the product, in shares; NaN where they exclude each other."""
    kept = {lever.key: 1 - saving(served, lever) for lever in levers}
    found = pd.DataFrame(np.nan, index=list(kept), columns=list(kept))
    for a, b in itertools.combinations(levers, 2):
        if compatible((a, b)):
            found.loc[a.key, b.key] = found.loc[b.key, a.key] = kept[a.key] * kept[b.key] - (1 - saving(served, a, b))
    return found


@dataclass(frozen=True)
class Way:
    """Levers in the order in which they are pulled, and the cost of a request before the first and after each."""

    levers: tuple[Lever, ...]
    usd: tuple[float, ...]

    @property
    def saving(self) -> float:
        """The share of the cost that all save together."""
        return 1 - self.usd[-1] / self.usd[0]

    @property
    def added(self) -> list[float]:
        """What each adds to the saving, in shares of the first cost."""
        return [(before - after) / self.usd[0] for before, after in itertools.pairwise(self.usd)]

    @property
    def paid(self) -> float:
        """The cost of a request while the levers are pulled one after the other, on average over the steps."""
        return float(np.mean(self.usd[1:])) if self.levers else self.usd[0]


def greedy(served: Serving, levers: list[Lever]) -> Way:
    """Always the lever next that saves most after those before, until none saves anything."""
    pulled: list[Lever] = []
    usd = [float(request_usd(served))]
    while True:
        rest = [each for each in levers if each not in pulled and compatible((*pulled, each))]
        costs = [float(request_usd(together(served, (*pulled, each)))) for each in rest]
        if not rest or min(costs) >= usd[-1]:
            return Way(tuple(pulled), tuple(usd))
        pulled.append(rest[int(np.argmin(costs))])
        usd.append(min(costs))


def exact(served: Serving, levers: list[Lever]) -> Way:
    """The cheapest of all compatible sets of levers, in the order in which least is paid on the way.

    Sets are enumerated; the order is the best of all by dynamic programming over subsets, each step taking as long.
    """
    cost = _subsets(served, levers)
    best = min(cost, key=lambda each: (cost[each], len(each)))
    paid: dict[frozenset[int], tuple[float, tuple[int, ...]]] = {frozenset(): (0.0, ())}
    for size in range(1, len(best) + 1):
        for each in map(frozenset, itertools.combinations(sorted(best), size)):
            ways = [(paid[each - {last}][0] + cost[each], (*paid[each - {last}][1], last)) for last in sorted(each)]
            paid[each] = min(ways)
    order = paid[best][1]
    usd = [cost[frozenset(order[:size])] for size in range(len(order) + 1)]
    return Way(tuple(levers[place] for place in order), tuple(usd))


def _subsets(served: Serving, levers: list[Lever]) -> dict[frozenset[int], float]:
    """The cost of a request with each compatible set of levers, by their places."""
    found = {}
    for size in range(len(levers) + 1):
        for each in itertools.combinations(range(len(levers)), size):
            pulled = [levers[place] for place in each]
            if compatible(pulled):
                found[frozenset(each)] = float(request_usd(together(served, pulled)))
    return found


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


def first_batch(sizes: np.ndarray, savings: np.ndarray) -> float:
    """The batch from which on a lever saves nothing, between `sizes`; infinite if it saves at all of them, 0 at none."""
    losing = savings <= 0
    if not losing.any():
        return float("inf")
    place = int(np.argmax(losing))
    if place == 0:
        return 0.0
    return float(np.interp(0.0, savings[[place, place - 1]], sizes[[place, place - 1]]))
