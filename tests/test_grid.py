"""Grids: every point once, whatever interrupts it, in one table and one figure, here or on a cluster."""

import contextlib
import csv
import json
import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from costlib import axes, cli, grid, outcome, plots
from costlib.errors import InputError
from tests.conftest import COMMAND, unmeasured

PARAMETERS = 'n = 1  # a number\nword = "a"  # a word'
SAYS = """
from costlib import book
if n == 3 and word == "b":
    raise ValueError("three is too many")
book.say("It takes {decode_seconds}, {factor} times {word_said}, at {usd}.", {
    "decode_seconds": n / 1000, "factor": float(n) ** 2, "word_said": word, "usd": f"={n}+1"}, box="takeaway")
"""
GRID = ("grid", "wave", "-p", "n=1:3:lin:3", "-p", "word=a,b")
SLOW = "import time\ntime.sleep(0.2 if n == 1 else 60)\n"


@pytest.fixture(scope="module")
def wave(tmp_path_factory):
    """A copy with one small notebook, the outcome of its grid, of which one point fails, and the copy."""
    from tests.conftest import Project

    project = Project(tmp_path_factory.mktemp("grid") / "project")
    project.without_notebooks()
    project.notebook("wave", PARAMETERS, SAYS)
    return project, project.costlib(*GRID, "-o", "out"), project.path / "out"


def rows(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


# --- one table and one figure -----------------------------------------------------------------------------------------


def test_every_point_is_a_row_with_its_parameters_and_what_the_notebook_says(wave):
    _, done, folder = wave
    assert done.stdout.splitlines() == [str(folder / "grid.csv"), str(folder / "grid.svg")]
    found = rows(folder / "grid.csv")
    assert [(row["n"], row["word"]) for row in found] == [(n, word) for n in "123" for word in "ab"]
    assert list(found[0]) == ["n", "word", "decode_seconds [s]", "factor", "word_said", "usd", "error"]
    for row in (row for row in found if not row["error"]):
        assert float(row["decode_seconds [s]"]) == float(row["n"]) / 1000
        assert float(row["factor"]) == float(row["n"]) ** 2
        assert (row["word_said"], row["usd"]) == (row["word"], f"'={row['n']}+1")  # no spreadsheet computes it


def test_a_point_that_fails_is_told_with_its_parameters_and_its_error_and_the_others_complete(wave):
    _, done, folder = wave
    assert done.returncode == 1
    assert "1 of 6 points failed" in done.stderr
    assert "n=3, word=b:\nnotebooks/wave.ipynb, cell 3, with {'n': 3, 'word': 'b'}: ValueError: three is too many" in (
        done.stderr
    )
    assert "Traceback (most recent call last)" not in done.stderr
    [failed] = [row for row in rows(folder / "grid.csv") if row["error"]]
    assert (failed["n"], failed["word"], failed["factor"]) == ("3", "b", "") and "three is too many" in failed["error"]
    [kept] = (folder / "failed").iterdir()
    assert kept.name in done.stderr and "three is too many" in kept.read_text("utf-8")


def test_progress_names_each_point(wave):
    told = wave[1].stderr
    assert told.startswith("6 points, 0 of them done before\n")
    assert len(re.findall(r"^  \d/6 n=\d, word=[ab] (?:done|failed), \d+\.\d s$", told, re.M)) == 6


def test_the_figure_draws_a_line_for_each_word_over_the_numbers(wave):
    text = (wave[2] / "grid.svg").read_text("utf-8")
    assert (
        text.startswith("<svg ")
        and 'xmlns="http://www.w3.org/2000/svg"' in text
        and "prefers-color-scheme: dark" in text
        and "currentColor" in text
    )
    assert 'aria-label="wave over n (3 values) and word (2 values): decode seconds (s)' in text
    assert {"a", "b"} <= set(re.findall(r">([^<>\n]+)</text>", text))


# --- going on ---------------------------------------------------------------------------------------------------------


def test_a_grid_runs_again_what_failed_and_what_rests_on_a_change_and_nothing_else(wave):
    project, _, folder = wave
    before = (folder / "grid.csv").read_text()
    again = project.costlib(*GRID, "-o", "out")
    assert "6 points, 5 of them done before" in again.stderr
    assert re.findall(r"^  \d/1 (.*?) failed", again.stderr, re.M) == ["n=3, word=b"]
    assert (folder / "grid.csv").read_text() == before
    larger = project.costlib("grid", "wave", "-p", "n=1,2,4", "-p", "word=a", "-o", "other")
    assert larger.returncode == 0 and "3 points, 2 of them done before" in larger.stderr
    project.notebook("wave", PARAMETERS, SAYS.replace("three is", "it is"))
    assert "6 points, 0 of them done before" in project.costlib(*GRID, "-o", "out").stderr


def started(project, *more):
    env = {**unmeasured(), "PYTHONPATH": str(project.path)}
    command = [sys.executable, "-c", COMMAND, "grid", "slow", "-p", "n=1,2,3,4", *more]
    return subprocess.Popen(
        command, cwd=project.path, env=env, stderr=subprocess.PIPE, text=True, start_new_session=True,
        preexec_fn=heeds_ctrl_c,
    )  # fmt: skip


def heeds_ctrl_c():
    """Let a command be interrupted even where the tests themselves run in the background of a shell."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def group_is_gone(leader, seconds=10):
    for _ in range(10 * seconds):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(leader, 0)
            time.sleep(0.1)
            continue
        return True
    return False


@pytest.mark.parametrize(("how", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -9)])
def test_a_grid_that_is_stopped_keeps_what_is_done_and_leaves_no_process(project, how, code):
    project.without_notebooks()
    project.notebook("slow", "n = 1  # a number", SLOW)
    with started(project) as running:
        assert any(line.startswith("  1/4 n=1 done") for line in running.stderr)
        os.kill(running.pid, how)  # only the parent: its children must see it
        told = running.stderr.read()
    assert running.returncode == code and "Traceback" not in told
    assert group_is_gone(running.pid)
    [kept] = (project.path / "_build" / "cache" / "points" / "slow").iterdir()
    assert json.loads(kept.read_text("utf-8"))["said"] == {}
    again = project.costlib("grid", "slow", "-p", "n=1")
    assert again.returncode == 0 and "1 points, 1 of them done before" in again.stderr


# --- a cluster --------------------------------------------------------------------------------------------------------

CLUSTER = """
import sys
from dask.distributed import LocalCluster
if __name__ == "__main__":
    with LocalCluster(n_workers=1, threads_per_worker=2, host="127.0.0.1", dashboard_address=None) as cluster:
        print(cluster.scheduler_address, flush=True)
        sys.stdin.read()
"""


def test_a_cluster_gives_the_same_table_and_figure(project):
    project.without_notebooks()
    project.notebook("wave", PARAMETERS, SAYS)
    arguments = ("grid", "wave", "-p", "n=1,3", "-p", "word=b")
    env = {**os.environ, "PYTHONPATH": str(project.path)}
    with subprocess.Popen(
        [sys.executable, "-c", CLUSTER], cwd=project.path, env=env, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    ) as cluster:  # fmt: skip
        address = cluster.stdout.readline().strip()
        remote = project.costlib(*arguments, "-o", "remote", "--scheduler", address)
        cluster.stdin.close()
    assert remote.returncode == 1 and "2 points, 0 of them done before" in remote.stderr
    assert "with {'n': 3, 'word': 'b'}: ValueError: three is too many" in remote.stderr
    kept = list((project.path / "_build" / "cache" / "points" / "wave").iterdir())
    assert len(kept) == 1
    kept[0].unlink()
    project.costlib(*arguments, "-o", "local")
    for name in ("grid.csv", "grid.svg"):
        there, here = ((project.path / where / name) for where in ("remote", "local"))
        assert there.exists() == here.exists()
        assert not here.exists() or there.read_bytes() == here.read_bytes()


# --- mistakes ---------------------------------------------------------------------------------------------------------

WRONG = [
    ("", "a grid needs a parameter that takes some values; allowed: NAME=VALUE, NAME=A,B,C"),
    ("batch", "-p 'batch' names no values; allowed"),
    ("batch=", "-p 'batch=' names no values; allowed"),
    ("bacth=1,2", "notebooks/roofline.ipynb has no parameter 'bacth'; did you mean batch"),
    ("batch=1,,2", "-p 'batch=1,,2' has an empty value; allowed"),
    ("batch=1:2", "-p 'batch=1:2' is no range; allowed"),
    ("batch=1:8:cubic:3", "is no range; allowed"),
    ("batch=8:1:log:3", "LOW and HIGH must be numbers, the lower first"),
    ("batch=a:8:log:3", "LOW and HIGH must be numbers, the lower first"),
    ("batch=1:.inf:log:3", "LOW and HIGH must be numbers, the lower first"),
    ("batch=0:8:log:3", "a logarithmic range must begin above 0"),
    ("batch=1:8:log:1", "COUNT must be a whole number from 2 to 10,000"),
    ("batch=1:8:log:2.5", "COUNT must be a whole number from 2 to 10,000"),
    ("batch=0,8", "batch = 0 is not allowed: it must be a whole number above 0"),
    ("gpu=1,2", "gpu = 1 is not allowed: it must be a name, such as 'h100_sxm_80gb'"),
    ("batch=1,2 batch=3", "batch was given before; put all its values into one list"),
    ("batch=1:1000:lin:1000 input_tokens=1:1000:lin:1000",
     "1,000,000 points are too many (1,000 batch × 1,000 input_tokens): at most 10,000 are allowed"),
]  # fmt: skip


@pytest.mark.parametrize(("given", "message"), WRONG, ids=[given or "nothing" for given, _ in WRONG])
def test_a_mistake_is_one_error_before_anything_runs(capsys, tmp_path, given, message):
    arguments = [part for each in given.split() for part in ("-p", each)]
    assert cli.main(["grid", "roofline", *arguments, "-o", str(tmp_path / "out")]) == 1
    said = capsys.readouterr()
    assert said.out == "" and message in said.err and said.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("here", "--scheduler 'here' is not of the form tcp://HOST:PORT or tls://HOST:PORT"),
        ("tcp://127.0.0.1:9", "no Dask scheduler answers at tcp://127.0.0.1:9: dask scheduler starts one"),
    ],
)
def test_a_scheduler_that_is_not_there_is_one_error(capsys, tmp_path, address, message, monkeypatch):
    monkeypatch.setattr("costlib.cluster.ANSWERS_WITHIN", 1)
    monkeypatch.setattr(outcome, "KEPT", tmp_path / "kept")
    assert cli.main(["grid", "roofline", "-p", "batch=1", "-o", str(tmp_path), "--scheduler", address]) == 1
    assert capsys.readouterr().err.splitlines()[-1] == f"costlib grid: {message}"


# --- values -----------------------------------------------------------------------------------------------------------


def test_values_are_read_as_those_of_a_single_run():
    [words, volumes] = axes.read("scale_tiers", ["gpu=h100_sxm_80gb,a100_sxm_80gb", "tokens_per_month=1e6:1e9:log:4"])
    assert words.values == ("h100_sxm_80gb", "a100_sxm_80gb") and not words.numeric
    assert volumes.values == (1e6, 1e7, 1e8, 1e9) and volumes.numeric and volumes.log
    assert axes.points([words, volumes])[1] == {"gpu": "h100_sxm_80gb", "tokens_per_month": 1e7}


def test_a_range_of_a_whole_parameter_is_whole_and_has_each_value_once():
    [batch] = axes.read("roofline", ["batch=1:4:log:9"])
    assert batch.values == (1, 2, 3, 4) and all(isinstance(each, int) for each in batch.values)


def made(chosen, said, tmp_path):
    points = [grid.Point("wave", given, tmp_path) for given in axes.points(chosen)]
    return grid.Grid("wave", chosen, points, said, {}, tmp_path)


def one(value, headline=False, name="decode_seconds", unit="s"):
    return {name: {"value": value, "unit": unit, "headline": headline}}


def texts(svg):
    return [text.strip() for text in re.findall(r"<text[^>]*>([^<]*)</text>", svg)]


def test_two_numeric_axes_make_cells_with_a_cross_where_a_point_failed(tmp_path):
    chosen = [axes.Axis("n", (1, 2)), axes.Axis("m", (10.0, 20.0, 30.0))]
    drawn = plots.drawn(made(chosen, {place: one(place + 1.0) for place in range(5)}, tmp_path), [])
    assert [each for each in texts(drawn) if each in {"1", "2", "3", "4", "5", "×"}].count("×") == 1
    assert {"10", "20", "30", "decode seconds (s)"} <= set(texts(drawn))


def test_the_figure_shows_what_is_asked_for_in_the_units_that_people_use(tmp_path):
    chosen = [axes.Axis("n", (1, 2))]
    said = {place: {**one(1.0 + place), **one(2e-6 + place, name="api_usd_per_token", unit="USD/token")}
            for place in range(2)}  # fmt: skip
    found = made(chosen, said, tmp_path)
    assert "api usd per token (USD per million tokens)" in texts(plots.drawn(found, ["api_usd_per_token"]))
    with pytest.raises(InputError, match="--show decode: the notebook says no such thing"):
        plots.drawn(found, ["decode"])


@pytest.mark.parametrize(
    ("chosen", "value", "reason"),
    [
        ([axes.Axis("n", (1,))], lambda place: float(place), "one point has nothing to be compared with"),
        ([axes.Axis("n", (1, 2))], lambda place: 1.0, "no number that the notebook says varies"),
        ([axes.Axis(name, (1, 2, 3, 4)) for name in "nmk"], lambda place: float(place), "more than 8 lines"),
    ],
)
def test_what_no_figure_can_show_is_said(tmp_path, chosen, value, reason):
    count = int(np.prod([len(axis.values) for axis in chosen]))
    with pytest.raises(plots.NothingToDrawError, match=reason):
        plots.drawn(made(chosen, {place: one(value(place)) for place in range(count)}, tmp_path), [])
