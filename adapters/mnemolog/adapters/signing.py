"""Ed25519 keys for signed notes (https://c2sp.org/signed-note).

A verifier key is given to others as `<key name>+<key id in hex>+base64(0x01 || public key)`.
"""

from __future__ import annotations

from contextlib import suppress

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from mnemolog.domain.note import from_base64, is_key_name, key_id, to_base64
from mnemolog.domain.refusals import Invalid, MalformedNote

KEY_BYTES = 32
_KIND = 0x01


class Ed25519Verifier:
    def __init__(self, name: str, public_key: bytes) -> None:
        _check(name, public_key)
        self.name = name
        self.key_id = key_id(name, _KIND, public_key)
        self.public_key = public_key
        self._key = Ed25519PublicKey.from_public_bytes(public_key)

    @classmethod
    def parse(cls, verifier_key: str) -> Ed25519Verifier:
        """Raises Invalid unless `verifier_key` is one, character by character."""
        name, *rest = verifier_key.split("+", 2)  # base64 may hold a plus too
        with suppress(MalformedNote):
            verifier = cls(name, from_base64("".join(rest[1:]))[1:])
            if verifier.verifier_key == verifier_key:
                return verifier
        raise Invalid(reason="this is not an Ed25519 verifier key, or not all of it")

    def verifies(self, signature: bytes, text: bytes) -> bool:
        try:
            self._key.verify(signature, text)
        except InvalidSignature:
            return False
        return True

    @property
    def verifier_key(self) -> str:
        return f"{self.name}+{self.key_id.hex()}+{to_base64(bytes([_KIND]) + self.public_key)}"


class Ed25519Signer:
    """Signs with the private key that RFC 8032 makes from a secret seed of 32 bytes."""

    def __init__(self, name: str, seed: bytes) -> None:
        _check(name, seed)
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.verifier = Ed25519Verifier(name, self._key.public_key().public_bytes_raw())
        self.name = name
        self.key_id = self.verifier.key_id

    def sign(self, text: bytes) -> bytes:
        return self._key.sign(text)


def _check(name: str, key: bytes) -> None:
    if not is_key_name(name):
        raise Invalid(reason="the name of a key is not empty and has no spaces, no plus and no control characters")
    if len(key) != KEY_BYTES:
        raise Invalid(reason=f"an Ed25519 key must have {KEY_BYTES} bytes and has {len(key)}")
