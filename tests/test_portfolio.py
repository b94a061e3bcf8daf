"""Portfolios: the mixed-integer program against enumerating every placement and every number of replicas."""

import itertools

import numpy as np
import pytest

from costlib import portfolio
from costlib.errors import InputError
from costlib.portfolio import API, BATCH_API, HOSTED, SPOT, Market, Workload


def spilled(works, capacity, market):
    """The least cost of what a fleet of `capacity` cannot carry of `works`, by hand; infinite if that is not allowed.

    People go first, since the API asks more for them than its batch endpoint for work that may wait; where something
    has to go, those who take most capacity per token go first, as they cost the API's price all the same.
    """
    hours = len(works[0].load)
    busy = sum((each.capacity * each.load for each in works if not each.window), np.zeros(hours))
    over, cost = np.maximum(busy - capacity, 0), 0.0
    for each in sorted((w for w in works if not w.window), key=lambda w: -w.capacity):
        if API in each.homes:
            gone = np.minimum(over, each.capacity * each.load)
            cost += market.api * gone.mean() / each.capacity
            over = over - gone
    if over.max() > 1e-9:
        return np.inf
    room = np.maximum(capacity - busy, 0)
    for each in (w for w in works if w.window):  # one at most in these tests
        missing = np.maximum(
            each.load.reshape(-1, each.window).sum(axis=1) - room.reshape(-1, each.window).sum(axis=1), 0
        )
        if API not in each.homes and missing.max() > 1e-9:
            return np.inf
        cost += market.batch_api * missing.sum() / hours
    return cost


def brute_force(works, market, most=6):
    """The least cost over every placement of the workloads and up to `most` replicas of each fleet."""
    least = np.inf
    options = [
        [home for home in each.homes if home in (API, *market.replica) or (home == BATCH_API and each.window)]
        for each in works
    ]
    for homes in itertools.product(*options):
        bought = sum(
            (market.api if home == API else market.batch_api) * each.load.mean()
            for each, home in zip(works, homes, strict=True)
            if home in (API, BATCH_API)
        )
        placed = {fleet: [w for w, home in zip(works, homes, strict=True) if home == fleet] for fleet in market.replica}
        bills = []
        for fleet, inside in placed.items():
            spare = sum(w.spare_usd_per_second for w in inside if API not in w.homes)
            counts = range(1, most + 1) if inside else [0]
            bills.append(
                min(
                    n * market.replica[fleet] + spare + (spilled(inside, n * market.step, market) if inside else 0)
                    for n in counts
                )
            )
        least = min(least, bought + sum(bills) + (market.fixed if any(placed.values()) else 0))
    return least


def instance(seed):
    """A small random instance: two loads of people, one of them maybe without the API, and work that may wait."""
    random = np.random.default_rng(seed)
    homes = (API, HOSTED) if seed % 3 else (HOSTED,)
    works = [
        Workload("bursty", random.gamma(0.7, 16, 12)),
        Workload("realtime", random.gamma(4, 2, 12), capacity=1.25, homes=homes, spare_usd_per_second=0.3),
        Workload("batch", random.gamma(2, 3, 12), window=6),
    ]
    api, rent = random.uniform(0.05, 0.3), random.uniform(0.5, 2.0)
    fleets = {HOSTED: rent, SPOT: rent * random.uniform(0.3, 1.0)}
    return works, Market(10.0, fleets, api, api * random.uniform(0.1, 0.5), random.uniform(0, 0.3))


@pytest.mark.parametrize("seed", range(20))
def test_the_program_finds_what_enumeration_finds(seed):
    works, market = instance(seed)
    found = portfolio.solve(works, market)
    assert found.usd_per_second == pytest.approx(brute_force(works, market), rel=1e-5)


def test_the_instances_are_not_all_alike():
    homes = [tuple(portfolio.solve(*instance(seed)).homes.values()) for seed in range(20)]
    assert len(set(homes)) >= 4
    assert {API, BATCH_API, HOSTED, SPOT} <= {home for each in homes for home in each}


@pytest.mark.parametrize("factor", [1e-6, 1.0, 1e6])
def test_units_do_not_matter(factor):
    works, market = instance(4)
    scaled = Market(
        market.step, {fleet: cost * factor for fleet, cost in market.replica.items()},
        market.api * factor, market.batch_api * factor, market.fixed * factor,
    )  # fmt: skip
    works = [Workload(w.name, w.load, w.window, w.capacity, (API, BATCH_API, HOSTED, SPOT)) for w in works]
    found = portfolio.solve(works, scaled)
    assert found.usd_per_second == pytest.approx(factor * brute_force(works, market), rel=1e-5)


def test_a_home_without_replicas_is_the_api():
    work = Workload("small", np.full(24, 0.1))
    market = Market(10.0, {HOSTED: 1.0, SPOT: 0.5}, 0.2, 0.1, 0.0)
    found = portfolio.solve([work, Workload("batch", np.full(24, 0.1), window=24)], market)
    assert found.homes == {"small": API, "batch": BATCH_API}
    assert sum(found.replicas.values()) == 0
    assert found.overflow_share == 0.0
    assert found.usd_per_second == pytest.approx(0.1 * 0.2 + 0.1 * 0.1)


def test_hosting_alone_carries_the_busiest_hour():
    load = np.array([5.0, 31.0, 12.0])
    found = portfolio.solve([Workload("all", load, homes=(HOSTED,))], Market(10.0, {HOSTED: 1.0}, 0.2, 0.1, 2.0))
    assert found.replicas == {HOSTED: 4}
    assert found.usd_per_second == pytest.approx(4 + 2)


def test_work_that_may_wait_needs_the_mean_and_not_the_peak():
    load = np.array([0.0, 40.0, 0.0, 0.0])
    for window, replicas in ((4, 1), (2, 2)):
        work = Workload("batch", load, window=window, homes=(HOSTED,))
        assert portfolio.solve([work], Market(10.0, {HOSTED: 1.0}, 0.2, 0.1, 0.0)).replicas == {HOSTED: replicas}


def test_what_cannot_be_is_said():
    market = Market(10.0, {HOSTED: 1.0}, 0.2, 0.1, 0.0)
    with pytest.raises(InputError, match="late has no home: of spot the market offers none"):
        portfolio.solve([Workload("late", np.ones(4), homes=(SPOT,))], market)
    with pytest.raises(InputError, match="long: its load has 5 hours and its window 0"):
        portfolio.solve([Workload("short", np.ones(4)), Workload("long", np.ones(5))], market)
    with pytest.raises(InputError, match="odd: its load has 4 hours and its window 3"):
        portfolio.solve([Workload("odd", np.ones(4), window=3)], market)
