"""Page cursors that only this store can make, and that fit only the question they were made for."""

from __future__ import annotations

import base64
import binascii
import hmac
from struct import Struct

from mnemolog.adapters.keyring import Keyring
from mnemolog.domain.refusals import InvalidCursor, InvalidMetadata

_PLACE = Struct(">q")
MAX_PAGE = 500


def make_cursor(keyring: Keyring, question: str, after: int) -> str:
    place = _PLACE.pack(after)
    return base64.urlsafe_b64encode(place + _tag(keyring, question, place)).decode().rstrip("=")


def read_cursor(keyring: Keyring, question: str, cursor: str | None) -> int:
    """Where the page starts. Raises InvalidCursor."""
    if cursor is None:
        return 0
    try:
        raw = base64.b64decode(cursor.encode() + b"=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise InvalidCursor from None
    place, tag = raw[: _PLACE.size], raw[_PLACE.size :]
    if len(place) != _PLACE.size or not hmac.compare_digest(tag, _tag(keyring, question, place)):
        raise InvalidCursor
    after: int = _PLACE.unpack(place)[0]
    return after


def check_limit(limit: int) -> int:
    if not 1 <= limit <= MAX_PAGE:
        raise InvalidMetadata(field="limit", reason=f"it must be between 1 and {MAX_PAGE}")
    return limit


def _tag(keyring: Keyring, question: str, place: bytes) -> bytes:
    return keyring.token(f"cursor:{question}:{place.hex()}")
