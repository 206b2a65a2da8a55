"""Permissions: ask who may do what, and be told why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import compress
from uuid import UUID

from mnemolog.adapters.postgres.directory import CubeRow, PrincipalRow
from mnemolog.api.accesses import audited, current
from mnemolog.api.asking import (
    DECIDED,
    Situation,
    any_cube,
    anything_in,
    cube_of,
    question_of,
    row_of,
    situation,
    whom,
)
from mnemolog.api.cursors import check_limit, make_cursor, read_cursor
from mnemolog.api.moments import At
from mnemolog.api.parts import CATALOGUE, Parts, is_administrator, require_administrator
from mnemolog.api.permission_answers import Decision, Decisions, Expansion, Explanation, Permitted, PermittedPage
from mnemolog.domain.explanation import Finding, Question, derive, finding_json, referee_text
from mnemolog.domain.nearest_change import Change, nearest_change
from mnemolog.domain.permissions import Action, Caller, Code, Context, CubeLabel, MemoryLabel, outlived
from mnemolog.domain.principal import HAVE_MEMBERS
from mnemolog.domain.refusals import Invalid, MemoryNotFound
from mnemolog.projections.catalogue import MemoryRow
from mnemolog.projections.permission_mask import CODES
from mnemolog.projections.scopes import Judged
from mnemolog.projections.wordings import FOREVER

MOST_AT_ONCE = 100_000
PAGE = 500
FIRST = datetime(1970, 1, 1, tzinfo=UTC)


@audited("permissions")
class Permissions:
    """Everybody may ask about themselves, and administrators about anybody. What somebody who is no administrator may
    not read is to them as if it were not there.
    """

    def __init__(self, parts: Parts, caller: Caller) -> None:
        self._parts = parts
        self._caller = caller

    def check(
        self,
        user: UUID | None,
        action: Action,
        memory_id: UUID,
        context: Context | None = None,
        *,
        at_least: int | None = None,
    ) -> Decision:
        """Whether `user`, or the caller when that is None, may do something with a memory.

        Raises MemoryNotFound, PrincipalNotFound, Denied, InvalidPosition, ProjectionBehind.
        """
        self._parts.wait(CATALOGUE, at_least)
        held = situation(self._parts, self._caller)
        question, row = self._question(held, user, action, memory_id, context)
        code, findings = _judged(question, row)
        told = findings if is_administrator(self._caller) else findings[:1] if code is Code.ALLOWED else ()
        self._note(held, question, memory_id, code)
        return Decision(
            allowed=code is Code.ALLOWED,
            code=code,
            reasons=tuple(finding_json(each) for each in told[:1]),
            position=held.position,
            valid_until=_until(question, row),
        )

    def check_many(
        self,
        user: UUID | None,
        action: Action,
        cube: str | UUID,
        memory_ids: Sequence[UUID],
        context: Context | None = None,
        *,
        at_least: int | None = None,
    ) -> Decisions:
        """The same for many memories of one cube at once.

        Raises as `check` does, CubeNotFound, and Invalid for too many.
        """
        if len(memory_ids) > MOST_AT_ONCE:
            raise Invalid(reason=f"At most {MOST_AT_ONCE} memories can be asked about at once.")
        self._parts.wait(DECIDED, at_least)
        held = situation(self._parts, self._caller)
        row, who = any_cube(self._parts, self._caller, cube), self._whom(held, user, context)
        judged = self._judged(held, who, action, row, memory_ids)
        hidden = self._hidden(held, who, action, row, judged)
        denied = Counter(
            "not_found" if unseen else CODES[code].value
            for code, unseen in zip(judged.codes.tolist(), hidden, strict=True)
            if CODES[code] is not Code.ALLOWED
        )
        denied["not_found"] += len(memory_ids) - len(judged.memory_ids)
        counts = {code: count for code, count in sorted(denied.items()) if count}
        current().asks([row.cube_id], None)
        current().count(len(memory_ids) - sum(counts.values()), held.position, counts)
        return Decisions(
            allowed=[*compress(judged.memory_ids, judged.is_(Code.ALLOWED))],
            denied=counts,
            position=held.position,
            valid_until=_moment(judged.until),
        )

    def list_permitted(
        self,
        user: UUID | None,
        action: Action,
        cube: str | UUID,
        context: Context | None = None,
        *,
        limit: int = 50,
        cursor: str | None = None,
        at_least: int | None = None,
    ) -> PermittedPage:
        """All memories of a cube for which `check` allows it, in the order they were made, a page at a time."""
        self._parts.wait(DECIDED, at_least)
        held = situation(self._parts, self._caller)
        row, who = any_cube(self._parts, self._caller, cube), self._whom(held, user, context)
        keyring, asked = self._parts.application.keyring, Context.of(who)
        question = f"permitted:{row.cube_id}:{who.principal_id}:{action}:{asked!r}"
        after, most = read_cursor(keyring, question, cursor), check_limit(limit)
        judged = self._judged(held, who, action, row, None, after)
        places = judged.is_(Code.ALLOWED).nonzero()[0]
        more = len(places) > most
        items = [judged.memory_ids[place] for place in places[:most]]
        current().asks([row.cube_id], None)
        current().tell(items, held.position)
        return PermittedPage(
            items=items,
            next=make_cursor(keyring, question, after + int(places[most - 1]) + 1) if more else None,
            complete=not more,
            position=held.position,
            valid_until=_moment(judged.until),
        )

    def explain(
        self,
        user: UUID | None,
        action: Action,
        memory_id: UUID,
        context: Context | None = None,
        *,
        at: At = None,
        at_least: int | None = None,
    ) -> Explanation:
        """Why, rule by rule, and what would have to change. For administrators also as it was, by the rules of then.

        Whoever is denied and administers nothing is told the code alone. Raises as `check` does.
        """
        self._parts.wait(CATALOGUE, at_least)
        held = situation(self._parts, self._caller, at)
        question, row = self._question(held, user, action, memory_id, context, at)
        code, findings = _judged(question, row)
        changes = nearest_change(question) if code not in (Code.ERASED, Code.EXPIRED) else ()
        cube = cube_of(self._parts, self._caller, row)
        if not is_administrator(self._caller):
            findings, changes = findings[:1] if code is Code.ALLOWED else (), ()
        who = question.caller
        self._note(held, question, memory_id, code)
        return Explanation(
            allowed=code is Code.ALLOWED,
            code=code,
            user=who.principal_id,
            on_behalf_of=who.on_behalf_of,
            action=action,
            memory_id=memory_id,
            cube_id=row.cube_id,
            findings=tuple(finding_json(each) for each in findings),
            changes=tuple({"kind": each.kind.value, "text": each.text({cube.cube_id: cube.name})} for each in changes),
            text=_told(question, code, findings, changes, cube),
            position=held.position,
            valid_until=_until(question, row),
        )

    def expand(
        self,
        action: Action,
        *,
        memory_id: UUID | None = None,
        cube: str | UUID | None = None,
        context: Context | None = None,
        at_least: int | None = None,
    ) -> Expansion:
        """Everybody who may do something with a memory, or with what a cube holds for all who use it, and why.

        For administrators. Raises as `check` does, and Invalid unless it is one of the two.
        """
        require_administrator(self._caller, "ask what others may do")
        if (memory_id is None) == (cube is None):
            raise Invalid(reason="Ask about a memory or about a cube.")
        self._parts.wait(CATALOGUE, at_least)
        held = situation(self._parts, self._caller)
        row = None if memory_id is None else row_of(self._parts, memory_id, held, None)
        if row is not None:
            place = cube_of(self._parts, self._caller, row)
        else:
            assert cube is not None
            place = any_cube(self._parts, self._caller, cube)
        label = anything_in(place) if row is None else row.label
        found = [*self._permitted(held, action, label, place, context or Context(), row)]
        current().asks([place.cube_id], None)
        current().count(len(found), held.position)
        return Expansion(items=found, position=held.position)

    def _note(self, held: Situation, question: Question, memory_id: UUID, code: Code) -> None:
        current().asks([question.cube_id], None)
        current().count(int(code is Code.ALLOWED), held.position, {} if code is Code.ALLOWED else {code.value: 1})
        current().tell([memory_id], held.position)

    def _permitted(
        self,
        held: Situation,
        action: Action,
        label: MemoryLabel,
        cube: CubeRow,
        context: Context,
        row: MemoryRow | None,
    ) -> Iterator[Permitted]:
        for each in self._everybody():
            administrator = each.principal_id in held.policy.administrators
            who = Caller(each.principal_id, each.tenant_id, each.subject_id, each.kind, administrator)
            question = question_of(held, context.around(who), action, label, cube)
            code, findings = _judged(question, row)
            if code is Code.ALLOWED:
                yield Permitted(
                    principal_id=each.principal_id,
                    kind=each.kind.value,
                    reason=finding_json(findings[0]),
                    valid_until=_until(question, row),
                )

    def _everybody(self) -> Iterator[PrincipalRow]:
        after: int | None = 0
        while after is not None:
            rows = self._parts.directory.principals(self._caller.tenant_id, after, PAGE)
            yield from (row for row in rows if row.kind not in HAVE_MEMBERS)
            after = rows[-1].position if len(rows) == PAGE else None

    def _whom(self, held: Situation, user: UUID | None, context: Context | None) -> Caller:
        return whom(self._parts, self._caller, user, context, held.policy)

    def _question(
        self,
        held: Situation,
        user: UUID | None,
        action: Action,
        memory_id: UUID,
        context: Context | None,
        at: At = None,
    ) -> tuple[Question, MemoryRow]:
        """Raises MemoryNotFound, also for one that the asker may not read, unless it is an administrator."""
        who = self._whom(held, user, context)
        row = row_of(self._parts, memory_id, held, at)
        cube = cube_of(self._parts, self._caller, row)
        if not is_administrator(self._caller):
            label = CubeLabel(cube.tenant_id, cube.owner_id)
            if held.policy.decide(who, Action.READ, row.label, label, cube.cube_id, held.now) is not Code.ALLOWED:
                raise MemoryNotFound(memory_id=memory_id)
        return question_of(held, who, action, row.label, cube), row

    def _judged(
        self, held: Situation, who: Caller, action: Action, cube: CubeRow, wanted: Sequence[UUID] | None, after: int = 0
    ) -> Judged:
        asked = held.asked(who, action, cube.cube_id)
        return self._parts.views.scopes.judged(cube.cube_id, asked, action, held.now, wanted, after)

    def _hidden(self, held: Situation, who: Caller, action: Action, cube: CubeRow, judged: Judged) -> Sequence[bool]:
        """Which of them the asker is told nothing of."""
        if is_administrator(self._caller):
            return [False] * len(judged.memory_ids)
        reading = self._judged(held, who, Action.READ, cube, judged.memory_ids)
        seen = reading.is_(Code.ALLOWED) | reading.is_(Code.EXPIRED) | reading.is_(Code.ERASED)
        return [not each for each in seen.tolist()]


def _judged(question: Question, row: MemoryRow | None) -> tuple[Code, tuple[Finding, ...]]:
    code, findings = derive(question)
    if row is None:
        return code, findings
    outcome = outlived(code, question.action, row.state, row.expires_at, question.now)
    if outcome is code:
        return code, findings
    return outcome, (_outlived(question, outcome, row), *findings)


def _outlived(question: Question, code: Code, row: MemoryRow) -> Finding:
    erased = code is Code.ERASED
    why = "the memory is erased" if erased or row.expires_at is None else f"it expired at {row.expires_at.isoformat()}"
    return Finding.denying("erased" if erased else "expired", why, question.caller.principal_id, code)


def _until(question: Question, row: MemoryRow | None) -> datetime | None:
    """The next moment at which time alone may change the answer."""
    policy, now = question.policy, question.now
    reaches = [policy.reaches(each, question.action, question.cube_id, now) for each in policy.callers(question.caller)]
    moments = [reach.valid_until for both in reaches for reach in (both.action, both.read)]
    moments += [] if row is None or row.expires_at is None or row.expires_at <= now else [row.expires_at]
    return min((each for each in moments if each is not None), default=None)


def _told(
    question: Question, code: Code, findings: tuple[Finding, ...], changes: tuple[Change, ...], cube: CubeRow
) -> str:
    who, names = question.caller, {cube.cube_id: cube.name}
    verb = question.action.value.replace("_", " ")
    acting = "" if who.on_behalf_of is None else f", on behalf of {who.on_behalf_of},"
    may = "may" if code is Code.ALLOWED else "may not"
    memory = f"memory {question.memory.memory_id} of cube {cube.name}"
    told = [
        f"{who.principal_id}{acting} {may} {verb} {memory} ({code.value}).",
        *referee_text(findings, names),
    ]
    if changes:
        told += ["It would be allowed after this:", *(f"  - {each.text(names)}" for each in changes)]
    return "\n".join(told)


def _moment(microseconds: int) -> datetime | None:
    return None if microseconds == FOREVER else FIRST + timedelta(microseconds=microseconds)
