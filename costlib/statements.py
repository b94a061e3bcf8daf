"""Numbers that decide what the article says without a number.

One function per chapter. Each returns, by claim, the value whose allowed range stands with the claim in
`data/claims.csv`, where the column `test` says in words what it is.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from costlib import (
    answers,
    article,
    cases,
    data,
    economics,
    history,
    loads,
    market,
    prices,
    published,
    quotes,
    rules,
    scenarios,
    sizes,
    techniques,
    tracking,
    trends,
    units,
)
from costlib import decision as deciding
from costlib import drivers as studies
from costlib import horizons as over_time
from costlib import levers as pulled
from costlib.article import GPU, MODEL, OLDER, claimed
from costlib.equations import Model
from costlib.errors import InputError
from costlib.models import hosting, memory

CASE = {"n_gpus": 4, "precision": "fp8", "kv_precision": "fp8", "input_tokens": 2000, "output_tokens": 500, "batch": 64}
USUAL_MODEL, USUAL_API = "llama_3_3_70b", "gpt_4_1"
LARGE = 70e9  # parameters: where the article's large models begin


@quotes.set_aside()
def roofline() -> dict[str, float]:
    """What fills the memory, what limits a step, and what follows from the article's own peak and bandwidth."""
    equations, values = cases.deployment(USUAL_MODEL, GPU, **CASE)
    step = equations.evaluate(values)
    full = equations.evaluate(cases.at_full_length(values), "largest_batch", "kv_bytes_per_sequence", "weight_bytes")
    cached = full["largest_batch"] * full["kv_bytes_per_sequence"]
    half = step["ridge_flops_per_byte"] / 2
    attainable = equations({**values, "decode_intensity": half}, "attainable_flops_per_second")
    speeds = [_served(gpu) for gpu in (GPU, OLDER)]
    costs = [float(prices.rental(gpu, "on_demand")) / speed for gpu, speed in zip((GPU, OLDER), speeds, strict=True)]
    peaks = [float(cases.accelerator(gpu, "bf16")["peak_flops_per_second"]) for gpu in (GPU, OLDER)]
    return {
        "C006": len(cases.accelerator(GPU, "bf16")),
        "C017": cached / (cached + full["weight_bytes"]),
        "C018": step["decode_memory_seconds"] / step["decode_compute_seconds"],
        "C020": attainable / step["peak_flops_per_second"],
        "C023": claimed("C022") / claimed("C008"),
        "C026": abs(np.log(costs[1] / costs[0])) / np.log(peaks[0] / peaks[1]),
    }


def _served(gpu: str) -> float:
    """Tokens per second and GPU of a 70B model in BF16, which both generations compute in, on four GPUs."""
    wide = {**CASE, "precision": "bf16", "kv_precision": "bf16", "batch": 16}
    equations, values = economics.hosted(MODEL, gpu, **wide)
    return equations(values, "replica_tokens_per_second") / CASE["n_gpus"]


@quotes.set_aside()
def api_pricing() -> dict[str, float]:
    """Why output costs more."""
    equations, values = cases.deployment(USUAL_MODEL, GPU, **{**CASE, "batch": 1})
    step = equations.evaluate(values, "prefill_intensity", "decode_intensity")
    lengths = article.REQUEST
    held_input, held_output = lengths["output_tokens"], lengths["output_tokens"] / 2  # steps for which it is kept
    calls = claimed("C004") * units.to_base(1e6, "1/day")
    return {
        "C004": _place(claimed("C004")),
        "C005": article.in_unit("C005", calls),
        "C055": article.in_unit("C055", claimed("C028")),
        "C106": float(prices.offer("mistral_small_3_2", "mistral")["input"]),
        "C036": step["prefill_intensity"] / step["decode_intensity"],
        "C037": held_output / held_input,
    }


@tracking.question
def _place(price: float) -> float:
    """Where `price` lies among what the example request costs with the best closed models: 0 cheapest, 1 dearest."""
    offered = market.frontier(market.requests(**article.REQUEST))["request_usd"].astype(float)
    low, high = np.log(offered.min()), np.log(offered.max())
    return float((np.log(price) - low) / (high - low))


@quotes.set_aside()
def self_hosting() -> dict[str, float]:
    """The article's comparison with its own figures, with its slip put right, and what stands around the rent."""
    equations = Model(*hosting.EQUATIONS)
    replica = {"n_gpus": 1, "usd_per_gpu_second": claimed("C058"), "replica_tokens_per_second": claimed("C011")}
    rent = equations(replica, "rent_usd_per_token")
    used = {**replica, "batch_penalty_share": 0.0}
    at = {share: equations({**used, "utilization": share}, "idle_usd_per_token") for share in (1e-6, 0.4, 1.0)}
    input_price = claimed("C055")
    slow = equations({**replica, "replica_tokens_per_second": units.to_base(100, "token/s")}, "rent_usd_per_token")
    startup, its = economics.hosted(
        USUAL_MODEL, GPU, demand_tokens_per_second=units.to_base(1e9, "token/month"),
        amortization_months=claimed("C068"), **CASE,
    )  # fmt: skip
    setup = startup.evaluate(its, "setup_usd_per_second", "self_usd_per_second")
    return {
        "C048": _largest("l4_24gb", "int4_g128") / LARGE,
        "C051": _load_that_pays(),
        "C052": rent * replica["replica_tokens_per_second"] / replica["usd_per_gpu_second"],
        "C056": claimed("C053") / input_price,
        "C057": rent / input_price,
        "C058": slow / input_price,
        "C061": claimed("C060") / input_price,
        "C062": at[1.0] / at[0.4],
        "C063": at[1e-6] / at[0.4],
        "C064": _pooled(),
        "C069": setup["setup_usd_per_second"] / setup["self_usd_per_second"],
    }


def _load_that_pays() -> float:
    """The share of what two replicas of four H100 can do that must be sold at GPT-4.1's prices to pay the server."""
    equations, values = economics.hosted(USUAL_MODEL, GPU, **CASE)
    bought, sold = economics.bought("gpt_4_1", **{name: CASE[name] for name in ("input_tokens", "output_tokens")})
    needed = claimed("C050") / bought(sold, "api_usd_per_token")
    return needed / (2 * equations(values, "replica_tokens_per_second"))


def _largest(gpu: str, precision: str) -> float:
    """Parameters of the largest open model of the table whose weights fit one `gpu`."""
    held = []
    for model in data.table("models").index:
        equations, values = cases.deployment(model, gpu, n_gpus=1, precision=precision)
        found = equations.evaluate(values, "gpus_to_hold_model", "total_parameters")
        held += [found["total_parameters"]] if found["gpus_to_hold_model"] <= 1 else []
    return max(held)


def _pooled() -> float:
    """Mean over peak of the nodes of a large provider, over that of a single service in our assumptions."""
    pooled = cases.published("deepseek_mean_nodes") / cases.published("deepseek_peak_nodes")
    return pooled * cases.assumed("peak_to_mean_ratio")


@quotes.set_aside()
def scale_tiers() -> dict[str, float]:
    """Who wins at the article's scales by its own figures, and for an open model by the market's."""
    medium, large = (article.scale(name) for name in ("medium", "large"))
    ends = data.row("claims", "C094")[["claimed_low", "claimed_high"]].astype(float)
    stated = [units.to_base(end, "token/month") for end in ends]
    return {
        "C072": article.in_unit("C072", article.scale("small")["high"]),
        "C078": article.in_unit("C078", medium["low"]),
        "C084": medium["total"] / (medium["middle"] * medium["dearest_usd_per_token"]),
        "C085": medium["total"] / (medium["middle"] * _open_price()),
        "C086": article.in_unit("C086", large["low"]),
        "C092": large["total"] / (large["middle"] * large["cheapest_usd_per_token"]),
        "C094": sum(medium["low"] <= each <= medium["high"] for each in stated) / len(stated),
    }


@tracking.question
def _open_price() -> float:
    """What the median host asks for a token of the usual open model, in USD per token of the book's mix."""
    offered = market.requests(input_tokens=CASE["input_tokens"], output_tokens=CASE["output_tokens"])
    hosts = offered[offered["api_model"].map(data.table("api_models")["open_model"]).eq(USUAL_MODEL)]
    return float(hosts["api_usd_per_token"].astype(float).median())


@quotes.set_aside()
def egress() -> dict[str, float]:
    """One copy against an hour of rent, and how often free traffic is worth a dearer GPU."""
    equations, values = economics.moved(MODEL, precision="bf16", provider="AWS", vintage="article")
    _, of_model = cases.deployment(MODEL, GPU, precision="bf16")
    an_hour = of_model["n_gpus"] * claimed("C058") * units.base_factor("hour")
    dearer, cheaper = (float(prices.quoted_by(name, GPU)) for name in ("CoreWeave", "AWS"))
    premium = max(dearer - cheaper, 0.0) * of_model["n_gpus"] * units.base_factor("month")
    return {
        "C122": equations(values, "copy_usd") / an_hour,
        "C125": premium / equations(values, "copy_usd"),
    }


@quotes.set_aside()
def model_sizes() -> dict[str, float]:
    """The market's price of a mid-sized open model over the cost of hosting it, and what the largest models need."""
    served = sizes.served(GPU, **{name: value for name, value in CASE.items() if name != "n_gpus"})
    offers = sizes.sold(CASE["input_tokens"], CASE["output_tokens"])
    hosted, asked = (frame.loc[frame["class"] == "13B to 70B"] for frame in (served, offers))
    return {
        "C133": asked["price"].median() / hosted["usual"].median(),
        "C138": _servers_for_the_largest(),
    }


def _servers_for_the_largest() -> float:
    """Servers of eight of the GPU with the largest memory that the largest open model fills in FP8."""
    about = data.table("accelerators")
    roomiest = about.loc[about["memory_gigabytes"].idxmax()].name
    largest = max(data.table("models").index, key=_parameters)
    equations, values = cases.deployment(largest, roomiest, precision="fp8", kv_precision="fp8")
    return float(np.ceil(equations(values, "gpus_to_hold_model") / economics.NODE_GPUS))


def _parameters(model: str) -> float:
    kind, numbers = cases.shape(model)
    return Model(*memory.equations_for(**kind))(numbers, "total_parameters")


@quotes.set_aside()
def horizons() -> dict[str, float]:
    """From which volume hosting pays within a month, and how sure it is over five years at large scale."""
    case = over_time.case(USUAL_MODEL, GPU, api_model="gpt_4_1", demand_tokens_per_second=claimed("C166"), **CASE)
    within_a_month = over_time.first_win(*case, months=1)
    large = np.array([article.scale("large")["low"]])
    chances, _ = over_time.probabilities(*case, large, horizons=(60,), gpu=GPU)
    return {
        "C162": within_a_month * units.base_factor("month") / 1e9,
        "C166": article.in_unit("C166", claimed("C166")),
        "C168": chances.item(),
    }


@quotes.set_aside()
def price_trends() -> dict[str, float]:
    """When the article's newest model came, and how prices of hosts, of lists and of a quality moved since."""
    first = data.table("api_token_prices").query("api_model == 'claude_sonnet_4_6'")["date"].min()
    newest = prices.day(None)
    year_before = str((pd.Timestamp(newest) - pd.DateOffset(years=1)).date())
    return {
        "C001": float(trends.decimal_years([str(first)])[0]) - claimed("C001"),
        "C183": _hosted_at_scale() / _open_price(),
        "C184": _spread_of_models() / _spread_of_hosts(newest),
        "C185": _spread_of_hosts(newest) / _spread_of_hosts(year_before),
        "C186": _median_change(f"{newest[:4]}-01-01", newest),
        "C198": max(float(np.expm1(segments[-1].rate)) for segments in _fixed_qualities()),
    }


def _hosted_at_scale() -> float:
    """The cost of a token of the usual open model at the article's large scale, in USD."""
    demand = article.scale("large")["low"]
    equations, values = economics.hosted(USUAL_MODEL, GPU, demand_tokens_per_second=demand, **CASE)
    return equations(values, "self_usd_per_token")


def _offered(on: str) -> pd.DataFrame:
    return market.requests(on, input_tokens=CASE["input_tokens"], output_tokens=CASE["output_tokens"])


def _spread_of_models() -> float:
    """The standard deviation of the logarithm of the price of a token over models."""
    found = _offered(prices.day(None))
    return float(np.log(found.loc[found["stands"], "api_usd_per_token"].astype(float)).std())


def _spread_of_hosts(on: str) -> float:
    """The same over the hosts of one open model, for the middle one of the models that several hosts sell."""
    found = _offered(on)
    hosted = found[found["open"]].groupby("api_model")["api_usd_per_token"]
    spreads = np.log(hosted.apply(list).explode().astype(float)).groupby(level=0).agg(["std", "size"])
    return float(spreads.loc[spreads["size"] > 2, "std"].median())


def _median_change(since: str, until: str) -> float:
    """By which share the price of a token changed, for the middle one of the offers that stood on both days."""
    then, now = (_offered(day).set_index(["api_model", "provider"])["api_usd_per_token"] for day in (since, until))
    return float((now.astype(float) / then.astype(float)).dropna().median() - 1)


def _fixed_qualities() -> list[list[trends.Segment]]:
    """The stretches of the cheapest price of each level of the Arena that has enough of them."""
    levels = (history.fixed_quality("arena_text", history.level("arena_text", n)) for n in history.LEVELS["arena_text"])
    return [found for found in (trends.fit(rows["year"], rows["usd"]) for rows in levels) if found]


@quotes.set_aside()
def workloads() -> dict[str, float]:
    """How often a bursty load leaves a replica idle, beside the use from which a replica pays."""
    used_on_average = 1 / loads.peak(loads.curve("bursty"))
    return {"C169": article.workloads()["C169"] / used_on_average}


@quotes.set_aside()
def monitoring() -> dict[str, float]:
    """What longer prompts and smaller batches do to the cost of a token."""
    return {
        "C157": article.longer_prompts(2.0)["api_usd_per_token"],
        "C158": 1 + article.self_hosting()["C070"],
    }


@quotes.set_aside()
def drivers() -> dict[str, float]:
    """What the shares of variance say about the article's ranking, for who hosts a model."""
    found = answers.answer(studies.host())
    equations, values = economics.hosted(
        USUAL_MODEL, GPU, demand_tokens_per_second=units.to_base(1e9, "token/month"), **CASE
    )
    bill = equations.evaluate(values, "fleet_usd_per_second", "self_usd_per_second")
    named = [found.shares[label] for label in NAMED_DRIVERS]
    levers = article.levers()
    model, seller = (article.driver_ranking()[claim] for claim in ("C211", "C217"))
    return {
        **article.driver_ranking(),
        "C002": sum(share > NOTICED for share in named),
        "C208": sum(found.shares[label] for label in ("model", "precision", "sequences at once")),
        "C209": bill["fleet_usd_per_second"] / bill["self_usd_per_second"],
        "C210": max(found.shares.values()),
        "C215": levers["C192"],
        "C216": 1 - 1 / levers["C193"],
        "C220": answers.rank_correlation(found.shares),
        "C221": _left_by_all(),
        "C222": seller / model,
    }


def _left_by_all() -> float:
    """The cost of a request with the best set of levers over that with the best lever alone."""
    served, target = techniques.case(USUAL_MODEL, GPU, **CASE)
    faithful = [lever for lever in techniques.own(target, served, "llama_3_1_8b") if lever.keeps]
    alone = min(float(pulled.request_usd(pulled.together(served, (lever,)))) for lever in faithful)
    return pulled.exact(served, faithful).usd[-1] / alone


NAMED_DRIVERS = ("model", "model", "sequences at once", "volume")  # work per token, size, requests at once, use
NOTICED = 0.05  # a share of the variance that one would notice


TOGETHER = 32  # requests at once from which on an engine must have put them into one batch


@quotes.set_aside()
def serving() -> dict[str, float]:
    """Who forms batches: output with at least `TOGETHER` requests at once over one, the median of published pairs."""
    gain = float(published.gains(1, lambda requests: requests >= TOGETHER)["gain"].median())
    return {"C071": gain, "C101": gain}


@quotes.set_aside()
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


@tracking.question
def _best_host() -> float:
    """What the cheapest host of the same open model saves against the one in the middle."""
    sold = prices.offers()
    sold = sold[(sold["api_model"] == article.USUAL) & ~sold["provider"].isin(prices.AGGREGATORS)]
    asked = sold["input"] * article.REQUEST["input_tokens"] + sold["output"] * article.REQUEST["output_tokens"]
    return float(1 - asked.min() / asked.median())


@quotes.set_aside()
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


@tracking.question
def cached_over_other() -> float:
    """What a cached input token costs over the cheapest other token of the same offer: the median of the market."""
    offered = prices.offers()
    known = offered[offered["cached_input"].notna()].astype({"cached_input": float, "batch_input": float})
    others = known[["input", "output", "batch_input"]].astype(float).min(axis=1)
    return float((known["cached_input"] / others).median())


def hardware_over_least() -> float:
    """What the choice of GPU saves a host, over the least that model, precision, batches or a cache save."""
    found = answers.swings(studies.host(), answers.COUNT)
    named = ("model", "precision", "sequences at once", "cache hits")
    return answers.saving(found, "GPU") / min(answers.saving(found, label) for label in named)


# --- how far assumptions reach ---------------------------------------------------------------------------------------


def spans() -> dict[str, tuple[float, float]]:
    """The lowest and highest value of claims that assumptions answer, in the claim's unit."""
    low, high = (_assumed_at(level) for level in ("low", "high"))
    return {claim: (article.in_unit(claim, low[claim]), article.in_unit(claim, high[claim])) for claim in low}


def _assumed_at(level: str) -> dict[str, float]:
    pay, hours = (cases.assumed(name, level) for name in ("labor_usd_per_hour", "setup_hours"))
    months = cases.assumed("amortization_months", level)
    week = units.to_base(5 * 8, "hour")
    rent = article.scale("small")["fleet"] * units.base_factor("month")
    return {
        "C059": cases.assumed("utilization", level),
        "C067": pay * week, "C068": months, "C074": pay * hours, "C076": pay * hours + rent,
        "C082": pay * units.to_base(10, "hour/month"), "C161": pay * hours, "C164": months,
    }  # fmt: skip
