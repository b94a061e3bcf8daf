"""The vocabulary: every quantity once, in coherent units, with bounds that hold."""

import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costlib import units
from costlib.errors import InputError
from costlib.quantities import VOCABULARY, quantity

VARIABLES = [q for q in VOCABULARY.values() if q.value is None]
each_quantity = pytest.mark.parametrize("q", VOCABULARY.values(), ids=lambda q: q.name)


@each_quantity
def test_the_unit_is_a_coherent_base_unit(q):
    assert units.base_factor(q.unit) == 1


@each_quantity
def test_the_unit_people_quote_measures_the_same(q):
    if q.quoted == "%":
        assert units.same_dimension(q.unit, "")
    elif q.quoted:
        assert units.same_dimension(q.unit, q.quoted)


@each_quantity
def test_the_meaning_is_said(q):
    assert q.meaning and q.meaning[-1] != "."


def test_each_symbol_stands_for_one_quantity():
    shared = {symbol: n for symbol, n in Counter(q.symbol for q in VARIABLES).items() if n > 1}
    assert not shared


def test_no_symbol_is_a_constant_number_and_a_quantity():
    constants = {q.symbol for q in VOCABULARY.values() if q.value is not None}
    assert constants.isdisjoint(q.symbol for q in VARIABLES)


@each_quantity
def test_a_constant_is_within_its_own_bounds(q):
    if q.value is not None:
        q.check(q.value)


@pytest.mark.parametrize("q", VARIABLES, ids=lambda q: q.name)
def test_values_outside_the_bounds_are_refused_by_name(q):
    below = q.low if q.above else math.nextafter(q.low, -math.inf)
    beyond = [below, q.low - 1, math.nan] + ([math.nextafter(q.high, math.inf)] if q.high < math.inf else [])
    for value in beyond:
        with pytest.raises(InputError, match=f"{q.name} = .* is not allowed: it must be a .*number "):
            q.check(value)


@pytest.mark.parametrize("q", [q for q in VARIABLES if q.whole], ids=lambda q: q.name)
def test_a_count_is_whole(q):
    q.check(7.0)
    with pytest.raises(InputError, match="a whole number"):
        q.check(7.5)


@pytest.mark.parametrize("value", [math.inf, -math.inf])
def test_an_endless_count_is_refused(value):
    with pytest.raises(InputError, match="batch = -?inf is not allowed: it must be a whole number above 0"):
        VOCABULARY["batch"].check(value)


@given(st.floats(0, 0.99))
def test_a_share_within_its_bounds_is_taken(share):
    VOCABULARY["memory_reserve_share"].check(share)


@pytest.mark.parametrize(
    ("name", "value", "wanted", "text"),
    [
        ("kv_bytes_per_token", 327_680, None, "328 kB/token"), ("kv_bytes_per_token", 327_680, "~", "328 kB"),
        ("memory_reserve_share", 0.1, None, "10%"), ("decode_seconds", 0.0121, "ms", "12.1 ms"),
        ("n_gpus", 1, None, "1 GPU"), ("n_gpus", 4, None, "4 GPUs"), ("batch", 1024, None, "1,024"),
        ("weight_bytes", 141.1e9, "GiB", "131 GiB"), ("total_parameters", 70.55e9, None, "70.5 billion"),
    ],
)  # fmt: skip
def test_a_value_is_quoted_with_its_unit(name, value, wanted, text):
    assert quantity(name).quote(value, wanted) == text


def test_a_value_cannot_be_quoted_in_an_unlike_unit():
    with pytest.raises(InputError, match="cannot express 'byte' in 's'"):
        quantity("weight_bytes").quote(1, "s")


def test_an_unknown_quantity_is_an_error_with_near_matches():
    with pytest.raises(InputError, match="no quantity is called 'decode_second'; did you mean .*decode_seconds"):
        quantity("decode_second")
