"""What is told of the evidence: checkpoints, and proofs against them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from mnemolog.adapters.postgres.connection import Row
from mnemolog.domain.note import parse_checkpoint, parse_note


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedCheckpoint:
    """`note` is what was signed; it says that the log had `size` events, and that `root` binds them."""

    size: int
    root: bytes
    signed_at: datetime
    note: str

    @classmethod
    def of(cls, row: Row) -> SignedCheckpoint:
        """Raises MalformedNote."""
        size, note, signed_at = row
        root = parse_checkpoint(parse_note(note.encode()).text).root
        return cls(size=size, root=root, signed_at=signed_at, note=note)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointPage:
    """`verifier_key` is that of this process, None where it has no signing key; `origin` is the name of the log."""

    origin: str | None
    verifier_key: str | None
    newest: SignedCheckpoint | None
    items: list[SignedCheckpoint]
    next: str | None
    position: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Inclusion:
    """That `leaf`, of the event at `position`, is in the tree of `size` leaves (RFC 9162, 2.1.3).

    Its index there is `position` - 1.
    """

    position: int
    size: int
    leaf: bytes
    root: bytes
    proof: list[bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Consistency:
    """That the tree of `second` leaves begins with all of the tree of `first` (RFC 9162, 2.1.4)."""

    first: int
    second: int
    first_root: bytes
    second_root: bytes
    proof: list[bytes]
