"""About whom and in which context a question about permissions is asked, and what that is decided on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from mnemolog.adapters.postgres.directory import CubeRow
from mnemolog.api.moments import At, moment_of
from mnemolog.api.parts import CATALOGUE, Parts, is_administrator, require_administrator
from mnemolog.domain.explanation import Question
from mnemolog.domain.lifecycle import State
from mnemolog.domain.metadata import Sensitivity, Visibility
from mnemolog.domain.permissions import Action, Caller, Context, CubeLabel, MemoryLabel, Reaches
from mnemolog.domain.policy import Policy
from mnemolog.domain.refusals import CubeNotFound, MemoryNotFound, PrincipalNotFound
from mnemolog.projections.catalogue import MemoryRow

NOBODY = UUID(int=0)
DECIDED = (*CATALOGUE, "scopes")


@dataclass(frozen=True, slots=True)
class Situation:
    """What held at a moment. `position` is the one up to which the rules are known."""

    policy: Policy
    position: int
    now: datetime

    def asked(self, caller: Caller, action: Action, cube_id: UUID) -> list[tuple[Caller, Reaches]]:
        """All who must be allowed, each with how far grants reach for it."""
        reaches = self.policy.reaches
        return [(each, reaches(each, action, cube_id, self.now)) for each in self.policy.callers(caller)]


def situation(parts: Parts, caller: Caller, at: At = None) -> Situation:
    """As it is, or for administrators as it was. Raises Denied, InvalidPosition, ProjectionBehind."""
    if at is None:
        policy, position = parts.policy(caller)
        return Situation(policy, position, parts.clock.now())
    require_administrator(caller, "ask what was permitted in the past")
    moment = moment_of(parts, caller, at)
    parts.wait(CATALOGUE, moment.position)
    policy = parts.policies.at(caller.tenant_id, moment.position)
    return Situation(policy, moment.position, at if isinstance(at, datetime) else moment.clock)


def whom(parts: Parts, caller: Caller, user: UUID | None, context: Context | None, policy: Policy) -> Caller:
    """Oneself, as the key allows; for administrators, anybody. What a context does not say of oneself is as it is.

    Raises Denied, and PrincipalNotFound for nobody of this tenant.
    """
    said = context or Context()
    if user is None or user == caller.principal_id:
        if said.on_behalf_of not in (None, caller.on_behalf_of):
            require_administrator(caller, "ask on behalf of others")
        own = Context.of(caller)
        names = ("purpose", "session_id", "address", "app", "on_behalf_of")
        return replace(own, **{name: getattr(said, name) or getattr(own, name) for name in names}).around(caller)
    require_administrator(caller, "ask what others may do")
    row = parts.directory.principal(caller.tenant_id, user)
    other = said.on_behalf_of is not None and parts.directory.principal(caller.tenant_id, said.on_behalf_of) is None
    if row is None or other:
        raise PrincipalNotFound(principal_id=user if row is None else said.on_behalf_of)
    who = Caller(user, row.tenant_id, row.subject_id, row.kind, user in policy.administrators)
    return said.around(who)


def row_of(parts: Parts, memory_id: UUID, held: Situation, at: At) -> MemoryRow:
    """Raises MemoryNotFound."""
    directory = parts.directory
    rows = directory.memories([memory_id]) if at is None else directory.memories_at([memory_id], held.position)
    if memory_id not in rows:
        raise MemoryNotFound(memory_id=memory_id)
    return rows[memory_id]


def cube_of(parts: Parts, caller: Caller, row: MemoryRow) -> CubeRow:
    """Raises MemoryNotFound for one of another tenant."""
    cube = parts.directory.cube(caller.tenant_id, row.cube_id) if row.tenant_id == caller.tenant_id else None
    if cube is None:
        raise MemoryNotFound(memory_id=row.memory_id)
    return cube


def any_cube(parts: Parts, caller: Caller, cube: str | UUID) -> CubeRow:
    """One that the caller may use, and for an administrator any of the tenant. Raises CubeNotFound."""
    if not is_administrator(caller):
        return parts.cube(caller, cube)
    row = parts.directory.cube(caller.tenant_id, cube)
    if row is None:
        raise CubeNotFound(cube=cube)
    return row


def question_of(held: Situation, who: Caller, action: Action, label: MemoryLabel, cube: CubeRow) -> Question:
    return Question(
        policy=held.policy,
        caller=who,
        action=action,
        memory=label,
        cube=CubeLabel(cube.tenant_id, cube.owner_id),
        cube_id=cube.cube_id,
        now=held.now,
    )


def anything_in(cube: CubeRow) -> MemoryLabel:
    """What a cube holds for all who use it."""
    return MemoryLabel(
        cube.tenant_id, NOBODY, State.ACTIVATED, Visibility.CUBE, sensitivity=Sensitivity.PUBLIC, memory_id=NOBODY
    )
