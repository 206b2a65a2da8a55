"""Groups and roles, and who belongs to them."""

from __future__ import annotations

from uuid import UUID

from mnemolog.adapters.postgres.directory import PrincipalRow
from mnemolog.api.accesses import audited, current
from mnemolog.api.answers import MemberAnswer, Page
from mnemolog.api.cursors import check_limit, make_cursor, read_cursor
from mnemolog.api.parts import CATALOGUE, Parts, is_administrator, origin, require_administrator
from mnemolog.domain.log import LAST, Appended, Condition
from mnemolog.domain.membership import check_member
from mnemolog.domain.permissions import Caller
from mnemolog.domain.principal import HAVE_MEMBERS, Principal
from mnemolog.domain.refusals import ConditionFailed, PrincipalNotFound

ATTEMPTS = 5


@audited("groups")
class Groups:
    """Administrators say who belongs to what; who belongs to a group may see who else does."""

    def __init__(self, parts: Parts, caller: Caller) -> None:
        self._parts = parts
        self._caller = caller

    def add(self, group_id: UUID, member_id: UUID) -> int:
        """A position. Raises CannotJoin for a cycle or too long a chain, also when two of them meet."""
        require_administrator(self._caller, "say who belongs to a group")
        for attempt in range(ATTEMPTS):
            try:
                return self._add(group_id, member_id)
            except ConditionFailed:  # another membership came between: perhaps the other half of a cycle
                if attempt == ATTEMPTS - 1:
                    raise
        raise AssertionError("unreachable")  # pragma: no cover

    def remove(self, group_id: UUID, member_id: UUID) -> int:
        """Raises NotFound for one that is no member."""
        require_administrator(self._caller, "say who belongs to a group")
        self._parts.wait(CATALOGUE)
        self._row(group_id)
        group = self._parts.application.load(Principal, group_id)
        group.remove_member(member_id)
        return self._written(self._parts.application.record(group, origin=origin(self._caller)))

    def members(
        self,
        group_id: UUID,
        *,
        at: int | None = None,
        limit: int = 50,
        cursor: str | None = None,
        at_least: int | None = None,
    ) -> Page:
        """Who belongs to it directly, now or as of a position. Raises PrincipalNotFound."""
        self._parts.wait(CATALOGUE, at_least)
        tenant_id, keyring = self._caller.tenant_id, self._parts.application.keyring
        group = self._row(group_id)
        if not is_administrator(self._caller) and self._caller.principal_id not in self._everybody(group_id):
            raise PrincipalNotFound(principal_id=group_id)
        question = f"members:{tenant_id}:{group.principal_id}:{at}"
        after = read_cursor(keyring, question, cursor)
        rows = self._parts.registry.members(
            tenant_id, group_id, after, check_limit(limit), LAST - 1 if at is None else at
        )
        items = [MemberAnswer(member_id=row.member_id, kind=row.kind.value, position=row.position) for row in rows]
        following = make_cursor(keyring, question, rows[-1].position) if len(rows) == limit else None
        current().count(len(items), self._parts.catalogue.position)
        return Page(items=items, next=following, position=self._parts.catalogue.position)

    def _add(self, group_id: UUID, member_id: UUID) -> int:
        head, tenant_id = self._parts.log.head(), self._caller.tenant_id
        self._parts.wait(CATALOGUE, head)
        self._row(group_id)
        member = self._parts.directory.principal(tenant_id, member_id)
        if member is None:
            raise PrincipalNotFound(principal_id=member_id)
        check_member(group_id, member_id, member.kind, self._parts.registry.nesting(tenant_id))
        group = self._parts.application.load(Principal, group_id)
        group.add_member(member_id)
        nobody_else = Condition(after=head, types=(Principal.MemberAdded.TOPIC,), tenant_id=tenant_id)
        return self._written(self._parts.application.record(group, origin=origin(self._caller), condition=nobody_else))

    def _row(self, group_id: UUID) -> PrincipalRow:
        """Raises PrincipalNotFound, also for a principal that can have no members."""
        row = self._parts.directory.principal(self._caller.tenant_id, group_id)
        if row is None or row.kind not in HAVE_MEMBERS:
            raise PrincipalNotFound(principal_id=group_id)
        return row

    def _everybody(self, group_id: UUID) -> set[UUID]:
        """All that belong to a group, directly or through others."""
        found, front = set[UUID](), {group_id}
        memberships = self._parts.registry.memberships(self._caller.tenant_id)
        while front := {member for member, group in memberships if group in front} - found:
            found |= front
        return found

    def _written(self, appended: Appended | None) -> int:
        if appended is not None:
            self._parts.written(appended, rules=True)
        self._parts.wait(CATALOGUE)
        return appended.last if appended is not None else self._parts.catalogue.position
