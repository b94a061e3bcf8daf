"""What a task costs rather than a token: benchmark runs beside the price of a token, and what more reasoning adds."""

from __future__ import annotations

import numpy as np
import pandas as pd

from costlib import data, history
from costlib.equations import Model
from costlib.models import trends

EFFORTS = {"none": 0, "low": 1, "default": 2, "medium": 2, "high": 3, "32k": 4}  # from little reasoning to much
LAUNCH_DAYS = 31  # a price first known so soon after a run is that of the launch


def runs() -> pd.DataFrame:
    """What benchmark runs cost per task, `task_usd`, beside the mixed price of a token at their developers then, `usd`.

    `reasons` says whether the model reasoned first; `label` names a run for people. Only runs whose price is known.
    """
    frame = data.table("run_costs").assign(reasons=lambda rows: rows["effort"] != "none")
    frame = frame.assign(day=pd.to_datetime(frame["date"])).sort_values("day")
    own = history.named().assign(day=lambda rows: pd.to_datetime(rows["date"])).sort_values("day", kind="stable")
    prices = own[["day", "api_model", "usd", "name"]]
    then = pd.merge_asof(frame, prices, on="day", by="api_model")
    soon = pd.merge_asof(
        frame, prices, on="day", by="api_model", direction="forward", tolerance=pd.Timedelta(days=LAUNCH_DAYS)
    )
    priced = then.fillna(soon[["usd", "name"]]).dropna(subset=["usd"])
    given = {each: priced[each].to_numpy(float) for each in ("run_usd", "tasks", "solved_share")}
    cost = Model(*trends.EQUATIONS).evaluate(given, "solved_task_usd")
    effort = [
        "" if each == "none" else ", reasoning" if each == "default" else f", {each}" for each in priced["effort"]
    ]
    return priced.assign(
        task_usd=cost["task_usd"], solved_task_usd=cost["solved_task_usd"], label=priced["name"] + effort
    ).reset_index(drop=True)  # fmt: skip


def efforts(found: pd.DataFrame) -> pd.DataFrame:
    """What the most reasoning costs over the least, per task, for each model of `runs` that ran both at one price."""
    rows = []
    for _, same in found.groupby(["api_model", "usd"]):
        ordered = same.assign(rank=same["effort"].map(EFFORTS)).sort_values("rank")
        least, most = ordered.iloc[0], ordered.iloc[-1]
        if most["rank"] > least["rank"]:
            what = f"{least['name']}, reasoning {least['effort']} to {most['effort']}"
            rows.append({"what": what, "ratio": most["task_usd"] / least["task_usd"]})
    return pd.DataFrame(rows, columns=["what", "ratio"])


def spread_at_like_price(found: pd.DataFrame, within: float = 2.0) -> float:
    """How far apart the costs of a task are at most between `runs` whose prices of a token are `within` a factor."""
    price, cost = np.log(found["usd"].to_numpy()), np.log(found["task_usd"].to_numpy())
    alike = np.abs(price[:, np.newaxis] - price) <= np.log(within)
    return float(np.exp(np.where(alike, cost[:, np.newaxis] - cost, 0.0).max()))
