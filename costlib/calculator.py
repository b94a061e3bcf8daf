"""The calculator: what a reader can set, and what comes of it.

A state is a set of values for `INPUTS`, under the names and in the units of the notebooks' parameters; one that is
left out is taken from the tables. `answers` computes it with the calls of the chapters, and the script on the page with
the same equations in JavaScript (`equations`) on the same rows (`costlib.calculator_facts`); tests hold the two equal.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from costlib import book, cases, data, economics, serving, tiers, units
from costlib.equations import Equation, Model
from costlib.models import api, breakeven, hosting
from costlib.quantities import Quantity, quantity

ENGINE = "vllm"  # whose measured constants are used, as in the chapters
CHAPTER = "scale_tiers"  # whose parameters are the first state
SCENARIOS = book.NOTEBOOKS / "scenarios"


@dataclass(frozen=True)
class Input:
    """One input: `name` as a parameter, its `group` on the page, and its `label`.

    `table` names the table whose keys it takes, where it is a choice; `needed` says that no table knows it.
    """

    name: str
    group: str
    label: str
    table: str = ""
    needed: bool = False

    @property
    def quantity(self) -> Quantity:
        """The quantity that the input gives."""
        return quantity(cases.QUOTED[self.name][0] if self.name in cases.QUOTED else self.name)

    @property
    def unit(self) -> str:
        """The unit of the parameter: that of its quantity in the tables, or the one that people quote."""
        if self.name in cases.QUOTED:
            return cases.QUOTED[self.name][1]
        if self.name in data.table("assumptions").index:
            return data.text(data.row("assumptions", self.name), "unit")
        return self.quantity.unit


_RUN, _LOAD, _RENT, _BUY = "What you would run", "Your requests", "The price of GPUs", "What you would buy instead"
_SPARE, _WORK, _MODEL = "Utilization and redundancy", "People and everything else", "Vintage and measurements"
INPUTS = {
    each.name: each
    for each in (
        Input("model", _RUN, "Model", "models", needed=True),
        Input("gpu", _RUN, "GPU", "accelerators", needed=True),
        Input("n_gpus", _RUN, "GPUs per replica"),
        Input("precision", _RUN, "Precision of the weights", "precisions", needed=True),
        Input("kv_precision", _RUN, "Precision of the cache", "precisions", needed=True),
        Input("input_tokens", _LOAD, "Input tokens per request", needed=True),
        Input("output_tokens", _LOAD, "Output tokens per request", needed=True),
        Input("batch", _LOAD, "Batch", needed=True),
        Input("tokens_per_month", _LOAD, "Volume", needed=True),
        Input("contract", _RENT, "Contract", "contracts", needed=True),
        Input("usd_per_gpu_hour", _RENT, "Rent"),
        Input("api_model", _BUY, "API model", "api_models", needed=True),
        Input("input_usd_per_million_tokens", _BUY, "Price of input"),
        Input("output_usd_per_million_tokens", _BUY, "Price of output"),
        Input("peak_to_mean_ratio", _SPARE, "Busiest hour over the average"),
        Input("warm_pool_share", _SPARE, "Warm pool"),
        Input("batch_penalty_share", _SPARE, "Lost to small batches"),
        Input("availability_target", _SPARE, "Availability promised"),
        Input("node_availability", _SPARE, "Availability of a server"),
        Input("common_failure_share", _SPARE, "Common to a site"),
        Input("labor_usd_per_hour", _WORK, "An engineer's hour"),
        Input("labor_hours_per_month", _WORK, "Work on the deployment"),
        Input("labor_hours_per_month_per_gpu", _WORK, "Work per GPU"),
        Input("setup_hours", _WORK, "Work to set it up"),
        Input("amortization_months", _WORK, "Setup is spread over"),
        Input("overhead_usd_per_month", _WORK, "Load balancer, monitoring, logs"),
        Input("vintage", _MODEL, "Vintage of the inputs", "vintages", needed=True),
        Input("measured_tokens_per_second", _MODEL, "Measured speed of a replica"),
    )
}

# What the page shows, by group: the quantity, and the label of the split or part that it is.
RESULTS = {
    "Cost of a million tokens": {
        "self_usd_per_token": "Self-hosted", "self_input_usd_per_token": "Self-hosted, input",
        "self_output_usd_per_token": "Self-hosted, output", "api_usd_per_token": "API",
        "paid_input_usd_per_token": "API, input", "output_usd_per_token": "API, output",
    },
    "Cost of a month": {
        "self_usd_per_second": "Hosting", "fleet_usd_per_second": "of that, GPUs",
        "labor_usd_per_second": "of that, people", "api_usd_per_second": "API",
        "saving_usd_per_second": "Saved by hosting",
    },
    "Break-even": {
        "breakeven_tokens_per_second": "Hosting wins from", "floor_usd_per_token": "An API below always wins",
        "step_tokens_per_second": "One replica carries",
    },
    "Speed and latency": {
        "replica_tokens_per_second": "Throughput of a replica", "replica_output_tokens_per_second": "of that, output",
        "time_to_first_token": "First token (TTFT)", "output_token_seconds": "Each further token (TPOT)",
    },
    "The fleet": {
        "n_gpus": "GPUs per replica", "replicas_needed": "Replicas needed", "replicas": "Replicas paid for",
        "utilization": "Utilization", "largest_batch": "Largest batch that fits",
    },
}  # fmt: skip
HELD = ("largest_batch", "gpus_to_hold_batch", "weight_bytes")  # whether the batch fits
ROOF = ("decode_intensity", "prefill_intensity", "ridge_flops_per_byte", "attainable_flops_per_second")
GIVEN = ("n_gpus", "output_usd_per_token")  # results that no equation gives
TARGETS = (*(name for group in RESULTS.values() for name in group if name not in GIVEN), *HELD, *ROOF)
BILL = ("replicas", "fleet_usd_per_second", "labor_usd_per_second", "self_usd_per_second")  # what a step changes


# --- states and answers ----------------------------------------------------------------------------------------------


def presets() -> dict[str, dict[str, Any]]:
    """States by name: the chapters' own, the same with the article's inputs, and those of the scenarios.

    None stands for a value that is taken from the tables.
    """
    known = book.parameters(CHAPTER)
    current = {name: known.get(name) for name in INPUTS}
    found = {"current": current, "article": {**current, "vintage": "article"}}
    for path in sorted(SCENARIOS.glob("*.yml")):
        given = yaml.safe_load(path.read_text("utf-8"))
        found[path.stem] = {**current, **{name: given[name] for name in INPUTS if name in given}}
    return found


def parameters(state: Mapping[str, Any]) -> dict[str, Any]:
    """The values that `state` sets, as quantities in base units. Raises InputError for a value that is not allowed."""
    found = {}
    for name, value in state.items():
        if value is not None:
            about = INPUTS[name]
            if not about.table:
                cases.check_parameter(name, value, None)
                found[about.quantity.name] = units.to_base(value, about.unit) if about.unit else value
            else:
                found[name] = value
    return found


def case(state: Mapping[str, Any]) -> tuple[Model, dict[str, Any]]:
    """The equations and values of a state, as the chapters on self-hosting and on scale have them."""
    equations, values = tiers.case(**parameters(state))
    cases.require_fit(equations, values)
    return equations + breakeven.DECISION, values


def answers(state: Mapping[str, Any]) -> dict[str, float]:
    """What comes of a state: `RESULTS` and what else the page shows, in base units, as the chapters compute it.

    `breakeven_tokens_per_second` is infinite where hosting never wins; ``losses`` is how often the API wins again
    beyond it. Raises InputError for a value that is not allowed, or where a batch does not fit.
    """
    equations, values = case(state)
    found = equations.evaluate(values, *TARGETS)
    stairs, price = economics.staircase(equations, values), float(found["api_usd_per_token"])
    return {name: float(found[name]) for name in (*TARGETS, *GIVEN)} | {
        "breakeven_tokens_per_second": stairs.first_win(price),
        "floor_usd_per_token": stairs.floor_usd_per_token,
        "losses": max(len(stairs.wins(price)) - 1, 0),
    }


# --- the equations, by kind of model ---------------------------------------------------------------------------------


def kind_of(model: str) -> str:
    """The kind of a model in three digits: latent attention, windows, experts."""
    flags, _ = cases.shape(model)
    return "".join(str(int(flags[name])) for name in serving.KINDS)


def equations(kind: str) -> Model:
    """The equations that `TARGETS` need, for a kind of model."""
    flags = dict(zip(serving.KINDS, (digit == "1" for digit in kind), strict=True))
    whole = serving.replica("steady", **flags) + (
        *hosting.EQUATIONS, *breakeven.EQUATIONS, *breakeven.DECISION, *api.EQUATIONS
    )  # fmt: skip
    return _of(whole, whole.independent(*TARGETS, of=()))


def bill() -> Model:
    """The equations of the bill for a number of replicas, when all else is known."""
    return _of(Model(*hosting.EQUATIONS), BILL)


def _of(model: Model, names: Iterable[str]) -> Model:
    return Model(*(model[name] for name in names))


def formulas(models: Iterable[Model]) -> list[Equation]:
    """Every equation of `models`, once."""
    return list(dict.fromkeys(made for model in models for made in model.equations))
