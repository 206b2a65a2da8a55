from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnemolog.adapters.postgres.application import LogApplication
from mnemolog.adapters.postgres.catalogue import PostgresCatalogue
from mnemolog.adapters.postgres.connection import Row
from mnemolog.adapters.postgres.embedded import EmbeddedPostgres
from mnemolog.adapters.postgres.envelope import LogEvent
from mnemolog.adapters.postgres.log import PostgresLog
from mnemolog.adapters.postgres.verify import verify_chain
from mnemolog.domain.aggregate import Root
from mnemolog.domain.log import Origin
from mnemolog.domain.memory import Memory
from mnemolog.domain.metadata import Description, Governance
from mnemolog.domain.refusals import VerificationFailed
from tests.databases import database, superuser
from tests.factories import KEY_ENCRYPTION_KEY, House
from tests.lives import EVENTS, SECRET, events_of, lives
from tests.unit.examples import descriptions, governances, moments, texts

ORIGIN = Origin()


@pytest.fixture(scope="module")
def shared(server: EmbeddedPostgres) -> Iterator[LogApplication]:
    with database(server) as dsn:
        application = LogApplication(dsn, KEY_ENCRYPTION_KEY)
        yield application
        application.close()


def facts(event: Any) -> dict[str, Any]:
    return {name: value for name, value in vars(event).items() if name != "timestamp"}


def state_of(aggregate: Root) -> dict[str, Any]:
    """Without the events that wait, and the moments that the store sets."""
    return {
        name: v for name, v in vars(aggregate).items() if name not in {"_pending_events", "_created_on", "_modified_on"}
    }


def test_the_lives_have_met_every_kind_of_event() -> None:
    assert {event.TOPIC for event in events_of(lives(House()))} == EVENTS.keys()


def test_every_event_comes_back_as_it_went(application: LogApplication) -> None:
    aggregates = lives(House())
    went = events_of(aggregates)
    application.record(*aggregates, origin=ORIGIN)
    streams = dict.fromkeys(event.originator_id for event in went)
    came = [event for stream in streams for event in application.events.get(stream)]
    assert [type(event) for event in came] == [type(event) for event in went]
    assert [facts(event) for event in came] == [facts(event) for event in went]


def test_aggregates_come_back_as_they_were(application: LogApplication) -> None:
    aggregates = lives(House())
    application.record(*aggregates, origin=ORIGIN)
    for aggregate in aggregates:
        assert state_of(application.load(type(aggregate), aggregate.id)) == state_of(aggregate)


def test_the_timestamp_that_comes_back_is_that_of_the_store(application: LogApplication) -> None:
    memory = House().activated()
    application.record(memory, origin=ORIGIN)
    moments = [stored.row.recorded_at for stored in stored_of(application, memory)]
    assert [vars(event)["timestamp"] for event in application.events.get(memory.id)] == moments


@given(
    text=texts, description=descriptions, governance=governances(), occurred_at=moments, expires_at=st.none() | moments
)
@settings(max_examples=40, deadline=None)
def test_whatever_a_memory_may_say_comes_back(
    shared: LogApplication,
    text: str,
    description: Description,
    governance: Governance,
    occurred_at: Any,
    expires_at: Any,
) -> None:
    house = House()
    memory = Memory.generate(
        tenant_id=house.tenant_id,
        cube_id=house.cube_id,
        subject_ids=(house.owner_id,),
        text=text,
        description=description,
        governance=governance,
        occurred_at=occurred_at,
        expires_at=expires_at,
    )
    shared.record(memory, origin=ORIGIN)
    assert state_of(shared.load(Memory, memory.id)) == state_of(memory)


def test_the_hashes_of_every_kind_of_event_can_be_made_again_from_the_rows(application: LogApplication) -> None:
    appended = application.record(*lives(House()), origin=Origin(*(House().owner_id for _ in range(3))))
    assert appended is not None
    assert verify_chain(application.log_recorder).events == appended.last


def test_personal_text_is_nowhere_in_the_clear(application: LogApplication, dsn: str) -> None:
    application.record(*lives(House()), origin=ORIGIN)
    log = PostgresLog(application.log_recorder, application.keyring)
    PostgresCatalogue(application.datastore, application.keyring.token).apply(log.read(0, 1000), log.head())
    assert SECRET in str(log.read(0, 1000))
    with superuser(dsn) as connection:
        contents = "\n".join(text for table in tables(connection) for text in rows_as_text(connection, table))
    for form in forms_of(SECRET):
        assert form not in contents


def tables(connection: psycopg.Connection[Row]) -> list[str]:
    query = "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname LIKE 'mnemolog%'"
    found = [name for (name,) in connection.execute(query).fetchall()]
    assert {"mnemolog.event", "mnemolog.memory", "mnemolog_keys.content_key"} <= set(found)
    return found


def rows_as_text(connection: psycopg.Connection[Row], table: str) -> list[str]:
    return [text for (text,) in connection.execute(f"SELECT t::text FROM {table} t").fetchall()]


def forms_of(secret: str) -> list[str]:
    """As text, with the escapes of JSON, and in the hexadecimal of binary columns; whole and by its words."""
    words = [secret, *(word for word in secret.split() if len(word) > 4)]
    escaped = [word.encode("ascii", "backslashreplace").decode().replace("\\x", "\\u00") for word in words]
    return [*words, *escaped, *(word.encode().hex() for word in words), *(word.lower() for word in words)]


MOVES = {
    "to another version": "version = version + 100",
    "to another stream": "stream_id = gen_random_uuid()",
    "to another tenant": "tenant_id = gen_random_uuid()",
    "to another type": "event_type = 'memory.revised.v1'",
    "to another schema version": "schema_version = 2",
    "with a bit changed": "sealed = set_byte(sealed, 20, (get_byte(sealed, 20) + 1) % 256)",
}


@pytest.mark.parametrize("move", MOVES.values(), ids=MOVES.keys())
def test_a_sealed_part_opens_nowhere_else(application: LogApplication, dsn: str, move: str) -> None:
    memory = House().activated()
    application.record(memory, origin=ORIGIN)
    log = PostgresLog(application.log_recorder, application.keyring)
    with superuser(dsn) as connection:
        connection.execute("DROP TRIGGER event_is_immutable ON mnemolog.event")
        connection.execute(f"UPDATE mnemolog.event SET {move} WHERE position = 1")
    with pytest.raises(VerificationFailed) as failed:
        log.read(0, 10)
    assert failed.value.facts["position"] == 1


def test_sealed_parts_of_one_stream_cannot_change_places(application: LogApplication, dsn: str) -> None:
    memory = House().generated()
    memory.revise(memory.occurred_at, "It was moved to the red tin.")
    application.record(memory, origin=ORIGIN)
    with superuser(dsn) as connection:
        connection.execute("DROP TRIGGER event_is_immutable ON mnemolog.event")
        connection.execute(
            """UPDATE mnemolog.event a SET sealed = b.sealed FROM mnemolog.event b
               WHERE a.position = 1 AND b.position = 2 OR a.position = 2 AND b.position = 1"""
        )
    with pytest.raises(VerificationFailed):
        application.load(Memory, memory.id)


def stored_of(application: LogApplication, aggregate: Root) -> list[LogEvent]:
    stored = application.recorder.select_events(UUID(str(aggregate.id)))
    return [event for event in stored if isinstance(event, LogEvent)]
