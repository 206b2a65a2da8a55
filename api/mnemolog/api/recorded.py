"""What somebody was once answered, from its record: enough to ask the same again and to compare every bit."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from mnemolog.domain.access import Access
from mnemolog.domain.log import Event
from mnemolog.domain.refusals import Invalid, NotFound
from mnemolog.projections.questions import question_of
from mnemolog.projections.recall import Question


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedRecall:
    """The question with all that its answer depended on, and the answer: ids in order, and the score of each.

    `position` is the one that the answer was of, `permitted_at` the one that permission was decided at, `clock` when
    expiry was judged, and `exact` whether all memories were compared. The ranking obeyed the rules of `ruled_at`, whose
    time limits were judged at `judged_at`, and the labels of `labelled_at` in each cube; the answer left at
    `answered_at`. What older releases did not record is None.
    """

    tenant_id: UUID
    subject_id: UUID
    caller_id: UUID | None
    on_behalf_of: UUID | None
    session_id: UUID | None
    purpose: str | None
    app: str | None
    address: str | None
    administrator: bool | None
    scopes: frozenset[str] | None
    cube_ids: tuple[UUID, ...]
    question: Question
    budget: int | None
    rerank: bool
    reranker: str | None
    embedder: str
    as_of: int | None
    position: int
    permitted_at: int
    ruled_at: int | None
    labelled_at: tuple[int, ...] | None
    clock: datetime
    judged_at: datetime | None
    answered_at: datetime
    exact: bool
    memory_ids: tuple[UUID, ...]
    text_positions: tuple[int, ...]
    scores: tuple[float, ...]


def recorded_recall(event: Event) -> RecordedRecall:
    """Raises Invalid for an event that is no answer to a question, NotFound when what was asked has been erased."""
    if event.type != Access.Recorded.TOPIC or event.data["kind"] != "recall":
        raise Invalid(reason=f"At position {event.position} is no answer to a question.")
    if event.erased:
        raise NotFound(kind="question any more at position", id=event.position)
    data, question = event.data, event.data["question"]
    scopes, ruled_at, judged_at = data.get("scopes"), data.get("ruled_at"), data.get("judged_at")
    return RecordedRecall(
        tenant_id=event.tenant_id,
        subject_id=UUID(data["subject_ids"][0]),
        caller_id=event.actor_id,
        on_behalf_of=event.on_behalf_of,
        session_id=None if data["session_id"] is None else UUID(data["session_id"]),
        purpose=data["purpose"],
        app=data.get("app"),
        address=data.get("address"),
        administrator=data.get("administrator"),
        scopes=None if scopes is None else frozenset(scopes),
        cube_ids=tuple(map(UUID, data["cube_ids"])),
        question=question_of(question),
        budget=question["budget"],
        rerank=question["rerank"],
        reranker=question.get("reranker"),
        embedder=data["embedder"],
        as_of=data["as_of"],
        position=data["position"],
        permitted_at=data["permitted_at"],
        ruled_at=ruled_at,
        labelled_at=None if ruled_at is None else tuple(data["labelled_at"]),
        clock=datetime.fromisoformat(data["clock"]),
        judged_at=None if judged_at is None else datetime.fromisoformat(judged_at),
        answered_at=event.occurred_at,
        exact=data["exact"],
        memory_ids=tuple(map(UUID, data["memory_ids"])),
        text_positions=tuple(data["text_positions"]),
        scores=tuple(map(float.fromhex, data["scores"])),
    )
