"""Names as people write them, and the rows of the tables that they stand for.

A pattern of `data/aliases.csv` is a few words. It fits a name that has all of them, each at a place of its own, in any
order; of the patterns that fit, the one with the most letters wins. The key and the name of every row are patterns too.
A pattern without a key turns away every name that it fits, such as a laptop's GPU under the name of the desktop's.
Nothing is guessed: what no pattern fits, or two fit equally well, is not read.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

from costlib import data, tracking
from costlib.errors import near

TABLES = {"model": "models", "gpu": "accelerators", "precision": "precisions", "engine": "engines"}


@dataclass(frozen=True)
class Match:
    """The row a name stands for: its key, a note on what the name left open; or, with no key, why it was not read."""

    key: str = ""
    note: str = ""
    reason: str = ""


def spelled(text: str) -> str:
    """A name as its words in lower case between single spaces: letters and numbers apart, sizes together.

    >>> spelled("8xNVIDIA-H100_80GB HBM3"), spelled("mistralai/Mixtral-8x7B-Instruct-v0.1")
    (' 8 x nvidia h 100 80gb hbm 3 ', ' mistralai mixtral 8x7b instruct v 0.1 ')
    """
    parted = re.sub(r"(?<=\d)x(?=[a-z])", " x ", text.lower().replace("+", " plus "))
    words = re.findall(r"\d+(?:\.\d+)?|[^\W\d_]+", parted)
    sizes = re.sub(r"(?<= )([\d.]+) (gb|b|m|k)(?= )", r"\1\2", f" {' '.join(words)} ")
    return re.sub(r"(?<= )(\d+) x ([\d.]+[bm])(?= )", r"\1x\2", sizes)


@tracking.derived
def _named(kind: str) -> list[tuple[str, Match, bool]]:
    """Every pattern of a kind, what it stands for, and whether it is an alias: keys, names for people, and aliases.

    A GPU's name counts without its memory too.
    """
    rows = data.table(TABLES[kind])
    names = list(rows[rows.columns[1]].items())
    names += [(key, re.sub(r" \d+ GB", "", name)) for key, name in names] if kind == "gpu" else []
    aliases = data.table("aliases")
    aliases = aliases[(aliases["kind"] == kind) & aliases["key"].notna()].fillna("")
    return [
        *((key, Match(key), False) for key in rows.index),
        *((name, Match(key), False) for key, name in names),
        *((pattern, Match(key, note), True) for pattern, key, note in zip(*(aliases[f] for f in _ALIAS), strict=True)),
    ]


_ALIAS = ("pattern", "key", "note")


@tracking.derived
def _whole(kind: str) -> dict[str, Match]:
    """What each pattern stands for when it is the whole name; aliases first, and none that two rows share."""
    found: dict[tuple[bool, str], dict[str, Match]] = {}
    for pattern, match_, alias in _named(kind):
        found.setdefault((alias, spelled(pattern)), {})[match_.key] = match_
    return {name: next(iter(some.values())) for (_, name), some in sorted(found.items()) if len(some) == 1}


@tracking.derived
def _patterns(kind: str) -> list[tuple[tuple[int, bool], tuple[str, ...], Match]]:
    """Rank (letters, then aliases first), words and match of every pattern of a kind, the highest rank first."""
    found = []
    for pattern, match_, alias in _named(kind):
        words = _words(pattern)
        found.append(((sum(len(word.replace(" ", "")) for word in words), alias), words, match_))
    return sorted(found, key=lambda each: each[0], reverse=True)


@tracking.derived
def _refused(kind: str) -> list[tuple[tuple[str, ...], str]]:
    """The words and the note of every pattern without a key."""
    aliases = data.table("aliases")
    aliases = aliases[(aliases["kind"] == kind) & aliases["key"].isna()]
    return [(_words(pattern), note) for pattern, note in zip(aliases["pattern"], aliases["note"], strict=True)]


def _words(pattern: str) -> tuple[str, ...]:
    return tuple(map(spelled, re.sub(r"(\d) (?=GB\b|B\b)", r"\1", pattern).split()))


def match(kind: str, text: str) -> Match:
    """The row of the table of `kind` (a key of `TABLES`) that `text` stands for.

    A key stands for its own row unless it is an alias too, as INT8 is for weights alone.
    """
    for table in (TABLES[kind], "aliases"):
        tracking.read(table)  # whoever asks rests on them, also where the match is known from before
    return _match(kind, text)


@functools.lru_cache(maxsize=100_000)
def _match(kind: str, text: str) -> Match:
    if text in data.table(TABLES[kind]).index and f"{kind}|{text}" not in data.table("aliases").index:
        return Match(text)
    name = spelled(text)
    for words, note in _refused(kind):
        if _fits(words, name):
            return Match(reason=f"{text!r} is not in the table: {note}")
    if name in _whole(kind):
        return _whole(kind)[name]
    best: dict[str, Match] = {}
    highest = (0, False)
    for rank, words, found in _patterns(kind):
        if rank < highest:
            break
        if _fits(words, name):
            best, highest = {found.key: found, **best}, rank
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
