"""A model that reads texts decides about the order, and reads no text that the caller may not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from mnemolog.adapters.embedders.hashing import HashingEmbedder
from mnemolog.api import Store, open_store
from mnemolog.api.reranked import MOST
from mnemolog.api.settings import Settings
from mnemolog.domain.commands import Remember
from mnemolog.domain.metadata import Visibility
from mnemolog.domain.principal import PrincipalKind
from mnemolog.domain.refusals import Invalid, RerankerUnavailable
from mnemolog.projections.recall import Question
from tests.rerank_server import RerankServer, rerank_server

QUESTION = "tea"


@pytest.fixture
def model() -> Iterator[RerankServer]:
    with rerank_server() as model:
        yield model


@pytest.fixture
def store(dsn: str, tmp_path: Path, model: RerankServer) -> Iterator[Store]:
    settings = Settings(home=tmp_path / "home", dsn=dsn, reranker=f"rerank:{model.url}#tiny")
    with open_store(settings=settings, embedder=HashingEmbedder()) as store:
        yield store


def test_the_model_decides_about_the_order_of_more_than_is_asked_for(store: Store, model: RerankServer) -> None:
    texts = ["Tea is hot.", "Tea and a pan.", "A banana, and a papaya."]
    store.memories.remember("main", *texts)
    question = Question(QUESTION, k=2, recipe="keyword")
    plain, told = store.recall("main", question), store.recall("main", question, rerank=True)
    assert [hit.text for hit in told.hits] == [texts[2], texts[1]]
    assert [hit.signals["rerank"]["raw"] for hit in told.hits] == [texts[2].count("a"), texts[1].count("a")]
    assert told.hits[1].score == sum(signal["part"] for signal in told.hits[1].signals.values())
    assert (told.reranker, plain.reranker) == (f"tiny at 127.0.0.1:{model.server_port}", None)
    assert {hit.text for hit in plain.hits} == set(texts[:2])
    assert all("rerank" not in hit.signals for hit in plain.hits)
    assert len(model.requests) == 1


def test_what_is_not_read_again_comes_after_what_is(store: Store, model: RerankServer) -> None:
    store.memories.remember("main", *(f"Tea number {number}." for number in range(MOST + 5)))
    plain = [hit.memory_id for hit in store.recall("main", QUESTION, k=MOST + 3).hits]
    told = store.recall("main", QUESTION, k=MOST + 3, rerank=True).hits
    assert [hit.memory_id for hit in told] == plain  # all have as many letters a
    assert ["rerank" in hit.signals for hit in told] == [True] * MOST + [False] * 3
    assert len(model.requests[0]["documents"]) == MOST


def test_the_model_reads_only_what_the_caller_may_read(store: Store, model: RerankServer) -> None:
    secret = Remember(text="Secret tea.", visibility=Visibility.SESSION)
    store.in_session(uuid4()).memories.remember("main", secret)
    store.memories.remember("main", "Tea for all.", "Coffee for all.")
    store.recall("main", QUESTION, rerank=True)
    assert sorted(model.requests[0]["documents"]) == ["Coffee for all.", "Tea for all."]
    other = store.principals.register("an agent", PrincipalKind.AGENT, administrator=True)
    store.acting_as(store.principals.issue_key(other.principal_id).key).recall("main", QUESTION, rerank=True)
    assert "Secret tea." not in model.requests[1]["documents"]


def test_the_model_is_not_told_what_is_a_filter_and_no_part_of_the_text(store: Store, model: RerankServer) -> None:
    store.memories.remember("main", Remember(text="Tea.", tags=("hot",)), "Iced tea.")
    for question in ("Which tea? tag:hot", "tag:hot"):
        told = store.recall("main", question, rerank=True)
        assert [hit.text for hit in told.hits] == ["Tea."]
    assert [request["query"] for request in model.requests] == ["Which tea?", "tag:hot"]


def test_a_budget_is_spent_in_the_new_order(store: Store) -> None:
    store.memories.remember("main", "Tea tea.", "A banana.")
    told = store.recall("main", Question(QUESTION, recipe="keyword"), rerank=True, budget=3)
    assert ([hit.text for hit in told.hits], told.dropped) == (["A banana."], {"budget": 1})


def test_a_model_that_does_not_answer_refuses_the_question_that_asked_for_it(store: Store, model: RerankServer) -> None:
    store.memories.remember("main", "Tea tea.")
    model.misbehaviours.append((401, b""))
    with pytest.raises(RerankerUnavailable, match="401"):
        store.recall("main", QUESTION, rerank=True)
    assert len(store.recall("main", QUESTION).hits) == 1


def test_without_a_model_there_is_no_other_order(dsn: str, tmp_path: Path) -> None:
    with (
        open_store(tmp_path / "home", dsn, embedder=HashingEmbedder()) as store,
        pytest.raises(Invalid, match="MNEMOLOG_RERANKER"),
    ):
        store.recall("main", QUESTION, rerank=True)
