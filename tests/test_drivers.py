"""The chapter on drivers: studies that agree with single cases, ranges that are those of the tables, and its words."""

import functools

import numpy as np
import pytest

from costlib import answers, article, availability, cases, data, deployments, drivers, economics, prices, sensitivity
from costlib import study as studies
from costlib.uncertainty import triangle
from tests.conftest import Run

MODEL, GPU = "llama_3_3_70b", "h100_sxm_80gb"
MIX = ("input_tokens", "output_tokens", "cache_hit_share", "batch_share")
READERS = ("buyer", "host", "provider")


@functools.cache
def reader(name, vintage="current"):
    given = {"also": "gpt_4_1"} if name == "buyer" else {"model": MODEL, "gpu": GPU}
    return getattr(drivers, name)(**given, vintage=vintage)


@functools.cache
def answered(name):
    return answers.answer(reader(name), 1024)


def drawn(name, count=32, vintage="current"):
    """Draws of a reader, and the cost of each."""
    made = reader(name, vintage)
    points = sensitivity.points(sum(made.groups), count)
    values = made.draw(points)
    return values, np.exp(made(points))


def deployed(values, place, vintage, batch="batch"):
    """One drawn deployment by `economics.hosted`, with its prefix cache, as a host or provider has it."""
    models, gpus = drivers.hosted_models(MODEL), drivers.rented_gpus(GPU)
    lists = {"model": models, "gpu": gpus, "precision": drivers.PRECISIONS}
    model, gpu, precision = (names[values[key][place]] for key, names in lists.items())
    numbers = {name: float(each[place]) for name, each in values.items() if name in cases.VOCABULARY}
    stored = {"precision": precision, "kv_precision": "bf16" if precision == "bf16" else "fp8"}
    equations, base = economics.hosted(model, gpu, n_gpus=1, usd_per_gpu_second=1.0, vintage=vintage, **stored)
    base |= {**numbers, "batch": 1.0}  # means of a service need not be whole
    fewest = equations(cases.at_full_length(base), "gpus_to_hold_batch")
    n_gpus = 2.0 ** np.ceil(np.log2(fewest)) * numbers["room_factor"]
    largest = equations(cases.at_full_length({**base, "n_gpus": n_gpus}), "largest_batch")
    found = {**base, **numbers, "n_gpus": n_gpus, "batch": float(np.clip(numbers[batch], 1, largest))}
    cached = equations + deployments.CACHED
    found["replica_tokens_per_second"] = cached(found, "cached_replica_tokens_per_second")
    return equations, found, gpu


# --- many at once and one at a time ----------------------------------------------------------------------------------


@pytest.mark.parametrize("vintage", ["current", "article"])
def test_a_drawn_host_pays_what_the_single_case_says(vintage):
    values, costs = drawn("host", vintage=vintage)
    rents = drivers.Rents.of(drivers.rented_gpus(GPU), vintage)
    for place in range(len(costs)):
        equations, found, _ = deployed(values, place, vintage)
        one = [values[name][place : place + 1] for name in ("gpu", "contract", "seller")]
        found["usd_per_gpu_second"] = float(rents(*one)[0])
        single = economics.with_spares(equations, found)
        assert costs[place] == pytest.approx(float(equations(single, "self_usd_per_token")), rel=1e-9)


def test_a_drawn_provider_pays_what_the_single_case_says():
    values, costs = drawn("provider", 16)
    for place in range(len(costs)):
        equations, found, gpu = deployed(values, place, "current", "pooled_batch")
        owning, own = economics.owned(gpu)
        quotes = economics.triples(own)
        own |= {name: values[name][place] for name in economics.OWNED if name in quotes}
        own["usd_per_gpu"] = float(triangle(*quotes["usd_per_gpu"], values["purchase"][place : place + 1])[0])
        found["usd_per_gpu_second"] = rent = float(owning(own, "owned_usd_per_gpu_second"))
        full = equations({**found}, "batched_usd_per_token") / found["pooled_utilization"]
        people = found["labor_usd_per_hour"] * found["labor_hours_per_month_per_gpu"]
        assert costs[place] == pytest.approx(float(full * (1 + people / rent)), rel=1e-9)


@pytest.mark.parametrize("vintage", ["current", "article"])
def test_a_drawn_buyer_pays_what_the_single_case_says(vintage):
    values, costs = drawn("buyer", 64, vintage)
    offers = drivers.offered("gpt_4_1", vintage)
    models = offers["api_model"].unique()
    for place in range(len(costs)):
        sellers = offers[offers["api_model"] == models[values["model"][place]]]
        chosen = sellers.iloc[min(int(values["seller"][place] * len(sellers)), len(sellers) - 1)]
        mix = {name: float(values[name][place]) for name in MIX}
        equations, single = economics.bought(chosen["api_model"], provider=chosen["provider"], vintage=vintage)
        paid = equations({**single, **mix}, "api_usd_per_token") / (1 - values["retry_share"][place])
        assert costs[place] == pytest.approx(float(paid), rel=1e-9)


def test_a_cache_saves_the_time_of_what_it_holds():
    equations, values = economics.hosted(MODEL, GPU, n_gpus=4, batch=64, input_tokens=2000, output_tokens=500)
    equations += deployments.CACHED
    plain = equations(values, "replica_tokens_per_second")
    with_hits = equations({**values, "cache_hit_share": np.array([0.0, 0.5])}, "cached_replica_tokens_per_second")
    per_request = 2500 / with_hits  # seconds of the replica
    saved = 1000 * equations(values, "gpu_seconds_per_input_token") / 4
    assert with_hits[0] == pytest.approx(plain)
    assert per_request[0] - per_request[1] == pytest.approx(float(saved))


def test_spares_in_closed_form_are_the_fewest_that_do():
    random = np.random.default_rng(1)
    needed, replica, common = random.integers(1, 400, 500), random.uniform(0.9, 0.999, 500), random.uniform(0, 0.2, 500)
    for target in (0.99, 0.999):
        extra = availability.extra_replicas(needed, target, replica, common)
        count = availability.sites(target, replica, common)
        each = (extra + needed) // count
        wanted = 1 - (1 - target) ** (1 / count)
        assert np.all(availability.site_availability(needed, each, replica, common) >= wanted * (1 - 1e-12))
        fewer = availability.site_availability(needed, each - 1, replica, common)
        assert np.all((each == needed) | (fewer < wanted))


# --- what may vary ---------------------------------------------------------------------------------------------------


def test_lengths_are_those_of_published_services():
    assert studies.lengths("input_tokens")[::2] == (1154.7, 126_180 + 857)
    assert studies.lengths("output_tokens")[::2] == (27.9, 3789.9)


def test_rents_span_the_market():
    rents = drivers.Rents.of((GPU,))
    low, _, high = prices.rental_range(GPU)
    first, ends = np.zeros(3, dtype=int), np.array([0.0, 0.5, 1.0])
    assert rents(first, np.zeros(3), ends)[::2] == pytest.approx([low, high])
    assert np.all(np.diff(rents(np.zeros(50, dtype=int), np.zeros(50), np.linspace(0, 1, 50))) >= 0)
    said = drivers.Rents.of((GPU,), "article")(first, ends, ends)
    assert said == pytest.approx(np.full(3, float(cases.article_inputs(GPU)["usd_per_gpu_second"])))


def test_the_lists_are_those_of_the_tables():
    models, gpus = drivers.hosted_models("mistral_7b"), drivers.rented_gpus("l4_24gb")
    assert "mistral_7b" in models and "mistral_7b" not in drivers.hosted_models()
    assert "l4_24gb" in gpus and "l4_24gb" not in drivers.rented_gpus()
    assert all(len(prices.rental_rows(gpu)) >= drivers.QUOTES for gpu in drivers.rented_gpus())
    assert len({"llama_3_1_70b", "llama_3_3_70b"} & set(drivers.hosted_models(MODEL))) == 1  # one of each shape
    assert "claude_2" in set(drivers.offered("claude_2")["api_model"])
    assert "claude_2" not in set(drivers.offered()["api_model"])


@pytest.mark.parametrize("name", READERS)
def test_every_input_names_a_kind_a_range_and_a_source(name):
    for each in reader(name).inputs:
        assert each.kind in studies.KINDS and each.about
        tables = [part.strip("`") for part in each.source.split(", ") if part.startswith("`")]
        assert tables or each.source.startswith("{cite:t}")
        assert all(len(data.table(table)) for table in tables)


@pytest.mark.parametrize("name", READERS)
def test_draws_stay_in_their_ranges_and_halved_ones_in_the_middle(name):
    made = reader(name)
    points = sensitivity.points(sum(made.groups), 256)
    whole, half = made.draw(points), made.halved().draw(points)
    for key in set(whole) & {*data.table("assumptions").index}:
        low, high = (float(cases.assumed(key, end)) for end in ("low", "high"))
        assert np.all((whole[key] >= low * (1 - 1e-12)) & (whole[key] <= high * (1 + 1e-12)))
        if key not in ("room_factor", "availability_target"):
            assert np.ptp(half[key]) < np.ptp(whole[key])
    assert set(half["model"]) < set(whole["model"])


def test_an_input_that_is_held_no_longer_varies():
    made = reader("host").holding("volume", demand_tokens_per_second=400.0).holding("model", model=1)
    assert "volume" not in made.labels and "model" not in made.labels
    values = made.draw(sensitivity.points(sum(made.groups), 8))
    assert set(values["demand_tokens_per_second"]) == {400.0} and set(values["model"]) == {1}
    assert not [pair for pair in made.pairs if "volume" in pair]


def test_a_request_costs_its_tokens():
    made = reader("buyer")
    points = sensitivity.points(sum(made.groups), 64)
    values = made.draw(points)
    tokens = values["input_tokens"] + values["output_tokens"]
    assert np.exp(made.per_request()(points)) == pytest.approx(np.exp(made(points)) * tokens)


def test_correlations_are_the_assumed_ones():
    matrix = reader("host").correlation()
    assert np.allclose(matrix, matrix.T) and np.all(np.linalg.eigvalsh(matrix) > 0)
    found = sorted({round(each, 9) for each in matrix[np.triu_indices_from(matrix, 1)] if each})
    assert found == sorted(round(sensitivity.normal_correlation(rank), 9) for rank in (-0.4, 0.4))
    assert reader("host").holding("volume").holding("cache hits").correlation() is None


# --- answers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", READERS)
def test_shares_add_up_and_lie_between_the_sobol_indices(name):
    found = answered(name)
    assert sum(found.shares.values()) == pytest.approx(1)
    assert sum(found.kinds().values()) == pytest.approx(1)
    assert sum(answers.by_label(found.study, found.dependent).values()) == pytest.approx(1)
    assert np.all(found.shapley.value > found.sobol.first.value - 0.06)
    assert np.all(found.shapley.value < found.sobol.total.value + 0.06)
    assert found.costs[0] < found.costs[1] < found.costs[2]


def test_the_swing_of_the_volume_is_that_of_single_cases():
    """Dearest at the lowest volumes: where one replica idles, a tenth of the volume costs ten times as much a token."""
    made = reader("host")
    low, middle, high = answered("host").swings["volume"]
    assert low < middle < high
    column = made.labels.index("volume")
    start = sum(made.groups[:column])
    points = sensitivity.points(sum(made.groups), 8192)
    ends = [np.exp(made(points[:, part]).mean()) for part in (points[start] < 0.1, points[start] >= 0.9)]
    assert ends == pytest.approx([high, low], rel=1e-9)


@pytest.mark.parametrize(
    ("shares", "expected"),
    [
        ({"model": 6, "precision": 5, "sequences at once": 4, "cache hits": 3, "landlord": 2, "GPU": 1}, 0.9258),
        ({"model": 1, "precision": 2, "sequences at once": 3, "cache hits": 4, "landlord": 5, "GPU": 6}, -0.9258),
    ],
)
def test_rank_correlation_with_the_tiers_by_hand(shares, expected):
    """Ranks of the tiers are 2, 2, 2, 4, 5.5, 5.5: with 1 to 6 they give 15 over the root of 15 times 17.5."""
    assert abs(expected) == pytest.approx(15 / np.sqrt(17.5 * 15), abs=1e-4)
    assert answers.rank_correlation(shares) == pytest.approx(expected, abs=1e-4)


def test_the_worst_misplaced_lever():
    shares = {"model": 6, "precision": 5, "sequences at once": 0, "cache hits": 3, "landlord": 2, "GPU": 4}
    assert answers.misplaced(shares)[0] == ("sequences at once", 4.0)
    assert answers.ranks(shares)["GPU"] == (3, 5.5, 3)


def test_words_follow_the_shares():
    assert answers.leads({"a": 0.6, "b": 0.4}) == "decides"
    assert answers.leads({"a": 0.4, "b": 0.2}) == "comes first"
    assert answers.leads({"a": 0.4, "b": 0.39}) == "comes first by little"
    assert answers.listed({"a": 0.6, "b": 0.3, "c": 0.1}, 2) == "a (60%) and b (30%)"
    assert answers.listed({"a": 1.0}) == "a (100%)"
    assert answers.moved({"a": 0.5, "b": 0.5}, {"a": 0.45, "b": 0.1, "c": 0.45}) == ("b", 0.5, 0.1)


def test_a_share_that_is_held_leaves_its_cell_empty():
    labels, grid = answers.grid({"all open": {"a": 0.9, "b": 0.09, "c": 0.01}, "held": {"b": 0.99, "c": 0.01}})
    assert labels == ["a", "b"]
    assert np.isnan(grid[0, 1]) and grid[1, 1] == 0.99


def test_the_articles_levers_are_shares_of_a_cost():
    found = article.driver_ranking()
    assert set(found) == {"C211", "C212", "C213", "C214", "C217", "C218"}
    assert all(0 < value < 1 for value in found.values())
    assert found["C211"] > found["C217"]  # all models differ more than the sellers of one


def test_a_known_volume_changes_what_decides(project):
    for end in ("low", "central", "high"):
        project.cell("assumptions", "demand_tokens_per_second", end, "3000000000")
    output = project.path / "_build" / "known.ipynb"
    run = Run(project.costlib("run", "drivers", "-p", "sobol_points=256", "-o", output), project, output)
    assert run.done.returncode == 0, run.done.stderr[-2000:]
    [first] = [text for text in run.texts() if "one page" in text]
    assert "**If you host a model**, the model" in first and "volume" not in first.split("before")[2].split(".")[0]
