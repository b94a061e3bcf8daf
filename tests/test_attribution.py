"""Why a bill changed: Shapley by hand, sums without remainder in exact fractions, and one cause, one effect."""

from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costlib import attribution, synthetic, usage

EXACT = np.vectorize(Fraction, otypes=[object])

# --- Shapley's value -------------------------------------------------------------------------------------------------


def test_two_factors_by_hand():
    """A product goes from 2 x 3 to 5 x 7: the first adds 3 x (3 + 7) / 2, the second 4 x (2 + 5) / 2."""
    found = attribution.shapley(lambda state: state["a"] * state["b"], {"a": 2, "b": 3}, {"a": 5, "b": 7})
    assert found == {"a": 15, "b": 14}


def test_a_published_game():
    """The airport game of Littlechild and Owen (1973): runways of 1, 2 and 3 cost 1/3, 5/6 and 11/6."""
    runway = {"small": 1, "medium": 2, "large": 3}
    nobody, everybody = dict.fromkeys(runway, Fraction(0)), {name: Fraction(length) for name, length in runway.items()}
    found = attribution.shapley(lambda state: max(state.values()), nobody, everybody)
    assert found == {"small": Fraction(1, 3), "medium": Fraction(5, 6), "large": Fraction(11, 6)}


# --- periods ---------------------------------------------------------------------------------------------------------

count = st.integers(0, 40)


@st.composite
def periods(draw, cells=3):
    """Requests, tokens and cost of a period as exact fractions; a kind of token without tokens costs nothing."""
    requests = draw(st.lists(st.integers(0, 9), min_size=cells, max_size=cells).filter(any))
    tokens = np.array(draw(st.lists(count, min_size=cells * 6, max_size=cells * 6))).reshape(cells, 2, 3)
    price = np.array(draw(st.lists(st.integers(1, 30), min_size=cells * 6, max_size=cells * 6))).reshape(cells, 2, 3)
    tokens = tokens * (np.array(requests) > 0)[:, None, None]
    tokens[int(np.argmax(requests)), 0, 0] += 1  # at least one token in all
    return EXACT(np.array(requests)), EXACT(tokens), EXACT(tokens * price)


@settings(max_examples=40)
@given(periods(), periods())
def test_effects_on_spend_add_up_exactly_in_every_cell(before, after):
    effects = attribution.shapley(attribution.spend, *attribution.factors(before, after))
    change = after[2].sum(axis=(1, 2)) - before[2].sum(axis=(1, 2))
    assert np.array_equal(sum(effects.values()), change)


@settings(max_examples=40)
@given(periods(), periods())
def test_effects_on_the_cost_of_a_token_add_up_exactly(before, after):
    effects = attribution.shapley(attribution.per_token, *attribution.factors(before, after))
    assert sum(effects.values()) == after[2].sum() / after[1].sum() - before[2].sum() / before[1].sum()
    assert effects["requests"] == 0


def base():
    """Two cells: one with everything, and one that only asks at once and never hits a cache."""
    tokens = np.array([[[60, 40, 30], [20, 20, 10]], [[50, 0, 5], [0, 0, 0]]])
    price = np.array([[[8, 2, 30], [4, 1, 15]], [[6, 1, 9], [3, 1, 4]]])
    return np.array([10, 4]), tokens, price


def moved(cause):
    """The base with one thing changed, and its prices."""
    requests, tokens, price = base()
    if cause == "requests":
        requests, tokens = requests * 3, tokens * 3
    elif cause == "price":
        price = price * 2
    elif cause == "mix":  # the second cell asks five times as often, the first as much less
        requests, tokens = np.array([5, 9]), EXACT(tokens) * EXACT(np.array([5, 9])[:, None, None])
        tokens = tokens / EXACT(np.array([10, 4])[:, None, None])
    elif cause == "prompts":
        tokens = tokens * np.array([2, 2, 1])
    elif cause == "answers":
        tokens = tokens * np.array([1, 1, 3])
    elif cause == "cache":  # from 40 of 100 to none, and from 20 of 40 to none
        tokens = tokens + np.array([[[40, -40, 0], [20, -20, 0]], [[0, 0, 0], [0, 0, 0]]])
    elif cause == "batch":  # half as many tokens in batch, hits as before
        tokens = EXACT(np.array([[[72, 48, 35], [10, 10, 5]], [[50, 0, 5], [0, 0, 0]]]))
        tokens[0, 0, :2] = [Fraction(120 * 60, 100), Fraction(120 * 40, 100)]
    return requests, tokens, price


def period(requests, tokens, price):
    return EXACT(requests), EXACT(tokens), EXACT(tokens) * EXACT(price)


@pytest.mark.parametrize("cause", attribution.FACTORS)
def test_one_cause_has_one_effect(cause):
    before, after = period(*base()), period(*moved(cause))
    effects = attribution.shapley(attribution.spend, *attribution.factors(before, after))
    assert {name for name, effect in effects.items() if effect.any()} == {cause}
    assert effects[cause].sum() == after[2].sum() - before[2].sum() != 0


@pytest.mark.parametrize("cause", ["price", "cache", "batch"])
def test_one_cause_moves_the_cost_of_a_token_alone(cause):
    effects = attribution.shapley(attribution.per_token, *attribution.factors(period(*base()), period(*moved(cause))))
    assert {name for name, effect in effects.items() if effect} == {cause}


def test_a_model_that_is_new_changes_the_mix_and_no_price():
    requests, tokens, price = base()
    before = period(requests * [1, 0], tokens * np.array([1, 0])[:, None, None], price)
    effects = attribution.shapley(attribution.spend, *attribution.factors(before, period(requests, tokens, price)))
    assert {name for name, effect in effects.items() if effect.any()} == {"requests", "mix"}


# --- logs ------------------------------------------------------------------------------------------------------------

DAYS = pd.date_range("2026-06-01", periods=synthetic.DAYS)


@pytest.fixture(scope="module")
def rows():
    found = usage.read(synthetic.log(5)).by("day", "product", "model", "batch")
    return found.assign(day=pd.to_datetime(found["day"]))


def test_days_of_the_week_are_matched():
    """Two Mondays and a Sunday stand for the days before, each day of the week as often."""
    weights = attribution.matched(DAYS[[28, 35, 34]], DAYS[:28])
    by_weekday = pd.Series(weights).groupby(lambda day: day.day_of_week).sum()
    assert by_weekday[by_weekday > 0].to_dict() == pytest.approx({0: 2, 6: 1})


def test_without_the_day_of_the_week_all_days_stand_for_it():
    assert attribution.matched(DAYS[5:6], DAYS[:2]) == {DAYS[0]: 0.5, DAYS[1]: 0.5}


def test_a_change_adds_up_to_the_bill(rows):
    effects, per_token = attribution.change(rows, DAYS[17:45], DAYS[45:73])
    usd = rows.groupby("day")["pico"].sum().astype(float) / usage.PICO
    tokens = (rows["input"] + rows["output"]).groupby(rows["day"]).sum()
    first, second = (usd.loc[days] for days in (DAYS[17:45], DAYS[45:73]))
    assert effects.to_numpy().sum() == pytest.approx(second.mean() - first.mean(), rel=1e-9)
    change = second.sum() / tokens.loc[DAYS[45:73]].sum() - first.sum() / tokens.loc[DAYS[17:45]].sum()
    assert per_token.sum() == pytest.approx(change, rel=1e-9)


def test_a_broken_cache_is_what_moved_the_bill(rows):
    effects, per_token = attribution.change(rows, DAYS[17:45], DAYS[45:73])
    assert effects.sum().idxmax() == "cache" == per_token.idxmax()
    assert effects["cache"].idxmax() == ("chat", "gpt_4_1")


def test_a_listed_price_is_what_moved_it_on_its_day(rows):
    effects, _ = attribution.change(rows, DAYS[62:76], DAYS[76:90])
    assert effects["price"].drop(("code", "deepseek_v4_pro")).abs().max() == pytest.approx(0, abs=1e-12)
    assert effects["price"].sum() > 0


def test_weekends_are_no_change(rows):
    """A weekend costs less than a week, and another mix of products; beside weekends before it nothing is new."""
    weekend, week = DAYS[[12, 13]], DAYS[:12]
    plain = rows.groupby("day")["pico"].sum().astype(float) / usage.PICO
    raw = plain.loc[weekend].mean() / plain.loc[week].mean() - 1
    effects, _ = attribution.change(rows, week, weekend)
    assert raw < -0.3
    assert abs(effects.to_numpy().sum() / plain.loc[week].mean()) < 0.1
