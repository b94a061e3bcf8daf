"""Numbers, parallel layouts and loads as people write them: ``"2k"``, ``"TP8 DP8"``, ``"QPS 4 (500 requests)"``."""

from __future__ import annotations

import functools
import math
import re
from dataclasses import dataclass

_NUMBER = r"[-+]?(?:(?:[0-9]{1,3}(?:[,_][0-9]{3})+|[0-9]+)(?:\.[0-9]*)?|\.[0-9]+)(?:e[-+]?[0-9]+)?"
_AMONG_WORDS = rf"[a-z/ :=~≈_-]*?(?<![a-z])({_NUMBER})(?:\s*([km])(?![a-z])|(?=[a-z]{{2}}|[^a-z]|$))[a-z/ _-]*"
_SCALE = {None: 1.0, "k": 1e3, "m": 1e6}


@functools.lru_cache(maxsize=100_000)
def number(text: str) -> float:
    """The one number in `text`, among words and before brackets; nan where there is none, or another sign or digit.

    A comma groups thousands, as an underscore does; where it stands otherwise, it might be a decimal comma.

    >>> number("1,000"), number("1e3"), number("2k"), number("2048 tokens"), number("~15"), number("many")
    (1000.0, 1000.0, 2000.0, 2048.0, 15.0, nan)
    >>> number("1,5"), number("1 000"), number("1/2"), number("50%"), number("0x10")
    (nan, nan, nan, nan, nan)
    """
    found = re.fullmatch(_AMONG_WORDS, re.sub(r"\([^()]*\)", "", text.lower()).strip())
    return float(re.sub("[,_]", "", found[1])) * _SCALE[found[2]] if found else math.nan


def between(text: str) -> tuple[float, float] | None:
    """The ends of a range such as ``"128-1024"`` or ``"100 to 200"``; None for any other text."""
    found = re.fullmatch(rf"\s*({_NUMBER}\s*k?)\s*(?:-|–|to|\.\.+)\s*({_NUMBER}\s*k?)(?:\s*[a-z]+)?\s*", text.lower())
    return (number(found[1]), number(found[2])) if found else None


@dataclass(frozen=True)
class Layout:
    """How a model is spread over GPUs: ways of each kind of parallelism, nan where the text does not say.

    `copies`: whole copies of the model. `cores`: the text counts cores of the chips, which all work as one
    tensor-parallel group. `wide`: experts are spread over an unnamed number of GPUs. `speculative`: the text mentions
    speculative decoding. `unread`: there is a text, and it says none of this.
    """

    tensor: float = math.nan
    pipeline: float = math.nan
    data: float = math.nan
    expert: float = math.nan
    copies: float = math.nan
    cores: bool = False
    wide: bool = False
    speculative: bool = False
    unread: bool = False


@functools.lru_cache(maxsize=100_000)
def layout(text: str) -> Layout:
    """The layout that a text such as ``"8"``, ``"TP4 PP2"``, ``"DEP8"`` or ``"2 replica(s) x TP1 PP1"`` names."""
    low = text.lower()
    wide, speculative = "wide" in low, bool(re.search(SPECULATIVE, low))
    if re.search(r"neuroncore|logical core", low):
        return Layout(cores=True)
    if not low or "not stated" in low or "max" in low:
        return Layout(wide=wide)
    ways = {name: _after(name, low) for name in ("tp", "pp", "dp", "dep", "ep")}
    plain = number(low) if all(math.isnan(way) for way in ways.values()) and not wide else math.nan
    copies = re.search(r"(?<![0-9.,])([0-9]+)\s*replica", low)
    expert = ways["ep"] if math.isnan(ways["dep"]) else ways["dep"]
    nothing = all(map(math.isnan, (plain, *ways.values()))) and not (copies or wide or speculative)
    return Layout(
        tensor=plain if math.isnan(ways["tp"]) else ways["tp"],
        pipeline=ways["pp"],
        data=ways["dp"],
        expert=expert,
        copies=float(copies[1]) if copies else math.nan,
        wide=wide,
        speculative=speculative,
        unread=nothing,
    )


SPECULATIVE = r"eagle|medusa|\bmtp|draft|speculat|\bspec\b"


def _after(name: str, text: str) -> float:
    found = re.search(rf"(?<![a-z]){name}[\s=:_-]*([0-9]+)(?![0-9]|[.,][0-9])", text)
    return float(found[1]) if found else math.nan


@dataclass(frozen=True)
class Load:
    """What asks for tokens: `kind` as in `costlib.configs`, its number, and the requests of the test.

    `per_gpu`: the number counts for each GPU. `tokens`: it counts tokens, not sequences.
    """

    kind: str = ""
    value: float = math.nan
    requests: float = math.nan
    per_gpu: bool = False
    tokens: bool = False


_WORDS = (("interactive", "interactive"), ("offline", "offline"), ("server", "server"))


@functools.lru_cache(maxsize=100_000)
def load(text: str) -> Load:
    """The load that a text names: a batch or concurrency, requests at once, a rate, or as much as it takes."""
    low = text.lower()
    if "mlperf" in low or low in {"offline", "server", "interactive"}:
        return next((Load(kind) for word, kind in _WORDS if word in low), Load())
    if re.search(r"\bmax|saturat|all requests queued|unlimited", low):
        return Load("max")
    value, within = number(low), re.search(r"\(([^()]*)\)", low)
    if re.search(r"qps|req(uest)?s?\s*/\s*s|rps|request rate|per second", low):
        requests = number(within[1]) if within else math.nan
        if re.search(r"\binf", low):
            return Load("burst", requests, requests)
        return Load("rate", value, requests)
    if re.search(r"at once|burst|simultaneous", low):
        return Load("burst", value, value)
    each = bool(re.search(r"(/|per )\s*(gpu|device|card|chip|rank)", low))
    return Load("batch" if not math.isnan(value) else "", value, per_gpu=each, tokens=bool(re.search(r"\btok", low)))
