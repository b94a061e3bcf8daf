"""Tables of facts with anything in them: read as everybody reads them, or refused with the place; see test_fuzz."""

import csv
import io
import shutil
import tempfile
from pathlib import Path

import pandas as pd
import pytest
import yaml
from hypothesis import assume, given
from hypothesis import strategies as st

from costlib import data, sheets
from tests import hostile
from tests.test_fuzz import SLOW, outcome, same

SMALL = ("precisions", "engines", "egress_prices", "decline_rates", "machines")


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    """A copy of the tables, in whose place broken ones can be put; and what stood there, by table."""
    kept, folder = data.FOLDER, tmp_path_factory.mktemp("tables")
    shutil.copytree(kept, folder / "data")
    data.use(folder / "data")
    yield {name: data.package()[name].path.read_text("utf-8") for name in SMALL}
    data.use(kept)


def put(name, raw):
    """Put a file in the place of a table, and read it."""
    path = data.package()[name].path
    path.write_bytes(raw)
    data._table_rows.cache_clear()
    data._problems.cache_clear()  # and not the description, which takes longer to read than the table
    return outcome(data.table, name)


@SLOW
@given(st.data())
def test_a_cell_of_a_table_is_read_as_it_stands_or_named(tables, given_):
    name = given_.draw(st.sampled_from(SMALL))
    head, *rows = csv.reader(io.StringIO(tables[name]))
    line = given_.draw(st.integers(0, len(rows) - 1))
    field = given_.draw(st.sampled_from(list(data.package()[name].fields.values())))
    text = given_.draw(hostile.CELLS)
    rows[line][head.index(field.name)] = text
    assume(text.isprintable())
    frame, said = put(name, hostile.csv_text([head, *rows]).encode("utf-8", "surrogatepass"))
    if said:
        assert said.startswith(f"data/{data.package()[name].path.name}, line {line + 2}, field ")
        return
    value = frame.iloc[line][field.name]
    if not text:
        assert pd.isna(value)
    elif field.type in ("number", "integer"):
        assert same(value, text)
    else:
        assert str(value).lower() == text if field.type == "boolean" else value == text
        assert not set(text) & set("<`$\\{}[]|") and sheets.harmless(text) == text


@SLOW
@given(st.data())
def test_a_broken_table_is_told_or_read(tables, given_):
    name = given_.draw(st.sampled_from(SMALL))
    raw = given_.draw(hostile.files(tables[name]))
    frame, said = put(name, raw)
    about = data.package()[name]
    assert said.startswith(f"data/{about.path.name}") if said else list(frame.columns) == list(about.fields)


def described(name):
    """The description of one table of the book, as a package of its own."""
    whole = yaml.safe_load((data.ROOT / "data" / "datapackage.yaml").read_text("utf-8"))
    only = [each for each in whole["resources"] if each["name"] == name]
    return yaml.safe_dump({"name": "facts", "resources": only}, sort_keys=False, default_flow_style=None, width=300)


DESCRIBED = described("precisions")


@SLOW
@given(st.data())
def test_a_broken_description_of_the_tables_is_told_or_read(tables, given_):
    raw = given_.draw(hostile.files(DESCRIBED))
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        patch.setattr(data, "FOLDER", Path(folder))
        patch.setattr(data, "PACKAGE", Path(folder) / "datapackage.yaml")
        (Path(folder) / "datapackage.yaml").write_bytes(raw)
        (Path(folder) / "precisions.csv").write_text(tables["precisions"])
        data.forget()
        try:
            found, said = outcome(data.package)
            if said:
                assert "datapackage.yaml" in said
            elif "precisions" in found:
                _, said = outcome(data.table, "precisions")
                assert not said or said.startswith("data/")
        finally:
            data.forget()


@pytest.mark.parametrize("line", ["<script>alert(1)</script>", "x"])
def test_a_line_above_the_header_is_told(tables, line):
    _, said = put("precisions", f"{line}\n{tables['precisions']}".encode())
    assert said.startswith("data/precisions.csv, line 1: the columns must be precision, ")
