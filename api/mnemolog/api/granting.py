"""Which grants a caller may issue, take back and know of: decided, and not yet recorded."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from mnemolog.adapters.postgres.directory import CubeRow
from mnemolog.adapters.postgres.policies import GrantRow
from mnemolog.api.decisions import Decisions, label_of
from mnemolog.api.parts import Parts, is_administrator
from mnemolog.domain.grants import Effect, Grant, Level, Terms
from mnemolog.domain.permissions import Action, Caller, Code, CubeLabel, MemoryLabel, decide, may_use_cube
from mnemolog.domain.policy import Policy, Rule, may_share
from mnemolog.domain.refusals import Denied, InvalidMetadata, NotFound, PrincipalNotFound
from mnemolog.domain.retention import has_expired


class Granting:
    def __init__(self, parts: Parts, caller: Caller) -> None:
        self._parts = parts
        self._caller = caller
        self._decisions = Decisions(parts, caller)

    def issued(self, terms: Terms, reason: str) -> Grant:
        """Raises Denied, and why the grant would be about nothing."""
        self._parts.wait_for_rules()
        tenant_id, now = self._caller.tenant_id, self._parts.clock.now()
        if self._parts.directory.principal(tenant_id, terms.subject_id) is None:
            raise PrincipalNotFound(principal_id=terms.subject_id)
        if has_expired(terms.expires_at, now):
            raise InvalidMetadata(field="expires_at", reason="it has passed")
        cube, label = self._resource(terms.level, terms.resource_id)
        policy, _ = self._parts.policy(self._caller)
        rights = _Rights(policy, cube, label, now)
        if not may_share(policy, self._caller, terms, rights.own, now):
            raise Denied(action="grant this")
        return Grant.issue(self._caller, terms, reason, None if cube is None else cube.cube_id)

    def revoked(self, grant_id: UUID, reason: str) -> Grant:
        """Raises NotFound, and Denied for what others have granted."""
        self._check_revocable(self.known(grant_id))
        grant = self._parts.application.load(Grant, grant_id)
        grant.revoke(reason)
        return grant

    def known(self, grant_id: UUID) -> GrantRow:
        """Raises NotFound, also for one of which the caller may not know."""
        row = self._parts.policies.grant(self._caller.tenant_id, grant_id)
        if row is None or not self._knows(row):
            raise NotFound(kind="grant", id=grant_id)
        return row

    def _knows(self, row: GrantRow) -> bool:
        caller = self._caller
        if is_administrator(caller) or row.granted_by == caller.principal_id:
            return True
        policy, _ = self._parts.policy(caller)
        if row.terms.effect is Effect.PERMIT and row.terms.subject_id in policy.paths(caller.principal_id):
            return True
        cube = None if row.cube_id is None else self._parts.directory.cube(caller.tenant_id, row.cube_id)
        return cube is not None and cube.owner_id == caller.principal_id

    def _resource(self, level: Level, resource_id: UUID) -> tuple[CubeRow | None, MemoryLabel | None]:
        """Raises NotFound and its kin."""
        if level is Level.MEMORY:
            memory, cube = self._decisions.load(resource_id, Action.READ)
            return cube, label_of(memory)
        if level is Level.CUBE:
            return self._parts.cube(self._caller, resource_id), None
        if resource_id != self._caller.tenant_id:
            raise NotFound(kind="tenant", id=resource_id)
        return None, None

    def _check_revocable(self, row: GrantRow) -> None:
        """Those may end a grant who issued it or one that it was made from, and who could issue it now."""
        if is_administrator(self._caller):
            return  # also who is denied something, or a deny could be one that nobody can lift
        policy, _ = self._parts.policy(self._caller)
        rule = Rule(row.grant_id, row.terms, row.granted_by, row.cube_id)
        issuers = {each.granted_by for each in policy.chain(rule) or (rule,)}
        needed = Action.ADMINISTER if rule.denies else Action.SHARE
        in_scope = self._caller.scopes is None or needed in self._caller.scopes
        if not rule.denies and in_scope and self._caller.principal_id in issuers:
            return
        rights = _Rights(policy, *self._subject_of(row), self._parts.clock.now())
        if not all(rights.own(each, needed) for each in policy.callers(self._caller)):
            raise Denied(action="revoke this grant")

    def _subject_of(self, row: GrantRow) -> tuple[CubeRow | None, MemoryLabel | None]:
        cube = None if row.cube_id is None else self._parts.directory.cube(self._caller.tenant_id, row.cube_id)
        if row.terms.level is not Level.MEMORY:
            return cube, None
        found = self._parts.directory.memories([row.terms.resource_id]).get(row.terms.resource_id)
        return cube, None if found is None else found.label


class _Rights:
    """What somebody has on a resource without any grant. Denies count."""

    def __init__(self, policy: Policy, cube: CubeRow | None, memory: MemoryLabel | None, now: datetime) -> None:
        self._policy, self._cube, self._memory, self._now = policy, cube, memory, now

    def own(self, caller: Caller, action: Action) -> bool:
        if caller.scopes is not None and action not in caller.scopes:
            return False
        if self._cube is None:
            return caller.administrator and caller.principal_id not in self._policy.inactive
        label = CubeLabel(self._cube.tenant_id, self._cube.owner_id)
        if self._memory is None:
            reaches = self._policy.reaches(caller, action, self._cube.cube_id, self._now)
            denied = reaches.read.denies_cube or reaches.action.denies_cube or reaches.read.inactive
            return may_use_cube(caller, label) and not denied
        reaches = self._policy.reaches(caller, action, self._cube.cube_id, self._now).denials
        return decide(replace(caller, scopes=None), action, self._memory, label, reaches) is Code.ALLOWED
