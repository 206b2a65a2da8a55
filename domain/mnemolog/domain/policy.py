"""All grants and memberships of a tenant at one position, and what follows from them for one caller."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from uuid import UUID

from mnemolog.domain.grants import Effect, Grant, Level, Terms
from mnemolog.domain.membership import MAX_DEPTH
from mnemolog.domain.permissions import (
    Action,
    Caller,
    Code,
    CubeLabel,
    MemoryLabel,
    Reach,
    Reaches,
    Reading,
    decide,
    may_use_cube,
)
from mnemolog.domain.principal import Principal, PrincipalKind

PERMISSION_EVENTS = (
    Grant.Issued.TOPIC,
    Grant.Revoked.TOPIC,
    Principal.MemberAdded.TOPIC,
    Principal.MemberRemoved.TOPIC,
    Principal.Deactivated.TOPIC,
    Principal.Reactivated.TOPIC,
)
MOST_KEPT = 10_000  # answers, of one tenant
LONGEST_CHAIN = 8  # of grants made from grants
Path = tuple[UUID, ...]


@dataclass(frozen=True, slots=True)
class Rule:
    """A grant that has not been revoked. `cube_id` is the cube that it is about, or in which the memory is."""

    grant_id: UUID
    terms: Terms
    granted_by: UUID
    cube_id: UUID | None = None

    @property
    def denies(self) -> bool:
        return self.terms.effect is Effect.DENY

    def concerns(self, tenant_id: UUID, cube_id: UUID) -> bool:
        """Whether it is about a cube, or something in it."""
        if self.terms.level is Level.TENANT:
            return self.terms.resource_id == tenant_id
        return (self.terms.resource_id if self.terms.level is Level.CUBE else self.cube_id) == cube_id


@dataclass(frozen=True)
class Policy:
    """`groups` has for each principal the groups and roles that it is a direct member of. Pure: it knows no clock.

    `position` is the one at which all of this held.
    """

    tenant_id: UUID
    position: int
    rules: tuple[Rule, ...] = ()
    groups: Mapping[UUID, frozenset[UUID]] = field(default_factory=dict)
    administrators: frozenset[UUID] = frozenset()
    inactive: frozenset[UUID] = frozenset()

    @cached_property
    def by_id(self) -> Mapping[UUID, Rule]:
        return {rule.grant_id: rule for rule in self.rules}

    @cached_property
    def _by_subject(self) -> Mapping[UUID, tuple[Rule, ...]]:
        found: dict[UUID, list[Rule]] = {}
        for rule in self.rules:
            found.setdefault(rule.terms.subject_id, []).append(rule)
        return {subject: tuple(rules) for subject, rules in found.items()}

    def paths(self, principal_id: UUID, *, past_inactive: bool = False) -> dict[UUID, Path]:
        """The principal and all groups that it belongs to, each with the shortest way that leads there."""
        paths: dict[UUID, Path] = {principal_id: (principal_id,)}
        front = [principal_id]
        for _ in range(MAX_DEPTH):
            reached = [(group, member) for member in front for group in sorted(self.groups.get(member, ()))]
            front = []
            for group, member in reached:
                if group not in paths and (past_inactive or group not in self.inactive):
                    paths[group] = (*paths[member], group)
                    front.append(group)
        return paths

    def rules_for(self, principal_id: UUID) -> Iterator[tuple[Rule, Path]]:
        """Every rule about a principal or a group of it, with the way to that group.

        A group that was deactivated gives nothing any more, and what is denied to it stays denied.
        """
        permitting = self.paths(principal_id)
        for subject, path in self.paths(principal_id, past_inactive=True).items():
            for rule in self._by_subject.get(subject, ()):
                if rule.denies or subject in permitting:
                    yield rule, path if rule.denies else permitting[subject]

    def is_live(self, rule: Rule, caller: Caller, now: datetime) -> bool:
        """In its time and conditions, and so is every grant that it was made from."""
        chain = self.chain(rule)
        return chain is not None and all(
            each.terms.in_time(now) and each.terms.conditions.hold(caller, unknown=rule.denies) for each in chain
        )

    def chain(self, rule: Rule) -> tuple[Rule, ...] | None:
        """The rule and those that it was made from; None when one of them is gone, or it never ends."""
        found = [rule]
        while (parent_id := found[-1].terms.parent_id) is not None:
            parent = self.by_id.get(parent_id)
            if parent is None or len(found) >= LONGEST_CHAIN:
                return None
            found.append(parent)
        return tuple(found)

    def sensitivity(self, rule: Rule) -> int:
        """Up to which a rule permits, and all that it was made from; -1 when one of these is gone."""
        return min((int(each.terms.conditions.sensitivity) for each in self.chain(rule) or ()), default=-1)

    @cached_property
    def _reaches(self) -> dict[Hashable, tuple[datetime, Reach]]:
        """Those that were asked for, and since when they hold."""
        return {}

    def reach(self, caller: Caller, action: Action, cube_id: UUID, now: datetime) -> Reach:
        """How far grants reach; kept until the next time limit of one of them."""
        asked = (caller.principal_id, caller.purpose, caller.session_id, caller.app, caller.address, action, cube_id)
        since, known = self._reaches.get(asked, (now, None))
        if known is not None and since <= now and (known.valid_until is None or now < known.valid_until):
            return known
        if len(self._reaches) >= MOST_KEPT:
            self._reaches.clear()
        known = self._reach(caller, action, cube_id, now)
        self._reaches[asked] = now, known
        return known

    def _reach(self, caller: Caller, action: Action, cube_id: UUID, now: datetime) -> Reach:
        """A deny whose conditions cannot be judged applies; a permit whose conditions cannot be does not."""
        cube, memories, denied, denies_cube = -1, dict[UUID, int](), set[UUID](), False
        edges: list[datetime] = []
        for rule, _ in self.rules_for(caller.principal_id):
            terms, single = rule.terms, rule.terms.level is Level.MEMORY
            if action not in terms.implied or not rule.concerns(self.tenant_id, cube_id):
                continue
            edges += [edge for edge in self._edges(rule) if edge > now]
            if not self.is_live(rule, caller, now):
                continue
            if rule.denies:
                denies_cube |= not single
                denied |= {terms.resource_id} if single else set()
            elif single:
                known = memories.get(terms.resource_id, -1)
                memories[terms.resource_id] = max(self.sensitivity(rule), known)
            else:
                cube = max(cube, self.sensitivity(rule))
        inactive = caller.principal_id in self.inactive
        return Reach(cube, memories, denies_cube, frozenset(denied), inactive, min(edges, default=None))

    def reading(self, caller: Caller, cube_id: UUID, now: datetime) -> Reading:
        """What grants let this caller read in a cube, and whoever it acts on behalf of."""
        reaches = ((each, self.reach(each, Action.READ, cube_id, now)) for each in self.callers(caller))
        return Reading(tuple(reaches), self.position)

    def reaches(self, caller: Caller, action: Action, cube_id: UUID, now: datetime) -> Reaches:
        read = self.reach(caller, Action.READ, cube_id, now)
        return Reaches(read if action is Action.READ else self.reach(caller, action, cube_id, now), read)

    def callers(self, caller: Caller) -> tuple[Caller, ...]:
        """Everybody who must be allowed: the caller, and the one on whose behalf it acts."""
        if caller.on_behalf_of is None:
            return (caller,)
        person = replace(
            caller,
            principal_id=caller.on_behalf_of,
            kind=PrincipalKind.USER,
            administrator=caller.on_behalf_of in self.administrators,
            on_behalf_of=None,
            scopes=None,
        )
        return caller, person

    def decide(
        self, caller: Caller, action: Action, memory: MemoryLabel, cube: CubeLabel, cube_id: UUID, now: datetime
    ) -> Code:
        for each in self.callers(caller):
            code = decide(each, action, memory, cube, self.reaches(each, action, cube_id, now))
            if code is not Code.ALLOWED:
                return code
        return Code.ALLOWED

    def may_use_cube(self, caller: Caller, action: Action, cube: CubeLabel, cube_id: UUID, now: datetime) -> bool:
        """Whether a caller may do something in a cube as a whole: write into it, or ask it."""
        for each in self.callers(caller):
            reaches = self.reaches(each, action, cube_id, now)
            reach, scoped = reaches.action, each.scopes is None or action in each.scopes
            permitted = may_use_cube(each, cube) or reach.cube >= 0 or (action is Action.READ and bool(reach.memories))
            denied = reach.denies_cube or reaches.read.denies_cube
            if cube.tenant_id != each.tenant_id or not scoped or reach.inactive or denied or not permitted:
                return False
        return True

    def _edges(self, rule: Rule) -> list[datetime]:
        moments = [(each.terms.not_before, each.terms.expires_at) for each in self.chain(rule) or ()]
        return [moment for pair in moments for moment in pair if moment is not None]


Own = Callable[[Caller, Action], bool]


def may_share(policy: Policy, caller: Caller, terms: Terms, own: Own, now: datetime) -> bool:
    """Whether a caller may issue a grant. `own` tells whether somebody has an action on the resource without any grant.

    A deny needs the right to administer. A permit gives no more than the caller has, and the one on whose behalf it
    acts: by themselves, with the right to share, or by a grant that may be passed on, which it names as its parent.
    """
    callers = policy.callers(caller)
    if terms.effect is Effect.DENY:
        return terms.parent_id is None and all(own(each, Action.ADMINISTER) for each in callers)
    if caller.scopes is not None and not caller.scopes >= {Action.SHARE, *terms.implied}:
        return False
    if terms.parent_id is None:
        return all(_gives(each, terms, own) for each in callers)
    handed = policy.by_id.get(terms.parent_id)
    return handed is not None and all(
        (each is not caller and _gives(each, terms, own))
        or any(
            _passes_on(policy, rule, each, terms, now)
            for rule, _ in policy.rules_for(each.principal_id)
            if each is not caller or rule is handed
        )
        for each in callers
    )


def _gives(caller: Caller, terms: Terms, own: Own) -> bool:
    return own(caller, Action.SHARE) and all(own(caller, action) for action in _needed(terms.implied))


def _passes_on(policy: Policy, rule: Rule, caller: Caller, terms: Terms, now: datetime) -> bool:
    wider = rule.terms
    shared = wider.delegable and wider.effect is Effect.PERMIT and Action.SHARE in wider.implied
    short = len(policy.chain(rule) or ()) < LONGEST_CHAIN
    return shared and short and terms.within(wider) and terms.narrow(wider) and policy.is_live(rule, caller, now)


def _needed(actions: Iterable[Action]) -> list[Action]:
    """Nobody has the right to train or to cache by itself: whoever may administer gives it."""
    given = {Action.TRAIN_ON: Action.ADMINISTER, Action.CACHE: Action.ADMINISTER}
    return sorted({given.get(action, action) for action in actions})


def denies_of_merge(policy: Policy, caller: Caller, parents: Iterable[UUID], result_id: UUID) -> list[Grant]:
    """Whoever is denied one of the parents is denied the result of their merge, in the same way."""
    merged = set(parents)
    denied = [
        (replace(rule.terms, resource_id=result_id), rule.cube_id)
        for rule in policy.rules
        if rule.denies and rule.terms.level is Level.MEMORY and rule.terms.resource_id in merged
    ]
    again = [each for number, each in enumerate(denied) if each not in denied[:number]]
    return [Grant.issue(caller, terms, "", cube_id) for terms, cube_id in again]
