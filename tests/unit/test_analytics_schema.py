"""The tables of analytics, and the rows that become theirs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, get_origin, get_type_hints
from uuid import UUID

import duckdb
import pytest

from mnemolog.adapters.analytics.schema import BULKY, ENVELOPE, LIBRARY, RENAMED, Column, Table, table_name, tables
from mnemolog.adapters.analytics.shredding import (
    envelope_select,
    literal,
    only_file,
    quoted,
    segment_select,
    table_select,
)
from mnemolog.domain.aggregate import Recorded
from mnemolog.domain.events import EVENTS

ENVELOPE_NAMES = [column.name for column in ENVELOPE]
ONE, OTHER = UUID(int=1), UUID(int=2)


class First(Recorded):
    TOPIC = "kettle.boiled.v1"
    by: UUID
    degrees: int


class Second(Recorded):
    TOPIC = "kettle.boiled.v2"
    SEALED = frozenset({"why"})
    by: UUID
    celsius: float | None
    why: str


EVERY_TYPE = Table(
    "kettle_boiled",
    ("kettle.boiled.v1", "kettle.boiled.v2"),
    (
        Column("by", "UUID"),
        Column("all_of", "UUID[]"),
        Column("names", "VARCHAR[]"),
        Column("degrees", "BIGINT"),
        Column("places", "BIGINT[]"),
        Column("celsius", "DOUBLE"),
        Column("done", "BOOLEAN"),
        Column("at", "TIMESTAMPTZ"),
        Column("answer_position", "BIGINT"),
        Column("rest", "JSON"),
    ),
)
ABSENT = {column.name: None for column in EVERY_TYPE.facts}


@pytest.fixture
def log() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as database:
        database.execute("SET TimeZone = 'UTC'")
        columns = ", ".join(f"{quoted(column.name)} {column.type}" for column in ENVELOPE)
        database.execute(f"CREATE TABLE log ({columns})")
        yield database


def add(log: duckdb.DuckDBPyConnection, position: int, payload: str | None, topic: str = First.TOPIC) -> None:
    row = "INSERT INTO log (position, event_type, stream_id, payload, leaf) VALUES (?, ?, ?, ?, 'x'::BLOB)"
    log.execute(row, [position, topic, ONE, payload])


def rows(log: duckdb.DuckDBPyConnection, statement: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = log.sql(statement).to_arrow_table().to_pylist()
    return found


def facts(log: duckdb.DuckDBPyConnection, payload: str | None) -> dict[str, Any]:
    add(log, 1, payload)
    (row,) = rows(log, table_select(EVERY_TYPE, "log"))
    return {name: row[name] for name in ABSENT}


def test_every_event_has_exactly_one_table() -> None:
    listed = [event_type for table in tables().values() for event_type in table.event_types]
    assert sorted(listed) == sorted(EVENTS)
    assert {name for name, table in tables().items() if name != table.name} == set()


@pytest.mark.parametrize("event_type", EVENTS)
def test_what_an_event_says_in_the_clear_is_a_column_and_what_is_sealed_is_not(event_type: str) -> None:
    event_class = EVENTS[event_type]
    said = {name for name, hint in get_type_hints(event_class).items() if get_origin(hint) is not ClassVar} - LIBRARY
    clear = {RENAMED.get(name, name) for name in said - event_class.SEALED}
    table = tables()[table_name(event_type)]
    columns = {column.name for column in table.facts}
    assert columns | set(ENVELOPE_NAMES) >= clear
    only_here = event_class.SEALED - {name for topic in table.event_types for name in clear_of(EVENTS[topic])}
    assert not columns & only_here


def clear_of(event_class: type[Recorded]) -> set[str]:
    return set(get_type_hints(event_class)) - event_class.SEALED


@pytest.mark.parametrize("table", tables().values(), ids=lambda table: table.name)
def test_no_fact_takes_the_name_of_another_column(table: Table) -> None:
    names = [*ENVELOPE_NAMES, *(column.name for column in table.facts)]
    assert len(names) == len(set(names))
    assert [column.name for column in table.columns] == [name for name in names if name not in BULKY]


def test_all_versions_of_an_event_are_in_one_table_with_the_facts_of_each() -> None:
    (table,) = tables({First.TOPIC: First, Second.TOPIC: Second}).values()
    assert table.name == "kettle_boiled"
    assert table.event_types == (First.TOPIC, Second.TOPIC)
    assert table.facts == (Column("by", "UUID"), Column("degrees", "BIGINT"), Column("celsius", "DOUBLE"))


@pytest.mark.parametrize("table", tables().values(), ids=lambda table: table.name)
def test_the_columns_of_a_table_are_what_its_select_gives(log: duckdb.DuckDBPyConnection, table: Table) -> None:
    relation = log.sql(table_select(table, "log"))
    types = [str(each).replace("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ") for each in relation.types]
    assert list(map(Column, relation.columns, types)) == list(table.columns)
    whole = log.sql(segment_select(table, "log"))
    assert whole.columns == [*ENVELOPE_NAMES, *(column.name for column in table.facts)]


def test_facts_have_their_types(log: duckdb.DuckDBPyConnection) -> None:
    said = {
        "by": str(ONE),
        "all_of": [str(ONE), str(OTHER)],
        "names": ["tea", "咖啡"],
        "degrees": 2**62,
        "places": [1, 2],
        "celsius": 0.1,
        "done": False,
        "at": "2026-03-14T16:09:26.535897+01:00",
        "position": 7,
        "rest": {"a": [1, None, "x"]},
    }
    found = facts(log, json.dumps(said))
    assert found.pop("at").isoformat() == "2026-03-14T15:09:26.535897+00:00"
    assert json.loads(found.pop("rest")) == said["rest"]
    assert found == {name: value for name, value in said.items() if name in found} | {"answer_position": 7}


@pytest.mark.parametrize(
    "payload", ["{}", None, json.dumps(dict.fromkeys(ABSENT)), '{"new": 1}', "[1]", '"text"', "null"]
)
def test_a_fact_that_is_not_there_is_null(log: duckdb.DuckDBPyConnection, payload: str | None) -> None:
    assert facts(log, payload) == ABSENT


def test_a_fact_that_is_none_of_its_type_is_null_and_does_not_hide_the_others(log: duckdb.DuckDBPyConnection) -> None:
    odd = {"by": "nobody", "all_of": 3, "degrees": "hot", "celsius": {}, "at": "noon", "position": 10**30}
    assert facts(log, json.dumps(odd | {"done": True})) == ABSENT | {"done": True}


def test_a_table_has_its_own_events_in_order_and_the_envelope_all(log: duckdb.DuckDBPyConnection) -> None:
    for position, topic in ((3, First.TOPIC), (1, Second.TOPIC), (2, "kettle.broken.v1")):
        add(log, position, '{"degrees": 1}', topic)
    assert [row["position"] for row in rows(log, table_select(EVERY_TYPE, "log"))] == [1, 3]
    everything = rows(log, envelope_select("log"))
    assert [row["position"] for row in everything] == [1, 2, 3]
    assert list(everything[0]) == ENVELOPE_NAMES


def test_the_payload_stays_as_it_was_written(log: duckdb.DuckDBPyConnection) -> None:
    written = '{"degrees" :1.50, "degrees":  2,\n"é":"\\u00e9"}'
    add(log, 1, written)
    assert rows(log, envelope_select("log"))[0]["payload"] == written
    assert rows(log, segment_select(EVERY_TYPE, "log"))[0]["payload"] == written


@pytest.mark.parametrize(("name", "lookalike"), [("a[b]", "ab"), ("a*", "ab"), ("a?", "ab")])
def test_a_file_is_itself_whatever_its_folder_is_called(tmp_path: Path, name: str, lookalike: str) -> None:
    with duckdb.connect() as database:
        for folder in (name, lookalike):
            (tmp_path / folder).mkdir()
            database.sql(f"SELECT {literal(folder)} AS folder").write_parquet(str(tmp_path / folder / "x.parquet"))
        found = database.read_parquet(only_file(tmp_path / name / "x.parquet"))
        assert found.fetchall() == [(name,)]


def test_names_and_texts_are_quoted() -> None:
    with duckdb.connect() as database:
        name, text = 'a"b', "it's; --"
        relation = database.sql(f"SELECT {literal(text)} AS {quoted(name)}")
        assert (relation.columns, relation.to_arrow_table().to_pylist()) == ([name], [{name: text}])
