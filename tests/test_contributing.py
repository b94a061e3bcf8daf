"""The recipes of CONTRIBUTING.md, followed to the letter in a copy of the project, and what a build elsewhere needs."""

import re
import shutil
import subprocess
import textwrap
from pathlib import Path

import pytest
import yaml

from tests.conftest import COMMAND, OFFLINE, ROOT, Project, stand_in

TEXT = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
RECIPES = dict(re.findall(r"^## Recipe: ([^\n]+)\n\n(.+?)(?=\n## |\Z)", TEXT, flags=re.M | re.S))
CODE = r"`([^`]+)`"


def steps(recipe):
    """The numbered steps of a recipe."""
    return re.split(r"^\d+\. ", RECIPES[recipe], flags=re.M)[1:]


def snippets(step):
    """The code that a step gives after its colon: in a line, and in a block of its own."""
    _, *after = re.split(r":(?=\s*`|\s*\n)", step, maxsplit=1)
    after = "".join(after)
    blocks = [textwrap.dedent(each) for each in re.findall(r"```\w+\n(.+?)\n *```", after, flags=re.S)]
    return re.findall(CODE, re.sub(r"```.*?```", "", after, flags=re.S)), blocks


def follow(project, recipe):
    """Do what a recipe says, step by step. Returns what its last command said."""
    done = None
    for step in steps(recipe):
        inline, blocks = snippets(step)
        if found := re.match(rf"Onto the end of {CODE}", step):
            with (project.path / found[1]).open("a", encoding="utf-8") as file:
                file.write(f"{[*blocks, *inline][0]}\n")
        elif found := re.match(rf"(Into|Below) {CODE} of {CODE}", step):
            insert(project.path / found[3], found[2], inline[0], deeper=found[1] == "Into")
            if "above that tuple" in step:
                insert(project.path / found[3], found[2], f"{blocks[0]}\n\n\n", above=True)
        elif found := re.match(rf"Run {CODE}", step):
            done = subprocess.run(found[1], shell=True, cwd=project.path, capture_output=True, text=True, timeout=300)
            if done.returncode:
                return done
        else:
            assert re.match("Write it with", step), f"nobody can follow {step!r}"
    return done


def insert(path, mark, text, *, deeper=False, above=False):
    """Write `text` below the first line that begins with `mark`, one step deeper if asked, or above it."""
    lines = path.read_text("utf-8").splitlines(keepends=True)
    at = next(place for place, line in enumerate(lines) if line.strip().startswith(mark))
    indent = " " * (len(lines[at]) - len(lines[at].lstrip()) + 4 * deeper)
    lines.insert(at + (not above), textwrap.indent(f"{text}\n" if not above else text, indent))
    path.write_text("".join(lines), "utf-8")


SETS = '#!/bin/sh\nmkdir -p "$4/_build/html" && echo set >"$4/_build/html/index.html"\n'


def with_environment(project, place, monkeypatch):
    """Give the project an environment at `place`, where a stand-in sets the pages."""
    python = Path(stand_in(project, SETS))
    for name in ("ruff", "pytest"):
        (python.parent / name).symlink_to(ROOT / ".venv" / "bin" / name)
    costlib = python.parent / "costlib"
    costlib.write_text(f"#!/bin/sh\nexec '{python}' -c '{COMMAND}' \"$@\"\n")
    costlib.chmod(0o755)
    (python.parents[1] / "ready").touch()
    place.symlink_to(python.parents[1])
    return project


@pytest.fixture
def ready(project, monkeypatch):
    """A copy of the project that is set up, and whose own library its commands import."""
    monkeypatch.setenv("PYTHONPATH", f"{project.path}:{OFFLINE}")
    return with_environment(project, project.path / ".venv", monkeypatch)


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_has_less_than_ten_lines(recipe):
    assert len(RECIPES[recipe].strip().splitlines()) < 10


def test_there_are_the_three_recipes():
    assert list(RECIPES) == ["a price", "an equation", "a chapter"]


def test_the_recipe_for_a_price(ready):
    done = follow(ready, "a price")
    assert done.returncode == 0, done.stdout + done.stderr
    say = "from costlib import data; row = data.table('gpu_rental_prices').iloc[-1]; print(row['usd_per_gpu_hour'])"
    assert ready.python("-c", say).stdout == "2.95\n"


def test_a_price_without_its_source_is_found(ready):
    row = snippets(steps("a price")[1])[0][0]
    with (ready.path / "data" / "gpu_rental_prices.csv").open("a", encoding="utf-8") as file:
        file.write(f"{row}\n")
    done = ready.costlib("check")
    assert done.returncode == 1 and "example_2026" in done.stderr and "data/gpu_rental_prices.csv" in done.stderr


def test_the_recipe_for_an_equation(ready):
    done = follow(ready, "an equation")
    assert done.returncode == 0, done.stdout + done.stderr
    assert int(re.search(r"(\d+) passed", done.stdout)[1]) >= 2
    say = "from costlib import pages; print(any('reload_usd' in text for text in pages.generated(set()).values()))"
    assert ready.python("-c", say).stdout == "True\n"


def test_the_recipe_for_a_chapter(ready):
    ready.without_notebooks()  # the others take minutes
    done = follow(ready, "a chapter")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "In short" in (ready.path / "book" / "executed" / "starting.ipynb").read_text("utf-8")
    assert (ready.path / "_build" / "html" / "index.html").exists()
    toc = yaml.safe_load((ready.path / "_toc.yml").read_text("utf-8"))
    files = [chapter["file"] for part in toc["parts"] for chapter in part["chapters"]]
    assert files.index("book/executed/starting") == files.index("book/executed/audit") + 1
    shutil.copy(ROOT / "notebooks" / "roofline.ipynb", ready.path / "notebooks")  # which the new chapter builds on
    style = ["tests/test_project.py", "tests/test_teaching.py", "-k", "starting", "-n0"]
    done = ready.python("-m", "pytest", *style)
    assert done.returncode == 0 and int(re.search(r"(\d+) passed", done.stdout)[1]) > 10, done.stdout


# --- elsewhere --------------------------------------------------------------------------------------------------------


def test_a_build_in_another_folder_leaves_the_sources_alone(tmp_path, monkeypatch):
    """From sources and into a folder whose names have spaces and letters that are not ASCII."""
    project = Project(tmp_path / "où ça" / "the sources")
    project.without_notebooks()
    project.notebook("plain", "n = 1  # a parameter", "print(n + 1)")
    made = tmp_path / "dorthin ß" / "what-a-token-costs"
    made.mkdir(parents=True)
    (made / "gone.txt").touch()  # of sources that are no more
    monkeypatch.setenv("PYTHONPATH", f"{made}:{OFFLINE}")
    with_environment(project, made / ".venv", monkeypatch)
    before = {path: path.stat().st_mtime_ns for path in project.path.rglob("*") if "__pycache__" not in path.parts}
    command = ["make", f"BUILD={made.parent}", "book"]
    done = subprocess.run(command, cwd=project.path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (made / "_build" / "html" / "index.html").exists() and (made / "book" / "executed" / "plain.ipynb").exists()
    assert not (made / "gone.txt").exists()
    after = {path: path.stat().st_mtime_ns for path in project.path.rglob("*") if "__pycache__" not in path.parts}
    assert after == before
