"""Pages that are generated whole: the symbols and equations, the sources, the data.

Symbols and tables have a page for each part beside their index, so that each opens fast.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType

import pandas as pd

from costlib import book, data, models, render
from costlib.equations import Equation
from costlib.quantities import VOCABULARY, Quantity

# Every module of costlib.models, so that no equation stays off the page or out of the tests that go over all of them.
MODULES = [import_module(f"{models.__name__}.{found.name}") for found in iter_modules(models.__path__)]


def equations(module: ModuleType) -> list[Equation]:
    """The equations that are written in a module of `costlib.models`, in its order."""
    found = (each for each in vars(module).values() if isinstance(each, Equation))
    return [made for made in found if made.function.__module__ == module.__name__]


def every_equation() -> list[Equation]:
    """All equations of the book."""
    return [made for module in MODULES for made in equations(module)]


def generated(shown: set[str]) -> dict[str, str]:
    """Every generated page by its name. `shown` holds the labels of equations that a chapter numbers."""
    return {
        "symbols": symbols(),
        **{f"equations_{part(module)}": equations_of(module, shown) for module in MODULES},
        "sources": sources(),
        "data": tables(),
        **{f"table_{name}": table(name, about) for name, about in data.package().items()},
    }


def part(module: ModuleType) -> str:
    """The name of the part of the book's equations that a module holds."""
    return module.__name__.rpartition(".")[2]


@cache
def homes() -> dict[str, ModuleType]:
    """Where each quantity of the vocabulary is explained: with the equation that defines it, else where first used."""
    found: dict[str, ModuleType] = {}
    for place in ("defined", "used"):
        for module in MODULES:
            for made in equations(module):
                for q in [made.defines] if place == "defined" else made.uses:
                    found.setdefault(q.name, module)
    return {name: found[name] for name in VOCABULARY if name in found}


def symbols() -> str:
    """The index of symbols and equations: the parts, and each quantity by name with its part."""
    lines = [
        "# Symbols and equations", "",
        "Every quantity of the book has one name, one unit and one symbol, and every equation is one function of",
        "`costlib`. These pages are generated from them. Units are base units; chapters quote the usual ones.", "",
         "## By part", "", "| part | what it holds | equations |", "|---|---|---:|",
    ]  # fmt: skip
    lines += [f"| [{_title(each)}]({_page(each)}) | {_intro(each)} | {len(equations(each))} |" for each in MODULES]
    lines += ["", "## By name", "", "| quantity | unit | part |", "|---|---|---|"]
    for name, home in sorted(homes().items()):
        lines.append(f"| {name} | {_unit(VOCABULARY[name])} | [{part(home)}]({_page(home)}) |")
    lines += ["", "## In no equation", "", *_explained(name for name in VOCABULARY if name not in homes())]
    return "\n".join(lines) + "\n"


def _explained(names: Iterable[str]) -> list[str]:
    """A table of quantities with their symbols and meanings."""
    rows = (VOCABULARY[name] for name in names)
    head = ["| symbol | quantity | unit | meaning |", "|---|---|---|---|"]
    return [*head, *(f"| ${q.symbol}$ | `{q.name}` | {_unit(q)} | {q.meaning} |" for q in rows)]


_PLAIN = ["---", '"og:image": _static/mark.png', "---"]  # a page of a list needs no preview card of its own


def _title(module: ModuleType) -> str:
    return part(module).replace("_", " ").capitalize().replace("Api", "API")


def _page(module: ModuleType) -> str:
    return f"equations_{part(module)}.md"


def _intro(module: ModuleType) -> str:
    return (module.__doc__ or "").split("\n\n")[0].replace("\n", " ")


def _unit(q: Quantity) -> str:
    return q.unit.replace("**2", "²") or "1"


def equations_of(module: ModuleType, shown: set[str]) -> str:
    """The page of one part: its equations, and the quantities that are explained with them."""
    lines = [*_PLAIN, f"# {_title(module)}: equations and symbols", "", _intro(module), "", "## Equations", ""]
    for made in equations(module):
        lines += _equation(made, shown)
    lines += ["## Symbols", "", *_explained(name for name, home in homes().items() if home is module)]
    return "\n".join(lines) + "\n"


def _equation(made: Equation, shown: set[str]) -> Iterable[str]:
    path, line = made.place
    number = f" In a chapter: {{eq}}`{book.label(made)}`." if book.label(made) in shown else ""
    example = ", ".join(f"`{name}` {value:,.6g}" for name, value in made.example.items() if name != "gives")
    return [
        f"(def-{made.function.__name__})=",
        f"**`{made.function.__name__}`** · {made.meaning} {{cite:p}}`{made.source}`{number}", "",
        f"$${render.latex(made)}$$", "",
        f"By hand: {example} give {made.example['gives']:,.10g}. [Code]({book.repository()}/{path}#L{line}).", "",
    ]  # fmt: skip


def sources() -> str:
    """The page of sources: the bibliography, and what rests on each entry."""
    uses: dict[str, set[str]] = defaultdict(set)
    for made in every_equation():
        uses[made.source].add(f"{{ref}}`{made.function.__name__} <def-{made.function.__name__}>`")
    for name, about in data.package().items():
        for field in about.fields:
            if field.endswith("source"):
                for key in data.table(name)[field].dropna().unique():
                    uses[key].add(f"[{about.title.lower()}](#table-{name})")
    entries = sorted(data.bibliography().items(), key=lambda each: each[1]["title"].lower())
    lines = [
        "# Sources", "", "What the book rests on, and on which day it was read. Figures carry over; texts do not.", "",
        "## What rests on which source", "", "| source | used for | read on |", "|---|---|---|",
    ]  # fmt: skip
    lines += [
        f"| {{cite:t}}`{key}` | {', '.join(sorted(uses[key])) or 'background'} | {_text(fields['urldate'])} |"
        for key, fields in entries
    ]
    return "\n".join([*lines, "", "## Bibliography", "", "```{bibliography}", ":all:", "```", ""])


def tables() -> str:
    """The index of data: each table with what it holds, and its file."""
    lines = [
        "# Data", "",
        "Every number that the book computes with is a cell of one of these tables, and every cell has a source. They",
        "are plain CSV files, described by one [Data Package](https://datapackage.org); the build validates them. Each",
        "table has a page with its rows, their sources, and what its columns mean.", "",
        "| table | rows | columns | file |", "|---|---:|---:|---|",
    ]  # fmt: skip
    lines += [
        f"| [{about.title}](#table-{name}) | {len(data.table(name)):,d} | {len(about.fields)} | {_file(about)} |"
        for name, about in data.package().items()
    ]
    return "\n".join(lines) + "\n"


def _file(about: data.Table) -> str:
    return f"{{download}}`{about.path.name} </data/{about.path.name}>`"


def table(name: str, about: data.Table) -> str:
    """The page of one table: its rows with their sources, and what its columns mean."""
    frame = data.table(name)
    lines = [
        *_PLAIN, f"(table-{name})=", f"# {about.title}", "", f"{about.description} {_count(frame)} {_file(about)}", "",
        *_rows(about, _newest(frame)), "",
        "## What the columns mean", "", "| column | meaning | unit | quantity |", "|---|---|---|---|",
        *(f"| `{f.name}` | {f.description} | {f.unit} | {f.quantity} |" for f in about.fields.values()),
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


_HIDDEN = ("note", "checked_on", "date")
_MOST_ROWS = 40  # of a long table


def _newest(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows to show: all of a short table, the newest of a long one with dates, the first of another long one."""
    if len(frame) <= 2 * _MOST_ROWS:
        return frame
    dated = frame.sort_values("date", ascending=False, kind="stable") if "date" in frame else frame
    return dated.head(_MOST_ROWS)


def _count(frame: pd.DataFrame) -> str:
    shown = len(_newest(frame))
    which = "newest" if "date" in frame else "first"
    return (
        f"{len(frame)} rows."
        if shown == len(frame)
        else f"The {which} {shown} of {len(frame)} rows; all are in the file."
    )


def _rows(about: data.Table, frame: pd.DataFrame) -> list[str]:
    """The rows as a pipe table: values and names, and one column with all sources of the row."""
    left_out = {f for f in about.fields if f.endswith(("source", "locator")) or f in _HIDDEN} - set(about.key)
    shown = [f for f in about.fields if f not in left_out and frame[f].notna().any()]
    cited = [f for f in about.fields if f.endswith("source")]
    head = [f.replace("_", " ") for f in shown]
    rule = ["---:" if about.fields[f].type in ("number", "integer") else "---" for f in shown]
    lines = ["````{container} wide", "| " + " | ".join([*head, "sources"]) + " |", "|" + "|".join([*rule, "---"]) + "|"]
    for _, cells in frame.iterrows():
        keys = dict.fromkeys(cells[f] for f in cited if not pd.isna(cells[f]))
        values = [_text(cells[f]) for f in shown]
        lines.append("| " + " | ".join([*values, " ".join(f"{{cite:p}}`{key}`" for key in keys)]) + " |")
    return [*lines, "````"]


def _text(value: object) -> str:
    if pd.isna(value):
        return ""
    if isinstance(value, float):
        return f"{value:,.12g}" if abs(value) < 1e15 else f"{value:g}"
    return book.literal(value, longest=1000)
