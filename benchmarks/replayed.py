"""Whether what is answered as of a position is what views made from the log up to there answer: ids, order, scores.

Random lives of memories in one cube: said, activated, revised, archived, restored, frozen, given an end. Nothing is
erased, because what has been erased is gone from the past too.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import timedelta
from statistics import fmean
from typing import Any
from uuid import UUID

from benchmarks.clusters import Seeded
from benchmarks.corpus import CALLER, CUBE, FIRST, NOW, activated, changed, fold, founded, generated, views_of, wording
from benchmarks.figure import Figure
from benchmarks.speech import Speech
from mnemolog.domain.memory import Memory
from mnemolog.projections.recall import Question, Ranking, Views, recall

HISTORIES = {20: 40, 100: 20, 500: 8, 2_500: 3, 12_000: 1}  # how many of so many memories
MOMENTS, QUESTIONS, CHANGES_EACH = 8, 3, 0.7
RECIPES = {"vectors": "meaning", "BM25": "keyword", "fused": "dialogue"}
SOON, LATELY = ((NOW + timedelta(days=days)).isoformat() for days in (1, -1))
CHANGES: tuple[tuple[str, str, str, dict[str, Any]], ...] = (  # topic, state before, state after, what it says
    (Memory.Archived.TOPIC, "activated", "archived", {"reason": "manual"}),
    (Memory.Restored.TOPIC, "archived", "activated", {}),
    (Memory.Frozen.TOPIC, "activated", "frozen", {"legal_hold": False}),
    (Memory.Thawed.TOPIC, "frozen", "activated", {}),
    (Memory.RetentionSet.TOPIC, "activated", "activated", {"expires_at": SOON}),
    (Memory.RetentionSet.TOPIC, "activated", "activated", {"expires_at": LATELY}),
    (Memory.Revised.TOPIC, "activated", "activated", {"rewritten": True, "trust": 0.9}),
)
EMBEDDER = Seeded()


def as_of_equality(_: str) -> Iterator[Figure]:
    equal = {name: list[bool]() for name in RECIPES}
    for seed, memories in enumerate(size for size, times in HISTORIES.items() for _ in range(times)):
        for name, is_equal in _compared(History(seed, memories)):
            equal[name].append(is_equal)
    for name, answers in equal.items():
        label = f"as of a position / views rebuilt up to it, {name}: equal answers"
        yield Figure.at_least(1, label, fmean(answers), "share")
        yield Figure(f"as of a position / views rebuilt up to it, {name}: compared", len(answers), "answers")


class History:
    def __init__(self, seed: int, memories: int) -> None:
        self.random, self.speech = random.Random(seed), Speech(seed)
        self.events, self._states, self._versions = [founded()], list[str](), list[int]()
        revisions = iter(Speech(seed + 1_000).turns(memories))
        for number, turn in enumerate(self.speech.turns(memories)):
            self.events.append(generated(self._next, UUID(int=FIRST + number), turn))
            self.events.append(activated(self._next, UUID(int=FIRST + number)))
            self._states.append("activated")
            self._versions.append(2)
            if self.random.random() < CHANGES_EACH:
                self._change(wording(next(revisions)))

    @property
    def _next(self) -> int:
        return len(self.events) + 1

    def _change(self, words: dict[str, Any]) -> None:
        number = self.random.randrange(len(self._states))
        possible = [change for change in CHANGES if change[1] == self._states[number]]
        topic, _, self._states[number], facts = self.random.choice(possible)
        self._versions[number] += 1
        data = facts | words if topic == Memory.Revised.TOPIC else facts
        self.events.append(changed(self._next, UUID(int=FIRST + number), self._versions[number], topic, data))


def _compared(history: History) -> Iterator[tuple[str, bool]]:
    """The name of each recipe with whether the two agree, for some questions at some positions."""
    questions = history.speech.questions(QUESTIONS)
    now = views_of(EMBEDDER)
    fold(now, history.events)
    for at in sorted(history.random.sample(range(1, len(history.events) + 1), MOMENTS)):
        then = views_of(EMBEDDER)
        fold(then, history.events[:at])
        for text in questions:
            for name, recipe in RECIPES.items():
                question = Question(text, recipe=recipe)
                yield name, _asked(now, question, at) == _asked(then, question)


def _asked(views: Views, question: Question, at: int | None = None) -> Ranking:
    return recall(views, CUBE, question, lambda text: EMBEDDER.embed([text]), CALLER, NOW, at)
