from __future__ import annotations

import hmac
import re
from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from mnemolog.domain.merkle import EMPTY_ROOT, leaf_hash
from mnemolog.domain.note import (
    MAX_SIGNATURES,
    MAX_SIZE,
    Checkpoint,
    Note,
    Signature,
    from_base64,
    is_key_name,
    key_id,
    open_checkpoint,
    open_note,
    parse_checkpoint,
    parse_note,
)
from mnemolog.domain.refusals import MalformedNote, SignatureRejected, VerificationFailed

# The example of the specification.
CHECKPOINT = """\
example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=
"""
SIGNATURE = (
    "— example.com/behind-the-sofa "
    "Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"
)
ROOT = bytes.fromhex("0ac5186a91863e8e1d90c808014aa89bf5da8e3ee1d9f07630f0378f68f1ab62")


class SharedKey:
    """HMAC-SHA256: who can verify can sign, which is enough to tell notes apart and quick enough to try them all."""

    def __init__(self, name: str, secret: bytes) -> None:
        self.name, self._secret = name, secret
        self.key_id = key_id(name, 0xFF, secret)

    def sign(self, text: bytes) -> bytes:
        return hmac.digest(self._secret, text, "sha256")

    def verifies(self, signature: bytes, text: bytes) -> bool:
        return hmac.compare_digest(signature, self.sign(text))


LOG, WITNESS, STRANGER = (SharedKey(name, name.encode()) for name in ("log.example", "witness.example", "stranger"))
TEXT = "tea\n\nat five\n"
SIGNED = Note(TEXT).signed_by(LOG)


def lines_of(note: Note) -> list[str]:
    return note.encode().decode().removeprefix(note.text + "\n").splitlines(keepends=True)


# -- notes


def test_the_note_of_the_specification_is_read() -> None:
    message = f"{CHECKPOINT}\n{SIGNATURE}".encode()
    note = parse_note(message)
    (signature,) = note.signatures
    assert note.text == CHECKPOINT
    assert (signature.name, signature.key_id.hex()) == ("example.com/behind-the-sofa", "033de0ae")
    assert len(signature.value) == 64
    assert note.encode() == message


def test_the_last_empty_line_ends_the_text() -> None:
    text = "\n\ntea\n\n— at five\n\n\n"
    assert open_note(Note(text).signed_by(LOG).encode(), [LOG]).text == text


def test_a_signed_note_is_opened_by_who_knows_the_key() -> None:
    assert open_note(SIGNED.encode(), [LOG]) == SIGNED


def test_signatures_of_unknown_keys_are_passed_over() -> None:
    both = SIGNED.signed_by(WITNESS)
    assert open_note(both.encode(), [LOG]) == SIGNED
    assert open_note(both.encode(), [WITNESS, LOG]) == both


def test_a_note_that_no_known_key_has_signed_is_not_believed() -> None:
    for verifiers in ([], [WITNESS], [SharedKey(LOG.name, b"another key of this name")]):
        with pytest.raises(SignatureRejected, match="no known key has signed it"):
            open_note(SIGNED.encode(), verifiers)


def test_one_wrong_signature_of_a_known_key_condemns_the_note() -> None:
    wrong = replace(SIGNED.signatures[0], value=bytes(32))
    for signatures in [(wrong,), (wrong, *SIGNED.signatures), (*SIGNED.signatures, wrong)]:
        note = replace(SIGNED, signatures=signatures).signed_by(WITNESS)
        with pytest.raises(SignatureRejected, match=r"'log\.example' did not sign this text"):
            open_note(note.encode(), [WITNESS, LOG])


def test_the_name_and_the_id_both_tell_which_key_has_signed() -> None:
    signature = SIGNED.signatures[0]
    for stranger in (replace(signature, name="log.example.org"), replace(signature, key_id=b"\0\0\0\0")):
        note = replace(SIGNED, signatures=(stranger,))
        with pytest.raises(SignatureRejected, match="no known key"):
            open_note(note.encode(), [LOG])


def test_a_signature_that_is_there_twice_counts_once() -> None:
    twice = replace(SIGNED, signatures=SIGNED.signatures * 2)
    assert open_note(twice.encode(), [LOG, LOG]) == SIGNED


def test_a_new_signature_takes_the_place_of_an_older_one_by_the_same_key() -> None:
    stale = replace(SIGNED.signatures[0], value=b"stale")
    assert replace(SIGNED, signatures=(stale,)).signed_by(LOG) == SIGNED


@given(st.text().map(lambda text: text + "\n"), st.permutations([LOG, WITNESS, STRANGER]))
def test_what_was_signed_is_read_back(text: str, signers: list[SharedKey]) -> None:
    assume(not re.search("[\x00-\x09\x0b-\x1f]", text))
    note = Note(text)
    for signer in signers:
        note = note.signed_by(signer)
    assert parse_note(note.encode()) == note
    assert open_note(note.encode(), signers) == note


@given(st.binary() | st.text("a—+ \n\x00Ag==").map(str.encode))
def test_any_bytes_are_a_note_with_one_writing_or_none(message: bytes) -> None:
    try:
        note = parse_note(message)
    except MalformedNote:
        return
    assert note.encode() == message


def test_of_all_changes_of_one_byte_none_gets_another_text_or_signature_believed() -> None:
    """All that is accepted is a change to the line of an unknown key, with the same text and the same known signature.

    In a note that only known keys have signed, no change is.
    """
    note = SIGNED.signed_by(STRANGER)
    line = note.encode().index(b"\xe2\x80\x94 stranger")
    accepted = {at for at, changed in one_byte_changes(note.encode()) if opens_as(changed, SIGNED)}
    assert accepted
    assert min(accepted) > line
    assert not [at for at, changed in one_byte_changes(SIGNED.encode()) if opens_as(changed, SIGNED)]


def one_byte_changes(message: bytes) -> list[tuple[int, bytes]]:
    """Each byte replaced by every other one, and left out, and every byte put in front of it."""
    changes = []
    for at in range(len(message)):
        head, tail = message[:at], message[at + 1 :]
        changes += [(at, head + bytes([value]) + tail) for value in range(256) if value != message[at]]
        changes += [(at, head + bytes([value]) + message[at:]) for value in range(256)]
        changes += [(at, head + tail)]
    return changes + [(len(message), message + bytes([value])) for value in range(256)]


def opens_as(message: bytes, expected: Note) -> bool:
    """Raises AssertionError when something else is believed."""
    try:
        opened = open_note(message, [LOG])
    except (MalformedNote, SignatureRejected):
        return False
    assert opened == expected
    return True


# -- what is not a note

LINE = lines_of(SIGNED)[0]


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("", "does not end with an empty line and signatures"),
        (LINE, "does not end with an empty line and signatures"),
        (TEXT, "is not a signature"),
        (TEXT + "\n", "does not end with an empty line and signatures"),
        (TEXT + LINE, "is not a signature"),
        (TEXT + "\n" + LINE[:-1], "does not end with an empty line and signatures"),
        (TEXT + "\n" + LINE + "\n", "does not end with an empty line and signatures"),
        (TEXT + "\n" + LINE + "more\n", "is not a signature"),
        (TEXT + "\n" + LINE.replace("—", "-"), "is not a signature"),
        (TEXT + "\n" + LINE.replace("— ", "—"), "is not a signature"),
        (TEXT + "\n" + LINE.replace(" log", "  log"), "base64"),
        (TEXT + "\n" + LINE.replace("log.example", "log example"), "base64"),
        (TEXT + "\n" + LINE.replace("log.example", "log+example"), "not the name of a key"),
        (TEXT + "\n" + LINE.replace("log.example", "log\u3000example"), "not the name of a key"),
        (TEXT + "\n" + LINE.replace("log.example", "log\u2028example"), "not the name of a key"),
        (TEXT + "\n" + LINE.replace("\n", " \n"), "base64"),
        (TEXT + "\n" + LINE.replace("\n", "\r\n"), "base64"),
        (TEXT + "\n— log.example AAAAAA==\n", "not a key id and a value"),
        (TEXT + "\n— log.example AAAAAAB=\n", "base64 in another writing"),
        (TEXT + "\n— log.example AAAAAAA\n", "base64"),
        (TEXT + "\n— log.example\n", "not a key id and a value"),
        ("\x01" + TEXT + "\n" + LINE, "control character"),
        ("\t" + TEXT + "\n" + LINE, "control character"),
        (TEXT + "\n" + LINE * (MAX_SIGNATURES + 1), "more than 100 signatures"),
    ],
)
def test_what_is_not_written_as_a_note_is_refused(message: str, reason: str) -> None:
    with pytest.raises(MalformedNote, match=reason):
        open_note(message.encode(), [LOG])


def test_a_note_is_utf_8() -> None:
    with pytest.raises(MalformedNote, match="not UTF-8"):
        open_note(b"\xff" + SIGNED.encode(), [LOG])


def test_as_many_signatures_as_the_specification_asks_for_are_accepted() -> None:
    note = Note(TEXT)
    for number in range(MAX_SIGNATURES):
        note = note.signed_by(SharedKey(f"witness{number}", b"secret"))
    assert parse_note(note.encode()) == note


@pytest.mark.parametrize("text", ["", "tea", "tea\r\n", "\x00\n", "\ud800\n"])
def test_a_text_that_cannot_be_a_note_is_not_signed(text: str) -> None:
    with pytest.raises(MalformedNote):
        Note(text).signed_by(LOG)


def test_a_note_that_nobody_has_signed_is_none() -> None:
    with pytest.raises(MalformedNote, match="nobody has signed it"):
        Note(TEXT).encode()


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\nb"])
def test_a_signature_has_the_name_of_a_key(name: str) -> None:
    with pytest.raises(MalformedNote, match="not the name of a key"):
        Signature(name, b"four", b"x")


@pytest.mark.parametrize(("key", "value"), [(b"thr", b"x"), (b"", b"x"), (b"fiver", b"x"), (b"four", b"")])
def test_a_signature_has_a_key_id_and_a_value(key: bytes, value: bytes) -> None:
    with pytest.raises(MalformedNote, match="not a key id and a value"):
        Signature("a", key, value)


@pytest.mark.parametrize("name", ["log.example/42", "é", "a-b", "PeterNeumann"])
def test_a_key_may_be_called_like_an_address(name: str) -> None:
    assert is_key_name(name)


@pytest.mark.parametrize("name", ["", " ", "a b", "a\u00a0b", "a\u0085b", "a+b", "a\nb", "a\x00", "a\ud800"])
def test_a_key_is_not_called_by_what_would_end_its_name(name: str) -> None:
    assert not is_key_name(name)


def test_base64_has_one_writing() -> None:
    assert from_base64("AAE=") == b"\x00\x01"
    for text in ("AAF=", "AAE", "AAE=\n", "AAE==", "A A=", "AAE-", "é"):
        with pytest.raises(MalformedNote, match="base64"):
            from_base64(text)


# -- checkpoints


def test_the_checkpoint_of_the_specification_is_read() -> None:
    checkpoint = parse_checkpoint(CHECKPOINT)
    assert checkpoint == Checkpoint("example.com/behind-the-sofa", 20852163, ROOT)
    assert checkpoint.text == CHECKPOINT


lines = st.text(st.characters(exclude_categories=["Cs"], min_codepoint=32), min_size=1)


@given(lines, st.integers(1, MAX_SIZE), st.binary(min_size=32, max_size=32), st.lists(lines).map(tuple))
def test_a_checkpoint_says_what_was_written(origin: str, size: int, root: bytes, extensions: tuple[str, ...]) -> None:
    checkpoint = Checkpoint(origin, size, root, extensions)
    message = Note(checkpoint.text).signed_by(LOG).encode()
    assert open_checkpoint(message, origin, LOG) == checkpoint


def test_the_checkpoint_of_an_empty_log_is_that_of_no_leaves() -> None:
    assert parse_checkpoint(Checkpoint("log", 0, EMPTY_ROOT).text).size == 0
    with pytest.raises(MalformedNote, match="not the root of 0 leaves"):
        Checkpoint("log", 0, leaf_hash(b""))


def test_a_checkpoint_of_another_log_or_by_another_key_is_not_believed() -> None:
    checkpoint = Checkpoint("log.example", 1, leaf_hash(b""))
    message = Note(checkpoint.text).signed_by(LOG).encode()
    with pytest.raises(SignatureRejected, match=r"about the log 'log\.example' and not 'other\.example'"):
        open_checkpoint(message, "other.example", LOG)
    with pytest.raises(SignatureRejected, match="no known key"):
        open_checkpoint(message, "log.example", WITNESS)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n\n\n",
        "log\n1\n",
        CHECKPOINT[:-1],
        CHECKPOINT + "\n",
        CHECKPOINT + "\nmore\n",
        CHECKPOINT.replace("\n", "\r\n"),
        CHECKPOINT.replace("example.com/behind-the-sofa", ""),
        CHECKPOINT.replace("20852163", "020852163"),
        CHECKPOINT.replace("20852163", "+20852163"),
        CHECKPOINT.replace("20852163", "20_852_163"),
        CHECKPOINT.replace("20852163", " 20852163"),
        CHECKPOINT.replace("20852163", "२०८५२१६३"),
        CHECKPOINT.replace("20852163", "0x1"),
        CHECKPOINT.replace("20852163", "-1"),
        CHECKPOINT.replace("20852163", "0"),
        CHECKPOINT.replace("20852163", ""),
        CHECKPOINT.replace("20852163", str(MAX_SIZE + 1)),
        CHECKPOINT.replace("20852163", "9" * 5000),
        CHECKPOINT.replace("CsUY", ""),
        CHECKPOINT.replace("q2I=", "q2J="),
        CHECKPOINT.replace("q2I=", "q2I"),
    ],
)
def test_what_is_not_written_as_a_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(MalformedNote):
        parse_checkpoint(text)


@pytest.mark.parametrize("origin", ["", "two\nlines", "tab\t", "\ud800"])
def test_an_origin_is_one_line(origin: str) -> None:
    with pytest.raises(MalformedNote):
        Checkpoint(origin, 1, ROOT)


@pytest.mark.parametrize("refusal", [MalformedNote, SignatureRejected])
def test_a_refused_note_is_a_failed_verification(refusal: type[Exception]) -> None:
    assert issubclass(refusal, VerificationFailed)
