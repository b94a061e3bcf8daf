"""Prices of requests: by hand, at three providers, and in the sentences of the chapter."""

import nbformat
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from costlib import article, book, calibration, data, economics, market, premium, prices
from costlib.equations import Model
from costlib.errors import InputError
from costlib.models import api
from costlib.units import to_base

REQUEST = {"input_tokens": 1000, "output_tokens": 300}


def request(api_model, provider=None, **mix):
    equations, values = economics.bought(api_model, provider=provider, **{**REQUEST, **mix})
    return equations(values, "request_usd")


# --- by hand ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("api_model", "provider", "usd"),
    [
        ("claude_sonnet_4_6", "anthropic", 1000 * 3e-6 + 300 * 15e-6),  # 0.0075
        ("gpt_4_1", "openai", 1000 * 2e-6 + 300 * 8e-6),  # 0.0044
        ("deepseek_r1", "deepseek", 1000 * 0.55e-6 + 300 * 2.19e-6),  # 0.001207, not the 0.001157 of the article
    ],
)
def test_the_article_s_request(api_model, provider, usd):
    assert request(api_model, provider) == pytest.approx(usd, rel=1e-12)
    assert request(api_model, provider, vintage="article") == pytest.approx(usd, rel=1e-12)


def test_what_the_article_adds_up():
    ours = article.api_pricing()
    assert ours["C040"] == pytest.approx(article.claimed("C040"))
    assert ours["C041"] == pytest.approx(article.claimed("C041"))
    assert ours["C042"] - article.claimed("C042") == pytest.approx(0.00005)  # 0.00055 + 0.000657
    assert ours["C043"] == pytest.approx(1 - 0.001207 / 0.0075)  # 83.9%, against the 85% claimed
    assert ours["C043"] < article.claimed("C043")
    assert 1 - ours["C042"] / ours["C041"] == pytest.approx(0.7257, abs=1e-4)


def test_every_answered_claim_is_one():
    assert set(article.api_pricing()) <= set(data.table("claims").index)


def test_cached_input_and_batch_jobs_by_hand():
    # GPT-4.1: 2 USD in, 0.50 cached, 8 out, batch at half: (500 * 2 + 500 * 0.5 + 300 * 8) / 1e6 = 0.00365
    assert request("gpt_4_1", cache_hit_share=0.5) == pytest.approx(0.00365)
    assert request("gpt_4_1", cache_hit_share=0.5, batch_share=1.0) == pytest.approx(0.00365 / 2)
    assert request("gpt_4_1", batch_share=0.4) == pytest.approx(0.0044 * 0.8)


def test_no_listed_discount_is_no_discount():
    assert request("mistral_small_3_2", cache_hit_share=1.0, batch_share=1.0) == pytest.approx(0.00019)


def test_a_given_input_price_takes_the_cached_price_along():
    _, values = economics.bought("gpt_4_1", input_usd_per_token=4e-6, **REQUEST)
    assert float(values["cached_input_usd_per_token"]) == pytest.approx(1e-6)  # a quarter, as listed
    _, values = economics.bought("mistral_small_3_2", input_usd_per_token=4e-6, **REQUEST)
    assert float(values["cached_input_usd_per_token"]) == pytest.approx(4e-6)


def test_the_bill_of_a_month():
    equations, values = economics.bought("gpt_4_1", demand_tokens_per_second=to_base(1.3e9, "token/month"), **REQUEST)
    assert equations(values, "api_usd_per_second") / to_base(1, "USD/month") == pytest.approx(4400)


# --- properties -------------------------------------------------------------------------------------------------------

shares = st.floats(0, 1)
usd = st.floats(1e-9, 1e-3)


@given(low=usd, more=usd, out=usd, hits=shares, extra=shares, wait=shares, discount=shares)
def test_more_cache_hits_or_batch_jobs_are_never_dearer(low, more, out, hits, extra, wait, discount):
    values = {
        "cached_input_usd_per_token": low, "input_usd_per_token": low + more, "output_usd_per_token": out,
        "cache_hit_share": hits, "batch_share": wait, "batch_discount_share": discount, **REQUEST,
    }  # fmt: skip
    usd_of = Model(*api.EQUATIONS)
    cost = usd_of(values, "request_usd")
    rounding = 1 + 1e-12
    assert usd_of({**values, "cache_hit_share": hits + (1 - hits) * extra}, "request_usd") <= cost * rounding
    assert usd_of({**values, "batch_share": wait + (1 - wait) * extra}, "request_usd") <= cost * rounding
    assert low * 1000 * (1 - discount) <= cost * rounding
    assert cost <= ((low + more) * 1000 + out * 300) * rounding


def test_listed_discounts_are_discounts():
    offered = prices.offers(recent_days=np.inf)
    assert (offered["cached_input"].dropna() <= offered["input"][offered["cached_input"].notna()]).all()
    batch = offered.dropna(subset=["batch_input", "batch_output"])
    assert len(batch) > 20
    # One discount stands for both kinds of token, so both must have the same.
    of_input, of_output = batch["batch_input"] / batch["input"], batch["batch_output"] / batch["output"]
    assert of_input.to_numpy() == pytest.approx(of_output.to_numpy(), abs=0.01)


# --- offers -----------------------------------------------------------------------------------------------------------


def test_a_developer_s_own_offer_goes_first_then_fresh_hosts():
    assert prices.offer("gpt_4_1")["provider"] == "openai"
    open_model = prices.offer("llama_3_3_70b")
    assert not open_model["own"] and not open_model["old"] and open_model["provider"] not in prices.AGGREGATORS
    fresh = prices.offers()
    fresh = fresh[(fresh["api_model"] == "llama_3_3_70b") & ~fresh["old"] & ~fresh["provider"].isin(prices.AGGREGATORS)]
    both = (fresh["input"] + fresh["output"]).sort_values()
    assert open_model["input"] + open_model["output"] == both.iloc[(len(both) - 1) // 2]


def test_prices_as_known_on_a_day():
    before, after = prices.offer("claude_sonnet_4_6", on="2026-11-09"), prices.offer("claude_sonnet_4_6")
    assert before["date"] < after["date"]
    assert prices.offers("2024-12-31")["date"].max() <= "2024-12-31"
    assert "gpt_6_astra" not in set(prices.offers("2025-01-01")["api_model"])
    with pytest.raises(InputError, match="'soon' is not a day"):
        prices.offers("soon")


def test_age_is_marked_and_bounded():
    offered = prices.offers()
    days = (np.datetime64(prices.day(None)) - offered["date"].to_numpy().astype("datetime64[D]")).astype(int)
    assert (offered["old"].to_numpy() == (days > prices.STALE_DAYS)).all() and days.max() <= prices.RECENT_DAYS
    old = market.requests(**REQUEST).query("old").iloc[0]
    assert market.offer_label(old).endswith(f"({old['date'][:7]})")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(("gpt41",), "did you mean gpt_4_1"), (("llama_3_3_70b", "togther"), "did you mean together")],
)
def test_misspelled_names_are_answered(arguments, said):
    with pytest.raises(InputError, match=said):
        prices.offer(*arguments)


def test_the_market_costs_what_each_offer_costs():
    mix = {**REQUEST, "cache_hit_share": 0.5, "batch_share": 0.25}
    offered = market.requests(**mix)
    for _, each in offered.iloc[::9].iterrows():
        assert each["request_usd"] == pytest.approx(request(each["api_model"], each["provider"], **mix))
    assert offered[offered["stands"]]["api_model"].is_unique
    assert set(offered["api_model"]) == set(offered[offered["stands"]]["api_model"])


def test_the_shortlist_is_ordered_and_holds_what_is_asked_for():
    offered = market.requests(**REQUEST)
    shown = market.shortlist(offered, "gpt_4_1")
    assert shown["request_usd"].is_monotonic_decreasing and "gpt_4_1" in set(shown["api_model"])
    assert shown["request_usd"].max() == offered.loc[~offered["old"] & offered["stands"], "request_usd"].max()
    assert market.frontier(offered)["developer"].is_unique


# --- the premium ------------------------------------------------------------------------------------------------------

CASE = {"n_gpus": 4, "precision": "fp8", "kv_precision": "fp8", "input_tokens": 2000, "output_tokens": 500, "batch": 64}


def served(model="llama_3_3_70b", **given):
    return economics.hosted(model, "h100_sxm_80gb", usd_per_gpu_second=0.0, **{**CASE, **given})


def test_the_weight_of_an_output_token_by_hand():
    equations, values = served()
    c = calibration.constants("vllm", "h100_sxm_80gb", "fp8")
    # 69.5e9 weights of the layers and the output table in bytes, 64 caches of 2,250 tokens of 163,840 bytes
    read = (68.45e9 + 2.1e9) / (4 * 3.35e12 * c["weight_bandwidth_efficiency"])
    caches = 64 * 2250 * 163_840 / (4 * 3.35e12 * c["cache_bandwidth_efficiency"])
    linear, peak = c["low_precision_factor"], 4 * 1979e12
    arithmetic = (2 * 69.5e9 * linear + 4 * 64 * 128 * 80 * 2250) / (peak * c["decode_compute_efficiency"])
    summed = 2 * 80 * 8192 * 2 * (2 * 3 / 4) / (450e9 * c["link_efficiency"])  # a token over four GPUs
    fixed = c["step_overhead_seconds"] + 80 * (c["layer_seconds"] + 2 * c["allreduce_latency_seconds"])
    step = read + caches + 64 * (arithmetic + summed + c["sequence_seconds"]) + fixed
    token = 2 * 68.45e9 * linear + c["attention_cost_factor"] * 4 * 64 * 128 * 80 * 1000
    token = token / (peak * c["prefill_compute_efficiency"]) + summed
    token += 163_840 / (4 * 3.35e12 * c["cache_bandwidth_efficiency"])
    prompt = 2000 * token + (read + fixed) * max(2000 / c["chunk_budget_tokens"], 1 / 64)
    assert equations(values, "output_token_weight") == pytest.approx((step / 64) / (prompt / 2000), rel=0.01)


@pytest.mark.parametrize("model", ["llama_3_3_70b", "deepseek_v3", "gpt_oss_120b"])
@pytest.mark.parametrize("asked", [3.0, 4.3, 8.0, 20.0])
def test_the_matching_batch_is_the_first(model, asked):
    equations, values = served(model, n_gpus=16 if model == "deepseek_v3" else 4)
    batch = premium.matching_batch(equations, values, asked)
    if np.isinf(batch):
        assert (premium.weights(equations, values, np.geomspace(1, premium.LARGEST_BATCH, 50)) > asked).all()
        return
    weights = premium.weights(equations, values, np.array([max(batch - 1, 1), batch]))
    assert weights[1] <= asked < weights[0] or batch == 1


def test_what_nobody_shares_is_never_outweighed():
    equations, values = served(input_tokens=64_000)
    assert premium.matching_batch(equations, values, 3.0) == np.inf
    assert premium.weights(equations, values, np.array([1e6]))[0] > 3


# --- the chapter ------------------------------------------------------------------------------------------------------


def said_by(done, output):
    assert done.returncode == 0, done.stderr
    outputs = (each.data for cell in nbformat.read(output, 4).cells for each in cell.get("outputs", ()))
    texts = [data["text/markdown"] for data in outputs if "text/markdown" in data]
    return next(text for text in texts if ":class: takeaway" in text), texts


def test_a_changed_price_changes_the_sentences(project):
    rows = (project.path / "data" / "api_token_prices.csv").read_text().splitlines()
    row = next(line for line in rows if line.startswith("2026-11-10,openai,gpt_4_1,output,8,"))
    project.replace("data/api_token_prices.csv", row, row.replace("output,8,", "output,800,"))
    output = project.path / "out.ipynb"
    said, texts = said_by(project.costlib("run", "api_pricing", "-o", output), output)
    assert "**0.404 USD**" in said and "the dearest, GPT-4.1, costs" in said
    assert any("The premium of GPT-4.1 is 400" in text for text in texts)


def test_the_article_s_prices_and_a_past_day(project):
    output = project.path / "out.ipynb"
    given = ("-pvintage=article", "-papi_model=deepseek_r1", "-pprice_date=2025-09-30", "-ptokens_per_month=5e6")
    said, texts = said_by(project.costlib("run", "api_pricing", *given, "-o", output), output)
    assert (
        "DeepSeek R1 at the article's price" in said and "on sale on 2025-09-30" in said and " 5 million tokens" in said
    )
    assert not any("2026-11-10" in text for text in texts if text.startswith("Prices on this page"))


def test_parameters_are_those_of_the_house():
    known = book.parameters("api_pricing")
    assert known["model"] == "llama_3_3_70b" and known["tokens_per_month"] == 1e9 and known["vintage"] == "current"
