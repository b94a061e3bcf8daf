"""The chapter on monitoring and a reader's own page: true for any log, exact, offline, and safe with hostile names."""

import csv
import json
import re
from decimal import Decimal

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from costlib import alerts, article, attribution, bills, book, plots, statement, synthetic, usage
from tests.conftest import Project, Run

SCRIPT, FORMULA, MATH = "<script>alert(1)</script>", '=HYPERLINK("http://x")|1', "a $x_{y}$ `b` [c](d) {e}`f`"
QUICK = ("-pn_logs=10", "-pn_faulty=10", "-pfalse_alarms_per_month=1")


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A copy of the project whose chapter is quick: few synthetic logs."""
    made = Project(tmp_path_factory.mktemp("monitoring") / "project")
    for name, value, few in (("n_logs", 80, 10), ("n_faulty", 40, 10), ("false_alarms_per_month", 0.5, 1)):
        made.replace("notebooks/monitoring.ipynb", f"{name} = {value} ", f"{name} = {few} ")
    return made


def ran(project, *given):
    output = project.path / "_build" / "runs" / "monitoring.ipynb"
    return Run(project.costlib("run", "monitoring", *given, "-o", output), project, output)


# --- the reader's page -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def own(project):
    """What `costlib usage report` makes of a log with hostile names, and the log."""
    frame = synthetic.log(7)
    frame["service.name"] = frame["service.name"].replace({"chat": SCRIPT, "code": FORMULA, "reports": MATH})
    frame["user.id"] = frame["user.id"].replace({"chat-30": "<img src=x onerror=alert(2)>", "chat-01": "@SUM(1)"})
    path, folder = project.path / "mine.csv", project.path / "out"
    frame.to_csv(path, index=False)
    done = project.costlib("usage", "report", path, "-o", folder, "--bill", "130.00")
    assert done.returncode == 0, done.stderr
    return done, folder, usage.read(path)


def visible(page):
    """The words of a page, as a reader sees them."""
    text = re.sub(r"<style>.*?</style>|<[^>]*>", " ", page, flags=re.S)
    for name, character in (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&amp;", "&")):
        text = text.replace(name, character)
    return re.sub(r"\s+", " ", text)


def test_the_report_tells_where_it_is_and_what_it_does(own):
    done, folder, _ = own
    assert done.stdout.split() == [str(folder / name) for name in ("report.html", "costs.csv", "requests.csv")]
    assert "pricing mine.csv" in done.stderr


def test_the_page_runs_nothing_and_fetches_nothing(own):
    page = (own[1] / "report.html").read_text("utf-8")
    assert "default-src 'none'" in page
    tags = set(re.findall(r"<([a-zA-Z]+)", page))
    assert tags & {"script", "img", "iframe", "object", "link", "form"} == set()
    assert not re.findall(r"<[^>]*\s(?:on\w+|src|href)=[\"'](?!#)", page)
    assert re.findall(r"url\((?!#)", page) == []


def test_the_page_shows_hostile_names_as_they_are(own):
    words = visible((own[1] / "report.html").read_text("utf-8"))
    for name in (SCRIPT, FORMULA, MATH, "@SUM(1)", "<img src=x onerror=alert(2)>"):
        assert name in words


def test_the_page_adds_up_to_the_log(own):
    _, folder, log = own
    page = (folder / "report.html").read_text("utf-8")
    total = statement.money(bills.round_to_cents(log.total))
    for table in re.findall(r"<table>.*?</table>", page, flags=re.S)[:3]:
        amounts = [Decimal(cell.replace(",", "")) for cell in re.findall(r">(-?[\d,]+\.\d\d)</td>", table)]
        assert sum(amounts[:-1]) == amounts[-1] == Decimal(total)


def test_the_page_says_what_would_explain_the_bill(own):
    _, folder, log = own
    bill = bills.reconcile(log, "130.00")
    words = visible((folder / "report.html").read_text("utf-8"))
    assert f"{bill.open.normalize():f} USD, which would be explained if the {bill.tokens:,} tokens" in words
    assert "more than any output of this log costs" in words


def test_the_page_names_the_planted_faults(own):
    words = visible((own[1] / "report.html").read_text("utf-8"))
    assert "a request costs" in words or "a token costs" in words
    assert "The user who moved it most is <img src=x onerror=alert(2)>" in words


def test_the_page_has_the_book_s_colors_for_light_and_dark(own):
    page = (own[1] / "report.html").read_text("utf-8")
    light, dark = plots.colors()
    assert light in page
    assert dark in page
    assert re.findall(r"--cost-\w+", light) == re.findall(r"--cost-\w+", dark)
    assert light != dark


def test_the_written_costs_are_the_log_s_to_the_last_digit(own):
    _, folder, log = own
    table = list(csv.DictReader((folder / "costs.csv").open(encoding="utf-8", newline="")))
    assert sum(Decimal(row["usd"]) for row in table) == Decimal(log.total) / usage.PICO
    assert {row["product"] for row in table} == {SCRIPT, "'" + FORMULA, MATH}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["none.csv"], "there is no file"),
        (["README.md"], "a log ends in .parquet"),
        (["data/models.csv"], "has no column"),
    ],
)
def test_what_is_no_log_is_told_in_one_line(project, arguments, told):
    done = project.costlib("usage", "report", *arguments)
    assert done.returncode == 1
    assert told in done.stderr
    assert "Traceback" not in done.stderr


# --- text from outside -----------------------------------------------------------------------------------------------


@given(st.text(max_size=50))
def test_any_text_is_shown_as_it_is_and_does_nothing(text):
    html = MarkdownIt().enable("table").render(f"before {book.literal(text)} after")
    plain = "".join(each if each.isprintable() else " " for each in text)
    inner = re.fullmatch(r"<p>before (.*) after</p>\n", html, flags=re.S)[1]
    assert "<" not in inner
    for name, character in (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&amp;", "&")):
        inner = inner.replace(name, character)
    assert inner.split() == plain.split()


@given(st.sampled_from("|*_`$\\<&[{#"))
def test_marks_stay_marks_in_both_readers_of_a_cell(mark):
    cell = book._cell(book.literal(f"a{mark}b{mark}c"))
    assert not set(cell) & set("|*_`$\\<[{")


def test_long_names_are_cut():
    assert book.literal("x" * 100) == "x" * 59 + "…"


# --- statements ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def log():
    return usage.read(synthetic.log(2))


@pytest.mark.parametrize("split", ["product", "model", "user", "day"])
def test_a_table_adds_up_with_its_last_line(log, split):
    rows = statement.ranked(log, split)
    assert len(rows) <= statement.MOST + 1
    assert sum(row[3] for row in rows) == bills.round_to_cents(log.total)
    assert sum(row[1] for row in rows) == log.by("model")["requests"].sum()
    named = [row[3] for row in rows if not row[0].endswith("others")]
    assert named == sorted(named, reverse=True)


def test_the_weeks_start_at_no_change_and_end_with_the_cache_broken(log):
    effects, first = statement.weekly(log)
    per_token = alerts.daily(log)
    start = per_token.iloc[:28]
    assert first == pytest.approx(start["usd"].sum() / start["tokens"].sum(), rel=1e-9)
    last = per_token.loc[effects.index[-1] :].iloc[:7]
    assert effects.iloc[-1].sum() == pytest.approx(last["usd"].sum() / last["tokens"].sum() - first, rel=1e-9)
    assert effects.iloc[-1].idxmax() == "cache"
    assert effects.iloc[:4].abs().max().max() < 0.5 * effects["cache"].iloc[-1]


def test_the_dearest_request_is_priced_alike_by_the_book_s_equations(log):
    equations, values = statement.example(log)
    [(pico, dearest)] = log.query(
        f'SELECT pico, (SELECT max(pico) FROM requests WHERE NOT batch) FROM requests WHERE "row" = {values["row"]}'
    )
    assert equations(values, "request_usd") == pytest.approx(pico / usage.PICO, rel=1e-12)
    assert pico == dearest


def alert(share, month, users):
    effects = pd.DataFrame(0.0, pd.MultiIndex.from_tuples([("a", "m")], names=["product", "model"]),
                           list(attribution.FACTORS))  # fmt: skip
    effects["price"] = month / alerts.MONTH_DAYS
    day = pd.Timestamp("2026-06-30")
    return alerts.Alert("cost per token", share, day, day, 7, effects, pd.Series(users) / alerts.MONTH_DAYS)


def test_an_alert_says_what_since_when_how_much_and_who():
    told = statement.tell(alert(0.25, 40.0, {"ann": 30.0, "bob": 10.0}))
    assert told == (
        "**Since 2026-06-30** a token costs 25% more (seen on 2026-06-30). Over the 7 days from then on the bill is"
        " **+40.00 USD a month**: prices +40.00. By product: a +40.00. The user who moved it most is ann with +30.00,"
        " 75% of it."
    )


def test_a_fall_is_told_as_one():
    told = statement.tell(alert(-0.1, -4.0, {"ann": 1.0, "bob": -5.0}))
    assert "costs 10% less" in told
    assert "**−4.00 USD a month**" in told
    assert "bob with −5.00, 125% of it" in told


def test_only_changes_that_matter_are_told(log):
    per_month = statement.usd(log) / len(alerts.daily(log)) * alerts.MONTH_DAYS
    large, small = alert(0.1, 0.06 * per_month, {"ann": 1.0}), alert(0.1, -0.04 * per_month, {"ann": 1.0})
    assert statement.told(log, [small, large]) == ([large], 1)


# --- the article -----------------------------------------------------------------------------------------------------


def test_a_product_with_six_tenths_of_the_tokens_by_hand():
    """Code: 2,048 in and 28 out; conversation: 1,155 in and 211 out; both at 2 and 8 USD per million."""
    reads, writes = (2048 * 2 + 28 * 8) / 2076, (1155 * 2 + 211 * 8) / 1366
    assert article.monitoring() == {"C159": pytest.approx(0.6 * reads / (0.6 * reads + 0.4 * writes))}


def test_longer_prompts_make_a_token_cheaper_and_a_request_dearer_by_hand():
    token = ((2310 * 2 + 211 * 8) / 2521) / ((1155 * 2 + 211 * 8) / 1366)
    found = article.longer_prompts(2)
    assert found == {
        "api_usd_per_token": pytest.approx(token),
        "request_usd": pytest.approx((2310 * 2 + 1688) / (1155 * 2 + 1688)),
    }
    assert found["api_usd_per_token"] < 1 < found["request_usd"]


# --- the chapter -----------------------------------------------------------------------------------------------------


def test_the_chapter_says_that_its_log_is_synthetic_and_finds_what_was_planted(project):
    run = ran(project)
    assert run.done.returncode == 0, run.done.stderr
    words = "\n".join(run.texts())
    assert "**The log on this page is synthetic**" in words
    planted = synthetic.planted()
    since = [pd.Timestamp(day) for day in re.findall(r"\*\*Since (\d{4}-\d\d-\d\d)\*\*", words)]
    for day in (planted["cache"], planted["loop"]):
        assert min(abs((each - pd.Timestamp(day)).days) for each in since) <= 2


def test_a_short_log_of_one_product_is_told_as_such(project):
    frame = synthetic.log(2)
    first = pd.to_datetime(frame["startTimeUnixNano"]) < pd.Timestamp(synthetic.START) + pd.Timedelta(days=5)
    path = project.path / "short.csv"
    columns = [name for name in frame if name not in ("service.name", "user.id")]
    frame.loc[first & (frame["service.name"] == "chat"), columns].to_csv(path, index=False)
    run = ran(project, f"-plog={path}")
    assert run.done.returncode == 0, run.done.stderr
    words = "\n".join(run.texts())
    assert "It has 5 days, and 28 are needed" in words
    assert "shorter than two weeks" in words
    assert "All of the log is" in words
    assert "synthetic**, made from seed" not in words


def test_a_changed_price_row_changes_the_bill_of_the_chapter(project, tmp_path):
    other = Project(tmp_path / "project")
    text = (other.path / "data" / "api_token_prices.csv").read_text("utf-8")
    row = next(line for line in text.splitlines() if line.startswith("2025-04-14,openai,gpt_4_1,output,8,"))
    other.replace("data/api_token_prices.csv", row, row.replace(",output,8,", ",output,16,"))
    runs = [ran(each, *QUICK) for each in (project, other)]
    costs = [float(re.search(r"cost \*\*([\d.]+) USD", "\n".join(run.texts()))[1]) for run in runs]
    assert costs[1] > 1.3 * costs[0]


def test_the_pages_cells_are_marked_in_the_notebook():
    cells = json.loads((book.NOTEBOOKS / "monitoring.ipynb").read_text("utf-8"))["cells"]
    marked = [cell for cell in cells if "report" in cell["metadata"].get("tags", ())]
    assert len(marked) >= 8
    assert not any(word in "".join(cell["source"]) for cell in marked for word in ("{cite", "{ref}", "article."))
