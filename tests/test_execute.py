"""Executed notebooks: their sentences follow their parameters, and a failure publishes nothing."""

import json
import re

import nbformat
import pytest

from costlib import cases, execute
from costlib.book import parameters
from costlib.errors import InputError
from costlib.quantities import quantity
from tests.conftest import BROKEN, GIVEN

SOUND = ("article", "other")


@pytest.mark.parametrize("name", SOUND)
def test_a_run_with_parameters_leaves_an_executed_notebook_and_prints_where(runs, name):
    run = runs[name]
    assert run.done.returncode == 0, run.done.stderr
    assert run.done.stdout.splitlines() == [str(run.output)]
    assert not run.output.with_suffix(".failed.ipynb").exists()
    assert len(run.texts()) > 10


@pytest.mark.parametrize("name", SOUND)
def test_the_takeaway_says_what_the_equations_give(runs, name):
    given = {**parameters("roofline"), **GIVEN[name]}
    equations, values = cases.deployment(**given)
    result = equations.evaluate(values)
    said = runs[name].takeaway()
    for target in ("decode_tokens_per_second", "prefill_tokens_per_second"):
        assert quantity(target).quote(result[target]) in said
    memory_bound = result["decode_memory_seconds"] > result["decode_compute_seconds"]
    assert f"{'memory bandwidth' if memory_bound else 'arithmetic'} sets the pace" in said


def test_another_gpu_is_named_and_no_longer_the_first(runs):
    said = runs["other"].takeaway()
    assert "A100" in said
    assert "H100" not in said
    assert "H100" in runs["article"].takeaway()


def test_a_compute_bound_case_is_called_compute_bound_and_never_memory_bound(runs):
    text = "\n".join(runs["other"].texts())
    assert "decode is compute-bound" in text
    assert "decode is memory-bound" not in text
    assert "arithmetic limits the output tokens" in text


def test_a_memory_bound_case_is_called_memory_bound(runs):
    text = "\n".join(runs["article"].texts())
    assert "decode is memory-bound" in text
    assert "decode is compute-bound" not in text


def test_the_article_vintage_computes_with_the_inputs_of_the_article_and_says_so(runs):
    text = "\n".join(runs["article"].texts())
    assert "the article: `C008`" in text
    assert "the article: `C019`" in text
    assert f"ridge of H100 SXM 80 GB lies at {quantity('ridge_flops_per_byte').quote(1.4e15 / 3.4e12)}" in text
    assert "the article: `" not in "\n".join(runs["other"].texts())


def test_parameters_of_one_run_are_not_those_of_the_next(runs):
    assert len({runs[name].takeaway() for name in SOUND}) == len(SOUND)


@pytest.mark.parametrize("name", SOUND)
def test_an_executed_notebook_holds_nothing_that_differs_between_two_runs(runs, name):
    notebook = json.loads(runs[name].output.read_text("utf-8"))
    assert set(notebook["metadata"]) <= {"kernelspec", "language_info"}
    assert all(set(cell["metadata"]) <= {"tags"} for cell in notebook["cells"])
    text = runs[name].output.read_text("utf-8")
    assert str(runs[name].project.path) not in text
    assert not re.search(r"0x[0-9a-f]{8,}", text)
    ids = [cell["id"] for cell in notebook["cells"]]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("name", SOUND)
def test_every_cell_was_executed_and_none_wrote_to_its_error_stream(runs, name):
    cells = nbformat.read(runs[name].output, as_version=4).cells
    code = [cell for cell in cells if cell.cell_type == "code"]
    assert all(cell.execution_count for cell in code)
    assert not [output for cell in code for output in cell.outputs if output.output_type in ("error", "stream")]


# --- failures ---------------------------------------------------------------------------------------------------------


def test_an_unknown_gpu_is_one_error_with_near_matches_and_no_traceback(runs):
    done = runs["unknown"].done
    assert done.returncode == 1
    assert done.stdout == ""
    assert "notebooks/roofline.ipynb" in done.stderr
    assert "data/accelerators.csv has no gpu 'h100_sxm_80bg'; did you mean h100_sxm_80gb" in done.stderr
    assert "Traceback" not in done.stderr
    assert not runs["unknown"].output.exists()


def test_nothing_but_the_error_is_printed(runs):
    lines = runs["unknown"].done.stderr.splitlines()
    assert lines[0].startswith("costlib run: notebooks/roofline.ipynb, cell ")
    assert len(lines) == 2


def test_a_name_that_papermill_injects_misspelled_stops_the_run(runs):
    done = runs["injected"].done
    assert done.returncode != 0
    assert "InputError: notebooks/roofline.ipynb has no parameter 'bacth'; did you mean batch" in done.stderr


def test_a_failing_notebook_is_named_with_its_cell_and_its_error(runs):
    done = runs["failing"].done
    assert done.returncode == 1
    assert re.search(r"notebooks/broken.ipynb, cell 3.*: ValueError: the roof has fallen", done.stderr)
    assert BROKEN in done.stderr and "\nParameters: batch=3\n" in done.stderr
    assert "Traceback (most recent call last):\n  File" not in done.stderr


def test_a_failing_notebook_leaves_the_published_folder_as_it_was(runs):
    run = runs["failing"]
    assert run.output.read_text() == "the last good one"
    assert [path.name for path in run.output.parent.iterdir()] == ["sound.ipynb"]
    assert "nothing is published" in run.done.stderr


def test_a_failing_notebook_is_kept_up_to_where_it_failed(runs):
    kept = runs["failing"].project.path / "_build" / "failed"
    assert str(kept) in runs["failing"].done.stderr
    [path] = kept.iterdir()
    cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    done = next(cell for cell in cells if cell.source == "print('done so far')")
    broken = next(cell for cell in cells if cell.source == BROKEN)
    assert done.outputs[0].text == "done so far\n"
    assert broken.outputs[0].ename == "ValueError"
    assert cells[-1].execution_count is None


def test_nothing_is_left_of_a_failed_run_but_what_is_kept(runs):
    build = runs["failing"].project.path / "_build"
    assert sorted(path.name for path in build.iterdir()) == [".lock", "cache", "failed"]
    assert "broken.ipynb" not in [path.name for path in build.rglob("cache/*/*")]


def test_pages_with_mistakes_leave_the_last_good_book_as_it_was(runs):
    run = runs["unset"]
    assert run.done.returncode == 1
    assert run.output.read_text() == "the last good book"
    assert [path.name for path in run.output.parent.iterdir()] == ["index.html"]
    assert "about.md:7: WARNING: undefined label" in run.done.stderr
    assert "the last good book stands untouched" in run.done.stderr
    assert "Traceback" not in run.done.stderr


def test_the_copy_under_test_computes_with_its_own_library(runs):
    project = runs["other"].project
    done = project.python("-c", "import costlib, costlib.data as d; print(costlib.__file__); print(d.ROOT)")
    assert done.stdout.splitlines() == [str(project.path / "costlib" / "__init__.py"), str(project.path)]


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        ("rofline", {}, "there is no notebooks/rofline.ipynb; did you mean roofline"),
        ("roofline", {"bacth": 3}, "notebooks/roofline.ipynb has no parameter 'bacth'; did you mean batch"),
        ("roofline", {"batch": 0}, "batch = 0 is not allowed: it must be a whole number above 0"),
    ],
    ids=str,
)  # fmt: skip
def test_a_wrong_run_never_starts(tmp_path, name, given, message):
    with pytest.raises(InputError, match=message):
        execute.run(name, given, tmp_path / "runs" / "out.ipynb")
    assert list(tmp_path.iterdir()) == []
