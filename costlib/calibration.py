"""Measured constants: how fast engines really are on real GPUs, fitted to data/measurements.csv with partial pooling.

A constant of a row is a common value moved by shifts of the row's engine, vendor, generation, link and port (an engine
on one vendor's accelerators). Shifts add on a scale on which the constant is unbounded (`link`), are pulled towards
zero as strongly as their scatter says (empirical Bayes), and rows that fit badly count less (robust loss). An unseen
group has no shift.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import linalg

from costlib import configs, data, serving, tracking
from costlib.quantities import quantity
from costlib.serving import CONSTANTS, UNUSED, Rows

# Where the fit starts, how far (on the link's scale) the common value may move, and the levels that shift it.
PRIORS: dict[str, tuple[float, float, tuple[str, ...]]] = {
    "weight_bandwidth_efficiency": (0.75, 1.0, ("engine", "vendor", "generation", "port")),
    "cache_bandwidth_efficiency": (0.60, 1.0, ("vendor", "generation")),
    "decode_compute_efficiency": (0.50, 1.0, ("engine", "vendor", "generation", "port")),
    "prefill_compute_efficiency": (0.45, 1.0, ("engine", "vendor", "generation", "port")),
    "link_efficiency": (0.50, 1.0, ("link",)),
    "step_overhead_seconds": (1e-3, 0.8, ("engine",)),
    "layer_seconds": (2e-5, 0.8, ("engine", "vendor", "generation", "port")),
    "sequence_seconds": (2e-5, 0.8, ("engine", "vendor")),
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
COMMON = ("all", "all")  # level and group of the common value
SHIFT = 0.3  # scatter of shifts that the first steps assume; later ones estimate it
SCATTER = (0.03, 1.0)  # bounds of the estimated scatter
ERROR = 0.12  # typical error of the logarithm of a speed; the loss grows linearly beyond
NOISY = {"ttft": 0.25}  # weight of kinds of metrics that depend on what rows do not say
STEPS, POOL = 24, (3, 6, 9)  # steps of a fit, and those after which scatter is estimated anew
RESTEPS, REPOOL = 5, (1, 3)  # the same for a fit that starts from another
LEAST_SHIFT = 0.02  # shifts below are not worth a row of the table


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
    """A common value and shifts, `estimate`, per (constant, level, group) on the link's scale, with standard errors.

    The common value is relative to where the fit starts (`PRIORS`). `rows` counts the measurements behind a column,
    `scatter` is how far shifts of its kind lie apart.
    """

    columns: list[tuple[str, str, str]]
    estimate: np.ndarray
    error: np.ndarray
    rows: np.ndarray
    scatter: np.ndarray | None = None

    @classmethod
    def of_priors(cls) -> Calibration:
        """Where the fit starts: the common values of `PRIORS`, and no shifts."""
        return cls([(name, *COMMON) for name in CONSTANTS], *(np.zeros(len(CONSTANTS)) for _ in range(3)))

    @functools.cached_property
    def place(self) -> dict[tuple[str, str, str], int]:
        """Where each column stands."""
        return {column: i for i, column in enumerate(self.columns)}

    def design(self, rows: Rows) -> dict[str, np.ndarray]:
        """For each constant, the places of its columns per row: one row per level, -1 where a group is unseen."""
        codes = {level: pd.factorize(named) for level, named in rows.levels.items()}
        found = {}
        for name in CONSTANTS:
            places = [np.full(rows.size, self.place.get((name, *COMMON), -1))]
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
    """The value of every constant in every row, for any number of estimates (leading axes)."""
    return {name: applied(rows, name, unlink(name, scaled(design, estimate, name))) for name in CONSTANTS}


# --- the fit ---------------------------------------------------------------------------------------------------------


def columns_of(rows: Rows) -> list[tuple[str, str, str]]:
    """Constant, level and group of everything that the rows can say something about."""
    found = []
    for name in CONSTANTS:
        found.append((name, *COMMON))
        for level in PRIORS[name][2]:
            found += [(name, level, group) for group in sorted(set(rows.levels[level]) - {""})]
    return found


def row_weights(rows: Rows) -> np.ndarray:
    """How much each row counts: less where the metric depends on what rows do not say."""
    return rows.parsed["metric_kind"].map(NOISY).fillna(1.0).to_numpy()


def slopes(rows: Rows, design: Mapping[str, np.ndarray], estimate: np.ndarray, logs: np.ndarray) -> dict:
    """How the logarithms `logs` of the predictions move with each constant on the link's scale."""
    known, step, found = values(rows, design, estimate), 1e-4, {}
    for name in CONSTANTS:
        moved = {**known, name: applied(rows, name, unlink(name, scaled(design, estimate, name) + step))}
        slope = np.zeros(logs.shape)
        for group in (each for each in rows.groups if name in each.constants):
            slope[..., group.places] = np.log(group(moved)[0] / rows.unit[group.places])
            slope[..., group.places] -= logs[..., group.places]
        found[name] = slope / step
    return found


def _by_column(
    design: Mapping[str, np.ndarray], slope: Mapping[str, np.ndarray], fold: int, columns: int
) -> np.ndarray:
    size = next(iter(design.values())).shape[1]
    found = np.zeros((columns + 1, size))
    for name, places in design.items():
        for each in places:
            found[each, np.arange(size)] += slope[name][fold]
    return found[:-1].T


def fit(
    rows: Rows, measured: np.ndarray, weight: np.ndarray | None = None, start: Calibration | None = None
) -> Calibration:
    """The calibration of `rows` to the `measured` values of their metrics, counting each by its `weight`.

    Several fits at once have weights with one row per fit (0 leaves a measurement out), and estimates likewise. Damped
    Gauss-Newton steps on the loss ``2 (sqrt(1 + (r / ERROR)^2) - 1)`` of the error r of the logarithm. `start` gives
    estimates to begin with, which saves steps.
    """
    weight = row_weights(rows) if weight is None else weight
    counts, target, columns = np.atleast_2d(weight), np.log(measured), columns_of(rows)
    folds, size = len(counts), len(columns)
    made = Calibration(columns, np.zeros((folds, size)), np.zeros((folds, size)), np.zeros(size, int))
    made.scatter = np.tile([PRIORS[name][1] if level == COMMON[0] else SHIFT for name, level, _ in columns], (folds, 1))
    if start is not None:
        made.estimate, made.scatter = np.tile(start.estimate, (folds, 1)), np.tile(start.scatter, (folds, 1))
    design, pools = made.design(rows), _pools(columns)

    def error_of(estimate: np.ndarray) -> np.ndarray:
        return target - np.log(rows.predict(values(rows, design, estimate)))

    def cost(error: np.ndarray, estimate: np.ndarray) -> np.ndarray:
        loss = 2 * (np.sqrt(1 + (error / ERROR) ** 2) - 1)
        return (counts * loss).sum(axis=1) + ((estimate / made.scatter) ** 2).sum(axis=1)

    error, damping, done = error_of(made.estimate), np.full(folds, 1e-2), np.zeros(folds, bool)
    for step in range(STEPS if start is None else RESTEPS):
        slope = slopes(rows, design, made.estimate, target - error)
        bend = counts / ERROR**2 / np.sqrt(1 + (error / ERROR) ** 2)
        normal, pull = np.zeros((folds, size, size)), np.zeros((folds, size))
        for fold in np.flatnonzero(~done):
            by_column = _by_column(design, slope, fold, size)
            normal[fold] = by_column.T @ (by_column * bend[fold][:, None])
            pull[fold] = by_column.T @ (bend[fold] * error[fold]) - made.estimate[fold] / made.scatter[fold] ** 2
        before, open_ = cost(error, made.estimate), ~done
        for _ in range(8):
            moved = made.estimate.copy()
            for fold in np.flatnonzero(open_):
                curved = normal[fold] + np.diag(1 / made.scatter[fold] ** 2)
                curved[np.diag_indices(size)] *= 1 + damping[fold]
                moved[fold] += np.clip(linalg.solve(curved, pull[fold], assume_a="pos"), -0.7, 0.7)
            tried = error_of(moved)
            after = cost(tried, moved)
            better = open_ & (after < before)
            made.estimate[better], error[better], open_ = moved[better], tried[better], open_ & ~better
            damping[better] /= 4
            damping[open_] = np.maximum(damping[open_] * 5, 1e-3)
            if not open_.any():
                break
        repool = step in (POOL if start is None else REPOOL)
        done |= open_ | ((before - cost(error, made.estimate) < 1e-3 * before) & (not repool) & (step > 2))
        if repool or done.all():
            for fold in range(folds):
                covariance = linalg.inv(normal[fold] + np.diag(1 / made.scatter[fold] ** 2))
                made.error[fold] = np.sqrt(np.diag(covariance))
                if repool:
                    for places in pools:
                        spread = np.mean(made.estimate[fold, places] ** 2 + np.diag(covariance)[places])
                        made.scatter[fold, places] = np.clip(np.sqrt(spread), *SCATTER)
        if done.all():
            break
    made.rows = (np.abs(_by_column(design, slope, 0, size)) > 0).sum(axis=0)
    if np.ndim(weight) == 1:
        made.estimate, made.error, made.scatter = made.estimate[0], made.error[0], made.scatter[0]
    return made


def _pools(columns: list[tuple[str, str, str]]) -> list[np.ndarray]:
    """The places of shifts that share a scatter: those of one constant at one level."""
    keys = pd.Series([f"{name} {level}" if level != COMMON[0] else "" for name, level, _ in columns])
    return [places for key, places in keys.groupby(keys).indices.items() if key]


# --- the committed tables --------------------------------------------------------------------------------------------


@tracking.derived
def measurements() -> tuple[pd.DataFrame, Rows, np.ndarray]:
    """The rows of data/measurements.csv that can be read and computed: the table, the rows, and the values."""
    frame = data.table("measurements")
    parsed = configs.parse(frame)
    rows = Rows(parsed)
    finite = np.isfinite(rows.predict(Calibration.of_priors().constants(rows)))
    if finite.all():
        return frame.reset_index(drop=True), rows, frame["value"].to_numpy(float)
    frame = frame[finite].reset_index(drop=True)
    return frame, Rows(parsed[finite].reset_index(drop=True)), frame["value"].to_numpy(float)


@tracking.derived
def committed() -> Calibration:
    """The calibration of data/calibration.csv."""
    table = data.table("calibration")
    columns = [tuple(each) for each in table[["constant", "level", "group"]].itertuples(index=False)]
    estimate, error = table["estimate"].to_numpy(float), table["standard_error"].to_numpy(float)
    return Calibration(columns, estimate, error, table["rows"].to_numpy(int))


def table_of(made: Calibration) -> pd.DataFrame:
    """The calibration as the rows of data/calibration.csv: common values, and shifts that matter."""
    frame = pd.DataFrame(made.columns, columns=["constant", "level", "group"])
    frame = frame.assign(estimate=made.estimate.round(4), standard_error=made.error.round(4), rows=made.rows)
    return frame[(frame["level"] == COMMON[0]) | (frame["estimate"].abs() >= LEAST_SHIFT)].reset_index(drop=True)


def common(name: str) -> tuple[float, float, float]:
    """The common value of a constant in base units, and that one standard error below and above."""
    made = committed()
    place = made.place[name, *COMMON]
    start = link(name, np.float64(PRIORS[name][0]))
    middle, error = start + made.estimate[place], made.error[place]
    return tuple(float(unlink(name, each)) for each in (middle, middle - error, middle + error))


def constants(
    engine: str, gpu: str, compute_precision: str, *, weight_only: bool = False, experts: bool = False
) -> dict[str, float]:
    """The measured constants of `engine` on `gpu`, in base units, by name.

    `weight_only`: low-bit weights are unpacked to 16-bit arithmetic. A GPU or an engine that was not measured gets the
    constants of its generation, its vendor, or all.
    """
    made, about = committed(), data.row("accelerators", gpu)
    where = {"engine": engine, **{level: about[level] for level in ("vendor", "generation", "link")}}
    where["port"] = serving.port(engine, where["vendor"])
    narrow = compute_precision in serving.NARROW
    applies = {"weight_only": weight_only, "narrow": narrow, "experts": experts, "median": False}
    found = {}
    for name, (start, _, levels) in PRIORS.items():
        keys = [(name, *COMMON), *((name, level, where[level]) for level in levels)]
        moved = sum(made.estimate[made.place[key]] for key in keys if key in made.place)
        unused, condition = UNUSED.get(name, (np.nan, ""))
        found[name] = (
            float(unlink(name, link(name, np.float64(start)) + moved)) if applies.get(condition, True) else unused
        )
    return {**found, **serving.engine_defaults(engine, gpu)}
