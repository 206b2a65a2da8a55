"""How far a memory has reached, where it comes from, and that nobody learns of it what is not theirs to know."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from mnemolog.adapters.embedders.hashing import HashingEmbedder
from mnemolog.adapters.postgres.accesses import AccessFilter
from mnemolog.adapters.postgres.lineage import Lineages
from mnemolog.api.lineage_answers import InfluenceAnswer
from mnemolog.api.store import Store, open_store
from mnemolog.domain.commands import Remember
from mnemolog.domain.grants import Effect, Level, Terms
from mnemolog.domain.lifecycle import State
from mnemolog.domain.memory import Relation
from mnemolog.domain.metadata import Visibility
from mnemolog.domain.permissions import Action
from mnemolog.domain.refusals import Invalid, InvalidCursor, InvalidPosition, MemoryErased, MemoryNotFound, NotFound
from tests.databases import superuser


@pytest.fixture
def store(dsn: str, tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "home", dsn, embedder=HashingEmbedder()) as store:
        yield store


def remember(store: Store, text: str, cube: str = "main", **facts: object) -> UUID:
    return store.memories.remember(cube, Remember(text=text, **facts)).memory_ids[0]  # type: ignore[arg-type]


def merge(store: Store, *memory_ids: UUID, text: str = "Both.") -> UUID:
    return store.memories.merge(memory_ids, text).memory_ids[0]


def derive(store: Store, memory_id: UUID, origin_id: UUID) -> None:
    store.memories.link(memory_id, origin_id, Relation.DERIVED_FROM)


def somebody(store: Store) -> Store:
    return store.acting_as(store.principals.issue_key(store.principals.register("Ben").principal_id).key)


def reached(answer: InfluenceAnswer) -> dict[UUID, list[str]]:
    return {each.memory_id: [step.relation for step in each.path] for each in answer.derived}


def test_what_was_merged_and_derived_is_reached_over_any_number_of_steps(store: Store) -> None:
    first, second, third, own = (remember(store, f"Thing {n}.") for n in range(4))
    inner = merge(store, first, second)
    outer = merge(store, inner, third)
    derive(store, own, outer)
    answer = store.influence(first)
    assert reached(answer) == {
        inner: ["merged_to"],
        outer: ["merged_to", "merged_to"],
        own: ["merged_to", "merged_to", "derived_from"],
    }
    path = answer.derived[2].path
    assert [(step.parent_id, step.child_id) for step in path] == [(first, inner), (inner, outer), (outer, own)]
    assert [each.state for each in answer.derived] == ["merged", "activated", "activated"]
    assert answer.complete
    assert reached(store.influence(own)) == {}


def test_a_link_that_was_taken_away_leads_nowhere_any_more(store: Store) -> None:
    origin, own = remember(store, "Tea."), remember(store, "Tea, again.")
    derive(store, own, origin)
    store.memories.unlink(own, origin, Relation.DERIVED_FROM)
    store.memories.link(own, origin, Relation.SUPPORTS)
    assert reached(store.influence(origin)) == {}
    derive(store, own, origin)
    assert reached(store.influence(origin)) == {own: ["derived_from"]}


def test_links_in_a_circle_are_followed_once(store: Store) -> None:
    first, second = remember(store, "Tea."), remember(store, "Tea, again.")
    derive(store, first, second)
    derive(store, second, first)
    assert reached(store.influence(first)) == {second: ["derived_from"]}


def test_what_was_copied_into_another_cube_is_reached_there(store: Store) -> None:
    first, second = remember(store, "Tea."), remember(store, "Jam.")
    fork = store.cubes.fork("main", store.log.head(), "garden")
    copies = [each.memory_id for each in store.memories.list("garden").items]
    result = merge(store, *copies)
    found = reached(store.influence(first))
    assert sorted(found.values()) == [["copied_from"], ["copied_from", "merged_to"]]
    assert {each.cube_id for each in store.influence(first).derived} == {store.cubes.get("garden").cube_id}
    assert fork.position < store.log.head()
    assert {node.memory_id for node in store.lineage(result).nodes} == {first, second, result, *copies}


def test_an_event_has_influenced_only_what_was_made_after_it(store: Store) -> None:
    first, second, third = (remember(store, f"Thing {n}.") for n in range(3))
    early = merge(store, first, second)
    revised = store.memories.revise(early, "Both, better.").position
    late = merge(store, early, third)
    assert reached(store.influence(position=revised)) == {late: ["merged_to"]}
    assert store.influence(position=revised).memory_id == early
    assert reached(store.influence(first)).keys() == {early, late}
    assert reached(store.influence(first, position=revised)) == {}


def test_every_answer_since_that_told_any_of_it_is_listed_newest_first_a_page_at_a_time(store: Store) -> None:
    first, second, unrelated = remember(store, "Tea."), remember(store, "Jam."), remember(store, "Dog.")
    store.memories.get(first)
    store.memories.get(unrelated)
    result = merge(store, first, second, text="Tea and jam.")
    ben = somebody(store)
    ben_id = ben.caller.principal_id
    store.grants.issue(_read(store, ben_id))
    ben.recall("main", "tea and jam")
    answer = store.influence(first)
    assert [(each.kind, each.actor_id, each.memory_ids) for each in answer.items] == [
        ("recall", ben_id, [result]),
        ("get", store.caller.principal_id, [first]),
    ]
    page = store.influence(first, limit=1)
    assert [each.kind for each in page.items] == ["recall"]
    assert [each.kind for each in store.influence(first, limit=1, cursor=page.next).items] == ["get"]
    with pytest.raises(InvalidCursor):
        store.influence(second, cursor=page.next)
    position = answer.items[-1].position
    assert [each.kind for each in store.influence(first, position=position).items] == ["recall"]


def _read(store: Store, principal_id: UUID) -> Terms:
    cube_id = store.cubes.get("main").cube_id
    return Terms(
        effect=Effect.PERMIT,
        subject_id=principal_id,
        level=Level.CUBE,
        resource_id=cube_id,
        actions=frozenset({Action.READ}),
    )


def test_others_are_told_of_what_they_may_read_and_of_answers_that_are_theirs_or_about_their_own(store: Store) -> None:
    ben = somebody(store)
    shared = remember(store, "Tea.", visibility=Visibility.TENANT)
    private = remember(store, "Tea, secretly.", visibility=Visibility.PRIVATE)
    public = remember(store, "Tea, publicly.", visibility=Visibility.TENANT)
    derive(store, private, shared)
    derive(store, public, shared)
    for asking, memory_id in ((store, shared), (store, private), (ben, shared)):
        asking.memories.get(memory_id)
    assert reached(ben.influence(shared)).keys() == {public}
    assert [(each.kind, each.actor_id) for each in ben.influence(shared).items] == [("get", ben.caller.principal_id)]
    assert len(store.influence(shared).items) == 3
    with pytest.raises(MemoryNotFound):
        ben.influence(private)
    with pytest.raises(NotFound):
        ben.influence(position=store.memories.get(private).position)
    assert str(private) not in str(ben.influence(shared))


def test_nobody_is_led_through_what_they_may_not_read(store: Store) -> None:
    ben = somebody(store)
    shared = remember(store, "Tea.", visibility=Visibility.TENANT)
    private = remember(store, "Tea, secretly.", visibility=Visibility.PRIVATE)
    beyond = remember(store, "Tea, publicly.", visibility=Visibility.TENANT)
    derive(store, private, shared)
    derive(store, beyond, private)
    assert reached(store.influence(shared)).keys() == {private, beyond}
    assert reached(ben.influence(shared)) == {}
    assert [node.memory_id for node in ben.lineage(shared).nodes] == [shared]
    assert [node.memory_id for node in ben.lineage(beyond).nodes] == [beyond]


def test_the_owner_of_a_memory_learns_to_whom_it_was_told_after_losing_sight_of_it(store: Store) -> None:
    ben = somebody(store)
    ben.cubes.found("bens")
    own = remember(ben, "Tea.", "bens", visibility=Visibility.TENANT)
    store.memories.get(own)
    ben.erasures.erase(memory=own, basis="case 1")
    answer = ben.influence(own)
    assert [(each.kind, each.actor_id) for each in answer.items] == [("get", store.caller.principal_id)]


def test_another_tenant_is_told_nothing(store: Store) -> None:
    memory_id = remember(store, "Tea.")
    position = store.memories.get(memory_id).position
    stranger = store.acting_as(store.tenants.found("other").key)
    for ask in (lambda: stranger.influence(memory_id), lambda: stranger.lineage(memory_id)):
        with pytest.raises(MemoryNotFound):
            ask()
    with pytest.raises(NotFound):
        stranger.influence(position=position)


def test_what_cannot_be_asked_is_refused(store: Store) -> None:
    with pytest.raises(Invalid):
        store.influence()
    with pytest.raises(MemoryNotFound):
        store.influence(uuid4())
    with pytest.raises(NotFound):
        store.influence(position=1)
    with pytest.raises(InvalidPosition):
        store.influence(position=10**9)


def test_asking_for_influence_and_lineage_is_on_record(store: Store) -> None:
    first, second = remember(store, "Tea."), remember(store, "Jam.")
    result = merge(store, first, second)
    store.influence(first)
    store.lineage(result)
    influence, lineage = (store.audit(AccessFilter(kinds=(kind,))).items[0] for kind in ("influence", "lineage"))
    assert influence.memory_ids == [first, result]
    assert set(lineage.memory_ids) == {first, second, result}
    assert store.audit.patterns([result])[result].reads == 1
    assert [each.kind for each in store.influence(first).items] == ["lineage"]


def test_a_lineage_has_what_a_memory_was_made_from_and_what_was_made_of_it(store: Store) -> None:
    first = remember(store, "Tea.", sources=("letter",))
    second, third, own = (remember(store, f"Thing {n}.") for n in range(3))
    inner = merge(store, first, second, text="Tea and a thing.")
    outer = merge(store, inner, third)
    derive(store, own, inner)
    answer = store.lineage(inner)
    assert (answer.nodes[0].memory_id, answer.nodes[0].steps) == (inner, 0)
    steps = {node.memory_id: node.steps for node in answer.nodes}
    assert steps == {inner: 0, first: -1, second: -1, outer: 1, own: 1}
    by_id = {node.memory_id: node for node in answer.nodes}
    assert (by_id[first].text, by_id[first].sources, by_id[inner].source) == ("Tea.", ("letter",), "merge")
    assert by_id[inner].sources == ("letter",)
    assert {(each.parent_id, each.child_id, each.relation) for each in answer.derivations} == {
        (first, inner, "merged_to"),
        (second, inner, "merged_to"),
        (inner, outer, "merged_to"),
        (inner, own, "derived_from"),
    }


def test_what_is_erased_is_left_out_of_a_lineage(store: Store) -> None:
    first, second = remember(store, "Tea."), remember(store, "Jam.")
    result = merge(store, first, second)
    store.erasures.erase(memory=first, basis="case 1")
    assert {node.memory_id for node in store.lineage(result).nodes} == {second, result}
    with pytest.raises(MemoryErased):
        store.lineage(first)
    assert store.influence(first).derived[0].memory_id == result
    assert store.memories.get(result).state == State.ACTIVATED


def test_no_table_is_read_as_a_whole_for_the_way_from_parent_to_child(store: Store, dsn: str) -> None:
    with superuser(dsn) as connection:
        connection.execute("SET enable_seqscan = off")
        plan = connection.execute(
            "EXPLAIN SELECT * FROM mnemolog.derivation WHERE parent_id = ANY (%s) AND to_position IS NULL", ([uuid4()],)
        ).fetchall()
    assert "derivation_of_parent" in str(plan)
    assert Lineages(store.parts.application.datastore, store.caller.tenant_id).derived([uuid4()]) == []


def test_derivations_are_made_anew_from_the_log_as_they_were(store: Store, dsn: str) -> None:
    first, second, own = (remember(store, f"Thing {n}.") for n in range(3))
    result = merge(store, first, second)
    for _ in range(2):
        derive(store, own, result)
        store.memories.unlink(own, result, Relation.DERIVED_FROM)
    derive(store, own, result)
    store.memories.link(own, result, Relation.DERIVED_FROM, 0.5)
    before = store.influence(first), _rows(dsn)
    store.views.rebuild("catalogue")
    assert (reached(store.influence(first)), _rows(dsn)) == (reached(before[0]), before[1])
    assert [row[5] is None for row in before[1] if row[2] == "derived_from"] == [False, False, True, True]


def _rows(dsn: str) -> list[tuple[object, ...]]:
    with superuser(dsn) as connection:
        return connection.execute("SELECT * FROM mnemolog.derivation ORDER BY from_position, parent_id").fetchall()
