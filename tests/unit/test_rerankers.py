from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from mnemolog.adapters.rerankers.choose import choose_reranker
from mnemolog.adapters.rerankers.endpoint import LONGEST, EndpointReranker
from mnemolog.domain.refusals import Invalid, RerankerUnavailable
from tests.rerank_server import RerankServer, rerank_server

QUERY = "Who?"


@pytest.fixture
def server() -> Iterator[RerankServer]:
    with rerank_server() as server:
        yield server


def reranker(server: RerankServer) -> EndpointReranker:
    return EndpointReranker(server.url, "tiny", "sk-secret", pause=0)


def test_the_scores_come_in_the_order_of_the_texts(server: RerankServer) -> None:
    assert reranker(server).rerank(QUERY, ["a", "", "aaa", "咖啡 aa"]) == [1.0, 0.0, 3.0, 2.0]
    (request,) = server.requests
    assert (request["path"], request["key"]) == ("/v1/rerank", "Bearer sk-secret")
    assert (request["model"], request["query"], request["documents"][3]) == ("tiny", QUERY, "咖啡 aa")


def test_nothing_is_asked_about_no_texts(server: RerankServer) -> None:
    assert reranker(server).rerank(QUERY, []) == []
    assert server.requests == []


def test_of_a_long_text_the_beginning_is_read(server: RerankServer) -> None:
    assert reranker(server).rerank(QUERY * LONGEST, ["a" * (LONGEST + 1)]) == [LONGEST]
    assert len(server.requests[0]["query"]) == LONGEST


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "[]",
        "{}",
        {"results": None},
        {"results": [1, 2]},
        {"results": []},
        {"results": [{"index": 0, "relevance_score": 1}]},
        {"results": [{"index": 0, "relevance_score": 1}] * 2},
        {"results": [{"index": 0, "relevance_score": 1}, {"index": 2, "relevance_score": 1}]},
        {"results": [{"index": 0, "relevance_score": 1}, {"index": True, "relevance_score": 1}]},
        {"results": [{"index": 0, "relevance_score": 1}, {"index": [1], "relevance_score": 1}]},
        {"results": [{"index": place, "relevance_score": 1} for place in (0, 1, 1)]},
        {"results": [{"index": place, "relevance_score": "1"} for place in (0, 1)]},
        {"results": [{"index": place, "relevance_score": True} for place in (0, 1)]},
        {"results": [{"index": place} for place in (0, 1)]},
    ],
    ids=str,
)
def test_an_answer_that_makes_no_sense_is_refused(server: RerankServer, answer: Any) -> None:
    content = answer if isinstance(answer, str) else json.dumps(answer)
    server.misbehaviours.append((200, content.encode()))
    with pytest.raises(RerankerUnavailable, match="the endpoint answered with"):
        reranker(server).rerank(QUERY, ["tea", "train"])


@pytest.mark.parametrize(("status", "asked"), [(503, 3), (429, 3), (401, 1)])
def test_a_server_that_fails_is_asked_again_when_that_can_help(server: RerankServer, status: int, asked: int) -> None:
    server.misbehaviours += [(status, b"sk-secret tea")] * 3
    with pytest.raises(RerankerUnavailable, match=str(status)) as refusal:
        reranker(server).rerank(QUERY, ["tea"])
    assert len(server.requests) == asked
    assert not any(secret in str(refusal.value) for secret in ("sk-secret", "tea", QUERY))


def test_a_server_that_is_not_there_is_named() -> None:
    with rerank_server() as server:
        gone = reranker(server)
    with pytest.raises(RerankerUnavailable, match=r"127\.0\.0\.1"):
        gone.rerank(QUERY, ["tea"])


def test_a_name_stands_for_a_reranker_and_none_for_none() -> None:
    assert choose_reranker("none") is None
    chosen = choose_reranker("rerank:https://api.example.com/v1#acme/small")
    assert chosen is not None
    assert chosen.name == "acme/small at api.example.com"


@pytest.mark.parametrize("name", ["", "auto", "rerank:", "rerank:https://a.io", "rerank:#m", "openai:https://a.io#m"])
def test_an_unknown_name_is_refused_with_the_choices(name: str) -> None:
    with pytest.raises(Invalid, match="none or rerank:<url>#<model>"):
        choose_reranker(name)


def test_an_endpoint_in_the_clear_is_refused() -> None:
    with pytest.raises(Invalid, match="use https"):
        choose_reranker("rerank:http://a.io/v1#small")
