"""The views: what they hold, made anew from the log, and compared with what the log says."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from uuid import UUID

from mnemolog.adapters.postgres.accesses import PostgresAccesses
from mnemolog.adapters.postgres.catalogue import PostgresCatalogue
from mnemolog.adapters.postgres.directory import CubeRow
from mnemolog.api.accesses import audited
from mnemolog.api.catalogue_check import check_catalogue
from mnemolog.api.pace import Told, Watch, untold
from mnemolog.api.parts import ACCESS, CATALOGUE, Parts, require_administrator
from mnemolog.api.view_answers import Rebuilt, Verified, ViewAnswer, ViewOfCube, answer
from mnemolog.api.waking import wake
from mnemolog.domain.log import Event, pages
from mnemolog.domain.permissions import Caller
from mnemolog.domain.refusals import Invalid, NotFound, Unavailable, ViewDiffers
from mnemolog.projections.cube_fold import AnyCubeFold

PAGE = 500
TABLE, ACCESSES = CATALOGUE[0], ACCESS[0]
TABLES = (TABLE, ACCESSES)  # in Postgres, for all cubes and tenants

log = logging.getLogger(__name__)


@audited("views")
class Views:
    def __init__(self, parts: Parts, caller: Caller) -> None:
        self._parts = parts
        self._caller = caller

    def list(self) -> Sequence[ViewAnswer]:
        """How far each view has come, and which of the cubes that the caller may use it holds."""
        cubes = [*self._cubes(self._caller.administrator)]
        views = {view.name: view for view in self._parts.residence.views}
        return [answer(each, self._held(views.get(each.name), cubes)) for each in self._parts.runner.status()]

    def rebuild(
        self, view: str | None = None, cube: str | UUID | None = None, progress: Told = untold
    ) -> Sequence[Rebuilt]:
        """Make a view anew from the log, or all that are held in memory: of one cube, or of every cube of the tenant.

        The old state answers until the new one is there. The catalogue and the accesses, which must be named, are
        tables for all tenants.
        Raises Denied, NotFound, CubeNotFound, Invalid, ProjectionBehind, and Unavailable when a file cannot be dropped.
        """
        require_administrator(self._caller, "rebuild views")
        views = self._chosen(view, cube)
        if view in TABLES:
            return [self._rebuild_table(view, progress)]
        done: list[Rebuilt] = []
        for row in self._chosen_cubes(cube):
            with self._visiting(row.cube_id):
                done += [self._rebuild(each, row, progress) for each in views]
        return done

    def verify(
        self, view: str | None = None, cube: str | UUID | None = None, progress: Told = untold
    ) -> Sequence[Verified]:
        """Compare a view, or all of them, with a rebuild from the log; nothing is changed.

        Raises ViewDiffers for the first difference, and Denied, NotFound, CubeNotFound, Invalid, ProjectionBehind.
        """
        require_administrator(self._caller, "verify views")
        views = self._chosen(view, cube)
        done: list[Verified] = []
        for row in self._chosen_cubes(cube) if views else ():
            with self._visiting(row.cube_id):
                done += [self._verify(each, row, progress) for each in views]
        if view == TABLE or (view is None and cube is None):
            done.append(self._verify_catalogue(progress))
        if view == ACCESSES or (view is None and cube is None):
            done.append(self._verify_accesses(progress))
        return done

    def _chosen(self, view: str | None, cube: str | UUID | None) -> Sequence[AnyCubeFold]:
        """Those in memory."""
        if view in TABLES and cube is not None:
            raise Invalid(reason=f"{view} is one table for all cubes: it cannot be rebuilt or verified for one")
        chosen = [each for each in self._parts.residence.views if view in (None, each.name)]
        if not chosen and view not in TABLES:
            raise NotFound(kind="view", id=view)
        return chosen

    def _chosen_cubes(self, cube: str | UUID | None) -> Sequence[CubeRow]:
        self._parts.wait(CATALOGUE)
        return [*self._cubes(True)] if cube is None else [self._parts.cube(self._caller, cube)]

    def _cubes(self, of_everybody: bool) -> Iterator[CubeRow]:
        owner_id, after = None if of_everybody else self._caller.principal_id, 0
        while page := self._parts.directory.cubes(self._caller.tenant_id, owner_id, after, PAGE):
            yield from page
            after = page[-1].position

    def _held(self, view: AnyCubeFold | None, cubes: Sequence[CubeRow]) -> Sequence[ViewOfCube] | None:
        if view is None:
            return None
        held, now = view.held(), time.monotonic()
        found = []
        for row in cubes:
            rows, asked, changes = held.get(row.cube_id, (None, None, None))
            kept = self._parts.is_kept(view.name, row.cube_id)
            if kept or rows is not None:
                idle = None if asked is None else now - asked
                cube = ViewOfCube(
                    cube_id=row.cube_id, name=row.name, kept=kept, memories=rows, idle=idle, unkept=changes
                )
                found.append(cube)
        return found

    def _rebuild(self, view: AnyCubeFold, cube: CubeRow, progress: Told) -> Rebuilt:
        watch = Watch(view.name, cube.name, view.position, progress)
        try:
            self._parts.residence.rebuild(view, cube.cube_id, watch)
        except OSError as error:
            raise Unavailable(reason=f"view {view.name} cannot be rebuilt ({type(error).__name__})") from error
        position, (_, _, events) = view.position, view.held().get(cube.cube_id, (0, 0.0, 0))
        self._keep(view, cube.cube_id)
        watch(position)
        return Rebuilt(view=view.name, cube_id=cube.cube_id, position=position, events=events, seconds=watch.seconds)

    def _keep(self, view: AnyCubeFold, cube_id: UUID) -> None:
        """A file makes the next start quicker and is no part of what was asked for."""
        try:
            self._parts.residence.keep(view, cube_id)
            self._parts.residence.reach()
        except OSError as error:
            log.warning("a rebuilt view is not kept: %s", type(error).__name__)

    def _verify(self, view: AnyCubeFold, cube: CubeRow, progress: Told) -> Verified:
        watch = Watch(view.name, cube.name, view.position, progress)
        wake(self._parts.residence, view, cube.cube_id, watch)
        position, same = self._parts.residence.verify(view, cube.cube_id, watch)
        if not same:
            reason = "its state is another one"
            raise ViewDiffers(view=view.name, cube_id=cube.cube_id, position=position, reason=reason)
        return Verified(view=view.name, cube_id=cube.cube_id, position=position, seconds=watch.seconds)

    @contextmanager
    def _visiting(self, cube_id: UUID) -> Iterator[None]:
        """What comes into memory for this alone is let go again, so that all cubes of a tenant never are at once."""
        cold = [view for view in self._parts.residence.views if not view.is_held(cube_id)]
        try:
            yield
        finally:
            for view in cold:
                view.release(cube_id)

    def _rebuild_table(self, view: str, progress: Told) -> Rebuilt:
        table: PostgresCatalogue | PostgresAccesses = self._parts.catalogue if view == TABLE else self._parts.accesses
        head = self._parts.log.head()
        watch = Watch(view, None, head, progress)
        for parked in table.rebuild(self._pages(head, watch), head):
            self._parts.runner.park(view, parked)
        watch(head)
        return Rebuilt(view=view, cube_id=None, position=head, events=head, seconds=watch.seconds)

    def _pages(self, head: int, moved: Callable[[int], None]) -> Iterator[Sequence[Event]]:
        for page in pages(self._parts.log, 0, head, PAGE):
            yield page
            moved(page[-1].position)

    def _verify_catalogue(self, progress: Told) -> Verified:
        watch = Watch(TABLE, None, self._parts.log.head(), progress)
        position = check_catalogue(self._parts, self._caller.tenant_id, watch)
        return Verified(view=TABLE, cube_id=None, position=position, seconds=watch.seconds)

    def _verify_accesses(self, progress: Told) -> Verified:
        """The view stands still meanwhile, and nothing waits for it but audits."""
        watch = Watch(ACCESSES, None, self._parts.log.head(), progress)
        position, same = self._parts.accesses.compared(lambda upto: self._pages(upto, watch))
        if not same:
            raise ViewDiffers(view=ACCESSES, cube_id="*", position=position, reason="its rows are others")
        return Verified(view=ACCESSES, cube_id=None, position=position, seconds=watch.seconds)
