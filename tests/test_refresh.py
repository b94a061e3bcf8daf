"""Refreshing the prices: what a new release of the feed does to the table, and what an interruption does not."""

import copy
import datetime
import os
import shutil
import tempfile
from decimal import Decimal

import genai_prices.types as known
import model_prices
import pytest
from genai_prices import data_snapshot
from genai_prices.data import providers as bundled

from costlib import cli, data, feed, ledger, prices, refresh
from costlib.errors import InputError

RELEASE, LATER = "2026-11-10", "2026-11-20"  # of the rows that the table has, and of the release that is simulated
FOLDER = data.FOLDER


@pytest.fixture
def tables(tmp_path):
    """A copy of the tables, used instead of the repository's; the path of the price table."""
    folder = tmp_path / "data"
    shutil.copytree(FOLDER, folder)
    data.use(folder)
    yield folder / "api_token_prices.csv"
    data.use(FOLDER)


@pytest.fixture
def release(tables, monkeypatch):
    """A release of the feed after the installed one, to change: a function that returns one of its models."""
    made = copy.deepcopy(bundled)
    data_snapshot.set_custom_snapshot(data_snapshot.DataSnapshot(made, from_auto_update=False))
    monkeypatch.setattr(refresh, "version", lambda _: "9.9.9")

    def model(provider, name):
        [seller] = [each for each in made if each.id == provider]
        [found] = [each for each in seller.models if each.id == name]
        model.sold_by = seller
        return found

    yield model
    data_snapshot.set_custom_snapshot(None)


def by_key(found, state=None):
    return {
        f"{one.api_model} {one.kind}": one for one in found if state is None or one.state == state
    }  # one provider sells each of these


def reason(found, key):
    return by_key(found, refresh.HELD)[key].reason


# --- what stands ------------------------------------------------------------------------------------------------------


def test_the_table_has_what_the_installed_feed_says(tables):
    before = tables.read_bytes()
    found = refresh.refresh()
    assert {one.state for one in found} == {refresh.SAME, refresh.OVERRIDDEN}
    assert tables.read_bytes() == before
    assert refresh.says(found).startswith("no prices changed or new")


def test_a_row_that_is_missing_comes_back_and_then_nothing_more(tables):
    lines = tables.read_text().splitlines(keepends=True)
    lost = [line for line in lines if line.startswith("2026-11-10,openai,gpt_4_1,output,8,")]
    tables.write_text("".join(line for line in lines if line not in lost))
    data.use(tables.parent)
    [one] = [one for one in refresh.refresh() if one.state in (refresh.CHANGED, refresh.ADDED, refresh.SEEN)]
    assert (one.api_model, one.kind, one.new, one.state) == ("gpt_4_1", "output", 8, refresh.SEEN)
    assert tables.read_text().splitlines()[-1] == lost[0].strip()
    once = tables.read_bytes()
    assert refresh.refresh() and tables.read_bytes() == once


def test_known_stale_entries_are_not_taken_and_are_shown_with_the_reason(tables):
    said = refresh.says(refresh.findings())
    for name in ("deepseek-reasoner", "mistral-large-latest"):
        assert any(name in line for line in said.splitlines())
    rows = data.table("api_token_prices")
    assert rows.loc[rows["api_model"] == "deepseek_reasoner", "date"].max() < RELEASE


def test_every_correction_still_corrects_something(tables):
    assert refresh.unused_overrides(refresh.findings()) == []


# --- a new release ----------------------------------------------------------------------------------------------------


def change(model, **prices_of):
    for key, value in prices_of.items():
        setattr(model.prices, key, Decimal(str(value)))


def test_what_changed_is_added_once_and_nothing_else(tables, release):
    change(release("openai", "gpt-4.1"), input_mtok=1.6, output_mtok=6.4)
    before = tables.read_bytes()
    found = refresh.refresh(LATER)
    moved = by_key(found, refresh.CHANGED)
    assert {key: (one.old, one.new) for key, one in moved.items()} == {
        "gpt_4_1 input": (2, 1.6),
        "gpt_4_1 output": (8, 6.4),
    }
    added = tables.read_bytes().removeprefix(before).decode().splitlines()
    assert added == [
        f'{LATER},openai,gpt_4_1,{kind},{price},{feed.SOURCE},"release 9.9.9, provider openai, model gpt-4.1",'
        for kind, price in (("input", "1.6"), ("output", "6.4"))
    ]
    assert "gpt_4_1" in refresh.says(found) and "-20%" in refresh.says(found)
    once = tables.read_bytes()
    assert not by_key(refresh.refresh(LATER), refresh.CHANGED) and tables.read_bytes() == once
    assert prices.offer("gpt_4_1")["input"] == 1.6


def test_a_kind_that_is_new_is_added(tables, release):
    change(release("x-ai", "grok-4.7"), cache_write_mtok=2.5)
    assert set(by_key(refresh.refresh(LATER), refresh.ADDED)) == {"grok_4_7 cache_write"}


def test_a_price_seen_again_after_long_is_added_so_that_it_is_not_called_old(tables, release):
    assert not by_key(refresh.findings("2027-03-10"), refresh.SEEN)  # 120 days later
    again = by_key(refresh.refresh("2027-03-11"), refresh.SEEN)
    assert "gpt_4_1 input" in again and not refresh.rows(refresh.findings("2027-03-11"))
    assert not prices.offer("gpt_4_1")["old"]


DOUBTS = {
    "absurd": ("anthropic", "claude-opus-5-5", {"input_mtok": 40}, "claude_opus_5_5 input", "10 times the price"),
    "of a token": ("zai", "GLM-5.3", {"input_mtok": 1.4e-6}, "glm_5_3 input", "the price of one token"),
    "of a thousand": ("zai", "GLM-5.3", {"output_mtok": 0.0044}, "glm_5_3 output", "the price of a thousand tokens"),
    "zero": ("zai", "GLM-4.5", {"output_mtok": 0}, "glm_4_5 output", "the price is zero"),
    "a third": ("moonshotai", "kimi-k3", {"input_mtok": 0.99}, "kimi_k3 input", "0.33 times the price"),
    "dear cache": ("openai", "gpt-4o", {"cache_read_mtok": 2.6}, "gpt_4o cached_input", "dearer than input at 2.5"),
}


@pytest.mark.parametrize("doubt", DOUBTS)
def test_a_doubtful_price_is_held_back_until_it_is_accepted(tables, release, doubt):
    provider, name, changes, key, words = DOUBTS[doubt]
    change(release(provider, name), **changes)
    before = tables.read_bytes()
    assert words in reason(refresh.refresh(LATER), key)
    assert tables.read_bytes() == before
    model, kind = key.split()
    assert words in reason(refresh.refresh(LATER, ["gpt_4_1"]), key) and tables.read_bytes() == before
    assert by_key(refresh.refresh(LATER, [model]))[key].state == refresh.CHANGED
    rows = data.table("api_token_prices")
    [value] = rows.loc[(rows["date"] == LATER) & (rows["kind"] == kind), "usd_per_million_tokens"]
    assert value == pytest.approx(next(iter(changes.values())))


@pytest.mark.parametrize("wrong", ["-1", "NaN", "Infinity", "2000000"])
def test_what_cannot_be_a_price_is_not_accepted_at_all(tables, release, wrong):
    change(release("mistral", "mistral-small-2603"), input_mtok=wrong)
    before = tables.read_bytes()
    assert "no price: allowed is 0 to 2000" in reason(refresh.refresh(LATER, []), "mistral_small_4 input")
    assert tables.read_bytes() == before


def test_prices_of_a_model_move_together_or_not_at_all(tables, release):
    change(release("openai", "gpt-4.1"), input_mtok=20, output_mtok=7)
    found = refresh.findings(LATER)
    assert reason(found, "gpt_4_1 output") == "waits for input"
    assert set(by_key(refresh.findings(LATER, []), refresh.CHANGED)) == {"gpt_4_1 input", "gpt_4_1 output"}


def test_a_model_and_a_kind_that_are_gone_are_listed_and_their_rows_stay(tables, release):
    gone = release("moonshotai", "kimi-k3")
    release.sold_by.models.remove(gone)
    del release("zai", "GLM-4.5").prices.__dict__["cache_read_mtok"]
    before = tables.read_bytes()
    found = refresh.refresh(LATER, [])
    assert reason(found, "kimi_k3 input").startswith("kimi-k3 is gone from the feed")
    assert reason(found, "glm_4_5 cached_input").startswith("GLM-4.5 has no such price any more")
    assert tables.read_bytes() == before and prices.offer("kimi_k3")["input"] == 3


def tiered(start, price):
    return known.TieredPrices(Decimal(2), [known.Tier(start, Decimal(price))])


@pytest.mark.parametrize(
    ("start", "price", "words"),
    [
        (200_000, 4, "now depends on the length of the prompt"),
        (8_000, 4, "now depends on the length of the prompt"),
    ],
)
def test_a_price_that_begins_to_depend_on_the_prompt_is_held_back(tables, release, start, price, words):
    release("moonshotai", "kimi-k3.1-pro").prices.input_mtok = tiered(start, price)
    assert reason(refresh.findings(LATER), "kimi_k3_1_pro input") == words


@pytest.mark.parametrize(
    ("start", "price", "words"),
    [
        (8_000, 4, "depends on the length of prompts below 32,000 tokens already"),
        (200_000, 1, "long prompts cost less than short ones"),
    ],
)
def test_tiers_that_the_table_cannot_express_are_held_back(tables, release, start, price, words):
    model = release("x-ai", "grok-4.7")
    model.prices.input_mtok = known.TieredPrices(Decimal("1.9"), [known.Tier(start, Decimal(price))])
    assert reason(refresh.findings(LATER), "grok_4_7 input") == words


def test_a_price_that_begins_to_depend_on_the_hour_is_held_back_at_its_cheaper_hours(tables, release):
    model = release("anthropic", "claude-sonnet-5-5")
    busy = copy.deepcopy(model.prices)
    busy.input_mtok = Decimal(3)
    hours = known.TimeOfDateConstraint(datetime.time(8, tzinfo=datetime.UTC), datetime.time(9, tzinfo=datetime.UTC))
    model.prices = [known.ConditionalPrice(prices=model.prices), known.ConditionalPrice(hours, prices=busy)]
    found = refresh.findings(LATER)
    assert reason(found, "claude_sonnet_5_5 input") == "now depends on the hour"
    accepted = by_key(refresh.findings(LATER, ["claude_sonnet_5_5"]), refresh.CHANGED)["claude_sonnet_5_5 input"]
    assert accepted.new == 2 and accepted.note == "off-peak price; 1.5 times as much at other hours"


def test_a_price_that_starts_later_counts_from_then(tables, release):
    assert "gemini_4_argon input" not in by_key(refresh.findings("2026-11-30"), refresh.CHANGED)
    moved = by_key(refresh.findings("2026-12-01"), refresh.CHANGED)["gemini_4_argon input"]
    assert moved.new > moved.old


def test_another_currency_and_a_deprecated_model_are_doubtful_when_they_move(tables, release):
    yuan, old = release("zai", "GLM-5.3-Flash"), release("openai", "gpt-4o")
    yuan.price_comments, old.deprecated = "converted from CNY", True
    assert not by_key(refresh.findings(LATER), refresh.HELD)
    change(old, input_mtok=2.4)
    for each in yuan.prices:
        each.prices.input_mtok = Decimal("0.14")
    found = refresh.findings(LATER)
    assert reason(found, "glm_5_3_flash input") == "its comment speaks of another currency: CNY"
    assert reason(found, "gpt_4o input") == "marked as deprecated"


def test_a_first_price_far_from_all_others_is_held_back(tables, release):
    with (tables.parent / "price_feed.csv").open("a") as file:
        file.write(f"anthropic,claude_opus_4,anthropic,claude-opus-5,{feed.SOURCE}\n")
    lines = tables.read_text().splitlines(keepends=True)
    tables.write_text("".join(line for line in lines if ",claude_opus_4," not in line))
    data.use(tables.parent)
    made = copy.deepcopy(release("anthropic", "claude-opus-5-5"))
    made.id, made.prices.input_mtok, made.prices.output_mtok = "claude-opus-5", Decimal("0.00001"), Decimal("0.00005")
    release.sold_by.models[:] = [each for each in release.sold_by.models if each.id != made.id] + [made]
    assert "far from all known prices of input" in reason(refresh.findings(LATER), "claude_opus_4 input")


def test_a_correction_wins_until_the_feed_is_mended(tables, release):
    with (tables.parent / "price_overrides.csv").open("a") as file:
        file.write(f"openai,gpt_4_1,input,1.9,1.8,wrong page,{feed.SOURCE},x,2026-11-24\n")
    data.use(tables.parent)
    model = release("openai", "gpt-4.1")
    change(model, input_mtok=1.9)
    found = refresh.refresh(LATER)
    assert by_key(found, refresh.CHANGED)["gpt_4_1 input"].new == 1.8
    assert "wrong page" in refresh.says(found) and not by_key(refresh.refresh(LATER), refresh.CHANGED)
    change(model, input_mtok=1.7)
    found = refresh.refresh("2026-11-21")
    assert by_key(found, refresh.CHANGED)["gpt_4_1 input"].new == 1.7
    assert "openai|gpt_4_1|input corrects a price that is not shown any more" in refresh.says(found)


def test_a_newer_row_of_another_source_stands(tables, release):
    with tables.open("a") as file:
        file.write(f"2026-11-21,openai,gpt_4_1,input,1.5,{feed.SOURCE},by hand,\n")
    data.use(tables.parent)
    change(release("openai", "gpt-4.1"), input_mtok=1.6)
    assert by_key(refresh.findings(LATER))["gpt_4_1 input"].state == refresh.SAME
    assert reason(refresh.findings("2026-11-21", []), "gpt_4_1 input").startswith("the table has another price of the")


def test_an_unknown_release_needs_a_day_and_a_known_one_has_one(tables, release, monkeypatch):
    with pytest.raises(InputError, match="give the day for which its prices are taken, such as --on"):
        refresh.refresh()
    monkeypatch.undo()
    assert refresh.release_day() == RELEASE


def test_prices_that_the_feed_fetched_at_run_time_are_refused(tables):
    data_snapshot.set_custom_snapshot(data_snapshot.DataSnapshot(bundled, from_auto_update=True))
    try:
        with pytest.raises(InputError, match="fetched data at run time"):
            refresh.findings()
    finally:
        data_snapshot.set_custom_snapshot(None)


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        ("refresh --on soon", 1, "'soon' is not"),
        ("refresh --on 2999-01-01", 1, "still to come"),
        ("refresh --accept gpt_41", 1, "did you mean gpt_4_1"),
        ("refresh", 0, "no prices changed"),
    ],
)
def test_the_command_and_its_exit_codes(tables, capsys, line, code, said):
    assert cli.main(["prices", *line.split()]) == code
    out = capsys.readouterr()
    assert said in out.out + out.err


def test_something_held_back_has_an_exit_code_of_its_own(tables, release, capsys):
    change(release("openai", "gpt-4.1"), input_mtok=200)
    assert cli.main(["prices", "refresh", "--on", LATER]) == cli.HELD_BACK
    assert "held back" in capsys.readouterr().out


# --- interruptions ----------------------------------------------------------------------------------------------------

ROW = {"date": LATER, "provider": "openai", "api_model": "gpt_4_1", "kind": "input", "source": feed.SOURCE}
ROWS = [{**ROW, "usd_per_million_tokens": "1.6"}]


def half(monkeypatch):
    """Let a write stop in the middle."""
    opened = os.fdopen

    def broken(*arguments):
        file = opened(*arguments)
        write = file.write
        file_like = type("Half", (), {"__enter__": lambda _: file_like, "__exit__": lambda *_: file.close()})()
        file_like.write = lambda text: (write(text[: len(text) // 2]), stop())
        return file_like

    monkeypatch.setattr(os, "fdopen", broken)


def stop(*_, **__):
    raise KeyboardInterrupt


POINTS = {
    "no room": lambda patch: patch.setattr(tempfile, "mkstemp", stop),
    "half written": half,
    "not on disk": lambda patch: patch.setattr(os, "fsync", stop),
    "while validating": lambda patch: patch.setattr(data, "invalid", stop),
    "before the mode": lambda patch: patch.setattr(shutil, "copymode", stop),
    "before the end": lambda patch: patch.setattr(os, "replace", stop),
}


@pytest.mark.parametrize("point", POINTS)
def test_whatever_stops_a_refresh_leaves_the_table_as_it_was(tables, monkeypatch, point):
    before, names = tables.read_bytes(), sorted(os.listdir(tables.parent))
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        POINTS[point](patch)
        ledger.append("api_token_prices", ROWS)
    assert tables.read_bytes() == before and sorted(os.listdir(tables.parent)) == names
    ledger.append("api_token_prices", ROWS)
    assert tables.read_bytes().removeprefix(before).decode().startswith(f"{LATER},openai,gpt_4_1,input,1.6,")


KILLED = """
import os, {module}
from costlib import ledger
{module}.{name} = lambda *_, **__: os._exit(9)
ledger.append("api_token_prices", [{row!r}])
"""


@pytest.mark.parametrize(("module", "name"), [("os", "fsync"), ("shutil", "copymode"), ("os", "replace")])
def test_a_killed_refresh_leaves_the_table_as_it_was_and_the_next_one_works(project, module, name):
    path = project.path / "data" / "api_token_prices.csv"
    before = path.read_bytes()
    done = project.python("-c", KILLED.format(module=module, name=name, row=ROWS[0]))
    assert done.returncode == 9 and path.read_bytes() == before
    done = project.python("-c", f"from costlib import data, ledger; ledger.append('api_token_prices', {ROWS!r})")
    assert done.returncode == 0, done.stderr
    assert path.read_bytes().startswith(before) and path.read_bytes().count(b"\n") == before.count(b"\n") + 1


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"date": RELEASE}, "the same as in the row at position"),
        ({"usd_per_million_tokens": "-1"}, 'constraint "minimum" is "0"'),
        ({"usd_per_million_tokens": "two"}, "usd_per_million_tokens"),
        ({"api_model": "gpt_nope"}, 'values "gpt_nope" not found'),
        ({"source": ""}, "source"),
    ],
)
def test_rows_that_do_not_fit_are_not_added(tables, wrong, said):
    before = tables.read_bytes()
    with pytest.raises(InputError, match="nothing is added") as error:
        ledger.append("api_token_prices", [{**ROWS[0], "date": "2026-11-21"}, {**ROWS[0], **wrong}])
    assert said in str(error.value) and tables.read_bytes() == before


def test_a_table_that_somebody_else_changes_meanwhile_is_not_overwritten(tables, monkeypatch):
    copymode = shutil.copymode

    def meanwhile(*arguments):
        copymode(*arguments)
        with tables.open("a") as file:
            file.write(f"2026-11-21,openai,gpt_4_1,input,1.5,{feed.SOURCE},,\n")

    monkeypatch.setattr(shutil, "copymode", meanwhile)
    with pytest.raises(InputError, match="was changed meanwhile"):
        ledger.append("api_token_prices", ROWS)
    assert tables.read_text().splitlines()[-1].startswith("2026-11-21,")


def test_the_file_keeps_its_mode(tables):
    mode = tables.stat().st_mode
    ledger.append("api_token_prices", ROWS)
    assert tables.stat().st_mode == mode


# --- another source ---------------------------------------------------------------------------------------------------

NAMES = {"x-ai": "xai"}  # providers that model-prices calls otherwise
TOLERANCE = 0.005
DISAGREE = {  # ours and theirs, and why
    "deepseek_reasoner input": "from April 2026 until it was withdrawn the name meant V4 Flash, whose price that is",
    "deepseek_reasoner output": "the same",
    "deepseek_reasoner cached_input": "the same",
    "mistral_large_4 input": "its data end before the price list of 2026-10-29 that genai-prices cites",
    "mistral_large_4 output": "the same",
    "mistral_large_4 cached_input": "the same",
}
UNKNOWN = {"claude-fable-5-2", "mistral-large", "mistral-small-3.2-24b-instruct"}  # names that model-prices lacks


def theirs(entry):
    """What model-prices says for one entry of the feed, by kind; None where it has no such name."""
    ask = {"provider": NAMES.get(entry["feed_provider"], entry["feed_provider"]), "at": f"{RELEASE}T12:00Z"}
    plain = model_prices.rates(entry["feed_model"], **ask)
    batch = model_prices.rates(entry["feed_model"], **ask, mode="batch")
    if plain is None:
        return None
    found = {"input": plain.input, "output": plain.output, "cached_input": plain.cache_read}
    found |= {"cache_write": plain.cache_write}
    return found | ({"batch_input": batch.input, "batch_output": batch.output} if batch else {})


def test_an_independent_list_agrees_but_for_known_reasons():
    newest = refresh.newest_rows()
    compared, disagree, unknown = 0, set(), set()
    for _, entry in data.table("price_feed").iterrows():
        listed = theirs(entry)
        if listed is None:
            unknown.add(entry["feed_model"])
            continue
        for kind, row in newest[entry["provider"], entry["api_model"]].items():
            if listed.get(kind) is not None:
                compared += 1
                if row["usd_per_million_tokens"] != pytest.approx(listed[kind], rel=TOLERANCE):
                    disagree.add(f"{entry['api_model']} {kind}")
    assert compared > 120
    assert disagree == set(DISAGREE) and unknown == UNKNOWN


# --- what the table says about the past -------------------------------------------------------------------------------


def series(model, kind, provider):
    rows = data.table("api_token_prices")
    rows = rows[(rows["api_model"] == model) & (rows["kind"] == kind) & (rows["provider"] == provider)]
    return rows.sort_values("date").set_index("date")["usd_per_million_tokens"]


def test_the_first_gpt_4():
    first = {kind: series("gpt_4", kind, "openai") for kind in ("input", "output")}
    assert (first["input"].iloc[0], first["output"].iloc[0]) == (30, 60)
    assert "2023-03-14" <= first["input"].index[0] <= "2023-04-30"
    early = data.table("api_token_prices").query("api_model == 'gpt_4'")
    assert early["date"].min() == first["input"].index[0]


@pytest.mark.parametrize("kind", ["input", "cached_input", "output"])
def test_the_cut_of_o3(kind):
    of = series("o3", kind, "openai")
    before, after = of[of.index < "2025-06"].iloc[-1], of[of.index >= "2025-06"].iloc[0]
    assert before / after == 5 and of[of.index >= "2025-06"].index[0].startswith("2025-06")


def test_the_price_changes_of_deepseek_r1_and_the_name_after_it():
    r1 = [series("deepseek_r1", kind, "deepseek") for kind in ("input", "output")]
    assert {tuple(pair) for pair in zip(*r1, strict=True)} == {(0.55, 2.19)}
    after = [series("deepseek_reasoner", kind, "deepseek") for kind in ("input", "output")]
    assert [each["2025-09-05"] for each in after] == [0.56, 1.68]
    assert [each["2025-09-29"] for each in after] == [0.28, 0.42]


def test_the_cut_of_aws_for_the_h100():
    rows = data.table("gpu_rental_prices").query(
        "provider == 'AWS' and gpu == 'h100_sxm_80gb' and contract == 'on_demand'"
    )
    of = rows.sort_values("date").set_index("date")["usd_per_gpu_hour"]
    before, after = of[of.index < "2025-06"], of[of.index >= "2025-06"]
    assert before.iloc[-1] == pytest.approx(12.29, abs=0.005) and after.iloc[0] == pytest.approx(6.88, abs=0.005)
    assert after.iloc[0] / before.iloc[-1] - 1 == pytest.approx(-0.44, abs=0.005)
