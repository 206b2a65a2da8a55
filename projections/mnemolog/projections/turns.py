"""Who said it, in which conversation, on which day: what makes neighbours of memories.

Speakers' names are personal. They are held here as long as a memory that may be read names them, and go with it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Self
from uuid import UUID

import numpy as np

from mnemolog.domain.cube import Cube
from mnemolog.domain.log import Event
from mnemolog.domain.memory import Memory
from mnemolog.projections.cube_fold import CubeFold
from mnemolog.projections.fold import place_of
from mnemolog.projections.growing import Growing
from mnemolog.projections.saved import Arrays, packed, part, prefixed, unpacked
from mnemolog.projections.wordings import Numbers, Positions, Wordings

NONE = -1
DAY_ZERO = date(1970, 1, 1).toordinal()
TURN = np.dtype([("speaker", "<i4"), ("context", "<i4"), ("day", "<i4")])


@dataclass(frozen=True, slots=True)
class Spoken:
    """For n wordings: numbers of their speakers and contexts (NONE for none), and days since 1970.

    `names` has the speakers of these wordings and no other, so that a name which only hidden memories know is unknown.
    """

    speakers: Numbers
    contexts: Numbers
    days: Numbers
    names: dict[str, int]


class CubeTurns:
    def __init__(self) -> None:
        self.wordings = Wordings()
        self._days = Growing(np.int32)  # of the birth of each memory
        self._turns = Growing(TURN)
        self._contexts: dict[str, int] = {}
        self._speakers: dict[str, int] = {}
        self._names: list[str] = []  # by number; empty when no wording has it any more
        self._named: Counter[int] = Counter()

    def __len__(self) -> int:
        return len(self.wordings)

    def bear(self, memory_id: UUID, position: int, day: int, data: Any, *, readable: bool) -> None:
        self._days.append(day)
        self._word(memory_id, position, day, data, readable=readable)

    def word(self, memory_id: UUID, position: int, data: Any, *, readable: bool) -> None:
        day = int(self._days.rows[self.wordings.memories.known(memory_id)])
        self._word(memory_id, position, day, data, readable=readable)

    def _word(self, memory_id: UUID, position: int, day: int, data: Any, *, readable: bool) -> None:
        name = " ".join(data["description"].get("speaker", "").casefold().split()) if readable else ""
        context = data["governance"].get("context_id")
        self.wordings.add(memory_id, position, readable=readable)
        self._turns.append((self._speaker(name), NONE if context is None else self._context(context), day))

    def erase(self, memory_id: UUID) -> None:
        for row in self.wordings.forget(memory_id):
            speaker = int(self._turns.rows["speaker"][row])
            self._turns.rows["speaker"][row] = NONE
            if speaker != NONE:
                self._unname(speaker)

    def spoken(self, positions: Positions, at: int) -> Spoken:
        rows = self.wordings.rows_at(positions, at)
        turns = self._turns.rows[rows]
        speakers = np.where(rows >= 0, turns["speaker"], NONE).astype(np.int64)
        contexts = np.where(rows >= 0, turns["context"], NONE).astype(np.int64)
        days = np.where(rows >= 0, turns["day"], NONE).astype(np.int64)
        return Spoken(speakers, contexts, days, self.names(np.unique(speakers)))

    def names(self, speakers: Numbers) -> dict[str, int]:
        return {self._names[number]: number for number in speakers.tolist() if number != NONE and self._names[number]}

    def content(self) -> Iterator[bytes]:
        yield from self.wordings.content()
        for column in ("context", "day"):
            yield self._turns.rows[column].astype("<i4").tobytes()
        yield "\0".join(self._contexts).encode()
        # By name: a number depends on who has been forgotten meanwhile.
        spoken = (self._names[number] if number != NONE else "" for number in self._turns.rows["speaker"])
        yield "\0".join(spoken).encode()

    def saved(self) -> Arrays:
        return prefixed("wordings", self.wordings.saved()) | {
            "days": self._days.rows.copy(),
            "turns": self._turns.rows.copy(),
            "contexts": packed(list(self._contexts)),
            "names": packed(self._names),
        }

    @classmethod
    def restored(cls, arrays: Arrays) -> Self:
        cube = cls()
        cube.wordings = Wordings.restored(part("wordings", arrays))
        cube._days, cube._turns = Growing(np.int32, (), arrays["days"]), Growing(TURN, (), arrays["turns"])
        cube._contexts = {context: number for number, context in enumerate(unpacked(arrays["contexts"]))}
        cube._names = unpacked(arrays["names"])
        cube._speakers = {name: number for number, name in enumerate(cube._names) if name}
        numbers, counts = np.unique(cube._turns.rows["speaker"], return_counts=True)
        cube._named = Counter(dict(zip(numbers.tolist(), counts.tolist(), strict=True)))
        del cube._named[NONE]
        return cube

    def _speaker(self, name: str) -> int:
        if not name:
            return NONE
        number = self._speakers.setdefault(name, len(self._names))
        if number == len(self._names):
            self._names.append(name)
        self._named[number] += 1
        return number

    def _unname(self, speaker: int) -> None:
        self._named[speaker] -= 1
        if not self._named[speaker]:
            del self._speakers[self._names[speaker]], self._named[speaker]
            self._names[speaker] = ""

    def _context(self, context: str) -> int:
        return self._contexts.setdefault(context, len(self._contexts))


class Turns(CubeFold[CubeTurns]):
    name = "turns"
    version = 1
    types = (Cube.Founded.TOPIC, Memory.Generated.TOPIC, Memory.Revised.TOPIC, Memory.Erased.TOPIC)
    state = CubeTurns

    def spoken(self, cube_id: UUID, positions: Positions, at: int) -> Spoken:
        """Of the wordings at these positions that hold at `at`."""
        with self._reading(cube_id) as cube:
            if not len(cube) or not len(positions):
                none = np.full(len(positions), NONE, np.int64)
                return Spoken(none, none, none, {})
            return cube.spoken(positions, at)

    def names(self, cube_id: UUID, speakers: Numbers) -> dict[str, int]:
        """The names of these speakers, with their numbers, that are not forgotten."""
        with self._reading(cube_id) as cube:
            return cube.names(speakers)

    def _fold_into(self, state: CubeTurns, event: Event) -> None:
        _, memory_id = place_of(event)
        if event.type == Memory.Erased.TOPIC:
            state.erase(memory_id)
        elif event.type == Memory.Generated.TOPIC:
            day = days_since_1970(event.occurred_at)
            state.bear(memory_id, event.position, day, event.data, readable=not event.erased)
        else:
            state.word(memory_id, event.position, event.data, readable=not event.erased)


def days_since_1970(moment: datetime) -> int:
    return moment.astimezone(UTC).toordinal() - DAY_ZERO
