"""Predictions for a table of serving configurations, with intervals: what `costlib predict` does.

Every row of the input gives one row of the output, in the same order: a value with a 90% interval and what limits it,
or the reason why there is none.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd

from costlib import calibration, configs, intervals, sheets
from costlib.errors import InputError
from costlib.serving import Rows

OUTPUT = ("id", "predicted", "low90", "high90", "limit", "reason", "note")
EXTRA = "\0"  # the column that says whether a row has more fields than the header; no file has one of this name
BLOCK = 20_000  # distinct rows between two reports of progress
PATIENCE = 2.0  # seconds without a report
DIGITS = 5

# What takes the time of a step or a prompt, and what it is called when it takes the most.
_SHARES = {
    "weight_read_seconds": "memory bandwidth (weights)",
    "cache": "memory bandwidth (cache)",
    "arithmetic": "arithmetic",
    "communication": "links between GPUs and experts",
    "fixed_step_seconds": "fixed time per step",
    "overhead": "time per sequence",
    "prompts": "prompts of other requests",
}
_TIMES = (
    "weight_read_seconds", "fixed_step_seconds", "batch", "cache_seconds_per_sequence",
    "arithmetic_seconds_per_sequence", "communication_seconds_per_sequence", "sequence_step_seconds",
    "token_cycle_seconds", "step_seconds", "in_flight", "concurrency", "cache_sequences",
    "requests_per_second_limit", "arrival_rate", "full_pass_seconds", "first_prefill_seconds",
)  # fmt: skip


def read(path: Path) -> pd.DataFrame:
    """The rows of the CSV file at `path`, all cells as text.

    Raises InputError, naming the file and what is wrong, when it cannot be read or lacks a column.
    """
    names, found = sheets.read(path)
    missing = [name for name in configs.NEEDED if name not in names]
    if missing:
        raise InputError(f"{path}: there is no column {missing[0]!r}; the columns are id, {', '.join(configs.COLUMNS)}")
    width = len(names)
    rows = pd.DataFrame([each[:width] + [""] * (width - len(each)) for _, each in found], columns=names, dtype=object)
    surplus = [len(each) > width for _, each in found]
    return rows.assign(**{EXTRA: surplus}) if any(surplus) else rows


def predict(rows: pd.DataFrame, progress: bool = False) -> pd.DataFrame:
    """The columns `OUTPUT` for each of `rows`, which have the columns ``id`` and those of `configs.parse`.

    Rows that say the same are computed once. `progress` reports on stderr when it takes longer than two seconds.
    """
    asked = pd.DataFrame({name: rows.get(name, "") for name in configs.COLUMNS}, index=rows.index).astype(str)
    code, distinct = pd.factorize(pd.MultiIndex.from_frame(asked)) if len(rows) else (np.array([], int), [])
    unique = pd.DataFrame(list(distinct), columns=list(configs.COLUMNS))
    began, told, parts = time.perf_counter(), 0.0, []
    for start in range(0, len(unique), BLOCK):
        parts.append(_predicted(unique.iloc[start : start + BLOCK]))
        passed = time.perf_counter() - began
        if progress and passed > told + PATIENCE:
            told = passed
            print(
                f"  {min(start + BLOCK, len(unique)):,} of {len(unique):,} different rows", file=sys.stderr, flush=True
            )
    found = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=OUTPUT[1:])
    found = found.iloc[code].reset_index(drop=True)
    ids = rows["id"] if "id" in rows else pd.Series(range(1, len(rows) + 1))
    found.insert(0, "id", [str(each) for each in ids])
    surplus = rows[EXTRA].to_numpy(bool) if EXTRA in rows else np.zeros(len(rows), bool)
    found.loc[surplus, ["predicted", "low90", "high90"]] = np.nan
    found.loc[surplus, ["limit", "note"]] = ""
    found.loc[surplus, "reason"] = "the row has more fields than the header"
    return found


def _predicted(unique: pd.DataFrame) -> pd.DataFrame:
    """All columns but the id, for rows that differ."""
    parsed = configs.parse(unique).reset_index(drop=True)
    if (parsed["reason"] != "").all():
        nothing = dict.fromkeys(("predicted", "low90", "high90"), np.nan)
        return parsed[["reason"]].assign(**nothing, limit="", note="")[list(OUTPUT[1:])]
    rows = Rows(parsed)
    constants = calibration.committed().constants(rows)
    value = rows.predict(constants)
    times = dict(zip(_TIMES, rows.compute(constants, *_TIMES), strict=True))
    reason = _reasons(parsed, value, times)
    good = reason == ""
    bounds = intervals.bounds(parsed[good], value[good])
    found = pd.DataFrame({"predicted": np.where(good, value, np.nan), "low90": np.nan, "high90": np.nan})
    found.loc[good, "low90"], found.loc[good, "high90"] = bounds["q05"], bounds["q95"]
    found = found.map(lambda number: float(f"{number:.{DIGITS}g}"))
    found["limit"] = np.where(good, limits(parsed, times), "")
    return found.assign(reason=reason, note=np.where(good, parsed["note"], ""))


def _reasons(parsed: pd.DataFrame, value: np.ndarray, times: dict[str, np.ndarray]) -> np.ndarray:
    """Why there is no prediction, empty where there is one."""
    reason = parsed["reason"].to_numpy(object).copy()
    over = (times["arrival_rate"] > times["requests_per_second_limit"]) & (parsed["metric_kind"] == "ttft").to_numpy()
    reason[(reason == "") & over] = "requests arrive faster than they can be served: the wait grows as long as they do"
    unknown = (reason == "") & ~np.isfinite(value)
    peak = "the peak arithmetic of {} in {} is not in data/accelerators.csv"
    for place in np.flatnonzero(unknown):
        row = parsed.iloc[place]
        reason[place] = (
            f"metric {row['metric']!r} is not predicted under load {row['load']!r}"
            if row["load"] in _WITHOUT_LATENCY and row["metric_kind"] == "ttft"
            else peak.format(row["gpu"], row["compute_precision"])
        )
    return reason


_WITHOUT_LATENCY = ("max", "offline", "server", "interactive")


def limits(parsed: pd.DataFrame, times: dict[str, np.ndarray]) -> np.ndarray:
    """What each row's speed hangs on most: the resource that takes the largest part of the time, or what is full."""
    batch = times["batch"]
    taken = {
        "weight_read_seconds": times["weight_read_seconds"],
        "cache": batch * times["cache_seconds_per_sequence"],
        "arithmetic": batch * times["arithmetic_seconds_per_sequence"],
        "communication": batch * times["communication_seconds_per_sequence"],
        "fixed_step_seconds": times["fixed_step_seconds"],
    }
    taken["overhead"] = batch * times["sequence_step_seconds"] - sum(
        taken[name] for name in ("cache", "arithmetic", "communication")
    )
    taken["prompts"] = np.maximum(times["token_cycle_seconds"] - times["step_seconds"], 0)
    shares = np.nan_to_num(np.array([taken[name] for name in _SHARES]))
    found = np.array(list(_SHARES.values()), dtype=object)[shares.argmax(axis=0)]
    alone = parsed["metric_kind"].isin(("prefill", "ttft")).to_numpy()
    passes = times["full_pass_seconds"] > times["first_prefill_seconds"] / 2
    weights = times["full_pass_seconds"] > 2 * times["fixed_step_seconds"]
    reading = np.where(weights, _SHARES["weight_read_seconds"], _SHARES["fixed_step_seconds"])
    found = np.where(alone, np.where(passes, reading, "arithmetic (prompts)"), found)
    asked = parsed["load"].isin(("batch", "burst")).to_numpy()
    full = np.where(asked, times["concurrency"] > times["cache_sequences"] * 1.001, times["cache_sequences"] <= 1)
    found = np.where(full, "memory capacity (cache)", found)
    return np.where(times["arrival_rate"] > times["requests_per_second_limit"], "capacity for arriving requests", found)
