from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnemolog.adapters.signing import Ed25519Signer
from mnemolog.domain.checkpoints import (
    Witness,
    check_growing,
    checkpoint_of,
    link_of,
    origin_of,
    read_checkpoints,
    split_notes,
)
from mnemolog.domain.merkle import Frontier
from mnemolog.domain.note import Checkpoint, Note
from mnemolog.domain.refusals import MalformedNote, SignatureRejected, VerificationFailed

ORIGIN = origin_of(bytes(32))
SIGNER = Ed25519Signer(ORIGIN, bytes(range(32)))
LEAVES = [hashlib.sha256(bytes([n])).digest() for n in range(20)]


def link(size: int) -> bytes:
    return hashlib.sha256(b"link" + bytes([size])).digest()


def signed_at(size: int) -> Checkpoint:
    frontier = Frontier()
    for leaf in LEAVES[:size]:
        frontier.append(leaf)
    return checkpoint_of(ORIGIN, frontier, link(size))


def note(checkpoint: Checkpoint, signer: Ed25519Signer = SIGNER) -> bytes:
    return Note(checkpoint.text).signed_by(signer).encode()


def walk(witness: Witness, leaves: list[bytes], begun: int = 0) -> Witness:
    for place, leaf in enumerate(leaves, begun + 1):
        witness.step(leaf, link(place))
    return witness


def test_a_log_is_called_by_its_first_leaf() -> None:
    assert origin_of(bytes.fromhex("ab" * 32)) == "mnemolog/" + "ab" * 16


def test_a_checkpoint_says_where_the_chain_stood() -> None:
    checkpoint = signed_at(5)
    assert (checkpoint.origin, checkpoint.size, link_of(checkpoint)) == (ORIGIN, 5, link(5))
    assert link_of(Checkpoint(ORIGIN, 5, checkpoint.root)) is None


@given(st.lists(st.integers(1, 20), min_size=1, max_size=5))
def test_notes_in_a_row_are_read_as_they_were_written(sizes: list[int]) -> None:
    notes = [note(signed_at(size)) for size in sizes]
    assert split_notes(b"".join(each + b"\n" for each in notes)) == notes


@given(st.integers(1, 400))
def test_an_unfinished_note_at_the_end_is_left_out(cut: int) -> None:
    first, second = note(signed_at(3)) + b"\n", note(signed_at(4)) + b"\n"
    content = first + second[: -min(cut, len(second))]
    assert split_notes(content) == [first[:-1]]


@pytest.mark.parametrize("content", [b"one\n\ntwo\n\n", b"one\n\n\n\n", b"\n\n\n\n"])
def test_a_file_of_something_else_is_refused(content: bytes) -> None:
    with pytest.raises(MalformedNote):
        split_notes(content)


def test_checkpoints_are_believed_when_the_key_has_signed_them() -> None:
    content = note(signed_at(3)) + b"\n" + note(signed_at(7)) + b"\n"
    assert read_checkpoints(content, SIGNER.verifier) == [signed_at(3), signed_at(7)]


@pytest.mark.parametrize(
    "signer", [Ed25519Signer(ORIGIN, bytes(32)), Ed25519Signer("mnemolog/other", bytes(range(32)))]
)
def test_a_checkpoint_of_another_key_is_not_believed(signer: Ed25519Signer) -> None:
    with pytest.raises(SignatureRejected):
        read_checkpoints(note(signed_at(3), signer) + b"\n", SIGNER.verifier)


def test_a_checkpoint_of_another_log_is_not_believed() -> None:
    foreign = checkpoint_of("mnemolog/other", Frontier(1, [LEAVES[0]]), link(1))
    with pytest.raises(SignatureRejected):
        read_checkpoints(note(foreign) + b"\n", SIGNER.verifier)


def test_a_file_without_a_checkpoint_proves_nothing() -> None:
    with pytest.raises(MalformedNote, match="no checkpoint"):
        read_checkpoints(b"\n", SIGNER.verifier)


def test_a_smaller_tree_after_a_larger_one_is_refused() -> None:
    check_growing([signed_at(3), signed_at(3), signed_at(7)])
    with pytest.raises(VerificationFailed, match="position 4"):
        check_growing([signed_at(7), signed_at(3)])


@given(st.sets(st.integers(1, 20)), st.integers(0, 20))
def test_a_log_agrees_with_all_that_was_signed_of_it_from_wherever_one_begins(sizes: set[int], begun: int) -> None:
    frontier = Frontier()
    for leaf in LEAVES[:begun]:
        frontier.append(leaf)
    witness = Witness([signed_at(size) for size in sorted(sizes, reverse=True)], frontier, link(begun))
    walk(witness, LEAVES[begun:], begun)
    witness.end()
    seen = {size for size in sizes if size >= begun}
    assert (witness.agreed, witness.bound) == (len(seen), max(seen, default=begun))


@given(st.integers(0, 19), st.sets(st.integers(1, 20), min_size=1))
def test_another_leaf_is_found_by_the_first_checkpoint_that_binds_it(changed: int, sizes: set[int]) -> None:
    leaves = [*LEAVES[:changed], bytes(32), *LEAVES[changed + 1 :]]
    witness = Witness([signed_at(size) for size in sizes])
    before = max((size for size in sizes if size <= changed), default=0)
    if max(sizes) <= changed:
        walk(witness, leaves).end()
        return
    with pytest.raises(VerificationFailed) as failed:
        walk(witness, leaves)
    assert failed.value.facts["position"] == before + 1
    assert witness.frontier.size == min(size for size in sizes if size > changed)


def test_another_link_is_found() -> None:
    witness = Witness([signed_at(2)])
    witness.step(LEAVES[0], None)
    with pytest.raises(VerificationFailed, match="time of recording"):
        witness.step(LEAVES[1], link(3))


@pytest.mark.parametrize("length", [0, 1, 6])
def test_a_log_that_ends_too_soon_is_found(length: int) -> None:
    witness = walk(Witness([signed_at(7)]), LEAVES[:length])
    with pytest.raises(VerificationFailed) as failed:
        witness.end()
    assert failed.value.facts["position"] == length + 1
