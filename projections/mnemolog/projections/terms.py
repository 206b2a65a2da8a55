"""BM25 at any position of the log, for each cube by itself.

Robertson and Zaragoza 2009, with the idf of Lucene: ln(1 + (N - df + 0.5) / (df + 0.5)). All statistics are taken over
the wordings that the caller may see and nothing else, so a score tells nothing about a text that is hidden.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import numpy as np

from mnemolog.domain.log import Event
from mnemolog.domain.memory import Memory
from mnemolog.projections.fold import Fold, place_of
from mnemolog.projections.growing import Growing
from mnemolog.projections.language import terms
from mnemolog.projections.wordings import Numbers, Positions, Rows, Scores, Wordings

K1, B = 0.9, 0.3
GROUP_K1, GROUP_B = 1.2, 0.5  # whole conversations, whose lengths differ more
# Not strftime, whose names of months follow the machine's language.
MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
          "December")  # fmt: skip


@dataclass(slots=True)
class Posting:
    """The rows that hold a term, ascending, and how often each does."""

    rows: array[int] = field(default_factory=lambda: array("q"))
    counts: array[int] = field(default_factory=lambda: array("q"))

    def drop(self, row: int) -> None:
        place = bisect_left(self.rows, row)
        del self.rows[place], self.counts[place]


class CubeTerms:
    def __init__(self) -> None:
        self.wordings = Wordings()
        self.dates: dict[UUID, datetime] = {}
        self._lengths = Growing(np.int64)
        self._words: list[tuple[str, ...]] = []
        self._postings: dict[str, Posting] = {}

    def add(self, memory_id: UUID, position: int, date: datetime, words: Sequence[str] | None) -> None:
        self.dates[memory_id] = date
        row = self.wordings.add(memory_id, position, readable=words is not None)
        counts = Counter(words)
        for word, count in counts.items():
            posting = self._postings.setdefault(word, Posting())
            posting.rows.append(row)
            posting.counts.append(count)
        self._lengths.append(counts.total())
        self._words.append(tuple(counts))

    def erase(self, memory_id: UUID) -> None:
        for row in self.wordings.forget(memory_id):
            for word in self._words[row]:
                self._postings[word].drop(row)
                if not self._postings[word].rows:
                    del self._postings[word]
            self._words[row] = ()
            self._lengths.rows[row] = 0

    def scores(self, words: Iterable[str], positions: Positions, at: int) -> Scores:
        rows = self.wordings.rows_at(positions, at)
        held = np.flatnonzero(rows >= 0)
        lengths = self._lengths.rows[rows]
        total = int(lengths[held].sum())
        scores = np.zeros(len(positions))
        if not total:
            return scores
        norms = K1 * (1 - B + B * lengths / (total / len(held)))
        places = np.full(len(self.wordings), -1, np.intp)
        places[rows[held]] = held
        for word in sorted(set(words)):  # in one order always, or sums would differ in their last bit
            self._add_scores(scores, word, places, norms, len(held))
        return scores

    def group_scores(self, words: Iterable[str], positions: Positions, at: int, groups: Numbers) -> Scores:
        rows = self.wordings.rows_at(positions, at)
        held = np.flatnonzero((rows >= 0) & (groups >= 0))
        if not len(held):
            return np.zeros(len(positions))
        size = int(groups.max()) + 1
        lengths = np.bincount(groups[held], self._lengths.rows[rows[held]], size)
        present = np.bincount(groups[held], minlength=size) > 0
        total = int(present.sum())
        norms = GROUP_K1 * (1 - GROUP_B + GROUP_B * lengths / max(1.0, lengths[present].mean()))
        places = np.full(len(self.wordings), -1, np.intp)
        places[rows[held]] = groups[held]
        scores = np.zeros(size)
        for word in sorted(set(words)):
            scores += self._group_scores(word, places, norms, total)
        return np.where(groups >= 0, scores[groups], 0.0)

    def _group_scores(self, word: str, places: Rows, norms: Scores, total: int) -> Scores:
        posting = self._postings.get(word)
        if posting is None:
            return np.zeros(len(norms))
        found = places[np.frombuffer(posting.rows, np.int64)]
        seen = found >= 0
        counts = np.bincount(found[seen], np.frombuffer(posting.counts, np.int64)[seen], len(norms))
        holding = int((counts > 0).sum())
        idf = np.log(1 + (total - holding + 0.5) / (holding + 0.5))
        scores: Scores = idf * counts * (GROUP_K1 + 1) / (counts + norms)
        return scores

    def _add_scores(self, scores: Scores, word: str, places: Rows, norms: Scores, total: int) -> None:
        posting = self._postings.get(word)
        if posting is None:
            return
        found = places[np.frombuffer(posting.rows, np.int64)]
        seen = found >= 0
        found, counts = found[seen], np.frombuffer(posting.counts, np.int64)[seen]
        if len(found):
            idf = np.log(1 + (total - len(found) + 0.5) / (len(found) + 0.5))
            scores[found] += idf * counts * (K1 + 1) / (counts + norms[found])

    def content(self) -> Iterator[bytes]:
        yield from self.wordings.content()
        yield self._lengths.rows.astype("<i8").tobytes()
        for word, posting in sorted(self._postings.items()):
            yield word.encode()
            yield np.array([posting.rows, posting.counts], "<i8").tobytes()


class Terms(Fold):
    name = "terms"
    version = 1  # raise it when language.terms gives any text other terms
    types = (Memory.Generated.TOPIC, Memory.Revised.TOPIC, Memory.Erased.TOPIC)

    def __init__(self) -> None:
        super().__init__()
        self._cubes: dict[UUID, CubeTerms] = {}

    def scores(self, cube_id: UUID, words: Sequence[str], positions: Positions, at: int) -> Scores:
        """(n,) BM25 of each of the wordings at `positions` that hold at `at`, with statistics over exactly those.

        The others score 0. `words` are terms as `language.terms` gives them.
        """
        with self._lock:
            cube = self._cubes.get(cube_id)
            return np.zeros(len(positions)) if cube is None else cube.scores(words, positions, at)

    def group_scores(
        self, cube_id: UUID, words: Sequence[str], positions: Positions, at: int, groups: Numbers
    ) -> Scores:
        """(n,) BM25 of the group of each wording, a group being read as one text; 0 for those in no group (-1)."""
        with self._lock:
            cube = self._cubes.get(cube_id)
            return np.zeros(len(positions)) if cube is None else cube.group_scores(words, positions, at, groups)

    def _fold(self, event: Event) -> None:
        cube_id, memory_id = place_of(event)
        cube = self._cubes.get(cube_id) or CubeTerms()
        if event.type == Memory.Erased.TOPIC:
            cube.erase(memory_id)
        else:
            date = event.occurred_at if event.type == Memory.Generated.TOPIC else cube.dates[memory_id]
            words = None if event.erased else terms(wording(event.data, date))
            cube.add(memory_id, event.position, date, words)
        self._cubes[cube_id] = cube

    def _content(self) -> Iterator[bytes]:
        for cube_id, cube in sorted(self._cubes.items()):
            yield cube_id.bytes
            yield from cube.content()


def wording(data: Any, date: datetime) -> str:
    """All that a memory is found by: `[8 May 2023] speaker: key tags text`."""
    description = data["description"]
    day = f"[{date.day} {MONTHS[date.month - 1]} {date.year}]"
    labels = [description.get("key", ""), *description.get("tags", ())]
    return " ".join([day, f"{description.get('speaker', '')}:", *labels, data["text"]])
