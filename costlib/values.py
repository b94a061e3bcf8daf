"""Values as people give them to a run, in YAML: one number, name, true, false or null each, and nothing inside another.

YAML reads some numbers as nobody else does: 010 as 8, 1:30 as 90, 1_000 as 1000, and the word `no` as false. Here these
stay texts, which a parameter that must be a number then refuses.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any

import yaml
from yaml import events

from costlib import sheets
from costlib.errors import InputError

_WORDS = {"null": None, "~": None, "": None, "true": True, "false": False}
_ENDLESS = re.compile(r"[+-]?\.inf|\.nan", re.IGNORECASE)
_LEADING_ZERO = re.compile(r"[+-]?0[0-9]")
_MOST_DIGITS = 40  # of a whole number; more are a float
_ONE = "must be one number, one name, true, false or null; a text with marks stands in quotes"


def scalar(text: str, place: str) -> Any:
    """The value that `text` is. Raises InputError, naming `place`, where it is none or more than one."""
    found = list(_flat(text, place, most=2))
    if not found:
        return None
    if len(found) > 1 or not isinstance(found[0], events.ScalarEvent):
        raise InputError(f"{place}: the value {_ONE}")
    return _value(found[0])


def mapping(text: str, place: str) -> dict[str, Any]:
    """The values by name in `text`. Raises InputError, naming `place`, line and name, for anything else."""
    found = _flat(text, place)
    if not isinstance(next(found, None), events.MappingStartEvent):
        raise InputError(f"{place} must give values by name, a line each, such as batch: 16")
    given: dict[str, Any] = {}
    for name in found:
        line = f"{place}, line {name.start_mark.line + 1}"
        if isinstance(name, events.MappingEndEvent):
            continue  # nothing may follow, and what does is told
        if not isinstance(name, events.ScalarEvent):
            raise InputError(f"{line}: a name must be one word")
        if name.value in given:
            raise InputError(f"{line}: {name.value!r} is given a second time")
        value = next(found)
        if not isinstance(value, events.ScalarEvent):
            raise InputError(f"{line}: {name.value!r} {_ONE}")
        given[name.value] = _value(value)
    return given


def _flat(text: str, place: str, most: int | None = None) -> Iterator[yaml.Event]:
    """What YAML finds in `text`, piece by piece, at most `most` pieces; tags, anchors and aliases are refused."""
    frame = (events.StreamStartEvent, events.StreamEndEvent, events.DocumentStartEvent, events.DocumentEndEvent)
    documents = 0
    try:
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            documents += isinstance(event, events.DocumentStartEvent)
            marked = getattr(event, "anchor", None) or getattr(event, "tag", None)
            if documents > 1 or marked:
                what = "a second document" if documents > 1 else f"the mark {marked!r}"
                raise InputError(f"{place}, line {event.start_mark.line + 1}: {what} is not allowed: values are plain")
            if not isinstance(event, frame):
                yield event
                if most is not None and (most := most - 1) == 0:
                    return
    except yaml.YAMLError as error:
        raise InputError(f"{place}: the value cannot be read: {' '.join(str(error).split())}") from error


def _value(event: events.ScalarEvent) -> Any:
    """What one piece of text stands for; what is in quotes stands for itself."""
    text = event.value
    if not event.implicit[0]:
        return text
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    if _ENDLESS.fullmatch(text):
        return float(text.replace(".", ""))
    if _LEADING_ZERO.match(text) or not re.fullmatch(sheets.NUMBER, text):
        return text
    if text.lstrip("+-").isdecimal() and len(text) <= _MOST_DIGITS:
        return int(text)
    return float(text) if math.isfinite(float(text)) else text  # nobody means infinity by 1e999
