"""What a computation asks of the tables is noted, whatever it passes through, and only another answer runs it again."""

import csv
import io
import json
import shutil

import pandas as pd
import pytest

from costlib import data, execute, prices, tracking, workers
from costlib.data import Fact
from costlib.errors import InputError
from tests.conftest import ROOT

MODEL, OTHER = "claude_sonnet_4_6", "gpt_4_1"
ASKS = f"from costlib import prices\nprint(float(prices.api({MODEL!r}, 'input')))"


@pytest.fixture(autouse=True)
def anew():
    """Each test computes and notes anew."""
    tracking.forget()
    tracking.begin()


@tracking.question
def first(name):
    """The first key of a table."""
    return str(data.table(name).index[0])


@tracking.derived
def lengths(*names):
    return [len(data.table(name)) for name in names]


@tracking.derived
def first_of_longest():
    return first("models") if lengths("models")[0] > 1 else None


@tracking.question
def long_enough(count):
    if lengths("engines")[0] < count:
        raise InputError(f"fewer than {count}")
    return True


def answers():
    return {str(question) for question in tracking.noted().answers}


# --- what is noted ----------------------------------------------------------------------------------------------------


def test_a_table_is_noted_and_a_question_in_its_place():
    data.table("engines")
    first("models")
    noted = tracking.noted()
    assert (noted.tables, noted.behind) == ({"engines"}, {"models"})
    assert answers() == {"tests.test_tracking.first(models)"}


def test_what_was_kept_is_noted_again_for_whoever_takes_it():
    first_of_longest()
    tracking.begin()
    assert not tracking.noted().tables
    first_of_longest()
    assert tracking.noted().tables == {"models"} and answers() == {"tests.test_tracking.first(models)"}


def test_what_a_question_has_kept_counts_for_who_takes_it_outside_of_one():
    long_enough(1)
    assert (tracking.noted().tables, tracking.noted().behind) == (set(), {"engines"})
    lengths("engines")
    assert tracking.noted().tables == {"engines"}


def test_an_error_of_the_reader_is_an_answer_and_what_led_to_it_is_noted():
    with pytest.raises(InputError, match="fewer than 1000"):
        long_enough(1000)
    assert answers() == {"tests.test_tracking.long_enough(1000)"} and tracking.noted().behind == {"engines"}
    ((question, answer),) = tracking.noted().answers.items()
    assert question.answer_now() == answer
    assert tracking.Question(*question[:2], json.dumps([[1], {}])).answer_now() != answer


def test_what_a_derived_result_failed_over_is_noted():
    with pytest.raises(KeyError):
        lengths("engines", "no_table")
    assert "engines" in tracking.noted().tables


def test_a_process_notes_what_its_parent_has_computed():
    lengths("engines")
    [(_, tables)] = workers.results(lambda _: (lengths("engines"), tracking.noted().tables)[1], ["a notebook"])
    assert tables == {"engines"}


def test_what_is_noted_for_the_process_is_not_what_is_being_computed():
    with tracking._noting() as inner:
        data.table("engines")
        assert inner.tables == {"engines"} and not tracking.noted().tables


def test_asking_does_not_change_who_asks():
    question = tracking.Question(__name__, "first", json.dumps([["models"], {}]))
    question.answer_now()
    assert not tracking.noted().answers and not tracking.noted().behind


# --- what an answer is ------------------------------------------------------------------------------------------------


def plain(answer):
    return json.dumps(tracking._plain(answer))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1.0, 1.0 + 2**-52),
        (None, 0),
        (Fact(1.0, source="a"), Fact(1.0, source="b")),
        (pd.Series([0.1], ["a"]), pd.Series([0.1 + 2**-55], ["a"])),
        (pd.Series([0.1], ["a"]), pd.Series([0.1], ["b"])),
        (pd.DataFrame({"a": [1]}), pd.DataFrame({"a": [1], "b": [2]})),
        (pd.DataFrame({"a": [1], "b": [2]}), pd.DataFrame({"b": [2], "a": [1]})),
        ([1, 2], [2, 1]),
        ({"a": Fact(1.0, date="2026-01-01")}, {"a": Fact(1.0, date="2026-01-02")}),
        (InputError("a"), InputError("b")),
    ],
)
def test_any_difference_between_answers_counts(one, other):
    assert plain(one) == plain(one) != plain(other)


def test_an_answer_that_cannot_be_told_apart_is_refused():
    with pytest.raises(TypeError, match="may not hold"):
        plain([object()])


# --- what runs again --------------------------------------------------------------------------------------------------


def change(project, table, factor=2.0, field="usd_per_million_tokens", **wanted):
    """Multiply a number in the newest row that has the `wanted` cells."""
    path = project.path / "data" / f"{table}.csv"
    head, *rows = csv.reader(io.StringIO(path.read_text("utf-8")))
    fit = [row for row in rows if all(row[head.index(name)] == value for name, value in wanted.items())]
    row = max(fit, key=lambda each: each[head.index("date")])
    row[head.index(field)] = f"{float(row[head.index(field)]) * factor:.6g}"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([head, *rows])


def ran(project, *more):
    """The notebooks that ran, and what was said."""
    done = project.costlib("notebooks", *more)
    assert done.returncode == 0, done.stderr
    return sorted(line.split()[1] for line in done.stderr.splitlines() if line.endswith(" s")), done.stderr


@pytest.fixture
def small(project):
    """A copy with one notebook that asks for one price and another that reads all."""
    project.without_notebooks()
    project.notebook("asks", "n = 1  # a parameter", ASKS)
    project.notebook("reads", "n = 1  # a parameter", "from costlib import data\ndata.table('api_token_prices');")
    return project


def test_a_price_runs_again_what_asked_for_it_and_says_which(small):
    assert ran(small)[0] == ["asks", "reads"]
    change(small, "api_token_prices", api_model=OTHER, kind="input", provider="openai")
    assert ran(small)[0] == ["reads"]
    change(small, "api_token_prices", api_model=MODEL, kind="input", provider="anthropic")
    again, said = ran(small)
    why = f"data/api_token_prices.csv changed, and with it the answer to prices.api({MODEL}, input)"
    assert again == ["asks", "reads"] and f"asks again: {why}\n" in said
    assert ran(small)[0] == []


def test_with_quotes_of_the_reader_all_rests_on_the_tables(small):
    mine = small.path / "mine.csv"
    mine.write_text(
        "provider,item,kind,price,unit,date\nacme,h100_sxm_80gb,on_demand,2.2,USD per GPU-hour,2026-11-01\n"
    )
    ran(small, "--prices", mine)
    change(small, "api_token_prices", api_model=OTHER, kind="input", provider="openai")
    assert ran(small, "--prices", mine)[0] == ["asks", "reads"]


def test_a_record_of_another_version_is_not_believed(small):
    ran(small)
    record = small.path / "_build" / "cache" / "notebooks" / "asks.json"
    known = json.loads(record.read_text("utf-8"))
    record.write_text(json.dumps({**known["rests_on"], "result": known["result"]}))
    again, said = ran(small)
    assert again == ["asks"] and "Traceback" not in said


def test_after_a_changed_price_all_chapters_are_as_if_all_had_run(project):
    """The chapters that were not run again are those in which nothing changed."""
    shutil.copytree(execute.CACHE, project.path / "_build" / "cache" / "notebooks", dirs_exist_ok=True)
    ran(project)  # what has changed here since the book was built
    change(project, "api_token_prices", 1.1, api_model="claude_fable_5_2", kind="output")
    again, said = ran(project)
    executed, kept = project.path / "book" / "executed", project.path / "_build" / "cache" / "notebooks"
    after = {path.name: path.read_bytes() for path in executed.iterdir()}
    assert "drivers" in again and not {"workloads", "serving", "self_hosting", "monitoring"} & set(again), said
    shutil.rmtree(kept)
    every, _ = ran(project)
    assert len(every) == len(list((ROOT / "notebooks").glob("*.ipynb")))
    assert {path.name: path.read_bytes() for path in executed.iterdir()} == after


@pytest.mark.parametrize("ask", [lambda: prices.api(MODEL, "input"), lambda: prices.rental("h100_sxm_80gb")])
def test_one_price_does_not_rest_on_the_whole_table(ask):
    """Else a price of one model would run again what asks for another's."""
    ask()
    assert not tracking.noted().tables and len(tracking.noted().answers) == 1
