"""Cubes: spaces of memories, found by name or id."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from mnemolog.adapters.postgres.directory import CubeRow
from mnemolog.api.accesses import audited
from mnemolog.api.answers import CubeAnswer, Page, Written
from mnemolog.api.cursors import check_limit, make_cursor, read_cursor
from mnemolog.api.decisions import DECIDED_ON, Decisions
from mnemolog.api.forking import Taken, taken
from mnemolog.api.moments import At, Moment, moment_of
from mnemolog.api.parts import CATALOGUE, Parts, origin, reaches
from mnemolog.api.time_answers import ForkAnswer
from mnemolog.domain.aggregate import Pending
from mnemolog.domain.cube import Cube, CubeConfig, check_name
from mnemolog.domain.forking import copies, denies_of_copies
from mnemolog.domain.log import Condition, Selection, pages
from mnemolog.domain.memory import Memory
from mnemolog.domain.permissions import Action, Caller
from mnemolog.domain.refusals import (
    AlreadyExists,
    ConditionFailed,
    Denied,
    InvalidPosition,
    NotFound,
    StaleVersion,
    SubjectErased,
)

ATTEMPTS = 5
FORKED_ON = (*DECIDED_ON, Memory.Erased.TOPIC, Cube.Founded.TOPIC)


@audited("cubes")
class Cubes:
    def __init__(self, parts: Parts, caller: Caller) -> None:
        self._parts = parts
        self._caller = caller

    def found(self, name: str, config: CubeConfig = CubeConfig(), *, subject_id: UUID | None = None) -> CubeAnswer:
        """A new cube of this principal. Raises AlreadyExists, Invalid, NotFound for an unknown data subject.

        Raises Denied for an agent that acts on behalf of a user: of its own cube the user could read nothing.
        """
        self._check_founder()
        for attempt in range(ATTEMPTS):
            try:
                return self._found(name, config, subject_id or self._caller.subject_id)
            except ConditionFailed:  # another cube was founded meanwhile: perhaps with this name
                if attempt == ATTEMPTS - 1:
                    raise
        raise AssertionError("unreachable")  # pragma: no cover

    def get(self, cube: str | UUID, *, at_least: int | None = None) -> CubeAnswer:
        self._parts.wait(CATALOGUE, at_least)
        return self._answers([self._parts.cube(self._caller, cube)])[0]

    def list(self, *, limit: int = 50, cursor: str | None = None, at_least: int | None = None) -> Page:
        """The cubes that this principal may use: its own, and all of the tenant for an administrator."""
        self._parts.wait(CATALOGUE, at_least)
        position, keyring = self._parts.catalogue.position, self._parts.application.keyring
        owner_id = None if self._caller.administrator else self._caller.principal_id
        question = f"cubes:{self._caller.tenant_id}:{owner_id}"
        after = read_cursor(keyring, question, cursor)
        rows = self._parts.directory.cubes(self._caller.tenant_id, owner_id, after, check_limit(limit))
        following = make_cursor(keyring, question, rows[-1].position) if len(rows) == limit else None
        return Page(items=self._answers(rows), next=following, position=position)

    def configure(self, cube: str | UUID, config: CubeConfig, *, if_version: int | None = None) -> CubeAnswer:
        """Raises StaleVersion when the cube was configured by another since `if_version`, and Denied for one that the
        caller does not administer.
        """
        self._parts.wait(CATALOGUE)
        row = self._parts.cube(self._caller, cube, Action.ADMINISTER)
        aggregate = self._parts.application.load(Cube, row.cube_id)
        if if_version is not None and if_version != aggregate.version:
            raise StaleVersion(kind="Cube", id=row.cube_id, actual=aggregate.version, expected=if_version)
        aggregate.configure(config)
        position = self._parts.log.head()
        if (appended := self._parts.application.record(aggregate, origin=origin(self._caller))) is not None:
            position = self._parts.written(appended, rules=True).last
        return replace(self.get(row.cube_id), position=position)

    def fork(self, cube: str | UUID, at: At, name: str, *, idempotency_key: UUID | None = None) -> ForkAnswer:
        """A new cube of this principal with the memories of another one as they were at a moment, in one append.

        Each keeps its owner, labels, data subjects and expiry, and says what it was copied from: whoever erases that
        erases the copy. What the caller may not read now, and what is erased or expired by now, is left out.
        Raises CubeNotFound, Denied for a cube that the caller does not administer, InvalidPosition for a moment before
        it was founded, AlreadyExists, Invalid for too many memories.
        """
        self._check_founder()
        self._parts.wait(CATALOGUE)
        row = self._parts.cube(self._caller, cube, Action.ADMINISTER)
        moment = moment_of(self._parts, self._caller, self._parts.log.head() if at is None else at)
        if moment.position < row.position:
            raise InvalidPosition(value=moment.position, reason=f"the cube was founded at {row.position}")

        copied = 0

        def decide() -> Sequence[Pending]:
            nonlocal copied
            self._parts.wait(CATALOGUE, self._parts.log.head())
            self._check_name(name)
            again = self._parts.cube(self._caller, row.cube_id, Action.ADMINISTER)
            found = taken(self._parts, self._caller, again, moment)
            copied = len(found.originals)
            return self._forked(again, moment, name, found)

        request = ("fork", row.cube_id, at, name)
        written = Decisions(self._parts, self._caller).decide(decide, idempotency_key, request, FORKED_ON)
        return self._fork_answer(written, None if written.replayed else copied)

    def _forked(self, row: CubeRow, moment: Moment, name: str, found: Taken) -> Sequence[Pending]:
        cube = Cube.found(
            tenant_id=row.tenant_id,
            name=name,
            owner_id=self._caller.principal_id,
            subject_id=row.subject_id,
            config=self._parts.application.load(Cube, row.cube_id, self._version_at(row, moment)).config,
            forked_from=row.cube_id,
            forked_at=moment.position,
            left_out=dict(found.left_out),
        )
        made = copies(found.originals, cube)
        policy, _ = self._parts.policy(self._caller)
        return [cube, *denies_of_copies(policy, self._caller, made.ids, row.cube_id, cube), made.staged]

    def _version_at(self, row: CubeRow, moment: Moment) -> int:
        """Of a cube as it was."""
        rules = Selection(cube_id=row.cube_id, types=(Cube.Configured.TOPIC,))
        return 1 + sum(len(page) for page in pages(self._parts.log, 0, moment.position, 1000, rules))

    def _fork_answer(self, written: Written, copied: int | None) -> ForkAnswer:
        """From the log, so that no view has to be waited for. `copied` None has to be counted."""
        last = self._parts.log.at([written.position])[written.position]
        founding = Selection(cube_id=last.cube_id, types=(Cube.Founded.TOPIC,))
        (founded,) = self._parts.log.read(0, 1, founding)
        if copied is None:
            made = Selection(cube_id=last.cube_id, types=(Memory.Generated.TOPIC,))
            copied = sum(len(page) for page in pages(self._parts.log, 0, written.position, 1000, made))
        return ForkAnswer(
            cube=CubeAnswer.founded(founded),
            memories=copied,
            left_out=founded.data["left_out"],
            position=written.position,
            replayed=written.replayed,
        )

    def _answers(self, rows: Sequence[CubeRow]) -> Sequence[CubeAnswer]:
        founded = self._parts.log.at([row.position for row in rows], self._caller.tenant_id)
        return [CubeAnswer.of(row, founded[row.position]) for row in rows]

    def _check_founder(self) -> None:
        if self._caller.on_behalf_of is not None or not reaches(self._caller, Action.WRITE):
            raise Denied(action="found cubes with this key")

    def _check_name(self, name: str) -> None:
        if self._parts.directory.cube(self._caller.tenant_id, check_name(name)) is not None:
            raise AlreadyExists(kind="cube", name=name)

    def _found(self, name: str, config: CubeConfig, subject_id: UUID) -> CubeAnswer:
        head = self._parts.log.head()
        self._parts.wait(CATALOGUE, head)
        self._check_subject(subject_id)
        self._check_name(name)
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
