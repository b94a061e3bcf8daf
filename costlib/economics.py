"""Cases with money: what a deployment costs at a volume, as a staircase over volumes, and with an interval."""

from __future__ import annotations

from typing import Any

import numpy as np

from costlib import availability, calibration, cases, data, intervals, prices, serving, uncertainty, units
from costlib.breakeven import Staircase
from costlib.equations import Model
from costlib.models import api, egress, hosting, memory

ASSUMED = (
    "batch_penalty_share",
    "peak_to_mean_ratio", "warm_pool_share", "labor_usd_per_hour", "labor_hours_per_month",
    "labor_hours_per_month_per_gpu", "setup_hours", "amortization_months", "overhead_usd_per_month",
    "storage_usd_per_gigabyte_month",
)  # fmt: skip
RELIABILITY = ("node_availability", "common_failure_share", "availability_target")
CHOSEN = ("availability_target", "memory_reserve_share", "tokens_per_step")  # assumed, but not uncertain
OWNED = (
    "gpu_server_overhead_share", "residual_share", "server_life_years", "discount_rate_per_year", "server_power_ratio",
    "power_usage_effectiveness", "electricity_usd_per_kilowatt_hour", "colocation_usd_per_kilowatt_month",
)  # fmt: skip
BAND_DRAWS = 4_096
NODE_GPUS = 8  # GPUs that fail together because they sit in one server


def hosted(
    model: str,
    gpu: str,
    *,
    usd_per_gpu_second: float | None = None,
    contract: str = "on_demand",
    engine: str = "vllm",
    **given: Any,
) -> tuple[Model, dict[str, Any]]:
    """The equations and values for serving `model` on rented `gpu`: `served` with prices and people.

    `given` holds what `cases.deployment` takes (batch, lengths, precision, vintage) and any quantity to override, above
    all ``demand_tokens_per_second``. Without `usd_per_gpu_second` the median quote for `contract` is taken.
    """
    overrides = {name: given.pop(name) for name in (*ASSUMED, *RELIABILITY) if name in given}
    equations, values = served(model, gpu, engine=engine, **given)
    if usd_per_gpu_second is None:
        usd_per_gpu_second = values.get("usd_per_gpu_second") or dependable(prices.rental(gpu, contract), contract)
    values |= {name: cases.assumed(name) for name in (*ASSUMED, *RELIABILITY)} | overrides
    values["usd_per_gpu_second"] = usd_per_gpu_second
    equations = equations + hosting.EQUATIONS
    if "demand_tokens_per_second" in values:
        values = with_spares(equations, values)
    return equations, values


def served(model: str, gpu: str, *, engine: str = "vllm", **given: Any) -> tuple[Model, dict[str, Any]]:
    """The equations and values for serving steady batches of `model` on `gpu`: `cases.deployment` with measured speeds.

    The constants are those of `engine` on this GPU; how far the throughput may be off is one factor, central 1, whose
    range is measured on configurations left out of the fit.
    """
    kind, _ = cases.shape(model)
    _, values = cases.deployment(model, gpu, **given)
    precision = given.get("precision", "bf16")
    computed = cases.compute_precision(gpu, precision)
    unpacked = computed == "fp16" and data.row("precisions", precision)["weight_bits"] < 16
    constants = calibration.constants(engine, gpu, computed, weight_only=unpacked, experts=kind["experts"])
    error = serving.measured_fact("throughput_error_factor", intervals.throughput_error()[1])
    linked = serving.hardware(gpu, computed)["interconnect_bytes_per_second"]
    plain = {**serving.PLAIN, "pipeline_parallel": 1.0, "interconnect_bytes_per_second": linked}
    filled = {"experts_per_token": 0.0, "moe_ffn_layers": 0.0}
    return serving.replica("steady", **kind), {
        **filled, **plain, **constants, "throughput_error_factor": error, **values,
    }  # fmt: skip


def dependable(price: float, contract: str) -> float:
    """`price` under `contract`; that of spot with what must be rented beyond, since some of it is taken back."""
    if contract != "spot":
        return price
    given = {"usd_per_gpu_second": price, "spot_interruption_share": cases.assumed("spot_interruption_share")}
    raised = Model(*hosting.SPOT)(given, "spot_usd_per_gpu_second")
    return data.Fact(raised, **price.__dict__) if isinstance(price, data.Fact) else raised


def with_spares(equations: Model, values: dict[str, Any]) -> dict[str, Any]:
    """`values` (scalars or arrays) with the spare replicas that the availability target asks for."""
    needed = equations(values, "replicas_needed")
    return {**values, "spare_replicas": _spares(values, needed)}


def reliability(values: dict[str, Any]) -> tuple[float, Any, Any]:
    """Target, availability of one replica (all its servers must be up), and the common share of its downtime."""
    replica = values["node_availability"] ** np.ceil(values["n_gpus"] / NODE_GPUS)
    return float(np.max(values["availability_target"])), replica, values["common_failure_share"]


def _spares(values: dict[str, Any], needed: np.ndarray) -> np.ndarray:
    found = availability.extra_replicas(np.asarray(needed), *reliability(values))
    return found.astype(float) if found.ndim else float(found)


def staircase(equations: Model, values: dict[str, Any], steps: int = 400) -> Staircase:
    """What hosting costs by volume, for 1 to `steps` needed replicas. `values` are scalars; demand is not used."""
    needed = np.arange(1.0, steps + 1)
    case = {name: value for name, value in values.items() if name not in ("demand_tokens_per_second", "spare_replicas")}
    bills = equations(
        {**case, "replicas_needed": needed, "spare_replicas": _spares(case, needed)}, "self_usd_per_second"
    )
    one, two = (equations({**case, "replicas": n}, "self_usd_per_second") for n in (1.0, 2.0))
    per_replica = two - one
    target, replica, common = reliability(values)
    up = 1 - (1 - common) * (1 - replica)  # spares stand in for what fails by itself
    marginal = per_replica * availability.sites(target, replica, common) / up
    full = equations(case, "replica_tokens_per_second") * (1 - values["batch_penalty_share"])
    step = full / (values["peak_to_mean_ratio"] * (1 + values["warm_pool_share"]))
    return Staircase(float(step), np.asarray(bills, dtype=float), float(marginal))


def triples(values: dict[str, Any], gpu: str | None = None, contract: str = "on_demand") -> dict[str, tuple]:
    """Low, central and high of every assumption that `values` takes from the table, and of the GPU's rent or price.

    Values that the caller gave are not drawn, nor is what somebody chooses (`CHOSEN`).
    """
    found = {
        name: tuple(float(cases.assumed(name, level)) for level in ("low", "central", "high"))
        for name, value in values.items()
        if isinstance(value, data.Fact) and value.kind == "assumed" and name not in CHOSEN
    }
    if isinstance(values.get("throughput_error_factor"), data.Fact):
        found["throughput_error_factor"] = intervals.throughput_error()
    bought = values.get("usd_per_gpu")
    if isinstance(bought, data.Fact):
        quotes = prices.purchase_rows(data.row(bought.table, bought.key)["gpu"])["usd_per_gpu"]
        found["usd_per_gpu"] = (float(quotes.min()), float(bought), float(quotes.max()))
    price = values.get("usd_per_gpu_second")
    if gpu and isinstance(price, data.Fact) and price.kind != "claimed":
        found["usd_per_gpu_second"] = tuple(dependable(each, contract) for each in prices.rental_range(gpu, contract))
    return found


def gpu_prices(gpu: str) -> list[tuple[str, str, tuple[float, float, float]]]:
    """What `gpu` costs by contract and provider, and owned: name, color, and low, middle and high in USD per second.

    Names carry the month of the newest quote, and whether it is old; spot is made `dependable`; owned spans the
    interval of its assumptions.
    """
    rows = [
        (
            f"{each['contract_name']}, {each['provider_class']}, {each['month']}{' (old)' if each['old'] else ''}",
            "idle" if each["contract"] == "spot" else "self",
            tuple(dependable(each[level], each["contract"]) for level in ("low", "median", "high")),
        )
        for each in prices.rental_markets(gpu)
    ]
    own = owned(gpu)
    if own:
        span = interval(*own, "owned_usd_per_gpu_second")
        rows.append(("owned", "overhead", (span.low, float(own[0](own[1], "owned_usd_per_gpu_second")), span.high)))
    return rows


def _evaluated(equations: Model, values: dict[str, Any], target: str, drawn: dict[str, np.ndarray]) -> np.ndarray:
    case = {**values, **drawn}
    if "demand_tokens_per_second" in case:
        case = with_spares(equations, case)
    return np.broadcast_to(equations(case, target), len(next(iter(drawn.values()))))


def interval(
    equations: Model, values: dict[str, Any], target: str, gpu: str | None = None, contract: str = "on_demand"
) -> uncertainty.Interval:
    """The interval of `target` over the assumptions and the GPU's price, in base units."""
    drawn = triples(values, gpu, contract)
    return uncertainty.propagate(lambda draws: _evaluated(equations, values, target, draws), drawn)


def band(
    equations: Model,
    values: dict[str, Any],
    target: str,
    name: str,
    grid: np.ndarray,
    gpu: str | None = None,
    contract: str = "on_demand",
) -> tuple[np.ndarray, np.ndarray]:
    """The 5% and 95% quantile of `target` at each value of `name` in `grid`, over draws shared by all of them."""
    draws = uncertainty.draw(triples(values, gpu, contract), BAND_DRAWS)
    found = [_evaluated(equations, {**values, name: value}, target, draws) for value in grid]
    low, high = np.quantile(found, (uncertainty.LEVELS[0], uncertainty.LEVELS[-1]), axis=1)
    return low, high


def waterfall(equations: Model, values: dict[str, Any]) -> dict[str, float]:
    """The cost of a token after each step, from rent over tokens at full load to the real token, in USD per token."""
    found = equations.evaluate(values, *hosting.WATERFALL)
    return {name: float(found[name]) for name in hosting.WATERFALL}


def owned(gpu: str, **given: Any) -> tuple[Model, dict[str, Any]] | None:
    """The equations and values for owning `gpu` instead of renting it; None where its price or power is not known.

    Where only the price of whole servers is known, what comes on top of it is at its low value.
    """
    price, power = prices.purchase(gpu), data.fact("accelerators", gpu, "board_watts")
    if price is None or power is None:
        return None
    values = {"usd_per_gpu": price, "board_watts": power} | {name: cases.assumed(name) for name in OWNED}
    if data.row("gpu_purchase_prices", price.key)["quote"] in ("server share", "rack share"):
        values["gpu_server_overhead_share"] = float(cases.assumed("gpu_server_overhead_share", "low"))
    return Model(*hosting.OWNING), {**values, **given}


def production_day() -> tuple[Model, dict[str, Any]]:
    """DeepSeek's published day as a case: its fleet, its rent, its tokens, and the prices that it compares with."""
    fact = cases.published
    day = units.base_factor("day")
    tokens_in, tokens_out = fact("deepseek_input_tokens_per_day"), fact("deepseek_output_tokens_per_day")
    values = {
        "replicas": fact("deepseek_mean_nodes"), "n_gpus": fact("deepseek_gpus_per_node"),
        "usd_per_gpu_second": fact("deepseek_assumed_usd_per_gpu_hour"),
        "input_tokens": tokens_in, "output_tokens": tokens_out,
        "demand_tokens_per_second": (tokens_in + tokens_out) / day,
        "cache_hit_share": fact("deepseek_cached_input_tokens_per_day") / tokens_in,
        "input_usd_per_token": fact("deepseek_input_usd_per_million_tokens"),
        "cached_input_usd_per_token": fact("deepseek_cached_input_usd_per_million_tokens"),
        "output_usd_per_token": fact("deepseek_output_usd_per_million_tokens"),
        "batch_share": 0.0, "batch_discount_share": 0.0, "labor_usd_per_second": 0.0, "setup_usd_per_second": 0.0,
        "overhead_usd_per_month": 0.0, "storage_usd_per_second": 0.0,
    }  # fmt: skip
    return Model(*hosting.EQUATIONS, *api.EQUATIONS), values


def day_rounding(day: dict[str, Any], step: float = 1e9) -> float:
    """By how much the revenue of `production_day` may be off, in USD, since tokens are stated in whole billions."""
    dear, cached = day["input_usd_per_token"], day["cached_input_usd_per_token"]
    return step / 2 * (dear + (dear - cached) + day["output_usd_per_token"])


def bought(
    api_model: str, *, provider: str | None = None, on: str | None = None, vintage: str = "current", **given: Any
) -> tuple[Model, dict[str, Any]]:
    """The equations and values for buying tokens of `api_model`: the prices of `prices.offer`, and the mix in `given`.

    Without a price for cached input or batch jobs, cached input costs what other input costs, and batches save nothing.
    An input price in `given`, or the article's, takes the price of cached input along in proportion.
    """
    found = {kind: prices.api(api_model, kind, provider, on) for kind in prices.KINDS}
    values: dict[str, Any] = {
        f"{kind}_usd_per_token": found[kind].named(f"{kind}_usd_per_token") for kind in ("input", "output")
    }
    values |= {"batch_discount_share": 0.0, "cache_hit_share": 0.0, "batch_share": 0.0}
    if found["batch_input"] is not None:
        saved = 1 - found["batch_input"] / found["input"]
        values["batch_discount_share"] = data.Fact(
            saved, **{**found["batch_input"].__dict__, "quantity": "batch_discount_share"}
        )
    if vintage == "article":
        values |= cases.article_inputs(api_model)
    for name, value in given.items():
        cases.check(name, value)
    values |= given
    cached = found["cached_input"] if found["cached_input"] is not None else found["input"]
    if values["input_usd_per_token"] != found["input"] and cached != found["input"]:
        cached = data.Fact(values["input_usd_per_token"] * cached / found["input"], **cached.__dict__)
    elif cached == found["input"]:
        cached = values["input_usd_per_token"]
    named = cached.named("cached_input_usd_per_token") if isinstance(cached, data.Fact) else cached
    return Model(*api.EQUATIONS), {"cached_input_usd_per_token": named, **values}


def moved(
    model: str,
    *,
    precision: str = "bf16",
    provider: str | None = None,
    route: str = "internet",
    vintage: str = "current",
    **given: Any,
) -> tuple[Model, dict[str, Any]]:
    """The equations and values for copying the weights of `model`; with `provider`, at its newest price for `route`.

    With `vintage` "article" at the article's price, which it states for traffic to the internet.
    """
    kind, numbers = cases.shape(model)
    values = {**numbers, **cases.weights(precision, precision)}
    values["transfer_bytes_per_second"] = cases.assumed("transfer_bytes_per_second")
    if provider:
        values |= prices.egress(provider, route)
        if vintage == "article" and route == "internet":
            values |= cases.article_inputs(provider.lower())
    for name, value in given.items():
        cases.check(name, value)
    return Model(*memory.equations_for(**kind), *egress.EQUATIONS), {**values, **given}
