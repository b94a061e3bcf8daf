"""Tables that only grow: rows are added at the end of a file, all of them or none, and what stood there still does."""

from __future__ import annotations

import csv
import io
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from costlib import data
from costlib.errors import InputError


def append(name: str, rows: Sequence[Mapping[str, str]]) -> None:
    """Add `rows` (texts by column; a missing column is empty) to table `name`.

    The new file is written beside the old one, validated, and put in its place in one step, so that whatever stops
    this leaves the old file as it was. Raises InputError, naming the rows, when the table would not be sound with them
    (a key that it has already, a value out of range), or when somebody else changed it meanwhile.
    """
    about = data.package()[name]
    before = about.path.read_bytes()
    text = io.StringIO()
    writer = csv.DictWriter(text, list(about.fields), lineterminator="\n")
    writer.writerows({field: row.get(field, "") for field in about.fields} for row in rows)
    handle, beside = tempfile.mkstemp(dir=about.path.parent, prefix=f".{about.path.stem}-", suffix=".csv")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(before.removesuffix(b"\n") + b"\n" + text.getvalue().encode("utf-8"))
            file.flush()
            os.fsync(file.fileno())
        problems = data.invalid(name, Path(beside))
        if problems:
            raise InputError("\n".join(["nothing is added:", *problems]))
        shutil.copymode(about.path, beside)
        if about.path.read_bytes() != before:
            raise InputError(f"nothing is added: data/{about.path.name} was changed meanwhile; run this again")
        os.replace(beside, about.path)
    finally:
        Path(beside).unlink(missing_ok=True)
    data.forget()
