"""What is answered of dumps: what is in one, and what became of one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from uuid import UUID

from mnemolog.adapters.bundle_files import Bundle
from mnemolog.adapters.bundle_manifest import Manifest
from mnemolog.domain.log import Appended


@dataclass(frozen=True, slots=True, kw_only=True)
class Dumped:
    """`readable` of the `memories` have a key in it. `left_out` is how many the caller may not export, or have expired;
    None for whoever is no administrator. `manifest_sha256` stands for all of it.
    """

    folder: str
    cube_id: UUID
    name: str
    position: int
    events: int
    memories: int
    readable: int
    left_out: int | None
    manifest_sha256: str
    verifier_key: str

    @classmethod
    def of(cls, folder: Path, manifest: Manifest, sha256: bytes) -> Self:
        return cls(
            folder=str(folder),
            cube_id=manifest.cube_id,
            name=manifest.name,
            position=manifest.position,
            events=manifest.events,
            memories=manifest.memories,
            readable=manifest.readable,
            left_out=manifest.left_out,
            manifest_sha256=sha256.hex(),
            verifier_key=manifest.verifier_key,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """A dump that is as it was written by whoever has the key `verifier_key`."""

    cube_id: UUID
    name: str
    position: int
    bound: int
    events: int
    memories: int
    readable: int
    manifest_sha256: str
    verifier_key: str

    @classmethod
    def of(cls, bundle: Bundle) -> Self:
        manifest = bundle.manifest
        return cls(
            cube_id=manifest.cube_id,
            name=manifest.name,
            position=manifest.position,
            bound=bundle.checkpoint.size,
            events=manifest.events,
            memories=manifest.memories,
            readable=manifest.readable,
            manifest_sha256=bundle.sha256.hex(),
            verifier_key=manifest.verifier_key,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """`left_out` counts what does not make sense here, by what it is; `origin` is the log that the dump is of."""

    cube_id: UUID
    name: str
    memory_ids: Sequence[UUID]
    events: int
    left_out: Mapping[str, int]
    quarantined: bool
    origin: str
    manifest_sha256: str
    position: int
    replayed: bool

    @classmethod
    def of(cls, appended: Appended, founded: Mapping[str, Any], cube_id: UUID, memory_ids: Sequence[UUID]) -> Self:
        """`founded` is what the event says that founded the cube."""
        said = founded["loaded_from"]
        return cls(
            cube_id=cube_id,
            name=founded["name"],
            memory_ids=tuple(memory_ids),
            events=appended.last - appended.first + 1,
            left_out=founded["left_out"],
            quarantined=said["quarantined"],
            origin=said["origin"],
            manifest_sha256=said["manifest_sha256"],
            position=appended.last,
            replayed=appended.replayed,
        )
