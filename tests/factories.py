"""Memories, cubes and events as a test wants them: what it does not name has a value that is valid and dull."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson

from mnemolog.adapters.postgres.envelope import NIL, LogEvent, LogRow
from mnemolog.domain.cube import Cube
from mnemolog.domain.identity import new_id
from mnemolog.domain.memory import Memory
from mnemolog.domain.metadata import Governance

KEY_ENCRYPTION_KEY = bytes(range(32))
NOW = datetime(2026, 3, 14, 15, 9, 26, 535897, tzinfo=UTC)
_OF_MEMORY = {"tenant_id", "cube_id", "subject_ids", "occurred_at", "description", "expires_at", "parents"}


class House:
    """One tenant with one cube and one owner, who is also the data subject."""

    def __init__(self) -> None:
        self.tenant_id, self.cube_id, self.owner_id = new_id(), new_id(), new_id()

    def generated(self, text: str = "Tea is kept in the blue tin.", **facts: Any) -> Memory:
        """A memory in quarantine. `facts` are those of Memory.generate and fields of Governance."""
        own = {name: facts.pop(name) for name in _OF_MEMORY & facts.keys()}
        defaults = {
            "tenant_id": self.tenant_id,
            "cube_id": self.cube_id,
            "subject_ids": (self.owner_id,),
            "occurred_at": NOW,
        }
        governance = Governance(**{"owner_id": self.owner_id, **facts})
        return Memory.generate(text=text, governance=governance, **{**defaults, **own})

    def activated(self, text: str = "Tea is kept in the blue tin.", **facts: Any) -> Memory:
        memory = self.generated(text, **facts)
        memory.activate(gate="owner")
        return memory

    def cube(self, name: str = "kitchen") -> Cube:
        return Cube.found(tenant_id=self.tenant_id, name=name, owner_id=self.owner_id, subject_id=self.owner_id)


def log_event(stream_id: UUID | None = None, version: int = 1, topic: str = "test.happened.v1", **row: Any) -> LogEvent:
    """An event with a clear payload, ready to append. `row` are fields of LogRow, and `data`."""
    state = orjson.dumps(row.pop("data", {"n": version}))
    return LogEvent(
        stream_id or new_id(), version, topic, state, LogRow(**{"tenant_id": NIL, "occurred_at": NOW, **row})
    )
