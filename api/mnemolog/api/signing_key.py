"""The key that signs checkpoints: a seed of 32 bytes from the environment, or from a file."""

from __future__ import annotations

import base64
import binascii
import secrets

from mnemolog.adapters import secret_files
from mnemolog.adapters.durable_files import make_folder
from mnemolog.adapters.signing import KEY_BYTES
from mnemolog.api.settings import Settings
from mnemolog.domain.refusals import KeyUnavailable, SigningKeyUnavailable

FILE = "signing.key"


def signing_seed(settings: Settings, *, may_make: bool = False) -> bytes | None:
    """None when there is none. Raises SigningKeyUnavailable for one that cannot be used."""
    try:
        seed = _found(settings) or (_made(settings) if may_make else None)
    except KeyUnavailable as refusal:
        raise SigningKeyUnavailable(**refusal.facts) from None
    except OSError as error:
        raise SigningKeyUnavailable(reason=f"its file cannot be used ({type(error).__name__})") from None
    if seed is not None and len(seed) != KEY_BYTES:
        raise SigningKeyUnavailable(reason=f"it must have {KEY_BYTES} bytes and has {len(seed)}")
    return seed


def _found(settings: Settings) -> bytes | None:
    if settings.signing_key is None:
        path = settings.home / FILE
        return secret_files.read(path) if path.exists() else None
    try:
        return base64.b64decode(settings.signing_key, validate=True)
    except (binascii.Error, ValueError):
        raise SigningKeyUnavailable(reason="MNEMOLOG_SIGNING_KEY is not base64") from None


def _made(settings: Settings) -> bytes:
    make_folder(settings.home)
    return secret_files.read_or_make(settings.home / FILE, lambda: secrets.token_bytes(KEY_BYTES))
