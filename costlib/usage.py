"""Usage logs: a request per row under OpenTelemetry's GenAI names, each priced as on its day, in whole pico-USD.

DuckDB reads parquet, CSV and OTLP-JSON, checks each row and prices it. Sums of integers are exact, so every way of
splitting the bill adds up to it. A row that cannot be priced keeps its number and the reason; none is dropped.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pandas as pd

from costlib import logfile, price_list, sheets
from costlib.errors import InputError, near
from costlib.logfile import quoted, text

PICO = 10**12  # pico-USD in a USD
MOST_TOKENS = 10**9  # of one request; more is taken for a mistake
COPY = "same span as an earlier row"  # the one reason that leaves nothing out: the request itself is priced
NONE = "(none)"  # stands for a user or product that the log does not give

TIERS = {"": False, "auto": False, "default": False, "standard": False, "batch": True}  # name: whether a batch job
SPLITS = ("day", "product", "user", "provider", "model", "batch")


@dataclass(frozen=True)
class Unpriced:
    """Rows without a price: why, how many, their tokens as far as they can be read, and the numbers of the first."""

    reason: str
    rows: int
    tokens: int
    first: tuple[int, ...]


class Log:
    """A log whose rows are checked and priced. `source` is its name for people; `ignored` rows were no requests."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, source: str, ignored: int) -> None:
        self._connection, self.source, self.ignored = connection, source, ignored

    def query(self, sql: str) -> list[tuple]:
        """Rows of a query on the table `requests`, whole numbers as Python's, which have no largest one."""
        return self._connection.execute(sql).fetchall()

    @property
    def rows(self) -> int:
        """All rows that are requests, priced or not."""
        return self.query("SELECT count(*) FROM requests")[0][0]

    @property
    def total(self) -> int:
        """Cost of all priced rows, in pico-USD."""
        return self.query("SELECT coalesce(sum(pico), 0) FROM requests")[0][0]

    def by(self, *split: str) -> pd.DataFrame:
        """Cost by the columns `split` of `SPLITS`: requests, tokens of each kind, and `pico` (whole pico-USD).

        The cost comes apart into ``paid_input_pico`` (input that is not cached), ``paid_cached_pico`` and
        ``paid_output_pico``; `input` counts cached tokens too.

        One row per value, dearest first; rows that could not be priced are left out here and counted by `unpriced`.
        """
        for each in split:
            if each not in SPLITS:
                raise InputError(f"a log cannot be split by {each!r}{near(each, SPLITS)}")
        keys, columns = ", ".join(map(quoted, split)), ("requests", *_SUMS, *_AMOUNTS)
        sums = ", ".join(f"sum({each})::HUGEINT" for each in (*_SUMS, *_AMOUNTS))
        found = self.query(
            f"SELECT {keys}, count(*), {sums} FROM requests WHERE reason IS NULL GROUP BY {keys}"
            f" ORDER BY {len(split) + len(columns)} DESC, {keys}"
        )
        frame = pd.DataFrame(found, columns=[*split, *columns], dtype=object)
        return frame.astype(dict.fromkeys(("requests", *_SUMS), "int64"))

    def weighted(self, split: str, weights: Mapping[pd.Timestamp, float]) -> pd.Series:
        """USD by a column of `SPLITS`, each day counted as often as `weights` say, and no other day."""
        days = pd.DataFrame({"day": [day.date() for day in weights], "weight": list(weights.values())})
        self._connection.register("weights", days)
        found = self.query(
            f"SELECT {quoted(split)}, sum(pico::DOUBLE * weight) / {PICO} FROM requests JOIN weights"
            f" ON requests.day = weights.day::DATE WHERE reason IS NULL GROUP BY 1 ORDER BY 1"
        )
        return pd.Series(dict(found), dtype=float)

    def unpriced(self) -> list[Unpriced]:
        """The rows that no price could be put on, by reason, the most rows first."""
        found = self.query(
            "SELECT reason, count(*), coalesce(sum(greatest(coalesce(input, 0), 0) + greatest(coalesce(output, 0), 0)),"
            ' 0)::HUGEINT, list("row" ORDER BY "row")[1:5] FROM requests WHERE reason IS NOT NULL'
            " GROUP BY reason ORDER BY 2 DESC, 1"
        )
        return [Unpriced(reason, rows, tokens, tuple(first)) for reason, rows, tokens, first in found]

    def at_full_price(self) -> dict[str, int]:
        """Priced tokens for which the list has no price of their own: of cached input, batch jobs, cache writes."""
        names = ("cached", "batch", "written")
        found = self.query(
            "SELECT sum(cached) FILTER (NOT cached_listed), sum(input + output) FILTER (batch AND NOT batch_listed),"
            " sum(written) FROM requests WHERE reason IS NULL"
        )[0]
        return {name: int(tokens or 0) for name, tokens in zip(names, found, strict=True)}

    def write(self, folder: Path) -> list[Path]:
        """Write `costs.csv` (by day, product, user, provider, model, batch) and `requests.csv` (each row, or why not).

        Amounts are exact decimals of USD; text that a spreadsheet would run as a formula gets an apostrophe before it.
        """
        keys = ", ".join(f'"{each}"' for each in SPLITS)
        shown = ", ".join(f'{_harmless(each) if each in _TEXTS else quoted(each)} AS "{each}"' for each in SPLITS)
        grouped = f"(SELECT {keys}, count(*) AS requests, {', '.join(f'sum({s})::HUGEINT AS {s}' for s in _SUMS)},"
        grouped += f" sum(pico)::HUGEINT AS pico FROM requests WHERE reason IS NULL GROUP BY {keys})"
        texts = {
            "costs": f"SELECT {shown}, requests, {', '.join(_SUMS)}, {_USD} AS usd FROM {grouped} ORDER BY ALL",
            "requests": f"SELECT \"row\", strftime(time, '%Y-%m-%dT%H:%M:%SZ') AS time, {shown},"
            f" {_harmless('name')} AS model_in_log, input, cached, output, {_USD} AS usd, reason AS unpriced"
            ' FROM requests ORDER BY "row"',
        }
        folder.mkdir(parents=True, exist_ok=True)
        for name, sql in texts.items():
            try:
                self._connection.execute(f"COPY ({sql}) TO {text(folder / f'{name}.csv')} (HEADER)")
            except duckdb.Error as error:
                raise InputError(f"{folder / name}.csv cannot be written: {error}") from error
        return [folder / f"{name}.csv" for name in texts]


_SUMS = ("input", "cached", "output")
_AMOUNTS = ("paid_input_pico", "paid_cached_pico", "paid_output_pico", "pico")
_TEXTS = ("product", "user", "provider", "model")
_USD = (
    f"CASE WHEN pico IS NOT NULL THEN (pico // {PICO})::VARCHAR || '.' || lpad((pico % {PICO})::VARCHAR, 12, '0') END"
)


def _harmless(name: str) -> str:
    column = quoted(name)
    computed = f"regexp_matches({column}, {text(sheets.FORMULA)})"  # a name is a text even where it looks like a number
    return f"CASE WHEN {computed} THEN '''' || {column} ELSE {column} END"


# --- reading and pricing ---------------------------------------------------------------------------------------------


def read(log: Path | str | pd.DataFrame, own_prices: Path | str | None = None) -> Log:
    """The log in a parquet, CSV or OTLP-JSON file (one document, or one per line), or in a frame, checked and priced.

    `own_prices` is a CSV with the columns of `data/api_token_prices.csv` that goes before the book's prices. Raises
    InputError, naming file and column, for a file that cannot be read or that lacks a needed column, and for one of
    which no row can be priced.
    """
    connection = duckdb.connect(config={"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"})
    connection.execute("SET TimeZone = 'UTC'; SET enable_progress_bar = false")
    source = "the frame" if isinstance(log, pd.DataFrame) else str(log)
    own = None if own_prices is None else str(own_prices)
    known = set(price_list.pairs(own))  # first, so that a mistake in a file of prices is told before the log is read
    try:
        ignored = logfile.load(connection, log, source)
        _price(connection, known, own)
    except duckdb.Error as error:
        raise InputError(f"{source} cannot be read: {' '.join(str(error).split())[:300]}") from error
    read_in = Log(connection, source, ignored)
    if not read_in.total and read_in.unpriced():
        why = "; ".join(f"{each.reason}: {each.rows:,} rows, first {each.first[0]}" for each in read_in.unpriced())
        raise InputError(f"no row of {source} could be priced: {why}")
    if not read_in.rows:
        raise InputError(f"{source} has no requests")
    return read_in


def _price(connection: duckdb.DuckDBPyConnection, known: set[tuple[str, str]], own: str | None) -> None:
    """Make the table `requests` of `raw`: numbers, the price of each row's day, its cost, or the reason why none."""
    pairs = connection.execute(
        "SELECT DISTINCT coalesce(provider, ''), name FROM raw WHERE name IS NOT NULL"
    ).fetchall()
    found = [(*pair, *price_list.keys(*pair, known)) for pair in pairs]
    priced = price_list.of(sorted({(seller, model) for *_, seller, model in found if model is not None}), own)
    named = pd.DataFrame(found, columns=["logged_provider", "logged_name", "provider", "model"], dtype="string")
    connection.register("named", named)
    connection.register("prices", priced)
    tiers = pd.DataFrame({"name": list(TIERS), "batch": list(TIERS.values())})
    connection.register("tiers", tiers)
    connection.execute(f"CREATE TABLE requests AS {_REQUESTS}")
    connection.execute("DROP TABLE raw")


def _whole(name: str) -> str:
    """SQL for a count of tokens: a whole number, or NULL where the text is none."""
    number = f"try_cast({name} AS DOUBLE)"
    whole = f"isfinite({number}) AND {number} = floor({number}) AND abs({number}) < 9e15"
    sound = f"regexp_full_match({name}, {text(sheets.NUMBER)}) AND {whole}"
    return f"CASE WHEN {sound} THEN {number}::BIGINT END"


_TIME = (
    "CASE WHEN regexp_full_match(time, '[0-9]{19}') THEN make_timestamp_ns(try_cast(time AS BIGINT))::TIMESTAMP"
    " WHEN regexp_full_match(time, '[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9:.]+ ?(Z|UTC|[+-][0-9:]+)?)?')"
    " THEN coalesce(try_cast(time AS TIMESTAMPTZ)::TIMESTAMP, try_cast(time AS TIMESTAMP)) END"
)
_CHECKS = {
    "time cannot be read": "time IS NULL",
    "no model": "name IS NULL",
    "tokens missing or not whole numbers": "input IS NULL OR output IS NULL OR cached IS NULL OR written IS NULL",
    "negative tokens": "least(input, output, cached, written) < 0",
    f"more than {MOST_TOKENS:,} tokens": f"greatest(input, output) > {MOST_TOKENS}",
    "more cached tokens than input": "cached + written > input",
    "service tier without a price": "batch IS NULL",
    "no price for this provider and model": "model IS NULL",
    "no price known by that day": "valid_from IS NULL",
}
_TOKENS = {"input": "(input - cached)", "cached": "cached", "output": "output"}
_PARTS = {
    f"{kind}_pico": f"CASE WHEN reason IS NULL THEN {tokens} * if(batch, batch_{kind}_pico, {kind}_pico) END"
    for kind, tokens in _TOKENS.items()
}
_REQUESTS = f"""
    WITH numbers AS (
        SELECT "row", {_TIME} AS time, name, span, trace, coalesce(provider, '') AS logged_provider,
            {_whole("input")} AS input, {_whole("coalesce(output, if(operation = 'embeddings', '0', NULL))")} AS output,
            {_whole("coalesce(cached, '0')")} AS cached,
            {_whole("coalesce(written, '0')")} AS written, coalesce(lower(tier), '') AS tier,
            coalesce("user", '{NONE}') AS "user", coalesce(product, '{NONE}') AS product
        FROM raw),
    dated AS (
        SELECT numbers.*, numbers.time::DATE AS day, named.provider, named.model, tiers.batch FROM numbers
        LEFT JOIN named ON named.logged_provider = numbers.logged_provider AND named.logged_name = numbers.name
        LEFT JOIN tiers ON tiers.name = numbers.tier),
    asked AS (SELECT DISTINCT provider, model, day FROM dated),
    offers AS (
        SELECT asked.*, prices.* EXCLUDE (provider, model) FROM asked ASOF JOIN prices
        ON asked.provider = prices.provider AND asked.model = prices.model AND asked.day >= prices.valid_from),
    priced AS (
        SELECT dated.*, offers.* EXCLUDE (provider, model, day) FROM dated LEFT JOIN offers
        ON dated.provider = offers.provider AND dated.model = offers.model AND dated.day = offers.day),
    checked AS (
        SELECT *, CASE {" ".join(f"WHEN {test} THEN {text(reason)}" for reason, test in _CHECKS.items())} END AS bad
        FROM priced),
    firsts AS (
        SELECT trace, span, min("row") AS first FROM checked WHERE bad IS NULL AND span IS NOT NULL
        GROUP BY trace, span HAVING count(*) > 1),
    judged AS (
        SELECT checked.*, if(bad IS NULL AND "row" > first, {text(COPY)}, bad) AS reason FROM checked
        LEFT JOIN firsts ON checked.span = firsts.span AND checked.trace IS NOT DISTINCT FROM firsts.trace)
    SELECT "row", time, day, "user", product, provider, model, name, batch, input, cached, output, written,
        cached_listed, batch_listed, reason, {", ".join(f"{part} AS paid_{name}" for name, part in _PARTS.items())},
        paid_input_pico + paid_cached_pico + paid_output_pico AS pico
    FROM judged
"""
