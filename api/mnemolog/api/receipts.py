"""Receipts of erasures: one line of canonical JSON in a signed note, which anybody can check without the store."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from mnemolog.adapters.keyring import Keyring
from mnemolog.adapters.postgres.erasures import ErasureRow
from mnemolog.adapters.signing import Ed25519Signer, Ed25519Verifier
from mnemolog.domain.erasure import statement
from mnemolog.domain.note import Note, open_note

NAME = "mnemolog-erasure"
PURPOSE = b"erasure-receipt"


def signer(keyring: Keyring) -> Ed25519Signer:
    """The same for as long as the store exists, whatever key wraps the others."""
    return Ed25519Signer(NAME, keyring.derived(PURPOSE))


def receipt(
    keyring: Keyring, row: ErasureRow, streams: Sequence[UUID], views: Mapping[str, int], forgotten: Sequence[str]
) -> str:
    """`streams` are those whose keys were destroyed; `views` and `forgotten` are what has forgotten, the views by the
    position they had reached.
    """
    facts = {
        "erasure_id": str(row.erasure_id),
        "tenant_id": str(row.tenant_id),
        "kind": row.kind.value,
        "target_id": str(row.target_id),
        "basis": row.basis,
        "requested_by": None if row.requested_by is None else str(row.requested_by),
        "begun_at": row.begun_at.isoformat(),
        "begun_position": row.position,
        "views": dict(views),
        "forgotten": list(forgotten),
    }
    text = json.dumps(statement(facts, streams, digest(streams)), sort_keys=True, separators=(",", ":")) + "\n"
    return Note(text).signed_by(signer(keyring)).encode().decode()


def digest(streams: Sequence[UUID]) -> str:
    """sha256 (hex) over the bytes of the ids in ascending order."""
    return hashlib.sha256(b"".join(stream.bytes for stream in sorted(streams))).hexdigest()


def read_receipt(text: str, verifier_key: str) -> dict[str, Any]:
    """What a receipt says. Raises MalformedNote, SignatureRejected for one of another key, and Invalid for no key."""
    said: dict[str, Any] = json.loads(open_note(text.encode(), [Ed25519Verifier.parse(verifier_key)]).text)
    return said
