"""One real Postgres for the whole run, and a database of its own for each test that asks for one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, settings

from mnemolog.adapters.postgres.application import LogApplication
from mnemolog.adapters.postgres.embedded import EmbeddedPostgres
from mnemolog.adapters.postgres.migrate import migrate
from tests.databases import database, memory_disk, running_server, template_made
from tests.factories import KEY_ENCRYPTION_KEY

# The machine may be slow; how long an example takes says nothing about whether it holds.
settings.register_profile("mnemolog", deadline=None, suppress_health_check=[HealthCheck.too_slow])
# A test that is known to fail need not fail with the smallest example.
settings.register_profile(
    "unshrunk", settings.get_profile("mnemolog"), phases=(Phase.explicit, Phase.generate), database=None
)
settings.load_profile("mnemolog")


@pytest.fixture(scope="session")
def server() -> Iterator[EmbeddedPostgres]:
    """Without fsync, and in memory where there is room."""
    with running_server(memory_disk(), durable=False) as server:
        template_made(server)
        yield server


@pytest.fixture(scope="session")
def durable_server() -> Iterator[EmbeddedPostgres]:
    """With fsync, on a disk. For tests marked `durable`; its database `mnemolog` has the schema."""
    with running_server(None, durable=True) as server:
        migrate(server.dsn())
        yield server


@pytest.fixture
def empty_dsn(server: EmbeddedPostgres) -> Iterator[str]:
    """A database without a schema."""
    with database(server, "template0") as dsn:
        yield dsn


@pytest.fixture
def dsn(server: EmbeddedPostgres) -> Iterator[str]:
    """A database with the schema and nothing in it. Whoever connects is a superuser."""
    with database(server) as dsn:
        yield dsn


@pytest.fixture
def application(dsn: str) -> Iterator[LogApplication]:
    application = LogApplication(dsn, KEY_ENCRYPTION_KEY)
    yield application
    application.close()
