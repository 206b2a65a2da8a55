"""The life of another cube's memories, lived again as new events of a new cube.

Every step is taken by the same rules as any other, so a history that no store could have written is refused. What does
not make sense here, such as a link to a memory that did not come along, is left out and counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Self
from uuid import UUID

from eventsourcing.domain import DomainEventProtocol

from mnemolog.domain.content import check_label, check_text
from mnemolog.domain.cube import Cube, CubeConfig, check_name
from mnemolog.domain.foreign_facts import cube_config, description, governance, moment, number, text_of
from mnemolog.domain.lifecycle import Reason, State
from mnemolog.domain.memory import Memory, Relation
from mnemolog.domain.metadata import TRUST, Governance, Source, Visibility
from mnemolog.domain.retention import EARLIEST


@dataclass(frozen=True, slots=True)
class Heard:
    """An event of another log, opened and brought to its newest schema version; `data` is JSON."""

    position: int
    stream_id: UUID
    type: str
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reception:
    """On what terms memories are taken in.

    `own_source` and `most_trust` bound what they may claim; 1.0 believes all of it, owners and corroborations too.
    `principals` and `subjects` are those of their ids that are known here, `doomed` the memories that were erased here.
    """

    tenant_id: UUID
    cube_id: UUID
    subject_id: UUID
    owner_id: UUID
    own_source: Source
    most_trust: float
    quarantined: bool = False
    session_id: UUID | None = None
    sets_legal_holds: bool = False
    principals: frozenset[UUID] = frozenset()
    subjects: frozenset[UUID] = frozenset()
    doomed: frozenset[UUID] = frozenset()

    @property
    def believes(self) -> bool:
        return self.most_trust == 1.0

    def owner(self, said: UUID) -> UUID:
        return said if self.believes and said in self.principals else self.owner_id

    def config(self, said: CubeConfig) -> CubeConfig:
        """Whose word is not believed does not decide what lets a memory out of quarantine."""
        own = CubeConfig()
        return replace(said, gate=own.gate, corroborations=own.corroborations) if self.quarantined else said

    def source(self, said: Source) -> Source:
        """What is trusted more than the word of whoever loads it becomes that word."""
        if self.quarantined:
            return Source.IMPORT
        return said if said is Source.MERGE or TRUST[said] <= self.most_trust else self.own_source

    def subject_ids(self, said: Iterable[UUID]) -> tuple[UUID, ...]:
        """In one order, as the keys of all of them are needed in turn."""
        return tuple(sorted({each if each in self.subjects else self.subject_id for each in said} or {self.subject_id}))


@dataclass(slots=True)
class Reliving:
    """`memories` by their old ids, `events` in the order in which they are to be appended.

    `hear` raises one of foreign_facts.IMPOSSIBLE for what no store could have written.
    """

    terms: Reception
    memories: dict[UUID, Memory] = field(default_factory=dict)
    events: list[DomainEventProtocol[UUID]] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    _governed: dict[Governance, Governance] = field(default_factory=dict)
    _ends: dict[UUID, Reason] = field(default_factory=dict)  # of memories in quarantine that were out of use

    def hear(self, heard: Heard) -> None:
        if heard.stream_id in self.terms.doomed:
            return
        if heard.type == Memory.Generated.TOPIC:
            self._generate(heard)
        else:
            memory = self.memories[heard.stream_id]
            _STEPS[heard.type](self, memory, heard)
            self.events += memory.collect_events()

    def end(self) -> None:
        """What was archived or merged must not come to life by being let out of quarantine."""
        for memory_id, reason in self._ends.items():
            memory = self.memories[memory_id]
            memory.archive(reason)
            self.events += memory.collect_events()

    def text_of(self, memory_id: UUID) -> str:
        return self.memories[memory_id].text

    def _generate(self, heard: Heard) -> None:
        if heard.stream_id in self.memories:
            raise ValueError("a memory begins twice")
        data, told = heard.data, self._governance(heard.data["governance"])
        parents = tuple(map(UUID, data["parents"]))
        known = tuple(self.memories[each].id for each in parents if each in self.memories)
        self.left_out["parents"] += len(parents) - len(known)
        memory = Memory(
            tenant_id=self.terms.tenant_id,
            cube_id=self.terms.cube_id,
            subject_ids=self.terms.subject_ids(map(UUID, data["subject_ids"])),
            text=check_text("text", text_of(data["text"])),
            description=description(data["description"]).to_json(),
            governance=told.to_json(),
            trust=min(number(data["trust"]), self.terms.most_trust, TRUST.get(told.source, 1.0)),
            occurred_at=moment("occurred_at", data["occurred_at"]),
            expires_at=_optional_moment(data["expires_at"]),
            parents=known,
        )
        self.memories[heard.stream_id] = memory
        self.events += memory.collect_events()

    def revise(self, memory: Memory, heard: Heard) -> None:
        data = heard.data
        told = self._governance(data["governance"])
        memory.revise(EARLIEST, text_of(data["text"]), description(data["description"]), told)

    def corroborate(self, memory: Memory, heard: Heard) -> None:
        by = UUID(heard.data["by"])
        if self.terms.believes and not self.terms.quarantined:
            memory.corroborate(by)
        else:
            self.left_out["corroborations"] += 1

    def retain(self, memory: Memory, heard: Heard) -> None:
        memory.set_retention(_optional_moment(heard.data["expires_at"]))

    def link(self, memory: Memory, heard: Heard) -> None:
        target, relation = self.memories.get(UUID(heard.data["target_id"])), Relation(heard.data["relation"])
        weight = number(heard.data["weight"])
        if target is None:
            self.left_out["links"] += 1
        else:
            memory.link(target, relation, weight)

    def unlink(self, memory: Memory, heard: Heard) -> None:
        target, relation = self.memories.get(UUID(heard.data["target_id"])), Relation(heard.data["relation"])
        if target is not None:
            memory.unlink(target.id, relation)

    def activate(self, memory: Memory, heard: Heard) -> None:
        gate = check_label("gate", text_of(heard.data["gate"]))
        if not self.terms.quarantined:
            memory.activate(gate)

    def put_to_use(self, memory: Memory, heard: Heard) -> None:
        """Thawed, restored or unmerged, whichever it is here."""
        if not self.terms.quarantined:
            memory.transition_state(State.ACTIVATED)
        self._ends.pop(heard.stream_id, None)

    def archive(self, memory: Memory, heard: Heard) -> None:
        self._archive(memory, heard.stream_id, Reason(heard.data["reason"]))

    def merge(self, memory: Memory, heard: Heard) -> None:
        into = self.memories.get(UUID(heard.data["into"]))
        self.left_out["merges"] += into is None
        if into is None or self.terms.quarantined:
            self._archive(memory, heard.stream_id, Reason.SUPERSEDED)
        else:
            memory.merge_into(into)

    def freeze(self, memory: Memory, heard: Heard) -> None:
        held = heard.data["legal_hold"] is True
        allowed = self.terms.sets_legal_holds and not self.terms.quarantined
        self.left_out["legal_holds"] += held and not allowed
        if not self.terms.quarantined:
            memory.freeze(legal_hold=held and allowed)
        self._ends.pop(heard.stream_id, None)

    def _archive(self, memory: Memory, old_id: UUID, reason: Reason) -> None:
        if self.terms.quarantined:
            self._ends[old_id] = reason
        elif memory.state is not State.ARCHIVED:  # it is, where it was merged into a memory that did not come along
            memory.archive(reason)

    def _governance(self, data: Any) -> Governance:
        """As it holds here."""
        said = governance(data)
        if said not in self._governed:
            self._governed[said] = self._governed_here(said)
        told = self._governed[said]
        self.left_out["access_control"] += len(said.access_control) - len(told.access_control)
        return told

    def _governed_here(self, said: Governance) -> Governance:
        terms = self.terms
        readers = tuple(each for each in said.access_control if each in terms.principals)
        changes: dict[str, Any] = {"owner_id": terms.owner(said.owner_id), "source": terms.source(said.source)}
        changes |= {"access_control": readers}
        if terms.quarantined:
            bound = said.visibility is Visibility.SESSION and terms.session_id is None
            changes |= {"session_id": terms.session_id, "visibility": Visibility.PRIVATE if bound else said.visibility}
        return replace(said, **changes)


def cube_as_told(heard: Iterable[Heard]) -> tuple[str, CubeConfig]:
    """The name and the newest configuration. Raises as `Reliving.hear` does."""
    name: str | None = None
    config = CubeConfig()
    for each in heard:
        config = cube_config(each.data["config"])
        if each.type == Cube.Founded.TOPIC:
            name = check_name(text_of(each.data["name"]))
    if name is None:
        raise ValueError("the cube was never founded")
    return name, config


@dataclass(frozen=True, slots=True)
class Named:
    """Whom memories name: owners and readers, and the data subjects of each memory."""

    principals: frozenset[UUID]
    subjects: Mapping[UUID, frozenset[UUID]]

    @classmethod
    def by(cls, heard: Iterable[Heard]) -> Self:
        """Raises as `Reliving.hear` does."""
        principals: set[UUID] = set()
        subjects: dict[UUID, frozenset[UUID]] = {}
        for each in heard:
            if each.type in (Memory.Generated.TOPIC, Memory.Revised.TOPIC):
                said = governance(each.data["governance"])
                principals |= {said.owner_id, *said.access_control}
            if each.type == Memory.Generated.TOPIC:
                subjects[each.stream_id] = frozenset(map(UUID, each.data["subject_ids"]))
        return cls(frozenset(principals), subjects)


def _optional_moment(value: Any) -> datetime | None:
    return None if value is None else moment("expires_at", value)


_STEPS: dict[str, Callable[[Reliving, Memory, Heard], None]] = {
    Memory.Revised.TOPIC: Reliving.revise,
    Memory.Corroborated.TOPIC: Reliving.corroborate,
    Memory.RetentionSet.TOPIC: Reliving.retain,
    Memory.Linked.TOPIC: Reliving.link,
    Memory.Unlinked.TOPIC: Reliving.unlink,
    Memory.Activated.TOPIC: Reliving.activate,
    Memory.Merged.TOPIC: Reliving.merge,
    Memory.Archived.TOPIC: Reliving.archive,
    Memory.Frozen.TOPIC: Reliving.freeze,
    Memory.Thawed.TOPIC: Reliving.put_to_use,
    Memory.Restored.TOPIC: Reliving.put_to_use,
    Memory.Unmerged.TOPIC: Reliving.put_to_use,
}
RELIVED = frozenset({Memory.Generated.TOPIC, *_STEPS})
