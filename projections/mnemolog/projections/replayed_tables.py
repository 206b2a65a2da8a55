"""The views that are tables, made from the log without a database: each as lines of JSON, in the order of the events.

They hold what events say in the clear. The tokens that stand for personal labels are left out: they would have to go
when the memory goes, and lines may be anywhere by then.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import Any, ClassVar, Self
from uuid import UUID

from mnemolog.domain.access import Access
from mnemolog.domain.lifecycle import State
from mnemolog.domain.log import Event
from mnemolog.domain.memory import EVENTS as MEMORY_EVENTS
from mnemolog.domain.metadata import Standing
from mnemolog.projections import accesses, catalogue
from mnemolog.projections.catalogue import MemoryRow

UNSAID = frozenset({"key_token", "tag_tokens", "governed", "standing"})


class Table(ABC):
    """What a table needs to know of the past in order to go on, and the lines that it becomes."""

    view: ClassVar[str]
    types: ClassVar[tuple[str, ...]]

    @abstractmethod
    def fold(self, event: Event) -> list[str]:
        """The rows that an event begins. It changes nothing when it raises."""

    @abstractmethod
    def last(self) -> Iterable[str]:
        """The rows that are only known at the end."""

    @abstractmethod
    def saved(self) -> Any:
        """As JSON."""

    @classmethod
    @abstractmethod
    def restored(cls, saved: Any) -> Self: ...


class MemoryRows(Table):
    """A row for each stretch of a memory's life, which lasts until the next row of the same memory."""

    view = "catalogue"
    types = tuple(MEMORY_EVENTS)

    def __init__(self) -> None:
        self._rows: dict[UUID, MemoryRow] = {}

    def fold(self, event: Event) -> list[str]:
        row = catalogue.fold(self._rows.get(event.stream_id), event, _untold)
        self._rows[row.memory_id] = replace(row, key_token=None, tag_tokens=())
        return [line({"table": "memory", **memory_json(row)})]

    def last(self) -> Iterable[str]:
        return ()

    def saved(self) -> Any:
        return [memory_json(row) for row in self._rows.values()]

    @classmethod
    def restored(cls, saved: Any) -> Self:
        table = cls()
        for each in saved:
            row = _memory_row(each)
            table._rows[row.memory_id] = row
        return table


class AccessRows(Table):
    """A row for each event; at the end, how often each memory was told, and which processes recorded answers."""

    view = "access"
    types = ()

    def __init__(self) -> None:
        self._owners: dict[UUID, tuple[UUID, UUID]] = {}
        self._reads: dict[UUID, tuple[int, int, datetime]] = {}
        self._processes: dict[UUID, dict[str, Any]] = {}

    def fold(self, event: Event) -> list[str]:
        named = accesses.memories_named([event])
        found = accesses.fold([event], {each: self._owners[each] for each in named if each in self._owners})
        self._owners |= found.owners
        for memory_id, reads in found.reads.items():
            count = self._reads[memory_id][0] if memory_id in self._reads else 0
            self._reads[memory_id] = count + reads.count, reads.position, reads.moment
        for each in found.processes:
            self._process(each)
        for (process_id, _), position in found.reached.items():
            if process_id in self._processes:
                self._processes[process_id]["last_position"] = position
        return [line({"table": "access", **row._asdict()}) for row in found.rows]

    def _process(self, event: Event) -> None:
        process_id = UUID(event.data["process_id"])
        if event.type == Access.Opened.TOPIC:
            known = {"stream_id": event.stream_id, "version": event.version, "last_position": event.position}
            self._processes[process_id] = {**known, "ended": False}
        elif process_id in self._processes:
            self._processes[process_id] |= {"version": event.version, "ended": True}

    def last(self) -> Iterator[str]:
        for memory_id, (tenant_id, owner_id) in sorted(self._owners.items()):
            reads, position, moment = self._reads.get(memory_id, (0, None, None))
            known = {"memory_id": memory_id, "tenant_id": tenant_id, "owner_id": owner_id, "reads": reads}
            yield line({"table": "access_pattern", **known, "last_position": position, "last_read_at": moment})
        for process_id, process in sorted(self._processes.items()):
            yield line({"table": "access_process", "process_id": process_id, **process})

    def saved(self) -> Any:
        owners = [[str(each), str(tenant), str(owner)] for each, (tenant, owner) in self._owners.items()]
        reads = [[str(each), count, at, _plain(when)] for each, (count, at, when) in self._reads.items()]
        processes = [[str(each), {**it, "stream_id": str(it["stream_id"])}] for each, it in self._processes.items()]
        return [owners, reads, processes]

    @classmethod
    def restored(cls, saved: Any) -> Self:
        table = cls()
        owners, reads, processes = saved
        table._owners = {UUID(each): (UUID(tenant), UUID(owner)) for each, tenant, owner in owners}
        table._reads = {UUID(each): (count, at, datetime.fromisoformat(when)) for each, count, at, when in reads}
        table._processes = {UUID(each): {**known, "stream_id": UUID(known["stream_id"])} for each, known in processes}
        return table


TABLES: Mapping[str, type[Table]] = {each.view: each for each in (MemoryRows, AccessRows)}


def memory_json(row: MemoryRow) -> dict[str, Any]:
    """A row as JSON has it, without the tokens of personal labels."""
    plain = {each.name: _plain(getattr(row, each.name)) for each in fields(row) if each.name not in UNSAID}
    standing = {"trust": row.standing.trust, "corroborations": row.standing.corroborations}
    return {**plain, "governance": dict(row.governed), **standing}


def line(values: Mapping[str, Any]) -> str:
    """In one form: names in order, no blanks, times in UTC."""
    plain = {name: _plain(value) for name, value in values.items()}
    return json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _memory_row(known: Mapping[str, Any]) -> MemoryRow:
    moments = ("occurred_at", "created_at", "changed_at", "expires_at")
    ids = ("memory_id", "tenant_id", "cube_id", "merged_into")
    several = ("subject_ids", "parents")
    facts = {
        **{
            name: known[name]
            for name in ("from_position", "version", "legal_hold", "text_position", "created_position")
        },
        **{name: None if known[name] is None else datetime.fromisoformat(known[name]) for name in moments},
        **{name: None if known[name] is None else UUID(known[name]) for name in ids},
        **{name: tuple(map(UUID, known[name])) for name in several},
    }
    standing = Standing(trust=known["trust"], corroborations=known["corroborations"])
    state = State(known["state"])
    return MemoryRow(
        governed=known["governance"], state=state, standing=standing, key_token=None, tag_tokens=(), **facts
    )


def _untold(text: str) -> bytes:
    return b""


_PLAIN: Mapping[type, Callable[[Any], Any]] = {
    UUID: str,
    datetime: lambda value: value.astimezone(UTC).isoformat(),
    State: lambda value: value.value,
}


def _plain(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return _PLAIN.get(type(value), lambda value: value)(value)
