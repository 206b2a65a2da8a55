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
    expiry was judged, and `exact` whether all memories were compared.
    """

    caller_id: UUID | None
    session_id: UUID | None
    purpose: str | None
    cube_ids: tuple[UUID, ...]
    question: Question
    budget: int | None
    rerank: bool
    embedder: str
    as_of: int | None
    position: int
    permitted_at: int
    clock: datetime
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
    return RecordedRecall(
        caller_id=event.actor_id,
        session_id=None if data["session_id"] is None else UUID(data["session_id"]),
        purpose=data["purpose"],
        cube_ids=tuple(map(UUID, data["cube_ids"])),
        question=question_of(question),
        budget=question["budget"],
        rerank=question["rerank"],
        embedder=data["embedder"],
        as_of=data["as_of"],
        position=data["position"],
        permitted_at=data["permitted_at"],
        clock=datetime.fromisoformat(data["clock"]),
        exact=data["exact"],
        memory_ids=tuple(map(UUID, data["memory_ids"])),
        text_positions=tuple(data["text_positions"]),
        scores=tuple(map(float.fromhex, data["scores"])),
    )
