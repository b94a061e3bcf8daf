"""Seeing a cost move: detectors by hand, thresholds and rates from seeds, planted faults found and named."""

import functools

import numpy as np
import pandas as pd
import pytest

from costlib import alerts, anomalies, prices, synthetic, usage
from costlib.errors import InputError

ON = "2026-11-10"
KINDS = tuple(synthetic.FAULTS)


@functools.cache
def price():
    return synthetic.price_of(ON)


@functools.cache
def judged(seed=1, rise=0.2):
    found = anomalies.judge(seed, quiet=20, faulty=12, rise=rise, per_month=0.5, fixed=0.2, on=ON)
    return {(each.detector, each.watch): each for each in found}


@functools.cache
def log(seed):
    return usage.read(synthetic.log(seed))


# --- detectors by hand -----------------------------------------------------------------------------------------------


def test_a_cumulative_sum_by_hand():
    """Half a deviation a day is forgiven, and the sum never falls below zero."""
    assert anomalies.cusum(np.array([1.0, -2.0, 2.0, 0.5, 3.0])).tolist() == [0.5, 0.0, 1.5, 1.5, 4.0]


def test_a_moving_average_by_hand():
    """0.2, then 0.2 x 1 + 0.8 x 0.2 = 0.36, in deviations of 0.2 and of sqrt(0.2 / 1.8 x (1 - 0.8**4))."""
    assert anomalies.ewma(np.array([1.0, 1.0])) == pytest.approx([1.0, 0.36 / np.sqrt(0.0656)])


def test_a_moving_average_of_noise_has_unit_spread_on_every_day():
    score = anomalies.ewma(np.random.default_rng(0).normal(size=(20_000, 12)))
    assert score.std(axis=0) == pytest.approx(np.ones(12), abs=0.02)


def test_a_step_is_split_where_it_is():
    z = np.array([0.0] * 7 + [3.0] * 5)
    place, score = anomalies.split(z)
    assert place == 7
    assert score == pytest.approx(np.sqrt(((z - z.mean()) ** 2).sum()))  # a perfect split explains everything
    assert anomalies.split(-z)[1] == -score


def test_the_usual_of_a_day_is_that_of_its_day_of_the_week():
    week = np.log([5.0, 5, 5, 5, 5, 1, 1])
    above, _ = anomalies.deviations(np.tile(week, 8))
    assert np.array_equal(above, np.zeros(56))


def test_a_few_odd_days_move_no_baseline():
    rng = np.random.default_rng(0)
    series = rng.normal(0, 0.1, 60)
    odd = series.copy()
    odd[[3, 18]] += 5
    (plain, spread), (moved, wider) = anomalies.deviations(series), anomalies.deviations(odd)
    assert np.abs(plain[28:] - moved[28:]).max() < 0.3  # a mean of four would move by 1.25
    assert wider < 1.5 * spread


def test_days_without_requests_are_no_alarm():
    day = np.ones(60)
    day[[5, 40]] = 0
    logs = anomalies.logs_of({"usd": day, "tokens": day, "requests": day})
    assert np.isnan(logs[:, 40]).all()
    above, _ = anomalies.deviations(logs)
    assert np.array_equal(above, np.zeros_like(above))


def test_an_alarm_goes_off_once_until_the_score_has_fallen():
    score = np.zeros(40)
    score[[10, 30, 31, 35]] = 2.0
    assert np.flatnonzero(anomalies.alarms(score, 1.0)).tolist() == [30, 35]  # day 10 is in the baseline


def test_a_threshold_keeps_to_the_alarms_that_it_was_set_for():
    score = np.random.default_rng(0).normal(size=(50, 120))
    limit = anomalies.threshold(score, 0.5)
    assert anomalies.alarms_per_month(score, limit) <= 0.5 < anomalies.alarms_per_month(score, 0.97 * limit)


# --- synthetic logs --------------------------------------------------------------------------------------------------


def totals(kind, size, seed):
    rng, days = np.random.default_rng(seed), 5  # working days
    fault = synthetic.Fault(kind, 0 if kind != "answers" else -synthetic.DRIFT_DAYS, days, size)
    return synthetic.daily(synthetic.requests(rng, days, fault), price(), days, fault)["usd"].sum()


@pytest.fixture
def repriced(monkeypatch):
    """Make the answers of the first product's model so many times as dear."""
    kept = synthetic.price_list.of

    def times(factor):
        def of(pairs):
            listed = kept(pairs)
            listed.loc[listed["model"] == synthetic.PRODUCTS[0].model, "output_pico"] *= factor
            return listed

        monkeypatch.setattr(synthetic.price_list, "of", of)

    return times


@pytest.mark.parametrize("factor", [1, 2, 3])
def test_a_model_that_became_dear_is_switched_to_a_dearer_one(repriced, factor):
    repriced(factor)
    assert 0 < synthetic.sized("dearer", 0.1, synthetic.price_of(ON, 0.1)) <= 1


def test_a_day_before_the_models_were_sold_is_refused():
    with pytest.raises(InputError, match="has no price of gpt_4_1 from openai by 2020-01-01"):
        synthetic.price_of("2020-01-01")


def test_where_no_model_is_dearer_the_fault_is_refused(repriced):
    repriced(100)
    with pytest.raises(InputError, match="a dearer model is used' adds at most 0"):
        synthetic.sized("dearer", 0.1, synthetic.price_of(ON, 0.1))


@pytest.mark.parametrize("kind", KINDS)
def test_every_fault_adds_the_share_to_the_bill_that_it_was_sized_for(kind):
    size = synthetic.sized(kind, 0.15, price())
    plain, faulty = (np.mean([totals(kind, s, seed) for seed in range(60)]) for s in (0.0, size))
    assert faulty / plain - 1 == pytest.approx(0.15, abs=0.03)


def test_a_fault_that_cannot_be_that_large_is_refused():
    with pytest.raises(InputError, match="fault_rise = 0.9 is not allowed"):
        synthetic.sized("cache", 0.9, price())


def test_a_seed_gives_a_log_again():
    pd.testing.assert_frame_equal(synthetic.log(4), synthetic.log(4))
    assert not synthetic.log(4).equals(synthetic.log(5))


def test_daily_sums_are_those_of_the_priced_log():
    """The fast way to daily series, which judging uses, and the exact one, which a reader's log takes, agree."""
    made = synthetic.requests(np.random.default_rng(0), 14)
    frame = synthetic._frame(np.random.default_rng(1), made)
    exact = alerts.daily(usage.read(frame))
    fast = synthetic.daily(made, synthetic.price_of(synthetic.START), 14)
    for name in ("requests", "tokens", "usd"):
        assert exact[name].to_numpy() == pytest.approx(fast[name], rel=1e-9)


def test_lengths_have_the_published_median_and_mean():
    rng = np.random.default_rng(0)
    location, scale = synthetic.lengths("azure_conversation", "output")
    drawn = np.exp(rng.normal(location, scale, 400_000))
    assert np.median(drawn) == pytest.approx(129, rel=0.01)
    assert drawn.mean() == pytest.approx(211.1, rel=0.02)


# --- judging ---------------------------------------------------------------------------------------------------------


def test_rates_come_again_from_a_seed_and_move_with_it():
    again = anomalies.judge(1, quiet=20, faulty=12, rise=0.2, per_month=0.5, fixed=0.2, on=ON)
    assert again == list(judged().values())
    assert [each.false_per_month for each in judged(2).values()] != [each.false_per_month for each in again]


def test_logs_that_judge_are_not_those_that_set():
    """On the logs that set them thresholds keep to the rate; on others they come near it, as sampling has it."""
    setting, counting = (
        np.array(list(anomalies._quiet(seed, 20, price()))) for seed in np.random.SeedSequence(1).spawn(3)[:2]
    )
    assert not np.isclose(setting, counting).all(axis=(1, 2)).any()
    each = judged()["CUSUM", anomalies.ALL]
    own, other = (anomalies.scores(logs)["CUSUM"].max(axis=1) for logs in (setting, counting))
    assert anomalies.alarms_per_month(own, each.threshold) <= 0.5
    assert anomalies.alarms_per_month(other, each.threshold) == pytest.approx(each.false_per_month)
    assert abs(each.false_per_month - 0.5) < 4 * each.error


@pytest.mark.parametrize("detector", anomalies.DETECTORS)
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "answers"])
def test_three_series_find_large_faults_of_every_kind(detector, kind):
    assert judged()[detector, anomalies.ALL].found[kind] >= 0.75


def test_cost_per_token_alone_misses_growing_prompts():
    alone, everything = (judged()["CUSUM", watch] for watch in (anomalies.TOKEN_ONLY, anomalies.ALL))
    assert alone.found["prompts"] < 0.5 < everything.found["prompts"]
    assert alone.delay["prompts"] > everything.delay["prompts"]


def test_larger_faults_are_found_sooner():
    small, large = judged(rise=0.05), judged()
    for detector in anomalies.DETECTORS:
        found = [np.mean(list(of[detector, anomalies.ALL].found.values())) for of in (small, large)]
        assert found[0] < found[1]


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("n_logs", {"quiet": 3}),
        ("n_faulty", {"faulty": 0}),
        ("fault_rise", {"rise": -0.1}),
        ("false_alarms_per_month", {"per_month": 0}),
        ("alert_rise", {"fixed": float("nan")}),
    ],
)
def test_a_wrong_parameter_is_named(name, given):
    usual = {"quiet": 10, "faulty": 10, "rise": 0.1, "per_month": 0.5, "fixed": 0.2}
    with pytest.raises(InputError, match=f"{name} = "):
        anomalies.judge(1, on=ON, **{**usual, **given})


# --- alerts ----------------------------------------------------------------------------------------------------------

LIMIT = 11.0
SEEDS = (2, 3, 7, 12)
START = pd.Timestamp(synthetic.START)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_planted_faults_are_found_and_named(seed):
    found = alerts.find(log(seed), LIMIT)
    for fault, factor in ((synthetic.CACHE, "cache"), (synthetic.LOOP, "requests")):
        planted = START + pd.Timedelta(days=fault.start)
        near = [each for each in found if abs((each.since - planted).days) <= 2]
        assert near, f"nothing near {planted}"
        assert near[0].by("factor").index[0] == factor
        assert near[0].by("product").index[0] == "chat"
        assert near[0].usd_per_month > 0
        assert (near[0].seen - planted).days <= anomalies.SOON
    assert near[0].by("user").index[0] == f"chat-{synthetic.USERS}"
    assert near[0].by("user").iloc[0] > 0.7 * near[0].usd_per_month


@pytest.mark.parametrize("seed", SEEDS)
def test_every_alert_adds_up_by_factor_product_and_user_to_what_the_days_cost_more(seed):
    daily = alerts.daily(log(seed))["usd"]
    found = alerts.find(log(seed), LIMIT)
    assert found
    for each in found:
        sums = [each.by(axis).sum() for axis in ("factor", "product", "user")]
        assert sums == pytest.approx([each.usd_per_month] * 3, rel=1e-9)
    first = found[0]
    days = daily[first.since : first.since + pd.Timedelta(days=first.days - 1)]
    before = daily[first.since - pd.Timedelta(days=28) : first.since - pd.Timedelta(days=1)]
    usual = before.groupby(before.index.day_of_week).mean().loc[days.index.day_of_week].to_numpy()
    assert first.usd_per_month == pytest.approx((days - usual).mean() * anomalies.MONTH_DAYS, rel=1e-9)


def test_a_change_is_never_seen_before_it_began():
    assert all(each.since <= each.seen for seed in SEEDS for each in alerts.find(log(seed), LIMIT))


def test_steady_days_raise_no_alert():
    z = np.random.default_rng(0).normal(0, 0.3, (3, 200))
    assert alerts.changes(z, LIMIT) == []


def test_a_step_up_and_back_is_two_changes_on_their_days():
    z = np.zeros((3, 120))
    z[1, 60:90] = 6.0
    assert [(since, which) for since, _, which in alerts.changes(z, LIMIT)] == [(60, 1), (90, 1)]


def test_a_log_shorter_than_the_baseline_is_not_watched():
    frame = synthetic.log(2)
    days = pd.to_datetime(frame["startTimeUnixNano"])
    short = usage.read(frame[days < START + pd.Timedelta(days=anomalies.BASELINE)])
    assert len(alerts.daily(short)) == anomalies.BASELINE
    assert alerts.find(short, LIMIT) == []


def test_the_book_s_newest_prices_can_price_the_synthetic_products():
    assert (synthetic.price_of(prices.day(None)) > 0).all()


@pytest.mark.parametrize("seed", [-1, 1.5, "two", True])
def test_a_seed_that_is_none_is_named(seed):
    with pytest.raises(InputError, match="seed = "):
        synthetic.log(seed)
