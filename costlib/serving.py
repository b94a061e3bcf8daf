"""Replicas as engines run them: the equations and values of a deployment with measured constants, and many at once.

`replica` picks the equations, `deployment` fills them in for one case by name (the chapters' way in), and `Rows`
evaluates any number of parsed configurations in arrays (calibration, validation and prediction).
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from costlib import cases, configs, data, tracking
from costlib.data import Fact
from costlib.equations import Chain, Model
from costlib.models import batching, memory, parallel, roofline, serving

# The constants that are measured, in the order in which they are fitted.
CONSTANTS = (
    "weight_bandwidth_efficiency", "cache_bandwidth_efficiency", "decode_compute_efficiency",
    "prefill_compute_efficiency", "link_efficiency", "step_overhead_seconds", "layer_seconds", "sequence_seconds",
    "streaming_seconds", "request_overhead_seconds", "allreduce_latency_seconds", "chunk_budget_tokens",
    "attention_cost_factor", "dequantization_factor", "low_precision_factor", "expert_compute_factor",
    "expert_routing_moves", "pipeline_bubble_share", "overlap_share", "queue_share", "interference_share",
    "burst_time_factor", "burst_token_factor", "server_time_factor", "interactive_time_factor",
)  # fmt: skip
# What each constant is where it does not apply, and the condition on a row under which it does.
UNUSED = {
    "dequantization_factor": (1.0, "weight_only"), "low_precision_factor": (1.0, "narrow"),
    "expert_compute_factor": (1.0, "experts"), "expert_routing_moves": (0.0, "experts"),
    "interference_share": (1.0, "median"),
}  # fmt: skip
IDEAL = {
    name: 1.0 if name.endswith(("efficiency", "_factor")) or name == "interference_share" else 0.0 for name in CONSTANTS
} | {"chunk_budget_tokens": 8192.0}
NARROW = ("fp8", "fp4", "int8")
PLAIN = {"beams": 1.0, "prefix_hit_share": 0.0, "draft_tokens": 0.0, "throughput_error_factor": 1.0}

# The quantity that each metric of a row is, and what one of its units is in base units.
METRICS = {
    "total_tokens_per_s_total": ("deployment_tokens_per_second", 1.0),
    "output_tokens_per_s_total": ("deployment_output_tokens_per_second", 1.0),
    "output_tokens_per_s_per_gpu": ("gpu_output_tokens_per_second", 1.0),
    "per_user_tokens_per_s": ("user_tokens_per_second", 1.0),
    "decode_tokens_per_s": ("decoding_tokens_per_second", 1.0),
    "prefill_tokens_per_s": ("deployment_prompt_tokens_per_second", 1.0),
    "ttft": ("time_to_first_token", 1e-3),
    "tpot": ("output_token_seconds", 1e-3),
    "itl": ("inter_token_seconds", 1e-3),
}


@functools.cache
def replica(
    load: str,
    *,
    latent: bool,
    windows: bool,
    experts: bool,
    attention_data_parallel: bool = False,
    free_memory: bool = False,
    speculative: bool = False,
) -> Model:
    """The equations of one replica under a load of `batching.LOADS`, for a kind of model and of engine."""
    kind = {"latent": latent, "windows": windows, "experts": experts}
    chosen = [
        *memory.equations_for(**kind),
        *roofline.equations_for(**kind),
        *parallel.equations_for(latent=latent, attention_data_parallel=attention_data_parallel),
        *serving.equations_for(queued=load not in ("steady", "batch"), streamed=load == "rate"),
        *batching.equations_for(load, windows=windows, free_memory=free_memory),
    ]
    special = serving.speculation(experts) if speculative else ()
    replaced = {made.defines.name for made in special}
    return Model(*(made for made in chosen if made.defines.name not in replaced), *special)


def measured_fact(name: str, value: float) -> Fact:
    """`value` of the quantity `name` as one that is measured on configurations left out of the fit."""
    return Fact(
        value, table="prediction_errors", key="throughput batch many", field="q50", quantity=name,
        source="own_validation", locator="data/prediction_errors.csv", date="", kind="measured",
    )  # fmt: skip


# --- facts about rows ------------------------------------------------------------------------------------------------

KINDS = ("latent", "windows", "experts")
SHAPE = (
    "n_layers", "hidden_dim", "n_heads", "n_kv_heads", "head_dim", "query_latent_dim", "kv_latent_dim",
    "rope_head_dim", "nope_head_dim", "value_head_dim", "full_attention_layers", "window_layers", "window_tokens",
    "dense_ffn_layers", "moe_ffn_layers", "dense_ffn_dim", "ffn_matrices", "n_experts", "experts_per_token",
    "shared_experts", "expert_ffn_dim", "vocabulary_size", "embedding_tables",
)  # fmt: skip
LARGE_GPU_BYTES = 70 * 2**30  # vLLM takes on more sequences by default from here on, but on A100s


@tracking.derived
def hardware(gpu: str, compute_precision: str) -> dict[str, float]:
    """Peak, bandwidth, memory and link of an accelerator in base units.

    An unknown peak is NaN, so that what depends on it is not predicted. A link of unknown speed counts as PCIe 4.0.
    """
    found = data.facts("accelerators", gpu)
    peak = found.get(f"dense_{compute_precision}_teraflops")
    if peak is None and compute_precision == "fp32":
        peak = (found.get("dense_fp16_teraflops") or np.nan) / 2  # half the operands per byte
    between = found.get("interconnect_gigabytes_per_second") or cases.assumed("interconnect_bytes_per_second")
    return {
        "peak_flops_per_second": float(peak) if peak is not None else np.nan,
        "memory_bytes_per_second": float(found["memory_gigabytes_per_second"]),
        "memory_bytes": float(found.get("reported_mebibytes") or found["memory_gigabytes"]),
        "interconnect_bytes_per_second": float(between),
    }


@tracking.derived
def engine_defaults(engine: str, gpu: str) -> dict[str, float]:
    """What an engine sets unless told otherwise: sequences at most, and prompt tokens per step where that is fixed."""
    table = data.table("engine_defaults")
    cells = table.loc[engine if engine in table.index else "other"]
    held = hardware(gpu, "fp16")["memory_bytes"]
    large = (
        held >= LARGE_GPU_BYTES
        and data.row("accelerators", gpu)["generation"] != "ampere"
        and not pd.isna(cells["max_sequences_large_gpu"])
    )
    found = {"max_sequences": float(cells["max_sequences_large_gpu" if large else "max_sequences"])}
    if not pd.isna(cells["chunk_budget_tokens"]):
        found["chunk_budget_tokens"] = float(cells["chunk_budget_tokens"])
    return found


def fills_free_memory(engine: str) -> bool:
    """Whether the engine's cache takes a share of the memory that weights leave free, instead of all memory."""
    table = data.table("engine_defaults")
    return bool(table.loc[engine if engine in table.index else "other", "fills_free_memory"])


def _per_distinct(keys: Iterable[tuple], facts: Any) -> dict[str, np.ndarray]:
    """`facts` of each distinct key, as one array per name over all keys."""
    codes, distinct = pd.factorize(pd.Series(list(map(tuple, keys))), use_na_sentinel=False)
    found = [facts(*key) for key in distinct]
    names = dict.fromkeys(name for each in found for name in each)
    return {name: np.array([float(each.get(name, np.nan)) for each in found])[codes] for name in names}


# --- many rows -------------------------------------------------------------------------------------------------------


class Group:
    """Rows that need the same equations: their places among all rows, and their values that no constant touches."""

    def __init__(self, places: np.ndarray, model: Model, target: str, values: dict[str, np.ndarray]) -> None:
        self.places, self.model, self.target = places, model, target
        untouched = model.independent(target, of=CONSTANTS, given=values)
        self.known = model.evaluate(values, *untouched) if untouched else dict(values)
        self.given = tuple(name for name in self.known if name in model.by_name)
        self.constants = [name for name in self._chain(target).inputs if name not in self.known]

    def _chain(self, *targets: str) -> Chain:
        return _compiled(self.model, targets, self.given)

    def __call__(self, constants: Mapping[str, np.ndarray], *targets: str) -> tuple[np.ndarray, ...]:
        """`targets` (or the group's own) with the values of constants, arrays whose last axis runs over all rows."""
        chain = self._chain(*(targets or (self.target,)))
        drawn = {name: constants[name][..., self.places] for name in chain.inputs if name not in self.known}
        return tuple(chain({**self.known, **drawn}))


@functools.cache
def _compiled(model: Model, targets: tuple[str, ...], given: tuple[str, ...]) -> Chain:
    return model.compile(*targets, given=given)


class Rows:
    """Parsed configurations (`configs.parse`) as arrays, in groups that share their equations.

    Rows with a reason belong to no group; what is computed for them is NaN. `levels` names the groups of constants that
    each row belongs to, `applies` says under which conditions it falls.
    """

    def __init__(self, parsed: pd.DataFrame) -> None:
        parsed = parsed.reset_index(drop=True)
        self.parsed, self.size = parsed, len(parsed)
        self.good = np.flatnonzero((parsed["reason"] == "").to_numpy())
        rows = parsed.iloc[self.good]
        kinds = _kinds(rows)
        self.levels = {name: _spread(column, self.good, self.size, "") for name, column in _levels(rows).items()}
        conditions = {
            "weight_only": rows["weight_only"].to_numpy(bool),
            "narrow": rows["compute_precision"].isin(NARROW).to_numpy(),
            "experts": kinds["experts"].to_numpy(bool),
            "median": ~rows["metric"].str.contains("mean").to_numpy(bool),
        }
        self.applies = {name: _spread(column, self.good, self.size, False) for name, column in conditions.items()}
        self.metrics = [METRICS[each if each in METRICS else each.partition("_")[0]] for each in rows["metric"]]
        values, self.groups = _values(rows), []
        kinds["target"], kinds["load"] = [target for target, _ in self.metrics], rows["load"].to_numpy()
        self.fixed = {"chunk_budget_tokens": _spread(values.pop("chunk_budget_tokens"), self.good, self.size, np.nan)}
        for key, chosen in kinds.groupby(list(kinds.columns), sort=False).indices.items():
            kind = dict(zip(kinds.columns, key, strict=True))
            target = kind.pop("target")
            self.groups.append(
                Group(self.good[chosen], replica(**kind), target, {name: v[chosen] for name, v in values.items()})
            )
        self.unit = _spread(np.array([unit for _, unit in self.metrics]), self.good, self.size, np.nan)

    def predict(self, constants: Mapping[str, np.ndarray]) -> np.ndarray:
        """Every row's metric in the unit of its name; constants are arrays whose last axis runs over the rows."""
        return self.compute(constants)[0] / self.unit

    def compute(self, constants: Mapping[str, np.ndarray], *targets: str) -> list[np.ndarray]:
        """`targets` (or each row's own) in base units, NaN where a row's load does not have them."""
        shape = np.broadcast_shapes(*(np.shape(each) for each in constants.values()))
        found = [np.full(shape, np.nan) for _ in targets or ("",)]
        for group in self.groups:
            if not targets:
                found[0][..., group.places] = group(constants)[0]
                continue
            named = [name for name in targets if name in group.model.by_name and name not in group.known]
            results = {**group.known, **dict(zip(named, group(constants, *named) if named else (), strict=True))}
            for place, name in enumerate(targets):
                if name in results:
                    found[place][..., group.places] = results[name]
        return found


def _spread(values: Any, places: np.ndarray, size: int, empty: Any) -> np.ndarray:
    """`values` at their `places` in an array of `size`, with `empty` elsewhere."""
    values = np.asarray(values)
    found = np.full(size, empty, dtype=object if values.dtype.kind in "OUS" else np.result_type(values, type(empty)))
    found[places] = values
    return found


def _levels(rows: pd.DataFrame) -> dict[str, np.ndarray]:
    """The groups that share shifts of constants."""
    about = data.table("accelerators")
    named = {name: rows["gpu"].map(about[name]).to_numpy(object) for name in ("vendor", "generation", "link")}
    engine = rows["engine"].to_numpy(object)
    return {"engine": engine, **named, "port": np.array([*map(port, engine, named["vendor"])], dtype=object)}


def port(engine: str, vendor: str) -> str:
    """An engine on one vendor's accelerators, which is software of its own."""
    return f"{engine} on {vendor}"


def _kinds(rows: pd.DataFrame) -> pd.DataFrame:
    shapes = {model: configs.shape_of(model)[0] for model in rows["model"].unique()}
    found = {name: rows["model"].map({m: kind[name] for m, kind in shapes.items()}) for name in KINDS}
    return pd.DataFrame(
        {
            **found,
            "attention_data_parallel": rows["attention_data_parallel"],
            "free_memory": rows["engine"].map({e: fills_free_memory(e) for e in rows["engine"].unique()}),
        }
    ).reset_index(drop=True)


def _values(rows: pd.DataFrame) -> dict[str, np.ndarray]:
    """The quantities that the equations need of each row, as arrays."""
    shapes = _per_distinct(rows[["model"]].itertuples(index=False), lambda model: configs.shape_of(model)[1])
    stored = _per_distinct(rows[["precision", "kv_precision"]].itertuples(index=False), cases.weights)
    devices = _per_distinct(rows[["gpu", "compute_precision"]].itertuples(index=False), hardware)
    engines = _per_distinct(rows[["engine", "gpu"]].itertuples(index=False), engine_defaults)
    replicas, load = rows["replicas"].to_numpy(float), rows["load_value"].to_numpy(float)
    asked = np.maximum(np.nan_to_num(load / replicas, nan=1.0), 1e-9)
    sent = rows["load_requests"].fillna(float(cases.assumed("test_requests"))).to_numpy(float) / replicas
    zero = np.zeros(len(rows))
    return {
        **{name: column for name, column in shapes.items() if name in SHAPE},
        **stored, **devices, **engines,
        **{name: np.nan_to_num(shapes.get(name, zero)) for name in ("experts_per_token", "moe_ffn_layers")},
        "window_tokens": np.where(shapes["window_layers"] > 0, shapes.get("window_tokens", zero + 1.0), 1.0),
        "chunk_budget_tokens": engines.get("chunk_budget_tokens", np.full(len(rows), np.nan)),
        "memory_reserve_share": float(cases.assumed("memory_reserve_share")) * np.ones(len(rows)),
        "tokens_per_step": np.ones(len(rows)),
        "n_gpus": (rows["tensor_parallel"] * rows["pipeline_parallel"]).to_numpy(float),
        "pipeline_parallel": rows["pipeline_parallel"].to_numpy(float),
        "replicas": replicas,
        "input_tokens": rows["input_tokens"].to_numpy(float),
        "output_tokens": np.maximum(rows["output_tokens"].to_numpy(float), 1.0),
        "concurrency": np.maximum(asked, 1.0), "burst_requests": np.maximum(asked, 1.0), "arrival_rate": asked,
        "test_requests": np.maximum(sent, 1.0),
        **{name: np.full(len(rows), value) for name, value in PLAIN.items()},
    }  # fmt: skip
