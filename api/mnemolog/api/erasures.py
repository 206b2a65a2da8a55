"""Erasures: memories, and all that is held about a data subject, made unreadable for ever."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from uuid import UUID

from mnemolog.adapters.postgres.erasures import ErasureRow, Reach
from mnemolog.adapters.postgres.lineage import Lineages
from mnemolog.api.accesses import audited, current
from mnemolog.api.answers import ErasureAnswer, Page
from mnemolog.api.cursors import check_limit, make_cursor, read_cursor
from mnemolog.api.decisions import ATTEMPTS, Decisions
from mnemolog.api.erasing import finish
from mnemolog.api.parts import CATALOGUE, Parts, is_administrator, origin, require_administrator
from mnemolog.api.receipts import signer
from mnemolog.domain.aggregate import Root
from mnemolog.domain.cube import Cube
from mnemolog.domain.erasure import Erasure, Kind
from mnemolog.domain.lifecycle import State
from mnemolog.domain.log import Condition
from mnemolog.domain.memory import Memory
from mnemolog.domain.permissions import Action, Caller
from mnemolog.domain.policy import PERMISSION_EVENTS
from mnemolog.domain.refusals import ConditionFailed, Invalid, NotFound, SubjectHeld, VersionConflict
from mnemolog.domain.subject import Subject
from mnemolog.projections.lineage import COPIED_FROM

# None of these may come between the decision and the erasure: a fork has copies of what is to be erased.
SETTLED = (*PERMISSION_EVENTS, Memory.Frozen.TOPIC, Cube.Founded.TOPIC)


@audited("erasures")
class Erasures:
    def __init__(self, parts: Parts, caller: Caller) -> None:
        self._parts = parts
        self._caller = caller
        self._decisions = Decisions(parts, caller)

    def erase(
        self, *, memory: UUID | None = None, subject: UUID | None = None, basis: str, dry_run: bool = False
    ) -> ErasureAnswer:
        """Erase a memory, or everything about a data subject; with `dry_run`, only say how much that would be.

        When it returns, nobody can read it any more, and everything that was made from it has forgotten it. Asked
        again, it gives the same answer. `basis` is why; it stays readable, so it must not name anybody.

        Raises MemoryNotFound, NotFound, Denied, LegalHold, SubjectHeld, InvalidText, and
        ProjectionBehind when a view takes too long: it goes on being erased then.
        """
        if (memory is None) == (subject is None):
            raise Invalid(reason="either a memory or a data subject is erased")
        self._parts.wait(CATALOGUE, self._parts.log.head())
        kind, target_id = (Kind.MEMORY, memory) if memory is not None else (Kind.SUBJECT, subject)
        assert target_id is not None
        row = self._earlier(target_id)
        if row is None:
            decide = self._memory if kind is Kind.MEMORY else self._subject
            if dry_run:
                preview = self._preview(kind, target_id, basis, decide(target_id, basis)[1])
                current().count(preview.memories or 0, preview.position)
                return preview
            self._begin(lambda: decide(target_id, basis)[0])
            row = self._parts.erasures.of(target_id)
            assert row is not None
        for each in (row, *self._of_copies(row)):
            if each.completed_position is None and not dry_run:
                finish(self._parts, each)
        return self._known(row.erasure_id)

    def get(self, erasure_id: UUID, *, at_least: int | None = None) -> ErasureAnswer:
        """For administrators, and for whoever asked for it. Raises NotFound."""
        self._parts.wait(CATALOGUE, at_least)
        found = self._known(erasure_id)
        current().count(1, found.position)
        return found

    def _known(self, erasure_id: UUID) -> ErasureAnswer:
        row = self._parts.erasures.one(self._caller.tenant_id, erasure_id)
        if row is None or not self._may_see(row):
            raise NotFound(kind="erasure", id=erasure_id)
        return self._answer(row)

    def list(self, *, limit: int = 50, cursor: str | None = None, at_least: int | None = None) -> Page:
        """Those of the tenant in the order they were begun; for administrators."""
        require_administrator(self._caller, "list erasures")
        self._parts.wait(CATALOGUE, at_least)
        keyring, question = self._parts.application.keyring, f"erasures:{self._caller.tenant_id}"
        after = read_cursor(keyring, question, cursor)
        rows = self._parts.erasures.page(self._caller.tenant_id, after, check_limit(limit))
        following = make_cursor(keyring, question, rows[-1].position) if len(rows) == limit else None
        position = self._parts.catalogue.position
        current().count(len(rows), position)
        return Page(items=[self._answer(row) for row in rows], next=following, position=position)

    def _memory(self, memory_id: UUID, basis: str) -> tuple[Sequence[Root], Reach]:
        """With its copies in forks of its cube, whoever has them: none must outlive what it was copied from."""
        memory, _ = self._decisions.load(memory_id, Action.ERASE)
        load = self._parts.application.load
        found = [memory, *(load(Memory, each) for each in self._copies(memory_id) if self._is_there(each))]
        for each in found:
            each.transition_state(State.ERASED)
        erasures = [self._erasure(Kind.MEMORY, each.id, basis) for each in found]
        return [*erasures, *found], Reach(len(found), 0, sum(len(each.subject_ids) > 1 for each in found))

    def _copies(self, memory_id: UUID) -> Sequence[UUID]:
        """Copies of it, and copies of these."""
        lineages = Lineages(self._parts.application.datastore, self._caller.tenant_id)
        known: dict[UUID, None] = {}
        front = [memory_id]
        while front:
            found = [each.child_id for each in lineages.derived(front) if each.relation == COPIED_FROM]
            front = [each for each in found if each not in known]
            known |= dict.fromkeys(front)
        return list(known)

    def _is_there(self, memory_id: UUID) -> bool:
        return bool(self._parts.erasures.doomed_memory(memory_id))

    def _of_copies(self, row: ErasureRow) -> Iterator[ErasureRow]:
        """Those that were begun with the erasure of a memory, or before it."""
        for copy_id in self._copies(row.target_id) if row.kind is Kind.MEMORY else ():
            if (begun := self._parts.erasures.of(copy_id)) is not None:
                yield begun

    def _subject(self, subject_id: UUID, basis: str) -> tuple[Sequence[Root], Reach]:
        require_administrator(self._caller, "erase data subjects")
        if not self._parts.directory.has_subject(self._caller.tenant_id, subject_id):
            raise NotFound(kind="data subject", id=subject_id)
        reach = self._parts.erasures.reach(subject_id)
        if reach.held:
            raise SubjectHeld(count=reach.held, subject_id=subject_id)
        subject = self._parts.application.load(Subject, subject_id)
        subject.erase()
        return [self._erasure(Kind.SUBJECT, subject_id, basis), subject], reach

    def _erasure(self, kind: Kind, target_id: UUID, basis: str) -> Erasure:
        return Erasure.begin(tenant_id=self._caller.tenant_id, kind=kind, target_id=target_id, basis=basis)

    def _begin(self, decide: Callable[[], Sequence[Root]]) -> None:
        """What was decided on is the catalogue at a position, and nothing that matters may have come after that."""
        for attempt in range(ATTEMPTS):
            self._parts.wait(CATALOGUE, self._parts.log.head())
            _, known = self._parts.policy(self._caller)
            settled = Condition(after=known, types=SETTLED, tenant_id=self._caller.tenant_id)
            try:
                appended = self._parts.application.record(*decide(), origin=origin(self._caller), condition=settled)
            except (VersionConflict, ConditionFailed):
                if attempt == ATTEMPTS - 1:
                    raise
            else:
                assert appended is not None
                self._parts.written(appended, rules=True)
                return self._parts.wait(CATALOGUE)
        raise AssertionError("unreachable")  # pragma: no cover

    def _earlier(self, target_id: UUID) -> ErasureRow | None:
        """An erasure of the same, which this caller may know of."""
        row = self._parts.erasures.of(target_id)
        return row if row is not None and self._may_see(row) else None

    def _may_see(self, row: ErasureRow) -> bool:
        if row.tenant_id != self._caller.tenant_id:
            return False
        return is_administrator(self._caller) or row.requested_by == self._caller.principal_id

    def _preview(self, kind: Kind, target_id: UUID, basis: str, reach: Reach) -> ErasureAnswer:
        return ErasureAnswer(
            erasure_id=None,
            kind=kind.value,
            target_id=target_id,
            basis=basis,
            requested_by=self._caller.principal_id,
            dry_run=True,
            memories=reach.memories,
            shared=reach.shared,
            begun_at=None,
            completed=False,
            receipt=None,
            verifier_key=None,
            position=self._parts.catalogue.position,
        )

    def _answer(self, row: ErasureRow) -> ErasureAnswer:
        return ErasureAnswer(
            erasure_id=row.erasure_id,
            kind=row.kind.value,
            target_id=row.target_id,
            basis=row.basis,
            requested_by=row.requested_by,
            dry_run=False,
            memories=None,
            shared=None,
            begun_at=row.begun_at,
            completed=row.completed_position is not None,
            receipt=row.receipt,
            verifier_key=signer(self._parts.application.keyring).verifier.verifier_key,
            position=row.completed_position or row.position,
        )
