"""Many rows as one JSON parameter for `json_populate_recordset`: COPY is refused where a table has row security."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import orjson


def as_json(columns: Sequence[str], rows: Iterable[Sequence[Any]], verbatim: str | None = None) -> str:
    """`verbatim` is a column whose values are JSON already and are kept byte for byte."""
    return orjson.dumps([_row(columns, row, verbatim) for row in rows], default=_plain).decode()


def _row(columns: Sequence[str], values: Sequence[Any], verbatim: str | None) -> dict[str, Any]:
    row = dict(zip(columns, values, strict=True))
    if verbatim is not None:
        row[verbatim] = orjson.Fragment(row[verbatim])
    return row


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return "\\x" + value.hex()
    raise TypeError(type(value).__name__)
