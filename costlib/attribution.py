"""Why a bill changed: spend and cost per token between two periods, split without remainder over seven factors.

The split is Shapley's: a factor's effect is what changing it alone adds, averaged over all orders in which the factors
may change :cite:`shorrocks_2013_decomposition`. The effects add up to the change, a factor that did not change has
none, and the same holds of every cell (a product with its model) apart. Works on floats and, exactly, on Fractions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import combinations
from math import factorial
from typing import Any

import numpy as np
import pandas as pd

from costlib.usage import PICO

Factors = dict[str, Any]
FACTORS = {
    "requests": "number of requests", "mix": "mix of products and models", "prompts": "length of prompts",
    "answers": "length of answers", "cache": "share found in the cache", "batch": "share sent as batch jobs",
    "price": "prices",
}  # fmt: skip


def shapley(measure: Callable[[Factors], Any], before: Factors, after: Factors) -> dict[str, Any]:
    """The effect of each factor on `measure` as all of them go from `before` to `after`; they add up to its change.

    `measure` takes values by name, as `before` and `after` are, and returns a number or an array.
    """
    names = tuple(before)
    subsets = [frozenset(each) for size in range(len(names) + 1) for each in combinations(names, size)]
    values = {changed: measure({**before, **{name: after[name] for name in changed}}) for changed in subsets}
    effects = {}
    for name in names:
        orders = (
            factorial(len(rest)) * factorial(len(names) - len(rest) - 1) * (values[rest | {name}] - values[rest])
            for rest in subsets
            if name not in rest
        )
        effects[name] = sum(orders) / factorial(len(names))
    return effects


# --- factors ---------------------------------------------------------------------------------------------------------


def sums(rows: pd.DataFrame, weights: Mapping[Any, float], cells: pd.Index) -> tuple[np.ndarray, ...]:
    """Requests (by cell), tokens and USD (by cell, now or batch, and input, cached, output) of some days together.

    `rows` come from ``Log.by("day", "product", "model", "batch")``; `weights` say how often each day counts.
    """
    weight = rows["day"].map(weights).fillna(0.0).to_numpy(float)
    place = cells.get_indexer(pd.MultiIndex.from_frame(rows[["product", "model"]]))
    batch = rows["batch"].to_numpy(int)
    requests, tokens, usd = np.zeros(len(cells)), np.zeros((len(cells), 2, 3)), np.zeros((len(cells), 2, 3))
    counts = (rows["input"] - rows["cached"], rows["cached"], rows["output"])
    paid = (rows["paid_input_pico"], rows["paid_cached_pico"], rows["paid_output_pico"])
    np.add.at(requests, place, weight * rows["requests"].to_numpy(float))
    for kind in range(3):
        np.add.at(tokens, (place, batch, kind), weight * counts[kind].to_numpy(float))
        np.add.at(usd, (place, batch, kind), weight * paid[kind].to_numpy(float) / PICO)
    return requests, tokens, usd


def factors(before: tuple[np.ndarray, ...], after: tuple[np.ndarray, ...]) -> tuple[Factors, Factors]:
    """The factors of two periods given as `sums`. What one of them leaves open, such as the price of a kind of token
    that it did not use, is taken from the other, so that it has no effect of its own.
    """
    states = [_ratios(*before), _ratios(*after)]
    first, second = ({} for _ in states)
    for name in FACTORS:
        (a, a_of), (b, b_of) = (state[name] for state in states)
        share_a, share_b = _divide(a, a_of, 0 * a), _divide(b, b_of, 0 * b)
        first[name], second[name] = _divide(a, a_of, share_b), _divide(b, b_of, share_a)
    return first, second


def _ratios(requests: Any, tokens: Any, usd: Any) -> dict[str, tuple[Any, Any]]:
    """Each factor as what is divided and by what: arrays of one shape, by cell first."""
    together, prompt, answer = requests.sum() + 0 * requests, tokens[..., :2].sum(-1), tokens[..., 2]
    sides = np.stack([prompt, answer], -1)  # by cell, now or batch, and prompt or answer
    return {
        "requests": (together, 0 * together + 1),
        "mix": (requests, together),
        "prompts": (prompt.sum(-1), requests),
        "answers": (answer.sum(-1), requests),
        "cache": (tokens[..., 1], prompt),
        "batch": (sides[:, 1], sides.sum(1)),
        "price": (usd, tokens),
    }


def _divide(a: Any, b: Any, otherwise: Any) -> Any:
    """`a` over `b`, and `otherwise` where `b` is 0."""
    nothing = b == 0
    return np.where(nothing, otherwise, a / np.where(nothing, 1, b))


def spend(state: Factors) -> Any:
    """USD of the period, by cell."""
    price, cached, batch = state["price"], state["cache"], state["batch"]
    read = (1 - cached) * price[..., 0] + cached * price[..., 1]  # an input token, now and in batch
    prompts = (1 - batch[:, 0]) * read[:, 0] + batch[:, 0] * read[:, 1]
    answers = (1 - batch[:, 1]) * price[:, 0, 2] + batch[:, 1] * price[:, 1, 2]
    return state["requests"] * state["mix"] * (state["prompts"] * prompts + state["answers"] * answers)


def per_token(state: Factors) -> Any:
    """USD per token, input and output together, over all cells."""
    tokens = state["mix"] * (state["prompts"] + state["answers"])
    return spend({**state, "requests": 0 * state["requests"] + 1}).sum() / tokens.sum()


# --- comparisons -----------------------------------------------------------------------------------------------------


def cells_of(rows: pd.DataFrame) -> pd.Index:
    """The pairs of product and model that occur in `rows`."""
    return pd.MultiIndex.from_frame(rows[["product", "model"]].drop_duplicates())


def matched(days: pd.DatetimeIndex, earlier: pd.DatetimeIndex) -> dict[pd.Timestamp, float]:
    """Weights that make the days `earlier` stand for `days`: each day of the week counts as often in both.

    A day of the week that `earlier` lacks is stood for by all of them alike.
    """
    weights = dict.fromkeys(earlier, 0.0)
    for day in days:
        alike = earlier[earlier.day_of_week == day.day_of_week]
        for each in alike if len(alike) else earlier:
            weights[each] += 1 / (len(alike) or len(earlier))
    return weights


def change(rows: pd.DataFrame, earlier: pd.DatetimeIndex, days: pd.DatetimeIndex) -> tuple[pd.DataFrame, pd.Series]:
    """What changed from the days `earlier` to `days`, the days of the week matched.

    Returns the effects on USD per day, a row per cell and a column per factor, and those on USD per token by factor;
    each adds up to the whole change.
    """
    cells = cells_of(rows)
    states = factors(sums(rows, matched(days, earlier), cells), sums(rows, dict.fromkeys(days, 1.0), cells))
    effects = shapley(spend, *states)
    daily = pd.DataFrame({name: effect / len(days) for name, effect in effects.items()}, index=cells)
    priced = [{name: each for name, each in state.items() if name != "requests"} for state in states]
    return daily, pd.Series(shapley(lambda state: per_token({"requests": 1.0, **state}), *priced))
