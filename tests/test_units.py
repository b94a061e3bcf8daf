"""Units: one way in, one way out, and a clear no to what does not fit."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costlib import units
from costlib.errors import InputError


@pytest.mark.parametrize(
    ("text", "factor"),
    [
        ("gigabyte", 1e9), ("GB", 1e9), ("GiB", 2**30), ("mebibyte/GPU", 2**20), ("bit", 0.125), ("TB/s", 1e12),
        ("teraFLOP/s/GPU", 1e12), ("PFLOP", 1e15), ("hour", 3600), ("ms", 1e-3), ("µs", 1e-6), ("day", 86_400),
        ("year", 31_536_000), ("month", 2_628_000), ("USD/GPU/hour", 1 / 3600), ("Wh", 3600), ("request", 1), ("", 1),
    ],
)  # fmt: skip
def test_a_quoted_unit_is_so_many_base_units(text, factor):
    assert units.base_factor(text) == pytest.approx(factor, rel=1e-15)
    assert units.to_base(3, text) == pytest.approx(3 * factor, rel=1e-15)


@pytest.mark.parametrize("text", ["parsec", "gigabite", "3 byte", "degC"])
def test_an_unknown_unit_is_an_error_that_names_it(text):
    with pytest.raises(units.UnitError, match=f"unknown unit '{text}'"):
        units.unit(text)


@pytest.mark.parametrize("text", ["byte/", "(byte", "byte +", "/s"])
def test_an_unfinished_unit_is_an_error_that_names_it(text):
    with pytest.raises(units.UnitError) as caught:
        units.unit(text)
    assert repr(text) in str(caught.value)


@pytest.mark.parametrize(
    ("one", "other"), [("byte", "s"), ("token", "byte"), ("FLOP", "FLOP/token"), ("byte", "byte/GPU"), ("USD", "")]
)
def test_unlike_things_cannot_be_converted(one, other):
    assert not units.same_dimension(one, other)
    with pytest.raises(InputError, match="cannot express"):
        units.convert(1, one, other)


@given(st.floats(1e-30, 1e30), st.sampled_from([("GB", "GiB"), ("bit", "MB"), ("h", "µs"), ("token/s", "token/day")]))
def test_there_and_back_again_is_the_same_value(value, pair):
    one, other = pair
    assert units.convert(units.convert(value, one, other), other, one) == pytest.approx(value, rel=1e-14)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"), (7, "7"), (2_250, "2,250"), (99_995, "99,995"), (0.99999, "1.00"), (999.7, "1,000"), (12.345, "12.3"),
        (1_234_567.8, "1,234,568"), (0.00012345, "0.000123"), (1.5e-7, "1.50e-07"), (2e15, "2.00e+15"),
        (math.inf, "∞"), (-math.inf, "−∞"), (math.nan, "not a number"),
    ],
)  # fmt: skip
def test_a_number_reads_as_people_write_it(value, text):
    assert units.number(value) == text


@given(st.floats(1e-6, 1e14))
def test_a_number_is_written_to_three_digits(value):
    assert float(units.number(value).replace(",", "")) == pytest.approx(value, rel=5.01e-3)


@pytest.mark.parametrize(
    ("value", "base", "wanted", "quoted"),
    [
        (3.35e12, "byte/s", None, ("3.35", "TB/s")), (327_680, "byte/token", None, ("328", "kB/token")),
        (999.7, "byte", None, ("1.00", "kB")), (0, "s", None, ("0", "s")), (0.0121, "s", None, ("12.1", "ms")),
        (5e-10, "s", None, ("0.500", "ns")), (90, "s", None, ("90", "s")), (70.5e9, "", None, ("70.5", "billion")),
        (1, "GPU", None, ("1", "GPU")), (4, "GPU", None, ("4", "GPUs")), (2000, "token", None, ("2,000", "tokens")),
        (989e12, "FLOP/s/GPU", None, ("989", "TFLOP/s/GPU")), (0.1, "", "%", ("10", "%")),
        (80e9, "byte", "GB", ("80", "GB")), (80e9, "byte", "gigabyte", ("80", "GB")),
        (0.0121, "s", "ms", ("12.1", "ms")), (32_768, "FLOP/token**2", None, ("32.8", "kFLOP/token²")),
    ],
)  # fmt: skip
def test_a_value_is_quoted_in_the_unit_that_reads_best(value, base, wanted, quoted):
    assert units.quote(value, base, wanted) == quoted


@pytest.mark.parametrize(
    ("wanted", "label"),
    [
        ("kilobyte", "kB"), ("megabyte", "MB"), ("gigabyte", "GB"), ("terabyte", "TB"), ("mebibyte", "MiB"),
        ("gibibyte", "GiB"), ("petabyte", "PB"),
    ],
)  # fmt: skip
def test_a_unit_spelled_out_is_shown_by_its_sign(wanted, label):
    assert units.quote(80e9, "byte", wanted)[1] == label


@given(st.floats(1e-9, 1e20), st.sampled_from(["byte", "FLOP", "byte/s/GPU", "FLOP/token"]))
def test_a_prefix_keeps_the_value(value, base):
    magnitude, label = units.quote(value, base)
    shown = float(magnitude.replace(",", "")) * units.base_factor(label.replace("tokens", "token"))
    assert shown == pytest.approx(value, rel=5.01e-3)
