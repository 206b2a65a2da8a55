"""Take back what a principal has written: in one append, on record with the reason, and as it was planned."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from mnemolog.adapters.postgres.lineage import Lineages
from mnemolog.api.accesses import audited, current
from mnemolog.api.audit import all_recorded, position_of
from mnemolog.api.decisions import DECIDED_ON, Decisions
from mnemolog.api.lineage_answers import RetractionAnswer, tally
from mnemolog.api.parts import CATALOGUE, Parts, require_administrator
from mnemolog.domain.aggregate import Root
from mnemolog.domain.content import check_text
from mnemolog.domain.grants import Grant
from mnemolog.domain.lifecycle import State
from mnemolog.domain.log import Selection
from mnemolog.domain.memory import EVENTS as MEMORY_EVENTS
from mnemolog.domain.memory import Memory, Relation
from mnemolog.domain.permissions import Caller
from mnemolog.domain.refusals import Invalid, InvalidPosition, MemoryErased, NotFound, PrincipalNotFound
from mnemolog.domain.retraction import Finding, Retraction
from mnemolog.domain.taking_back import Deeds, Revised, Revision, Situation, judged, take_back

MOST_DEEDS = 10_000
MOST_REVISIONS = 10_000  # of one memory
KINDS = frozenset(topic.rpartition(".")[0] for topic in (*MEMORY_EVENTS, Grant.Issued.TOPIC, Grant.Revoked.TOPIC))
# Besides permissions: a merge changes what it merges, but a link is the event of one memory about another.
SETTLED = (*DECIDED_ON, Memory.Linked.TOPIC)


@audited("retract")
class Retract:
    """For administrators. What is archived can be restored; nothing is erased."""

    def __init__(self, parts: Parts, caller: Caller) -> None:
        self._parts = parts
        self._caller = caller
        self._decisions = Decisions(parts, caller)
        self._lineages = Lineages(parts.application.datastore, caller.tenant_id)

    def __call__(
        self,
        actor_id: UUID,
        since: int | datetime,
        until: int | datetime | None = None,
        *,
        reason: str,
        dry_run: bool = False,
        idempotency_key: UUID | None = None,
    ) -> RetractionAnswer:
        """What `actor_id` wrote after `since` and up to `until`, with all that anybody made from it.

        `dry_run` says what would be done. Raises Denied, PrincipalNotFound, InvalidText, InvalidPosition, Invalid for
        more than can be decided on at once, VersionConflict, ConditionFailed, ProjectionBehind.
        """
        require_administrator(self._caller, "take back what others wrote")
        if self._parts.directory.principal(self._caller.tenant_id, actor_id) is None:
            raise PrincipalNotFound(principal_id=actor_id)
        check_text("reason", reason)
        after = position_of(self._parts, since, 0)
        if dry_run:
            return self._planned(actor_id, after, until, reason)

        def decide() -> Sequence[Root]:
            upto, findings, changed = self._plan(actor_id, after, until)
            return [*changed, Retraction.make(self._caller, actor_id, after, upto, findings, reason)]

        request = ("retract", actor_id, since, until, reason)
        written = self._decisions.decide(decide, idempotency_key, request, SETTLED)
        self._parts.wait(CATALOGUE, written.position)
        return self._told(RetractionAnswer.of(self._parts.log.at([written.position])[written.position]))

    def _planned(self, actor_id: UUID, after: int, until: int | datetime | None, reason: str) -> RetractionAnswer:
        upto, findings, _ = self._plan(actor_id, after, until)
        answer = RetractionAnswer(
            retraction_id=None,
            actor_id=actor_id,
            after=after,
            upto=upto,
            reason=reason,
            dry_run=True,
            findings=findings,
            counts=tally(findings),
            position=self._parts.catalogue.position,
        )
        return self._told(answer)

    def _told(self, answer: RetractionAnswer) -> RetractionAnswer:
        current().tell([each.id for each in answer.findings if each.kind == "memory"], answer.position)
        return answer

    def _plan(
        self, actor_id: UUID, after: int, until: int | datetime | None
    ) -> tuple[int, list[Finding], Sequence[Root]]:
        """(the position up to which it is decided, what becomes of what, what has to be saved for that)."""
        head = all_recorded(self._parts)
        self._parts.wait(CATALOGUE, head)
        upto = min(position_of(self._parts, until, head), head)
        if after > upto:
            raise InvalidPosition(value=after, reason=f"what is taken back ends at {upto}")
        deeds = self._deeds(actor_id, after, upto)
        found = self._situation(deeds)
        findings = take_back(deeds, found)
        changed = [each for each in (*found.memories.values(), *found.grants.values()) if each.pending_events]
        return upto, findings, changed

    def _deeds(self, actor_id: UUID, after: int, upto: int) -> Deeds:
        """Raises Invalid."""
        positions = self._lineages.deeds(actor_id, after, upto, KINDS, MOST_DEEDS + 1)
        if len(positions) > MOST_DEEDS:
            raise Invalid(reason=f"More than {MOST_DEEDS} events would be taken back at once; take a shorter range.")
        events = self._parts.log.at(positions, self._caller.tenant_id)
        return Deeds([events[position] for position in positions])

    def _situation(self, deeds: Deeds) -> Situation:
        revised = {each: found for each in deeds.revised if (found := self._revised(each, deeds)) is not None}
        influence = deeds.influence(self._lineages.derived, revised)
        touched = {event.memory_id for event in deeds.events if event.memory_id is not None}
        memories = self._memories(touched | influence.since.keys())
        memories |= self._memories({p for each in influence.since if each in memories for p in memories[each].parents})
        return Situation(
            influence=influence,
            memories=memories,
            revised=revised,
            confirmed=self._confirmed(deeds),
            grants={each: self._parts.application.load(Grant, each) for each in deeds.of_grants(Grant.Issued.TOPIC)},
            now=self._parts.clock.now(),
        )

    def _memories(self, memory_ids: Iterable[UUID]) -> dict[UUID, Memory]:
        """As their events make them; erased ones are missing."""
        rows = self._parts.directory.memories(sorted(memory_ids), self._caller.tenant_id)
        found: dict[UUID, Memory] = {}
        for memory_id, row in rows.items():
            if row.state is not State.ERASED and (memory := self._loaded(memory_id)) is not None:
                found[memory_id] = memory
        return found

    def _loaded(self, memory_id: UUID, version: int | None = None) -> Memory | None:
        try:
            return self._parts.application.load(Memory, memory_id, version)
        except (MemoryErased, NotFound):
            return None

    def _revised(self, memory_id: UUID, deeds: Deeds) -> Revised | None:
        """None when it is erased."""
        chosen = Selection(memory_id=memory_id, types=(Memory.Revised.TOPIC,))
        since = self._parts.log.read(deeds.revised[memory_id] - 1, MOST_REVISIONS, chosen)
        revisions = [Revision(each.position, each.version, each.position in deeds.positions) for each in since]
        try:
            return judged(revisions, lambda version: self._parts.application.load(Memory, memory_id, version))
        except (MemoryErased, NotFound):
            return None

    def _confirmed(self, deeds: Deeds) -> set[tuple[UUID, UUID]]:
        linked = {event.stream_id for event in deeds.events if event.type == Memory.Linked.TOPIC}
        by_link = Relation.DERIVED_FROM.value
        origins = self._lineages.origins(sorted(linked)) if linked else []
        own = deeds.positions
        return {(each[0], each[1]) for each in origins if each.relation == by_link and each.position not in own}
