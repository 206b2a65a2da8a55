"""Under every permission check lies the database's own: who asks for one tenant is shown no row of another."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import UUID, uuid4

import psycopg
import pytest
from eventsourcing.persistence import DataError
from psycopg.sql import SQL, Identifier

from mnemolog.adapters.embedders.hashing import HashingEmbedder
from mnemolog.adapters.postgres.connection import FENCE, REQUEST_ROLE, Row, connect, fetch
from mnemolog.adapters.postgres.directory import Directory
from mnemolog.api.settings import Settings
from mnemolog.api.store import Store, open_store
from mnemolog.domain.commands import Remember
from mnemolog.domain.log import Selection
from mnemolog.domain.principal import PrincipalKind
from tests.databases import superuser

SCHEMAS = ("mnemolog", "mnemolog_keys")
# Whose rows belong to no tenant, and why that is so.
OF_NO_TENANT = {
    "mnemolog.view_position": "how far views are is the same for all",
    "mnemolog.key_use": "hours of use, by ids of keys; asked only together with the keys of a tenant",
    "mnemolog.embedding": "by ids of memories and keyed fingerprints; for the view of vectors alone",
    "mnemolog.tree_node": "hashes of the whole log",
    "mnemolog.checkpoint": "signed hashes of the whole log",
    "mnemolog_keys.content_key": "by ids of streams; of no use without the key of a data subject",
    "mnemolog_keys.key_encryption_key": "check values of the keys of the installation",
    "mnemolog_keys.destroyed_key": "that a key is gone must be known to all",
    "mnemolog_keys.root_key": "of the installation",
}
# Of those, what a request may read all the same.
READABLE = {"mnemolog.view_position", "mnemolog.key_use", "mnemolog_keys.content_key"}
NOT_READABLE = {"mnemolog_keys.subject_key"}  # has a tenant, and is for the keyring alone


@pytest.fixture
def store(dsn: str, tmp_path: Path) -> Iterator[Store]:
    """Two tenants with something of everything."""
    with open_store(settings=Settings(home=tmp_path, dsn=dsn), embedder=HashingEmbedder()) as store:
        fill(store)
        fill(store.acting_as(store.tenants.found("other").key))
        yield store


def fill(store: Store) -> None:
    store.memories.remember("main", Remember(text="Tea is kept in the blue tin."))
    group = store.principals.register("all", PrincipalKind.GROUP).principal_id
    user = store.principals.register("user").principal_id
    store.groups.add(group, user)
    store.principals.identify(user, "https://id.example", "user")
    store.principals.deactivate(user)


def tables(dsn: str) -> dict[str, bool]:
    """Each with whether it has a tenant."""
    with superuser(dsn) as connection:
        found = connection.execute(
            "SELECT n.nspname || '.' || c.relname,"
            " EXISTS (SELECT FROM pg_attribute WHERE attrelid = c.oid AND attname = 'tenant_id')"
            " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE n.nspname = ANY (%s) AND c.relkind IN ('r', 'p', 'v', 'm')",
            (list(SCHEMAS),),
        )
        return dict(found.fetchall())


def tenants(dsn: str) -> list[UUID]:
    with superuser(dsn) as connection:
        return [each for (each,) in connection.execute("SELECT DISTINCT tenant_id FROM mnemolog.event").fetchall()]


def as_request(connection: psycopg.Connection[Row], tenant: object, statement: str) -> list[Row]:
    with connection.transaction():
        connection.execute(FENCE, (REQUEST_ROLE, "" if tenant is None else str(tenant)))
        return connection.execute(statement.encode()).fetchall()


def test_every_table_has_row_security_and_so_it_has_for_its_owner(dsn: str) -> None:
    with superuser(dsn) as connection:
        without = connection.execute(
            "SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE n.nspname = ANY (%s) AND c.relkind IN ('r', 'p')"
            " AND NOT (c.relrowsecurity AND c.relforcerowsecurity)",
            (list(SCHEMAS),),
        ).fetchall()
    assert without == []


def test_every_table_has_a_tenant_or_a_reason_why_it_has_none(dsn: str) -> None:
    assert {name for name, has_tenant in tables(dsn).items() if not has_tenant} == OF_NO_TENANT.keys()


def test_a_request_sees_the_rows_of_its_tenant_and_no_others(store: Store, dsn: str) -> None:
    both = tenants(dsn)
    assert len(both) == 2
    seen = set[str]()
    with connect(dsn) as connection:
        for table in (name for name, has_tenant in tables(dsn).items() if has_tenant and name not in NOT_READABLE):
            for tenant_id in both:
                rows = as_request(connection, tenant_id, f"SELECT DISTINCT tenant_id FROM {table}")
                assert rows in ([], [(tenant_id,)]), table
                seen |= {table} if rows else set()
            assert as_request(connection, None, f"SELECT 1 FROM {table}") == [], table
            assert as_request(connection, uuid4(), f"SELECT 1 FROM {table}") == [], table
    names = "event memory cube principal credential subject group_member inactivity identity"
    assert {f"mnemolog.{name}" for name in names.split()} <= seen


def test_a_request_reads_little_of_what_has_no_tenant_and_writes_nothing(dsn: str) -> None:
    with superuser(dsn) as connection:
        for table, has_tenant in tables(dsn).items():
            rights = [
                right
                for right in ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE")
                if connection.execute("SELECT has_table_privilege(%s, %s, %s)", (REQUEST_ROLE, table, right)).fetchone()
                == (True,)
            ]
            readable = (has_tenant and table not in NOT_READABLE) or table in READABLE
            assert rights == (["SELECT"] if readable else []), table
        functions = connection.execute(
            "SELECT p.oid::regprocedure::text FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace"
            " WHERE n.nspname = ANY (%s) AND has_function_privilege(%s, p.oid, 'EXECUTE')",
            (list(SCHEMAS), REQUEST_ROLE),
        ).fetchall()
        assert functions == []


def test_a_statement_that_forgets_the_tenant_shows_nothing_of_another(store: Store, dsn: str) -> None:
    datastore = store.parts.application.datastore
    for tenant_id in tenants(dsn):
        assert fetch(datastore, "SELECT DISTINCT tenant_id FROM mnemolog.event", {}, tenant_id=tenant_id) == [
            (tenant_id,)
        ]
    assert len(fetch(datastore, "SELECT DISTINCT tenant_id FROM mnemolog.event", {})) == 2


def test_the_texts_of_another_tenant_are_not_even_fetched(store: Store, dsn: str) -> None:
    mine, log = store.caller.tenant_id, store.parts.log
    events = log.read(0, 500, Selection())
    found = log.at([event.position for event in events], mine)
    assert {event.tenant_id for event in found.values()} == {mine}
    assert len(found) < len(events)
    ids = [event.memory_id for event in events if event.memory_id is not None]
    rows = Directory(store.parts.application.datastore, store.parts.application.keyring.token).memories(ids, mine)
    assert {row.tenant_id for row in rows.values()} == {mine}


def test_a_connection_forgets_whom_it_asked_for(store: Store, dsn: str) -> None:
    """Many at once over the connections of one pool, and some fail in the middle."""
    both, datastore = tenants(dsn), store.parts.application.datastore

    def ask(number: int) -> bool:
        tenant_id = (*both, None)[number % 3]
        if number % 7 == 0 and tenant_id is not None:
            with pytest.raises(DataError):
                fetch(datastore, "SELECT 1 / 0", {}, tenant_id=tenant_id)
        rows = fetch(datastore, "SELECT DISTINCT tenant_id FROM mnemolog.event", {}, tenant_id=tenant_id)
        return {each for (each,) in rows} == (set(both) if tenant_id is None else {tenant_id})

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(ask, range(300)))
    left = fetch(datastore, "SELECT current_user::text, current_setting('mnemolog.tenant', true)", {})
    assert left in ([("mnemolog_app", "")], [("mnemolog_app", None)])


def test_who_logs_in_as_the_application_alone_can_do_so_too(store: Store, dsn: str) -> None:
    name = f"login_{uuid4().hex}"
    with superuser(dsn) as connection:
        connection.execute(SQL("CREATE ROLE {} LOGIN IN ROLE mnemolog_app").format(Identifier(name)))
        try:
            with superuser(dsn) as inner:
                inner.execute(SQL("SET SESSION AUTHORIZATION {}").format(Identifier(name)))
                inner.execute("SET ROLE mnemolog_app")
                (tenant_id, *_) = tenants(dsn)
                assert as_request(inner, tenant_id, "SELECT DISTINCT tenant_id FROM mnemolog.event") == [(tenant_id,)]
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    inner.execute("SET ROLE mnemolog_owner")
        finally:
            connection.execute(SQL("DROP ROLE {}").format(Identifier(name)))
