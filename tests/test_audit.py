"""Verdicts that follow from a claim and our value, and the audit of all claims."""

import csv
import math

import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from costlib import audit, cli, data, verdicts

NOTHING = {"basis": "arithmetic", "test": None, "against": None, "needed": None, "holds_low": None, "holds_high": None}


def claim(low, high=None, **cells):
    high = low if high is None else high
    number = {"claimed_low": float(low), "claimed_high": float(high)}
    return pd.Series({**NOTHING, "basis": "public data", **number, **cells})


def statement(low, high, **cells):
    ends = {"claimed_low": math.nan, "claimed_high": math.nan, "holds_low": float(low), "holds_high": float(high)}
    return pd.Series({**NOTHING, "test": "a ratio", **ends, **cells})


@pytest.mark.parametrize(
    ("low", "high", "value", "kind", "factor"),
    [
        (100, 100, 100, "reproduces", 1), (100, 100, 95.3, "reproduces", 1), (100, 100, 105, "reproduces", 1),
        (100, 200, 150, "reproduces", 1), (100, 100, 50, "off by factor", 2), (100, 100, 200, "off by factor", 2),
        (100, 200, 50, "off by factor", 2), (100, 200, 400, "off by factor", 2),
        (40, 40, 0.8192, "off by factor", 48.828125),
    ],
)  # fmt: skip
def test_a_claim_reproduces_within_its_range_or_is_off_by_a_factor(low, high, value, kind, factor):
    assert verdicts.verdict(claim(low, high), value) == (kind, pytest.approx(factor))


@pytest.mark.parametrize(
    ("cells", "value", "kind"),
    [
        (claim(0.001157, basis="arithmetic"), 0.001207, "off by factor"),  # four digits: a slip of 4% shows
        (claim(0.001157, basis="arithmetic", against="C033"), 0.001207, "inconsistent with another claim"),
        (claim(0.85, basis="arithmetic"), 0.839, "reproduces"),
        (claim(2964, basis="arithmetic"), 2953.7, "reproduces"),
        (claim(10_000, basis="arithmetic"), 6825, "off by factor"),  # one digit, but never more than the usual 5%
        (claim(0.3, 0.5, basis="model"), 0.4, "holds under stated assumptions"),
        (claim(0, 0), 0.05, "contradicted by public data"),  # no factor leads from nothing to something
        (claim(0.7, 0.8), -9.2, "contradicted by public data"),
        (claim(1, math.nan), 7, "reproduces"),  # the article names no upper end
        (statement(1, math.nan), 5.0, "reproduces"),
        (statement(1, math.nan), 0.99, "contradicted by public data"),
        (statement(math.nan, 1, against="C008"), 4.9, "inconsistent with another claim"),
        (statement(0.5, 0.5), 0.5 - 1e-16, "reproduces"),
        (claim(3, needed="accounts"), math.nan, "cannot be checked"),
    ],
)
def test_what_a_value_rests_on_and_what_it_contradicts_decide(cells, value, kind):
    assert verdicts.verdict(cells, value)[0] == kind


def test_a_claim_within_the_range_of_an_assumption_holds():
    row = claim(18, basis="model")
    assert verdicts.verdict(row, 24)[0] == "off by factor"
    assert verdicts.verdict(row, 24, low=12, high=36) == ("holds under stated assumptions", 1.0)
    assert verdicts.verdict(row, 24, low=20, high=36) == ("off by factor", pytest.approx(24 / 18))


positive = st.floats(1e-9, 1e9)


@given(low=positive, width=st.floats(1, 10), value=positive, basis=st.sampled_from(["arithmetic", "public data"]))
def test_a_factor_brings_the_nearer_end_to_our_value(low, width, value, basis):
    row = claim(low, low * width, basis=basis)
    kind, factor = verdicts.verdict(row, value)
    if kind == "reproduces":
        assert factor == 1 and low * 0.949 <= value <= low * width * 1.051
    else:
        assert factor > 1
        assert value * factor == pytest.approx(low) or value / factor == pytest.approx(low * width)


@given(value=positive, low=positive)
def test_a_statement_has_no_factor(value, low):
    assume(abs(value / low - 1) > 1e-6)
    kind, factor = verdicts.verdict(statement(low, math.nan), value)
    assert (kind == "reproduces") == (value > low) and (factor == 1) == (value > low)
    assert kind == "reproduces" or math.isnan(factor)


# --- all claims -------------------------------------------------------------------------------------------------------


def test_every_claim_is_there_once_and_answered():
    found = audit.table()
    assert list(found.index) == [f"C{n:03d}" for n in range(1, 224)]
    assert audit.unanswered() == []
    assert set(found["verdict"]) == set(verdicts.VERDICTS)


def test_what_cannot_be_checked_says_what_it_would_take_and_has_no_value():
    found = audit.table()
    closed = found["verdict"] == "cannot be checked"
    assert (found["needed"].notna() == closed).all() and found.loc[closed, "value"].isna().all()
    open_ones = found[~closed]
    assert open_ones["value"].notna().all() and open_ones["basis"].notna().all()


def test_a_claim_has_a_number_or_a_test():
    found = audit.table()
    checked = found[found["needed"].isna()]
    assert (checked["claimed_low"].notna() | checked["test"].notna()).all()
    assert (checked["test"].notna() == (checked["holds_low"].notna() | checked["holds_high"].notna())).all()


def test_contradictions_point_to_other_claims():
    found = audit.table()
    against = found["against"].dropna()
    assert set(against) <= set(found.index) and (against != against.index).all()


def test_every_chapter_named_is_a_page():
    pages = {path.stem for path in (data.ROOT / "notebooks").glob("*.ipynb")}
    assert set(audit.table()["chapter"].dropna()) <= pages


@pytest.mark.parametrize(
    ("key", "kind", "factor"),
    [
        ("C016", "off by factor", 48.83),  # the cache of one sequence
        ("C022", "off by factor", 4060),  # multiplied where one must divide
        ("C053", "off by factor", 1271),  # tokens per hour
        ("C121", "off by factor", 992),  # dollars per copy
        ("C042", "inconsistent with another claim", 1.0432),  # its own sum
        ("C005", "inconsistent with another claim", 30.4),  # a day's bill called a month's
        ("C013", "reproduces", 1), ("C028", "reproduces", 1), ("C080", "reproduces", 1),
    ],
)  # fmt: skip
def test_verdicts_known_by_hand(key, kind, factor):
    row = audit.table().loc[key]
    assert row["verdict"] == kind and row["factor_off"] == pytest.approx(factor, rel=0.01)


def test_the_command_writes_all_claims(tmp_path, capsys):
    path = tmp_path / "audit.csv"
    assert cli.main(["audit", "-o", str(path)]) == 0
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["id", "value", "unit", "verdict", "factor_off", "chapter"] and len(rows) == 223
    assert next(row for row in rows if row["id"] == "C121")["unit"] == "USD"
    assert "223 claims" in capsys.readouterr().out
