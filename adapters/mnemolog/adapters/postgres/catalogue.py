"""The catalogue in Postgres: what every memory, cube and principal is and was, for questions by id and by position."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import orjson
from eventsourcing.postgres import PostgresDatastore

from mnemolog.adapters.postgres.connection import Row
from mnemolog.adapters.postgres.rows import as_json
from mnemolog.adapters.postgres.sql import QUERIES
from mnemolog.adapters.postgres.tracked import Cursor, TrackedView
from mnemolog.domain.lifecycle import State
from mnemolog.domain.log import Event
from mnemolog.domain.memory import Memory
from mnemolog.domain.metadata import Standing
from mnemolog.projections.catalogue import MemoryRow, Token, fold
from mnemolog.projections.lineage import DerivationRow
from mnemolog.projections.lineage import fold as fold_derivations

TABLES = (
    "memory",
    "derivation",
    "grant_rule",
    "cube",
    "principal",
    "credential",
    "group_member",
    "inactivity",
    "identity",
    "tenant",
    "subject",
    "erasure",
)

# The columns of the table `memory`, in the order of `memory_values`.
MEMORY = [
    "memory_id",
    "from_position",
    "to_position",
    "version",
    "tenant_id",
    "cube_id",
    "state",
    "governance",
    "memory_type",
    "semantic_type",
    "source",
    "owner_id",
    "session_id",
    "context_id",
    "priority",
    "trust",
    "corroborations",
    "legal_hold",
    "occurred_at",
    "created_at",
    "changed_at",
    "expires_at",
    "text_position",
    "created_position",
    "key_token",
    "tag_tokens",
    "subject_ids",
    "parents",
    "merged_into",
]
# Of the data of an event, what statements take as it is.
FACTS = (
    "name",
    "owner_id",
    "kind",
    "administrator",
    "key_id",
    "expires_at",
    "granted_by",
    "scopes",
    "on_behalf_of",
    "member_id",
    "issuer",
    "subject",
    "target_id",
    "basis",
    "receipt",
)


class PostgresCatalogue(TrackedView):
    name = "catalogue"
    version = 2
    CLEAR = "clear_catalogue"

    def __init__(self, datastore: PostgresDatastore, token: Token) -> None:
        super().__init__(datastore)
        self._token = token

    def digest(self) -> str:
        digest = hashlib.sha256()
        with self.cursor() as cursor:
            for table in TABLES:
                for (line,) in cursor.execute(QUERIES["digest_" + table]):
                    digest.update(line.encode())
        return digest.hexdigest()

    def fold(self, cursor: Cursor, events: Sequence[Event]) -> None:
        of_memories = [event for event in events if event.memory_id is not None]
        self._apply_memories(cursor, of_memories)
        _apply_derivations(cursor, of_memories)
        for event in events:
            if (statement := QUERIES.get("apply_" + event.type.replace(".", "_"))) is not None:
                cursor.execute(statement, _facts(event))

    def _apply_memories(self, cursor: Cursor, events: Sequence[Event]) -> None:
        ids = list({event.stream_id for event in events})
        found = cursor.execute(QUERIES["memories_now"], {"memory_ids": ids}).fetchall() if ids else []
        now = {row.memory_id: row for row in map(memory_row, found)}
        ended: list[tuple[UUID, int, int]] = []
        begun: dict[tuple[UUID, int], tuple[MemoryRow, int | None]] = {}
        for event in events:
            before = now.get(event.stream_id)
            after = now[event.stream_id] = fold(before, event, self._token)
            begun[after.memory_id, after.from_position] = after, None
            if before is None:
                continue
            if (key := (before.memory_id, before.from_position)) in begun:
                begun[key] = before, event.position
            else:
                ended.append((*key, event.position))
        self._write(cursor, ended, list(begun.values()))
        if erased := [event.stream_id for event in events if event.type == Memory.Erased.TOPIC]:
            cursor.execute(QUERIES["forget_labels"], {"memory_ids": erased})
            cursor.execute(QUERIES["forget_embeddings"], {"memory_ids": erased})

    def _write(
        self, cursor: Cursor, ended: Sequence[tuple[UUID, int, int]], begun: Sequence[tuple[MemoryRow, int | None]]
    ) -> None:
        if ended:
            ids, starts, ends = zip(*ended, strict=True)
            cursor.execute(QUERIES["end_memories"], {"ids": list(ids), "starts": list(starts), "ends": list(ends)})
        if begun:
            rows = as_json(MEMORY, [memory_values(row, to_position) for row, to_position in begun], "governance")
            cursor.execute(QUERIES["begin_memories"], {"rows": rows})


def _apply_derivations(cursor: Cursor, events: Sequence[Event]) -> None:
    found = fold_derivations(events)
    if found.ended:
        children, parents, ends = zip(*found.ended, strict=True)
        columns = {"children": list(children), "parents": list(parents), "ends": list(ends)}
        cursor.execute(QUERIES["end_derivations"], columns)
    if found.rows:
        cursor.execute(QUERIES["begin_derivations"], {"rows": as_json(DerivationRow._fields, found.rows)})


def memory_values(row: MemoryRow, to_position: int | None) -> tuple[Any, ...]:
    """The columns of a row in the order of `MEMORY`."""
    governed = row.governed
    return (
        row.memory_id,
        row.from_position,
        to_position,
        row.version,
        row.tenant_id,
        row.cube_id,
        row.state,
        orjson.dumps(governed).decode(),
        governed["memory_type"],
        governed["semantic_type"],
        governed["source"],
        governed["owner_id"],
        governed.get("session_id"),
        governed.get("context_id"),
        governed["priority"],
        row.standing.trust,
        row.standing.corroborations,
        row.legal_hold,
        row.occurred_at,
        row.created_at,
        row.changed_at,
        row.expires_at,
        row.text_position,
        row.created_position,
        row.key_token,
        list(row.tag_tokens),
        list(row.subject_ids),
        list(row.parents),
        row.merged_into,
    )


def memory_row(values: Row) -> MemoryRow:
    """The row that the columns of a `memory` query make."""
    return MemoryRow(
        memory_id=values[0],
        from_position=values[1],
        version=values[2],
        tenant_id=values[3],
        cube_id=values[4],
        state=State(values[5]),
        governed=values[6],
        standing=Standing(trust=values[7], corroborations=values[8]),
        legal_hold=values[9],
        occurred_at=values[10],
        created_at=values[11],
        changed_at=values[12],
        expires_at=values[13],
        text_position=values[14],
        created_position=values[15],
        key_token=values[16],
        tag_tokens=tuple(values[17]),
        subject_ids=tuple(values[18]),
        parents=tuple(values[19]),
        merged_into=values[20],
    )


def _facts(event: Event) -> dict[str, Any]:
    data = event.data
    return {
        "stream_id": event.stream_id,
        "tenant_id": event.tenant_id,
        "cube_id": event.cube_id,
        "position": event.position,
        "version": event.version,
        "recorded_at": event.recorded_at,
        "actor_id": event.actor_id,
        "subject_id": next(iter(data.get("subject_ids", ())), None),
        "config": orjson.dumps(data["config"]).decode() if "config" in data else None,
        "terms": orjson.dumps(data["terms"]).decode() if "terms" in data else None,
        **{name: data.get(name) for name in FACTS},
        "limits": orjson.dumps(data["limits"]).decode() if "limits" in data else None,
        "digest": bytes.fromhex(data["digest"]) if "digest" in data else None,
    }
