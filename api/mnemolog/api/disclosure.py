"""The one exit: every memory text that leaves the store passes here, is checked again on its way and goes on record.

Views answer with ids and positions. The text is read from the log at the last moment, and only when the catalogue, as
it is now, still lets this caller read the memory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from mnemolog.api.accesses import current
from mnemolog.api.moments import Moment
from mnemolog.api.parts import Parts
from mnemolog.domain.lifecycle import State
from mnemolog.domain.log import Event
from mnemolog.domain.metadata import Description
from mnemolog.domain.permissions import Action, Caller, CubeLabel, Reaches, may
from mnemolog.domain.policy import Policy
from mnemolog.domain.refusals import MemoryErased, MemoryExpired, MemoryNotFound
from mnemolog.domain.retention import has_expired
from mnemolog.projections.catalogue import MemoryRow


@dataclass(frozen=True, slots=True)
class Disclosed:
    """A memory as one caller may see it."""

    row: MemoryRow
    text: str
    description: Description


def disclose(
    parts: Parts, caller: Caller, wanted: Sequence[UUID], moment: Moment | None = None
) -> Mapping[UUID, Disclosed]:
    """The memories of `wanted` that this caller may read now, as they are or as they were at `moment`.

    The others are missing, and nothing tells why.
    """
    rows: Mapping[UUID, MemoryRow] = readable(parts, caller, wanted, moment)
    if moment is not None:
        rows = parts.directory.memories_at(list(rows), moment.position, caller.tenant_id)
    events = parts.log.at([row.text_position for row in rows.values()], caller.tenant_id)
    rows = {memory_id: row for memory_id, row in rows.items() if not events[row.text_position].erased}
    current().disclosed(rows, moment)
    return {memory_id: _disclosed(row, events[row.text_position]) for memory_id, row in rows.items()}


def _disclosed(row: MemoryRow, event: Event) -> Disclosed:
    return Disclosed(row, event.data["text"], Description.from_json(event.data["description"]))


def disclose_one(parts: Parts, caller: Caller, memory_id: UUID, moment: Moment | None = None) -> Disclosed:
    """Raises MemoryNotFound, also for one that the caller may not read, MemoryErased and MemoryExpired."""
    now = check_readable(parts, caller, memory_id)
    row = (
        now
        if moment is None
        else parts.directory.memories_at([memory_id], moment.position, caller.tenant_id).get(memory_id)
    )
    if row is None:
        raise MemoryNotFound(memory_id=memory_id)
    expires_at = row.expires_at if moment is None or caller.administrator else now.expires_at
    if has_expired(expires_at, parts.clock.now() if moment is None else moment.clock):
        raise MemoryExpired(memory_id=memory_id, expires_at=expires_at)
    disclosed = disclose(parts, caller, [memory_id], moment)
    if memory_id not in disclosed:
        check_readable(parts, caller, memory_id)  # it may have been taken from this caller meanwhile
        raise MemoryErased(memory_id=memory_id)
    return disclosed[memory_id]


def disclose_history(parts: Parts, caller: Caller, memory_id: UUID, events: Sequence[Event]) -> Sequence[Event]:
    """A memory's own events with what they said, for whoever may read it as it is now."""
    row = check_readable(parts, caller, memory_id)
    if has_expired(row.expires_at, parts.clock.now()):
        raise MemoryExpired(memory_id=memory_id, expires_at=row.expires_at)
    current().disclosed({memory_id: row}, None)
    return events


def disclose_keys(
    parts: Parts, caller: Caller, wanted: Sequence[UUID], moment: Moment | None = None
) -> tuple[Mapping[UUID, bytes], frozenset[UUID]]:
    """The keys that open all that was ever said in these memories, for whoever may export them now: they are as good
    as the texts. And which of the memories it may export although nothing opens them any more.
    """
    rows = parts.directory.memories(wanted, caller.tenant_id)
    check = _Exit(parts, caller, list(rows.values()), action=Action.EXPORT)
    allowed = {
        each: row for each, row in rows.items() if not has_expired(row.expires_at, check.now) and check.allows(row)
    }
    live = [each for each, row in allowed.items() if row.state is not State.ERASED]
    opened = parts.application.keyring.revealed(live)
    told = [each for each in wanted if each in opened]
    then = allowed if moment is None else parts.directory.memories_at(told, moment.position, caller.tenant_id)
    current().disclosed({each: then[each] for each in told if each in then}, moment)
    return opened, frozenset(allowed.keys() - opened.keys())


def check_readable(parts: Parts, caller: Caller, memory_id: UUID) -> MemoryRow:
    """Raises MemoryNotFound or MemoryErased."""
    row = parts.directory.memories([memory_id], caller.tenant_id).get(memory_id)
    if row is None or not _Exit(parts, caller, [row]).allows(row):
        raise MemoryNotFound(memory_id=memory_id)
    if row.state is State.ERASED:
        raise MemoryErased(memory_id=memory_id)
    return row


def permitted(parts: Parts, caller: Caller, rows: Sequence[MemoryRow]) -> frozenset[UUID]:
    """Which of these the caller may read by the rules of now, whether or not there is something left to read."""
    check = _Exit(parts, caller, rows)
    return frozenset(row.memory_id for row in rows if check.allows(row))


def readable(
    parts: Parts, caller: Caller, wanted: Sequence[UUID], moment: Moment | None = None
) -> dict[UUID, MemoryRow]:
    """Their rows as they are now. Whoever may look back past an expiry is not stopped by it here."""
    rows = parts.directory.memories(wanted, caller.tenant_id)
    looks_back = moment is not None and caller.administrator
    check = _Exit(parts, caller, list(rows.values()))
    return _let_out(wanted, rows, looks_back, check)


def _let_out(
    wanted: Sequence[UUID], rows: Mapping[UUID, MemoryRow], looks_back: bool, check: _Exit
) -> dict[UUID, MemoryRow]:
    return {
        memory_id: row
        for memory_id in wanted
        if (row := rows.get(memory_id)) is not None
        and row.state is not State.ERASED
        and (looks_back or not has_expired(row.expires_at, check.now))
        and check.allows(row)
    }


@dataclass(frozen=True, slots=True)
class Past:
    """When something was disclosed: what the catalogue knew of memories, the rules that held, and the time."""

    position: int
    policy: Policy
    now: datetime


def disclosed_then(
    parts: Parts, caller: Caller, wanted: Sequence[UUID], moment: Moment | None, past: Past
) -> Mapping[UUID, Disclosed]:
    """What `disclose` said once, to be compared with the record of it: it is told to nobody.

    What has been erased since is missing.
    """
    rows: Mapping[UUID, MemoryRow] = parts.directory.memories_at(wanted, past.position, caller.tenant_id)
    looks_back = moment is not None and caller.administrator
    rows = _let_out(wanted, rows, looks_back, _Exit(parts, caller, list(rows.values()), past))
    if moment is not None:
        rows = parts.directory.memories_at(list(rows), moment.position, caller.tenant_id)
    events = parts.log.at([row.text_position for row in rows.values()], caller.tenant_id)
    return {
        memory_id: _disclosed(row, events[row.text_position])
        for memory_id, row in rows.items()
        if not events[row.text_position].erased
    }


class _Exit:
    """The last check of each memory, by the grants and the owners of cubes as they are now, or as they were."""

    def __init__(
        self,
        parts: Parts,
        caller: Caller,
        rows: Sequence[MemoryRow],
        past: Past | None = None,
        action: Action = Action.READ,
    ) -> None:
        self._action = action
        self._policy, self._caller = parts.policy(caller)[0] if past is None else past.policy, caller
        self._owners, self.now = _owners(parts, caller, rows), parts.clock.now() if past is None else past.now
        self._reaches: dict[UUID, tuple[tuple[Caller, Reaches], ...]] = {}

    def allows(self, row: MemoryRow) -> bool:
        owner_id = self._owners.get(row.cube_id)
        if owner_id is None:
            return False
        cube = CubeLabel(row.tenant_id, owner_id)
        return all(may(each, self._action, row.label, cube, reaches) for each, reaches in self._of(row.cube_id))

    def _of(self, cube_id: UUID) -> tuple[tuple[Caller, Reaches], ...]:
        if cube_id not in self._reaches:
            policy, now = self._policy, self.now
            callers = policy.callers(self._caller)
            self._reaches[cube_id] = tuple((each, policy.reaches(each, self._action, cube_id, now)) for each in callers)
        return self._reaches[cube_id]


def _owners(parts: Parts, caller: Caller, rows: Sequence[MemoryRow]) -> dict[UUID, UUID]:
    """Cube to owner, for the cubes of the caller's own tenant."""
    cubes = {row.cube_id for row in rows if row.tenant_id == caller.tenant_id}
    found = [parts.directory.cube(caller.tenant_id, cube_id) for cube_id in sorted(cubes)]
    return {cube.cube_id: cube.owner_id for cube in found if cube is not None}
