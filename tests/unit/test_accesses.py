from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from mnemolog.domain.access import Access
from mnemolog.domain.identity import new_id
from mnemolog.domain.log import Event
from mnemolog.projections.accesses import Folded, Reads, fold, memories_named
from tests.factories import NOW

ADA, BEN, TENANT, OTHER_TENANT, CUBE, TEA, DOG, PROCESS, SESSION = (UUID(int=n) for n in range(1, 10))
OWNERS = {TEA: (TENANT, ADA), DOG: (TENANT, BEN)}


def event(topic: str, position: int = 1, tenant_id: UUID = TENANT, actor_id: UUID | None = BEN, **data: Any) -> Event:
    moment = NOW + timedelta(seconds=position)
    memory_id, cube_id = data.pop("memory", None), data.pop("cube", None)
    told = {"process_id": str(PROCESS), "session_id": None, **data}
    return Event(position, memory_id or new_id(), 1, topic, tenant_id, NOW, moment, told, cube_id, memory_id, actor_id)


def recorded(*memory_ids: UUID, kind: str = "recall", **more: Any) -> Event:
    told: dict[str, Any] = {"kind": kind, "memory_ids": [str(each) for each in memory_ids], "cube_ids": [str(CUBE)]}
    return event(Access.Recorded.TOPIC, **told, **more)


def refused(code: str, target: UUID | None, **more: Any) -> Event:
    told = None if target is None else str(target)
    return event(Access.Refused.TOPIC, kind="get", code=code, target_id=told, **more)


def folded(*events: Event) -> Folded:
    return fold(events, OWNERS)


def test_an_answer_involves_who_asked_and_who_owns_what_was_told() -> None:
    (row,) = folded(recorded(TEA, DOG, session_id=str(SESSION))).rows
    assert (row.kind, row.code, row.actor_id, row.session_id) == ("recall", None, BEN, SESSION)
    assert (row.memory_ids, row.cube_ids, row.involved) == ([TEA, DOG], [CUBE], [ADA, BEN])


def test_a_refusal_involves_the_owner_of_the_memory_that_was_asked_for() -> None:
    memory, cube, none = folded(
        refused("memory_not_found", TEA), refused("cube_not_found", CUBE), refused("denied", None)
    ).rows
    assert (memory.kind, memory.code, memory.memory_ids, memory.involved) == (
        "get",
        "memory_not_found",
        [TEA],
        [ADA, BEN],
    )
    assert (cube.memory_ids, cube.cube_ids, cube.involved) == ([], [CUBE], [BEN])
    assert (none.memory_ids, none.cube_ids, none.involved) == ([], [], [BEN])


def test_what_is_asked_for_across_tenants_involves_nobody_there() -> None:
    stranger = refused("memory_not_found", TEA, tenant_id=OTHER_TENANT)
    assert [row.involved for row in folded(stranger).rows] == [[BEN]]
    assert folded(recorded(TEA, tenant_id=OTHER_TENANT)).reads == {}


def test_a_change_of_a_memory_involves_its_owner_from_the_first_event_on() -> None:
    made = event("memory.generated.v1", 1, memory=CUBE, cube=CUBE, governance={"owner_id": str(ADA)})
    held = event("memory.frozen.v1", 2, actor_id=None, memory=CUBE, cube=CUBE)
    found = folded(made, held)
    assert found.owners == {CUBE: (TENANT, ADA)}
    assert [(row.kind, row.involved) for row in found.rows] == [
        ("memory.generated", [ADA, BEN]),
        ("memory.frozen", [ADA]),
    ]


def test_reads_are_counted_for_answers_and_not_for_looking_at_links_or_the_log() -> None:
    kinds = ("recall", "get", "list", "history", "traverse", "path", "related", "links", "log.page", "audit")
    found = folded(*(recorded(TEA, kind=kind, position=place) for place, kind in enumerate(kinds, 1)))
    assert found.reads == {TEA: Reads(7, 7, NOW + timedelta(seconds=7))}


def test_a_process_is_known_from_its_beginning_to_its_end() -> None:
    events = [event(each.TOPIC, place) for place, each in enumerate((Access.Opened, Access.Closed, Access.GapDeclared))]
    found = folded(*events, recorded(TEA, position=7), refused("denied", None, position=8))
    assert (found.processes, found.reached) == (events, {(PROCESS, TENANT): 8})
    assert [row.kind for row in found.rows[:3]] == ["access.opened", "access.closed", "access.gap_declared"]


def test_the_owners_that_a_fold_needs_are_those_of_all_memories_that_are_named() -> None:
    events = [recorded(TEA), refused("memory_erased", DOG), event("memory.frozen.v1", memory=CUBE)]
    assert memories_named(events) == sorted((TEA, DOG, CUBE))


def test_what_no_access_says_is_not_taken_for_one() -> None:
    (told,) = folded(event("cube.founded.v1", cube=CUBE, kind="recall", code="denied", session_id=str(SESSION))).rows
    assert (told.kind, told.code, told.session_id, told.memory_ids) == ("cube.founded", None, None, [])
