"""Every reranker keeps the promises of the protocol, a remote one and one on this machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from math import isfinite
from pathlib import Path
from typing import Any

import pytest

from mnemolog.adapters.rerankers.choose import choose_reranker
from mnemolog.adapters.rerankers.cross_encoder import CrossEncoder
from mnemolog.adapters.rerankers.endpoint import LONGEST, EndpointReranker
from mnemolog.domain.refusals import Invalid, RerankerUnavailable
from mnemolog.projections.reranking import Reranker
from tests.rerank_server import RerankServer, rerank_server
from tests.tiny_cross_encoder import save_cross_encoder

QUERY = "Who?"
TEXTS = [
    "Ada moved to Lisbon in March.",
    "",
    " \t\n",
    "She prefers tea over coffee.",
    "日本語のテキスト、العربية, Ελληνικά",
    "🙂👩‍👩‍👧‍👦 e\u0301 ﬀ ½",
    "a surrogate on its own \ud800, and a \x00",
    "word " * 5_000,
    "x" * 20_000,
    "?!",
]


# -- what all rerankers promise ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=["endpoint", "cross-encoder"])
def make(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Reranker]]:
    if request.param == "endpoint":
        with rerank_server() as server:
            yield lambda: EndpointReranker(server.url, "tiny")
    else:
        folder = save_cross_encoder(tmp_path_factory.mktemp("models") / "tiny")
        yield lambda: CrossEncoder(str(folder))


@pytest.fixture(scope="module")
def any_reranker(make: Callable[[], Reranker]) -> Reranker:
    return make()


class TestEveryReranker:
    @pytest.mark.parametrize("query", [QUERY, "", "\ud800 \x00", "word " * 5_000, "?" * 20_000, "日本語🙂" * 900])
    def test_gives_every_text_a_finite_score_whatever_is_asked(self, any_reranker: Reranker, query: str) -> None:
        scores = any_reranker.rerank(query, TEXTS)
        assert len(scores) == len(TEXTS)
        assert all(type(score) is float and isfinite(score) for score in scores)

    def test_gives_no_scores_for_no_texts(self, any_reranker: Reranker) -> None:
        assert list(any_reranker.rerank(QUERY, [])) == []

    def test_tells_different_texts_apart(self, any_reranker: Reranker) -> None:
        one, other = any_reranker.rerank(QUERY, [TEXTS[0], TEXTS[3]])
        assert one != other

    def test_gives_a_text_its_score_whatever_other_texts_there_are(self, any_reranker: Reranker) -> None:
        together = any_reranker.rerank(QUERY, TEXTS)
        assert any_reranker.rerank(QUERY, TEXTS[::-1]) == together[::-1]
        assert any_reranker.rerank(QUERY, [*TEXTS, *TEXTS]) == [*together, *together]
        assert [any_reranker.rerank(QUERY, [text])[0] for text in TEXTS] == together

    def test_gives_the_same_scores_again_also_when_it_is_made_anew(
        self, any_reranker: Reranker, make: Callable[[], Reranker]
    ) -> None:
        first = any_reranker.rerank(QUERY, TEXTS)
        assert any_reranker.rerank(QUERY, TEXTS) == first
        assert make().rerank(QUERY, TEXTS) == first

    def test_answers_many_threads_as_it_answers_one(self, any_reranker: Reranker, make: Callable[[], Reranker]) -> None:
        expected, fresh = any_reranker.rerank(QUERY, TEXTS), make()
        with ThreadPoolExecutor(4) as pool:
            assert all(scores == expected for scores in pool.map(lambda _: fresh.rerank(QUERY, TEXTS), range(8)))

    def test_is_called_the_same_when_it_is_made_anew(
        self, any_reranker: Reranker, make: Callable[[], Reranker]
    ) -> None:
        assert any_reranker.name == make().name
        assert any_reranker.name.startswith("tiny ")


# -- endpoints ---------------------------------------------------------------------------------------------------------


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


# -- names -------------------------------------------------------------------------------------------------------------


def test_a_name_stands_for_a_reranker_and_none_for_none(tmp_path: Path) -> None:
    assert choose_reranker("none") is None
    chosen = choose_reranker("rerank:https://api.example.com/v1#acme/small")
    assert chosen is not None
    assert chosen.name == "acme/small at api.example.com"
    local = choose_reranker(f"cross-encoder:{save_cross_encoder(tmp_path / 'a#b:c')}")
    assert local is not None
    assert local.name.startswith("a#b:c ")


@pytest.mark.parametrize(
    "name",
    ["", "auto", "rerank:", "rerank:https://a.io", "rerank:#m", "openai:https://a.io#m", "cross-encoder",
     "cross-encoder:", "CROSS-ENCODER:/models", "none:"],
)  # fmt: skip
def test_an_unknown_name_is_refused_with_the_choices(name: str) -> None:
    with pytest.raises(Invalid, match="none, cross-encoder:<folder>, rerank:<url>#<model>"):
        choose_reranker(name)


def test_an_endpoint_in_the_clear_is_refused() -> None:
    with pytest.raises(Invalid, match="use https"):
        choose_reranker("rerank:http://a.io/v1#small")


def test_choosing_loads_no_library_that_runs_models() -> None:
    program = (
        "import sys\n"
        "from mnemolog.adapters.rerankers.choose import choose_reranker\n"
        "choose_reranker('cross-encoder:/nowhere')\n"
        "assert not {'torch', 'transformers', 'safetensors'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], env=os.environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
