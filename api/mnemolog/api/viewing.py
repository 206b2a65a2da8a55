"""Which memories and cubes a caller may see, all of them at once: what a session of SQL is made for."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import compress
from typing import TYPE_CHECKING
from uuid import UUID

from mnemolog.adapters.postgres.directory import CubeRow
from mnemolog.api.asking import DECIDED, Situation, situation
from mnemolog.api.parts import Parts, is_administrator
from mnemolog.domain.permissions import Action, Caller, Code, CubeLabel
from mnemolog.domain.refusals import Conflict

if TYPE_CHECKING:
    from mnemolog.adapters.analytics.visibility import Viewer

PAGE = 500


def viewer_of(parts: Parts, caller: Caller, position: int | None = None) -> Viewer | None:
    """As of now, with what came about up to `position`; None for an administrator, who sees everything."""
    if is_administrator(caller):
        return None
    from mnemolog.adapters.analytics.visibility import Viewer

    parts.wait(DECIDED)
    parts.wait(DECIDED, position)
    held = situation(parts, caller)
    cubes = [cube for cube in _cubes(parts, caller) if _may_use(held, caller, cube)]
    readable = [memory_id for cube in cubes for memory_id in _readable(parts, held, caller, cube)]
    return Viewer(caller.principal_id, readable, [cube.cube_id for cube in cubes])


def check_still_visible(parts: Parts, caller: Caller, before: Viewer | None) -> None:
    """A query takes its time: what was taken from the caller during it is not told after it. Raises Conflict."""
    now = None if before is None else viewer_of(parts, caller)
    if before is None or now is None:
        return
    if not (set(before.readable) <= set(now.readable) and set(before.usable) <= set(now.usable)):
        raise Conflict


def _cubes(parts: Parts, caller: Caller) -> Iterator[CubeRow]:
    after: int | None = 0
    while after is not None:
        rows = parts.directory.cubes(caller.tenant_id, None, after, PAGE)
        yield from rows
        after = rows[-1].position if len(rows) == PAGE else None


def _may_use(held: Situation, caller: Caller, cube: CubeRow) -> bool:
    label = CubeLabel(cube.tenant_id, cube.owner_id)
    return held.policy.may_use_cube(caller, Action.READ, label, cube.cube_id, held.now)


def _readable(parts: Parts, held: Situation, caller: Caller, cube: CubeRow) -> list[UUID]:
    """By the decision that `permissions.list_permitted` tells."""
    asked = held.asked(caller, Action.READ, cube.cube_id)
    judged = parts.views.scopes.judged(cube.cube_id, asked, Action.READ, held.now)
    return list(compress(judged.memory_ids, judged.is_(Code.ALLOWED)))
