"""A table on its way along the log, and where its lines go."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any, Protocol
from uuid import UUID

from mnemolog.domain.log import Event, Selection
from mnemolog.projections.cube_fold import stamp
from mnemolog.projections.parking import fold_or_park
from mnemolog.projections.replay import COUNT, Made
from mnemolog.projections.replayed_tables import Table
from mnemolog.projections.saved import Saved, packed, unpacked

STATE, WRITTEN = "state", "replay.written"


class Lines(Protocol):
    """Where the lines of a table go."""

    def before(self) -> Iterable[bytes]:
        """What is there; then it can be gone on with."""
        ...

    def restart(self) -> None:
        """Nothing of what is there can be gone on with."""
        ...

    def write(self, some: bytes) -> None: ...

    def keep(self) -> None:
        """All that was written is safe when it returns."""
        ...


class Nowhere:
    """Implements `Lines` for whoever wants the digest alone."""

    def before(self) -> Iterable[bytes]:
        return ()

    def restart(self) -> None:
        pass

    def write(self, some: bytes) -> None:
        pass

    def keep(self) -> None:
        pass


class TablePart:
    """A table of one tenant. Its digest is the sha256 of all its lines.

    `before` are the lines that were written when `saved` was. Raises ValueError when they are not, and KeyError,
    TypeError or ValueError for a state that makes no sense.
    """

    def __init__(
        self, kind: type[Table], tenant_id: UUID, to: Lines, saved: Saved | None = None, before: Iterable[bytes] = ()
    ) -> None:
        self._kind, self._tenant_id, self._to = kind, tenant_id, to
        self._table = kind() if saved is None else kind.restored(unpacked(saved.arrays[STATE]))
        self._position, self._stamp = (0, "") if saved is None else (saved.position, saved.stamp)
        self._events = 0 if saved is None else int(unpacked(saved.arrays[COUNT]))
        self._sha256, self._size = hashlib.sha256(), 0
        for some in before:
            self._count(some)
        if saved is not None and self._written() != unpacked(saved.arrays[WRITTEN]):
            raise ValueError("the lines are not those that were written")

    @property
    def selection(self) -> Selection:
        return Selection(tenant_id=self._tenant_id, types=self._kind.types)

    @property
    def after(self) -> int:
        return self._position

    def extend(self, events: Sequence[Event]) -> None:
        for _ in fold_or_park(self._kind.view, self._fold, events, events[-1].position):
            pass  # as the view itself passes over it

    def saved(self) -> dict[str, Saved]:
        self._to.keep()
        arrays = {
            STATE: packed(self._table.saved()),
            COUNT: packed(self._events),
            WRITTEN: packed(self._written()),
        }
        return {self._kind.view: Saved(self._position, self._stamp, arrays)}

    def made(self) -> list[Made]:
        for row in self._table.last():
            self._write([row])
        self._to.keep()
        return [Made(self._kind.view, self._events, self._sha256.hexdigest())]

    def _fold(self, events: Sequence[Event], upto: int) -> None:
        for event in events:
            if event.position > self._position:
                self._write(self._table.fold(event))
                self._position, self._stamp, self._events = event.position, stamp(event), self._events + 1

    def _write(self, rows: Sequence[str]) -> None:
        some = "".join(f"{row}\n" for row in rows).encode()
        self._to.write(some)
        self._count(some)

    def _count(self, some: bytes) -> None:
        self._sha256.update(some)
        self._size += len(some)

    def _written(self) -> list[Any]:
        return [self._size, self._sha256.hexdigest()]


def written(saved: Saved) -> int:
    """How many bytes of lines belong to what was saved."""
    return int(unpacked(saved.arrays[WRITTEN])[0])
