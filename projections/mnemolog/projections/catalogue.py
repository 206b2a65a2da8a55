"""The catalogue: what every memory is now, and what it was at any position. No text: that stays in the log.

The fold is here; where its rows are kept is an adapter's business.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from mnemolog.domain.lifecycle import State
from mnemolog.domain.log import Event
from mnemolog.domain.memory import TRANSITION_EVENTS, Transition
from mnemolog.domain.metadata import Governance, Standing
from mnemolog.domain.permissions import MemoryLabel

Token = Callable[[str], bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryRow:
    """A memory between two of its events. `from_position` is the event that made it so."""

    memory_id: UUID
    from_position: int
    version: int
    tenant_id: UUID
    cube_id: UUID
    state: State
    governed: Mapping[str, Any]  # the governance as JSON, as the event said it
    standing: Standing
    legal_hold: bool
    occurred_at: datetime
    created_at: datetime
    changed_at: datetime
    expires_at: datetime | None
    text_position: int
    created_position: int
    key_token: bytes | None
    tag_tokens: tuple[bytes, ...]
    subject_ids: tuple[UUID, ...]
    parents: tuple[UUID, ...]
    merged_into: UUID | None

    @property
    def governance(self) -> Governance:
        return Governance.from_json(dict(self.governed))

    @property
    def label(self) -> MemoryLabel:
        governance = self.governance
        return MemoryLabel(
            tenant_id=self.tenant_id,
            owner_id=governance.owner_id,
            state=self.state,
            visibility=governance.visibility,
            session_id=governance.session_id,
            access_control=governance.access_control,
            sensitivity=governance.sensitivity,
            purposes=governance.purposes,
            memory_id=self.memory_id,
        )


def fold(row: MemoryRow | None, event: Event, token: Token) -> MemoryRow:
    """The row after `event`, which is one of a memory's own."""
    if row is None:
        return _generated(event, token)
    now = {"from_position": event.position, "version": event.version, "changed_at": event.recorded_at}
    change: dict[str, Any] = now | _CHANGES.get(event.type, _unchanged)(row, event.data, event.position, token)
    return replace(row, **change)


def _generated(event: Event, token: Token) -> MemoryRow:
    data = event.data
    assert event.memory_id is not None
    assert event.cube_id is not None
    return MemoryRow(
        memory_id=event.memory_id,
        from_position=event.position,
        version=event.version,
        tenant_id=event.tenant_id,
        cube_id=event.cube_id,
        state=State.GENERATED,
        governed=data["governance"],
        standing=Standing(trust=data["trust"]),
        legal_hold=False,
        occurred_at=event.occurred_at,
        created_at=event.recorded_at,
        changed_at=event.recorded_at,
        expires_at=_moment(data["expires_at"]),
        text_position=event.position,
        created_position=event.position,
        subject_ids=tuple(map(UUID, data["subject_ids"])),
        parents=tuple(map(UUID, data["parents"])),
        merged_into=None,
        **_labels(data, token),
    )


def _revised(row: MemoryRow, data: Mapping[str, Any], position: int, token: Token) -> dict[str, Any]:
    standing = Standing(trust=data["trust"]) if data["rewritten"] else row.standing
    return {"governed": data["governance"], "standing": standing, "text_position": position} | _labels(data, token)


def _corroborated(row: MemoryRow, data: Mapping[str, Any], position: int, token: Token) -> dict[str, Any]:
    return {"standing": row.standing.corroborated()}


def _retention_set(row: MemoryRow, data: Mapping[str, Any], position: int, token: Token) -> dict[str, Any]:
    return {"expires_at": _moment(data["expires_at"])}


def _unchanged(row: MemoryRow, data: Mapping[str, Any], position: int, token: Token) -> dict[str, Any]:
    return {}


def _transition(target: State) -> Callable[[MemoryRow, Mapping[str, Any], int, Token], dict[str, Any]]:
    def change(row: MemoryRow, data: Mapping[str, Any], position: int, token: Token) -> dict[str, Any]:
        forgotten = {"key_token": None, "tag_tokens": ()} if target is State.ERASED else {}
        into = UUID(data["into"]) if target is State.MERGED else None if target is State.ACTIVATED else row.merged_into
        held = bool(data.get("legal_hold", False))
        return {"state": target, "legal_hold": held, "merged_into": into} | forgotten

    return change


_CHANGES: dict[str, Callable[[MemoryRow, Mapping[str, Any], int, Token], dict[str, Any]]] = {
    "memory.revised.v1": _revised,
    "memory.corroborated.v1": _corroborated,
    "memory.retention_set.v1": _retention_set,
    **{each.TOPIC: _transition(each.target) for each in TRANSITION_EVENTS.values() if issubclass(each, Transition)},
}


def _labels(data: Mapping[str, Any], token: Token) -> dict[str, Any]:
    """Personal labels as tokens; nothing once they have been erased."""
    description = data.get("description", {})
    key = description.get("key")
    return {
        "key_token": None if key is None else token(f"key:{key}"),
        "tag_tokens": tuple(token(f"tag:{tag}") for tag in description.get("tags", ())),
    }


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
