"""Cost by size: power laws on made and real points, deployments that fit, and the article's prices per thousand."""

import functools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from costlib import article, cases, data, economics, sizes
from costlib.errors import InputError

CASE = {"precision": "fp8", "kv_precision": "fp8", "input_tokens": 2000, "output_tokens": 500, "batch": 64}


@functools.cache
def served(**changes):
    return sizes.served("h100_sxm_80gb", **{**CASE, **changes})


def dense(frame):
    return frame[~frame["experts"] & frame["first"]]


# --- power laws -------------------------------------------------------------------------------------------------------


@given(st.floats(-2, 2), st.floats(1e-6, 1e6))
def test_an_exact_law_is_found_exactly(exponent, scale):
    x = np.geomspace(1e9, 1e12, 12)
    law = sizes.power_law(x, scale * x**exponent)
    assert (law.exponent, law.low, law.high) == pytest.approx((exponent,) * 3, abs=1e-9)
    assert law(x) == pytest.approx(scale * x**exponent) and law.miss == pytest.approx(1)


def test_the_line_is_that_of_numpy():
    x, y = np.array([1.0, 2, 3, 5, 8, 13]), np.array([2.0, 3, 7, 9, 20, 22])
    slope, intercept = np.polyfit(np.log(x), np.log(y), 1)
    law = sizes.power_law(x, y)
    assert (law.exponent, law.scale) == pytest.approx((slope, np.exp(intercept)))


def test_the_interval_covers_the_truth_about_nine_times_in_ten():
    random = np.random.default_rng(1)
    hits = 0
    for _ in range(120):
        x = np.exp(random.uniform(0, 5, 25))
        law = sizes.power_law(x, x**0.8 * np.exp(random.normal(0, 0.3, 25)))
        hits += law.low <= 0.8 <= law.high
    assert 0.78 <= hits / 120 <= 0.97


def test_the_interval_is_the_same_each_time():
    x, y = np.geomspace(1, 100, 9), np.array([1.0, 2, 2, 5, 9, 8, 20, 30, 31])
    one, two = sizes.power_law(x, y), sizes.power_law(x, y)
    assert (one.low, one.high) == (two.low, two.high)


def test_too_few_sizes_are_refused():
    with pytest.raises(InputError, match="at least five different sizes"):
        sizes.power_law(np.array([1.0, 1, 2, 3, 4]), np.ones(5))


def test_a_band_holds_its_line():
    x, y = np.geomspace(1, 100, 9), np.array([1.0, 2, 2, 5, 9, 8, 20, 30, 31])
    law = sizes.power_law(x, y)
    low, high = law.band(x)
    assert np.all(low <= law(x)) and np.all(law(x) <= high)


# --- deployments ------------------------------------------------------------------------------------------------------


def test_every_model_gets_the_smallest_power_of_two_that_holds_it():
    for model in served().index:
        equations, values = sizes.smallest_deployment(model, "h100_sxm_80gb", **CASE)
        cases.require_fit(equations, values)
        count = int(values["n_gpus"])
        assert count & (count - 1) == 0
        if count > 1:
            with pytest.raises(InputError, match="does not fit"):
                cases.require_fit(equations, {**values, "n_gpus": count / 2})


def test_models_whose_context_is_too_short_are_left_out():
    short = [model for model, row in data.table("models").iterrows() if row["max_context_tokens"] < 121_000]
    assert short and not set(short) & set(served(input_tokens=120_000, output_tokens=1_000, batch=4).index)


def test_usual_load_divides_by_utilization_and_full_batches():
    frame = served()
    share = cases.assumed("utilization") * (1 - cases.assumed("batch_penalty_share"))
    assert (frame["rent"] / frame["usual"]).to_numpy() == pytest.approx(np.full(len(frame), share))


def test_cost_in_the_table_is_that_of_the_chapter_on_hosting():
    equations, values = economics.hosted("llama_3_1_405b", "h100_sxm_80gb", n_gpus=8, **CASE)
    assert served().loc["llama_3_1_405b", "rent"] == pytest.approx(equations(values, "rent_usd_per_token"))


def test_dense_cost_without_caches_and_fixed_time_is_in_proportion():
    """What is left are weights read and multiplied, both in proportion to their number, if links take no time."""
    found = sizes.without("h100_sxm_80gb", interconnect_bytes_per_second=1e18, **CASE)
    assert found["both"] == pytest.approx(1.0, abs=0.02)
    frame = dense(served())
    assert sizes.power_law(frame["total"], frame["usual"]).exponent < found["caches"] < found["both"]


@pytest.mark.parametrize("vintage", cases.VINTAGES)
def test_a_mixture_lies_between_dense_models_of_its_active_and_of_all_its_weights(vintage):
    frame = served(vintage=vintage)
    mixed, law = frame[frame["experts"]], dense(frame)
    law = sizes.power_law(law["total"], law["usual"])
    assert np.exp(np.mean(np.log(mixed["usual"] / law(mixed["active"])))) > 1
    assert np.exp(np.mean(np.log(mixed["usual"] / law(mixed["total"])))) < 1


def test_models_of_one_shape_count_once():
    frame = served()
    twins = frame.loc[["llama_3_1_70b", "llama_3_3_70b"]]
    assert twins["usual"].nunique() == 1 and not twins["first"].all()


# --- hosts and the article --------------------------------------------------------------------------------------------


def test_the_mix_weighs_input_and_output():
    even, inputs = sizes.sold(1, 1), sizes.sold(1, 0)
    row = even.iloc[0]
    assert row["price"] == pytest.approx((row["input"] + row["output"]) / 2e6)
    assert (inputs["price"] * 1e6).to_numpy() == pytest.approx(inputs["input"].to_numpy())


def test_classes_by_hand():
    names = {"mistral_7b": "7B", "qwen2_5_72b": "13B to 70B", "mixtral_8x22b": "70B to 405B"}
    names |= {"llama_3_1_405b": "405B and more", "kimi_k2": "405B and more"}
    assert served().loc[list(names), "class"].to_dict() == names


def test_api_prices_per_thousand_are_prices_per_million():
    """At a thousand times less the article's ranges lie within a factor of five of the median offer."""
    ours = article.model_sizes()
    for claim in ("C129", "C132", "C136"):
        low, high = (float(data.row("claims", claim)[f"claimed_{end}"]) for end in ("low", "high"))
        assert low / ours[claim] > 50
        assert low / 1000 / 5 <= ours[claim] <= high / 1000 * 5


def test_dense_cost_grows_less_than_in_proportion_against_the_article():
    assert article.model_sizes()["C126"] < 0.95 < 1 == article.claimed("C126")
