"""A computer as the equations see it: its measured peaks, what they predict of a small transformer, what it then took.

The measurements are taken on the spot by `costlib.timing`, or read from `data/machine_measurements.csv`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from costlib import cases, data, timing, transformer
from costlib.data import Fact
from costlib.equations import Model
from costlib.errors import InputError
from costlib.models import memory, roofline
from costlib.quantities import quantity

THIS, PUBLISHED = "this", "published"  # the machine that runs the code; the one that the published book shows
SOURCE = "own_measurement"
HEADS_PER_GROUP, HEAD_DIM, FFN_RATIO, VOCABULARY_SIZE = 4, 64, 3, 8192
WIDTH_OF_CPU, WIDTH_OF_GPU = 1024, 2048

EQUATIONS = Model(
    *memory.equations_for(latent=False, windows=False, experts=False),
    *roofline.equations_for(latent=False, windows=False, experts=False),
)


def shape(hidden_dim: int, n_layers: int, context_tokens: int, input_tokens: int) -> dict[str, float]:
    """The shape of the transformer and the lengths of its work, as quantities of the vocabulary.

    Raises InputError unless `hidden_dim` is a multiple of what one group of heads takes.
    """
    group = HEADS_PER_GROUP * HEAD_DIM
    if hidden_dim % group:
        raise InputError(f"hidden_dim = {hidden_dim} is not allowed: it must be a multiple of {group}")
    sizes = {
        "hidden_dim": hidden_dim, "n_layers": n_layers, "n_heads": hidden_dim // HEAD_DIM,
        "n_kv_heads": hidden_dim // group, "head_dim": HEAD_DIM, "dense_ffn_dim": FFN_RATIO * hidden_dim,
        "ffn_matrices": 3, "vocabulary_size": VOCABULARY_SIZE, "embedding_tables": 1,
        "context_tokens": context_tokens, "input_tokens": input_tokens,
    }  # fmt: skip
    for name, value in sizes.items():
        cases.check(name, value)
    return sizes


def times(machine_name: str, library: str | None, **parameters: Any) -> Measured:
    """The measurements that the chapter's `parameters` ask for: of this machine, taken now, or of a recorded one.

    A prompt's tokens have a name of their own there: the `input_tokens` that scenarios set for all chapters are more
    than a small computer can try.
    """
    names = ("hidden_dim", "n_layers", "context_tokens")
    asked = {**{name: parameters[name] for name in names}, "input_tokens": parameters["prompt_tokens"]}
    if machine_name != THIS:
        return recorded(machine_name, **asked)
    arrays = transformer.arrays(library)
    asked["hidden_dim"] = asked["hidden_dim"] or (WIDTH_OF_CPU if arrays.device == "cpu" else WIDTH_OF_GPU)
    sizes, rounds = shape(**asked), parameters["rounds"]
    found = timing.measure(arrays, sizes, rounds)
    return Measured("measured on this machine", {**timing.describe(arrays), "rounds": rounds}, sizes, found)


# --- what was measured -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Measured:
    """Measurements of one machine.

    `about` says which (processor, cores, library, cache_megabytes, rounds, date); `sizes` is the shape that was run;
    `times` holds the `seconds` of each measurement in its best round and the `median_seconds` of all rounds, by its
    kind and its size.
    """

    table: str
    about: dict[str, Any]
    sizes: dict[str, float]
    times: pd.DataFrame

    def kind(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Sizes and seconds of one kind of measurement, by size."""
        found = self.times["seconds"][name].sort_index()
        return found.index.to_numpy(float), found.to_numpy(float)

    def bytes_per_second(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Sizes (byte) and bandwidth (byte/s) of a kind of reading, or of copying, which counts twice."""
        sizes, seconds = self.kind(name)
        return sizes, (2 if name == "copy" else 1) * sizes / seconds

    def flops_per_second(self) -> tuple[np.ndarray, np.ndarray]:
        """Widths of square matrices, and the arithmetic (FLOP/s) that their product reaches."""
        widths, seconds = self.kind("gemm")
        return widths, 2 * widths**3 / seconds

    def thin_flops_per_second(self) -> np.ndarray:
        """The arithmetic (FLOP/s) of products of as many rows as a batch has with matrices of the model's shape, which
        come from memory: for each batch, the rate at the shapes that a decode step has.
        """
        batches, seconds = self.kind("thin")
        numbers = timing.thin_parameters(self.sizes, self.kind("matvec")[0][-1])
        return 2 * numbers * batches / seconds

    def disturbance(self) -> float:
        """By what share the median round took longer than the best one: near 0 where nothing else ran."""
        return float((self.times["median_seconds"] / self.times["seconds"]).median() - 1)

    def peaks(self) -> dict[str, Fact]:
        """The most arithmetic, and the most bandwidth of a read as large as the weights: the machine as one GPU."""
        widths, rates = self.flops_per_second()
        reads = {name: self.bytes_per_second(name) for name in ("sum", "matvec")}
        fastest = max(reads, key=lambda name: reads[name][1][-1])
        found = {
            "peak_flops_per_second": (rates.max(), "gemm", widths[rates.argmax()]),
            "memory_bytes_per_second": (reads[fastest][1][-1], fastest, reads[fastest][0][-1]),
        }
        return {
            name: Fact(
                value, table=self.table, key=f"{kind}|{size:.0f}", field="seconds", quantity=name, source=SOURCE,
                locator="", date=self.about["date"], kind="measured",
            )
            for name, (value, kind, size) in found.items()
        }  # fmt: skip

    def values(self) -> dict[str, Any]:
        """What the equations need: the shape, 4-byte numbers, and the two measured peaks."""
        numbers = cases.weights("fp32", "fp32")
        step = {"tokens_per_step": cases.assumed("tokens_per_step"), "n_gpus": 1}
        return {**self.sizes, **numbers, **step, **self.peaks()}


PREDICTED = (
    "weight_bytes", "decode_intensity", "decode_seconds", "decode_serial_seconds", "decode_tokens_per_second",
    "prefill_intensity", "prefill_seconds", "prefill_serial_seconds", "ridge_flops_per_byte", "compute_bound_batch",
)  # fmt: skip


def predicted(values: Mapping[str, Any], batches: Any) -> dict[str, Any]:
    """The bounds of decode steps and prefills at `batches`, and all that leads to them."""
    return EQUATIONS.evaluate({**values, "batch": batches}, *PREDICTED)


def by_part(values: Mapping[str, Any]) -> dict[str, Any]:
    """Least seconds of the two parts of a decode step, from the same equations with the other part left out."""
    nothing = dict.fromkeys(("linear_flops_per_token", "decode_read_parameters", "table_parameters"), 0.0)
    return {
        "weights": EQUATIONS({**values, "cached_layer_tokens": 0.0}, "decode_seconds"),
        "attention": EQUATIONS({**values, **nothing}, "decode_seconds"),
    }


def counted_flops(sizes: Mapping[str, float], batch: int) -> float:
    """The operations (FLOP) of all matrix products of one decode step, counted while it runs."""
    meter = transformer.Meter()
    model = transformer.Transformer(sizes, transformer.Arrays(np), meter)
    context = model.sizes["context_tokens"]
    model(np.zeros((batch, 1), int), model.cache(batch, context), context - 1)
    return sum(meter.flops.values())


def rate(name: str, value: float) -> str:
    """`value` of a quantity per GPU for people, without the GPU: the computer takes its place."""
    return quantity(name).quote(float(value)).removesuffix("/GPU")


def knee(batches: np.ndarray, seconds: np.ndarray) -> float:
    """The batch at which a step as long as that of the smallest batch would go at the pace of the largest batch."""
    return seconds[0] / (seconds[-1] / batches[-1])


# --- the recorded machine --------------------------------------------------------------------------------------------


def recorded(name: str, **given: float | None) -> Measured:
    """The measurements of a row of `data/machines.csv`.

    Raises InputError for an unknown machine, or where `given` (the shape asked for) is not what was run on it.
    """
    cells, sizes = data.row("machines", name), dict(data.facts("machines", name))
    for each, value in given.items():
        if value is not None and value != sizes[each]:
            raise InputError(
                f"{each} = {value!r} is not allowed with machine_name = {name!r}: data/machines.csv has times for"
                f" {sizes[each]:g} only; machine_name = {THIS!r} measures any"
            )
    rows = data.table("machine_measurements")
    rows = rows[rows["machine"] == name].set_index(["measurement", "size"])
    about = {each: data.text(cells, each) for each in ("processor", "cores", "library", "rounds", "date")}
    cache = None if pd.isna(cells["cache_megabytes"]) else float(cells["cache_megabytes"])
    return Measured(
        "machine_measurements", {**about, "cache_megabytes": cache}, sizes, rows[["seconds", "median_seconds"]]
    )


def rows(measured: Measured, name: str) -> dict[str, pd.DataFrame]:
    """The tables of recorded machines with `measured` as the machine `name`, in place of what it had before."""
    about = {"machine": name, **measured.about, **measured.sizes, "source": SOURCE}
    times = measured.times.reset_index().assign(machine=name, source=SOURCE, date=measured.about["date"])
    fresh = {"machines": pd.DataFrame([about]), "machine_measurements": times}
    kept = {table: data.table(table) for table in fresh}
    return {
        table: pd.concat([kept[table][kept[table]["machine"] != name], new])[list(kept[table].columns)]
        for table, new in fresh.items()
    }
