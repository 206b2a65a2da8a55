"""What was recorded stays: for the application, for the owner of the tables, for a superuser who does not mean to."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from mnemolog.adapters.postgres.application import LogApplication
from mnemolog.adapters.postgres.connection import Row, connect
from mnemolog.domain.log import IdempotencyKey, Origin
from tests.databases import superuser
from tests.factories import House

CHANGES = {
    "update": "UPDATE mnemolog.event SET actor_id = gen_random_uuid()",
    "delete": "DELETE FROM mnemolog.event",
    "truncate": "TRUNCATE mnemolog.event",
    "merge": "MERGE INTO mnemolog.event USING (SELECT 1) one ON true WHEN MATCHED THEN DELETE",
}
INSERT = """INSERT INTO mnemolog.event SELECT (e).* FROM
    (SELECT jsonb_populate_record(e, '{"position": 99, "version": 99}') AS e FROM mnemolog.event e LIMIT 1) copy"""
NOT_FOR_THE_APPLICATION = {
    **CHANGES,
    "insert": INSERT,
    "copy": "COPY mnemolog.event FROM STDIN",
    "forget a request": "DELETE FROM mnemolog.request",
    "change a request": "UPDATE mnemolog.request SET request_sha256 = ''",
    "destroy a subject's key": "DELETE FROM mnemolog_keys.subject_key",
    "change a subject's key": "UPDATE mnemolog_keys.subject_key SET wrapped = ''",
    "destroy a content key": "DELETE FROM mnemolog_keys.content_key",
    "forget that a key was destroyed": "DELETE FROM mnemolog_keys.destroyed_key",
    "say that a key was destroyed": "INSERT INTO mnemolog_keys.destroyed_key VALUES (gen_random_uuid())",
    "change the root key": "UPDATE mnemolog_keys.root_key SET wrapped = ''",
    "add a content key": "INSERT INTO mnemolog_keys.content_key VALUES (gen_random_uuid(), '{}', '')",
    "disable the trigger": "ALTER TABLE mnemolog.event DISABLE TRIGGER event_is_immutable",
    "drop the trigger": "DROP TRIGGER event_is_immutable ON mnemolog.event",
    "replace the append function": "DROP FUNCTION mnemolog.append",
    "drop the table": "DROP TABLE mnemolog.event",
    "make a table": "CREATE TABLE mnemolog.mine ()",
    "switch triggers off": "SET session_replication_role = replica",
}


@pytest.fixture(autouse=True)
def written(application: LogApplication) -> None:
    key = IdempotencyKey(House().tenant_id, b"x" * 32)
    assert application.record(House().activated(), origin=Origin(), idempotency=key) is not None


@pytest.fixture
def app(dsn: str) -> Iterator[psycopg.Connection[Row]]:
    with connect(dsn) as connection:
        yield connection


@pytest.mark.parametrize("statement", NOT_FOR_THE_APPLICATION.values(), ids=NOT_FOR_THE_APPLICATION.keys())
def test_the_application_has_no_right_to(app: psycopg.Connection[Row], statement: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        app.execute(statement)


@pytest.mark.parametrize("role", ["mnemolog", "mnemolog_owner"])
@pytest.mark.parametrize("statement", CHANGES.values(), ids=CHANGES.keys())
def test_the_triggers_refuse(dsn: str, role: str, statement: str) -> None:
    with superuser(dsn) as connection:
        before = log_of(connection)
        connection.execute(f"SET ROLE {role}")
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="the event log is append-only"):
            connection.execute(statement)
        assert log_of(connection) == before


@pytest.mark.parametrize("statement", CHANGES.values(), ids=CHANGES.keys())
def test_the_triggers_refuse_where_ordinary_triggers_are_off(dsn: str, statement: str) -> None:
    with superuser(dsn) as connection:
        before = log_of(connection)
        connection.execute("SET session_replication_role = replica")
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="the event log is append-only"):
            connection.execute(statement)
        assert log_of(connection) == before


def log_of(connection: psycopg.Connection[Row]) -> list[Row]:
    return connection.execute("SELECT e::text FROM mnemolog.event e ORDER BY position").fetchall()
