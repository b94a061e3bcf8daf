"""Units: the book's own small registry, and the one way in and the one way out.

Inside the library every number is in coherent base units (byte, second, FLOP, token, USD, GPU); people quote
gigabytes, milliseconds and USD per GPU-hour. `to_base` brings a quoted number in, `quote` takes one out.
Token, FLOP, USD and GPU are dimensions of their own, so that a forgotten batch or GPU count is a unit error.
"""

from __future__ import annotations

import functools
import math
import re

import pint

from costlib.errors import InputError

_DEFINITIONS = """
kilo- = 1e3 = k-
mega- = 1e6 = M-
giga- = 1e9 = G-
tera- = 1e12 = T-
peta- = 1e15 = P-
exa- = 1e18 = E-
milli- = 1e-3 = m-
micro- = 1e-6 = µ-
nano- = 1e-9 = n-
kibi- = 2**10 = Ki-
mebi- = 2**20 = Mi-
gibi- = 2**30 = Gi-
second = [time] = s
minute = 60 * second = min
hour = 60 * minute = h
day = 24 * hour
year = 365 * day
month = year / 12
byte = [information] = B
bit = byte / 8
FLOP = [operation]
token = [token]
USD = [currency]
GPU = [gpu]
watt = [power] = W
watt_hour = watt * hour = Wh
request = []
"""


def _registry() -> pint.UnitRegistry:
    registry = pint.UnitRegistry(None, cache_folder=None)
    registry.load_definitions(_DEFINITIONS.strip().splitlines())
    return registry


REGISTRY = _registry()


class UnitError(InputError):
    """A unit that is unknown, or that does not fit where it stands."""


@functools.cache
def unit(text: str) -> pint.Unit:
    """The unit written as `text`, such as ``"byte/s/GPU"``; the empty text is a pure number.

    Raises UnitError, naming the text, when the registry does not know it.
    """
    try:
        return REGISTRY.Unit(text or "dimensionless")
    except Exception as error:  # pint's parser raises whatever Python's does, an AssertionError or a TokenError too
        raise UnitError(f"unknown unit {text!r}") from error


@functools.cache
def base_factor(text: str) -> float:
    """How many coherent base units one `text` is: ``base_factor("gigabyte") == 1e9``."""
    return float(REGISTRY.Quantity(1, unit(text)).to_base_units().magnitude)


def same_dimension(one: str, other: str) -> bool:
    """Whether two units measure the same kind of thing."""
    return unit(one).dimensionality == unit(other).dimensionality


def convert(value: float, given: str, wanted: str) -> float:
    """`value` of unit `given`, expressed in `wanted`. Raises UnitError when they measure different things."""
    if not same_dimension(given, wanted):
        raise UnitError(f"cannot express {given!r} in {wanted!r}")
    return value * base_factor(given) / base_factor(wanted)


def to_base(value: float, given: str) -> float:
    """`value` of unit `given` in coherent base units: ``to_base(80, "gigabyte") == 80e9``."""
    return value * base_factor(given)


_COUNTS = [(1e12, "trillion"), (1e9, "billion"), (1e6, "million"), (1.0, "")]
_LARGE = [(1e18, "E"), (1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")]
_SMALL = [(1.0, ""), (1e-3, "m"), (1e-6, "µ"), (1e-9, "n")]
_PREFIXES = {
    "kilo": "k", "mega": "M", "giga": "G", "tera": "T", "peta": "P", "exa": "E", "milli": "m", "micro": "µ",
    "nano": "n", "kibi": "Ki", "mebi": "Mi", "gibi": "Gi",
}  # fmt: skip
_SHORT = {"byte": "B", "second": "s", "hour": "h"}


def _prefix(magnitude: float, head: str) -> tuple[float, str]:
    """The SI prefix in which a number headed by `head` reads best; a pure number takes a word where it is large."""
    steps = {"byte": _LARGE, "FLOP": _LARGE, "s": _SMALL, "": _COUNTS}.get(head, [])
    for factor, prefix in steps:
        if magnitude >= factor * 0.9995:
            return factor, prefix
    return (1.0, "") if head != "s" or magnitude == 0 else _SMALL[-1]


def number(value: float, digits: int = 3) -> str:
    """A number as people write it: `digits` significant digits, thousands grouped, no exponent below 1e15."""
    if not math.isfinite(value):
        return "not a number" if math.isnan(value) else "∞" if value > 0 else "−∞"
    if value == int(value) and abs(value) < 1e6:
        return f"{int(value):,}"
    if abs(value) >= 1e15 or abs(value) < 1e-6:
        return f"{value:.{digits - 1}e}"
    decimals = digits - 1 - math.floor(math.log10(abs(float(f"{value:.{digits - 1}e}"))))
    return f"{value:,.{max(decimals, 0)}f}"


def quote(value: float, base: str, wanted: str | None = None, digits: int = 3) -> tuple[str, str]:
    """A base-unit value as (number, unit) for people: ``quote(3.35e12, "byte/s") == ("3.35", "TB/s")``.

    `wanted` names the unit to quote in (``"%"`` for a share); without it bytes, FLOP and seconds take the SI prefix
    that fits and all else stays as it is.
    """
    if wanted == "%":
        return number(100 * value, digits), "%"
    if wanted:
        amount = convert(value, base, wanted)
        counted = _COUNTS if wanted.startswith("token") else _COUNTS[-1:]
        factor, word = next(((f, w) for f, w in counted if abs(amount) >= 0.9995 * f), (1.0, ""))
        return number(amount / factor, digits), f"{word} {_label(wanted)}".strip()
    head, slash, rest = base.partition("/")
    factor, prefix = _prefix(abs(value), head) if math.isfinite(value) else (1.0, "")
    plural = "s" if head in ("token", "GPU") and value != 1 else ""
    return number(value / factor, digits), prefix + _label(head) + plural + slash + _label(rest)


def steps(base: str, wanted: str | None = None) -> tuple[float, list[tuple[float, str]]]:
    """How `quote` writes values of a unit, for scripts that quote live values.

    How many base units one of the unit is; and, largest first, from how many of it on it is divided by that and takes
    which label. Plurals of ``"token"`` and ``"GPU"`` are left to the caller.
    """
    if wanted == "%":
        return 0.01, [(1.0, "%")]
    if wanted:
        words = _COUNTS if wanted.startswith("token") else _COUNTS[-1:]
        return base_factor(wanted) / base_factor(base), [(f, f"{w} {_label(wanted)}".strip()) for f, w in words]
    head, slash, rest = base.partition("/")
    prefixes = {"byte": [*_LARGE, (1.0, "")], "FLOP": [*_LARGE, (1.0, "")], "s": _SMALL, "": _COUNTS}
    return 1.0, [(f, p + _label(head) + slash + _label(rest)) for f, p in prefixes.get(head, [(1.0, "")])]


_WORDS = {
    "USD/megatoken": "USD per million tokens", "USD/hour/GPU": "USD per GPU-hour", "token/month": "tokens per month",
    "USD/month": "USD per month", "USD/hour": "USD per hour", "hour/month": "hours per month", "1/month": "per month",
    "hour/month/GPU": "hours per month and GPU", "1/year": "per year", "USD/kilowatt_hour": "USD per kWh",
    "USD/kilowatt/month": "USD per kW and month", "USD/GB/month": "USD per GB and month", "hour": "hours",
    "month": "months", "year": "years",
}  # fmt: skip


def _label(text: str) -> str:
    if text in _WORDS:
        return _WORDS[text]
    for long, short in _SHORT.items():
        text = re.sub(f"({'|'.join(_PREFIXES)})?{long}", lambda m, short=short: _PREFIXES.get(m[1], "") + short, text)
    return text.replace("**2", "²").replace("*", "·")
