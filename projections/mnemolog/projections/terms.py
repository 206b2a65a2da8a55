"""BM25 at any position of the log, for each cube by itself.

Robertson and Zaragoza 2009, with the idf of Lucene: ln(1 + (N - df + 0.5) / (df + 0.5)). All statistics are taken over
the wordings that the caller may see and nothing else, so a score tells nothing about a text that is hidden.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from math import log
from typing import Any, Self
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from mnemolog.domain.cube import Cube
from mnemolog.domain.log import Event
from mnemolog.domain.memory import Memory
from mnemolog.projections.cube_fold import CubeFold
from mnemolog.projections.fold import place_of
from mnemolog.projections.growing import Growing
from mnemolog.projections.language import terms
from mnemolog.projections.saved import Arrays, packed, part, prefixed, unpacked
from mnemolog.projections.wordings import Numbers, Positions, Rows, Scores, Wordings

K1, B = 0.9, 0.3
GROUP_K1, GROUP_B = 1.2, 0.5  # whole conversations, whose lengths differ more
Places = NDArray[np.int32]
NOWHERE = -1
GONE = -1  # a word of an erased text
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ITEM = array("i").itemsize
# Not strftime, whose names of months follow the machine's language.
MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
          "December")  # fmt: skip


class Posting:
    """The rows that hold a term, ascending, and how often each does."""

    __slots__ = ("counts", "rows")

    def __init__(self, rows: bytes = b"", counts: bytes = b"") -> None:
        self.rows, self.counts = array("i", rows), array("i", counts)

    def drop(self, row: int) -> None:
        place = bisect_left(self.rows, row)
        del self.rows[place], self.counts[place]

    def found(self, places: Places) -> tuple[Places, NDArray[np.int32]]:
        """The places of those rows that have one, and their counts. Rows that are newer than the places have none."""
        known = bisect_left(self.rows, len(places))
        found = places[np.frombuffer(self.rows, np.int32, known)]
        seen = found != NOWHERE
        return found[seen], np.frombuffer(self.counts, np.int32, known)[seen]


@dataclass(frozen=True, slots=True, eq=False)
class Statistics:
    """Of the texts that may be seen, which are wordings or groups of them.

    `places` (rows of the view,) has the number of the text that a row belongs to, or NOWHERE; `norms` (texts,) is
    k1 (1 - b + b length / mean length); `count` is N.
    """

    places: Places
    norms: Scores
    count: int


class CubeTerms:
    def __init__(self) -> None:
        self.wordings = Wordings()
        self._dates = Growing(np.int64)  # microseconds since 1970, of each memory
        self._lengths, self._ends = Growing(np.int32), Growing(np.int64)  # of each row; its words end there
        self._words = array("i")  # the numbers of the words of all rows, one row after the other
        self._numbers: dict[str, int] = {}
        self._names: list[str] = []  # by number; empty when no row has the word any more
        self._postings: list[Posting] = []

    def __len__(self) -> int:
        return len(self.wordings)

    def date(self, memory_id: UUID) -> datetime:
        return EPOCH + timedelta(microseconds=int(self._dates.rows[self.wordings.memories.known(memory_id)]))

    def add(self, memory_id: UUID, position: int, date: datetime, words: Sequence[str] | None) -> None:
        row = self.wordings.add(memory_id, position, readable=words is not None)
        if len(self.wordings.memories) > len(self._dates):
            self._dates.append((date - EPOCH) // timedelta(microseconds=1))
        counts = Counter(words)
        numbers = [self._number(word) for word in counts]
        for number, count in zip(numbers, counts.values(), strict=True):
            posting = self._postings[number]
            posting.rows.append(row)
            posting.counts.append(count)
        self._words.extend(numbers)
        self._lengths.append(counts.total())
        self._ends.append(len(self._words))

    def _number(self, word: str) -> int:
        number = self._numbers.get(word)
        if number is None:
            number = self._numbers[word] = len(self._postings)
            self._names.append(word)
            self._postings.append(Posting())
        return number

    def erase(self, memory_id: UUID) -> None:
        """A word that nothing holds any more is forgotten; its number is not used again."""
        for row in self.wordings.forget(memory_id):
            for place in range(int(self._ends.rows[row - 1]) if row else 0, int(self._ends.rows[row])):
                if self._words[place] != GONE:
                    self._drop(self._words[place], row)
                self._words[place] = GONE
            self._lengths.rows[row] = 0

    def _drop(self, number: int, row: int) -> None:
        self._postings[number].drop(row)
        if not self._postings[number].rows:
            del self._numbers[self._names[number]]
            self._names[number] = ""

    def statistics(self, positions: Positions, at: int) -> Statistics:
        rows = self.wordings.rows_at(positions, at)
        held = np.flatnonzero(rows >= 0)
        lengths = np.zeros(len(positions), np.int64)
        lengths[held] = self._lengths.rows[rows[held]]
        mean = int(lengths.sum()) / len(held) if len(held) else 0.0
        norms = K1 * (1 - B + B * lengths / (mean or 1.0))
        return Statistics(self._places(rows[held], held), norms.astype(np.float64), len(held))

    def group_statistics(self, positions: Positions, at: int, groups: Numbers) -> Statistics:
        rows = self.wordings.rows_at(positions, at)
        held = np.flatnonzero((rows >= 0) & (groups >= 0))
        size = int(groups.max(initial=-1)) + 1
        lengths = np.bincount(groups[held], self._lengths.rows[rows[held]], size)
        present = np.bincount(groups[held], minlength=size) > 0
        mean = max(1.0, float(lengths[present].mean())) if present.any() else 1.0
        norms = GROUP_K1 * (1 - GROUP_B + GROUP_B * lengths / mean)
        return Statistics(self._places(rows[held], groups[held]), norms.astype(np.float64), int(present.sum()))

    def _places(self, rows: Rows, places: Numbers) -> Places:
        found = np.full(len(self.wordings), NOWHERE, np.int32)
        found[rows] = places
        return found

    def scores(self, words: Iterable[str], statistics: Statistics) -> Scores:
        scores = np.zeros(len(statistics.norms))
        for word in sorted(set(words)):  # in one order always, or sums would differ in their last bit
            if (posting := self._posting(word)) is not None:
                found, counts = posting.found(statistics.places)
                if len(found):
                    scores[found] += (
                        _idf(statistics, len(found)) * counts * (K1 + 1) / (counts + statistics.norms[found])
                    )
        return scores

    def group_scores(self, words: Iterable[str], statistics: Statistics) -> Scores:
        scores = np.zeros(len(statistics.norms))
        for word in sorted(set(words)):
            if (posting := self._posting(word)) is not None:
                found, occurring = posting.found(statistics.places)
                counts = np.bincount(found, occurring, len(scores))
                idf = _idf(statistics, int((counts > 0).sum()))
                scores += idf * counts * (GROUP_K1 + 1) / (counts + statistics.norms)
        return scores

    def _posting(self, word: str) -> Posting | None:
        number = self._numbers.get(word)
        return None if number is None else self._postings[number]

    def content(self) -> Iterator[bytes]:
        yield from self.wordings.content()
        yield self._dates.rows.astype("<i8").tobytes()
        yield self._lengths.rows.astype("<i8").tobytes()
        for word, number in sorted(self._numbers.items()):
            yield word.encode()
            posting = self._postings[number]
            yield np.array([posting.rows, posting.counts], "<i8").tobytes()

    def saved(self) -> Arrays:
        """Words that are gone get no number, so that nothing is left of them."""
        postings = [self._postings[number] for number in self._numbers.values()]
        renumbered = np.full(len(self._postings) + 1, GONE, np.int32)
        renumbered[list(self._numbers.values())] = np.arange(len(postings), dtype=np.int32)
        return prefixed("wordings", self.wordings.saved()) | {
            "dates": self._dates.rows.copy(),
            "lengths": self._lengths.rows.copy(),
            "ends": self._ends.rows.copy(),
            "words": renumbered[np.frombuffer(self._words, np.int32)],  # GONE is the last, which stays what it is
            "names": packed(list(self._numbers)),
            "sizes": np.array([len(posting.rows) for posting in postings], np.int64),
            "rows": np.frombuffer(b"".join(posting.rows.tobytes() for posting in postings), np.int32),
            "counts": np.frombuffer(b"".join(posting.counts.tobytes() for posting in postings), np.int32),
        }

    @classmethod
    def restored(cls, arrays: Arrays) -> Self:
        cube = cls()
        cube.wordings = Wordings.restored(part("wordings", arrays))
        cube._dates, cube._ends = Growing(np.int64, (), arrays["dates"]), Growing(np.int64, (), arrays["ends"])
        cube._lengths, cube._words = Growing(np.int32, (), arrays["lengths"]), array("i", arrays["words"].tobytes())
        cube._names = unpacked(arrays["names"])
        cube._numbers = {word: number for number, word in enumerate(cube._names)}
        rows, counts = arrays["rows"].tobytes(), arrays["counts"].tobytes()
        ends = (ITEM * np.cumsum(arrays["sizes"])).tolist()
        cube._postings = [Posting(rows[a:b], counts[a:b]) for a, b in pairwise([0, *ends])]
        return cube


class Terms(CubeFold[CubeTerms]):
    name = "terms"
    version = 1  # raise it when language.terms gives any text other terms
    types = (Cube.Founded.TOPIC, Memory.Generated.TOPIC, Memory.Revised.TOPIC, Memory.Erased.TOPIC)
    state = CubeTerms

    def statistics(self, cube_id: UUID, positions: Positions, at: int) -> Statistics:
        """Of the wordings at `positions` that hold at `at`, over exactly those."""
        with self._reading(cube_id) as cube:
            return cube.statistics(positions, at)

    def group_statistics(self, cube_id: UUID, positions: Positions, at: int, groups: Numbers) -> Statistics:
        """Of groups of wordings, numbered from 0, each read as one text; -1 is in no group."""
        with self._reading(cube_id) as cube:
            return cube.group_statistics(positions, at, groups)

    def scores(self, cube_id: UUID, words: Sequence[str], statistics: Statistics) -> Scores:
        """(n,) BM25 of each wording. `words` are terms as `language.terms` gives them."""
        with self._reading(cube_id) as cube:
            return cube.scores(words, statistics)

    def group_scores(self, cube_id: UUID, words: Sequence[str], statistics: Statistics) -> Scores:
        """(groups,) BM25 of each group."""
        with self._reading(cube_id) as cube:
            return cube.group_scores(words, statistics)

    def _fold_into(self, state: CubeTerms, event: Event) -> None:
        _, memory_id = place_of(event)
        if event.type == Memory.Erased.TOPIC:
            state.erase(memory_id)
            return
        date = event.occurred_at if event.type == Memory.Generated.TOPIC else state.date(memory_id)
        words = None if event.erased else terms(wording(event.data, date))
        state.add(memory_id, event.position, date, words)


def _idf(statistics: Statistics, holding: int) -> float:
    return log(1 + (statistics.count - holding + 0.5) / (holding + 0.5))


def wording(data: Any, date: datetime) -> str:
    """All that a memory is found by: `[8 May 2023] speaker: key tags text`."""
    description = data["description"]
    day = f"[{date.day} {MONTHS[date.month - 1]} {date.year}]"
    labels = [description.get("key", ""), *description.get("tags", ())]
    return " ".join([day, f"{description.get('speaker', '')}:", *labels, data["text"]])
