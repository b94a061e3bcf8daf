"""Equations, each written once, and models, which are explicit tuples of them.

An equation is a documented function whose name is the quantity it defines and whose parameters are the quantities it
needs. Its body runs once, on symbols; LaTeX, numbers, JavaScript, the unit check and the derivatives all come from the
expression that it returns. Bodies use ``+ - * / **``, `Max` and `Min` of
this module, and sympy's `ceiling`, `floor`, `log`, `exp` (of pure numbers) and `Piecewise`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import sympy as sp
from sympy.core.relational import Relational
from sympy.functions.elementary.piecewise import ExprCondPair
from sympy.logic.boolalg import BooleanAtom, BooleanFunction
from sympy.printing.numpy import NumPyPrinter

from costlib import units
from costlib.errors import InputError, near
from costlib.quantities import VOCABULARY, Quantity

Expr = sp.Expr
Values = Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Equation:
    """One equation: the quantity it `defines`, those it `uses`, its `expr`, `meaning`, `source` and worked `example`.

    `source` is a key of ``book/references.bib``. `example` maps the names used to numbers in base units, and ``gives``
    to the result; it runs as a test.
    """

    defines: Quantity
    uses: tuple[Quantity, ...]
    expr: Expr
    meaning: str
    source: str
    example: dict[str, float]
    function: Callable

    @cached_property
    def _numeric(self) -> Callable:
        return _compile(
            f"def equation({', '.join(q.name for q in self.uses)}):\n    return {_code(self.expr)}\n", "equation"
        )

    def __call__(self, values: Values) -> Any:
        """The result for `values` (scalars or arrays that broadcast, base units); constants need not be given."""
        given = (q.value if q.value is not None else values[q.name] for q in self.uses)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            return self._numeric(*given)

    def partial(self, name: str, values: Values) -> float:
        """The derivative of the result with respect to the quantity `name` at `values`, steps counted as flat."""
        return float(_value(_flat_derivative(self.expr, _symbol(name)), self.uses, values))

    @property
    def place(self) -> tuple[str, int]:
        """The file (relative to the project) and the line where the equation is written."""
        module = self.function.__module__.replace(".", "/")
        return f"{module}.py", self.function.__code__.co_firstlineno


def equation(*, source: str, example: dict[str, float], defines: str | None = None) -> Callable[[Callable], Equation]:
    """Make an equation of a documented function.

    `defines` names the quantity that it defines where alternatives need names of their own. Raises
    InputError when a name is not in the vocabulary, the example does not fit, or the units do not.
    """

    def define(function: Callable) -> Equation:
        name, uses = defines or function.__name__, list(inspect.signature(function).parameters)
        for each in (name, *uses):
            if each not in VOCABULARY:
                raise InputError(
                    f"equation {function.__name__}: no quantity is called {each!r}{near(each, VOCABULARY)}"
                )
        quantities = tuple(VOCABULARY[each] for each in uses)
        needed = {q.name for q in quantities if q.value is None} | {"gives"}
        if set(example) != needed:
            raise InputError(f"equation {function.__name__}: the example must give exactly {sorted(needed)}")
        with sp.evaluate(False):  # keep the order in which the author wrote it
            expr = _flat(sp.sympify(function(*(_symbol(each) for each in uses))))
        made = Equation(VOCABULARY[name], quantities, expr, inspect.getdoc(function) or "", source, example, function)
        _check_units(made)
        return made

    return define


def _flat(expr: Expr) -> Expr:
    """The expression without the brackets that only show how Python adds and multiplies in pairs."""
    args = [_flat(each) for each in expr.args]
    if isinstance(expr, (sp.Add, sp.Mul)):
        args = [inner for each in args for inner in (each.args if type(each) is type(expr) else (each,))]
    return expr.func(*args) if args else expr


def _symbol(name: str) -> sp.Symbol:
    return sp.Symbol(name, nonnegative=True)


class _ArrayPrinter(NumPyPrinter):
    """Code that broadcasts: sympy's own printer stacks the arguments of Max and Min, which must then have one shape."""

    def _pairwise(self, name: str, args: Sequence[Expr]) -> str:
        code = self._print(args[0])
        for each in args[1:]:
            code = f"np.{name}({code}, {self._print(each)})"
        return code

    def _print_Max(self, expr: Expr) -> str:  # noqa: N802
        return self._pairwise("maximum", expr.args)

    def _print_Min(self, expr: Expr) -> str:  # noqa: N802
        return self._pairwise("minimum", expr.args)

    def _print_Piecewise(self, expr: Expr) -> str:  # noqa: N802
        code = "np.nan"
        for value, condition in reversed(expr.args):
            always = condition is sp.true
            code = self._print(value) if always else f"np.where({self._print(condition)}, {self._print(value)}, {code})"
        return code

    def _print_Infinity(self, expr: Expr) -> str:  # noqa: N802
        return "np.inf"


def _code(expr: Expr) -> str:
    return _ArrayPrinter({"fully_qualified_modules": True}).doprint(expr).replace("numpy.", "np.")


def _compile(source: str, name: str) -> Callable:
    scope: dict[str, Any] = {"np": np}
    exec(compile(source, f"<{name}>", "exec"), scope)  # the text is printed from our own expressions, never from data
    return scope[name]


def _value(expr: Expr, uses: Sequence[Quantity], values: Values) -> Any:
    names = {_symbol(q.name): (q.value if q.value is not None else float(values[q.name])) for q in uses}
    return expr.subs(names).doit().evalf()


class _Extreme(sp.Function):
    """sympy's own Max and Min sort their arguments; these keep the order in which the author wrote them."""

    def _latex(self, printer: Any) -> str:
        return rf"\{self.word}\left({', '.join(printer._print(each) for each in self.args)}\right)"

    def doit(self, **hints: Any) -> Expr:
        """The value, where the arguments have one."""
        return self.plain(*(each.doit(**hints) for each in self.args))

    def fdiff(self, argindex: int = 1) -> Expr:
        """One for the argument that is taken (the first, where some tie), zero for the others."""
        before, this, after = self.args[: argindex - 1], self.args[argindex - 1], self.args[argindex:]
        ahead = [this > each if self.plain is sp.Max else this < each for each in before]
        level = [this >= each if self.plain is sp.Max else this <= each for each in after]
        return sp.Piecewise((1, sp.And(*ahead, *level)), (0, True))


class Max(_Extreme):
    """The largest of its arguments."""

    word, plain = "max", sp.Max


class Min(_Extreme):
    """The smallest of its arguments."""

    word, plain = "min", sp.Min


class _Step(sp.Function):
    """Stands for ceiling and floor while differentiating: flat wherever it has a derivative."""

    def fdiff(self, argindex: int = 1) -> Expr:
        return sp.Integer(0)


def _flat_derivative(expr: Expr, symbol: sp.Symbol) -> Expr:
    smooth = expr.replace(lambda e: isinstance(e, (sp.ceiling, sp.floor)), lambda e: _Step(e.args[0]))
    return sp.diff(smooth, symbol)


# --- units ---------------------------------------------------------------------------------------------------------


def _check_units(made: Equation) -> None:
    """Raise UnitError, naming the equation, unless its expression has the dimension of the quantity it defines."""
    known = {_symbol(q.name): units.unit(q.unit) for q in made.uses}
    where = f"equation {made.function.__name__}"
    found = _unit_of(made.expr, known, where)
    wanted = units.unit(made.defines.unit)
    if found is not None and found.dimensionality != wanted.dimensionality:
        raise units.UnitError(f"{where} gives {found:~} where {made.defines.name} is in {wanted:~}")


_CONDITIONS = (Relational, BooleanAtom, BooleanFunction)


def _unit_of(expr: Expr, known: Mapping[sp.Symbol, Any], where: str) -> Any:
    """The unit of `expr`, or None where any fits (zero and infinity)."""
    inner = [_unit_of(each, known, where) for each in expr.args if not isinstance(each, _CONDITIONS)]
    if expr.is_Symbol:
        return known[expr]
    if expr.is_number and not expr.free_symbols:
        return None if expr == 0 or expr in (sp.oo, -sp.oo) else units.unit("")
    if isinstance(expr, (sp.Add, Max, Min, sp.Piecewise, ExprCondPair)):
        for condition in (c for each in expr.args for c in each.atoms(Relational)):
            _alike([_unit_of(side, known, where) for side in condition.args], condition, where)
        return _alike(inner, expr, where)
    if isinstance(expr, sp.Mul):
        product = units.unit("")
        for each in (u for u in inner if u is not None):
            product = product * each
        return product
    if isinstance(expr, sp.Pow):
        return _unit_of_power(expr, inner, where)
    if isinstance(expr, (sp.ceiling, sp.floor)):
        return inner[0]
    if isinstance(expr, sp.log):
        return _unit_of_logarithm(expr, inner[0], where)
    if isinstance(expr, sp.exp) and inner[0].dimensionless:
        return inner[0]
    raise InputError(f"{where}: {type(expr).__name__} has no place in an equation")


def _alike(found: Sequence[Any], expr: Expr, where: str) -> Any:
    found = [each for each in found if each is not None]
    for each in found[1:]:
        if each.dimensionality != found[0].dimensionality:
            raise units.UnitError(f"{where} puts {found[0]:~} and {each:~} together in {expr}")
    return found[0] if found else None


def _unit_of_logarithm(expr: sp.log, inner: Any, where: str) -> Any:
    if inner is None or inner.dimensionless:
        return units.unit("")
    raise units.UnitError(f"{where} takes the logarithm of {inner:~} in {expr}")


def _unit_of_power(expr: sp.Pow, inner: Sequence[Any], where: str) -> Any:
    base, exponent = inner
    if expr.exp.is_number:
        return base ** float(expr.exp)
    if base.dimensionless and exponent.dimensionless:
        return base
    raise units.UnitError(f"{where} raises {base:~} to a power of unit {exponent:~} in {expr}")


# --- models --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Step:
    """One equation evaluated in a case: the values it used and its result, in base units."""

    equation: Equation
    values: dict[str, float]
    result: float


class Model:
    """An explicit tuple of equations, sorted so that each comes after what it needs.

    A quantity that the caller gives is not computed: a measured value overrides a modelled one.
    Raises InputError when two equations define the same quantity, or when they need each other in a circle.
    """

    def __init__(self, *equations: Equation) -> None:
        self.by_name: dict[str, Equation] = {}
        for each in equations:
            if self.by_name.setdefault(each.defines.name, each) is not each:
                raise InputError(f"two equations of the model define {each.defines.name}")
        self.equations = tuple(self.by_name[name] for name in self._sorted(self.by_name, given=()))

    def __getitem__(self, name: str) -> Equation:
        """The equation that defines the quantity `name`."""
        if name not in self.by_name:
            raise InputError(f"the model has no equation for {name!r}{near(name, self.by_name)}")
        return self.by_name[name]

    def __add__(self, more: Sequence[Equation] | Model) -> Model:
        """The model with `more` equations."""
        return Model(*self.equations, *(more.equations if isinstance(more, Model) else more))

    def _sorted(self, targets: Sequence[str] | Mapping, given: Sequence[str] | Mapping) -> list[str]:
        """The names to compute for `targets`, in order, when `given` are known."""
        order: list[str] = []
        open_names: list[str] = []

        def visit(name: str) -> None:
            if name in order or name in given or name not in self.by_name:
                return
            if name in open_names:
                raise InputError(f"the equations need each other in a circle: {' -> '.join([*open_names, name])}")
            open_names.append(name)
            for each in self.by_name[name].uses:
                visit(each.name)
            order.append(open_names.pop())

        for name in targets:
            visit(name)
        return order

    def inputs(self, *targets: str, given: Sequence[str] | Mapping = ()) -> list[str]:
        """The quantities that somebody must give to compute `targets` (all, if none is named), in order of use."""
        self._require_equations(targets, given)
        order = self._sorted(targets or self.by_name, given)
        used = (q.name for name in order for q in self.by_name[name].uses if q.value is None)
        return list(dict.fromkeys(name for name in used if name not in order))

    def independent(self, *targets: str, of: Iterable[str], given: Sequence[str] | Mapping = ()) -> list[str]:
        """The quantities computed for `targets`, in order, that do not depend on any quantity `of` the named."""
        touched, free = set(of), []
        for name in self._sorted(targets, given):
            if any(q.name in touched for q in self.by_name[name].uses):
                touched.add(name)
            else:
                free.append(name)
        return free

    def _require_equations(self, targets: Sequence[str], given: Sequence[str] | Mapping) -> None:
        for target in targets:
            if target not in given:
                self[target]

    def _require(self, values: Values, targets: Sequence[str]) -> None:
        missing = [name for name in self.inputs(*targets, given=values) if name not in values]
        if missing:
            raise InputError(f"{' and '.join(missing)} must be given to compute {' and '.join(targets)}")

    def trace(self, values: Values, *targets: str) -> list[Step]:
        """The steps that lead to `targets`, each with the values it used. Scalars or arrays, in base units."""
        self._require(values, targets or tuple(self.by_name))
        known, steps = dict(values), []
        for name in self._sorted(targets or self.by_name, given=values):
            made = self.by_name[name]
            known[name] = made(known)
            steps.append(Step(made, {q.name: known.get(q.name, q.value) for q in made.uses}, known[name]))
        return steps

    def evaluate(self, values: Values, *targets: str) -> dict[str, Any]:
        """`values` with every quantity that can be computed (or all that `targets` need) added."""
        return {**values, **{step.equation.defines.name: step.result for step in self.trace(values, *targets)}}

    def __call__(self, values: Values, target: str) -> Any:
        """The one quantity `target`."""
        return self.evaluate(values, target)[target]

    def elasticities(self, values: Values, target: str) -> dict[str, float]:
        """By how many per cent `target` moves when an input rises by one per cent, for each input it depends on.

        Exact derivatives, chained backwards through the equations; at a kink or step, those of one side.
        """
        steps = self.trace(values, target)
        known = {**values, **{step.equation.defines.name: step.result for step in steps}}
        slope = {target: 1.0}
        for step in reversed(steps):
            outer = slope.pop(step.equation.defines.name, 0.0)
            for q in step.equation.uses:
                if outer and q.value is None:
                    slope[q.name] = slope.get(q.name, 0.0) + outer * step.equation.partial(q.name, known)
        return {name: each * float(known[name]) / float(known[target]) for name, each in slope.items()}

    def compile(self, *targets: str, given: Sequence[str] = ()) -> Chain:
        """A fast function of arrays that computes `targets`; `given` names quantities not to compute."""
        inputs = self.inputs(*targets, given=given)
        order = self._sorted(targets, given)
        lines = [f"    {q.name} = {q.value!r}" for q in VOCABULARY.values() if q.value is not None]
        lines += [f"    {name} = {_code(self.by_name[name].expr)}" for name in order]
        text = f"def chain({', '.join(inputs)}):\n" + "\n".join(lines) + f"\n    return {', '.join(targets)},\n"
        return _chain(tuple(inputs), targets, text)


@dataclass(frozen=True)
class Chain:
    """A compiled chain of equations. `source` is the Python it runs, and what it is sent to other processes as."""

    inputs: tuple[str, ...]
    targets: tuple[str, ...]
    source: str
    function: Callable

    def __call__(self, values: Values) -> tuple[Any, ...]:
        """The targets for `values`, scalars or arrays in base units, in the order of `targets`."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return self.function(*(values[name] for name in self.inputs))

    def __reduce__(self) -> tuple:
        return _chain, (self.inputs, self.targets, self.source)


def _chain(inputs: tuple[str, ...], targets: tuple[str, ...], source: str) -> Chain:
    return Chain(inputs, targets, source, _compile(source, "chain"))
