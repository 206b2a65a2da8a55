"""An erasure: what is to be forgotten for ever, who wanted it, and the receipt of its having been done.

What it says stays readable for ever, so it says ids and counts only. `basis` is why: a case number or an article of a
law, and never a name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Self
from uuid import UUID

from eventsourcing.domain import event

from mnemolog.domain.aggregate import Root, topics
from mnemolog.domain.content import check_label
from mnemolog.domain.memory import Memory

FORMAT = "mnemolog/erasure/1"
MOST_LISTED = 1000  # streams, of which a receipt names each; of more it has the digest alone


class Kind(StrEnum):
    MEMORY = "memory"
    SUBJECT = "subject"


@dataclass(frozen=True, slots=True)
class Doomed:
    """A memory whose erasure has been decided, as it was last seen."""

    memory_id: UUID
    version: int
    tenant_id: UUID
    cube_id: UUID
    subject_ids: tuple[UUID, ...]


class Erasure(Root):
    KIND = "erasure"

    class Begun(Root.Created):
        TOPIC = "erasure.begun.v1"
        kind: str
        target_id: UUID
        basis: str

    class Completed(Root.Event):
        """`receipt` is a signed note."""

        TOPIC = "erasure.completed.v1"
        receipt: str

        def apply(self, erasure: Erasure) -> None:
            erasure.receipt = self.receipt

    @event(Begun)
    def __init__(
        self,
        tenant_id: UUID,
        cube_id: UUID | None,
        subject_ids: tuple[UUID, ...],
        kind: str,
        target_id: UUID,
        basis: str,
    ) -> None:
        self.tenant_id, self.cube_id, self.subject_ids = tenant_id, cube_id, tuple(subject_ids)
        self.kind, self.target_id, self.basis = Kind(kind), target_id, basis
        self.receipt: str | None = None

    @classmethod
    def begin(cls, *, tenant_id: UUID, kind: Kind, target_id: UUID, basis: str) -> Self:
        return cls(
            tenant_id=tenant_id,
            cube_id=None,
            subject_ids=(),
            kind=kind.value,
            target_id=target_id,
            basis=check_label("basis", basis),
        )

    def complete(self, receipt: str) -> None:
        if self.receipt is None:
            self.record(Erasure.Completed, receipt=receipt)


def erased(memory: Doomed, now: datetime) -> Memory.Erased:
    """The last event of a memory, without loading it: its key may be gone already, and there may be many."""
    envelope: dict[str, Any] = {"originator_id": memory.memory_id, "originator_version": memory.version + 1}
    envelope |= {"tenant_id": memory.tenant_id, "cube_id": memory.cube_id, "subject_ids": memory.subject_ids}
    return Memory.Erased(timestamp=now, **envelope)


def statement(facts: dict[str, Any], streams: Sequence[UUID], digest: str) -> dict[str, Any]:
    """What a receipt says. `streams` are those whose keys were destroyed; `digest` is of all their ids."""
    listed = [str(stream) for stream in streams] if len(streams) <= MOST_LISTED else None
    destroyed = {"streams": len(streams), "streams_sha256": digest, "stream_ids": listed}
    return {"format": FORMAT, **facts, "destroyed_keys": destroyed}


EVENTS = topics(Erasure, Erasure.Begun, Erasure.Completed)
