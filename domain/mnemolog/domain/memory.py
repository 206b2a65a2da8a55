"""A memory, folded from its events."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, Self
from uuid import UUID

from eventsourcing.domain import event

from mnemolog.domain.aggregate import Root, topics
from mnemolog.domain.content import check_text
from mnemolog.domain.lifecycle import EDITABLE, RECALLABLE, Reason, State, step
from mnemolog.domain.metadata import Description, Governance, Standing, Visibility
from mnemolog.domain.refusals import (
    CannotMerge,
    IllegalTransition,
    Invalid,
    LegalHold,
    MemoryErased,
    MemoryExpired,
    MemoryIsFrozen,
    MemoryNotEditable,
    StaleVersion,
)
from mnemolog.domain.retention import check_moment, has_expired


class Relation(StrEnum):
    """What a link between two memories says."""

    RELATES_TO = "relates_to"
    SUPPORTS = "supports"
    CONTRADICTS = "contradicts"
    CAUSES = "causes"
    FOLLOWS = "follows"
    DERIVED_FROM = "derived_from"
    MERGED_TO = "merged_to"


class Transition:
    """A step of the life cycle. Each has an event of its own, so that the log reads as a life."""

    target: ClassVar[State]

    def apply(self, memory: Memory) -> None:
        memory.state = self.target


class Return(Transition):
    """A step back to work: no hold and no merge binds the memory any more, however long ago it was merged."""

    target = State.ACTIVATED

    def apply(self, memory: Memory) -> None:
        memory.state, memory.legal_hold = self.target, False
        memory.links = {link: weight for link, weight in memory.links.items() if link[1] is not Relation.MERGED_TO}


class Memory(Root):
    """One thing an agent remembers. Its text and description are personal: they reach the log sealed."""

    KIND = "memory"

    class Event(Root.Event):
        pass

    class Generated(Event, Root.Created):
        """`copied_from` is the memory of another cube that this one was copied from, when its cube was forked."""

        TOPIC = "memory.generated.v1"
        SEALED = frozenset({"text", "description"})
        text: str
        description: dict[str, Any]
        governance: dict[str, Any]
        trust: float
        occurred_at: datetime
        expires_at: datetime | None
        parents: tuple[UUID, ...]
        copied_from: UUID | None

    class Revised(Event):
        TOPIC = "memory.revised.v1"
        SEALED = frozenset({"text", "description"})
        text: str
        description: dict[str, Any]
        governance: dict[str, Any]
        rewritten: bool
        trust: float

        def apply(self, memory: Memory) -> None:
            memory.text = self.text
            memory.description = Description.from_json(self.description)
            memory.governance = Governance.from_json(self.governance)
            if self.rewritten:  # what others confirmed was the old text
                memory.standing, memory.corroborated_by = Standing(trust=self.trust), frozenset()

    class Corroborated(Event):
        TOPIC = "memory.corroborated.v1"
        by: UUID

        def apply(self, memory: Memory) -> None:
            memory.standing = memory.standing.corroborated()
            memory.corroborated_by |= {self.by}

    class RetentionSet(Event):
        TOPIC = "memory.retention_set.v1"
        expires_at: datetime | None

        def apply(self, memory: Memory) -> None:
            memory.expires_at = self.expires_at

    class Linked(Event):
        TOPIC = "memory.linked.v1"
        target_id: UUID
        relation: str
        weight: float

        def apply(self, memory: Memory) -> None:
            memory.links[self.target_id, Relation(self.relation)] = self.weight

    class Unlinked(Event):
        TOPIC = "memory.unlinked.v1"
        target_id: UUID
        relation: str

        def apply(self, memory: Memory) -> None:
            del memory.links[self.target_id, Relation(self.relation)]

    class Activated(Transition, Event):
        TOPIC = "memory.activated.v1"
        target = State.ACTIVATED
        gate: str

    class Merged(Transition, Event):
        TOPIC = "memory.merged.v1"
        target = State.MERGED
        into: UUID

        def apply(self, memory: Memory) -> None:
            memory.state = self.target
            memory.links[self.into, Relation.MERGED_TO] = 1.0

    class Archived(Transition, Event):
        TOPIC = "memory.archived.v1"
        target = State.ARCHIVED
        reason: str

    class Frozen(Transition, Event):
        TOPIC = "memory.frozen.v1"
        target = State.FROZEN
        legal_hold: bool

        def apply(self, memory: Memory) -> None:
            memory.state = self.target
            memory.legal_hold = self.legal_hold

    class Thawed(Return, Event):
        TOPIC = "memory.thawed.v1"

    class Restored(Return, Event):
        TOPIC = "memory.restored.v1"

    class Unmerged(Return, Event):
        TOPIC = "memory.unmerged.v1"

    class Erased(Transition, Event):
        TOPIC = "memory.erased.v1"
        target = State.ERASED

        def apply(self, memory: Memory) -> None:
            memory.state = self.target
            memory.text, memory.description = "", Description()

    @event(Generated)
    def __init__(
        self,
        tenant_id: UUID,
        cube_id: UUID,
        subject_ids: tuple[UUID, ...],
        text: str,
        description: dict[str, Any],
        governance: dict[str, Any],
        trust: float,
        occurred_at: datetime,
        expires_at: datetime | None,
        parents: tuple[UUID, ...],
        copied_from: UUID | None = None,
    ) -> None:
        self.tenant_id, self.cube_id, self.subject_ids = tenant_id, cube_id, tuple(subject_ids)
        self.text = text
        self.description = Description.from_json(description)
        self.governance = Governance.from_json(governance)
        self.standing, self.first_trust = Standing(trust=trust), trust
        self.occurred_at, self.expires_at = occurred_at, expires_at
        self.parents, self.copied_from = tuple(parents), copied_from
        self.state = State.GENERATED
        self.legal_hold = False
        self.links: dict[tuple[UUID, Relation], float] = {}
        self.corroborated_by: frozenset[UUID] = frozenset()

    @classmethod
    def generate(
        cls,
        *,
        tenant_id: UUID,
        cube_id: UUID,
        subject_ids: tuple[UUID, ...],
        text: str,
        governance: Governance,
        occurred_at: datetime,
        description: Description = Description(),
        expires_at: datetime | None = None,
        parents: tuple[Memory, ...] = (),
    ) -> Self:
        """A new memory in quarantine. Its trust follows from its source, or from its least trusted parent."""
        check_moment("occurred_at", occurred_at)
        if expires_at is not None:
            check_moment("expires_at", expires_at)
        standing = Standing.of(governance.source, tuple(parent.standing.trust for parent in parents))
        return cls(
            tenant_id=tenant_id,
            cube_id=cube_id,
            subject_ids=subject_ids,
            text=check_text("text", text),
            description=description.to_json(),
            governance=governance.to_json(),
            trust=standing.trust,
            occurred_at=occurred_at,
            expires_at=expires_at,
            parents=tuple(parent.id for parent in parents),
        )

    def expect_version(self, expected: int | None) -> None:
        if expected is not None and expected != self.version:
            raise StaleVersion(kind="Memory", id=self.id, actual=self.version, expected=expected)

    def is_recallable(self, now: datetime, session_id: UUID | None = None) -> bool:
        """Needs no sweeper to be true: an expired memory is not recallable, whatever its state says."""
        if has_expired(self.expires_at, now):
            return False
        in_session = session_id is not None and session_id == self.governance.session_id
        if self.state is State.GENERATED:
            return in_session
        return self.state in RECALLABLE and (in_session or self.governance.visibility is not Visibility.SESSION)

    def revise(
        self,
        now: datetime,
        text: str | None = None,
        description: Description | None = None,
        governance: Governance | None = None,
    ) -> bool:
        """Whether anything changed. Who owns it, where it came from and the session it was said in never do.

        Raises MemoryIsFrozen, MemoryExpired, MemoryNotEditable, MemoryErased, InvalidText or InvalidMetadata.
        """
        self._check_editable(now)
        new_text = self.text if text is None else check_text("text", text)
        new_description, new_governance = description or self.description, self._relabelled(governance)
        if (new_text, new_description, new_governance) == (self.text, self.description, self.governance):
            return False
        self.record(
            Memory.Revised,
            text=new_text,
            description=new_description.to_json(),
            governance=new_governance.to_json(),
            rewritten=new_text != self.text,
            trust=self.first_trust if new_text != self.text else self.standing.trust,
        )
        return True

    def activate(self, gate: str) -> None:
        """`gate` names what let it out of quarantine: the owner, a reviewer, or corroboration."""
        self._step(State.ACTIVATED, "activated", gate=gate)

    def corroborate(self, by: UUID) -> None:
        """A second source says the same. The writer's own word and a repeated one do not count."""
        self._check_not_erased()
        if by != self.governance.owner_id and by not in self.corroborated_by:
            self.record(Memory.Corroborated, by=by)

    def archive(self, reason: Reason) -> None:
        self._step(State.ARCHIVED, reason=reason.value)

    def freeze(self, *, legal_hold: bool = False) -> None:
        self._step(State.FROZEN, legal_hold=legal_hold)

    def transition_state(self, target: State, reason: Reason = Reason.MANUAL, *, legal_hold: bool = False) -> None:
        """Take the memory to `target` by the one table of lifecycle.py.

        Raises IllegalTransition for a step that the table lacks, LegalHold for the erasure of a held memory, and
        CannotMerge for `merged`, which is reached by `merge` alone because it needs to know into what.
        """
        facts: dict[State, dict[str, Any]] = {
            State.ACTIVATED: {"gate": "reviewer"} if self.state is State.GENERATED else {},
            State.ARCHIVED: {"reason": reason.value},
            State.FROZEN: {"legal_hold": legal_hold},
        }
        if target is State.MERGED:
            step(self.state, target)
            raise CannotMerge(reason="a memory becomes merged by merging it with others")
        self._step(target, **facts.get(target, {}))

    def merge_into(self, result: Memory) -> None:
        self._step(State.MERGED, into=result.id)

    def set_retention(self, expires_at: datetime | None) -> None:
        """Raises MemoryErased, MemoryIsFrozen or InvalidMetadata."""
        self._check_alterable()
        if expires_at is not None:
            check_moment("expires_at", expires_at)
        if expires_at != self.expires_at:
            self.record(Memory.RetentionSet, expires_at=expires_at)

    def link(self, target: Memory, relation: Relation, weight: float = 1.0) -> None:
        """Raises Invalid for a link to itself, to another cube, of a weight outside (0, 1], or MERGED_TO."""
        self._check_alterable()
        target._check_not_erased()
        if target.id == self.id or (target.tenant_id, target.cube_id) != (self.tenant_id, self.cube_id):
            raise Invalid(reason="a link joins two different memories of one cube")
        if relation is Relation.MERGED_TO or not 0 < weight <= 1:
            raise Invalid(reason="a link has a weight in (0, 1], and merged_to is made by merging")
        if self.links.get((target.id, relation)) != weight:
            self.record(Memory.Linked, target_id=target.id, relation=relation.value, weight=weight)

    def unlink(self, target_id: UUID, relation: Relation) -> None:
        self._check_alterable()
        if relation is Relation.MERGED_TO:
            raise Invalid(reason="merged_to is undone by restoring the parents")
        if (target_id, relation) in self.links:
            self.record(Memory.Unlinked, target_id=target_id, relation=relation.value)

    def _relabelled(self, governance: Governance | None) -> Governance:
        own = self.governance
        if governance is None:
            return own
        return replace(governance, owner_id=own.owner_id, source=own.source, session_id=own.session_id)

    def _step(self, target: State, expected: str | None = None, **facts: Any) -> None:
        if target is State.ERASED and self.legal_hold:
            raise LegalHold(memory_id=self.id)
        name = step(self.state, target)
        if expected is not None and name != expected:
            raise IllegalTransition(state=self.state, target=target)
        self.record(TRANSITION_EVENTS[name], **facts)

    def _check_not_erased(self) -> None:
        if self.state is State.ERASED:
            raise MemoryErased(memory_id=self.id)

    def _check_alterable(self) -> None:
        self._check_not_erased()
        if self.state is State.FROZEN:
            raise MemoryIsFrozen(memory_id=self.id)

    def _check_editable(self, now: datetime) -> None:
        self._check_alterable()
        if self.state not in EDITABLE:
            raise MemoryNotEditable(memory_id=self.id, state=self.state)
        if has_expired(self.expires_at, now):
            raise MemoryExpired(memory_id=self.id, expires_at=self.expires_at)


TRANSITION_EVENTS: dict[str, type[Memory.Event]] = {
    "activated": Memory.Activated,
    "merged": Memory.Merged,
    "archived": Memory.Archived,
    "frozen": Memory.Frozen,
    "thawed": Memory.Thawed,
    "restored": Memory.Restored,
    "unmerged": Memory.Unmerged,
    "erased": Memory.Erased,
}
EVENTS = topics(
    Memory,
    Memory.Generated,
    Memory.Revised,
    Memory.Corroborated,
    Memory.RetentionSet,
    Memory.Linked,
    Memory.Unlinked,
    *TRANSITION_EVENTS.values(),
)
