"""What every aggregate's events carry besides their own facts.

`TOPIC` is the name under which an event is stored for ever; it is written out, so that no module can be renamed into
the log. `SEALED` names the fields with personal content: they are encrypted on the way to the log under the keys of
`subject_ids`, so that destroying one of those keys erases them. `BLANK` is what stands for them then; an aggregate with
an event that has none cannot be loaded any more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Protocol
from uuid import UUID

from eventsourcing.domain import Aggregate, CanMutateAggregate, DomainEventProtocol
from eventsourcing.utils import register_topic

from mnemolog.domain.identity import new_id


class Recorded:
    TOPIC: ClassVar[str]
    SCHEMA_VERSION: ClassVar[int] = 1
    SEALED: ClassVar[frozenset[str]] = frozenset()
    BLANK: ClassVar[Mapping[str, Any]] = {}


class Root(Aggregate):
    """An aggregate of one tenant. Its events say which tenant, cube and data subjects they belong to.

    `KIND` is the first word of the names of all its events; from it the log knows which class to restore.
    """

    KIND: ClassVar[str]
    TOPIC: ClassVar[str]
    tenant_id: UUID
    cube_id: UUID | None = None
    subject_ids: tuple[UUID, ...] = ()

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls.TOPIC = cls.KIND  # else the library writes the import path into every first event

    class Event(Aggregate.Event, Recorded):
        tenant_id: UUID
        cube_id: UUID | None
        subject_ids: tuple[UUID, ...]

        def apply(self, aggregate: Any) -> None:
            """Most events change state in `apply`; one that only goes on record changes none."""

    class Created(Event, Aggregate.Created):
        pass

    @staticmethod
    def create_id(*_: Any, **__: Any) -> UUID:
        return new_id()

    def record(self, event_class: type[CanMutateAggregate[Any]], **facts: Any) -> None:
        self.trigger_event(
            event_class, tenant_id=self.tenant_id, cube_id=self.cube_id, subject_ids=self.subject_ids, **facts
        )


class Pending(Protocol):
    """What has events that are to be recorded, as an aggregate has. `subject_ids` are all that they name."""

    @property
    def subject_ids(self) -> tuple[UUID, ...]: ...

    @property
    def pending_events(self) -> Sequence[DomainEventProtocol[UUID]]: ...

    def collect_events(self) -> Sequence[DomainEventProtocol[UUID]]: ...


def topics(aggregate: type[Root], *event_classes: type[Recorded]) -> dict[str, type[Recorded]]:
    """Register the names of an aggregate and of its events with the eventsourcing library, once each."""
    register_topic(aggregate.KIND, aggregate)
    for event_class in event_classes:
        register_topic(event_class.TOPIC, event_class)
    return {event_class.TOPIC: event_class for event_class in event_classes}
