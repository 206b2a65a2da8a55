"""A principal: who acts. Keys are its credentials; the log holds only a keyed digest of each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Self
from uuid import UUID

from eventsourcing.domain import event

from mnemolog.domain.aggregate import Root, topics
from mnemolog.domain.content import check_label
from mnemolog.domain.refusals import AlreadyExists, NotFound
from mnemolog.domain.retention import check_moment, has_expired


class PrincipalKind(StrEnum):
    USER = "user"
    AGENT = "agent"
    GROUP = "group"
    ROLE = "role"
    SERVICE = "service"


@dataclass(frozen=True, slots=True)
class Key:
    digest: bytes  # HMAC-SHA256 of the secret under the store's pepper
    expires_at: datetime | None
    revoked: bool = False

    def is_valid(self, now: datetime) -> bool:
        return not self.revoked and not has_expired(self.expires_at, now)


class Principal(Root):
    KIND = "principal"

    class Registered(Root.Created):
        TOPIC = "principal.registered.v1"
        SEALED = frozenset({"name"})
        kind: str
        name: str
        administrator: bool

    class KeyIssued(Root.Event):
        TOPIC = "principal.key_issued.v1"
        key_id: UUID
        digest: str
        expires_at: datetime | None

        def apply(self, principal: Principal) -> None:
            principal.keys[self.key_id] = Key(bytes.fromhex(self.digest), self.expires_at)

    class KeyRevoked(Root.Event):
        TOPIC = "principal.key_revoked.v1"
        key_id: UUID

        def apply(self, principal: Principal) -> None:
            key = principal.keys[self.key_id]
            principal.keys[self.key_id] = Key(key.digest, key.expires_at, revoked=True)

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

    def issue_key(self, key_id: UUID, digest: bytes, expires_at: datetime | None = None) -> None:
        """Raises AlreadyExists, or a revoked key would come back to life, and InvalidMetadata."""
        if key_id in self.keys:
            raise AlreadyExists(kind="key", name=str(key_id))
        if expires_at is not None:
            check_moment("expires_at", expires_at)
        self.record(Principal.KeyIssued, key_id=key_id, digest=digest.hex(), expires_at=expires_at)

    def revoke_key(self, key_id: UUID) -> None:
        if key_id not in self.keys:
            raise NotFound(kind="key", id=key_id)
        if not self.keys[key_id].revoked:
            self.record(Principal.KeyRevoked, key_id=key_id)


EVENTS = topics(Principal, Principal.Registered, Principal.KeyIssued, Principal.KeyRevoked)
