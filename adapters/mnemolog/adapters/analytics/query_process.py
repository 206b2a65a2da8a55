"""One query of one user, in a process that has nothing but what this query may see. `python -m`, and nothing else.

On stdin: a line of JSON, then the tables that it names as Arrow streams. On stdout: a line of JSON, then the answer as
such a stream. The statements of `prepare` are the store's; `sql` is the user's, and runs when every way out is shut.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Mapping
from typing import Any, BinaryIO

import duckdb
import pyarrow as pa

from mnemolog.adapters.analytics.limits import QueryLimits, confine, cut_off

BATCH = 2048  # rows, as many as DuckDB works on at once
NOWHERE = "/nowhere"
# What the user asks for must be one of these. That guards nothing: it makes for a better message.
ANSWERED = frozenset({duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN})
UNREADABLE = (duckdb.IOException, duckdb.SerializationException, duckdb.InternalException, duckdb.FatalException)
SHUT = (
    "SET TimeZone = 'UTC'",
    "SET python_enable_replacements = false",
    "SET enable_external_access = false",  # after all files are attached, and those of a caller with less detached
    "SET lock_configuration = true",
)


class Unanswered(Exception):
    """`kind` is refused or too_large; unprepared or unreadable when perhaps a file is damaged."""

    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(reason)
        self.kind, self.reason = kind, reason


def main() -> None:
    request, tables = _received(sys.stdin.buffer)
    limits = QueryLimits(**request["limits"])
    confine(limits)
    try:
        connection = prepared(request["prepare"], tables, limits)
        del tables
        told, answer = answered(connection, request["sql"], limits)
    except Unanswered as unanswered:
        told, answer = {"unanswered": unanswered.kind, "reason": unanswered.reason}, b""
    sys.stdout.buffer.write(json.dumps(told).encode() + b"\n")
    sys.stdout.buffer.write(answer)
    sys.stdout.buffer.flush()
    os._exit(0)  # a query that was cut short is not waited for


def _received(source: BinaryIO) -> tuple[Mapping[str, Any], dict[str, pa.Table]]:
    request = json.loads(source.readline())
    sizes = request["tables"].items()
    return request, {name: pa.ipc.open_stream(source.read(size)).read_all() for name, size in sizes}


def prepared(
    statements: Iterable[str], tables: Mapping[str, pa.Table], limits: QueryLimits
) -> duckdb.DuckDBPyConnection:
    """A session in which the rows are and nothing else can be reached."""
    try:
        connection = duckdb.connect(":memory:", config=_settings(limits))
        for name, table in tables.items():
            connection.register(name, table)
        for statement in statements:
            connection.execute(statement)
        for name in tables:
            connection.unregister(name)
        for statement in SHUT:
            connection.execute(statement)
        _collected(connection.sql("SELECT now()"), limits)  # whatever has to be imported for an answer now is
    except (MemoryError, duckdb.OutOfMemoryException) as error:
        raise Unanswered("too_large", "its rows need more memory than it is given") from error
    except duckdb.Error as error:
        raise Unanswered("unprepared", _first_line(error)) from error
    cut_off()
    return connection


def _settings(limits: QueryLimits) -> dict[str, Any]:
    return {
        "autoload_known_extensions": "false",
        "autoinstall_known_extensions": "false",
        "allow_community_extensions": "false",
        "home_directory": NOWHERE,
        "secret_directory": NOWHERE,
        "extension_directory": NOWHERE,
        "temp_directory": "",
        "memory_limit": f"{limits.memory_bytes}B",
        "threads": str(limits.threads),
    }


def answered(connection: duckdb.DuckDBPyConnection, sql: str, limits: QueryLimits) -> tuple[dict[str, Any], bytes]:
    try:
        relation = connection.sql(_only_one(connection.extract_statements(sql)))
        batches, truncated, schema = _collected(relation, limits)
        types = [str(each) for each in relation.types]
        return {"types": types, "truncated": truncated}, _stream(schema, batches)
    except (MemoryError, duckdb.OutOfMemoryException) as error:
        raise Unanswered("too_large", "it needs more memory than it is given") from error
    except UNREADABLE as error:
        raise Unanswered("unreadable", _first_line(error)) from error
    except (duckdb.Error, pa.ArrowException, UnicodeError, ValueError, OverflowError) as error:
        raise Unanswered("refused", _said(error)) from error


def _only_one(statements: list[duckdb.Statement]) -> duckdb.Statement:
    if len(statements) != 1:
        raise Unanswered("refused", f"one statement is answered, and these are {len(statements)}")
    if statements[0].type not in ANSWERED:
        raise Unanswered("refused", "only a question is answered: SELECT, FROM, WITH, VALUES, DESCRIBE or EXPLAIN")
    return statements[0]


def _collected(relation: duckdb.DuckDBPyRelation, limits: QueryLimits) -> tuple[list[pa.RecordBatch], bool, pa.Schema]:
    """(batches of all rows up to the limit, whether there are more, their schema)."""
    reader = relation.to_arrow_reader(BATCH)
    kept: list[pa.RecordBatch] = []
    left, size = limits.rows, 0
    for batch in reader:
        kept.append(batch.slice(0, left))
        size += kept[-1].nbytes
        if size > limits.answer_bytes:
            raise Unanswered("too_large", f"its answer has more than {limits.answer_bytes} bytes")
        if batch.num_rows > left:
            return kept, True, reader.schema
        left -= batch.num_rows
    return kept, False, reader.schema


def _stream(schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema) as writer:
        for batch in batches:
            writer.write_batch(batch)
    answer: bytes = sink.getvalue().to_pybytes()
    return answer


def _said(error: Exception) -> str:
    """What DuckDB said, and where: not more of it than a person reads."""
    return str(error).strip()[:1000]


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {_said(error).partition(chr(10))[0]}"


if __name__ == "__main__":
    main()
