"""What other prices change in the book: its answers from one vintage of the price tables beside those from another."""

from __future__ import annotations

import math
import multiprocessing
import os
import shutil
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from costlib import (
    book,
    cases,
    data,
    economics,
    execute,
    fingerprints,
    freshness,
    horizons,
    prices,
    sheets,
    tiers,
    units,
)
from costlib.errors import InputError

SAME = 1e-9  # relative; prices and answers closer than this are the same
PER_MILLION, PER_HOUR = units.base_factor("USD/megatoken"), units.base_factor("USD/hour/GPU")

# --- the answers of one vintage ---------------------------------------------------------------------------------------


def answers(folder: Path | None = None) -> dict[str, Any]:
    """Prices in force and what the chapters conclude from them, from the tables of `folder`, without own quotes.

    `offers`, `rents`, `traffic`: prices by their names for people; `cases`: by name the answers of the default
    parameters and of each scenario. With `folder`, in a process of its own.
    """
    os.environ.pop(fingerprints.QUOTES, None)
    if folder:
        data.use(folder)
    scenarios = {path.stem: execute.scenario(path.stem) for path in sorted(execute.SCENARIOS.glob("*.yml"))}
    return {
        "day": freshness.day(), "offers": dict(_offers()), "rents": dict(_rents()), "traffic": dict(_traffic()),
        "cases": {name: _case(given) for name, given in {"default": {}, **scenarios}.items()},
    }  # fmt: skip


def _offers() -> Iterator[tuple[str, float]]:
    names = data.table("api_models")["api_model_name"]
    for _, row in prices.offers().iterrows():
        for kind in prices.KINDS:
            if not np.isnan(row[kind]):
                who = prices.provider_name(row["provider"])
                yield f"{names[row['api_model']]} from {who}, {kind.replace('_', ' ')}", float(row[kind])


def _rents() -> Iterator[tuple[str, tuple[float, int]]]:
    for gpu, contract in sorted(set(data.table("gpu_rental_prices").groupby(["gpu", "contract"]).groups)):
        try:
            rows = prices.rental_rows(gpu, contract)
        except InputError:  # only indexes know it
            continue
        name = f"{data.row('accelerators', gpu)['gpu_name']}, {prices.CONTRACTS[contract]}"
        yield name, (float(prices.rental(gpu, contract)) / PER_HOUR, len(rows))


def _traffic() -> Iterator[tuple[str, float]]:
    for _, row in prices.egress_rows().iterrows():
        yield f"{row['provider']}, {prices.ROUTE_WORDS[row['route']]}", float(row["usd_per_gigabyte"])


def _case(given: Mapping[str, Any]) -> dict[str, Any]:
    """What the chapters answer for a case: costs and break-even, who is cheapest, over which horizon; or why not."""
    own = {name: {**book.parameters(name), **_known(name, given)} for name in ("scale_tiers", "horizons")}
    run = own["scale_tiers"]
    try:
        equations, values = tiers.case(**cases.in_base(run))
        found = equations.evaluate(values, "api_usd_per_token", "self_usd_per_token")
        price = float(found["api_usd_per_token"])
        stairs = economics.staircase(equations, values)
        mix = {name: run[name] for name in ("input_tokens", "output_tokens")}
        sold = tiers.rivals(run["model"], run["api_model"], price, run["provider"], run["vintage"], **mix)
        costs = horizons.present_costs(*horizons.case(**cases.in_base(own["horizons"])), max(horizons.SPANS))
    except InputError as error:
        return {"unknown": str(error)}
    like = sold[sold["like"]]
    return {
        "about": _about(run), "rent": float(values["usd_per_gpu_second"]) / PER_HOUR, "api": price / PER_MILLION,
        "hosting": float(found["self_usd_per_token"]) / PER_MILLION, "break_even": float(stairs.first_win(price)),
        "winner": "hosting" if found["self_usd_per_token"] < price else _api_name(run),
        "cheapest": sold.loc[sold["usd_per_token"].idxmin(), "label"],
        "cheapest_like": like.loc[like["usd_per_token"].idxmin(), "label"] if len(like) else "nobody",
        "horizons": {horizons.SPANS[months]: horizons.WAYS[way] for months, way in horizons.cheapest(costs).items()},
    }  # fmt: skip


def _known(notebook: str, given: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if name in book.parameters(notebook)}


def _api_name(run: Mapping[str, Any]) -> str:
    return str(data.row("api_models", run["api_model"])["api_model_name"])


def _about(run: Mapping[str, Any]) -> str:
    volume = tiers.volume(cases.in_base({"tokens_per_month": run["tokens_per_month"]})["demand_tokens_per_second"])
    hosted = f"{data.row('models', run['model'])['model_name']} on {data.row('accelerators', run['gpu'])['gpu_name']}"
    return f"{hosted} or {_api_name(run)}, {volume}"


# --- vintages ---------------------------------------------------------------------------------------------------------


def lay_out(vintage: str, folder: Path) -> Path:
    """Write into `folder` the tables of a vintage: a day ("2026-05-01"), a price table, or a folder of such tables.

    What is not given is as in the book. Raises InputError for what is none of these.
    """
    shutil.copytree(data.package()["api_token_prices"].path.parent, folder, ignore=shutil.ignore_patterns(".*"))
    given = Path(vintage)
    if given.is_dir():
        found = [path for path in given.glob("*.csv") if path.stem in freshness.TABLES]
        if not found:
            raise InputError(f"{vintage} has none of the price tables {', '.join(freshness.TABLES)}")
        for path in found:
            shutil.copy(path, folder / path.name)
    elif given.is_file():
        shutil.copy(given, folder / f"{_table_of(given)}.csv")
    else:
        day = freshness.day(vintage)
        for name in freshness.TABLES:
            head, *lines = (folder / f"{name}.csv").read_text("utf-8").splitlines(keepends=True)
            known = zip(lines, data.table(name)["date"] <= day, strict=True)
            (folder / f"{name}.csv").write_text(head + "".join(line for line, kept in known if kept), "utf-8")
    return folder


def _table_of(path: Path) -> str:
    """Which price table a file is, by the names of its columns."""
    columns = sheets.head(path)
    for name in freshness.TABLES:
        if set(data.package()[name].key) <= set(columns) and set(columns) <= set(data.package()[name].fields):
            return name
    raise InputError(f"{path} is no price table: its columns are {', '.join(columns)}")


def diff(old: str, new: str) -> str:
    """What the vintage `new` changes against `old`, in words. Each is computed in a process of its own."""
    with TemporaryDirectory() as scratch:
        folders = [lay_out(each, Path(scratch) / str(place)) for place, each in enumerate((old, new))]
        with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
            before, after = pool.map(answers, folders)
        rewritten = list(_rewritten(*folders))
    return f"From {old} to {new}{says(before, after, rewritten)}"


def _rewritten(old: Path, new: Path) -> Iterator[str]:
    """Rows that the older tables have and the newer ones lack or state otherwise, though such tables only grow."""
    for name in freshness.TABLES:
        lines = [(folder / f"{name}.csv").read_text("utf-8").splitlines() for folder in (old, new)]
        kept = set(lines[1])
        yield from (f"data/{name}.csv: {line}" for line in lines[0] if line not in kept)


# --- words ------------------------------------------------------------------------------------------------------------


def says(before: Mapping[str, Any], after: Mapping[str, Any], rewritten: list[str]) -> str:
    """What differs between two `answers`, in words that go on from the names of the two."""
    parts = {
        "Prices of tokens, USD per million": _moved(before["offers"], after["offers"]),
        "Rent, USD per GPU-hour, median of the quotes": _moved(
            *({name: price for name, (price, _) in each["rents"].items()} for each in (before, after))
        ),
        "Traffic, USD per GB": _moved(before["traffic"], after["traffic"]),
        "What the book answers": [
            line for name, each in after["cases"].items() for line in _case_words(name, before["cases"][name], each)
        ],
        "Rows of the older tables that the newer ones lack or state otherwise": rewritten,
    }
    title = f", prices known up to {before['day']} and {after['day']}"
    lines = [line for name, some in parts.items() if some for line in ("", f"{name}:", *(f"  {one}" for one in some))]
    return "\n".join([f"{title}:", *lines]) if lines else f"{title}: nothing changed."


def _moved(before: Mapping[str, float], after: Mapping[str, float]) -> list[str]:
    """Prices that moved, the largest change first, then those that came and went."""
    both = [name for name in after if name in before and not math.isclose(before[name], after[name], rel_tol=SAME)]
    both.sort(key=lambda name: -abs(math.log(max(after[name], 1e-9) / max(before[name], 1e-9))))
    lines = [f"{name}: {_change(before[name], after[name])}" for name in both]
    lines += [f"{name}: new, {after[name]:.4g}" for name in after if name not in before]
    return lines + [f"{name}: no longer counted, was {before[name]:.4g}" for name in before if name not in after]


def _change(old: float, new: float) -> str:
    share = f" ({new / old - 1:+.0%})" if old > 0 else ""
    return f"{old:.4g} to {new:.4g}{share}"


_COSTS = {
    "rent": "rent, USD per GPU-hour",
    "api": "the API, USD per million tokens",
    "hosting": "hosting, USD per million tokens",
}
_FIRST = {
    "winner": "cheaper at this volume",
    "cheapest": "cheapest of all offers shown",
    "cheapest_like": "cheapest seller of the hosted model",
}


def _case_words(name: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    """What changed in the answers of one case, a line each under its name."""
    if before == after:
        return
    if "unknown" in before or "unknown" in after:
        known, reason = ("only now", before) if "unknown" in before else ("no longer", after)
        yield f"{name}: answered {known}; {reason['unknown']}"
        return
    yield f"{name} ({after['about']}):"
    for field, words in _COSTS.items():
        if not math.isclose(before[field], after[field], rel_tol=SAME):
            yield f"  {words}: {_change(before[field], after[field])}"
    old, new = before["break_even"], after["break_even"]
    if old != new and not math.isclose(old, new, rel_tol=SAME):
        yield f"  break-even moved: {_break_even(old)} before, {_break_even(new)} now{_share(old, new)}"
    for field, words in _FIRST.items():
        if before[field] != after[field]:
            flipped = "FLIPPED, " if field == "winner" else ""
            yield f"  {flipped}{words}: {after[field]} instead of {before[field]}"
    for span, way in after["horizons"].items():
        if before["horizons"][span] != way:
            yield f"  FLIPPED, cheapest over {span}: {way} instead of {before['horizons'][span]}"


def _break_even(found: float) -> str:
    return "hosting never wins" if math.isinf(found) else f"hosting wins from {tiers.volume(found)} on"


def _share(old: float, new: float) -> str:
    return f" ({new / old - 1:+.0%})" if math.isfinite(old) and math.isfinite(new) else ""
