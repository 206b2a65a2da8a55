"""The manifest of a dump: JSON in one writing only, so that whatever is changed in it is something else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Self
from uuid import UUID

import orjson

from mnemolog.adapters.bundle_vectors import MOST_DIMENSIONS, POSITIONS_FILE, VECTORS_FILE
from mnemolog.adapters.signing import Ed25519Verifier
from mnemolog.domain.log import LAST
from mnemolog.domain.refusals import BundleCorrupted, Invalid

FORMAT = "mnemolog-cube/1"
STYLE = orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE
FILE = "manifest.json"
# What other JSON than a manifest makes the code below raise.
IMPOSSIBLE_JSON = (ValueError, TypeError, LookupError, AttributeError, OverflowError, RecursionError)


@dataclass(frozen=True, slots=True)
class Entry:
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Model:
    """What made the vectors; `fingerprint` is in hexadecimal."""

    name: str
    dimensions: int
    fingerprint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """`memories` are those with events in the dump, `readable` those that keys open; `left_out` is how many the one who
    dumped could not take along, None where that may not be told.
    """

    verifier_key: str
    tenant_id: UUID
    cube_id: UUID
    name: str
    config: dict[str, Any]
    position: int
    made_at: datetime
    events: int
    memories: int
    readable: int
    left_out: int | None
    embedder: Model | None
    files: Mapping[str, Entry]

    def encode(self) -> bytes:
        return orjson.dumps({"format": FORMAT} | asdict(self), option=STYLE)

    @classmethod
    def parse(cls, content: bytes) -> Self:
        """Raises BundleCorrupted for all but what `encode` returns."""
        try:
            said = orjson.loads(content)
            if said.pop("format") != FORMAT:
                raise BundleCorrupted(file=FILE, reason=f"the dump is not of the format {FORMAT}")
            manifest = cls(**{name: _TYPED.get(name, _same)(value) for name, value in said.items()})
            if manifest.encode() != content or not manifest._is_plausible():
                raise ValueError
        except IMPOSSIBLE_JSON:
            raise BundleCorrupted(file=FILE, reason="it is not the manifest of a dump") from None
        return manifest

    def verifier(self) -> Ed25519Verifier:
        """Raises BundleCorrupted."""
        try:
            return Ed25519Verifier.parse(self.verifier_key)
        except Invalid as refusal:
            raise BundleCorrupted(file=FILE, reason=str(refusal)) from None

    def _is_plausible(self) -> bool:
        """Of numbers, that they are some; and that there are vectors where there is a model."""
        counts = [self.position, self.events, self.memories, self.readable]
        counts += [] if self.left_out is None else [self.left_out]
        counts += [] if self.embedder is None else [self.embedder.dimensions]
        arrays = {POSITIONS_FILE, VECTORS_FILE} & self.files.keys()
        return (
            all(type(count) is int and 0 <= count <= LAST for count in counts)
            and all(type(text) is str for text in (self.verifier_key, self.name))
            and len(arrays) == (0 if self.embedder is None else 2)
            and (self.embedder is None or 1 <= self.embedder.dimensions <= MOST_DIMENSIONS)
        )


def _same(value: Any) -> Any:
    return value


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


_TYPED: Mapping[str, Any] = {
    "tenant_id": UUID,
    "cube_id": UUID,
    "made_at": _moment,
    "embedder": lambda data: None if data is None else Model(**data),
    "files": lambda data: {name: Entry(**entry) for name, entry in data.items()},
}
