"""Load curves: published figures that went in come out, others check the shape, bursts are seeded."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from costlib import cases, loads
from costlib.errors import InputError

TRACES = ("code", "conversation")


def published(trace, name):
    return float(cases.published(f"azure_week_{trace}_{name}"))


@pytest.mark.parametrize("trace", TRACES)
def test_a_week_has_the_published_means_and_ranges(trace):
    week = loads.week(trace)
    days = week.reshape(7, 24)
    weekday, weekend = days[:5], days[5:]
    assert week.mean() == pytest.approx(1)
    assert weekday.mean() / weekend.mean() == pytest.approx(
        published(trace, "weekday_per_hour") / published(trace, "weekend_per_hour")
    )
    assert weekday[0].max() / weekday[0].min() == pytest.approx(published(trace, "weekday_peak_to_trough"))
    assert weekend[0].max() / weekend[0].min() == pytest.approx(published(trace, "weekend_peak_to_trough"))


@pytest.mark.parametrize("trace", TRACES)
def test_published_figures_that_were_not_used_check_the_shape(trace):
    week = loads.week(trace)
    assert loads.variation(week) == pytest.approx(published(trace, "variation"), rel=0.15)
    assert np.median(week) / week.max() == pytest.approx(published(trace, "median_to_peak"), abs=0.04)


def test_the_means_of_the_week_are_those_of_the_traces_rows():
    rows = {"code": 16_803_695, "conversation": 27_303_999}  # as the data set itself counts them
    for trace, count in rows.items():
        means = 5 * published(trace, "weekday_per_hour") + 2 * published(trace, "weekend_per_hour")
        assert 86_400 * means == pytest.approx(count, rel=1e-5)


def test_a_day_by_hand():
    day = loads.day(4.0)
    assert day[loads.BUSIEST_HOUR] / day[loads.BUSIEST_HOUR - 12] == pytest.approx(4)
    assert day[loads.BUSIEST_HOUR] / day[loads.BUSIEST_HOUR - 6] == pytest.approx(2)  # half way in the logarithm


@pytest.mark.parametrize("peak", [1.56, 2.99])
def test_bursts_are_as_wild_as_published_minutes(peak):
    shape = loads.burst_shape(peak)
    drawn = np.random.default_rng(1).gamma(shape, 1 / shape, (4_000, loads.MINUTES))
    assert np.median(drawn.max(axis=1)) == pytest.approx(peak, rel=0.02)
    assert drawn.mean() == pytest.approx(1, rel=0.01)


def test_a_bursty_load_is_the_same_each_time_and_wilder_than_its_week():
    bursty = loads.curve("bursty")
    assert np.array_equal(bursty, loads.curve("bursty"))
    assert bursty.mean() == pytest.approx(1)
    assert loads.peak(bursty) > 2 * loads.peak(loads.curve("constant"))
    assert not np.array_equal(bursty, loads.burst(loads.week("conversation"), 2.99, seed=1))


@given(st.floats(1.05, 30), st.sampled_from(list(loads.KINDS)))
def test_a_stretched_load_has_the_wanted_peak_and_its_mean(peak, kind):
    found = loads.curve(kind, peak)
    assert loads.peak(found) == pytest.approx(peak, rel=1e-6)
    assert found.mean() == pytest.approx(1)
    assert np.all(np.diff(found[np.argsort(loads.curve(kind))]) >= -1e-9)  # busier hours stay busier


def test_the_duration_curve_is_the_load_in_order():
    load = loads.curve("realtime")
    falling = loads.duration(load)
    assert np.all(np.diff(falling) <= 0)
    assert falling.sum() == pytest.approx(load.sum())


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: loads.curve("busty"), "load = 'busty' is not allowed.*did you mean .*bursty"),
        (lambda: loads.stretched(np.ones(24), 2.0), "peak_to_mean_ratio = 2 is not allowed"),
        (lambda: loads.stretched(loads.week("code"), 0.5), "peak_to_mean_ratio = 0.5"),
        (lambda: loads.burst_shape(1.0), "peak_to_mean = 1"),
    ],
)
def test_what_cannot_be_is_said(call, message):
    with pytest.raises(InputError, match=message):
        call()
