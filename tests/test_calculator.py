"""The calculator: equal to the chapters' calls, in Python and in the browser, and usable by everyone."""

import csv
import functools
import gzip
import io
import math
import random

import pytest

from costlib import (
    book,
    calculator,
    calculator_facts,
    calibration,
    cases,
    data,
    economics,
    prices,
    render,
    replicas,
    tiers,
    units,
)
from costlib.equations import Model
from costlib.errors import InputError
from costlib.quantities import VOCABULARY, quantity
from tests.browsing import BOOK, NO_BOOK, violations, watched

PAGE = "book/executed/calculator.html"
PRESETS = calculator.presets()
STATES = 1_000
CLOSE = 1e-9
needs_page = pytest.mark.skipif(not (BOOK / PAGE).exists(), reason=NO_BOOK)


# --- in Python --------------------------------------------------------------------------------------------------------


@pytest.fixture
def quick(monkeypatch):
    """Look-ups in tables made once each: they are pure, and a thousand states ask for the same few hundred."""
    for module, names in {
        data: ("row", "facts"), cases: ("shape", "weights", "accelerator", "assumed", "article_inputs"),
        calibration: ("constants",), prices: ("offer", "rental", "api"),
    }.items():  # fmt: skip
        for name in names:
            monkeypatch.setattr(module, name, functools.cache(getattr(module, name)))


@pytest.mark.parametrize("name", PRESETS)
def test_each_preset_gives_the_numbers_of_the_chapter_on_scale(name):
    state = PRESETS[name]
    given = {each: value for each, value in state.items() if each in book.parameters("scale_tiers")}
    equations, values = tiers.case(**cases.in_base(given))
    chapter, stairs = equations.evaluate(values), economics.staircase(equations, values)
    found = calculator.answers(state)
    for each in ("self_usd_per_second", "api_usd_per_second", "self_usd_per_token", "api_usd_per_token", "utilization"):
        assert found[each] == float(chapter[each])
    assert found["breakeven_tokens_per_second"] == stairs.first_win(float(chapter["api_usd_per_token"]))


@pytest.mark.parametrize("name", PRESETS)
def test_each_preset_gives_the_numbers_of_the_chapter_on_self_hosting(name):
    given = {each: value for each, value in PRESETS[name].items() if each in book.parameters("self_hosting")}
    given = {each: value for each, value in given.items() if each != "api_model"}
    equations, values = economics.hosted(**cases.in_base(given))
    found = calculator.answers(PRESETS[name])
    for each in ("self_usd_per_token", "self_input_usd_per_token", "self_output_usd_per_token", "replicas"):
        assert found[each] == float(equations(values, each))


def test_scenarios_are_presets_with_all_that_the_calculator_takes():
    names = {path.stem for path in calculator.SCENARIOS.glob("*.yml")}
    assert set(PRESETS) == {"current", "article", *names}
    assert PRESETS["startup"]["api_model"] == "gpt_4o_mini"
    assert PRESETS["startup"]["peak_to_mean_ratio"] == 4.0


def test_parameters_are_converted_from_the_units_that_the_page_names():
    given = calculator.parameters({"labor_usd_per_hour": 3600.0, "setup_hours": 1.0, "availability_target": 0.99})
    assert given == {"labor_usd_per_hour": 1.0, "setup_hours": 3600.0, "availability_target": 0.99}


def test_an_input_out_of_range_is_named():
    with pytest.raises(InputError, match="availability_target"):
        calculator.answers({**PRESETS["current"], "availability_target": 1.5})


def test_every_input_is_a_parameter_and_every_result_a_quantity():
    known = {name for chapter in book.notebooks() for name in book.parameters(chapter)}
    assert {
        name for name in calculator.INPUTS if name not in known | set(economics.ASSUMED + economics.RELIABILITY)
    } == set()
    assert set(calculator.TARGETS) <= set(VOCABULARY)


# --- in the browser ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tab(chromium, site):
    made = watched(chromium, site, viewport={"width": 1280, "height": 900}, accept_downloads=True)
    made.goto(site + PAGE)
    return made


@pytest.fixture
def fresh(tab, site):
    """The page in its first state."""
    tab.goto("about:blank")
    tab.faults.clear()
    tab.goto(site + PAGE)
    yield tab
    assert not tab.faults


def result(tab, name):
    return tab.locator(f'.calculator-result[data-name="{name}"] .calculator-value > span').inner_text()


def fill(tab, name, text):
    tab.locator(f"#calc-{name}").evaluate("each => { each.closest('details').open = true; }")
    tab.locator(f"#calc-{name}").fill(text)
    tab.locator(f"#calc-{name}").blur()


def choose(tab, name, key):
    tab.locator(f"#calc-{name}").evaluate(
        "each => { const group = each.closest('details'); if (group) group.open = true; }"
    )
    tab.locator(f"#calc-{name}").select_option(key)


def closed(one, other):
    """Whether two numbers are equal to `CLOSE`, infinities included."""
    if not (math.isfinite(one) and math.isfinite(other)):
        return one == other
    return abs(one - other) <= CLOSE * max(abs(one), abs(other))


def drawn(count, seed=7):
    """States drawn over the tables and over wide ranges; every third keeps most values of a preset."""
    some, facts = random.Random(seed), calculator_facts.facts()
    keys = {name: list(facts[each.table]) for name, each in calculator.INPUTS.items() if each.table}
    keys["kv_precision"] = [key for key, about in facts["precisions"].items() if about["cache"]]
    keys["model"], keys["gpu"] = some.sample(keys["model"], 50), some.sample(keys["gpu"], 50)
    spans = {
        "n_gpus": (1, 16), "input_tokens": (1, 20_000), "output_tokens": (1, 4_000), "batch": (1, 256),
        "tokens_per_month": (1e6, 1e12), "usd_per_gpu_hour": (0.1, 20), "input_usd_per_million_tokens": (0.01, 20),
        "output_usd_per_million_tokens": (0.01, 80), "peak_to_mean_ratio": (1, 5), "warm_pool_share": (0, 1),
        "batch_penalty_share": (0, 0.9), "availability_target": (0.5, 0.9999), "node_availability": (0.9, 1),
        "common_failure_share": (0, 0.5), "labor_usd_per_hour": (1, 500), "labor_hours_per_month": (0.1, 400),
        "labor_hours_per_month_per_gpu": (0, 5), "setup_hours": (1, 1000), "amortization_months": (1, 60),
        "overhead_usd_per_month": (1, 5000), "measured_tokens_per_second": (10, 1e5),
    }  # fmt: skip
    for place in range(count):
        state = dict(some.choice(list(PRESETS.values())))
        for name, each in calculator.INPUTS.items():
            if place % 3 == 0 and some.random() < 0.8:
                continue
            if each.table:
                state[name] = some.choice(keys[name])
            elif not each.needed and some.random() < 0.5:
                state[name] = None
            else:
                low, high = spans[name]
                value = low + (high - low) * some.random() if low <= 1 else low * (high / low) ** some.random()
                state[name] = round(value) if each.quantity.whole or each.quantity.unit in ("token", "GPU") else value
        yield state


def in_python(state):
    try:
        return calculator.answers(state)
    except InputError:
        return None


COMPUTE = """states => states.map(state => {
    try {
        const { shown, losses } = calculator.calculate(state);
        return { ...Object.fromEntries(NAMES.map(name => [name, String(shown[name])])), losses: String(losses) };
    } catch (error) {
        if (error instanceof calculator.Refused) return null;
        throw error;
    }
})"""


@needs_page
def test_javascript_equals_python_on_a_thousand_random_states(tab, quick):
    states, names = list(drawn(STATES)), [*calculator.TARGETS, *calculator.GIVEN]
    found = tab.evaluate(COMPUTE.replace("NAMES", str(names)), states)
    expected = [in_python(state) for state in states]
    apart = [
        (state, name, float(theirs[name]), float(ours[name]))
        for state, ours, theirs in zip(states, expected, found, strict=True)
        if ours and theirs
        for name in (*names, "losses")
        if not closed(float(theirs[name]), float(ours[name]))
    ]
    assert apart == []
    assert [
        state for state, ours, theirs in zip(states, expected, found, strict=True) if (ours is None) != (theirs is None)
    ] == []
    solved = [each for each in expected if each]
    assert len(solved) > STATES / 3
    decided = {each["saving_usd_per_second"] > 0 for each in solved}
    never = {math.isinf(each["breakeven_tokens_per_second"]) for each in solved}
    assert decided == never == {True, False}
    assert any(each["losses"] > 1 for each in solved)


RATED = {
    "throughput": "replica_output_tokens_per_second", "ttft": "time_to_first_token", "tpot": "output_token_seconds",
}  # fmt: skip
RATED_CASES = [
    ("llama_3_3_70b", "h100_sxm_80gb", 64),
    ("llama_2_7b", "l40s_48gb", 2),
    ("qwen3_235b_a22b", "l4_24gb", 8),
]


@needs_page
@pytest.mark.parametrize(("model", "gpu", "batch"), RATED_CASES)
def test_intervals_are_those_of_the_serving_chapter(tab, model, gpu, batch):
    ask = "([state, metric, batch]) => calculator.interval(state, metric, 10, batch)"
    for metric, name in RATED.items():
        theirs = tab.evaluate(ask, [{"model": model, "gpu": gpu}, metric, batch])
        ours = replicas.bounds(name, 10.0, model=model, gpu=gpu, engine=calculator.ENGINE, sequences=batch)
        assert all(closed(one, other) for one, other in zip(theirs, ours, strict=True))


@needs_page
def test_numbers_are_quoted_as_in_the_book(tab):
    some, names = random.Random(5), sorted(tab.evaluate("Object.keys(calculator.book.quantities)"))
    asked = [(some.choice(names), some.uniform(1, 10) * 10 ** some.randint(-8, 9)) for _ in range(600)]
    asked += [(name, value) for name in names for value in (1.0, 2.0, 12.0)]
    found = tab.evaluate("asked => asked.map(([name, value]) => calculator.words(name, value))", asked)
    wrong = [(each, text) for each, text in zip(asked, found, strict=True) if quantity(each[0]).quote(each[1]) != text]
    assert wrong == []


@needs_page
def test_formulas_with_numbers_are_those_of_the_chapters(fresh):
    equations, values = calculator.case(PRESETS["current"])
    known = equations.evaluate(values, *calculator.TARGETS)
    ask = """name => {
        const good = calculator.calculate(calculator.book.presets.current.state);
        const made = calculator.formula(good.state, name, good.v);
        return [made.latex, made.numbers];
    }"""
    for name in ("self_usd_per_second", "replicas_needed", "time_to_first_token", "api_usd_per_token"):
        inputs = {q.name: known[q.name] for q in equations[name].uses if q.value is None}
        [step] = Model(equations[name]).trace(inputs, name)
        formula, numbers = fresh.evaluate(ask, name)
        assert formula == render.latex(equations[name])
        assert numbers in render.worked_lines([step]).replace("&= ", "= ")


# --- inputs -----------------------------------------------------------------------------------------------------------

# What each input is set to, and a result that must move with it.
MOVES = {
    "n_gpus": ("8", "replica_tokens_per_second"), "input_tokens": ("4000", "api_usd_per_token"),
    "output_tokens": ("900", "api_usd_per_token"), "batch": ("16", "replica_tokens_per_second"),
    "tokens_per_month": ("20,000,000,000", "self_usd_per_second"), "usd_per_gpu_hour": ("1.5", "fleet_usd_per_second"),
    "input_usd_per_million_tokens": ("9", "api_usd_per_token"),
    "output_usd_per_million_tokens": ("90", "api_usd_per_token"), "peak_to_mean_ratio": ("3", "step_tokens_per_second"),
    "warm_pool_share": ("0.5", "step_tokens_per_second"), "batch_penalty_share": ("0.5", "utilization"),
    "availability_target": ("0.9", "replicas"), "node_availability": ("0.9", "replicas"),
    "common_failure_share": ("0.5", "floor_usd_per_token"), "labor_usd_per_hour": ("200", "labor_usd_per_second"),
    "labor_hours_per_month": ("99", "labor_usd_per_second"),
    "labor_hours_per_month_per_gpu": ("3", "labor_usd_per_second"), "setup_hours": ("900", "self_usd_per_second"),
    "amortization_months": ("3", "self_usd_per_second"), "overhead_usd_per_month": ("9000", "self_usd_per_second"),
    "measured_tokens_per_second": ("900", "step_tokens_per_second"),
}  # fmt: skip
CHOICES = {
    "model": ("llama_3_1_8b", "self_usd_per_token"), "gpu": ("h200_sxm_141gb", "self_usd_per_token"),
    "precision": ("bf16", "replica_tokens_per_second"), "kv_precision": ("bf16", "largest_batch"),
    "contract": ("spot", "self_usd_per_token"), "api_model": ("claude_opus_5_5", "api_usd_per_token"),
    "vintage": ("article", "fleet_usd_per_second"),
}  # fmt: skip


def typed(name, text):
    value = text.replace(",", "")
    return value if calculator.INPUTS[name].table else float(value)


@needs_page
@pytest.mark.parametrize("name", calculator.INPUTS)
def test_each_input_moves_what_it_should_to_what_python_says(fresh, name):
    text, moved = {**MOVES, **CHOICES}[name]
    before = result(fresh, moved)
    (choose if name in CHOICES else fill)(fresh, name, text)
    assert result(fresh, moved) != before
    dependent = {"model": ("n_gpus",), "gpu": ("n_gpus",)}.get(name, ())
    state = {**PRESETS["current"], **dict.fromkeys(dependent), name: typed(name, text)}
    answers = calculator.answers(state)
    for each in ("self_usd_per_token", "api_usd_per_token", moved):
        assert quantity(each).quote(answers[each]).startswith(result(fresh, each))
    assert f"{name}=" in fresh.url


@needs_page
@pytest.mark.parametrize("name", PRESETS)
def test_each_preset_can_be_chosen_and_says_what_python_says(fresh, name):
    choose(fresh, "preset", "article" if name == "current" else "current")
    choose(fresh, "preset", name)
    answers = calculator.answers(PRESETS[name])
    for each in ("self_usd_per_token", "api_usd_per_token", "self_usd_per_second", "replicas", "floor_usd_per_token"):
        assert quantity(each).quote(answers[each]).startswith(result(fresh, each))
    even = answers["breakeven_tokens_per_second"]
    wanted = "never" if math.isinf(even) else quantity("breakeven_tokens_per_second").quote(even)
    assert result(fresh, "breakeven_tokens_per_second") == wanted
    winner = "Hosting" if answers["saving_usd_per_second"] > 0 else "The API"
    assert fresh.locator("#calc-decision strong").inner_text() == winner
    assert (wanted == "never") == ("at no volume" in fresh.locator("#calc-bills").inner_text())


@needs_page
def test_choosing_fills_what_depends_on_the_choice(fresh):
    rent, price = fresh.locator("#calc-usd_per_gpu_hour"), fresh.locator("#calc-output_usd_per_million_tokens")
    fill(fresh, "usd_per_gpu_hour", "7")
    choose(fresh, "gpu", "b200_sxm_180gb")
    wanted = units.convert(float(prices.rental("b200_sxm_180gb")), "USD/s/GPU", "USD/hour/GPU")
    assert float(rent.input_value()) == pytest.approx(wanted)
    assert "quotes, newest of 20" in fresh.locator("#calc-usd_per_gpu_hour-note").inner_text()
    choose(fresh, "api_model", "claude_opus_5_5")
    assert float(price.input_value()) == pytest.approx(float(prices.api("claude_opus_5_5", "output")) * 1e6)
    choose(fresh, "model", "llama_3_1_8b")
    assert fresh.locator("#calc-n_gpus").input_value() == "1"


@needs_page
@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("batch", "2.5", "Batch = 2.5 is not allowed: it must be a whole number above 0"),
        ("batch", "lots", "Batch = lots is not allowed"),
        ("availability_target", "1.2", "at most 1"),
        ("tokens_per_month", "-5", "must be a number above 0 (tokens per month)"),
        ("tokens_per_month", "", "Volume = nothing is not allowed"),
        ("n_gpus", "1", "does not fit"),
        ("input_tokens", "900000", "built for a context of at most 131,072"),
        ("availability_target", "1", "not even 4 sites"),
    ],
)
def test_a_bad_value_is_named_and_the_last_good_result_stays(fresh, name, text, says):
    before = result(fresh, "self_usd_per_token")
    fill(fresh, name, text)
    assert says in fresh.locator("#calc-problem").inner_text()
    assert says in fresh.locator(f"#calc-{name}-error").inner_text()
    assert fresh.locator(f"#calc-{name}").get_attribute("aria-invalid") == "true"
    assert result(fresh, "self_usd_per_token") == before
    choose(fresh, "preset", "startup")
    assert fresh.locator("#calc-problem").is_hidden()


# --- addresses --------------------------------------------------------------------------------------------------------


@needs_page
def test_a_shared_address_and_the_back_button_bring_the_state_back(fresh, chromium):
    first = result(fresh, "self_usd_per_token")
    fill(fresh, "tokens_per_month", "3e10")
    second = result(fresh, "self_usd_per_token")
    choose(fresh, "gpu", "h200_sxm_141gb")
    third, address = result(fresh, "self_usd_per_token"), fresh.url
    assert len({first, second, third}) == 3
    other = chromium.new_page()
    other.goto(address)
    assert result(other, "self_usd_per_token") == third
    assert other.locator("#calc-tokens_per_month").input_value() == "30,000,000,000"
    other.close()
    for wanted in (second, first):
        fresh.go_back()
        assert result(fresh, "self_usd_per_token") == wanted
    fresh.go_forward()
    assert result(fresh, "self_usd_per_token") == second


@needs_page
@pytest.mark.parametrize(
    ("hash_", "says"),
    [
        ("modle=x", "“modle” is no input"), ("model=gpt_9000", "Model “gpt_9000” is not known"),
        ("batch=many&tokens_per_month=2e9", "Batch = many is not allowed"), ("batch=100000", "does not fit"),
        ("model=%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E", "is not known"), ("model=toString", "is not known"),
        ("__proto__=1", "“__proto__” is no input"),
    ],
)  # fmt: skip
def test_a_bad_address_is_told_and_falls_back(fresh, site, hash_, says):
    first = result(fresh, "self_usd_per_token")
    fresh.goto("about:blank")
    fresh.goto(f"{site}{PAGE}#{hash_}")
    assert says in fresh.locator("#calc-problem").inner_text()
    assert (result(fresh, "self_usd_per_token") == first) == ("2e9" not in hash_)


@needs_page
def test_a_link_to_a_heading_leaves_the_state(fresh):
    fill(fresh, "batch", "32")
    before = result(fresh, "self_usd_per_token")
    fresh.evaluate("location.hash = 'break-even'")
    assert result(fresh, "self_usd_per_token") == before
    assert fresh.locator("#calc-problem").is_hidden()


# --- what opens, downloads, and draws ---------------------------------------------------------------------------------


@needs_page
def test_every_result_opens_into_its_formula_with_live_numbers(fresh):
    fresh.evaluate("document.querySelectorAll('.calculator-result').forEach(each => { each.open = true; })")
    fresh.locator(".calculator-math .katex").first.wait_for()
    given = {"n_gpus", "output_usd_per_token"}
    for place in fresh.locator(".calculator-result").all():
        name = place.get_attribute("data-name")
        assert place.locator(".calculator-math .katex").count() == (0 if name in given else 2), name
    assert fresh.locator(".katex-error").count() == 0
    place = fresh.locator('.calculator-result[data-name="self_usd_per_token"]')
    inner = place.locator(".calculator-why details").first
    inner.locator("summary").click()
    assert inner.locator(".calculator-math").count() == 1
    before = place.locator(".calculator-math").first.inner_text()
    fill(fresh, "tokens_per_month", "7e9")
    assert place.locator(".calculator-math").first.inner_text() != before


@needs_page
def test_the_download_holds_inputs_and_results_and_runs_nothing(fresh):
    with fresh.expect_download() as loaded:
        fresh.locator("#calc-download").click()
    rows = list(csv.DictReader(io.StringIO(loaded.value.path().read_text("utf-8"))))
    values = {row["name"]: row["value"] for row in rows}
    assert {row["name"] for row in rows if row["kind"] == "input"} == set(calculator.INPUTS)
    answers = calculator.answers(PRESETS["current"])
    per_million = units.base_factor("USD/megatoken")
    assert closed(float(values["self_usd_per_token"]), answers["self_usd_per_token"] / per_million)
    assert values["gpu"] == "h100_sxm_80gb"
    assert values["saving_usd_per_second"].startswith("-")  # a number stays one
    texts = [row[name] for row in rows for name in ("kind", "name", "label", "unit")]
    assert not [text for text in texts if text[:1] in "=+-@" and text]
    guarded = fresh.evaluate("['=1+1', '+x', '-x', '@x', 'x', -1].map(calculator.csvCell)")
    assert guarded == ["'=1+1", "'+x", "'-x", "'@x", "x", "-1"]


@needs_page
def test_charts_are_drawn_in_words_and_as_tables(fresh):
    for chart in ("costs", "roofline"):
        picture = fresh.locator(f"#calc-{chart} svg")
        picture.wait_for()
        assert len(picture.get_attribute("aria-label")) > 80
    table = fresh.locator("#calc-costs-table")
    assert "(yours)" in table.text_content() and "(break-even)" in table.text_content()
    answers = calculator.answers(PRESETS["current"])
    assert quantity("self_usd_per_second").quote(answers["self_usd_per_second"]) in table.text_content()
    assert "decode" in fresh.locator("#calc-roofline-table").text_content()
    choose(fresh, "preset", "startup")
    assert "at no volume" in fresh.locator("#calc-costs svg").get_attribute("aria-label")


# --- for everyone -----------------------------------------------------------------------------------------------------


@needs_page
def test_without_scripts_the_page_shows_the_first_state(chromium, site):
    still = chromium.new_context(java_script_enabled=False).new_page()
    still.goto(site + PAGE)
    assert still.locator("#calculator-app").is_hidden()
    text, answers = still.locator(".calculator-static").inner_text(), calculator.answers(PRESETS["current"])
    for name in ("self_usd_per_token", "api_usd_per_token", "time_to_first_token", "breakeven_tokens_per_second"):
        assert quantity(name).quote(answers[name]) in text
    still.close()


@needs_page
def test_the_page_works_from_a_folder(chromium):
    local = chromium.new_page()
    local.goto((BOOK / PAGE).as_uri() + "#batch=32")
    wanted = calculator.answers({**PRESETS["current"], "batch": 32})
    assert (
        quantity("self_usd_per_token")
        .quote(wanted["self_usd_per_token"])
        .startswith(result(local, "self_usd_per_token"))
    )
    fill(local, "batch", "16")
    assert local.url.endswith("#batch=16")
    local.locator("#calc-costs svg").wait_for()
    local.close()


@needs_page
def test_the_keyboard_reaches_and_changes_everything(fresh):
    fresh.locator("#calc-preset").focus()
    reached = set()
    for _ in range(60):
        fresh.keyboard.press("Tab")
        reached.add(
            fresh.evaluate(
                "document.activeElement.name || document.activeElement.id || document.activeElement.textContent"
            )
        )
    opened = {each.name for each in calculator.INPUTS.values() if each.group in ("What you would run", "Your requests")}
    assert opened | {"calc-share", "calc-download"} <= reached
    assert any(text.startswith("Self-hosted") for text in reached)
    before = result(fresh, "replica_tokens_per_second")
    fresh.locator("#calc-batch").focus()
    fresh.keyboard.press("Control+A")
    fresh.keyboard.type("8")
    assert result(fresh, "replica_tokens_per_second") != before  # at once, before the field is left
    assert fresh.locator("#calc-decision").get_attribute("aria-live") == "polite"


@needs_page
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_open_page_is_accessible_and_fits_a_phone(chromium, site, theme):
    phone = chromium.new_context(color_scheme=theme, viewport={"width": 360, "height": 800}).new_page()
    phone.goto(site + PAGE)
    phone.evaluate("document.querySelectorAll('#calculator-app details').forEach(each => { each.open = true; })")
    phone.locator(".calculator-math .katex").first.wait_for()
    fill(phone, "batch", "0")
    phone.locator("#calc-roofline svg").wait_for()
    assert violations(phone, theme) == []
    assert phone.evaluate("document.documentElement.scrollWidth") <= 360
    phone.close()


@needs_page
def test_the_page_is_light():
    text = (BOOK / PAGE).read_bytes()
    scripts = [BOOK / "_static" / "calculator" / name for name in ("core.js", "charts.js", "view.js", "calculator.css")]
    vendored = [BOOK / "_static" / "vendor" / name / f"{name}.min.js" for name in ("vega", "vega-lite")]
    sent = sum(len(gzip.compress(each)) for each in (text, *(path.read_bytes() for path in (*scripts, *vendored))))
    assert sent < 400_000
    assert len(text) < 500_000
