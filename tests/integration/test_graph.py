"""Questions over several memories are answered with the way, and no way leads through what a caller may not see."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from mnemolog.adapters.embedders.hashing import HashingEmbedder
from mnemolog.adapters.postgres.embedded import EmbeddedPostgres
from mnemolog.api import Store, open_store
from mnemolog.api.graph_answers import PathAnswer, ShortestPathAnswer
from mnemolog.api.parts import GRAPH, origin
from mnemolog.domain.commands import Remember
from mnemolog.domain.lifecycle import State
from mnemolog.domain.memory import Memory, Relation
from mnemolog.domain.metadata import Visibility
from mnemolog.domain.principal import PrincipalKind
from mnemolog.domain.refusals import (
    CubeNotFound,
    Invalid,
    InvalidPosition,
    InvalidText,
    MemoryErased,
    MemoryExpired,
    MemoryNotFound,
    NotFound,
)
from tests.databases import database


class HandClock:
    """Shows what it is set to. The log's own times are those of the database."""

    def __init__(self) -> None:
        self.moment = datetime.now(UTC)

    def now(self) -> datetime:
        return self.moment


@pytest.fixture(scope="module")
def clock() -> HandClock:
    return HandClock()


@pytest.fixture(scope="module")
def store(server: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory, clock: HandClock) -> Iterator[Store]:
    """One for all tests; each makes a cube of its own."""
    home = tmp_path_factory.mktemp("home")
    with database(server) as dsn, open_store(home, dsn, embedder=HashingEmbedder(), clock=clock) as store:
        yield store


class Trip:
    """Ann speaks of Ben; Ben, elsewhere, of the move; and right after it, of Lisbon."""

    def __init__(self, store: Store, **facts: Any) -> None:
        self.store, self.cube = store, store.cubes.found(f"trip-{uuid4().hex}").cube_id
        talk = uuid4()
        self.ann = self._said("I had lunch with Ben.", speaker="Ann", context_id=uuid4())
        self.move = self._said("We are moving in May.", speaker="Ben", context_id=talk, **facts)
        self.lisbon = self._said("It will be Lisbon.", speaker="Ben's wife", context_id=talk)

    def _said(self, text: str, **facts: Any) -> UUID:
        return self.store.memories.remember(self.cube, Remember(text=text, **facts)).memory_ids[0]

    def ends(self, start: Any, **asked: Any) -> set[UUID | str]:
        return {path.end.id for path in self.store.graph.traverse(self.cube, start, **asked).paths}

    def way(self, store: Store, **asked: Any) -> PathAnswer | None:
        return self.told(store, **asked).path

    def told(self, store: Store, **asked: Any) -> ShortestPathAnswer:
        return store.graph.path(self.cube, "Ann", "Lisbon", **asked)


def erase(store: Store, memory_id: UUID) -> None:
    memory = store.parts.application.load(Memory, memory_id)
    memory.transition_state(State.ERASED)
    appended = store.parts.application.record(memory, origin=origin(store.caller))
    assert appended is not None
    store.parts.written(appended)


def agent_of(store: Store, **facts: Any) -> Store:
    principal = store.principals.register(f"agent {uuid4()}", PrincipalKind.AGENT, **facts)
    return store.acting_as(store.principals.issue_key(principal.principal_id).key)


def test_what_no_single_memory_says_is_found_with_the_way_that_leads_there(store: Store) -> None:
    trip = Trip(store)
    told = trip.told(store)
    way = told.path
    assert way is not None
    assert [(step.relation, step.forward, step.node.id) for step in way.steps] == [
        ("mentions", False, trip.ann),
        ("mentions", True, "ben"),
        ("mentions", False, trip.move),
        ("next", True, trip.lisbon),
        ("mentions", True, "lisbon"),
    ]
    assert [(memory.memory_id, memory.text, memory.speaker, memory.state) for memory in told.memories] == [
        (trip.ann, "I had lunch with Ben.", "Ann", "activated"),
        (trip.move, "We are moving in May.", "Ben", "activated"),
        (trip.lisbon, "It will be Lisbon.", "Ben's wife", "activated"),
    ]
    assert [told.by_id.get(step.node.id) for step in way.steps if step.node.kind != "memory"] == [None, None]
    head = store.log.head()
    found = store.graph.traverse(trip.cube, "ann", depth=5, at_least=head)
    assert way in found.paths
    assert found.complete
    assert head <= found.position <= store.log.head()


def test_links_are_followed_by_relation_and_direction(store: Store) -> None:
    trip = Trip(store)
    linked = store.memories.link(trip.lisbon, trip.ann, Relation.CAUSES, 0.5)
    (path,) = store.graph.traverse(trip.cube, trip.lisbon, relations=["causes"]).paths
    assert [(step.relation, step.weight, step.position, step.forward) for step in path.steps] == [
        ("causes", 0.5, linked.position, True)
    ]
    assert trip.ends(trip.ann, relations=["causes"], direction="in") == {trip.lisbon}
    assert trip.ends(trip.ann, relations=["causes"], direction="out") == set()
    assert not store.graph.traverse(trip.cube, trip.ann, depth=5, limit=1).complete


def test_a_hidden_memory_in_the_middle_breaks_the_way_for_whoever_may_not_see_it(store: Store) -> None:
    agent = agent_of(store)
    trip = Trip(agent, visibility=Visibility.PRIVATE)
    assert trip.way(agent) is not None
    assert trip.way(store) is None
    found = store.graph.traverse(trip.cube, trip.ann, depth=16)
    assert {path.end.id for path in found.paths} == {
        *("ann", "ben"),
        *(path.end.id for path in found.paths if path.end.kind == "context"),
    }
    assert store.graph.related(trip.cube, trip.ann).hits == []
    with pytest.raises(MemoryNotFound):
        store.graph.traverse(trip.cube, trip.move)


def test_strangers_are_told_what_they_are_told_of_what_does_not_exist(store: Store) -> None:
    trip, stranger = Trip(store), agent_of(store)
    own = stranger.cubes.found("own").cube_id
    with pytest.raises(CubeNotFound):
        stranger.graph.traverse(trip.cube, trip.ann)
    for missing in (trip.ann, uuid4()):
        with pytest.raises(MemoryNotFound):
            stranger.graph.related(own, missing)
    for name in ("Ben", "Nobody"):
        with pytest.raises(NotFound):
            stranger.graph.path(own, name, name)


def test_what_was_so_at_a_moment_is_answered_again_as_of_it(store: Store) -> None:
    trip = Trip(store)
    before = store.graph.traverse(trip.cube, "Ann", depth=5)
    related = store.graph.related(trip.cube, trip.ann)
    store.memories.revise(trip.move, "We stay where we are.", speaker="Cleo", context_id=None)
    assert trip.way(store) is None
    assert store.graph.traverse(trip.cube, "Ann", depth=5, at=before.position) == before
    assert store.graph.related(trip.cube, trip.ann, at=related.position) == related
    assert trip.way(store, at=before.position) in before.paths
    with pytest.raises(InvalidPosition):
        trip.way(store, at=before.position + 1000)


@pytest.mark.parametrize("target", [State.ARCHIVED, State.ERASED])
def test_what_is_archived_or_erased_is_on_no_way(store: Store, target: State) -> None:
    trip = Trip(store)
    position = store.log.head()
    if target is State.ERASED:
        erase(store, trip.move)
    else:
        store.memories.transition(trip.move, target)
    assert trip.way(store) is None
    assert trip.move not in trip.ends([trip.ann, trip.lisbon], depth=5)
    assert (trip.way(store, at=position) is None) == (target is State.ERASED)


def test_what_has_expired_is_on_no_way(store: Store, clock: HandClock) -> None:
    trip = Trip(store, ttl=timedelta(hours=1))
    position = store.log.head()
    assert trip.way(store) is not None
    clock.moment += timedelta(hours=2)
    assert trip.way(store) is None
    assert trip.way(store, at=position) is not None


def test_what_was_merged_is_on_no_way_and_what_came_of_it_is(store: Store) -> None:
    trip = Trip(store)
    position = store.log.head()
    (merged, *_) = store.memories.merge([trip.move, trip.lisbon], "Ben moves to Lisbon.").memory_ids
    way = trip.way(store)
    assert way is not None
    assert [step.node.id for step in way.steps] == [trip.ann, "ben", merged, "lisbon"]
    assert not {trip.move, trip.lisbon} & trip.ends(merged, depth=5)
    assert trip.move in trip.ends(trip.lisbon, at=position)


def test_a_memory_on_many_ways_is_told_once(store: Store) -> None:
    trip = Trip(store)
    found = store.graph.traverse(trip.cube, trip.ann, depth=6)
    passed = [node.id for path in found.paths for node in (path.start, *(step.node for step in path.steps))]
    assert passed.count(trip.move) > 1
    assert [memory.memory_id for memory in found.memories] == [trip.ann, trip.move, trip.lisbon]
    assert found.by_id[trip.move].text == "We are moving in May."


class Recipe:
    """Three memories, of which the last is `kept` from the others, became one that everybody in the cube sees."""

    def __init__(self, store: Store, kept: Visibility = Visibility.CUBE) -> None:
        self.store, self.cube = store, store.cubes.found(f"recipe-{uuid4().hex}").cube_id
        said = (
            Remember(text="Tea from Assam."),
            Remember(text="Milk."),
            Remember(text="A lot of Zucker.", visibility=kept),
        )
        written = store.memories.remember(self.cube, *said)
        self.parents, self.before = list(written.memory_ids), written.position
        self.merged = store.memories.merge(self.parents, "Tea with milk and more.").memory_ids[0]
        store.memories.revise(self.merged, visibility=Visibility.CUBE)

    def walk(self, start: UUID, relation: str, direction: str = "out", **asked: Any) -> dict[UUID | str, str]:
        """What is reached, and what state it is in."""
        found = self.store.graph.traverse(self.cube, start, relations=[relation], direction=direction, **asked)
        return {path.end.id: found.by_id[path.end.id].state for path in found.paths}


def test_with_its_history_a_merge_is_walked_to_its_parents_and_back(store: Store) -> None:
    recipe = Recipe(store)
    parents = dict.fromkeys(recipe.parents, "merged")
    first, second, _ = recipe.parents
    assert recipe.walk(recipe.merged, "derived_from", history=True) == parents
    assert recipe.walk(recipe.merged, "merged_to", "in", history=True) == parents
    assert recipe.walk(first, "merged_to", history=True) == {recipe.merged: "activated"}
    siblings = store.graph.path(recipe.cube, first, second, relations=["merged_to"], history=True)
    assert [memory.text for memory in siblings.memories] == ["Tea from Assam.", "Tea with milk and more.", "Milk."]
    hits = store.graph.related(recipe.cube, first, history=True).hits
    assert {hit.memory_id: hit.state for hit in hits} == {
        recipe.merged: "activated", **{each: "merged" for each in recipe.parents[1:]},
    }  # fmt: skip


def test_lineage_goes_over_as_many_merges_as_there_were(store: Store) -> None:
    recipe = Recipe(store)
    more = store.memories.remember(recipe.cube, "And a biscuit.").memory_ids[0]
    breakfast = store.memories.merge([recipe.merged, more], "Breakfast.").memory_ids[0]
    found = recipe.walk(breakfast, "derived_from", depth=16, history=True)
    assert found == dict.fromkeys([*recipe.parents, recipe.merged, more], "merged")
    assert recipe.walk(recipe.parents[0], "merged_to", depth=16, history=True) == {
        recipe.merged: "merged", breakfast: "activated",
    }  # fmt: skip


def test_without_their_history_what_was_merged_is_found_by_nobody(store: Store) -> None:
    recipe = Recipe(store)
    assert recipe.walk(recipe.merged, "derived_from") == {}
    with pytest.raises(MemoryNotFound):
        recipe.walk(recipe.parents[0], "merged_to")
    with pytest.raises(NotFound):
        store.graph.traverse(recipe.cube, "Assam")
    assert store.graph.traverse(recipe.cube, "Assam", history=True).paths


def test_a_merge_that_was_retracted_holds_as_of_when_it_held(store: Store) -> None:
    recipe = Recipe(store)
    merged = store.log.head()
    store.memories.retract_merge(recipe.merged)
    first = recipe.parents[0]
    assert recipe.walk(first, "merged_to", history=True) == {}
    assert recipe.walk(first, "derived_from", "in", history=True) == {recipe.merged: "archived"}
    assert recipe.walk(recipe.merged, "derived_from", history=True) == dict.fromkeys(recipe.parents, "activated")
    assert recipe.walk(first, "merged_to", history=True, at=merged) == {recipe.merged: "activated"}
    assert recipe.walk(recipe.merged, "merged_to", "in", history=True, at=merged) == dict.fromkeys(
        recipe.parents, "merged"
    )
    assert recipe.walk(first, "merged_to", history=True, at=recipe.before) == {}
    with pytest.raises(MemoryNotFound):
        recipe.walk(recipe.merged, "derived_from", history=True, at=recipe.before)


def test_a_parent_that_the_caller_may_not_read_leaves_no_trace_in_the_history(store: Store) -> None:
    cook = agent_of(store)
    recipe = Recipe(cook, Visibility.PRIVATE)
    *known, secret = recipe.parents
    assert recipe.walk(recipe.merged, "derived_from", history=True) == dict.fromkeys(recipe.parents, "merged")
    lineage = ["derived_from", "merged_to"]
    found = store.graph.traverse(recipe.cube, recipe.merged, relations=lineage, limit=len(known), history=True)
    assert ([path.end.id for path in found.paths], found.complete) == (known, True)
    assert [memory.memory_id for memory in found.memories] == [recipe.merged, *known]
    assert {hit.memory_id for hit in store.graph.related(recipe.cube, recipe.merged, history=True).hits} == {*known}
    for hidden, missing in ((secret, uuid4()), ("Zucker", "Nobody")):
        refusals = [refused(store, recipe.cube, start) for start in (hidden, missing)]
        assert refusals[0].replace(str(hidden), "?") == refusals[1].replace(str(missing), "?")


def refused(store: Store, cube: UUID, start: UUID | str) -> str:
    with pytest.raises(NotFound) as refusal:
        store.graph.traverse(cube, start, history=True)
    return f"{type(refusal.value).__name__}: {refusal.value}"


def test_what_is_archived_is_followed_with_its_history_until_it_is_erased_or_expires(
    store: Store, clock: HandClock
) -> None:
    archived, erased, expired = Trip(store), Trip(store), Trip(store, ttl=timedelta(hours=1))
    for trip in (archived, erased, expired):
        store.memories.transition(trip.move, State.ARCHIVED)
        assert trip.way(store) is None
        told = trip.told(store, history=True)
        assert [memory.state for memory in told.memories] == ["activated", "archived", "activated"]
        assert told.by_id[trip.move].text == store.memories.get(trip.move).text
    erase(store, erased.move)
    clock.moment += timedelta(hours=2)
    for trip, gone in ((erased, MemoryErased), (expired, MemoryExpired)):
        assert trip.told(store, history=True).memories == []
        with pytest.raises(MemoryNotFound):
            store.graph.traverse(trip.cube, trip.move, history=True)
        with pytest.raises(gone):
            store.memories.get(trip.move)
    assert archived.way(store, history=True) is not None


def test_what_is_erased_while_an_answer_is_made_takes_the_whole_way_with_it(dsn: str, tmp_path: Path) -> None:
    """One process does not hear of it any more; the catalogue, which is asked again at the exit, has."""
    with (
        open_store(tmp_path / "home", dsn, embedder=HashingEmbedder()) as deaf,
        open_store(tmp_path / "home", dsn, embedder=HashingEmbedder()) as elsewhere,
    ):
        trip = Trip(deaf)
        assert trip.way(deaf) is not None
        deaf.parts.runner.stop()
        erase(elsewhere, trip.move)
        elsewhere.parts.wait(GRAPH)
        assert trip.way(deaf) is None
        found = deaf.graph.traverse(trip.cube, "Ann", depth=5)
        assert [memory.memory_id for memory in found.memories] == [trip.ann]
        assert {path.end.id for path in found.paths if path.end.kind == "memory"} == {trip.ann}
        assert "lisbon" not in {path.end.id for path in found.paths}
        assert trip.move not in {hit.memory_id for hit in deaf.graph.related(trip.cube, trip.ann).hits}


def test_what_is_near_and_joined_in_several_ways_is_most_related(store: Store) -> None:
    trip = Trip(store)
    apart = store.memories.remember(trip.cube, "The tin is blue.").memory_ids[0]
    hits = store.graph.related(trip.cube, trip.lisbon).hits
    assert [hit.memory_id for hit in hits] == [trip.move, trip.ann]
    assert [hit.text for hit in hits] == ["We are moving in May.", "I had lunch with Ben."]
    assert hits[0].score > hits[1].score > 0
    assert store.graph.related(trip.cube, "Ben", k=1).hits[0].memory_id in (trip.ann, trip.move)
    assert store.graph.related(trip.cube, apart).hits == []


@pytest.fixture(scope="module")
def trip(store: Store) -> Trip:
    return Trip(store)


@pytest.mark.parametrize(
    ("asked", "refusal"),
    [
        ({"start": []}, Invalid),
        ({"start": " "}, InvalidText),
        ({"start": "n" * 513}, InvalidText),
        ({"start": "\ud800"}, InvalidText),
        ({"start": "Zanzibar"}, NotFound),
        ({"depth": 0}, Invalid),
        ({"limit": 1001}, Invalid),
        ({"relations": ["likes"]}, Invalid),
        ({"direction": "up"}, Invalid),
        ({"order": "random"}, Invalid),
    ],
)
def test_a_question_that_cannot_be_is_refused(trip: Trip, asked: dict[str, Any], refusal: type[Exception]) -> None:
    with pytest.raises(refusal):
        trip.ends(**{"start": "Ann", **asked})


def test_a_store_that_is_asked_for_no_way_does_not_load_what_finds_ways(dsn: str, tmp_path: Path) -> None:
    program = (
        "import sys; from mnemolog.api import open_store; "
        "from mnemolog.adapters.embedders.hashing import HashingEmbedder; "
        "store = open_store(sys.argv[1], sys.argv[2], embedder=HashingEmbedder()); store.close(); "
        "assert not {'rustworkx', 'scipy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program, tmp_path / "home", dsn], check=True)
