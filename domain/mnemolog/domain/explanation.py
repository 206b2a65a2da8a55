"""Why somebody may do something with a memory or may not: every rule that was looked at, what it said, and why.

It reaches its verdict on its own, by asking the rules one by one. `mnemolog.domain.permissions.decide` reaches the same
one, faster; tests hold the two against each other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from mnemolog.domain.grants import Conditions, Level
from mnemolog.domain.lifecycle import State
from mnemolog.domain.metadata import Visibility
from mnemolog.domain.permissions import NEVER_IMPLIED, OWN, Action, Caller, Code, CubeLabel, MemoryLabel
from mnemolog.domain.policy import Path, Policy, Rule

Names = Mapping[UUID, str]


class Verdict(StrEnum):
    PERMITS = "permits"
    DENIES = "denies"
    PASSES = "passes"  # a rule that must be fulfilled, and is
    IGNORED = "ignored"  # looked at, and not about this


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one rule said of one principal. `path` leads from the principal to the group that a grant is for; `chain` is
    the grant and those that it was made from.
    """

    rule: str
    verdict: Verdict
    why: str
    principal_id: UUID
    code: Code | None = None
    grant_id: UUID | None = None
    path: Path = ()
    chain: tuple[UUID, ...] = ()
    expires_at: datetime | None = None

    @classmethod
    def denying(cls, rule: str, why: str, principal_id: UUID, code: Code) -> Finding:
        return cls(rule=rule, verdict=Verdict.DENIES, why=why, principal_id=principal_id, code=code)

    def text(self, names: Names) -> str:
        told = f"{self.verdict.value:<8} {self.rule}: {self.why}"
        if len(self.path) > 1:
            told += f", through {' > '.join(_named(each, names) for each in self.path[1:])}"
        if len(self.chain) > 1:
            told += f", made from {' < '.join(_named(each, names) for each in self.chain[1:])}"
        return told if self.expires_at is None else f"{told} (until {self.expires_at.isoformat()})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Everything that an answer depends on."""

    policy: Policy
    caller: Caller
    action: Action
    memory: MemoryLabel
    cube: CubeLabel
    cube_id: UUID
    now: datetime


def derive(question: Question) -> tuple[Code, tuple[Finding, ...]]:
    """The verdict, and what led to it: the deciding finding first. Of all who must be allowed, the first who is not
    decides.
    """
    everything = list[Finding]()
    deciding: Finding | None = None
    for each in question.policy.callers(question.caller):
        found, decides = _Referee(question, each).findings()
        everything += found
        if deciding is None or (deciding.code is Code.ALLOWED and decides.code is not Code.ALLOWED):
            deciding = decides
    assert deciding is not None
    assert deciding.code is not None
    return deciding.code, (deciding, *(finding for finding in everything if finding is not deciding))


class _Referee:
    """For one of those who must be allowed."""

    def __init__(self, question: Question, caller: Caller) -> None:
        self._caller, self._action = caller, question.action
        self._policy, self._now = question.policy, question.now
        self._memory, self._cube, self._cube_id = question.memory, question.cube, question.cube_id

    def findings(self) -> tuple[list[Finding], Finding]:
        """All of them in the order in which they are asked, and the one that decides."""
        hard, reading = [*self._hard()], [*self._reading()]
        acting = [] if self._action is Action.READ else [*self._acting()]
        found = [*hard, *reading, *acting]
        decides = next((each for each in hard if each.verdict is Verdict.DENIES), None)
        for about, asked in ((Action.READ, reading), (self._action, acting or reading)):
            permit = next((each for each in asked if each.verdict is Verdict.PERMITS), None)
            if decides is None and permit is None:
                decides = self._nothing(about, asked)
                found.append(decides)
        return found, decides or next(each for each in (acting or reading) if each.verdict is Verdict.PERMITS)

    def _nothing(self, action: Action, asked: list[Finding]) -> Finding:
        other_session = action is Action.READ and any(each.code is Code.SESSION for each in asked)
        code = Code.SESSION if other_session else Code.NO_PERMIT
        why = "it is for those who act in its session" if other_session else f"nothing permits to {_verb(action)} it"
        return self._say("default", Verdict.DENIES, why, code)

    def _hard(self) -> Iterator[Finding]:
        caller, memory = self._caller, self._memory
        same = caller.tenant_id == memory.tenant_id == self._cube.tenant_id
        yield self._must("tenant", same, "the same tenant", "another tenant", Code.TENANT)
        active = caller.principal_id not in self._policy.inactive
        yield self._must("active", active, "not deactivated", "deactivated", Code.INACTIVE)
        if caller.scopes is not None:
            limits = ", ".join(sorted(caller.scopes)) or "nothing"
            within = self._action in caller.scopes
            yield self._must("key", within, f"the key may be used to {limits}", f"the key is for {limits} only",
                             Code.KEY_SCOPE)  # fmt: skip
        yield from self._denies()
        yield self._purpose()

    def _denies(self) -> Iterator[Finding]:
        for rule, path in self._policy.rules_for(self._caller.principal_id):
            if not rule.denies or not self._is_about(rule):
                continue
            about = sorted(rule.terms.actions & {self._action, Action.READ})
            if not about:
                yield self._granted(rule, path, Verdict.IGNORED, f"it denies to {_verbs(rule)} only")
            elif (why := self._why_not(rule)) is not None:
                yield self._granted(rule, path, Verdict.IGNORED, f"it denies to {_verbs(rule)}, and {why}")
            else:
                yield self._granted(rule, path, Verdict.DENIES, f"it denies to {_verbs(rule)}", Code.DENIED)

    def _purpose(self) -> Finding:
        purposes, declared = self._memory.purposes, self._caller.purpose
        if not purposes:
            return self._say("purpose", Verdict.PASSES, "the memory is for any purpose")
        if self._caller.principal_id == self._memory.owner_id:
            return self._say("purpose", Verdict.PASSES, "the owner needs none")
        told = f"the memory is for {', '.join(purposes)}; {_declared(declared)}"
        return self._must("purpose", declared in purposes, told, told, Code.PURPOSE)

    def _reading(self) -> Iterator[Finding]:
        caller, memory = self._caller, self._memory
        owner = caller.principal_id == memory.owner_id
        yield self._may("owner", owner, "reads what it owns", "another owns the memory")
        listed = caller.principal_id in memory.access_control
        yield self._may("listed_reader", listed, "is on the memory's list of readers", "not on the list of readers")
        if memory.visibility is Visibility.TENANT:
            out = memory.state is not State.GENERATED
            yield self._may("visibility", out, "the whole tenant sees it", "still in quarantine, for its cube alone")
        yield from self._of_cube(Action.READ, self._bound())
        yield from self._grants(Action.READ)

    def _acting(self) -> Iterator[Finding]:
        if self._action in NEVER_IMPLIED:
            why = f"neither owning nor administering implies to {_verb(self._action)}"
            yield self._say("never_implied", Verdict.IGNORED, why)
        else:
            yield from self._of_cube(self._action, None)
            if self._action in OWN:
                owner = self._caller.principal_id == self._memory.owner_id
                yield self._may("owner", owner, f"may {_verb(self._action)} what it owns", "another owns the memory")
        yield from self._grants(self._action)

    def _of_cube(self, action: Action, bound: tuple[str, Code | None] | None) -> Iterator[Finding]:
        """`bound` is why not all of the cube is open to those who use it."""
        caller = self._caller
        for rule, holds, other in (
            ("cube_owner", caller.principal_id == self._cube.owner_id, "another owns the cube"),
            ("administrator", caller.administrator, "no administrator"),
        ):
            if holds and bound is not None:
                yield self._say(rule, Verdict.IGNORED, bound[0], bound[1])
            else:
                yield self._may(rule, holds, f"may {_verb(action)} what is in the cube", other)

    def _grants(self, action: Action) -> Iterator[Finding]:
        for rule, path in self._policy.rules_for(self._caller.principal_id):
            if rule.denies or not self._is_about(rule):
                continue
            if action not in rule.terms.implied:
                if action is self._action and not rule.terms.implied & {action, Action.READ}:
                    yield self._granted(rule, path, Verdict.IGNORED, f"it permits to {_verbs(rule)} only")
            elif (reason := self._why_no_permit(rule, action)) is not None:
                yield self._granted(rule, path, Verdict.IGNORED, f"it permits to {_verbs(rule)}, and {reason[0]}",
                                    reason[1])  # fmt: skip
            else:
                about = "the memory" if rule.terms.level is Level.MEMORY else f"the {rule.terms.level.value}"
                yield self._granted(rule, path, Verdict.PERMITS, f"it permits to {_verbs(rule)} {about}")

    def _why_no_permit(self, rule: Rule, action: Action) -> tuple[str, Code | None] | None:
        if (why := self._why_not(rule)) is not None:
            return why, None
        if self._policy.sensitivity(rule) < self._memory.sensitivity:
            return f"the memory is {self._memory.sensitivity.name.lower()}, which is more than it permits", None
        return self._bound() if action is Action.READ and rule.terms.level is not Level.MEMORY else None

    def _bound(self) -> tuple[str, Code | None] | None:
        memory, session_id = self._memory, self._caller.session_id
        if memory.visibility is Visibility.PRIVATE:
            return "the memory is private", None
        if memory.visibility is Visibility.SESSION and (session_id is None or session_id != memory.session_id):
            return "the memory is for its session", Code.SESSION
        return None

    def _is_about(self, rule: Rule) -> bool:
        if rule.terms.level is Level.MEMORY and rule.terms.resource_id != self._memory.memory_id:
            return False
        return rule.concerns(self._policy.tenant_id, self._cube_id)

    def _why_not(self, rule: Rule) -> str | None:
        chain = self._policy.chain(rule)
        if chain is None:
            return "a grant that it was made from is gone"
        whys = (why_not(each, self._caller, self._now, unknown=rule.denies) for each in chain)
        return next((why for why in whys if why is not None), None)

    def _must(self, rule: str, holds: bool, fulfilled: str, missed: str, code: Code) -> Finding:
        verdict = Verdict.PASSES if holds else Verdict.DENIES
        return self._say(rule, verdict, fulfilled if holds else missed, None if holds else code)

    def _may(self, rule: str, holds: bool, why: str, other: str) -> Finding:
        if holds:
            return self._say(rule, Verdict.PERMITS, why, Code.ALLOWED)
        return self._say(rule, Verdict.IGNORED, other)

    def _say(self, rule: str, verdict: Verdict, why: str, code: Code | None = None) -> Finding:
        return Finding(rule=rule, verdict=verdict, why=why, principal_id=self._caller.principal_id, code=code)

    def _granted(self, rule: Rule, path: Path, verdict: Verdict, why: str, code: Code | None = None) -> Finding:
        chain = self._policy.chain(rule) or (rule,)
        ends = [each.terms.expires_at for each in chain if each.terms.expires_at is not None]
        return Finding(
            rule="deny" if rule.denies else "grant",
            verdict=verdict,
            why=f"{rule.grant_id} says that {why}",
            principal_id=self._caller.principal_id,
            code=Code.ALLOWED if verdict is Verdict.PERMITS else code,
            grant_id=rule.grant_id,
            path=path,
            chain=tuple(each.grant_id for each in chain),
            expires_at=min(ends, default=None),
        )


def why_not(rule: Rule, caller: Caller, now: datetime, *, unknown: bool) -> str | None:
    """Why a rule does not hold in this context and at this time; None when it does."""
    terms, conditions = rule.terms, rule.terms.conditions
    if terms.not_before is not None and now < terms.not_before:
        return f"it begins at {terms.not_before.isoformat()}"
    if terms.expires_at is not None and now >= terms.expires_at:
        return f"it expired at {terms.expires_at.isoformat()}"
    if conditions.purposes and caller.purpose not in conditions.purposes:
        return f"it is for {', '.join(conditions.purposes)}; {_declared(caller.purpose)}"
    if conditions.sessions and caller.session_id not in conditions.sessions:
        return "it is for other sessions"
    if conditions.apps and caller.app not in conditions.apps:
        return f"it is for {', '.join(conditions.apps)}, not for {caller.app or 'an unnamed app'}"
    if not Conditions(networks=conditions.networks).hold(caller, unknown=unknown):
        return f"it is for requests from {', '.join(conditions.networks)}"
    return None


def referee_text(findings: tuple[Finding, ...], names: Names) -> list[str]:
    """A line for each, the deciding one first. Of whom it is said, where several must be allowed."""
    several = len({each.principal_id for each in findings}) > 1
    whom = [f" [for {_named(each.principal_id, names)}]" if several else "" for each in findings]
    return [
        f"{' ' if number else '>'} {each.text(names)}{of}"
        for number, (each, of) in enumerate(zip(findings, whom, strict=True))
    ]


def finding_json(finding: Finding) -> dict[str, Any]:
    return {
        "rule": finding.rule,
        "verdict": finding.verdict.value,
        "why": finding.why,
        "principal_id": finding.principal_id,
        "grant_id": finding.grant_id,
        "path": list(finding.path),
        "chain": list(finding.chain),
        "expires_at": finding.expires_at,
    }


def _verb(action: Action) -> str:
    return action.value.replace("_", " ")


def _verbs(rule: Rule) -> str:
    return ", ".join(_verb(action) for action in sorted(rule.terms.implied))


def _declared(purpose: str | None) -> str:
    return "no purpose was declared" if purpose is None else f"{purpose} was declared"


def _named(each: UUID, names: Names) -> str:
    return names.get(each, str(each))
