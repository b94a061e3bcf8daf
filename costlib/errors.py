"""The errors that are the reader's to mend: each names the place, and what would be allowed there."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class InputError(ValueError):
    """A wrong parameter, name, row or file. The command line prints it without a traceback."""


def near(name: str, known: Iterable[str]) -> str:
    """The names in `known` that someone who wrote `name` may have meant, as the end of an error message."""
    known = list(known)
    parts = [each for each in known if name and (name in each or each in name)]
    guesses = list(dict.fromkeys(parts[:4] + difflib.get_close_matches(name, known, n=4, cutoff=0.5)))[:4]
    return f"; did you mean {' or '.join(guesses)}?" if guesses else ""
