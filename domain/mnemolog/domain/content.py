"""What may be stored as text: anything that survives a round trip through UTF-8, JSON and Postgres unchanged."""

from __future__ import annotations

from mnemolog.domain.refusals import InvalidText

MAX_TEXT_BYTES = 64 * 1024
MAX_LABEL_BYTES = 512


def check_text(field: str, text: str, limit: int = MAX_TEXT_BYTES) -> str:
    """`text` itself. Raises InvalidText for NUL, lone surrogates, blank text and more than `limit` bytes of UTF-8."""
    if not text.strip():
        raise InvalidText(field=field, reason="it is empty")
    if "\x00" in text:
        raise InvalidText(field=field, reason="it contains a NUL character")
    try:
        size = len(text.encode())
    except UnicodeEncodeError as error:
        reason = f"it contains a lone surrogate at character {error.start}"
        raise InvalidText(field=field, reason=reason) from None
    if size > limit:
        raise InvalidText(field=field, reason=f"it has {size} bytes, and at most {limit} are accepted")
    return text


def check_label(field: str, text: str) -> str:
    return check_text(field, text, MAX_LABEL_BYTES)
