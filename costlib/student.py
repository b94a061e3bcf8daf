"""Notebooks for students: the exercises stay, what solves them goes, and each has a place for an answer."""

from __future__ import annotations

import re
from typing import Any

SOLVES = "solution-"  # how the name of a cell begins that computes or shows a solution


def student(notebook: dict[str, Any]) -> dict[str, Any]:
    """The notebook (as JSON) without its solutions: in the place of each, cells to answer in."""
    cells = [each for cell in notebook["cells"] for each in _kept(cell)]
    return {**notebook, "cells": cells}


def _kept(cell: dict[str, Any]) -> list[dict[str, Any]]:
    if not cell["id"].startswith(SOLVES):
        return [cell]
    shown = re.search(r'book\.solution\("([\w-]+)"', "".join(cell["source"]))
    if not shown:
        return []  # it only computes what the next cell shows
    name = f"answer-{cell['id'].removeprefix(SOLVES)}"
    asked = {"cell_type": "markdown", "id": name, "metadata": {}, "source": f"Your answer to `{shown[1]}`:"}
    empty = {"execution_count": None, "metadata": {}, "outputs": [], "source": "# your computation"}
    return [asked, {"cell_type": "code", "id": f"{name}-code", **empty}]
