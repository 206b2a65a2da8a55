"""Views of one tenant made from nothing, one cube after another, and what is left of them on the way.

Whoever is erased meanwhile is gone from the log, and so from what is made of it: a cube in which that happens is made
again, also when it happened between two attempts.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from mnemolog.adapters.postgres.directory import CubeRow
from mnemolog.adapters.replay_folder import Finished, Plan
from mnemolog.api.pace import Stages, Told
from mnemolog.api.parts import Parts
from mnemolog.domain.log import Selection, pages
from mnemolog.domain.memory import Memory
from mnemolog.projections import replay
from mnemolog.projections.cube_fold import AnyCubeFold, cube_of, stamp
from mnemolog.projections.replay import CubePart, Part, follow
from mnemolog.projections.replayed_tables import TABLES
from mnemolog.projections.saved import CubeFiles, NothingKept, Saved
from mnemolog.projections.table_part import Lines, Nowhere, TablePart, written

PAGE = 500
NO_SENSE = (KeyError, ValueError, TypeError, IndexError)


class Left(Protocol):
    """What is left on the way, and found again: a folder, or nothing."""

    @property
    def files(self) -> CubeFiles: ...

    @property
    def finished(self) -> Sequence[Finished]: ...

    def begin(self, plan: Plan, head: int) -> int: ...

    def forget(self, cube_ids: Sequence[UUID], head: int) -> None: ...

    def finish(self, some: Sequence[Finished]) -> None: ...

    def lines(self, view: str, size: int) -> Lines: ...


class NothingLeft:
    """Implements `Left` for whoever wants the digests alone."""

    def __init__(self) -> None:
        self.files: CubeFiles = NothingKept()
        self.finished: list[Finished] = []

    def begin(self, plan: Plan, head: int) -> int:
        return head

    def forget(self, cube_ids: Sequence[UUID], head: int) -> None:
        gone = set(map(str, cube_ids))
        self.finished = [each for each in self.finished if each.cube_id not in gone]

    def finish(self, some: Sequence[Finished]) -> None:
        self.finished += some

    def lines(self, view: str, size: int) -> Lines:
        return Nowhere()


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is made: views of cubes, and tables."""

    tenant_id: UUID
    position: int
    views: Sequence[AnyCubeFold]
    cubes: Sequence[CubeRow]
    tables: Sequence[str]


class Replaying:
    def __init__(self, parts: Parts, wanted: Wanted, left: Left, told: Told) -> None:
        self._parts, self._log, self._wanted, self._left = parts, parts.log, wanted, left
        self._stages = Stages(len(wanted.cubes) + len(wanted.tables), wanted.position, told)
        self._obeyed = 0

    def run(self, plan: Plan) -> Sequence[Finished]:
        """Raises Invalid for a folder that holds another replay, and OSError."""
        self._obeyed = self._left.begin(plan, self._log.head())
        self._obey()
        while missing := self._unfinished():
            for number, row in missing:
                self._cube(number, row)
            self._obey()
        done = {each.view for each in self._left.finished}
        for number, view in enumerate(self._wanted.tables, len(self._wanted.cubes)):
            if view not in done:
                self._table(number, view)
        return self._left.finished

    def _unfinished(self) -> list[tuple[int, CubeRow]]:
        done = {each.cube_id for each in self._left.finished}
        cubes = self._wanted.cubes if self._wanted.views else ()
        return [(number, row) for number, row in enumerate(cubes) if str(row.cube_id) not in done]

    def _obey(self) -> None:
        head = self._log.head()
        if erased := [*self._erased(head)]:
            self._left.forget(erased, head)
        self._obeyed = head

    def _erased(self, head: int) -> Iterator[UUID]:
        erasures = Selection(tenant_id=self._wanted.tenant_id, types=(Memory.Erased.TOPIC,))
        found = pages(self._log, self._obeyed, head, PAGE, erasures)
        yield from {cube_of(event) for page in found for event in page}

    def _cube(self, number: int, row: CubeRow) -> None:
        part = self._cube_part(row.cube_id)
        self._follow(part, row.cube_id, number, "every view" if len(self._wanted.views) > 1 else "", row.name)

    def _table(self, number: int, view: str) -> None:
        self._follow(self._table_part(view), None, number, view, None)
        self._left.files.drop(view, self._wanted.tenant_id)

    def _follow(self, part: Part, cube_id: UUID | None, number: int, name: str, cube: str | None) -> None:
        began = time.monotonic()
        moved = self._stages.stage(number, name or self._wanted.views[0].name, cube, part.after)

        def keep(part: Part) -> None:
            self._keep(part, self._wanted.tenant_id if cube_id is None else cube_id)

        follow(self._log, part, self._wanted.position, moved, keep, replay.PAGE, replay.KEEP_SECONDS)
        if cube_id is not None:
            keep(part)
        made, seconds = part.made(), time.monotonic() - began
        cube_name = None if cube_id is None else str(cube_id)
        self._left.finish(
            [Finished(view=e.view, cube_id=cube_name, events=e.events, digest=e.digest, seconds=seconds) for e in made]
        )
        moved(self._wanted.position)

    def _keep(self, part: Part, cube_id: UUID) -> None:
        """What became stale is not kept, and made again later."""

        def is_current() -> bool:
            erasures = Selection(types=(Memory.Erased.TOPIC,), cube_id=cube_id)
            return not self._log.read(self._obeyed, 1, erasures)

        for view, saved in part.saved().items():
            self._left.files.keep(view, self._version(view), cube_id, saved, is_current)

    def _cube_part(self, cube_id: UUID) -> CubePart:
        views, files = self._wanted.views, self._left.files
        found = {view.name: files.read(view.name, view.kept_version, cube_id) for view in views}
        saved = {name: each for name, each in found.items() if each is not None and self._is_of_this_log(each)}
        try:
            return CubePart(cube_id, views, saved)
        except NO_SENSE:
            return CubePart(cube_id, views, {})

    def _table_part(self, view: str) -> TablePart:
        saved = self._left.files.read(view, self._version(view), self._wanted.tenant_id)
        if saved is None or not self._is_of_this_log(saved):
            return TablePart(TABLES[view], self._wanted.tenant_id, self._left.lines(view, 0))
        lines = self._left.lines(view, written(saved))
        try:
            return TablePart(TABLES[view], self._wanted.tenant_id, lines, saved, lines.before())
        except NO_SENSE:
            lines.restart()
            return TablePart(TABLES[view], self._wanted.tenant_id, lines)

    def _is_of_this_log(self, saved: Saved) -> bool:
        if saved.position > self._wanted.position:
            return False
        last = self._log.at([saved.position]).get(saved.position)
        return saved.position == 0 or (last is not None and stamp(last) == saved.stamp)

    def _version(self, view: str) -> str:
        return versions(self._parts)[view]


def versions(parts: Parts) -> dict[str, str]:
    """Of each view, what its state is made by."""
    tables = {each.name: str(each.version) for each in (parts.catalogue, parts.accesses)}
    return {view.name: view.kept_version for view in parts.residence.views} | tables
