"""Signed notes, and the checkpoints of a log that are written as such: https://c2sp.org/signed-note, tlog-checkpoint.

    <origin>                                     the name of the log
    <size>
    base64(<root>)
    <extension>                                  a checkpoint rarely has one

    — <key name> base64(key id || signature)     as many as there are signers

There is one writing of a note, and no other is accepted: what was read is written again as the same bytes.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from mnemolog.domain.merkle import EMPTY_ROOT, HASH_BYTES
from mnemolog.domain.refusals import MalformedNote, SignatureRejected

KEY_ID_BYTES = 4
MAX_SIGNATURES = 100
MAX_SIZE = 2**63 - 1  # positions are signed 64-bit integers
_MARK = "— "
_CONTROLS = re.compile("[\x00-\x1f\ud800-\udfff]")  # and what UTF-8 cannot hold
_CONTROLS_BUT_NEWLINE = re.compile("[\x00-\x09\x0b-\x1f\ud800-\udfff]")


class Key(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def key_id(self) -> bytes: ...


class Signer(Key, Protocol):
    def sign(self, text: bytes) -> bytes: ...


class Verifier(Key, Protocol):
    def verifies(self, signature: bytes, text: bytes) -> bool: ...


def key_id(name: str, kind: int, public_key: bytes) -> bytes:
    """4 bytes that tell keys of one name apart; `kind` is the signature type, 1 for Ed25519."""
    return hashlib.sha256(name.encode() + b"\n" + bytes([kind]) + public_key).digest()[:KEY_ID_BYTES]


def is_key_name(name: str) -> bool:
    return bool(name) and "+" not in name and not _CONTROLS.search(name) and not any(map(str.isspace, name))


@dataclass(frozen=True, slots=True)
class Signature:
    name: str
    key_id: bytes
    value: bytes

    def __post_init__(self) -> None:
        if not is_key_name(self.name):
            raise MalformedNote(reason=f"{self.name!r} is not the name of a key")
        if len(self.key_id) != KEY_ID_BYTES or not self.value:
            raise MalformedNote(reason=f"the signature of {self.name!r} is not a key id and a value")

    @property
    def line(self) -> str:
        return f"{_MARK}{self.name} {to_base64(self.key_id + self.value)}\n"

    def is_by(self, key: Key) -> bool:
        return (self.name, self.key_id) == (key.name, key.key_id)


@dataclass(frozen=True, slots=True)
class Note:
    """A text and who claims to have signed it. Believe the text only of a note that `open_note` returned."""

    text: str
    signatures: tuple[Signature, ...] = ()

    def __post_init__(self) -> None:
        if not self.text.endswith("\n"):
            raise MalformedNote(reason="its text does not end with a newline")
        if _CONTROLS_BUT_NEWLINE.search(self.text):
            raise MalformedNote(reason="its text holds a control character")
        if len(self.signatures) > MAX_SIGNATURES:
            raise MalformedNote(reason=f"it has more than {MAX_SIGNATURES} signatures")

    def signed_by(self, signer: Signer) -> Note:
        """With this signature as the last one, in place of an older one by the same key."""
        others = tuple(signature for signature in self.signatures if not signature.is_by(signer))
        added = Signature(signer.name, signer.key_id, signer.sign(self.text.encode()))
        return replace(self, signatures=(*others, added))

    def encode(self) -> bytes:
        if not self.signatures:
            raise MalformedNote(reason="nobody has signed it")
        return f"{self.text}\n{''.join(signature.line for signature in self.signatures)}".encode()


def parse_note(message: bytes) -> Note:
    """What the note says, with none of its signatures verified. Raises MalformedNote."""
    try:
        whole = message.decode()
    except UnicodeDecodeError:
        raise MalformedNote(reason="it is not UTF-8") from None
    text, blank_line, signed = whole.rpartition("\n\n")
    if not blank_line or not signed.endswith("\n"):
        raise MalformedNote(reason="it does not end with an empty line and signatures")
    lines = signed.split("\n", MAX_SIGNATURES + 1)[:-1]
    return Note(text + "\n", tuple(_parse_signature(line) for line in lines))


def open_note(message: bytes, verifiers: Sequence[Verifier]) -> Note:
    """The note with those of its signatures that `verifiers` confirm; those of unknown keys are passed over.

    Raises MalformedNote, and SignatureRejected when a known key did not make the signature that bears its name and id,
    or when no known key has signed.
    """
    note = parse_note(message)
    text = note.text.encode()
    confirmed: dict[Signature, None] = {}
    for signature in note.signatures:
        for verifier in filter(signature.is_by, verifiers):
            if not verifier.verifies(signature.value, text):
                raise SignatureRejected(reason=f"{signature.name!r} did not sign this text")
            confirmed[signature] = None
    if not confirmed:
        raise SignatureRejected(reason="no known key has signed it")
    return replace(note, signatures=tuple(confirmed))


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The log `origin` had `size` leaves, and `root` binds them."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if any(not line or _CONTROLS.search(line) for line in (self.origin, *self.extensions)):
            raise MalformedNote(reason="a line of the checkpoint is empty or holds a control character")
        if not 0 <= self.size <= MAX_SIZE:
            raise MalformedNote(reason=f"a log cannot have {self.size} leaves")
        if len(self.root) != HASH_BYTES or (self.size == 0 and self.root != EMPTY_ROOT):
            raise MalformedNote(reason=f"this is not the root of {self.size} leaves")

    @property
    def text(self) -> str:
        return "".join(f"{line}\n" for line in (self.origin, self.size, to_base64(self.root), *self.extensions))


def parse_checkpoint(text: str) -> Checkpoint:
    """Raises MalformedNote."""
    lines = text.split("\n")
    if len(lines) < 4:
        raise MalformedNote(reason="a checkpoint has at least three lines")
    origin, size, root, *extensions = lines[:-1]
    try:
        checkpoint = Checkpoint(origin, int(size), from_base64(root), tuple(extensions))
    except ValueError:
        raise MalformedNote(reason="the second line of a checkpoint must be a size") from None
    if checkpoint.text != text:  # such as a size with leading zeros
        raise MalformedNote(reason="a checkpoint is not written like this")
    return checkpoint


def open_checkpoint(message: bytes, origin: str, log: Verifier) -> Checkpoint:
    """The checkpoint that the log `origin` signed with this key. Raises MalformedNote and SignatureRejected."""
    checkpoint = parse_checkpoint(open_note(message, [log]).text)
    if checkpoint.origin != origin:
        raise SignatureRejected(reason=f"it is about the log {checkpoint.origin!r} and not {origin!r}")
    return checkpoint


def to_base64(value: bytes) -> str:
    return base64.b64encode(value).decode()


def from_base64(text: str) -> bytes:
    """Raises MalformedNote for all but what `to_base64` returns."""
    try:
        value = base64.b64decode(text)
    except ValueError:
        raise MalformedNote(reason="it holds something else where base64 must be") from None
    if to_base64(value) != text:
        raise MalformedNote(reason="it holds base64 in another writing")
    return value


def _parse_signature(line: str) -> Signature:
    if not line.startswith(_MARK):
        raise MalformedNote(reason="a line after the last empty one is not a signature")
    name, _, encoded = line.removeprefix(_MARK).partition(" ")
    decoded = from_base64(encoded)
    return Signature(name, decoded[:KEY_ID_BYTES], decoded[KEY_ID_BYTES:])
