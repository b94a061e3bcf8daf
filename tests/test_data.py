"""The tables of facts: sound as they stand, and every mistake in them is named with its place."""

import contextlib
import csv
import functools
import io
import re
import shutil

import pytest

from costlib import cases, cli, data, units
from costlib.data import Fact
from costlib.errors import InputError
from tests.conftest import Project

TABLES = tuple(data.package())
each_table = pytest.mark.parametrize("table", TABLES)


def test_the_repository_is_sound(capsys):
    assert cli.main(["check"]) == 0, capsys.readouterr().err
    assert capsys.readouterr().out.endswith(": sound\n")
    assert data.check() == []  # itself, where the command may know it from before


@each_table
def test_every_value_has_a_source_that_the_bibliography_knows(table):
    about, frame = data.package()[table], data.table(table)
    for field in (field for field in about.fields.values() if field.quantity):
        assert field.source_field, f"{table}.{field.name} names no column for its source"
        sources = frame.loc[frame[field.name].notna(), field.source_field]
        assert set(sources) <= set(data.bibliography())


@each_table
def test_every_row_has_a_source(table):
    about, frame = data.package()[table], data.table(table)
    sources = frame[[field for field in about.fields if field.endswith("source")]]
    assert sources.notna().any(axis=1).all()


@each_table
def test_every_unit_is_known(table):
    about, frame = data.package()[table], data.table(table)
    described = {field.unit for field in about.fields.values()}
    written = set(frame["unit"].dropna()) if "unit" in frame else set()
    assert all(units.base_factor(each) > 0 for each in described | written)


@each_table
def test_every_column_is_described(table):
    assert all(field.description for field in data.package()[table].fields.values())


def test_there_are_twenty_accelerators_with_dense_peak_bandwidth_and_memory():
    frame = data.table("accelerators")
    assert len(frame.dropna(subset=["dense_fp16_teraflops", "memory_gigabytes_per_second", "memory_gigabytes"])) >= 20


def test_there_are_twenty_five_models_with_all_that_their_weights_are_counted_from():
    counted = [
        model for model in data.table("models").index if cases.deployment(model, "h100_sxm_80gb")[1]["n_gpus"] >= 1
    ]
    assert len(counted) >= 25
    assert len(counted) == len(data.table("models"))


@pytest.mark.parametrize("precision", ["fp16", "fp8", "int8", "fp4"])
def test_a_sparse_peak_is_never_below_the_dense_one(precision):
    frame = data.table("accelerators")
    both = frame.dropna(subset=[f"dense_{precision}_teraflops", f"sparse_{precision}_teraflops"])
    assert not both.empty
    assert (both[f"sparse_{precision}_teraflops"] >= both[f"dense_{precision}_teraflops"]).all()


def test_narrower_numbers_are_never_slower():
    frame = data.table("accelerators")
    for narrow in ("dense_fp8_teraflops", "dense_fp4_teraflops"):
        both = frame.dropna(subset=["dense_fp16_teraflops", narrow])
        assert (both[narrow] >= both["dense_fp16_teraflops"]).all()


def test_the_driver_reports_about_what_the_datasheet_says():
    frame = data.table("accelerators").dropna(subset=["reported_mebibytes"])
    ratio = frame["reported_mebibytes"] * 2**20 / (frame["memory_gigabytes"] * 1e9)
    assert ratio.between(0.95, 1.08).all()


def test_the_layers_of_every_model_add_up():
    frame = data.table("models")
    assert (frame["full_attention_layers"] + frame["window_layers"] == frame["n_layers"]).all()
    assert (frame["dense_ffn_layers"] + frame["moe_ffn_layers"] == frame["n_layers"]).all()
    assert (frame["n_kv_heads"].dropna() <= frame.loc[frame["n_kv_heads"].notna(), "n_heads"]).all()
    experts = frame[frame["moe_ffn_layers"] > 0]
    assert (experts["experts_per_token"] <= experts["n_experts"]).all()


# --- values that know where they come from ----------------------------------------------------------------------------


def test_a_fact_is_a_number_in_base_units_that_knows_its_row():
    fact = data.fact("accelerators", "h100_sxm_80gb", "memory_gigabytes_per_second")
    row = data.row("accelerators", "h100_sxm_80gb")
    assert fact == 3.35e12
    assert fact.__dict__ == {
        "table": "accelerators", "key": "h100_sxm_80gb", "field": "memory_gigabytes_per_second",
        "quantity": "memory_bytes_per_second", "date": row["checked_on"], "source": row["memory_source"],
        "locator": row["memory_locator"], "kind": "list",
    }  # fmt: skip


def test_each_group_of_columns_has_its_own_source():
    row = data.row("accelerators", "h100_sxm_80gb")
    found = data.facts("accelerators", "h100_sxm_80gb")
    assert found["dense_fp16_teraflops"].source == row["compute_source"]
    assert found["sparse_fp16_teraflops"].source == row["sparse_source"]
    assert found["reported_mebibytes"].source == row["reported_source"]


def test_an_empty_cell_is_no_fact():
    assert data.fact("accelerators", "h100_sxm_80gb", "dense_fp4_teraflops") is None
    assert "dense_fp4_teraflops" not in data.facts("accelerators", "h100_sxm_80gb")


def test_a_fact_keeps_its_place_under_another_name():
    fact = data.fact("precisions", "fp8", "weight_bits")
    other = fact.named("bytes_per_cached_number")
    assert (other, other.quantity, other.key) == (1.0, "bytes_per_cached_number", "fp8")
    assert fact.quantity == "element_bytes"


def test_an_assumption_has_three_levels_and_says_that_it_is_one():
    low, central, high = (cases.assumed("memory_reserve_share", level) for level in ("low", "central", "high"))
    assert 0 <= low <= central <= high < 1
    assert isinstance(central, Fact)
    assert (central.kind, central.table, central.field) == ("assumed", "assumptions", "central")


def test_an_unknown_row_is_an_error_with_near_matches():
    with pytest.raises(InputError, match="data/models.csv has no model 'llama_3_70'; did you mean .*llama_3_70b"):
        data.row("models", "llama_3_70")


# --- planted mistakes -------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def in_place_of_the_real_ones(project):
    """The tables and the bibliography of `project`, in the place of the real ones."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(data, "FOLDER", project.path / "data")
        patch.setattr(data, "PACKAGE", project.path / "data" / "datapackage.yaml")
        patch.setattr(data, "BIBLIOGRAPHY", project.path / "book" / "references.bib")
        data.bibliography.cache_clear()
        data.forget()
        yield project
    data.bibliography.cache_clear()
    data.forget()


@pytest.fixture
def copy(project):
    with in_place_of_the_real_ones(project):
        yield project


def cell(table, key, field, value):
    return lambda project: project.cell(table, key, field, value)


def text(file, old, new):
    return lambda project: project.replace(file, old, new)


def entry(key, field):
    """Take a field out of an entry of the bibliography."""

    def plant(project):
        path = project.path / "book" / "references.bib"
        before, start, rest = path.read_text("utf-8").partition(f"@misc{{{key},")
        kept, number = re.subn(rf"\n  {field} = .*", "", rest, count=1)
        assert start and number
        path.write_text(before + start + kept, "utf-8")

    return plant


YAML, BIB = "data/datapackage.yaml", "book/references.bib"
A, M, P, C, S = (
    rf"^data/{each}.csv, line \d+" for each in ("accelerators", "models", "precisions", "claims", "assumptions")
)
F = f"^{YAML}, table accelerators, field "

# Mistakes that are planted together and found by one check. A broken table hides what is wrong in its rows.
MISTAKES = {
    "tables": {
        "a word for a number": (
            cell("accelerators", "h100_sxm_80gb", "memory_gigabytes", "eighty"),
            f"{A}, field memory_gigabytes: ",
        ),
        "a number below its bounds": (
            cell("accelerators", "t4_16gb", "board_watts", "-70"),
            f"{A}, field board_watts: .*minimum",
        ),
        "a number above its bounds": (
            cell("accelerators", "l4_24gb", "dense_fp8_teraflops", "1e9"),
            f"{A}, field dense_fp8_teraflops: .*maximum",
        ),
        "a fraction for a count": (cell("models", "llama_3_1_70b", "n_layers", "80.5"), f"{M}, field n_layers: "),
        "a word for yes or no": (
            cell("models", "llama_3_1_70b", "tied_embeddings", "maybe"),
            f"{M}, field tied_embeddings: ",
        ),
        "a day that is none": (
            cell("accelerators", "h100_sxm_80gb", "checked_on", "24.11.2026"),
            f"{A}, field checked_on: ",
        ),
        "a word that is not on the list": (
            cell("models", "llama_3_1_8b", "attention", "GQQ"),
            f"{M}, field attention: ",
        ),
        "a required cell left empty": (
            cell("accelerators", "a30_24gb", "memory_source", ""),
            f"{A}, field memory_source: .*required",
        ),
        "a key that stands twice": (
            cell("models", "mistral_7b_v0_3", "model", "llama_3_70b"),
            f"{M}(, field model)?: the same as",
        ),
        "a key that the other table does not have": (
            cell("checkpoints", "llama_3_1_8b_bf16", "model", "llama_3_1_9b"),
            "^data/checkpoints.csv, line 2: .*llama_3_1_9b",
        ),
        "a cell too many": (
            text("data/precisions.csv", "fp16,FP16,", "fp16,FP16,extra,"),
            "^data/precisions.csv, line 3",
        ),
        "a column that is not described": (
            text("data/assumptions.csv", "date\n", "date,remark\n"),
            "^data/assumptions.csv.*remark",
        ),
        "an unknown quantity": (
            text(YAML, "quantity: memory_bytes_per_second", "quantity: memory_byte_per_second"),
            F + "memory_gigabytes_per_second: .*did you mean memory_bytes_per_second",
        ),
        "a unit that measures something else": (
            text(YAML, "unit: gigabyte/GPU", "unit: gigabyte"),
            F + "memory_gigabytes: 'gigabyte' does not measure memory_bytes",
        ),
        "an unknown unit": (
            text(YAML, "unit: mebibyte/GPU", "unit: mebibite/GPU"),
            F + "reported_mebibytes: .*mebibite/GPU",
        ),
        "a source column that is not there": (
            text(YAML, "source_field: power_source", "source_field: power_sauce"),
            F + "board_watts: .*power_sauce",
        ),
        "a source without an address": (entry("ainslie_2023_gqa", "url"), f"^{BIB}, entry ainslie_2023_gqa: no url$"),
        "a source without its day": (
            entry("aiconfigurator_2026", "urldate"),
            f"^{BIB}, entry aiconfigurator_2026: no urldate$",
        ),
    },
    "rows": {
        "a value without a source": (
            cell("accelerators", "h100_sxm_80gb", "power_source", ""),
            f"{A}, field board_watts: a value without a source in power_source",
        ),
        "a date of launch without a source": (
            cell("accelerators", "a100_pcie_80gb", "launch_source", ""),
            f"{A}, field launch_date: a value without a source in launch_source",
        ),
        "an unknown source": (
            cell("accelerators", "h200_sxm_141gb", "power_source", "aiconfigurater_2026"),
            f"{A}, field power_source: .* has no 'aiconfigurater_2026'; did you mean aiconfigurator_2026",
        ),
        "a low value above the central one": (cell("assumptions", "tokens_per_step", "low", "2"), f"{S}: low"),
        "an assumption about nothing": (
            cell("assumptions", "memory_reserve_share", "assumption", "memory_reserve_sharp"),
            S + ".*'memory_reserve_sharp'; did you mean memory_reserve_share",
        ),
        "an assumption in an unlike unit": (
            cell("assumptions", "amortization_months", "unit", "byte"),
            S + ".*'byte' does not measure amortization_months",
        ),
        "an assumption that the vocabulary does not allow": (
            cell("assumptions", "warm_pool_share", "high", "1.2"),
            S + ".*warm_pool_share = 1.2 is not allowed",
        ),
        "a claim in an unknown unit": (cell("claims", "C007", "unit", "FLOPP/token"), C + ".*FLOPP/token"),
        "an input of the article that is no quantity": (
            cell("claims", "C019", "quantity", "memory_byte_per_second"),
            C + ".*'memory_byte_per_second'; did you mean memory_bytes_per_second",
        ),
        "a claim whose ends are swapped": (cell("claims", "C010", "claimed_low", "0.9"), C + ".*claimed_low"),
    },
    "a head": {
        "a column that is missing": (text("data/claims.csv", "section,", ""), "^data/claims.csv, .*section"),
    },
    "a source twice": {
        "a source that stands twice": (
            text(BIB, "@misc{ainslie_2023_gqa", "@misc{aiconfigurator_2026"),
            f"^{BIB}.*aiconfigurator_2026",
        ),
    },
    "no bibliography": {
        "a bracket that is not closed": (
            text(BIB, "author = {{NVIDIA}},", "author = {{NVIDIA},"),
            rf"^{BIB}.*line \d+",
        ),
    },
    "no description": {
        "a description that is no YAML": (text(YAML, "resources:", "resources: ["), rf"(?s)^{YAML}.*line \d+"),
    },
}


@pytest.fixture(scope="module")
def checked(tmp_path_factory):
    """What one check of a copy with all mistakes of a group finds."""

    @functools.cache
    def found(group):
        project = Project(tmp_path_factory.mktemp("planted") / "project")
        for plant, _ in MISTAKES[group].values():
            plant(project)
        with in_place_of_the_real_ones(project):
            try:
                return data.check()
            except InputError as error:  # where it cannot go on
                return str(error).splitlines()

    return found


@pytest.mark.parametrize(
    ("group", "mistake"), [(group, mistake) for group, some in MISTAKES.items() for mistake in some]
)
def test_a_mistake_is_named_with_its_place(checked, group, mistake):
    message = MISTAKES[group][mistake][1]
    assert [line for line in checked(group) if re.search(message, line)], checked(group)


@pytest.mark.parametrize("group", ["tables", "rows"])
def test_nothing_else_is_called_a_mistake(checked, group):
    messages = [message for _, message in MISTAKES[group].values()]
    assert [line for line in checked(group) if not any(re.search(each, line) for each in messages)] == []


def test_a_broken_row_is_never_computed_with(copy):
    copy.cell("accelerators", "t4_16gb", "memory_gigabytes", "sixteen")
    with pytest.raises(InputError, match=r"data/accelerators.csv, line (\d+), field memory_gigabytes") as caught:
        cases.deployment("llama_3_1_8b", "h100_sxm_80gb")
    line = int(re.search(r"line (\d+)", str(caught.value))[1])
    assert (copy.path / "data" / "accelerators.csv").read_text("utf-8").splitlines()[line - 1].startswith("t4_16gb,")


def test_a_missing_table_is_named(copy):
    (copy.path / "data" / "precisions.csv").unlink()
    with pytest.raises(InputError, match="^data/precisions.csv cannot be read: "):
        data.table("precisions")


def test_a_changed_cell_changes_what_is_computed(copy):
    equations, values = cases.deployment("llama_3_1_70b", "h100_sxm_80gb", n_gpus=4)
    before = equations(values, "ridge_flops_per_byte")
    copy.cell("accelerators", "h100_sxm_80gb", "memory_gigabytes_per_second", "6700")
    data.forget()
    equations, values = cases.deployment("llama_3_1_70b", "h100_sxm_80gb", n_gpus=4)
    assert equations(values, "ridge_flops_per_byte") == before / 2


def test_of_very_many_mistakes_the_first_are_told_and_the_rest_counted():
    problems = [f"line {number}" for number in range(data.MOST_TOLD + 3)]
    assert data.told(problems[:2]) == "line 0\nline 1"
    assert data.told(problems).splitlines() == [*problems[: data.MOST_TOLD], "and 3 more"]
    assert data.told(problems[: data.MOST_TOLD]).splitlines() == problems[: data.MOST_TOLD]


def test_tables_can_be_taken_from_another_folder_and_back(project):
    project.cell("accelerators", "h100_sxm_80gb", "memory_gigabytes_per_second", "6700")
    own = data.fact("accelerators", "h100_sxm_80gb", "memory_gigabytes_per_second")
    folder = data.FOLDER
    try:
        data.use(project.path / "data")
        assert data.fact("accelerators", "h100_sxm_80gb", "memory_gigabytes_per_second") == pytest.approx(6.7e12)
        assert data.package()["accelerators"].path == project.path / "data" / "accelerators.csv"
    finally:
        data.use(folder)
    assert data.fact("accelerators", "h100_sxm_80gb", "memory_gigabytes_per_second") == own != 6.7e12


@pytest.fixture
def put(tmp_path):
    """Put a cell into the first row of a table of assumptions elsewhere, which is then in use."""
    kept = data.FOLDER
    shutil.copytree(kept, tmp_path / "data")
    data.use(tmp_path / "data")

    def write(field, text):
        path = data.package()["assumptions"].path
        head, *rows = csv.reader(io.StringIO(path.read_text("utf-8")))
        rows[0][head.index(field)] = text
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([head, *rows])

    yield write
    data.use(kept)


@pytest.mark.parametrize("text", ["NA", "null", "None", "nan"])
def test_a_word_that_others_take_for_an_empty_cell_is_text(put, text):
    put("reason", text)
    assert data.table("assumptions")["reason"].iloc[0] == text


def test_a_cell_with_two_mistakes_is_told_once(put):
    put("central", "1,5 ")
    assert len([each for each in data.invalid("assumptions") if "line 2, field central" in each]) == 1


def test_the_form_of_a_table_is_said_and_not_guessed():
    described = data._described(data.PACKAGE)
    forms = {each.dialect.get_control("csv").to_descriptor().get("delimiter", ",") for each in described.resources}
    assert forms == {","} and all(each.dialect.has_control("csv") for each in described.resources)
