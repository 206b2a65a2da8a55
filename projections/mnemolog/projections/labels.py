"""Keys, tags and speakers, by which memories can be filtered.

They are personal: held here as long as a memory that may be read has them, and gone with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import numpy as np

from mnemolog.domain.log import Event
from mnemolog.domain.memory import Memory
from mnemolog.projections.filters import Condition, folded
from mnemolog.projections.fold import Fold, place_of
from mnemolog.projections.growing import Growing
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

    def add(self, memory_id: UUID, position: int, data: Any, *, readable: bool) -> None:
        labels = tuple(_labels(data["description"])) if readable else ()
        row = self.wordings.add(memory_id, position, readable=readable)
        said = {name for name, _ in labels}
        self._said.append(tuple(name in said for name in FIELDS))
        if labels:
            self._labels[row] = labels
        for label in labels:
            self._rows.setdefault(label, set()).add(row)

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


class Labels(Fold):
    name = "labels"
    version = 1
    types = (Memory.Generated.TOPIC, Memory.Revised.TOPIC, Memory.Erased.TOPIC)

    def __init__(self) -> None:
        super().__init__()
        self._cubes: dict[UUID, CubeLabels] = {}

    def holds(self, cube_id: UUID, condition: Condition, positions: Positions, at: int) -> Mask:
        """(n,) which of the wordings at these positions hold at `at` and fulfil a condition on a personal label."""
        with self._lock:
            return self._cubes.get(cube_id, CubeLabels()).holds(condition, positions, at)

    def _fold(self, event: Event) -> None:
        cube_id, memory_id = place_of(event)
        cube = self._cubes.get(cube_id) or CubeLabels()
        if event.type == Memory.Erased.TOPIC:
            cube.erase(memory_id)
        else:
            cube.add(memory_id, event.position, event.data, readable=not event.erased)
        self._cubes[cube_id] = cube

    def _content(self) -> Iterator[bytes]:
        for cube_id, cube in sorted(self._cubes.items()):
            yield cube_id.bytes
            yield from cube.content()


def _labels(description: Any) -> Iterator[Label]:
    if key := description.get("key"):
        yield "key", key
    if speaker := description.get("speaker"):
        yield "speaker", folded(speaker)
    for tag in dict.fromkeys(description.get("tags", ())):
        yield "tag", tag
