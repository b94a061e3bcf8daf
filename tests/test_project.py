"""The project as a whole: one list of dependencies, one direction of imports, clean notebooks, nothing private."""

import ast
import importlib.metadata
import re
import sys
import tomllib

import nbformat
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.conftest import ROOT
from tests.supply import locked

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
META = PROJECT["project"]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)

SKIPPED = {
    ".venv",
    ".venv-sphinx",
    "_build",
    ".git",
    "executed",
    "__pycache__",
    "vendor",
    ".hypothesis",
    "node_modules",
}
FILES = [
    path
    for path in sorted(ROOT.rglob("*"))
    if path.is_file() and not any(part in SKIPPED or part.endswith("_cache") for part in path.relative_to(ROOT).parts)
]


# --- dependencies -----------------------------------------------------------------------------------------------------


def dependencies():
    """Every requirement of pyproject.toml, those of the extras included."""
    extras = META["optional-dependencies"].values()
    return [Requirement(each) for each in [*META["dependencies"], *(each for extra in extras for each in extra)]]


def test_conda_users_get_this_project_with_all_its_extras():
    described = yaml.safe_load((ROOT / "environment.yml").read_text("utf-8"))
    [installed] = [each["pip"] for each in described["dependencies"] if isinstance(each, dict)]
    [(path, extras)] = [re.fullmatch(r"-e (\S+?)\[([\w,]+)\]", each).groups() for each in installed]
    assert path == "."
    assert set(extras.split(",")) == set(META["optional-dependencies"])


def test_conda_users_get_the_same_python_and_the_same_builder():
    described = yaml.safe_load((ROOT / "environment.yml").read_text("utf-8"))
    plain = {each.name: each for each in map(Requirement, (d for d in described["dependencies"] if isinstance(d, str)))}
    assert plain["python"].specifier == Requirement(f"python{META['requires-python']}").specifier
    builders = [Requirement(each) for each in PROJECT["build-system"]["requires"]]
    assert {each.name: each.specifier for each in builders} == {
        each.name: plain[each.name].specifier for each in builders
    }
    assert set(plain) == {"python", "pip", *(each.name for each in builders)}  # the rest comes from pyproject.toml


@pytest.mark.parametrize("wanted", dependencies(), ids=str)
def test_the_lock_pins_every_dependency_to_a_version_that_is_allowed(wanted):
    pins = [pin for pin in locked() if pin.name == canonicalize_name(wanted.name)]
    assert pins and all(wanted.specifier.contains(pin.version) and wanted.extras <= pin.extras for pin in pins)


def test_the_lock_has_hashes_for_everything():
    unsafe = [pin.name for pin in locked() if not all(re.fullmatch("sha256:[0-9a-f]{64}", each) for each in pin.hashes)]
    assert unsafe == [] and all(pin.hashes for pin in locked()) and len(locked()) > 50


def test_the_lock_names_every_extra_that_one_of_its_packages_asks_for():
    pins = {pin.name: pin for pin in locked() if pin.needed}
    missing = {
        (pin.name, text)
        for pin in pins.values()
        for text in importlib.metadata.distribution(pin.name).requires or []
        for wanted in [Requirement(text)]
        if any(wanted.marker is None or wanted.marker.evaluate({"extra": each}) for each in ["", *pin.extras])
        and not wanted.extras <= pins[canonicalize_name(wanted.name)].extras
    }
    assert missing == set()  # pip would look for the newest version of such a package, and stop for want of its hash


@pytest.mark.parametrize("folder", ["costlib", "tests", "notebooks"])
def test_only_declared_packages_are_imported(folder):
    modules = {
        "yaml": "pyyaml",
        "bs4": "beautifulsoup4",
        "IPython": "ipykernel",
        "traitlets": "ipykernel",
        "markdown_it": "jupyter-book",
        "packaging": "pytest",
        "xdist": "pytest-xdist",
        "docutils": "jupyter-book",
        "myst_parser": "jupyter-book",
        "nbformat": "papermill",
        "cyclonedx": "cyclonedx-bom",
        "license_expression": "cyclonedx-bom",
    }
    declared = {canonicalize_name(each.name) for each in dependencies()}
    code = [path.read_text("utf-8") for path in FILES if path.suffix == ".py" and path.is_relative_to(ROOT / folder)]
    if folder == "notebooks":
        code = [source for path in NOTEBOOKS for source in code_of(path)]
    names = {name.partition(".")[0] for source in code for name in imported(ast.parse(source))}
    outside = names - sys.stdlib_module_names - {"costlib", "tests", "sitecustomize"}
    assert {name for name in outside if canonicalize_name(modules.get(name, name)) not in declared} == set()


# --- the shape of the library -----------------------------------------------------------------------------------------


def imported(tree):
    """Names of the modules that a piece of code imports: ``from costlib import data`` counts as costlib.data."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            folder = ROOT.joinpath(*node.module.split("."))
            inner = {each.name: (folder / f"{each.name}.py", folder / each.name / "__init__.py") for each in node.names}
            inside = [f"{node.module}.{name}" for name, paths in inner.items() if any(each.exists() for each in paths)]
            yield from inside or [node.module]


TEXTS = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path.read_text("utf-8")
    for path in sorted((ROOT / "costlib").rglob("*.py"))
}
MODULES = {name: ast.parse(text) for name, text in TEXTS.items()}
NEEDS = {name: {each for each in imported(tree) if each.startswith("costlib.")} for name, tree in MODULES.items()}

ALLOWED = {  # beyond errors, which everyone may raise
    "costlib.errors": set(),
    "costlib.units": set(),
    "costlib.quantities": {"costlib.units"},
    "costlib.equations": {"costlib.units", "costlib.quantities"},
    "costlib.sheets": set(),
    "costlib.tracking": set(),
    "costlib.data": {"costlib.sheets", "costlib.tracking", "costlib.units", "costlib.quantities"},
    "costlib.sweep": {"costlib.equations"},
    "costlib.sensitivity": {"costlib.uncertainty"},
    "costlib.render": {"costlib.units", "costlib.quantities", "costlib.equations"},
    "costlib.figures.style": {"costlib.units"},
    **{f"costlib.figures.{name}": {"costlib.units", "costlib.figures.style"} for name in ("cells", "curves", "rows")},
    "costlib.figures.vector": {"costlib.figures.style"},
}


def test_imports_point_one_way():
    open_names, done = [], set()

    def visit(name):
        assert name not in open_names, f"a circle: {' -> '.join([*open_names, name])}"
        if name not in done:
            open_names.append(name)
            for each in sorted(NEEDS.get(name, ())):
                visit(each)
            done.add(open_names.pop())

    for name in NEEDS:
        visit(name)


@pytest.mark.parametrize("name", ALLOWED)
def test_a_module_imports_only_what_is_below_it(name):
    assert NEEDS[name] <= ALLOWED[name] | {"costlib.errors"}


@pytest.mark.parametrize("name", [name for name in NEEDS if name.startswith("costlib.models.")])
def test_a_model_is_definitions_only(name):
    assert {each for each in NEEDS[name] if not each.startswith("costlib.models.")} <= {"costlib.equations"}
    outside = {each.partition(".")[0] for each in imported(MODULES[name])} - {"costlib", "sympy", "__future__"}
    assert outside == set()


def test_only_pages_and_commands_know_the_notebooks_tools():
    heavy = {"papermill", "nbformat", "IPython", "subprocess"}
    users = {name for name, tree in MODULES.items() if heavy & {each.partition(".")[0] for each in imported(tree)}}
    assert users <= {
        "costlib.book",
        "costlib.engine",
        "costlib.execute",
        "costlib.build",
        "costlib.cli",
        "costlib.cluster",
    }


OF_THE_READER = {"costlib.logfile"}  # no table of ours


def test_only_data_reads_the_tables():
    reads = re.compile(r"\b(read_csv|read_table|read_excel|DictReader|csv\.reader|FOLDER|PACKAGE|BIBLIOGRAPHY)\b")
    readers = {name for name, text in TEXTS.items() if reads.search(text)}
    assert readers - OF_THE_READER == {"costlib.sheets", "costlib.data"}


KEEPS_ITSELF = {"costlib.names._match"}  # bounded; who calls it notes the tables


def test_what_is_computed_from_tables_is_kept_by_tracking_alone():
    """A plain cache would hide which tables a chapter rests on once another has filled it."""
    functions = {
        f"{name}.{node.name}": node
        for name, tree in MODULES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and name != "costlib.data"
    }
    kept = {name for name, node in functions.items() if any("cache" in ast.unparse(d) for d in node.decorator_list)}
    asks = {name for name in kept if re.search(r"\bdata\.(table|row|facts?)\(", ast.unparse(functions[name]))}
    assert len(kept) > 5 and asks == KEEPS_ITSELF


@pytest.mark.parametrize("name", MODULES)
def test_no_module_swallows_errors_or_imports_everything(name):
    for node in ast.walk(MODULES[name]):
        if isinstance(node, ast.ExceptHandler):
            assert node.type is not None, "a bare except"
            assert not (len(node.body) == 1 and isinstance(node.body[0], ast.Pass)), "a silent except"
        assert not (isinstance(node, ast.ImportFrom) and any(each.name == "*" for each in node.names)), "a star import"


@pytest.mark.parametrize("name", [name for name in MODULES if name.startswith("costlib.models.")])
def test_no_conversion_hides_in_a_model(name):
    bodies = [node for node in ast.walk(MODULES[name]) if isinstance(node, ast.Return)]
    numbers = {leaf.value for body in bodies for leaf in ast.walk(body) if isinstance(leaf, ast.Constant)}
    assert {each for each in numbers if isinstance(each, int | float) and abs(each) >= 10} == set()


# --- notebooks --------------------------------------------------------------------------------------------------------


def code_of(path):
    return [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]


@each_notebook
def test_a_notebook_is_valid_and_stored_without_outputs(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(cell.outputs == [] and cell.execution_count is None for cell in code)


@each_notebook
def test_the_cells_of_a_notebook_have_names(path):
    ids = [cell["id"] for cell in nbformat.read(path, as_version=4).cells]
    assert len(ids) == len(set(ids))
    assert all(re.fullmatch(r"[a-z][a-z0-9-]*", each) for each in ids)


@each_notebook
def test_a_notebook_argues_and_defines_nothing(path):
    nodes = [node for source in code_of(path) for node in ast.walk(ast.parse(source))]
    assert not [node for node in nodes if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef)]


@each_notebook
def test_no_cell_of_a_notebook_but_its_parameters_has_more_than_a_dozen_lines(path):
    cells = (cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code")
    lengths = {cell["id"]: len(cell.source.splitlines()) for cell in cells if cell["id"] != "parameters"}
    assert {name: lines for name, lines in lengths.items() if lines > 12} == {}


@each_notebook
def test_each_parameter_of_a_notebook_is_typed_and_explained(path):
    cells = nbformat.read(path, as_version=4).cells
    [cell] = [cell for cell in cells if "parameters" in cell.metadata.get("tags", ())]
    for line in cell.source.splitlines():
        assert re.fullmatch(r'\w+ = ("[^"]*"|[\w.+-]+)  # \S.*', line), line
    assert all(isinstance(node, ast.Assign) for node in ast.parse(cell.source).body)


@each_notebook
def test_a_notebook_checks_itself(path):
    assert any(isinstance(node, ast.Assert) for source in code_of(path) for node in ast.parse(source).body)


# --- what the repository must not hold --------------------------------------------------------------------------------

HOSTS = (
    "pypi" + ".org",
    "pythonhosted" + ".org",
    "npm" + "js",
    "deb." + "debian",
    "debian" + ".org",
    "archive." + "ubuntu",
    "conda." + "anaconda",
)
MACHINE = re.compile(r"(?<![\w.~)}-])/(?:home|root|work|Users|mnt|opt)" + r"/\w")


def texts():
    for path in FILES:
        try:
            yield path.relative_to(ROOT).as_posix(), path.read_text("utf-8")
        except UnicodeDecodeError:
            continue


@pytest.mark.parametrize("host", HOSTS)
def test_no_file_names_a_package_registry(host):
    assert [name for name, text in texts() if host in text] == []


def test_no_file_names_a_path_of_one_machine():
    assert [(name, found[0]) for name, text in texts() if (found := MACHINE.search(text))] == []


def test_the_search_for_machine_paths_would_find_one():
    assert MACHINE.search('open("' + "/home" + '/me/x")')
    assert not MACHINE.search("https://example.com/home/page")
