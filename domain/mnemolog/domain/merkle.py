"""A Merkle tree over the leaves of the log: one root binds them all, and a short proof shows a part of it.

Hashes, roots and proofs are those of RFC 6962 and RFC 9162, section 2.1. Leaves are numbered from 0.

A proof alone does not bind the size: along one path, trees of several sizes can look the same. So whoever verifies
takes each size together with its root, from a signed checkpoint, and never from whoever gives the proof.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Protocol

from mnemolog.domain.refusals import Invalid, ProofRejected

HASH_BYTES = 32
EMPTY_ROOT = hashlib.sha256().digest()


def leaf_hash(entry: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


@dataclass(frozen=True, slots=True)
class Subtree:
    """The complete subtree over the 2**level leaves from index * 2**level on. At level 0 it is a leaf."""

    level: int
    index: int


class Hashes(Protocol):
    """The hashes of the complete subtrees of a tree that only grows."""

    def read(self, subtrees: Sequence[Subtree]) -> Sequence[bytes]:
        """One hash for each, in their order. Raises Invalid when one of them is not complete."""
        ...


class Frontier:
    """What must be kept of a tree for it to grow: the peaks, its largest complete subtrees, from left to right."""

    def __init__(self, size: int = 0, peaks: Sequence[bytes] = ()) -> None:
        if size < 0 or len(peaks) != size.bit_count() or not _are_hashes(peaks):
            raise Invalid(reason=f"these are not the peaks of a tree of {size} leaves")
        self._size = size
        self._peaks = list(peaks)

    @classmethod
    def resumed(cls, hashes: Hashes, size: int) -> Frontier:
        return cls(size, hashes.read(_cover(0, size)))

    @property
    def size(self) -> int:
        return self._size

    @property
    def peaks(self) -> tuple[bytes, ...]:
        return tuple(self._peaks)

    def append(self, leaf: bytes) -> list[bytes]:
        """The hashes of the subtrees that end with this leaf and are complete now, by level: the leaf itself first."""
        if not _are_hashes([leaf]):
            raise Invalid(reason=f"a leaf hash must have {HASH_BYTES} bytes and has {len(leaf)}")
        completed = [leaf]
        halves = self._size
        while halves & 1:
            completed.append(node_hash(self._peaks.pop(), completed[-1]))
            halves >>= 1
        self._peaks.append(completed[-1])
        self._size += 1
        return completed

    def root(self) -> bytes:
        return _joined(self._peaks) if self._peaks else EMPTY_ROOT


class HashLevels:
    """The hashes of a whole tree, in this process: 64 bytes for each leaf."""

    def __init__(self, leaves: Iterable[bytes] = ()) -> None:
        self._frontier = Frontier()
        self._levels: list[bytearray] = []
        for leaf in leaves:
            self.append(leaf)

    @property
    def size(self) -> int:
        return self._frontier.size

    def append(self, leaf: bytes) -> None:
        for level, completed in enumerate(self._frontier.append(leaf)):
            if level == len(self._levels):
                self._levels.append(bytearray())
            self._levels[level] += completed

    def read(self, subtrees: Sequence[Subtree]) -> list[bytes]:
        return [self._hash(subtree) for subtree in subtrees]

    def _hash(self, subtree: Subtree) -> bytes:
        if subtree.level < 0 or not 0 <= subtree.index < self.size >> subtree.level:
            raise Invalid(reason=f"a tree of {self.size} leaves has no complete {subtree}")
        start = subtree.index * HASH_BYTES
        return bytes(self._levels[subtree.level][start : start + HASH_BYTES])


def root_of(hashes: Hashes, size: int) -> bytes:
    """The root that the tree had when it was of this size."""
    return Frontier.resumed(hashes, size).root()


def prove_inclusion(hashes: Hashes, index: int, size: int) -> list[bytes]:
    """That the leaf at `index` is in the tree of this size (RFC 9162, 2.1.3.1)."""
    if not 0 <= index < size:
        raise Invalid(reason=f"a tree of {size} leaves has no leaf {index}")
    beside = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _left_half(end - start)
        if index < middle:
            beside.append((middle, end))
            end = middle
        else:
            beside.append((start, middle))
            start = middle
    return _roots(hashes, beside[::-1])


def prove_consistency(hashes: Hashes, first: int, second: int) -> list[bytes]:
    """That the tree of size `second` begins with all of the tree of size `first` (RFC 9162, 2.1.4.1)."""
    if not 0 < first <= second:
        raise Invalid(reason=f"a tree of {second} leaves cannot be shown to begin with one of {first}")
    beside = []
    start, end = 0, second
    while end > first:
        middle = start + _left_half(end - start)
        if first <= middle:
            beside.append((middle, end))
            end = middle
        else:
            beside.append((start, middle))
            start = middle
    if start > 0:  # else what is left is the whole first tree, whose root the verifier has
        beside.append((start, end))
    return _roots(hashes, beside[::-1])


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Raises ProofRejected unless `leaf` is shown to be at `index` of the tree with this root (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size:
        raise ProofRejected(reason=f"a tree of {size} leaves has no leaf {index}")
    inner, border = _steps(index, size)
    _check(proof, inner + border, leaf, root)
    reached = leaf
    for step, beside in enumerate(proof):
        is_left = step >= inner or index >> step & 1
        reached = node_hash(beside, reached) if is_left else node_hash(reached, beside)
    if reached != root:
        raise ProofRejected(reason="it leads to another root")


def verify_consistency(first: int, second: int, proof: Sequence[bytes], first_root: bytes, second_root: bytes) -> None:
    """Raises ProofRejected unless the second tree is shown to begin with all of the first (RFC 9162, 2.1.4.2).

    Nothing can be shown about an empty first tree, with which every tree begins.
    """
    if not 0 < first <= second:
        raise ProofRejected(reason=f"a tree of {second} leaves cannot be shown to begin with one of {first}")
    if first == second:
        _check(proof, 0, first_root, second_root)
        if first_root != second_root:
            raise ProofRejected(reason=f"there are two roots for {first} leaves")
        return
    level = (first & -first).bit_length() - 1  # of the last peak of the first tree, where the proof begins
    is_whole = first == 1 << level  # then that peak is its root, and the proof leaves it out
    last = first - 1 >> level
    inner, border = _steps(last, (second - 1 >> level) + 1)
    _check(proof, (not is_whole) + inner + border, first_root, second_root)
    start, *path = [first_root, *proof] if is_whole else proof
    old = new = start
    for step, beside in enumerate(path):
        if step >= inner or last >> step & 1:
            old, new = node_hash(beside, old), node_hash(beside, new)
        else:
            new = node_hash(new, beside)
    if (old, new) != (first_root, second_root):
        raise ProofRejected(reason="it leads to other roots")


def _steps(index: int, size: int) -> tuple[int, int]:
    """From a leaf to the root: how many steps until its path meets that of the last leaf, and how many after it.

    After it every sibling is on the left, and levels without one are passed over.
    """
    inner = (index ^ (size - 1)).bit_length()
    return inner, (index >> inner).bit_count()


def _check(proof: Sequence[bytes], length: int, *others: bytes) -> None:
    if len(proof) != length:
        raise ProofRejected(reason=f"it must have {length} hashes and has {len(proof)}")
    if not _are_hashes([*proof, *others]):  # two hashes of other lengths could be joined to the same bytes
        raise ProofRejected(reason=f"a hash has not {HASH_BYTES} bytes")


def _are_hashes(values: Sequence[bytes]) -> bool:
    return all(len(value) == HASH_BYTES for value in values)


def _left_half(size: int) -> int:
    """The largest power of two below `size`, where RFC 9162 splits a tree."""
    return 1 << (size - 1).bit_length() - 1


def _cover(start: int, end: int) -> list[Subtree]:
    """The fewest complete subtrees over these leaves, from left to right, for a range that came from splitting."""
    subtrees = []
    while start < end:
        level = (end - start).bit_length() - 1
        subtrees.append(Subtree(level, start >> level))
        start += 1 << level
    return subtrees


def _roots(hashes: Hashes, ranges: Sequence[tuple[int, int]]) -> list[bytes]:
    """The root over each range, with one read for all of them."""
    covers = [_cover(start, end) for start, end in ranges]
    wanted = [subtree for cover in covers for subtree in cover]
    known = dict(zip(wanted, hashes.read(wanted), strict=True))
    return [_joined([known[subtree] for subtree in cover]) for cover in covers]


def _joined(peaks: Sequence[bytes]) -> bytes:
    return reduce(lambda right, left: node_hash(left, right), reversed(peaks))
