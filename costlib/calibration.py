"""Measured constants: how fast engines really are on real GPUs, fitted to data/measurements.csv with partial pooling.

A constant of a row is a common value moved by shifts of the row's engine, vendor, generation and link. Shifts add on a
scale on which the constant is unbounded (`link`), are pulled towards zero as strongly as their scatter says (empirical
Bayes), and rows that fit badly count less (robust loss). An unseen group has no shift.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy import linalg

from costlib import configs, data
from costlib.quantities import quantity
from costlib.serving import CONSTANTS, UNUSED, Rows

# Where the fit starts, how far (on the link's scale) the common value may move, and the levels that shift it.
PRIORS: dict[str, tuple[float, float, tuple[str, ...]]] = {
    "weight_bandwidth_efficiency": (0.75, 1.0, ("engine", "vendor", "generation")),
    "cache_bandwidth_efficiency": (0.60, 1.0, ("vendor", "generation")),
    "decode_compute_efficiency": (0.50, 1.0, ("engine", "vendor", "generation")),
    "prefill_compute_efficiency": (0.45, 1.0, ("engine", "vendor", "generation")),
    "link_efficiency": (0.50, 1.0, ("link",)),
    "step_overhead_seconds": (1e-3, 0.8, ("engine",)),
    "layer_seconds": (2e-5, 0.8, ("engine", "generation")),
    "sequence_seconds": (2e-5, 0.8, ("engine",)),
    "streaming_seconds": (2e-5, 1.0, ()),
    "request_overhead_seconds": (8e-3, 0.8, ("engine",)),
    "allreduce_latency_seconds": (2e-5, 0.8, ("engine", "link")),
    "chunk_budget_tokens": (4096.0, 0.5, ("engine", "generation")),
    "attention_cost_factor": (1.5, 1.0, ("engine",)),
    "dequantization_factor": (1.5, 1.0, ("engine",)),
    "low_precision_factor": (1.25, 1.0, ()),
    "expert_compute_factor": (1.5, 1.0, ("engine",)),
    "expert_routing_moves": (10.0, 0.8, ()),
    "pipeline_bubble_share": (0.1, 0.5, ()),
    "overlap_share": (0.5, 1.0, ("engine",)),
    "queue_share": (0.3, 0.8, ("engine",)),
    "interference_share": (0.8, 0.5, ("engine",)),
    "burst_time_factor": (1.2, 0.5, ("engine",)),
    "burst_token_factor": (1.1, 0.5, ()),
    "server_time_factor": (1.1, 0.5, ()),
    "interactive_time_factor": (1.6, 0.5, ()),
}
SHIFT = 0.3  # scatter of shifts that the first steps assume; later ones estimate it
SCATTER = (0.03, 1.0)  # bounds of the estimated scatter
ERROR = 0.12  # typical error of the logarithm of a speed; the loss grows linearly beyond
NOISY = {"ttft": 0.25}  # weight of kinds of metrics that depend on what rows do not say
STEPS = 30


def link(name: str, value: np.ndarray) -> np.ndarray:
    """`value` of the constant `name` on the scale on which it is unbounded: logit of shares, else logarithm."""
    about = quantity(name)
    return np.log(value - about.low) - (np.log1p(-value) if about.high == 1 else 0.0)


def unlink(name: str, scaled: np.ndarray) -> np.ndarray:
    """The inverse of `link`."""
    about = quantity(name)
    return 1 / (1 + np.exp(-scaled)) if about.high == 1 else about.low + np.exp(scaled)


@dataclass
class Calibration:
    """A common value and shifts, `estimate`, per (constant, level, group) on the link's scale, with standard errors."""

    columns: list[tuple[str, str, str]]
    estimate: np.ndarray
    error: np.ndarray
    rows: np.ndarray
    scatter: np.ndarray
    place: dict[tuple[str, str, str], int] = field(init=False)

    def __post_init__(self) -> None:
        self.place = {column: i for i, column in enumerate(self.columns)}

    def design(self, rows: Rows) -> dict[str, np.ndarray]:
        """For each constant, the places of its columns per row: one row per level, -1 where a group is unseen."""
        codes = {level: pd.factorize(named) for level, named in rows.levels.items()}
        found = {}
        for name in CONSTANTS:
            places = [np.full(rows.size, self.place.get((name, "", ""), -1))]
            for level in PRIORS[name][2]:
                code, groups = codes[level]
                places.append(np.array([self.place.get((name, level, group), -1) for group in groups])[code])
            found[name] = np.array(places)
        return found

    def constants(self, rows: Rows) -> dict[str, np.ndarray]:
        """The value of every constant in every row."""
        return values(rows, self.design(rows), self.estimate)

    def predict(self, rows: Rows) -> np.ndarray:
        """Every row's metric, in the unit of its name."""
        return rows.predict(self.constants(rows))


def scaled(design: Mapping[str, np.ndarray], estimate: np.ndarray, name: str) -> np.ndarray:
    """The constant `name` in every row on the link's scale; `estimate` may have leading axes."""
    padded = np.concatenate([estimate, np.zeros((*estimate.shape[:-1], 1))], axis=-1)
    return link(name, np.float64(PRIORS[name][0])) + padded[..., design[name]].sum(axis=-2)


def applied(rows: Rows, name: str, value: np.ndarray) -> np.ndarray:
    """`value` of a constant where it applies, and what stands for it elsewhere."""
    if name in UNUSED:
        unused, condition = UNUSED[name]
        value = np.where(rows.applies[condition], value, unused)
    if name in rows.fixed:
        value = np.where(np.isnan(rows.fixed[name]), value, rows.fixed[name])
    return value


def values(rows: Rows, design: Mapping[str, np.ndarray], estimate: np.ndarray) -> dict[str, np.ndarray]:
    """The value of every constant in every row."""
    return {name: applied(rows, name, unlink(name, scaled(design, estimate, name))) for name in CONSTANTS}


# --- the fit ---------------------------------------------------------------------------------------------------------


def columns_of(rows: Rows, chosen: np.ndarray) -> list[tuple[str, str, str]]:
    """The columns that the `chosen` rows can say something about."""
    found = []
    for name in CONSTANTS:
        found.append((name, "", ""))
        for level in PRIORS[name][2]:
            found += [(name, level, group) for group in sorted(set(rows.levels[level][chosen]))]
    return found


def jacobian(
    rows: Rows, design: Mapping[str, np.ndarray], estimate: np.ndarray, start: np.ndarray
) -> dict[str, np.ndarray]:
    """How the logarithm of each prediction moves with each constant on the link's scale; `start` are predictions."""
    found, known, step = {}, values(rows, design, estimate), 1e-4
    for name in CONSTANTS:
        moved = applied(rows, name, unlink(name, scaled(design, estimate, name) + step))
        slope = np.zeros(np.shape(start))
        for group in rows.groups:
            if name in group.constants:
                places = group.places
                found_here = group({**known, name: moved})[0] / rows.unit[places]
                slope[..., places] = (np.log(found_here) - start[..., places]) / step
        found[name] = slope
    return found


def matrix(design: Mapping[str, np.ndarray], slopes: Mapping[str, np.ndarray], columns: int) -> np.ndarray:
    """The slopes by column of the calibration."""
    size = len(next(iter(slopes.values())))
    found = np.zeros((size, columns + 1))
    for name, slope in slopes.items():
        for places in design[name]:
            found[np.arange(size), places] += slope
    return found[:, :-1]


def weights(rows: Rows) -> np.ndarray:
    """How much each row counts."""
    return rows.parsed["metric_kind"].map(NOISY).fillna(1.0).to_numpy()


def fit(rows: Rows, measured: np.ndarray, chosen: np.ndarray | None = None, start: Calibration | None = None):
    """The calibration of the `chosen` rows (all, if none are named) to the `measured` values of their metrics.

    Gauss-Newton steps with damping; loss ``2 (sqrt(1 + (r / ERROR)^2) - 1)`` of the error r of the logarithm. `start`
    gives estimates to begin with, which saves steps.
    """
    chosen = np.arange(rows.size) if chosen is None else chosen
    columns = columns_of(rows, chosen)
    found = Calibration(columns, np.zeros(len(columns)), np.zeros(len(columns)), np.zeros(len(columns)), None)
    found.scatter = np.array([PRIORS[name][1] if level == "" else SHIFT for name, level, _ in columns])
    steps = STEPS
    if start is not None:
        known = [start.place.get(column, -1) for column in columns]
        found.estimate = np.append(start.estimate, 0.0)[known]
        found.scatter = np.where(np.array(known) < 0, found.scatter, np.append(start.scatter, 0.0)[known])
        steps = 6
    design, target, counts = found.design(rows), np.log(measured), weights(rows)
    groups: dict[tuple[str, str], list[int]] = {}
    for i, (name, level, _) in enumerate(columns):
        if level:
            groups.setdefault((name, level), []).append(i)

    def residuals(estimate: np.ndarray) -> np.ndarray:
        return (target - np.log(rows.predict(values(rows, design, estimate))))[chosen]

    def cost(error: np.ndarray, estimate: np.ndarray) -> float:
        loss = 2 * (np.sqrt(1 + (error / ERROR) ** 2) - 1)
        return float(np.sum(counts[chosen] * loss) + np.sum((estimate / found.scatter) ** 2))

    damping, error = 1e-2, residuals(found.estimate)
    for step in range(steps):
        slopes = jacobian(rows, design, found.estimate, target - _place(error, chosen, rows.size))
        slope = matrix({n: d[:, chosen] for n, d in design.items()}, {n: s[chosen] for n, s in slopes.items()}, len(columns))
        weight = counts[chosen] / ERROR**2 / np.sqrt(1 + (error / ERROR) ** 2)
        normal = slope.T @ (slope * weight[:, None])
        pull = slope.T @ (weight * error) - found.estimate / found.scatter**2
        now = cost(error, found.estimate)
        for _ in range(8):
            curved = normal + np.diag(1 / found.scatter**2)
            curved[np.diag_indices_from(curved)] *= 1 + damping
            moved = found.estimate + np.clip(linalg.solve(curved, pull, assume_a="pos"), -0.7, 0.7)
            tried = residuals(moved)
            if cost(tried, moved) < now:
                break
            damping = max(damping * 5, 1e-3)
        else:
            break
        gained = now - cost(tried, moved)
        found.estimate, error, damping = moved, tried, damping / 4
        if step in (3, 6, 9) or (start is not None and step in (0, 2)):
            covariance = linalg.inv(normal + np.diag(1 / found.scatter**2))
            for places in groups.values():
                spread = np.mean(found.estimate[places] ** 2 + np.diag(covariance)[places])
                found.scatter[places] = np.clip(np.sqrt(spread), *SCATTER)
        elif gained < 1e-3 * now:
            break
    covariance = linalg.inv(normal + np.diag(1 / found.scatter**2))
    found.error = np.sqrt(np.diag(covariance))
    found.rows = (slope != 0).sum(axis=0)
    found.effective = float(np.trace(covariance @ normal))
    return found


def _place(values_: np.ndarray, places: np.ndarray, size: int) -> np.ndarray:
    found = np.full(size, np.nan)
    found[places] = values_
    return found
