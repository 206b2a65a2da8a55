"""How far a memory has reached: what was made from it, and who was told any of that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from mnemolog.adapters.postgres.lineage import Lineages, Telling
from mnemolog.api.accesses import audited, current
from mnemolog.api.audit import all_recorded
from mnemolog.api.cursors import check_limit, make_cursor, read_cursor
from mnemolog.api.disclosure import readable
from mnemolog.api.lineage_answers import DerivationAnswer, DerivedAnswer, InfluenceAnswer, TellingAnswer
from mnemolog.api.parts import CATALOGUE, Parts, is_administrator
from mnemolog.domain.lineage import Walk, descend, parent_of
from mnemolog.domain.log import LAST
from mnemolog.domain.permissions import Caller
from mnemolog.domain.refusals import Invalid, InvalidPosition, MemoryNotFound, NotFound
from mnemolog.projections.catalogue import MemoryRow

MOST = 1000  # derived memories


@audited("influence")
class Influence:
    """An administrator is told all of the tenant. Others are told of memories that they own or may read, and of answers
    that they asked for or that told something which they own; what is not theirs to know is not counted either.
    """

    def __init__(self, parts: Parts, caller: Caller) -> None:
        self._parts = parts
        self._caller = caller
        self._lineages = Lineages(parts.application.datastore, caller.tenant_id)

    def __call__(
        self,
        memory_id: UUID | None = None,
        *,
        position: int | None = None,
        limit: int = 50,
        cursor: str | None = None,
        at_least: int | None = None,
    ) -> InfluenceAnswer:
        """Of a memory, of what an event did to one, or of a memory from a position on.

        Raises MemoryNotFound, NotFound, Invalid, InvalidCursor, InvalidPosition, ProjectionBehind, AuditUnavailable.
        """
        head = all_recorded(self._parts, at_least)
        self._parts.wait(CATALOGUE, head)
        start, since = self._start(memory_id, position, head)
        rows = {start.memory_id: start}
        walk = descend({start.memory_id: since}, self._lineages.derived, lambda ids: self._shown(ids, rows), MOST)
        answers, following = self._answers(walk, rows, limit, cursor)
        current().tell(walk.since, head)
        return InfluenceAnswer(
            memory_id=start.memory_id,
            since=since,
            derived=[_derived(each, walk, rows) for each in walk.over if each != start.memory_id],
            complete=walk.complete,
            items=[TellingAnswer(**each._asdict()) for each in answers],
            next=following,
            position=head,
        )

    def _start(self, memory_id: UUID | None, position: int | None, head: int) -> tuple[MemoryRow, int]:
        """Raises MemoryNotFound, NotFound, Invalid, InvalidPosition."""
        if position is not None and not 0 <= position <= head:
            raise InvalidPosition(value=position, reason=f"the log ends at {head}")
        if memory_id is None:
            memory_id = self._touched(position)
        rows: dict[UUID, MemoryRow] = {}
        if not self._shown([memory_id], rows):
            raise MemoryNotFound(memory_id=memory_id)
        row = rows[memory_id]
        return row, row.created_position if position is None else max(position, row.created_position)

    def _touched(self, position: int | None) -> UUID:
        """Of a memory that the caller may not know of, no more than of an event that was about none."""
        if position is None:
            raise Invalid(reason="Name a memory, or a position of the log.")
        event = self._parts.log.at([position], self._caller.tenant_id).get(position)
        memory_id = None if event is None else event.memory_id
        if memory_id is None or not self._shown([memory_id], {}):
            raise NotFound(kind="event of a memory", id=position)
        return memory_id

    def _shown(self, memory_ids: Sequence[UUID], rows: dict[UUID, MemoryRow]) -> Sequence[UUID]:
        """Those that the caller may know of, which `rows` has then too."""
        found = self._parts.directory.memories(memory_ids, self._caller.tenant_id)
        if not is_administrator(self._caller):
            allowed = readable(self._parts, self._caller, memory_ids)
            found = {each: row for each, row in found.items() if each in allowed or self._owns(row)}
        rows.update(found)
        return list(found)

    def _owns(self, row: MemoryRow) -> bool:
        return row.governance.owner_id == self._caller.principal_id

    def _answers(
        self, walk: Walk, rows: Mapping[UUID, MemoryRow], limit: int, cursor: str | None
    ) -> tuple[list[Telling], str | None]:
        keyring, me = self._parts.application.keyring, self._caller.principal_id
        asked = f"influence:{self._caller.tenant_id}:{me}:{next(iter(walk.since.items()))}"
        before = LAST if cursor is None else read_cursor(keyring, asked, cursor)
        own = {each for each in walk.since if self._owns(rows[each])}
        asking = None if is_administrator(self._caller) else me
        found = self._lineages.told(walk.since, own, asking, before, check_limit(limit) + 1)
        following = make_cursor(keyring, asked, found[limit - 1].position) if len(found) > limit else None
        return found[:limit], following


def _derived(memory_id: UUID, walk: Walk, rows: Mapping[UUID, MemoryRow]) -> DerivedAnswer:
    start, row = next(iter(walk.since)), rows[memory_id]
    return DerivedAnswer(
        memory_id=memory_id,
        cube_id=row.cube_id,
        state=row.state.value,
        since=walk.since[memory_id],
        path=[DerivationAnswer.of(each) for each in walk.path(memory_id, parent_of, {start})],
    )
