"""Views made anew, and compared with the log: in memory, in files, and in Postgres."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from mnemolog.adapters.embedders.hashing import HashingEmbedder
from mnemolog.adapters.postgres.directory import MemoryFilter
from mnemolog.api import Store, open_store
from mnemolog.api.pace import Pace
from mnemolog.api.parts import EVERY
from mnemolog.domain.commands import Remember
from mnemolog.domain.lifecycle import State
from mnemolog.domain.log import Origin
from mnemolog.domain.memory import Memory, Relation
from mnemolog.domain.principal import PrincipalKind
from mnemolog.domain.refusals import CubeNotFound, Denied, Invalid, NotFound, ViewDiffers
from mnemolog.projections.cube_fold import AnyCubeFold, Held
from tests.databases import superuser

ANOTHER_ROW = """INSERT INTO mnemolog.memory
                 SELECT (json_populate_record(m, json_build_object('memory_id', gen_random_uuid()))).*
                 FROM mnemolog.memory m WHERE state = 'archived'"""
TEA = "Where is the tea?"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def store(dsn: str, home: Path) -> Iterator[Store]:
    """A kitchen in which each kind of thing has happened to a memory. No cube is in memory, and none has a file."""
    with open_store(home, dsn, embedder=HashingEmbedder()) as store:
        live(store)
        yield store


def live(store: Store) -> None:
    store.cubes.found("kitchen")
    tea, tin, jam = store.memories.remember(
        "kitchen",
        Remember(text="Tea is in the blue tin.", tags=("tea", "tin"), key="tea"),
        Remember(text="The tin is on the shelf.", speaker="Ann"),
        "Jam is in the jar.",
    ).memory_ids
    store.memories.revise(tea, text="Tea is in the red tin.")
    store.memories.link(tea, tin, Relation.SUPPORTS)
    store.memories.transition(jam, State.ARCHIVED)
    store.memories.remember("main", "Nobody asks here.")
    settle(store)
    for view in store.parts.residence.views:
        for each in view.held():
            view.release(each)


def settle(store: Store) -> None:
    store.parts.wait(EVERY, store.log.head())


def cube_id(store: Store, name: str = "kitchen") -> UUID:
    return store.cubes.get(name).cube_id


def digests(store: Store) -> dict[str, str]:
    return {view.name: view.digest_of(cube_id(store))[1] for view in store.parts.residence.views}


def view_named(store: Store, name: str) -> AnyCubeFold:
    return next(view for view in store.parts.residence.views if view.name == name)


def tampered(store: Store, name: str) -> None:
    """The view takes an empty state for that of the cube."""
    view = view_named(store, name)
    position, _ = view.digest_of(cube_id(store))
    forged: Held[Any] = replace(view.draft(None), position=position)
    assert view.admit(cube_id(store), forged, position)


def changed(dsn: str, statement: str) -> None:
    with superuser(dsn) as connection:
        assert connection.execute(statement).rowcount > 0


def agent(store: Store) -> Store:
    other = store.principals.register("an agent", PrincipalKind.AGENT)
    return store.acting_as(store.principals.issue_key(other.principal_id).key)


def test_a_rebuild_gives_the_same_answers_and_the_same_state(store: Store) -> None:
    answer, before = store.recall("kitchen", TEA), digests(store)
    done = store.views.rebuild()
    assert {(each.view, each.cube_id) for each in done} == {
        (view, cube) for view in before for cube in (cube_id(store), cube_id(store, "main"))
    }
    assert digests(store) == before
    assert store.recall("kitchen", TEA).hits == answer.hits


def test_a_rebuild_replaces_a_state_that_was_wrong(store: Store) -> None:
    answer = store.recall("kitchen", TEA)
    tampered(store, "terms")
    assert store.recall("kitchen", TEA).hits != answer.hits
    (done,) = store.views.rebuild("terms", "kitchen")
    assert store.recall("kitchen", TEA).hits == answer.hits
    assert done.position == store.log.head()
    assert 0 < done.events < done.position


def test_until_a_view_has_been_rebuilt_its_old_state_answers(store: Store) -> None:
    right = store.recall("kitchen", TEA).hits
    tampered(store, "terms")
    old = store.recall("kitchen", TEA).hits
    told: list[object] = []
    store.views.rebuild("terms", "kitchen", lambda pace: told.append(store.recall("kitchen", TEA).hits))
    assert (told[0], told[-1]) == (old, right)


def test_a_rebuilt_view_has_a_file_and_a_cold_cube_is_let_go_again(store: Store) -> None:
    store.recall("kitchen", TEA)
    store.views.rebuild("terms")
    terms = view_named(store, "terms")
    assert [terms.is_held(cube_id(store, name)) for name in ("kitchen", "main")] == [True, False]
    for name in ("kitchen", "main"):
        assert store.parts.is_kept("terms", cube_id(store, name))
        assert not store.parts.is_kept("turns", cube_id(store, name))


@pytest.mark.parametrize("damage", [lambda sealed: sealed[:-9], lambda sealed: sealed[:-9] + bytes(9)])
def test_a_damaged_file_is_dropped_and_changes_no_answer(
    store: Store, home: Path, dsn: str, damage: Callable[[bytes], bytes]
) -> None:
    answer = store.recall("kitchen", TEA)
    store.views.rebuild("terms", "kitchen")
    (file,) = (home / "views").glob(f"terms.{cube_id(store)}*")
    sealed = file.read_bytes()
    with open_store(home, dsn, embedder=HashingEmbedder()) as again:
        assert again.recall("kitchen", TEA).hits == answer.hits
        assert again.parts.is_kept("terms", cube_id(again))
    file.write_bytes(damage(sealed))
    with open_store(home, dsn, embedder=HashingEmbedder()) as again:
        again.views.verify("terms", "kitchen")
        assert again.recall("kitchen", TEA).hits == answer.hits
        assert not file.exists()


def test_every_view_of_every_cube_is_verified(store: Store) -> None:
    done = store.views.verify()
    names = {view.name for view in store.parts.residence.views}
    assert {(each.view, each.cube_id) for each in done} == {
        ("catalogue", None),
        ("access", None),
        *((view, cube) for view in names for cube in (cube_id(store), cube_id(store, "main"))),
    }
    assert not any(view.held() for view in store.parts.residence.views)


@pytest.mark.parametrize("name", ["edges", "labels", "scopes", "terms", "turns", "vectors"])
def test_a_state_that_was_tampered_with_is_found(store: Store, name: str) -> None:
    tampered(store, name)
    position, _ = view_named(store, name).digest_of(cube_id(store))
    for chosen in (None, name):
        with pytest.raises(ViewDiffers) as refused:
            store.views.verify(chosen, "kitchen")
        facts = refused.value.facts
        assert (facts["view"], facts["cube_id"], facts["position"]) == (name, cube_id(store), position)
    store.views.rebuild(name, "kitchen")
    store.views.verify(name, "kitchen")


def test_a_vector_that_was_changed_in_the_cache_is_found(store: Store, dsn: str) -> None:
    store.recall("kitchen", TEA)
    changed(dsn, "UPDATE mnemolog.embedding SET vector = decode(repeat('00', length(vector)), 'hex')")
    with pytest.raises(ViewDiffers):
        store.views.verify("vectors", "kitchen")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("UPDATE mnemolog.memory SET priority = 9 - priority WHERE to_position IS NULL", "priority"),
        ("UPDATE mnemolog.memory SET state = 'frozen' WHERE state = 'archived'", "state"),
        ("UPDATE mnemolog.memory SET to_position = to_position + 1 WHERE to_position IS NOT NULL", "to_position"),
        ("UPDATE mnemolog.memory SET tag_tokens = '{}' WHERE cardinality(tag_tokens) = 2", "tag_tokens"),
        ("UPDATE mnemolog.memory SET governance = '{}'", "governance"),
        ("UPDATE mnemolog.memory SET created_at = created_at + interval '1 microsecond'", "created_at"),
        ("UPDATE mnemolog.memory SET tenant_id = gen_random_uuid()", "tenant_id"),
        ("DELETE FROM mnemolog.memory WHERE to_position IS NULL", "a row is missing"),
        (ANOTHER_ROW, "the log knows no such row"),
    ],
)
def test_a_row_of_the_catalogue_that_was_tampered_with_is_found(store: Store, dsn: str, change: str, told: str) -> None:
    assert [each.position for each in store.views.verify("catalogue")] == [store.log.head()]
    changed(dsn, change)
    with pytest.raises(ViewDiffers, match=told) as refused:
        store.views.verify("catalogue")
    assert refused.value.facts["view"] == "catalogue"
    assert 0 < refused.value.facts["position"] <= store.log.head()
    store.views.rebuild("catalogue")
    store.views.verify("catalogue")


def test_the_catalogue_is_made_anew_to_the_last_row(store: Store) -> None:
    before = store.parts.catalogue.digest()
    told: list[Pace] = []
    (done,) = store.views.rebuild("catalogue", progress=told.append)
    assert store.parts.catalogue.digest() == before
    assert (done.position, done.events, told[-1].position) == (store.log.head(),) * 3
    assert [cube.name for cube in store.cubes.list().items] == ["main", "kitchen"]


def test_while_the_catalogue_is_made_anew_the_old_rows_are_read(store: Store) -> None:
    memory_id = next(iter(store.memories.list("main").items)).memory_id
    found: list[UUID] = []

    def meanwhile(pace: Pace) -> None:
        found.append(store.memories.get(memory_id).memory_id)

    store.views.rebuild("catalogue", progress=meanwhile)
    assert set(found) == {memory_id}


def test_rows_that_come_while_the_catalogue_is_verified_are_no_difference(store: Store) -> None:
    """What is remembered, archived and erased after the log was read begins and ends rows, and takes labels away."""

    def meanwhile(pace: Pace) -> None:
        one = store.memories.remember("kitchen", "Late.").memory_ids[0]
        store.memories.transition(one, State.ARCHIVED)
        erase(store, "tea")

    head = store.log.head()
    (done,) = store.views.verify("catalogue", progress=meanwhile)
    assert done.position == head < store.log.head()
    store.views.verify()


def erase(store: Store, key: str) -> None:

    for found in store.memories.list("kitchen", MemoryFilter(key=key)).items:
        memory = store.parts.application.load(Memory, found.memory_id)
        memory.transition_state(State.ERASED)
        appended = store.parts.application.record(memory, origin=Origin())
        assert appended is not None
        store.parts.written(appended)
    settle(store)


def test_an_erased_memory_has_no_label_in_any_row(store: Store, dsn: str) -> None:
    erase(store, "tea")
    store.views.verify("catalogue")
    changed(dsn, "UPDATE mnemolog.memory SET key_token = '\\x00' WHERE from_position IN (SELECT min(from_position) "
            "FROM mnemolog.memory WHERE state = 'erased' OR cardinality(tag_tokens) = 0)")  # fmt: skip
    with pytest.raises(ViewDiffers, match="key_token"):
        store.views.verify("catalogue")


def test_progress_tells_where_how_fast_and_for_how_long(store: Store) -> None:
    told: list[Pace] = []
    store.views.rebuild("terms", "kitchen", told.append)
    assert {(pace.view, pace.cube, pace.upto) for pace in told} == {("terms", "kitchen", store.log.head())}
    positions = [pace.position for pace in told]
    assert positions == sorted(positions)
    assert positions[-1] == store.log.head()
    assert told[-1].rate > 0
    assert told[-1].eta == 0
    told.clear()
    store.views.verify("catalogue", progress=told.append)
    assert told


def test_what_a_view_holds_and_keeps_is_listed(store: Store) -> None:
    store.recall("kitchen", TEA)
    store.views.rebuild("terms", "main")
    views = {view.name: view for view in store.views.list()}
    assert views.keys() == {*EVERY, "access"}
    assert (views["catalogue"].cubes, views["catalogue"].resident_cubes) == (None, None)
    terms, edges = views["terms"], views["edges"]
    assert terms.cubes is not None
    assert [(cube.name, cube.kept, cube.memories is not None) for cube in terms.cubes] == [
        ("main", True, False),
        ("kitchen", False, True),
    ]
    assert (terms.resident_cubes, terms.position, terms.lag) == (1, store.log.head(), 0)
    assert terms.resident_memories == terms.cubes[1].memories
    assert terms.cubes[1].unkept
    assert (edges.resident_cubes, edges.resident_memories, edges.cubes) == (0, 0, [])


def test_nobody_is_told_of_cubes_that_are_not_his(store: Store) -> None:
    store.recall("kitchen", TEA)
    mine = {view.name: view.cubes for view in agent(store).views.list()}
    assert mine["terms"] == []


def test_only_administrators_rebuild_and_verify(store: Store) -> None:
    other = agent(store)
    for refused in (other.views.rebuild, other.views.verify):
        for view in (None, "terms", "catalogue", "nonsense"):
            with pytest.raises(Denied):
                refused(view)


def test_a_view_or_a_cube_that_is_not_there_is_not_found(store: Store) -> None:
    for refused in (store.views.rebuild, store.views.verify):
        with pytest.raises(NotFound, match="view: nonsense"):
            refused("nonsense")
        for cube in ("nowhere", UUID(int=7)):
            with pytest.raises(CubeNotFound):
                refused("terms", cube)
        with pytest.raises(Invalid, match="one table"):
            refused("catalogue", "kitchen")
