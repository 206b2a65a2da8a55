from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from mnemolog.adapters.postgres.application import LogApplication
from mnemolog.adapters.postgres.connection import Row
from mnemolog.adapters.postgres.migrate import Migration, check_schema, migrate, migrations
from mnemolog.domain.refusals import MigrationChanged, SchemaMissing, StoreUnreachable
from tests.databases import superuser
from tests.factories import KEY_ENCRYPTION_KEY

NAMES = [migration.name for migration in migrations()]
NEW = Migration("9000_more.sql", "CREATE TABLE mnemolog.more (n int); INSERT INTO mnemolog.more VALUES (1);")


def ask(dsn: str, question: str) -> list[Row]:
    with superuser(dsn) as connection:
        return connection.execute(question).fetchall()


def applied(dsn: str) -> list[Row]:
    return ask(dsn, "SELECT name, sha256 FROM public.mnemolog_migration ORDER BY name")


def relations(dsn: str) -> list[Row]:
    return ask(dsn, "SELECT relnamespace::regnamespace::text, relname FROM pg_class ORDER BY 1, 2")


def test_a_fresh_database_gets_every_migration_in_order(empty_dsn: str) -> None:
    assert sorted(NAMES) == NAMES
    assert migrate(empty_dsn) == NAMES
    assert [name for name, _ in applied(empty_dsn)] == NAMES
    check_schema(empty_dsn)
    LogApplication(empty_dsn, KEY_ENCRYPTION_KEY).close()


def test_a_second_time_there_is_nothing_to_do(dsn: str) -> None:
    before = relations(dsn)
    assert migrate(dsn) == []
    assert relations(dsn) == before


def test_of_several_processes_one_migrates_and_the_others_wait_for_it(empty_dsn: str) -> None:
    def migrate_and_check(_: int) -> list[str]:
        done = migrate(empty_dsn)
        check_schema(empty_dsn)
        return done

    with ThreadPoolExecutor(4) as processes:
        done = sorted(processes.map(migrate_and_check, range(4)))
    assert done == [[], [], [], NAMES]


def test_a_new_migration_is_applied_after_the_old_ones(dsn: str) -> None:
    assert migrate(dsn, [*migrations(), NEW]) == [NEW.name]
    assert ask(dsn, "SELECT n FROM mnemolog.more") == [(1,)]
    assert (NEW.name, NEW.sha256) in applied(dsn)


def test_a_migration_that_was_edited_is_refused_before_anything_is_applied(dsn: str) -> None:
    first, *others = migrations()
    before = relations(dsn), applied(dsn)
    with pytest.raises(MigrationChanged, match=first.name):
        migrate(dsn, [replace(first, sql=first.sql + "\n"), *others, NEW])
    assert (relations(dsn), applied(dsn)) == before


def test_a_migration_that_fails_leaves_nothing_of_itself_and_all_of_those_before_it(dsn: str) -> None:
    failing = Migration("9001_failing.sql", "CREATE TABLE mnemolog.never (); SELECT 1 / 0;")
    with pytest.raises(psycopg.errors.DivisionByZero):
        migrate(dsn, [*migrations(), NEW, failing])
    assert ask(dsn, "SELECT to_regclass('mnemolog.more') IS NULL, to_regclass('mnemolog.never') IS NULL") == [
        (False, True)
    ]
    assert [name for name, _ in applied(dsn)] == [*NAMES, NEW.name]


def test_a_store_without_its_schema_is_named_as_such(empty_dsn: str) -> None:
    with pytest.raises(SchemaMissing, match=", ".join(NAMES)):
        check_schema(empty_dsn)


def test_a_store_that_lacks_the_newest_migration_is_told_which(empty_dsn: str) -> None:
    migrate(empty_dsn, migrations()[:-1])
    with pytest.raises(SchemaMissing) as missing:
        check_schema(empty_dsn)
    assert missing.value.facts["missing"] == NAMES[-1]


def test_a_store_of_another_release_line_is_refused(empty_dsn: str) -> None:
    first, *others = migrations()
    migrate(empty_dsn, [replace(first, sql=first.sql + "\n"), *others])
    with pytest.raises(MigrationChanged):
        check_schema(empty_dsn)


def test_no_database_no_migration() -> None:
    with pytest.raises(StoreUnreachable):
        migrate("host=/nowhere")


def test_the_migrations_of_a_folder_are_its_sql_files_by_name(tmp_path: Path) -> None:
    for name in ("0002_b.sql", "0001_a.sql", "README.md"):
        (tmp_path / name).write_text(f"-- {name}", encoding="utf-8")
    assert migrations(tmp_path) == [Migration("0001_a.sql", "-- 0001_a.sql"), Migration("0002_b.sql", "-- 0002_b.sql")]
