"""Names as people write them, and the rows of the tables that they stand for.

A pattern of `data/aliases.csv` is a few words. It fits a name that has all of them, each at a place of its own, in any
order; of the patterns that fit, the one with the most letters wins. The key and the name of every row are patterns too.
Nothing is guessed: what no pattern fits, or two fit equally well, is not read.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

from costlib import data
from costlib.errors import near

TABLES = {"model": "models", "gpu": "accelerators", "precision": "precisions", "engine": "engines"}


@dataclass(frozen=True)
class Match:
    """The row a name stands for: its key, a note on what the name left open; or, with no key, why it was not read."""

    key: str = ""
    note: str = ""
    reason: str = ""


def spelled(text: str) -> str:
    """A name as its words in lower case between single spaces: letters and numbers apart, sizes such as 80gb together.

    >>> spelled("NVIDIA-H100_80GB HBM3"), spelled("meta-llama/Llama-3.1-8B")
    (' nvidia h 100 80gb hbm 3 ', ' meta llama llama 3.1 8b ')
    """
    words = re.findall(r"\d+(?:\.\d+)?|[^\W\d_]+", text.lower().replace("+", " plus "))
    return re.sub(r"(?<= )([\d.]+) (gb|b|m)(?= )", r"\1\2", f" {' '.join(words)} ")


@functools.cache
def _named(kind: str) -> list[tuple[str, Match]]:
    """Every pattern of a kind and what it stands for: keys, names for people, and aliases."""
    rows = data.table(TABLES[kind])
    aliases = data.table("aliases")
    aliases = aliases[aliases["kind"] == kind].fillna("")
    return [
        *((key, Match(key)) for key in rows.index),
        *((name, Match(key)) for key, name in rows[rows.columns[1]].items()),
        *((pattern, Match(*found)) for pattern, *found in aliases[["pattern", "key", "note"]].itertuples(index=False)),
    ]


@functools.cache
def _whole(kind: str) -> dict[str, Match]:
    """What each pattern stands for when it is the whole name; of several, the last of `_named`."""
    return {spelled(pattern): found for pattern, found in _named(kind)}


@functools.cache
def _patterns(kind: str) -> list[tuple[int, tuple[str, ...], Match]]:
    """Letters, words and match of every pattern of a kind, the one with the most letters first."""
    found = [(tuple(map(spelled, pattern.split())), match_) for pattern, match_ in _named(kind)]
    lettered = [(sum(len(word.replace(" ", "")) for word in words), words, match_) for words, match_ in found]
    return sorted(lettered, key=lambda each: -each[0])


@functools.lru_cache(maxsize=100_000)
def match(kind: str, text: str) -> Match:
    """The row of the table of `kind` (a key of `TABLES`) that `text` stands for."""
    name = spelled(text)
    if name in _whole(kind):
        return _whole(kind)[name]
    best: dict[str, Match] = {}
    most = 0
    for letters, words, found in _patterns(kind):
        if letters < most:
            break
        if _fits(words, name):
            best, most = {found.key: found, **best}, letters
    if len(best) > 1:
        return Match(reason=f"{text!r} can be read as {' or as '.join(best)}")
    if best:
        return next(iter(best.values()))
    return Match(reason=f"{text!r} is not known{near('_'.join(name.split()), data.table(TABLES[kind]).index)}")


def _fits(words: tuple[str, ...], name: str) -> bool:
    if not all(word in name for word in words):
        return False
    for word in words:  # each word uses up its place
        before, found, after = name.partition(word)
        if not found:
            return False
        name = f"{before} | {after}"
    return True
