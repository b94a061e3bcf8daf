"""The calculator's page: a form, places for results, a table for readers without scripts, and what scripts take."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

from costlib import calculator, calculator_facts, cases, freshness, render, units
from costlib.calculator import INPUTS, RESULTS, Input
from costlib.quantities import Quantity, quantity

Facts = dict[str, Any]
STATIC = "../../_static"
CHAPTERS = {  # where each group of results is explained: the page, and what it is about
    "Cost of a million tokens": ("self_hosting", "what a self-hosted token costs"),
    "Cost of a month": ("scale_tiers", "the bill at every volume"),
    "Break-even": ("scale_tiers", "the break-even"),
    "Speed and latency": ("serving", "the serving model"),
    "The fleet": ("self_hosting", "utilization and spares"),
}
PER = {"Cost of a million tokens": " per million tokens", "Cost of a month": " per month"}  # what titles say already
METRICS = {  # results that the model predicts: the kind of metric that its error is measured on
    "replica_tokens_per_second": "throughput", "replica_output_tokens_per_second": "throughput",
    "time_to_first_token": "ttft", "output_token_seconds": "tpot",
}  # fmt: skip
NAMES = {"current": "Current prices", "article": "The article's inputs"}  # of presets; scenarios go by their file's
QUOTED = "a number above 0"
COUNTED = ("", "token", "GPU")  # units that labels say already
OPEN = ("What you would run", "Your requests")  # groups of inputs that are open at first


def page() -> str:
    """The page as MyST."""
    found = calculator_facts.rounded(calculator_facts.facts())
    presets = calculator.presets()
    embedded = json.dumps(_embedded(found, presets), separators=(",", ":"), ensure_ascii=False).replace("<", "\\u003c")
    return "\n".join([
        "(calculator)=", "# What does a token cost you?", "",
        "Change any input: what a token costs, the bill of a month and the volume from which hosting wins follow at",
        "once. Everything is computed on this page by the equations of the chapters; nothing leaves your computer.", "",
        ":::{container} calculator-static", _static_table(presets["current"], found), ":::", "",
        "```{raw} html",
        f'<link rel="stylesheet" href="{STATIC}/calculator/calculator.css">',
        _body(found, presets),
        f'<script type="application/json" id="calculator-data">{embedded}</script>',
        f"<script>window.calculatorEquations = {_equations(found)};</script>",
        *(f'<script src="{STATIC}/calculator/{name}.js"></script>' for name in ("core", "charts", "view")),
        "```", "", *_left_out(found), "",
    ])  # fmt: skip


# --- what the scripts take -------------------------------------------------------------------------------------------


def _kinds(found: Facts) -> list[str]:
    return sorted({each["kind"] for each in found["models"].values()})


def _equations(found: Facts) -> str:
    models = {kind: calculator.equations(kind) for kind in _kinds(found)} | {"bill": calculator.bill()}
    return "{" + ",\n".join(f'"{name}": {render.javascript(model)}' for name, model in models.items()) + "}"


def _embedded(found: Facts, presets: Mapping[str, Facts]) -> Facts:
    models = {kind: calculator.equations(kind) for kind in _kinds(found)}
    every = calculator.formulas(models.values())
    named = {q.name: q for made in every for q in (made.defines, *made.uses)}
    fixed = calculator.bill().inputs(*calculator.BILL, given=("replicas_needed", "spare_replicas"))
    return found | {
        "inputs": {name: _input(each) for name, each in INPUTS.items()},
        "presets": {name: {"name": _preset(name), "state": state} for name, state in presets.items()},
        "results": {name: label for group in RESULTS.values() for name, label in group.items()},
        "metrics": METRICS,
        "largest": cases.LARGEST,
        "bill_inputs": fixed,
        "kinds": {k: {m.defines.name: m.function.__name__ for m in model.equations} for k, model in models.items()},
        "formulas": {
            made.function.__name__: {
                "latex": render.latex(made), "template": render.template(made), "meaning": made.meaning,
                "uses": [q.name for q in made.uses if q.value is None],
            }
            for made in every
        },
        "quantities": {name: _quoted(q) for name, q in named.items() if q.value is None},
    }  # fmt: skip


def _preset(name: str) -> str:
    return NAMES.get(name, "Scenario: " + name.replace("_", " "))


def _quoted(q: Quantity) -> Facts:
    one, steps = units.steps(q.unit, q.quoted)
    return {"symbol": q.symbol, "meaning": q.meaning, "one": one, "steps": steps}


def _input(each: Input) -> Facts:
    if each.table:
        return {"label": each.label, "table": each.table, "needed": True}
    q, factor = each.quantity, units.base_factor(each.unit) if each.unit else 1.0
    unit = "" if each.unit in COUNTED else units.steps(q.unit, each.unit)[1][-1][1]
    return {
        "label": each.label, "needed": each.needed, "quantity": q.name, "factor": factor, "unit": unit,
        "low": q.low, "high": None if q.high == float("inf") else q.high, "whole": q.whole,
        "above": q.above or each.name in cases.QUOTED,  # what people quote is above 0
        "allowed": (QUOTED if each.name in cases.QUOTED else q.allowed()) + (f" ({unit})" if unit else ""),
    }  # fmt: skip


# --- what readers see ------------------------------------------------------------------------------------------------


def _body(found: Facts, presets: Mapping[str, Facts]) -> str:
    chosen = "".join(f'<option value="{name}">{escape(_preset(name))}</option>' for name in presets)
    groups = dict.fromkeys(each.group for each in INPUTS.values())
    fields = "".join(_group(name, found) for name in groups)
    cards = "".join(_card(name, results) for name, results in RESULTS.items())
    return f"""<div class="calculator" id="calculator-app" hidden>
<p class="calculator-decision" id="calc-decision" aria-live="polite"></p>
<p class="calculator-problem" id="calc-problem" role="alert" hidden></p>
<p class="calculator-bills" id="calc-bills"></p>
<div class="calculator-columns"><form class="calculator-inputs" aria-label="Inputs" novalidate autocomplete="off">
<div class="calculator-field"><label for="calc-preset">Preset</label>
<select id="calc-preset"><option value="">Your own</option>{chosen}</select></div>
{fields}
<div class="calculator-buttons"><button type="button" id="calc-share">Copy link</button>
<button type="button" id="calc-download">Download CSV</button></div>
<p class="calculator-done" id="calc-done" role="status"></p>
</form>
<div class="calculator-results">
<section class="calculator-card calculator-chart" aria-label="Charts">
<h2 id="cost-by-volume">Cost against volume</h2><div class="calculator-plot" id="calc-costs"></div>
<details><summary>The chart as a table</summary><div id="calc-costs-table"></div></details>
</section>
{cards}
<section class="calculator-card calculator-chart" aria-label="Roofline">
<h2 id="calc-roofline-title">What limits the speed</h2><div class="calculator-plot" id="calc-roofline"></div>
<details><summary>The chart as a table</summary><div id="calc-roofline-table"></div></details>
<p class="calculator-more">More: <a href="roofline.html">the roofline</a></p>
</section>
</div></div></div>"""


def _group(name: str, found: Facts) -> str:
    fields = "".join(_field(each, found) for each in INPUTS.values() if each.group == name)
    opened = " open" if name in OPEN else ""
    return (
        f"<details{opened}><summary>{escape(name)}</summary><fieldset>"
        f'<legend class="calculator-hidden">{escape(name)}</legend>{fields}</fieldset></details>'
    )


def _field(each: Input, found: Facts) -> str:
    label = f'<label for="calc-{each.name}">{escape(each.label)}</label>'
    described = f'aria-describedby="calc-{each.name}-note calc-{each.name}-error"'
    if each.table:
        box = f'<select id="calc-{each.name}" name="{each.name}" {described}>{_options(each, found)}</select>'
        unit = ""
    else:
        box = f'<input id="calc-{each.name}" name="{each.name}" type="text" inputmode="decimal" {described}>'
        unit = f'<span class="calculator-unit">{escape(_input(each)["unit"])}</span>'
    meaning = "" if each.table else escape(each.quantity.meaning)
    return (
        f'<div class="calculator-field">{label}<span class="calculator-box">{box}{unit}</span>'
        f'<span class="calculator-note" id="calc-{each.name}-note" data-meaning="{meaning}">{meaning}</span>'
        f'<span class="calculator-error" id="calc-{each.name}-error" hidden></span></div>'
    )


def _options(each: Input, found: Facts) -> str:
    rows = found[each.table]
    if each.name == "kv_precision":
        rows = {key: about for key, about in rows.items() if about["cache"]}
    groups: dict[str, list[tuple[str, str]]] = {}
    for key, about in rows.items():
        groups.setdefault(about.get("group", ""), []).append((about["name"], key))
    listed = {group: _option_list(options, bool(group)) for group, options in groups.items()}
    if list(listed) == [""]:
        return listed[""]
    return "".join(
        f'<optgroup label="{escape(group)}">{options}</optgroup>' for group, options in sorted(listed.items())
    )


def _option_list(options: Iterable[tuple[str, str]], by_name: bool) -> str:
    ordered = sorted(options, key=lambda each: each[0].lower()) if by_name else options
    return "".join(f'<option value="{key}">{escape(name)}</option>' for name, key in ordered)


def _card(group: str, results: Mapping[str, str]) -> str:
    rows = "".join(
        f'<details class="calculator-result" data-name="{name}"><summary><span class="calculator-label">{escape(label)}'
        f'</span><span class="calculator-value"></span></summary><div class="calculator-why"></div></details>'
        for name, label in results.items()
    )
    chapter, about = CHAPTERS[group]
    title = group.lower().replace(" ", "-")
    return (
        f'<section class="calculator-card" aria-labelledby="{title}" data-per="{PER.get(group, "")}">'
        f'<h2 id="{title}">{escape(group)}</h2>{rows}'
        f'<p class="calculator-more">More: <a href="{chapter}.html">{escape(about)}</a></p></section>'
    )


def _static_table(state: Facts, found: Facts) -> str:
    """The results of the first state, as a table for readers without scripts."""
    answers = calculator.answers(state)
    model, gpu, sold = (found[INPUTS[name].table][state[name]]["name"] for name in ("model", "gpu", "api_model"))
    cheaper = "hosting" if answers["saving_usd_per_second"] > 0 else "the API"
    volume = quantity("demand_tokens_per_second").quote(calculator.parameters(state)["demand_tokens_per_second"])
    lines = [
        f"Without JavaScript this page shows one case: {model} on {answers['n_gpus']:.0f} × {gpu}, against {sold}, at"
        f" {volume}. There **{cheaper}** is cheaper.", "", "| | result | |", "|---|---|---:|",
    ]  # fmt: skip
    for group, results in RESULTS.items():
        for name, label in results.items():
            value = answers[name]
            never = name == "breakeven_tokens_per_second" and value == float("inf")
            lines.append(f"| {group} | {label} | {'never' if never else quantity(name).quote(value)} |")
    return "\n".join(lines)


def _left_out(found: Facts) -> list[str]:
    low, _, high = found["throughput_error"]
    return [
        "## What this leaves out", "",
        f"- **The model's own error.** On measurements that it had not seen, real over modelled throughput lay between"
        f" {low:.2f} and {high:.2f} in nine of ten cases: {{ref}}`validation`. The page shows what that does to the"
        " cost and the decision. Give the speed that you measured, and this error is gone.",
        "- **The error of everything else.** Rent, hours of work and failures are assumptions with a range; the"
        " chapters {ref}`self_hosting` and {ref}`scale_tiers` draw them all together.",
        "- **Time and mixtures.** Prices stand still, GPUs are rented, and all requests are alike and go one way:"
        " {ref}`horizons` lets prices move and buys hardware, {ref}`workloads` mixes API and own GPUs, and"
        " {ref}`decision` adds where data may be, latency and staff.",
        "- **Quality.** A cheaper token of a smaller model is another product. Discounts for cached input and for batch"
        " jobs are left out on both sides.", "",
        f"Prices are of {freshness.day()} or before; each is named with its day under its input, and listed with its"
        " source on the page of {doc}`data <data>`. Speeds hold for vLLM.",
    ]  # fmt: skip
