"""An event says in words what it changed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from mnemolog.api.answers import EventAnswer
from mnemolog.api.terminal.changes import changes, name_of

SOME = UUID(int=1)
NOW = datetime(2026, 1, 1, tzinfo=UTC)
BORN: dict[str, Any] = {"text": "Tea.", "description": {"tags": ["hot"]}, "governance": {"priority": 5}}


def event(type_: str, **data: Any) -> EventAnswer:
    facts: dict[str, Any] = dict.fromkeys(("cube_id", "memory_id", "actor_id", "on_behalf_of", "request_id"), SOME)
    return EventAnswer(
        position=1, type=f"memory.{type_}.v1", stream_id=SOME, version=1, tenant_id=SOME, **facts,
        occurred_at=NOW, recorded_at=NOW, data=data, erased=not data and type_ == "generated",
    )  # fmt: skip


def test_an_event_is_called_by_what_happened() -> None:
    assert name_of(event("retention_set")) == "retention set"


def test_a_revision_tells_only_what_is_different() -> None:
    after = {"text": "Tea.", "description": {"tags": ["hot", "black"]}, "governance": {"priority": 9}}
    told = [words for _, words in changes([event("generated", **BORN), event("revised", **after)])]
    assert told == ['"Tea."', "tags hot -> hot, black; priority 5 -> 9"]


def test_a_second_revision_is_compared_with_the_first() -> None:
    first, second = {**BORN, "text": "Milk."}, {**BORN, "text": "Water."}
    told = [
        words
        for _, words in changes([event("generated", **BORN), event("revised", **first), event("revised", **second)])
    ]
    assert told[1:] == ['"Tea." -> "Milk."', '"Milk." -> "Water."']


@pytest.mark.parametrize(
    ("happened", "words"),
    [
        (event("activated", gate="owner"), "gate owner"),
        (event("archived", reason="expired"), "reason expired"),
        (event("merged", into="x"), "into x"),
        (event("retention_set", expires_at=None), "for ever"),
        (event("retention_set", expires_at="2027"), "until 2027"),
        (event("linked", relation="supports", target_id="x", weight=1.0), "supports x"),
        (event("thawed"), ""),
        (event("generated"), "what it said has been erased"),
    ],
)
def test_every_other_event_tells_its_facts(happened: EventAnswer, words: str) -> None:
    assert [told for _, told in changes([happened])] == [words]
