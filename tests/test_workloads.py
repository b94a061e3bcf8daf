"""The chapter on workloads: its cases by hand, what its parameters must change, and its sentences."""

import functools
import re

import numpy as np
import pytest

from costlib import article, book, capacity, cases, data, economics, latency, loads, portfolio, prices, units, workloads
from costlib.errors import InputError
from costlib.portfolio import API, BATCH_API, HOSTED, SPOT
from tests.conftest import Run

MONTH = units.base_factor("month")
BILLION = 1e9 / MONTH
GPU = "h100_sxm_80gb"
EQUAL = {"bursty": 0.25, "constant": 0.25, "realtime": 0.25}


@functools.cache
def case(**given):
    return workloads.case(**cases.in_base({**book.parameters("workloads"), **given}))


@functools.cache
def costs(**given):
    return workloads.replica_costs(*case(**given), GPU, given.get("vintage", "current"))


# --- prices ----------------------------------------------------------------------------------------------------------


def test_contracts_are_compared_within_one_offer():
    frame = data.table("gpu_rental_prices")
    ratio = prices.contract_ratio("spot")
    assert 0.2 < ratio < 0.9
    newest = frame.sort_values("date").groupby(["provider", "gpu", "contract"]).tail(1)
    both = newest.set_index(["provider", "gpu", "contract"])["usd_per_gpu_hour"].unstack()
    one = both.loc["CoreWeave", GPU]
    assert one["spot"] / one["on_demand"] == pytest.approx(2.46375 / 6.155)
    assert both["spot"].div(both["on_demand"]).dropna().min() <= ratio <= both["spot"].div(both["on_demand"]).max()
    with pytest.raises(InputError, match="contract = 'weekly' is not allowed: it must be one of on_demand"):
        prices.contract_ratio("weekly")


def test_contract_prices_follow_the_price_on_demand_and_the_article():
    assert workloads.contract_prices(GPU, 2.0)["spot"] == pytest.approx(2 * prices.contract_ratio("spot"))
    stated = workloads.contract_prices(GPU, 2.0, "article")
    assert stated["reserved"] == pytest.approx(1.5 / 3600)
    other = workloads.contract_prices("l40s_48gb", 2.0, "article")
    assert other["reserved"] == pytest.approx(2 * prices.contract_ratio("reserved_1yr"))


def test_a_spot_replica_by_hand():
    equations, values = case()
    found = costs()
    rent = 4 * values["usd_per_gpu_second"] * prices.contract_ratio("spot")
    people = 4 * values["labor_usd_per_hour"] * values["labor_hours_per_month_per_gpu"]
    carried = equations(values, "loaded_tokens_per_second")
    each = (600 * carried + 64 * 2500 / 2) * equations(values, "api_usd_per_token")
    assert found["spot"] == pytest.approx(rent + people + each / MONTH)
    even = equations(workloads.spot_values(equations, values, GPU), "worthwhile_interruptions_per_month")
    at_even = {**values, "spot_interruptions_per_month": float(even)}
    again = workloads.replica_costs(equations, at_even, GPU)
    assert again["spot"] == pytest.approx(min(again["on_demand"], again["reserved"]))


# --- one load --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("vintage", ["current", "article"])
@pytest.mark.parametrize("kind", ["constant", "realtime", "bursty"])
@pytest.mark.parametrize("billions", [1, 10, 100])
def test_a_load_is_served_as_cheaply_as_any_number_of_replicas_can(vintage, kind, billions):
    equations, values = case(vintage=vintage)
    curve = billions * BILLION * loads.curve(kind)
    found = workloads.serve(equations, values, curve, costs(vintage=vintage))
    step, price = (float(equations(values, name)) for name in ("loaded_tokens_per_second", "api_usd_per_token"))
    base = workloads.fixed(equations, values)
    tried = [
        (base if n else 0) + n * costs(vintage=vintage)["on_demand"] + price * np.maximum(curve - n * step, 0).mean()
        for n in range(60)
    ]
    assert found.mixed == pytest.approx(min(tried))
    assert found.replicas == int(np.argmin(tried))
    assert found.plan is None or found.plan.total + base <= found.mixed * (1 + 1e-12)


def test_what_hosting_costs_at_all_is_the_bill_without_replicas():
    equations, values = case()
    base = workloads.fixed(equations, values)
    by_hand = (
        values["labor_usd_per_hour"] * values["labor_hours_per_month"]
        + values["labor_usd_per_hour"] * values["setup_hours"] / values["amortization_months"]
        + values["overhead_usd_per_month"]
        + equations(values, "storage_usd_per_second")
    )
    assert base == pytest.approx(by_hand)


def test_an_api_behind_them_replaces_spares_and_peaks():
    equations, values = case(tokens_per_month=50e9)
    served = workloads.serve(equations, values, 50 * BILLION * loads.curve("bursty"), costs())
    assert served.mixed < 0.8 * min(served.alone, served.api)


def test_failures_hardly_move_what_the_api_takes():
    # Replicas fail now and then, and the API takes what they would have served: with A = 99.5% that costs little.
    curve, count, step, up = 100 * loads.curve("constant"), 10, 10.0, float(cases.assumed("node_availability"))
    random = np.random.default_rng(1)
    alive = random.binomial(count, up, (2_000, len(curve)))
    failing = np.maximum(curve - alive * step, 0).mean()
    whole = capacity.overflow(curve, count * step)
    assert whole < failing < whole + (1 - up) * curve.mean()


# --- latency ---------------------------------------------------------------------------------------------------------


def test_the_objective_is_the_published_one_unless_given():
    assert latency.limits(None, None) == (0.45, 0.04)
    assert latency.limits(2.0, None) == (2.0, 0.04)


@functools.cache
def late(shares, seed=1, **given):
    equations, values = case(**given)
    return np.array(
        [each.late(0.45, 0.04) for each in latency.simulated(equations, values, np.array(shares), seed=seed)]
    )


def test_fuller_replicas_are_late_more_often_and_the_seed_fixes_how_often():
    shares = (0.3, 0.8, 0.9, 0.97)
    assert np.all(np.diff(late(shares)) > 0)
    equations, values = case()
    again = latency.simulated(equations, values, np.array([0.9]), seed=1)[0]
    assert again.late(0.45, 0.04) == late(shares)[2]
    other = latency.simulated(equations, values, np.array([0.9]), seed=2)[0]
    assert other.late(0.45, 0.04) != late(shares)[2]
    assert other.late(0.45, 0.04) == pytest.approx(late(shares)[2], abs=0.08)


def test_an_idle_replica_begins_after_its_prompt_and_goes_on_at_the_speed_of_one():
    equations, values = case()
    seen = latency.simulated(equations, values, np.array([0.001]))[0]
    assert np.median(seen.first_token) == pytest.approx(equations(values, "prefill_request_seconds"))
    alone = equations({**values, "batch": 1.0}, "output_token_seconds")
    assert np.median(seen.per_token) == pytest.approx(float(alone), rel=0.01)


def test_a_measured_speed_sets_the_pace_of_every_batch():
    equations, values = case()
    modelled = float(equations(values, "replica_tokens_per_second"))
    assert latency.speed(equations, values) == pytest.approx((modelled, 1.0))
    assert latency.speed(equations, values, 16)[0] == pytest.approx(
        float(equations({**values, "batch": 16.0}, "replica_tokens_per_second"))
    )
    measured = {**values, "replica_tokens_per_second": modelled / 2}
    assert latency.speed(equations, measured) == pytest.approx((modelled / 2, 0.5))
    assert latency.speed(equations, measured, 16)[0] == pytest.approx(latency.speed(equations, values, 16)[0] / 2)
    slow, fast = (latency.simulated(equations, given, np.array([0.5]))[0] for given in (measured, values))
    assert np.median(slow.per_token) == pytest.approx(2 * np.median(fast.per_token), rel=1e-6)
    assert np.median(slow.first_token) == pytest.approx(2 * np.median(fast.first_token), rel=1e-6)


def test_the_highest_share_lies_between_what_meets_the_target_and_what_does_not():
    shares = np.array([0.5, 0.7, 0.9])
    assert latency.highest_share(shares, np.array([0.0, 0.005, 0.105])) == pytest.approx(0.71)
    assert latency.highest_share(shares, np.array([0.0, 0.0, 0.0])) == 0.9
    assert latency.highest_share(shares, np.array([0.2, 0.3, 0.4])) == 0.0


def test_a_tight_objective_takes_capacity_and_an_impossible_one_leaves_the_api():
    equations, values = case()
    assert latency.realtime_capacity(equations, values, 1.0) == 1.0
    assert latency.realtime_capacity(equations, values, 0.4) == pytest.approx(0.8 / 0.4)
    assert latency.realtime_capacity(equations, values, 0.0) == np.inf
    [work] = workloads.workloads({"realtime": np.ones(168)}, np.inf)
    assert work.homes == (API,)


# --- a portfolio -----------------------------------------------------------------------------------------------------


def mixed(billions, **given):
    equations, values = case(**given)
    works = workloads.workloads(workloads.split(billions * BILLION, **EQUAL))
    return workloads.mix(equations, values, works, workloads.market(equations, values, costs(**given)))


def test_the_loads_add_up_to_the_volume():
    curves = workloads.split(100.0, 0.5, 0.2, 0.1)
    assert {kind: curve.mean() for kind, curve in curves.items()} == pytest.approx(
        {"bursty": 50, "constant": 20, "realtime": 10, "batch": 20}
    )
    assert "batch" not in workloads.split(100.0, 0.5, 0.5, 0.0)
    with pytest.raises(InputError, match="bursty_share .* = 1.2 is not allowed"):
        workloads.split(1.0, 0.5, 0.5, 0.2)


def test_a_little_work_is_bought_and_saves_the_discount_on_what_may_wait():
    found = mixed(0.1)
    assert found.portfolio.homes == {"bursty": API, "constant": API, "realtime": API, "batch": BATCH_API}
    assert found.best == API
    assert found.saving == pytest.approx(0.25 * 0.5)


@pytest.mark.parametrize("vintage", ["current", "article"])
def test_much_work_is_hosted_and_the_real_time_part_never_on_spot(vintage):
    found = mixed(200, vintage=vintage)
    assert found.best == HOSTED
    assert found.portfolio.homes["realtime"] == HOSTED
    assert found.portfolio.replicas[HOSTED] > 0
    assert found.portfolio.usd_per_second < min(found.api, found.hosted)
    assert 0.2 < found.saving < 0.7


def test_spot_that_is_taken_back_all_the_time_is_left():
    equations, values = case(spot_interruptions_per_month=5_000)
    works = workloads.workloads(workloads.split(200 * BILLION, **EQUAL))
    dear = workloads.replica_costs(equations, values, GPU)
    found = portfolio.solve(works, workloads.market(equations, values, dear))
    assert found.replicas[SPOT] == 0
    assert mixed(200).portfolio.replicas[SPOT] > 0


def test_hosting_begins_where_it_is_said_to_begin():
    equations, values = case()
    offered, volumes = workloads.market(equations, values, costs()), np.array([1.0, 10.0]) * BILLION
    found = workloads.mixes(equations, values, volumes, EQUAL, 1.0, offered)
    first = workloads.first_hosting(equations, values, volumes, found, EQUAL, 1.0, offered)
    assert volumes[0] < first < volumes[1]
    for factor, hosts in ((0.98, False), (1.0, True)):
        works = workloads.workloads(workloads.split(factor * first, **EQUAL))
        assert bool(sum(portfolio.solve(works, offered).replicas.values())) == hosts
    never = workloads.first_hosting(equations, values, volumes[:1], found[:1], EQUAL, 1.0, offered)
    assert never == np.inf


def test_words():
    found = mixed(0.1).portfolio
    assert workloads.says_homes(found) == (
        "bursty, constant and real-time work goes to the API, batch work to its batch endpoint"
    )
    assert workloads.says_replicas(found) == "no replica"
    made = portfolio.Portfolio({"realtime": HOSTED}, {HOSTED: 1, SPOT: 2}, 1.0, 0.0)
    assert workloads.says_replicas(made) == "1 replica kept all the time and 2 replicas on spot"


# --- the article -----------------------------------------------------------------------------------------------------


def test_the_articles_statements_by_hand():
    found = article.workloads()
    week = loads.week("conversation")
    assert found["C170"] == pytest.approx(week.mean() / week.max())
    assert found["C171"] == 0.5
    equations, values = economics.hosted(
        "llama_3_1_70b",
        GPU,
        n_gpus=4,
        precision="fp8",
        kv_precision="fp8",
        batch=1,
        input_tokens=2000,
        output_tokens=500,
    )
    single = equations.evaluate(values, "prefill_request_seconds", "output_token_seconds")
    assert found["C172"] == pytest.approx(single["prefill_request_seconds"] + single["output_token_seconds"])
    assert found["C174"] == pytest.approx(0.125)  # a discount of half on a quarter of the work, and nothing hosted
    assert found["C173"] == 1  # batch work on the API
    assert found["C160"] > 2
    assert 0 < found["C169"] < 1


# --- the page --------------------------------------------------------------------------------------------------------


def test_a_dear_api_and_a_large_volume_change_the_answer(project):
    output = project.path / "_build" / "large.ipynb"
    given = ("-p", "tokens_per_month=200000000000", "-p", "output_usd_per_million_tokens=60", "-p", "load=realtime")
    run = Run(project.costlib("run", "workloads", *given, "-o", output), project, output)
    assert run.done.returncode == 0, run.done.stderr[-2000:]
    assert re.search(r"real-time[a-z ,-]* goes? to replicas of one's own", run.takeaway())
    assert "to its batch endpoint" not in run.takeaway()
    assert any("at your 200 billion tokens a month" in text.lower() for text in run.texts())


def test_an_unknown_load_stops_the_page(project):
    done = project.costlib("run", "workloads", "-p", "load=busty")
    assert done.returncode != 0
    assert "load = 'busty' is not allowed" in done.stderr + done.stdout
