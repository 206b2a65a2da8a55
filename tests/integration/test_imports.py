"""Exports of other systems become memories in quarantine, as a whole, and once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
import pytest

from mnemolog.adapters.embedders.hashing import HashingEmbedder
from mnemolog.adapters.postgres.embedded import EmbeddedPostgres
from mnemolog.api import Store, import_batches, open_store
from mnemolog.api.answers import MemoryAnswer
from mnemolog.api.settings import Settings
from mnemolog.domain.cube import CubeConfig, Gate
from mnemolog.domain.grants import Effect, Terms
from mnemolog.domain.identity import new_id
from mnemolog.domain.lifecycle import State
from mnemolog.domain.memory import Relation
from mnemolog.domain.permissions import Action
from mnemolog.domain.principal import PrincipalKind
from mnemolog.domain.refusals import CannotImport, CubeNotFound, Denied, Invalid, MemoryErased
from tests.databases import database

AN_HOUR = 3600.0
HOSTILE = {
    "a key twice": b'[{"id": "1", "id": "2", "memory": "Tea.", "hash": ""}]',
    "not a number": b'[{"id": "1", "memory": "Tea.", "metadata": {"n": NaN}, "hash": ""}]',
    "half a character": b'[{"id": "1", "memory": "Tea \\ud800", "hash": ""}]',
    "a NUL": b'[{"id": "1", "memory": "Tea \\u0000", "hash": ""}]',
    "too deep": b"[" * 100_000 + b"]" * 100_000,
    "deep metadata": b'[{"id": "1", "memory": "Tea.", "hash": "", "metadata": ' + b"[" * 400 + b"]" * 400 + b"}]",
    "not UTF-8": b'[{"id": "1", "memory": "\xff", "hash": ""}]',
    "not JSON": b"cos\nsystem\n(S'true'\ntR.",
    "a number beyond all": b'[{"id": 1e999, "memory": "Tea.", "hash": ""}]',
    "the same id twice": b'[{"id": 1, "memory": "Tea.", "hash": ""}, {"id": 1, "memory": "Jam.", "hash": ""}]',
    "a text too long": b'[{"id": "1", "memory": "' + b"x" * 70_000 + b'", "hash": ""}]',
    "a key too long": b'[{"namespace": ["a"], "key": "' + b"x" * 600 + b'", "value": {"text": "Tea."}}]',
}


@pytest.fixture(scope="module")
def store(server: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """One for all tests; it puts on record too seldom to append anything between two looks at the head of its log."""
    home: Path = tmp_path_factory.mktemp("home")
    with database(server) as dsn:
        settings = Settings(home=home, dsn=dsn, audit_seconds=AN_HOUR, audit_buffer=10_000_000)
        with open_store(settings=settings, embedder=HashingEmbedder()) as store:
            yield store


@pytest.fixture
def cube(store: Store) -> UUID:
    """One for each test, whose gate opens for everybody."""
    return store.cubes.found(f"cube-{new_id().hex}", CubeConfig(gate=Gate.OPEN)).cube_id


def mem0(*texts: str, **facts: Any) -> list[dict[str, Any]]:
    made = "2024-07-05T15:30:00Z"
    return [{"id": f"m{n}", "memory": text, "created_at": made, **facts} for n, text in enumerate(texts)]


def tree(count: int, *edges: tuple[int, str, int], **metadata: Any) -> dict[str, Any]:
    nodes = [{"id": f"n{n}", "memory": f"Fact {n}.", "metadata": metadata} for n in range(count)]
    return {"nodes": nodes, "edges": [{"source": f"n{a}", "type": kind, "target": f"n{b}"} for a, kind, b in edges]}


def imported(store: Store, cube: UUID, *texts: str, **facts: Any) -> list[MemoryAnswer]:
    answer = store.imports.document(cube, mem0(*texts, **facts))
    return [store.memories.get(memory_id) for memory_id in answer.memory_ids]


@pytest.mark.parametrize("gate", list(Gate))
def test_whatever_the_gate_of_the_cube_what_is_imported_waits_in_quarantine(store: Store, gate: Gate) -> None:
    cube = store.cubes.found(f"gate-{gate}", CubeConfig(gate=gate, corroborations=1)).cube_id
    (memory_id,) = store.imports.document(cube, mem0("Ada likes tea.")).memory_ids
    memory = store.memories.get(memory_id)
    assert memory.state == State.GENERATED
    assert (memory.governance["source"], memory.trust) == ("import", 0.2)
    assert store.recall(cube, "tea").hits == []


def test_a_reviewer_lets_a_memory_out_and_then_it_is_recalled(store: Store, cube: UUID) -> None:
    (memory,) = imported(store, cube, "Ada likes tea.")
    store.memories.transition(memory.memory_id, State.ACTIVATED)
    assert [hit.memory_id for hit in store.recall(cube, "tea").hits] == [memory.memory_id]


def test_a_memory_says_where_it_came_from_and_belongs_to_whoever_imported_it(store: Store, cube: UUID) -> None:
    (memory,) = imported(store, cube, "Ada likes tea.", user_id="owner", run_id="r1")
    assert memory.sources == ("mem0:m0",)
    assert {"user:owner", "run:r1"} <= set(memory.tags)
    assert memory.governance["owner_id"] == str(store.caller.principal_id)
    assert memory.occurred_at.isoformat() == "2024-07-05T15:30:00+00:00"


def test_the_memories_of_a_run_have_a_context_in_common_that_does_not_tell_the_name_of_the_run(
    store: Store, cube: UUID
) -> None:
    one, two = imported(store, cube, "Ada likes tea.", "Ada likes jam.", run_id="r1")
    (other,) = imported(store, cube, "Ada likes figs.", run_id="r2")
    contexts = [memory.governance["context_id"] for memory in (one, two, other)]
    assert contexts[0] == contexts[1] != contexts[2]


def test_importing_the_same_again_writes_nothing_however_it_is_laid_out(
    store: Store, cube: UUID, tmp_path: Path
) -> None:
    first = store.imports.document(cube, mem0("Ada likes tea.", "Ada likes jam."))
    head = store.log.head()
    path = tmp_path / "again.json"
    path.write_bytes(orjson.dumps(mem0("Ada likes tea.", "Ada likes jam."), option=orjson.OPT_INDENT_2))
    again = store.imports.file(cube, path)
    assert (again.memory_ids, again.replayed, first.replayed) == (first.memory_ids, True, False)
    assert store.log.head() == head


def test_what_was_erased_does_not_come_back_with_the_same_export(store: Store, cube: UUID) -> None:
    (memory,) = imported(store, cube, "Ada likes tea.")
    store.erasures.erase(memory=memory.memory_id, basis="case 1")
    assert store.imports.document(cube, mem0("Ada likes tea.")).replayed
    with pytest.raises(MemoryErased):
        store.memories.get(memory.memory_id)
    assert store.memories.list(cube).items == []


def test_the_same_export_for_another_cube_or_by_somebody_else_is_another_import(store: Store, cube: UUID) -> None:
    document = mem0("Ada likes tea.")
    level, cube_id = store.grants.about(cube=cube)
    agent = store.principals.register("agent", PrincipalKind.AGENT)
    acting = store.acting_as(store.principals.issue_key(agent.principal_id).key)
    both, to = frozenset({Action.READ, Action.WRITE}), agent.principal_id
    store.grants.issue(Terms(effect=Effect.PERMIT, subject_id=to, level=level, resource_id=cube_id, actions=both))
    answers = [store.imports.document(each, document) for each in (cube, "main")]
    answers.append(acting.imports.document(cube, document))
    assert len({memory_id for answer in answers for memory_id in answer.memory_ids}) == 3


def test_a_dry_run_counts_and_writes_nothing(store: Store, cube: UUID) -> None:
    head = store.log.head()
    document = tree(3, (0, "CAUSE", 1), (0, "PART_OF", 2), created_at="2026-01-01T00:00:00")
    document["nodes"][2]["metadata"] = {"status": "archived"}
    answer = store.imports.document(cube, document, dry_run=True)
    assert (answer.format, answer.memories, answer.links, answer.naive_times) == ("memos", 2, 1, 2)
    assert answer.left_out == {"archived": 1, "links": 1}
    assert (answer.memory_ids, answer.position) == ((), None)
    assert store.log.head() == head


def test_edges_become_links_that_the_graph_follows(store: Store, cube: UUID) -> None:
    answer = store.imports.document(cube, tree(3, (0, "CAUSE", 1), (1, "FOLLOWS", 2)))
    zero, one, two = answer.memory_ids
    assert list(store.memories.links(zero)) == [(one, Relation.CAUSES, 1.0)]
    assert list(store.memories.links(two)) == [(one, Relation.FOLLOWS, 1.0)]
    assert store.memories.get(zero).state == State.GENERATED


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_batches, "MAX_AT_ONCE", 2)


EDGES = ((0, "CAUSE", 4), (4, "CAUSE", 1), (2, "CAUSE", 3))


def links_of(store: Store, ids: tuple[UUID, ...]) -> set[tuple[int, int]]:
    return {(ids.index(m), ids.index(target)) for m in ids for target, _, _ in store.memories.links(m)}


def test_links_reach_over_batches(store: Store, cube: UUID, small_batches: None) -> None:
    answer = store.imports.document(cube, tree(5, *EDGES))
    assert len(answer.memory_ids) == 5
    assert links_of(store, answer.memory_ids) == {(0, 4), (4, 1), (2, 3)}
    again = store.imports.document(cube, tree(5, *EDGES))
    assert (again.memory_ids, again.replayed) == (answer.memory_ids, True)


def test_an_import_that_broke_off_between_batches_goes_on_where_it_was(
    store: Store, cube: UUID, small_batches: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = import_batches.ImportBatches._append

    def broken(self: Any, number: int, batch: Any) -> Any:
        if number == 2:
            raise ConnectionError
        return whole(self, number, batch)

    with monkeypatch.context() as patched:
        patched.setattr(import_batches.ImportBatches, "_append", broken)
        with pytest.raises(ConnectionError):
            store.imports.document(cube, tree(5, *EDGES))
    answer = store.imports.document(cube, tree(5, *EDGES))
    assert not answer.replayed
    assert len(store.memories.list(cube).items) == 5
    assert links_of(store, answer.memory_ids) == {(0, 4), (4, 1), (2, 3)}


def test_of_a_file_with_one_bad_memory_nothing_is_written(store: Store, cube: UUID, small_batches: None) -> None:
    head = store.log.head()
    with pytest.raises(CannotImport) as refused:
        store.imports.document(cube, mem0("a", "b", "c", "d", "x" * 70_000))
    assert refused.value.facts["what"] == "mem0:m4"
    assert store.log.head() == head


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE.keys())
def test_what_two_readers_could_understand_in_two_ways_is_refused_and_nothing_is_written(
    store: Store, cube: UUID, tmp_path: Path, body: bytes
) -> None:
    path, head = tmp_path / "export.json", store.log.head()
    path.write_bytes(body)
    with pytest.raises(CannotImport):
        store.imports.file(cube, path)
    assert store.log.head() == head


def test_what_has_expired_is_left_out_and_counted(store: Store, cube: UUID) -> None:
    document = [*mem0("old", expiration_date="2020-01-01"), {"id": "x", "memory": "New.", "hash": ""}]
    answer = store.imports.document(cube, document)
    assert (answer.memories, len(answer.memory_ids), answer.left_out) == (1, 1, {"expired": 1})


def test_a_folder_is_imported_with_its_preferences_and_names_what_was_not_opened(
    store: Store, cube: UUID, tmp_path: Path
) -> None:
    preferences = {"explicit": [{"id": "p", "memory": "", "payload": {"preference": "She prefers tea."}}]}
    config = {"pref_mem": {"config": {"memory_filename": "preferences.json"}}}
    for name, document in (("textual_memory", tree(1)), ("preferences", preferences), ("config", config)):
        (tmp_path / f"{name}.json").write_bytes(orjson.dumps(document))
    (tmp_path / "activation_memory.pickle").write_bytes(b"cos\nsystem\n(S'touch opened'\ntR.")
    answer = store.imports.file(cube, tmp_path)
    assert {store.memories.get(each).text for each in answer.memory_ids} == {"Fact 0.", "She prefers tea."}
    assert "activation_memory.pickle" in [each.name for each in answer.unopened]


def test_who_may_not_write_into_a_cube_imports_nothing_into_it(store: Store, cube: UUID) -> None:
    agent = store.principals.register("agent", PrincipalKind.AGENT)
    acting = store.acting_as(store.principals.issue_key(agent.principal_id).key)
    for dry_run in (True, False):
        with pytest.raises((Denied, CubeNotFound)):
            acting.imports.document(cube, mem0("Ada likes tea."), dry_run=dry_run)


def test_an_unknown_format_and_python_objects_that_are_no_json_are_refused(store: Store, cube: UUID) -> None:
    with pytest.raises(Invalid, match="memos, mem0, langgraph, auto"):
        store.imports.document(cube, mem0("Tea."), "pickle")
    for value in ({"memory": object()}, {"memory": "\ud800"}):
        with pytest.raises(CannotImport):
            store.imports.document(cube, [value], "mem0")
