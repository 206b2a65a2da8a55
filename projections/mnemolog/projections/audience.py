"""What one caller may be shown of a cube at one position, and all that follows from it whatever the question is.

It holds numbers only, is kept for the next question, and is made anew as soon as anything in the cube has changed.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass

import numpy as np

from mnemolog.projections.fusion import Beside, beside
from mnemolog.projections.scopes import Permitted
from mnemolog.projections.terms import Statistics
from mnemolog.projections.turns import Spoken
from mnemolog.projections.wordings import Numbers, Positions, Rows

MOST_KEPT = 1_000_000  # memories, over all audiences: about 100 bytes each
NOBODY = -1


@dataclass(frozen=True, slots=True, eq=False)
class Audience:
    """Of the n memories that may be seen, in the order of their birth.

    `speakers` and `contexts` (n,) are numbers, NOBODY for none; `heard` are those of speakers who occur; `days` are
    since 1970, each once, and `day_of` (n,) has their places there; `rows` (n,) are those of vectors, -1 for none;
    `words` and `talks` are statistics of the single wordings and of the contexts.
    """

    permitted: Permitted
    speakers: Numbers
    heard: Numbers
    contexts: Numbers
    days: Numbers
    day_of: Rows
    beside: Beside | None
    words: Statistics
    talks: Statistics | None
    talk_sizes: Numbers
    rows: Rows

    @property
    def positions(self) -> Positions:
        return self.permitted.positions

    @property
    def size(self) -> int:
        return len(self.permitted.positions)

    @property
    def alone(self) -> int:
        """How many are in no context."""
        return self.size - int(self.talk_sizes.sum())


def audience(permitted: Permitted, spoken: Spoken, words: Statistics, talks: Statistics | None, rows: Rows) -> Audience:
    """`talks` is None when nothing belongs to a context."""
    days, day_of = np.unique(spoken.days, return_inverse=True)
    held = spoken.contexts[spoken.contexts >= 0]
    return Audience(
        permitted,
        spoken.speakers,
        np.unique(spoken.speakers),
        spoken.contexts,
        days,
        day_of,
        None if talks is None else beside(spoken.contexts),
        words,
        talks,
        np.bincount(held),
        rows,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Kept:
    versions: Hashable
    since: int
    audience: Audience


class Audiences:
    """Those that asked last. For each caller and cube there is one, for the last state of the cube that was asked."""

    def __init__(self, most: int = MOST_KEPT) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[Hashable, _Kept] = OrderedDict()
        self._most = most
        self._size = 0

    def get(self, key: Hashable, versions: Hashable, now: int, make: Callable[[], Audience]) -> Audience:
        """`versions` are those of all that it is made from; `now` is in microseconds since 1970, for what expires.

        `make` runs outside the lock.
        """
        with self._lock:
            kept = self._kept.get(key)
            if kept is not None and kept.versions == versions and kept.since <= now < kept.audience.permitted.until:
                self._kept.move_to_end(key)
                return kept.audience
        made = make()
        with self._lock:
            self._forget(key)
            self._kept[key] = _Kept(versions, now, made)
            self._size += made.size
            while self._size > self._most:
                self._forget(next(iter(self._kept)))
        return made

    def _forget(self, key: Hashable) -> None:
        if (kept := self._kept.pop(key, None)) is not None:
            self._size -= kept.audience.size
