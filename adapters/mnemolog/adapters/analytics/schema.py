"""The tables of analytics: all events in one, and one for each kind of event with its facts as typed columns.

They follow from the classes of the domain, so that a new event has its table the day it is written. What is sealed in
the log is in no table: analytics know ids, states and counts, and never a text.
"""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any, ClassVar, Union, get_args, get_origin, get_type_hints
from uuid import UUID

from mnemolog.domain.aggregate import Recorded
from mnemolog.domain.events import EVENTS

EVENT = "event"


@dataclass(frozen=True, slots=True)
class Column:
    """`type` is DuckDB's."""

    name: str
    type: str


# Those of the table `event`, and the first ones of all others. They are NULL where the log has nothing.
ENVELOPE = (
    Column("position", "BIGINT"),
    Column("event_type", "VARCHAR"),
    Column("schema_version", "SMALLINT"),
    Column("stream_id", "UUID"),
    Column("version", "BIGINT"),
    Column("tenant_id", "UUID"),
    Column("cube_id", "UUID"),
    Column("memory_id", "UUID"),
    Column("actor_id", "UUID"),
    Column("on_behalf_of", "UUID"),
    Column("request_id", "UUID"),
    Column("occurred_at", "TIMESTAMPTZ"),
    Column("recorded_at", "TIMESTAMPTZ"),
    Column("payload", "JSON"),  # as it was written: its bytes are part of what the leaf hashes
    Column("leaf", "BLOB"),
    Column("chain", "BLOB"),  # on the last event of each append
)
# What a typed table leaves to `event`: bytes that nobody groups by.
BULKY = frozenset({"payload", "leaf", "chain"})
NAMES = frozenset(column.name for column in ENVELOPE)
LIBRARY = frozenset({"originator_id", "originator_id_type", "originator_version", "originator_topic", "timestamp"})
# A fact whose name an envelope's column has already taken for something else.
RENAMED = {"position": "answer_position"}
PLAIN: Mapping[Any, str] = {
    UUID: "UUID",
    str: "VARCHAR",
    int: "BIGINT",
    float: "DOUBLE",
    bool: "BOOLEAN",
    datetime: "TIMESTAMPTZ",
}


@dataclass(frozen=True, slots=True)
class Table:
    """Of the events of one kind, every version of it. `facts` come from the payload."""

    name: str
    event_types: tuple[str, ...]
    facts: tuple[Column, ...]

    @property
    def columns(self) -> tuple[Column, ...]:
        return (*(column for column in ENVELOPE if column.name not in BULKY), *self.facts)


def table_name(event_type: str) -> str:
    """`memory.generated.v1` is in `memory_generated`."""
    return event_type.rpartition(".")[0].replace(".", "_")


def facts_of(event_class: type[Recorded]) -> tuple[Column, ...]:
    """What an event of this class says in the clear and not in its envelope."""
    left_out = (NAMES - RENAMED.keys()) | LIBRARY | event_class.SEALED
    hints = get_type_hints(event_class)
    return tuple(
        Column(RENAMED.get(name, name), _type(hint))
        for name, hint in hints.items()
        if name not in left_out and get_origin(hint) is not ClassVar
    )


def tables(events: Mapping[str, type[Recorded]] = EVENTS) -> Mapping[str, Table]:
    """By name. A fact that one version has and another lacks is a column all the same."""
    kinds: dict[str, dict[str, type[Recorded]]] = {}
    for event_type, event_class in events.items():
        kinds.setdefault(table_name(event_type), {})[event_type] = event_class
    return {name: _table(name, versions) for name, versions in sorted(kinds.items())}


def _table(name: str, versions: Mapping[str, type[Recorded]]) -> Table:
    facts = {column.name: column for event_class in versions.values() for column in facts_of(event_class)}
    return Table(name, tuple(sorted(versions)), tuple(facts.values()))


def _type(hint: Any) -> str:
    arguments = get_args(hint)
    if get_origin(hint) in (Union, types.UnionType):
        return _type(next(argument for argument in arguments if argument is not type(None)))
    if get_origin(hint) is tuple:
        return f"{_type(arguments[0])}[]"
    if isinstance(hint, type) and issubclass(hint, Enum):
        return "VARCHAR"
    return PLAIN.get(hint, "JSON")
