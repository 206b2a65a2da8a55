"""A projection: a pure fold of the log.

The invariant that every view's tests prove: the digest after applying events as they came equals the digest of a
rebuild from nothing, at every position.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from mnemolog.domain.log import Event


class Projection(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def version(self) -> int:
        """Raised whenever the fold changes its meaning, so that state of an older fold is never continued."""
        ...

    @property
    def types(self) -> tuple[str, ...]:
        """The event types that it folds. Empty means all."""
        ...

    @property
    def position(self) -> int:
        """All events up to here are in the view."""
        ...

    def apply(self, events: Sequence[Event], upto: int) -> None:
        """Fold `events`, in order, and move to `upto`, which is at least the last event's position.

        Events at or before `position` are skipped, so a batch may be applied again after a failure.
        """
        ...

    def digest(self) -> str:
        """sha256 (hex) over the whole state in canonical order."""
        ...
