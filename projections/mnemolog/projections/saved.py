"""What is kept of a view's state between two runs: named arrays for each cube, and nothing that could be executed."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Saved:
    """The state of one cube in one view. `position` is that of the last event in it, and `stamp` says which event that
    was, so that a state is not continued with another log.
    """

    position: int
    stamp: str
    arrays: Arrays


class CubeFiles(Protocol):
    """Copies of states, which may be lost at any time. What is damaged or cannot be read is dropped, never returned."""

    def keep(self, view: str, version: str, cube_id: UUID, saved: Saved, is_current: Callable[[], bool]) -> bool:
        """Whether it is kept: not unless `is_current` is true at a moment after which `drop` waits for this to end.

        Raises OSError.
        """
        ...

    def read(self, view: str, version: str, cube_id: UUID) -> Saved | None: ...

    def drop(self, view: str, cube_id: UUID) -> None:
        """Raises OSError when something is left."""
        ...

    def reach(self, position: int) -> None:
        """Remember that all erasures up to here have been obeyed. Raises OSError."""
        ...

    def reached(self) -> int | None:
        """None when nothing is kept that can be trusted. Raises OSError."""
        ...

    def clear(self) -> None:
        """Drop everything. Raises OSError when something is left."""
        ...


class NothingKept:
    """Implements `CubeFiles` for those who start from the log each time."""

    def keep(self, view: str, version: str, cube_id: UUID, saved: Saved, is_current: Callable[[], bool]) -> bool:
        return False

    def read(self, view: str, version: str, cube_id: UUID) -> Saved | None:
        return None

    def drop(self, view: str, cube_id: UUID) -> None:
        pass

    def reach(self, position: int) -> None:
        pass

    def reached(self) -> int | None:
        return None

    def clear(self) -> None:
        pass


def packed(value: Any) -> NDArray[np.uint8]:
    """JSON in an array of bytes."""
    return np.frombuffer(json.dumps(value).encode(), np.uint8)


def unpacked(array: NDArray[Any]) -> Any:
    return json.loads(array.tobytes())


def prefixed(name: str, arrays: Arrays) -> dict[str, NDArray[Any]]:
    return {f"{name}.{part}": array for part, array in arrays.items()}


def part(name: str, arrays: Arrays) -> dict[str, NDArray[Any]]:
    """What `prefixed` made of it."""
    return {each.removeprefix(f"{name}."): array for each, array in arrays.items() if each.startswith(f"{name}.")}
