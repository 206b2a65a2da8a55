"""All of recall but the embedding of the question, by the recipe `dialogue`, against the scan of the vectors alone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace

from benchmarks.corpus import ASKED, CALLER, CUBE, NOW, Corpus, against_scan
from benchmarks.figure import Figure
from mnemolog.projections.audience import Audiences
from mnemolog.projections.recall import Question, Ranking, Views, recall

MEMORIES = min(10_000, int(os.environ.get("MEMORIES", "10000")))


def small_cube(_: str) -> Iterator[Figure]:
    yield from whole_recall(Corpus.of(MEMORIES), "exact", 3)


def whole_recall(corpus: Corpus, how: str, slowest: float | None = None) -> Iterator[Figure]:
    """A first question after a write makes the audience anew: what the caller may see, and its statistics."""
    questions = [Question(text, exact=how == "exact") for text in corpus.speech.questions(ASKED)]

    def ask(number: int, views: Views = corpus.views) -> Ranking:
        return recall(views, CUBE, questions[number], lambda _: corpus.queries[number], CALLER, NOW)

    def ask_first(number: int) -> Ranking:
        return ask(number, replace(corpus.views, audiences=Audiences()))

    ask(0)
    name = f"recall of {corpus.size:,}, {how}"
    yield from against_scan(corpus, name, ask, slowest)
    yield from against_scan(corpus, f"{name}, first question after a write", ask_first)
