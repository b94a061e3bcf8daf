"""Prices for a usage log: what each provider asked for each model from which day on, in whole pico-USD per token."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import pandas as pd

from costlib import data, prices, sheets, tracking
from costlib.errors import InputError, near

# OpenTelemetry's names of providers, current and former, where they are not ours.
PROVIDERS = {
    "gcp.gemini": "google", "gcp.gen_ai": "google", "gcp.vertex_ai": "google", "gemini": "google",
    "vertex_ai": "google", "mistral_ai": "mistral", "x_ai": "xai", "moonshot_ai": "moonshotai", "z_ai": "zai",
}  # fmt: skip
COLUMNS = ("date", "provider", "api_model", "kind", "usd_per_million_tokens")
MOST = 2000  # USD per million tokens
_AMOUNT = f"a plain number of USD from 0 to {MOST:,} with at most six decimals, such as 1.25"
_VERSION = re.compile(r"[-@](\d{4}-?\d{2}-?\d{2}|latest|preview)$")


def keys(provider: str, name: str, known: set[tuple[str, str]]) -> tuple[str | None, str | None]:
    """The provider and model of our tables that a log calls `provider` and `name`; both None where none is `known`.

    An empty provider stands for the model's developer. A name may carry its vendor before a slash and a version, such
    as a day, at its end.
    """
    seller = PROVIDERS.get(provider.lower(), re.sub(r"\W", "_", provider.lower()))
    model = name.lower().rpartition("/")[2]
    for text in (name, model, _VERSION.sub("", model)):
        for each in (text, re.sub(r"\W", "_", text)):
            if (seller, each) in known:
                return seller, each
    return None, None


def periods(own: Path | str | None = None) -> pd.DataFrame:
    """What holds from which day on: `provider`, `model`, `valid_from`, and whole pico-USD per token of each kind.

    A price holds until its kind has a newer one. A kind that has none yet is taken at full price, and cached input of
    a batch job gets both discounts; `cached_listed` and `batch_listed` say where the list itself has the price. Rows
    of the file `own` replace those of the book for their provider and model.
    """
    if own is None:
        return _listed()
    rows, theirs = _rows(), _own(Path(str(own)))
    given = set(zip(theirs["provider"], theirs["api_model"], strict=True))
    kept = [pair not in given for pair in zip(rows["provider"], rows["api_model"], strict=True)]
    return _table(pd.concat([rows[kept], theirs]))


def _rows() -> pd.DataFrame:
    return data.table("api_token_prices")[list(COLUMNS)].astype({"usd_per_million_tokens": object})


@tracking.question
def pairs(own: str | None = None) -> list[tuple[str, str]]:
    """The providers and models of which `periods` has prices."""
    listed = periods(own)
    return sorted(set(zip(listed["provider"], listed["model"], strict=True)))


@tracking.question
def of(wanted: Sequence[tuple[str, str]], own: str | None = None) -> pd.DataFrame:
    """The rows of `periods` of the providers and models in `wanted`."""
    listed, chosen = periods(own), {tuple(each) for each in wanted}
    named = zip(listed["provider"], listed["model"], strict=True)
    return listed[[pair in chosen for pair in named]].reset_index(drop=True)


@tracking.derived
def _listed() -> pd.DataFrame:
    return _table(_rows())


def _table(rows: pd.DataFrame) -> pd.DataFrame:
    """The periods of the prices in `rows`; an empty provider stands for each model's developer."""
    rows = rows.assign(pico=[_pico(*each) for each in rows.itertuples(index=False)])
    found = [each for pair, of in rows.groupby(["provider", "api_model"]) for each in _periods(pair, of)]
    models = set(data.table("api_models").index)
    found += [
        {**each, "provider": ""}
        for each in found
        if each["model"] in models and prices.sells_own(each["provider"], each["model"])
    ]
    return pd.DataFrame(found).sort_values(["provider", "model", "valid_from"], ignore_index=True)


def _periods(pair: tuple[str, str], rows: pd.DataFrame) -> list[dict]:
    """One entry for each day on which a price of one offer changed, once input and output are known."""
    wide = rows.pivot(index="date", columns="kind", values="pico").sort_index().reindex(columns=prices.KINDS).ffill()
    found = []
    for date, row in wide.dropna(subset=["input", "output"]).iterrows():
        price = {kind: int(value) for kind, value in row.items() if not pd.isna(value)}
        cached = price.get("cached_input", price["input"])
        batch_input = price.get("batch_input", price["input"])
        both = round(Decimal(cached) * batch_input / price["input"]) if price["input"] else 0
        found.append({
            "provider": pair[0], "model": pair[1], "valid_from": pd.Timestamp(date),
            "input_pico": price["input"], "cached_pico": cached, "output_pico": price["output"],
            "batch_input_pico": batch_input, "batch_cached_pico": both,
            "batch_output_pico": price.get("batch_output", price["output"]),
            "cached_listed": "cached_input" in price, "batch_listed": "batch_input" in price,
        })  # fmt: skip
    return found


def _pico(date: str, provider: str, model: str, kind: str, usd: float | str) -> int:
    """A price in USD per million tokens as whole pico-USD per token. Raises InputError where it is finer than that."""
    pico = Decimal(str(usd)) * 10**6 if float(usd) else Decimal(0)
    if pico != int(pico):
        raise InputError(f"price of {provider} {model} {kind} on {date}: {usd} has more than six decimals")
    return int(pico)


def _own(path: Path) -> pd.DataFrame:
    """The reader's own prices. Raises InputError naming file, line and field of the first mistake."""
    head, rows = sheets.read(path)
    for column in COLUMNS:
        if column not in head:
            raise InputError(f"{path} has no column {column}{near(column, head)}")
    for problem in sheets.ragged(head, rows):
        raise InputError(f"{path}, {problem}")
    found: dict[tuple[str, ...], str] = {}
    for line, row in rows:
        given = dict(zip(head, map(str.strip, row), strict=True))
        for field, sound, allowed in (
            ("date", sheets.is_day(given["date"]), "a day such as 2026-06-30"),
            ("provider", given["provider"], "a name"), ("api_model", given["api_model"], "a name"),
            ("kind", given["kind"] in prices.KINDS, f"one of {', '.join(prices.KINDS)}"),
            ("usd_per_million_tokens", _amount(given["usd_per_million_tokens"]), _AMOUNT),
        ):  # fmt: skip
            if not sound:
                raise InputError(f"{path}, line {line}, field {field}: {given[field]!r} must be {allowed}")
        key = tuple(given[column] for column in COLUMNS[:-1])
        if key in found:
            raise InputError(f"{path}, line {line}: a second price of the same kind on the same day")
        found[key] = given[COLUMNS[-1]]
    return pd.DataFrame([(*key, price) for key, price in found.items()], columns=list(COLUMNS), dtype="object")


def _amount(text: str) -> bool:
    value = sheets.number(text)
    return 0 <= value <= MOST and (value == 0 or Decimal(text) * 10**6 % 1 == 0)
