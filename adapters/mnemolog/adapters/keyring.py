"""Keys for personal content, so that destroying one key erases what it sealed, everywhere, for ever.

    key-encryption key   from a file, the environment or a command; never in the database
      wraps the root key   from which tokens, digests, files and signatures are derived: it stays when the other changes
      wraps subject keys   one for each data subject, in a table outside the log
        wrap content keys    one for each stream, in a table outside the log; under several subjects, in turn
          seal events          AES-256-GCM, bound to the event that holds them

Opening caches nothing but computation: an entry is found by the wrapped key that the database holds now, so a destroyed
key opens nothing in any process. Sealing remembers the ciphers of subjects; what a destroyed one seals is unreadable,
and an append that would need it is refused by its condition.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Protocol
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from mnemolog.adapters.postgres.envelope import ContentKey
from mnemolog.domain.refusals import Invalid, KeyUnavailable, VerificationFailed

NONCE_BYTES = 12
ROOT = b"root"


class KeyTables(Protocol):
    """Where wrapped keys are kept."""

    def content_keys(self, key_ids: Sequence[UUID]) -> Mapping[UUID, ContentKey]:
        """What there is; a key that was destroyed is missing."""
        ...

    def subject_keys(self, subject_ids: Sequence[UUID]) -> Mapping[UUID, bytes]:
        """What there is; a key that was destroyed is missing."""
        ...

    def add_subject_key(self, tenant_id: UUID, subject_id: UUID, wrapped: bytes) -> bytes:
        """The subject's wrapped key: this one, or the one that another process added first.

        Raises SubjectErased when it was destroyed.
        """
        ...


class Keyring:
    def __init__(self, key_encryption_key: bytes, tables: KeyTables, root: bytes | None = None) -> None:
        """Without a `root` the key itself is one, as it was for stores that are older than roots."""
        self._wrapping = wrapping(key_encryption_key)
        self._root = key_encryption_key if root is None else root
        self.tables = tables
        self._token_key, self._pepper = self.derived(b"token"), self.derived(b"pepper")
        self._sealing: dict[UUID, AESGCM] = {}
        self._subject_cipher = lru_cache(maxsize=4096)(self._unwrap_subject)
        self._content_cipher = lru_cache(maxsize=4096)(self._unwrap_content)

    def new_content_key(
        self, tenant_id: UUID, key_id: UUID, subject_ids: tuple[UUID, ...]
    ) -> tuple[ContentKey, AESGCM]:
        """A fresh key for one stream, readable only while the key of every one of its subjects exists."""
        if not subject_ids:  # or the key itself would be stored
            raise Invalid(reason="personal content needs a data subject, under whose key it is sealed")
        secret = wrapped = secrets.token_bytes(32)
        for subject_id in subject_ids:
            cipher = self._sealing.get(subject_id) or self._sealing_cipher(tenant_id, subject_id)
            wrapped = _encrypt(cipher, wrapped, key_id.bytes + subject_id.bytes)
        return ContentKey(key_id, subject_ids, wrapped), AESGCM(secret)

    def lost_key(self, key_id: UUID, subject_ids: tuple[UUID, ...]) -> tuple[ContentKey, AESGCM]:
        """For facts that must be recorded although a subject was erased: nobody ever opens what this seals."""
        return ContentKey(key_id, subject_ids, secrets.token_bytes(32)), AESGCM(secrets.token_bytes(32))

    def cipher(self, key: ContentKey, wrapped_subjects: Mapping[UUID, bytes] | None = None) -> AESGCM | None:
        """What opens and seals under `key`; None when the key of one of its subjects has been destroyed."""
        known = self.tables.subject_keys(key.subject_ids) if wrapped_subjects is None else wrapped_subjects
        if any(subject not in known for subject in key.subject_ids):
            return None
        return self._content_cipher(key, tuple(known[subject] for subject in key.subject_ids))

    def revealed(self, key_ids: Sequence[UUID]) -> dict[UUID, bytes]:
        """The bytes of content keys, for who may take away what they open. Those that were destroyed are missing."""
        keys = self.tables.content_keys(key_ids)
        known = self.tables.subject_keys(sorted({subject for key in keys.values() for subject in key.subject_ids}))
        return {
            key_id: self._unwrapped(key, tuple(known[subject] for subject in key.subject_ids))
            for key_id, key in keys.items()
            if all(subject in known for subject in key.subject_ids)
        }

    def content_key(self, key_id: UUID) -> ContentKey | None:
        return self.tables.content_keys([key_id]).get(key_id)

    def token(self, text: str) -> bytes:
        """16 bytes that stand for `text` where it may not be stored: equal for equal texts, useless without the key."""
        return hmac.digest(self._token_key, text.encode(), "sha256")[:16]

    def digest_secret(self, secret: str) -> bytes:
        """HMAC-SHA256 of an API key's secret under the store's pepper."""
        return hmac.digest(self._pepper, secret.encode(), "sha256")

    def derived(self, purpose: bytes) -> bytes:
        """32 bytes for one purpose only, the same for as long as the store exists."""
        return derive(self._root, purpose)

    def forget(self, subject_id: UUID) -> None:
        """Do not seal under a key that was destroyed, nor keep in memory what it opened."""
        self._sealing.pop(subject_id, None)
        self._content_cipher.cache_clear()
        self._subject_cipher.cache_clear()

    def _sealing_cipher(self, tenant_id: UUID, subject_id: UUID) -> AESGCM:
        known = self.tables.subject_keys([subject_id])
        cipher = self._subject_cipher(subject_id, known.get(subject_id) or self._add(tenant_id, subject_id))
        self._sealing[subject_id] = cipher
        return cipher

    def _add(self, tenant_id: UUID, subject_id: UUID) -> bytes:
        wrapped = _encrypt(self._wrapping, secrets.token_bytes(32), subject_id.bytes)
        return self.tables.add_subject_key(tenant_id, subject_id, wrapped)

    def _unwrap_subject(self, subject_id: UUID, wrapped: bytes) -> AESGCM:
        return AESGCM(_opened(self._wrapping, wrapped, subject_id.bytes))

    def _unwrap_content(self, key: ContentKey, wrapped_subjects: tuple[bytes, ...]) -> AESGCM:
        return AESGCM(self._unwrapped(key, wrapped_subjects))

    def _unwrapped(self, key: ContentKey, wrapped_subjects: tuple[bytes, ...]) -> bytes:
        unwrapped = key.wrapped
        for subject_id, wrapped in reversed(tuple(zip(key.subject_ids, wrapped_subjects, strict=True))):
            cipher = self._subject_cipher(subject_id, wrapped)
            try:
                unwrapped = _decrypt(cipher, unwrapped, key.key_id.bytes + subject_id.bytes)
            except InvalidTag:
                reason = f"the key of stream {key.key_id} is not the one that was made for it"
                raise VerificationFailed(position=None, reason=reason) from None
        return unwrapped


def wrapping(key_encryption_key: bytes) -> AESGCM:
    """What wraps subject keys and the root key. Raises KeyUnavailable for a key of another length."""
    if len(key_encryption_key) != 32:
        raise KeyUnavailable(reason=f"it must have 32 bytes and has {len(key_encryption_key)}")
    return AESGCM(derive(key_encryption_key, b"wrap"))


def wrap_root(key_encryption_key: bytes, root: bytes) -> bytes:
    return _encrypt(wrapping(key_encryption_key), root, ROOT)


def unwrap_root(key_encryption_key: bytes, wrapped: bytes) -> bytes:
    return _opened(wrapping(key_encryption_key), wrapped, ROOT)


def rewrapped(former: bytes, new: bytes, subjects: Mapping[UUID, bytes]) -> dict[UUID, bytes]:
    """Subject keys under another key-encryption key. Raises KeyUnavailable when `former` is not theirs."""
    before, after = wrapping(former), wrapping(new)
    return {
        subject_id: _encrypt(after, _opened(before, wrapped, subject_id.bytes), subject_id.bytes)
        for subject_id, wrapped in subjects.items()
    }


def seal(cipher: AESGCM, plaintext: bytes, associated: bytes) -> bytes:
    return _encrypt(cipher, plaintext, associated)


def open_sealed(cipher: AESGCM, sealed: bytes, associated: bytes, position: int | None) -> bytes:
    """Raises VerificationFailed when the bytes were changed or belong to another event."""
    try:
        return _decrypt(cipher, sealed, associated)
    except InvalidTag:
        raise VerificationFailed(position=position, reason="the sealed part does not belong to this event") from None


def derive(key: bytes, purpose: bytes) -> bytes:
    """A key for one purpose only (HKDF, RFC 5869)."""
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=b"mnemolog/1/" + purpose).derive(key)


def key_check(key_encryption_key: bytes) -> str:
    """A short name for the key that says nothing about it. Raises KeyUnavailable for one of another length."""
    wrapping(key_encryption_key)
    return hashlib.sha256(derive(key_encryption_key, b"check")).hexdigest()[:16]


def _encrypt(cipher: AESGCM, plaintext: bytes, associated: bytes) -> bytes:
    nonce = os.urandom(NONCE_BYTES)
    return nonce + cipher.encrypt(nonce, plaintext, associated)


def _opened(wrapping: AESGCM, wrapped: bytes, associated: bytes) -> bytes:
    try:
        return _decrypt(wrapping, wrapped, associated)
    except InvalidTag:
        raise KeyUnavailable(reason="it does not open the keys of this store") from None


def _decrypt(cipher: AESGCM, sealed: bytes, associated: bytes) -> bytes:
    return cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], associated)
