"""Where an API's line meets a staircase: against brute force, and as one would expect when prices or steps change."""

import functools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from costlib import breakeven
from costlib.breakeven import Staircase

STEPS = 12


def staircase(random, steps=STEPS):
    """A staircase with uneven steps up, and a price that may lie below, between or above its costs per token."""
    fixed, ups = random.uniform(0, 20), random.uniform(0.2, 3, steps) * random.uniform(1, 5)
    bills = fixed + np.cumsum(ups)
    step = random.uniform(0.5, 5)
    price = np.mean(ups) / step * random.uniform(0.6, 3)
    return Staircase(step, bills, float(np.mean(ups))), float(price)


def scenarios(count=1_000):
    random = np.random.default_rng(7)
    return [staircase(random) for _ in range(count)]


@functools.cache
def checked():
    """For every scenario: where brute force, on a dense grid and just after each step, sees hosting win."""
    found = []
    for stairs, price in scenarios():
        volumes = np.unique(
            [*np.linspace(1e-6, stairs.ends[-1], 4_001), *stairs.ends, *(stairs.ends[:-1] * (1 + 1e-9))]
        )
        found.append((stairs, price, volumes, stairs.cost(volumes) - price * volumes))
    return found


def test_hosting_wins_exactly_where_brute_force_says():
    for stairs, price, volumes, gap in checked():
        intervals = stairs.wins(price)
        inside = np.zeros(len(volumes), dtype=bool)
        for low, high in intervals:
            inside |= (volumes > low) & (volumes <= high)
        clear = np.abs(gap) > 1e-6 * price * volumes
        assert np.array_equal(inside[clear], gap[clear] < 0)


def test_the_first_win_is_the_first_that_brute_force_finds():
    for stairs, price, volumes, gap in checked():
        first, wins = stairs.first_win(price), volumes[gap < -1e-9 * price * volumes]
        if len(wins):
            before = volumes[volumes < wins[0]]
            assert (before[-1] if len(before) else 0) <= first * (1 + 1e-6)
            assert first <= wins[0]
        else:
            assert first >= stairs.ends[-1] * (1 - 1e-6)


def test_every_reported_crossing_is_one():
    for stairs, price, _, _ in checked():
        for low, high in stairs.wins(price):
            equal = np.isclose(float(stairs.cost(low)), price * low, rtol=1e-9)
            assert equal or np.isclose(stairs.ends, low, rtol=1e-12).any()
            assert np.isclose(stairs.ends, high, rtol=1e-12).any()


def test_the_scenarios_hold_every_kind():
    counts = [len(stairs.wins(price)) for stairs, price in scenarios()]
    never = sum(np.isinf(stairs.first_win(price)) for stairs, price in scenarios())
    assert never > 50
    assert sum(count == 1 for count in counts) > 50
    assert sum(count > 1 for count in counts) > 50


def test_many_staircases_at_once_agree_with_one_at_a_time():
    cases = scenarios(300)
    for price in (0.5, 1.0, 2.0):
        bills = np.array([stairs.usd_per_second for stairs, _ in cases])
        ups = np.diff(bills, axis=1).min(axis=1)
        fixed = np.minimum(bills[:, 0] - ups, (bills - ups[:, None] * np.arange(1, STEPS + 1)).min(axis=1))
        longer = [np.array([stairs.bill(np.array(n)) for n in range(1, 500)]) for stairs, _ in cases]
        together = breakeven.first_wins(
            lambda needed, which, known=longer: np.array([known[w][n - 1] for w, n in zip(which, needed, strict=True)]),
            np.maximum(fixed, 0), np.minimum(ups, [s.marginal_usd_per_second for s, _ in cases]),
            np.array([stairs.step for stairs, _ in cases]), price,
        )  # fmt: skip
        alone = np.array([stairs.first_win(price) for stairs, _ in cases])
        within = alone <= breakeven.MOST * np.array([stairs.step for stairs, _ in cases])
        assert np.allclose(together[within], alone[within], rtol=1e-9)
        assert np.isinf(together[~within]).all()


positive = st.floats(0.1, 10)


@given(step=positive, fixed=st.floats(0, 50), replica=positive, price=positive)
def test_beyond_the_known_steps_it_agrees_with_a_longer_staircase(step, fixed, replica, price):
    short, long = (Staircase(step, fixed + replica * np.arange(1, n + 1), replica) for n in (5, 4_000))
    first = long.first_win(price)
    if first < long.ends[-1] * 0.99:
        assert short.first_win(price) == pytest.approx(first, rel=1e-6)


@given(step=positive, fixed=st.floats(0, 50), replica=positive, price=positive, more=st.floats(1.001, 3))
def test_a_dearer_api_is_beaten_earlier(step, fixed, replica, price, more):
    stairs = Staircase(step, fixed + replica * np.arange(1, 50), replica)
    assert stairs.first_win(price * more) <= stairs.first_win(price)


@given(step=positive, fixed=st.floats(0.01, 50), replica=positive)
def test_the_floor_is_where_never_begins(step, fixed, replica):
    stairs = Staircase(step, fixed + replica * np.arange(1, 50), replica)
    assert np.isinf(stairs.first_win(stairs.floor_usd_per_token * 0.999))
    assert np.isfinite(stairs.first_win(stairs.floor_usd_per_token * 1.01))


@given(volumes=st.lists(st.floats(0.01, 500), min_size=2, max_size=30))
def test_the_bill_never_falls_with_the_volume(volumes):
    stairs = Staircase(2.0, 5 + 3.0 * np.arange(1, 20), 3.0)
    assert np.all(np.diff(stairs.cost(np.sort(volumes))) >= 0)


def test_a_full_step_needs_no_further_replica():
    stairs = Staircase(2.0, np.array([10.0, 14.0, 18.0]), 4.0)
    assert stairs.cost(2.0) == 10
    assert stairs.cost(2.0 + 1e-9) == 14
    assert stairs.cost(8.5) == 18 + 2 * 4  # two more than are known


def test_by_hand():
    # Steps of 2 tokens for 10, 14 and 18. At 6 per token the first pays from 10/6 on, the second from 14/6, the
    # third at once.
    stairs = Staircase(2.0, np.array([10.0, 14.0, 18.0]), 4.0)
    assert stairs.wins(6.0) == [pytest.approx((10 / 6, 2.0)), pytest.approx((14 / 6, 6.0))]
    # At 4 the first step would need 2.5 tokens but carries 2; the second needs 3.5, the third 4.5 of its 4 to 6.
    assert stairs.wins(4.0) == [pytest.approx((3.5, 4.0)), pytest.approx((4.5, 6.0))]
    assert stairs.last_loss(4.0) == pytest.approx(4.5)
    assert np.isinf(stairs.first_win(1.9))  # 4 for 2 tokens is the least
