from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click

from mnemolog.api.terminal.invocation import Invocation, note, pass_invocation, shared_options


@click.command("migrate")
@click.option("--status", "only_show", is_flag=True, help="Show what has been applied, and change nothing.")
@shared_options
@pass_invocation
def command(invocation: Invocation, only_show: bool) -> None:
    """Bring a database up to this release.

    Needs the rights of the database's owner. The embedded database is brought up whenever it is opened.
    """
    from mnemolog.adapters.postgres.connection import connect
    from mnemolog.adapters.postgres.migrate import migrate, migrations, pending
    from mnemolog.api.terminal.columns import MIGRATION_COLUMNS
    from mnemolog.api.terminal.tables import print_document, print_rows

    with _database(invocation) as dsn:
        applied = [] if only_show else migrate(dsn)
        with connect(dsn, role=None, application_name="mnemolog-migrate") as connection:
            waiting = pending(connection, migrations())
    rows = [(each.name, "missing" if each in waiting else "applied") for each in migrations()]
    if invocation.as_json:
        print_document({"newly_applied": applied, "migrations": dict(rows)})
        return
    print_rows(MIGRATION_COLUMNS, rows)
    note(f"{len(applied)} applied now, {len(waiting)} missing.")


@contextmanager
def _database(invocation: Invocation) -> Iterator[str]:
    from mnemolog.adapters.postgres.embedded import EmbeddedPostgres

    settings = invocation.settings()
    if settings.dsn is not None:
        yield settings.dsn
        return
    with EmbeddedPostgres(settings.home) as server:
        yield server.dsn()
