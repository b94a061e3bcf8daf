"""An equation in other forms: LaTeX, a worked line with numbers, a symbol table, JavaScript."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping

import sympy as sp
from sympy.printing.jscode import JavascriptCodePrinter

from costlib import units
from costlib.equations import Equation, Model, Step
from costlib.quantities import Quantity

# A constant whose symbol is its number: after another symbol it needs a dot, which sympy sets between numbers only.
AFTER_A_SYMBOL = re.compile(r"(?<!\\cdot)(?<!\\times)(?<=[\w}]) (?=\d)")


def latex(made: Equation) -> str:
    """The equation as LaTeX, in the order in which its author wrote it."""
    return f"{made.defines.symbol} = {right_side(made)}"


def right_side(made: Equation) -> str:
    """The expression alone."""
    return _latex(made, {q.name: q.symbol for q in made.uses})


def worked(step: Step) -> str:
    """One line: symbol, formula, formula with the numbers of the case, result with its unit."""
    return " = ".join(_parts(step))


def worked_lines(steps: Iterable[Step]) -> str:
    """Steps below each other, aligned at the first equals sign; long ones put their numbers on a line of their own."""
    lines = []
    for step in steps:
        symbol, formula, numbers, result = _parts(step)
        lines.append(rf"{symbol} &= {formula} \\ &= {numbers} = \mathbf{{{result}}}")
    return r"\begin{aligned}" + r" \\[4pt] ".join(lines) + r"\end{aligned}"


def _parts(step: Step) -> tuple[str, str, str, str]:
    numbers = {name: quoted_latex(_quantity(step.equation, name), float(value)) for name, value in step.values.items()}
    constants = {q.name: q.symbol for q in step.equation.uses if q.value is not None}
    middle = _latex(step.equation, {**numbers, **constants}, times="dot")
    result = quoted_latex(step.equation.defines, float(step.result))
    return step.equation.defines.symbol, right_side(step.equation), middle, result


def template(made: Equation) -> str:
    """The formula with ``@name@`` for each quantity's number, for scripts that put live numbers in their place."""
    holes = {q.name: q.symbol if q.value is not None else f"@{q.name}@" for q in made.uses}
    return _latex(made, holes, times="dot")


def _quantity(made: Equation, name: str) -> Quantity:
    return next(q for q in made.uses if q.name == name)


def _latex(made: Equation, symbols: Mapping[str, str], times: str | None = None) -> str:
    names = {sp.Symbol(name, nonnegative=True): text for name, text in symbols.items()}
    ones = {sp.Symbol(q.name, nonnegative=True) for q in made.uses if q.value == 1}
    text = sp.latex(_without(made.expr, ones), symbol_names=names, order="none", mul_symbol=times, ln_notation=True)
    return AFTER_A_SYMBOL.sub(r"\g<0>\\cdot ", text)


def _without(expr: sp.Expr, ones: set[sp.Symbol]) -> sp.Expr:
    """The expression without factors and divisors among `ones`, which only carry a unit."""
    if not ones & expr.free_symbols or expr in ones:
        return expr
    args = [_without(each, ones) for each in expr.args]
    if isinstance(expr, sp.Mul):
        args = [each for each in args if each not in ones and each not in {1 / one for one in ones}]
        if len(args) == 1:
            return args[0]
    return expr.func(*args, evaluate=False) if isinstance(expr, (sp.Add, sp.Mul, sp.Pow)) else expr.func(*args)


def quoted_latex(quantity: Quantity, value: float) -> str:
    r"""A value with its unit for a formula: ``3.35\,\mathrm{TB/s/GPU}``."""
    magnitude, label = units.quote(value, quantity.unit, quantity.quoted)
    magnitude = re.sub(r"(.*)e([+-]\d+)", lambda m: rf"{m[1]} \times 10^{{{int(m[2])}}}", magnitude)
    magnitude = magnitude.replace(",", "{,}").replace("∞", r"\infty")
    label = (
        label.replace("%", r"\%").replace("·", r"{\cdot}").replace("²", "^2").replace("µ", r"\mu{}").replace(" ", r"\ ")
    )
    return magnitude + (rf"\,\mathrm{{{label}}}" if label else "")


class _JavaScript(JavascriptCodePrinter):
    def _print_Symbol(self, expr: sp.Symbol) -> str:  # noqa: N802
        return f"v.{expr.name}"

    def _print_floor(self, expr: sp.Expr) -> str:  # noqa: N802
        return f"Math.floor({self._print(expr.args[0])})"


def javascript(model: Model) -> str:
    """The model as JavaScript: a function of the known quantities (base units) that returns all that follow from them.

    A quantity that is given is not computed, as in `Model`.
    """
    constants = {q.name: q.value for made in model.equations for q in made.uses if q.value is not None}
    lines = [f"  const v = {{...{json.dumps(constants)}, ...given}};"]
    for made in model.equations:
        code = re.sub(r"\s+", " ", _JavaScript().doprint(made.expr))
        lines.append(f'  if (!("{made.defines.name}" in v)) v.{made.defines.name} = {code};')
    return "function evaluate(given) {\n" + "\n".join(lines) + "\n  return v;\n}\n"
