"""The labels of the memories of one cube that rule who may be shown them, as a table of numbers.

A row is a stretch of a memory's life between two changes: it holds over the positions [since, until).
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, Self, TypeVar
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from mnemolog.domain.lifecycle import State
from mnemolog.domain.log import Event
from mnemolog.domain.memory import TRANSITION_EVENTS, Memory, Transition
from mnemolog.domain.metadata import Governance, MemoryType, SemanticType, Source, Visibility
from mnemolog.domain.permissions import CubeLabel
from mnemolog.projections.growing import Growing
from mnemolog.projections.ids import Ids
from mnemolog.projections.saved import Arrays, packed, unpacked
from mnemolog.projections.wordings import FOREVER, Rows

Labels = NDArray[np.void]
T = TypeVar("T", bound=Hashable)

STATES, VISIBILITIES, MEMORY_TYPES = list(State), list(Visibility), list(MemoryType)
SEMANTIC_TYPES, SOURCES = list(SemanticType), list(Source)
TARGETS = {each.TOPIC: STATES.index(each.target) for each in TRANSITION_EVENTS.values() if issubclass(each, Transition)}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
GOVERNANCES = 4096  # that are remembered as they were read
NONE, UNKNOWN = -1, -2  # different, so that a session which no memory has is not taken for having no session
# Positions [since, until); where the text is; microseconds since 1970.
_LONG = ("since", "until", "text_at", "expires", "occurred")
_SHORT = ("memory", "state", "visibility", "memory_type", "semantic_type", "source", "priority", "sensitivity",
          "tenant", "owner", "session", "context", "readers", "purposes")  # fmt: skip
LABEL = np.dtype([(name, "<i8") for name in _LONG] + [(name, "<i4") for name in _SHORT])
COLUMNS = {name: place for place, name in enumerate((*_LONG, *_SHORT))}


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
class Chosen:
    """Some rows of the labels, of which only the columns that are asked for are copied, once each."""

    labels: Labels
    rows: Rows
    _copied: dict[str, NDArray[Any]] = field(default_factory=dict, repr=False, compare=False)

    def __getitem__(self, name: str) -> NDArray[Any]:
        if (column := self._copied.get(name)) is None:
            column = self._copied[name] = self.labels[name][self.rows]
        return column


class CubeScopes:
    def __init__(self) -> None:
        self.cube: CubeLabel | None = None
        self.ids = Ids()
        self.labels = Growing(LABEL)
        self.latest = Growing(np.int64)  # memory -> the row of its present label
        self._changed = 0
        self.tenants, self.principals, self.sessions = Numbers[UUID](), Numbers[UUID](), Numbers[UUID]()
        self.contexts = Numbers[UUID]()
        self.readers, self.purposes = Numbers[tuple[UUID, ...]](), Numbers[tuple[str, ...]]()
        self.lists: dict[UUID, list[int]] = {}  # principal -> the numbers of the lists of readers that name it
        self._governances: dict[str, dict[str, int]] = {}  # as events wrote them, and read: most are alike

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def changed(self) -> int:
        """The position of the last event that changed something."""
        return self._changed

    def add(self, memory_id: UUID, event: Event) -> None:
        changes = {"expires": expires_at(event.data), "occurred": microseconds(event.occurred_at)}
        changes |= self._governed(event)
        changes |= {"state": STATES.index(State.GENERATED), "tenant": self.tenants.of(event.tenant_id)}
        changes["memory"] = self.ids.of(memory_id)
        self.latest.append(self._put([0] * len(COLUMNS), event.position, changes))

    def change(self, memory_id: UUID, event: Event) -> None:
        memory = self.ids.known(memory_id)
        row = self.latest.rows[memory]
        changes = self._changes(event)
        label = list(self.labels.rows[row].item())
        self.labels.rows["until"][row] = event.position
        self.latest.rows[memory] = self._put(label, event.position, changes)

    def _changes(self, event: Event) -> dict[str, int]:
        if event.type == Memory.Revised.TOPIC:
            return self._governed(event)
        if event.type == Memory.RetentionSet.TOPIC:
            return {"expires": expires_at(event.data)}
        return {"state": TARGETS[event.type]}

    def _put(self, label: list[int], position: int, changes: dict[str, int]) -> int:
        """The row of the new label."""
        for name, value in changes.items():
            label[COLUMNS[name]] = value
        label[COLUMNS["since"]], label[COLUMNS["until"]] = position, FOREVER
        self._changed = position
        return self.labels.append(tuple(label))

    def _governed(self, event: Event) -> dict[str, int]:
        written = repr(event.data["governance"])
        if (known := self._governances.get(written)) is None:
            if len(self._governances) == GOVERNANCES:
                self._governances.clear()
            known = self._governances[written] = self._read(Governance.from_json(event.data["governance"]))
        return known | {"text_at": event.position}

    def _read(self, governance: Governance) -> dict[str, int]:
        return {
            "visibility": VISIBILITIES.index(governance.visibility),
            "memory_type": MEMORY_TYPES.index(governance.memory_type),
            "semantic_type": SEMANTIC_TYPES.index(governance.semantic_type),
            "source": SOURCES.index(governance.source),
            "priority": governance.priority,
            "sensitivity": int(governance.sensitivity),
            "owner": self.principals.of(governance.owner_id),
            "session": self.sessions.of(governance.session_id),
            "context": self.contexts.of(governance.context_id),
            "readers": self._list(governance.access_control),
            "purposes": self.purposes.of(governance.purposes),
        }

    def _list(self, readers: tuple[UUID, ...]) -> int:
        size = len(self.readers)
        number = self.readers.of(readers)
        if number == size:
            for reader in set(readers):
                self.lists.setdefault(reader, []).append(number)
        return number

    def context(self, context_id: UUID | None) -> int:
        return NONE if context_id is None else self.contexts.find(context_id)

    def principal(self, principal_id: UUID) -> int:
        return self.principals.find(principal_id)

    def rows_at(self, at: int | None) -> Rows:
        """(n,) the label rows of the n memories that existed at `at`."""
        if at is None or at >= self._changed:
            return self.latest.rows.astype(np.intp)
        labels = self.labels.rows
        held = np.flatnonzero((labels["since"] <= at) & (labels["until"] > at))
        rows = np.empty(len(held), np.intp)  # memories are numbered as they are born, so those of then come first
        rows[labels["memory"][held]] = held
        return rows

    def content(self) -> Iterator[bytes]:
        yield repr(self.cube).encode()
        yield self.ids.cells.tobytes()
        yield self.labels.rows.tobytes()
        for each in self._numbered():
            yield repr(list(each)).encode()

    def _numbered(self) -> tuple[Numbers[Any], ...]:
        return self.tenants, self.principals, self.sessions, self.contexts, self.readers, self.purposes

    def saved(self) -> Arrays:
        cube = None if self.cube is None else [str(self.cube.tenant_id), str(self.cube.owner_id)]
        small = [cube, *([_json(value) for value in each] for each in self._numbered())]
        return {"ids": self.ids.cells.copy(), "labels": self.labels.rows.copy(), "small": packed(small)}

    @classmethod
    def restored(cls, arrays: Arrays) -> Self:
        scopes = cls()
        scopes.ids, scopes.labels = Ids(arrays["ids"]), Growing(LABEL, (), arrays["labels"])
        labels = scopes.labels.rows
        scopes._changed = int(labels["since"].max(initial=0))
        present = np.flatnonzero(labels["until"] == FOREVER)
        latest = np.zeros(len(scopes.ids), np.int64)
        latest[labels["memory"][present]] = present
        scopes.latest = Growing(np.int64, (), latest)
        cube, *numbered, readers, purposes = unpacked(arrays["small"])
        scopes.cube = None if cube is None else CubeLabel(*map(UUID, cube))
        for numbers, values in zip(scopes._numbered()[: len(numbered)], numbered, strict=True):
            for value in values:
                numbers.of(UUID(value))
        for value in readers:
            scopes._list(tuple(map(UUID, value)))
        for value in purposes:
            scopes.purposes.of(tuple(value))
        return scopes


def microseconds(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1)


def _json(value: Any) -> Any:
    return [str(each) for each in value] if isinstance(value, tuple) else str(value)


def expires_at(data: Any) -> int:
    """Microseconds since 1970; FOREVER when it does not expire."""
    moment = data["expires_at"]
    return FOREVER if moment is None else microseconds(datetime.fromisoformat(moment))
