"""One served store for all the tests of the REST API; each test makes cubes of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mnemolog.adapters.embedders.hashing import HashingEmbedder
from mnemolog.adapters.postgres.embedded import EmbeddedPostgres
from mnemolog.api.settings import Settings
from mnemolog.api.store import Store, open_store
from tests.databases import database
from tests.served import Served, serving

AN_HOUR = 3600.0


@pytest.fixture(scope="session")
def open_for_all(server: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """It sweeps and puts on record too seldom to append anything between two looks at the head of the log."""
    home: Path = tmp_path_factory.mktemp("home")
    with database(server) as dsn:
        settings = Settings(home=home, dsn=dsn, sweep_seconds=AN_HOUR, audit_seconds=AN_HOUR, audit_buffer=10_000_000)
        with open_store(settings=settings, embedder=HashingEmbedder()) as store:
            yield store


@pytest.fixture(scope="session")
def served(open_for_all: Store) -> Iterator[Served]:
    with serving(open_for_all, heartbeat_seconds=0.01) as (url, _):
        served = Served(open_for_all, url)
        yield served
        served.close()
