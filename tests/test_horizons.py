"""Money over time: textbook present values, limits, hardware by hand, and what the horizon does to the answer."""

import functools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from costlib import article, book, cases, economics, horizons, units
from tests.conftest import Run

MONTH, YEAR = horizons.MONTH, horizons.YEAR


@functools.cache
def case(**given):
    return horizons.case(**cases.in_base({**book.parameters("horizons"), **given}))


def at(values, tokens_per_month, **more):
    return {**values, "demand_tokens_per_second": tokens_per_month / MONTH, **more}


# --- present values --------------------------------------------------------------------------------------------------


def test_the_published_example():
    """NumPy's documentation, after Gitman: 28.1% on -100, 39, 59, 55, 20, a year apart, is about -0.0085."""
    yearly = np.zeros(48)
    yearly[11::12] = [39, 59, 55, 20]
    assert -100 + horizons.present_value(yearly, 0.281) == pytest.approx(-0.0084785916384548798, abs=1e-9)


def test_without_interest_it_is_the_sum_and_without_change_a_constant():
    monthly = np.arange(1.0, 25.0)
    assert horizons.present_value(monthly, 0.0) == monthly.sum()
    assert np.array_equal(horizons.path(3.0, 0.0, 24), np.full(24, 3.0))


@given(st.floats(-0.9, 2.0))
def test_a_path_has_changed_by_its_share_after_a_year(change):
    assert horizons.path(2.0, change, 13)[12] == pytest.approx(2 * (1 + change))


@given(st.floats(0.0, 0.5), st.floats(0.0, 0.5))
def test_more_interest_makes_later_money_worth_less(one, other):
    low, high = sorted((one, other))
    assert horizons.present_value(np.ones(60), high) <= horizons.present_value(np.ones(60), low)


def test_the_equations_of_the_page_are_those_of_the_sum():
    values = {"elapsed_seconds": 2 * YEAR, "price_change_per_year": -0.2 / YEAR, "discount_rate_per_year": 0.1 / YEAR}
    found = horizons.EQUATIONS.evaluate(values, "price_factor", "discount_factor")
    assert found["price_factor"] == pytest.approx(horizons.path(1.0, -0.2, 25)[24])
    assert found["discount_factor"] == pytest.approx(horizons.discounts(0.1, 24)[24])


# --- the three ways --------------------------------------------------------------------------------------------------


def test_a_month_of_renting_is_setup_and_bill():
    equations, values = case()
    costs = horizons.present_costs(equations, values, 1)
    spared = economics.with_spares(equations, values)
    bill = (equations(spared, "self_usd_per_second") - equations(spared, "setup_usd_per_second")) * MONTH
    worth = 1.1 ** (-1 / 12)
    assert costs["rented"][0] == pytest.approx(equations(values, "setup_usd") + bill * worth)
    assert costs["api"][0] == pytest.approx(1e9 * 3.2e-6 * worth)


def test_steady_and_without_interest_the_api_costs_its_price():
    equations, values = case(growth_per_year=0.0)
    costs = horizons.present_costs(equations, {**values, **dict.fromkeys(horizons.CHANGES, 0.0)}, 60)
    assert costs["api"][-1] == pytest.approx(60e9 * 3.2e-6)


def test_the_setup_is_paid_again_when_the_deployment_is_rebuilt():
    equations, values = case()
    steady = {**values, **dict.fromkeys(horizons.CHANGES, 0.0)}
    rented = horizons.present_costs(equations, steady, 36)["rented"]
    monthly = np.diff(rented)
    assert monthly[23] - monthly[22] == pytest.approx(equations(values, "setup_usd"))  # month 25
    assert np.flatnonzero(np.diff(monthly) > 1).tolist() == [22]


def _capital(fleet, life_months, residual, rate=0.0, price=100.0):
    fleet = np.atleast_2d(np.asarray(fleet, dtype=float))
    known = {"server_life_years": life_months * MONTH, "residual_share": residual}
    worth = horizons.discounts(rate, fleet.shape[1])[np.newaxis]
    return horizons.capital(fleet, np.full(fleet.shape, price), known, worth)[0]


def test_hardware_by_hand():
    found = _capital(np.ones(24), 12, 0.25)
    assert found[11] == pytest.approx(100 * 0.75)  # bought for 100, worth 25 at the end of its life
    assert found[23] == pytest.approx(2 * 100 * 0.75)  # bought again
    assert found[5] == pytest.approx(
        100 * (1 - 0.25**0.5)
    )  # half-way it is worth half of 100, since 0.25 is 0.5 squared
    assert _capital([1, 1, 3, 3], 12, 0.0)[-1] == pytest.approx(300)  # grown, and worth nothing once used


def test_hardware_that_is_worthless_in_the_end_costs_its_price_at_once():
    assert _capital(np.ones(6), 12, 0.0, rate=0.2)[-1] == pytest.approx(100)


def test_where_nobody_quotes_a_price_nothing_is_owned():
    key = next(gpu for gpu in ("mi325x_256gb", "h20_96gb", "t4_16gb", "gaudi3_128gb") if _unowned(gpu))
    assert economics.owned(key) is None


def _unowned(gpu):
    try:
        return economics.owned(gpu) is None
    except horizons.cases.InputError:
        return False


@given(growth=st.floats(-0.5, 2.0), volume=st.floats(1e8, 1e11))
def test_divisible_hosting_is_never_dearer(growth, volume):
    equations, values = case()
    given_values = at(values, volume, growth_per_year=growth)
    whole = horizons.present_costs(equations, given_values, 24)
    ideal = horizons.present_costs(equations, given_values, 24, divisible=True)
    assert np.all(ideal["rented"] <= whole["rented"] * (1 + 1e-12))


def test_draws_are_cases_of_their_own():
    equations, values = case()
    drawn = {
        "usd_per_gpu_second": np.array([2.0, 4.0]) / 3600,
        "node_availability": np.array([0.98, 0.999]),
        "residual_share": np.array([0.3, 0.0]),
        "server_life_years": np.array([3.0, 6.0]) * YEAR,
    }
    together = horizons.present_costs(equations, at(values, 5e10), 60, drawn)
    for row in range(2):
        alone = horizons.present_costs(equations, at(values, 5e10, **{k: v[row] for k, v in drawn.items()}), 60)
        for way, found in alone.items():
            assert together[way][row] == pytest.approx(found, rel=1e-12)


# --- break-even and chances ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("growth", [0.0, 0.5])
@pytest.mark.parametrize("months", [1, 12, 60])
def test_the_break_even_over_a_horizon_is_the_first_volume_that_wins(months, growth):
    equations, values = case(growth_per_year=growth)
    first = horizons.first_win(equations, values, months)
    at_it = horizons.present_costs(equations, {**values, "demand_tokens_per_second": first}, months)
    assert at_it["rented"][-1] == pytest.approx(at_it["api"][-1], rel=1e-6)
    for volume in np.geomspace(first / 1e3, first * (1 - 1e-6), 40):
        before = horizons.present_costs(equations, {**values, "demand_tokens_per_second": volume}, months)
        assert before["rented"][-1] > before["api"][-1]


def test_the_break_even_falls_when_the_api_gets_dearer_and_when_its_price_rises():
    equations, values = case()
    prices = [horizons.first_win(equations, {**values, "api_usd_per_token": p}, 60) for p in (1e-6, 3e-6, 9e-6)]
    drifts = [
        horizons.first_win(equations, {**values, "api_price_change_per_year": c / YEAR}, 60) for c in (-0.4, 0, 0.2)
    ]
    assert prices == sorted(prices, reverse=True)
    assert drifts == sorted(drifts, reverse=True)


def test_an_api_below_the_floor_is_never_beaten():
    equations, values = case()
    assert np.isinf(horizons.first_win(equations, {**values, "api_usd_per_token": 1e-7}, 60))


def test_chances_are_shares_and_rise_with_the_volume():
    equations, values = case()
    volumes = np.array([1e8, 1e9, 1e10, 1e11]) / MONTH
    for way in ("rented", "owned"):
        shares, draws = horizons.probabilities(equations, values, volumes, (1, 12, 60), way, "h100_sxm_80gb")
        assert shares.shape == (3, 4)
        assert shares.min() >= 0
        assert shares.max() <= 1
        assert np.all(np.diff(shares, axis=1) >= 0)
        assert np.sqrt(0.25 / draws) <= horizons.TOLERANCE


def test_bands_hold_the_central_case():
    equations, values = case()
    costs = horizons.present_costs(equations, values, 60)
    for way, (low, high) in horizons.bands(equations, values, 60, "h100_sxm_80gb").items():
        assert low[-1] < costs[way][-1] < high[-1]


def test_words():
    inf = float("inf")
    assert horizons.says_trend([10.0, 7.0, 8.0, 9.0]).startswith("the first year")
    assert horizons.says_trend([10.0, 7.0, 6.0, 5.0]) == "a longer horizon lowers the break-even"
    assert horizons.says_trend([5.0, 7.0, 8.0, 9.0]) == "a longer horizon raises the break-even"
    assert horizons.says_trend([5.0, 5.0, 5.0, 5.0]) == "the horizon hardly matters"
    assert horizons.says_trend([inf] * 4) == "no horizon makes hosting win"
    assert horizons.says_trend([5.0, 7.0, inf, inf]).startswith("over the longest")
    costs = {"api": np.array([1.0] * 30 + [9.0] * 30), "rented": np.full(60, 5.0)}
    assert (
        horizons.says_cheapest(costs)
        == "cheapest are the API over one month and one year; rented GPUs over three years and five years"
    )


def test_the_articles_claims_by_hand():
    found = article.horizons()
    assert found["C161"] == pytest.approx(99 * 120)
    assert found["C164"] == 24
    assert found["C165"] < 0  # dearer, where the article says 70% to 80% cheaper
    assert 1e9 < found["C163"] < 1e10


@pytest.mark.parametrize("vintage", ["current", "article"])
def test_the_articles_rent_stands_in_its_vintage(vintage):
    _, values = case(vintage=vintage)
    assert (float(values["usd_per_gpu_second"]) == pytest.approx(2.69 / 3600)) == (vintage == "article")


def test_a_longer_horizon_is_told_by_the_prices(project):
    output = project.path / "_build" / "rising.ipynb"
    given_prices = ("-papi_price_change_per_year=0.2", "-ptokens_per_month=5e9")
    run = Run(project.costlib("run", "horizons", *given_prices, "-o", output), project, output)
    assert run.done.returncode == 0, run.done.stderr[-2000:]
    assert "rising by 20% a year" in run.texts()[1]  # after what there is to learn
    assert "a longer horizon lowers the break-even" in run.takeaway()
    assert units.number(5.0) + " billion" in run.takeaway()
