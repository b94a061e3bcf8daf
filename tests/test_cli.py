"""The costlib command: what it takes, what it refuses in one error, and with which exit code."""

import pytest

from costlib import cli

WRONG = [
    ("run rofline", "there is no notebooks/rofline.ipynb; did you mean roofline"),
    ("run roofline -p bacth=3", "notebooks/roofline.ipynb has no parameter 'bacth'; did you mean batch"),
    ("run roofline -p batch", "-p 'batch' is not of the form NAME=VALUE"),
    ("run roofline -p =3", "-p '=3' is not of the form NAME=VALUE"),
    ("run roofline -p batch=[1", "-p 'batch=[1': the value must be one number, one name, true, false or null"),
    ("run roofline -p batch=0", "batch = 0 is not allowed: it must be a whole number above 0"),
    ("run roofline -p batch=-8", "batch = -8 is not allowed: it must be a whole number above 0"),
    ("run roofline -p batch=1.5", "batch = 1.5 is not allowed: it must be a whole number above 0"),
    ("run roofline -p batch=many", "batch = 'many' is not allowed: it must be a whole number above 0"),
    ("run roofline -p batch=1e-2", "batch = 0.01 is not allowed: it must be a whole number above 0"),
    ("run roofline -p batch=1e2x", "batch = '1e2x' is not allowed: it must be a whole number above 0"),
    ("run roofline -p batch=true", "batch = True is not allowed: it must be a whole number above 0"),
    ("run roofline -p batch=.inf", "batch = inf is not allowed: it must be a whole number above 0"),
    ("run roofline -p batch=.nan", "batch = nan is not allowed: it must be a whole number above 0"),
    ("run roofline -p batch=[8,16]", "-p 'batch=[8,16]': the value must be one number, one name, true, false or null"),
    ("run roofline -p batch=2026-01-01", "is not allowed: it must be a whole number above 0"),
    ("run roofline -p n_gpus=-1", "n_gpus = -1 is not allowed: it must be a whole number above 0"),
    ("run roofline -p input_tokens=0", "input_tokens = 0 is not allowed: it must be a whole number above 0"),
    ("run roofline -p gpu=100", "gpu = 100 is not allowed: it must be a name, such as 'h100_sxm_80gb'"),
    ("run roofline -p model=null", "model = None is not allowed: it must be a name, such as 'llama_3_1_70b'"),
]  # fmt: skip


@pytest.mark.parametrize(("line", "message"), WRONG, ids=[line for line, _ in WRONG])
def test_a_mistake_is_one_error_and_exit_code_1(capsys, tmp_path, line, message):
    output = tmp_path / "out.ipynb"
    assert cli.main([*line.split(), "-o", str(output)]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith(f"costlib run: {message}") or (message in said.err and said.err.count("\n") == 1)
    assert said.err.count("\n") == 1
    assert not output.exists()


@pytest.mark.parametrize("line", ["", "bild", "run", "build --bogus", "check extra"])
def test_a_wrong_command_is_explained_with_exit_code_2(capsys, line):
    with pytest.raises(SystemExit) as left:
        cli.main(line.split())
    assert left.value.code == 2
    assert "usage: costlib" in capsys.readouterr().err


def test_help_names_the_commands_and_the_notebooks(capsys):
    with pytest.raises(SystemExit) as left:
        cli.main(["run", "--help"])
    assert left.value.code == 0
    assert "roofline" in capsys.readouterr().out


def test_a_broken_row_stops_a_build_naming_file_line_and_field_and_leaves_the_last_good_book(project):
    project.cell("accelerators", "h100_sxm_80gb", "memory_gigabytes", "eighty")
    published = [project.path / "_build" / "html" / "index.html", project.path / "book" / "executed" / "roofline.ipynb"]
    for path in published:
        path.parent.mkdir(parents=True)
        path.write_text("the last good one")
    done = project.costlib("build")
    assert done.returncode == 1
    first, *found = done.stderr.splitlines()
    assert first == "costlib build: the data are not sound:"
    assert [line.startswith("data/accelerators.csv, line 14, field memory_gigabytes: ") for line in found] == [True]
    assert [path.read_text() for path in published] == ["the last good one"] * 2
