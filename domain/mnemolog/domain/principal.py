"""A principal: who acts. Keys are its credentials; the log holds only a keyed digest of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, Self
from uuid import UUID

from eventsourcing.domain import event

from mnemolog.domain.aggregate import Root, topics
from mnemolog.domain.content import check_label
from mnemolog.domain.refusals import AlreadyExists, CannotJoin, Invalid, NotFound
from mnemolog.domain.retention import check_moment, has_expired

MAX_ISSUER = 512


class PrincipalKind(StrEnum):
    USER = "user"
    AGENT = "agent"
    GROUP = "group"
    ROLE = "role"
    SERVICE = "service"


HAVE_MEMBERS = frozenset({PrincipalKind.GROUP, PrincipalKind.ROLE})


@dataclass(frozen=True, slots=True)
class Key:
    """`scopes` None is all that its principal may do. `on_behalf_of` is the user for whom an agent acts with it."""

    digest: bytes  # HMAC-SHA256 of the secret under the store's pepper
    expires_at: datetime | None
    revoked: bool = False
    scopes: tuple[str, ...] | None = None
    on_behalf_of: UUID | None = None

    def is_valid(self, now: datetime) -> bool:
        return not self.revoked and not has_expired(self.expires_at, now)


class Principal(Root):
    KIND = "principal"

    class Registered(Root.Created):
        TOPIC = "principal.registered.v1"
        SEALED = frozenset({"name"})
        BLANK: ClassVar[Mapping[str, Any]] = {"name": ""}  # whose keys can still be revoked
        kind: str
        name: str
        administrator: bool

    class KeyIssued(Root.Event):
        TOPIC = "principal.key_issued.v1"
        key_id: UUID
        digest: str
        expires_at: datetime | None
        scopes: tuple[str, ...] | None = None
        on_behalf_of: UUID | None = None

        def apply(self, principal: Principal) -> None:
            digest = bytes.fromhex(self.digest)
            principal.keys[self.key_id] = Key(digest, self.expires_at, False, self.scopes, self.on_behalf_of)

    class KeyRevoked(Root.Event):
        TOPIC = "principal.key_revoked.v1"
        key_id: UUID

        def apply(self, principal: Principal) -> None:
            principal.keys[self.key_id] = replace(principal.keys[self.key_id], revoked=True)

    class KeyRetired(Root.Event):
        """Another key takes its place, and it ends soon."""

        TOPIC = "principal.key_retired.v1"
        key_id: UUID
        successor_id: UUID
        expires_at: datetime

        def apply(self, principal: Principal) -> None:
            principal.keys[self.key_id] = replace(principal.keys[self.key_id], expires_at=self.expires_at)

    class MemberAdded(Root.Event):
        TOPIC = "principal.member_added.v1"
        member_id: UUID

        def apply(self, principal: Principal) -> None:
            principal.members |= {self.member_id}

    class MemberRemoved(Root.Event):
        TOPIC = "principal.member_removed.v1"
        member_id: UUID

        def apply(self, principal: Principal) -> None:
            principal.members -= {self.member_id}

    class Deactivated(Root.Event):
        TOPIC = "principal.deactivated.v1"

        def apply(self, principal: Principal) -> None:
            principal.active = False

    class Reactivated(Root.Event):
        TOPIC = "principal.reactivated.v1"

        def apply(self, principal: Principal) -> None:
            principal.active = True

    class Identified(Root.Event):
        """Whom another system means; `subject` is a token of what it calls this principal."""

        TOPIC = "principal.identified.v1"
        issuer: str
        subject: str

        def apply(self, principal: Principal) -> None:
            principal.identities |= {(self.issuer, self.subject)}

    @event(Registered)
    def __init__(
        self,
        tenant_id: UUID,
        cube_id: UUID | None,
        subject_ids: tuple[UUID, ...],
        kind: str,
        name: str,
        administrator: bool,
    ) -> None:
        self.tenant_id, self.subject_ids = tenant_id, tuple(subject_ids)
        self.kind, self.name, self.administrator = PrincipalKind(kind), name, administrator
        self.keys: dict[UUID, Key] = {}
        self.members: frozenset[UUID] = frozenset()
        self.identities: frozenset[tuple[str, str]] = frozenset()
        self.active = True

    @classmethod
    def register(
        cls, *, tenant_id: UUID, kind: PrincipalKind, name: str, subject_id: UUID, administrator: bool = False
    ) -> Self:
        """`subject_id` is the person behind it: oneself for a user, the person it works for otherwise."""
        return cls(
            tenant_id=tenant_id,
            cube_id=None,
            subject_ids=(subject_id,),
            kind=kind.value,
            name=check_label("name", name),
            administrator=administrator,
        )

    def issue_key(
        self,
        key_id: UUID,
        digest: bytes,
        expires_at: datetime | None = None,
        *,
        scopes: frozenset[str] | None = None,
        on_behalf_of: UUID | None = None,
    ) -> None:
        """Raises AlreadyExists, or a revoked key would come back to life, Invalid and InvalidMetadata."""
        if key_id in self.keys:
            raise AlreadyExists(kind="key", name=str(key_id))
        if self.kind in HAVE_MEMBERS:
            raise Invalid(reason=f"A {self.kind.value} acts through its members, and holds no keys.")
        if on_behalf_of is not None and self.kind is not PrincipalKind.AGENT:
            raise Invalid(reason="Only an agent acts on behalf of somebody.")
        if scopes is not None and not scopes:
            raise Invalid(reason="A key without any scope could do nothing.")
        if expires_at is not None:
            check_moment("expires_at", expires_at)
        self.record(
            Principal.KeyIssued,
            key_id=key_id,
            digest=digest.hex(),
            expires_at=expires_at,
            scopes=None if scopes is None else tuple(sorted(scopes)),
            on_behalf_of=on_behalf_of,
        )

    def rotate_key(
        self, key_id: UUID, successor_id: UUID, digest: bytes, ends_at: datetime, expires_at: datetime | None
    ) -> None:
        """A key that may do the same takes the place of this one, which ends at `ends_at` unless it ended before.

        Raises NotFound for a key that is not there or is revoked.
        """
        old = self.keys.get(key_id)
        if old is None or old.revoked:
            raise NotFound(kind="key", id=key_id)
        check_moment("ends_at", ends_at)
        scopes = None if old.scopes is None else frozenset(old.scopes)
        self.issue_key(successor_id, digest, expires_at, scopes=scopes, on_behalf_of=old.on_behalf_of)
        if not has_expired(old.expires_at, ends_at):
            self.record(Principal.KeyRetired, key_id=key_id, successor_id=successor_id, expires_at=ends_at)

    def revoke_key(self, key_id: UUID) -> None:
        if key_id not in self.keys:
            raise NotFound(kind="key", id=key_id)
        if not self.keys[key_id].revoked:
            self.record(Principal.KeyRevoked, key_id=key_id)

    def add_member(self, member_id: UUID) -> None:
        """Raises CannotJoin. Whether the member may be one at all is for `mnemolog.domain.membership` to say."""
        if self.kind not in HAVE_MEMBERS:
            raise CannotJoin(member_id=member_id, group_id=self.id, reason=f"{self.kind.value}s have no members")
        if member_id not in self.members:
            self.record(Principal.MemberAdded, member_id=member_id)

    def remove_member(self, member_id: UUID) -> None:
        """Raises NotFound."""
        if member_id not in self.members:
            raise NotFound(kind="member", id=member_id)
        self.record(Principal.MemberRemoved, member_id=member_id)

    def deactivate(self) -> None:
        if self.active:
            self.record(Principal.Deactivated)

    def reactivate(self) -> None:
        if not self.active:
            self.record(Principal.Reactivated)

    def identify(self, issuer: str, subject: str) -> None:
        """`subject` is a token, never the name that the other system uses. Raises Invalid for groups and roles."""
        if self.kind in HAVE_MEMBERS:
            raise Invalid(reason=f"A {self.kind.value} cannot sign in.")
        if not 0 < len(issuer) <= MAX_ISSUER:
            raise Invalid(reason=f"An issuer has 1 to {MAX_ISSUER} characters.")
        if (issuer, subject) not in self.identities:
            self.record(Principal.Identified, issuer=issuer, subject=subject)


EVENTS = topics(
    Principal,
    Principal.Registered,
    Principal.KeyIssued,
    Principal.KeyRevoked,
    Principal.KeyRetired,
    Principal.MemberAdded,
    Principal.MemberRemoved,
    Principal.Deactivated,
    Principal.Reactivated,
    Principal.Identified,
)
