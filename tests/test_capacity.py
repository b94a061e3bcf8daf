"""Capacity: the newsvendor against trying all numbers of replicas, layers against a program, batch in troughs."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import LinearConstraint, milp
from scipy.stats import norm

from costlib import capacity, loads
from costlib.errors import InputError
from costlib.models import workloads as equations

HOURS = st.lists(st.floats(0, 100), min_size=2, max_size=30).map(np.array)
PRICES = st.floats(0.05, 3)


def brute_force(load, step, replica, price):
    """The cheapest number of replicas, by trying all."""
    bills = [replica * n + price * np.maximum(load - n * step, 0).mean() for n in range(int(load.max() / step) + 2)]
    return int(np.argmin(bills)), min(bills)


@given(HOURS, st.floats(3, 40), PRICES, PRICES)
def test_the_replicas_that_pay_are_those_that_cost_least(load, step, replica, price):
    _, least = brute_force(load, step, replica, price)
    count = capacity.worthwhile(load, step, replica / (step * price))
    bills = capacity.bills(load, step, replica, price)
    assert bills.min() == pytest.approx(least)
    assert bills[count] == pytest.approx(least)


@given(HOURS, PRICES, PRICES)
def test_the_critical_fractile_is_the_best_capacity_if_it_may_be_any(load, rent, price):
    fractile = equations.critical_fractile({"underage_usd_per_token": price - rent, "overage_usd_per_token": rent})
    best = capacity.quantile(load, float(fractile))
    tried = np.concatenate([[0.0], load])  # a cost that is linear between the loads is least at one of them
    cost = rent * tried + price * capacity.overflow(load, tried)
    assert rent * best + price * capacity.overflow(load, best) == pytest.approx(cost.min())


def test_the_newsvendor_of_the_textbooks():
    # Normal demand with mean 100 and deviation 20, underage 3 and overage 1: 100 + 20 * 0.6745
    demand = norm.ppf((np.arange(200_000) + 0.5) / 200_000, 100, 20)
    fractile = equations.critical_fractile({"underage_usd_per_token": 3.0, "overage_usd_per_token": 1.0})
    assert fractile == 0.75
    assert capacity.quantile(demand, fractile) == pytest.approx(113.49, abs=0.01)


def test_fixed_costs_count_only_with_a_replica():
    load = np.array([10.0, 20.0])
    assert capacity.bills(load, 10, 1.0, 0.5, fixed=3.0) == pytest.approx([7.5, 3 + 1 + 2.5, 3 + 2])


@given(HOURS, st.floats(3, 40))
def test_layers_add_up_to_the_load_and_are_used_less_and_less(load, step):
    parts = capacity.layers(load, step)
    assert parts.sum(axis=0) == pytest.approx(load)
    assert np.all(np.diff(parts.mean(axis=1)) <= 1e-12)
    assert parts.max() <= step


def cheapest_dispatch(load, step, replica, price):
    """The least cost of reserved replicas, hourly replicas and an API, as a mixed-integer program of its own."""
    hours, ways = len(load), [way for way in ("on_demand", "spot") if way in replica]
    cost = [
        replica["reserved"],
        *(replica[way] / hours for way in ways for _ in range(hours)),
        *[price / hours] * hours,
    ]
    rows = np.zeros((hours, len(cost)))
    rows[:, 0] = step
    for place in range(len(ways)):
        rows[:, 1 + place * hours : 1 + (place + 1) * hours] = step * np.eye(hours)
    rows[:, 1 + len(ways) * hours :] = np.eye(hours)
    whole = [1] * (1 + len(ways) * hours) + [0] * hours
    found = milp(cost, integrality=whole, constraints=LinearConstraint(rows, load, np.inf), options={"mip_rel_gap": 0})
    return found.fun


@pytest.mark.parametrize("seed", range(12))
def test_layers_decided_one_by_one_are_the_cheapest_plan_of_all(seed):
    random = np.random.default_rng(seed)
    load = random.gamma(1.5, 20, 12)
    replica = {"reserved": random.uniform(0.3, 1.2), "on_demand": random.uniform(0.8, 1.6)}
    if seed % 2:
        replica["spot"] = random.uniform(0.5, 1.5)
    price = random.uniform(0.03, 0.3)
    plan = capacity.plan(load, 10.0, replica, price)
    assert plan.total == pytest.approx(cheapest_dispatch(load, 10.0, replica, price), rel=1e-6)
    assert sum(plan.tokens.values()) == pytest.approx(load.mean())


def test_reserved_is_at_the_bottom_and_the_api_at_the_top():
    load = loads.curve("realtime") * 100
    plan = capacity.plan(load, 10.0, {"reserved": 0.6, "on_demand": 1.0}, 0.2)
    per_layer = (plan.serves == "reserved").all(axis=1)
    assert plan.reserved == per_layer.sum() > 0
    assert not np.any(np.diff(per_layer.astype(int)) > 0)
    assert plan.tokens["on_demand"] > 0 and plan.tokens["api"] > 0


def test_starts_by_hand():
    plan = capacity.plan(np.array([0.0, 10.0, 10.0, 0.0]), 10.0, {"reserved": 9.0, "on_demand": 1.0}, 1.0)
    assert list(plan.serves[0]) == ["", "on_demand", "on_demand", ""]
    assert capacity.starts(plan) == 0.5


# --- batch windows ---------------------------------------------------------------------------------------------------


def test_batch_work_fills_the_troughs_by_hand():
    people, work = np.array([8.0, 2.0, 5.0, 9.0]), np.array([5.0, 0.0, 0.0, 3.0])
    assert list(capacity.troughs(people, 8.0, 2)) == [6.0, 3.0]
    assert capacity.batch_left(people, 8.0, work, 2) == 0.0
    assert capacity.batch_left(people, 8.0, 2 * work, 2) == pytest.approx((10 - 6 + 6 - 3) / 4)
    assert capacity.batch_left(people, 8.0, 2 * work, 4) == pytest.approx((16 - 9) / 4)


@given(st.integers(0, 10_000), st.floats(0.1, 3))
def test_a_schedule_of_batch_work_stays_below_the_capacity_and_leaves_what_it_should(seed, much):
    random = np.random.default_rng(seed)
    people, work = random.gamma(2, 10, 24), much * random.gamma(1, 10, 24)
    done = capacity.filled(people, 25.0, work, 6)
    assert np.all(np.maximum(people, 25.0) + 1e-9 >= people + done)
    left = work.mean() - done.mean()
    assert left == pytest.approx(capacity.batch_left(people, 25.0, work, 6))


def test_batch_work_in_troughs_is_never_dearer_than_at_the_endpoint():
    people, work = 100 * loads.curve("constant"), 40 * loads.curve("batch")
    together = capacity.bills_with_batch(people, work, 10.0, 1.0, 0.3, 0.15, 2.0)
    apart = capacity.bills(people, 10.0, 1.0, 0.3, 2.0)
    assert together.min() < apart.min() + 0.15 * work.mean()
    assert together[0] == pytest.approx(apart[0] + 0.15 * work.mean())
    assert np.all(np.diff(together, 2)[1:] >= -1e-9)  # convex, so trying all counts finds the least


def test_what_cannot_be_is_said():
    with pytest.raises(InputError, match="window = 5 is not allowed: it must divide the 24 hours"):
        capacity.troughs(np.ones(24), 2.0, 5)
    with pytest.raises(InputError, match="needs 1,000,000 replicas; at most 10,000"):
        capacity.layers(np.array([1e6]), 1.0)
