"""How old prices are, without a clock, and which of them speak for a market."""

import numpy as np
import pandas as pd
import pytest

from costlib import book, data, freshness, prices
from costlib.data import Fact
from costlib.errors import InputError


def priced(date, table="gpu_rental_prices"):
    where = dict.fromkeys(("key", "field", "quantity", "source", "locator"), "")
    return Fact(1.0, table=table, date=date, kind="list", **where)


def before(day, days):
    return str((pd.Timestamp(day) - pd.Timedelta(days=days)).date())


def test_age_counts_from_the_newest_day_of_all_price_tables():
    newest = max(data.table(name)["date"].max() for name in freshness.TABLES)
    assert freshness.day() == newest and freshness.day("2025-06-01") == "2025-06-01"
    assert not freshness.stale(priced(before(newest, freshness.STALE_DAYS)))
    assert freshness.stale(priced(before(newest, freshness.STALE_DAYS + 1)))
    assert not freshness.stale(priced("2025-06-01"), "2025-06-30")
    assert not freshness.stale(priced("2020-01-01", "assumptions"))


@pytest.mark.parametrize("wrong", ["soon", "2026-13-01", ""])
def test_what_is_no_day(wrong):
    with pytest.raises(InputError, match="is not a day, such as 20"):
        freshness.day(wrong)


def test_inputs_and_footer_mark_what_is_old(monkeypatch):
    newest = freshness.day()
    assert book._origin(priced(newest))[2] == newest.replace("-", "\u2011")
    assert book._origin(priced("2025-01-01"))[2].endswith(" (old)")
    old, new = (Fact(1.0, **{**priced(date).__dict__, "key": date}) for date in ("2025-01-01", newest))
    [said] = book._ages([old, new], None)
    assert f"*Prices* of 2025-01-01 to {newest}, where the newest known is of {newest}" in said
    assert said.endswith("old, more than 120 days before: `2025-01-01`.")
    assert book._ages([new], None)[0].endswith("none is old.")
    assert book._ages([], None) == []


PAIRS = data.table("gpu_rental_prices").query("provider_class != 'index'").groupby(["gpu", "contract"]).groups


@pytest.mark.parametrize(("gpu", "contract"), sorted(PAIRS))
def test_recent_quotes_speak_for_a_market_unless_they_are_few(gpu, contract):
    frame = data.table("gpu_rental_prices")
    of = frame[(frame["gpu"] == gpu) & (frame["contract"] == contract) & (frame["provider_class"] != "index")]
    newest = of.sort_values("date", kind="stable").groupby("provider").tail(1)
    ages = freshness.age(newest["date"])
    rows = prices.rental_rows(gpu, contract)
    assert rows["usd_per_gpu_hour"].is_monotonic_increasing and rows["provider"].is_unique
    if (ages <= 120).sum() >= prices.FEWEST:
        assert set(rows.index) == set(newest.index[ages <= 120])
    else:
        assert set(rows.index) == set(newest.index[ages <= ages.min() + 365])


def test_the_market_of_the_h100_is_that_of_the_last_months():
    rows = prices.rental_rows("h100_sxm_80gb")
    assert len(rows) >= 20 and freshness.age(rows["date"]).max() <= 120
    # The same providers asked less before: taking in older quotes would understate the rent.
    frame = data.table("gpu_rental_prices")
    older = frame[(frame["gpu"] == "h100_sxm_80gb") & (frame["contract"] == "on_demand")]
    older = older[freshness.age(older["date"]).between(121, 420) & older["provider"].isin(rows["provider"])]
    pairs = older.sort_values("date").groupby("provider").tail(1).set_index("provider")["usd_per_gpu_hour"]
    now = rows.set_index("provider")["usd_per_gpu_hour"][pairs.index]
    assert len(pairs) >= 15 and np.median(now) > 1.1 * np.median(pairs)


def test_rents_as_known_on_a_day():
    rows = prices.rental_rows("h100_sxm_80gb", on="2025-06-30")
    assert rows["date"].max() <= "2025-06-30"
    with pytest.raises(InputError, match="no on_demand price of 'b200_sxm_180gb'"):
        prices.rental_rows("b200_sxm_180gb", on="2022-01-01")


def test_a_provider_spelled_in_two_ways_is_a_mistake(project):
    path = project.path / "data" / "gpu_rental_prices.csv"
    row = next(line for line in path.read_text().splitlines() if line.startswith("2026-11-09,AWS,"))
    with path.open("a") as file:
        file.write(row.replace("2026-11-09,AWS,", "2026-11-08,A.W.S.,") + "\n")
    done = project.costlib("check")
    assert done.returncode == 1 and "field provider: 'A.W.S.' is spelled 'AWS' above" in done.stderr


def test_a_price_of_a_day_to_come_is_a_mistake(project):
    path = project.path / "data" / "egress_prices.csv"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:1], lines[1].replace("2026", "2962", 1), *lines[2:]]) + "\n")
    done = project.costlib("check")
    assert done.returncode == 1
    assert (
        f"data/egress_prices.csv, line 2, field date: {lines[1][:10].replace('2026', '2962')} is still" in done.stderr
    )
    assert freshness.to_come(freshness.day()) == []
