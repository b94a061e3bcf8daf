"""The audit: every claim of the article, the value that answers it, and the verdict that follows from the two.

`data/claims.csv` says what is claimed and how it can be tested; `article` and `statements` compute the values, one
function per chapter. Nothing here knows a single claim.
"""

from __future__ import annotations

import inspect
import math

import pandas as pd

from costlib import article, data, quotes, statements, tracking, verdicts


@tracking.derived
@quotes.set_aside()
def answers() -> pd.DataFrame:
    """Our `value` for every claim that a chapter answers, in the claim's unit, and that `chapter`; indexed by claim.

    `low` and `high` are the ends of the value where it is an assumption with a range, else the value itself.
    """
    found: dict[str, tuple[float, str]] = {}
    for chapter in sorted(path.stem for path in (data.ROOT / "notebooks").glob("*.ipynb")):
        for module in (article, statements):
            answer = getattr(module, chapter, None)
            if inspect.isfunction(answer):  # a module of that name may have been imported there
                found |= {claim: (float(value), chapter) for claim, value in answer().items()}
    frame = pd.DataFrame.from_dict(found, orient="index", columns=["value", "chapter"]).sort_index()
    spans = pd.DataFrame.from_dict(statements.spans(), orient="index", columns=["low", "high"])
    frame = frame.join(spans)
    return frame.assign(low=frame["low"].fillna(frame["value"]), high=frame["high"].fillna(frame["value"]))


def table() -> pd.DataFrame:
    """All claims with `value`, `chapter`, `verdict` and `factor_off`, in the order of `data/claims.csv`.

    The verdict on a claim that nothing answers yet is empty.
    """
    found = data.table("claims").join(answers())
    known = found["value"].notna() | found["needed"].notna()
    judged = [
        verdicts.verdict(row, row["value"], row["low"], row["high"]) if known[claim] else ("", math.nan)
        for claim, row in found.iterrows()
    ]
    return found.assign(verdict=[each[0] for each in judged], factor_off=[each[1] for each in judged])


def unanswered() -> list[str]:
    """Claims that could be checked and that no chapter answers."""
    found = table()
    return list(found.index[found["verdict"] == ""])


def export() -> pd.DataFrame:
    """The audit as a table for others: id, value, unit, verdict, factor_off and chapter of every claim."""
    found = table()
    unit = found["unit"].where(found["test"].isna(), "").fillna("")
    columns = {"id": found.index, "value": found["value"], "unit": unit, "verdict": found["verdict"]}
    return pd.DataFrame({**columns, "factor_off": found["factor_off"], "chapter": found["chapter"].fillna("")})
