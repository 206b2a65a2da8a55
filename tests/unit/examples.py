"""Memories, labels and moments for the tests of the domain, plain and as hypothesis strategies."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

from eventsourcing.domain import CanMutateAggregate
from hypothesis import strategies as st

from mnemolog.domain.aggregate import Root
from mnemolog.domain.lifecycle import State
from mnemolog.domain.memory import Memory
from mnemolog.domain.metadata import Description, Governance, MemoryType, SemanticType, Sensitivity, Source, Visibility

NOW = datetime(2025, 3, 14, 15, 9, 26, 535897, tzinfo=UTC)
HOUR = timedelta(hours=1)
TENANT, CUBE, SUBJECT, OWNER, SESSION = (UUID(int=n) for n in range(1, 6))
ALICE, BOB, CAROL = (UUID(int=n) for n in range(11, 14))
SESSIONS = (UUID(int=21), UUID(int=22))


def governance(**changes: Any) -> Governance:
    return Governance(**{"owner_id": OWNER, **changes})


def generated(text: str = "Tea is kept in the blue tin.", **facts: Any) -> Memory:
    """A memory in quarantine. `facts` are those of Memory.generate and fields of Governance."""
    own = {"tenant_id", "cube_id", "subject_ids", "occurred_at", "description", "expires_at", "parents"}
    given = {name: value for name, value in facts.items() if name in own}
    labels = governance(**{name: value for name, value in facts.items() if name not in own})
    defaults = {"tenant_id": TENANT, "cube_id": CUBE, "subject_ids": (SUBJECT,), "occurred_at": NOW}
    return Memory.generate(text=text, governance=labels, **{**defaults, **given})


def activated(text: str = "Tea is kept in the blue tin.", **facts: Any) -> Memory:
    memory = generated(text, **facts)
    memory.activate(gate="owner")
    return memory


def frozen(*, legal_hold: bool = False) -> Memory:
    memory = activated()
    memory.freeze(legal_hold=legal_hold)
    return memory


def in_state(state: State) -> Memory:
    """A memory that came to `state` by the shortest way."""
    if state is State.GENERATED:
        return generated()
    memory = activated()
    if state is State.MERGED:
        memory.merge_into(activated())
    elif state is not State.ACTIVATED:
        memory.transition_state(state)
    return memory


def facts_of(aggregate: Root) -> dict[str, Any]:
    """All that events decide: a copy of the whole state, without the events that wait to be saved."""
    return {name: copy(value) for name, value in vars(aggregate).items() if name != "_pending_events"}


def fold(events: Sequence[CanMutateAggregate[UUID]]) -> Any:
    aggregate: Any = None
    for event in events:
        aggregate = event.mutate(aggregate)
    return aggregate


def names(aggregate: Root) -> list[str]:
    """The names of the events that wait to be saved, without kind and version."""
    return [type(event).TOPIC.split(".")[1] for event in aggregate.pending_events if isinstance(event, Root.Event)]


texts = st.text(min_size=1, max_size=40).filter(lambda text: bool(text.strip()) and "\x00" not in text)
labels = texts.filter(lambda text: len(text.encode("utf-8", "surrogatepass")) <= 512)
zones = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
moments = st.datetimes(datetime(3, 1, 1), datetime(9998, 1, 1), timezones=zones)  # noqa: DTZ001 - hypothesis adds the zone
people = st.sampled_from((OWNER, ALICE, BOB, CAROL))
uuids = st.uuids(version=4)
descriptions = st.builds(
    Description,
    key=st.none() | labels,
    tags=st.lists(labels, max_size=4).map(tuple),
    background=st.none() | texts,
    sources=st.lists(labels, max_size=4).map(tuple),
    speaker=st.none() | labels,
)


@st.composite
def governances(draw: st.DrawFn) -> Governance:
    """Any acceptable label, of few people, sessions and purposes, so that labels often have something in common."""
    start, end = draw(st.none() | moments), draw(st.none() | moments)
    if start is not None and end is not None and not start < end:
        start = None
    session_id = draw(st.none() | st.sampled_from(SESSIONS))
    open_to = [*Visibility] if session_id is not None else [*Visibility][1:]
    return Governance(
        owner_id=draw(people),
        memory_type=draw(st.sampled_from(MemoryType)),
        semantic_type=draw(st.sampled_from(SemanticType)),
        source=draw(st.sampled_from(Source)),
        priority=draw(st.integers(0, 9)),
        sensitivity=draw(st.sampled_from(Sensitivity)),
        purposes=draw(st.sets(st.sampled_from(("care", "billing", "research"))).map(tuple)),
        visibility=draw(st.sampled_from(open_to)),
        access_control=draw(st.sets(people).map(tuple)),
        context_id=draw(st.none() | uuids),
        session_id=session_id,
        confidence=draw(st.floats(0, 1)),
        valid_from=start,
        valid_to=end,
    )
