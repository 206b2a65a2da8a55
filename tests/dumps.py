"""Dumps of cubes without a store, as a store writes them and as somebody forges them who has its signing key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast
from uuid import UUID

from mnemolog.adapters.bundle_events import EVENTS_FILE, KEYS_FILE, bundled_line, key_lines
from mnemolog.adapters.bundle_files import CHECKPOINT_FILE, Draft, drafting
from mnemolog.adapters.bundle_manifest import Manifest, Model
from mnemolog.adapters.bundle_vectors import POSITIONS_FILE, VECTORS_FILE, positions_file, vectors_file
from mnemolog.adapters.embedders.hashing import HashingEmbedder
from mnemolog.adapters.keyring import Keyring
from mnemolog.adapters.postgres.connection import Row
from mnemolog.adapters.postgres.envelope import ContentKey, LogEvent
from mnemolog.adapters.postgres.mapper import LogMapper, OrjsonTranscoder
from mnemolog.adapters.postgres.verify import leaf_of
from mnemolog.adapters.signing import Ed25519Signer
from mnemolog.domain.checkpoints import checkpoint_of, origin_of
from mnemolog.domain.cube import Cube
from mnemolog.domain.identity import new_id
from mnemolog.domain.memory import Memory
from mnemolog.domain.merkle import Frontier, HashLevels, Subtree, prove_inclusion
from mnemolog.domain.note import Note
from tests.factories import KEY_ENCRYPTION_KEY, NOW, House

SEED, OTHER_SEED = bytes(range(64, 96)), bytes(range(96, 128))
EMBEDDER = HashingEmbedder(dimensions=8)


@dataclass
class KeyTables:
    """Implements `KeyTables` of the keyring."""

    content: dict[UUID, ContentKey] = field(default_factory=dict)
    subjects: dict[UUID, bytes] = field(default_factory=dict)

    def content_keys(self, key_ids: Sequence[UUID]) -> Mapping[UUID, ContentKey]:
        return {key_id: self.content[key_id] for key_id in key_ids if key_id in self.content}

    def subject_keys(self, subject_ids: Sequence[UUID]) -> Mapping[UUID, bytes]:
        return {each: self.subjects[each] for each in subject_ids if each in self.subjects}

    def add_subject_key(self, tenant_id: UUID, subject_id: UUID, wrapped: bytes) -> bytes:
        return self.subjects.setdefault(subject_id, wrapped)


@dataclass(frozen=True)
class Told:
    """A cube and two memories, in a log with others' events between them."""

    cube: Cube
    rows: tuple[Row, ...]
    keys: Mapping[UUID, bytes]
    texts: tuple[tuple[int, str], ...]
    levels: HashLevels

    @property
    def origin(self) -> str:
        return origin_of(self.levels.read([_FIRST])[0])


def story() -> Told:
    house = House()
    cube = house.cube()
    house.cube_id = cube.id
    one, other = house.activated("Tea is in the blue tin."), house.activated("The train leaves at nine.")
    one.revise(NOW, text="Tea is in the red tin.")
    events = [event for each in (cube, one, other) for event in each.collect_events()]
    mapper = LogMapper(transcoder=OrjsonTranscoder())
    mapper.keyring = Keyring(KEY_ENCRYPTION_KEY, KeyTables())
    stored = mapper.to_stored_events(events)
    tables = cast(KeyTables, mapper.keyring.tables)
    tables.content |= {e.row.content_key.key_id: e.row.content_key for e in stored if e.row.content_key}
    levels, rows = HashLevels([_foreign(0)]), []
    for event in stored:
        row = row_of(levels.size + 1, event)
        levels.append(row[16])
        levels.append(_foreign(levels.size))
        rows.append(row)
    texts = [(row[0], event.text) for row, event in zip(rows, events, strict=True) if isinstance(event, _WORDED)]
    return Told(cube, tuple(rows), mapper.keyring.revealed([one.id, other.id]), tuple(texts), levels)


def row_of(position: int, event: LogEvent) -> Row:
    """As the query `hashes_of_cube` has it."""
    facts, payload = event.row, event.state.decode()
    ids = (facts.tenant_id, facts.cube_id, facts.memory_id, new_id(), None, None)
    row: Row = (position, event.originator_id, event.originator_version, event.topic, facts.schema_version, *ids)
    row += (facts.occurred_at, None, payload, facts.sealed, facts.key_id, b"", None)
    return (*row[:16], leaf_of(row), None)


def write(
    told: Told,
    folder: Path,
    *,
    seed: bytes = SEED,
    rows: Sequence[Row] | None = None,
    proofs: Mapping[int, list[bytes]] | None = None,
    keys: Mapping[UUID, bytes] | None = None,
    facts: Mapping[str, Any] | None = None,
    files: Mapping[str, bytes] | None = None,
) -> Ed25519Signer:
    """A dump that is signed and says what it is told to: everything that is not given is as a store writes it."""
    signer = Ed25519Signer(told.origin, seed)
    chosen, opening = told.rows if rows is None else rows, told.keys if keys is None else keys
    proven = {row[0]: proof(told, row[0]) for row in chosen} | dict(proofs or {})
    vectors = EMBEDDER.embed([text for _, text in told.texts])
    content = {
        CHECKPOINT_FILE: checkpoint(told, signer),
        EVENTS_FILE: b"".join(bundled_line(row, proven[row[0]]) for row in chosen),
        KEYS_FILE: b"".join(key_lines(opening)),
        POSITIONS_FILE: positions_file([position for position, _ in told.texts]),
        VECTORS_FILE: vectors_file(vectors),
        **(files or {}),
    }
    with drafting(folder, lambda draft: None) as draft:
        for name, value in content.items():
            draft.write(name, [value])
        draft.sign(replace(manifest(told, signer, draft), **(facts or {})), signer)
    return signer


def manifest(told: Told, signer: Ed25519Signer, draft: Draft) -> Manifest:
    return Manifest(
        verifier_key=signer.verifier.verifier_key,
        tenant_id=told.cube.tenant_id,
        cube_id=told.cube.id,
        name=told.cube.name,
        config=told.cube.config.to_json(),
        position=told.levels.size,
        made_at=NOW,
        events=len(told.rows),
        memories=2,
        readable=2,
        left_out=0,
        embedder=Model(EMBEDDER.name, EMBEDDER.dimensions, EMBEDDER.fingerprint.hex()),
        files=draft.files,
    )


def checkpoint(told: Told, signer: Ed25519Signer, size: int | None = None) -> bytes:
    frontier = Frontier.resumed(told.levels, told.levels.size if size is None else size)
    return Note(checkpoint_of(signer.name, frontier, b"\x07" * 32).text).signed_by(signer).encode()


def proof(told: Told, position: int) -> list[bytes]:
    """Of what is there, or for a position where nothing is, of the first event."""
    size = told.levels.size
    return prove_inclusion(told.levels, position - 1 if 1 <= position <= size else 0, size)


def every_file(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _foreign(number: int) -> bytes:
    return bytes([number]) * 32


_FIRST = Subtree(0, 0)
_WORDED = (Memory.Generated, Memory.Revised)
