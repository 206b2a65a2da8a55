"""A grant: what one principal lets another do, or forbids it, with what, under which conditions and until when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any, ClassVar, Self
from uuid import UUID

from eventsourcing.domain import event

from mnemolog.domain.aggregate import Root, topics
from mnemolog.domain.content import check_label, check_text
from mnemolog.domain.metadata import Sensitivity
from mnemolog.domain.permissions import Action, Caller
from mnemolog.domain.refusals import Invalid
from mnemolog.domain.retention import check_moment

MAX_CONDITIONS = 64  # of each kind


class Effect(StrEnum):
    PERMIT = "permit"
    DENY = "deny"


class Level(StrEnum):
    """What a grant is about: a tenant, with all its cubes; a cube, with all its memories; or one memory."""

    TENANT = "tenant"
    CUBE = "cube"
    MEMORY = "memory"


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """All of them must hold; what is empty asks for nothing. Networks are in CIDR notation.

    Raises Invalid.
    """

    purposes: tuple[str, ...] = ()
    sessions: tuple[UUID, ...] = ()
    networks: tuple[str, ...] = ()
    apps: tuple[str, ...] = ()
    sensitivity: Sensitivity = Sensitivity.SECRET  # at most

    def __post_init__(self) -> None:
        for each in (self.purposes, self.sessions, self.networks, self.apps):
            if len(each) > MAX_CONDITIONS:
                raise Invalid(reason=f"A grant may name {MAX_CONDITIONS} values of a condition, not {len(each)}.")
        for name, labels in (("purposes", self.purposes), ("apps", self.apps)):
            for label in labels:
                check_label(name, label)
        for network in self.networks:
            try:
                ip_network(network)
            except ValueError:
                raise Invalid(reason=f"{network!r} is no network in CIDR notation.") from None

    def hold(self, caller: Caller, *, unknown: bool = False) -> bool:
        """Whether they let this context pass; the sensitivity is compared with each memory.

        `unknown` is the answer for a network when the address cannot be told.
        """
        return (
            (not self.purposes or caller.purpose in self.purposes)
            and (not self.sessions or caller.session_id in self.sessions)
            and (not self.apps or caller.app in self.apps)
            and (not self.networks or _is_in(caller.address, self.networks, unknown))
        )

    def narrow(self, wider: Conditions) -> bool:
        """Whether all that these let pass is let pass by the wider ones too."""
        return (
            _narrows(self.purposes, wider.purposes)
            and _narrows(self.sessions, wider.sessions)
            and _narrows(self.networks, wider.networks)
            and _narrows(self.apps, wider.apps)
            and self.sensitivity <= wider.sensitivity
        )

    def to_json(self) -> dict[str, Any]:
        return {
            "purposes": list(self.purposes),
            "sessions": [str(each) for each in self.sessions],
            "networks": list(self.networks),
            "apps": list(self.apps),
            "sensitivity": int(self.sensitivity),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        return cls(
            purposes=tuple(data["purposes"]),
            sessions=tuple(map(UUID, data["sessions"])),
            networks=tuple(data["networks"]),
            apps=tuple(data["apps"]),
            sensitivity=Sensitivity(data["sensitivity"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """`parent_id` is the delegable grant that this one was made from. Raises Invalid or InvalidMetadata."""

    effect: Effect
    subject_id: UUID
    level: Level
    resource_id: UUID
    actions: frozenset[Action]
    conditions: Conditions = Conditions()
    delegable: bool = False
    parent_id: UUID | None = None
    not_before: datetime | None = None
    expires_at: datetime | None = None

    def __post_init__(self) -> None:
        if not self.actions:
            raise Invalid(reason="A grant needs an action.")
        if self.effect is Effect.DENY and (self.delegable or self.conditions.sensitivity != Sensitivity.SECRET):
            raise Invalid(reason="A deny is for every sensitivity, and cannot be passed on.")
        for name, moment in (("not_before", self.not_before), ("expires_at", self.expires_at)):
            if moment is not None:
                check_moment(name, moment)

    @property
    def implied(self) -> frozenset[Action]:
        """With what goes along: to administer implies to read and to share, and nothing else does."""
        if self.effect is Effect.PERMIT and Action.ADMINISTER in self.actions:
            return self.actions | {Action.READ, Action.SHARE}
        return self.actions

    def in_time(self, now: datetime) -> bool:
        begun = self.not_before is None or self.not_before <= now
        return begun and (self.expires_at is None or now < self.expires_at)

    def narrow(self, wider: Terms) -> bool:
        """Whether this grant gives nothing that the wider one, which may be passed on, does not give."""
        lasts = wider.expires_at is None or (self.expires_at is not None and self.expires_at <= wider.expires_at)
        begins = wider.not_before is None or (self.not_before is not None and self.not_before >= wider.not_before)
        return self.implied <= wider.implied and lasts and begins and self.conditions.narrow(wider.conditions)

    def within(self, wider: Terms) -> bool:
        """A cube is within its tenant. No memory is within its cube: a grant on one reaches it if it is private too."""
        same = (self.level, self.resource_id) == (wider.level, wider.resource_id)
        return same or (self.level, wider.level) == (Level.CUBE, Level.TENANT)

    def to_json(self) -> dict[str, Any]:
        return {
            "effect": self.effect.value,
            "subject_id": str(self.subject_id),
            "level": self.level.value,
            "resource_id": str(self.resource_id),
            "actions": sorted(self.actions),
            "conditions": self.conditions.to_json(),
            "delegable": self.delegable,
            "parent_id": None if self.parent_id is None else str(self.parent_id),
            "not_before": None if self.not_before is None else self.not_before.isoformat(),
            "expires_at": None if self.expires_at is None else self.expires_at.isoformat(),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        return cls(
            effect=Effect(data["effect"]),
            subject_id=UUID(data["subject_id"]),
            level=Level(data["level"]),
            resource_id=UUID(data["resource_id"]),
            actions=frozenset(map(Action, data["actions"])),
            conditions=Conditions.from_json(data["conditions"]),
            delegable=data["delegable"],
            parent_id=None if data["parent_id"] is None else UUID(data["parent_id"]),
            not_before=_moment(data["not_before"]),
            expires_at=_moment(data["expires_at"]),
        )


class Grant(Root):
    """`reason` is what people say why; it may be about somebody, so it is sealed."""

    KIND = "grant"

    class Issued(Root.Created):
        TOPIC = "grant.issued.v1"
        SEALED = frozenset({"reason"})
        BLANK: ClassVar[Mapping[str, Any]] = {"reason": ""}  # a grant can still be revoked
        terms: dict[str, Any]
        granted_by: UUID
        reason: str

    class Revoked(Root.Event):
        TOPIC = "grant.revoked.v1"
        SEALED = frozenset({"reason"})
        BLANK: ClassVar[Mapping[str, Any]] = {"reason": ""}
        reason: str

        def apply(self, grant: Grant) -> None:
            grant.revoked = True

    @event(Issued)
    def __init__(
        self,
        tenant_id: UUID,
        cube_id: UUID | None,
        subject_ids: tuple[UUID, ...],
        terms: dict[str, Any],
        granted_by: UUID,
        reason: str,
    ) -> None:
        self.tenant_id, self.cube_id, self.subject_ids = tenant_id, cube_id, tuple(subject_ids)
        self.terms, self.granted_by = Terms.from_json(terms), granted_by
        self.revoked = False

    @classmethod
    def issue(cls, caller: Caller, terms: Terms, reason: str, cube_id: UUID | None) -> Self:
        """`cube_id` is the cube that it is about, or in which the memory is; None for a tenant."""
        return cls(
            tenant_id=caller.tenant_id,
            cube_id=cube_id,
            subject_ids=(caller.subject_id,),
            terms=terms.to_json(),
            granted_by=caller.principal_id,
            reason=check_text("reason", reason) if reason else "",
        )

    def revoke(self, reason: str = "") -> None:
        """Also ends all grants that were made from it. Nothing happens to one that is revoked already."""
        if not self.revoked:
            self.record(Grant.Revoked, reason=check_text("reason", reason) if reason else "")


def _narrows(own: tuple[Any, ...], wider: tuple[Any, ...]) -> bool:
    return not wider or (bool(own) and set(own) <= set(wider))


def _is_in(address: str | None, networks: tuple[str, ...], unknown: bool) -> bool:
    try:
        read = ip_address(address or "")
    except ValueError:
        return unknown
    if isinstance(read, IPv6Address) and read.ipv4_mapped is not None:  # how a socket of both kinds writes an IPv4 one
        read = read.ipv4_mapped
    return any(read in ip_network(network) for network in networks)


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


EVENTS = topics(Grant, Grant.Issued, Grant.Revoked)
