"""The best hits in the order of a model that reads their texts: after disclosure, so that it reads no other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mnemolog.api.disclosure import Disclosed
from mnemolog.api.parts import Parts
from mnemolog.domain.refusals import Invalid
from mnemolog.projections.recall import Hit, Question
from mnemolog.projections.reranking import Reranker

MOST = 50  # texts that are read for one question, however few hits are asked for
Found = tuple[Hit, Disclosed]


def reranker_of(parts: Parts) -> Reranker:
    """Raises Invalid."""
    if parts.reranker is None:
        raise Invalid(reason="There is no reranker to ask; name one in MNEMOLOG_RERANKER.")
    return parts.reranker


def widened(question: Question) -> Question:
    """As many hits as are read again."""
    return replace(question, k=max(question.k, MOST))


def reranked(reranker: Reranker, query: str, found: Sequence[Found]) -> list[Found]:
    """The first fifty in their new order, of equals the former, and then the others.

    The score stays the sum of the signals that it was; the signal `rerank` has no part in it.
    """
    read, rest = found[:MOST], found[MOST:]
    scores = reranker.rerank(query, [memory.text for _, memory in read])
    told = [
        (replace(hit, signals={**hit.signals, "rerank": {"raw": score, "z": score, "part": 0.0}}), memory)
        for (hit, memory), score in zip(read, scores, strict=True)
    ]
    told.sort(key=lambda each: -each[0].signals["rerank"]["raw"])
    return [*told, *rest]
