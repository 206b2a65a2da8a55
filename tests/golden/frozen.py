"""The golden files: each one event as it was stored, by the release that began to write it so.

`<event type>.<schema version>.json` for the first time that a type occurs, with a word more where the same type
occurs again, or was given an optional fact later. None is ever changed or removed. `payload` is the very bytes,
`personal` what was sealed; `place` is the life in streams.py and the version within it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import orjson

from mnemolog.adapters.keyring import Keyring, open_sealed
from mnemolog.adapters.postgres.envelope import LogEvent
from mnemolog.adapters.postgres.mapper import LogMapper, NewKeys, OrjsonTranscoder, associated_data
from mnemolog.domain.aggregate import Root

FOLDER = Path(__file__).parent / "events"
Place = tuple[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Frozen:
    life: str
    version: int
    type: str
    schema_version: int
    stream_id: str
    tenant_id: str
    cube_id: str | None
    memory_id: str | None
    payload: str
    personal: str | None

    @property
    def place(self) -> Place:
        return self.life, self.version

    @property
    def name(self) -> str:
        return f"{self.type}.{self.schema_version}"

    def same_as(self, other: Frozen) -> bool:
        """To the byte, but for the order of the sealed facts, which have none."""
        own, theirs = (replace(each, personal=None) for each in (self, other))
        return own == theirs and _opened(self.personal) == _opened(other.personal)

    @property
    def said(self) -> dict[str, Any]:
        """All that it says, the personal part with it."""
        return _opened(self.payload) | _opened(self.personal)


class SubjectKeys:
    """Implements `KeyTables` for one process, as the tables of a store would."""

    def __init__(self) -> None:
        self.wrapped: dict[UUID, bytes] = {}

    def content_keys(self, key_ids: Any) -> Mapping[UUID, Any]:
        return {}

    def subject_keys(self, subject_ids: Any) -> Mapping[UUID, bytes]:
        return {each: self.wrapped[each] for each in subject_ids if each in self.wrapped}

    def add_subject_key(self, tenant_id: UUID, subject_id: UUID, wrapped: bytes) -> bytes:
        return self.wrapped.setdefault(subject_id, wrapped)


def mapper() -> LogMapper:
    made = LogMapper(OrjsonTranscoder())
    made.keyring = Keyring(bytes(range(32)), SubjectKeys())
    return made


def frozen(life: str, stored: LogEvent, opened_by: Keyring) -> Frozen:
    """What is stored, with its personal part opened."""
    row, ids = stored.row, cast(UUID, stored.originator_id)
    personal = None
    if row.sealed is not None and row.content_key is not None:
        cipher = opened_by.cipher(row.content_key)
        assert cipher is not None
        place = associated_data(row.tenant_id, ids, stored.originator_version, stored.topic, row.schema_version)
        personal = open_sealed(cipher, row.sealed, place, None).decode()
    return Frozen(
        life=life,
        version=stored.originator_version,
        type=stored.topic,
        schema_version=row.schema_version,
        stream_id=str(ids),
        tenant_id=str(row.tenant_id),
        cube_id=_text(row.cube_id),
        memory_id=_text(row.memory_id),
        payload=stored.state.decode(),
        personal=personal,
    )


def write(event: Frozen, name: str) -> str:
    """The name of the file. Never over one that is there."""
    with open(FOLDER / f"{name}.json", "xb") as file:
        file.write(orjson.dumps(asdict(event), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    return name


def golden() -> dict[str, Frozen]:
    """By the name of the file, without its ending."""
    return {path.stem: Frozen(**json.loads(path.read_bytes())) for path in sorted(FOLDER.glob("*.json"))}


def ids_of(known: Mapping[str, Frozen]) -> dict[str, str]:
    """Of the stream of each life."""
    return {each.life: each.stream_id for each in known.values()}


def written_now(lives: Mapping[str, list[Root.Event]], ids: Mapping[str, str]) -> dict[Place, Frozen]:
    """What these lives write today, but under the `ids` that they had when they were frozen."""
    by = mapper()
    renamed = {str(events[0].originator_id): ids.get(life, "") for life, events in lives.items()}
    found: dict[Place, Frozen] = {}
    for life, events in lives.items():
        made: NewKeys = {}
        for event in events:
            stored = by.to_stored_event(event, made)
            key = made.get(event.originator_id)
            row = stored.row if key is None else replace(stored.row, content_key=key[0])
            now = frozen(life, replace(stored, row=row), by.keyring)
            found[now.place] = Frozen(**_renamed(asdict(now), {old: new for old, new in renamed.items() if new}))
    return found


def _renamed(facts: dict[str, Any], ids: Mapping[str, str]) -> dict[str, Any]:
    text = json.dumps(facts)
    for old, new in ids.items():
        text = text.replace(old, new)
    renamed: dict[str, Any] = json.loads(text)
    return renamed


def _opened(part: str | None) -> dict[str, Any]:
    found: dict[str, Any] = {} if part is None else json.loads(part)
    return found


def _text(value: UUID | None) -> str | None:
    return None if value is None else str(value)
