"""Items of a LangGraph store, read as data."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from mnemolog.adapters.imports.langgraph import read
from mnemolog.domain.refusals import CannotImport


def item(value: Any, **changes: Any) -> dict[str, Any]:
    told = {"namespace": ["memories", "ada"], "key": "k1", "created_at": "2026-01-13T20:51:42.394870+00:00"}
    return told | {"value": value, "updated_at": "2026-01-14T00:00:00+00:00", "score": None} | changes


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"content": "Ada has a dog."}, "Ada has a dog."),
        ({"text": "Ada has a dog.", "n": 1}, "Ada has a dog."),
        ({"memory": "Ada has a dog."}, "Ada has a dog."),
        ({"data": "Ada has a dog."}, "Ada has a dog."),
        ({"kind": "Memory", "content": {"content": "Ada has a dog."}}, "Ada has a dog."),
        ({"kind": "Triple", "content": {"subject": "Ada", "object": "dog"}}, '{"subject":"Ada","object":"dog"}'),
        ({"rules": ["be brief"]}, '{"rules":["be brief"]}'),
    ],
)
def test_the_text_of_a_value_is_found_where_it_is(value: Any, text: str) -> None:
    assert read([item(value)]).memories[0].remember.text == text


def test_where_an_item_was_is_its_source_and_its_tags() -> None:
    (imported,) = read({"items": [item({"kind": "Memory", "content": {"content": "Tea."}})]}).memories
    assert imported.remember.sources == ("langgraph:memories/ada/k1",)
    assert imported.remember.tags == ("memories", "ada", "kind:Memory")
    assert imported.remember.occurred_at == datetime(2026, 1, 13, 20, 51, 42, 394870, tzinfo=UTC)


def test_the_same_key_in_two_namespaces_is_two_memories() -> None:
    reading = read([item({"text": "a"}), item({"text": "b"}, namespace=["memories", "memories", "ada"])])
    assert len({each.source_id for each in reading.memories}) == 2


def test_an_item_without_a_value_is_left_out_and_counted() -> None:
    assert read([item({})]).left_out == {"empty": 1}


@pytest.mark.parametrize(
    ("document", "what"),
    [
        ({"namespaces": []}, "item"),
        ([7], "item 1"),
        ([item({"text": "a"}, namespace="memories")], "item 1"),
        ([item("text")], "value of langgraph:memories/ada/k1"),
        ([item({"text": "a"}, key=None)], "item 1"),
        ([item({"text": "a"}, created_at=7)], "langgraph:memories/ada/k1"),
    ],
)
def test_what_is_not_an_item_is_refused_by_name(document: Any, what: str) -> None:
    with pytest.raises(CannotImport) as refused:
        read(document)
    assert refused.value.facts["what"] == what
