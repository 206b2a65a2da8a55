"""A retraction: what a principal has written is taken back, on record with what became of each thing and why.

Ids only, but for the reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar, Self
from uuid import UUID

from eventsourcing.domain import event

from mnemolog.domain.aggregate import Root, topics
from mnemolog.domain.content import check_text
from mnemolog.domain.permissions import Caller


class Outcome(StrEnum):
    ARCHIVED = "archived"
    RETURNED = "returned"  # to the text and the metadata from before
    UNMERGED = "unmerged"  # out of a merge that is archived
    UNLINKED = "unlinked"
    REVOKED = "revoked"
    HELD = "held"  # frozen, so it is as it was, and somebody has to decide
    LEFT = "left"  # nothing was done about it here: it is listed


class Cause(StrEnum):
    """Why something is in a retraction. What was done besides stands under the type of its event."""

    WRITTEN = "written"
    DERIVED = "derived"  # made from what was written
    REVISED = "revised"
    REVISED_SINCE = "revised_since"  # by others too, so that no earlier text is the right one
    MERGED = "merged"
    LINKED = "linked"
    GRANTED = "granted"


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """`kind` is of what the id is: memory or grant."""

    kind: str
    id: UUID
    outcome: str
    why: str

    def to_json(self) -> dict[str, str]:
        return {"kind": self.kind, "id": str(self.id), "outcome": self.outcome, "why": self.why}

    @classmethod
    def from_json(cls, data: Mapping[str, str]) -> Self:
        return cls(data["kind"], UUID(data["id"]), data["outcome"], data["why"])


class Retraction(Root):
    """`reason` may be about somebody, so it is sealed."""

    KIND = "retraction"

    class Made(Root.Created):
        """Of what `writer_id` wrote at after < position <= upto."""

        TOPIC = "retraction.made.v1"
        SEALED = frozenset({"reason"})
        BLANK: ClassVar[Mapping[str, Any]] = {"reason": ""}
        writer_id: UUID
        after: int
        upto: int
        findings: list[dict[str, str]]
        reason: str

    @event(Made)
    def __init__(
        self,
        tenant_id: UUID,
        cube_id: UUID | None,
        subject_ids: tuple[UUID, ...],
        writer_id: UUID,
        after: int,
        upto: int,
        findings: list[dict[str, str]],
        reason: str,
    ) -> None:
        self.tenant_id, self.cube_id, self.subject_ids = tenant_id, cube_id, tuple(subject_ids)

    @classmethod
    def make(
        cls, caller: Caller, writer_id: UUID, after: int, upto: int, findings: Iterable[Finding], reason: str
    ) -> Self:
        """Raises InvalidText."""
        return cls(
            tenant_id=caller.tenant_id,
            cube_id=None,
            subject_ids=(caller.subject_id,),
            writer_id=writer_id,
            after=after,
            upto=upto,
            findings=[each.to_json() for each in findings],
            reason=check_text("reason", reason),
        )


EVENTS = topics(Retraction, Retraction.Made)
