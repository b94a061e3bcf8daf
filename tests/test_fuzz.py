"""Whatever stands in a file or a parameter: one error that names the place, or just what everybody reads there.

Some hundreds of cases here; `make fuzz` runs ten thousand and more for each test. Faults once found stay as examples.
"""

import csv
import io
import itertools
import math
import re
import tempfile
from pathlib import Path
from types import SimpleNamespace

import docutils.core
import duckdb
import pandas as pd
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from myst_parser import docutils_

from costlib import (
    axes,
    bills,
    book,
    cases,
    configs,
    execute,
    freshness,
    predict,
    price_list,
    quotes,
    sheets,
    usage,
    values,
    vintages,
)
from costlib.errors import InputError
from tests import hostile

ASKED = settings.default.max_examples
SLOW = settings(max_examples=ASKED if ASKED > 1000 else ASKED // 5)  # for what takes long to find out
MANY = settings(max_examples=ASKED // 10)  # for files with ten changed rows each


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("fuzz")


def outcome(read, *arguments):
    """What `read` makes of something, or the error that it tells; any other exception fails the test."""
    try:
        return read(*arguments), ""
    except InputError as error:
        return None, str(error)


def same(value, text):
    """Whether a value that was read from `text` is the one that everybody reads there."""
    return float(value) == hostile.as_read(text)


# --- one number, one value -------------------------------------------------------------------------------------------


@given(hostile.CELLS)
@example("1_000")
@example("１２")
@example("0e999999999")
def test_a_number_is_what_everybody_reads_or_none(text):
    value = sheets.number(text)
    assert math.isnan(value) if math.isnan(hostile.as_read(text)) else same(value, text)


@given(hostile.CELLS)
@example("010")
@example("1:30")
@example("1_000")
@example("0x10")
@example("no")
@example("9" * 5000)
@example("[" * 20_000)
@example("&a [*a]")
@example("!!python/object/apply:os.system [id]")
def test_a_parameter_value_is_what_everybody_reads_or_a_text(text):
    value, said = outcome(values.scalar, text, "-p x")
    assert said.startswith("-p x") if said else isinstance(value, str | bool | int | float | None)
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        assert same(value, text.strip().partition(" #")[0].strip())


# --- quotes and prices of the reader's own ----------------------------------------------------------------------------

QUOTES = """provider,item,kind,price,unit,gpus_per_node,date,note
acme,h100_sxm_80gb,on_demand,2.2,USD per GPU-hour,,2026-11-01,
acme,h100_sxm_80gb,reserved_1yr,17.6,USD per node-hour,8,2026-11-01,offer 4711
openai,gpt_4_1,input,1.6,USD per million tokens,,2026-11-01,a fifth off
"""


@given(st.data())
def test_a_quote_is_read_as_it_stands_or_named(folder, given_):
    head, *rows = csv.reader(io.StringIO(QUOTES))
    line, field = given_.draw(st.integers(0, len(rows) - 1)), given_.draw(st.sampled_from(head))
    text = given_.draw(hostile.CELLS)
    before = rows[line][head.index(field)]
    rows[line][head.index(field)] = text
    path = folder / "quotes.csv"
    path.write_bytes(hostile.csv_text([head, *rows]).encode("utf-8", "surrogatepass"))
    found, said = outcome(quotes.read, path)
    if said:
        assert all("quotes.csv" in each for each in said.splitlines())
        return
    assert len(found) == len(rows) - (field == "provider" and text.startswith("#"))  # as the template says
    quote = next((each for each in found if each.line == line + 2), None)
    if field == "price":
        assert quote.value == pytest.approx(hostile.as_read(text.strip()) / (8 if line == 1 else 1))
    elif field == "gpus_per_node" and before:
        assert quote.value == pytest.approx(17.6 / hostile.as_read(text.strip()))
    elif field == "date":
        assert re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", quote.date)
    if quote:
        shown = book.literal(quote.says(), longest=300)
        assert not set(shown) & set("<`$\\{}[]|")


@given(hostile.files(QUOTES))
def test_a_broken_file_of_quotes_is_told_or_read(folder, raw):
    path = folder / "quotes.csv"
    path.write_bytes(raw)
    found, said = outcome(quotes.read, path)
    assert "quotes.csv" in said if said else all(0 < each.value < 2000 for each in found)


PRICES = """date,provider,api_model,kind,usd_per_million_tokens
2026-11-01,openai,gpt_4_1,input,1.6
2026-11-01,openai,gpt_4_1,output,6.4
"""


@given(st.data())
def test_an_own_price_is_read_as_it_stands_or_named(folder, given_):
    head, *rows = csv.reader(io.StringIO(PRICES))
    line, field = given_.draw(st.integers(0, len(rows) - 1)), given_.draw(st.sampled_from(head))
    text = given_.draw(hostile.CELLS)
    rows[line][head.index(field)] = text
    path = folder / "prices.csv"
    path.write_bytes(hostile.csv_text([head, *rows]).encode("utf-8", "surrogatepass"))
    found, said = outcome(price_list._own, path)
    if said:
        assert "prices.csv" in said
    elif field == "usd_per_million_tokens":
        assert same(found[field][line], text.strip())


@given(hostile.files(PRICES))
def test_a_broken_file_of_prices_is_told_or_read(folder, raw):
    path = folder / "prices.csv"
    path.write_bytes(raw)
    found, said = outcome(price_list._own, path)
    assert "prices.csv" in said if said else (found["usd_per_million_tokens"].map(float) >= 0).all()


# --- scenarios and parameters ----------------------------------------------------------------------------------------

SCENARIO = "model: llama_3_1_8b\nn_gpus: 1\ncontract: on_demand\nbatch: 16\nmay_buy_gpus: false\n"


@given(st.data())
def test_a_scenario_is_read_as_it_stands_or_told(folder, given_):
    text = SCENARIO.replace("16", given_.draw(hostile.CELLS | st.just("*a")), 1)
    path = folder / "mine.yml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(execute, "SCENARIOS", folder)
        found, said = outcome(execute.scenario, "mine")
    if said:
        assert "mine.yml" in said
        return
    written = text.partition("batch: ")[2].partition("\n")[0].partition(" #")[0].strip()
    batch, told = outcome(book.check_parameters, "roofline", {"batch": found.get("batch", 16)})
    assert told.startswith("batch = ") if told else same(batch["batch"], written)


@given(hostile.files(SCENARIO))
@example(b"a: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b]\n")
@example(b"batch: 1\nbatch: 2\n")
@example(b"[" * 5000)
def test_a_broken_scenario_is_told_or_read(folder, raw):
    path = folder / "mine.yml"
    path.write_bytes(raw)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(execute, "SCENARIOS", folder)
        found, said = outcome(execute.scenario, "mine")
    assert "mine.yml" in said if said else isinstance(found, dict)


NOTEBOOKS = sorted(set(book.notebooks()))
ANY = st.none() | st.booleans() | st.integers() | st.floats() | hostile.CELLS | st.lists(st.integers(), max_size=3)


@given(st.sampled_from(NOTEBOOKS), st.data())
@example("roofline", None)
def test_a_parameter_is_allowed_or_told(notebook, given_):
    if given_ is None:
        notebook, name, value = "roofline", "batch", 10**400
    else:
        name = given_.draw(st.sampled_from(sorted(book.parameters(notebook))))
        value = given_.draw(ANY)
    found, said = outcome(book.check_parameters, notebook, {name: value})
    default = book.parameters(notebook)[name]
    if said:
        assert said.startswith(f"{name} = ") and "is not allowed: it must be" in said and len(said) < 300
    elif value is None:
        assert name in book._may_be_none(notebook)
    elif isinstance(default, str | bool):
        assert isinstance(value, type(default))
    elif name in cases.QUOTED:
        assert 0 < value <= cases.LARGEST
    assert said or found[name] is value


@given(hostile.TEXTS)
@example("../_build/runs/x")
@example("../../etc/passwd")
def test_a_name_leads_nowhere_but_to_its_folder(text):
    assume(text not in NOTEBOOKS)
    for ask in (book.parameters, execute.scenario):
        assert outcome(ask, text)[1].startswith("there is no notebooks/")


# --- what a command is asked -----------------------------------------------------------------------------------------


@given(st.sampled_from(NOTEBOOKS), st.data())
def test_a_list_of_values_is_taken_as_everybody_reads_it_or_told(notebook, given_):
    name = given_.draw(st.sampled_from(sorted(book.parameters(notebook))))
    spec = ",".join(given_.draw(st.lists(hostile.CELLS, min_size=1, max_size=3)))
    assume(":" not in spec)
    found, said = outcome(axes.read, notebook, [f"{name}={spec}"])
    if said:
        assert name in said and len(said) < 6000 + len(spec)
        return
    [axis] = found
    parts = dict.fromkeys(part.strip() for part in spec.split(","))
    assert axis.name == name and 0 < len(axis.values) <= len(parts)
    for value in axis.values:
        endless = axis.numeric and math.isinf(value)
        assert not axis.numeric or any("inf" in part.lower() if endless else same(value, part) for part in parts)
        assert book.check_parameters(notebook, {name: value})[name] is value


@given(hostile.CELLS, hostile.CELLS, st.sampled_from(("log", "lin", "", "LOG")), hostile.CELLS | st.just("5"))
@example("1", "1.0000001", "lin", "5")
@example("1234567", "7654321", "log", "3")
@example("1", "3000", "log", "20")
@example("0", "1e308", "lin", "3")
def test_a_range_has_its_ends_and_rises_between_them_or_is_told(low, high, spacing, count):
    found, said = outcome(axes.read, "scale_tiers", [f"demand_tokens_per_second={low}:{high}:{spacing}:{count}"])
    if said:
        assert "demand_tokens_per_second" in said
        return
    [axis] = found
    assert (axis.values[0], axis.values[-1]) == (hostile.as_read(low.strip()), hostile.as_read(high.strip()))
    assert all(before < after for before, after in itertools.pairwise(axis.values))
    assert 2 <= len(axis.values) <= int(count)


@given(hostile.CELLS)
@example("١٢٣.45")
@example("123.45\n")
@example("9" * 400)
def test_a_bill_is_an_amount_or_told(text):
    log = SimpleNamespace(total=10**12, read_rows=1)
    said = ""
    try:
        bills.reconcile(log, text)
    except InputError as error:
        said = str(error)
    except AttributeError:  # it looks into the log: the amount was taken
        assert not math.isnan(hostile.as_read(text))
    assert not said or said.startswith("bill_usd = ")


@given(hostile.CELLS)
@example("２０２６-01-01")
@example("2026-02-30")
def test_a_day_is_one_of_the_calendar_or_told(text):
    day, said = outcome(freshness.day, text)
    assert "is not a day" in said if said else (day == text and sheets.is_day(text))


@given(hostile.files(PRICES))
@SLOW
def test_a_broken_table_of_other_prices_is_told_or_laid_out(folder, raw):
    path = folder / "other.csv"
    path.write_bytes(raw)
    with tempfile.TemporaryDirectory() as place:
        laid, said = outcome(vintages.lay_out, str(path), Path(place) / "tables")
        assert "other.csv" in said if said else (laid / "api_token_prices.csv").read_bytes() == raw


# --- rows to predict -------------------------------------------------------------------------------------------------

ROWS = """id,model,gpu,n_gpus,tp,precision,engine,input_tokens,output_tokens,batch_or_concurrency,metric
a,Llama-3.1-8B,H100 SXM,2,1,bf16,vLLM,512,128,16,output_tokens_per_s_total
"""
FIELDS = {
    "n_gpus": "n_gpus",
    "input_tokens": "input_tokens",
    "output_tokens": "output_tokens",
    "batch_or_concurrency": "load_value",
}


def tolerantly(text):
    """The one number that somebody reads among words, with groups of thousands, or with k and M; else nan."""
    plain = r"([-+]?(?:\d{1,3}(?:[,_]\d{3})+|\d+)(?:\.\d*)?(?:e[-+]?\d+)?|\.\d+)\s*([km]\b)?"
    found = re.findall(plain, re.sub(r"\(.*\)", "", text.lower()), re.ASCII)
    one = found[0] if len(found) == 1 else ("nan", "")
    return float(re.sub("[,_]", "", one[0])) * {"k": 1e3, "m": 1e6}.get(one[1], 1)


@given(st.sampled_from(sorted(FIELDS)), hostile.CELLS)
@example("input_tokens", "1,5")
@example("input_tokens", "1 000")
@example("input_tokens", "50%")
@example("input_tokens", "1/2")
@example("n_gpus", "1.000,5")
@example("n_gpus", "٣")
def test_a_number_of_a_row_is_read_as_people_do_or_the_row_says_why_not(field, text):
    head, row = csv.reader(io.StringIO(ROWS))
    row[head.index(field)] = text
    found = configs.parse(pd.DataFrame([row], columns=head)).iloc[0]
    assert found["metric"] == row[-1]
    if not found["reason"] and text.strip().lower() not in configs.UNSAID | {""} and found["load"] == "batch":
        assert found[FIELDS[field]] == pytest.approx(tolerantly(text)) or found["note"], (text, found[FIELDS[field]])


@pytest.mark.parametrize("n_gpus", ["", "2", "8"])
@pytest.mark.parametrize(
    "tp", ["1e400", "pp1e400", "dp1e400", "ep1e400", "9" * 400, "tp2 pp" + "9" * 400, "1e300", "0e999"]
)
def test_a_layout_of_endless_gpus_is_told(n_gpus, tp):
    head, row = csv.reader(io.StringIO(ROWS))
    cells = {**dict(zip(head, row, strict=True)), "n_gpus": n_gpus, "tp": tp}
    found = configs.parse(pd.DataFrame([cells])).iloc[0]
    assert found["reason"] or 1 <= found["n_gpus"] <= configs.MOST["n_gpus"]


@MANY
@given(st.lists(st.tuples(st.sampled_from(range(11)), hostile.CELLS), min_size=10, max_size=10))
def test_every_row_to_predict_gives_a_value_or_a_reason(folder, changes):
    head, row = csv.reader(io.StringIO(ROWS))
    rows = [[text if place == at else cell for place, cell in enumerate(row)] for at, text in changes]
    path, out = folder / "rows.csv", folder / "out.csv"
    path.write_bytes(hostile.csv_text([head, *rows]).encode("utf-8", "surrogatepass"))
    asked, said = outcome(predict.read, path)
    if said:
        assert "rows.csv" in said
        return
    found = predict.predict(asked)
    assert len(found) == len(rows)
    good = found["predicted"].notna()
    assert ((found["reason"] == "") == good).all()
    assert (found.loc[good, ["low90", "predicted", "high90"]] > 0).all(axis=None)
    sheets.write(found, out)
    assert_harmless(out)


@given(hostile.files(ROWS))
def test_a_broken_file_of_rows_is_told_or_read(folder, raw):
    path = folder / "rows.csv"
    path.write_bytes(raw)
    found, said = outcome(predict.read, path)
    assert "rows.csv" in said if said else set(configs.NEEDED) <= set(found.columns)


def test_a_file_whose_rows_all_say_nothing_gives_reasons():
    rows = pd.DataFrame([{"id": "a", "model": "?", "gpu": "?", "metric": "?"}])
    found = predict.predict(rows)
    assert list(found.columns) == list(predict.OUTPUT) and found["reason"][0] and pd.isna(found["predicted"][0])


# --- usage logs ------------------------------------------------------------------------------------------------------

NAMES = ("provider.name", "response.model", "usage.input_tokens", "usage.output_tokens")
LOG = f"""startTimeUnixNano,{",".join(f"gen_ai.{name}" for name in NAMES)},user.id,service.name
2026-06-05,openai,gpt-4.1,1000,200,ann,chat
"""
COUNTS = {3: "input", 4: "output"}


@MANY
@given(st.lists(st.tuples(st.sampled_from(range(7)), hostile.CELLS), min_size=10, max_size=10))
@example([(0, "#REF!"), (0, "#"), *[(0, "")] * 4, (0, "#REF!"), (1, "0"), (1, "#"), (1, "0")])
@example([(0, "infinity"), (0, "9" * 19), (0, "1780650000000000"), (3, "1_000"), (3, "1,000"), (5, "=1+1"), (6, "<b>")])
def test_a_row_of_a_log_is_priced_as_it_stands_or_counted_with_a_reason(folder, changes):
    head, row = csv.reader(io.StringIO(LOG))
    rows = [row, *([text if place == at else cell for place, cell in enumerate(row)] for at, text in changes)]
    path = folder / "log.csv"
    path.write_bytes(hostile.csv_text([head, *rows]).encode("utf-8", "surrogatepass"))
    log, said = outcome(usage.read, path)
    if said:
        assert "log.csv" in said
        return
    found = log.query('SELECT "row", reason, input, output, time, "user", product, pico FROM requests ORDER BY "row"')
    assert len(found) + log.ignored == len(rows)
    for number, reason, *counts, time, user, product, pico in found:
        given_row = rows[number - 1]
        assert (reason is None) == (pico is not None)
        if reason is None:
            assert [float(count) for count in counts] == [hostile.as_read(given_row[at].strip()) for at in COUNTS]
            assert str(time.date()) == given_row[0].strip()[:10] or given_row[0].strip().isdigit()
            assert [user.strip(), product.strip()] == [cell.strip() or usage.NONE for cell in given_row[5:]]
    assert log.total == sum(pico or 0 for *_, pico in found)
    for written_file in log.write(folder / "out"):
        assert_harmless(written_file)


OTLP = (
    '{"resourceSpans": [{"resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "chat"}}]},'
    '\n"scopeSpans": [{"spans": [{"traceId": "t", "spanId": "s", "startTimeUnixNano": "1780650000000000000", '
    '"attributes": [{"key": "gen_ai.response.model", "value": {"stringValue": "gpt-4.1"}},'
    '\n{"key": "gen_ai.usage.input_tokens", "value": {"intValue": "1000"}},'
    '\n{"key": "gen_ai.usage.output_tokens", "value": {"intValue": "200"}}]}]}]}]}\n'
)


@SLOW
@given(hostile.files(LOG).map(lambda raw: ("log.csv", raw)) | hostile.files(OTLP).map(lambda raw: ("log.json", raw)))
@example(("log.json", b"[" * 100_000))
@example(("log.json", b'{"a":' * 5_000 + b"1" + b"}" * 5_000))
@example(("log.parquet", b"PAR1\x00PAR1"))
@example(("log.csv", LOG.replace("user.id", "gen_ai.usage.input_tokens").encode()))
def test_a_broken_log_is_told_or_read(folder, made):
    path = folder / made[0]
    path.write_bytes(made[1])
    log, said = outcome(usage.read, path)
    assert made[0] in said if said else log.rows


IN_PARQUET = (
    "1000", "1000.5", "'1,000'", "-5", "true", "NULL", "'x'::BLOB", "TIMESTAMP '2026-06-05 01:02:03'", "''", "[1, 2]",
    "DATE '2026-06-05'", "1e300", "'nan'::DOUBLE", "'inf'::FLOAT", "9223372036854775807", "0.1::DECIMAL(20, 10)",
    "170141183460469231731687303715884105727", "{'a': 1}", "MAP {'a': 1}", "'=1+1'", "'gpt-4.1'", "INTERVAL 1 DAY",
)  # fmt: skip


@SLOW
@given(st.sampled_from((*NAMES, "user.id", "service.name", "start")), st.sampled_from(IN_PARQUET))
def test_a_column_of_any_type_in_parquet_is_read_as_it_stands_or_told(folder, column, cell):
    path = folder / "log.parquet"
    good = {
        "start": "TIMESTAMP '2026-06-05'", "provider.name": "'openai'", "response.model": "'gpt-4.1'",
        "usage.input_tokens": "1000", "usage.output_tokens": "200", "user.id": "'ann'", "service.name": "'chat'",
    }  # fmt: skip
    full = {"start": "startTimeUnixNano", "user.id": "user.id", "service.name": "service.name"}
    cells = {**good, column: cell}
    row = ", ".join(f'{text} AS "{full.get(name, f"gen_ai.{name}")}"' for name, text in cells.items())
    duckdb.sql(f"COPY (SELECT {row}) TO '{path}' (FORMAT parquet)")
    log, said = outcome(usage.read, path)
    if said:
        assert "log.parquet" in said
        return
    found = log.query('SELECT reason, input, output, "user", product, pico FROM requests')
    assert len(found) + log.ignored == 1
    for reason, *counts, _, _, pico in found:
        assert (reason is None) == (pico is not None)
        if reason is None:
            given_ = [cells["usage.input_tokens"], cells["usage.output_tokens"]]
            assert [float(count) for count in counts] == [hostile.as_read(each.strip("'")) for each in given_]
    for written_file in log.write(folder / "out"):
        assert_harmless(written_file)


def test_a_log_with_a_pattern_for_a_name_is_that_file_alone(folder):
    for name in ("a*.csv", "ab.csv", "a[b].csv", "a?.csv"):
        (folder / name).write_text(LOG)
    assert [usage.read(folder / name).rows for name in ("a*.csv", "a[b].csv", "a?.csv")] == [1, 1, 1]


# --- what is written and shown ---------------------------------------------------------------------------------------


def written(path):
    return list(csv.reader(io.StringIO(path.read_bytes().decode(), newline="")))


def assert_harmless(path):
    """No cell of a CSV file is computed by a spreadsheet, and numbers are numbers."""
    for row in written(path):
        for cell in row:
            assert cell.lstrip(" \t\r\n")[:1] not in set("=+-@＝＋－＠") - {""} or not math.isnan(hostile.as_read(cell))
            assert cell[:1] not in "\t\r\n" or not cell


@given(st.lists(st.tuples(hostile.CELLS, st.floats(allow_nan=False, allow_infinity=False)), min_size=1, max_size=5))
@example([("-1.5", -1.5)])
@example([(" =1+1", 0.0)])
@example([("-inf", 0.0)])
@example([("a\r=1+1", 0.0)])
def test_no_cell_that_is_written_is_computed(folder, rows):
    path = folder / "written.csv"
    _, said = outcome(sheets.write, pd.DataFrame(rows, columns=["text", "number"]), path)
    assume(not said)  # a lone surrogate is no text
    assert_harmless(path)
    _, *back = written(path)
    texts = [re.sub("\r\n?", "\n", text) for text, _ in rows]
    assert [cell.removeprefix("'") for cell, _ in back] == [text.removeprefix("'") for text in texts]
    assert [float(cell) for _, cell in back] == [number for _, number in rows]


def shown(text):
    """The tree of a page that shows `text`, as MyST makes it with the book's extensions."""
    settings_ = {"myst_enable_extensions": ["colon_fence", "deflist", "dollarmath", "substitution", "tasklist"]}
    quiet = {"report_level": 5, "halt_level": 5, "warning_stream": None, **settings_}
    return docutils.core.publish_doctree(text, parser=docutils_.Parser(), settings_overrides=quiet)


@given(st.lists(hostile.TEXTS, min_size=3, max_size=3))
@example(["`", "```{include} /etc/passwd", "<script>"])
@example(["$x$", r"\input{/etc/passwd}", "{{ book }}"])
def test_names_from_outside_are_text_on_a_page(texts):
    """In a sentence, as code, and in a table: nothing but text comes of it, and the same text in other viewers."""
    sentence, inside, cell = texts
    row = f"|{book._cell(book.literal(cell))}|c|"
    page = f"Said: {book.literal(sentence)} and {book.code(inside)}.\n\n|a|b|\n|---|---|\n{row}\n"
    kinds = {type(node).__name__ for node in shown(page).findall()}
    plain = {"document", "paragraph", "Text", "literal", "table", "tgroup", "colspec", "thead", "tbody", "row", "entry"}
    assert kinds <= plain
    html = book._plain_html(page)
    assert not re.findall(r"<(?!/?(?:p|code|table|thead|tbody|tr|th|td)[ >])", html)
