"""Questions that check themselves: an option opens to say whether it is right, or which mistake leads to it.

They need no script: each option is a disclosure, which keyboards, screen readers and printers know.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

TITLE = "Check yourself"
SAID = {True: "**Right.**", False: "**Not this.**"}  # what the reply begins with
_CLASSES = {True: "right", False: "wrong"}


@dataclass(frozen=True)
class Option:
    """One answer to choose: what it says, why it is right or which mistake leads to it, and whether it is right."""

    text: str
    reply: str
    right: bool


def options(question: str, right: str, because: str, wrong: Mapping[str, str]) -> list[Option]:
    """The answers to `question` in an order that depends on nothing but their texts.

    `wrong` gives for each wrong answer the mistake that leads to it. A mistake that makes no difference in the case at
    hand, because its answer reads like the right one or like another, is left out.
    """
    found = {right: Option(right, because, right=True)}
    for text, mistake in wrong.items():
        found.setdefault(text, Option(text, mistake, right=False))
    return sorted(found.values(), key=lambda each: hashlib.sha256(f"{question}|{each.text}".encode()).digest())


def myst(question: str, answers: Iterable[Option]) -> str:
    """The question for the book, as MyST."""
    shown = (
        f"````{{dropdown}} {each.text}\n:class-container: answer {_CLASSES[each.right]}\n\n"
        f"{SAID[each.right]} {each.reply}\n````"
        for each in answers
    )
    return "\n\n".join([f":::::{{admonition}} {TITLE}\n:class: check\n\n{question}", *shown]) + "\n:::::"


def read(text: str) -> tuple[str, list[Option]] | None:
    """The question and its answers from what `myst` has written; None from any other text."""
    asked = re.match(rf":::::{{admonition}} {TITLE}\n:class: check\n\n(.*?)\n\n````", text, flags=re.S)
    pattern = r"````\{dropdown\} (.*)\n:class-container: answer (\w+)\n\n\*\*.*?\*\* (.*)\n````"
    answers = [Option(each, reply, kind == _CLASSES[True]) for each, kind, reply in re.findall(pattern, text)]
    return (asked[1], answers) if asked else None
