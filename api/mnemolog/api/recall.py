"""Recall: ask cubes, be told what they know and why they say so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from mnemolog.api.accesses import audited, current
from mnemolog.api.answers import RecallAnswer, RecallHit
from mnemolog.api.budget import check_budget, estimated_tokens, within
from mnemolog.api.disclosure import Disclosed, disclose
from mnemolog.api.moments import At, Moment, moment_of
from mnemolog.api.parts import CATALOGUE, EVERY, RECALL, Parts
from mnemolog.api.reranked import Found, reranked, reranker_of, widened
from mnemolog.domain.permissions import Caller, Reading
from mnemolog.projections.embedding import Vectors
from mnemolog.projections.intents import intent
from mnemolog.projections.recall import Hit, Question, Ranking, recall_several
from mnemolog.projections.reranking import Reranker


@audited("recall")
class Recall:
    def __init__(self, parts: Parts, caller: Caller) -> None:
        self._parts = parts
        self._caller = caller

    def __call__(
        self,
        cubes: str | UUID | Sequence[str | UUID],
        question: str | Question,
        *,
        k: int = 10,
        budget: int | None = None,
        rerank: bool = False,
        at: At = None,
        at_least: int | None = None,
    ) -> RecallAnswer:
        """The memories that answer best, with the score of every signal: now, or as of a position or time.

        Of several cubes, one that the caller may not use refuses the whole question. `budget` is at most how many
        tokens of text are answered, by an estimate; hits that do not fit are passed over. With `rerank` the configured
        model decides about the order.
        Raises CubeNotFound, InvalidText, Invalid, InvalidPosition, ProjectionBehind, EmbedderUnavailable,
        RerankerUnavailable.
        """
        asked = Question(question, k) if isinstance(question, str) else question
        check_budget(budget)
        reranker = reranker_of(self._parts) if rerank else None
        self._parts.wait(CATALOGUE, at_least)
        names = [cubes] if isinstance(cubes, str | UUID) else cubes
        cube_ids = [self._parts.cube(self._caller, name).cube_id for name in names]
        moment = None if at is None else moment_of(self._parts, self._caller, at)
        views = EVERY if asked.weighing().related else RECALL
        self._parts.wait(views, at_least if moment is None else moment.position)
        now = self._parts.clock.now() if moment is None else moment.clock
        current().asks(cube_ids, moment, now)
        ranking = self._ranking(cube_ids, asked if reranker is None else widened(asked), moment, now)
        disclosed = disclose(self._parts, self._caller, [hit.memory_id for hit in ranking.hits], moment)
        found = [(hit, disclosed[hit.memory_id]) for hit in ranking.hits if hit.memory_id in disclosed]
        if reranker is not None:
            found = reranked(reranker, intent(asked.text, ()).text, found)[: asked.k]
        answer = self._answer(ranking, found, within(budget, found), reranker)
        how = {"budget": budget, "rerank": rerank, "reranker": answer.reranker}
        current().answer(asked, ranking, [hit.score for hit in answer.hits], answer.embedder, how)
        current().tell([hit.memory_id for hit in answer.hits], answer.position)
        return answer

    def _ranking(self, cube_ids: Sequence[UUID], asked: Question, moment: Moment | None, now: datetime) -> Ranking:
        embedder = self._parts.embeddings.embedder

        def embed(meaning: str) -> Vectors:
            return embedder.embed([meaning], as_query=True)

        position = None if moment is None else moment.position
        caller, judged_at = self._caller, self._parts.clock.now()
        policy, ruled_at = self._parts.policy(caller)
        current().judged(ruled_at, judged_at)

        def reading(cube_id: UUID) -> Reading:
            return policy.reading(caller, cube_id, judged_at)

        return recall_several(self._parts.views, cube_ids, asked, embed, caller, now, position, reading)

    def _answer(
        self, ranking: Ranking, found: Sequence[Found], fitting: Sequence[Found], reranker: Reranker | None
    ) -> RecallAnswer:
        over = {"budget": len(found) - len(fitting)} if len(found) > len(fitting) else {}
        return RecallAnswer(
            hits=[_hit(hit, memory) for hit, memory in fitting],
            position=ranking.position,
            exact=ranking.exact,
            considered=ranking.considered,
            dropped=self._shown(ranking.dropped) | over,
            estimated_tokens=sum(estimated_tokens(memory.text) for _, memory in fitting),
            embedder=self._parts.embeddings.embedder.name,
            reranker=None if reranker is None else reranker.name,
        )

    def _shown(self, dropped: Mapping[str, int]) -> dict[str, int]:
        """How much is hidden from a caller is itself hidden, except from an administrator."""
        hidden = frozenset() if self._caller.administrator else frozenset({"not_permitted"})
        return {code: count for code, count in dropped.items() if code not in hidden}


def _hit(hit: Hit, memory: Disclosed) -> RecallHit:
    row = memory.row
    return RecallHit(
        memory_id=hit.memory_id,
        cube_id=hit.cube_id,
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
