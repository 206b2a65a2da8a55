"""Keys, tags and speakers, by which memories can be filtered.

They are personal: held here as long as a memory that may be read has them, and gone with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from typing import Any, Self
from uuid import UUID

import numpy as np

from mnemolog.domain.cube import Cube
from mnemolog.domain.log import Event
from mnemolog.domain.memory import Memory
from mnemolog.projections.cube_fold import CubeFold
from mnemolog.projections.filters import Condition, folded
from mnemolog.projections.fold import place_of
from mnemolog.projections.growing import Growing
from mnemolog.projections.saved import Arrays, packed, part, prefixed, unpacked
from mnemolog.projections.wordings import Mask, Positions, Wordings

Label = tuple[str, str]  # the name of a field of filters, and its value
FIELDS = ("key", "tag", "speaker")
SAID = np.dtype([(name, "?") for name in FIELDS])


class CubeLabels:
    def __init__(self) -> None:
        self.wordings = Wordings()
        self._said = Growing(SAID)  # whether there is any
        self._labels: dict[int, tuple[Label, ...]] = {}
        self._rows: dict[Label, set[int]] = {}

    def __len__(self) -> int:
        return len(self.wordings)

    def add(self, memory_id: UUID, position: int, data: Any, *, readable: bool) -> None:
        labels = tuple(_labels(data["description"])) if readable else ()
        row = self.wordings.add(memory_id, position, readable=readable)
        said = {name for name, _ in labels}
        self._said.append(tuple(name in said for name in FIELDS))
        self._label(row, labels)

    def erase(self, memory_id: UUID) -> None:
        for row in self.wordings.forget(memory_id):
            self._said.rows[row] = (False,) * len(FIELDS)
            for label in self._labels.pop(row, ()):
                self._rows[label].discard(row)
                if not self._rows[label]:
                    del self._rows[label]

    def holds(self, condition: Condition, positions: Positions, at: int) -> Mask:
        rows = self.wordings.rows_at(positions, at)
        fits = np.zeros(len(self.wordings), np.bool_)
        for value in condition.values:
            if value is None:
                fits |= ~self._said.rows[condition.field]
            else:
                fits[list(self._rows.get((condition.field, str(value)), ()))] = True
        held: Mask = (rows >= 0) & fits[rows] if len(fits) else rows >= 0
        return held

    def content(self) -> Iterator[bytes]:
        yield from self.wordings.content()
        for label, rows in sorted(self._rows.items()):
            yield repr(label).encode()
            yield np.array(sorted(rows), "<i8").tobytes()

    def saved(self) -> Arrays:
        """Labels are numbered by alphabet; each row has a pair of numbers for each of its labels, in their order."""
        numbers = {label: number for number, label in enumerate(sorted(self._rows))}
        pairs = [(row, numbers[label]) for row, labels in sorted(self._labels.items()) for label in labels]
        return prefixed("wordings", self.wordings.saved()) | {
            "said": self._said.rows.copy(),
            "names": packed(list(numbers)),
            "pairs": np.array(pairs, np.int32).reshape(-1, 2),
        }

    @classmethod
    def restored(cls, arrays: Arrays) -> Self:
        cube = cls()
        cube.wordings = Wordings.restored(part("wordings", arrays))
        cube._said = Growing(SAID, (), arrays["said"])
        names: list[Label] = [(field, value) for field, value in unpacked(arrays["names"])]
        for row, pairs in groupby(arrays["pairs"].tolist(), key=itemgetter(0)):
            cube._label(row, tuple(names[number] for _, number in pairs))
        return cube

    def _label(self, row: int, labels: tuple[Label, ...]) -> None:
        if labels:
            self._labels[row] = labels
        for label in labels:
            self._rows.setdefault(label, set()).add(row)


class Labels(CubeFold[CubeLabels]):
    name = "labels"
    version = 1
    types = (Cube.Founded.TOPIC, Memory.Generated.TOPIC, Memory.Revised.TOPIC, Memory.Erased.TOPIC)
    state = CubeLabels

    def holds(self, cube_id: UUID, condition: Condition, positions: Positions, at: int) -> Mask:
        """(n,) which of the wordings at these positions hold at `at` and fulfil a condition on a personal label."""
        with self._reading(cube_id) as cube:
            return cube.holds(condition, positions, at)

    def _fold_into(self, state: CubeLabels, event: Event) -> None:
        _, memory_id = place_of(event)
        if event.type == Memory.Erased.TOPIC:
            state.erase(memory_id)
        else:
            state.add(memory_id, event.position, event.data, readable=not event.erased)


def _labels(description: Any) -> Iterator[Label]:
    if key := description.get("key"):
        yield "key", key
    if speaker := description.get("speaker"):
        yield "speaker", folded(speaker)
    for tag in dict.fromkeys(description.get("tags", ())):
        yield "tag", tag
