"""Random histories of a log: what happens to the memories of two cubes, made by the aggregates themselves."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import UUID

from hypothesis import strategies as st

from mnemolog.domain.aggregate import Root
from mnemolog.domain.cube import Cube
from mnemolog.domain.lifecycle import Reason, State
from mnemolog.domain.log import Event
from mnemolog.domain.memory import Memory, Relation
from mnemolog.domain.merging import merge, retract_merge
from mnemolog.domain.metadata import Description, Governance, MemoryType, SemanticType, Sensitivity, Source, Visibility
from mnemolog.domain.permissions import Action, Caller, CubeLabel, MemoryLabel, may
from mnemolog.domain.refusals import Refusal

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
TENANT, OTHER_TENANT, SUBJECT = UUID(int=1), UUID(int=2), UUID(int=3)
ANN, BEN, CLEO = PEOPLE = tuple(UUID(int=number) for number in range(11, 14))
SESSIONS = (UUID(int=21), UUID(int=22))
HOURS = tuple(timedelta(hours=hours) for hours in (1, 2, 3))
ENVELOPE = {"originator_id", "originator_version", "originator_topic", "timestamp", "tenant_id", "cube_id"}
WORDS = ("tea", "Teas", "blue", "tin", "Ben", "café", "runs", "running", "the", "1999", "咖啡", "我喜欢咖啡", "東京")

texts = st.lists(st.sampled_from(WORDS), min_size=1, max_size=6).map(" ".join)
callers = st.builds(
    Caller,
    principal_id=st.sampled_from((*PEOPLE, UUID(int=99))),
    tenant_id=st.sampled_from((TENANT, TENANT, TENANT, OTHER_TENANT)),
    subject_id=st.just(SUBJECT),
    administrator=st.booleans(),
    session_id=st.none() | st.sampled_from((*SESSIONS, UUID(int=98))),
    purpose=st.sampled_from((None, "care", "research")),
)
moments = st.sampled_from((NOW, NOW + HOURS[0], NOW + HOURS[1], NOW + timedelta(days=1)))
descriptions = st.builds(
    Description,
    key=st.none() | st.sampled_from(("Drinks", "住所")),
    tags=st.sampled_from(((), ("tea",), ("blue", "咖啡"))),
    speaker=st.none() | st.sampled_from(("Ann", "Ann Lee", "Ben")),
)
governances = st.builds(
    Governance,
    owner_id=st.sampled_from(PEOPLE),
    memory_type=st.sampled_from((MemoryType.LONG_TERM, MemoryType.USER)),
    semantic_type=st.sampled_from((SemanticType.FACT, SemanticType.EVENT)),
    source=st.sampled_from((Source.USER, Source.WEB)),
    priority=st.sampled_from((0, 5, 9)),
    visibility=st.sampled_from(list(Visibility)),
    access_control=st.sampled_from(((), (BEN,), (BEN, CLEO), (CLEO, BEN))),
    purposes=st.sampled_from(((), (), ("care",), ("care", "research"))),
    sensitivity=st.sampled_from(list(Sensitivity)),
    session_id=st.sampled_from(SESSIONS),
    context_id=st.none() | st.sampled_from((UUID(int=31), UUID(int=32))),
) | st.builds(Governance, owner_id=st.sampled_from(PEOPLE))


@dataclass
class History:
    """A log as it was written: `recorded[i]` is the aggregates' own event behind `events[i]`, at position i + 1."""

    cubes: list[Cube] = field(default_factory=list)
    memories: list[Memory] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    recorded: list[Root.Event] = field(default_factory=list)

    @property
    def head(self) -> int:
        return len(self.events)

    def pick(self, draw: st.DrawFn) -> Memory:
        return self.memories[draw(st.integers(0, len(self.memories) - 1))]

    def save(self, *aggregates: Root) -> None:
        for aggregate in aggregates:
            for event in aggregate.collect_events():
                recorded = cast(Root.Event, event)
                self.events.append(as_read(recorded, self.head + 1))
                self.recorded.append(recorded)

    def memory_at(self, memory_id: UUID, position: int) -> Memory | None:
        memory: Memory | None = None
        for event in self.recorded[:position]:
            if event.originator_id == memory_id:
                memory = cast("Memory | None", event.mutate(memory))
        return memory

    def text_position(self, memory_id: UUID, position: int) -> int:
        """Where the text that the memory had at `position` is."""
        told = ("memory.generated.v1", "memory.revised.v1")
        return max(e.position for e in self.events[:position] if e.memory_id == memory_id and e.type in told)

    def reread(self) -> list[Event]:
        """The log as it is read now: of what was erased, the sealed part is gone, from the first event on."""
        erased = {event.memory_id for event in self.events if event.type == "memory.erased.v1"}
        return [without_sealed(event) if event.memory_id in erased else event for event in self.events]


def shown_by_the_domain(
    history: History, cube: Cube, caller: Caller, now: datetime, at: int, states: Collection[State] = ()
) -> list[UUID]:
    """What it was then counts, and who may see it now. What was in one of `states` counts as activated."""
    shown = []
    for memory in history.memories:
        then, latest = history.memory_at(memory.id, at), history.memory_at(memory.id, history.head)
        if memory.cube_id == cube.id and then and latest and allowed(cube, then, latest, caller):
            then.state = State.ACTIVATED if then.state in states else then.state
            shown += [memory.id] if then.is_recallable(now, caller.session_id) else []
    return shown


def allowed(cube: Cube, then: Memory, latest: Memory, caller: Caller) -> bool:
    readable = may(caller, Action.READ, label_of(latest, then.state), CubeLabel(cube.tenant_id, cube.owner_id))
    return readable and latest.state is not State.ERASED


def label_of(memory: Memory, state: State) -> MemoryLabel:
    labels = memory.governance
    return MemoryLabel(
        memory.tenant_id,
        labels.owner_id,
        state,
        labels.visibility,
        labels.session_id,
        labels.access_control,
        labels.sensitivity,
        labels.purposes,
        memory.id,
    )


def as_read(event: Root.Event, position: int) -> Event:
    topic = event.TOPIC
    facts = vars(event)
    recorded_at = NOW + timedelta(seconds=position)
    return Event(
        position=position,
        stream_id=event.originator_id,
        version=event.originator_version,
        type=topic,
        tenant_id=event.tenant_id,
        occurred_at=facts.get("occurred_at") or recorded_at,
        recorded_at=recorded_at,
        data={name: plain(value) for name, value in facts.items() if name not in ENVELOPE},
        cube_id=event.cube_id,
        memory_id=event.originator_id if topic.startswith("memory.") else None,
    )


def without_sealed(event: Event) -> Event:
    sealed = Memory.Generated.SEALED if event.type in ("memory.generated.v1", "memory.revised.v1") else frozenset()
    if not sealed:
        return event
    return replace(event, erased=True, data={name: v for name, v in event.data.items() if name not in sealed})


def plain(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, UUID) else value


def begin() -> History:
    """Two cubes of one tenant, of different owners."""
    history = History()
    for name, owner in (("ann", ANN), ("ben", BEN)):
        cube = Cube.found(tenant_id=TENANT, name=name, owner_id=owner, subject_id=SUBJECT)
        history.save(cube)
        history.cubes.append(cube)
    return history


@st.composite
def histories(draw: st.DrawFn, max_steps: int = 25, erasures: bool = True, relabels: bool = True) -> History:
    """Without `relabels` no revision changes who may see a memory."""
    history = begin()
    possible = [step for step in STEPS if erasures or step is not erase]
    _remember(draw, history)
    for _ in range(draw(st.integers(0, max_steps))):
        step = draw(st.sampled_from(possible))
        memory = history.pick(draw)
        try:
            touched = step(draw, history, memory, relabels)
        except Refusal:
            continue
        history.save(*touched)
    return history


def _remember(draw: st.DrawFn, history: History) -> Memory:
    memory = Memory.generate(
        tenant_id=TENANT,
        cube_id=history.cubes[draw(st.integers(0, 1))].id,
        subject_ids=(SUBJECT,),
        text=draw(texts),
        governance=draw(governances),
        description=draw(descriptions),
        occurred_at=draw(st.sampled_from((NOW, datetime(2023, 5, 8, tzinfo=UTC)))),
        expires_at=draw(st.sampled_from((None, None, *(NOW + hours for hours in HOURS)))),
    )
    history.memories.append(memory)
    history.save(memory)
    return memory


def remember(draw: st.DrawFn, history: History, _: Memory, relabels: bool) -> Iterable[Memory]:
    memory = _remember(draw, history)
    if draw(st.booleans()):
        memory.activate(gate="owner")
    return [memory]


def revise(draw: st.DrawFn, history: History, memory: Memory, relabels: bool) -> Iterable[Memory]:
    labels = draw(st.none() | governances) if relabels else None
    memory.revise(NOW, draw(st.none() | texts), draw(st.none() | descriptions), labels)
    return [memory]


def move(draw: st.DrawFn, history: History, memory: Memory, relabels: bool) -> Iterable[Memory]:
    target = draw(st.sampled_from((State.ACTIVATED, State.ACTIVATED, State.ARCHIVED, State.FROZEN)))
    memory.transition_state(target, draw(st.sampled_from(Reason)), legal_hold=draw(st.booleans()))
    return [memory]


def retain(draw: st.DrawFn, history: History, memory: Memory, relabels: bool) -> Iterable[Memory]:
    memory.set_retention(draw(st.sampled_from((None, *(NOW + hours for hours in HOURS)))))
    return [memory]


def unite(draw: st.DrawFn, history: History, memory: Memory, relabels: bool) -> Iterable[Memory]:
    parents = (memory, history.pick(draw))
    result = merge(parents, draw(texts), ANN, NOW)
    history.memories.append(result)
    return [result, *parents]


def separate(draw: st.DrawFn, history: History, memory: Memory, relabels: bool) -> Iterable[Memory]:
    parents = tuple(each for each in history.memories if each.id in memory.parents)
    retract_merge(memory, parents)
    return [memory, *parents]


def relate(draw: st.DrawFn, history: History, memory: Memory, relabels: bool) -> Iterable[Memory]:
    target = history.pick(draw)
    memory.link(target, Relation.SUPPORTS)
    memory.corroborate(draw(st.sampled_from(PEOPLE)))
    return [memory]


def erase(draw: st.DrawFn, history: History, memory: Memory, relabels: bool) -> Iterable[Memory]:
    memory.transition_state(State.ERASED)
    return [memory]


Step = Callable[[st.DrawFn, History, Memory, bool], Iterable[Memory]]
STEPS: list[Step] = [remember, remember, remember, revise, revise, move, move, retain, unite, separate, relate, erase]
