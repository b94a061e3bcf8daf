"""Studies: who asks what drives a cost, and the inputs that may move it, each with its range and where that is from.

A study is a list of inputs, each with one or more coordinates of a unit cube, and a cost. Choices out of lists are
drawn as such, each entry as likely as another; ranges are the assumptions' triangles, or the least, the middle and the
greatest of published figures.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from costlib import cases, data, sensitivity
from costlib.quantities import quantity
from costlib.uncertainty import triangle

LEVELS = ("low", "central", "high")
KINDS = {
    "choice": "yours to choose",
    "work": "set by the work",
    "market": "set by others",
    "unknown": "unknown before it is measured",
}
Drawn = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Input:
    """One thing that moves the cost: its `label`, its `kind` of `KINDS`, its range in words and where that is from.

    `draw` turns an array of `coordinates` rows in 0..1 into quantities, or places in lists, by name. `options` counts
    the entries of a list; 0 for what is continuous.
    """

    label: str
    kind: str
    about: str
    source: str
    draw: Callable[[np.ndarray], dict[str, np.ndarray]]
    coordinates: int = 1
    options: int = 0


@dataclass(frozen=True)
class Study:
    """Who asks (`name`), the `inputs`, and the `cost` of a token in USD for drawn values.

    `pairs` are two labels and the assumption that says how their ranks correlate. With `width` below one, only the
    middle of every range is drawn. `fixed` stands for what inputs that were taken out would draw.
    """

    name: str
    inputs: tuple[Input, ...]
    cost: Callable[[Drawn], np.ndarray]
    pairs: tuple[tuple[str, str, str], ...] = ()
    width: float = 1.0
    fixed: tuple[tuple[str, float], ...] = ()

    @property
    def groups(self) -> list[int]:
        """How many coordinates each input has."""
        return [each.coordinates for each in self.inputs]

    @property
    def labels(self) -> list[str]:
        """The names of the inputs."""
        return [each.label for each in self.inputs]

    def draw(self, points: np.ndarray) -> dict[str, np.ndarray]:
        """What points of the cube (coordinates, n) stand for, by name."""
        inner, start = (1 - self.width) / 2 + self.width * points, 0
        drawn = {name: np.full(points.shape[1], value) for name, value in self.fixed}
        for each in self.inputs:
            drawn |= each.draw(inner[start : start + each.coordinates])
            start += each.coordinates
        return drawn

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """The logarithm of the cost of a token at points of the cube (coordinates, n)."""
        return np.log(self.cost(self.draw(points)))

    def correlation(self, level: str = "central") -> np.ndarray | None:
        """The correlation of the normal variables behind the coordinates; None where nothing correlates."""
        if not self.pairs:
            return None
        first = dict(zip(self.labels, np.cumsum([0, *self.groups[:-1]]), strict=True))
        matrix = np.eye(sum(self.groups))
        for one, other, name in self.pairs:
            rank = float(cases.assumed(name, level))
            matrix[first[one], first[other]] = matrix[first[other], first[one]] = sensitivity.normal_correlation(rank)
        return matrix

    def per_request(self) -> Study:
        """The same for the cost of a request, prompt and answer together."""
        return replace(self, cost=lambda drawn: self.cost(drawn) * (drawn["input_tokens"] + drawn["output_tokens"]))

    def halved(self) -> Study:
        """The same with every range, and every list, cut to its middle half."""
        return replace(self, width=self.width / 2)

    def holding(self, label: str, **fixed: float) -> Study:
        """The same without the input `label`, `fixed` standing for what it would draw."""
        inputs = tuple(each for each in self.inputs if each.label != label)
        pairs = tuple(each for each in self.pairs if label not in each[:2])
        return replace(self, inputs=inputs, pairs=pairs, fixed=(*self.fixed, *fixed.items()))


# --- kinds of inputs -------------------------------------------------------------------------------------------------


def place(uniform: np.ndarray, count: int | np.ndarray) -> np.ndarray:
    """The place in a list of `count` entries that a number in 0..1 falls on."""
    return np.minimum((uniform * count).astype(int), np.asarray(count) - 1)


def chosen(label: str, kind: str, name: str, count: int, about: str, table: str) -> Input:
    """One of `count` entries of a list, as its place under `name`."""
    return Input(label, kind, about, f"`{table}`", lambda points: {name: place(points[0], count)}, 1, count)


def between(label: str, kind: str, name: str, about: str, table: str) -> Input:
    """A place between the low and the high end of a market, in 0..1, under `name`."""
    return Input(label, kind, about, f"`{table}`", lambda points: {name: points[0]})


def assumed(label: str, kind: str, *names: str) -> Input:
    """Assumptions that belong together, each drawn from the triangle of its three values."""
    triples = {name: tuple(float(cases.assumed(name, level)) for level in LEVELS) for name in names}
    return spread(label, kind, triples, (data.row("assumptions", name)["source"] for name in names))


def spread(label: str, kind: str, triples: Mapping[str, tuple[float, float, float]], sources: Iterable[str]) -> Input:
    """Quantities that belong together, each drawn from the triangle of its low, central and high value."""

    def draw(points: np.ndarray) -> dict[str, np.ndarray]:
        return {name: triangle(*triple, u) for (name, triple), u in zip(triples.items(), points, strict=True)}

    spans = [_span(name, triple) for name, triple in triples.items()]
    about = "; ".join(spans) if len(spans) < 3 else f"low to high of {len(spans)} assumptions"
    return Input(label, kind, about, _cited(sources), draw, len(triples))


def levels(label: str, kind: str, name: str) -> Input:
    """An assumption that is one of its three values, each as likely as another."""
    triple = np.array([float(cases.assumed(name, level)) for level in LEVELS])
    about = f"{', '.join(quantity(name).quote(each, None, 4) for each in triple)}: {quantity(name).meaning}"
    return Input(
        label,
        kind,
        about,
        _cited([data.row("assumptions", name)["source"]]),
        lambda points: {name: triple[place(points[0], 3)]},
        1,
        3,
    )


def length(label: str, name: str) -> Input:
    """Tokens of a request (`name`), between the least and the greatest of the published means."""
    triple = lengths(name)
    about, table = _span(name, triple), "`workload_facts`"
    return Input(label, "work", about, table, lambda points: {name: triangle(*triple, points[0])})


def _span(name: str, triple: tuple[float, float, float]) -> str:
    low, middle, high = (quantity(name).quote(each) for each in triple)
    short = [each.removesuffix(high[len(high.split(" ")[0]) :]) for each in (low, middle)]
    return f"{short[0]} to {high}, mostly {short[1]}"


def _cited(sources: Iterable[str]) -> str:
    return ", ".join(f"{{cite:t}}`{key}`" for key in dict.fromkeys(sources))


TRACES = ("azure_code", "azure_conversation", "mooncake_conversation", "mooncake_toolagent", "mooncake_synthetic")
_MORE = {
    "input_tokens": [("agent_prefix_tokens_median", "agent_appended_tokens_median")],
    "output_tokens": [("agent_output_tokens_median",), ("mlperf_r1_output_tokens_mean",)],
}  # a coding agent, of which medians are published and add up, and the answers of a reasoning model


def lengths(name: str) -> tuple[float, float, float]:
    """The least, the middle and the greatest of published mean requests, for `name` input_tokens or output_tokens."""
    keys = [*((f"{trace}_{name}_mean",) for trace in TRACES), *_MORE[name]]
    found = sorted(sum(float(cases.published(key)) for key in each) for each in keys)
    return found[0], float(np.median(found)), found[-1]
