"""A cube with the memories of another one as they were at a moment: new events of a new cube, in one append.

The copies are born and reworded in the order of their originals, because equals are told in the order of the log. What
leads from one to another, a link or a merge, leads from copy to copy, and comes when all of them are there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from eventsourcing.domain import DomainEventProtocol

from mnemolog.domain.cube import Cube
from mnemolog.domain.grants import Grant, Level
from mnemolog.domain.lifecycle import Reason, State
from mnemolog.domain.memory import Memory, Relation
from mnemolog.domain.metadata import Description, Governance
from mnemolog.domain.permissions import Caller
from mnemolog.domain.policy import Policy

GATE = "fork"


@dataclass(frozen=True, slots=True, kw_only=True)
class Original:
    """A memory as it was. `trust` is what it began with; `reason` is why it was archived, where it was.

    `born_at` and `worded_at` are the positions of its first event and of the one that holds its text.
    """

    memory_id: UUID
    subject_ids: tuple[UUID, ...]
    text: str
    description: Description
    governance: Governance
    trust: float
    occurred_at: datetime
    expires_at: datetime | None
    parents: tuple[UUID, ...]
    state: State
    merged_into: UUID | None
    born_at: int
    worded_at: int
    reason: Reason = Reason.MANUAL
    witnesses: frozenset[UUID] = frozenset()
    links: Mapping[tuple[UUID, Relation], float] = field(default_factory=dict)


@dataclass(slots=True)
class Staged:
    """Events of many memories in an order of their own."""

    subject_ids: tuple[UUID, ...]
    pending_events: list[DomainEventProtocol[UUID]]

    def collect_events(self) -> Sequence[DomainEventProtocol[UUID]]:
        collected, self.pending_events = self.pending_events, []
        return collected


@dataclass(frozen=True, slots=True)
class Copies:
    """`ids` leads from each original to its copy."""

    staged: Staged
    ids: Mapping[UUID, UUID]


def copies(originals: Sequence[Original], cube: Cube) -> Copies:
    """Of everything in `originals`, in the state that it was in. A legal hold stays with the original."""
    made: dict[UUID, Memory] = {}
    told: list[tuple[int, DomainEventProtocol[UUID]]] = []
    ordered = sorted(originals, key=lambda each: each.born_at)
    for each in ordered:
        memory = made[each.memory_id] = _born(each, cube, made)
        told += [(each.born_at, event) for event in memory.collect_events()]
        if each.worded_at != each.born_at:
            _reword(memory)
            told += [(each.worded_at, event) for event in memory.collect_events()]
    events = [event for _, event in sorted(told, key=lambda each: each[0])]
    for each in ordered:
        _settle(made[each.memory_id], each, made)
        events += made[each.memory_id].collect_events()
    subjects = sorted({subject for each in originals for subject in each.subject_ids})
    return Copies(Staged(tuple(subjects), events), {original: memory.id for original, memory in made.items()})


def denies_of_copies(
    policy: Policy, caller: Caller, ids: Mapping[UUID, UUID], from_cube: UUID, cube: Cube
) -> list[Grant]:
    """Whoever is denied the cube or one of its memories is denied the copy, in the same way."""
    target = {**ids, from_cube: cube.id}
    return [
        Grant.issue(caller, replace(rule.terms, resource_id=target[rule.terms.resource_id]), "", cube.id)
        for rule in policy.rules
        if rule.denies and rule.terms.level is not Level.TENANT and rule.terms.resource_id in target
    ]


def _born(original: Original, cube: Cube, made: Mapping[UUID, Memory]) -> Memory:
    """What it was merged from is older, so those copies are there already."""
    return Memory(
        tenant_id=cube.tenant_id,
        cube_id=cube.id,
        subject_ids=original.subject_ids,
        text=original.text,
        description=original.description.to_json(),
        governance=original.governance.to_json(),
        trust=original.trust,
        occurred_at=original.occurred_at,
        expires_at=original.expires_at,
        parents=tuple(made[parent].id for parent in original.parents if parent in made),
        copied_from=original.memory_id,
    )


def _reword(memory: Memory) -> None:
    """The same again, where the original's text stands in the log."""
    memory.record(
        Memory.Revised,
        text=memory.text,
        description=memory.description.to_json(),
        governance=memory.governance.to_json(),
        rewritten=False,
        trust=memory.first_trust,
    )


def _settle(memory: Memory, original: Original, made: Mapping[UUID, Memory]) -> None:
    for witness in sorted(original.witnesses):
        memory.corroborate(witness)
    if original.state is not State.GENERATED:
        memory.activate(GATE)
    for (target, relation), weight in original.links.items():
        if target in made:
            memory.link(made[target], relation, weight)
    _move(memory, original, made)


def _move(memory: Memory, original: Original, made: Mapping[UUID, Memory]) -> None:
    """What was merged into something that did not come along is out of recall as before, for another reason."""
    if original.state in (State.GENERATED, State.ACTIVATED):
        return
    into = None if original.merged_into is None else made.get(original.merged_into)
    if into is not None:
        memory.merge_into(into)
    if original.state is State.ARCHIVED:
        memory.archive(original.reason)
    elif original.state is State.MERGED and into is None:
        memory.archive(Reason.SUPERSEDED)
    elif original.state is State.FROZEN:
        if into is not None:
            memory.archive(original.reason)
        memory.freeze()
