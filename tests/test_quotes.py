"""Quotes of the reader's own: what is read, what is refused and why, and what they change."""

import html
import inspect

import nbformat
import pytest

from costlib import article, cli, data, economics, fingerprints, market, prices, quotes, statements, units
from costlib.errors import InputError

HEAD = "provider,item,kind,price,unit,gpus_per_node,date,note\n"
H100 = "acme,h100_sxm_80gb,on_demand,2.2,USD per GPU-hour,,2026-11-01,\n"
GPT = "openai,gpt_4_1,input,1.6,USD per million tokens,,2026-11-01,\n"


@pytest.fixture
def own(tmp_path, monkeypatch):
    """Puts quotes in force: a function of the rows of their file."""

    def use(*rows):
        path = tmp_path / f"quotes{len(list(tmp_path.iterdir()))}.csv"
        path.write_text(HEAD + "".join(rows))
        monkeypatch.setenv(fingerprints.QUOTES, str(path))
        return path

    return use


def per_hour(fact):
    return fact / units.base_factor("USD/hour/GPU")


# --- reading ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("price", "unit", "node", "means"),
    [
        ("2.5", "USD per GPU-hour", "", 2.5),
        ("0.001", "USD per GPU-second", "", 3.6),
        ("1460", "USD per GPU-month", "", 2.0),
        ("24", "USD per node-hour", "8", 3.0),
        ("24", "USD per node-hour", "4", 6.0),
    ],
)
def test_rents_in_their_units(tmp_path, price, unit, node, means):
    path = tmp_path / "mine.csv"
    path.write_text(HEAD + f"acme,h100_sxm_80gb,spot,{price},{unit},{node},2026-11-01,\n")
    [quote] = quotes.read(path)
    assert quote.value == pytest.approx(means)


@pytest.mark.parametrize(
    ("price", "unit"),
    [("2", "USD per million tokens"), ("0.002", "USD per thousand tokens"), ("2e-6", "USD per token")],
)
def test_rates_in_their_units(tmp_path, price, unit):
    path = tmp_path / "mine.csv"
    path.write_text(HEAD + f"openai,gpt_4_1,input,{price},{unit},,2026-11-01,\n")
    assert [quote.value for quote in quotes.read(path)] == pytest.approx([2])


ON_DEMAND = "acme,h100_sxm_80gb,on_demand"
DAY = "2026-11-01"
HOUR = "USD per GPU-hour"
MILLION = "USD per million tokens"
WRONG = {
    f"{ON_DEMAND},2.2,USD/h,,{DAY},": "unit: 'USD/h' must be one of USD per GPU-hour; USD per GPU-second",
    f"{ON_DEMAND},2.2,,,{DAY},": "unit: '' must be one of",
    f"{ON_DEMAND},2.2,EUR per GPU-hour,,{DAY},": "unit: 'EUR per GPU-hour' must be one of",
    f"{ON_DEMAND},2.2,USD per token,,{DAY},": "unit: 'USD per token' must be one of USD per GPU-hour",
    f"{ON_DEMAND},17,USD per node-hour,,{DAY},": "gpus_per_node: '' must be a whole number from 1 to 1000",
    f"{ON_DEMAND},17,USD per node-hour,0,{DAY},": "gpus_per_node: '0' must be a whole number from 1 to 1000",
    f"{ON_DEMAND},2,{HOUR},8,{DAY},": "gpus_per_node: '8' must be empty",
    f"{ON_DEMAND},$2,{HOUR},,{DAY},": "price: '$2' must be a number above 0",
    f"{ON_DEMAND},-2,{HOUR},,{DAY},": "price: '-2' must be a number above 0",
    f"{ON_DEMAND},0,{HOUR},,{DAY},": "price: '0' must be a number above 0",
    f"{ON_DEMAND},nan,{HOUR},,{DAY},": "price: 'nan' must be a number above 0",
    f"{ON_DEMAND},3000,{HOUR},,{DAY},": "price: it makes 3000 USD/hour/GPU, allowed is 0.01 to 200",
    f"openai,gpt_4_1,input,2,USD per token,,{DAY},": "price: it makes 2e+06 USD/megatoken, allowed is 0 to 2000",
    f"acme,h100,on_demand,2,{HOUR},,{DAY},": "item: data/accelerators.csv has no 'h100'; did you mean h100",
    f"openai,gpt41,input,2,{MILLION},,{DAY},": "item: data/api_models.csv has no 'gpt41'; did you mean gpt_4_1",
    f"openai,gpt_4_1,in,2,{MILLION},,{DAY},": "kind: 'in' must be one of input, output",
    f"openai,gpt_4_1,cache_write,2,{MILLION},,{DAY},": "kind: 'cache_write' must be one of input, output",
    f"Open AI,gpt_4_1,input,2,{MILLION},,{DAY},": "provider: 'Open AI' must consist of [a-z0-9_]+",
    f",h100_sxm_80gb,on_demand,2,{HOUR},,{DAY},": "provider: it is empty",
    f"{ON_DEMAND},2,{HOUR},,01.11.2026,": "date: '01.11.2026' must be a day such as 2026-11-01",
    f"{ON_DEMAND},2,{HOUR}": ": 5 cells where 8 are named",
    f"acme,gpt_4_1,input,2,{MILLION},,{DAY},": ": acme has no price of output for gpt_4_1; quote it as well",
}


@pytest.mark.parametrize("row", WRONG)
def test_a_mistake_names_line_and_field_and_what_is_allowed(tmp_path, row):
    path = tmp_path / "mine.csv"
    path.write_text(f"# a comment\n{HEAD}{row}\n")
    with pytest.raises(InputError) as error:
        quotes.read(path)
    assert str(error.value).startswith("mine.csv, line 3") and WRONG[row] in str(error.value)


def test_all_mistakes_are_listed_at_once(tmp_path):
    path = tmp_path / "mine.csv"
    rows = (
        "x,h100,on_demnd,-1,USD,,soon,",
        H100.strip(),
        H100.strip(),
        "openai,gpt_4_1,input,x,USD per token,3,2026-11-01,",
    )
    path.write_text(HEAD + "\n".join(rows) + "\n")
    with pytest.raises(InputError) as error:
        quotes.read(path)
    places = [line.split(":")[0] for line in str(error.value).splitlines()]
    assert places == [
        "mine.csv, line 2, field kind", "mine.csv, line 2, field unit", "mine.csv, line 2, field date",
        "mine.csv, line 2, field price", "mine.csv, line 5, field gpus_per_node", "mine.csv, line 5, field price",
        "mine.csv, line 4",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "has no quotes: costlib prices template"),
        (HEAD, "has no quotes"),
        ("provider,item,kind,price,date\nx,x,x,x,x\n", "there is no column 'unit'"),
        (HEAD.replace("item", "gpu") + H100, "column 'gpu' is not known"),
        (HEAD.strip() + ",unit\n" + H100, "names 'unit' twice"),
        (HEAD.replace(",", ";") + H100, "is not known"),
    ],
)
def test_a_file_that_is_no_list_of_quotes(tmp_path, text, said):
    path = tmp_path / "mine.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=said):
        quotes.read(path)


def test_a_file_that_is_not_there_or_no_text(tmp_path):
    (tmp_path / "mine.csv").write_bytes(b"\xff\xfe\x00")
    for name in ("mine.csv", "none.csv"):
        with pytest.raises(InputError, match=f"{name} cannot be read"):
            quotes.read(tmp_path / name)


def test_the_template_explains_itself_and_its_examples_are_right(tmp_path):
    path = tmp_path / "mine.csv"
    examples = [line[2:] for line in quotes.template().splitlines() if line.startswith("# ") and line.count(",") == 7]
    path.write_text(quotes.template() + "\n".join(examples))
    assert [quote.value for quote in quotes.read(path)] == pytest.approx([2.2, 1.6])


def test_the_newest_of_several_days_counts(own):
    own(H100, H100.replace("2.2,", "2.0,").replace("2026-11-01", "2026-11-20"))
    assert [(quote.value, quote.date) for quote in quotes.given()] == [(2.0, "2026-11-20")]


# --- what they change -------------------------------------------------------------------------------------------------


def test_a_quoted_rent_goes_before_the_market(own):
    public = prices.rental("h100_sxm_80gb")
    own(H100)
    quoted = prices.rental("h100_sxm_80gb")
    assert per_hour(quoted) == pytest.approx(2.2) != per_hour(public)
    assert (quoted.kind, quoted.key) == ("quoted", "acme|h100_sxm_80gb|on_demand")
    assert {per_hour(each) for each in prices.rental_range("h100_sxm_80gb")} == {per_hour(quoted)}
    assert prices.rental("h100_sxm_80gb", public=True) == public
    assert prices.rental("h100_sxm_80gb", "spot").kind != "quoted" and prices.rental("l4_24gb").kind != "quoted"


def test_a_quoted_rate_goes_before_the_list_and_the_rest_stays(own):
    before = market.requests(input_tokens=1000, output_tokens=100)
    own(GPT)
    offered = prices.offer("gpt_4_1")
    assert (offered["input"], offered["output"], offered["quoted"]) == (1.6, 8, True)
    assert prices.api("gpt_4_1", "input").kind == "quoted" and prices.api("gpt_4_1", "output").kind == "list"
    after = market.requests(input_tokens=1000, output_tokens=100)
    changed = after["request_usd"] != before["request_usd"]
    assert set(after.loc[changed, "api_model"]) == {"gpt_4_1"} and changed.sum() == 1
    assert prices.offer("gpt_4_1", public=True)["input"] == 2


def test_a_quote_of_another_host_stands_for_the_model(own):
    rows = [f"acme,llama_3_3_70b,{kind},0.5,USD per million tokens,,2026-11-01,\n" for kind in ("input", "output")]
    own(*rows)
    assert prices.offer("llama_3_3_70b")["provider"] == "acme"
    assert prices.offer("llama_3_3_70b", public=True)["provider"] != "acme"
    assert prices.offer("llama_3_3_70b", "together")["provider"] == "together"


def test_the_cost_of_hosting_follows_a_quote_in_proportion(own):
    case = {"n_gpus": 4, "batch": 32, "input_tokens": 2000, "output_tokens": 500, "precision": "fp8"}
    equations, values = economics.hosted("llama_3_3_70b", "h100_sxm_80gb", **case)
    before = equations(values, "rent_usd_per_token") / values["usd_per_gpu_second"]
    own(H100)
    equations, values = economics.hosted("llama_3_3_70b", "h100_sxm_80gb", **case)
    assert equations(values, "rent_usd_per_token") == pytest.approx(before * 2.2 * units.base_factor("USD/hour/GPU"))


def test_public_tables_claims_and_the_market_s_view_know_nothing_of_quotes(own):
    chapters = (article.api_pricing, article.egress, article.self_hosting, article.scale_tiers, article.horizons)
    figures, claims = prices.rental_markets("h100_sxm_80gb"), [chapter() for chapter in chapters]
    own(H100, H100.replace("on_demand", "reserved_1yr"), GPT)
    assert prices.rental_markets("h100_sxm_80gb") == figures
    assert [chapter() for chapter in chapters] == claims
    assert "acme" not in set(data.table("gpu_rental_prices")["provider"])
    assert "acme" not in set(market.traffic_hosts("h100_sxm_80gb")["provider"])


@pytest.mark.parametrize(
    ("row", "public"),
    [
        (GPT, 2.0),
        (GPT.replace("openai", "acme"), 2.0),
        (GPT.replace("gpt_4_1,input", "grok_4_7,batch_input").replace("openai", "xai"), None),
        (H100.replace("acme", "AWS"), 6.88),
        (H100.replace("on_demand", "reserved_3yr").replace("h100_sxm_80gb", "b200_sxm_180gb"), None),
    ],
)
def test_the_public_price_beside_a_quote(own, row, public):
    more = [row.replace("input", "output")] if "gpt_4_1" in row else []
    assert prices.beside(quotes.read(own(row, *more))[0]) == public


# --- the commands -----------------------------------------------------------------------------------------------------


def test_import_checks_shows_and_keeps_a_copy_apart(project):
    mine = project.path.parent / "mine.csv"
    mine.write_text(HEAD + H100 + "openai,gpt_4_1,input,0.002,USD per million tokens,,2026-11-01,\n")
    before = (project.path / "data" / "gpu_rental_prices.csv").read_bytes()
    done = project.costlib("prices", "import", mine)
    assert done.returncode == 0, done.stderr
    first, second, last = done.stdout.splitlines()
    assert "h100_sxm_80gb on demand from acme at 2.2 USD per GPU-hour (2026-11-01); public: " in first
    assert second.endswith("public: 2 LOOK AT THE UNIT") and "LOOK" not in first
    assert last.endswith("make book PRICES=prices/mine.csv")
    assert (project.path / "prices" / "mine.csv").read_text() == mine.read_text()
    assert "/prices/" in (project.path / ".gitignore").read_text().splitlines()
    assert (project.path / "data" / "gpu_rental_prices.csv").read_bytes() == before


def test_a_wrong_file_keeps_nothing_and_stops_a_build_before_it_begins(project):
    mine = project.path.parent / "mine.csv"
    mine.write_text(HEAD + H100.replace("2.2", "two"))
    for line in (("prices", "import", mine), ("build", "--prices", mine), ("run", "roofline", "--prices", mine)):
        done = project.costlib(*line)
        assert done.returncode == 1 and "mine.csv, line 2, field price" in done.stderr
        assert "to execute" not in done.stderr
    assert not (project.path / "prices").exists()


def test_template_prints_what_import_reads(capsys):
    assert cli.main(["prices", "template"]) == 0
    assert capsys.readouterr().out == quotes.template()


def texts(path):
    outputs = (output for cell in nbformat.read(path, 4).cells for output in cell.get("outputs", ()))
    return [output.data["text/markdown"] for output in outputs if "text/markdown" in output.get("data", {})]


def test_a_page_with_quotes_has_other_numbers_and_says_so(project):
    mine = project.path.parent / "mine.csv"
    mine.write_text(HEAD + H100 + GPT)
    said = {}
    for name, more in {"public": (), "own": ("--prices", mine)}.items():
        output = project.path / f"{name}.ipynb"
        done = project.costlib("run", "self_hosting", *more, "-o", output)
        assert done.returncode == 0, done.stderr
        said[name] = texts(output)
    assert not any("of your own" in text or "your own quote" in text for text in said["public"])
    assert said["own"][1].startswith(":::{admonition} Prices of your own")
    assert (
        "2 prices of `mine.csv` go before the public ones: h100_sxm_80gb on demand from acme at 2.2"
        in html.unescape(said["own"][1])
    )
    assert "*Your own*: One price of `mine.csv`" in said["own"][-1]  # this page uses the rent only
    assert len(set(said["own"]) - set(said["public"])) > 2


@pytest.mark.parametrize("name", ["api_pricing", "drivers", "decision"])
def test_chapters_that_look_at_every_price_take_quotes_too(project, name):
    mine = project.path.parent / "mine.csv"
    mine.write_text(HEAD + H100 + GPT)
    done = project.costlib("run", name, "--prices", mine, "-o", project.path / "own.ipynb")
    assert done.returncode == 0, done.stderr
    assert texts(project.path / "own.ipynb")[1].startswith(":::{admonition} Prices of your own")


def test_quotes_set_aside_leave_public_prices_and_come_back(own):
    def seen():
        return float(prices.rental("h100_sxm_80gb")), float(prices.api("gpt_4_1", "input"))

    public = seen()
    own(H100, GPT)
    mine = seen()
    with quotes.set_aside():
        assert seen() == public and quotes.given() == []
        with quotes.set_aside():
            assert seen() == public
        assert seen() == public
    assert seen() == mine and mine[0] != public[0] and mine[1] != public[1]


@pytest.mark.parametrize("module", [article, statements], ids=lambda module: module.__name__)
def test_what_is_said_of_the_article_never_rests_on_quotes(module):
    chapters = {path.stem for path in (data.ROOT / "notebooks").glob("*.ipynb")}
    answers = [value for name, value in vars(module).items() if name in chapters and inspect.isfunction(value)]
    assert len(answers) > 10
    assert [each.__name__ for each in answers if not hasattr(each, "__wrapped__")] == []
