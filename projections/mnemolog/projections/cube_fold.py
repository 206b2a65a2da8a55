"""A projection held in memory, each cube by itself, so that a cube that nobody asks about need not be held.

A view without a `Wakener` holds every cube from its first event on. With one, a cube is held from its founding, or from
the first question about it: the events of the others are passed over, and read from the log when they are woken.
"""

from __future__ import annotations

import hashlib
import time
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, Self, TypeVar
from uuid import UUID

from mnemolog.domain.cube import Cube
from mnemolog.domain.log import Event
from mnemolog.domain.memory import Memory
from mnemolog.projections.fold import Fold
from mnemolog.projections.saved import Arrays, Saved


class CubeState(Protocol):
    """What a view holds of one cube."""

    def __len__(self) -> int:
        """How many rows, which is about how much memory."""
        ...

    def content(self) -> Iterable[bytes]:
        """All of it, in an order that does not depend on how it was reached."""
        ...

    def saved(self) -> Arrays:
        """Copies, from which `restored` makes the same state."""
        ...

    @classmethod
    def restored(cls, arrays: Arrays) -> Self: ...


C = TypeVar("C", bound=CubeState)
FoldOne = Callable[[C, Event], None]


@dataclass(slots=True, eq=False)
class Held(Generic[C]):
    """`position` and `last` are of the last event in the state; `changes` counts events since it was kept."""

    state: C
    position: int = 0
    last: Event | str = ""  # or its stamp, if the state comes out of a file
    changes: int = 0
    asked: float = field(default_factory=time.monotonic)


class Wakener(Protocol):
    def wake(self, view: AnyCubeFold, cube_id: UUID) -> None:
        """Returns when the view holds the cube. Raises ProjectionBehind, or why the log cannot be read."""
        ...

    def forget(self, view: AnyCubeFold, cube_id: UUID) -> None:
        """Drop what is kept of a cube. Raises OSError when something is left."""
        ...


class CubeFold(Fold, Generic[C]):
    state: type[C]
    wakener: Wakener | None = None

    def __init__(self) -> None:
        super().__init__()
        self._held: dict[UUID, Held[C]] = {}
        self._passed: dict[UUID, int] = {}  # cube that is not held -> its last event here

    @property
    def kept_version(self) -> str:
        """What a kept state must have been made by."""
        return str(self.version)

    def start_at(self, position: int) -> None:
        """Pass over all that is in the log up to `position`: it is read when a cube is woken."""
        self._position = max(self._position, position)

    def apply(self, events: Sequence[Event], upto: int) -> None:
        new = self._new(events)
        fold = self._folder(new)
        for event in new:
            if event.type == Memory.Erased.TOPIC and self.wakener is not None:
                self.wakener.forget(self, cube_of(event))
            with self._lock:
                self._take(event, fold)
                self._position = event.position
        self._position = max(self._position, upto)

    def draft(self, saved: Saved | None) -> Held[C]:
        """A state to go on from, which this view does not hold yet."""
        if saved is None:
            return Held(self._empty())
        return Held(self.state.restored(saved.arrays), saved.position, saved.stamp)

    def extend(self, draft: Held[C], events: Sequence[Event]) -> None:
        """Fold into a draft the events that are new to it."""
        new = [event for event in events if event.position > draft.position and event.type in self.types]
        fold = self._folder(new)
        for event in new:
            self._advance(draft, event, fold)

    def admit(self, cube_id: UUID, draft: Held[C], upto: int) -> bool:
        """Hold a draft that has all events up to `upto`; False when there are more by now."""
        with self._lock:
            if self._passed.get(cube_id, 0) > max(upto, draft.position):
                return False
            held = self._held.get(cube_id)
            if held is not None and held.position > draft.position:
                return False
            self._held[cube_id] = draft
            return True

    def is_held(self, cube_id: UUID) -> bool:
        return cube_id in self._held

    def held(self) -> dict[UUID, tuple[int, float, int]]:
        """Cube -> its size in rows, when it was last asked about (monotonic seconds), its changes since it was kept."""
        with self._lock:
            return {cube: (len(held.state), held.asked, held.changes) for cube, held in self._held.items()}

    def saved(self, cube_id: UUID) -> Saved | None:
        with self._lock:
            held = self._held.get(cube_id)
            return None if held is None else self.saved_draft(held)

    def saved_draft(self, draft: Held[C]) -> Saved:
        """From which `draft` makes it again."""
        return Saved(draft.position, stamp(draft.last), draft.state.saved())

    def kept(self, cube_id: UUID, position: int) -> None:
        """What was saved at `position` is safe."""
        with self._lock:
            held = self._held.get(cube_id)
            if held is not None and held.position == position:
                held.changes = 0

    def release(self, cube_id: UUID) -> None:
        """No longer hold a cube; the next question wakes it."""
        with self._lock:
            held = self._held.pop(cube_id, None)
            if held is not None:
                self._passed[cube_id] = max(held.position, self._passed.get(cube_id, 0))

    def reached(self, cube_id: UUID) -> int:
        """The position of the last event in the cube's state: as long as it is the same, the state is."""
        with self._reading(cube_id):
            held = self._held.get(cube_id)
            return 0 if held is None else held.position

    def digest_of(self, cube_id: UUID) -> tuple[int, str]:
        """The last position in the cube's state, and the sha256 (hex) of the state."""
        with self._reading(cube_id) as state:
            held = self._held.get(cube_id)
            return 0 if held is None else held.position, digest(state)

    @contextmanager
    def _reading(self, cube_id: UUID) -> Iterator[C]:
        """The state of a cube, which stays as it is until the end of the block."""
        while True:
            with self._lock:
                held = self._held.get(cube_id)
                if held is not None or self.wakener is None:
                    yield self._asked(held)
                    return
            self.wakener.wake(self, cube_id)

    def _asked(self, held: Held[C] | None) -> C:
        if held is None:
            return self._empty()
        held.asked = time.monotonic()
        return held.state

    def _take(self, event: Event, fold: FoldOne[C]) -> None:
        cube_id = cube_of(event)
        held = self._held.get(cube_id)
        if held is None and self.wakener is not None and event.type != Cube.Founded.TOPIC:
            self._passed[cube_id] = event.position
            return
        held = held or Held(self._empty())
        if event.position > held.position:
            self._advance(held, event, fold)
        self._held[cube_id] = held

    def _advance(self, held: Held[C], event: Event, fold: FoldOne[C]) -> None:
        if event.type == Cube.Founded.TOPIC:
            self._found(held.state, event)
        else:
            fold(held.state, event)
        held.position, held.last, held.changes = event.position, event, held.changes + 1

    def _empty(self) -> C:
        return self.state()

    def _found(self, state: C, event: Event) -> None:
        """Most views learn nothing from a founding but that there is nothing before it."""

    def _folder(self, events: Sequence[Event]) -> FoldOne[C]:
        """What folds each of these events. Here is the place for what is better done for all of them at once."""
        return self._fold_into

    @abstractmethod
    def _fold_into(self, state: C, event: Event) -> None: ...

    def _fold(self, event: Event) -> None:
        self._take(event, self._folder([event]))

    def _content(self) -> Iterator[bytes]:
        for cube_id, held in sorted(self._held.items()):
            yield cube_id.bytes
            yield from held.state.content()


AnyCubeFold = CubeFold[Any]


def cube_of(event: Event) -> UUID:
    assert event.cube_id is not None
    return event.cube_id


def stamp(event: Event | str) -> str:
    """Says which event it is, in whatever log."""
    if isinstance(event, str):
        return event
    return f"{event.stream_id}/{event.version}/{event.recorded_at.isoformat()}"


def digest(state: CubeState) -> str:
    sha256 = hashlib.sha256()
    for part in state.content():
        sha256.update(len(part).to_bytes(8, "big"))
        sha256.update(part)
    return sha256.hexdigest()
