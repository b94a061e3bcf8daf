"""Spares: published examples, the search against brute force, and what a common failure does."""

from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from costlib import availability
from costlib.errors import InputError

shares = st.floats(0.0, 0.3)
replicas = st.floats(0.9, 0.9999)


def up(needed, total, replica, common=0.0):
    return float(availability.site_availability(needed, total, replica, common))


@pytest.mark.parametrize(("spares", "published"), [(1, 0.9999), (2, 0.999999)])
def test_redundant_systems_of_the_aws_whitepaper(spares, published):
    """Subsystems of 99%: with one spare 99.99%, with two 99.9999%.

    docs.aws.amazon.com/whitepapers/latest/availability-and-beyond-improving-resilience/availability-with-redundancy.html
    """
    assert up(1, 1 + spares, 0.99) == pytest.approx(published, abs=1e-12)


def test_two_of_three():
    """By hand: 0.99^3 + 3 * 0.99^2 * 0.01."""
    assert up(2, 3, 0.99) == pytest.approx(0.970299 + 0.029403)


@given(st.integers(1, 6), st.integers(0, 4), replicas)
def test_k_of_n_is_the_sum_of_its_cases(needed, spares, replica):
    total = needed + spares
    cases = (comb(total, k) * replica**k * (1 - replica) ** (total - k) for k in range(needed, total + 1))
    assert up(needed, total, replica) == pytest.approx(sum(cases), abs=1e-12)


@given(replicas, shares)
def test_one_replica_is_as_available_as_it_says(replica, common):
    """A part of its downtime is common, the whole of it is 1 - replica, but for the product of two rare things."""
    assert up(1, 1, replica, common) == pytest.approx(replica, abs=(1 - replica) ** 2)


def fewest(needed, target, replica, common):
    """Brute force over the number of sites, then over the replicas of each."""
    for sites in range(1, availability.MOST_SITES + 1):
        for total in range(needed, needed + 60):
            if 1 - (1 - up(needed, total, replica, common)) ** sites >= target:
                return sites * total - needed
    raise AssertionError("not found")


@given(st.integers(1, 40), st.sampled_from([0.99, 0.995, 0.999, 0.9995, 0.9999]), replicas, shares)
def test_spares_are_the_fewest_that_suffice(needed, target, replica, common):
    assert availability.extra_replicas(np.array(needed), target, replica, common) == fewest(
        needed, target, replica, common
    )


def test_spares_grow_with_the_fleet_but_slower():
    counts = np.arange(1, 300)
    extra = availability.extra_replicas(counts, 0.999, 0.995, 0.08)
    assert np.all(np.diff(extra) >= 0)
    assert extra[-1] / counts[-1] < extra[0] / counts[0]


def test_a_common_failure_beyond_the_promise_asks_for_a_second_site():
    """0.5% downtime, 30% of it common: 0.15% where the promise allows 0.1%."""
    assert availability.sites(0.999, 0.995, 0.3) == 2
    assert availability.sites(0.999, 0.995, 0.1) == 1
    assert availability.extra_replicas(np.array(10), 0.999, 0.995, 0.3) >= 10


def test_what_no_number_of_sites_can_promise_is_refused():
    with pytest.raises(InputError, match="availability_target = 1 is not allowed"):
        availability.extra_replicas(np.array(1), 1.0, 0.995, 0.08)
