"""Who may be shown which memory, for a whole cube at once.

The rules are `permissions.may(READ)` and `Memory.is_recallable`, over arrays instead of over objects; tests hold the two
against each other. For a question about the past, what a memory was (its state, text, expiry and session) counts as of
then, and who may see it counts as of now. What has been erased since is gone from the past too.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, TypeVar
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from mnemolog.domain.cube import Cube
from mnemolog.domain.lifecycle import RECALLABLE, State
from mnemolog.domain.log import Event
from mnemolog.domain.memory import TRANSITION_EVENTS, Memory
from mnemolog.domain.metadata import Governance, MemoryType, Visibility
from mnemolog.domain.permissions import Caller, CubeLabel, may_use_cube
from mnemolog.projections.fold import Fold, place_of
from mnemolog.projections.growing import Growing
from mnemolog.projections.wordings import FOREVER, Positions, Rows

STATES, VISIBILITIES, MEMORY_TYPES = list(State), list(Visibility), list(MemoryType)
TARGETS = {each.TOPIC: STATES.index(each.target) for each in TRANSITION_EVENTS.values()}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NOBODY = -1
LABEL = np.dtype(
    [
        ("memory", np.int32),
        ("since", np.int64),  # positions [since, until)
        ("until", np.int64),
        ("text_at", np.int64),  # the position of the event that holds the text
        ("expires", np.int64),  # microseconds since 1970
        ("state", np.int8),
        ("visibility", np.int8),
        ("memory_type", np.int8),
        ("tenant", np.int32),
        ("owner", np.int32),
        ("session", np.int32),
        ("readers", np.int32),
        ("purposes", np.int32),
    ]
)
Mask = NDArray[np.bool_]
T = TypeVar("T", bound=Hashable)


class Numbers(Generic[T]):
    """Small numbers for values, in the order of their first appearance."""

    def __init__(self) -> None:
        self._numbers: dict[T, int] = {}

    def __len__(self) -> int:
        return len(self._numbers)

    def of(self, value: T) -> int:
        return self._numbers.setdefault(value, len(self._numbers))

    def find(self, value: T | None) -> int:
        """NOBODY for a value that has no number, which is equal to no number of a value, and not to `none`."""
        return self._numbers.get(value, NOBODY) if value is not None else NOBODY

    def __iter__(self) -> Iterator[T]:
        return iter(self._numbers)
