"""What clients are told while something that the store needs does not answer."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from mnemolog.adapters.embedders.hashing import HashingEmbedder
from mnemolog.api.settings import Settings
from mnemolog.api.store import open_store
from mnemolog.domain.refusals import EmbedderUnavailable
from mnemolog.projections.embedding import Vectors
from tests.served import PATIENCE, Served, refusal, serving

SECRET = "model.internal refused sk-canary"


class Moody(HashingEmbedder):
    """An embedding model that can be away."""

    away = False

    def embed(self, texts: Sequence[str], *, as_query: bool = False) -> Vectors:
        if self.away:
            raise EmbedderUnavailable(reason=SECRET)
        return super().embed(texts, as_query=as_query)


@pytest.fixture
def model() -> Moody:
    return Moody()


@pytest.fixture
def troubled(dsn: str, tmp_path: Path, model: Moody) -> Iterator[Served]:
    settings = Settings(home=tmp_path, dsn=dsn, wait_seconds=0.2)
    with open_store(settings=settings, embedder=model) as store, serving(store) as (url, _):
        served = Served(store, url)
        yield served
        served.close()


def comes_to(served: Served, status: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while served.anonymous.get("/readyz").status_code != status:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_store_without_its_model_remembers_says_so_and_recovers(troubled: Served, model: Moody) -> None:
    model.away = True
    memory_id = troubled.remember("Tea is kept in the blue tin.", cube="main")
    assert troubled.client.get(f"/v1/memories/{memory_id}").status_code == 200
    comes_to(troubled, 503)
    told = troubled.anonymous.get("/readyz")
    assert refusal(told) == (503, "unavailable")
    assert told.headers["retry-after"] == "1"
    assert troubled.anonymous.get("/healthz").status_code == 200
    question = {"cube": "main", "query": "tea"}
    assert refusal(troubled.client.post("/v1/recall", json=question)) == (503, "projection_behind")
    model.away = False
    comes_to(troubled, 200)
    assert troubled.client.post("/v1/recall", json=question).json()["hits"][0]["memory_id"] == str(memory_id)


def test_the_reason_of_an_outage_stays_with_the_operator(troubled: Served, model: Moody) -> None:
    troubled.remember(cube="main")
    question = {"cube": "main", "query": "tea"}
    assert troubled.client.post("/v1/recall", json=question).status_code == 200
    model.away = True
    response = troubled.client.post("/v1/recall", json=question)
    assert refusal(response) == (503, "embedder_unavailable")
    assert SECRET not in response.text
