"""The measured constants of one case, each as one number with its uncertainty.

A constant is a common value moved by shifts (`costlib.calibration`). Measurements of one kind of
deployment say what these come to together and little about each, so that what is quoted is their sum on the scale on
which they add up, with the variance of the sum: covariances included.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from costlib import calibration, data, serving, tracking
from costlib.calibration import COMMON, ERROR, PRIORS, SCATTER
from costlib.equations import Model
from costlib.serving import CONSTANTS

WIDTH = 1.645  # standard deviations on each side of the middle nine tenths of a normal distribution
MOVE = 0.01  # relative change with which the effect of a constant is measured


@tracking.derived
def covariance() -> np.ndarray:
    """Covariance of the columns of `calibration.committed` around the committed estimates, by Gauss and Newton.

    The scatter of shifts of a kind is what estimates and standard errors imply, as in the fit.
    """
    made = calibration.committed()
    _, rows, measured = calibration.measurements()
    design, size = made.design(rows), len(made.columns)
    logs = np.log(rows.predict(calibration.values(rows, design, made.estimate)))
    slopes = calibration.slopes(rows, design, made.estimate, logs)
    by_column = np.zeros((size + 1, rows.size))
    for name, places in design.items():
        for each in places:
            by_column[each, np.arange(rows.size)] += slopes[name]
    counted = by_column[:-1] * calibration.row_weights(rows) / ERROR**2
    normal = counted / np.sqrt(1 + ((np.log(measured) - logs) / ERROR) ** 2) @ by_column[:-1].T
    return np.linalg.inv(normal + np.diag(1 / _scatter() ** 2))


def _scatter() -> np.ndarray:
    made = calibration.committed()
    kinds = pd.Series([f"{name} {level}" for name, level, _ in made.columns])
    spread = pd.Series(made.estimate**2 + made.error**2).groupby(kinds).transform("mean") ** 0.5
    common = [level == COMMON[0] for _, level, _ in made.columns]
    prior = [PRIORS[name][1] for name, _, _ in made.columns]
    return np.where(common, prior, np.clip(spread, *SCATTER))


def terms(name: str, engine: str, gpu: str) -> list[int]:
    """Where the common value and the shifts of `name` for this case stand among the committed columns."""
    about = data.row("accelerators", gpu)
    groups = {"engine": engine, **{level: about[level] for level in ("vendor", "generation", "link")}}
    groups["port"] = serving.port(engine, groups["vendor"])
    keys = [(name, *COMMON), *((name, level, groups[level]) for level in PRIORS[name][2])]
    place = calibration.committed().place
    return [place[key] for key in keys if key in place]


def of_case(equations: Model, values: dict[str, Any], *, engine: str, gpu: str, target: str) -> pd.DataFrame:
    """The constants that `target` feels in this case, the strongest first: one row each.

    Columns: ``value``, ``low`` and ``high`` of its 90% interval, ``alone_low`` and ``alone_high`` of the interval if
    nothing were known of how its terms go together, ``terms`` (how many it is made of), ``effect`` (per cent by which
    `target` moves with one per cent of it), and ``places`` of its terms in `covariance`. Settings of the engine that
    replace a constant are left out.
    """
    found, spread, made = [], covariance(), calibration.committed()
    middle = equations(values, target)
    for name in (each for each in CONSTANTS if each in values):
        value, places = float(values[name]), terms(name, engine, gpu)
        effect = (equations({**values, name: value * (1 + MOVE)}, target) / middle - 1) / MOVE
        scaled = calibration.link(name, np.float64(PRIORS[name][0])) + made.estimate[places].sum()
        fitted = np.isclose(calibration.unlink(name, scaled), value, rtol=1e-6)
        if abs(effect) < 1e-6 or not fitted:
            continue
        together = np.sqrt(spread[np.ix_(places, places)].sum())
        apart = np.sqrt(np.diag(spread)[places].sum())
        ends = [scaled + sign * WIDTH * width for width in (together, apart) for sign in (-1, 1)]
        row = (name, value, *(float(calibration.unlink(name, end)) for end in ends), len(places), float(effect), places)
        found.append(row)
    columns = ["constant", "value", "low", "high", "alone_low", "alone_high", "terms", "effect", "places"]
    table = pd.DataFrame(found, columns=columns).set_index("constant")
    return table.loc[table["effect"].abs().sort_values(ascending=False).index]


def confounded(table: pd.DataFrame) -> tuple[str, str, float]:
    """The two constants of `of_case` that trade off against each other most, and their correlation."""
    spread = covariance()
    sums = np.array([[spread[np.ix_(a, b)].sum() for b in table["places"]] for a in table["places"]])
    scale = np.sqrt(np.diag(sums))
    related = sums / np.outer(scale, scale)
    np.fill_diagonal(related, 0.0)
    first, second = np.unravel_index(np.abs(related).argmax(), related.shape)
    return str(table.index[first]), str(table.index[second]), float(related[first, second])
