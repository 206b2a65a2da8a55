"""Who could read a memory at a moment, by the rules and the labels of then."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from mnemolog.adapters.postgres.directory import PrincipalRow
from mnemolog.api.asking import cube_of, row_of, situation
from mnemolog.api.parts import Parts
from mnemolog.domain.permissions import Action, Caller, Code, CubeLabel, outlived
from mnemolog.domain.principal import HAVE_MEMBERS

PAGE = 500


def readers(parts: Parts, caller: Caller, memory_id: UUID, position: int) -> list[UUID]:
    """In the order in which they were registered, each as if it asked without a purpose and outside any session.

    Raises Denied for whoever may not ask what others may do, and MemoryNotFound.
    """
    held = situation(parts, caller, position)
    row = row_of(parts, memory_id, held, position)
    cube = cube_of(parts, caller, row)
    label = CubeLabel(cube.tenant_id, cube.owner_id)

    def reads(each: PrincipalRow) -> bool:
        administrator = each.principal_id in held.policy.administrators
        who = Caller(each.principal_id, each.tenant_id, each.subject_id, each.kind, administrator)
        code = held.policy.decide(who, Action.READ, row.label, label, cube.cube_id, held.now)
        return outlived(code, Action.READ, row.state, row.expires_at, held.now) is Code.ALLOWED

    known = (each for each in _everybody(parts, caller.tenant_id) if each.position <= position)
    return [each.principal_id for each in known if reads(each)]


def _everybody(parts: Parts, tenant_id: UUID) -> Iterator[PrincipalRow]:
    after: int | None = 0
    while after is not None:
        rows = parts.directory.principals(tenant_id, after, PAGE)
        yield from (row for row in rows if row.kind not in HAVE_MEMBERS)
        after = rows[-1].position if len(rows) == PAGE else None
