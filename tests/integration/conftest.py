"""One open store for many tests, each of which has a tenant of its own in it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mnemolog.adapters.embedders.hashing import HashingEmbedder
from mnemolog.adapters.postgres.embedded import EmbeddedPostgres
from mnemolog.api.settings import Settings
from mnemolog.api.store import Store, open_store
from mnemolog.domain.principal import PrincipalKind
from tests.databases import database

AN_HOUR = 3600.0


class HandClock:
    """Goes `ahead` of the time by as much as it is set to."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@pytest.fixture(scope="session")
def shared_clock() -> HandClock:
    return HandClock()


@pytest.fixture(scope="session")
def installation(
    server: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory, shared_clock: HandClock
) -> Iterator[Store]:
    """As its founder. It sweeps and puts on record too seldom to append anything between two looks at the log."""
    home: Path = tmp_path_factory.mktemp("home")
    with database(server) as dsn:
        settings = Settings(home=home, dsn=dsn, sweep_seconds=AN_HOUR, audit_seconds=AN_HOUR, audit_buffer=10_000_000)
        with open_store(settings=settings, embedder=HashingEmbedder(), clock=shared_clock) as store:
            yield store


@pytest.fixture
def hand_clock(shared_clock: HandClock) -> Iterator[HandClock]:
    yield shared_clock
    shared_clock.ahead = timedelta()


@pytest.fixture
def tenant(installation: Store, hand_clock: HandClock) -> Store:
    """As the owner of a new tenant, with a cube `main`."""
    return installation.acting_as(installation.tenants.found("a tenant").key)


@pytest.fixture
def other(tenant: Store) -> Store:
    """As an agent of the same tenant, to whom nothing is granted yet."""
    registered = tenant.principals.register("an agent", PrincipalKind.AGENT)
    return tenant.acting_as(tenant.principals.issue_key(registered.principal_id).key)
