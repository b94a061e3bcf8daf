"""Price trends: fits on series whose break and slope are known, scores, no peeping, and the key points of the rows."""

import functools

import numpy as np
import pandas as pd
import pytest
import ruptures
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from costlib import article, data, forecasts, gpu_history, history, run_costs, trends, verdicts
from costlib.errors import InputError

# --- series that are known -------------------------------------------------------------------------------------------


def noise(count, memory, rng):
    """Standard errors with a first autocorrelation of `memory`."""
    made = rng.normal(size=count)
    for place in range(1, count):
        made[place] = memory * made[place - 1] + np.sqrt(1 - memory**2) * made[place]
    return made


def v_shape(rng, count=40, memory=0.0, spread=0.3):
    """Logarithms that fall by 1 a year for three years and then rise by 0.8."""
    years = np.sort(rng.uniform(2020, 2025, count))
    return years, np.where(years < 2023, 2020 - years, -3 + 0.8 * (years - 2023)) + spread * noise(count, memory, rng)


def test_a_break_and_both_slopes_are_found():
    years, logs = v_shape(np.random.default_rng(1), spread=0.05)
    before, after = trends.fit(years, np.exp(logs))
    assert before.end < 2023.2 and after.start > 2022.8
    assert before.rate == pytest.approx(-1, abs=0.05) and after.rate == pytest.approx(0.8, abs=0.1)
    assert before.points + after.points == len(years)
    assert trends.direction(before) == "falls" and trends.direction(after) == "rises"


def test_the_best_place_of_a_break_is_that_of_ruptures():
    for seed in range(10):
        years, logs = v_shape(np.random.default_rng(seed))
        line = np.column_stack([logs, np.ones_like(years), years - years.mean()])
        theirs = ruptures.Dynp(model="linear", min_size=trends.LEAST, jump=1).fit(line).predict(n_bkps=1)
        assert trends.breaks(years, logs, most=1) == [0, *theirs]


@pytest.mark.parametrize(("memory", "most_false"), [(0.0, 0.05), (0.5, 0.2)])
def test_correlated_errors_seldom_pass_for_breaks_and_true_breaks_are_seen(memory, most_false):
    rng, false, seen, runs = np.random.default_rng(7), 0, 0, 100
    for _ in range(runs):
        years = np.sort(rng.uniform(2020, 2025, 40))
        false += len(trends.breaks(years, -years + 0.3 * noise(40, memory, rng))) > 2
        seen += len(trends.breaks(*v_shape(rng, memory=memory))) > 2
    assert false / runs <= most_false
    assert seen / runs >= 0.95


@pytest.mark.parametrize(
    ("count", "memory", "least"), [(12, 0.0, 0.78), (25, 0.0, 0.8), (25, 0.5, 0.78), (50, 0.5, 0.78)]
)
def test_intervals_cover_the_truth_nearly_as_often_as_they_promise(count, memory, least):
    rng, held, runs = np.random.default_rng(11), 0, 200
    for _ in range(runs):
        years = np.sort(rng.uniform(2020, 2025, count))
        low, high = trends.interval(years, -years + 0.4 * noise(count, memory, rng), draws=200)
        held += low <= -1 <= high
    assert least <= held / runs <= 0.96


def test_a_stretch_is_neither_short_nor_of_few_points():
    rng = np.random.default_rng(3)
    years = np.sort(rng.uniform(2024, 2026, 60))
    logs = np.where((years > 2025) & (years < 2025.4), 2.0, 0.0) + 0.01 * rng.normal(size=60)
    for found in (trends.fit(years, np.exp(logs)), trends.fit(years[::4], np.exp(logs[::4]))):
        assert all(each.points >= trends.LEAST for each in found)
        assert len(found) == 1 or all(each.end - each.start >= trends.SHORTEST for each in found)


def test_the_median_slope_is_that_of_scipy_and_takes_many_draws_at_once():
    rng = np.random.default_rng(5)
    years, logs = np.sort(rng.uniform(2020, 2025, 21)), rng.normal(size=(4, 21))
    one_by_one = [stats.theilslopes(each, years).slope for each in logs]
    assert trends.theil_sen(years, logs) == pytest.approx(one_by_one)


@given(st.floats(-1e3, 1e3), st.integers(0, 19))
def test_one_stray_price_does_not_move_the_slope_far(stray, place):
    years = np.linspace(2020, 2025, 20)
    logs = -0.5 * years
    logs[place] += stray
    assert trends.theil_sen(years, logs) == pytest.approx(-0.5, abs=1e-9)


@given(st.floats(0.01, 100), st.floats(-5, 5))
def test_a_rate_knows_neither_currency_nor_calendar(scale, shift):
    years, logs = v_shape(np.random.default_rng(2), spread=0.05)
    plain = trends.fit(years, np.exp(logs))
    moved = trends.fit(years + shift, scale * np.exp(logs))
    assert [each.points for each in moved] == [each.points for each in plain]
    assert [each.rate for each in moved] == pytest.approx([each.rate for each in plain], rel=1e-6)


@pytest.mark.parametrize(
    ("years", "prices", "words"),
    [
        ([2020, 2021, 2022], [3, 2, 1], "3 prices make no trend: it takes 6"),
        ([2020], [3], "1 price make"),
        ([2020] * 6, [1, 2, 3, 4, 5, 6], "single day"),
        (range(2020, 2026), [1, 2, 0, 4, 5, 6], "a price of 0 has no logarithm"),
    ],
)  # fmt: skip
def test_too_little_is_refused_with_words(years, prices, words):
    with pytest.raises(InputError, match=words):
        trends.fit(years, prices)


def test_the_table_of_fits_says_why_there_is_none():
    [row] = trends.described({"new": ([2026.0, 2026.1], [1.0, 2.0])})
    assert row[:4] == ("new", "", "2", "no fit")
    assert "2 prices make no trend" in row[4]


@given(st.dates(pd.Timestamp("2000-01-01").date(), pd.Timestamp("2040-12-31").date()))
def test_a_decimal_year_knows_its_month(day):
    [year] = trends.decimal_years([str(day)])
    assert trends.month(year) == str(day)[:7].replace("-", "\u2011")


def test_a_move_in_words():
    assert trends.move(-np.log(8.2)) == "÷\u00a08.20"
    assert trends.move(np.log(1.5)) == "×\u00a01.50"
    assert trends.move(0.001) == "no change"


# --- the cheapest ----------------------------------------------------------------------------------------------------

OFFERS = st.lists(st.tuples(st.integers(0, 20), st.floats(0.01, 100)), min_size=1, max_size=30)


@given(OFFERS)
def test_lasting_offers_are_those_below_all_before(offers):
    days, prices = np.array([each[0] for each in offers], float), np.array([each[1] for each in offers])
    chosen = trends.cheapest(days, prices, lasting=True)
    assert np.all(np.diff(prices[chosen]) < 0) and np.all(np.diff(days[chosen]) > 0)
    for day in range(21):
        known = days <= day
        if known.any():
            assert prices[chosen][days[chosen] <= day].min() == prices[known].min()


@given(OFFERS)
def test_lists_give_their_own_cheapest_each_day(offers):
    days, prices = np.array([each[0] for each in offers], float), np.array([each[1] for each in offers])
    chosen = trends.cheapest(days, prices, lasting=False)
    assert dict(zip(days[chosen], prices[chosen], strict=True)) == {day: prices[days == day].min() for day in set(days)}


def test_nothing_offered_is_nothing_chosen():
    assert len(trends.cheapest(np.empty(0), np.empty(0), lasting=True)) == 0


# --- scores and forecasts --------------------------------------------------------------------------------------------


def test_the_score_of_a_normal_forecast_is_the_textbook_one():
    draws, happened = stats.norm.ppf((np.arange(20_000) + 0.5) / 20_000), 0.7
    textbook = happened * (2 * stats.norm.cdf(happened) - 1) + 2 * stats.norm.pdf(happened) - 1 / np.sqrt(np.pi)
    assert forecasts.crps(draws, happened) == pytest.approx(textbook, abs=1e-4)


@given(st.floats(-5, 5), st.floats(-5, 5))
def test_a_sure_forecast_scores_its_error(said, happened):
    assert forecasts.crps(np.full(10, said), happened) == pytest.approx(abs(said - happened), abs=1e-12)


def test_honesty_scores_best():
    """The mean score is lowest for the distribution that events come from: neither shifted, nor too sure, nor vague."""
    rng = np.random.default_rng(4)
    events, standard = rng.normal(size=2_000), rng.normal(size=500)
    score = {spread: forecasts.crps(np.tile(standard * spread, (2_000, 1)), events).mean() for spread in (0.5, 1, 2)}
    assert score[1] < min(score[0.5], score[2])
    assert score[1] < forecasts.crps(np.tile(standard + 1, (2_000, 1)), events).mean()


def test_a_perfect_line_foretells_its_end_and_few_points_foretell_nothing():
    years = np.linspace(2020, 2026, 25)
    found = forecasts.hindcasts(years, 3 - 0.7 * years, [2021.0, 2023.0])
    assert found["points"].tolist() == [4, 12]
    assert np.isnan(found["line"][0])
    assert found["middle"][1] == pytest.approx(3 - 0.7 * 2026, abs=1e-6) and found["line"][1] < 1e-6


def test_a_hindcast_knows_nothing_of_what_came_after():
    rng = np.random.default_rng(6)
    years, logs = np.linspace(2020, 2026, 40), rng.normal(size=40)
    later = np.where(years < 2023, logs, logs + 5)
    one, other = (forecasts.hindcasts(years, each, [2023.0]) for each in (logs, later))
    columns = ["points", "low", "middle", "high"]
    pd.testing.assert_frame_equal(one[columns], other[columns])
    assert one["line"][0] != other["line"][0]


def walk(rng, drift=0.0, months=60, series=5):
    return np.cumsum(drift + 0.05 * rng.normal(size=(months, series)), axis=0)


def test_a_backtest_knows_nothing_of_what_came_after():
    panel = walk(np.random.default_rng(8))
    changed = panel.copy()
    changed[-1] += 9
    one, other = forecasts.backtest(panel), forecasts.backtest(changed)
    touched = 3 * panel.shape[1]  # the forecasts of the last month, by three methods
    pd.testing.assert_frame_equal(one[:-touched], other[:-touched])
    assert (other["score"][-touched:] > one["score"][-touched:]).all()


def test_the_method_that_fits_the_world_wins():
    rng = np.random.default_rng(9)
    assert forecasts.best(forecasts.backtest(walk(rng))) == "stay"
    assert forecasts.best(forecasts.backtest(walk(rng, drift=-0.1))) == "change"
    assert forecasts.best(forecasts.backtest(np.empty((3, 2)))) == "stay"


@given(st.integers(1, 12), st.integers(0, 30))
def test_past_changes_are_all_pairs_that_far_apart(months, length):
    panel = np.arange(length * 2.0).reshape(length, 2)
    assert np.array_equal(forecasts.past_changes(panel, months), np.full(2 * max(length - months, 0), 2.0 * months))


# --- published rates -------------------------------------------------------------------------------------------------


@functools.cache
def again():
    return history.recomputed()


def test_the_rate_at_the_level_of_gpt_3_on_mmlu_is_the_published_one():
    row = again().loc["epoch_mmlu_gpt_3"]
    assert row["low"] < row["ours"] < row["high"]
    assert row["ours"] == pytest.approx(11.77, rel=0.01)
    assert row["ours_points"] == row["points"] == 9


@pytest.mark.parametrize(
    "rate", [key for key in data.table("decline_rates").index if key.startswith(("epoch_mmlu", "epoch_gpqa"))]
)
def test_every_published_rate_of_a_milestone_is_met_with_its_interval(rate):
    row = again().loc[rate]
    assert row["ours_points"] == row["points"]
    assert row["ours"] == pytest.approx(row["central"], rel=0.02)
    assert (row["ours_low"], row["ours_high"]) == pytest.approx((row["low"], row["high"]), rel=0.02)


@pytest.mark.parametrize(
    ("rate", "within"), [("a16z_mmlu_42", 0.2), ("a16z_mmlu_83", 0.2), ("ai_index_mmlu_gpt_3_5", 0.03)]
)
def test_published_totals_are_met(rate, within):
    row = history.totals().loc[rate]
    assert row["ours"] == pytest.approx(row["central"], rel=within)


def test_a_rate_of_an_unknown_benchmark_names_near_ones():
    with pytest.raises(InputError, match="mmlu"):
        history.scored("mmlv")


# --- key points ------------------------------------------------------------------------------------------------------


def listed(api_model, provider, date):
    rows = history.token_prices()
    [row] = rows[(rows["api_model"] == api_model) & (rows["provider"] == provider) & (rows["date"] == date)].to_dict(
        "records"
    )
    return row["input"], row["output"]


@pytest.mark.parametrize(
    ("api_model", "provider", "date", "price"),
    [
        ("gpt_3_davinci", "openai", "2020-09-13", (50, 50)),
        ("gpt_3_davinci", "openai", "2021-11-20", (60, 60)),
        ("gpt_3_davinci", "openai", "2022-09-01", (20, 20)),
        ("gpt_4", "openai", "2023-04-01", (30, 60)),
        ("o3", "openai", "2025-04-16", (10, 40)),
        ("o3", "openai", "2025-06-10", (2, 8)),
        ("deepseek_r1", "deepseek", "2025-01-23", (0.55, 2.19)),
        ("deepseek_reasoner", "deepseek", "2025-09-05", (0.56, 1.68)),
        ("deepseek_reasoner", "deepseek", "2025-09-29", (0.28, 0.42)),
    ],
)  # fmt: skip
def test_key_prices_stand_in_the_rows(api_model, provider, date, price):
    assert listed(api_model, provider, date) == pytest.approx(price)


def test_the_first_gpt_4_is_the_first_price_of_gpt_4():
    rows = history.named().query("api_model == 'gpt_4'")
    assert rows["date"].iloc[0] == "2023-04-01"
    assert rows["usd"].iloc[0] == pytest.approx(37.5)


def test_aws_cut_the_h100_in_the_middle_of_2025():
    rows = gpu_history.rents("h100_sxm_80gb", "hyperscaler").query("provider == 'AWS'")
    before, after = rows[rows["date"] < "2025-06-01"], rows[rows["date"] >= "2025-06-01"]
    assert set(before["usd"]) == {12.29} and set(after["usd"]) == {6.88}
    assert before["date"].max() == "2025-04-23" and after["date"].min() == "2025-06-05"


def test_rents_of_the_h100_fell_and_rose_like_for_like():
    halves = gpu_history.half_years(gpu_history.rents("h100_sxm_80gb", "neocloud")).set_index("half")["like"]
    assert halves[2023.5] > halves[2024.5] > halves[2025.5] < halves[2026.0] < halves[2026.5]
    pairs = gpu_history.same_providers(gpu_history.rents("h100_sxm_80gb", "neocloud"), 2025.5, 2026.5)
    assert len(pairs) >= 4 and np.median(pairs) > 1.2


def test_the_series_begin_in_2020_and_2021():
    assert history.token_prices()["date"].min() == "2020-09-13"
    assert data.table("gpu_rental_prices")["date"].min() < "2021-12-31"


def test_cheap_quality_turned():
    found = trends.fit(
        *(history.fixed_quality("arena_text", history.level("arena_text", "GPT-3.5 Turbo"))[c] for c in ("year", "usd"))
    )
    assert [trends.direction(each) for each in found] == ["falls", "rises"]
    assert 2025.5 < found[1].start < 2026


# --- series ----------------------------------------------------------------------------------------------------------


def test_a_dear_provider_who_joins_late_does_not_move_the_series():
    years = np.repeat(np.arange(2024, 2026, 0.25), 2)
    rows = pd.DataFrame({"year": years, "provider": ["a", "b"] * 8, "usd": [2.0, 4.0] * 8})
    rows = rows[(rows["provider"] == "a") | (rows["year"] >= 2025)]
    like = gpu_history.like_for_like(rows)
    assert like == pytest.approx(np.full(len(rows), like[0]))
    assert len(gpu_history.like_for_like(rows[:0])) == 0


def test_the_cheapest_of_a_quality_is_the_least_of_each_list():
    rows = history.scored("arena_text")
    good = rows[rows["score"] >= 1300].groupby("date")["usd"].min()
    found = history.fixed_quality("arena_text", 1300).set_index("date")["usd"]
    assert found.to_dict() == good.to_dict()


def test_higher_levels_are_never_cheaper():
    panel = history.quality_levels().to_numpy()
    known = np.isfinite(panel[:, 1:]) & np.isfinite(panel[:, :-1])
    assert known.sum() > 100
    assert np.all((panel[:, 1:] >= panel[:, :-1])[known])


def test_counted_by_age_every_level_begins_at_once():
    ages = history.by_age(history.quality_levels())
    assert np.isfinite(ages.iloc[0]).all()


def test_months_carry_a_price_until_the_series_ends():
    rows = pd.DataFrame(
        {
            "date": ["2024-01-15", "2024-03-02", "2024-03-20", "2024-05-01"],
            "who": ["a", "b", "a", "a"],
            "usd": [1.0, 5.0, 2.0, 4.0],
        }
    )
    months = np.exp(history.monthly(rows, "who"))
    assert months["a"].tolist() == pytest.approx([1, 1, 2, 2, 4])
    assert months["b"].notna().tolist() == [False, False, True, False, False]


def test_more_reasoning_at_the_same_price_of_a_token_costs_what_the_runs_say():
    pairs = run_costs.efforts(run_costs.runs()).set_index("what")["ratio"]
    assert pairs["GPT-5, reasoning low to high"] == pytest.approx(29.0829 / 10.3713)
    assert pairs["Claude 3.7 Sonnet, reasoning none to 32k"] == pytest.approx(36.8343 / 17.7191)


def test_a_task_costs_its_share_of_the_run_and_failures_are_paid_for():
    runs = run_costs.runs()
    assert np.allclose(runs["task_usd"] * runs["tasks"], runs["run_usd"])
    assert np.all(runs["solved_task_usd"] >= runs["task_usd"])


def test_an_open_model_that_nobody_hosts_is_named():
    with pytest.raises(InputError, match="llama_3_3_70b"):
        history.hosted("llama_3_3_70")


# --- the article -----------------------------------------------------------------------------------------------------


def test_what_became_of_the_articles_prices():
    ours = article.price_trends()
    assert ours["C176"] == 0 and ours["C177"] == 0
    assert verdicts.verdict(data.row("claims", "C176"), ours["C176"])[0] == "contradicted by public data"
    assert ours["C200"] == pytest.approx(1.5)
    assert ours["C204"] == pytest.approx(60 / 0.07)
    assert set(np.unique(article.sold_then("C199"))) == {20.0, 60.0}


def test_the_verdict_on_gpt_4_1_follows_its_price(project):
    path = project.path / "data" / "api_token_prices.csv"
    text = path.read_text()
    for kind, old, new in (("input", "2", "0.2"), ("output", "8", "0.8")):
        row = f"2026-11-10,openai,gpt_4_1,{kind},{old},"
        assert row in text
        text = text.replace(row, f"2026-11-10,openai,gpt_4_1,{kind},{new},")
    path.write_text(text)
    done = project.python("-c", "from costlib import article; print(article.price_trends()['C176'])")
    assert float(done.stdout) == pytest.approx(0.9), done.stderr
