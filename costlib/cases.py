"""Cases: a model on GPUs, looked up by name, as the equations that fit it and the facts that they need."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from costlib import data, tracking, units
from costlib.data import Fact
from costlib.equations import Model
from costlib.errors import InputError
from costlib.models import memory, roofline
from costlib.quantities import VOCABULARY, quantity

VINTAGES = ("current", "article")

# Parameters that people give in their own units: the quantity that each is, and its unit.
QUOTED = {
    "tokens_per_month": ("demand_tokens_per_second", "token/month"),
    "usd_per_gpu_hour": ("usd_per_gpu_second", "USD/hour/GPU"),
    "measured_tokens_per_second": ("replica_tokens_per_second", "token/s"),
    "input_usd_per_million_tokens": ("input_usd_per_token", "USD/megatoken"),
    "output_usd_per_million_tokens": ("output_usd_per_token", "USD/megatoken"),
    "prompt_tokens": ("input_tokens", "token"),
    "horizon_months": ("horizon_months", "month"),
    "copies_per_month": ("copies_per_month", "1/month"),
    "spot_interruptions_per_month": ("spot_interruptions_per_month", "1/month"),
    "price_gap_usd_per_gpu_hour": ("price_gap_usd_per_gpu_second", "USD/hour/GPU"),
}

LARGEST = 1e18  # no parameter is larger; what is computed from larger ones would be infinite somewhere
# What a parameter without a default holds that is neither a quantity nor a name.
UNSET = {
    "same_model_hosts": bool, "team_hours_per_month": float, "api_first_token_seconds": float,
    "api_output_token_seconds": float, "bill_usd": object,  # an amount, which `bills` reads
}  # fmt: skip
_KINDS = {str: "a name", bool: "true or false", int: "a whole number", float: "a number", object: "an amount"}


def shape(model: str) -> tuple[dict[str, bool], dict[str, Fact]]:
    """Which alternatives of the equations a model needs, and the numbers of its shape."""
    cells = data.row("models", model)
    found = {
        fact.quantity: fact for field, fact in data.facts("models", model).items() if not field.startswith("stated_")
    }
    kind = {
        "latent": cells["attention"] == "MLA",
        "windows": bool(found["window_layers"]),
        "experts": bool(found["moe_ffn_layers"]),
    }
    found.setdefault("dense_ffn_dim", found["hidden_dim"].named("dense_ffn_dim"))  # unused where no layer is dense
    tables = 1.0 if cells["tied_embeddings"] else 2.0
    found["embedding_tables"] = Fact(
        tables, **{**found["n_layers"].__dict__, "field": "tied_embeddings", "quantity": "embedding_tables"}
    )
    return kind, found


def weights(precision: str, kv_precision: str) -> dict[str, Fact]:
    """Bytes per weight and per cached number at the named precisions."""
    found = {f.quantity: f for f in data.facts("precisions", precision).values()}
    for name, none in (("scale_bytes", 0.0), ("scale_group_parameters", 1.0)):  # a scale of no bytes for each weight
        found.setdefault(name, Fact(none, **found["element_bytes"].named(name).__dict__))
    cached = data.fact("precisions", kv_precision, "weight_bits")
    return {**found, "bytes_per_cached_number": cached.named("bytes_per_cached_number")}


def accelerator(gpu: str, precision: str) -> dict[str, Fact]:
    """Peak arithmetic, bandwidth and memory of a GPU for weights of the named precision.

    Memory is what the driver reports where that is known, else the datasheet's figure read as 1e9 bytes per GB.
    A precision that the GPU has no unit for is computed at FP16, as engines do.
    """
    found = data.facts("accelerators", gpu)
    computed = compute_precision(gpu, precision)
    peak = found.get(f"dense_{computed}_teraflops")
    if peak is None:
        raise InputError(f"data/accelerators.csv knows no dense peak of {gpu} for arithmetic in {precision} or FP16")
    bandwidth = found["memory_gigabytes_per_second"]
    held = found.get("reported_mebibytes") or found["memory_gigabytes"]
    return {f.quantity: f for f in (peak, bandwidth, held)}


def compute_precision(gpu: str, precision: str) -> str:
    """What arithmetic with weights of `precision` runs in on `gpu`: FP16 where the GPU has no unit for it."""
    wanted = data.row("precisions", precision)["compute_precision"]
    return wanted if f"dense_{wanted}_teraflops" in data.facts("accelerators", gpu) else "fp16"


@tracking.derived
def assumed(name: str, level: str = "central") -> Fact:
    """An assumption at its `low`, `central` or `high` value, in base units."""
    cells = data.row("assumptions", name)
    return Fact(
        units.to_base(float(cells[level]), data.text(cells, "unit")),
        table="assumptions", key=name, field=level, quantity=name,
        source=cells["source"], locator="", date=str(cells["date"]), kind="assumed",
    )  # fmt: skip


@tracking.derived
def published(name: str) -> Fact:
    """A published figure of data/workload_facts.csv, in base units."""
    cells = data.row("workload_facts", name)
    return Fact(
        units.to_base(float(cells["value"]), data.text(cells, "unit")),
        table="workload_facts", key=name, field="value", quantity=name,
        source=cells["source"], locator=data.text(cells, "locator"), date=str(cells["date"]), kind="measured",
    )  # fmt: skip


def article_inputs(*subjects: str) -> dict[str, Fact]:
    """What the article takes as given about the named models or GPUs, in base units."""
    claims = data.table("claims")
    chosen = claims[claims["input"] & claims["subject"].isin(subjects)]
    return {
        cells["quantity"]: Fact(
            units.to_base(float(cells["claimed_low"]), data.text(cells, "unit")),
            table="claims", key=key, field="claimed_low", quantity=cells["quantity"],
            source=cells["source"], locator=cells["locator"], date="", kind="claimed",
        )
        for key, cells in chosen.iterrows()
    }  # fmt: skip


def deployment(
    model: str,
    gpu: str,
    *,
    n_gpus: float | None = None,
    precision: str = "bf16",
    kv_precision: str = "bf16",
    vintage: str = "current",
    **given: Any,
) -> tuple[Model, dict[str, Any]]:
    """The equations and the values for `model` on `n_gpus` of `gpu`; without `n_gpus`, the fewest that hold it all.

    `given` adds or overrides quantities by name (a measured value replaces a modelled one). `vintage` "article" takes
    the article's figures where it states any about this model or GPU. Raises InputError for unknown names and for
    values out of range.
    """
    if vintage not in VINTAGES:
        raise InputError(f"vintage = {vintage!r} is not allowed: it must be one of {', '.join(VINTAGES)}")
    kind, numbers = shape(model)
    values: dict[str, Any] = {**numbers, **weights(precision, kv_precision), **accelerator(gpu, precision)}
    values |= {name: assumed(name) for name in ("memory_reserve_share", "tokens_per_step")}
    if vintage == "article":
        values |= article_inputs(model, gpu)
    for name, value in given.items():
        check(name, value)
    values |= given
    equations = Model(*memory.equations_for(**kind), *roofline.equations_for(**kind))
    values["n_gpus"] = n_gpus if n_gpus is not None else _fewest_gpus(equations, values)
    check("n_gpus", values["n_gpus"])
    return equations, values


def _fewest_gpus(equations: Model, values: dict[str, Any]) -> float:
    """The fewest GPUs that hold the weights, and the batch at its full length if the case has one."""
    if {"batch", "input_tokens", "output_tokens"} <= set(values):
        return equations(at_full_length(values), "gpus_to_hold_batch")
    return equations(values, "gpus_to_hold_model")


def in_base(parameters: dict[str, Any]) -> dict[str, Any]:
    """`parameters` that were set, as quantities in base units: what people quote in units of their own is converted."""
    found = {}
    for name, value in parameters.items():
        if value is not None:
            quantity_name, unit = QUOTED.get(name, (name, ""))
            found[quantity_name] = units.to_base(value, unit) if unit else value
    return found


def check_parameter(name: str, value: Any, default: Any) -> None:
    """Raise InputError, in the parameter's own name and unit, unless `value` is one value allowed for it.

    A quantity must be in its range; what is none must be of the same kind as its `default`.
    """
    number = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= LARGEST
    if name in VOCABULARY:
        allowed = quantity(name).allowed()
        if number:
            check(name, value)
        fits = number
    elif name in QUOTED:
        allowed, fits = f"a number above 0 ({QUOTED[name][1]})", number and value > 0
    else:
        kind = type(default) if default is not None else UNSET.get(name, str)
        such = "" if default is None else f", such as {default!r}"
        allowed = _KINDS[kind] + such
        fits = number and (kind is float or value == int(value)) if kind in (int, float) else isinstance(value, kind)
        fits = fits and (kind is not str or value.isprintable())
    if not fits:
        raise InputError(f"{name} = {_short(value)} is not allowed: it must be {allowed}")


def _short(value: Any) -> str:
    """A value as Python writes it, cut where it is long."""
    text = repr(value) if not isinstance(value, list | tuple | dict) else type(value).__name__
    return text if len(text) <= 80 else f"{text[:77]}..."


def check(name: str, value: Any) -> None:
    """Raise InputError unless `value`, a number or an array, is allowed for the quantity `name`."""
    numbers = value if isinstance(value, Iterable) and not isinstance(value, str) else [value]
    flat = [each.item() if hasattr(each, "item") else each for each in numbers]
    if not flat or any(isinstance(each, bool) or not isinstance(each, int | float) for each in flat):
        raise InputError(f"{name} = {value!r} is not allowed: it must be {quantity(name).allowed()}")
    for each in flat:
        quantity(name).check(each)


def at_full_length(values: dict[str, Any]) -> dict[str, Any]:
    """The case when every sequence has its whole answer in the cache: what memory must hold."""
    return {**values, "context_tokens": values["input_tokens"] + values["output_tokens"]}


def require_fit(equations: Model, values: dict[str, Any]) -> None:
    """Raise InputError when a sequence is longer than the model allows, or the batch larger than memory allows."""
    full = at_full_length(values)
    limit = values.get("max_context_tokens", float("inf"))
    if full["context_tokens"] > limit:
        raise InputError(
            f"input_tokens + output_tokens = {full['context_tokens']:,.0f} is not allowed: the model was built for a"
            f" context of at most {limit:,.0f} tokens"
        )
    found = equations.evaluate(full, "largest_batch", "gpus_to_hold_batch", "weight_bytes", "usable_bytes")
    if values["batch"] > found["largest_batch"]:
        held = f"holds {found['largest_batch']:,.0f} sequences" if found["largest_batch"] else "holds no sequence"
        raise InputError(
            f"batch = {values['batch']:,.0f} does not fit: with n_gpus = {values['n_gpus']:,.0f} the memory left by"
            f" {quantity('weight_bytes').quote(found['weight_bytes'])} of weights {held} of"
            f" {full['context_tokens']:,.0f} tokens; n_gpus = {found['gpus_to_hold_batch']:,.0f} would hold the batch"
        )


def words(run: Any, values: dict[str, Any]) -> dict[str, str]:
    """Names for people of what a run is about: model, GPU, how many, precision."""
    gpu, count = data.row("accelerators", run.gpu)["gpu_name"], int(values["n_gpus"])
    return {
        "model_name": data.row("models", run.model)["model_name"],
        "gpu_name": gpu,
        "gpu_count": f"one {gpu}" if count == 1 else f"{count} × {gpu}",
        "precision_name": data.row("precisions", run.precision)["precision_name"],
    }


def attention(model: str) -> str:
    """The kind of attention of a model in a few letters: ``"GQA"``, ``"GQA with windows"``."""
    cells = data.row("models", model)
    return cells["attention"] + (" with windows" if cells["window_layers"] else "")


def cache(model: str, kv_precision: str, context_tokens: float) -> float:
    """Bytes that the cache of one sequence of `context_tokens` takes in `model`."""
    kind, numbers = shape(model)
    stored = weights("bf16", kv_precision)["bytes_per_cached_number"]
    values = {**numbers, "bytes_per_cached_number": stored, "context_tokens": context_tokens}
    return Model(*memory.equations_for(**kind))(values, "kv_bytes_per_sequence")


def generations(gpu: str) -> list[str]:
    """Keys of accelerators to compare, oldest first: A100, H100, `gpu` itself, and the newest of each vendor.

    Newest is the last launched of those with high-bandwidth memory, which serve in data centres, whose launch and
    dense 16-bit peak are known.
    """
    frame = data.table("accelerators").dropna(subset=["dense_fp16_teraflops"])
    dated = frame.dropna(subset=["launch_date"]).sort_values(["launch_date", "dense_fp16_teraflops"])
    servers = dated[dated["memory_type"].str.startswith("HBM", na=False)]
    chosen = {"a100_sxm_80gb", "h100_sxm_80gb", gpu, *servers.groupby("vendor").tail(1).index}
    return [key for key in (*dated.index, *frame.index.difference(dated.index)) if key in chosen]
