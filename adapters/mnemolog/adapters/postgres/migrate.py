"""Migrations: plain SQL files, each applied once, in order, in a transaction of its own, and never edited later."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

import psycopg

from mnemolog.adapters.postgres.connection import Row, connect
from mnemolog.domain.refusals import MigrationChanged, SchemaMissing

LOCK = 7105809


@dataclass(frozen=True, slots=True)
class Migration:
    name: str
    sql: str

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()


def migrations(folder: Traversable | None = None) -> list[Migration]:
    """The migrations that belong to this release, in order."""
    folder = folder or _folder()
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".sql"))
    return [Migration(name, (folder / name).read_text(encoding="utf-8")) for name in names]


def migrate(dsn: str, wanted: Sequence[Migration] | None = None) -> list[str]:
    """Apply what is missing and return its names. Several processes may call it at once.

    Raises MigrationChanged before anything is applied when a file differs from what was applied under its name.
    """
    wanted = migrations() if wanted is None else wanted
    with connect(dsn, role=None, application_name="mnemolog-migrate") as connection:
        connection.execute("SELECT pg_advisory_lock(%s, 0)", (LOCK,))
        missing = pending(connection, wanted)
        for migration in missing:
            _apply(connection, migration)
        return [migration.name for migration in missing]


def check_schema(dsn: str) -> None:
    """Raises SchemaMissing when a migration of this release has not been applied, MigrationChanged when one differs."""
    with connect(dsn, role=None, application_name="mnemolog-migrate") as connection:
        missing = pending(connection, migrations())
    if missing:
        raise SchemaMissing(missing=", ".join(migration.name for migration in missing))


def pending(connection: psycopg.Connection[Row], wanted: Sequence[Migration]) -> list[Migration]:
    applied = _applied(connection)
    for migration in wanted:
        if applied.get(migration.name, migration.sha256) != migration.sha256:
            raise MigrationChanged(name=migration.name)
    return [migration for migration in wanted if migration.name not in applied]


def _applied(connection: psycopg.Connection[Row]) -> dict[str, str]:
    exists = connection.execute("SELECT to_regclass('public.mnemolog_migration')").fetchall()[0][0]
    if exists is None:
        return {}
    return {
        name: sha for name, sha in connection.execute("SELECT name, sha256 FROM public.mnemolog_migration").fetchall()
    }


def _apply(connection: psycopg.Connection[Row], migration: Migration) -> None:
    with connection.transaction():
        connection.execute(
            "CREATE TABLE IF NOT EXISTS public.mnemolog_migration"
            " (name text PRIMARY KEY, sha256 text NOT NULL, applied_at timestamptz NOT NULL DEFAULT clock_timestamp())"
        )
        connection.execute(migration.sql.encode())
        connection.execute(
            "INSERT INTO public.mnemolog_migration (name, sha256) VALUES (%s, %s)", (migration.name, migration.sha256)
        )


def _folder() -> Traversable:
    """In a wheel the migrations lie inside the package; in a source checkout at the root."""
    folder = files("mnemolog.adapters") / "migrations"
    return folder if folder.is_dir() else Path(__file__).parents[4] / "migrations"
