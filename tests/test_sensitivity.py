"""Sobol indices and Shapley effects: published test functions, other programs, and what must hold for any function."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from SALib.analyze import sobol as salib
from scipy.special import ndtri
from scipy.stats import qmc, spearmanr

from costlib import sensitivity


def ishigami(points, a=7.0, b=0.1):
    x = (2 * points - 1) * np.pi
    return np.sin(x[0]) + a * np.sin(x[1]) ** 2 + b * x[2] ** 4 * np.sin(x[0])


# Ishigami and Homma (1990), a = 7, b = 0.1: first-order and total indices as commonly printed.
FIRST, TOTAL = (0.3139, 0.4424, 0.0), (0.5576, 0.4424, 0.2437)
SHAPLEY = (0.3139 + 0.2437 / 2, 0.4424, 0.2437 / 2)  # the one interaction is split evenly
ONES = [1, 1, 1]


def linear(weights):
    return lambda points: np.asarray(weights) @ ndtri(points)


def correlated(size, **pairs):
    matrix = np.eye(size)
    for name, rho in pairs.items():
        i, j = (int(each) for each in name[1:])
        matrix[i, j] = matrix[j, i] = rho
    return matrix


def exact(weights, matrix):
    """Shapley effects of a linear function of normal inputs from its definition: all orders, conditional variances."""
    size, total = len(weights), weights @ matrix @ weights

    def known(members):
        rest = [i for i in range(size) if i not in members]
        if not members:
            return 0.0
        if not rest:
            return total
        inner = np.linalg.inv(matrix[np.ix_(members, members)])
        cross = matrix[np.ix_(rest, members)]
        left = matrix[np.ix_(rest, rest)] - cross @ inner @ cross.T
        return total - weights[rest] @ left @ weights[rest]

    found = np.zeros(size)
    for order in itertools.permutations(range(size)):
        for place, each in enumerate(order):
            found[each] += known(sorted(order[: place + 1])) - known(sorted(order[:place]))
    return found / math.factorial(size) / total


# --- Sobol -----------------------------------------------------------------------------------------------------------


def test_ishigami_has_its_published_indices():
    found = sensitivity.sobol(ishigami, ONES, 2**14)
    assert found.first.value == pytest.approx(FIRST, abs=0.002)
    assert found.total.value == pytest.approx(TOTAL, abs=0.002)
    assert found.evaluations == 5 * 2**14
    for shares, truth in ((found.first, FIRST), (found.total, TOTAL)):
        low, high = shares.interval()
        assert np.all(low <= truth) and np.all(truth <= high)


def test_the_variance_of_ishigami():
    a, b = 7.0, 0.1
    variance = a**2 / 8 + b * np.pi**4 / 5 + b**2 * np.pi**8 / 18 + 0.5
    assert sensitivity.sobol(ishigami, ONES, 2**14).first.whole.mean() == pytest.approx(variance, rel=1e-3)


def test_salib_finds_the_same_on_the_same_points():
    count = 512
    base, other = sensitivity.points(6, count).reshape(2, 3, count)
    mixed = [np.where(np.arange(3)[:, np.newaxis] == place, other, base) for place in range(3)]
    results = np.stack([ishigami(each) for each in (base, *mixed, other)], axis=1).ravel()
    problem = {"num_vars": 3, "names": list("abc"), "bounds": [[0, 1]] * 3}
    theirs = salib.analyze(problem, results, calc_second_order=False, num_resamples=400, seed=1, conf_level=0.9)
    ours = sensitivity.sobol(ishigami, ONES, count)
    assert ours.first.value == pytest.approx(theirs["S1"], abs=1e-6)  # it takes the mean of the mixed points as well
    assert ours.total.value == pytest.approx(theirs["ST"], abs=1e-12)
    half = np.diff(ours.total.interval(), axis=0)[0] / 2
    assert half == pytest.approx(theirs["ST_conf"], rel=0.2)


def test_coordinates_of_one_input_count_together():
    weights = np.array([1.0, 2.0, 3.0, 1.0])
    found = sensitivity.sobol(linear(weights), [1, 2, 1], 2**12)
    assert found.total.value == pytest.approx(np.array([1, 13, 1]) / 15, abs=0.01)
    assert found.evaluations == 5 * 2**12
    assert sensitivity.shapley(linear(weights), [1, 2, 1]).value == pytest.approx(np.array([1, 13, 1]) / 15, abs=0.01)


@pytest.mark.parametrize("count", [0, 1, 3, 1000])
def test_only_powers_of_two_are_balanced(count):
    with pytest.raises(ValueError, match=f"count = {count} is not allowed.*powers of two"):
        sensitivity.sobol(ishigami, ONES, count)


def test_more_points_come_closer_and_the_start_of_a_run_is_a_shorter_run():
    long, short = (sensitivity.sobol(ishigami, ONES, 2**power) for power in (13, 6))
    wide, narrow = (np.ptp(each.interval(), axis=0) for each in (long.total.upto(64), long.total))
    assert np.all(narrow < wide / 4)
    assert long.total.upto(64).value == pytest.approx(short.total.value, abs=0.02)


def test_intervals_hold_the_truth_at_least_as_often_as_they_say():
    held = []
    for seed in range(60):
        low, high = sensitivity.sobol(ishigami, ONES, 256, seed).total.interval()
        held.append((low <= TOTAL) & (high >= TOTAL))
    assert np.mean(held) >= 0.88


# --- Shapley ---------------------------------------------------------------------------------------------------------


def test_ishigami_has_its_shapley_effects():
    found = sensitivity.shapley(ishigami, ONES, orders=1024)
    assert found.value == pytest.approx(SHAPLEY, abs=0.006)
    low, high = found.interval()
    assert np.all(low <= SHAPLEY) and np.all(high >= SHAPLEY)


@pytest.mark.parametrize("rho", [-0.9, -0.4, 0.0, 0.5, 0.9])
def test_three_normal_inputs_of_which_two_correlate(rho):
    """Iooss and Prieur (2019): X1 independent, X2 and X3 with correlation rho, a sum of standard deviations 1, 1, 2."""
    s1, s2, s3 = 1.0, 1.0, 2.0
    total = s1**2 + s2**2 + s3**2 + 2 * rho * s2 * s3
    published = [
        s1**2 / total,
        (s2**2 * (1 - rho**2 / 2) + rho * s2 * s3 + s3**2 * rho**2 / 2) / total,
        (s3**2 * (1 - rho**2 / 2) + rho * s2 * s3 + s2**2 * rho**2 / 2) / total,
    ]
    matrix = correlated(3, p12=rho)
    assert exact(np.array([s1, s2, s3]), matrix) == pytest.approx(published)
    assert sensitivity.shapley(linear([s1, s2, s3]), ONES, matrix).value == pytest.approx(published, abs=0.012)


def test_two_normal_inputs_of_which_only_one_is_used():
    """Owen and Prieur (2017): an input that the function ignores has half of rho squared, through the other."""
    rho = 0.8
    found = sensitivity.shapley(linear([1.0, 0.0]), [1, 1], correlated(2, p01=rho))
    assert found.value == pytest.approx([1 - rho**2 / 2, rho**2 / 2], abs=0.01)


def test_four_inputs_with_many_correlations_and_a_group():
    weights, matrix = np.array([1.0, -2.0, 0.5, 1.5]), correlated(4, p01=0.5, p12=-0.3, p23=0.6, p03=0.2)
    found = sensitivity.shapley(linear(weights), [1] * 4, matrix, orders=1024)
    assert found.value == pytest.approx(exact(weights, matrix), abs=0.012)


@settings(max_examples=25)
@given(st.lists(st.floats(-3, 3), min_size=3, max_size=3), st.floats(-0.9, 0.9), st.integers(0, 1000))
def test_shapley_effects_add_up_to_one(weights, rho, seed):
    function = linear([*weights[:2], weights[2] + 4])
    found = sensitivity.shapley(function, ONES, correlated(3, p02=rho), orders=16, each=16, seed=seed)
    assert found.value.sum() == pytest.approx(1)
    assert found.resampled(5).sum(axis=1) == pytest.approx(np.ones(5))


@pytest.mark.parametrize("factor", [1e-6, 3600.0, -2.5])
def test_shares_do_not_depend_on_the_unit(factor):
    def other(points):
        return factor * ishigami(points) + 40

    assert sensitivity.shapley(other, ONES).value == pytest.approx(sensitivity.shapley(ishigami, ONES).value)
    ours, theirs = (sensitivity.sobol(each, ONES, 1024) for each in (ishigami, other))
    assert theirs.first.value == pytest.approx(ours.first.value)
    assert theirs.total.value == pytest.approx(ours.total.value)


def test_independent_inputs_lie_between_their_indices():
    def product(points):
        return np.prod(1 + np.array([[2.0], [1.0], [0.5], [0.1]]) * (points - 0.5), axis=0)

    indices = sensitivity.sobol(product, [1] * 4, 2**14)
    effects = sensitivity.shapley(product, [1] * 4, orders=1024).value
    assert np.all(effects > indices.first.value - 0.004) and np.all(effects < indices.total.value + 0.004)


def test_evaluations_come_in_batches_of_any_size(monkeypatch):
    whole = sensitivity.shapley(ishigami, ONES, orders=64).value
    monkeypatch.setattr(sensitivity, "AT_ONCE", 1000)
    assert sensitivity.shapley(ishigami, ONES, orders=64).value == pytest.approx(whole)


@pytest.mark.parametrize("rank", [-0.7, -0.4, 0.0, 0.4, 0.8])
def test_ranks_correlate_as_asked(rank):
    rho = sensitivity.normal_correlation(rank)
    normal = np.linalg.cholesky(correlated(2, p01=rho)) @ ndtri(qmc.Sobol(2, rng=1).random(2**14).T)
    assert spearmanr(*normal).statistic == pytest.approx(rank, abs=0.01)


def test_an_effect_is_a_mean_by_parts():
    coordinate = np.array([0.0, 0.2, 0.5, 0.9, 1.0])
    assert sensitivity.effect(coordinate, np.array([1.0, 3.0, 5.0, 7.0, 9.0]), 2) == pytest.approx([2, 7])


@pytest.mark.parametrize("size", [3, sensitivity.BLOCKS, 2 * sensitivity.BLOCKS, 2 * sensitivity.BLOCKS + 5])
def test_a_bootstrap_of_many_samples_is_as_wide_as_one_of_each(size):
    parts = np.random.default_rng(3).normal(0.3, 0.5, (size, 2))
    found = sensitivity.Shares(parts, np.ones(size)).resampled(2000)
    assert found.mean(axis=0) == pytest.approx(parts.mean(axis=0), abs=4 * 0.5 / np.sqrt(size * 2000) + 1e-3)
    assert found.std(axis=0) == pytest.approx(parts.std(axis=0) / np.sqrt(size), rel=0.1)
