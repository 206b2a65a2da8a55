"""SQL over the log: of exactly one position, and of what whoever asks may see."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import duckdb
import pyarrow as pa
import pytest

from mnemolog.adapters.analytics.cache import relations
from mnemolog.adapters.analytics.schema import BULKY, ENVELOPE, EVENT, tables
from mnemolog.adapters.analytics.session import Rows
from mnemolog.adapters.analytics.visibility import RULES, Viewer, permitted
from mnemolog.adapters.embedders.hashing import HashingEmbedder
from mnemolog.adapters.postgres.accesses import AccessFilter
from mnemolog.adapters.postgres.embedded import EmbeddedPostgres
from mnemolog.api.credentials import ApiKey
from mnemolog.api.principals import found_tenant
from mnemolog.api.settings import Settings
from mnemolog.api.store import Store, open_store
from mnemolog.api.viewing import check_still_visible, viewer_of
from mnemolog.domain.commands import Remember
from mnemolog.domain.grants import Effect, Level, Terms
from mnemolog.domain.identity import new_id
from mnemolog.domain.log import Selection
from mnemolog.domain.metadata import Visibility
from mnemolog.domain.permissions import Action
from mnemolog.domain.principal import PrincipalKind
from mnemolog.domain.refusals import (
    Conflict,
    Invalid,
    InvalidPosition,
    InvalidText,
    QueryRefused,
    Unavailable,
)
from tests.databases import database

CANARY = "The canary sings in the cellar"
# All that a session holds, as text.
EVERYTHING = " UNION ALL ".join(f'SELECT t::VARCHAR AS said FROM "{name}" t' for name, _ in relations())


@dataclass
class House:
    """A cube of the owner, who administers the tenant, with memories of which `guest` may read only `shared`."""

    owner: Store
    guest: Store
    stranger: Store
    cube_id: UUID
    shared: UUID
    private: UUID
    merged: UUID


@pytest.fixture(scope="module")
def store(server: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    home: Path = tmp_path_factory.mktemp("home")
    with database(server) as dsn:
        settings = Settings(home=home, dsn=dsn, segment_events=10)
        with open_store(settings=settings, embedder=HashingEmbedder()) as store:
            yield store


@pytest.fixture(scope="module")
def house(store: Store) -> House:
    """Some of its events are in segments, and some are not."""
    other = ApiKey.new()
    found_tenant(store.parts, other, "somebody else")
    stranger = store.acting_as(other.reveal())
    stranger.memories.remember("main", f"{CANARY} next door.")
    guest_id = store.principals.register("guest", PrincipalKind.USER).principal_id
    guest = store.acting_as(store.principals.issue_key(guest_id).key)
    cube_id = store.cubes.found("cellar").cube_id
    hidden = Remember(text=f"{CANARY} at night.", visibility=Visibility.PRIVATE)
    private, other_id = store.memories.remember(cube_id, hidden, f"{CANARY} in the morning.").memory_ids
    merged = store.memories.merge([private, other_id], f"{CANARY} all day.").memory_ids[0]
    store.segments.write()
    shared = store.memories.remember(cube_id, f"{CANARY} for everybody.").memory_ids[0]
    store.memories.link(shared, merged)
    store.grants.issue(may_read(guest_id, shared))
    guest.recall(cube_id, "canary")
    store.recall(cube_id, "canary")
    return House(store, guest, stranger, cube_id, shared, private, merged)


def may_read(subject_id: UUID, memory_id: UUID) -> Terms:
    return Terms(
        effect=Effect.PERMIT,
        subject_id=subject_id,
        actions=frozenset({Action.READ}),
        level=Level.MEMORY,
        resource_id=memory_id,
    )


def column(who: Store, sql: str, **options: Any) -> list[Any]:
    return [value for (value,) in who.analytics.query(sql, **options).rows]


def everything(who: Store) -> str:
    return "\n".join(column(who, EVERYTHING))


def logged(who: Store, upto: int) -> list[tuple[int, str]]:
    """What the log has of the tenant."""
    events = who.parts.log.read(0, 10_000, Selection(tenant_id=who.caller.tenant_id))
    return [(event.position, event.type) for event in events if event.position <= upto]


def test_an_answer_is_of_all_events_up_to_the_position_that_it_names(house: House) -> None:
    who = house.owner
    answer = who.analytics.query("SELECT position, event_type FROM event ORDER BY position")
    assert answer.rows == logged(who, answer.position)
    assert answer.rows[0][0] == 1
    who.parts.trail.flush()
    assert who.log.head() == answer.position + 1  # where the record of this answer is
    assert (answer.columns, answer.types, answer.truncated) == (
        ["position", "event_type"],
        ["BIGINT", "VARCHAR"],
        False,
    )


def test_sealed_and_recent_events_are_the_same_to_whoever_asks(house: House) -> None:
    at = house.owner.log.head()
    before = house.owner.analytics.query(EVERYTHING + " ORDER BY ALL", at=at).rows
    house.owner.segments.write()
    assert house.owner.analytics.query(EVERYTHING + " ORDER BY ALL", at=at).rows == before


def test_the_past_is_asked_by_position_and_by_time(house: House) -> None:
    who = house.owner
    for at in (0, 17):
        answer = who.analytics.query("SELECT position, event_type FROM event ORDER BY position", at=at)
        assert (answer.position, answer.rows) == (at, logged(who, at))
    moment = who.parts.log.at([12])[12].recorded_at
    assert who.analytics.query("SELECT 1", at=moment).position == who.parts.log.position_at(moment)


def test_each_event_is_in_event_and_in_the_table_of_its_kind(house: House) -> None:
    counts = " UNION ALL ".join(f"SELECT position, tenant_id FROM {name}" for name in tables())
    difference = f"(FROM (SELECT position, tenant_id FROM event) EXCEPT ALL ({counts}))"
    assert house.owner.analytics.query(f"SELECT count(*) FROM {difference}").rows == [(0,)]


def test_the_macros_know_what_the_session_shows(house: House) -> None:
    sql = f"SELECT event_type FROM memory_history('{house.shared}')"
    assert column(house.owner, sql) == ["memory.generated.v1", "memory.activated.v1", "memory.linked.v1"]
    assert len(column(house.guest, sql)) == 3


def test_an_administrator_sees_the_tenant_and_no_other(house: House) -> None:
    for who in (house.owner, house.stranger):
        tenants = "SELECT DISTINCT tenant_id FROM event UNION SELECT DISTINCT tenant_id FROM memory_generated"
        assert column(who, tenants) == [str(who.caller.tenant_id)]


def test_no_text_is_anywhere(house: House) -> None:
    for who in (house.owner, house.guest, house.stranger):
        assert "canary" not in everything(who).lower()


def test_others_see_what_they_may_read_and_what_they_did(house: House) -> None:
    shown = "SELECT DISTINCT memory_id::VARCHAR FROM memory_generated UNION ALL SELECT name FROM cube_founded"
    assert column(house.guest, shown) == [str(house.shared), "cellar"]
    told = house.guest.analytics.query("SELECT kind, memory_ids, considered, dropped FROM access_recorded LIMIT 1")
    assert told.rows == [("recall", [str(house.shared)], None, None)]
    assert column(house.owner, "SELECT max(considered) FROM access_recorded") != [None]
    actors = column(house.guest, "SELECT DISTINCT actor_id FROM event WHERE NOT starts_with(event_type, 'memory.')")
    assert set(actors) == {str(house.owner.caller.principal_id), str(house.guest.caller.principal_id)}
    hidden = ("grant_issued", "principal_registered", "principal_key_issued", "tenant_founded")
    counts = " UNION ALL ".join(f"SELECT count(*) FROM {name}" for name in hidden)
    assert column(house.guest, counts) == [0] * len(hidden)


def test_others_find_no_trace_of_what_they_may_not_read(house: House) -> None:
    said = everything(house.guest)
    assert str(house.shared) in said
    assert str(house.private) not in said
    assert str(house.merged) not in said  # the shared one is linked to it
    assert column(house.guest, "SELECT target_id FROM memory_linked") == [None]
    assert column(house.owner, "SELECT target_id FROM memory_linked") == [str(house.merged)]


def test_others_have_no_way_to_the_cache(house: House) -> None:
    paths = column(house.guest, "SELECT path FROM duckdb_databases() WHERE path IS NOT NULL")
    assert paths == []
    folder = house.owner.parts.settings.home / "analytics"
    path = folder / f"{house.owner.caller.tenant_id}.duckdb"
    for who in (house.guest, house.stranger):
        with pytest.raises(QueryRefused):
            who.analytics.query(f"FROM read_duckdb('{path}', table_name = 'event')")


def test_what_is_taken_away_during_a_query_is_not_told(house: House) -> None:
    guest_id, owner = house.guest.caller.principal_id, house.owner
    memory_id = owner.memories.remember(house.cube_id, f"{CANARY} now and then.").memory_ids[0]
    grant = owner.grants.issue(may_read(guest_id, memory_id))
    viewer = viewer_of(owner.parts, house.guest.caller)
    assert viewer is not None
    assert memory_id in viewer.readable
    check_still_visible(owner.parts, house.guest.caller, viewer)
    owner.grants.revoke(grant.grant_id)
    with pytest.raises(Conflict):
        check_still_visible(owner.parts, house.guest.caller, viewer)
    assert str(memory_id) not in everything(house.guest)


def a_row_of_each_kind(viewer: Viewer, tenant_id: UUID) -> pa.Table:
    """Of events that the viewer did, of memories that it may read, in cubes that it may use."""
    kinds = [each for table in tables().values() for each in table.event_types]
    count = len(kinds)
    ids = {"tenant_id": tenant_id, "memory_id": viewer.readable[0], "cube_id": viewer.usable[0]}
    ids |= {"actor_id": viewer.principal_id, **dict.fromkeys(("stream_id", "on_behalf_of", "request_id"), new_id())}
    given: dict[str, Any] = {"event_type": kinds, "position": range(1, count + 1), "schema_version": [1] * count}
    given |= {"version": range(1, count + 1), "payload": ['{"subject_ids":[]}'] * count, "chain": [b"c"] * count}
    given |= {"leaf": [b"l"] * count, **{name: [datetime.now(UTC)] * count for name in ("occurred_at", "recorded_at")}}
    given |= {name: [str(each)] * count for name, each in ids.items()}
    kept = {"BIGINT": pa.int64(), "SMALLINT": pa.int16(), "BLOB": pa.binary(), "TIMESTAMPTZ": pa.timestamp("us", "UTC")}
    return pa.table({each.name: pa.array(given[each.name], kept.get(each.type, pa.string())) for each in ENVELOPE})


@pytest.fixture(scope="module")
def shown() -> dict[str, list[dict[str, Any]]]:
    """By table, what whoever administers nothing is shown of what is theirs."""
    viewer = Viewer(new_id(), [new_id()], [new_id()])
    recent = a_row_of_each_kind(viewer, new_id())
    session = permitted(Rows(None, recent, recent.num_rows), viewer)
    with duckdb.connect() as connection:
        for name, table in session.tables.items():
            connection.register(name, table)
        for statement in session.prepare:
            connection.execute(statement)
        return {name: connection.sql(f'FROM "{name}"').to_arrow_table().to_pylist() for name, _ in relations()}


@pytest.mark.parametrize("name", [*tables()])
def test_a_table_that_nobody_has_declared_a_rule_for_is_empty(
    name: str, shown: dict[str, list[dict[str, Any]]]
) -> None:
    assert bool(shown[name]) is (name in RULES)


@pytest.mark.parametrize("name", [*RULES])
def test_a_fact_that_its_rule_does_not_name_is_hidden(name: str, shown: dict[str, list[dict[str, Any]]]) -> None:
    facts = {each.name for each in tables()[name].facts}
    assert RULES[name].facts.keys() <= facts, "a rule names what is no fact"
    (row,) = shown[name]
    assert {each for each in facts if row[each] is not None} <= RULES[name].facts.keys()


def test_of_events_the_kinds_with_a_rule_are_shown_without_their_bytes(shown: dict[str, list[dict[str, Any]]]) -> None:
    kinds = {kind for name in RULES for kind in tables()[name].event_types}
    assert {row["event_type"] for row in shown[EVENT]} == kinds
    assert {row[name] for row in shown[EVENT] for name in BULKY} == {None}


def test_every_query_is_on_record_with_its_sql_sealed(house: House) -> None:
    column(house.guest, "SELECT 'a question of my own'")
    entry = house.owner.audit(AccessFilter(kinds=("analytics.query",)), limit=1).items[0]
    assert entry.actor_id == house.guest.caller.principal_id
    event = house.owner.parts.log.at([entry.position])[entry.position]
    assert event.data["question"] == {"sql": "SELECT 'a question of my own'"}
    said = column(house.owner, f"SELECT payload::VARCHAR FROM event WHERE position = {entry.position}")
    assert "analytics.query" in said[0]
    assert "of my own" not in said[0]
    assert "question" not in entry.facts


def test_a_query_that_is_refused_is_on_record_too(house: House) -> None:
    with pytest.raises(QueryRefused):
        house.guest.analytics.query("FROM read_text('/etc/passwd')")
    entry = house.owner.audit(AccessFilter(code="query_refused"), limit=1).items[0]
    assert (entry.kind, entry.actor_id) == ("analytics.query", house.guest.caller.principal_id)


def test_a_damaged_cache_is_made_anew_and_the_answer_is_right(house: House) -> None:
    who = house.owner
    at = who.log.head()
    expected = who.analytics.query(EVERYTHING + " ORDER BY ALL", at=at).rows
    path = who.parts.settings.home / "analytics" / f"{who.caller.tenant_id}.duckdb"
    content = path.read_bytes()
    for damage in (b"no database", content[:12_288] + bytes(len(content) - 12_288)):
        path.write_bytes(damage)
        assert who.analytics.query(EVERYTHING + " ORDER BY ALL", at=at).rows == expected


@pytest.mark.parametrize("sql", ["", "  \n", "SELECT '\x00'", "SELECT '\ud800'", "SELECT '" + "x" * 70_000 + "'"])
def test_what_is_no_text_is_refused(sql: str, house: House) -> None:
    before = house.owner.log.head()
    with pytest.raises(InvalidText):
        house.owner.analytics.query(sql)
    assert house.owner.log.head() == before


@pytest.mark.parametrize("at", [10**9, -1, datetime.now(UTC) + timedelta(days=1)])
def test_the_future_cannot_be_asked(at: Any, house: House) -> None:
    with pytest.raises(InvalidPosition):
        house.owner.analytics.query("SELECT 1", at=at)


@pytest.mark.parametrize("options", [{"limit": 0}, {"limit": 10**7}, {"seconds": 0.0}, {"seconds": 31.0}])
def test_limits_can_be_lowered_and_not_raised(options: dict[str, Any], house: House) -> None:
    with pytest.raises(Invalid):
        house.owner.analytics.query("SELECT 1", **options)


def test_while_others_have_all_processes_a_query_is_refused(house: House) -> None:
    queries = house.owner.parts.queries
    with queries.turn(), queries.turn(), pytest.raises(Unavailable, match="2 queries"):
        house.owner.analytics.query("SELECT 1")


def test_without_duckdb_it_is_said_what_to_install(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "mnemolog.adapters.analytics.cache")
    monkeypatch.setitem(sys.modules, "duckdb", None)
    with pytest.raises(Unavailable, match=r"pip install 'mnemolog\[analytics\]'"):
        house.owner.analytics.query("SELECT 1")
    assert {each.name for each in house.owner.analytics.tables().tables} == {EVENT, *tables()}


def test_whatever_a_query_finds_can_be_said_in_json(house: House) -> None:
    answer = house.owner.analytics.query(
        "SELECT 1::HUGEINT << 100 AS big, 'nan'::DOUBLE AS nan, 'ab'::BLOB AS bytes, [1, NULL] AS list,"
        " {'a': 1.5::DECIMAL(4, 2)} AS struct, MAP {'k': DATE '2026-01-02'} AS map, 1 AS a, 2 AS a"
    )
    document = answer.document()
    assert document.columns[-2:] == ["a", "a"]
    assert document.rows[0][:6] == [str(2**100), "nan", "6162", [1, None], {"a": "1.50"}, [["k", "2026-01-02"]]]
    assert document.rows[0][-2:] == [1, 2]
