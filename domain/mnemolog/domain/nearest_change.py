"""What would have to change for somebody to be allowed: the fewest things, named as what a person can do about them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from mnemolog.domain.explanation import Question
from mnemolog.domain.grants import Effect, Level, Terms
from mnemolog.domain.metadata import Visibility
from mnemolog.domain.permissions import Action, Caller, Code, decide
from mnemolog.domain.policy import Rule

MOST = 16  # denies may be many; beyond that nothing is near


class Kind(StrEnum):
    GRANT = "grant"
    REVOKE = "revoke"
    PURPOSE = "purpose"
    SESSION = "session"
    APP = "app"
    REACTIVATE = "reactivate"
    KEY = "key"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One thing to do. `expired_at` is when a grant ended that said the same."""

    kind: Kind
    principal_id: UUID
    action: Action
    value: str | None = None
    grant_id: UUID | None = None
    level: Level | None = None
    resource_id: UUID | None = None
    expired_at: datetime | None = None

    def text(self, names: Mapping[UUID, str]) -> str:
        who = names.get(self.principal_id, str(self.principal_id))
        match self.kind:
            case Kind.GRANT:
                what = "" if self.resource_id is None else names.get(self.resource_id, str(self.resource_id))
                ended = "" if self.expired_at is None else f" (grant {self.grant_id} ended at {self.expired_at})"
                return f"a grant of {self.action.value} on {self.level} {what} for {who}{ended}"
            case Kind.REVOKE:
                return f"revoke deny {self.grant_id}"
            case Kind.PURPOSE:
                return f"declare purpose {self.value}"
            case Kind.SESSION:
                return f"act in session {self.value}"
            case Kind.APP:
                return f"ask with app {self.value}"
            case Kind.REACTIVATE:
                return f"reactivate {who}"
            case Kind.KEY:
                return f"use a key that may {self.action.value}"

    def made(self, question: Question) -> Question:
        """The question after this change."""
        caller, policy = question.caller, question.policy
        match self.kind:
            case Kind.GRANT:
                return replace(question, policy=replace(policy, rules=(*policy.rules, self._rule(question))))
            case Kind.REVOKE:
                rules = tuple(rule for rule in policy.rules if rule.grant_id != self.grant_id)
                return replace(question, policy=replace(policy, rules=rules))
            case Kind.REACTIVATE:
                return replace(question, policy=replace(policy, inactive=policy.inactive - {self.principal_id}))
            case Kind.PURPOSE:
                return replace(question, caller=replace(caller, purpose=self.value))
            case Kind.SESSION:
                return replace(question, caller=replace(caller, session_id=UUID(self.value)))
            case Kind.APP:
                return replace(question, caller=replace(caller, app=self.value))
            case Kind.KEY:
                return replace(question, caller=replace(caller, scopes=None))

    def _rule(self, question: Question) -> Rule:
        assert self.level is not None
        assert self.resource_id is not None
        terms = Terms(
            effect=Effect.PERMIT,
            subject_id=self.principal_id,
            level=self.level,
            resource_id=self.resource_id,
            actions=frozenset({self.action}),
        )
        return Rule(UUID(int=len(question.policy.rules)), terms, self.principal_id, question.cube_id)


def nearest_change(question: Question) -> tuple[Change, ...]:
    """All of them together allow it. Empty when it is allowed, and when nothing within the tenant would."""
    made: list[Change] = []
    while (blocked := _blocked(question)) is not None:
        change = None if len(made) == MOST else _change(question, *blocked)
        if change is None:
            return ()
        made.append(change)
        question = change.made(question)
    return tuple(made)


def _blocked(question: Question) -> tuple[Caller, Code] | None:
    """The first who is not allowed, and why."""
    for each in question.policy.callers(question.caller):
        if (code := _decided(question, each, question.action)) is not Code.ALLOWED:
            return each, code
    return None


def _decided(question: Question, caller: Caller, action: Action) -> Code:
    reaches = question.policy.reaches(caller, action, question.cube_id, question.now)
    return decide(caller, action, question.memory, question.cube, reaches)


def _change(question: Question, caller: Caller, code: Code) -> Change | None:
    who, memory, action = caller.principal_id, question.memory, question.action
    match code:
        case Code.INACTIVE:
            return Change(kind=Kind.REACTIVATE, principal_id=who, action=action)
        case Code.KEY_SCOPE:
            return Change(kind=Kind.KEY, principal_id=who, action=action)
        case Code.PURPOSE:
            return Change(kind=Kind.PURPOSE, principal_id=who, action=action, value=_purpose(question, caller))
        case Code.DENIED:
            return Change(kind=Kind.REVOKE, principal_id=who, action=action, grant_id=_deny(question, caller).grant_id)
        case Code.SESSION if memory.session_id is not None:
            return Change(kind=Kind.SESSION, principal_id=who, action=action, value=str(memory.session_id))
        case Code.SESSION | Code.NO_PERMIT:
            return _permit(question, caller, code)
        case _:
            return None


def _purpose(question: Question, caller: Caller) -> str:
    """One with which it would be allowed at once, if there is one."""
    for purpose in question.memory.purposes:
        if _decided(question, replace(caller, purpose=purpose), question.action) is Code.ALLOWED:
            return purpose
    return question.memory.purposes[0]


def _deny(question: Question, caller: Caller) -> Rule:
    policy, memory = question.policy, question.memory
    return next(
        rule
        for rule, _ in policy.rules_for(caller.principal_id)
        if rule.denies
        and rule.terms.actions & {question.action, Action.READ}
        and rule.concerns(policy.tenant_id, question.cube_id)
        and (rule.terms.level is not Level.MEMORY or rule.terms.resource_id == memory.memory_id)
        and policy.is_live(rule, caller, question.now)
    )


def _permit(question: Question, caller: Caller, code: Code) -> Change | None:
    """A grant that is there and only asks for another context, or a new one."""
    reads = _decided(question, replace(caller, scopes=None), Action.READ) is Code.ALLOWED
    missing = question.action if reads else Action.READ
    for change in _contexts(question, caller, missing):
        if _blocked(change.made(question)) is None:
            return change
    memory = question.memory
    single = memory.visibility is Visibility.PRIVATE or code is Code.SESSION
    resource = memory.memory_id if single else question.cube_id
    if resource is None:
        return None
    ended = _ended(question, caller, missing, resource)
    return Change(
        kind=Kind.GRANT,
        principal_id=caller.principal_id,
        action=missing,
        level=Level.MEMORY if single else Level.CUBE,
        resource_id=resource,
        grant_id=None if ended is None else ended.grant_id,
        expired_at=None if ended is None else ended.terms.expires_at,
    )


def _contexts(question: Question, caller: Caller, action: Action) -> Iterator[Change]:
    for rule, _ in question.policy.rules_for(caller.principal_id):
        if rule.denies or action not in rule.terms.implied:
            continue
        asked = rule.terms.conditions
        for kind, values in (
            (Kind.PURPOSE, asked.purposes),
            (Kind.SESSION, tuple(map(str, asked.sessions))),
            (Kind.APP, asked.apps),
        ):
            for value in values:
                yield Change(kind=kind, principal_id=caller.principal_id, action=action, value=value)


def _ended(question: Question, caller: Caller, action: Action, resource: UUID) -> Rule | None:
    """The grant that said the same and has ended last."""
    ended = [
        (rule.terms.expires_at, rule.grant_id, rule)
        for rule, _ in question.policy.rules_for(caller.principal_id)
        if not rule.denies and action in rule.terms.implied and rule.terms.resource_id == resource
        if rule.terms.expires_at is not None and rule.terms.expires_at <= question.now
    ]
    return max(ended)[2] if ended else None
