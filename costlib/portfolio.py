"""Several workloads at once: who serves which, and how many replicas they share, exactly, as a mixed-integer program.

Each workload has one home: the API, its batch endpoint, or a fleet of replicas that cannot be taken back (``hosted``)
or can (``spot``). Workloads with the same home share its replicas, which come in whole units and are paid around the
clock. What exceeds a fleet in an hour goes to the API, unless the workload may not; what may wait fills the troughs of
its day, and goes to the batch endpoint if they are full. HiGHS proves that no choice is cheaper.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import LinearConstraint, milp
from scipy.sparse import coo_array

from costlib.errors import InputError

API, BATCH_API, HOSTED, SPOT = "api", "batch_api", "hosted", "spot"
FLEETS = (HOSTED, SPOT)
HOMES = (API, BATCH_API, *FLEETS)
GAP = 1e-6  # how far from the proven optimum a solution may be, relatively


@dataclass(frozen=True)
class Workload:
    """What is asked for and what it puts up with.

    `load` is tokens per second by hour. `window` is the number of hours within which work may be done (0: at once).
    `capacity` is the replicas' worth of a token per second relative to others: above 1 where a latency objective leaves
    replicas partly empty. `homes` are those allowed; without `API` among them nothing overflows to it, and hosting
    costs `spare_usd_per_second` more for replicas that stand by.
    """

    name: str
    load: np.ndarray
    window: int = 0
    capacity: float = 1.0
    homes: tuple[str, ...] = HOMES
    spare_usd_per_second: float = 0.0


@dataclass(frozen=True)
class Market:
    """Prices: `step` is what a replica carries (tokens per second), `replica` its cost by fleet (USD per second).

    `api` and `batch_api` are USD per token; `fixed` is what hosting costs before its first replica (USD per second).
    """

    step: float
    replica: Mapping[str, float]
    api: float
    batch_api: float
    fixed: float


@dataclass(frozen=True)
class Portfolio:
    """A solution: the home of each workload, replicas by fleet, USD per second, and the share that overflows."""

    homes: dict[str, str]
    replicas: dict[str, int]
    usd_per_second: float
    overflow_share: float


def solve(workloads: Sequence[Workload], market: Market) -> Portfolio:
    """The cheapest portfolio. Raises InputError when a workload has no home that exists or its window does not fit.

    Inside, loads are counted in replicas and costs in what the API asks for a replica's worth, so that no coefficient
    is so small that the solver takes it for zero.
    """
    _check(workloads, market)
    unit = market.api * market.step
    workloads = [
        replace(w, load=w.load / market.step, spare_usd_per_second=w.spare_usd_per_second / unit) for w in workloads
    ]
    fleet_costs = {fleet: cost / unit for fleet, cost in market.replica.items()}
    market = Market(1.0, fleet_costs, 1.0, market.batch_api / market.api, market.fixed / unit)
    program = _Program()
    built = program.variable(1, market.fixed, upper=1, whole=True)[0]
    fleets = {fleet: program.variable(1, cost, whole=True)[0] for fleet, cost in market.replica.items()}
    chosen, over, busy = _place(program, workloads, market)
    most = sum(np.max(each.load) * each.capacity * max(each.window, 1) for each in workloads) + 1
    for fleet, replicas in fleets.items():
        for hour in range(len(workloads[0].load) if busy[fleet] else 0):
            columns, weights = zip(*(term for used in busy[fleet] for term in used(hour)), strict=True)
            program.row([*columns, replicas], [*weights, -1.0], -np.inf, 0.0)
        program.row([replicas, built], [1.0, -np.ceil(most)], -np.inf, 0.0)
    values, bill = program.solved()
    counts = {fleet: int(round(values[column])) for fleet, column in fleets.items()}
    homes = {}
    for (place, home), column in chosen.items():
        if values[column] > 0.5:  # on a fleet without replicas all of it overflows, for the price of the API
            bought = BATCH_API if workloads[place].window else API
            homes[place] = bought if home in fleets and not counts[home] else home
    spilled = sum(float(values[columns].sum()) for place, columns in over if homes[place] in fleets)
    named = {workloads[place].name: home for place, home in homes.items()}
    return Portfolio(named, counts, bill * unit, spilled / float(sum(each.load.sum() for each in workloads)))


def _place(program: _Program, workloads: Sequence[Workload], market: Market) -> tuple[dict, list, dict]:
    """One variable per workload and home, of which each workload takes exactly one.

    Returns those variables by workload and home, what spills over from fleets by workload, and by fleet what its
    workloads take of it in each hour.
    """
    chosen, over, busy = {}, [], {fleet: [] for fleet in market.replica}
    for place, work in enumerate(workloads):
        for home in _homes(work, market):
            chosen[place, home] = program.variable(1, _cost(work, home, market), upper=1, whole=True)[0]
        program.row([chosen[place, home] for home in _homes(work, market)], 1.0, 1.0, 1.0)
        for fleet in (home for home in _homes(work, market) if home in market.replica):
            used, spilled = _on_fleet(program, work, chosen[place, fleet], market)
            busy[fleet].append(used)
            over.append((place, spilled))
    return chosen, over, busy


def _check(workloads: Sequence[Workload], market: Market) -> None:
    for work in workloads:
        if not _homes(work, market):
            raise InputError(f"{work.name} has no home: of {', '.join(work.homes)} the market offers none")
        if len(work.load) != len(workloads[0].load) or (work.window and len(work.load) % work.window):
            raise InputError(
                f"{work.name}: its load has {len(work.load)} hours and its window {work.window}; all loads must have"
                f" the same number of hours, here {len(workloads[0].load)}, in whole windows"
            )


def _homes(work: Workload, market: Market) -> list[str]:
    known = (API, *((BATCH_API,) if work.window else ()), *market.replica)
    return [home for home in work.homes if home in known]


def _cost(work: Workload, home: str, market: Market) -> float:
    if home in market.replica:
        return 0.0 if API in work.homes else work.spare_usd_per_second
    return (market.batch_api if home == BATCH_API else market.api) * float(np.mean(work.load))


def _on_fleet(program: _Program, work: Workload, chosen: int, market: Market) -> tuple:
    """What `work` takes of a fleet in each hour if it is `chosen` there, as terms of a row, and what spills over."""
    hours = len(work.load)
    if work.window:  # work done by hour, and what is left of each window
        done = program.variable(hours, 0.0)
        released = np.asarray(work.load).reshape(-1, work.window).sum(axis=1)
        left = program.variable(len(released), market.batch_api / hours) if API in work.homes else np.array([], int)
        for window, amount in enumerate(released):
            inside = done[window * work.window : (window + 1) * work.window]
            spill = left[window : window + 1]
            program.row([*inside, *spill, chosen], [*np.ones(len(inside) + len(spill)), -amount], 0.0, 0.0)
        return (lambda hour: [(done[hour], work.capacity)]), left
    if API not in work.homes:
        return (lambda hour: [(chosen, work.capacity * work.load[hour])]), np.array([], int)
    spill = program.variable(hours, market.api / hours)
    for hour in range(hours):
        program.row([spill[hour], chosen], [1.0, -work.load[hour]], -np.inf, 0.0)
    return (
        lambda hour: [(chosen, work.capacity * work.load[hour]), (spill[hour], -work.capacity)],
        spill,
    )


class _Program:
    """A mixed-integer program that is built up variable by variable and row by row."""

    def __init__(self) -> None:
        self.cost: list[float] = []
        self.upper: list[float] = []
        self.whole: list[int] = []
        self.cells: list[tuple[int, int, float]] = []
        self.low: list[float] = []
        self.high: list[float] = []

    def variable(self, count: int, cost: float, upper: float = np.inf, whole: bool = False) -> np.ndarray:
        """The columns of `count` new variables from 0 to `upper`."""
        first = len(self.cost)
        self.cost += [cost] * count
        self.upper += [upper] * count
        self.whole += [int(whole)] * count
        return np.arange(first, first + count)

    def row(self, columns: Sequence[int], weights: float | Sequence[float], low: float, high: float) -> None:
        """A new constraint: `low` <= sum of weights times variables <= `high`."""
        place = len(self.low)
        spread = np.broadcast_to(weights, len(columns))
        self.cells += [(place, int(column), float(weight)) for column, weight in zip(columns, spread, strict=True)]
        self.low.append(low)
        self.high.append(high)

    def solved(self) -> tuple[np.ndarray, float]:
        """The values of all variables at the least cost, and that cost."""
        rows, columns, weights = zip(*self.cells, strict=True)
        matrix = coo_array((weights, (rows, columns)), shape=(len(self.low), len(self.cost))).tocsr()
        found = milp(
            self.cost, integrality=self.whole, bounds=(0, np.array(self.upper)),
            constraints=LinearConstraint(matrix, self.low, self.high), options={"mip_rel_gap": GAP},
        )  # fmt: skip
        if not found.success:
            raise RuntimeError(f"the portfolio was not solved: {found.message}")
        return found.x, float(found.fun)
