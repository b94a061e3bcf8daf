"""What came of a grid: its points, what each said, and which failed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from costlib import axes, execute, fingerprints

KEPT = execute.BUILD / "cache" / "points"  # what finished points said, and what that rests on


@dataclass(frozen=True)
class Point:
    """One combination of parameters, and where its notebook goes, which is kept only if it fails."""

    notebook: str
    given: dict[str, Any]
    output: Path

    @property
    def kept(self) -> Path:
        """The file of what it said."""
        return KEPT / self.notebook / f"{fingerprints.of_value(self.given)[:32]}.json"

    def __str__(self) -> str:
        """The parameters, as a person would give them."""
        return ", ".join(f"{name}={_plain(value)}" for name, value in self.given.items())


def _plain(value: Any) -> str:
    return f"{value:.{axes.DIGITS}g}" if isinstance(value, float) else str(value)


@dataclass(frozen=True)
class Grid:
    """What came of a grid: what each point said and which failed, by the point's place."""

    notebook: str
    axes: list[axes.Axis]
    points: list[Point]
    said: Mapping[int, dict[str, dict[str, Any]]]
    failures: Mapping[int, str]
    folder: Path

    def table(self) -> pd.DataFrame:
        """A row per point: its parameters, then what it said, ``name [unit]`` in base units, then its error."""
        known = self.results()
        rows = []
        for index, point in enumerate(self.points):
            found = {head: self.said.get(index, {}).get(name, {}).get("value") for name, head in known.items()}
            rows.append({**point.given, **found, "error": self.failures.get(index, "").partition("\n")[0]})
        return pd.DataFrame(rows)

    def results(self) -> dict[str, str]:
        """The names of everything that some point said, with their heads in the table, in the order of the notebook."""
        named = {axis.name for axis in self.axes}
        found = {
            name: each["unit"]
            for _, said in sorted(self.said.items())
            for name, each in said.items()
            if name not in named
        }
        return {name: f"{name} [{unit}]" if unit else name for name, unit in found.items()}

    def told(self) -> str:
        """The points that failed, each with its parameters and its error."""
        return "\n\n".join(f"{self.points[index]}:\n{failure}" for index, failure in sorted(self.failures.items()))
