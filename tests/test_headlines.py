"""The headline numbers are what the chapters say, and change only by `make accept` with a line in the changelog."""

import re

import pytest

from costlib import book
from costlib.errors import InputError
from tests import headlines
from tests.conftest import ROOT
from tests.headlines import Headline

KEPT = headlines.kept()
HOW = 'if this is meant, take it over by: make accept REASON="why the numbers change"'


@pytest.fixture(scope="module")
def now():
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("COSTLIB_PRICES", raising=False)  # quotes of one reader are not the book's
        return headlines.computed()


def test_the_headline_numbers_are_those_of_the_table(now):
    """Digit for digit as printed: what readers see is compared, and rounding to it hides noise of the last bits."""
    changes = headlines.compared(KEPT, now)
    assert not changes, "\n".join(["", *changes, HOW])


def test_the_table_changes_only_with_a_line_in_the_changelog():
    recorded = headlines.mark(headlines.TABLE) in headlines.CHANGELOG.read_text("utf-8")
    assert recorded, f"tests/headlines.csv was changed without a line in CHANGELOG.md; {HOW}"


def test_every_number_of_the_front_page_is_a_headline():
    page = (ROOT / "book" / "index.md").read_text("utf-8")
    quoted = set(re.findall(r"\{glue:text\}`executed/(\w+)\.ipynb::(\w+):", page))
    assert quoted
    assert quoted - {(each.chapter, each.name) for each in KEPT} == set()


def test_every_chapter_has_headlines_and_none_has_two_of_a_name():
    names = [(each.chapter, each.name) for each in KEPT]
    assert len(set(names)) == len(names)
    assert {chapter for chapter, _ in names} == set(book.notebooks())


# --- accepting --------------------------------------------------------------------------------------------------------


@pytest.fixture
def files(tmp_path):
    """A table and a changelog to accept changes into."""
    table = tmp_path / "headlines.csv"
    table.write_text("chapter,name,value,unit\ncafe,tea,2.50,USD\ncafe,best,tea,\n")
    changelog = tmp_path / "CHANGELOG.md"
    changelog.write_text("# Changelog\n\n## 0.1.0\n\n- Tea.\n")
    return table, changelog


SAME = {("cafe", "tea"): "2.50 USD", ("cafe", "best"): "tea"}
DEARER = {("cafe", "tea"): "3.00 USD", ("cafe", "best"): "milk"}


def test_a_change_is_told_with_old_new_and_relative_change(files):
    assert headlines.compared(headlines.kept(files[0]), SAME) == []
    assert headlines.compared(headlines.kept(files[0]), DEARER) == [
        "cafe: tea was '2.50 USD' and is '3.00 USD' (+20.00%)",
        "cafe: best was 'tea' and is 'milk'",
    ]
    [gone] = headlines.compared(headlines.kept(files[0])[:1], {})
    assert "no longer says it" in gone


def test_accepting_rewrites_the_table_and_says_why_in_the_changelog(files):
    table, changelog = files
    assert len(headlines.accept("tea rose\n in price", DEARER, table, changelog)) == 2
    assert headlines.kept(table) == [Headline("cafe", "tea", "3.00", "USD"), Headline("cafe", "best", "milk")]
    line = f"- 2 headline numbers changed: tea rose in price (`{headlines.mark(table)}`)"
    assert changelog.read_text().endswith(f"- Tea.\n{line}\n")
    before = changelog.read_text()
    assert headlines.accept("again", DEARER, table, changelog) == []
    assert changelog.read_text() == before
    headlines.accept("and back", SAME, table, changelog)
    assert changelog.read_text().splitlines()[-2] == line


def test_a_table_changed_by_hand_is_not_marked_in_the_changelog(files):
    table, changelog = files
    headlines.accept("first", DEARER, table, changelog)
    table.write_text(table.read_text().replace("3.00", "3.10"))
    assert headlines.mark(table) not in changelog.read_text()


@pytest.mark.parametrize(
    ("reason", "now", "message"),
    [(" ", DEARER, "say why"), ("a rise", {("cafe", "best"): "milk"}, "no chapter says cafe: tea")],
)
def test_what_cannot_be_accepted_changes_nothing(files, reason, now, message):
    before = [path.read_text() for path in files]
    with pytest.raises(InputError, match=message):
        headlines.accept(reason, now, *files)
    assert [path.read_text() for path in files] == before


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [
        ("3.20 USD per million tokens", "3.20", "USD per million tokens"),
        ("2,637 tokens/s", "2,637", "tokens/s"),
        ("95%", "95%", ""),
        ("from 12.0 billion tokens on", "from 12.0 billion tokens on", ""),
        ("2026-11-10", "2026-11-10", ""),
    ],
)
def test_a_text_is_a_number_and_its_unit_or_words(text, value, unit):
    made = Headline.of_text("cafe", "x", text)
    assert (made.value, made.unit, made.said) == (value, unit, text)
