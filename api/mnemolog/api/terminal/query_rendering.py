"""The answer to a query on stdout or in a file. Files are written here and never by SQL."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import click
import orjson

from mnemolog.adapters.durable_files import draft_of, replacing
from mnemolog.api.query_answers import QueryAnswer, plain
from mnemolog.api.terminal.tables import Column, print_document, print_rows
from mnemolog.domain.refusals import Invalid


def show(answer: QueryAnswer, form: str) -> None:
    if form == "json":
        print_document(answer.document())
    elif form == "csv":
        click.echo(rendered(answer, form), nl=False)
    else:
        columns = [Column(name, wide=True) for name in answer.columns]
        print_rows(columns, ([_cell(value) for value in row] for row in answer.rows))


def save(path: Path, content: bytes) -> None:
    """Raises Invalid for a place where nothing can be written."""
    try:
        with replacing(path, draft_of(path)) as file:
            file.write(content)
    except OSError as error:
        raise Invalid(reason=f"{path} cannot be written: {error.strerror}") from None


def rendered(answer: QueryAnswer, form: str) -> bytes:
    if form == "json":
        return orjson.dumps(answer.document()) + b"\n"
    if form == "parquet":
        return _parquet(answer)
    dialect = "excel" if form == "csv" else "excel-tab"
    text = io.StringIO()
    writer = csv.writer(text, dialect, lineterminator="\n")
    writer.writerow(answer.columns)
    writer.writerows([_cell(value) for value in row] for row in answer.rows)
    return text.getvalue().encode()


def _parquet(answer: QueryAnswer) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as parquet

    sink = io.BytesIO()
    try:
        parquet.write_table(answer.table, sink, compression="zstd")
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise Invalid(reason=f"Parquet cannot hold this: {error}") from None
    return sink.getvalue()


def _cell(value: Any) -> str:
    """Nothing is rounded, and what has parts is JSON."""
    value = plain(value)
    if value is None or isinstance(value, str):
        return value or ""
    return orjson.dumps(value).decode()
