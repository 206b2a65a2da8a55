"""Whole stores that older releases have written, opened by this one: it says what they said, and goes on from there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from mnemolog.adapters.embedders.hashing import HashingEmbedder
from mnemolog.adapters.postgres.embedded import EmbeddedPostgres
from mnemolog.adapters.postgres.verify import verify_chain
from mnemolog.api import Store, open_store
from mnemolog.api.settings import Settings
from mnemolog.domain.refusals import KeyUnavailable
from tests.databases import database
from tests.golden.old_logs import FOLDER, header, put_back
from tests.golden.telling import KEY, answers, asking

LOGS = sorted(FOLDER.glob("*.ndjson"))


@pytest.fixture(scope="module", params=LOGS, ids=lambda path: path.stem)
def said(request: pytest.FixtureRequest) -> Any:
    return header(request.param)["said"] | {"path": request.param}


@pytest.fixture(scope="module")
def home(said: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("home")
    return folder


@pytest.fixture(scope="module")
def old_dsn(server: EmbeddedPostgres, said: Any, home: Path) -> Iterator[str]:
    with database(server, "template0") as dsn:
        put_back(said["path"], dsn, home)
        yield dsn


@pytest.fixture(scope="module")
def store(old_dsn: str, said: Any, home: Path) -> Iterator[Store]:
    settings = Settings(home=home, dsn=old_dsn, key_encryption_key=KEY)
    with open_store(settings=settings, embedder=HashingEmbedder()) as store:
        yield store


def test_there_are_old_logs_and_they_are_small() -> None:
    assert len(LOGS) >= 2
    assert all(path.stat().st_size < 300_000 for path in LOGS)


def test_every_hash_of_the_log_and_every_checkpoint_that_was_kept_is_as_it_was(store: Store, said: Any) -> None:
    chain = verify_chain(store.parts.application.log_recorder, upto=said["position"]).chain
    assert chain.hex() == said["chain"]
    store.log.verify()


def test_every_view_is_what_the_log_says(store: Store) -> None:
    assert {verified.view for verified in store.views.verify()} >= {"catalogue", "scopes", "vectors", "edges"}


@pytest.mark.parametrize("who", ["owner", "agent", "bea"])
def test_everybody_is_told_what_they_were_told_then(store: Store, said: Any, who: str) -> None:
    told = said["told"][who]
    now = answers(asking(store, said["keys"][who]), [UUID(memory_id) for memory_id in told])
    assert json.loads(json.dumps(now)) == told


def test_questions_are_answered_as_they_were(store: Store, said: Any) -> None:
    assert {question: store.recall("main", question).hits[0].text for question in said["best"]} == said["best"]


def test_the_life_of_every_memory_can_be_read_from_its_first_event_on(store: Store, said: Any) -> None:
    for memory_id, told in said["told"]["owner"].items():
        if isinstance(told, dict):
            assert store.memories.history(UUID(memory_id))[0].type == "memory.generated.v1"


def test_the_old_log_is_written_on(store: Store, said: Any) -> None:
    head = store.log.head()
    tea = next(UUID(each) for each, told in said["told"]["owner"].items() if told["state"] == "activated")
    written = store.memories.remember("main", "Somebody came later.")
    assert written.position > head >= said["position"]
    store.memories.revise(tea, "It was told again, by a newer release.")
    assert store.memories.get(tea).text == "It was told again, by a newer release."
    store.log.verify()


def test_nothing_of_it_opens_with_another_key(old_dsn: str, tmp_path: Path) -> None:
    with pytest.raises(KeyUnavailable):
        open_store(settings=Settings(home=tmp_path, dsn=old_dsn), embedder=HashingEmbedder())
