"""The chapter on the decision: its cases by hand and by trying everything, its limits, its flips, and its sentences."""

import functools
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from costlib import (
    advice,
    book,
    capacity,
    cases,
    data,
    decision,
    drivers,
    economics,
    horizons,
    loads,
    overflow,
    prices,
    reasons,
    rules,
    scenarios,
    statements,
    units,
)
from costlib.deployments import deployments
from costlib.errors import InputError
from tests.conftest import Run

MONTH = units.base_factor("month")
BILLION = 1e9 / MONTH
KINDS = list(decision.KINDS)


@functools.cache
def case(**given):
    return decision.case(**cases.in_base({**book.parameters("decision"), **given}))


@functools.cache
def costs(**given):
    return decision.costs(case(**given))


def kind(**given):
    return advice.advise(costs(**given)).kind


# --- what exceeds the replicas ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", ["constant", "realtime", "bursty"])
def test_many_stretched_weeks_are_each_the_one_that_loads_makes(shape):
    week, peaks = loads.curve(shape), np.array([1.0, 1.2, 2.0, 2.0, 7.5, 20.0])
    many = overflow.Stretched.of(week, peaks)
    levels = np.tile([0.0, 0.3, 1.0, 1.9, 4.0, 30.0], (len(peaks), 1))
    over, enough = many.overflow(levels), many.quantile(np.tile([-0.2, 0.0, 0.4, 0.95, 1.0], (len(peaks), 1)))
    for row, peak in enumerate(peaks):
        one = loads.stretched(week, peak)
        assert over[row] == pytest.approx(capacity.overflow(one, levels[row]), abs=1e-12)
        assert enough[row] == pytest.approx([0, 0, *(capacity.quantile(one, f) for f in (0.4, 0.95, 1.0))], rel=1e-9)


@pytest.mark.parametrize("peak", [0.5, 1e3, float("nan")])
def test_a_peak_that_a_week_cannot_have_is_refused(peak):
    with pytest.raises(InputError, match="peak_to_mean_ratio = .* is not allowed: for this load it must be at least 1"):
        overflow.Stretched.of(loads.curve("constant"), np.array([2.0, peak]))


@given(
    step=st.floats(0.02, 5), share=st.floats(0.01, 2), peak=st.floats(1, 12),
    shape=st.sampled_from(["constant", "realtime", "bursty"]),
)  # fmt: skip
def test_the_replicas_of_a_hybrid_are_the_best_of_all_numbers(step, share, peak, shape):
    week = loads.stretched(loads.curve(shape), peak)
    rate, price = share * step, 1.0
    bills = capacity.bills(week, step, rate, price)[1:]
    found = overflow.base_load(
        overflow.Stretched.of(loads.curve(shape), [peak]), *(np.array([[v]]) for v in (step, rate, price))
    )
    count, over = (float(each[0, 0]) for each in found)
    assert count * rate + price * over == pytest.approx(bills.min(), rel=1e-9)
    assert over == pytest.approx(float(capacity.overflow(week, count * step)), abs=1e-9)


def test_no_more_replicas_are_kept_than_may_be():
    week = overflow.Stretched.of(loads.curve("constant"), [2.0])
    one = np.array([[1.0]])
    free, _ = overflow.base_load(week, 0.1 * one, 0.001 * one, one)
    few, left = overflow.base_load(week, 0.1 * one, 0.001 * one, one, 3.0)
    assert free[0, 0] > 3 == few[0, 0]
    assert left[0, 0] > 0.6


# --- costs ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("vintage", cases.VINTAGES)
@pytest.mark.parametrize("growth", [0.0, 0.7])
def test_buying_and_hosting_cost_what_the_chapter_on_horizons_says(vintage, growth):
    about = case(vintage=vintage, growth_per_year=growth, tokens_per_month=40e9, horizon_months=36)
    found = decision.costs(about)
    there = horizons.present_costs(about.equations, about.values, 36)
    for way in ("api", "rented", "owned"):
        assert found.usd[way][0] == pytest.approx(there[way])
    ratio = about.values["host_usd_per_token"] / about.values["api_usd_per_token"]
    assert found.usd["host"][0] == pytest.approx(ratio * there["api"])


def test_a_hybrid_over_one_month_by_hand():
    about = case(tokens_per_month=30e9, horizon_months=1, same_model_hosts=False, peak_to_mean_ratio=3.0)
    values, found = (
        about.values,
        costs(tokens_per_month=30e9, horizon_months=1, same_model_hosts=False, peak_to_mean_ratio=3.0),
    )
    week = 30 * BILLION * loads.stretched(loads.curve("constant"), 3.0)
    step = float(about.equations(values, "replica_tokens_per_second")) * (1 - values["batch_penalty_share"])
    labor = values["labor_usd_per_hour"]
    rate = 4 * (values["usd_per_gpu_second"] + labor * values["labor_hours_per_month_per_gpu"])
    fixed = labor * values["labor_hours_per_month"] + values["overhead_usd_per_month"]
    fixed += float(about.equations(values, "storage_usd_per_second"))
    price, up = float(values["api_usd_per_token"]), float(values["node_availability"])
    tried = []
    for count in range(1, 20):
        over = np.maximum(week - count * step, 0).mean()
        tried.append(fixed + count * rate + price * (over + (1 - up) * (week.mean() - over)))
    later = (1 + values["discount_rate_per_year"] * units.base_factor("year")) ** (-1 / 12)
    setup = labor * values["setup_hours"]
    assert found.usd["hybrid"][0, 0] == pytest.approx(setup + later * MONTH * min(tried))
    assert found.replicas["hybrid"][0, 0] == 1 + int(np.argmin(tried))


def test_an_owned_hybrid_keeps_the_number_of_replicas_that_is_cheapest_over_its_horizon():
    given = {
        "tokens_per_month": 60e9,
        "same_model_hosts": False,
        "gpu_price_change_per_year": 0.0,
        "api_price_change_per_year": 0.0,
    }
    about, found = case(**given), costs(**given)
    kept = int(found.replicas["hybrid_owned"][0, 0])
    values = about.values
    worth = horizons.discounts(values["discount_rate_per_year"] * horizons.YEAR, 12)[np.newaxis]
    week = 60 * BILLION * loads.stretched(loads.curve("constant"), float(values["peak_to_mean_ratio"]))
    step, up = float(about.equations(values, "loaded_tokens_per_second")), float(values["node_availability"])

    def bill(count):
        known = {
            name: horizons.column(each)
            for name, each in values.items()
            if name in ("residual_share", "server_life_years")
        }
        gpus, price = (
            np.full((1, 12), 4.0 * count),
            float(values["usd_per_gpu"]) * (1 + float(values["gpu_server_overhead_share"])),
        )
        capital = horizons.capital(gpus, np.full((1, 12), price), known, worth)[0, -1]
        power = 4 * count * float(about.equations(values, "power_usd_per_gpu_second"))
        labor = float(about.equations({**values, "replicas": float(count)}, "labor_usd_per_second"))
        over = np.maximum(week - count * step, 0).mean()
        bought = float(values["api_usd_per_token"]) * (over + (1 - up) * (week.mean() - over))
        running = (
            power
            + labor
            + bought
            + values["overhead_usd_per_month"]
            + float(about.equations(values, "storage_usd_per_second"))
        )
        return float(about.equations(values, "setup_usd")) + capital + MONTH * running * worth[0, 1:].sum()

    assert found.usd["hybrid_owned"][0, -1] == pytest.approx(bill(kept))
    assert bill(kept) == min(bill(count) for count in range(1, 15))


@given(volume=st.floats(1e6, 1e13), times=st.floats(1.01, 30))
def test_more_volume_never_costs_less(volume, times):
    found = decision.costs(case(), {"demand_tokens_per_second": np.array([1, times]) * volume / MONTH})
    for usd in found.usd.values():
        assert usd[1, -1] >= usd[0, -1] * (1 - 1e-9)


# --- limits -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("vintage", cases.VINTAGES)
def test_without_volume_an_api_and_with_endless_prices_hosting(vintage):
    about = case(vintage=vintage, tokens_per_month=30e9)
    small = decision.costs(about, {"demand_tokens_per_second": np.array([1e-9])})
    assert KINDS[small.kinds()[0, -1]] == "api"
    prices_of = {name: np.array([1e6 * float(about.values[name])]) for name in decision.BOUGHT}
    assert KINDS[decision.costs(about, prices_of).kinds()[0, -1]] == "hosting"
    assert kind(vintage=vintage, residency=True) == "hosting"


@given(times=st.floats(1.0, 1e4))
def test_a_dearer_api_never_makes_an_api_the_answer(times):
    about = case(tokens_per_month=30e9)
    moved = {name: np.array([1.0, times]) * float(about.values[name]) for name in decision.BOUGHT}
    before, after = decision.costs(about, moved).kinds()[:, -1]
    assert not (KINDS[before] != "api" and KINDS[after] == "api")


def test_others_who_sell_the_model_are_left_out_where_the_reader_says_so():
    assert advice.advise(costs()).way == "host"
    assert advice.advise(costs(same_model_hosts=False)).way == "api"
    assert np.isinf(costs(same_model_hosts=False).usd["host"]).all()
    assert advice.advise(costs(residency=True, same_model_hosts=True)).way == "host"
    assert case(residency=True, same_model_hosts=True).refused == {"api": "the data may not leave"}


def test_data_that_may_not_leave_rules_out_apis_and_so_hybrids():
    found = costs(residency=True)
    assert all(np.isinf(each).all() for way, each in found.usd.items() if way not in ("rented", "owned"))


def test_the_cheapest_host_is_the_cheapest_fresh_offer_of_that_model():
    name, price = decision.cheapest_host("llama_3_3_70b", {"input_tokens": 2000, "output_tokens": 500})
    offers = prices.offers().query("api_model == 'llama_3_3_70b' and not old")
    blended = (2000 * offers["input"] + 500 * offers["output"]) / 2500
    assert price == pytest.approx(blended.min() / 1e6)
    assert name == prices.provider_name(offers.loc[blended.idxmin(), "provider"])
    assert decision.cheapest_host("llama_2_7b", {"input_tokens": 1, "output_tokens": 1}) == ("", np.inf)


def test_a_team_without_hours_hosts_nothing_and_one_with_few_keeps_fewer_replicas():
    large = {"tokens_per_month": 100e9, "same_model_hosts": False}
    assert kind(**large) == "hybrid"
    assert kind(**large, team_hours_per_month=0) == "api"
    free, tight = costs(**large), costs(**large, team_hours_per_month=35)
    assert tight.replicas["hybrid"][0, -1] == 2 < free.replicas["hybrid"][0, -1]  # 20 + 120 / 12 + 2 * 4 * 0.5 = 34
    assert tight.work["hybrid"][0, -1] == pytest.approx(34 * units.base_factor("hour/month"))
    assert np.isinf(tight.usd["rented"][0, -1])
    assert tight.usd["hybrid"][0, -1] > free.usd["hybrid"][0, -1]


def test_an_objective_that_no_replica_meets_leaves_the_api_and_one_that_it_misses_leaves_nothing():
    strict = {"first_token_limit_seconds": 0.001}
    assert case(**strict).within == 0
    assert kind(**strict) == "api"
    assert kind(**strict, api_first_token_seconds=0.5) == ""
    assert costs(**strict, api_first_token_seconds=0.5).best().max() == -1


def test_an_objective_takes_speed_from_replicas():
    loose, tight = (case(first_token_limit_seconds=each) for each in (1e4, 0.35))
    assert loose.within == decision.LOAD_SHARES[-1]
    assert 0 < tight.within < loose.within
    volume = {"demand_tokens_per_second": np.array([500 * BILLION])}
    dear, cheap = (decision.costs(each, volume).usd["rented"][0, -1] for each in (tight, loose))
    assert dear > cheap


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"residency": "yes"}, "residency = 'yes' is not allowed: it must be true or false"),
        ({"team_hours_per_month": -1}, "team_hours_per_month = -1 is not allowed: it must be a number at least 0"),
        ({"horizon_months": 1.5}, "horizon_months = 1.5 is not allowed: it must be a whole number from 1 to 120"),
        ({"horizon_months": 121}, "horizon_months = 121 is not allowed"),
        ({"load": "bust"}, "load = 'bust' is not allowed"),
        ({"peak_to_mean_ratio": 0.5}, "peak_to_mean_ratio = 0.5 is not allowed"),
    ],
)
def test_a_wrong_number_is_refused_by_name(wrong, message):
    with pytest.raises(InputError, match=message):
        decision.costs(decision.case(**cases.in_base({**book.parameters("decision"), **wrong})))


# --- how sure, how far ------------------------------------------------------------------------------------------------

NEAR_EVEN = {"tokens_per_month": 5e9, "same_model_hosts": False}


def test_the_shares_of_draws_are_those_of_draws_decided_one_by_one():
    about = case(**NEAR_EVEN)
    found = advice.confidence(about, "h100_sxm_80gb", "on_demand")
    drawn = advice.uncertainty.draw(economics.triples(about.values, "h100_sxm_80gb", "on_demand"), advice.DRAWS)
    some = [
        advice.advise(decision.costs(about, {name: each[[row]] for name, each in drawn.items()})).kind
        for row in range(0, advice.DRAWS, 25)
    ]
    assert sum(found.cheapest.values()) == pytest.approx(1)
    assert 0.5 < found.cheapest["hybrid"] < 1
    assert all(found.near[each] >= found.cheapest[each] for each in KINDS)
    assert np.mean([each == "hybrid" for each in some]) == pytest.approx(found.cheapest["hybrid"], abs=0.12)


@pytest.mark.parametrize(
    "given",
    [NEAR_EVEN, {}, {"tokens_per_month": 60e9, "same_model_hosts": False, "team_hours_per_month": 60.0}],
    ids=["near", "default", "large"],
)
def test_answers_flip_where_they_are_said_to_flip(given):
    about, now = case(**given), KINDS.index(kind(**given))
    for each in advice.flips(about):
        if each.label in (advice.HORIZON, advice.TEAM):
            continue
        names = advice.INPUTS[each.label]
        if each.up < np.inf:
            inside, outside = advice.kinds_at(about, names, np.array([each.up / 1.0003, each.up]))
            assert inside == now != outside
            assert KINDS[outside] == each.high
        else:
            assert set(advice.kinds_at(about, names, np.geomspace(1, each.reach[1], 57))) == {now}
        if each.down > 0:
            inside, outside = advice.kinds_at(about, names, np.array([each.down * 1.0003, each.down]))
            assert inside == now != outside
            assert KINDS[outside] == each.low
        else:
            assert set(advice.kinds_at(about, names, np.geomspace(1, each.reach[0], 57))) == {now}


def test_a_horizon_and_a_team_flip_where_they_are_said_to():
    found = {each.label: each for each in advice.flips(case(**NEAR_EVEN, team_hours_per_month=60.0))}
    shorter = round(found[advice.HORIZON].down * 12)
    assert kind(**NEAR_EVEN, team_hours_per_month=60.0, horizon_months=shorter) == found[advice.HORIZON].low == "api"
    assert kind(**NEAR_EVEN, team_hours_per_month=60.0, horizon_months=shorter + 1) == "hybrid"
    hours = 60 * found[advice.TEAM].down
    assert kind(**NEAR_EVEN, team_hours_per_month=hours) == found[advice.TEAM].low == "api"
    assert kind(**NEAR_EVEN, team_hours_per_month=1.001 * hours) == "hybrid"
    assert hours == pytest.approx(32, rel=1e-3)  # 20 of upkeep, 120 / 12 of setup, half an hour for each of four GPUs


def test_the_nearest_flip_comes_first():
    distances = [each.distance for each in advice.flips(case(**NEAR_EVEN))]
    assert distances == sorted(distances)
    assert distances[0] > 1


# --- scenarios --------------------------------------------------------------------------------------------------------


@functools.cache
def few(count=40):
    return scenarios.sample(count), scenarios.solved(count)


def test_scenarios_are_the_same_for_a_seed_and_stay_in_their_ranges():
    one, other = scenarios.sample(50), scenarios.sample(50)
    assert all(np.array_equal(one.drawn[name], other.drawn[name]) for name in one.drawn)
    cells = data.row("assumptions", "demand_tokens_per_second")
    volumes = one.drawn["demand_tokens_per_second"] * MONTH
    assert volumes.min() >= cells["low"]
    assert volumes.max() <= cells["high"]
    assert not np.array_equal(scenarios.sample(50, seed=1).model, one.model)


@pytest.mark.parametrize("row", [0, 7, 23])
def test_a_scenario_is_solved_as_by_trying_everything_one_by_one(row):
    taken, found = few()
    drawn = {name: float(each[row]) for name, each in taken.drawn.items()}
    many = deployments(drivers.hosted_models(), scenarios.gpus(), (scenarios.PRECISION,))
    one = scenarios.Sample({name: each[[row]] for name, each in taken.drawn.items()}, taken.model[[row]],
                           taken.offer[[row]], taken.shape[[row]], taken.seller[[row]])  # fmt: skip
    fleet = scenarios.fleets(one, many, scenarios.gpus(), scenarios.ROOMS)
    week = loads.stretched(loads.curve(scenarios.SHAPES[taken.shape[row]]), drawn["peak_to_mean_ratio"])
    week = week * drawn["demand_tokens_per_second"]
    price, hosted, hybrid = scenarios.prices_of(one)["own"][0], [], []
    for way in range(fleet.values["n_gpus"].shape[1]):
        n_gpus, speed = (float(fleet.values[name][0, way]) for name in ("n_gpus", "replica_tokens_per_second"))
        for rent in (float(each[0, way]) for each in fleet.rents.values()):
            if not np.isfinite(rent):
                continue
            values = {**drawn, "n_gpus": n_gpus, "replica_tokens_per_second": speed, "usd_per_gpu_second": rent,
                      "weight_bytes": float(fleet.values["weight_bytes"][0, way]),
                      "availability_target": float(cases.assumed("availability_target"))}  # fmt: skip
            model = scenarios.REPLICA
            hosted.append(float(model(economics.with_spares(model, values), "self_usd_per_second")))
            up = drawn["node_availability"] ** np.ceil(n_gpus / 8)
            rate = float(model(values, "replica_usd_per_second"))
            fixed = float(model({**values, "replicas": 0.0}, "self_usd_per_second"))
            over = capacity.bills(week, speed * (1 - drawn["batch_penalty_share"]), rate, price * up, fixed)[1:]
            hybrid.append(over.min() + price * (1 - up) * week.mean())
    bills = MONTH * np.array([price * week.mean(), min(hosted), min(hybrid)])
    assert found.bills["own"][:, row] == pytest.approx(bills, rel=1e-9)
    assert found.best("own")[row] == bills.argmin()
    assert found.spend[row] == pytest.approx(bills[0])


def test_more_offers_never_make_anything_dearer_but_hosting():
    _, found = few()
    assert np.all(found.bills["every"][[0, 2]] <= found.bills["own"][[0, 2]] * (1 + 1e-12))
    assert np.array_equal(found.bills["every"][1], found.bills["own"][1])


def test_a_search_finds_what_the_scenarios_find_or_better_than_the_reader():
    about = case(tokens_per_month=40e9, same_model_hosts=False)
    found = scenarios.search(about, "llama_3_3_70b", "fp8", "constant")
    assert found["api"].usd == pytest.approx(40e9 * float(about.values["api_usd_per_token"]))
    own = about.equations(economics.with_spares(about.equations, about.values), "self_usd_per_second") * MONTH
    assert found["hosting"].usd <= own
    assert found["hosting"].gpu in scenarios.gpus()
    assert set(scenarios.search(case(residency=True), "llama_3_3_70b", "fp8", "constant")) == {"hosting"}
    rented = scenarios.search(case(may_buy_gpus=False), "llama_3_3_70b", "fp8", "constant")
    assert {each.contract for each in rented.values()} <= {"", "on_demand", "reserved_1yr", "spot"}


# --- rules ------------------------------------------------------------------------------------------------------------


def solved(bills, spend=None):
    bills = np.array(bills, dtype=float).T
    count = bills.shape[1]
    spend = bills[0] if spend is None else np.array(spend, dtype=float)
    return scenarios.Solved({"own": bills}, spend, {"own": spend}, np.ones(count), np.ones(count), {})


def test_a_score_by_hand():
    found = solved([(10, 20, 30), (40, 20, 10), (30, 10, 20), (10, 11, 12)])
    said = np.array([rules.API, rules.HOSTING, rules.HYBRID, rules.API])
    got = rules.score(found, "own", said, np.array([True, True, True, False]))
    assert (got.share, got.right, got.with_replicas) == pytest.approx((0.75, 1 / 3, 1.0))
    assert got.regret == pytest.approx((0 + 1 + 1) / 3)
    assert got.overpaid == pytest.approx((10 + 20 + 20) / 30 - 1)


def test_rules_speak_where_the_article_says():
    found = solved(np.ones((4, 3)), spend=[4_999, 5_000, 19_999, 20_001])
    assert list(rules.speaks(found, "C139")) == [True, True, False, False]
    assert list(rules.speaks(found, "C140")) == [False, False, False, True]


@given(st.lists(st.tuples(st.floats(0.1, 10), st.floats(1, 9), st.floats(1, 9)), min_size=2, max_size=12))
def test_the_fitted_threshold_is_the_best_of_all(rows):
    ratio = np.array([each[0] for each in rows])
    found = solved([(api, 100, hybrid) for _, api, hybrid in rows])
    everywhere = np.full(len(rows), True)

    def regret(limit):
        said = np.where(ratio > limit, rules.HYBRID, rules.API)
        return rules.score(found, "own", said, everywhere).regret

    limit = rules.threshold(ratio, found, "own", everywhere)
    tried = [0, *(np.unique(ratio)), 20]
    if len(np.unique(ratio)) == len(ratio) and np.diff(np.sort(ratio)).min(initial=1) > 1e-6:
        assert regret(limit) <= min(regret(each) for each in tried) + 1e-9


def test_half_of_the_scenarios_teach_a_rule_that_serves_the_other_half():
    found, halves = scenarios.solved(), np.arange(scenarios.COUNT) % 2 == 0
    ratio = found.offered["every"] / found.rent
    limit = rules.threshold(ratio, found, "every", halves)
    ours = rules.score(found, "every", np.where(ratio > limit, rules.HYBRID, rules.API), ~halves)
    always = rules.score(found, "every", np.full(len(ratio), rules.API), ~halves)
    assert ours.regret < always.regret
    assert ours.right > 0.9
    quick = rules.score(found, "every", found.quick["every"], np.full(len(ratio), True))
    assert quick.right > 0.9


# --- the article ------------------------------------------------------------------------------------------------------


def test_the_articles_framework_by_hand():
    found = statements.decision()
    assert set(found) == {"C139", "C140", "C141", "C142", "C143"}
    lot = scenarios.solved()
    little, much = lot.spend <= 5_000, lot.spend >= 20_000
    best = lot.best("every")
    assert found["C139"] == np.mean(best[little] == 0)
    assert found["C140"] == np.mean(best[much] != 0)
    assert found["C142"] < 1 < found["C143"]


def test_the_articles_burst_by_hand():
    about = decision.case(
        **{**statements.CASE, "model": "llama_3_3_70b", "gpu": "h100_sxm_80gb", "api_model": "gpt_4_1"},
        same_model_hosts=False, peak_to_mean_ratio=10.0, demand_tokens_per_second=1e7 / MONTH,
    )  # fmt: skip
    found = decision.costs(about)
    api = found.usd["api"][0, -1]
    assert api < min(found.usd["rented"][0, -1], found.usd["owned"][0, -1])
    assert statements.burst_ratio() == pytest.approx(
        min(found.usd["hybrid"][0, -1], found.usd["hybrid_owned"][0, -1]) / api
    )
    assert statements.burst_ratio() > 100


# --- words ------------------------------------------------------------------------------------------------------------


def test_a_flip_in_words():
    up = advice.Flip("volume", 0.0, 3.5, "", "hybrid")
    assert reasons.flip(up) == "multiplying the volume by 3.50 makes a hybrid the cheapest"
    down = replace(up, down=0.5, low="api")
    assert reasons.flip(down) == "dividing the volume by 2 makes an API the cheapest"
    assert reasons.flip(replace(up, high="")) == "multiplying the volume by 3.50 leaves no way at all"
    never = replace(up, up=float("inf"))
    assert reasons.nearest([never]).startswith("No input alone changes the kind of the answer")
    assert reasons.never([up, never]) == "Within the range shown it never changes with the volume alone."


def test_confidence_in_words():
    found = advice.Advice("hybrid", "hybrid", 1.0, "api", 2.0)
    how = advice.Confidence({"hybrid": 0.75}, {"hybrid": 0.80}, {}, 2_500)
    assert reasons.sure(found, how) == (
        "That a hybrid is the cheapest is likely, not sure: so it is in 75% of 2,500 draws,"
        " and in 80% within 5% of the cheapest."
    )


# --- the page ---------------------------------------------------------------------------------------------------------


def page(project, *given):
    output = project.path / "_build" / "page.ipynb"
    run = Run(
        project.costlib("run", "decision", *(part for each in given for part in ("-p", each)), "-o", output),
        project,
        output,
    )
    assert run.done.returncode == 0, run.done.stderr[-2000:]
    return run


def test_conditions_that_nothing_meets_are_told(project):
    run = page(project, "residency=true", "team_hours_per_month=0")
    assert "**nothing meets these conditions**" in run.takeaway()
    assert "(the data may not leave)" in run.takeaway()
    assert "34 hours of work a month, and the team has 0 hours" in run.takeaway()


def test_a_dear_host_and_a_large_volume_change_the_answer(project):
    path = project.path / "data" / "api_token_prices.csv"
    frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    frame.loc[frame["api_model"] == "llama_3_3_70b", "usd_per_million_tokens"] = "50"
    frame.to_csv(path, index=False, lineterminator="\n")
    run = page(project, "tokens_per_month=50000000000")
    assert re.search(r"keep \d+ replicas of Llama 3.3 70B", run.takeaway())
    assert "to GPT-4.1**" in run.takeaway()
    assert any("on rented GPUs" in text and "times the cheapest" in text for text in run.texts())
