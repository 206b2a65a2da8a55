"""Who may be shown which memory, for a whole cube at once.

The rules are `permissions.may(READ)` and `Memory.is_recallable`, over arrays instead of over objects; tests hold the
two against each other. For a question about the past, what a memory was (its state, text, expiry and session) counts
as of then, and who may see it counts as of now. What has been erased since is gone from the past too.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, TypeVar
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from mnemolog.domain.cube import Cube
from mnemolog.domain.lifecycle import State
from mnemolog.domain.log import Event
from mnemolog.domain.memory import TRANSITION_EVENTS, Memory, Transition
from mnemolog.domain.metadata import Governance, MemoryType, SemanticType, Source, Visibility
from mnemolog.domain.permissions import Caller, CubeLabel, may_use_cube
from mnemolog.projections.filters import PERSONAL, Condition, Filter, compare, mask
from mnemolog.projections.fold import Fold, place_of
from mnemolog.projections.growing import Growing
from mnemolog.projections.wordings import FOREVER, Positions, Rows
from mnemolog.projections.wordings import Mask as Mask  # told on: a mask is what scopes are asked for

Labels = NDArray[np.void]
T = TypeVar("T", bound=Hashable)

STATES, VISIBILITIES, MEMORY_TYPES = list(State), list(Visibility), list(MemoryType)
SEMANTIC_TYPES, SOURCES = list(SemanticType), list(Source)
TARGETS = {each.TOPIC: STATES.index(each.target) for each in TRANSITION_EVENTS.values() if issubclass(each, Transition)}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NONE, UNKNOWN = -1, -2  # different, so that a session which no memory has is not taken for having no session
# Positions [since, until); where the text is; microseconds since 1970.
_LONG = ("since", "until", "text_at", "expires", "occurred")
_SHORT = ("memory", "state", "visibility", "memory_type", "semantic_type", "source", "priority", "sensitivity",
          "tenant", "owner", "session", "context", "readers", "purposes")  # fmt: skip
LABEL = np.dtype([(name, "<i8") for name in _LONG] + [(name, "<i4") for name in _SHORT])


class Numbers(Generic[T]):
    """Small numbers for values, in the order of their first appearance."""

    def __init__(self) -> None:
        self._numbers: dict[T, int] = {}

    def __len__(self) -> int:
        return len(self._numbers)

    def __iter__(self) -> Iterator[T]:
        return iter(self._numbers)

    def of(self, value: T | None) -> int:
        return NONE if value is None else self._numbers.setdefault(value, len(self._numbers))

    def find(self, value: T | None) -> int:
        return UNKNOWN if value is None else self._numbers.get(value, UNKNOWN)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A filter, and who knows where its conditions on personal labels hold: those are not in the scopes."""

    filter: Filter
    personal: Callable[[Condition, Positions], Mask]


@dataclass(frozen=True, slots=True)
class Permitted:
    """What a caller may be shown of a cube.

    `mask` is over the memories that existed then, in the order of their birth; `positions` are those of the events that
    hold the texts of the permitted ones, in the same order; `dropped` counts the others by why.
    """

    mask: Mask
    members: Rows
    positions: Positions
    dropped: dict[str, int]
    ids: Sequence[UUID]

    def memory_id(self, place: int) -> UUID:
        """The memory whose text is at `positions[place]`."""
        return self.ids[int(self.members[place])]


@dataclass(frozen=True, slots=True)
class Chosen:
    """Some rows of the labels, of which only the columns that are asked for are copied."""

    labels: Labels
    rows: Rows

    def __getitem__(self, name: str) -> NDArray[Any]:
        column: NDArray[Any] = self.labels[name][self.rows]
        return column


class CubeScopes:
    def __init__(self) -> None:
        self.cube: CubeLabel | None = None
        self.ids: list[UUID] = []
        self._memories: dict[UUID, int] = {}
        self._labels = Growing(LABEL)
        self._latest = Growing(np.int64)  # memory -> the row of its present label
        self._changed = 0
        self._tenants, self._principals, self._sessions = Numbers[UUID](), Numbers[UUID](), Numbers[UUID]()
        self._contexts = Numbers[UUID]()
        self._readers, self._purposes = Numbers[tuple[UUID, ...]](), Numbers[tuple[str, ...]]()
        self._lists: dict[UUID, list[int]] = {}  # principal -> the numbers of the lists of readers that name it

    def add(self, memory_id: UUID, event: Event) -> None:
        changes = {"expires": expires_at(event.data)} | self._governed(event)
        label = np.zeros((), LABEL)
        label["memory"] = self._memories.setdefault(memory_id, len(self.ids))
        label["state"], label["tenant"] = STATES.index(State.GENERATED), self._tenants.of(event.tenant_id)
        label["occurred"] = microseconds(event.occurred_at)
        self.ids.append(memory_id)
        self._latest.append(0)
        self._put(label, event.position, changes)

    def change(self, memory_id: UUID, event: Event) -> None:
        row = self._latest.rows[self._memories[memory_id]]
        changes = self._changes(event)
        label = self._labels.rows[row].copy()
        self._labels.rows["until"][row] = event.position
        self._put(label, event.position, changes)

    def _changes(self, event: Event) -> dict[str, int]:
        if event.type == Memory.Revised.TOPIC:
            return self._governed(event)
        if event.type == Memory.RetentionSet.TOPIC:
            return {"expires": expires_at(event.data)}
        return {"state": TARGETS[event.type]}

    def _put(self, label: Labels, position: int, changes: dict[str, int]) -> None:
        for name, value in changes.items():
            label[name] = value
        label["since"], label["until"] = position, FOREVER
        self._latest.rows[label["memory"]] = self._labels.append(label)
        self._changed = position

    def _governed(self, event: Event) -> dict[str, int]:
        governance = Governance.from_json(event.data["governance"])
        return {
            "text_at": event.position,
            "visibility": VISIBILITIES.index(governance.visibility),
            "memory_type": MEMORY_TYPES.index(governance.memory_type),
            "semantic_type": SEMANTIC_TYPES.index(governance.semantic_type),
            "source": SOURCES.index(governance.source),
            "priority": governance.priority,
            "sensitivity": int(governance.sensitivity),
            "owner": self._principals.of(governance.owner_id),
            "session": self._sessions.of(governance.session_id),
            "context": self._contexts.of(governance.context_id),
            "readers": self._list(governance.access_control),
            "purposes": self._purposes.of(governance.purposes),
        }

    def _list(self, readers: tuple[UUID, ...]) -> int:
        size = len(self._readers)
        number = self._readers.of(readers)
        if number == size:
            for reader in set(readers):
                self._lists.setdefault(reader, []).append(number)
        return number

    def permitted(
        self,
        caller: Caller,
        now: datetime,
        at: int | None,
        memory_types: Collection[MemoryType],
        wanted: Wanted | None = None,
    ) -> Permitted:
        rows = self._rows_at(at)
        then, present = Chosen(self._labels.rows, rows), Chosen(self._labels.rows, self._latest.rows[: len(rows)])
        own = then["session"] == self._sessions.find(caller.session_id)
        state = then["state"]
        codes = Codes(len(rows))
        codes.drop("not_permitted", ~self._may_read(caller, present, state))
        codes.drop("erased", present["state"] == STATES.index(State.ERASED))
        codes.drop("archived", state == STATES.index(State.ARCHIVED))
        codes.drop("merged", state == STATES.index(State.MERGED))
        codes.drop("expired", then["expires"] <= microseconds(now))
        codes.drop("quarantined", (state == STATES.index(State.GENERATED)) & ~own)
        codes.drop("other_session", (then["visibility"] == VISIBILITIES.index(Visibility.SESSION)) & ~own)
        if memory_types:
            codes.drop("other_type", ~np.isin(then["memory_type"], [MEMORY_TYPES.index(each) for each in memory_types]))
        if wanted is not None:
            codes.drop("filtered", ~self._fits(wanted, then))
        members = np.flatnonzero(codes.kept)
        return Permitted(codes.kept, members, then["text_at"][members], codes.dropped, self.ids)

    def _fits(self, wanted: Wanted, labels: Chosen) -> Mask:
        def holds(condition: Condition) -> Mask:
            if condition.field in PERSONAL:
                return wanted.personal(condition, labels["text_at"])
            column, number = _COLUMNS[condition.field]
            return compare(labels[column], condition.operator, [number(self, value) for value in condition.values])

        return mask(wanted.filter, holds)

    def context(self, context_id: UUID | None) -> int:
        return NONE if context_id is None else self._contexts.find(context_id)

    def principal(self, principal_id: UUID) -> int:
        return self._principals.find(principal_id)

    def _rows_at(self, at: int | None) -> Rows:
        """(n,) the label rows of the n memories that existed at `at`."""
        if at is None or at >= self._changed:
            return self._latest.rows.astype(np.intp)
        labels = self._labels.rows
        held = np.flatnonzero((labels["since"] <= at) & (labels["until"] > at))
        rows = np.empty(len(held), np.intp)  # memories are numbered as they are born, so those of then come first
        rows[labels["memory"][held]] = held
        return rows

    def _may_read(self, caller: Caller, labels: Chosen, state: NDArray[np.int32]) -> Mask:
        cube = self.cube
        if cube is None or caller.tenant_id != cube.tenant_id:
            return np.zeros(len(labels.rows), np.bool_)
        readable = (labels["owner"] == self._principals.find(caller.principal_id)) | self._is_listed(caller, labels)
        tenant_wide = labels["visibility"] == VISIBILITIES.index(Visibility.TENANT)
        if may_use_cube(caller, cube):
            in_session = labels["session"] == self._sessions.find(caller.session_id)
            readable |= tenant_wide | (labels["visibility"] == VISIBILITIES.index(Visibility.CUBE))
            readable |= (labels["visibility"] == VISIBILITIES.index(Visibility.SESSION)) & in_session
        else:
            readable |= tenant_wide & (state != STATES.index(State.GENERATED))
        mask: Mask = readable & (labels["tenant"] == self._tenants.find(cube.tenant_id))
        return mask

    def _is_listed(self, caller: Caller, labels: Chosen) -> Mask:
        listed = np.zeros(len(self._readers), np.bool_)
        listed[self._lists.get(caller.principal_id, [])] = True
        mask: Mask = listed[labels["readers"]]
        return mask

    def content(self) -> Iterator[bytes]:
        yield repr(self.cube).encode()
        yield b"".join(memory_id.bytes for memory_id in self.ids)
        yield self._labels.rows.tobytes()
        numbers: tuple[Numbers[Any], ...] = (
            self._tenants, self._principals, self._sessions, self._contexts, self._readers, self._purposes,
        )  # fmt: skip
        for each in numbers:
            yield repr(list(each)).encode()


class Codes:
    """Why memories are dropped: the first reason that holds is the one that counts."""

    def __init__(self, size: int) -> None:
        self.kept = np.ones(size, np.bool_)
        self.dropped: dict[str, int] = {}

    def drop(self, code: str, mask: Mask) -> None:
        if count := int(np.count_nonzero(mask & self.kept)):
            self.dropped[code] = count
            self.kept &= ~mask


class Scopes(Fold):
    name = "scopes"
    version = 2
    types = (
        Cube.Founded.TOPIC,
        Memory.Generated.TOPIC,
        Memory.Revised.TOPIC,
        Memory.RetentionSet.TOPIC,
        *TARGETS,
    )

    def __init__(self) -> None:
        super().__init__()
        self._cubes: dict[UUID, CubeScopes] = {}

    def permitted(
        self,
        cube_id: UUID,
        caller: Caller,
        now: datetime,
        at: int | None = None,
        memory_types: Collection[MemoryType] = (),
        wanted: Wanted | None = None,
    ) -> Permitted:
        """`now` is what expiries are compared with; `memory_types` empty means all."""
        with self._lock:
            return self._cubes.get(cube_id, CubeScopes()).permitted(caller, now, at, memory_types, wanted)

    def _fold(self, event: Event) -> None:
        if event.type == Cube.Founded.TOPIC:
            label = CubeLabel(event.tenant_id, UUID(event.data["owner_id"]))
            self._cubes.setdefault(event.stream_id, CubeScopes()).cube = label
            return
        cube_id, memory_id = place_of(event)
        cube = self._cubes.get(cube_id) or CubeScopes()
        if event.type == Memory.Generated.TOPIC:
            cube.add(memory_id, event)
        else:
            cube.change(memory_id, event)
        self._cubes[cube_id] = cube

    def _content(self) -> Iterator[bytes]:
        for cube_id, cube in sorted(self._cubes.items()):
            yield cube_id.bytes
            yield from cube.content()


def microseconds(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1)


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


def expires_at(data: Any) -> int:
    """Microseconds since 1970; FOREVER when it does not expire."""
    moment = data["expires_at"]
    return FOREVER if moment is None else microseconds(datetime.fromisoformat(moment))
