"""What other prices change in the book: words that must be true of constructed vintages."""

import copy
import math
import shutil

import pytest

from costlib import data, freshness, prices, tiers, vintages
from costlib.errors import InputError


@pytest.fixture(scope="module")
def now():
    return vintages.answers()


def changed(answers, name, **fields):
    made = copy.deepcopy(answers)
    made["cases"][name].update(fields)
    return made


def test_the_same_prices_change_nothing(now):
    assert vintages.says(now, copy.deepcopy(now), []).endswith(": nothing changed.")


def test_the_answers_are_those_of_the_chapters(now):
    default = now["cases"]["default"]
    assert default["rent"] == pytest.approx(prices.rental("h100_sxm_80gb") * 3600)
    equations, values = tiers.case(
        model="llama_3_3_70b", gpu="h100_sxm_80gb", n_gpus=4, precision="fp8", kv_precision="fp8", input_tokens=2000,
        output_tokens=500, batch=64, api_model="gpt_4_1", demand_tokens_per_second=1e9 / tiers.MONTH,
    )  # fmt: skip
    assert default["hosting"] == pytest.approx(equations(values, "self_usd_per_token") * 1e6)
    assert set(now["cases"]) == {"default", "startup", "midsize_product", "regulated_enterprise", "batch_pipeline"}
    assert not [name for name, case in now["cases"].items() if "unknown" in case]


def test_a_price_that_moved_came_or_went(now):
    before, after = copy.deepcopy(now), copy.deepcopy(now)
    name = "GPT-4.1 from OpenAI, input"
    before["offers"][name], after["offers"][name] = 4.0, 1.0
    before["offers"]["A"], after["offers"]["B"] = 1.0, 2.0
    lines = vintages.says(before, after, []).splitlines()
    assert f"  {name}: 4 to 1 (-75%)" in lines
    assert "  B: new, 2" in lines and "  A: no longer counted, was 1" in lines


def test_a_break_even_that_moved_and_one_that_is_gone(now):
    before = changed(now, "default", break_even=5e9 / tiers.MONTH)
    after = changed(now, "default", break_even=10e9 / tiers.MONTH)
    said = vintages.says(before, after, [])
    assert "hosting wins from 5 billion tokens a month on before, hosting wins from 10 billion tokens" in said
    assert "(+100%)" in said and "FLIPPED" not in said and "startup" not in said
    gone = vintages.says(before, changed(now, "default", break_even=math.inf), [])
    assert "hosting wins from 5 billion tokens a month on before, hosting never wins now" in gone and "%" not in gone


def test_a_winner_and_a_cheapest_seller_that_flipped(now):
    other = {"winner": "hosting", "cheapest_like": "Acme"}
    said = vintages.says(now, changed(now, "startup", **other), [])
    assert "FLIPPED, cheaper at this volume: hosting instead of GPT-4o mini" in said
    assert "cheapest seller of the hosted model: Acme instead of" in said
    spans = dict.fromkeys(now["cases"]["default"]["horizons"], "owned GPUs")
    assert "FLIPPED, cheapest over one year: owned GPUs instead of the API" in vintages.says(
        now, changed(now, "default", horizons=spans), []
    )


def test_a_case_that_was_not_known(now):
    before = copy.deepcopy(now)
    before["cases"]["startup"] = {"unknown": "nobody sold it"}
    assert "startup: answered only now; nobody sold it" in vintages.says(before, now, [])
    assert "startup: answered no longer; nobody sold it" in vintages.says(now, before, [])


def test_a_day_has_the_rows_up_to_it(tmp_path):
    folder = vintages.lay_out("2025-06-30", tmp_path / "then")
    for name in freshness.TABLES:
        lines = (folder / f"{name}.csv").read_text().splitlines()
        assert len(lines) - 1 == (data.table(name)["date"] <= "2025-06-30").sum()
        assert max((line[:10] for line in lines[1:]), default="") <= "2025-06-30"


@pytest.mark.parametrize(
    ("name", "said"),
    [("soon", "'soon' is not a day"), (".", "has none of the price tables"), ("models.csv", "is no price table")],
)
def test_what_is_no_vintage(tmp_path, monkeypatch, name, said):
    shutil.copy(data.FOLDER / "models.csv", tmp_path)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models.csv").rename(tmp_path / "models_.csv") if name == "." else None
    with pytest.raises(InputError, match=said):
        vintages.lay_out(name, tmp_path / "out")


def test_the_command_tells_what_a_dearer_rent_and_a_rewritten_row_change(project):
    table = project.path / "data" / "gpu_rental_prices.csv"
    shutil.copy(table, project.path / "old.csv")
    head, *rows = table.read_text().splitlines()
    place = head.split(",").index("usd_per_gpu_hour")
    newest = max(row for row in rows if ",h100_sxm_80gb,on_demand," in row and row.startswith("2026-1"))
    dearer = [f"2026-11-15,{name},neocloud,h100_sxm_80gb,on_demand,,,9.5,{row_source(newest)},,"
              for name in ("A1", "A2", "A3", "A4", "A5", "A6", "A7", "A8", "A9")]  # fmt: skip
    lost = next(row for row in rows if row.startswith("2025-03"))
    assert lost.split(",")[place]
    table.write_text("\n".join([head, *(row for row in rows if row != lost), *dearer]) + "\n")
    done = project.costlib("prices", "diff", "old.csv", table)
    assert done.returncode == 0, done.stderr
    assert "H100 SXM 80 GB, on demand: 3.99 to " in done.stdout
    assert "break-even moved: hosting wins from" in done.stdout
    assert f"data/gpu_rental_prices.csv: {lost}" in done.stdout
    assert "startup" not in done.stdout  # it rents another GPU
    same = project.costlib("prices", "diff", table, table)
    assert same.stdout.strip().endswith("nothing changed.")


def row_source(row):
    """The source of a row: the first field that the bibliography knows."""
    return next(cell for cell in row.split(",") if cell in data.bibliography())
