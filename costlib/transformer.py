"""A small transformer in plain arrays, to be timed: grouped-query attention, a gated feed-forward network, a cache.

Its weights are random, since speed does not depend on them. The same lines run on NumPy and PyTorch arrays. Its shape
is given in the vocabulary, so that the equations of `costlib.models` count its arithmetic and its bytes. It has no
positions and no sampling: neither multiplies matrices or reads weights.
"""

from __future__ import annotations

import importlib
import importlib.util
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import numpy as np

from costlib.errors import InputError

LIBRARIES = ("numpy", "torch")


@dataclass(frozen=True)
class Arrays:
    """Where arrays live and what computes with them: `xp` is NumPy or PyTorch, `device` one of the latter's names."""

    xp: ModuleType
    device: str = "cpu"

    def put(self, array: np.ndarray) -> Any:
        """`array` where the computation runs."""
        return array if self.xp is np else self.xp.from_numpy(array).to(self.device)

    def get(self, array: Any) -> np.ndarray:
        """`array` as NumPy has it."""
        return array if self.xp is np else array.cpu().numpy()

    def clock(self) -> float:
        """Seconds from some moment, read when everything that was begun is done."""
        if self.device != "cpu":
            getattr(self.xp, self.device).synchronize()
        return time.perf_counter()


def arrays(library: str | None = None) -> Arrays:
    """NumPy or PyTorch by name; without one, PyTorch where it is installed. PyTorch runs on a GPU if it finds one.

    Raises InputError for another name, or when PyTorch is asked for and not installed.
    """
    if library not in (None, *LIBRARIES):
        raise InputError(f"library = {library!r} is not allowed: it must be one of {', '.join(LIBRARIES)}")
    installed = importlib.util.find_spec("torch") is not None
    if library == "numpy" or (library is None and not installed):
        return Arrays(np)
    if not installed:
        raise InputError("library = 'torch' is not allowed here: PyTorch is not installed")
    torch = importlib.import_module("torch")
    gpus = {"cuda": torch.cuda.is_available, "mps": torch.backends.mps.is_available}
    return Arrays(torch, next((name for name, is_there in gpus.items() if is_there()), "cpu"))


@dataclass
class Meter:
    """What the matrix products of each part of a pass did: operations (FLOP) and time (seconds)."""

    flops: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))


class Transformer:
    """Random weights of the shape `sizes` (quantities of the vocabulary by name), in 4-byte numbers.

    Input and output share one vocabulary table. With a `meter` every matrix product is counted and timed.
    """

    def __init__(self, sizes: Mapping[str, float], arrays: Arrays, meter: Meter | None = None, seed: int = 0) -> None:
        self.sizes = {name: int(value) for name, value in sizes.items()}
        self.arrays, self.meter = arrays, meter
        self._random = np.random.default_rng(seed)
        width, head = self.sizes["hidden_dim"], self.sizes["head_dim"]
        queries, keys = self.sizes["n_heads"] * head, self.sizes["n_kv_heads"] * head
        inner = self.sizes["dense_ffn_dim"]
        self.table = self._weights(self.sizes["vocabulary_size"], width)
        self.layers = [
            {
                "attention_norm": self._ones(width), "queries": self._weights(width, queries),
                "keys": self._weights(width, keys), "values": self._weights(width, keys),
                "out": self._weights(queries, width), "ffn_norm": self._ones(width),
                "gate": self._weights(width, inner), "up": self._weights(width, inner),
                "down": self._weights(inner, width),
            }
            for _ in range(self.sizes["n_layers"])
        ]  # fmt: skip
        self.last_norm = self._ones(width)

    def _weights(self, rows: int, columns: int) -> Any:
        made = self._random.standard_normal((rows, columns), dtype=np.float32)
        return self.arrays.put(made / np.float32(np.sqrt(rows)))

    def _ones(self, width: int) -> Any:
        return self.arrays.put(np.ones(width, np.float32))

    def weights(self) -> list[Any]:
        """All arrays of weights, each once."""
        return [self.table, self.last_norm, *(each for layer in self.layers for each in layer.values())]

    def cache(self, batch: int, tokens: int) -> list[tuple[Any, Any]]:
        """Room for the keys and values of `batch` sequences of `tokens`: per layer two arrays, by sequence and head."""
        shape = (batch, self.sizes["n_kv_heads"], tokens, self.sizes["head_dim"])
        empty = np.zeros(shape, np.float32)
        return [(self.arrays.put(empty.copy()), self.arrays.put(empty.copy())) for _ in self.layers]

    def __call__(self, tokens: np.ndarray, cache: list[tuple[Any, Any]], start: int = 0) -> Any:
        """Scores of the next token (sequences x vocabulary), after `tokens` (sequences x new tokens) join the cache.

        `start` tokens are in the cache already: none before a prefill, all but the last before a decode step.
        """
        xp = self.arrays.xp
        state = self.table[self.arrays.put(tokens)]
        for layer, (keys, values) in zip(self.layers, cache, strict=True):
            attended = self._attend(layer, _normed(xp, state, layer["attention_norm"]), keys, values, start)
            state = state + self._multiply("weights", attended, layer["out"])
            state = state + self._feed_forward(layer, _normed(xp, state, layer["ffn_norm"]))
        return self._multiply("weights", _normed(xp, state[:, -1], self.last_norm), self.table.T)

    def _multiply(self, part: str, left: Any, right: Any) -> Any:
        """The matrix product, on the meter if there is one; many rows times one matrix are one product."""
        stacked = left.reshape(-1, left.shape[-1]) if right.ndim == 2 else left
        if self.meter is None:
            made = stacked @ right
        else:
            began = self.arrays.clock()
            made = stacked @ right
            self.meter.seconds[part] += self.arrays.clock() - began
            self.meter.flops[part] += 2.0 * float(np.prod(made.shape)) * left.shape[-1]
        return made.reshape(*left.shape[:-1], right.shape[-1])

    def _attend(self, layer: dict[str, Any], state: Any, keys: Any, values: Any, start: int) -> Any:
        """Each group of query heads attends to the keys and values it shares, up to its own token."""
        xp, sizes = self.arrays.xp, self.sizes
        batch, new, head = state.shape[0], state.shape[1], sizes["head_dim"]
        shared, end = sizes["n_kv_heads"], start + new
        for cached, name in ((keys, "keys"), (values, "values")):
            made = self._multiply("weights", state, layer[name]).reshape(batch, new, shared, head)
            cached[:, :, start:end] = made.swapaxes(1, 2)
        queries = self._multiply("weights", state, layer["queries"]).reshape(batch, new, shared, -1, head)
        queries = queries.swapaxes(1, 2).reshape(batch, shared, -1, head)  # new tokens and grouped heads side by side
        scores = self._multiply("attention", queries, keys[:, :, :end].swapaxes(2, 3)) / head**0.5
        scores = scores.reshape(batch, shared, new, -1, end)
        if new > 1:
            later = np.triu(np.full((new, end), -np.inf, np.float32), start + 1)
            scores = scores + self.arrays.put(later)[:, None, :]
        shares = _softmax(xp, scores).reshape(batch, shared, -1, end)
        mixed = self._multiply("attention", shares, values[:, :, :end])
        return mixed.reshape(batch, shared, new, -1).swapaxes(1, 2).reshape(batch, new, -1)

    def _feed_forward(self, layer: dict[str, Any], state: Any) -> Any:
        gate = self._multiply("weights", state, layer["gate"])
        gated = gate / (1 + self.arrays.xp.exp(-gate)) * self._multiply("weights", state, layer["up"])
        return self._multiply("weights", gated, layer["down"])


def _normed(xp: ModuleType, state: Any, scale: Any) -> Any:
    """The state at a root mean square of one per token, times `scale`."""
    return state / xp.sqrt(xp.mean(state * state, axis=-1, keepdims=True) + 1e-6) * scale


def _softmax(xp: ModuleType, scores: Any) -> Any:
    raised = xp.exp(scores - xp.amax(scores, axis=-1, keepdims=True))
    return raised / xp.sum(raised, axis=-1, keepdims=True)
