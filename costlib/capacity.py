"""How much capacity a load curve deserves: replicas against an API, contracts in layers, batch work in the troughs.

Loads are tokens per second in each hour; costs are USD per second. The n-th replica is the n-th layer of the load: what
lies between n - 1 and n replicas' worth. Since every replica costs the same and the layers are used less and less, each
layer can be decided by itself, and the sum of the layers' least costs is the least cost of all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from costlib.errors import InputError

MOST = 10_000  # replicas that a plan may have
HOURLY = ("on_demand", "spot", "api")  # what a layer can be served by in one hour and not in the next


def layers(load: np.ndarray, step: float) -> np.ndarray:
    """What falls into each layer of `step` tokens per second: one row per replica, one column per hour.

    Raises InputError for a load that would need more than `MOST` replicas.
    """
    count = max(int(np.ceil(np.max(load) / step * (1 - 1e-12))), 1)
    if count > MOST:
        raise InputError(f"a load of {np.max(load):,.0f} tokens per second needs {count:,} replicas; at most {MOST:,}")
    floors = step * np.arange(count)[:, None]
    return np.clip(np.asarray(load, dtype=float) - floors, 0, step)


def overflow(load: np.ndarray, capacity: float | np.ndarray) -> np.ndarray:
    """What exceeds `capacity` (one or many, tokens per second), on average over the hours."""
    above = np.asarray(load, dtype=float) - np.asarray(capacity, dtype=float)[..., None]
    return np.maximum(above, 0).mean(axis=-1)


def quantile(load: np.ndarray, fractile: float) -> float:
    """The newsvendor's capacity: the least that is enough in at least the share `fractile` of the hours.

    Zero where the fractile is not positive: capacity then costs more than the API even if it is always used.
    """
    return float(np.quantile(load, min(fractile, 1.0), method="inverted_cdf")) if fractile > 0 else 0.0


def bills(load: np.ndarray, step: float, replica: float, price: float, fixed: float = 0.0) -> np.ndarray:
    """The bill with 0, 1, 2, ... replicas of cost `replica`, what exceeds them bought at `price` per token.

    `fixed` is due as soon as there is a replica. Up to as many replicas as carry the busiest hour.
    """
    count = np.arange(len(layers(load, step)) + 1)
    return fixed * (count > 0) + replica * count + price * overflow(load, step * count)


def worthwhile(load: np.ndarray, step: float, breakeven_utilization: float) -> int:
    """The replicas that pay: as many as would each be used more than `breakeven_utilization` of the time."""
    used = layers(load, step).mean(axis=1) / step
    return int(np.sum(used > breakeven_utilization))


# --- contracts -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Plan:
    """Who serves a load at the least cost.

    `tokens` and `usd` give tokens and USD per second by way (``reserved``, ``on_demand``, ``spot``, ``api``), on
    average over the hours; `reserved` is the number of reserved replicas, `serves` the way of each layer and hour.
    """

    reserved: int
    tokens: dict[str, float]
    usd: dict[str, float]
    serves: np.ndarray

    @property
    def total(self) -> float:
        """The bill in USD per second."""
        return sum(self.usd.values())


def plan(load: np.ndarray, step: float, replica: Mapping[str, float], price: float) -> Plan:
    """The cheapest way to serve each layer of `load`: reserved for the week, or by the hour on demand, spot or API.

    `replica` gives the cost of a replica by contract: ``reserved``, and any of ``on_demand`` and ``spot``. A layer that
    nobody asks for in an hour costs nothing in that hour unless it is reserved. Starts take no time (see `starts`).
    """
    parts = layers(load, step)
    ways = [way for way in HOURLY if way == "api" or way in replica]
    hourly = np.array([price * parts if way == "api" else replica[way] * (parts > 0) for way in ways])
    cheapest = hourly.argmin(axis=0)
    flexible = hourly.min(axis=0)
    keep = flexible.mean(axis=1) > replica["reserved"]
    serves = np.where(keep[:, None], "reserved", np.array(ways, dtype="<U9")[cheapest])
    serves[(parts == 0) & ~keep[:, None]] = ""
    tokens = {way: float(np.where(serves == way, parts, 0).sum(axis=0).mean()) for way in ("reserved", *ways)}
    usd = {
        way: float(np.where(serves == way, cost, 0).sum(axis=0).mean()) for way, cost in zip(ways, hourly, strict=True)
    }
    usd["reserved"] = float(replica["reserved"] * keep.sum())
    return Plan(int(keep.sum()), tokens, usd, serves)


def starts(found: Plan) -> float:
    """Starts of replicas rented by the hour over the hours that they run, in the week of a plan."""
    on = np.isin(found.serves, ("on_demand", "spot"))
    return float((on & ~np.roll(on, 1, axis=1)).sum() / max(on.sum(), 1))


# --- batch windows ---------------------------------------------------------------------------------------------------


def troughs(load: np.ndarray, capacity: float, window: int) -> np.ndarray:
    """Room that `load` leaves under `capacity`, added up over each `window` hours (token-hours per second)."""
    if len(load) % window:
        raise InputError(f"window = {window} is not allowed: it must divide the {len(load)} hours of the load")
    return np.maximum(capacity - np.asarray(load), 0).reshape(-1, window).sum(axis=1)


def batch_left(load: np.ndarray, capacity: float, work: np.ndarray, window: int) -> float:
    """Deferrable `work` (tokens per second, released in its hour) that finds no room within its window, on average.

    Work may be done in any hour of the window of `window` hours in which it was released.
    """
    released = np.asarray(work, dtype=float).reshape(-1, window).sum(axis=1)
    return float(np.maximum(released - troughs(load, capacity, window), 0).sum() / len(load))


def filled(load: np.ndarray, capacity: float, work: np.ndarray, window: int) -> np.ndarray:
    """A schedule of deferrable `work`: the troughs of a window are filled to the same share (tokens per second)."""
    room = np.maximum(capacity - np.asarray(load), 0).reshape(-1, window)
    released = np.asarray(work, dtype=float).reshape(-1, window).sum(axis=1)
    total = room.sum(axis=1)
    share = np.divide(np.minimum(released, total), total, out=np.zeros(len(total)), where=total > 0)
    return (room * share[:, None]).ravel()


def bills_with_batch(
    load: np.ndarray,
    work: np.ndarray,
    step: float,
    replica: float,
    price: float,
    batch_price: float,
    fixed: float = 0.0,
    window: int = 24,
) -> np.ndarray:
    """`bills` when deferrable `work` fills the troughs, and what finds no room is bought at `batch_price`.

    For 0, 1, 2, ... replicas, up to as many as carry the busiest hour and all the work at once.
    """
    count = np.arange(len(layers(load + np.asarray(work).max(), step)) + 1)
    left = np.array([batch_left(load, step * n, work, window) for n in count])
    return fixed * (count > 0) + replica * count + price * overflow(load, step * count) + batch_price * left
