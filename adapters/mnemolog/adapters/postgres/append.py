"""One append: what is asked, as columns for the database, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import orjson
from eventsourcing.persistence import IntegrityError, ProgrammingError

from mnemolog.adapters.postgres import columns
from mnemolog.adapters.postgres.envelope import ContentKey, LogEvent, microseconds, packed_leaf
from mnemolog.domain.log import Appended, Condition, IdempotencyKey, Origin
from mnemolog.domain.refusals import ConditionFailed, IdempotencyKeyReused

Ids = tuple[bytes | None, ...]
# In the order of the arguments of `packed_leaf`; its result comes last.
_COLUMNS: dict[str, Callable[[Sequence[Any]], columns.Column]] = {
    "stream_ids": columns.uuids,
    "versions": columns.bigints,
    "schema_versions": columns.smallints,
    "tenant_ids": columns.uuids,
    "occurred_at": columns.moments,
    "cube_ids": columns.uuids,
    "memory_ids": columns.uuids,
    "actor_ids": columns.uuids,
    "on_behalf_of": columns.uuids,
    "request_ids": columns.uuids,
    "key_ids": columns.uuids,
    "event_types": columns.texts,
    "payloads": columns.blobs,
    "sealed": columns.blobs,
    "leaves": columns.blobs,
}


@dataclass(slots=True)
class AppendRequest:
    """Events of one caller, written together or not at all. Without an `origin`, each event has its own."""

    events: Sequence[LogEvent]
    condition: Condition | None = None
    idempotency: IdempotencyKey | None = None
    origin: Origin | None = None
    done: Future[Appended] = field(default_factory=Future)

    def __post_init__(self) -> None:
        if not self.events:  # no outcome would ever come back for it
            raise ProgrammingError("an append needs at least one event")

    def settle(self, outcome: str, first: int | None, last: int | None) -> None:
        if outcome in ("appended", "replayed") and first is not None and last is not None:
            self.done.set_result(Appended(first, last, replayed=outcome == "replayed"))
        else:
            self.done.set_exception(self._refusal(outcome))

    def _refusal(self, outcome: str) -> Exception:
        if outcome == "key_reused" and self.idempotency is not None:
            return IdempotencyKeyReused(key=self.idempotency.key)
        if outcome == "condition_failed" and self.condition is not None:
            return ConditionFailed(after=self.condition.after)
        return IntegrityError("another event of this stream has this version")


def parameters(requests: Sequence[AppendRequest], *, resolving: bool) -> dict[str, Any]:
    """The arguments of the append function for these requests, one array for each column."""
    events = [event for request in requests for event in request.events]
    numbers = [number for number, request in enumerate(requests, 1) for _ in request.events]
    keys = [(n, e.row.content_key) for n, e in zip(numbers, events, strict=True) if e.row.content_key is not None]
    origins = [origin for request in requests for origin in _origins(request)]
    return (
        {"requests": columns.integers(numbers)}
        | _event_columns(events, origins)
        | _key_columns(keys)
        | _idempotency_columns([(n, r) for n, r in enumerate(requests, 1) if r.idempotency is not None])
        | {"conditions": _conditions(requests), "resolving": resolving}
    )


def _origins(request: AppendRequest) -> list[Ids]:
    if request.origin is not None:
        return [_origin(request.origin)] * len(request.events)
    return [_origin(event.row.origin) for event in request.events]


def _origin(origin: Origin) -> Ids:
    return tuple(_packed((origin.actor_id, origin.on_behalf_of, origin.request_id)))


def _event_columns(events: Sequence[LogEvent], origins: Sequence[Ids]) -> dict[str, columns.Column]:
    facts = _facts(events, origins)
    facts.append(list(map(packed_leaf, *facts)))
    return {name: make(values) for (name, make), values in zip(_COLUMNS.items(), facts, strict=True)}


def _facts(events: Sequence[LogEvent], origins: Sequence[Ids]) -> list[Sequence[Any]]:
    """Column by column, all that a leaf is made of."""
    rows = [event.row for event in events]
    actors, on_behalf_of, request_ids = zip(*origins, strict=True)
    payloads, sealed = zip(*map(_split, events), strict=True)
    return [
        _packed([event.originator_id for event in events]),  # type: ignore[misc]
        [event.originator_version for event in events],
        [row.schema_version for row in rows],
        _packed([row.tenant_id for row in rows]),
        [microseconds(row.occurred_at) if row.occurred_at else 0 for row in rows],
        _packed([row.cube_id for row in rows]),
        _packed([row.memory_id for row in rows]),
        actors,
        on_behalf_of,
        request_ids,
        _packed([row.key_id for row in rows]),
        [event.topic for event in events],
        payloads,
        sealed,
    ]


def _packed(ids: Iterable[UUID | None]) -> list[bytes | None]:
    return [None if value is None else value.int.to_bytes(16) for value in ids]  # `bytes` takes twice as long


def _split(event: LogEvent) -> tuple[bytes | None, bytes | None]:
    """(payload, sealed). A state that is not a JSON object did not come from our mapper and is kept as opaque bytes."""
    if event.row.sealed is None and event.state[:1] != b"{":
        return None, event.state
    return event.state, event.row.sealed


def _key_columns(keys: Sequence[tuple[int, ContentKey]]) -> dict[str, columns.Column]:
    return {
        "key_requests": columns.integers([number for number, _ in keys]),
        "new_key_ids": columns.uuids(_packed(key.key_id for _, key in keys)),
        "key_subjects": columns.texts(["{" + ",".join(map(str, key.subject_ids)) + "}" for _, key in keys]),
        "wrapped_keys": columns.blobs([key.wrapped for _, key in keys]),
    }


def _idempotency_columns(requests: Sequence[tuple[int, AppendRequest]]) -> dict[str, columns.Column]:
    keys = [request.idempotency for _, request in requests if request.idempotency is not None]
    return {
        "idempotent_requests": columns.integers([number for number, _ in requests]),
        "idempotency_tenants": columns.uuids(_packed(request.events[0].row.tenant_id for _, request in requests)),
        "idempotency_keys": columns.uuids(_packed(key.key for key in keys)),
        "request_sha256s": columns.blobs([key.request_sha256 for key in keys]),
    }


def _conditions(requests: Sequence[AppendRequest]) -> str:
    conditions = [
        {"request": number} | _condition(request.condition)
        for number, request in enumerate(requests, 1)
        if request.condition is not None
    ]
    return orjson.dumps(conditions).decode()


def _condition(condition: Condition) -> dict[str, Any]:
    parts: dict[str, Any] = {
        "types": condition.types,
        "streams": condition.streams,
        "tenant": condition.tenant_id,
        "cube": condition.cube_id,
    }
    return {"after": condition.after} | {name: part for name, part in parts.items() if part}
