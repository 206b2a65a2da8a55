"""Another key-encryption key for everything that the present one wraps.

What is derived from the root key stays what it was: API keys, tokens, view files and receipts. Processes that run know
the former key only: they answer `key_unavailable` where they meet a rewrapped one, until they are started again.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass

from mnemolog.adapters.key_sources import KeyFile, KeySource
from mnemolog.adapters.keyring import key_check, rewrapped, unwrap_root, wrap_root
from mnemolog.adapters.postgres.application import LogApplication
from mnemolog.adapters.postgres.keys import PostgresKeys
from mnemolog.api.settings import Settings
from mnemolog.api.wiring import KEY_VARIABLE, NEXT_KEY_VARIABLE, database, key_source, next_key_source
from mnemolog.domain.refusals import Conflict, Invalid

ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class Rotated:
    """`key_check` is of the key that the store is opened with from now on; `source` is where it is read from."""

    subject_keys: int
    key_check: str
    source: str


def rotate(settings: Settings) -> Rotated:
    """Raises Invalid when there is no other key to rotate to, KeyUnavailable, StoreUnreachable."""
    source, given = key_source(settings), next_key_source(settings)
    with ExitStack() as closing:
        application = LogApplication(database(settings, closing), *source.keys())
        closing.callback(application.close)
        former = application.key_encryption_key
        source.settled(former)
        new = _next_key(source, given, former)
        count = _rewrap(application.keys, former, new)
        source.settled(new)
    place = "the key file" if given is None else f"{NEXT_KEY_VARIABLE} or its command"
    return Rotated(count, key_check(new), place)


def _next_key(source: KeySource, given: KeySource | None, former: bytes) -> bytes:
    if given is not None:
        new = given.keys()[0]
    elif isinstance(source, KeyFile):
        new = source.make_next()
    else:
        raise Invalid(reason=f"{KEY_VARIABLE} cannot be changed from here: set {NEXT_KEY_VARIABLE} or its command too")
    if key_check(new) == key_check(former):
        raise Invalid(reason="the next key is the one that the store has already")
    return new


def _rewrap(keys: PostgresKeys, former: bytes, new: bytes) -> int:
    """How many subject keys there are. Raises Conflict when others go on adding some."""
    for _ in range(ATTEMPTS):
        subjects = keys.every_subject_key()
        root = wrap_root(new, unwrap_root(former, keys.root(lambda: wrap_root(former, former))))
        if keys.rewrap(key_check(former), key_check(new), root, rewrapped(former, new, subjects)):
            return len(subjects)
    raise Conflict
