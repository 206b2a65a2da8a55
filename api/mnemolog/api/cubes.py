"""Cubes: spaces of memories, found by name or id."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from mnemolog.api.accesses import audited
from mnemolog.api.answers import CubeAnswer, Page
from mnemolog.api.cursors import check_limit, make_cursor, read_cursor
from mnemolog.api.parts import CATALOGUE, Parts, origin, reaches
from mnemolog.domain.cube import Cube, CubeConfig
from mnemolog.domain.log import Condition
from mnemolog.domain.permissions import Action, Caller
from mnemolog.domain.refusals import AlreadyExists, ConditionFailed, Denied, NotFound, StaleVersion, SubjectErased

ATTEMPTS = 5


@audited("cubes")
class Cubes:
    def __init__(self, parts: Parts, caller: Caller) -> None:
        self._parts = parts
        self._caller = caller

    def found(self, name: str, config: CubeConfig = CubeConfig(), *, subject_id: UUID | None = None) -> CubeAnswer:
        """A new cube of this principal. Raises AlreadyExists, Invalid, NotFound for an unknown data subject.

        Raises Denied for an agent that acts on behalf of a user: of its own cube the user could read nothing.
        """
        if self._caller.on_behalf_of is not None or not reaches(self._caller, Action.WRITE):
            raise Denied(action="found cubes with this key")
        for attempt in range(ATTEMPTS):
            try:
                return self._found(name, config, subject_id or self._caller.subject_id)
            except ConditionFailed:  # another cube was founded meanwhile: perhaps with this name
                if attempt == ATTEMPTS - 1:
                    raise
        raise AssertionError("unreachable")  # pragma: no cover

    def get(self, cube: str | UUID, *, at_least: int | None = None) -> CubeAnswer:
        self._parts.wait(CATALOGUE, at_least)
        return CubeAnswer.of(self._parts.cube(self._caller, cube))

    def list(self, *, limit: int = 50, cursor: str | None = None, at_least: int | None = None) -> Page:
        """The cubes that this principal may use: its own, and all of the tenant for an administrator."""
        self._parts.wait(CATALOGUE, at_least)
        position, keyring = self._parts.catalogue.position, self._parts.application.keyring
        owner_id = None if self._caller.administrator else self._caller.principal_id
        question = f"cubes:{self._caller.tenant_id}:{owner_id}"
        after = read_cursor(keyring, question, cursor)
        rows = self._parts.directory.cubes(self._caller.tenant_id, owner_id, after, check_limit(limit))
        following = make_cursor(keyring, question, rows[-1].position) if len(rows) == limit else None
        return Page(items=[CubeAnswer.of(row) for row in rows], next=following, position=position)

    def configure(self, cube: str | UUID, config: CubeConfig, *, if_version: int | None = None) -> CubeAnswer:
        """Raises StaleVersion when the cube was configured by another since `if_version`."""
        self._parts.wait(CATALOGUE)
        row = self._parts.cube(self._caller, cube)
        aggregate = self._parts.application.load(Cube, row.cube_id)
        if if_version is not None and if_version != aggregate.version:
            raise StaleVersion(kind="Cube", id=row.cube_id, actual=aggregate.version, expected=if_version)
        aggregate.configure(config)
        position = self._parts.log.head()
        if (appended := self._parts.application.record(aggregate, origin=origin(self._caller))) is not None:
            position = self._parts.written(appended, rules=True).last
        return replace(self.get(row.cube_id), position=position)

    def _found(self, name: str, config: CubeConfig, subject_id: UUID) -> CubeAnswer:
        head = self._parts.log.head()
        self._parts.wait(CATALOGUE, head)
        self._check_subject(subject_id)
        if self._parts.directory.cube(self._caller.tenant_id, name) is not None:
            raise AlreadyExists(kind="cube", name=name)
        cube = Cube.found(
            tenant_id=self._caller.tenant_id,
            name=name,
            owner_id=self._caller.principal_id,
            subject_id=subject_id,
            config=config,
        )
        nobody_else = Condition(after=head, types=(Cube.Founded.TOPIC,), tenant_id=self._caller.tenant_id)
        appended = self._parts.application.record(cube, origin=origin(self._caller), condition=nobody_else)
        assert appended is not None
        self._parts.written(appended, rules=True)
        return self.get(cube.id)

    def _check_subject(self, subject_id: UUID) -> None:
        if not self._parts.directory.has_subject(self._caller.tenant_id, subject_id):
            raise NotFound(kind="data subject", id=subject_id)
        if self._parts.erasures.erased_subjects([subject_id]):
            raise SubjectErased(subject_id=subject_id)
