"""What mem0 returns, read as data."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from mnemolog.adapters.imports.mem0 import read
from mnemolog.domain.metadata import Source
from mnemolog.domain.refusals import CannotImport

ONE: dict[str, Any] = {
    "id": "f4cbdb08",
    "memory": "Alex prefers vegetarian restaurants.",
    "hash": "9f0c",
    "metadata": {"priority": 3, "vip": True, "place": {"city": "Basel"}, "note": None},
    "categories": ["food", "food"],
    "created_at": "2024-07-05T17:30:00+02:00",
    "updated_at": "2024-07-06T00:00:00Z",
    "user_id": "alex",
    "agent_id": "waiter",
    "run_id": "dinner",
}


def results(**changes: Any) -> dict[str, Any]:
    return {"results": [ONE | changes]}


def test_a_memory_keeps_its_text_and_where_it_came_from() -> None:
    (imported,) = read(results()).memories
    assert imported.remember.text == ONE["memory"]
    assert imported.source_id == "mem0:f4cbdb08"
    assert imported.remember.sources == ("mem0:f4cbdb08",)
    assert imported.remember.source is Source.IMPORT


def test_users_agents_and_runs_become_labels_and_never_readers_or_owners() -> None:
    (imported,) = read(results()).memories
    assert {"user:alex", "agent:waiter", "run:dinner"} <= set(imported.remember.tags)
    assert imported.context == "dinner"
    assert (imported.remember.access_control, imported.remember.subject_id) == ((), None)


def test_categories_and_single_values_become_tags_and_what_is_nested_is_counted() -> None:
    reading = read(results())
    assert reading.memories[0].remember.tags[:1] == ("food",)
    assert {"priority:3", "vip:true"} <= set(reading.memories[0].remember.tags)
    assert reading.left_out == {"metadata": 1}


def test_a_memory_happened_when_it_was_made() -> None:
    assert read(results()).memories[0].remember.occurred_at == datetime(2024, 7, 5, 15, 30, tzinfo=UTC)


def test_a_time_without_a_zone_is_taken_as_utc_and_counted() -> None:
    reading = read(results(created_at="2024-07-05T15:30:00"))
    assert reading.memories[0].remember.occurred_at == datetime(2024, 7, 5, 15, 30, tzinfo=UTC)
    assert reading.naive_times == 1
    assert read(results()).naive_times == 0


def test_a_memory_is_told_until_the_end_of_its_last_day() -> None:
    (imported,) = read(results(expiration_date="2030-01-31")).memories
    assert imported.remember.expires_at == datetime(2030, 2, 1, tzinfo=UTC)


def test_older_releases_wrote_the_list_alone() -> None:
    assert [each.source_id for each in read([ONE, ONE | {"id": 7}]).memories] == ["mem0:f4cbdb08", "mem0:7"]


def test_a_memory_without_text_is_left_out_and_counted() -> None:
    reading = read(results(memory="  "))
    assert (reading.memories, reading.left_out) == ([], {"empty": 1})


@pytest.mark.parametrize(
    ("document", "what"),
    [
        ({"full_name": "Alex"}, "memory"),
        ("text", "memory"),
        ({"results": ["text"]}, "memory 1"),
        ({"results": [{"memory": "Nameless."}]}, "memory 1"),
        (results(memory=7), "mem0:f4cbdb08"),
        (results(created_at="yesterday"), "mem0:f4cbdb08"),
        (results(created_at="0001-01-01T00:00:00+05:00"), "mem0:f4cbdb08"),
        (results(expiration_date="soon"), "mem0:f4cbdb08"),
        (results(categories="food"), "mem0:f4cbdb08"),
        (results(metadata=["food"]), "metadata of mem0:f4cbdb08"),
        (results() | {"next": "https://api.example/?page=2"}, "The export"),
    ],
)
def test_what_is_not_as_mem0_writes_it_is_refused_by_name(document: Any, what: str) -> None:
    with pytest.raises(CannotImport) as refused:
        read(document)
    assert refused.value.facts["what"] == what
