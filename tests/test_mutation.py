"""The mutation test itself: it changes what it says, its ways to notice work, and survivors have reasons that stand."""

import csv
import signal

import pytest

from tests import mutation

ROOFLINE = next(path for path in mutation.MODELS if path.stem == "roofline")


@pytest.fixture
def made(tmp_path, monkeypatch):
    """The mutants of a small module, by their changes."""
    monkeypatch.setattr(mutation, "ROOT", tmp_path)
    path = tmp_path / "small.py"
    path.write_text('@mark(1 + 1)\ndef f(a: int = 2) -> int:\n    """Says 3 + 3."""\n    return Max(a + 4, 0)\n')
    return {mutant.change(): mutant for mutant in mutation.mutants(path)}


def test_code_is_changed_and_neither_examples_nor_words_are(made):
    assert {before for before, _ in made} == {"return Max(a + 4, 0)"}
    after = {after for _, after in made}
    assert {"return Min(a + 4, 0)", "return Max(a - 4, 0)", "return Max(a // 4, 0)", "return Max(a + 5, 0)"} <= after
    assert len(after) == len(made) == 11  # six other operators, two numbers up and down, one word


def noticed(before, after):
    """How the examples notice the change of one line of the roofline."""
    return next(
        mutation.noticed_by_examples(each) for each in mutation.mutants(ROOFLINE) if each.change() == (before, after)
    )


def test_an_equation_notices_a_wrong_unit_and_its_example_a_wrong_number():
    line = "return linear_flops_per_token + decode_flops_per_pair * cached_layer_tokens"
    assert noticed(line, line.replace("+", "*")) == "import"
    assert noticed(line, line.replace("+", "-")) == "example"


def test_a_process_that_fails_or_never_ends_is_told_apart():
    assert mutation.in_child(lambda: 0, 1) == 0
    assert mutation.in_child(lambda: 1 // 0, 1) == 1
    assert mutation.in_child(endless, 1) == -signal.SIGXCPU


def endless():
    while True:
        pass


def test_every_survivor_is_a_line_of_its_module_and_has_a_reason():
    with mutation.SURVIVORS.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            path = mutation.ROOT / f"{row['module'].replace('.', '/')}.py"
            lines = " ".join(line.strip() for line in path.read_text("utf-8").splitlines())
            assert row["before"] in lines and row["after"] != row["before"], row
            assert row["reason"].endswith("."), row
