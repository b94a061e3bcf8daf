"""What the tests share: no network, a copy of the project to break, and a few notebook runs made once."""

import csv
import functools
import io
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import hypothesis
import nbformat
import pytest

import tests.offline.sitecustomize  # noqa: F401  from here on no test reaches another machine
from costlib import cases

pytest_plugins = ("tests.browsing",)

ROOT = Path(__file__).resolve().parents[1]
SOUND = ROOT / "_build" / "cache" / "sound.json"
LEFT_OUT = shutil.ignore_patterns(".venv*", "_build", ".git", "executed", ".*_cache", ".hypothesis")
COMMAND = "import sys; from costlib.cli import main; sys.exit(main(sys.argv[1:]))"

# Nor does any Python that a test starts.
OFFLINE = str(ROOT / "tests" / "offline")
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (OFFLINE, os.environ.get("PYTHONPATH"))))

hypothesis.settings.register_profile("book", deadline=None, max_examples=100, derandomize=True)
hypothesis.settings.register_profile("nightly", deadline=None, max_examples=10_000, database=None)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "book"))


FITS = dict.fromkeys(("test_calibration", "test_validation", "test_validation_chapter"), "fits")  # they share the fits
SHARED = re.compile(r'scope="module"|\(runs\b')  # what a file of tests makes once for several of them


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """In parallel runs, tests that share what is made once stay in one process; all others go where there is time."""
    from xdist.scheduler import LoadScopeScheduling

    class Scheduling(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            file = nodeid.split("::")[0]
            return FITS.get(Path(file).stem, file) if _shares(file) else nodeid

    return Scheduling(config, log)


@functools.cache
def _shares(file):
    return SHARED.search((ROOT / file).read_text("utf-8")) is not None


class Project:
    """A copy of the project in a folder of its own, to run commands in and to plant mistakes in."""

    def __init__(self, path: Path) -> None:
        self.path = path
        shutil.copytree(ROOT, path, ignore=LEFT_OUT)
        if SOUND.exists():  # of the same data, which need no second check then; other data have other hashes
            (path / "_build" / "cache").mkdir(parents=True)
            shutil.copy(SOUND, path / "_build" / "cache")

    def python(self, *arguments: object, program: str = sys.executable) -> subprocess.CompletedProcess:
        """Run Python here, with this copy's costlib and without a network."""
        paths = os.pathsep.join(map(str, (self.path, self.path / "tests" / "offline")))
        return subprocess.run(
            [program, *map(str, arguments)], cwd=self.path, env={**os.environ, "PYTHONPATH": paths}, text=True,
            capture_output=True, timeout=600,
        )  # fmt: skip

    def costlib(self, *arguments: object, program: str = sys.executable) -> subprocess.CompletedProcess:
        """Run the costlib command here."""
        return self.python("-c", COMMAND, *arguments, program=program)

    def replace(self, file: str, old: str, new: str) -> None:
        """Replace the first `old` in `file`."""
        path = self.path / file
        text = path.read_text("utf-8")
        assert old in text, f"{file} has no {old!r}"
        path.write_text(text.replace(old, new, 1), "utf-8")

    def cell(self, table: str, key: str, field: str, value: str) -> None:
        """Write `value` into a cell of a table of facts."""
        path = self.path / "data" / f"{table}.csv"
        head, *rows = csv.reader(io.StringIO(path.read_text("utf-8")))
        next(row for row in rows if row[0] == key)[head.index(field)] = value
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([head, *rows])

    def without_notebooks(self) -> None:
        """Take all notebooks out of this copy."""
        for path in (self.path / "notebooks").glob("*.ipynb"):
            path.unlink()

    def notebook(self, name: str, *sources: str) -> None:
        """Write a notebook of code cells; the first one holds its parameters."""
        made = nbformat.v4.new_notebook(
            cells=[nbformat.v4.new_code_cell(source, id=f"cell-{place}") for place, source in enumerate(sources)]
        )
        made.cells[0].metadata["tags"] = ["parameters"]
        nbformat.write(made, self.path / "notebooks" / f"{name}.ipynb")


@pytest.fixture
def project(tmp_path):
    return Project(tmp_path / "project")


# --- runs that several tests look at ----------------------------------------------------------------------------------

GIVEN = {
    "article": {"vintage": "article"},
    "other": {
        "model": "llama_3_1_8b",
        "gpu": "a100_sxm_80gb",
        "n_gpus": 8,
        "batch": 1024,
        "input_tokens": 64,
        "output_tokens": 64,
    },
    "unknown": {"gpu": "h100_sxm_80bg"},
}


def texts(path: Path) -> list[str]:
    """The sentences, tables and formulas of the executed notebook at `path`."""
    cells = nbformat.read(path, as_version=4).cells
    outputs = (output for cell in cells for output in cell.get("outputs", ()))
    return [output.data["text/markdown"] for output in outputs if "text/markdown" in output.get("data", {})]


class Run:
    """What a command did, and the notebook that it left."""

    def __init__(self, done: subprocess.CompletedProcess, project: Project, output: Path) -> None:
        self.done, self.project, self.output = done, project, output

    def texts(self) -> list[str]:
        """The sentences, tables and formulas of the executed notebook."""
        return texts(self.output)

    def takeaway(self) -> str:
        """The last sentences that the notebook says in a box."""
        return [text for text in self.texts() if text.startswith(":::{admonition}") and ":class: takeaway" in text][-1]


def _notebook(project: Project, name: str) -> Run:
    output = project.path / "_build" / "runs" / f"{name}.ipynb"
    given = (f"-p{name}={value}" for name, value in GIVEN[name].items())
    return Run(project.costlib("run", "roofline", *given, "-o", output), project, output)


def _papermill(project: Project) -> Run:
    output = project.path / "_build" / "injected.ipynb"
    arguments = ("notebooks/roofline.ipynb", output, "-k", "python3", "-p", "bacth", 64)
    return Run(project.python("-m", "papermill", *arguments), project, output)


BROKEN = "raise ValueError('the roof has fallen')"
SMALL = ("batch = 3  # a parameter", "print('done so far')")


def _failing(project: Project) -> Run:
    """`costlib notebooks` where one of two notebooks fails, over a folder that was published before."""
    project.without_notebooks()
    project.notebook("sound", *SMALL)
    project.notebook("broken", *SMALL, BROKEN, "print('never')")
    published = project.path / "book" / "executed" / "sound.ipynb"
    published.parent.mkdir()
    published.write_text("the last good one")
    return Run(project.costlib("notebooks"), project, published)


def unmeasured() -> dict[str, str]:
    """The environment without what starts coverage in a process, for one that is to fail while it writes or ends."""
    return {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}


def stand_in(project: Project, script: str) -> str:
    """A Python for `project` beside which jupyter-book is replaced by `script`."""
    environment, own = project.path.parent / "environment", Path(sys.prefix)
    (environment / "bin").mkdir(parents=True)
    (environment / "bin" / "python").symlink_to(os.path.realpath(sys.executable))
    (environment / "lib").symlink_to(own / "lib")
    shutil.copy(own / "pyvenv.cfg", environment)
    program = environment / "bin" / "jupyter-book"
    program.write_text(script)
    program.chmod(0o755)
    return str(environment / "bin" / "python")


def _unset(project: Project) -> Run:
    """`costlib build` where the notebooks run and the pages fail, over a book that was built before.

    The pages fail because the environment's jupyter-book is replaced by a program that does.
    """
    project.without_notebooks()
    project.notebook("sound", *SMALL)
    published = project.path / "_build" / "html" / "index.html"
    published.parent.mkdir(parents=True)
    published.write_text("the last good book")
    python = stand_in(project, "#!/bin/sh\necho 'about.md:7: WARNING: undefined label'\nexit 1\n")
    return Run(project.costlib("build", program=python), project, published)


@pytest.fixture(scope="session")
def runs(tmp_path_factory):
    """Runs by name, each made once and all of them side by side."""
    shared = Project(tmp_path_factory.mktemp("runs") / "project")
    jobs = {name: functools.partial(_notebook, shared, name) for name in GIVEN}
    jobs["injected"] = functools.partial(_papermill, shared)
    for name, job in {"failing": _failing, "unset": _unset}.items():
        jobs[name] = functools.partial(job, Project(tmp_path_factory.mktemp(name) / "project"))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return dict(zip(jobs, pool.map(lambda job: job(), jobs.values()), strict=True))


# --- cases ------------------------------------------------------------------------------------------------------------

# One model for every combination of attention, windows and experts that the tables have.
MODELS = (
    "llama_2_7b",
    "llama_3_1_70b",
    "gemma_3_27b",
    "mixtral_8x7b",
    "gpt_oss_120b",
    "llama_4_maverick",
    "deepseek_v3",
)
DENSE = ("llama_2_7b", "llama_3_1_8b", "llama_3_1_70b", "qwen2_5_72b", "gemma_3_27b")


@functools.cache
def deployed(model="llama_3_1_70b", gpu="h100_sxm_80gb", precision="bf16", kv_precision="bf16", **given):
    """The equations and values of a case: 4 GPUs, 32 sequences, 2,000 tokens in, 500 out, unless `given` says more."""
    numbers = {"n_gpus": 4, "batch": 32, "input_tokens": 2000, "output_tokens": 500, **given}
    return cases.deployment(model, gpu, precision=precision, kv_precision=kv_precision, **numbers)
