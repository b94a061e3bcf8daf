"""Moving weights: by hand, with free parts, and in the sentences of the chapter."""

import nbformat
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from costlib import article, data, economics, market, prices
from costlib.equations import Model
from costlib.errors import InputError
from costlib.models import egress
from costlib.units import base_factor, to_base

MONTH = base_factor("1/month")
MOVING = Model(*egress.EQUATIONS)

# --- by hand ----------------------------------------------------------------------------------------------------------


def test_a_copy_of_140_gigabytes_at_the_article_s_price():
    values = {"weight_bytes": 140e9, "egress_usd_per_gigabyte": to_base(0.02, "USD/GB")}
    assert MOVING(values, "copy_usd") == pytest.approx(2.80)  # not 2,800
    assert article.claimed("C121") / MOVING(values, "copy_usd") == pytest.approx(1000)


def test_what_the_article_says_beside_the_tables():
    ours = article.egress()
    assert ours["C119"] == pytest.approx(0.09) and ours["C119"] / 0.02 == pytest.approx(4.5)
    assert ours["C120"] == pytest.approx(141.1, abs=0.1)
    assert ours["C121"] == pytest.approx(141.1 * 0.02, abs=0.01)
    assert set(ours) <= set(data.table("claims").index)
    # The article's 0.02 is what AWS asks between its regions.
    assert prices.egress("AWS", "inter_region")["egress_usd_per_gigabyte"] == pytest.approx(to_base(0.02, "USD/GB"))


def test_the_free_part_is_free():
    free, price = to_base(100, "GB/month"), to_base(0.09, "USD/GB")
    values = {"weight_bytes": 50e9, "free_gigabytes_per_month": free, "egress_usd_per_gigabyte": price}
    bills = [
        MOVING({**values, "copies_per_month": n * MONTH}, "egress_usd_per_second") / MONTH for n in (0, 1, 2, 3, 5)
    ]
    assert bills == pytest.approx([0, 0, 0, 50 * 0.09, 150 * 0.09])


def test_hours_and_rent_of_a_copy():
    hourly = to_base(6.0, "USD/hour/GPU")
    values = {
        "weight_bytes": 72e9, "transfer_bytes_per_second": 0.625e9, "n_gpus": 4, "usd_per_gpu_second": hourly,
    }  # fmt: skip
    assert MOVING(values, "copy_seconds") == pytest.approx(115.2)
    assert MOVING(values, "waiting_usd") == pytest.approx(115.2 * 4 * 6 / 3600)


# --- properties -------------------------------------------------------------------------------------------------------

positive = st.floats(1e-3, 1e3)


@given(size=positive, copies=positive, more=positive, free=positive, price=positive)
def test_the_bill_rises_with_copies_bytes_and_price_and_falls_with_the_free_part(size, copies, more, free, price):
    values = {
        "weight_bytes": size, "copies_per_month": copies, "free_gigabytes_per_month": free,
        "egress_usd_per_gigabyte": price,
    }  # fmt: skip
    bill = MOVING(values, "egress_usd_per_second")
    for name in ("weight_bytes", "copies_per_month", "egress_usd_per_gigabyte"):
        assert MOVING({**values, name: values[name] + more}, "egress_usd_per_second") >= bill
    assert MOVING({**values, "free_gigabytes_per_month": free + more}, "egress_usd_per_second") <= bill
    assert 0 <= bill <= copies * MOVING(values, "copy_usd") * (1 + 1e-12)


@given(size=positive, free=positive, price=positive, gap=positive, fleet=positive, share=st.floats(0.001, 1))
def test_thresholds_are_where_the_bill_says(size, free, price, gap, fleet, share):
    values = {
        "weight_bytes": size, "free_gigabytes_per_month": free, "egress_usd_per_gigabyte": price,
        "replicas": 2.0, "n_gpus": 4.0, "price_gap_usd_per_gpu_second": gap, "fleet_usd_per_second": fleet,
        "noticeable_share": share,
    }  # fmt: skip
    worth = MOVING(values, "worthwhile_copies_per_month")
    lost = 1e-12 * free * price  # digits lost where the free part is far larger than what is paid for
    paid = MOVING({**values, "copies_per_month": worth}, "egress_usd_per_second")
    assert paid == pytest.approx(gap * 8, rel=1e-9, abs=lost)
    seen = MOVING(values, "noticeable_copies_per_month")
    reached = MOVING({**values, "copies_per_month": seen}, "egress_bill_share")
    assert reached == pytest.approx(share, rel=1e-9, abs=lost / fleet)


# --- prices -----------------------------------------------------------------------------------------------------------


def test_the_newest_row_of_a_route_counts():
    rows = prices.egress_rows()
    assert not rows.duplicated(["provider", "route"]).any()
    table = data.table("egress_prices")
    for _, row in rows.iterrows():
        same = table[(table["provider"] == row["provider"]) & (table["route"] == row["route"])]
        assert row["date"] == same["date"].max()


def test_disputed_providers_are_those_with_two_answers():
    rows = data.table("egress_prices")
    internet = rows[rows["route"] == "internet"].groupby("provider")["usd_per_gigabyte"].agg(set)
    assert market.disputed() == sorted(name for name, said in internet.items() if 0 in said and len(said) > 1)


@pytest.mark.parametrize(
    ("arguments", "said"), [(("AWZ",), "did you mean AWS"), (("AWS", "inter_regoin"), "did you mean inter_region")]
)
def test_misspelled_names_are_answered(arguments, said):
    with pytest.raises(InputError, match=said):
        prices.egress(*arguments)


def test_the_article_s_price_is_for_the_internet_only():
    def price(**given):
        equations, values = economics.moved("llama_3_1_70b", provider="AWS", **given)
        return equations(values, "copy_usd") / equations(values, "weight_bytes") * 1e9

    assert price() == pytest.approx(0.09)
    assert price(vintage="article") == pytest.approx(0.02)
    assert price(vintage="article", route="cross_zone") == pytest.approx(price(route="cross_zone"))


def test_hosts_have_a_rent_and_a_price_of_traffic():
    hosts = market.traffic_hosts("h100_sxm_80gb")
    assert hosts["usd_per_gpu_second"].is_monotonic_increasing and len(hosts) > 5
    assert prices.rental_at("h100_sxm_80gb", "Lambda").key.split("|")[1] == "Lambda"
    assert prices.rental_at("h100_sxm_80gb", "nobody") == prices.rental("h100_sxm_80gb")


# --- the chapter ------------------------------------------------------------------------------------------------------


def run(project, *given):
    output = project.path / "out.ipynb"
    done = project.costlib("run", "egress", *given, "-o", output)
    assert done.returncode == 0, done.stderr
    outputs = (o for c in nbformat.read(output, 4).cells for o in c.get("outputs", ()))
    return "\n".join(o.data["text/markdown"] for o in outputs if "text/markdown" in o.get("data", {}))


def test_free_traffic_never_matters(project):
    said = run(project, "-pcloud=RunPod", "-pcopies_per_month=1")
    assert "costs **0 USD**" in said and "It never will be: this traffic is free." in said and "1 copy a month" in said


def test_a_changed_price_changes_the_sentences(project):
    before = run(project)
    assert "it matters" in before and "There is no premium to justify" in before
    rows = (project.path / "data" / "gpu_rental_prices.csv").read_text().splitlines()
    row = max(line for line in rows if ",Lambda,neocloud,h100_sxm_80gb,on_demand," in line)
    price = prices.rental_at("h100_sxm_80gb", "Lambda") / base_factor("USD/hour/GPU")
    dearer = row.split(",")
    place = next(
        n for n, cell in enumerate(dearer) if cell.replace(".", "").isdigit() and np.isclose(float(cell), price)
    )
    project.replace("data/gpu_rental_prices.csv", row, ",".join([*dearer[:place], "7.00", *dearer[place + 1 :]]))
    project.replace("data/egress_prices.csv", "2026-06-01,AWS,internet,0.09,", "2026-06-01,AWS,internet,0.001,")
    after = run(project)
    assert "it is not worth a thought" in after and "so with 730 copies it does not" in after
