"""One append: what is asked, as columns for the database, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

import orjson
from eventsourcing.persistence import IntegrityError, ProgrammingError

from mnemolog.adapters.postgres import columns
from mnemolog.adapters.postgres.envelope import ContentKey, LogEvent, leaf, microseconds
from mnemolog.domain.log import Appended, Condition, IdempotencyKey
from mnemolog.domain.refusals import ConditionFailed, IdempotencyKeyReused


@dataclass(slots=True)
class AppendRequest:
    """Events of one caller, written together or not at all."""

    events: Sequence[LogEvent]
    condition: Condition | None = None
    idempotency: IdempotencyKey | None = None
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
    events = [(number, event) for number, request in enumerate(requests, 1) for event in request.events]
    return (
        _event_columns(events)
        | _key_columns([(n, e.row.content_key) for n, e in events if e.row.content_key is not None])
        | _idempotency_columns([(n, r) for n, r in enumerate(requests, 1) if r.idempotency is not None])
        | {"conditions": _conditions(requests), "resolving": resolving}
    )


def _event_columns(events: Sequence[tuple[int, LogEvent]]) -> dict[str, columns.Column]:
    rows = [event.row for _, event in events]
    origins = [row.origin for row in rows]
    bodies = [_split(event) for _, event in events]
    occurred = [microseconds(row.occurred_at) if row.occurred_at else 0 for row in rows]
    return {
        "requests": columns.integers(number for number, _ in events),
        "stream_ids": columns.uuids(event.originator_id for _, event in events),  # type: ignore[misc]
        "versions": columns.bigints(event.originator_version for _, event in events),
        "event_types": columns.texts(event.topic for _, event in events),
        "schema_versions": columns.smallints(row.schema_version for row in rows),
        "tenant_ids": columns.uuids(row.tenant_id for row in rows),
        "cube_ids": columns.uuids(row.cube_id for row in rows),
        "memory_ids": columns.uuids(row.memory_id for row in rows),
        "actor_ids": columns.uuids(origin.actor_id for origin in origins),
        "on_behalf_of": columns.uuids(origin.on_behalf_of for origin in origins),
        "request_ids": columns.uuids(origin.request_id for origin in origins),
        "occurred_at": columns.moments(occurred),
        "payloads": columns.blobs(payload for payload, _ in bodies),
        "sealed": columns.blobs(sealed for _, sealed in bodies),
        "key_ids": columns.uuids(row.key_id for row in rows),
        "leaves": columns.blobs(
            leaf(event, payload, sealed, us)
            for (_, event), (payload, sealed), us in zip(events, bodies, occurred, strict=True)
        ),
    }


def _split(event: LogEvent) -> tuple[bytes | None, bytes | None]:
    """(payload, sealed). A state that is not a JSON object did not come from our mapper and is kept as opaque bytes."""
    if event.row.sealed is None and event.state[:1] != b"{":
        return None, event.state
    return event.state, event.row.sealed


def _key_columns(keys: Sequence[tuple[int, ContentKey]]) -> dict[str, columns.Column]:
    return {
        "key_requests": columns.integers(number for number, _ in keys),
        "new_key_ids": columns.uuids(key.key_id for _, key in keys),
        "key_subjects": columns.texts("{" + ",".join(map(str, key.subject_ids)) + "}" for _, key in keys),
        "wrapped_keys": columns.blobs(key.wrapped for _, key in keys),
    }


def _idempotency_columns(requests: Sequence[tuple[int, AppendRequest]]) -> dict[str, columns.Column]:
    keys = [request.idempotency for _, request in requests if request.idempotency is not None]
    return {
        "idempotent_requests": columns.integers(number for number, _ in requests),
        "idempotency_tenants": columns.uuids(request.events[0].row.tenant_id for _, request in requests),
        "idempotency_keys": columns.uuids(key.key for key in keys),
        "request_sha256s": columns.blobs(key.request_sha256 for key in keys),
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
