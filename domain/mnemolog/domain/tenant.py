"""A tenant: people and agents who share a store and see nothing of other tenants. Its limits are the operator's."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Self
from uuid import UUID

from eventsourcing.domain import event

from mnemolog.domain.aggregate import Root, topics
from mnemolog.domain.refusals import InvalidMetadata

HIGHEST = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """None is what the installation is set to. Raises InvalidMetadata."""

    requests_per_second: float | None = None
    concurrent_requests: int | None = None

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if value is not None and not 0 < value <= HIGHEST:
                raise InvalidMetadata(field=name, reason=f"it must be positive and at most {HIGHEST}")

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        return cls(**data)


class Tenant(Root):
    KIND = "tenant"

    class Founded(Root.Created):
        TOPIC = "tenant.founded.v1"
        limits: dict[str, Any]

    class Limited(Root.Event):
        TOPIC = "tenant.limited.v1"
        limits: dict[str, Any]

        def apply(self, tenant: Tenant) -> None:
            tenant.limits = Limits.from_json(self.limits)

    @event(Founded)
    def __init__(
        self, tenant_id: UUID, cube_id: UUID | None, subject_ids: tuple[UUID, ...], limits: dict[str, Any]
    ) -> None:
        self.tenant_id, self.subject_ids = tenant_id, tuple(subject_ids)
        self.limits = Limits.from_json(limits)

    @classmethod
    def found(cls, tenant_id: UUID, limits: Limits = Limits()) -> Self:
        """The tenant's id is that of its stream."""
        return cls._create(
            cls.Founded, id=tenant_id, tenant_id=tenant_id, cube_id=None, subject_ids=(), limits=limits.to_json()
        )

    def limit(self, limits: Limits) -> None:
        if limits != self.limits:
            self.record(Tenant.Limited, limits=limits.to_json())


EVENTS = topics(Tenant, Tenant.Founded, Tenant.Limited)
