"""Usage logs: prices of the day by hand, sums to the last digit, every bad row counted, all formats alike."""

import csv
import functools
import json
from decimal import Decimal

import duckdb
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costlib import bills, price_list, synthetic, usage
from costlib.errors import InputError

GOOD = {
    "startTimeUnixNano": 1_780_650_000_000_000_000,  # 2026-06-05
    "traceId": "t0",
    "spanId": "s0",
    "gen_ai.provider.name": "openai",
    "gen_ai.response.model": "gpt-4.1-2025-04-14",
    "gen_ai.usage.input_tokens": 1000,
    "gen_ai.usage.cache_read.input_tokens": 400,
    "gen_ai.usage.output_tokens": 200,
    "openai.response.service_tier": None,
    "user.id": "ann",
    "service.name": "chat",
}
MODEL, INPUT, OUTPUT = "gen_ai.response.model", "gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"
CACHED, TIER, TIME = "gen_ai.usage.cache_read.input_tokens", "openai.response.service_tier", "startTimeUnixNano"


def rows(*changes):
    """A log of a good row, and one more for each of `changes` to it."""
    made = [GOOD, *({**GOOD, "spanId": f"s{n}", **change} for n, change in enumerate(changes, 1))]
    return pd.DataFrame(made, dtype=object)


def cost(**change):
    """What a row with that change costs, in micro-USD."""
    log = usage.read(rows({{"model": MODEL, "tier": TIER, "time": TIME}.get(k, k): v for k, v in change.items()}))
    found = log.query('SELECT pico FROM requests WHERE "row" = 2')[0][0]
    return None if found is None else Decimal(found) / 10**6


def nanos(text):
    return pd.Timestamp(text).value


# --- prices of the day -----------------------------------------------------------------------------------------------


def test_a_request_by_hand():
    """600 fresh tokens at 2 USD per million, 400 cached at 0.50, 200 out at 8."""
    assert cost() == 600 * 2 + 400 * Decimal("0.5") + 200 * 8


def test_a_batch_job_by_hand():
    """Half price for all three, cached input by both discounts."""
    assert cost(tier="batch") == 600 * 1 + 400 * Decimal("0.25") + 200 * 4


@pytest.mark.parametrize(
    ("day", "prices"),
    [
        ("2026-05-24T23:59:59.999", ("1.74", "0.145", "3.48")),
        ("2026-05-25", ("0.435", "0.003625", "0.87")),
        ("2026-08-15T23:59:59", ("0.435", "0.003625", "0.87")),
        ("2026-08-16T00:00:00", ("0.66", "0.022", "1.98")),
    ],
)
def test_a_price_holds_from_its_day_on(day, prices):
    fresh, cached, out = map(Decimal, prices)
    change = {"gen_ai.provider.name": "deepseek", "model": "deepseek-v4-pro", "time": nanos(day)}
    assert cost(**change) == 600 * fresh + 400 * cached + 200 * out


def test_days_are_those_of_greenwich():
    changes = {"gen_ai.provider.name": "deepseek", MODEL: "deepseek-v4-pro"}
    log = usage.read(
        rows({**changes, TIME: "2026-08-16T01:00:00+02:00"}, {**changes, TIME: "2026-08-15T23:00:00-02:00"})
    )
    days = [day.isoformat() for (day,) in log.query('SELECT day FROM requests ORDER BY "row"')]
    assert days[1:] == ["2026-08-15", "2026-08-16"]


def test_what_has_no_price_of_its_own_is_counted_in_full():
    change = {"gen_ai.provider.name": "openai", MODEL: "gpt-5.2", TIME: nanos("2026-01-02")}
    log = usage.read(rows(change, {**change, TIER: "batch"}))
    price = {name: Decimal(str(p)) for name, p in (("input", 1.75), ("output", 14))}
    each = 1000 * price["input"] + 200 * price["output"]
    assert [Decimal(p) / 10**6 for (p,) in log.query('SELECT pico FROM requests WHERE "row" > 1')] == [each, each]
    assert log.at_full_price() == {"cached": 800, "batch": 1200, "written": 0}


@pytest.mark.parametrize(
    ("provider", "name", "key"),
    [
        ("openai", "gpt-4.1", ("openai", "gpt_4_1")),
        ("openai", "openai/gpt-4.1-2025-04-14", ("openai", "gpt_4_1")),
        ("anthropic", "claude-sonnet-4-6", ("anthropic", "claude_sonnet_4_6")),
        ("anthropic", "claude-3-5-sonnet-20241022", ("anthropic", "claude_3_5_sonnet")),
        ("gcp.vertex_ai", "gemini-3.1-pro-preview", ("google", "gemini_3_1_pro")),
        ("x_ai", "grok-4.7", ("xai", "grok_4_7")),
        ("", "gpt-4.1", ("", "gpt_4_1")),
        ("anthropic", "gpt-4.1", (None, None)),
        ("openai", "gpt-4.1-house", (None, None)),
    ],
)
def test_names_of_logs_are_those_of_the_tables(provider, name, key):
    table = price_list.periods()
    assert price_list.keys(provider, name, set(zip(table["provider"], table["model"], strict=True))) == key


def test_without_a_provider_the_developer_is_asked():
    assert cost(**{"gen_ai.provider.name": None}) == cost()


# --- own prices ------------------------------------------------------------------------------------------------------

HEAD = "date,provider,api_model,kind,usd_per_million_tokens"


def own(path, *lines):
    file = path / "own.csv"
    file.write_text("\n".join([HEAD, *lines]), "utf-8")
    return file


def test_own_prices_go_before_the_book_s_and_may_name_any_model(tmp_path):
    file = own(
        tmp_path,
        "2026-01-01,openai,gpt_4_1,input,1",
        "2026-01-01,openai,gpt_4_1,output,0.000001",
        "2026-01-01,here,House-7,input,3",
        "2026-01-01,here,House-7,output,4",
    )
    log = usage.read(rows({"gen_ai.provider.name": "here", MODEL: "House-7"}), file)
    found = [Decimal(pico) / 10**6 for (pico,) in log.query('SELECT pico FROM requests ORDER BY "row"')]
    assert found == [1000 + 200 * Decimal("0.000001"), 3000 + 800]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("2026-02-30,a,b,input,1", "line 2, field date"),
        ("2026-01-01,,b,input,1", "line 2, field provider"),
        ("2026-01-01,a,b,inputs,1", "field kind: 'inputs' must be one of input"),
        ("2026-01-01,a,b,input,-1", "field usd_per_million_tokens"),
        ("2026-01-01,a,b,input,nan", "field usd_per_million_tokens"),
        ("2026-01-01,a,b,input,0.0000001", "at most six decimals"),
        ("2026-01-01,a,b,input,1\n2026-01-01,a,b,input,2", "line 3: a second price"),
    ],
)
def test_a_mistake_in_own_prices_is_named(tmp_path, line, told):
    with pytest.raises(InputError, match=told):
        price_list.periods(own(tmp_path, line))


def test_a_column_that_own_prices_lack_is_named(tmp_path):
    (tmp_path / "own.csv").write_text("date,provider,model,kind,usd_per_million_tokens\n", "utf-8")
    with pytest.raises(InputError, match="no column api_model; did you mean model"):
        price_list.periods(tmp_path / "own.csv")


# --- bad rows --------------------------------------------------------------------------------------------------------

BAD = [
    ({TIME: "yesterday"}, "time cannot be read"),
    ({TIME: None}, "time cannot be read"),
    ({MODEL: None}, "no model"),
    ({INPUT: None}, "tokens missing or not whole numbers"),
    ({OUTPUT: "12.5"}, "tokens missing or not whole numbers"),
    ({OUTPUT: "nan"}, "tokens missing or not whole numbers"),
    ({INPUT: "1e400"}, "tokens missing or not whole numbers"),
    ({INPUT: -1000, CACHED: 0}, "negative tokens"),
    ({CACHED: -1}, "negative tokens"),
    ({INPUT: 10**9 + 1}, "more than 1,000,000,000 tokens"),
    ({CACHED: 1001}, "more cached tokens than input"),
    ({"gen_ai.usage.cache_creation.input_tokens": 601}, "more cached tokens than input"),
    ({TIER: "priority"}, "service tier without a price"),
    ({"spanId": "s0"}, "same span as an earlier row"),
    ({MODEL: "house-model-2"}, "no price for this provider and model"),
    ({"gen_ai.provider.name": "azure.ai.openai"}, "no price for this provider and model"),
    ({TIME: nanos("2025-04-13")}, "no price known by that day"),
]


@pytest.mark.parametrize(("change", "reason"), BAD, ids=[f"{reason}: {change}" for change, reason in BAD])
def test_a_bad_row_is_counted_with_its_number_and_costs_nothing(change, reason):
    log = usage.read(rows(change))
    [found] = log.unpriced()
    assert (found.reason, found.rows, found.first) == (reason, 1, (2,))
    assert log.rows == 2
    assert log.total == usage.read(rows()).total
    assert log.by("model")["requests"].sum() == 1


def test_a_copy_of_a_bad_row_takes_no_good_one_with_it():
    log = usage.read(rows({"spanId": "s9", OUTPUT: -1}, {"spanId": "s9"}))
    assert [each.reason for each in log.unpriced()] == ["negative tokens"]
    assert log.total == 2 * usage.read(rows()).total


def test_rows_without_a_span_are_no_copies_of_each_other():
    log = usage.read(rows({"spanId": None}, {"spanId": None}))
    assert log.unpriced() == []


def test_what_encloses_requests_is_no_request():
    """An agent's span repeats the tokens of the requests in it."""
    log = usage.read(rows({"gen_ai.operation.name": "chat"}, {"gen_ai.operation.name": "invoke_agent"}))
    assert (log.rows, log.ignored, len(log.unpriced())) == (2, 1, 0)


def test_an_embedding_has_no_output():
    log = usage.read(rows({"gen_ai.operation.name": "embeddings", OUTPUT: None, CACHED: 0}))
    assert log.query('SELECT pico FROM requests WHERE "row" = 2') == [(1000 * 2 * 10**6,)]


@pytest.mark.parametrize("column", [INPUT, OUTPUT, TIME, MODEL])
def test_a_missing_column_is_named(column):
    with pytest.raises(InputError, match=f"no column .*{column}"):
        usage.read(rows().drop(columns=column))


def test_former_names_are_read():
    names = {
        "gen_ai.provider.name": "gen_ai.system", MODEL: "gen_ai.request.model", INPUT: "gen_ai.usage.prompt_tokens",
        OUTPUT: "gen_ai.usage.completion_tokens", "user.id": "enduser.id", TIME: "timestamp",
    }  # fmt: skip
    old, new = usage.read(rows().rename(columns=names)), usage.read(rows())
    pd.testing.assert_frame_equal(old.by(*usage.SPLITS), new.by(*usage.SPLITS))


def test_a_log_of_which_nothing_can_be_priced_says_why():
    with pytest.raises(InputError, match="no row .* could be priced: no price .* model: 1 rows, first 1"):
        usage.read(rows().assign(**{MODEL: "house-model-2"}))


@pytest.mark.parametrize("name", ["none.csv", "log.txt"])
def test_a_file_that_is_no_log_is_named(tmp_path, name):
    (tmp_path / "log.txt").write_text("")
    with pytest.raises(InputError, match=name.replace(".", r"\.")):
        usage.read(tmp_path / name)


def test_a_broken_file_is_an_error_of_the_reader(tmp_path):
    (tmp_path / "broken.json").write_text('{"resourceSpans": [')
    with pytest.raises(InputError, match=r"broken\.json cannot be read"):
        usage.read(tmp_path / "broken.json")


# --- sums ------------------------------------------------------------------------------------------------------------

made_rows = st.lists(
    st.fixed_dictionaries({
        MODEL: st.sampled_from(["gpt-4.1", "gpt-4o", "o3", "house-model-2"]),
        INPUT: st.integers(0, 5_000),
        CACHED: st.integers(0, 2_000),
        OUTPUT: st.integers(-1, 100_000),
        TIER: st.sampled_from(["batch", None]),
        TIME: st.integers(nanos("2025-01-01"), nanos("2026-11-24")),
        "user.id": st.sampled_from(["ann", "bob", None]),
    }),
    max_size=12,
)  # fmt: skip


@settings(max_examples=10)
@given(made_rows)
def test_every_split_adds_up_to_the_bill_to_the_last_digit_and_the_last_cent(changes):
    log = usage.read(rows(*changes))
    assert log.rows == len(changes) + 1 == log.by("model")["requests"].sum() + sum(u.rows for u in log.unpriced())
    for split in usage.SPLITS:
        parts = log.by(split)
        assert sum(parts["pico"]) == log.total
        assert sum(bills.to_cents(list(parts["pico"]))) == bills.round_to_cents(log.total)
        assert all(sum(parts[f"paid_{kind}_pico"]) >= 0 for kind in ("input", "cached", "output"))
    each = log.by("user")
    assert list(each["paid_input_pico"] + each["paid_cached_pico"] + each["paid_output_pico"]) == list(each["pico"])


@given(st.lists(st.integers(0, 10**15), min_size=1, max_size=30))
def test_cents_add_up_and_none_is_off_by_a_whole_one(parts):
    cents = bills.to_cents(parts)
    assert sum(cents) == bills.round_to_cents(sum(parts))
    assert all(abs(cent * bills.CENT - part) < bills.CENT for cent, part in zip(cents, parts, strict=True))


def test_the_largest_remainder_takes_the_cent():
    """1.4, 1.4 and 2.2 cents make 5: the first two tie and the earlier one is rounded up."""
    assert bills.to_cents([14 * bills.CENT // 10, 14 * bills.CENT // 10, 22 * bills.CENT // 10]) == [2, 1, 2]


def test_sums_beyond_64_bits_stay_exact():
    changes = [{INPUT: 10**9, CACHED: 0, OUTPUT: 10**9, MODEL: "gpt-4", TIME: nanos("2024-01-01")}] * 400
    log = usage.read(rows(*changes))
    assert log.total - usage.read(rows()).total == 400 * 10**9 * (30 + 60) * 10**6 > 2**63


# --- the bill --------------------------------------------------------------------------------------------------------


@functools.cache
def with_a_bad_row():
    return usage.read(rows({OUTPUT: -1}))


@given(st.integers(0, 10**9))
def test_a_bill_comes_apart_without_remainder(cents):
    bill = bills.reconcile(with_a_bad_row(), f"{cents // 100}.{cents % 100:02d}")
    assert bill.priced + bill.rounding + bill.open == bill.bill == Decimal(cents) / 100
    assert abs(bill.rounding) <= Decimal("0.005")
    assert bill.tokens == 1000
    assert bill.usd_per_million * bill.tokens / 10**6 == pytest.approx(bill.open)


def test_copies_leave_nothing_out_of_a_bill():
    log = usage.read(rows({"spanId": "s0"}))
    bill = bills.reconcile(log, "5.00")
    assert (bill.tokens, bill.usd_per_million) == (0, None)
    assert bill.open == 5


@pytest.mark.parametrize("bill", ["12.345", "-1", "1e3", "many", "1,000"])
def test_a_bill_that_is_no_amount_is_refused(bill):
    with pytest.raises(InputError, match="bill_usd"):
        bills.reconcile(usage.read(rows()), bill)


# --- formats ---------------------------------------------------------------------------------------------------------

IN_SPAN = {"startTimeUnixNano", "traceId", "spanId"}


def otlp(frame, number=str):
    """The rows as OTLP-JSON: the product on the resource, whole numbers as `number` writes them."""
    spans = {}
    for row in frame.to_dict("records"):
        own = {key: value for key, value in row.items() if not pd.isna(value)}
        product = own.pop("service.name", None)
        attributes = [
            {"key": key, "value": {"intValue": number(value)} if isinstance(value, int) else {"stringValue": value}}
            for key, value in own.items()
            if key not in IN_SPAN
        ]
        fields = {key: str(own[key]) for key in IN_SPAN if key in own}
        spans.setdefault(product, []).append({**fields, "name": "chat", "kind": 3, "attributes": attributes})
    spans[None] = [*spans.get(None, []), {"traceId": "x", "spanId": "y", "name": "GET", "startTimeUnixNano": "1"}]
    return [
        {
            "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": product}}] if product else []},
            "scopeSpans": [{"scope": {"name": "test"}, "spans": of[:2]}, {"spans": of[2:]}],
        }
        for product, of in spans.items()
    ]


@pytest.fixture(scope="module")
def formats(tmp_path_factory):
    """The same log in every format, some of its rows bad, in an order that all formats keep."""
    folder = tmp_path_factory.mktemp("formats")
    frame = synthetic.log(3).tail(400).sort_values("service.name", kind="stable").astype(object)
    frame.iloc[10, frame.columns.get_loc(OUTPUT)] = -1
    frame.iloc[20, frame.columns.get_loc(MODEL)] = "house-model-2"
    frame.iloc[30, frame.columns.get_loc("spanId")] = frame.iloc[29]["spanId"]
    frame["traceId"] = "t"
    duckdb.sql(f"COPY (SELECT * FROM frame) TO '{folder / 'log.parquet'}'")
    frame.to_csv(folder / "log.csv", index=False)
    (folder / "one.json").write_text(json.dumps({"resourceSpans": otlp(frame)}, indent=1))
    lines = [json.dumps({"resourceSpans": [each]}) for each in otlp(frame, int)]
    (folder / "lines.jsonl").write_text("\n".join(lines) + "\n")
    return {"frame": frame, **{path.name: path for path in folder.iterdir()}}


@pytest.mark.parametrize("name", ["log.parquet", "log.csv", "one.json", "lines.jsonl"])
def test_all_formats_give_the_same_bill(formats, name):
    first, second = usage.read(formats["frame"]), usage.read(formats[name])
    keys = list(usage.SPLITS)
    frames = [log.by(*keys).sort_values(keys, ignore_index=True) for log in (first, second)]
    pd.testing.assert_frame_equal(*frames)
    assert len(frames[0]) > 50
    assert second.unpriced() == first.unpriced()
    assert len(first.unpriced()) == 3
    assert second.ignored == (1 if "json" in name else 0)


def test_a_line_break_in_a_name_breaks_no_csv(tmp_path):
    rows({"user.id": 'a "b",\nc'}, {"user.id": "d"}).to_csv(tmp_path / "log.csv", index=False)
    assert set(usage.read(tmp_path / "log.csv").by("user")["user"]) == {"ann", 'a "b",\nc', "d"}


def test_a_short_row_of_a_csv_is_a_bad_row(tmp_path):
    rows().to_csv(tmp_path / "log.csv", index=False)
    with (tmp_path / "log.csv").open("a") as file:
        file.write("1780650000000000000,t,s8,openai\n")
    log = usage.read(tmp_path / "log.csv")
    assert [(each.reason, each.first) for each in log.unpriced()] == [("no model", (2,))]


# --- tables for the reader -------------------------------------------------------------------------------------------

FORMULAS = ["=1+1", "+1", "-1", "@SUM(1)", "\t=1", "\uff1d1"]


def test_written_tables_are_exact_and_run_no_formulas(tmp_path):
    log = usage.read(rows(*({"user.id": each, "service.name": each} for each in FORMULAS), {MODEL: "=2+2"}))
    costs, requests = (list(csv.DictReader(path.open(encoding="utf-8", newline=""))) for path in log.write(tmp_path))
    for table in (costs, requests):
        assert sum(Decimal(row["usd"] or 0) for row in table) == Decimal(log.total) / usage.PICO
        assert not [cell for row in table for cell in row.values() if cell[:1] and cell[:1] in "=+-@\t\r\n\uff1d"]
    assert [row["unpriced"] for row in requests] == [""] * 7 + ["no price for this provider and model"]
    assert requests[-1]["model_in_log"] == "'=2+2"
    assert len(requests) == log.rows
