"""What a notebook imports: sentences with numbers, figures, tables, checked parameters, verdicts."""

import re
from types import SimpleNamespace

import nbformat
import numpy as np
import pytest

from costlib import book, data, figures
from costlib.errors import InputError
from tests.conftest import ROOT, deployed


class Screen(list):
    """What a notebook displayed: texts for the book, HTML for JupyterLab, and what was kept for other pages."""

    def show(self, shown, metadata=None, raw=False):
        self.append((shown if raw else shown._repr_mimebundle_(), metadata))

    @property
    def text(self):
        return next(bundle["text/markdown"] for bundle, _ in reversed(self) if "text/markdown" in bundle)

    @property
    def html(self):
        return next(bundle["text/html"] for bundle, _ in reversed(self) if "text/html" in bundle)

    @property
    def kept(self):
        return {metadata["scrapbook"]["name"]: bundle for bundle, metadata in self if metadata}


@pytest.fixture
def screen(monkeypatch):
    shown = Screen()
    monkeypatch.setattr(book, "display", shown.show)
    return shown


# --- sentences --------------------------------------------------------------------------------------------------------

VALUES = {
    "decode_bytes": 163e9, "decode_seconds": 0.0121, "kv_bytes_per_token": 327_680.0, "memory_reserve_share": 0.1,
    "decode_tokens_per_second": 2637.2, "n_gpus": 4.0, "batch": 32.0, "weight_bytes": 141.1e9, "word": "memory",
    "ratio": 7.321, "share": 0.0334,
}  # fmt: skip


@pytest.mark.parametrize(
    ("template", "sentence"),
    [
        ("{decode_bytes}", "163 GB"), ("{decode_seconds}", "12.1 ms"), ("{decode_seconds:µs}", "12,100 µs"),
        ("{kv_bytes_per_token}", "328 kB/token"), ("{kv_bytes_per_token:~}", "328 kB"),
        ("{weight_bytes:GiB}", "131 GiB"),
        ("{memory_reserve_share}", "10%"), ("{n_gpus}", "4 GPUs"), ("{batch}", "32"), ("{batch:d}", "32"),
        ("{decode_tokens_per_second:,.0f} tokens", "2,637 tokens"), ("{decode_tokens_per_second}", "2,637 tokens/s"),
        ("{ratio}", "7.32"), ("{ratio:.1f} times", "7.3 times"), ("{share:.1%}", "3.3%"), ("{share:+.2f}", "+0.03"),
        ("**{word} limits**", "**memory limits**"), ("{{braces}}", "{braces}"), ("none", "none"),
    ],
)  # fmt: skip
def test_a_sentence_quotes_its_numbers_in_the_units_of_the_vocabulary(screen, template, sentence):
    book.say(template, VALUES)
    assert screen.text == sentence


def test_a_sentence_takes_words_beside_values(screen):
    book.say("{weight_bytes} on {gpu_name}", VALUES, gpu_name="H100")
    assert screen.text == "141 GB on H100"


def test_a_name_that_was_not_given_is_an_error_with_near_matches(screen):
    with pytest.raises(
        InputError, match="a text uses 'decode_byte', which it was not given; did you mean .*decode_bytes"
    ):
        book.say("{decode_byte}", VALUES)
    assert not screen


@pytest.mark.parametrize("template", ["{decode_seconds:GB}", "{decode_seconds:parsec}"])
def test_a_unit_that_does_not_fit_is_an_error(screen, template):
    with pytest.raises(InputError, match="cannot express 's' in 'GB'|unknown unit 'parsec'"):
        book.say(template, VALUES)


def test_a_unit_for_a_number_without_one_is_an_error(screen):
    with pytest.raises(InputError, match="ratio"):
        book.say("{ratio:GB}", VALUES)


def test_a_box_has_a_title_and_a_kind(screen):
    book.say("What limits\n{word} limits", VALUES, box="takeaway")
    assert screen.text == ":::{admonition} What limits\n:class: takeaway\n\nmemory limits\n:::"
    assert "<strong>What limits</strong>" in screen.html
    assert ":::" not in screen.html


def test_numbers_of_a_sentence_are_kept_for_other_pages(screen):
    book.say("{kept_for_test:.1f} and {kept_word}", kept_for_test=1.25, kept_word="word")
    kept = {name: bundle["application/papermill.record/text/plain"] for name, bundle in screen.kept.items()}
    assert kept == {"kept_for_test": "'1.2'", "kept_word": "'word'"}


def test_a_solution_is_folded_and_belongs_to_its_exercise(screen):
    book.solution("ex-some", "It takes {decode_seconds}.", VALUES)
    assert screen.text.startswith("````{solution} ex-some\n:class: dropdown\n\nIt takes 12.1 ms.")


# --- figures, tables, equations ---------------------------------------------------------------------------------------


def test_a_figure_has_a_name_a_claim_and_words_with_computed_numbers(screen):
    drawn = figures.dots(["a", "b"], {"": ([1.0, 2.0], "memory")}, "MB")
    book.figure(drawn, "fig-of-a-test", "It takes {decode_seconds}.", "Dots at {ratio:.1f}.", VALUES)
    assert (
        screen.text == "```{glue:figure} fig-of-a-test\n:name: fig-of-a-test\n:figwidth: 100%\n\nIt takes 12.1 ms.\n```"
    )
    picture = screen.kept["fig-of-a-test"]["application/papermill.record/text/html"]
    assert 'aria-label="Dots at 7.3."' in picture
    assert picture in screen.html
    assert "<figcaption><p>It takes 12.1 ms.</p>" in screen.html


def test_a_table_is_named_numbered_and_set_right_where_numeric(screen):
    book.table([("a|b", "1"), ("c\nd", "2")], ("name", "value"), "tab-x", "A caption.", numeric=[1])
    assert screen.text == "```{table} A caption.\n:name: tab-x\n\n|name|value|\n|---|---:|\n|a\\|b|1|\n|c d|2|\n```"


def test_a_table_without_a_name_is_plain(screen):
    book.table([("1",)], ("head",))
    assert screen.text == "|head|\n|---|\n|1|"
    assert "<th>head</th>" in screen.html


def test_an_equation_is_shown_with_its_meaning_its_source_and_its_code(screen):
    made = deployed()[0]["decode_seconds"]
    book.show(made)
    path, line = made.place
    assert f":label: {book.label(made)}\n" in screen.text
    assert r"t_{\mathrm{dec}} = \max\left(" in screen.text
    assert made.meaning in screen.text
    assert f"{{cite:p}}`{made.source}`" in screen.text
    assert f"{path}#L{line})" in screen.text


def test_inputs_are_shown_with_their_rows_sources_and_dates(screen):
    equations, values = deployed()
    book.inputs(equations, values, "decode_seconds", name="tab-inputs", caption="Inputs.")
    gpu = next(line for line in screen.text.splitlines() if "`h100_sxm_80gb`" in line and r"\beta" in line)
    row = data.row("accelerators", "h100_sxm_80gb")
    assert r"$\beta = 3.35\,\mathrm{TB/s/GPU}$" in gpu
    assert f"{{cite:t}}`{row['memory_source']}`" in gpu
    assert row["checked_on"] in gpu.replace("\N{NON-BREAKING HYPHEN}", "-")
    assert any("parameters of this run" in line and "$B = 32$" in line for line in screen.text.splitlines())


def test_worked_lines_are_shown_for_the_targets_alone(screen):
    book.worked(*deployed(), "decode_bytes", "decode_seconds")
    assert screen.text.count(r"\mathbf{") == 2


def test_the_footer_tells_parameters_dates_and_versions(screen):
    book.footer(SimpleNamespace(model="llama_3_1_70b", batch=32), deployed()[1])
    assert "`model='llama_3_1_70b'`, `batch=32`" in screen.text
    assert re.search(r"checked \d{4}-\d{2}-\d{2}", screen.text)
    assert f"numpy {np.__version__}" in screen.text


# --- parameters -------------------------------------------------------------------------------------------------------

DEFAULTS = book.parameters("roofline")


def test_the_parameters_of_a_notebook_are_read_from_its_cell():
    assert {"model", "gpu", "batch", "input_tokens", "output_tokens", "precision"} <= set(DEFAULTS)
    assert DEFAULTS["model"] in data.table("models").index


def test_a_run_starts_with_what_the_namespace_says():
    run = book.start("roofline", {**DEFAULTS, "batch": 8, "np": np, "_hidden": 3, "In": [], "DEFAULTS": len})
    assert vars(run) == {**DEFAULTS, "batch": 8}


@pytest.mark.parametrize("name", ["bacth", "Batch", "batchsize", "gpus"])
def test_a_misspelled_parameter_stops_the_run_and_is_named(name):
    with pytest.raises(InputError, match=f"notebooks/roofline.ipynb has no parameter '{name}'; did you mean "):
        book.start("roofline", {**DEFAULTS, name: 64})


@pytest.mark.parametrize("value", [0, -1, 2.5, "many", True, [1, 2], float("inf")], ids=repr)
def test_a_parameter_out_of_bounds_stops_the_run_and_is_named(value):
    with pytest.raises(InputError, match="batch = .* is not allowed: it must be a whole number above 0"):
        book.start("roofline", {**DEFAULTS, "batch": value})


@pytest.mark.parametrize("value", [3, None, ["h100_sxm_80gb"]], ids=repr)
def test_a_name_must_be_a_text(value):
    with pytest.raises(InputError, match="gpu = .* is not allowed: it must be a name, such as"):
        book.check_parameters("roofline", {"gpu": value})


def test_an_unknown_notebook_is_an_error_with_near_matches():
    with pytest.raises(InputError, match="there is no notebooks/rofline.ipynb; did you mean roofline"):
        book.parameters("rofline")


@pytest.mark.parametrize("name", sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb")))
def test_a_notebook_can_be_started_again_after_its_cells_have_run(name):
    """A reader in JupyterLab changes a parameter and runs all cells again: names of later cells are no misspellings."""
    cells = nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4).cells
    code = "\n".join(cell.source for cell in cells if cell.cell_type == "code")
    later = set(re.findall(r"^(\w+) = ", code, flags=re.M)) - set(book.parameters(name))
    assert later
    book.start(name, {**book.parameters(name), **dict.fromkeys(later, "left from the run before")})


# --- verdicts on claims -----------------------------------------------------------------------------------------------


def test_claims_stand_beside_our_values(screen):
    book.claims({"C016": 0.8192, "C019": 3.35}, {"C016": "eight heads", "C019": "datasheet"}, "tab-c", "Claims.")
    first, second = screen.text.splitlines()[-3:-1]
    assert first.endswith("|40 GB|0.819 GB|off 49 times|eight heads|")
    assert second.endswith("|3.40 TB/s|3.35 TB/s|reproduces|datasheet|")
