"""Recall: ask a cube, be told what it knows and why it says so."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from mnemolog.api.answers import RecallAnswer, RecallHit
from mnemolog.api.disclosure import Disclosed, disclose
from mnemolog.api.moments import At, moment_of
from mnemolog.api.parts import CATALOGUE, RECALL, Parts
from mnemolog.domain.permissions import Caller
from mnemolog.projections.embedding import Vectors
from mnemolog.projections.recall import Hit, Question, recall


class Recall:
    def __init__(self, parts: Parts, caller: Caller) -> None:
        self._parts = parts
        self._caller = caller

    def __call__(
        self,
        cube: str | UUID,
        question: str | Question,
        *,
        k: int = 10,
        at: At = None,
        at_least: int | None = None,
    ) -> RecallAnswer:
        """The memories of a cube that answer best, with the score of every signal: now, or as of a position or time.

        Raises CubeNotFound, InvalidText, Invalid, InvalidPosition, ProjectionBehind, EmbedderUnavailable.
        """
        asked = Question(question, k) if isinstance(question, str) else question
        self._parts.wait(CATALOGUE, at_least)
        row = self._parts.cube(self._caller, cube)
        embedder = self._parts.embeddings.embedder

        def embed(meaning: str) -> Vectors:
            return embedder.embed([meaning], as_query=True)

        moment = None if at is None else moment_of(self._parts, self._caller, at)
        self._parts.wait(RECALL, at_least if moment is None else moment.position)
        now = self._parts.clock.now() if moment is None else moment.clock
        position = None if moment is None else moment.position
        ranking = recall(self._parts.views, row.cube_id, asked, embed, self._caller, now, position)
        asked_for = [hit.memory_id for hit in ranking.hits]
        disclosed = disclose(self._parts, self._caller, asked_for, moment)
        return RecallAnswer(
            hits=[_hit(hit, disclosed[hit.memory_id]) for hit in ranking.hits if hit.memory_id in disclosed],
            position=ranking.position,
            considered=ranking.considered,
            dropped=self._shown(ranking.dropped),
            embedder=embedder.name,
        )

    def _shown(self, dropped: Mapping[str, int]) -> Mapping[str, int]:
        """How much is hidden from a caller is itself hidden, except from an administrator."""
        hidden = frozenset() if self._caller.administrator else frozenset({"not_permitted"})
        return {code: count for code, count in dropped.items() if code not in hidden}


def _hit(hit: Hit, memory: Disclosed) -> RecallHit:
    row = memory.row
    return RecallHit(
        memory_id=hit.memory_id,
        text=memory.text,
        speaker=memory.description.speaker,
        key=memory.description.key,
        tags=memory.description.tags,
        score=hit.score,
        signals=hit.signals,
        state=row.state.value,
        memory_type=row.governance.memory_type.value,
        trust=row.standing.trust,
        occurred_at=row.occurred_at,
        context_id=row.governance.context_id,
        version=row.version,
        position=hit.position,
    )
