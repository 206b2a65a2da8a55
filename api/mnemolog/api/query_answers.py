"""What a query found, as Arrow, as Python has it, and as JSON can say it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from typing import TYPE_CHECKING, Any
from uuid import UUID

if TYPE_CHECKING:
    import pyarrow as pa

MOST_EXACT = 2**63  # JSON libraries do not agree on whole numbers beyond


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryAnswer:
    """Of exactly the events up to `position`. `types` are DuckDB's; `truncated`: there are more rows than these."""

    table: pa.Table = field(repr=False)
    types: Sequence[str]
    position: int
    truncated: bool

    @property
    def columns(self) -> list[str]:
        return list(self.table.column_names)

    @property
    def rows(self) -> list[tuple[Any, ...]]:
        """By place and not by name: two columns may have the same one."""
        columns = [column.to_pylist() for column in self.table.columns]
        return list(zip(*columns, strict=True))

    def document(self) -> QueryDocument:
        return QueryDocument(
            columns=self.columns,
            types=list(self.types),
            rows=[[plain(value) for value in row] for row in self.rows],
            position=self.position,
            truncated=self.truncated,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryDocument:
    columns: list[str]
    types: list[str]
    rows: list[list[Any]]
    position: int
    truncated: bool


@dataclass(frozen=True, slots=True)
class NamedColumn:
    name: str
    type: str


@dataclass(frozen=True, slots=True)
class QueryTable:
    name: str
    columns: list[NamedColumn]


@dataclass(frozen=True, slots=True)
class QueryMacro:
    """`signature` is how it is called, after FROM."""

    signature: str
    description: str


@dataclass(frozen=True, slots=True)
class QueryTables:
    tables: list[QueryTable]
    macros: list[QueryMacro]


def plain(value: Any) -> Any:
    """As JSON has it. What JSON has no type for is text, and nothing is rounded."""
    if value is None or isinstance(value, bool | str | UUID):
        return str(value) if isinstance(value, UUID) else value
    if isinstance(value, int):
        return value if -MOST_EXACT <= value < MOST_EXACT else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(name): plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple) and not hasattr(value, "_fields"):
        return [plain(each) for each in value]
    return str(value)
