"""Domain events to rows and back: personal fields are sealed, the rest is JSON whose bytes are hashed."""

from __future__ import annotations

import types
from collections.abc import Callable, Hashable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, Union, cast, get_args, get_origin, get_type_hints
from uuid import UUID

import orjson
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from eventsourcing.domain import DomainEventProtocol
from eventsourcing.persistence import Mapper, StoredEvent, Transcoder
from eventsourcing.utils import resolve_topic

from mnemolog.adapters.keyring import Keyring, open_sealed, seal
from mnemolog.adapters.postgres.envelope import ContentKey, LogEvent, LogNotification, LogRow
from mnemolog.domain.aggregate import Recorded, Root
from mnemolog.domain.refusals import MemoryErased
from mnemolog.domain.upcasts import upcast

# These are columns; everything else that an event says goes into its payload.
ENVELOPE = frozenset({"originator_id", "originator_version", "originator_topic", "timestamp", "tenant_id", "cube_id"})
NewKeys = dict[UUID, tuple[ContentKey, AESGCM]]


class OrjsonTranscoder(Transcoder):
    def encode(self, obj: Any) -> bytes:
        return orjson.dumps(obj)

    def decode(self, data: bytes) -> Any:
        return orjson.loads(data)


class LogMapper(Mapper[UUID]):
    """Needs `keyring`, which is attached once the store is open: a topic setting can carry no secret."""

    keyring: Keyring

    def to_stored_events(self, domain_events: Sequence[DomainEventProtocol[UUID]]) -> list[LogEvent]:
        """For one append, in which later events of a stream are sealed under the key that its first event brings."""
        made: NewKeys = {}
        return [self.to_stored_event(event, made) for event in domain_events]

    def to_stored_event(self, domain_event: DomainEventProtocol[UUID], made: NewKeys | None = None) -> LogEvent:
        event_class = cast("type[Recorded]", type(domain_event))
        facts = dict(vars(domain_event))
        stream_id, version = facts["originator_id"], facts["originator_version"]
        row_facts = {
            "schema_version": event_class.SCHEMA_VERSION,
            "tenant_id": facts["tenant_id"],
            "cube_id": facts["cube_id"],
            "memory_id": stream_id if event_class.TOPIC.startswith("memory.") else None,
            "occurred_at": facts.get("occurred_at") or facts["timestamp"],
        }
        personal = {name: facts.pop(name) for name in event_class.SEALED}
        if personal:
            row_facts |= self._seal(event_class, facts, personal, {} if made is None else made)
        payload = orjson.dumps({name: value for name, value in facts.items() if name not in ENVELOPE})
        return LogEvent(stream_id, version, event_class.TOPIC, payload, LogRow(**row_facts))

    def to_domain_event(self, stored_event: StoredEvent) -> DomainEventProtocol[UUID]:
        """Raises MemoryErased when a key that the personal part needs has been destroyed, and nothing stands for it."""
        assert isinstance(stored_event, LogEvent | LogNotification)
        row = stored_event.row
        event_class = cast("type[Recorded]", resolve_topic(stored_event.topic))
        data = open_event(self.keyring, stored_event)
        if data is None:
            if not event_class.BLANK:
                raise MemoryErased(memory_id=stored_event.originator_id)
            data = {**clear_part(stored_event), **event_class.BLANK}
        facts = {
            name: convert(data[name])
            for name, convert in converters(cast("Hashable", event_class)).items()
            if name in data
        }
        facts |= {
            "originator_id": stored_event.originator_id,
            "originator_version": stored_event.originator_version,
            "timestamp": row.recorded_at,
            "tenant_id": row.tenant_id,
            "cube_id": row.cube_id,
        }
        if issubclass(event_class, Root.Created):
            facts["originator_topic"] = stored_event.topic.partition(".")[0]
        domain_event = object.__new__(event_class)
        domain_event.__dict__.update(facts)
        return cast("DomainEventProtocol[UUID]", domain_event)

    def _seal(
        self, event_class: type[Recorded], facts: dict[str, Any], personal: dict[str, Any], made: NewKeys
    ) -> dict[str, Any]:
        tenant_id, stream_id, version = facts["tenant_id"], facts["originator_id"], facts["originator_version"]
        if version == 1 and stream_id not in made:
            made[stream_id] = self.keyring.new_content_key(tenant_id, stream_id, facts["subject_ids"])
        key, cipher = made.get(stream_id) or self._content_key(stream_id)
        associated = associated_data(tenant_id, stream_id, version, event_class.TOPIC, event_class.SCHEMA_VERSION)
        sealed = seal(cipher, orjson.dumps(personal), associated)
        return {"sealed": sealed, "key_id": key.key_id, "content_key": key if version == 1 else None}

    def _content_key(self, stream_id: UUID) -> tuple[ContentKey, AESGCM]:
        """A stream's first event made its key, which is named after the stream; later ones find it in the store."""
        key = self.keyring.content_key(stream_id)
        cipher = self.keyring.cipher(key) if key is not None else None
        if key is None or cipher is None:
            raise MemoryErased(memory_id=stream_id)
        return key, cipher


def open_event(
    keyring: Keyring,
    event: LogEvent | LogNotification,
    wrapped_subjects: Mapping[UUID, bytes] | None = None,
    position: int | None = None,
) -> Mapping[str, Any] | None:
    """All that the event says, at its newest schema version; None when its personal part has been erased."""
    row = event.row
    data: dict[str, Any] = orjson.loads(event.state)
    if row.sealed is not None and row.key_id is not None:
        cipher = keyring.cipher(row.content_key, wrapped_subjects) if row.content_key is not None else None
        if cipher is None:
            return None
        stream = cast(UUID, event.originator_id)
        associated = associated_data(row.tenant_id, stream, event.originator_version, event.topic, row.schema_version)
        data |= orjson.loads(open_sealed(cipher, row.sealed, associated, position))
    return upcast(event.topic, row.schema_version, data)


def clear_part(event: LogEvent | LogNotification) -> dict[str, Any]:
    """What an event says although its personal part has been erased, at its newest schema version."""
    return dict(upcast(event.topic, event.row.schema_version, orjson.loads(event.state)))


def associated_data(tenant_id: UUID, stream_id: UUID, version: int, topic: str, schema_version: int) -> bytes:
    """Binds a sealed part to its event, so that it opens nowhere else."""
    return b"%b|%b|%d|%b|%d" % (tenant_id.bytes, stream_id.bytes, version, topic.encode(), schema_version)


@cache
def converters(event_class: Hashable) -> dict[str, Callable[[Any], Any]]:
    """For each field of an event, what turns its JSON form back into its annotated type."""
    hints = get_type_hints(event_class)
    return {name: _converter(hint) for name, hint in hints.items() if name not in ENVELOPE and not name.isupper()}


def _converter(hint: Any) -> Callable[[Any], Any]:
    arguments = get_args(hint)
    if get_origin(hint) in (Union, types.UnionType):
        inner = _converter(next(argument for argument in arguments if argument is not type(None)))
        return lambda value: None if value is None else inner(value)
    if get_origin(hint) is tuple:
        inner = _converter(arguments[0])
        return lambda values: tuple(map(inner, values))
    plain: dict[Any, Callable[[Any], Any]] = {UUID: UUID, datetime: datetime.fromisoformat}
    return plain.get(hint, lambda value: value)
