"""A model on this machine decides about the order, from the question to the answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mnemolog.adapters.embedders.hashing import HashingEmbedder
from mnemolog.adapters.rerankers.cross_encoder import CrossEncoder
from mnemolog.api import Store, open_store
from mnemolog.api.settings import Settings
from mnemolog.domain.refusals import RerankerUnavailable
from tests.tiny_cross_encoder import expected_logits, save_cross_encoder

QUESTION = "tea"
TEXTS = ["tea is hot", "she prefers tea", "coffee for all", "a cup of tea", "tea tea tea", "the last train"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return save_cross_encoder(tmp_path / "tiny")


@pytest.fixture
def store(dsn: str, tmp_path: Path, folder: Path) -> Iterator[Store]:
    with opened(dsn, tmp_path, folder)() as store:
        yield store


def opened(dsn: str, tmp_path: Path, folder: Path) -> Callable[[], Store]:
    settings = Settings(home=tmp_path / "home", dsn=dsn, reranker=f"cross-encoder:{folder}")
    return lambda: open_store(settings=settings, embedder=HashingEmbedder())


def test_hits_come_in_the_order_of_what_the_model_says_about_each(store: Store, folder: Path) -> None:
    store.memories.remember("main", *TEXTS)
    logits = {text: expected_logits(folder, QUESTION, text)[0] for text in TEXTS}
    plain, told = store.recall("main", QUESTION), store.recall("main", QUESTION, rerank=True)
    assert [hit.text for hit in told.hits] == sorted(TEXTS, key=lambda text: -logits[text])
    assert [hit.text for hit in told.hits] != [hit.text for hit in plain.hits]
    assert [hit.signals["rerank"]["raw"] for hit in told.hits] == pytest.approx(
        sorted(logits.values(), reverse=True), abs=1e-4
    )
    assert (told.reranker, plain.reranker) == (CrossEncoder(str(folder)).name, None)


def test_the_same_question_has_the_same_answer_to_the_bit_also_after_a_restart(
    dsn: str, tmp_path: Path, folder: Path
) -> None:
    answers = []
    for opening in (1, 2):
        with opened(dsn, tmp_path, folder)() as store:
            if opening == 1:
                store.memories.remember("main", *TEXTS, *TEXTS)
            answers += [store.recall("main", QUESTION, rerank=True).hits for _ in range(2)]
    assert len(answers[0]) == 10
    assert answers[0] == answers[1] == answers[2] == answers[3]


def test_of_texts_that_the_model_cannot_tell_apart_the_former_order_stays(store: Store) -> None:
    store.memories.remember("main", *["tea is hot"] * 5)
    plain, told = store.recall("main", QUESTION), store.recall("main", QUESTION, rerank=True)
    assert [hit.memory_id for hit in told.hits] == [hit.memory_id for hit in plain.hits]


def test_a_model_that_is_gone_refuses_only_the_question_that_asked_for_it(dsn: str, tmp_path: Path) -> None:
    with opened(dsn, tmp_path, tmp_path / "gone")() as store:
        store.memories.remember("main", *TEXTS)
        with pytest.raises(RerankerUnavailable, match="no folder here"):
            store.recall("main", QUESTION, rerank=True)
        assert len(store.recall("main", QUESTION).hits) == len(TEXTS)
