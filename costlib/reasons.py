"""A decision in words: what to do, what each way costs or why it is ruled out, how sure that is, what changes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from costlib import advice, data, decision, figures, prices, tiers, units
from costlib.advice import Advice, Confidence, Flip
from costlib.decision import KIND_OF, Case, Costs
from costlib.quantities import quantity

KIND_NAMES = {"api": "an API", "hosting": "hosting all of it", "hybrid": "a hybrid", "": "no way at all"}
COLORS = {"api": "api", "hosting": "self", "hybrid": "decode", "": "idle"}


@dataclass(frozen=True)
class Names:
    """What the parts of a decision are called: the model, its GPUs, the API and who else sells the model."""

    model: str
    gpus: str
    api: str
    host: str

    @classmethod
    def of(cls, run: Any, about: Case, words: dict[str, str]) -> Names:
        """The names for a run whose model and GPUs are called as in `cases.words`."""
        api = data.row("api_models", run.api_model)["api_model_name"]
        seller = prices.offer(run.api_model, run.provider)["provider"]
        sold = api if prices.sells_own(seller, run.api_model) else f"{api} from {prices.provider_name(seller)}"
        return cls(words["model_name"], words["gpu_count"], sold, f"{words['model_name']} from {about.host}")

    def way(self, way: str) -> str:
        """A way for people."""
        return {
            "api": self.api, "host": self.host,
            "rented": "hosting on rented GPUs", "owned": "hosting on GPUs of your own",
            "hybrid": "a hybrid on rented GPUs", "hybrid_owned": "a hybrid on GPUs of your own",
        }[way]  # fmt: skip

    def overflow(self, about: Case) -> str:
        """The API that takes what exceeds the replicas of a hybrid."""
        price = decision.overflow_price(about, about.values)
        cheaper = "host" not in about.refused and float(about.values["host_usd_per_token"]) <= float(price)
        return self.host if cheaper else self.api


def do(names: Names, about: Case, found: Costs, way: str) -> str:
    """What to do, as an order: "buy GPT-4.1"; "keep 2 replicas ... and leave the rest, ..., to ..."."""
    if not way:
        return "nothing meets these conditions"
    if KIND_OF[way] == "api":
        return f"buy {names.way(way)}"
    whose = "of your own" if way in decision.OWNED else "rented"
    if KIND_OF[way] == "hosting":
        return f"host {names.model} for the whole load, each replica on {names.gpus}, {whose}"
    kept = found.replicas[way][0]
    count = f"{kept[-1]:,.0f}" if kept[0] == kept[-1] else f"{kept[0]:,.0f}, in the end {kept[-1]:,.0f},"
    many, each = ("replica", "") if kept[-1] == 1 else ("replicas", " each")
    rest = found.bought[way][0].sum() / decision.volumes(about).sum()
    return (
        f"keep {count} {many} of {names.model} on {names.gpus}{each}, {whose}, and leave the rest, {_share(rest)} of"
        f" the tokens, to {names.overflow(about)}"
    )


def _share(share: float) -> str:
    return "less than 0.1%" if share < 0.001 else f"{share:.1%}"


def usd(amount: float) -> str:
    """An amount for people."""
    return quantity("present_usd").quote(amount)


def per_month(about: Case, amount: float) -> str:
    """An amount over the horizon as what it is a month, on average."""
    return f"{usd(amount / about.months)} a month"


def months(about: Case) -> str:
    """The horizon for people."""
    return "one month" if about.months == 1 else f"{about.months} months"


def why(about: Case, found: Costs, way: str) -> str:
    """Why a way is ruled out; nothing if it is not."""
    if way in about.refused:
        return about.refused[way]
    if np.isfinite(found.usd[way][0, -1]):
        return ""
    return f"{_hours(float(found.work[way][0, -1]))} of work a month, and the team has {_hours(about.team)}"


def _hours(share: float) -> str:
    return f"{units.number(share / units.base_factor('hour/month'))} hours"


def options(names: Names, about: Case, found: Costs) -> list[tuple[str, ...]]:
    """Every way with its cost per month and over the horizon, its hours of work, and how it compares or why it fails.

    What only the reader's conditions rule out has the cost that it would have without them.
    """
    free = decision.costs(about.free())
    least = min((float(each[0, -1]) for each in found.usd.values()), default=np.inf)
    rows = []
    for way in KIND_OF:
        reason = why(about, found, way)
        costs = free if reason else found
        cost = float(costs.usd[way][0, -1]) if way in costs.usd else np.inf
        known, work = np.isfinite(cost), costs.work.get(way)
        word = "cheapest" if cost == least else f"{units.number(cost / least)} times the cheapest"
        amounts = (usd(cost / about.months), usd(cost)) if known else ("", "")
        hours = _hours(float(work[0, -1])) if known and work is not None else ""
        rows.append((_named(names, about, way), *amounts, hours, f"ruled out: {reason}" if reason else word))
    return rows


def _named(names: Names, about: Case, way: str) -> str:
    return names.way(way) if way != "host" or about.host else f"{names.model} from a host"


def ruled_out(names: Names, about: Case, found: Costs) -> str:
    """Which ways are ruled out and why, one sentence; that none is where none is."""
    reasons: dict[str, list[str]] = {}
    for way in KIND_OF:
        reason = why(about, found, way)
        if reason:
            reasons.setdefault(reason, []).append(_named(names, about, way))
    said = [f"{_listed(ways)} ({reason})" for reason, ways in reasons.items()]
    return f"Ruled out: {'; '.join(said)}." if said else "No condition rules anything out."


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def compared(names: Names, about: Case, found: Advice) -> str:
    """How the cheapest way compares with the cheapest of another kind."""
    if not found.way:
        return ""
    if not found.other:
        return "Nothing of another kind is possible."
    other = names.way(found.other)
    if found.ahead < advice.NEAR:
        return (
            f"{other[0].upper()}{other[1:]} would cost only {found.ahead:.1%} more, so that other reasons may decide."
        )
    much = f"{found.ahead:.0%} more" if found.ahead < 1 else f"{units.number(1 + found.ahead)} times as much"
    return f"The cheapest of another kind, {other}, costs {much}: {per_month(about, found.other_usd)}."


def sure(found: Advice, how: Confidence) -> str:
    """How sure the kind of the answer is, one sentence; nothing where there is no answer."""
    if not found.kind:
        return ""
    cheapest, near = how.cheapest[found.kind], how.near[found.kind]
    word = "sure" if cheapest >= 0.9 else "likely, not sure" if cheapest >= 0.7 else "open"
    also = f", and in {near:.0%} within {advice.NEAR:.0%} of the cheapest" if near - cheapest >= 0.005 else ""
    name = KIND_NAMES[found.kind]
    return f"That {name} is the cheapest is {word}: so it is in {cheapest:.0%} of {how.draws:,} draws{also}."


# --- distances -------------------------------------------------------------------------------------------------------


def flip(each: Flip) -> str:
    """The nearer of the changes of one input in words; that it never changes the answer where it does not."""
    if not np.isfinite(each.distance):
        return f"no change of the {each.label} alone"
    down = bool(each.down) and 1 / each.down <= each.up
    kind = each.low if down else each.high
    what = f"makes {KIND_NAMES[kind]} the cheapest" if kind else "leaves no way at all"
    return f"{'dividing' if down else 'multiplying'} the {each.label} by {units.number(each.distance)} {what}"


def nearest(found: Sequence[Flip]) -> str:
    """The nearest change of all, the start of a sentence."""
    first = found[0]
    if not np.isfinite(first.distance):
        return f"No input alone changes the kind of the answer, multiplied or divided by up to {advice.REACH:g}"
    return f"The nearest change: {flip(first)}"


def never(found: Sequence[Flip]) -> str:
    """Which inputs do not change the answer within their reach, one sentence."""
    labels = [f"the {each.label}" for each in found if not np.isfinite(each.distance)]
    if not labels:
        return "Every input changes it somewhere within its range."
    if len(labels) == len(found):
        return ""
    return f"Within the range shown it never changes with {_listed(labels)} alone."


def distances(found: Sequence[Flip]) -> list[tuple]:
    """Rows for `figures.distances`: label, reach, and below and above one a factor, what it changes to, and a color."""
    short = {"api": "API", "hosting": "hosting", "hybrid": "hybrid", "": "none"}
    return [
        (
            each.label,
            each.reach,
            *((f, short[kind], COLORS[kind]) for f, kind in ((each.down, each.low), (each.up, each.high))),
        )
        for each in found
    ]


# --- over the volume -------------------------------------------------------------------------------------------------


def curves(names: Names, about: Case, volumes: np.ndarray) -> tuple[list[figures.Line], list[figures.Point], Costs]:
    """What the ways cost per month at each of `volumes` (tokens per second), as lines; and their costs.

    Hosting and the hybrid are each drawn at their cheaper way; what the reader's conditions rule out is left out. A
    line that ends early has its name at a point at its end.
    """
    found = decision.costs(about, {"demand_tokens_per_second": volumes})
    short = {"api": names.api.partition(" from ")[0], "host": about.host}
    drawn = {
        (short[way], "api", way == "host"): found.usd[way][:, -1]
        for way in decision.KINDS["api"] if way in found.usd
    } | {(kind, COLORS[kind], False): found.of_kind(kind)[:, -1] for kind in ("hosting", "hybrid")
         if any(way in found.usd for way in decision.KINDS[kind])}  # fmt: skip
    lines, ends = [], []
    for (label, color, dashed), usd in drawn.items():
        y, last = np.where(np.isfinite(usd), usd, np.nan) / about.months, np.flatnonzero(np.isfinite(usd))
        if last.size:
            early = last[-1] < len(volumes) - 1
            lines.append(figures.Line("" if early else label, y, color, dashed))
            x = float(volumes[last[-1]]) * decision.MONTH / 1e9
            ends += [figures.Point(label, x, float(y[last[-1]]), color, hollow=True, offset=(7, -12))] if early else []
    return lines, ends, found


def regions(found: Costs, volumes: np.ndarray) -> str:
    """Which kind is the cheapest over which of `volumes`, in words."""
    kinds = found.kinds()[:, -1]
    turns = np.flatnonzero(np.diff(kinds)) + 1
    named = [KIND_NAMES[list(decision.KINDS)[place]] if place >= 0 else KIND_NAMES[""] for place in kinds[[0, *turns]]]
    if not turns.size:
        return f"{named[0]} at every volume drawn"
    parts = [f"{name} from {tiers.volume(volumes[turn])} on" for name, turn in zip(named[1:], turns, strict=True)]
    if len(parts) > 3:
        return f"{named[0]} at first and {named[-1]} from {tiers.volume(volumes[turns[-1]])} on, with changes between"
    return f"{named[0]} at first, {_listed(parts)}"


def without_hosts(about: Case) -> Case:
    """The same case if the model's other sellers are left out."""
    refused = {**about.refused, "host": "hosts are not wanted"}
    if "api" in refused:
        refused |= {way: refused.get(way, "there is no API that may take the rest") for way in decision.KINDS["hybrid"]}
    return replace(about, refused=refused)
