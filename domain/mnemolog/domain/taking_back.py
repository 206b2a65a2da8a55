"""Take back what a principal has written: decided on the events it caused and on the memories as they are.

What it generated is archived, and so is what anybody made from it. What it revised gets its text back, unless others
have revised it since. Memories that were merged with its own come back. The memories and grants that are given are
changed; whoever does not save them has a plan.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from mnemolog.domain.grants import Effect, Grant
from mnemolog.domain.lifecycle import EDITABLE, Reason, State
from mnemolog.domain.lineage import Around, Derivation, Range, Walk, descend
from mnemolog.domain.log import LAST, Event
from mnemolog.domain.memory import Memory, Relation
from mnemolog.domain.retention import has_expired
from mnemolog.domain.retraction import Cause, Finding, Outcome

# Of these, what is done about the memory itself says all.
TOLD_BY_THE_MEMORY = frozenset({Memory.Generated.TOPIC, Memory.Revised.TOPIC, Memory.Merged.TOPIC, Memory.Erased.TOPIC})


@dataclass(frozen=True, slots=True)
class Deeds:
    """What a principal did in a range of the log: the events, and of each memory it revised the first such position."""

    events: Sequence[Event]
    generated: Mapping[UUID, int] = field(init=False)
    revised: Mapping[UUID, int] = field(init=False)

    def __post_init__(self) -> None:
        generated = {e.stream_id: e.position for e in self.events if e.type == Memory.Generated.TOPIC}
        revisions = [(e.stream_id, e.position) for e in self.events if e.type == Memory.Revised.TOPIC]
        first = {memory_id: position for memory_id, position in reversed(revisions) if memory_id not in generated}
        object.__setattr__(self, "generated", generated)
        object.__setattr__(self, "revised", first)

    @property
    def positions(self) -> frozenset[int]:
        return frozenset(event.position for event in self.events)

    def of_grants(self, topic: str) -> list[UUID]:
        return [event.stream_id for event in self.events if event.type == topic]

    def influence(self, around: Around, revised: Mapping[UUID, Revised]) -> Walk:
        """All that contains something of it. A link of its own making says nothing about what others wrote."""
        own = self.positions

        def others(memory_ids: Sequence[UUID]) -> list[Derivation]:
            by_link = Relation.DERIVED_FROM.value
            return [e for e in around(memory_ids) if not (e.relation == by_link and e.position in own)]

        clean = {memory_id: found.clean for memory_id, found in revised.items()}
        return descend({**self.revised, **self.generated}, others, clean=clean)


class Revision(NamedTuple):
    """`own` ones are among the deeds."""

    position: int
    version: int
    own: bool


@dataclass(frozen=True, slots=True)
class Revised:
    """A memory that was revised. `before` is it as it was when it was revised and not brought back since.

    `clean` are the ranges in which it was as before, or as others have made it from there.
    """

    before: Memory
    tainted: bool
    contested: bool  # others have changed it since, and not back
    clean: Sequence[Range]


def judged(revisions: Sequence[Revision], at: Callable[[int], Memory]) -> Revised:
    """`revisions` are those since the first own one; `at` gives the memory at a version."""
    before, tainted, contested, since = at(revisions[0].version - 1), True, False, 0
    clean: list[Range] = []
    for each in revisions:
        if each.own and not tainted:
            before, tainted, contested = at(each.version - 1), True, False
            clean.append((since, each.position))
        elif not each.own and tainted:
            tainted = contested = not same_words(at(each.version), before)
            since = each.position
    return Revised(before, tainted, contested, clean if tainted else [*clean, (since, LAST)])


def same_words(one: Memory, other: Memory) -> bool:
    return (one.text, one.description, one.governance) == (other.text, other.description, other.governance)


@dataclass(frozen=True, slots=True)
class Situation:
    """`memories` are those that deeds or their influence touch and the parents of merges among them, without erased
    ones; `revised` is what has been made of those that were revised; `confirmed` are the pairs (child, parent) that
    somebody else has linked as derived.
    """

    influence: Walk
    memories: Mapping[UUID, Memory]
    revised: Mapping[UUID, Revised]
    confirmed: Collection[tuple[UUID, UUID]]
    grants: Mapping[UUID, Grant]
    now: datetime


def take_back(deeds: Deeds, found: Situation) -> list[Finding]:
    """What becomes of everything, in the order of ids."""
    doomed = {each: why for each in sorted(found.influence.since) if (why := _doom(each, deeds, found)) is not None}
    findings = [*_archive(doomed, found.memories)]
    archived = {each.id for each in findings if each.outcome == Outcome.ARCHIVED}
    findings += _unmerge(archived, found.memories)
    for memory_id in sorted(deeds.revised.keys() - doomed.keys()):
        findings += _of(found.memories.get(memory_id), Cause.REVISED, _returned(found))
    findings += _unlink(deeds, doomed, found)
    findings += _others(deeds, doomed, found.memories)
    findings += _grants(deeds, doomed, found.grants)
    return sorted(set(findings))


def _doom(memory_id: UUID, deeds: Deeds, found: Situation) -> Cause | None:
    """Why a memory cannot stay; None when it can be brought back to what it was."""
    if memory_id in deeds.generated:
        return Cause.WRITTEN
    if memory_id in found.influence.over:
        return Cause.DERIVED
    known = found.revised.get(memory_id)
    return Cause.REVISED_SINCE if known is not None and known.contested else None


def _of(
    memory: Memory | None, why: str, change: Callable[[Memory], Outcome | tuple[Outcome, str] | None]
) -> Iterator[Finding]:
    """Nothing is said of what is erased."""
    if memory is None or memory.state is State.ERASED:
        return
    outcome = Outcome.HELD if memory.state is State.FROZEN else change(memory)
    if outcome is not None:
        said, reason = (outcome, why) if isinstance(outcome, Outcome) else outcome
        yield Finding("memory", memory.id, said.value, str(reason))


def _archive(doomed: Mapping[UUID, Cause], memories: Mapping[UUID, Memory]) -> Iterator[Finding]:
    def archive(memory: Memory) -> Outcome | tuple[Outcome, str]:
        if memory.state is State.ARCHIVED:
            return Outcome.LEFT, State.ARCHIVED.value
        memory.archive(Reason.RETRACTED)
        return Outcome.ARCHIVED

    for memory_id, why in doomed.items():
        yield from _of(memories.get(memory_id), why, archive)


def _unmerge(archived: Collection[UUID], memories: Mapping[UUID, Memory]) -> Iterator[Finding]:
    """As in `merging.retract_merge`, but a result that was merged again and its own result are undone together.

    Those that cannot stay are archived by now.
    """
    for parent in memories.values():
        into = {target for target, relation in parent.links if relation is Relation.MERGED_TO}
        if parent.state is State.MERGED and into & set(archived):
            parent.transition_state(State.ACTIVATED)
            yield Finding("memory", parent.id, Outcome.UNMERGED.value, Cause.MERGED.value)


def _returned(found: Situation) -> Callable[[Memory], Outcome | tuple[Outcome, str]]:
    def change(memory: Memory) -> Outcome | tuple[Outcome, str]:
        known = found.revised[memory.id]
        if not known.tainted:
            return Outcome.LEFT, "as before"
        if memory.state not in EDITABLE:
            return Outcome.LEFT, memory.state.value
        if has_expired(memory.expires_at, found.now):
            return Outcome.LEFT, "expired"
        before = known.before
        memory.revise(found.now, before.text, before.description, before.governance)
        return Outcome.RETURNED

    return change


def _unlink(deeds: Deeds, doomed: Collection[UUID], found: Situation) -> Iterator[Finding]:
    """Only links that say what a memory was made from: nothing may seem to come from what is retracted."""
    for event in deeds.events:
        if event.type != Memory.Linked.TOPIC or event.data["relation"] != Relation.DERIVED_FROM:
            continue
        target_id = UUID(event.data["target_id"])
        if event.stream_id in doomed or (event.stream_id, target_id) in found.confirmed:
            continue

        def unlink(memory: Memory, target_id: UUID = target_id) -> Outcome | None:
            if (target_id, Relation.DERIVED_FROM) not in memory.links:
                return None
            memory.unlink(target_id, Relation.DERIVED_FROM)
            return Outcome.UNLINKED

        yield from _of(found.memories.get(event.stream_id), Cause.LINKED, unlink)


def _others(deeds: Deeds, doomed: Collection[UUID], memories: Mapping[UUID, Memory]) -> Iterator[Finding]:
    """Corroborations, activations and whatever else: the life of a memory has no way back from them."""
    for event in deeds.events:
        undone = event.type == Memory.Linked.TOPIC and event.data["relation"] == Relation.DERIVED_FROM
        if event.memory_id is None or event.memory_id in doomed or event.type in TOLD_BY_THE_MEMORY or undone:
            continue
        memory = memories.get(event.memory_id)
        if memory is not None and memory.state is not State.ERASED:
            yield Finding("memory", memory.id, Outcome.LEFT.value, event.type.rpartition(".")[0])


def _grants(deeds: Deeds, doomed: Collection[UUID], grants: Mapping[UUID, Grant]) -> Iterator[Finding]:
    """A deny on what is archived stays: whoever restores the memory must not show it to more people than before."""
    for grant_id in _known(deeds.of_grants(Grant.Issued.TOPIC), grants):
        grant = grants[grant_id]
        if grant.revoked:
            continue
        if grant.terms.effect is Effect.DENY and grant.terms.resource_id in doomed:
            yield Finding("grant", grant_id, Outcome.LEFT.value, Cause.GRANTED.value)
            continue
        grant.revoke()
        yield Finding("grant", grant_id, Outcome.REVOKED.value, Cause.GRANTED.value)
    for grant_id in deeds.of_grants(Grant.Revoked.TOPIC):
        yield Finding("grant", grant_id, Outcome.LEFT.value, Grant.Revoked.TOPIC.rpartition(".")[0])


def _known(ids: Iterable[UUID], grants: Mapping[UUID, Grant]) -> list[UUID]:
    return [each for each in dict.fromkeys(ids) if each in grants]
