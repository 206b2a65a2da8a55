"""What MemOS dumps, read as data."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from mnemolog.adapters.imports.imported import Link
from mnemolog.adapters.imports.memos import RELATIONS, file_names, read
from mnemolog.domain.memory import Relation
from mnemolog.domain.metadata import MemoryType, SemanticType, Visibility
from mnemolog.domain.refusals import CannotImport

METADATA: dict[str, Any] = {
    "user_id": "example_user",
    "session_id": "default_session",
    "status": "activated",
    "type": "opinion",
    "key": "A demonstration",
    "confidence": 0.99,
    "tags": ["test", "memory"],
    "background": "It was a demonstration.",
    "memory_type": "UserMemory",
    "sources": ['{"role": "user", "content": "said word by word"}', {"type": "doc", "doc_path": "notes.txt"}],
    "created_at": "2026-01-13T20:51:42.394870000+00:00",
    "updated_at": "2026-01-13T20:51:42.396309000+00:00",
    "embedding": [0.1, 0.2],
    "usage": [],
}


def node(identifier: str = "a", memory: Any = "The user made a test.", **changes: Any) -> dict[str, Any]:
    return {"id": identifier, "memory": memory, "metadata": METADATA | changes}


def tree(*nodes: dict[str, Any], edges: Any = ()) -> dict[str, Any]:
    return {"nodes": list(nodes), "edges": list(edges), "total_nodes": len(nodes), "total_edges": len(edges)}


def test_a_node_of_a_tree_keeps_what_is_said_of_it() -> None:
    (imported,) = read(tree(node())).memories
    told = imported.remember
    assert (told.text, told.key) == ("The user made a test.", "A demonstration")
    assert told.background == "It was a demonstration."
    assert told.tags == ("test", "memory", "user:example_user", "session:default_session")
    assert (told.memory_type, told.semantic_type) == (MemoryType.USER, SemanticType.OPINION)
    assert told.confidence == 0.99
    assert told.occurred_at == datetime(2026, 1, 13, 20, 51, 42, 394870, tzinfo=UTC)
    assert imported.context == "default_session"


def test_the_source_is_the_node_and_the_documents_that_it_names_but_no_words_of_others() -> None:
    assert read(tree(node())).memories[0].remember.sources == ("memos:a", "notes.txt")


@pytest.mark.parametrize(
    "document",
    [
        [node()],
        [{"id": "a", "vector": [0.1], "payload": node()}],
        {"prefs": [{"id": "a", "memory": "The user made a test.", "payload": METADATA}]},
    ],
    ids=["naive", "general", "collections"],
)
def test_every_kind_of_dump_says_the_same(document: Any) -> None:
    assert read(document).memories == read(tree(node())).memories


def test_a_preference_is_the_text_and_how_it_came_about_the_background() -> None:
    payload = {"preference": "She prefers tea.", "preference_type": "explicit_preference", "created_at": None}
    (imported,) = read({"explicit": [{"id": "p", "memory": "They spoke of drinks.", "payload": payload}]}).memories
    assert (imported.remember.text, imported.remember.background) == ("She prefers tea.", "They spoke of drinks.")
    assert imported.remember.memory_type is MemoryType.PREFERENCE


@pytest.mark.parametrize("status", ["archived", "deleted"])
def test_what_memos_tells_no_more_is_left_out_and_counted(status: str) -> None:
    reading = read(tree(node(status=status)))
    assert (reading.memories, reading.left_out) == ([], {status: 1})


def test_a_copy_in_working_memory_is_left_out_and_a_memory_that_is_only_there_is_not() -> None:
    working = {"memory_type": "WorkingMemory"}
    reading = read(tree(node(), node("b", **working), node("c", "Only here.", **working)))
    assert [each.source_id for each in reading.memories] == ["memos:a", "memos:c"]
    assert reading.memories[1].remember.memory_type is MemoryType.WORKING
    assert reading.left_out == {"copies": 1}


@pytest.mark.parametrize(
    ("told", "expected"),
    [("private", Visibility.PRIVATE), ("session", Visibility.PRIVATE), ("public", Visibility.CUBE)],
)
def test_nobody_sees_more_than_the_dump_allows(told: str, expected: Visibility) -> None:
    assert read(tree(node(visibility=told))).memories[0].remember.visibility is expected


@pytest.mark.parametrize(("told", "expected"), [(100.0, 1.0), (90, 0.9), (0.5, 0.5), (1, 1), (None, 1.0)])
def test_confidence_is_a_share_or_percent(told: float | None, expected: float) -> None:
    assert read(tree(node(confidence=told))).memories[0].remember.confidence == expected


def edge(source: str, kind: str, target: str) -> dict[str, str]:
    return {"source": source, "target": target, "type": kind}


@pytest.mark.parametrize(
    ("kind", "link"),
    [
        ("RELATE", ("a", Relation.RELATES_TO, "b")),
        ("CONFLICT", ("a", Relation.CONTRADICTS, "b")),
        ("CAUSE", ("a", Relation.CAUSES, "b")),
        ("FOLLOWS", ("b", Relation.FOLLOWS, "a")),
        ("PARENT", ("a", Relation.DERIVED_FROM, "b")),
        ("INFERS", ("b", Relation.DERIVED_FROM, "a")),
    ],
)
def test_an_edge_becomes_a_link_the_way_round_that_it_is_meant(kind: str, link: tuple[str, Relation, str]) -> None:
    source, relation, target = link
    reading = read(tree(node("a"), node("b"), edges=[edge("a", kind, "b")]))
    assert reading.links == [Link(source_id=f"memos:{source}", target_id=f"memos:{target}", relation=relation)]


def test_edges_that_say_the_same_are_one_link() -> None:
    both = [edge("a", "MATERIAL", "b"), edge("b", "SUMMARY", "a")]
    assert len(read(tree(node("a"), node("b"), edges=both)).links) == 1


def test_an_edge_of_another_kind_to_nowhere_or_to_itself_is_left_out_and_counted() -> None:
    edges = [edge("a", "PART_OF", "b"), edge("a", "CAUSE", "x"), edge("a", "CAUSE", "a")]
    reading = read(tree(node("a"), node("b"), edges=edges))
    assert (reading.links, reading.left_out) == ([], {"links": 3})


def test_no_edge_makes_a_merge() -> None:
    assert Relation.MERGED_TO not in {relation for relation, _ in RELATIONS.values()}


@pytest.mark.parametrize(
    ("document", "what"),
    [
        (7, "memory"),
        (tree({"memory": "Nameless.", "metadata": {}}), "memory 1"),
        (tree(node(memory=["a"])), "memos:a"),
        (tree(node(confidence="high")), "memos:a"),
        (tree(node(confidence=101)), "memos:a"),
        (tree(node(tags="test")), "memos:a"),
        (tree({"id": "a", "memory": "x", "metadata": [1]}), "memory 1"),
        (tree(node(), edges=["a"]), "edge 1"),
        (tree(node(), edges=[{"source": "a"}]), "edge 1"),
    ],
)
def test_what_is_not_as_memos_writes_it_is_refused_by_name(document: Any, what: str) -> None:
    with pytest.raises(CannotImport) as refused:
        read(document)
    assert refused.value.facts["what"] == what


def test_a_cube_says_in_which_files_its_texts_are() -> None:
    config = {"text_mem": {"config": {"memory_filename": "t.json"}}, "pref_mem": {"config": {}}, "act_mem": {}}
    assert file_names(config) == ("textual_memory.json", "t.json")
    assert file_names({}) == ("textual_memory.json",)


@pytest.mark.parametrize("name", ["../secret.json", "/etc/passwd", "..\\secret.json", ".hidden.json"])
def test_a_cube_names_no_file_elsewhere(name: str) -> None:
    with pytest.raises(CannotImport, match="elsewhere"):
        file_names({"text_mem": {"config": {"memory_filename": name}}})
