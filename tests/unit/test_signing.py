from __future__ import annotations

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnemolog.adapters.signing import Ed25519Signer, Ed25519Verifier
from mnemolog.domain.merkle import leaf_hash, verify_inclusion
from mnemolog.domain.note import Checkpoint, Note, key_id, open_checkpoint, open_note
from mnemolog.domain.refusals import Invalid, MalformedNote, ProofRejected, SignatureRejected

# The example of Go's package golang.org/x/mod/sumdb/note.
GO_SEED = base64.b64decode("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz")[1:]
GO_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_OTHER_KEY = "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop"
GO_TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
GO_LINE = (
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
GO_OTHER_LINE = (
    "— EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n"
)
PETER = Ed25519Verifier.parse(GO_KEY)

# An entry of Go's checksum database, and how it is shown to be the one at 43930254.
SUMDB_KEY = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8"
SUMDB_ENTRY = (
    b"github.com/transparency-dev/tessera v1.0.0 h1:4OT1V9xJLa5NnYlFWWlCdZkCm18/o12rdd+bCTje7XE=\n"
    b"github.com/transparency-dev/tessera v1.0.0/go.mod h1:TLvfjlkbmsmKVEJUtzO2eb9Q2IBnK3EJ0dI4G0oxEOU=\n"
)
SUMDB_PROOF = """\
Q2cuq1e21q4UC1RQ6wtmXmCxk2q3Wqz/yFvD12P2KSM= VdgHwjNYSv9fZVxvYzn8kySGvrjqeCnzdJqJILieWf4=
ARfBpZjsj3LSP42V4xBVdCKbHVa4WXSbuFAa0rUSCVQ= 0VYgz0Vmgz6jOM8H6edZBWHtO6+R7tPvN4EOwwRRSws=
vq+ifloynXE+ORFC1wymQT0cpNIJA1tqg2mQpA55+kc= SCRewH6vHE1/Vwkt5yEW8xT7il0WbWltXjFIVqlGtQQ=
p//fIG8jgZie4MMwjHF7quCIJ4hErr7U4at0HV34MZQ= D3K5YdBlxQcklrgF8vSbDyT05J5/mA9lzuhhp72uSOk=
jeYlYyH9FhYGwu+ZJmfPr8GvSNdgrydwqmJgHsygoR0= p6RFgfGhu8Uuy0LyyZdI4MrSPOZkMe+ycwWJFfr8zTI=
AMZsxrVKBPSe8nSNVVCTyTxWns0CiNbChG/FoiSJWuM= e+rtSmK5Pd1K5LgFwj7VSo5XJXOcq7OOcqPVZn1hqeM=
expmv1e6XiGr5NMUjMRkSZijlcBx+fZcpqQmUnawhOY= +Wuic0YARH84k80/Q+KJIbhRCldxG8npjLFiHMLtEpo=
NOMeJqlyUxFXUKYRI/1YqAF4WJBfXJr8UM/SlWGqxgY= Lm6+TAlLb2lvUs/3unZ2t6RSmJw8RO+WuEuUbAw3QEc=
Jhh2EDG15gDBoLmLiF88lVTgd+uvx3L0xczb8Y3kSq8= taenaiKqtYMXS3gDzIF3q8VZzqAXqftHqL9BC39njaw=
kZNKypGwEANnt1+msLINnqrIrwX+0MGZUTTKXTfbloI= A4NJSymjVJ5dvGPaGC3Gj04x8qVRKYfh0pP24mwd6Yk=
KQq808D9W4NUgr4ip+rF/RCyAUERYKKCwKiiAJfaFOc= I3EVN3zM2rDjs5Q06Zr5gxhg+ksnX2h77E75uL+h3aI=
7iNSYSDhMeRkeV7r9krKbKelNPiqDCJU1i6xAn/Fbuw= MYqdo6zSjxaAn+29EEjNRbPYm0myB3bheu+HTZIAbVY=
S7olT9TPLXk+bbawbV3sAzWMmhcpWrtjbw++9ZTiyn8= xJ20xXM4QItt5vxFOtolZ5l18p7ej1+RimNkgWmoRFM=
"""
SUMDB_CHECKPOINT = """\
go.sum database tree
58253265
lIyLAEe4zJUQAda6pFFg3yPOf7j1SgfMEDrpgoX39JU=

— sum.golang.org Az3grkvBHbFcpEFQ3BhGlktgB7pcswIW+ez91eWY6rNPtWfAey8bJO2rVoG2yO5zXvgiaikWVHqon+e14JhA+WXvpAY=
"""


def test_an_entry_of_a_public_log_is_shown_to_be_in_it() -> None:
    tree = open_checkpoint(SUMDB_CHECKPOINT.encode(), "go.sum database tree", Ed25519Verifier.parse(SUMDB_KEY))
    proof = [base64.b64decode(each) for each in SUMDB_PROOF.split()]
    verify_inclusion(leaf_hash(SUMDB_ENTRY), 43930254, tree.size, proof, tree.root)
    with pytest.raises(ProofRejected):
        verify_inclusion(leaf_hash(SUMDB_ENTRY.replace(b"v1.0.0", b"v1.0.1")), 43930254, tree.size, proof, tree.root)


def test_the_published_example_is_signed_as_published() -> None:
    signer = Ed25519Signer("PeterNeumann", GO_SEED)
    assert signer.verifier.verifier_key == GO_KEY
    assert Note(GO_TEXT).signed_by(signer).encode().decode() == f"{GO_TEXT}\n{GO_LINE}"


def test_the_published_example_is_opened_with_any_of_its_keys() -> None:
    message, enoch = f"{GO_TEXT}\n{GO_LINE}{GO_OTHER_LINE}".encode(), Ed25519Verifier.parse(GO_OTHER_KEY)
    for known, names in [([PETER], ["PeterNeumann"]), ([enoch, PETER], ["PeterNeumann", "EnochRoot"])]:
        note = open_note(message, known)
        assert note.text == GO_TEXT
        assert [signature.name for signature in note.signatures] == names


def test_a_longer_signature_is_a_wrong_one() -> None:
    with pytest.raises(SignatureRejected, match="did not sign this text"):
        open_note(f"{GO_TEXT}\n{GO_LINE[:60]}ABCD{GO_LINE[60:]}".encode(), [PETER])


def test_no_change_of_a_single_bit_is_believed() -> None:
    message = f"{GO_TEXT}\n{GO_LINE}".encode()
    for bit in range(8 * len(message)):
        changed = (int.from_bytes(message) ^ 1 << bit).to_bytes(len(message))
        with pytest.raises((MalformedNote, SignatureRejected)):
            open_note(changed, [PETER])


def test_a_signature_that_adds_the_order_of_the_group_is_refused() -> None:
    """RFC 8032, 5.1.7: or everybody could make a second signature out of the first."""
    order = 2**252 + 27742317777372353535851937790883648493
    signature = Ed25519Signer("log", GO_SEED).sign(b"tea")
    verifier = Ed25519Signer("log", GO_SEED).verifier
    scalar = int.from_bytes(signature[32:], "little") + order
    assert verifier.verifies(signature, b"tea")
    assert not verifier.verifies(signature[:32] + scalar.to_bytes(32, "little"), b"tea")


@settings(max_examples=50)
@given(st.binary(min_size=32, max_size=32), st.integers(1, 2**40), st.binary(min_size=32, max_size=32))
def test_a_checkpoint_is_believed_by_who_has_the_verifier_key(seed: bytes, size: int, root: bytes) -> None:
    signer = Ed25519Signer("log.example/1", seed)
    checkpoint = Checkpoint("log.example/1", size, root)
    message = Note(checkpoint.text).signed_by(signer).encode()
    verifier = Ed25519Verifier.parse(signer.verifier.verifier_key)
    assert verifier.key_id == signer.key_id == key_id("log.example/1", 1, verifier.public_key)
    assert open_checkpoint(message, "log.example/1", verifier) == checkpoint


def test_only_all_of_a_verifier_key_is_one() -> None:
    for start in range(len(GO_KEY)):
        for end in range(start, len(GO_KEY) + 1):
            if GO_KEY[start:end] != GO_KEY:
                with pytest.raises(Invalid):
                    Ed25519Verifier.parse(GO_KEY[start:end])


def test_no_other_writing_of_a_verifier_key_is_one() -> None:
    changed = [GO_KEY[:at] + chr(ord(GO_KEY[at]) + 1) + GO_KEY[at + 1 :] for at in range(len(GO_KEY))]
    too_long = "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY=="
    unknown_kind = "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
    spelled = [GO_KEY.replace("c74f20a3", "C74F20A3"), GO_KEY + "\n", " " + GO_KEY, GO_KEY.replace("Neumann", " N")]
    for text in [*changed, *spelled, too_long, unknown_kind, "", "++", "é+é+é"]:
        with pytest.raises(Invalid):
            Ed25519Verifier.parse(text)


def test_what_was_given_for_a_key_is_not_repeated() -> None:
    with pytest.raises(Invalid) as refused:
        Ed25519Verifier.parse("PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr")
    assert "AYEK" not in str(refused.value)
    with pytest.raises(Invalid) as refused:
        Ed25519Verifier.parse("a secret")
    assert "secret" not in str(refused.value)
    assert GO_SEED.hex() not in repr(vars(Ed25519Signer("log", GO_SEED)))


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\n"])
def test_a_key_has_a_name_that_fits_into_a_line(name: str) -> None:
    with pytest.raises(Invalid, match="name of a key"):
        Ed25519Signer(name, GO_SEED)


@pytest.mark.parametrize("length", [0, 31, 33, 64])
def test_a_seed_and_a_public_key_have_32_bytes(length: int) -> None:
    for make in (Ed25519Signer, Ed25519Verifier):
        with pytest.raises(Invalid, match=f"must have 32 bytes and has {length}"):
            make("log", bytes(length))


@pytest.mark.parametrize("length", [0, 1, 63, 65])
def test_a_signature_of_another_length_is_a_wrong_one(length: int) -> None:
    assert not PETER.verifies(bytes(length), b"tea")
