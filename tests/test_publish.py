"""The last good book stays served whatever happens to a build, and the next build is right."""

import os
import resource
import signal
import subprocess
import threading

import pytest

from costlib import files
from tests.conftest import COMMAND, stand_in, unmeasured
from tests.test_build import wait_for
from tests.test_grid import group_is_gone, heeds_ctrl_c

# Stands in for jupyter-book: the book is what the one notebook printed. $4 is where it goes.
SETS = """#!/bin/sh
{before}
mkdir -p "$4/_build/html" && grep -o 'answer [0-9]*' book/executed/only.ipynb > "$4/_build/html/index.html"
"""
PRINTS = "print('answer', n)"
OLD = "the last good book"


@pytest.fixture
def stood(project):
    """A copy with one small notebook, over a book that stands; and a function that gives a Python to build it with."""
    project.without_notebooks()
    project.notebook("only", "n = 7  # a parameter", PRINTS)
    page = project.path / "_build" / "html" / "index.html"
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(OLD)
    program = stand_in(project, SETS.format(before=""))
    setter = project.path.parent / "environment" / "bin" / "jupyter-book"
    return project, page, program, lambda before: setter.write_text(SETS.format(before=before))


def is_right_next(project, page, program, answer="answer 7"):
    done = project.costlib("build", program=program)
    assert done.returncode == 0, done.stderr
    assert page.read_text().splitlines()[0] == answer
    left = sorted(path.name for path in page.parents[1].iterdir() if path.name != "failed")
    assert left == [".lock", "cache", "html"]
    assert [path.name for path in (project.path / "book").iterdir() if path.name.startswith(".")] == []


# --- killed -----------------------------------------------------------------------------------------------------------

KILL = "import os, signal; from costlib import build, files; kill = lambda *_: os.kill(os.getpid(), signal.SIGKILL); "
WHILE = {
    "checking the data": KILL + "build.check = kill; ",
    "before the new pages change places": KILL + "real = files._exchanged; "
    "files._exchanged = lambda new, old: kill() if old == build.HTML else real(new, old); ",
    "after the new pages have changed places": KILL
    + "build._record = lambda path, _: path == build.RECORD and kill(); ",
    "between two renames": KILL + "from pathlib import Path; files._exchanged = lambda *_: False; "
    "rename = Path.rename; Path.rename = lambda path, to: kill() if to == build.HTML else rename(path, to); ",
}


@pytest.mark.parametrize("moment", WHILE)
def test_a_build_that_is_killed_leaves_a_whole_book_and_the_next_is_right(stood, moment):
    project, page, program, _ = stood
    stopped = project.python("-c", WHILE[moment] + "build.book({})", program=program)
    assert stopped.returncode == -signal.SIGKILL
    if moment != "between two renames":  # where a disk cannot exchange folders, the next build puts the book back
        assert page.read_text().strip() == ("answer 7" if moment.startswith("after") else OLD)
    is_right_next(*stood[:3])


def test_a_book_that_was_set_aside_is_put_back_before_anything_else(stood):
    project, page, program, _ = stood
    page.parent.rename(page.parents[1] / ".html-0123")
    project.cell("accelerators", "h100_sxm_80gb", "memory_gigabytes", "eighty")
    assert project.costlib("build", program=program).returncode == 1  # for the table; it never comes to the pages
    assert page.read_text() == OLD


def test_killed_by_a_notebook_or_by_the_program_that_sets_the_pages(stood):
    project, page, program, sets = stood
    project.notebook("only", "n = 7  # a parameter", "import os, signal\nos.kill(os.getppid(), signal.SIGKILL)")
    assert project.costlib("build", program=program).returncode == -signal.SIGKILL
    assert page.read_text() == OLD
    project.notebook("only", "n = 7  # a parameter", PRINTS)
    sets("kill -9 $PPID")
    assert project.costlib("build", program=program).returncode == -signal.SIGKILL
    assert page.read_text() == OLD
    sets("")
    is_right_next(project, page, program)


# --- no room on the disk ----------------------------------------------------------------------------------------------

ROOM = {"a record": 1_000, "the generated pages": 60_000, "the pages": 4_000_000}  # bytes that a file may have


@pytest.mark.parametrize("what", ROOM)
def test_a_full_disk_is_one_error_and_the_last_good_book_stands(stood, what):
    project, page, program, sets = stood
    sets('mkdir -p "$4" && head -c 5000000 /dev/zero > "$4/large" || exit 1')
    command = [program, "-B", "-c", COMMAND, "build"]  # Python itself does not see when it writes bytecode by half
    done = subprocess.run(
        command, cwd=project.path, env=unmeasured() | {"PYTHONPATH": str(project.path)}, capture_output=True, text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM[what], ROOM[what])),
    )  # fmt: skip
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert page.read_text() == OLD
    assert "File too large" in done.stderr or "could not be set" in done.stderr
    sets("")
    is_right_next(project, page, program)


# --- Ctrl-C -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("moment", ["to execute", "setting the pages"])
def test_ctrl_c_ends_all_processes_with_one_line_and_the_last_good_book_stands(stood, moment):
    project, page, program, sets = stood
    if moment == "to execute":
        project.notebook("only", "n = 7  # a parameter", "import time\ntime.sleep(60)")
    else:
        sets("sleep 60 & wait")
    command, env = [program, "-c", COMMAND, "build"], {**os.environ, "PYTHONPATH": str(project.path)}
    with subprocess.Popen(
        command, cwd=project.path, env=env, stderr=subprocess.PIPE, text=True, start_new_session=True,
        preexec_fn=heeds_ctrl_c,
    ) as running:  # fmt: skip
        wait_for(running, moment)
        os.killpg(running.pid, signal.SIGINT)  # as a terminal does
        told = running.stderr.read()
    assert running.returncode == 130
    assert told.splitlines()[-1] == "costlib build: stopped; what was published before stands"
    assert "Traceback" not in told and group_is_gone(running.pid)
    assert page.read_text() == OLD
    project.notebook("only", "n = 7  # a parameter", PRINTS)
    sets("")
    is_right_next(project, page, program)


# --- two at once ------------------------------------------------------------------------------------------------------


def test_two_builds_at_once_with_other_parameters_do_not_mix(stood):
    project, page, program, sets = stood
    sets("sleep 1")
    env, ends = {**os.environ, "PYTHONPATH": str(project.path)}, {}
    for name, n in (("eight", 8), ("nine", 9)):
        (project.path / "notebooks" / "scenarios" / f"{name}.yml").write_text(f"n: {n}\n")
    builds = {
        name: subprocess.Popen(
            [program, "-c", COMMAND, "build", "--scenario", name], cwd=project.path, env=env, stderr=subprocess.PIPE
        )
        for name in ("eight", "nine")
    }
    for name, build in builds.items():
        ends[name] = build.communicate()[1].decode()
        assert build.returncode == 0
    assert sum("waiting for another build to end" in told for told in ends.values()) == 1
    last = next(name for name, told in ends.items() if "waiting" in told)
    assert page.read_text().split() == ["answer", {"eight": "8", "nine": "9"}[last]]


# --- the exchange -----------------------------------------------------------------------------------------------------


@pytest.fixture(params=["exchange", "two renames"])
def folders(tmp_path, request, monkeypatch):
    if request.param == "two renames":
        monkeypatch.setattr(files, "_exchanged", lambda new, old: False)
    new, old = tmp_path / "scratch" / "new", tmp_path / "site" / "html"
    for folder, text in ((new, "new"), (old, "old")):
        folder.mkdir(parents=True)
        (folder / "index.html").write_text(text)
    return new, old


def test_publishing_replaces_the_old_folder_by_the_new_one(folders):
    new, old = folders
    (old / "page that is gone").write_text("")
    files.publish(new, old)
    assert [path.name for path in old.iterdir()] == ["index.html"]
    assert (old / "index.html").read_text() == "new"
    assert [path.name for path in old.parent.iterdir()] == ["html"] and not new.exists()


def test_publishing_needs_no_old_folder(tmp_path, folders):
    new, _ = folders
    files.publish(new, tmp_path / "deep" / "er" / "html")
    assert (tmp_path / "deep" / "er" / "html" / "index.html").read_text() == "new"


def test_a_reader_finds_a_whole_book_at_every_moment_of_an_exchange(tmp_path):
    served, seen, done = tmp_path / "html", set(), threading.Event()

    def read():
        while not done.is_set():
            seen.add(served.is_dir())

    served.mkdir()
    (served / "index.html").write_text("first")
    reader = threading.Thread(target=read)
    reader.start()
    for round_ in range(300):
        new = tmp_path / "new"
        new.mkdir()
        (new / "index.html").write_text(str(round_))
        files.publish(new, served)
    done.set()
    reader.join()
    assert seen == {True} and (served / "index.html").read_text() == "299"


def test_when_the_new_folder_cannot_be_put_in_place_the_old_one_is_put_back(folders, monkeypatch):
    new, old = folders
    monkeypatch.setattr(files, "_exchanged", lambda new, old: False)
    rename = type(new).rename

    def failing(self, target):
        if self == new:
            raise OSError("no space left on device")
        return rename(self, target)

    monkeypatch.setattr(type(new), "rename", failing)
    with pytest.raises(OSError, match="no space left"):
        files.publish(new, old)
    assert (old / "index.html").read_text() == "old"
    assert (new / "index.html").read_text() == "new"
    assert [path.name for path in old.parent.iterdir()] == ["html"]


def test_a_new_folder_that_is_not_there_leaves_the_old_one(folders, tmp_path):
    _, old = folders
    with pytest.raises(OSError, match="nowhere"):
        files.publish(tmp_path / "nowhere", old)
    assert (old / "index.html").read_text() == "old"
