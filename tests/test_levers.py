"""Levers: their limits, how they combine, published results re-derived, and the sentences of their chapter."""

import dataclasses
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costlib import article, cases, data, economics, levers, published, statements, techniques
from costlib.errors import InputError
from costlib.levers import Lever, request_usd, saving
from tests.conftest import Run

GPU = "h100_sxm_80gb"
CASE = {"n_gpus": 4, "precision": "fp8", "kv_precision": "fp8", "input_tokens": 2000, "output_tokens": 500, "batch": 64}
SHARES = st.floats(0.01, 0.99)


def case(model="llama_3_3_70b", gpu=GPU, **changes):
    return techniques.case(model, gpu, **{**CASE, **changes})


START, TARGET = case()
OWN = {lever.key: lever for lever in techniques.own(TARGET, START, "llama_3_1_8b")}


# --- a request -------------------------------------------------------------------------------------------------------


def test_a_plain_request_costs_what_the_other_chapters_say():
    equations, values = economics.hosted("llama_3_3_70b", GPU, **CASE)
    assert request_usd(TARGET) == pytest.approx(equations(values, "rent_usd_per_token") * 2500)


def test_the_parts_of_a_request_are_all_of_it():
    for served in (START, TARGET, case("qwen3_235b_a22b", n_gpus=8)[1]):
        assert sum(levers.parts(served).values()) == pytest.approx(1)


def test_no_lever_saves_more_than_the_parts_that_it_touches():
    parts = levers.parts(START)
    touched = {
        "cache": parts["reading caches"] + parts["prompts"],
        "prefix": parts["prompts"],
        "pruning": parts["reading caches"] + parts["arithmetic"],
        "exits": 1 - parts["prompts"],
        "speculation": 1 - parts["prompts"],
        "batch": parts["reading weights"] + parts["fixed times"] + parts["prompts"],
    }
    for key, share in touched.items():
        assert levers.span(START, OWN[key])[2] <= share, key
    assert saving(START, OWN["prefix"]) > 0.3 * parts["prompts"]


def test_ranges_hold_their_middle_and_follow_the_assumptions():
    for lever in OWN.values():
        low, middle, high = levers.span(START, lever)
        assert low <= middle <= high
    wide = dataclasses.replace(OWN["exits"], ranges={**OWN["exits"].ranges, "exit_share": (0.0, 0.5, 1.0)})
    assert levers.span(START, wide)[2] > levers.span(START, OWN["exits"])[2]


def test_memory_limits_the_batch_and_what_frees_it_pays_there():
    long, _ = case(input_tokens=60_000, output_tokens=2000)
    model, values = levers.replica(long)
    assert values["batch"] == np.floor(model(values, "cache_sequences")) < 16
    for key in ("pruning", "cache"):
        assert saving(long, OWN[key]) > 5 * saving(START, OWN[key])
    with pytest.raises(InputError, match="n_gpus = 1 is not allowed: the weights of llama_3_3_70b in bf16 leave no"):
        case(n_gpus=1)


def test_without_a_number_of_gpus_each_side_takes_the_fewest_that_hold_its_batch():
    wide, narrow = techniques.case("llama_3_3_70b", GPU, **{**CASE, "n_gpus": None})
    assert (levers.gpus(wide), levers.gpus(narrow)) == (3, 2)  # 141 GB and 13 GB of caches, 72 GB and 26 GB
    assert levers.gpus(narrow.but(batch=8.0)) == 1 and levers.gpus(START) == 4


# --- single levers ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch", [1, 16, 256])
@settings(max_examples=8, deadline=None)
@given(cost=st.floats(0, 0.5), drafts=st.integers(1, 8))
def test_drafts_that_are_never_accepted_never_save(batch, cost, drafts):
    tried = START.but(batch=float(batch), draft_tokens=float(drafts), acceptance_share=0.0, draft_cost_share=cost)
    assert request_usd(tried) >= request_usd(START.but(batch=float(batch)))


@pytest.mark.parametrize("size", [2, 4, 8, 16, 24, 32, 48, 56])
def test_published_speedups_of_drafts_are_rederived(size):
    """EAGLE-3 in vLLM on one A100 with Llama 3.1 8B: falls from 1.75 at batch 2 to 1.01 at 56."""
    wide = {"precision": "bf16", "kv_precision": "bf16", "input_tokens": 100, "output_tokens": 300, "n_gpus": 1}
    _, plain = case("llama_3_1_8b", "a100_sxm_80gb", **wide)
    assumed = levers.assumed("acceptance_share", "draft_cost_share")
    drafted = plain.but(
        batch=float(size), draft_tokens=2.0, acceptance_share=assumed["acceptance_share"][1],
        draft_cost_share=assumed["draft_cost_share"][2],
    )  # fmt: skip
    speedup = request_usd(plain.but(batch=float(size))) / request_usd(drafted)
    assert speedup == pytest.approx(float(cases.published(f"eagle3_vllm_batch_{size}_speedup")), rel=0.15)


def test_assumptions_rest_on_published_figures():
    """Acceptance gives the published tokens per step, hits and prices of searches span what is published."""
    for level, key in ((0, "deepseek_v4_mtp_3_drafts_thinking_accepted"), (2, "qwen3_5_mtp_3_drafts_accepted")):
        share = levers.assumed("acceptance_share")["acceptance_share"][level]
        assert sum(share**place for place in range(4)) == pytest.approx(float(cases.published(key)), rel=0.07)
    hits = levers.assumed("found_share")["found_share"]
    assert hits[0] == float(cases.published("semantic_cache_hit_low"))
    assert hits[1] < float(cases.published("semantic_cache_hit_high")) < hits[2]
    assert hits[2] < float(cases.published("gpt_semantic_cache_hit_high"))
    queried = 768 / 1e6 * cases.published("cloudflare_million_dimensions_usd")
    prices = (queried, cases.published("openai_file_search_usd"), cases.published("openai_web_search_usd"))
    assert levers.assumed("search_usd")["search_usd"] == pytest.approx(prices, rel=0.35)
    speedup, tokens = (cases.published(f"qwen3_32b_eagle3_{name}") for name in ("batch_1_speedup", "accepted"))
    assert 2 * levers.assumed("draft_cost_share")["draft_cost_share"][1] == pytest.approx(tokens / speedup - 1, rel=0.1)


def test_drafts_gain_at_batch_1_and_lose_at_large_batches():
    sizes = np.array([1.0, 4, 16, 64, 1024])
    curve = levers.batches(TARGET, OWN["speculation"], sizes)  # an FP8 replica, whose memory holds 500 and more
    assert curve[0] > 0.4 and np.all(np.diff(curve) < 0) and curve[-1] < 0
    assert 64 < levers.first_batch(sizes, curve) < 1024


def test_unpacking_weights_costs_more_than_reading_saves_at_large_batches():
    """As published for AWQ on one H100 (slower than BF16) and on one RTX 4090 (faster, where memory is short)."""
    narrow = Lever("int4", "", {"precision": "int4_g128"})
    few, many = levers.batches(START, narrow, np.array([1.0, 256.0]))
    assert few > 0.2 and many < 0
    assert techniques.faster("gpustack_h100_awq", "gpustack_h100_bf16") == pytest.approx(1 - 13305.38 / 9756.06)
    assert techniques.faster("gpustack_rtx4090_awq", "gpustack_rtx4090_bf16") > 0


def test_a_layer_is_read_while_one_sequence_needs_it():
    exits = {"exit_share": 0.5, "exit_depth_share": 0.5}
    single, full = (1 - request_usd(START.but(batch=b, **exits)) / request_usd(START.but(batch=b)) for b in (1.0, 32.0))
    assert single == pytest.approx(0.25, abs=0.02)  # half of the tokens skip half of the layers
    assert full < 0.2 * single
    assert request_usd(START.but(exit_share=1.0, exit_depth_share=1.0)) == pytest.approx(request_usd(START))


def test_experts_save_arithmetic_and_no_reading_once_all_are_read():
    mixed = case("mixtral_8x22b")[1]
    twin = mixed.but(all_experts=True)
    models = [levers.replica(each.but(batch=256.0)) for each in (mixed, twin)]
    reads = [float(model(values, "weight_read_seconds")) for model, values in models]
    assert reads[0] == pytest.approx(reads[1], rel=1e-3)
    alone = 1 - request_usd(mixed.but(batch=1.0)) / request_usd(twin.but(batch=1.0))
    assert alone > 1 - request_usd(mixed.but(batch=8.0)) / request_usd(twin.but(batch=8.0))


def test_layers_in_fewer_bits_save_their_share():
    narrow = START.but(narrow="fp8", low_precision_share=0.25)
    whole = 1 - request_usd(START.but(precision="fp8")) / request_usd(START)
    assert 1 - request_usd(narrow) / request_usd(START) == pytest.approx(whole / 4)


def test_routing_by_hand_and_its_break_even():
    given = {"large_request_usd": 0.01, "small_request_usd": 0.001, "router_cost_share": 0.04, "repeated_share": 0.1}
    even = levers.RULES(given, "breakeven_routed_share")
    assert levers.RULES({**given, "routed_share": even}, "routed_request_usd") == pytest.approx(0.01)
    assert levers.RULES({**given, "routed_share": 1.0}, "routed_request_usd") == pytest.approx(0.0004 + 0.001 + 0.001)


@settings(max_examples=25, deadline=None)
@given(found=SHARES, cost=st.floats(1e-4, 1))
def test_a_search_pays_up_to_what_it_spares(found, cost):
    given = {"found_share": found, "large_request_usd": cost}
    even = levers.RULES(given, "breakeven_search_usd")
    assert levers.RULES({**given, "search_usd": even}, "retrieved_request_usd") == pytest.approx(cost)


def test_a_prompt_cache_pays_from_its_break_even_on():
    model, values = techniques.prefixed(
        "claude_sonnet_4_6", None, 0.001, cached_prefix_tokens=1500, input_tokens=2000, output_tokens=500
    )
    even = model(values, "breakeven_reuse_share")
    assert even == pytest.approx(0.25 / (0.25 + 0.9))
    price = {share: model({**values, "reuse_share": share}, "prefixed_request_usd") for share in (0.0, even, 1.0)}
    assert price[even] == pytest.approx(values["plain_request_usd"])
    assert price[0.0] == pytest.approx(0.0135 + 0.25 * 1500 * 3e-6)
    assert price[1.0] == pytest.approx(0.0135 - 0.9 * 1500 * 3e-6)
    free, its = techniques.prefixed("gpt_4_1", None, 1e-9, cached_prefix_tokens=9e9, input_tokens=2000, output_tokens=1)
    assert free(its, "prefixed_request_usd") == pytest.approx(its["plain_request_usd"])


# --- together --------------------------------------------------------------------------------------------------------


@settings(max_examples=10, deadline=None)
@given(found=SHARES, routed=SHARES)
def test_savings_of_levers_that_multiply_are_the_product(found, routed):
    """A free search takes its share of whatever a request costs; so does a router to a model for nothing."""
    search = Lever("search", "", {"found_share": found, "search_usd": 0.0})
    batch = Lever("batch", "", {"batch": 64.0})
    alone = (1 - saving(START, search)) * (1 - saving(START, batch))
    assert 1 - saving(START, search, batch) == pytest.approx(alone)
    assert saving(START, search) == pytest.approx(found)


def test_interactions_are_symmetric_and_empty_where_levers_exclude_each_other():
    chosen = [OWN[key] for key in ("weights", "layers", "batch", "prefix", "pruning", "size", "routing")]
    table = levers.interaction(START, chosen)
    assert np.allclose(table, table.T, equal_nan=True)
    for a, b in (("weights", "layers"), ("prefix", "pruning"), ("size", "routing")):
        assert np.isnan(table.loc[a, b])
    both = saving(START, OWN["batch"], OWN["prefix"])
    product = 1 - (1 - saving(START, OWN["batch"])) * (1 - saving(START, OWN["prefix"]))
    assert table.loc["batch", "prefix"] == pytest.approx(both - product)
    assert both > product  # prompts are a larger part once batches have made reading a smaller one


def test_the_exact_order_is_the_best_of_all_orders():
    chosen = [OWN[key] for key in ("weights", "cache", "batch", "prefix", "speculation", "pruning")]
    found = levers.exact(START, chosen)
    tried = [
        (usd[-1], np.mean(usd[1:]), order)
        for size in range(1, 6)
        for order in itertools.permutations(chosen, size)
        if levers.compatible(order)
        for usd in [[float(request_usd(levers.together(START, order[:n]))) for n in range(size + 1)]]
    ]
    least = min(usd for usd, _, _ in tried)
    assert found.usd[-1] == pytest.approx(least)
    keys = {each.key for each in found.levers}
    same = [paid for usd, paid, order in tried if {each.key for each in order} == keys]
    assert found.paid == pytest.approx(min(same))
    assert levers.greedy(START, chosen).usd[-1] >= least * (1 - 1e-12)
    assert sum(found.added) == pytest.approx(found.saving)


def test_greedy_stops_at_a_trap_that_the_exact_way_walks_around():
    """The lure saves most at first and excludes two others, which save more together."""
    lure = Lever("lure", "", {"found_share": 0.5, "search_usd": 0.0}, excludes=frozenset({"a", "b"}))
    pair = [
        Lever("a", "", {"kept_token_share": 0.9, "found_share": 0.45, "search_usd": 0.0}),
        Lever("b", "", {"batch": 64.0}, excludes=frozenset({"lure"})),
    ]
    trapped = levers.greedy(START.but(batch=40.0), [lure, *pair])
    best = levers.exact(START.but(batch=40.0), [lure, *pair])
    assert [each.key for each in trapped.levers] == ["lure"]
    assert best.usd[-1] < trapped.usd[-1] and {each.key for each in best.levers} == {"a", "b"}


# --- the article -----------------------------------------------------------------------------------------------------


def test_every_claim_with_a_value_is_of_this_part_and_its_arithmetic_holds():
    found = article.levers()
    assert set(found) <= set(data.table("claims").index) and all(np.isfinite(value) for value in found.values())
    assert found["C111"] == pytest.approx(500 * 1000 * 3e-6)
    assert found["C112"] == pytest.approx(0.15) and found["C113"] == pytest.approx(0.9)
    assert found["C107"] == pytest.approx(1 - (0.1 + 0.09) / 7.5)
    assert found["C118"] == pytest.approx(float(cases.assumed("found_share")) - 0.1)
    assert found["C103"] == pytest.approx(1 - 1 / found["C100"])
    assert found["C196"] == pytest.approx(np.sqrt(5e8) / (0.0075 / 1300 * (1 - 1 / np.sqrt(50))))
    assert 2 < found["C100"] < 3.1  # as measured sweeps say
    assert min(published.gains(16, lambda requests: requests == 64)["gain"]) < found["C100"]


def test_statements_without_numbers_are_decided_by_rows():
    found = statements.levers()
    assert statements.serving()["C101"] > 10 and found["C102"] == pytest.approx(1)
    assert found["C114"] == pytest.approx(2048 / 500)
    assert found["C146"] == pytest.approx((3.53 + 3.47) / 2 / 3.03)
    assert found["C156"] == pytest.approx(5.9 / 1.3)
    assert 0 < found["C197"] < 10


# --- the page --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """The chapter as it is, and after a search has become almost free."""
    from tests.conftest import Project

    project = Project(tmp_path_factory.mktemp("levers") / "project")
    made = []
    for name in ("usual", "free"):
        if name == "free":
            for level in ("low", "central", "high"):
                project.cell("assumptions", "search_usd", level, "0.00001")
        output = project.path / "_build" / f"{name}.ipynb"
        made.append(Run(project.costlib("run", "levers", "-o", output), project, output))
    return dict(zip(("usual", "free"), made, strict=True))


def test_sentences_follow_a_changed_row(pages):
    usual, free = ("\n".join(pages[name].texts()) for name in ("usual", "free"))
    assert "search first would cost more than it saves" in usual
    assert "search first would cost more" not in free and "then search first" in free
    assert "The middle search costs less than the requests that it spares" in free
