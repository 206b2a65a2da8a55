"""Who may be shown which memory, for a whole cube at once.

The rules are `permissions.may(READ)` and `Memory.is_recallable`, over arrays instead of over objects; tests hold the
two against each other. For a question about the past, what a memory was (its state, text, expiry and session) counts
as of then, and who may see it counts as of now. What has been erased since is gone from the past too.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, overload
from uuid import UUID

import numpy as np

from mnemolog.domain.cube import Cube
from mnemolog.domain.lifecycle import State
from mnemolog.domain.log import Event
from mnemolog.domain.memory import Memory
from mnemolog.domain.metadata import MemoryType, Visibility
from mnemolog.domain.permissions import USES, Action, Caller, Code, CubeLabel, Reaches, Reading
from mnemolog.projections.cube_fold import CubeFold
from mnemolog.projections.cube_scopes import (
    MEMORY_TYPES,
    SEMANTIC_TYPES,
    SOURCES,
    STATES,
    TARGETS,
    VISIBILITIES,
    Chosen,
    CubeScopes,
)
from mnemolog.projections.cube_scopes import microseconds as microseconds
from mnemolog.projections.filters import PERSONAL, Condition, Filter, compare, mask
from mnemolog.projections.fold import place_of
from mnemolog.projections.ids import Ids
from mnemolog.projections.permission_mask import CODES, decided, may_read
from mnemolog.projections.permission_mask import Codes as DecisionCodes
from mnemolog.projections.wordings import FOREVER, Positions, Rows
from mnemolog.projections.wordings import Mask as Mask  # told on: a mask is what scopes are asked for

PAST = (State.ARCHIVED, State.MERGED)  # what a memory can be that is not recalled any more, and may still be read


@dataclass(frozen=True, slots=True)
class Wanted:
    """A filter, and who knows where its conditions on personal labels hold: those are not in the scopes."""

    filter: Filter
    personal: Callable[[Condition, Positions], Mask]


@dataclass(frozen=True, slots=True)
class Permitted:
    """What a caller may be shown of a cube.

    `mask` is over the memories that existed then, in the order of their birth; `positions` are those of the events that
    hold the texts of the permitted ones, in the same order; `dropped` counts the others by why. All of it holds until
    `until`, in microseconds since 1970, when the next memory expires. `labelled_at` is the last change of the labels by
    which permission was decided.
    """

    mask: Mask
    members: Rows
    positions: Positions
    dropped: dict[str, int]
    ids: Ids
    until: int = FOREVER
    labelled_at: int = 0

    def memory_id(self, place: int) -> UUID:
        """The memory whose text is at `positions[place]`."""
        return self.ids[int(self.members[place])]


@dataclass(frozen=True, slots=True)
class Judged:
    """`codes` are numbers of `CODES`, one for each of `memory_ids`, which are those in the cube; `position` is the last
    at which something changed there. It holds until `until`, in microseconds since 1970.
    """

    memory_ids: Sequence[UUID]
    codes: DecisionCodes
    position: int
    until: int = FOREVER

    def is_(self, code: Code) -> Mask:
        mask: Mask = self.codes == CODES.index(code)
        return mask


class Codes:
    """Why memories are dropped: the first reason that holds is the one that counts."""

    def __init__(self, size: int) -> None:
        self.kept = np.ones(size, np.bool_)
        self.dropped: dict[str, int] = {}

    def drop(self, code: str, mask: Mask) -> None:
        if count := int(np.count_nonzero(mask & self.kept)):
            self.dropped[code] = count
            self.kept &= ~mask


class Scopes(CubeFold[CubeScopes]):
    name = "scopes"
    version = 2
    types = (
        Cube.Founded.TOPIC,
        Memory.Generated.TOPIC,
        Memory.Revised.TOPIC,
        Memory.RetentionSet.TOPIC,
        *TARGETS,
    )
    state = CubeScopes

    def permitted(
        self,
        cube_id: UUID,
        caller: Caller | Reading,
        now: datetime,
        at: int | None = None,
        memory_types: Collection[MemoryType] = (),
        wanted: Wanted | None = None,
        states: Collection[State] = (),
        labelled_at: int | None = None,
    ) -> Permitted:
        """`now` is what expiries are compared with; `memory_types` empty means all.

        `states` are those of PAST that are shown besides what can be recalled. With `labelled_at`, not before `at`,
        permission is decided by the labels of then, as it once was; what has been erased since is gone all the same.
        """
        with self._reading(cube_id) as cube:
            return permitted(cube, Reading.of(caller), now, at, memory_types, wanted, states, labelled_at)

    def judged(
        self,
        cube_id: UUID,
        asked: Sequence[tuple[Caller, Reaches]],
        action: Action,
        now: datetime,
        wanted: Sequence[UUID] | None = None,
        after: int = 0,
    ) -> Judged:
        """What `permissions.decide` and `outlived` say of `wanted`, or of all memories in the order of their birth but
        the first `after`.
        """
        with self._reading(cube_id) as cube:
            return judged(cube, asked, action, now, wanted, after)

    def _found(self, state: CubeScopes, event: Event) -> None:
        state.cube = CubeLabel(event.tenant_id, UUID(event.data["owner_id"]))

    def _fold_into(self, state: CubeScopes, event: Event) -> None:
        _, memory_id = place_of(event)
        if event.type == Memory.Generated.TOPIC:
            state.add(memory_id, event)
        else:
            state.change(memory_id, event)


class Numbered(Sequence[UUID]):
    """The ids of a cube from one number on, each made when it is asked for."""

    def __init__(self, ids: Ids, first: int) -> None:
        self._ids, self._places = ids, range(first, len(ids))

    def __len__(self) -> int:
        return len(self._places)

    @overload
    def __getitem__(self, place: int) -> UUID: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[UUID]: ...
    def __getitem__(self, place: int | slice) -> UUID | Sequence[UUID]:
        if isinstance(place, slice):
            return [self._ids[number] for number in self._places[place]]
        return self._ids[self._places[place]]


def judged(
    cube: CubeScopes,
    asked: Sequence[tuple[Caller, Reaches]],
    action: Action,
    now: datetime,
    wanted: Sequence[UUID] | None,
    after: int,
) -> Judged:
    if wanted is None:
        known = np.arange(after, len(cube.ids), dtype=np.intp)
        found: Sequence[UUID] = Numbered(cube.ids, after)
    else:
        numbers = [cube.ids.find(each) for each in wanted]
        known = np.array([number for number in numbers if number is not None], np.intp)
        found = [each for each, number in zip(wanted, numbers, strict=True) if number is not None]
    labels = Chosen(cube.labels.rows, cube.latest.rows[known].astype(np.intp))
    state, expires, moment = labels["state"], labels["expires"], microseconds(now)
    codes = decided(cube, asked, action, labels, state)
    allowed = codes == CODES.index(Code.ALLOWED)
    if action in USES:
        codes[allowed & (expires <= moment)] = CODES.index(Code.EXPIRED)
    codes[allowed & (state == STATES.index(State.ERASED))] = CODES.index(Code.ERASED)
    edges = [reach.valid_until for _, both in asked for reach in (both.action, both.read)]
    ends = [microseconds(edge) for edge in edges if edge is not None]
    until = min([int(expires.min(where=expires > moment, initial=FOREVER)), *ends])
    return Judged(found, codes, cube.changed, until)


def permitted(
    cube: CubeScopes,
    reading: Reading,
    now: datetime,
    at: int | None,
    memory_types: Collection[MemoryType],
    wanted: Wanted | None = None,
    states: Collection[State] = (),
    labelled_at: int | None = None,
) -> Permitted:
    rows = cube.rows_at(at)
    then, latest = Chosen(cube.labels.rows, rows), Chosen(cube.labels.rows, cube.latest.rows[: len(rows)])
    present = latest if labelled_at is None else Chosen(cube.labels.rows, cube.rows_at(labelled_at)[: len(rows)])
    own = then["session"] == cube.sessions.find(reading.caller.session_id)
    state = then["state"]
    codes = Codes(len(rows))
    codes.drop("not_permitted", ~may_read(cube, reading, present, state))
    codes.drop("erased", latest["state"] == STATES.index(State.ERASED))
    for each in PAST:
        if each not in states:
            codes.drop(each.value, state == STATES.index(each))
    expires, moment = then["expires"], microseconds(now)
    codes.drop("expired", expires <= moment)
    codes.drop("quarantined", (state == STATES.index(State.GENERATED)) & ~own)
    codes.drop("other_session", (then["visibility"] == VISIBILITIES.index(Visibility.SESSION)) & ~own)
    if memory_types:
        codes.drop("other_type", ~np.isin(then["memory_type"], [MEMORY_TYPES.index(each) for each in memory_types]))
    if wanted is not None:
        codes.drop("filtered", ~_fits(cube, wanted, then))
    members = np.flatnonzero(codes.kept)
    until = int(expires.min(where=expires > moment, initial=FOREVER))
    if reading.until is not None:
        until = min(until, microseconds(reading.until))
    positions = then["text_at"][members]
    return Permitted(codes.kept, members, positions, codes.dropped, cube.ids, until, cube.changed)


def _fits(cube: CubeScopes, wanted: Wanted, labels: Chosen) -> Mask:
    def holds(condition: Condition) -> Mask:
        if condition.field in PERSONAL:
            return wanted.personal(condition, labels["text_at"])
        column, number = _COLUMNS[condition.field]
        return compare(labels[column], condition.operator, [number(cube, value) for value in condition.values])

    return mask(wanted.filter, holds)


# Field of a filter -> the column that has it, and what its values are there.
_COLUMNS: Mapping[str, tuple[str, Callable[[CubeScopes, Any], int]]] = {
    "memory_type": ("memory_type", lambda cube, value: MEMORY_TYPES.index(value)),
    "semantic_type": ("semantic_type", lambda cube, value: SEMANTIC_TYPES.index(value)),
    "source": ("source", lambda cube, value: SOURCES.index(value)),
    "priority": ("priority", lambda cube, value: int(value)),
    "occurred_at": ("occurred", lambda cube, value: microseconds(value)),
    "owner_id": ("owner", CubeScopes.principal),
    "context_id": ("context", CubeScopes.context),
}
