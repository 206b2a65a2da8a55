"""A recorded question, asked again as it was asked: by the same caller, under the rules and of the memories of then.

The ranking is decided by what is on record. Texts are disclosed a moment later, and rules and memories may have changed
in between: each state that they had until the answer left is tried, and usually there is one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import NamedTuple
from uuid import UUID

from mnemolog.api.budget import within
from mnemolog.api.disclosure import Past, disclosed_then
from mnemolog.api.moments import Moment
from mnemolog.api.parts import CATALOGUE, EVERY, Parts
from mnemolog.api.recorded import RecordedRecall
from mnemolog.api.replay_answers import Why
from mnemolog.api.reranked import reranked, widened
from mnemolog.api.rules_then import RulesThen
from mnemolog.api.waking import wake
from mnemolog.domain.log import Selection
from mnemolog.domain.memory import Memory
from mnemolog.domain.permissions import Action, Caller, Reading
from mnemolog.domain.policy import PERMISSION_EVENTS, Policy
from mnemolog.projections.embedding import Vectors
from mnemolog.projections.intents import intent
from mnemolog.projections.recall import MAX_HITS, Hit, Question, Ranking, recall_several

MOST_BETWEEN = 1000  # events between a ranking and its answer


class Told(NamedTuple):
    """One place of an answer. `score` is `float.hex`."""

    memory_id: UUID
    score: str
    text_position: int


@dataclass(frozen=True, slots=True)
class Difference:
    """The first: `what` is an id, a score or a position of a text, with its place in the answer."""

    what: str
    recorded: str
    found: str


@dataclass(frozen=True, slots=True)
class Compared:
    """Either way `why` is None for an answer that is proven: the same, unless there is a difference."""

    difference: Difference | None = None
    why: Why | None = None


def told_by(recorded: RecordedRecall) -> list[Told]:
    scores = map(float.hex, recorded.scores)
    return [*map(Told._make, zip(recorded.memory_ids, scores, recorded.text_positions, strict=True))]


class AskingAgain:
    """Of one tenant. What comes into memory for this stays there until it is idle."""

    def __init__(self, parts: Parts, tenant_id: UUID) -> None:
        self._parts, self._rules = parts, RulesThen(parts, tenant_id)

    def compared(self, recorded: RecordedRecall) -> Compared:
        """Raises ProjectionBehind, EmbedderUnavailable, RerankerUnavailable."""
        if recorded.embedder != self._parts.embeddings.embedder.name:
            return Compared(why=Why.ANOTHER_EMBEDDER)
        if recorded.rerank and not self._has_reranker(recorded):
            return Compared(why=Why.ANOTHER_RERANKER)
        self._wake(recorded)
        again = _Again(self._parts, self._rules, recorded)
        difference = again.difference()
        if difference is None:
            return Compared()
        why = self._excuse(recorded, again)
        return Compared(why=why) if why is not None else Compared(difference)

    def _has_reranker(self, recorded: RecordedRecall) -> bool:
        """Older releases did not say which one it was."""
        own = self._parts.reranker
        return own is not None and recorded.reranker in (None, own.name)

    def _wake(self, recorded: RecordedRecall) -> None:
        self._parts.wait((*CATALOGUE, *EVERY), max(recorded.position, recorded.permitted_at))
        for cube_id in recorded.cube_ids:
            for view in self._parts.residence.views:
                wake(self._parts.residence, view, cube_id, lambda position: None)

    def _excuse(self, recorded: RecordedRecall, again: _Again) -> Why | None:
        """Why an answer may be another one although nothing is wrong with its record."""
        if any(self._erased_since(recorded.position, cube_id) for cube_id in recorded.cube_ids):
            return Why.ERASED
        if recorded.ruled_at is None:
            return Why.UNRECORDED
        return Why.INDEX if not recorded.exact and again.has_these_scores() else None

    def _erased_since(self, position: int, cube_id: UUID) -> bool:
        erasures = Selection(types=(Memory.Erased.TOPIC,), cube_id=cube_id)
        return bool(self._parts.log.read(position, 1, erasures))


class _Again:
    """One question."""

    def __init__(self, parts: Parts, rules: RulesThen, recorded: RecordedRecall) -> None:
        self._parts, self._rules, self._recorded = parts, rules, recorded
        self._ruled_at = recorded.permitted_at if recorded.ruled_at is None else recorded.ruled_at
        self._judged_at = recorded.judged_at or recorded.clock
        self._caller = caller_of(recorded, rules.at(recorded.permitted_at))

    def difference(self) -> Difference | None:
        """From what it would have told if nothing had changed while it was made."""
        question, told = self._recorded.question, told_by(self._recorded)
        ranking = self._ranking(widened(question) if self._recorded.rerank else question)
        first: Difference | None = None
        for past in self._pasts(ranking):
            found = first_difference(told, self._told(ranking, past))
            if found is None:
                return None
            first = first or found
        return first

    def has_these_scores(self) -> bool:
        """Whether the memories that were told have the scores that they had then, whatever else there is."""
        wide = self._ranking(replace(self._recorded.question, k=MAX_HITS))
        scores = {hit.memory_id: hit.score.hex() for hit in wide.hits}
        told = told_by(self._recorded)
        return all(scores.get(each.memory_id, each.score) == each.score for each in told)

    def _ranking(self, question: Question) -> Ranking:
        policy, recorded = self._rules.at(self._ruled_at), self._recorded

        def embed(meaning: str) -> Vectors:
            return self._parts.embeddings.embedder.embed([meaning], as_query=True)

        def reading(cube_id: UUID) -> Reading:
            return policy.reading(self._caller, cube_id, self._judged_at)

        return recall_several(
            self._parts.views,
            recorded.cube_ids,
            replace(question, exact=True),
            embed,
            self._caller,
            recorded.clock,
            recorded.position,
            reading,
            self._labelled_at(),
        )

    def _labelled_at(self) -> Mapping[UUID, int]:
        cube_ids, labelled_at = self._recorded.cube_ids, self._recorded.labelled_at
        if labelled_at is None:
            return dict.fromkeys(cube_ids, self._recorded.permitted_at)
        return dict(zip(cube_ids, labelled_at, strict=True))

    def _pasts(self, ranking: Ranking) -> Iterator[Past]:
        """When it may have been disclosed: most likely when nothing had changed yet."""
        last = max(self._recorded.permitted_at, self._ruled_at)
        positions = dict.fromkeys((last, self._ruled_at, *self._changes(ranking.hits, last)))
        for now in (self._judged_at, self._recorded.answered_at):
            for position in positions:
                yield Past(position, self._rules.at(position), now)

    def _changes(self, hits: Sequence[Hit], upto: int) -> list[int]:
        """The positions at which rules, or memories that were found, became others while the answer was made."""
        found = {hit.memory_id for hit in hits}
        of_tenant = Selection(tenant_id=self._caller.tenant_id)
        between = self._parts.log.read(self._ruled_at, MOST_BETWEEN, of_tenant, upto)
        return [each.position for each in between if each.memory_id in found or each.type in PERMISSION_EVENTS]

    def _told(self, ranking: Ranking, past: Past) -> list[Told]:
        recorded = self._recorded
        moment = None if recorded.as_of is None else Moment(recorded.as_of, recorded.clock)
        wanted = [hit.memory_id for hit in ranking.hits]
        disclosed = disclosed_then(self._parts, self._caller, wanted, moment, past)
        found = [(hit, disclosed[hit.memory_id]) for hit in ranking.hits if hit.memory_id in disclosed]
        if recorded.rerank:
            assert self._parts.reranker is not None
            question = recorded.question
            found = reranked(self._parts.reranker, intent(question.text, ()).text, found)[: question.k]
        return [
            Told(hit.memory_id, hit.score.hex(), memory.row.text_position)
            for hit, memory in within(recorded.budget, found)
        ]


def caller_of(recorded: RecordedRecall, policy: Policy) -> Caller:
    """Who asked, with the key of then. What is not on record is taken to be what it is without limits."""
    assert recorded.caller_id is not None
    both = {recorded.caller_id, recorded.on_behalf_of or recorded.caller_id}
    administers = both <= policy.administrators
    return Caller(
        recorded.caller_id,
        recorded.tenant_id,
        recorded.subject_id,
        administrator=administers if recorded.administrator is None else recorded.administrator,
        session_id=recorded.session_id,
        on_behalf_of=recorded.on_behalf_of,
        scopes=None if recorded.scopes is None else frozenset(map(Action, recorded.scopes)),
        purpose=recorded.purpose,
        app=recorded.app,
        address=recorded.address,
    )


def first_difference(recorded: Sequence[Told], found: Sequence[Told]) -> Difference | None:
    for place, (then, now) in enumerate(zip_longest(recorded, found), 1):
        if then is None or now is None:
            either = "nothing"
            return Difference(
                f"memory_id of hit {place}",
                either if then is None else str(then.memory_id),
                either if now is None else str(now.memory_id),
            )
        for name, was, is_now in zip(Told._fields, then, now, strict=True):
            if was != is_now:
                return Difference(f"{name} of hit {place}", str(was), str(is_now))
    return None
