"""The names that memories mention."""

from __future__ import annotations

from typing import Self

import numpy as np

from mnemolog.projections.saved import Arrays, packed, unpacked
from mnemolog.projections.wordings import Rows


class Entities:
    """Names under numbers, for as long as a wording mentions them. The number of a forgotten name is not used again."""

    def __init__(self) -> None:
        self._names: list[str | None] = []
        self._numbers: dict[str, int] = {}
        self._uses: list[int] = []

    def __len__(self) -> int:
        """How many numbers there are."""
        return len(self._names)

    def use(self, name: str) -> int:
        number = self._numbers.setdefault(name, len(self._names))
        if number == len(self._names):
            self._names.append(name)
            self._uses.append(0)
        self._uses[number] += 1
        return number

    def release(self, number: int) -> None:
        self._uses[number] -= 1
        name = self._names[number]
        if name is not None and not self._uses[number]:
            self._names[number] = None
            del self._numbers[name]

    def find(self, name: str) -> int | None:
        return self._numbers.get(name)

    def name(self, number: int) -> str | None:
        """None when it has been forgotten."""
        return self._names[number]

    def sorted(self) -> tuple[list[str], Rows]:
        """The names by alphabet and (len(self),) the place of each number among them, -1 for a forgotten one."""
        names = sorted(self._numbers)
        places = np.full(len(self._names), -1, np.intp)
        places[[self._numbers[name] for name in names]] = np.arange(len(names))
        return names, places

    def saved(self) -> Arrays:
        return {"names": packed(self._names), "uses": np.array(self._uses, np.int64)}

    @classmethod
    def restored(cls, arrays: Arrays) -> Self:
        entities = cls()
        entities._names, entities._uses = unpacked(arrays["names"]), arrays["uses"].tolist()
        entities._numbers = {name: number for number, name in enumerate(entities._names) if name is not None}
        return entities
