"""Queues: known values of Erlang C, exact cases of the extension, simulations against both, and batching."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from costlib import queueing
from costlib.errors import InputError

COUNT = 200_000


@pytest.mark.parametrize(
    ("servers", "offered", "waits"),
    [
        (1, 0.5, 0.5),  # M/M/1: the load
        (2, 1.0, 1 / 3),  # by hand: (1/2 * 2) / (1 + 1 + 1)
        (3, 2.0, 4 / 9),  # by hand: (8/6 * 3) / (1 + 2 + 2 + 4)
        (10, 8.0, 0.409180),  # tables of call centers
        (5, 0.0, 0.0),
    ],
)
def test_known_values_of_erlang_c(servers, offered, waits):
    assert queueing.erlang_c(servers, offered) == pytest.approx(waits, abs=1e-6)


@given(st.integers(1, 60), st.floats(0.01, 0.99))
def test_erlang_c_is_its_sum_of_states(servers, load):
    offered = servers * load
    terms = np.exp(np.cumsum([0.0, *np.log(offered / np.arange(1, servers + 1))]))
    last = terms[-1] / (1 - load)
    assert queueing.erlang_c(servers, offered) == pytest.approx(last / (terms[:-1].sum() + last))


def test_erlang_c_holds_for_a_thousand_servers():
    assert 0 < queueing.erlang_c(1000, 950.0) < queueing.erlang_c(1000, 990.0) < 1


@pytest.mark.parametrize(("load", "variation"), [(0.5, 1.0), (0.8, 1.0), (0.8, 0.0), (0.6, 2.0)])
def test_one_server_is_pollaczek_and_khinchine(load, variation):
    exact = load / (1 - load) * 10 * (1 + variation**2) / 2
    assert queueing.waiting(1, load / 10, 10.0, variation) == pytest.approx(exact)


@pytest.mark.parametrize(
    ("servers", "load", "variation", "tolerance"),
    [(1, 0.8, 1.0, 0.08), (1, 0.8, 0.0, 0.08), (4, 0.8, 1.0, 0.08), (4, 0.8, 0.5, 0.08), (16, 0.85, 1.0, 0.1)],
)
def test_a_simulation_of_fixed_places_agrees_with_the_formula(servers, load, variation, tolerance):
    arrivals = servers * load / 10
    times, services = queueing.poisson(arrivals, COUNT), queueing.lengths(10.0, variation, COUNT)
    waits = queueing.simulated_waits(times, services, servers)
    assert waits.mean() == pytest.approx(queueing.waiting(servers, arrivals, 10.0, variation), rel=tolerance)
    if variation == 1.0:
        assert (waits > 0).mean() == pytest.approx(queueing.erlang_c(servers, servers * load), rel=0.05)
        quantile = queueing.waiting_quantile(0.95, servers, arrivals, 10.0, 1.0)
        assert np.quantile(waits, 0.95) == pytest.approx(quantile, rel=0.1)


def test_nobody_waits_at_a_level_below_those_who_wait():
    assert queueing.waiting_quantile(0.5, 10, 0.5, 10.0, 1.0) == 0.0


@pytest.mark.parametrize("variation", [0.0, 0.5, 1.0, 2.0])
def test_drawn_lengths_have_their_mean_and_variation(variation):
    drawn = queueing.lengths(500.0, variation, COUNT)
    assert drawn.mean() == pytest.approx(500, rel=0.02)
    assert drawn.std() / drawn.mean() == pytest.approx(variation, rel=0.03, abs=1e-9)


def test_a_median_says_how_uneven_lengths_are():
    assert queueing.gamma_variation(np.log(2)) == pytest.approx(1)  # exponential
    drawn = queueing.lengths(1.0, queueing.gamma_variation(0.5), COUNT)
    assert np.median(drawn) == pytest.approx(0.5, rel=0.02)


# --- batching --------------------------------------------------------------------------------------------------------


def test_batching_by_hand():
    # Two requests of 4 tokens; one alone takes 1 s per token, two together 2 s; prompts take 1 s each.
    served = queueing.simulated_batching(
        np.array([0.0, 0.0]), np.array([4.0, 4.0]), 2, lambda batch: batch, prompt_seconds=1.0
    )
    # Prompts end at 1 and 2. From 1 to 2 the first gains 1/2 token, then both gain 1/2 per second: it ends at 9.
    # The other has 1/2 token left and is alone: it ends at 9.5.
    assert list(served.first_token) == [1.0, 2.0]
    assert served.per_token == pytest.approx([8 / 4, 7.5 / 4])


def test_a_request_beyond_the_batch_waits_in_line():
    served = queueing.simulated_batching(
        np.array([0.0, 0.5]), np.array([3.0, 1.0]), 1, lambda batch: np.ones_like(batch), prompt_seconds=0.0
    )
    assert list(served.first_token) == [0.0, 2.5]
    assert list(served.per_token) == [1.0, 1.0]


def test_places_that_do_not_slow_each_other_are_the_formulas_places():
    times, tokens = queueing.poisson(0.32, COUNT), queueing.lengths(10.0, 1.0, COUNT)
    served = queueing.simulated_batching(times, tokens, 4, lambda batch: np.ones_like(batch), prompt_seconds=0.0)
    assert np.array_equal(served.first_token.round(6), queueing.simulated_waits(times, tokens, 4).round(6))


def test_places_that_share_one_machine_are_processor_sharing():
    # Without a limit that matters, M/G/1 with processor sharing: time over work is 1 / (1 - load), for any lengths.
    for variation in (0.5, 1.0):
        times, tokens = queueing.poisson(0.06, COUNT), queueing.lengths(10.0, variation, COUNT)
        served = queueing.simulated_batching(times, tokens, 400, lambda batch: batch, prompt_seconds=0.0)
        kept = tokens[-len(served.per_token) :]
        assert np.average(served.per_token, weights=kept) == pytest.approx(1 / (1 - 0.6), rel=0.04)


def test_late_requests_are_counted_by_either_limit():
    served = queueing.Served(np.array([0.1, 0.5, 0.1, 0.5]), np.array([0.01, 0.01, 0.09, 0.09]))
    assert served.late(0.4, 0.05) == 0.75
    assert served.late(1.0, 0.05) == 0.5
    assert served.late(1.0, 0.1) == 0.0


@pytest.mark.parametrize("bad", [(0, 0.0), (2, 2.0), (2, -0.1), (1.5, 1.0)])
def test_a_queue_that_never_empties_is_refused(bad):
    with pytest.raises(InputError, match="servers"):
        queueing.erlang_c(*bad)
    with pytest.raises(InputError, match="median over mean"):
        queueing.gamma_variation(1.2)
