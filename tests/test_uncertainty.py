"""Triangles and propagation: exact quantiles, known sums, and draws that can be repeated."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from costlib import uncertainty

positive = st.floats(0.001, 1e6)
triples = st.tuples(positive, positive, positive).map(sorted).filter(lambda t: t[2] > t[0] * (1 + 1e-9))


@given(triples)
def test_quantiles_of_a_triangle_rise_and_stay_inside(triple):
    drawn = uncertainty.triangle(*triple, np.linspace(0, 1, 101))
    assert np.all(np.diff(drawn) >= -1e-9 * triple[2])
    assert drawn[0] == pytest.approx(triple[0]) and drawn[-1] == pytest.approx(triple[2])


def test_the_median_of_a_symmetric_triangle_is_its_peak():
    assert uncertainty.triangle(1.0, 2.0, 3.0, np.array([0.5]))[0] == pytest.approx(2.0)


def test_a_quantile_by_hand():
    """Triangle 0, 1, 3: a third of the mass lies below the peak; at 1/12 the root of 1/12 * 3 * 1 is 0.5."""
    assert uncertainty.triangle(0.0, 1.0, 3.0, np.array([1 / 12, 1 / 3])) == pytest.approx([0.5, 1.0])


def test_wide_triples_are_triangles_of_logarithms():
    drawn = uncertainty.triangle(0.1, 1.0, 10.0, np.array([0.125, 0.5, 0.875]))
    assert drawn == pytest.approx([10**-0.5, 1.0, 10**0.5])


def test_a_triple_without_width_is_its_value():
    assert np.all(uncertainty.triangle(2.0, 2.0, 2.0, np.array([0.0, 0.4, 1.0])) == 2.0)


def test_a_peak_at_either_end():
    ends = (
        uncertainty.triangle(0.0, 0.0, 1.0, np.array([0.0, 1.0])),
        uncertainty.triangle(0.0, 1.0, 1.0, np.array([0.0, 1.0])),
    )
    assert all(each == pytest.approx([0.0, 1.0]) for each in ends)


@given(triples)
def test_propagation_of_one_triple_gives_its_own_quantiles(triple):
    found = uncertainty.propagate(lambda drawn: drawn["x"], {"x": triple})
    exact = uncertainty.triangle(*triple, np.array(uncertainty.LEVELS))
    assert (found.low, found.central, found.high) == pytest.approx(exact, rel=0.12)


def test_the_mean_of_a_sum_of_triangles_is_the_sum_of_their_means():
    drawn = uncertainty.draw({"a": (1.0, 2.0, 3.0), "b": (3.0, 4.0, 8.0)}, 100_000)
    assert np.mean(drawn["a"] + drawn["b"]) == pytest.approx(2.0 + 5.0, rel=0.005)
    assert np.corrcoef(drawn["a"], drawn["b"])[0, 1] == pytest.approx(0.0, abs=0.01)


def test_draws_depend_on_the_name_and_on_nothing_else():
    alone = uncertainty.draw({"a": (1.0, 2.0, 3.0)}, 64)["a"]
    beside = uncertainty.draw({"z": (0.0, 1.0, 2.0), "a": (1.0, 2.0, 3.0)}, 64)["a"]
    assert np.array_equal(alone, beside)
    assert not np.array_equal(alone, uncertainty.draw({"b": (1.0, 2.0, 3.0)}, 64)["b"])


def test_more_is_drawn_until_the_error_is_small():
    def spread(drawn):
        return np.exp(3 * drawn["x"])

    rough, fine = (uncertainty.propagate(spread, {"x": (0.0, 0.5, 1.0)}, tolerance=t) for t in (0.5, 0.02))
    assert rough.draws == 4_096 < fine.draws and fine.error <= 0.02 < rough.error


def test_results_that_are_no_numbers_are_refused():
    with pytest.raises(ValueError, match="no result"):
        uncertainty.propagate(lambda drawn: np.where(drawn["x"] > 1, 1.0, np.nan), {"x": (0.5, 1.0, 2.0)})
