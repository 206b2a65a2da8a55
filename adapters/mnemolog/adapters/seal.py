"""Files that only a key opens, and that open only as they were written.

    MAGIC          8 bytes    this layout
    salt          16 bytes    the key of this file is derived from the secret and the salt (HKDF, RFC 5869)
    header size    4 bytes
    chunks         8 bytes    how many there are after the header
    header                    a chunk of its own
    chunks                    of CHUNK bytes, but for the last one of each part

A chunk is sealed with AES-256-GCM, the fixed fields above being the associated data. Its nonce is its number, which
cannot repeat under the key of one file; so a chunk that is changed, missing, moved or from another file does not open.
"""

from __future__ import annotations

import secrets
import struct
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

MAGIC = b"mnemoln1"
FIXED = struct.Struct("<8s16sIQ")
CHUNK = 16 * 2**20
TAG_BYTES = 16


class Seal:
    """Of files of one kind, which opens no files of another kind. `secret` has 32 bytes."""

    def __init__(self, secret: bytes, kind: str) -> None:
        if len(secret) != 32:
            raise ValueError(f"a secret has 32 bytes, not {len(secret)}")
        self._secret, self._kind = secret, kind

    def write(self, file: BinaryIO, header: bytes, parts: Sequence[memoryview] = ()) -> None:
        """`parts` are of bytes; `header` has CHUNK bytes at most."""
        if len(header) > CHUNK:
            raise ValueError("the header is too long")
        salt = secrets.token_bytes(16)
        chunks = [memoryview(header), *(chunk for part in parts for chunk in pieces(part))]
        fixed = FIXED.pack(MAGIC, salt, len(header), len(chunks) - 1)
        cipher = self._cipher(salt)
        file.write(fixed)
        for number, chunk in enumerate(chunks):
            file.write(cipher.encrypt(_nonce(number), chunk, fixed))

    def open(self, file: BinaryIO) -> Unsealed:
        """Raises ValueError when the beginning of the file, or its kind or secret, is not what it was."""
        fixed = file.read(FIXED.size)
        if len(fixed) != FIXED.size:
            raise ValueError("it is cut off")
        magic, salt, size, chunks = FIXED.unpack(fixed)
        if magic != MAGIC or size > CHUNK:
            raise ValueError("it has another layout")
        return Unsealed(file, self._cipher(salt), fixed, size, chunks)

    def _cipher(self, salt: bytes) -> AESGCM:
        info = b"mnemolog/file/" + self._kind.encode()
        return AESGCM(HKDF(algorithm=SHA256(), length=32, salt=salt, info=info).derive(self._secret))


class Unsealed:
    """Nothing that was read is to be used before `end`."""

    def __init__(self, file: BinaryIO, cipher: AESGCM, fixed: bytes, header_size: int, chunks: int) -> None:
        self._file, self._cipher, self._fixed = file, cipher, fixed
        self._number, self._chunks = 0, chunks
        self.header = self._next(header_size)

    def fill(self, part: memoryview) -> None:
        """With the next part, of as many bytes as were written. Raises ValueError when it is not what was written."""
        for piece in pieces(part):
            piece[:] = self._next(len(piece))

    def end(self) -> None:
        """Raises ValueError when there is more, or less, than was read."""
        if self._number != self._chunks + 1 or self._file.read(1):
            raise ValueError("it has another length")

    def _next(self, size: int) -> bytes:
        try:
            opened = self._cipher.decrypt(_nonce(self._number), self._file.read(size + TAG_BYTES), self._fixed)
        except InvalidTag:
            raise ValueError("it was changed, or sealed with another key") from None
        if len(opened) != size:
            raise ValueError("it has another length")
        self._number += 1
        return opened


def pieces(part: memoryview) -> Iterator[memoryview]:
    return (part[start : start + CHUNK] for start in range(0, len(part), CHUNK))


def _nonce(number: int) -> bytes:
    return number.to_bytes(12, "big")
