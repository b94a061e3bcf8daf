"""Only what changed runs again, and says why; whatever happens to a build, the book stands whole."""

import json
import os
import signal
import subprocess
import sys

import nbformat
import pytest

from costlib import book, build, data, execute, fingerprints, workers
from tests.conftest import COMMAND, ROOT, stand_in

READS = "from costlib import data\nprint(len(data.table({table!r})))"


@pytest.fixture
def small(project):
    """A copy with three small notebooks: two that read a table each, and one that reads none."""
    project.without_notebooks()
    project.notebook("gpus", "n = 1  # a parameter", READS.format(table="accelerators"))
    project.notebook("traffic", "n = 1  # a parameter", READS.format(table="egress_prices"))
    project.notebook("plain", "n = 1  # a parameter", "print(n)")
    return project


def ran(project, *more):
    """The notebooks that a run executed, in the order of their names, and what it said."""
    done = project.costlib("notebooks", *more)
    assert done.returncode == 0, done.stderr
    return sorted(line.split()[1] for line in done.stderr.splitlines() if line.endswith(" s")), done.stderr


def test_nothing_runs_again_when_nothing_changed(small):
    first, _ = ran(small)
    before = {path.name: path.read_bytes() for path in (small.path / "book" / "executed").iterdir()}
    second, said = ran(small)
    assert first == ["gpus", "plain", "traffic"] and second == []
    assert "0 of 3 notebooks to execute" in said
    assert {path.name: path.read_bytes() for path in (small.path / "book" / "executed").iterdir()} == before


def test_a_changed_price_runs_what_reads_it_and_nothing_else(small):
    ran(small)
    small.cell("accelerators", "h100_sxm_80gb", "board_watts", "650")
    again, said = ran(small)
    assert again == ["gpus"]
    assert "gpus again: data/accelerators.csv changed" in said


def test_quotes_of_the_reader_run_again_what_was_run_without_them(small):
    ran(small)
    mine = small.path / "mine.csv"
    row = "acme,h100_sxm_80gb,on_demand,2.2,USD per GPU-hour,2026-11-01"
    mine.write_text(f"provider,item,kind,price,unit,date\n{row}\n")
    again, said = ran(small, "--prices", mine)
    assert again == ["gpus", "plain", "traffic"] and "plain again: quotes of your own changed" in said
    assert ran(small)[0] == ["gpus", "plain", "traffic"]


def test_a_changed_notebook_parameter_or_result_runs_again_and_says_so(small):
    ran(small)
    small.notebook("plain", "n = 2  # a parameter", "print(n)")
    assert ran(small)[0] == ["plain"]
    (small.path / "notebooks" / "scenarios" / "two.yml").write_text("n: 3\n")
    again, said = ran(small, "--scenario", "two")
    assert again == ["gpus", "plain", "traffic"] and "plain again: its parameters changed" in said
    kept = small.path / "_build" / "cache" / "notebooks" / "plain.ipynb"
    kept.write_text(kept.read_text("utf-8")[:-10])  # a write that was cut short
    again, said = ran(small, "--scenario", "two")
    assert again == ["plain"] and "not whole" in said


def test_changed_code_runs_what_imports_it(small):
    ran(small)
    with (small.path / "costlib" / "errors.py").open("a") as file:
        file.write("\n# a remark\n")
    again, said = ran(small)
    assert again == ["gpus", "traffic"]  # data imports errors; the third imports nothing
    assert "costlib/errors.py changed" in said


def test_code_is_followed_through_imports_at_any_depth():
    reached = fingerprints.notebook("egress", {})
    assert {"costlib/models/egress.py", "costlib/units.py", "costlib/equations.py"} <= set(reached)
    assert "costlib/cli.py" not in reached and "costlib/build.py" not in reached


def test_the_two_ways_to_execute_leave_the_same_notebook(tmp_path):
    execute.run("egress", {}, tmp_path / "kernel.ipynb", engine=None)
    done = subprocess.run(
        [sys.executable, "-c", COMMAND, "run", "egress", "-o", tmp_path / "here.ipynb"], capture_output=True, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "here.ipynb").read_bytes() == (tmp_path / "kernel.ipynb").read_bytes()


EVERY = """
import sys
from pathlib import Path
from costlib import execute, machine
folder, execute.CACHE, *names = Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:]
sys.exit(bool(execute.run_all(names, folder, {"machine_name": machine.PUBLISHED})))
"""


def test_the_order_in_which_a_process_hashes_changes_nothing(tmp_path):
    """Executed with another seed, chapters are those of the book, which the Makefile builds with the seed 0."""
    slow = {"validation", "audit", "decision"}  # they take as long as all others together
    names = [name for name in book.notebooks() if name not in slow]
    executed = []
    for seed, cache in (("0", execute.CACHE), ("1", tmp_path / "cache")):
        env = {**os.environ, "PYTHONHASHSEED": seed}
        command = [sys.executable, "-c", EVERY, tmp_path / seed, cache, *names]
        done = subprocess.run(command, env=env, capture_output=True, text=True, cwd=ROOT)
        assert done.returncode == 0, done.stderr
        executed.append({path.name: path.read_bytes() for path in (tmp_path / seed).iterdir()})
    one, two = executed
    assert len(one) == len(names) and [name for name in one if one[name] != two.get(name)] == []


def test_cells_that_print_show_and_fail_are_kept_as_a_kernel_keeps_them(small):
    small.notebook(
        "mixed", "n = 1  # a parameter", "import sys\nprint('out')\nprint('more')\nprint('err', file=sys.stderr)\nn + 1"
    )
    assert small.costlib("run", "mixed", "-o", small.path / "mixed.ipynb").returncode == 0
    cell = nbformat.read(small.path / "mixed.ipynb", as_version=4).cells[-1]
    outputs = cell.outputs
    assert [(each.output_type, each.get("text", "")) for each in outputs] == [
        ("stream", "out\nmore\n"), ("stream", "err\n"), ("execute_result", "")
    ]  # fmt: skip
    assert outputs[-1].data["text/plain"] == "2" and outputs[-1].execution_count == cell.execution_count


def test_the_notebook_that_took_longest_starts_first_and_a_new_one_before_all(tmp_path, monkeypatch):
    started = []
    monkeypatch.setattr(workers, "results", lambda work, jobs, modules: started.extend(jobs) or ())
    monkeypatch.setattr(execute, "CACHE", tmp_path)
    monkeypatch.setattr(execute, "SECONDS", tmp_path / "seconds.json")
    execute.SECONDS.write_text(json.dumps({"brief": 1.5, "long": 3, "longest": 4}))
    (tmp_path / "longest.json").write_text(json.dumps({"seconds": 50}))  # here it took longer than elsewhere
    names = ("brief", "longest", "new", "long")
    list(execute._work_off([execute.Job(each, {}, tmp_path, {}, "", execute._seconds(each)) for each in names]))
    assert [job.name for job in started] == ["new", "longest", "long", "brief"]


# --- interruptions ----------------------------------------------------------------------------------------------------


def test_a_notebook_whose_process_is_killed_fails_alone(small):
    small.notebook("killed", "n = 1  # a parameter", "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)")
    done = small.costlib("notebooks")
    assert done.returncode == 1
    assert "notebooks/killed.ipynb: its process was ended from outside" in done.stderr
    assert "4/4" in done.stderr and "Traceback" not in done.stderr
    assert not (small.path / "book" / "executed").exists()


CTRL_C_AT_FORK = """
import os, signal, sys
from costlib import workers
signal.signal(signal.SIGINT, signal.default_int_handler)  # where tests run in the background it is ignored
os.register_at_fork(after_in_parent=lambda: signal.raise_signal(signal.SIGINT))
try:
    list(workers.results(str, [1, 2]))
except KeyboardInterrupt:
    sys.exit(130)
"""


def test_ctrl_c_while_a_process_is_forked_is_not_lost():
    done = subprocess.run([sys.executable, "-c", CTRL_C_AT_FORK], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (130, "")


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_build_that_is_stopped_leaves_the_last_good_one_and_the_next_is_right(small, how):
    small.notebook("slow", "n = 0  # a parameter", SLEEPS)
    ran(small)
    executed = small.path / "book" / "executed"
    before = {path.name: path.read_bytes() for path in executed.iterdir()}
    small.notebook("slow", "n = 30  # a parameter", SLEEPS)
    with started(small) as running:
        wait_for(running, "to execute")
        os.killpg(running.pid, how)
    assert {path.name: path.read_bytes() for path in executed.iterdir()} == before
    small.notebook("slow", "n = 0.1  # a parameter", SLEEPS)
    assert ran(small)[0] == ["slow"]


def test_two_builds_at_once_wait_for_each_other(small):
    small.notebook("slow", "n = 2  # a parameter", SLEEPS)
    with started(small) as first:
        wait_for(first, "to execute")
        with started(small) as second:
            said = second.stderr.read()
        assert second.returncode == 0 and "waiting for another build to end" in said
        assert "0 of 4 notebooks to execute" in said  # the first had done them all
    assert first.returncode == 0


SLEEPS = "import time\ntime.sleep(n)"


def started(project):
    env = {**os.environ, "PYTHONPATH": str(project.path)}
    command = [sys.executable, "-c", COMMAND, "notebooks"]
    return subprocess.Popen(
        command, cwd=project.path, env=env, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def wait_for(process, mark):
    assert any(mark in line for line in process.stderr), f"it ended without saying {mark!r}"


# --- the whole book ---------------------------------------------------------------------------------------------------

SETS = """#!/bin/sh
mkdir -p "$4/_build/html" && date +%N > "$4/_build/html/index.html"
"""


@pytest.fixture
def whole(small):
    """A copy whose pages are set by a stand-in for jupyter-book, and a function that builds it."""
    python = stand_in(small, SETS)

    def built(*more):
        done = small.costlib("build", *more, program=python)
        assert done.returncode == 0, done.stderr
        return (small.path / "_build" / "html" / "index.html").read_text(), done.stderr

    return small, built


def test_a_build_with_nothing_changed_ends_at_once(whole):
    small, built = whole
    first, _ = built()
    again, said = built()
    assert again == first and said == "nothing has changed since the book was built\n"
    (small.path / "notebooks" / "scenarios" / "two.yml").write_text("n: 2\n")
    assert built("--scenario", "two")[0] != first


@pytest.mark.parametrize(
    "changed",
    ["book/about.md", "_config.yml", "_toc.yml", "data/datapackage.yaml", "costlib/pages.py", "notebooks/plain.ipynb"],
)
def test_a_change_anywhere_sets_the_pages_again(whole, changed):
    small, built = whole
    first, _ = built()
    with (small.path / changed).open("a") as file:
        file.write("\n")
    again, said = built()
    assert again != first and "setting the pages" in said


def test_a_book_that_was_taken_away_is_built_again(whole):
    small, built = whole
    built()
    (small.path / "_build" / "html" / "index.html").unlink()
    assert "setting the pages" in built()[1]


def test_an_interrupted_publishing_is_not_taken_for_the_book_before(whole, monkeypatch):
    small, built = whole
    first, _ = built()
    record = small.path / "_build" / "cache" / "built.json"
    kept = record.read_text()
    (small.path / "book" / "about.md").write_text("# Other\n")
    stopped = small.python("-c", STOPPED)  # after the new pages are in place, before that is on record
    assert stopped.returncode == 9 and not record.exists()
    assert json.loads(kept) and "setting the pages" in built()[1]


STOPPED = """
import os
from costlib import build, execute
def pages(folder):
    html = folder / "_build" / "html"
    html.mkdir(parents=True)
    (html / "index.html").write_text("new")
    return 0, ""
build._set_pages = pages
build._record = lambda path, rests_on: os._exit(9) if path == build.RECORD else None
build.book({})
"""


def test_sound_data_are_checked_once(small):
    assert "sound" in small.costlib("check").stdout
    record = small.path / "_build" / "cache" / "sound.json"
    assert json.loads(record.read_text())["said"].endswith("sound")
    assert small.costlib("check").stdout == json.loads(record.read_text())["said"] + "\n"
    small.cell("accelerators", "h100_sxm_80gb", "board_watts", "a lot")
    done = small.costlib("check")
    assert done.returncode == 1 and "data/accelerators.csv" in done.stderr


def test_what_a_build_rests_on_covers_the_project():
    found = fingerprints.sources()
    assert {"notebooks/roofline.ipynb", "data/models.csv", "costlib/models/api.py", "book/index.md", "_toc.yml"} <= set(
        found
    )
    assert not [name for name in found if "executed" in name or "__pycache__" in name]
    assert build.ROOT == data.ROOT
