"""Grants: let others do something, or forbid it, and take it back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from mnemolog.adapters.postgres.policies import GrantRow
from mnemolog.api.accesses import audited, current
from mnemolog.api.answers import Page, Written
from mnemolog.api.cursors import check_limit, make_cursor, read_cursor
from mnemolog.api.decisions import Decisions
from mnemolog.api.granting import Granting
from mnemolog.api.parts import CATALOGUE, Parts, is_administrator
from mnemolog.api.permission_answers import GrantAnswer
from mnemolog.domain.grants import Grant, Level, Terms
from mnemolog.domain.log import Event
from mnemolog.domain.permissions import Caller
from mnemolog.domain.policy import Policy, Rule
from mnemolog.domain.refusals import Invalid
from mnemolog.domain.retention import has_expired


@audited("grants")
class Grants:
    """What has been acknowledged holds in every process that shares the database."""

    def __init__(self, parts: Parts, caller: Caller) -> None:
        self._parts = parts
        self._caller = caller
        self._decisions = Decisions(parts, caller)
        self._granting = Granting(parts, caller)

    def issue(self, terms: Terms, reason: str = "", *, idempotency_key: UUID | None = None) -> GrantAnswer:
        """A grant, in force when this returns. What it is about and whom it is for must be in the tenant.

        Raises Denied for more than the caller may give, PrincipalNotFound, CubeNotFound, MemoryNotFound, Invalid and
        its kin.
        """

        def issued() -> list[Grant]:
            return [self._granting.issued(terms, reason)]

        written = self._decisions.decide(issued, idempotency_key, ("grant", terms.to_json(), reason))
        return self._acknowledged(written)

    def revoke(self, grant_id: UUID, reason: str = "", *, idempotency_key: UUID | None = None) -> GrantAnswer:
        """With all grants that were made from it. Once this has returned, nobody is shown anything by it any more.

        Nothing happens to one that is revoked already. Raises NotFound, and Denied for what others have granted.
        """

        def revoked() -> list[Grant]:
            return [self._granting.revoked(grant_id, reason)]

        self._parts.wait_for_rules()
        self._decisions.decide(revoked, idempotency_key, ("revoke", grant_id, reason))
        self._parts.wait(CATALOGUE)
        return self._answer(self._granting.known(grant_id))

    def get(self, grant_id: UUID, *, at_least: int | None = None) -> GrantAnswer:
        """One that the caller issued, that is about it or its groups, or about its cubes; any for an administrator.

        Nobody is told what it is denied. Raises NotFound.
        """
        self._parts.wait(CATALOGUE, at_least)
        found = self._answer(self._granting.known(grant_id))
        current().count(1, self._parts.catalogue.position)
        return found

    def list(
        self,
        *,
        subject_id: UUID | None = None,
        resource_id: UUID | None = None,
        revoked: bool = False,
        limit: int = 50,
        cursor: str | None = None,
        at_least: int | None = None,
    ) -> Page:
        """Those that `get` tells of, in the order they were issued; revoked ones only where they are asked for."""
        self._parts.wait(CATALOGUE, at_least)
        caller, keyring = self._caller, self._parts.application.keyring
        policy, position = self._parts.policy(caller)
        knower = None if is_administrator(caller) else caller.principal_id
        question = f"grants:{caller.tenant_id}:{knower}:{subject_id}:{resource_id}:{revoked}"
        after, size = read_cursor(keyring, question, cursor), check_limit(limit)
        found = self._parts.policies.grants(
            caller.tenant_id,
            after,
            size + 1,
            knower_id=knower,
            belongs=policy.paths(caller.principal_id),
            subject_id=subject_id,
            resource_id=resource_id,
            revoked=revoked,
        )
        rows = found[:size]
        events = self._parts.log.at([row.from_position for row in rows])
        items = [self._told(row, policy, events) for row in rows]
        following = make_cursor(keyring, question, rows[-1].from_position) if len(found) > size else None
        current().count(len(items), position)
        return Page(items=items, next=following, position=position)

    def about(
        self, *, cube: str | UUID | None = None, memory_id: UUID | None = None, tenant: bool = False
    ) -> tuple[Level, UUID]:
        """The level and resource of a grant on one of these. Raises Invalid, and CubeNotFound."""
        if (cube is not None) + (memory_id is not None) + tenant != 1:
            raise Invalid(reason="A grant is about a cube, a memory, or the tenant: name one of them.")
        if cube is not None:
            self._parts.wait(CATALOGUE)
            return Level.CUBE, self._parts.cube(self._caller, cube).cube_id
        return (Level.TENANT, self._caller.tenant_id) if memory_id is None else (Level.MEMORY, memory_id)

    def _acknowledged(self, written: Written) -> GrantAnswer:
        self._parts.wait(CATALOGUE, written.position)
        event = self._parts.log.at([written.position])[written.position]
        row = self._parts.policies.grant(self._caller.tenant_id, event.stream_id)
        assert row is not None
        return self._told(row, self._parts.policy(self._caller)[0], {written.position: event})

    def _answer(self, row: GrantRow) -> GrantAnswer:
        events = self._parts.log.at([row.from_position])
        return self._told(row, self._parts.policy(self._caller)[0], events)

    def _told(self, row: GrantRow, policy: Policy, events: Mapping[int, Event]) -> GrantAnswer:
        terms, caller = row.terms, self._caller
        reason = events[row.from_position].data.get("reason", "")
        knows_why = is_administrator(caller) or caller.principal_id == row.granted_by
        return GrantAnswer(
            grant_id=row.grant_id,
            effect=terms.effect.value,
            subject_id=terms.subject_id,
            level=terms.level.value,
            resource_id=terms.resource_id,
            actions=tuple(sorted(action.value for action in terms.actions)),
            conditions=terms.conditions.to_json(),
            delegable=terms.delegable,
            parent_id=terms.parent_id,
            not_before=terms.not_before,
            expires_at=terms.expires_at,
            granted_by=row.granted_by,
            reason=reason if knows_why else None,
            state=_state(row, policy, self._parts.clock.now()),
            position=row.from_position,
            revoked_position=row.to_position,
        )


def _state(row: GrantRow, policy: Policy, now: datetime) -> str:
    if row.to_position is not None:
        return "revoked"
    chain = policy.chain(Rule(row.grant_id, row.terms, row.granted_by, row.cube_id))
    if chain is None:
        return "orphaned"
    if any(has_expired(each.terms.expires_at, now) for each in chain):
        return "expired"
    return "live" if all(each.terms.in_time(now) for each in chain) else "pending"
