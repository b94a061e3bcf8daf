"""Two builds of the same sources give the same files: at another path, on another day, with other hashes.

`make reproducible` does with the whole book what the test here does with a small one.
"""

import filecmp
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import nbformat
import pytest
import yaml

from tests.conftest import COMMAND, ROOT, Project

FIGURE = """
import matplotlib.pyplot as plt
import numpy as np
from costlib import book, figures
x = np.linspace(1, 2, 5)
line = figures.Line("twice", n * x, "memory")
"""
SAYS = """
book.figure(figures.lines(x, [line], "x", "y"), "fig-twice", "It doubles to {most}.", "It doubles.", most=n * 2.0)
book.say("See {{eq}}`eq-twice` and {{cite:t}}`agrawal_2024_sarathi`: {most}, {set_of}.", most=n * 2.0,
         set_of=", ".join(map(str, {"a": 1, "b": 2})))
"""
PAGE = """# A small book

It says {glue:text}`executed/one.ipynb::most:s`, see {numref}`fig-twice` and {eq}`eq-twice`.

```{bibliography}
```
"""
EQUATION = 'from costlib import book\nbook.say("```{{math}}\\n:label: eq-twice\\n\\ny = 2 x\\n```")'


def differences(one: Path, two: Path) -> list[str]:
    """Files that are not the same in two folders, or only in one of them."""
    found = {path.relative_to(folder) for folder in (one, two) for path in folder.rglob("*") if path.is_file()}
    same = filecmp.cmpfiles(one, two, map(str, found), shallow=False)[0]
    return sorted(set(map(str, found)) - set(same))


def built(project: Project, seed: str, zone: str) -> Path:
    """Build the book of `project` with a hash seed and in a time zone. Returns its folder."""
    env = {**os.environ, "PYTHONPATH": str(project.path), "PYTHONHASHSEED": seed, "TZ": zone}
    done = subprocess.run(
        [sys.executable, "-c", COMMAND, "build"], cwd=project.path, env=env, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return project.path / "_build" / "html"


def small(project: Project) -> Project:
    """Leave one page and two notebooks, with a figure, an equation, a citation and a glued number."""
    project.without_notebooks()
    project.notebook("one", "n = 1  # a parameter", FIGURE, SAYS)
    project.notebook("two", "n = 2  # a parameter", EQUATION)
    for path in (project.path / "notebooks").glob("*.ipynb"):
        notebook = nbformat.read(path, as_version=4)
        notebook.cells.insert(0, nbformat.v4.new_markdown_cell(f"# Chapter {path.stem}", id="title"))
        nbformat.write(notebook, path)
    (project.path / "book" / "index.md").write_text(PAGE)
    chapters = [{"file": "book/executed/one"}, {"file": "book/executed/two"}]
    (project.path / "_toc.yml").write_text(
        yaml.safe_dump({"format": "jb-book", "root": "book/index", "chapters": chapters})
    )
    return project


def test_a_small_book_is_the_same_in_another_place_and_zone_with_other_hashes_on_one_core(tmp_path):
    one = small(Project(tmp_path / "one"))
    two = small(Project(tmp_path / "somewhere else" / "two"))
    two.replace("_config.yml", "    faster: book/_ext\n", "")  # one page after the other, nothing remembered
    first, second = built(one, "1", "UTC"), built(two, "2", "Asia/Tokyo")
    page = (first / "book" / "index.html").read_text("utf-8")
    assert "It says 2" in page and "Fig. 1" in page and 'href="executed/two.html#equation-eq-twice"' in page
    assert 'svg class="costfig"' in (first / "book" / "executed" / "one.html").read_text("utf-8")
    assert differences(first, second) == []


@pytest.mark.parametrize("change", ["changed", "only here"])
def test_a_difference_would_be_found(tmp_path, change):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "index.html").write_text("the same")
    file = {"changed": "index.html", "only here": "other.html"}[change]
    (tmp_path / "one" / file).write_text("another")
    assert differences(tmp_path / "one", tmp_path / "two") == [file]


def main() -> int:
    """Build the whole book anew in a copy elsewhere and compare it with the one that stands. Returns the exit code."""
    with tempfile.TemporaryDirectory(prefix="another place ") as folder:
        other = built(Project(Path(folder) / "book of costs"), "7", "Asia/Tokyo")
        found = differences(ROOT / "_build" / "html", other)
        count = sum(path.is_file() for path in other.rglob("*"))
        kept = ROOT / "_build" / "differs"
        shutil.rmtree(kept, ignore_errors=True)
        for name in found:
            if (other / name).exists():
                (kept / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(other / name, kept / name)
    print(
        f"{count} files, {len(found)} of them not the same", *found, *([f"kept in {kept}"] if found else []), sep="\n"
    )
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
