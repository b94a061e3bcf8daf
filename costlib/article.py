"""The article's own cases, computed by this book's equations from this book's tables.

One function per chapter. Each returns our value for every claim that it answers, by the claim's key and in the claim's
unit, whatever the parameters of the page that shows them.
"""

from __future__ import annotations

import numpy as np

from costlib import (
    answers,
    availability,
    cases,
    data,
    drivers,
    economics,
    history,
    latency,
    loads,
    market,
    prices,
    published,
    quotes,
    sizes,
    techniques,
    tracking,
    units,
)
from costlib import horizons as over_time
from costlib import levers as pulled
from costlib import workloads as mixes
from costlib.breakeven import Staircase
from costlib.equations import Model
from costlib.models import hosting

MODEL, GPU, OLDER = "llama_3_1_70b", "h100_sxm_80gb", "a100_sxm_80gb"


def claimed(claim: str) -> float:
    """The lower end of what a claim states, in base units."""
    cells = data.row("claims", claim)
    return units.to_base(float(cells["claimed_low"]), data.text(cells, "unit"))


@quotes.set_aside()
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


FEWEST_BITS = 4  # of a weight: with fewer, models lose quality that one would notice

_PRECISIONS = {"C012": "fp32", "C013": "bf16", "C014": "int8"}


def _weight_gigabytes(precision: str) -> float:
    equations, values = cases.deployment(MODEL, GPU, precision=precision)
    return equations(values, "weight_bytes") / units.base_factor("GB")


def _best_on_one_gpu(lengths: dict[str, int]) -> dict[str, float]:
    """The fastest bound for one H100: any precision from four bits on that fits, an FP8 cache, the largest batch."""
    formats = data.table("precisions")
    found = []
    for precision in formats.index[formats["weight_bits"] >= FEWEST_BITS]:
        equations, values = cases.deployment(
            MODEL, GPU, n_gpus=1, precision=precision, kv_precision="fp8", batch=1, **lengths
        )
        largest = equations(cases.at_full_length(values), "largest_batch")
        if largest >= 1:
            found.append({**equations.evaluate({**values, "batch": largest}), "precision": precision})
    return max(found, key=lambda each: each["decode_tokens_per_second"])


SOLD = {"claude_sonnet_4_6": "anthropic", "gpt_4_1": "openai", "deepseek_r1": "deepseek"}  # by whom, in the article
REQUEST = {"input_tokens": 1000, "output_tokens": 300}


@quotes.set_aside()
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


@quotes.set_aside()
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


@quotes.set_aside()
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


@quotes.set_aside()
def serving() -> dict[str, float]:
    """Arithmetic of an H100 at work in published maximum-load tests of 70B models, and 64 requests against 16.

    The latter is Llama 3.3 70B on four H100 by the serving model.
    """
    equations, values = economics.served("llama_3_3_70b", GPU, batch=64, **_SERVED)
    many, few = equations({**values, "batch": np.array([64.0, 16.0])}, "replica_output_tokens_per_second")
    return {"C010": float(np.median(published.achieved_shares(GPU, LARGE))), "C100": float(many / few)}


LARGE = (65e9, 80e9)  # parameters of the models that are called 70B
NEARLY = 0.05  # an exponent this close to one stands for proportion
TARGET = 0.999  # the availability that the article speaks of (C065)


def spares(needed: int, target: float = TARGET) -> float:
    """Replicas beyond `needed` for the availability that the article speaks of."""
    node, common = cases.assumed("node_availability"), cases.assumed("common_failure_share")
    return float(availability.extra_replicas(np.array(needed), target, node, common))


def one_year() -> data.Fact:
    """The median of the newest quotes for an H100 with a commitment of a year."""
    return prices.rental(GPU, "reserved_1yr", public=True)


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


@quotes.set_aside()
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


# --- scales and horizons ---------------------------------------------------------------------------------------------

_SCALES = {"small": "C072", "medium": "C078", "large": "C086"}  # the claims that say how many tokens each is
_HOURS = {"small": 0, "medium": 10, "large": 40}  # of work per month, in the article
_H100S = {"medium": 1, "large": 8}


def scale(name: str) -> dict[str, float]:
    """One of the article's scales under its own inputs, in base units: demand, bills, and how far the GPUs are used.

    The bills of the API are those of its cheapest and its dearest model for its own mix; hosting pays rent in full.
    """
    cells = data.row("claims", _SCALES[name])
    low, high = (units.to_base(float(cells[f"claimed_{end}"]), cells["unit"]) for end in ("low", "high"))
    prices_own = [_request(model) / sum(REQUEST.values()) for model in SOLD]
    rents = {
        "small": prices.quoted_by("AWS", "l4_24gb"),  # the article speaks of EC2 and names no machine
        "medium": claimed("C058"),
        "large": claimed("C050"),
    }
    labor = cases.assumed("labor_usd_per_hour") * units.to_base(_HOURS[name], "hour/month")
    speed = claimed("C011") * _H100S[name] if name in _H100S else float("nan")
    return {
        "low": low, "high": high, "middle": float(np.sqrt(low * high)) if low else high,
        "cheapest_usd_per_token": min(prices_own), "dearest_usd_per_token": max(prices_own),
        "fleet": float(rents[name]), "labor": labor, "total": float(rents[name]) + labor, "used": high / speed,
    }  # fmt: skip


_SAID = {"small": ("C073", "C075"), "medium": ("C079", "C083"), "large": ("C087", "C091")}  # API, hosting


def scale_rows(stairs: Staircase, price: float) -> list[tuple[str, ...]]:
    """The three scales by the article, by its own inputs, and by a deployment (`stairs`) against a `price` per token.

    Scale, whose figures, bill of the API and of hosting in USD per month, and which is how many times cheaper.
    """
    rows, month = [], units.base_factor("month")
    for name, said in _SAID.items():
        own = scale(name)
        bought = [own["middle"] * own[f"{end}_usd_per_token"] * month for end in ("cheapest", "dearest")]
        hosted_here = float(stairs.cost(own["middle"])) * month
        claimed_bills = [list(data.row("claims", key)[["claimed_low", "claimed_high"]].astype(float)) for key in said]
        for whose, api, host in (
            ("as the article says", *claimed_bills),
            ("its own inputs", bought, [own["total"] * month]),
            ("this page's case", [own["middle"] * price * month], [hosted_here]),
        ):
            rows.append((name, whose, _span(api), _span(host), _cheaper(api, host)))
    return rows


def _span(bills: list[float]) -> str:
    low, high = units.number(bills[0]), units.number(bills[-1])
    return low if low == high else f"{low} to {high}"


def _cheaper(api: list[float], host: list[float]) -> str:
    """Which is cheaper, by how much; between the middles of the two spans, and only if these do not overlap."""
    if min(api) <= max(host) and min(host) <= max(api):
        return "depends"
    factor = float(np.sqrt(host[0] * host[-1] / (api[0] * api[-1])))
    return f"API, {units.number(factor, 2)} times" if factor > 1 else f"hosting, {units.number(1 / factor, 2)} times"


@quotes.set_aside()
def scale_tiers() -> dict[str, float]:
    """The three scales under the article's own inputs, against the dearest of its models; rent is due in full."""
    small, medium, large = (scale(name) for name in _SCALES)
    setup = _setup_usd()
    even = medium["total"] / medium["dearest_usd_per_token"]
    small_bill = small["middle"] * small["dearest_usd_per_token"]
    found = {
        "C073": small_bill,
        "C074": setup,
        "C075": small["fleet"],
        "C076": setup + small["fleet"] * units.base_factor("month"),
        "C077": small["fleet"] / small_bill,
        "C079": medium["middle"] * medium["dearest_usd_per_token"],
        "C080": medium["fleet"],
        "C081": medium["used"],
        "C082": medium["labor"],
        "C083": medium["total"],
        "C087": large["middle"] * large["cheapest_usd_per_token"],
        "C088": large["fleet"],
        "C089": large["used"],
        "C090": large["labor"],
        "C091": large["total"],
        "C093": even,
        "C094": even,
        "C095": even,
    }
    return {claim: in_unit(claim, value) for claim, value in found.items()}


def _setup_usd() -> float:
    labor = {name: cases.assumed(name) for name in ("labor_usd_per_hour", "setup_hours")}
    return float(Model(*hosting.EQUATIONS)(labor, "setup_usd"))


@quotes.set_aside()
def horizons() -> dict[str, float]:
    """Setup, break-even in a year and saving in five, at the article's rent and its dearest API, at steady prices."""
    cells = data.row("claims", "C166")
    medium = units.to_base(float(np.sqrt(cells["claimed_low"] * cells["claimed_high"])), cells["unit"])
    equations, values = over_time.case(
        MODEL, GPU, api_model=next(iter(SOLD)), vintage="article", batch=64, demand_tokens_per_second=medium,
        api_price_change_per_year=0.0, gpu_price_change_per_year=0.0, **_SERVED,
    )  # fmt: skip
    costs = over_time.present_costs(equations, values, 60)
    found = {
        "C161": _setup_usd(),
        "C163": over_time.first_win(equations, values, 12),
        "C164": cases.assumed("amortization_months"),
        "C165": 1 - min(costs["rented"][-1], costs["owned"][-1]) / costs["api"][-1],
    }
    return {claim: in_unit(claim, value) for claim, value in found.items()}


# --- monitoring ------------------------------------------------------------------------------------------------------

_READS, _WRITES = "azure_code", "azure_conversation"  # two products of which one mostly reads and one also writes
MONITORED = "gpt_4_1"  # the model that both of them ask


@quotes.set_aside()
def monitoring() -> dict[str, float]:
    """What a product pays that has 60% of the tokens, if it mostly reads and the other product also writes."""
    share = claimed("C159")
    first, second = (_product_usd_per_token(trace) for trace in (_READS, _WRITES))
    return {"C159": share * first / (share * first + (1 - share) * second)}


def _product_usd_per_token(trace: str) -> float:
    equations, values = economics.bought(MONITORED, provider="openai", **_mean_lengths(trace))
    return float(equations(values, "api_usd_per_token"))


def _mean_lengths(trace: str) -> dict[str, int]:
    """The mean request of a published trace, in whole tokens."""
    return {f"{side}_tokens": round(cases.published(f"{trace}_{side}_tokens_mean")) for side in ("input", "output")}


def longer_prompts(times: float) -> dict[str, float]:
    """How many times as much a token and a request of a conversation cost if its prompts are `times` as long."""
    equations, values = economics.bought(MONITORED, provider="openai", **_mean_lengths(_WRITES))
    longer = {**values, "input_tokens": times * values["input_tokens"]}
    return {
        name: float(equations(longer, name) / equations(values, name)) for name in ("api_usd_per_token", "request_usd")
    }


# --- prices over time ------------------------------------------------------------------------------------------------

DATED = "2025-07-22"  # the day that the article bears
R1_RELEASED = "2025-01-23"  # the first day on which its price is known
THEN = {"C199": 2022, "C200": 2023, "C201": 2024, "C202": 2025, "C203": 2026}  # the years that the article prices


def sold_then(claim: str) -> np.ndarray:
    """Input prices in force in the months of the year of a claim, of the models that it names, in USD per million."""
    every = history.token_prices()
    named = {
        "C199": every["api_model"] == "gpt_3_davinci",
        "C200": every["api_model"] == "gpt_3_5_turbo",
        "C201": every["own"] & every["developer"].isin(["OpenAI", "Anthropic", "DeepSeek"]),
    }
    cheap = (every["own"] & (every["developer"] == "DeepSeek")) | (~every["own"] & every["open"])
    return history.input_prices(every[named.get(claim, cheap)], THEN[claim])


@tracking.question
def cheapest_by_developer() -> float:
    """The input price of a developer's cheapest model now, at the developer in the middle, in USD per million."""
    offered = prices.offers()
    own = offered[offered["own"]]
    developer = data.table("api_models").loc[own["api_model"], "developer"].to_numpy()
    return float(own["input"].groupby(developer).min().median())


@quotes.set_aside()
def price_trends() -> dict[str, float]:
    """What became of the prices that the article names, and of what it foresees for 2026."""
    own = history.named()
    own = own[own["developer"].isin(["OpenAI", "Anthropic"])].sort_values("date", kind="stable")
    first, last = own[own["api_model"] == "gpt_4_1"]["usd"].iloc[[0, -1]]
    sonnets = own[own["api_model"].str.contains("sonnet")]
    before = sonnets.loc[sonnets["date"] <= R1_RELEASED, "usd"].iloc[-1]
    after = sonnets.loc[sonnets["date"] <= DATED, "usd"].iloc[-1]
    level = history.fixed_quality("mmlu", history.level("mmlu", "GPT-3"), reasoning=False)
    best = history.launches().groupby("developer").tail(1)
    return {
        "C176": float(1 - last / first),
        "C177": float(after / before - 1),
        "C180": cheapest_by_developer(),
        "C181": float(best["input"].median()),
        "C182": 99 / 100,
        **{claim: float(np.median(sold_then(claim))) for claim in THEN},
        "C204": float(level["usd"].iloc[0] / level["usd"].iloc[-1]),
    }


# --- workloads -------------------------------------------------------------------------------------------------------

_BUSY = 0.95  # load share of a replica that is run as cheaply as can be; at half of it a token costs twice as much


@quotes.set_aside()
def workloads() -> dict[str, float]:
    """Four equal loads at the article's large scale, GPT-4.1 against a 70B model on H100s; latency at one replica."""
    demand = claimed("C086")
    equations, values = mixes.case(
        load="constant", model=MODEL, gpu=GPU, api_model="gpt_4_1", batch=64, demand_tokens_per_second=demand, **_SERVED
    )
    costs = mixes.replica_costs(equations, values, GPU)
    works = mixes.workloads(mixes.split(demand, 0.25, 0.25, 0.25))
    found = mixes.mix(equations, values, works, mixes.market(equations, values, costs))
    said = {"batch": mixes.BATCH_API, "realtime": mixes.HOSTED, "bursty": mixes.SPOT}
    single = equations.evaluate({**values, "batch": 1.0}, "prefill_request_seconds", "output_token_seconds")
    late = [each.late(*latency.limits(None, None)) for each in latency.simulated(equations, values, [_BUSY / 2, _BUSY])]
    multiple = {"late_price_multiple": 10.0, "late_share_cut": late[1] - late[0]}
    return {
        "C160": equations(multiple, "worthwhile_price_multiple"),
        "C169": float(equations(values, "breakeven_utilization")),
        "C170": 1 / loads.peak(loads.curve("constant")),
        "C171": _batch_discount(),
        "C172": float(single["prefill_request_seconds"] + single["output_token_seconds"]),
        "C173": float(sum(found.portfolio.homes[kind] == home for kind, home in said.items())),
        "C174": found.saving,
    }


@tracking.question
def _batch_discount() -> float:
    """What a batch saves of the price of input: the median of the market."""
    offered = market.requests(**REQUEST)
    return float((1 - offered["batch_input"] / offered["input"]).dropna().median())


# --- levers ----------------------------------------------------------------------------------------------------------

USUAL = "llama_3_3_70b"
_REASONING = ("gpqa", "math", "mmlu_pro", "gsm8k", "arc_c")
_TEACHING = ("aime", "math500", "gpqa", "livecodebench")
_MIXED = ("mmlu", "hellaswag", "winogrande", "piqa", "arc_e", "arc_c", "nq", "triviaqa", "humaneval", "mbpp", "math",
          "gsm8k")  # fmt: skip
_PROMPT = {"tokens": 500, "times": 1000}  # the system prompt of the article's example
_KEPT, _ACCEPTED = 0.8, 0.9  # the article's cached tokens that are kept, and drafts that are accepted


@quotes.set_aside()
def levers() -> dict[str, float]:
    """What techniques save: of a 70B model on four H100, of the article's APIs at its prices, and as published."""
    found = {
        **_quantized(),
        **_batched(),
        **_sized(),
        **_cached(),
        **_searched(),
        **_drafted(),
        **_mixtures(),
        **_taught(),
    }
    return {claim: in_unit(claim, value) for claim, value in found.items()}


def usual(model: str = USUAL, **changes: object) -> pulled.Serving:
    """A replica of the case that most chapters begin with: FP8 on four H100, 64 sequences."""
    return techniques.case(model, GPU, **{**_SERVED, "batch": 64, **changes})[1]


def _quantized() -> dict[str, float]:
    """Memory and cost of INT4 against BF16 on A100s, each on the fewest that hold 64 sequences; points lost."""
    needs = {precision: _weight_gigabytes(precision) for precision in ("bf16", "int4_g128")}
    lengths = {"input_tokens": 2000, "output_tokens": 500, "batch": 64, "kv_precision": "bf16"}
    rents = [
        float(model(values, "rent_usd_per_token"))
        for model, values in (sizes.smallest_deployment(MODEL, OLDER, precision=each, **lengths) for each in needs)
    ]
    points = {each: [cases.published(f"qwen3_8b_{each}_{test}") for test in ("mmlu", "gsm8k", "ceval")] for each in
              ("bf16", "fp8", "int4_awq", "int4_gptq")}  # fmt: skip
    losses = 1 - np.array([points[each] for each in ("fp8", "int4_awq", "int4_gptq")]) / points["bf16"]
    return {
        "C096": 1 - needs["int4_g128"] / needs["bf16"],
        "C097": needs["int4_g128"] * units.base_factor("GB"),
        "C098": 1 - rents[1] / rents[0],
        "C099": losses.max(),
        "C154": pulled.RULES({"kept_token_share": _KEPT}, "pruned_memory_share"),
        "C155": cases.published("keydiff_loss"),
    }


def _batched() -> dict[str, float]:
    """64 sequences at once against 16."""
    few, many = (float(pulled.request_usd(usual(batch=batch))) for batch in (16, 64))
    return {"C100": few / many, "C103": 1 - many / few}


def _sized() -> dict[str, float]:
    """Other models: what they cost against Claude Sonnet, on replicas of one's own, and what they score."""
    requests = {model: _request(model) for model in ("claude_sonnet_4_6", "deepseek_r1")}
    small, large = (_smallest_rent(model) for model in ("llama_3_1_8b", MODEL))
    losses = [1 - _ratio(f"llama_3_1_8b_{test}", f"llama_3_1_70b_{test}") for test in _REASONING]
    return {
        "C104": 1 - requests["deepseek_r1"] / requests["claude_sonnet_4_6"],
        "C107": 1 - _small_request() / requests["claude_sonnet_4_6"],
        "C108": large / small,
        "C109": float(np.median(losses)),
    }


def _ratio(one: str, other: str) -> float:
    return float(cases.published(one) / cases.published(other))


def _smallest_rent(model: str) -> float:
    case = {key: value for key, value in _SERVED.items() if key != "n_gpus"} | {"batch": 64}
    equations, values = sizes.smallest_deployment(model, GPU, **case)
    return float(equations(values, "rent_usd_per_token"))


def _small_request() -> float:
    """The article's request at the price that it names for Mistral Small."""
    equations, values = economics.bought("mistral_small_3_2", vintage="article", **REQUEST)
    return float(equations(values, "request_usd"))


@tracking.question
def _cache_discount(provider: str) -> float:
    """What a provider takes off the price of cached input: the median of its models."""
    sold = prices.offers()
    sold = sold[(sold["provider"] == provider) & sold["cached_input"].notna()]
    return float((1 - sold["cached_input"] / sold["input"]).median())


def _cached() -> dict[str, float]:
    """The example of a prompt of 500 tokens at the article's price; discounts; hits."""
    discounts = [_cache_discount(provider) for provider in ("anthropic", "openai")]
    _, values = economics.bought("claude_sonnet_4_6", provider="anthropic", vintage="article", **REQUEST)
    sent = _PROMPT["tokens"] * _PROMPT["times"]
    plain, cached = (sent * values[f"{kind}_usd_per_token"] for kind in ("input", "cached_input"))
    return {
        "C110": min(discounts), "C111": plain, "C112": cached, "C113": 1 - cached / plain,
        "C187": techniques.hit_shares()[1], "C188": min(discounts),
    }  # fmt: skip


def _middle(claim: str) -> float:
    """The geometric middle of a claimed range, in its unit."""
    return float(np.sqrt(np.prod(data.row("claims", claim)[["claimed_low", "claimed_high"]].astype(float))))


def _searched() -> dict[str, float]:
    """A search before the model, at the article's prices for both and the share that services answer so."""
    given = {
        "found_share": cases.assumed("found_share"),
        "search_usd": _middle("C116"),
        "large_request_usd": _middle("C117"),
    }
    return {
        "C116": cases.published("openai_file_search_usd"),
        "C117": _request("claude_sonnet_4_6"),
        "C118": 1 - pulled.RULES(given, "retrieved_request_usd") / given["large_request_usd"],
    }


def _drafted() -> dict[str, float]:
    """A draft model of 3B beside one of 70B, nine of ten drafts accepted, as many as serve best; early exits."""
    pairs = [("llama_3_2_3b", USUAL), ("qwen2_5_3b", "qwen2_5_72b")]
    shares = [techniques.parameters(small)[0] / techniques.parameters(large)[0] for small, large in pairs]
    plain, draft = usual(), usual("llama_3_2_3b")
    steps = [float(model(values, "step_seconds")) for model, values in map(pulled.replica, (draft, plain))]
    given = {"acceptance_share": _ACCEPTED, "draft_cost_share": steps[0] / steps[1]}
    drafted = [float(pulled.request_usd(plain.but(draft_tokens=float(count), **given))) for count in range(1, 9)]
    return {
        "C144": float(np.mean(shares)),
        "C145": 1 - min(drafted) / float(pulled.request_usd(plain)),
        "C152": cases.published("calm_saving"),
    }


def _mixtures() -> dict[str, float]:
    """Experts: the models of the table, and Mixtral 8x22B against a dense model of its size, which uses all of them."""
    mixed = {
        key: techniques.parameters(key) for key, cells in data.table("models").iterrows() if cells["moe_ffn_layers"]
    }
    near = min(mixed, key=lambda key: abs(np.log(mixed[key][0] / claimed("C148") * 0.25)))
    served = usual(near)
    works = [
        float(model(values, "linear_flops_per_token"))
        for model, values in map(pulled.replica, (served.but(all_experts=True), served))
    ]
    saved = 1 - float(pulled.request_usd(served) / pulled.request_usd(served.but(all_experts=True)))
    quality = float(np.median([_ratio(f"mixtral_8x7b_{test}", f"llama_2_70b_{test}") for test in _MIXED]))
    return {
        "C147": float(np.median([active / total for total, active in mixed.values()])),
        "C148": mixed[near][1],
        "C149": saved, "C150": quality, "C189": works[0] / works[1], "C190": saved, "C191": quality,
    }  # fmt: skip


def _taught() -> dict[str, float]:
    """Routing between the article's dearest and cheapest model, and a distilled model that costs as it says."""
    large, small = _request("claude_sonnet_4_6"), _small_request()
    chosen = {name: cases.assumed(name) for name in ("routed_share", "repeated_share", "router_cost_share")}
    routed = pulled.RULES({"large_request_usd": large, "small_request_usd": small, **chosen}, "routed_request_usd")
    token = large / sum(REQUEST.values())
    given = {
        "training_usd": _middle("C195"),
        "teacher_usd_per_token": token,
        "student_usd_per_token": token / _middle("C193"),
    }
    kept = [_ratio(f"deepseek_r1_distill_7b_{test}", f"deepseek_r1_{test}") for test in _TEACHING]
    return {
        "C192": 1 - routed / large,
        "C193": _smallest_rent(MODEL) / _smallest_rent("llama_3_1_8b"),
        "C194": float(np.median(kept)),
        "C196": pulled.RULES(given, "payback_tokens") / units.base_factor("year"),
    }


# --- drivers ---------------------------------------------------------------------------------------------------------

_LEVERS = {
    "C211": ("buyer", "model"), "C212": ("host", "precision"), "C213": ("host", "sequences at once"),
    "C214": ("buyer", "cache hits"), "C217": ("buyer", "seller"), "C218": ("host", "GPU"),
}  # fmt: skip


@quotes.set_aside()
def driver_ranking() -> dict[str, float]:
    """What each lever of the article's tiers saves at most, all else varying: a buyer's levers, and a host's."""
    found = {"buyer": answers.swings(drivers.buyer()), "host": answers.swings(drivers.host())}
    return {claim: answers.saving(found[reader], label) for claim, (reader, label) in _LEVERS.items()}
