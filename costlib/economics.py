"""Cases with money: what a deployment costs at a volume, as a staircase over volumes, and with an interval."""

from __future__ import annotations

from typing import Any

import numpy as np

from costlib import availability, cases, data, prices, uncertainty
from costlib.breakeven import Staircase
from costlib.equations import Model
from costlib.models import api, egress, hosting, memory, serving

ASSUMED = (
    "bandwidth_efficiency", "compute_efficiency", "prefill_efficiency", "layer_seconds", "batch_penalty_share",
    "peak_to_mean_ratio", "warm_pool_share", "labor_usd_per_hour", "labor_hours_per_month",
    "labor_hours_per_month_per_gpu", "setup_hours", "amortization_months", "overhead_usd_per_month",
    "storage_usd_per_gigabyte_month",
)  # fmt: skip
RELIABILITY = ("node_availability", "common_failure_share", "availability_target")
NODE_GPUS = 8  # GPUs that fail together because they sit in one server


def hosted(
    model: str, gpu: str, *, usd_per_gpu_second: float | None = None, contract: str = "on_demand", **given: Any
) -> tuple[Model, dict[str, Any]]:
    """The equations and values for serving `model` on rented `gpu`: `cases.deployment` with speeds, prices and people.

    `given` holds what `cases.deployment` takes (batch, lengths, precision, vintage) and any quantity to override, above
    all ``demand_tokens_per_second``. Without `usd_per_gpu_second` the median quote for `contract` is taken.
    """
    overrides = {name: given.pop(name) for name in (*ASSUMED, *RELIABILITY) if name in given}
    equations, values = cases.deployment(model, gpu, **given)
    if usd_per_gpu_second is None:
        usd_per_gpu_second = values.get("usd_per_gpu_second") or prices.rental(gpu, contract)
    values |= {name: cases.assumed(name) for name in (*ASSUMED, *RELIABILITY)} | overrides
    values["usd_per_gpu_second"] = usd_per_gpu_second
    equations = equations + serving.EQUATIONS + hosting.EQUATIONS
    if "demand_tokens_per_second" in values:
        values = with_spares(equations, values)
    return equations, values


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
    """Low, central and high of every assumption that `values` takes from the table, and of the GPU's market price.

    Values that the caller gave are not drawn.
    """
    found = {
        name: tuple(float(cases.assumed(name, level)) for level in ("low", "central", "high"))
        for name in (*ASSUMED, "node_availability", "common_failure_share")
        if isinstance(values.get(name), data.Fact) and values[name].kind == "assumed"
    }
    if (
        gpu
        and isinstance(values.get("usd_per_gpu_second"), data.Fact)
        and values["usd_per_gpu_second"].kind != "claimed"
    ):
        found["usd_per_gpu_second"] = prices.rental_range(gpu, contract)
    return found


def interval(
    equations: Model, values: dict[str, Any], target: str, gpu: str | None = None, contract: str = "on_demand"
) -> uncertainty.Interval:
    """The interval of `target` over the assumptions and the GPU's price, in base units."""

    def evaluated(drawn: dict[str, np.ndarray]) -> np.ndarray:
        case = {**values, **drawn}
        if "demand_tokens_per_second" in case:
            case = with_spares(equations, case)
        return np.broadcast_to(equations(case, target), len(next(iter(drawn.values()))))

    return uncertainty.propagate(evaluated, triples(values, gpu, contract))


def bought(
    api_model: str, *, provider: str | None = None, vintage: str = "current", **given: Any
) -> tuple[Model, dict[str, Any]]:
    """The equations and values for buying tokens of `api_model`: its newest prices, and the mix in `given`.

    Without a price for cached input or batch jobs, cached input costs what other input costs, and batches save nothing.
    """
    values: dict[str, Any] = {}
    for kind, name in (
        ("input", "input_usd_per_token"),
        ("output", "output_usd_per_token"),
        ("cached_input", "cached_input_usd_per_token"),
    ):
        price = prices.api(api_model, kind, provider)
        if price is not None:
            values[name] = price.named(name)
    values.setdefault("cached_input_usd_per_token", values["input_usd_per_token"].named("cached_input_usd_per_token"))
    batched = prices.api(api_model, "batch_input", provider)
    values["batch_discount_share"] = 1 - batched / values["input_usd_per_token"] if batched is not None else 0.0
    values |= {"cache_hit_share": 0.0, "batch_share": 0.0}
    if vintage == "article":
        values |= cases.article_inputs(api_model)
    for name, value in given.items():
        cases.check(name, value)
    return Model(*api.EQUATIONS), {**values, **given}


def moved(model: str, precision: str, **given: Any) -> tuple[Model, dict[str, Any]]:
    """The equations and values for copying the weights of `model`."""
    kind, numbers = cases.shape(model)
    equations = Model(*memory.equations_for(**kind), *egress.EQUATIONS)
    return equations, {**numbers, **cases.weights(precision, precision), **given}
