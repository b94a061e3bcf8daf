"""Files of usage logs: parquet, CSV and OTLP-JSON as rows of text under our own names, all read by DuckDB."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import duckdb
import pandas as pd

from costlib import sheets
from costlib.errors import InputError, near

# What a column may be called, newest name first: the GenAI conventions, those of users and services, and OTLP's fields.
NAMES = {
    "time": ("startTimeUnixNano", "start_time", "timestamp", "time"),
    "trace": ("traceId", "trace_id"),
    "span": ("spanId", "span_id"),
    "operation": ("gen_ai.operation.name",),
    "provider": ("gen_ai.provider.name", "gen_ai.system"),
    "name": ("gen_ai.response.model", "gen_ai.request.model"),
    "input": ("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens"),
    "output": ("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens"),
    "cached": ("gen_ai.usage.cache_read.input_tokens",),
    "written": ("gen_ai.usage.cache_creation.input_tokens",),
    "tier": ("openai.response.service_tier", "openai.request.service_tier", "service_tier"),
    "user": ("user.id", "enduser.id"),
    "product": ("service.name",),
}
BLANK = "".join(filter(str.isspace, map(chr, range(0x3001))))  # what Python takes for blank round a text
REQUIRED = ("time", "name", "input", "output")
BILLED = ("chat", "generate_content", "text_completion", "embeddings")  # other operations only enclose these


def quoted(name: str) -> str:
    """A name as SQL takes it."""
    return '"' + name.replace('"', '""') + '"'


def text(value: object) -> str:
    """A text as SQL takes it."""
    return "'" + str(value).replace("'", "''") + "'"


def load(connection: duckdb.DuckDBPyConnection, log: Path | str | pd.DataFrame, source: str) -> int:
    """Put the rows of the log into a table `raw` of texts under our own names. Returns how many are no requests."""
    if isinstance(log, pd.DataFrame):
        connection.register("logged", log)
    else:
        connection.execute(f"CREATE VIEW logged AS {_from_file(Path(str(log)))}")
    columns = [name for name, *_ in connection.execute("DESCRIBE logged").fetchall()]
    for ours in REQUIRED:
        if not set(NAMES[ours]) & set(columns):
            raise InputError(f"{source} has no column {' or '.join(NAMES[ours])}{near(NAMES[ours][0], columns)}")
    chosen = ", ".join(f"{_first(NAMES[ours], columns)} AS {ours}" for ours in NAMES)
    connection.execute(f'CREATE TABLE raw AS SELECT row_number() OVER () AS "row", {chosen} FROM logged')
    other = f"operation IS NOT NULL AND operation NOT IN ({', '.join(map(text, BILLED))})"
    other += " OR coalesce(operation, provider, name, input, output) IS NULL"
    ignored = connection.execute(f"SELECT count(*) FROM raw WHERE {other}").fetchone()[0]
    connection.execute(f"DELETE FROM raw WHERE {other}")
    return ignored


def _first(names: Iterable[str], columns: Sequence[str]) -> str:
    """SQL for the first of `names` that a row fills; empty text counts as nothing."""
    there = [f"nullif(trim({quoted(name)}::VARCHAR, {text(BLANK)}), '')" for name in names if name in columns]
    return f"coalesce({', '.join(there)}, NULL)" if there else "NULL::VARCHAR"


def _from_file(path: Path) -> str:
    """SQL that reads a file by its ending. Raises InputError when there is none, or for another ending."""
    if not path.is_file():
        raise InputError(f"there is no file {path}")
    if path.suffix == ".parquet":
        return f"SELECT * FROM read_parquet({_one(path)})"
    if path.suffix == ".csv":
        sheets.head(path)  # DuckDB would rename a column that is named twice
        form = "delim = ',', quote = '\"', escape = '\"', header = true, all_varchar = true"
        guess = "comment = '', skip = 0"  # nothing: it would take rows that begin with # for comments, and drop them
        return f"SELECT * FROM read_csv({_one(path)}, {form}, {guess}, null_padding = true, parallel = false)"
    if path.suffix in (".json", ".jsonl"):
        return _from_otlp(path)
    raise InputError(f"{path} is not allowed: a log ends in .parquet, .csv, .json or .jsonl (OTLP)")


def _one(path: Path) -> str:
    """A path as SQL takes it where it would take a pattern for many files."""
    return text(re.sub(r"[*?\[]", r"[\g<0>]", str(path)))


def _from_otlp(path: Path) -> str:
    """SQL for the spans of OTLP-JSON: a column per field and attribute that `NAMES` knows, resource's below span's."""
    value = '{"stringValue": "VARCHAR", "intValue": "VARCHAR", "doubleValue": "VARCHAR", "boolValue": "VARCHAR"}'
    attributes = f'[{{"key": "VARCHAR", "value": {value}}}]'
    span = f'{{"traceId": "VARCHAR", "spanId": "VARCHAR", "startTimeUnixNano": "VARCHAR", "attributes": {attributes}}}'
    resource = f'{{"resource": {{"attributes": {attributes}}}, "scopeSpans": [{{"spans": [{span}]}}]}}'
    fields = ("traceId", "spanId", "startTimeUnixNano")
    columns = [f"span.{name} AS {quoted(name)}" for name in fields]
    columns += [f"{_attribute(name)} AS {quoted(name)}" for names in NAMES.values() for name in names if "." in name]
    return f"""
        WITH parts AS (SELECT unnest(from_json(json -> 'resourceSpans', '[{resource}]')) AS part
            FROM read_json_objects({_one(path)}, maximum_object_size = {path.stat().st_size + 2**24})),
        scopes AS (SELECT part.resource.attributes AS own, unnest(part.scopeSpans) AS scope FROM parts),
        each_span AS (SELECT own, unnest(scope.spans) AS span FROM scopes)
        SELECT {", ".join(columns)} FROM each_span
    """


def _attribute(name: str) -> str:
    """SQL for the value of an attribute of a span, else of its resource, as text."""

    def of(where: str) -> str:
        found = f"list_filter({where}, lambda a: a.key = {text(name)})[1].value"
        return f"{found}.stringValue, {found}.intValue, {found}.doubleValue, {found}.boolValue"

    return f"coalesce({of('span.attributes')}, {of('own')})"
