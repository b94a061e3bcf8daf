"""The three readers of the title question: who buys tokens, who hosts a model, and who sells tokens.

Each is a `Study` of the cost of a token over everything that moves it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from costlib import availability, cases, data, deployments, economics, prices, sizes, sweep, tracking, units
from costlib.deployments import MONEY, Deployments
from costlib.equations import Model
from costlib.models import api, drivers, hosting
from costlib.quantities import VOCABULARY
from costlib.study import Drawn, Input, Study, assumed, between, chosen, length, lengths, levels, place, spread
from costlib.uncertainty import triangle

PRECISIONS = ("bf16", "fp8", "int4_g128")
QUOTES = 10  # providers that must rent a GPU out before it counts as one that people choose
KNOTS = np.linspace((1 - prices.COVERED) / 2, (1 + prices.COVERED) / 2, 17)  # of the quotes, as in prices.rental_range
PROMPT_CACHE = ("prompt length", "cache hits", "prompt_cache_correlation")
VOLUME_PEAK = ("volume", "peak over mean", "volume_peak_correlation")


def _work() -> tuple[Input, ...]:
    return (
        length("prompt length", "input_tokens"),
        length("answer length", "output_tokens"),
        assumed("cache hits", "work", "cache_hit_share"),
    )


# --- who buys tokens -------------------------------------------------------------------------------------------------

BUYING = Model(*api.EQUATIONS, drivers.delivered_usd_per_token)
PRICED = ("input_usd_per_token", "output_usd_per_token", "cached_input_usd_per_token", "batch_discount_share")


def offered(also: str = "", vintage: str = "current") -> pd.DataFrame:
    """Offers in base units; models in the order of their cheapest offer, of a model the cheapest seller first.

    The newest offer of `also` is there even if it is too old for the market. With `vintage` "article" at the article's
    prices where it states any.
    """
    found, base = prices.offers(), units.base_factor("USD/megatoken")
    if also and also not in set(found["api_model"]):
        found = pd.concat([found, prices.offer(also).to_frame().T], ignore_index=True)
    quoted = {kind: found[kind].astype(float) for kind in ("input", "output", "cached_input", "batch_input")}
    stated = [cases.article_inputs(each) if vintage == "article" else {} for each in found["api_model"]]
    columns = {}
    for name, listed in (("input_usd_per_token", quoted["input"]), ("output_usd_per_token", quoted["output"])):
        columns[name] = [float(said.get(name, price)) for said, price in zip(stated, listed * base, strict=True)]
    cached = (quoted["cached_input"] / quoted["input"]).fillna(1.0) * columns["input_usd_per_token"]
    discount = 1 - (quoted["batch_input"] / quoted["input"]).fillna(1.0)
    found = found.assign(cached_input_usd_per_token=cached, batch_discount_share=discount, **columns)
    found["asked"] = found["input_usd_per_token"] + found["output_usd_per_token"]
    cheapest = found.groupby("api_model")["asked"].transform("min")
    return found.assign(cheapest=cheapest).sort_values(["cheapest", "api_model", "asked"], ignore_index=True)


@tracking.derived
def buyer(also: str = "", vintage: str = "current") -> Study:
    """Who buys tokens from an API: any model on offer (and `also`), from any of those who sell it."""
    offers = offered(also, vintage)
    counts = offers.groupby("api_model", sort=False).size().to_numpy()
    starts = np.cumsum(counts) - counts
    columns = {name: offers[name].to_numpy(dtype=float) for name in PRICED}
    chain = BUYING.compile("delivered_usd_per_token")

    def cost(drawn: Drawn) -> np.ndarray:
        row = starts[drawn["model"]] + place(drawn["seller"], counts[drawn["model"]])
        return sweep.run(chain, {**drawn, **{name: each[row] for name, each in columns.items()}})[0]

    inputs = (
        chosen("model", "choice", "model", len(counts), f"{len(counts)} models on offer", "api_token_prices"),
        between("seller", "choice", "seller", f"up to {counts.max()} sellers of a model", "api_token_prices"),
        *_work(),
        assumed("batch jobs", "choice", "batch_share"),
        assumed("retries", "unknown", "retry_share"),
    )
    return Study("buyer", inputs, cost, (PROMPT_CACHE,))


# --- who runs GPUs ---------------------------------------------------------------------------------------------------

PEOPLE = ("labor_usd_per_hour", "labor_hours_per_month", "labor_hours_per_month_per_gpu", "setup_hours",
          "amortization_months")  # fmt: skip
PER_GPU = ("labor_usd_per_hour", "labor_hours_per_month_per_gpu")
SLACK = ("batch_penalty_share", "warm_pool_share")
AROUND = ("overhead_usd_per_month", "storage_usd_per_gigabyte_month")
RISKS = ("node_availability", "common_failure_share")


def hosted_models(also: str = "") -> tuple[str, ...]:
    """Open models that hosts sell and whose context holds the longest request, and `also`; smallest first.

    One of each shape, `also` before its twins.
    """
    longest, table = lengths("input_tokens")[-1] + lengths("output_tokens")[-1], data.table("models")
    sold = sizes.sold(1.0, 1.0).sort_values(["total", "model"])["model"].unique()
    held = table.loc[[each for each in sold if table.loc[each, "max_context_tokens"] >= longest and each != also]]
    known = pd.concat([table.loc[[also]] if also else table.iloc[:0], held])
    shape = list(table.columns[table.columns.get_loc("attention") : table.columns.get_loc("max_context_tokens")])
    distinct = known.index[~known.duplicated(shape)]
    return tuple(sorted(distinct, key=sizes.total_parameters))


def rented_gpus(also: str = "") -> tuple[str, ...]:
    """GPUs that at least `QUOTES` providers rent out on demand, and `also`; the slowest memory first."""
    quotes = data.table("gpu_rental_prices").query("contract == 'on_demand' and provider_class != 'index'")
    thick = {gpu for gpu in quotes["gpu"].unique() if len(prices.rental_rows(gpu)) >= QUOTES}
    thick |= {also} if also else set()
    speeds = data.table("accelerators")["memory_gigabytes_per_second"]
    return tuple(sorted(thick, key=lambda gpu: (speeds[gpu], gpu)))


def _hardware(models: Sequence[str], gpus: Sequence[str]) -> tuple[Input, ...]:
    formats = ", ".join(data.row("precisions", each)["precision_name"].split(" ")[0].strip(",") for each in PRECISIONS)
    return (
        chosen("model", "choice", "model", len(models), f"{len(models)} open models that hosts sell", "models"),
        chosen("GPU", "choice", "gpu", len(gpus), f"{len(gpus)} that {QUOTES} or more rent out", "accelerators"),
        chosen("precision", "choice", "precision", len(PRECISIONS), formats, "precisions"),
        levels("GPUs per replica", "choice", "room_factor"),
    )


def _run(many: Deployments, drawn: Drawn) -> dict[str, np.ndarray]:
    """The drawn quantities with the speed of the deployments that the drawn places choose."""
    which = many.index(drawn["model"], drawn["gpu"], drawn["precision"])
    numbers = {name: each for name, each in drawn.items() if name in VOCABULARY}
    return {**numbers, **many.speeds(which, numbers)}


def _speed(many: Deployments) -> Input:
    """What is not known of the speed before it is measured: what `economics.triples` draws beyond all others here."""
    elsewhere = {*PEOPLE, *SLACK, *AROUND, *RISKS, "peak_to_mean_ratio"}
    rest = {name: triple for name, triple in economics.triples(many.values).items() if name not in elsewhere}
    return spread("speed reached", "unknown", rest, (many.values[name].source for name in rest))


@tracking.derived
def host(model: str = "", gpu: str = "", vintage: str = "current") -> Study:
    """Who rents GPUs and runs an open model for one service of their own; `model` and `gpu` are among the choices."""
    models, gpus = hosted_models(model), rented_gpus(gpu)
    many, rents = deployments.deployments(models, gpus, PRECISIONS, vintage), Rents.of(gpus, vintage)
    sought = MONEY.compile("replicas_needed", given=["replica_tokens_per_second"])
    billed = MONEY.compile("self_usd_per_token", given=["replica_tokens_per_second", "weight_bytes", "replicas_needed"])

    def cost(drawn: Drawn) -> np.ndarray:
        found = _run(many, drawn)
        found["usd_per_gpu_second"] = rents(drawn["gpu"], drawn["contract"], drawn["seller"])
        [found["replicas_needed"]] = sweep.run(sought, found)
        return sweep.run(billed, {**found, "spare_replicas": _spares(found)})[0]

    contracts = ", ".join(prices.CONTRACTS.values())
    inputs = (
        *_hardware(models, gpus),
        between("contract", "choice", "contract", f"{contracts}, where quoted", "gpu_rental_prices"),
        between("landlord", "choice", "seller", f"the middle {prices.COVERED:.0%} of quotes", "gpu_rental_prices"),
        assumed("sequences at once", "choice", "batch"),
        *_work(),
        assumed("volume", "work", "demand_tokens_per_second"),
        assumed("peak over mean", "work", "peak_to_mean_ratio"),
        assumed("slack", "choice", *SLACK),
        levels("uptime promised", "choice", "availability_target"),
        assumed("failures", "unknown", *RISKS),
        assumed("people", "market", *PEOPLE),
        assumed("around the GPUs", "market", *AROUND),
        _speed(many),
    )
    return Study("host", inputs, cost, (PROMPT_CACHE, VOLUME_PEAK))


def at_volumes(model: str, gpu: str, volumes: np.ndarray, **given: Any) -> np.ndarray:
    """What a token of `model` costs a host at each of `volumes` (tokens per second), in USD, all else as assumed.

    On the smallest power of two of GPUs that holds the batch; `given` is what `sizes.smallest_deployment` takes.
    """
    equations, values = sizes.smallest_deployment(model, gpu, **given)
    return equations(
        economics.with_spares(equations, {**values, "demand_tokens_per_second": volumes}), "self_usd_per_token"
    )


def _spares(found: Drawn) -> np.ndarray:
    spares = np.empty(len(found["replicas_needed"]))
    for target in np.unique(found["availability_target"]):
        rows = np.flatnonzero(found["availability_target"] == target)
        risks = economics.reliability({name: found[name][rows] for name in (*economics.RELIABILITY, "n_gpus")})
        spares[rows] = availability.extra_replicas(found["replicas_needed"][rows], *risks)
    return spares


@dataclass(frozen=True)
class Rents:
    """What GPUs rent for: how many contracts are `known` of each, and `quotes` (GPU, contract, `KNOTS`) in base units.

    Spot is priced as `economics.dependable` does.
    """

    known: np.ndarray
    quotes: np.ndarray

    @classmethod
    def of(cls, gpus: Sequence[str], vintage: str = "current") -> Rents:
        """The market for `gpus`; with `vintage` "article" the article's rent where it states one."""
        frame = data.table("gpu_rental_prices").query("provider_class != 'index'")
        pairs = set(zip(frame["gpu"], frame["contract"], strict=True))
        known = [[each for each in prices.CONTRACTS if (gpu, each) in pairs] for gpu in gpus]
        quotes = np.full((len(gpus), len(prices.CONTRACTS), len(KNOTS)), np.nan)
        for row, (gpu, contracts) in enumerate(zip(gpus, known, strict=True)):
            for column, contract in enumerate(contracts):
                asked = np.quantile(prices.rents(gpu, contract), KNOTS)
                quotes[row, column] = economics.dependable(1.0, contract) * asked
            if vintage == "article" and "usd_per_gpu_second" in (said := cases.article_inputs(gpu)):
                quotes[row] = said["usd_per_gpu_second"]
        return cls(np.array([len(each) for each in known]), quotes)

    def __call__(self, gpu: np.ndarray, contract: np.ndarray, seller: np.ndarray) -> np.ndarray:
        """USD per GPU-second; `contract` and `seller` are places in 0..1."""
        at = seller * (len(KNOTS) - 1)
        below = np.minimum(at.astype(int), len(KNOTS) - 2)
        column = place(contract, self.known[gpu])
        low, high = (self.quotes[gpu, column, below + step] for step in (0, 1))
        return low + (at - below) * (high - low)


# --- who sells tokens ------------------------------------------------------------------------------------------------


@tracking.derived
def provider(model: str = "", gpu: str = "", vintage: str = "current") -> Study:
    """Who owns a large fleet and serves open models to many customers; GPUs are those whose price is known."""
    models, gpus = hosted_models(model), tuple(each for each in rented_gpus(gpu) if economics.owned(each))
    many, owned = deployments.deployments(models, gpus, PRECISIONS, vintage), [economics.owned(gpu) for gpu in gpus]
    chain = MONEY.compile("provider_usd_per_token", given=["replica_tokens_per_second", "utilization"])

    def cost(drawn: Drawn) -> np.ndarray:
        found = _run(many, {**drawn, "batch": drawn["pooled_batch"]})
        found |= {"utilization": drawn["pooled_utilization"], "usd_per_gpu_second": _owned(owned, drawn)}
        return sweep.run(chain, found)[0]

    quotes = "quotes for the GPU, least to greatest"
    inputs = (
        *_hardware(models, gpus),
        between("hardware price", "market", "purchase", quotes, "gpu_purchase_prices"),
        assumed("power, space, capital", "market", *economics.OWNED),
        assumed("sequences at once", "choice", "pooled_batch"),
        *_work(),
        assumed("utilization", "work", "pooled_utilization"),
        assumed("unfilled batches", "unknown", "batch_penalty_share"),
        assumed("people", "market", *PER_GPU),
        _speed(many),
    )
    return Study("provider", inputs, cost, (PROMPT_CACHE,))


def _owned(owned: Sequence[tuple[Model, dict[str, Any]]], drawn: Drawn) -> np.ndarray:
    """What owned GPUs cost, in USD per GPU-second."""
    chain = Model(*hosting.OWNING).compile("owned_usd_per_gpu_second")
    found = np.empty(len(drawn["gpu"]))
    for row, (_, values) in enumerate(owned):
        mine = np.flatnonzero(drawn["gpu"] == row)
        uncertain = economics.triples(values)
        own = {name: drawn[name][mine] for name in economics.OWNED if name in uncertain}
        own["usd_per_gpu"] = triangle(*uncertain["usd_per_gpu"], drawn["purchase"][mine])
        [found[mine]] = sweep.run(chain, {**values, **own}) if len(mine) else [0.0]
    return found
