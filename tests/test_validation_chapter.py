"""The chapter on validation: its numbers are those of the report, and its sentences follow what is left out."""

import multiprocessing

import pytest

from costlib import execute, validation
from costlib.book import parameters
from tests.conftest import texts


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    validation.report()  # takes a while, so it is there before the chapter's process is forked from this one
    output = tmp_path_factory.mktemp("validation") / "out.ipynb"
    given = {"left_out": "source", "worst_shown": 3}
    run = multiprocessing.get_context("fork").Process(target=execute.run, args=("validation", given, output))
    run.start()
    run.join()
    assert run.exitcode == 0
    return output


def test_what_is_left_out_is_named_and_counted_with_its_own_errors(page):
    report = validation.report()
    column = validation.WITHOUT["source"]
    found = validation.summary(report, [column, "ideal"]).set_index(["subset", "predictor"])
    first = texts(page)[1]  # after what there is to learn
    assert parameters("validation")["left_out"] == "configuration"
    assert "had not seen their source" in first
    assert f"met within **{found.loc[(validation.KNOWN, column), 'median']:.0%}**" in first
    assert f"misses the same rows by {found.loc[(validation.KNOWN, 'ideal'), 'median']:.0%}" in first


def test_as_many_of_the_worst_are_shown_as_asked(page):
    [table] = [text for text in texts(page) if "tab-validation-worst" in text and text.startswith("```{table}")]
    rows = [line.split("|") for line in table.splitlines() if line.startswith("|")][2:]
    factors = [float(cells[8]) for cells in rows]
    assert len(factors) == 3 and factors == sorted(factors, reverse=True) and factors[-1] > 1


def test_the_simpler_models_are_worse_on_known_batches():
    found = validation.summary(validation.report(), ["ideal", "one_efficiency", validation.WITHOUT["configuration"]])
    known = found[found["subset"] == validation.KNOWN].set_index("predictor")["median"]
    assert known[validation.WITHOUT["configuration"]] < known["one_efficiency"] < known["ideal"]
