"""What a self-hosted token costs: hand-checked and published numbers, directions, sentences that follow the data."""

import functools
import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from costlib import article, cases, economics, prices, units
from costlib.data import Fact
from costlib.equations import Model
from costlib.models import hosting
from tests.conftest import Project, Run

MILLION, HOUR, MONTH, DAY = 1e-6, 3600.0, 365 / 12 * 86_400, 86_400.0
CASE = {
    "n_gpus": 4, "batch": 64, "precision": "fp8", "kv_precision": "fp8", "input_tokens": 2000, "output_tokens": 500,
}  # fmt: skip
volumes = st.floats(1e7, 1e12)


@functools.cache
def hosted(vintage="current", contract="on_demand"):
    return economics.hosted("llama_3_3_70b", "h100_sxm_80gb", vintage=vintage, contract=contract, **CASE)


def at(tokens_per_month, **given):
    """The case at a volume, with the spares it needs."""
    equations, values = hosted()
    return equations, economics.with_spares(
        equations, {**values, "demand_tokens_per_second": tokens_per_month / MONTH, **given}
    )


def cost(tokens_per_month, **given):
    equations, values = at(tokens_per_month, **given)
    return float(equations(values, "self_usd_per_token"))


# --- by hand ----------------------------------------------------------------------------------------------------------


def test_the_articles_own_figures_give_fifteen_cents_per_million():
    """5,000 tokens per second are 18 million an hour, so 2.69 USD an hour are 0.1494 USD per million."""
    ours = article.self_hosting()
    assert ours["C054"] == 18_000_000
    assert ours["C053"] == pytest.approx(2.69 / 18e6)
    assert ours["C060"] == pytest.approx(2.69 / 18e6 / 0.4)
    assert article.claimed("C053") / ours["C053"] == pytest.approx(1271, abs=1)


def test_a_bill_by_hand():
    """Two needed replicas of one GPU at 3 USD an hour, one spare; nothing else costs anything."""
    values = {
        "n_gpus": 1, "usd_per_gpu_second": 3 / HOUR, "replica_tokens_per_second": 1000, "batch_penalty_share": 0.0,
        "peak_to_mean_ratio": 2.0, "warm_pool_share": 0.0, "demand_tokens_per_second": 800.0, "spare_replicas": 1.0,
        "labor_usd_per_hour": 0.0, "labor_hours_per_month": 0.0, "labor_hours_per_month_per_gpu": 0.0,
        "setup_hours": 0.0, "amortization_months": MONTH, "overhead_usd_per_month": 0.0,
        "storage_usd_per_gigabyte_month": 0.0, "weight_bytes": 1e9,
    }  # fmt: skip
    found = Model(*hosting.EQUATIONS).evaluate(values, "self_usd_per_token", "redundant_usd_per_token", "utilization")
    assert found["replicas_needed"] == 2 and found["utilization"] == pytest.approx(0.4)
    assert found["self_usd_per_token"] == pytest.approx(3 * 3 / (800 * HOUR))
    assert found["redundant_usd_per_token"] == pytest.approx(found["self_usd_per_token"])


def test_owned_cost_of_a_textbook_machine():
    """100,000 USD, 20,000 left after 4 years, 10%: 20,000 a year of depreciation, 6,000 on an average of 60,000."""
    year = units.base_factor("year")
    values = {
        "usd_per_gpu": 100_000, "gpu_server_overhead_share": 0.0, "residual_share": 0.2, "server_life_years": 4 * year,
        "discount_rate_per_year": 0.1 / year, "board_watts": 1000, "server_power_ratio": 1.0,
        "power_usage_effectiveness": 1.5, "electricity_usd_per_kilowatt_hour": units.to_base(0.1, "USD/kilowatt_hour"),
        "colocation_usd_per_kilowatt_month": units.to_base(73, "USD/kilowatt/month"),
    }  # fmt: skip
    found = Model(*hosting.OWNING).evaluate(values)
    assert found["capital_usd_per_gpu_second"] * year == pytest.approx(26_000)
    assert found["power_usd_per_gpu_second"] * HOUR == pytest.approx(0.15 + 73 / 730)


def test_deepseeks_day_comes_out_as_published():
    """226.75 servers of 8 GPUs at 2 USD make 87,072 USD, and 776 billion tokens at 11.22 cents per million."""
    equations, day = economics.production_day()
    found = equations.evaluate(day, "self_usd_per_token", "request_usd")
    assert found["fleet_usd_per_second"] * DAY == pytest.approx(87_072, abs=0.5)
    assert found["self_usd_per_token"] / MILLION == pytest.approx(87_072 / 776_000)
    gap = found["request_usd"] - cases.published("deepseek_revenue_usd_per_day") * DAY
    assert abs(gap) < economics.day_rounding(day) < 2_000
    assert found["cache_hit_share"] == pytest.approx(0.563, abs=5e-4)
    margin = found["request_usd"] / (found["fleet_usd_per_second"] * DAY) - 1
    assert margin == pytest.approx(5.45, abs=0.02)  # 545%, as DeepSeek says


# --- directions -------------------------------------------------------------------------------------------------------


@given(volumes, st.floats(1.01, 5))
def test_a_dearer_gpu_makes_a_dearer_token(volume, factor):
    price = float(hosted()[1]["usd_per_gpu_second"])
    assert cost(volume, usd_per_gpu_second=price * factor) > cost(volume)


@given(volumes, st.floats(1.0, 5))
def test_a_faster_replica_never_makes_a_dearer_token(volume, factor):
    equations, values = hosted()
    speed = equations(values, "replica_tokens_per_second")
    assert cost(volume, replica_tokens_per_second=speed * factor) <= cost(volume) * (1 + 1e-12)


@given(st.floats(0.01, 0.99), st.floats(0.001, 0.009))
def test_cost_falls_with_utilization(used, more):
    equations, values = hosted()
    less_idle, more_idle = (equations({**values, "utilization": u}, "idle_usd_per_token") for u in (used + more, used))
    assert less_idle < more_idle


@given(st.integers(1, 200))
def test_within_a_step_of_the_fleet_more_volume_is_cheaper_per_token(needed):
    equations, values = hosted()
    stairs = economics.staircase(equations, values, steps=needed)
    low, high = stairs.ends[-1] * (1 - 0.4 / needed), stairs.ends[-1] * (1 - 1e-9)
    assert cost(high * MONTH) < cost(low * MONTH)
    assert cost(high * MONTH) * high == pytest.approx(float(stairs.cost(high)), rel=1e-9)


@given(volumes)
def test_the_waterfall_rises_to_the_real_token(volume):
    equations, values = at(volume)
    steps = economics.waterfall(equations, values)
    assert tuple(steps) == hosting.WATERFALL
    totals = list(steps.values())
    assert np.all(np.diff(totals) >= -1e-12 * totals[-1])
    found = equations.evaluate(values, "self_usd_per_token")
    assert totals[-1] == pytest.approx(found["self_usd_per_second"] / found["demand_tokens_per_second"])
    around = found["overhead_usd_per_month"] + found["storage_usd_per_second"]
    assert totals[-1] - totals[-2] == pytest.approx(around / found["demand_tokens_per_second"], rel=1e-6)
    whole = found["fleet_usd_per_second"] / found["demand_tokens_per_second"]
    assert steps["redundant_usd_per_token"] == pytest.approx(whole)


@given(volumes)
def test_input_and_output_together_make_the_bill(volume):
    equations, values = at(volume)
    found = equations.evaluate(values, "self_output_usd_per_token", "self_usd_per_token")
    mixed = (2000 * found["self_input_usd_per_token"] + 500 * found["self_output_usd_per_token"]) / 2500
    assert mixed == pytest.approx(found["self_usd_per_token"])
    assert found["self_output_usd_per_token"] > found["self_input_usd_per_token"]


def test_a_measured_throughput_stands_in_for_the_modelled_one():
    given = cases.in_base({"measured_tokens_per_second": 5000.0, "usd_per_gpu_hour": 2.69})
    equations, values = economics.hosted("llama_3_3_70b", "h100_sxm_80gb", **{**CASE, "n_gpus": 1}, **given)
    assert equations(values, "rent_usd_per_token") == pytest.approx(2.69 / 18e6)


# --- intervals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("volume", [1e9, 1e11])
@pytest.mark.parametrize("vintage", cases.VINTAGES)
def test_the_interval_repeats_and_holds_the_central_case(volume, vintage):
    equations, values = hosted(vintage)
    case = economics.with_spares(equations, {**values, "demand_tokens_per_second": volume / MONTH})
    one, two = (economics.interval(equations, case, "self_usd_per_token", "h100_sxm_80gb") for _ in range(2))
    assert one == two
    assert one.low < equations(case, "self_usd_per_token") < one.high


def test_the_band_agrees_with_the_interval():
    equations, values = at(1e9)
    found = economics.interval(equations, values, "self_usd_per_token", "h100_sxm_80gb")
    grid = np.array([1e9 / MONTH])
    low, high = economics.band(
        equations, values, "self_usd_per_token", "demand_tokens_per_second", grid, "h100_sxm_80gb"
    )
    assert (low[0], high[0]) == pytest.approx((found.low, found.high), rel=0.03)


def test_what_is_given_is_not_drawn():
    _, values = at(1e9, peak_to_mean_ratio=2.0)
    drawn = economics.triples(values, "h100_sxm_80gb")
    assert "peak_to_mean_ratio" not in drawn and "availability_target" not in drawn
    assert {"batch_penalty_share", "node_availability", "usd_per_gpu_second"} <= set(drawn)


def test_the_articles_price_is_not_drawn():
    _, values = hosted("article")
    assert values["usd_per_gpu_second"] * HOUR == pytest.approx(2.69)
    assert "usd_per_gpu_second" not in economics.triples(values, "h100_sxm_80gb")


# --- prices -----------------------------------------------------------------------------------------------------------


def test_spot_is_rented_beyond_what_is_needed():
    share = cases.assumed("spot_interruption_share")
    rent = prices.rental("h100_sxm_80gb", "spot")
    assert hosted(contract="spot")[1]["usd_per_gpu_second"] == pytest.approx(rent / (1 - share))
    assert isinstance(hosted(contract="spot")[1]["usd_per_gpu_second"], Fact)


def test_each_market_lies_between_its_own_quotes():
    for each in prices.rental_markets("h100_sxm_80gb"):
        rows = prices.rental_rows("h100_sxm_80gb", each["contract"], each["provider_class"])["usd_per_gpu_hour"]
        assert rows.min() <= each["low"] * HOUR * (1 + 1e-9) and each["high"] * HOUR <= rows.max() * (1 + 1e-9)
        assert each["low"] <= each["median"] <= each["high"] and each["quotes"] == len(rows)


def test_a_gpu_that_nobody_sells_cannot_be_owned():
    assert economics.owned("tpu_v6e_32gb") is None
    assert economics.owned("h100_sxm_80gb")[1]["usd_per_gpu"] == prices.purchase("h100_sxm_80gb")


# --- the page ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def dear(tmp_path_factory):
    """The chapter where every H100 costs three times as much, and 100 times as many tokens are served."""
    project = Project(tmp_path_factory.mktemp("dear") / "project")
    path = project.path / "data" / "gpu_rental_prices.csv"
    frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    wanted = (frame["gpu"] == "h100_sxm_80gb") & (frame["contract"] == "on_demand")
    frame.loc[wanted, "usd_per_gpu_hour"] = [
        f"{3 * float(price):.4f}" for price in frame.loc[wanted, "usd_per_gpu_hour"]
    ]
    frame.to_csv(path, index=False, lineterminator="\n")
    return page(project, tokens_per_month=100_000_000_000)


def page(project, **given):
    output = project.path / "_build" / "runs" / "self_hosting.ipynb"
    done = project.costlib("run", "self_hosting", *(f"-p{k}={v}" for k, v in given.items()), "-o", output)
    assert done.returncode == 0, done.stderr
    return Run(done, project, output)


def test_the_takeaway_follows_prices_and_parameters(dear):
    rent = 3 * prices.rental("h100_sxm_80gb")
    expected = cost(1e11, usd_per_gpu_second=float(rent)) / MILLION
    assert f"**{units.number(expected)} USD per million tokens**" in dear.takeaway()
    assert "100 billion tokens a month" in dear.takeaway()
    assert "*busiest hour*" in " ".join(dear.texts())


def test_the_interval_is_said_alike_at_the_top_and_at_the_end_and_holds_the_cost(dear):
    [said] = {float(each) for each in re.findall(r"\*\*([\d.,]+) USD per million tokens\*\*", dear.takeaway())}
    first = next(text for text in dear.texts() if "the cost lies between" in text)
    spans = [re.search(pattern, text) for pattern, text in (
        (r"between ([\d.]+) and ([\d.]+) USD", first), (r"\(([\d.]+) to ([\d.]+) USD", dear.takeaway()),
    )]  # fmt: skip
    (low, high), other = (tuple(map(float, found.groups())) for found in spans)
    assert other == (low, high) and low < said < high
