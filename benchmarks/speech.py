"""Made-up conversations: words of a Zipf vocabulary, two speakers to a talk. The same for the same seed."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import product
from uuid import UUID

import numpy as np

VOCABULARY, HEAD = (
    30_000,
    30,
)  # p(rank) ~ 1 / (rank + HEAD): the words before these are the function words of a language
SHORTEST, LONGEST, TALK = 8, 24, 25  # words of a turn, and turns of a talk
PEOPLE, ASKED_WORDS, CHUNK = 40, 3, 5_000
BEGUN, APART = datetime(2021, 1, 1, tzinfo=UTC), timedelta(hours=6)
MONTHS = ("January", "March", "June", "October")


@dataclass(frozen=True, slots=True)
class Turn:
    text: str
    speaker: str
    talk_id: UUID
    occurred_at: datetime


class Speech:
    def __init__(self, seed: int = 0) -> None:
        self._random, self._rng = random.Random(seed), np.random.default_rng(seed)
        syllables = ["".join(pair) for pair in product("bdfgklmnprstvz", "aeiou")]
        words = ["".join(parts) for parts in product(syllables, repeat=3)]
        self._words = np.array(self._random.sample(words, VOCABULARY))
        shares = 1 / (np.arange(VOCABULARY) + HEAD)
        self._shares = shares / shares.sum()
        self.people = [f"{syllables[n].capitalize()}{syllables[-1 - n]}" for n in range(PEOPLE)]

    def turns(self, n: int) -> Iterator[Turn]:
        for number, words in enumerate(self._drawn(n, SHORTEST, LONGEST)):
            talk = number // TALK
            speakers = self.people[talk % len(self.people)], self.people[(7 * talk + 1) % len(self.people)]
            at = BEGUN + talk * APART + timedelta(seconds=number % TALK)
            yield Turn(" ".join(words), speakers[number % 2], UUID(int=10**6 + talk), at)

    def questions(self, n: int) -> list[str]:
        """A third of them name a speaker, and a sixth a month."""
        return [self._question(number, words) for number, words in enumerate(self._drawn(n, ASKED_WORDS, ASKED_WORDS))]

    def words(self, n: int) -> list[Sequence[str]]:
        return list(self._drawn(n, ASKED_WORDS, ASKED_WORDS))

    def _question(self, number: int, words: Sequence[str]) -> str:
        about = " and ".join(words)
        if number % 3 == 0:
            return f"What did {self._random.choice(self.people)} say about {about}?"
        if number % 6 == 1:
            return f"What was it about {about} in {self._random.choice(MONTHS)} 2022?"
        return f"Where is {about}?"

    def _drawn(self, n: int, shortest: int, longest: int) -> Iterator[Sequence[str]]:
        for start in range(0, n, CHUNK):
            sizes = self._rng.integers(shortest, longest, min(CHUNK, n - start), endpoint=True)
            drawn = self._words[self._rng.choice(VOCABULARY, int(sizes.sum()), p=self._shares)].tolist()
            end = 0
            for size in sizes.tolist():
                yield drawn[end : end + size]
                end += size
