"""Who may become a member of what: groups and roles have members, and groups may be members of others."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from mnemolog.domain.principal import PrincipalKind
from mnemolog.domain.refusals import CannotJoin

MAX_DEPTH = 8  # groups in a chain, from the outermost to the one that has a principal as its member
JOINING = frozenset({PrincipalKind.USER, PrincipalKind.AGENT, PrincipalKind.SERVICE, PrincipalKind.GROUP})
Nesting = Iterable[tuple[UUID, UUID]]  # (group or role, the group that is a member of it)


def check_member(group_id: UUID, member_id: UUID, kind: PrincipalKind, nesting: Nesting) -> None:
    """`nesting` is that of the whole tenant as it is. Raises CannotJoin for a role, a cycle, or too long a chain."""
    if kind not in JOINING:
        raise CannotJoin(member_id=member_id, group_id=group_id, reason=f"a {kind.value} is a member of nothing")
    if kind is not PrincipalKind.GROUP:
        return
    inner, outer = dict[UUID, set[UUID]](), dict[UUID, set[UUID]]()
    for group, member in nesting:
        inner.setdefault(group, set()).add(member)
        outer.setdefault(member, set()).add(group)
    if member_id == group_id or group_id in _levels(member_id, inner):
        raise CannotJoin(member_id=member_id, group_id=group_id, reason="it would be a member of itself")
    depth = 2 + _height(group_id, outer) + _height(member_id, inner)
    if depth > MAX_DEPTH:
        reason = f"{depth} groups would be in each other, and {MAX_DEPTH} may be"
        raise CannotJoin(member_id=member_id, group_id=group_id, reason=reason)


def _height(group_id: UUID, beyond: dict[UUID, set[UUID]]) -> int:
    """How many groups the longest chain has beyond this one."""
    return max(_levels(group_id, beyond).values(), default=0)


def _levels(group_id: UUID, beyond: dict[UUID, set[UUID]]) -> dict[UUID, int]:
    """Each group that can be reached, with the length of the longest way; there are no cycles to walk in."""
    levels: dict[UUID, int] = {}
    front, level = {group_id}, 0
    while level <= len(beyond) and (front := {each for group in front for each in beyond.get(group, ())}):
        level += 1
        levels.update(dict.fromkeys(front, level))
    return levels
