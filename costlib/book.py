"""What a notebook imports: ways to say, show and check, each shown as MyST for the book and as HTML for JupyterLab.

Numbers reach prose only through `say` and `figure`, which quote them in the units of the vocabulary and glue them, so
that other pages can repeat them.
"""

from __future__ import annotations

import ast
import functools
import html
import re
import string
import types
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import nbformat
import pandas as pd
import yaml
from IPython.display import display
from markdown_it import MarkdownIt
from matplotlib.figure import Figure

from costlib import cases, data, figures, freshness, lessons, questions, quotes, render, units, verdicts
from costlib.data import Fact
from costlib.equations import Equation, Model
from costlib.errors import InputError, near
from costlib.quantities import VOCABULARY, quantity

NOTEBOOKS = data.ROOT / "notebooks"
OWN = "own_accounting"  # the source of identities of bookkeeping, which need no citation beside them

# --- parameters ------------------------------------------------------------------------------------------------------


def notebooks() -> list[str]:
    """Names of the notebooks of the book."""
    return sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb"))


@functools.cache
def cells(notebook: str) -> list[Any]:
    """The cells of `notebooks/<notebook>.ipynb`. Raises InputError, with near matches, when there is no such file."""
    if notebook not in notebooks():  # a name, not a way to somewhere else
        raise InputError(f"there is no notebooks/{notebook}.ipynb{near(notebook, notebooks())}")
    return nbformat.read(NOTEBOOKS / f"{notebook}.ipynb", as_version=4).cells


@functools.cache
def parameters(notebook: str) -> dict[str, Any]:
    """Names and defaults in the cell of `notebooks/<notebook>.ipynb` that is tagged ``parameters``.

    Raises InputError, with near matches, when there is no such notebook.
    """
    assigned = (node for node in ast.parse(_parameter_cell(notebook)).body if isinstance(node, ast.Assign))
    return {node.targets[0].id: ast.literal_eval(node.value) for node in assigned}


def _parameter_cell(notebook: str) -> str:
    return next(cell.source for cell in cells(notebook) if "parameters" in cell.metadata.get("tags", ()))


@functools.cache
def _may_be_none(notebook: str) -> set[str]:
    """The parameters of `notebook` that may be None, as their default is or as their comment says what it means."""
    lines = re.findall(r"^(\w+) = (None)?(?:.*#.*(\bNone:))?", _parameter_cell(notebook), flags=re.M)
    return {name for name, default, said in lines if default or said}


@functools.cache
def _own_names(notebook: str) -> set[str]:
    """The names that the notebook's own cells assign, which are there when a cell is run a second time."""
    trees = (ast.parse(cell.source) for cell in cells(notebook) if cell.cell_type == "code")
    nodes = (node for tree in trees for node in ast.walk(tree))
    return {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}


def check_parameters(notebook: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The defaults of `notebook` with `given` put in. Raises InputError for an unknown name or a value out of range."""
    known = parameters(notebook)
    for name, value in given.items():
        if name not in known:
            raise InputError(f"notebooks/{notebook}.ipynb has no parameter {name!r}{near(name, known)}")
        if value is not None or name not in _may_be_none(notebook):
            cases.check_parameter(name, value, known[name])
    return {**known, **given}


_IPYTHON = {"In", "Out", "exit", "quit", "open", "get_ipython"}


def start(notebook: str, namespace: Mapping[str, Any]) -> types.SimpleNamespace:
    """The parameters of this run, checked. Call it with ``globals()`` right after the imports.

    papermill and readers may set any name in the namespace. One that another notebook declares is left alone, so that a
    scenario can serve them all; one that none declares is a misspelling and stops the run.
    """
    known = parameters(notebook)
    elsewhere = {name for other in notebooks() for name in parameters(other)} | _own_names(notebook)
    data_types = (str, int, float, bool, list, tuple, dict, type(None))
    set_here = {
        name: value
        for name, value in namespace.items()
        if not name.startswith("_")
        and (name in known or name not in _IPYTHON | elsewhere)
        and isinstance(value, data_types)
    }
    checked = types.SimpleNamespace(**check_parameters(notebook, {**known, **set_here}))
    if quotes.given():
        display(Shown(f":::{{admonition}} Prices of your own\n:class: note\n\n{_own_quotes(quotes.given())}\n:::"))
    return checked


def _own_quotes(own: Sequence[quotes.Quote]) -> str:
    """How many quotes of the reader's own there are, and which."""
    count = "One price" if len(own) == 1 else f"{len(own)} prices"
    listed = "; ".join(literal(each.says(), longest=300) for each in own)
    return f"{count} of {code(quotes.file_name())} go before the public ones: {listed}."


# --- output ----------------------------------------------------------------------------------------------------------


class Shown:
    """Something to display: MyST for the book, and HTML for JupyterLab and other viewers, which do not know MyST."""

    def __init__(self, myst: str, html: str | None = None) -> None:
        self.myst, self.html = myst, html if html is not None else _plain_html(myst)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/markdown": self.myst, "text/html": self.html, "text/plain": self.myst}


def _plain_html(myst: str) -> str:
    """The text as HTML without MyST's own marks; formulas stay as they are, for the viewer to set."""
    text = re.sub(r"```\{math\}\n(?::label:.*\n)?\n?(.*?)\n```", r"\n$$\1$$\n", myst, flags=re.S)
    text = re.sub(r"^:{3,}\{[\w-]+\} *(.*)\n(?::\w+:.*\n)*", r"**\1**\n\n", text, flags=re.M)
    text = re.sub(r"^:{3,}\s*$|^\(\S+\)=$", "", text, flags=re.M)
    text = re.sub(r"\{[a-z:]+\}`(?:([^`<]*?) ?<[^`>]*>|([^`]*))`", lambda m: m[1] or m[2], text)
    formulas: list[str] = []

    def keep(found: re.Match) -> str:
        formulas.append(html.escape(found[0], quote=False))
        return f"\ue000{len(formulas) - 1}\ue001"

    text = re.sub(r"\$\$.*?\$\$|\$[^$\n]+\$", keep, text, flags=re.S)
    return re.sub("\ue000(\\d+)\ue001", lambda m: formulas[int(m[1])], MarkdownIt().enable("table").render(text))


@dataclass(frozen=True)
class Said:
    """A value that a text told: a number in the base `unit` of its quantity, or a word; `headline`: in a takeaway."""

    value: float | str
    unit: str
    headline: bool


said: dict[
    str, Said
] = {}  # what the texts of this notebook told, by name; the first stands, but a takeaway goes before
_glued: set[str] = set()


def _glue(name: str, mime: str, content: str) -> None:
    """Keep `content` under `name` in the notebook for other pages, as myst_nb's glue does. The first one stands."""
    if name in _glued:
        return
    _glued.add(name)
    prefix = "application/papermill.record/"
    bundle = {f"{prefix}{mime}": content, f"{prefix}text/plain": repr(content) if mime == "text/plain" else name}
    display(bundle, metadata={"scrapbook": {"name": name, "mime_prefix": prefix}}, raw=True)


class _Quoted:
    """A value of a sentence: its format is empty, a Python number format, or a unit to quote it in."""

    def __init__(self, name: str, value: Any) -> None:
        self.name, self.value = name, value

    def __format__(self, spec: str) -> str:
        if isinstance(self.value, str):
            return self.value
        if re.fullmatch(r"[,+]?(\.\d+)?[dfge%]", spec):
            return format(int(self.value) if spec.endswith("d") else float(self.value), spec)
        if self.name in VOCABULARY:
            return quantity(self.name).quote(self.value, spec or None)
        if spec:
            raise InputError(f"{{{self.name}:{spec}}}: {self.name} is no quantity, so it cannot be quoted in {spec!r}")
        return units.number(float(self.value))


class _Sentences(string.Formatter):
    """Fills a text; remembers what it wrote for each name."""

    def __init__(self) -> None:
        self.written: dict[str, str] = {}
        self.values: dict[str, Any] = {}

    def get_field(self, field_name: str, args: Sequence, kwargs: Mapping[str, Any]) -> tuple[Any, str]:
        value, key = super().get_field(field_name, args, kwargs)
        return _Quoted(key, value), key

    def get_value(self, key: int | str, args: Sequence, kwargs: Mapping[str, Any]) -> Any:
        if key not in kwargs:
            raise InputError(f"a text uses {key!r}, which it was not given{near(str(key), kwargs)}")
        return kwargs[key]

    def format_field(self, value: Any, format_spec: str) -> str:
        text = format(value, format_spec)
        self.written.setdefault(value.name, text)
        self.values.setdefault(value.name, value.value)
        return text


def _fill(text: str, values: Mapping[str, Any], headline: bool = False, keep: bool = True) -> str:
    sentences = _Sentences()
    filled = sentences.vformat(text.strip(), (), values)
    for name, written in sentences.written.items() if keep else ():
        _glue(name, "text/plain", written)
        if headline or name not in said:
            said[name] = _said(name, sentences.values[name], headline)
    return filled


def _said(name: str, value: Any, headline: bool) -> Said:
    if isinstance(value, str):
        return Said(value, "", headline)
    return Said(float(value), quantity(name).unit if name in VOCABULARY else "", headline)


def say(
    text: str, values: Mapping[str, Any] = types.MappingProxyType({}), *, box: str | None = None, **words: Any
) -> None:
    """Show Markdown with its numbers filled in.

    ``{decode_bytes}`` is quoted in the vocabulary's unit, ``{decode_seconds:ms}`` in milliseconds,
    ``{kv_bytes_per_token:~}`` without what it is per, ``{share:.1%}`` as Python would. `values` are in base units;
    `words` are computed words and numbers of this text. `box` ("takeaway", "correction") sets it apart, its first line
    as title.
    """
    filled = _fill(text, {**values, **words}, headline=box == "takeaway")
    if box:
        title, _, body = filled.partition("\n")
        filled = f":::{{admonition}} {title}\n:class: {box}\n\n{body.strip()}\n:::"
    display(Shown(filled))


def solution(exercise: str, text: str, values: Mapping[str, Any] = types.MappingProxyType({}), **words: Any) -> None:
    """Show the solution of the exercise with that label, folded away, with its numbers computed here."""
    display(Shown(f"````{{solution}} {exercise}\n:class: dropdown\n\n{_fill(text, {**values, **words})}\n````"))


def check(
    question: str,
    values: Mapping[str, Any] = types.MappingProxyType({}),
    *,
    right: str,
    because: str,
    wrong: Mapping[str, str],
    **words: Any,
) -> None:
    """Show a question with answers that open to say whether they are right; all texts are filled in as by `say`.

    `wrong` maps each wrong answer to the mistake that leads to it. Computed from the case, both stay true in any other;
    an answer that reads like another in the case at hand is left out.
    """
    known = {**values, **words}
    filled = {_fill(answer, known, keep=False): _fill(mistake, known, keep=False) for answer, mistake in wrong.items()}
    asked, answer, reason = (_fill(text, known, keep=False) for text in (question, right, because))
    answers = questions.options(asked, answer, reason, filled)
    opening = "".join(
        f"<details><summary>{_plain_html(each.text)}</summary>"
        f"{_plain_html(f'{questions.SAID[each.right]} {each.reply}')}</details>"
        for each in answers
    )
    plain = f"<p><strong>{questions.TITLE}</strong></p>{_plain_html(asked)}{opening}"
    display(Shown(questions.myst(asked, answers), plain))


def lesson(notebook: str, *, goals: Sequence[str], needs: Sequence[str] = ()) -> None:
    """Show what the chapter teaches, which chapters it builds on, and how long it takes by the counts of `lessons`."""
    work = lessons.lesson(notebook, cells(notebook)).work()
    before = ", ".join(f"{{doc}}`{each}`" for each in needs) or "no other chapter"
    listed = "\n".join(f"- {each}" for each in goals)
    takes = f"about {lessons.clock(work.seconds())}, of which practice takes {lessons.clock(work.practice_seconds())}"
    text = f"Afterwards you can\n\n{listed}\n\n**Builds on** {before}. **Takes** {takes}."
    display(Shown(f":::{{admonition}} What you will learn\n:class: lesson\n\n{text}\n:::"))


def figure(
    drawn: Figure,
    name: str,
    caption: str,
    alt: str,
    values: Mapping[str, Any] = types.MappingProxyType({}),
    **words: Any,
) -> None:
    """Show a figure under a number, with a caption that states its claim and `alt` for those who cannot see it."""
    known = {**values, **words}
    picture = figures.svg(drawn, name, _fill(alt, known))
    claim = _fill(caption, known)
    _glue(name, "text/html", picture)
    plain = f"<figure>{picture}<figcaption>{_plain_html(claim)}</figcaption></figure>"
    display(Shown(f"```{{glue:figure}} {name}\n:name: {name}\n:figwidth: 100%\n\n{claim}\n```", plain))


LONG_TABLE = 10  # rows; a longer table of inputs is folded away at first


def table(
    rows: Iterable[Sequence[str]],
    head: Sequence[str],
    name: str = "",
    caption: str = "",
    numeric: Iterable[int] = (),
    folded: bool = False,
) -> None:
    """Show rows of ready-made text as a table; columns in `numeric` are set flush right, `folded` hides it at first."""
    numeric = set(numeric)
    rule = "|".join("---:" if place in numeric else "---" for place in range(len(head)))
    lines = ["|".join(_cell(each) for each in row) for row in (head, *rows)]
    text = "\n".join(f"|{line}|" for line in [lines[0], rule, *lines[1:]])
    myst = f"```{{table}} {caption}\n:name: {name}\n\n{text}\n```" if name else text
    display(Shown(f"````{{dropdown}} {caption}\n{myst}\n````" if folded else myst, _plain_html(text)))


def literal(text: object, longest: int = 60) -> str:
    """Text from outside, such as a name in a reader's log, as Markdown that shows it and does nothing else."""
    plain = "".join(each if each.isprintable() else " " for each in str(text))
    plain = plain if len(plain) <= longest else plain[: longest - 1] + "…"
    return re.sub(r"^[-.]|[!-,/:-@\[-`{-~]", lambda found: f"&#{ord(found[0])};", plain)


def code(text: str) -> str:
    """Text from outside between marks of code, which it must not end."""
    return literal(text, longest=300) if "`" in text or not text.isprintable() else f"`{text}`"


def _cell(text: str) -> str:
    return str(text).replace("|", r"\|").replace("\n", " ")


def quoted(name: str, value: float) -> str:
    """`value` of the quantity `name` (base units) as people write it."""
    return quantity(name).quote(float(value))


# --- equations and inputs --------------------------------------------------------------------------------------------


def label(made: Equation) -> str:
    """The label under which an equation is numbered in the book."""
    return f"eq-{made.function.__name__}"


@functools.cache
def repository() -> str:
    """Where the project's files are shown, as `_config.yml` says."""
    config = yaml.safe_load((data.ROOT / "_config.yml").read_text("utf-8"))
    return f"{config['repository']['url']}/blob/{config['repository']['branch']}"


def show(*equations: Equation) -> None:
    """Show equations with numbers, what they say, their sources, and links to their code and to an example by hand."""
    for made in equations:
        path, line = made.place
        code = f"[`{made.function.__name__}`]({repository()}/{path}#L{line})"
        formula = f"```{{math}}\n:label: {label(made)}\n\n{render.latex(made)}\n```"
        cited = "" if made.source == OWN else f" {{cite:p}}`{made.source}`"
        by_hand = f"{{ref}}`by hand <def-{made.function.__name__}>`"
        text = f"{formula}\n\n{made.meaning}{cited} {code}, {by_hand}"
        display(Shown(text))


def inputs(model: Model, values: Mapping[str, Any], *targets: str, name: str, caption: str) -> None:
    """Show what `targets` rest on: the inputs of each row, assumption or parameter, with its source and date."""
    origins: dict[tuple[str, str, str], list[str]] = {}
    for each in model.inputs(*targets, given=_given(model, values)):
        _remember(values[each])
        amount = render.quoted_latex(quantity(each), float(values[each]))
        origins.setdefault(_origin(values[each]), []).append(f"${quantity(each).symbol} = {amount}$")
    rows = [(place, ", ".join(amounts), source, date) for (place, source, date), amounts in origins.items()]
    table(rows, ("from", "inputs", "source", "checked"), name, caption, folded=len(rows) > LONG_TABLE)


_shown: dict[tuple[str, str, str], Fact] = {}  # the facts that this page has shown as inputs


def _remember(value: Any) -> None:
    if isinstance(value, Fact):
        _shown[value.table, value.key, value.field] = value


def _given(model: Model, values: Mapping[str, Any]) -> set[str]:
    return set(values) & set(model.by_name)


def _origin(value: Any) -> tuple[str, str, str]:
    if not isinstance(value, Fact):
        return "parameters of this run", "", ""
    named = {"assumed": "assumption", "claimed": "the article", "quoted": "your own quote"}
    source = f"{{cite:t}}`{value.source}`" if value.source else literal(value.locator, longest=300)
    age = " (old)" if freshness.stale(value) else ""
    return f"{named.get(value.kind, value.table)}: {code(value.key)}", source, value.date.replace("-", "\u2011") + age


def explain(model: Model, values: Mapping[str, Any], target: str) -> pd.DataFrame:
    """What `target` rests on, as a frame: quantity, value in base units, unit, table, row, source, date and kind."""
    rows = []
    for name in [target] if target in values else model.inputs(target, given=_given(model, values)):
        value = values[name]
        origin = value.__dict__ if isinstance(value, Fact) else {"kind": "given"}
        columns = {
            each: origin.get(each, "") for each in ("table", "key", "field", "source", "locator", "date", "kind")
        }
        rows.append({"quantity": name, "value": float(value), "unit": quantity(name).unit, **columns})
    return pd.DataFrame(rows)


def worked(model: Model, values: Mapping[str, Any], *targets: str) -> None:
    """Show the steps to `targets` with the numbers of this case."""
    wanted = set(targets)
    steps = [step for step in model.trace(values, *targets) if step.equation.defines.name in wanted]
    display(Shown(f"```{{math}}\n{render.worked_lines(steps)}\n```"))


# --- claims ----------------------------------------------------------------------------------------------------------


def claims(ours: Mapping[str, float], remarks: Mapping[str, str], name: str, caption: str) -> int:
    """Show claims of the article beside `ours` (values by claim, in the claim's unit), each with its remark.

    Returns how many reproduce.
    """
    rows, held = [], 0
    for key, remark in remarks.items():
        cells = data.row("claims", key)
        kind, factor = verdicts.verdict(cells, ours[key])
        held += factor == 1
        found = f"off {units.number(factor, 2)} times" if kind == "off by factor" else kind
        value = verdicts.in_unit(ours[key], data.text(cells, "unit"))
        rows.append((key, cells["paraphrase"], verdicts.quoted(cells), value, found, remark))
    table(rows, ("claim", "what the article says", "claimed", "ours", "verdict", "why"), name, caption, numeric=[2, 3])
    return held


# --- footer ----------------------------------------------------------------------------------------------------------


def footer(run: types.SimpleNamespace, values: Mapping[str, Any]) -> None:
    """Show what this page was computed from: parameters, the age of facts and prices, own quotes, and versions."""
    for value in values.values():
        _remember(value)
    facts = list(_shown.values())
    chosen = ", ".join(code(f"{name}={value!r}") for name, value in vars(run).items())
    programs = ", ".join(f"{name} {version(name)}" for name in ("costlib", "numpy", "sympy", "matplotlib"))
    tables = ", ".join(sorted({fact.table for fact in facts if fact.kind != "quoted"}))
    ages = _ages(facts, getattr(run, "price_date", None))
    said = (
        f"*Run with* {chosen}.",
        f"*Facts* from {tables}" + (f", checked {_span(facts)}." if any(fact.date for fact in facts) else "."),
        *ages,
        f"*Computed with* {programs}.",
    )
    display(Shown(" ".join(said)))


def _span(facts: Iterable[Fact]) -> str:
    dates = sorted({fact.date for fact in facts if fact.date})
    return dates[0] if len(dates) == 1 else f"{dates[0]} to {dates[-1]}"


def _ages(facts: Sequence[Fact], on: str | None) -> list[str]:
    """The dates of the prices among `facts`, which of them are old on the day `on`, and which are the reader's own."""
    public = [fact for fact in facts if fact.table in freshness.TABLES]
    own = [each for each in quotes.given() if each.key in {fact.key for fact in facts if fact.kind == "quoted"}]
    said = [f"*Your own*: {_own_quotes(own)}"] if own else []
    if public:
        _glue("price_dates", "text/plain", _span(public))
        _glue("newest_price", "text/plain", freshness.day(on))
        old = sorted({code(fact.key) for fact in public if freshness.stale(fact, on)})
        words = f"old, more than {freshness.STALE_DAYS} days before: {', '.join(old)}" if old else "none is old"
        said.append(f"*Prices* of {_span(public)}, where the newest known is of {freshness.day(on)}; {words}.")
    return said
