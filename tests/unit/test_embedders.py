"""Every embedder keeps the promises of the protocol, also those that speak to a server or a library."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

from mnemolog.adapters.embedders.endpoint import BATCH, LONGEST, EndpointEmbedder
from mnemolog.adapters.embedders.hashing import HashingEmbedder
from mnemolog.adapters.embedders.minilm import MiniLM
from mnemolog.adapters.embedders.sentence_transformers import SentenceTransformerEmbedder
from mnemolog.domain.refusals import EmbedderUnavailable
from mnemolog.projections.embedding import Embedder

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


# -- a real server that answers as OpenAI does, until it is told otherwise ---------------------------------------------

Answer = Callable[["_Handler", dict[str, Any]], None]


class _Handler(BaseHTTPRequestHandler):
    server: EmbeddingServer

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.requests.append(body)
        self.server.headers.append(dict(self.headers))
        answer = self.server.misbehaviours.pop(0) if self.server.misbehaviours else well
        answer(self, body)

    def send(self, content: bytes, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        pass


class EmbeddingServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.misbehaviours: list[Answer] = []
        self.closing = Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"


@contextmanager
def running_server() -> Iterator[EmbeddingServer]:
    with EmbeddingServer() as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.closing.set()
            server.shutdown()
            thread.join()


@pytest.fixture
def server() -> Iterator[EmbeddingServer]:
    with running_server() as server:
        yield server


def answered(body: dict[str, Any]) -> list[dict[str, Any]]:
    rows = 3 * HashingEmbedder(body.get("dimensions", 32)).embed(body["input"])
    return [{"index": place, "embedding": row.tolist()} for place, row in enumerate(rows)]


def well(handler: _Handler, body: dict[str, Any]) -> None:
    handler.send(json.dumps({"data": answered(body)[::-1]}).encode())


def saying(content: str) -> Answer:
    return lambda handler, body: handler.send(content.encode())


def status(code: int, content: str = "{}", **headers: str) -> Answer:
    return lambda handler, body: handler.send(content.encode(), code, **headers)


def changed(change: Callable[[list[dict[str, Any]]], Any]) -> Answer:
    """The right answer, spoiled."""

    def answer(handler: _Handler, body: dict[str, Any]) -> None:
        items = answered(body)
        change(items)
        handler.send(json.dumps({"data": items}).encode())

    return answer


def hang(handler: _Handler, body: dict[str, Any]) -> None:
    handler.server.closing.wait()


def drip(handler: _Handler, body: dict[str, Any]) -> None:
    handler.send_response(200)
    handler.end_headers()
    for _ in range(100):
        if not handler.server.closing.wait(0.05):
            handler.wfile.write(b" ")


def hang_up(handler: _Handler, body: dict[str, Any]) -> None:
    handler.close_connection = True


def stop_halfway(handler: _Handler, body: dict[str, Any]) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"data": [')
    handler.close_connection = True


# -- a small model with weights drawn from a seed ----------------------------------------------------------------------


def make_tiny_model(folder: Path) -> None:
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    from transformers import BertConfig, BertModel, BertTokenizer

    torch.manual_seed(7)
    source = folder / "source"
    letters = [*"abcdefghijklmnopqrstuvwxyz?!.,:"]
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *(f"##{letter}" for letter in letters)]
    BertTokenizer(vocab={token: place for place, token in enumerate(vocabulary)}).save_pretrained(source)
    shape = {"num_hidden_layers": 1, "num_attention_heads": 2, "hidden_size": 16, "intermediate_size": 32}
    BertModel(BertConfig(vocab_size=len(vocabulary), **shape)).save_pretrained(source)
    transformer = Transformer(str(source), max_seq_length=64)
    tiny = SentenceTransformer(modules=[transformer, Pooling(16)], prompts={"query": "query: "}, device="cpu")
    tiny.save(str(folder / "tiny"), create_model_card=False)


@pytest.fixture(scope="module")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    make_tiny_model(folder)
    return folder / "tiny"


# -- what all embedders promise ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=["hashing", "minilm", "endpoint", "sentence-transformers"])
def make(request: pytest.FixtureRequest) -> Iterator[Callable[[], Embedder]]:
    if request.param == "endpoint":
        with running_server() as server:
            yield lambda: EndpointEmbedder(server.url, "tiny")
    elif request.param == "sentence-transformers":
        folder = request.getfixturevalue("tiny_model")
        yield lambda: SentenceTransformerEmbedder(str(folder))
    else:
        yield {"hashing": HashingEmbedder, "minilm": MiniLM}[request.param]


@pytest.fixture(scope="module")
def embedder(make: Callable[[], Embedder]) -> Embedder:
    return make()


class TestEveryEmbedder:
    def test_gives_a_unit_row_of_float32_for_every_text(self, embedder: Embedder) -> None:
        vectors = embedder.embed(TEXTS)
        assert vectors.shape == (len(TEXTS), embedder.dimensions)
        assert vectors.dtype == np.float32
        assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-6)

    def test_gives_no_rows_for_no_texts(self, embedder: Embedder) -> None:
        assert embedder.embed([]).shape == (0, embedder.dimensions)

    def test_gives_queries_unit_rows_too(self, embedder: Embedder) -> None:
        assert_allclose(np.linalg.norm(embedder.embed(TEXTS, as_query=True), axis=1), 1.0, atol=1e-6)

    def test_gives_the_same_vectors_again_also_when_it_is_made_anew(
        self, embedder: Embedder, make: Callable[[], Embedder]
    ) -> None:
        first = embedder.embed(TEXTS)
        assert_allclose(embedder.embed(TEXTS), first, atol=1e-6)
        assert_allclose(make().embed(TEXTS), first, atol=1e-6)

    def test_gives_a_text_its_vector_whatever_else_is_in_the_batch(self, embedder: Embedder) -> None:
        texts = TEXTS + [f"Fact number {number} of many." + " more" * (number % 7) for number in range(70)]
        order = np.random.default_rng(3).permutation(len(texts))
        together = embedder.embed(texts)
        assert_allclose(embedder.embed([texts[place] for place in order]), together[order], atol=1e-5)
        for place in (0, 3, 7, 42):
            assert_allclose(embedder.embed([texts[place]])[0], together[place], atol=1e-5)

    def test_tells_different_texts_apart(self, embedder: Embedder) -> None:
        one, other = embedder.embed([TEXTS[0], TEXTS[3]])
        assert one @ other < 0.999

    def test_answers_many_threads_as_it_answers_one(self, embedder: Embedder) -> None:
        expected = embedder.embed(TEXTS)
        with ThreadPoolExecutor(4) as pool:
            for vectors in pool.map(lambda _: embedder.embed(TEXTS), range(8)):
                assert_allclose(vectors, expected, atol=1e-5)

    def test_has_one_fingerprint(self, embedder: Embedder, make: Callable[[], Embedder]) -> None:
        assert len(embedder.fingerprint) == 32
        assert make().fingerprint == embedder.fingerprint
        assert embedder.name == make().name != ""


# -- endpoints ---------------------------------------------------------------------------------------------------------


def asking(server: EmbeddingServer, *misbehaviours: Answer, **settings: Any) -> EndpointEmbedder:
    server.misbehaviours = list(misbehaviours)
    return EndpointEmbedder(server.url, "tiny", **{"timeout": 20, "pause": 0.001, **settings})


def spoil(place: int, **fields: Any) -> Answer:
    return changed(lambda items: items[place].update(fields))


class TestEndpoint:
    @pytest.mark.parametrize(
        ("answer", "reason"),
        [
            (saying("<html>"), "not JSON"),
            (saying("[]"), "no list of embeddings"),
            (saying('{"data": [1, 2, 3]}'), "no list of embeddings"),
            (changed(lambda items: items.pop()), "2 vectors for 3 texts"),
            (changed(lambda items: items.append(items[0])), "4 vectors for 3 texts"),
            (spoil(1, index=0), "indexes"),
            (spoil(1, index="one"), "indexes"),
            (spoil(1, embedding=[0.5] * 31), "a vector of 31 dimensions where 32 were expected"),
            (spoil(1, embedding=[]), "not a list of numbers"),
            (spoil(1, embedding="AAAA"), "not a list of numbers"),
            (spoil(1, embedding=["1"] * 32), "something else than numbers"),
            (spoil(1, embedding=[None] * 32), "something else than numbers"),
            (spoil(1, embedding=[0.0] * 32), "length zero"),
            (spoil(1, embedding=[float("nan")] * 32), "not JSON"),
            (saying('{"data": [' + ", ".join(3 * ['{"embedding": [1e400]}']) + "]}"), "not JSON"),
            (status(401, "Wrong key sk-secret"), "HTTP status 401"),
            (status(302, Location="http://127.0.0.1:9/"), "HTTP status 302"),
        ],
    )
    def test_an_answer_that_is_no_vectors_is_refused_with_the_reason(
        self, server: EmbeddingServer, answer: Answer, reason: str
    ) -> None:
        embedder = asking(server, answer, api_key="sk-secret")
        with pytest.raises(EmbedderUnavailable, match=reason) as refused:
            embedder.embed(["a private fact", "b", "c"])
        assert len(server.requests) == 1
        assert "private" not in str(refused.value)
        assert "sk-secret" not in str(refused.value)

    @pytest.mark.parametrize("failure", [status(500), status(503), status(429, Retry_After="0"), hang_up, stop_halfway])
    def test_two_passing_failures_are_survived(self, server: EmbeddingServer, failure: Answer) -> None:
        assert asking(server, failure, failure).embed(["a"]).shape == (1, 32)
        assert len(server.requests) == 3

    @pytest.mark.parametrize(
        ("failure", "reason"), [(status(500), "HTTP status 500, 3 times"), (hang_up, "connection to .* failed")]
    )
    def test_a_third_failure_is_the_last(self, server: EmbeddingServer, failure: Answer, reason: str) -> None:
        embedder = asking(server, *[failure] * 4)
        with pytest.raises(EmbedderUnavailable, match=reason):
            embedder.embed(["a"])
        assert len(server.requests) == 3

    def test_nobody_at_the_address_is_a_refusal(self) -> None:
        with running_server() as closed:
            embedder = asking(closed)
        with pytest.raises(EmbedderUnavailable, match="failed"):
            embedder.embed(["a"])

    @pytest.mark.parametrize("slowness", [hang, drip])
    def test_a_server_that_takes_too_long_is_given_up(self, server: EmbeddingServer, slowness: Answer) -> None:
        with pytest.raises(EmbedderUnavailable, match=r"took over 0\.3 seconds"):
            asking(server, slowness, timeout=0.3).embed(["a"])

    def test_texts_for_this_machine_take_no_way_over_a_proxy(
        self, server: EmbeddingServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        assert asking(server).embed(["a"]).shape == (1, 32)

    def test_a_model_that_changes_its_dimension_is_refused(self, server: EmbeddingServer) -> None:
        embedder = asking(server, well, changed(lambda items: items[0].update(embedding=[1.0, 2.0])))
        embedder.embed(["a"])
        with pytest.raises(EmbedderUnavailable, match="2 dimensions where 32"):
            embedder.embed(["a"])

    def test_sends_the_model_the_key_and_the_wished_dimensions(self, server: EmbeddingServer) -> None:
        asking(server, api_key="sk-secret", dimensions=8).embed(["tea"])
        assert server.requests == [{"model": "tiny", "input": ["tea"], "dimensions": 8}]
        assert server.headers[0]["Authorization"] == "Bearer sk-secret"

    def test_sends_batches_and_neither_blank_nor_endless_texts(self, server: EmbeddingServer) -> None:
        texts = ["", "x" * (LONGEST + 1), *(f"fact {number}" for number in range(BATCH))]
        vectors = asking(server).embed(texts)
        assert [len(request["input"]) for request in server.requests] == [BATCH, 1]
        assert len(server.requests[0]["input"][0]) == LONGEST
        assert_allclose(vectors[2:], HashingEmbedder(32).embed(texts[2:]), atol=1e-6)

    def test_the_fingerprint_is_known_without_the_server(self) -> None:
        made = [
            EndpointEmbedder("https://api.example.com/v1", "a"),
            EndpointEmbedder("https://api.example.com/v2", "a"),
            EndpointEmbedder("https://api.example.com/v1", "b"),
            EndpointEmbedder("https://api.example.com/v1", "a", dimensions=8),
        ]
        assert len({embedder.fingerprint for embedder in made}) == 4
        same = EndpointEmbedder("https://API.example.com/v1/", "a", api_key="another", timeout=1)
        assert same.fingerprint == made[0].fingerprint


# -- sentence-transformers ---------------------------------------------------------------------------------------------


class TestSentenceTransformers:
    def test_a_query_gets_the_prompt_that_the_model_has_for_queries(self, tiny_model: Path) -> None:
        embedder = SentenceTransformerEmbedder(str(tiny_model))
        query = embedder.embed(["tea"], as_query=True)
        assert_allclose(query, embedder.embed(["query: tea"]), atol=1e-6)
        assert (query @ embedder.embed(["tea"]).T).item() < 0.999

    def test_an_id_stands_for_its_snapshot(
        self, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from huggingface_hub import constants

        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
        commit, fetched = "c" * 40, tmp_path / "models--acme--tiny"
        shutil.copytree(tiny_model, fetched / "snapshots" / commit)
        (fetched / "refs").mkdir()
        (fetched / "refs" / "main").write_text(commit)
        by_id, by_folder = SentenceTransformerEmbedder("acme/tiny"), SentenceTransformerEmbedder(str(tiny_model))
        assert by_id.fingerprint == by_folder.fingerprint
        assert_allclose(by_id.embed(TEXTS), by_folder.embed(TEXTS), atol=1e-6)
        with pytest.raises(EmbedderUnavailable, match="the hub does not give it"):
            SentenceTransformerEmbedder("acme/tiny", revision="d" * 40).embed(["tea"])
        with pytest.raises(EmbedderUnavailable, match="acme/other is no folder here"):
            _ = SentenceTransformerEmbedder("acme/other").fingerprint

    def test_code_that_a_model_brings_along_is_not_run(self, tiny_model: Path, tmp_path: Path) -> None:
        copy = shutil.copytree(tiny_model, tmp_path / "copy")
        modules = json.loads((copy / "modules.json").read_text())
        modules[1]["type"] = "intruder.Pooling"
        (copy / "modules.json").write_text(json.dumps(modules))
        (copy / "intruder.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
        with pytest.raises(EmbedderUnavailable, match="cannot be loaded"):
            SentenceTransformerEmbedder(str(copy)).embed(["tea"])
        assert not (tmp_path / "ran").exists()
