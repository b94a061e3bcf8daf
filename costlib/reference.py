"""The library's reference: every public class and function with what it says of itself, as one page per layer.

Layers follow from imports: what rests on no equation, what defines equations, what computes with them, what makes pages
and commands of it. So a new module finds its page by itself. The text is read, not imported.
"""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from costlib import book, data

LIBRARY = data.ROOT / "costlib"
TOOLS = {"IPython", "jupyter_client", "nbformat", "papermill", "subprocess"}  # of notebooks and programs

LAYERS = {
    "foundations": ("Foundations", "What rests on none of the book's equations: units, facts, prices, logs, methods."),
    "computations": ("Computations, A to L", "What the chapters compute, from the equations and the facts."),
    "computations_2": ("Computations, M to Z", "What the chapters compute, from the equations and the facts."),
    "pages": ("Pages and commands", "Notebooks, generated pages, the build and the `costlib` command."),
}
"""Each layer's page: its title, and what is on it. The computations are too many for one."""


@dataclass(frozen=True)
class Module:
    """A module of the library: its name, its text as a tree, and the modules that it imports."""

    name: str
    tree: ast.Module
    needs: frozenset[str]

    @property
    def path(self) -> str:
        """Its file, relative to the project."""
        return f"{self.name.replace('.', '/')}.py"

    def public(self) -> Iterator[ast.FunctionDef | ast.ClassDef]:
        """Its classes and functions that are for others, in their order."""
        for node in self.tree.body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
                yield node


@functools.cache
def modules() -> dict[str, Module]:
    """All modules of the library by name; packages count by their modules."""
    files = sorted(path for path in LIBRARY.rglob("*.py") if path.stem != "__init__")
    named = {".".join(path.relative_to(data.ROOT).with_suffix("").parts): path for path in files}
    return {name: _module(name, path, set(named)) for name, path in named.items()}


def _module(name: str, path: Path, known: set[str]) -> Module:
    tree = ast.parse(path.read_text("utf-8"))
    imported: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported |= {each.name for each in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            imported |= {node.module, *(f"{node.module}.{each.name}" for each in node.names)}
    tools = {each.partition(".")[0] for each in imported} & TOOLS
    return Module(
        name, tree, frozenset(imported & known | tools | {each for each in imported if each == "costlib.models"})
    )


@functools.cache
def _reached(name: str) -> set[str]:
    """All that a module imports, directly or not."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        each = waiting.pop()
        new = modules()[each].needs - found if each in modules() else set()
        found |= new
        waiting += new
    return found


def layer(name: str) -> str:
    """The page of a module; empty for the definitions, which have a page of their own."""
    if name.startswith("costlib.models."):
        return ""
    if _reached(name) & TOOLS:
        return "pages"
    if not any(each.startswith("costlib.models") for each in _reached(name)):
        return "foundations"
    return "computations" if name.rpartition(".")[2] < "m" else "computations_2"


def pages() -> dict[str, str]:
    """The pages by file name: an overview, and one for each layer."""
    return {"api": _overview(), **{f"api_{key}": _page(key) for key in LAYERS}}


def _overview() -> str:
    lines = [
        "# The library", "",
        "`costlib` holds everything that the chapters compute. A notebook imports it, and so can you:", "",
        "```python", "from costlib import cases", "",
        'model, values = cases.deployment("llama_3_1_70b", "h100_sxm_80gb", n_gpus=4, batch=32,',
        "                                 input_tokens=2000, output_tokens=500)", "```", "",
        "The equations themselves are on the page of [symbols and equations](symbols.md). The next pages say what",
        "every class and function is for, in its own words.", "", "| module | what it is |", "|---|---|",
    ]  # fmt: skip
    for name, module in modules().items():
        if layer(name):
            lines.append(f"| [`{_short(name)}`](#api-{_short(name)}) | {_first(module.tree)} |")
    return "\n".join(lines) + "\n"


def _page(key: str) -> str:
    title, about = LAYERS[key]
    lines = [f"# {title}", "", about, ""]
    for module in (module for name, module in modules().items() if layer(name) == key):
        short = _short(module.name)
        source = f"[Source]({book.repository()}/{module.path})"
        lines += [f"(api-{short})=", f"## {short}", "", f"{_prose(ast.get_docstring(module.tree) or '')} {source}", ""]
        for node in module.public():
            lines += [*_entry(module, node), ""]
    return "\n".join(lines) + "\n"


def _entry(module: Module, node: ast.FunctionDef | ast.ClassDef) -> list[str]:
    """An item of a definition list: the signature, which leads to the code, and the docstring."""
    paragraphs = _prose(ast.get_docstring(node) or "").split("\n\n")
    link = f"[`{_signature(node)}`]({book.repository()}/{module.path}#L{node.lineno})"
    return [link, *(f"{': ' if at == 0 else '  '}{text}\n" for at, text in enumerate(paragraphs))]


def _signature(node: ast.FunctionDef | ast.ClassDef) -> str:
    """A function's name with its parameters, or a class's with its fields."""
    if isinstance(node, ast.FunctionDef):
        return f"{node.name}({', '.join(_parameters(node.args))})"
    fields = (
        each.target.id for each in node.body if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name)
    )
    return f"class {node.name}({', '.join(fields)})"


def _parameters(found: ast.arguments) -> Iterator[str]:
    """The names of parameters with their defaults, without types, which the source says."""
    plain = [*found.posonlyargs, *found.args]
    defaults = [None] * (len(plain) - len(found.defaults)) + list(found.defaults)
    for name, default in zip(plain, defaults, strict=True):
        yield name.arg + (f"={ast.unparse(default)}" if default else "")
    if found.vararg:
        yield f"*{found.vararg.arg}"
    elif found.kwonlyargs:
        yield "*"
    for name, default in zip(found.kwonlyargs, found.kw_defaults, strict=True):
        yield name.arg + (f"={ast.unparse(default)}" if default else "")
    if found.kwarg:
        yield f"**{found.kwarg.arg}"


def _short(name: str) -> str:
    return name.removeprefix("costlib.")


def _first(tree: ast.Module) -> str:
    """The first sentence of a module, for a cell of a table."""
    paragraph = _prose(ast.get_docstring(tree) or "").split("\n\n")[0]
    return re.split(r"(?<=\w[.])\s", paragraph)[0].replace("|", r"\|")


def _prose(text: str) -> str:
    """A docstring as Markdown: code stays code, and no other character means anything."""
    pieces = re.split(r"(:[a-z:]+:`[^`]+`|``.+?``|`[^`]+`)", text, flags=re.S)
    marked = "".join(_role(each) if at % 2 else _escaped(each) for at, each in enumerate(pieces))
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in marked.split("\n\n"))


def _escaped(text: str) -> str:
    return re.sub(r"([\\<>*_\[\]{}$])", r"\\\1", text)


def _role(text: str) -> str:
    """A role of docstrings as MyST writes it; code is left as it is."""
    found = re.fullmatch(r":([a-z:]+):(`[^`]+`)", text, flags=re.S)
    return f"{{{found[1]}}}{found[2]}" if found else text
