"""The chapter on volumes: break-evens of real cases, the article's scales by hand, and sentences that must change."""

import functools

import numpy as np
import pytest

from costlib import article, book, cases, economics, execute, tiers, units
from tests.conftest import Run

MONTH = units.base_factor("month")
SCENARIOS = ("startup", "midsize_product", "batch_pipeline", "regulated_enterprise")


@functools.cache
def case(**given):
    defaults = {**book.parameters("scale_tiers"), **given}
    return tiers.case(**cases.in_base(defaults))


def floor(equations, values):
    """What a self-hosted token costs at the least: prices of these tests are told over it, whatever speeds are."""
    return float(equations(values, "floor_usd_per_token"))


def price_of(equations, values):
    return float(equations(values, "api_usd_per_token"))


@pytest.mark.parametrize("vintage", ["current", "article"])
def test_the_equations_of_the_page_are_the_staircase(vintage):
    equations, values = case(vintage=vintage)
    stairs = economics.staircase(equations, values)
    assert equations(values, "step_tokens_per_second") == pytest.approx(stairs.step)
    assert equations(values, "floor_usd_per_token") == pytest.approx(stairs.marginal_usd_per_second / stairs.step)
    assert stairs.cost(values["demand_tokens_per_second"]) == pytest.approx(equations(values, "self_usd_per_second"))


@pytest.mark.parametrize("over_floor", [0.3, 0.9, 1.15, 1.33, 4, 23])
def test_drawn_and_exact_break_evens_agree(over_floor):
    equations, values = case()
    price = over_floor * floor(equations, values)
    exact = economics.staircase(equations, values).first_win(price)
    [found] = tiers.first_wins(equations, values, price)
    assert found == pytest.approx(exact, rel=1e-9)


def test_the_break_even_is_where_the_bills_are_equal():
    equations, values = case()
    price = price_of(equations, values)
    first = economics.staircase(equations, values).first_win(price)
    met = economics.with_spares(equations, {**values, "demand_tokens_per_second": first})
    assert equations(met, "self_usd_per_second") == pytest.approx(price * first)
    assert equations(met, "breakeven_tokens_per_second") == pytest.approx(first)


def test_like_and_unlike_are_told_apart():
    equations, values = case()
    sold = tiers.rivals("llama_3_3_70b", "gpt_4_1", price_of(equations, values), input_tokens=2000, output_tokens=500)
    assert set(sold.loc[sold["like"], "api_model"]) == {"llama_3_3_70b"}
    assert "llama_3_3_70b" not in set(sold.loc[~sold["like"], "api_model"])
    assert list(sold.loc[sold["chosen"], "api_model"]) == ["gpt_4_1"]


@pytest.mark.parametrize(("model", "api_model"), [("mixtral_8x7b", "claude_2"), ("llama_3_3_70b", "llama_3_3_70b")])
def test_what_was_chosen_is_always_among_the_rivals(model, api_model):
    sold = tiers.rivals(model, api_model, 1e-5, input_tokens=2000, output_tokens=500)
    [chosen] = sold[sold["chosen"]].itertuples()
    assert chosen.usd_per_token == 1e-5
    assert chosen.like == (model == api_model)


def test_the_articles_prices_stand_in_its_vintage():
    sold = tiers.rivals("llama_3_3_70b", "gpt_4_1", 1.0, vintage="article", input_tokens=1000, output_tokens=1000)
    [r1] = tiers.rivals("deepseek_r1", "gpt_4_1", 1.0, vintage="article", input_tokens=1000, output_tokens=1000).query(
        "like and api_model == 'deepseek_r1'"
    )["usd_per_token"]
    assert r1 == pytest.approx((0.55 + 2.19) / 2 * 1e-6)
    assert sold.loc[sold["chosen"], "usd_per_token"].item() == 1.0


def test_spares_move_the_break_even_and_speed_does_not_where_the_first_step_is_not_full():
    equations, values = case()
    least = floor(equations, values)
    moves = {name: ends for name, *ends in tiers.tornado(equations, values, 12 * least, "h100_sxm_80gb")}
    assert moves["usd_per_gpu_second"][0] < moves["usd_per_gpu_second"][1]
    assert moves["node_availability"][0] > moves["node_availability"][1]
    assert "throughput_error_factor" not in moves
    full = {name: ends for name, *ends in tiers.tornado(equations, values, 1.15 * least, "h100_sxm_80gb")}
    assert full["throughput_error_factor"][0] > full["throughput_error_factor"][1]


def test_the_interval_holds_the_median_and_says_how_often_never():
    equations, values = case()
    least = floor(equations, values)
    cheap, dear = (tiers.spread(equations, values, over * least, "h100_sxm_80gb") for over in (0.9, 40))
    assert dear.interval.low < dear.interval.central < dear.interval.high < np.inf
    assert dear.never_share == 0
    assert 0.5 < cheap.never_share < 1
    assert np.isinf(cheap.interval.high)
    assert "never wins" in tiers.says_spread(cheap)
    assert "never" not in tiers.says_spread(dear)


def test_words():
    equations, values = case()
    stairs, least = economics.staircase(equations, values), floor(equations, values)
    assert tiers.says(stairs, 0.1 * least) == "at no volume"
    assert tiers.says(stairs, 23 * least).endswith("tokens a month on")
    once = next(price for price in np.linspace(1.4, 2.1, 101) * least if len(stairs.wins(price)) == 2)
    assert "once more" in tiers.says(stairs, once)
    many = len(stairs.wins(1.33 * least)) - 1
    assert many > 1 and f"{many} more times" in tiers.says(stairs, 1.33 * least)
    assert tiers.between(5.95e9 / MONTH, 17.9e9 / MONTH) == "5.95 to 17.9 billion tokens a month"
    assert tiers.between(530e6 / MONTH, 1.46e9 / MONTH) == "530 million to 1.46 billion tokens a month"
    assert tiers.price_span(0.144e-6, 1.04e-6) == "0.144 to 1.04 USD per million tokens"


# --- the article -----------------------------------------------------------------------------------------------------

DEAREST = (1000 * 3 + 300 * 15) / 1300  # USD per million tokens of the article's request at Claude Sonnet 4.6
R1 = (1000 * 0.55 + 300 * 2.19) / 1300
DAYS = 365 / 12


def test_the_articles_scales_by_hand():
    found = article.scale_tiers()
    assert found["C073"] == pytest.approx(0.1 * DAYS * DEAREST)  # 100,000 tokens a day
    assert found["C079"] == pytest.approx(np.sqrt(1 * 10) * DAYS * DEAREST)
    assert found["C080"] == pytest.approx(2.69 * 730)
    assert found["C081"] == pytest.approx(10e6 / 86_400 / 5_000)
    assert found["C082"] == pytest.approx(10 * 99)
    assert found["C083"] == pytest.approx(2.69 * 730 + 990)
    assert found["C087"] == pytest.approx(100 * DAYS * R1)
    assert found["C088"] == pytest.approx(49.24 * 730)  # in full: rent is due at any use
    assert found["C089"] == pytest.approx(100e6 / 86_400 / 40_000)
    assert found["C091"] == pytest.approx(49.24 * 730 + 40 * 99)
    assert found["C093"] == pytest.approx((2.69 * 730 + 990) / DEAREST * 1e6)
    assert found["C095"] == pytest.approx(12 * found["C093"])


def test_the_articles_break_even_contradicts_itself():
    yearly = [12 * units.base_factor("month") * article.claimed("C093"), article.claimed("C095") * 12 * MONTH]
    assert yearly[0] == pytest.approx(600e6)
    assert yearly[1] == pytest.approx(1.5e9)


def test_the_table_of_scales_says_who_wins():
    equations, values = case()
    rows = article.scale_rows(economics.staircase(equations, values), price_of(equations, values))
    assert len(rows) == 9
    by = {(scale, whose): winner for scale, whose, _, _, winner in rows}
    assert by["large", "as the article says"] == "depends"
    assert by["large", "its own inputs"].startswith("API")
    cheap = article.scale_rows(economics.staircase(equations, values), 1e-3)
    assert cheap[-1][-1].startswith("hosting")


# --- scenarios and the page ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_scenario_is_one_of_the_books(name):
    given = execute.scenario(name)
    taken = {key: value for key, value in given.items() if key in book.parameters("scale_tiers")}
    book.check_parameters("scale_tiers", taken)
    equations, values = tiers.case(**cases.in_base({**book.parameters("scale_tiers"), **taken}))
    cases.require_fit(equations, values)


def test_every_scenario_says_who_it_is():
    found = {path.stem: path.read_text("utf-8") for path in execute.SCENARIOS.glob("*.yml")}
    assert set(SCENARIOS) <= set(found)
    assert all(text.startswith("# A") for text in found.values())


def test_papermill_takes_a_scenario_file_and_the_sentences_follow_it(project):
    output = project.path / "startup.ipynb"
    file = "notebooks/scenarios/startup.yml"
    done = project.python("-m", "papermill", "-k", "python3", "-f", file, "notebooks/scale_tiers.ipynb", output)
    run = Run(done, project, output)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "Llama 3.1 8B" in run.takeaway()
    assert "at no volume" in run.takeaway()


def test_one_changed_price_changes_the_answer(project):
    path = project.path / "data" / "api_token_prices.csv"
    lines = path.read_text("utf-8").splitlines(keepends=True)
    newest = {
        kind: max(i for i, line in enumerate(lines) if f",openai,gpt_4_1,{kind}," in line)
        for kind in ("input", "output")
    }
    for place in newest.values():
        cells = lines[place].split(",")
        cells[4] = "0.05"
        lines[place] = ",".join(cells)
    path.write_text("".join(lines), "utf-8")
    output = project.path / "_build" / "cheap.ipynb"
    run = Run(project.costlib("run", "scale_tiers", "-o", output), project, output)
    assert run.done.returncode == 0, run.done.stderr[-2000:]
    assert "wins **at no volume**" in run.takeaway()
