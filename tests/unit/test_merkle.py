from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from hashlib import sha256
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnemolog.domain.merkle import (
    EMPTY_ROOT,
    Frontier,
    HashLevels,
    Subtree,
    leaf_hash,
    prove_consistency,
    prove_inclusion,
    root_of,
    verify_consistency,
    verify_inclusion,
)
from mnemolog.domain.refusals import Invalid, ProofRejected, VerificationFailed

LARGEST = 129
LEAVES = [leaf_hash(b"%d" % number) for number in range(LARGEST)]
TREE = HashLevels(LEAVES)

# The tree that the implementations of Certificate Transparency are tested with (RFC 6962).
PUBLISHED_ENTRIES = [b"", b"\x00", b"\x10", b" !", b"01", b"@ABC", b"PQRSTUVW", b"`abcdefghijklmno"]
PUBLISHED_ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
PUBLISHED_INCLUSIONS = {  # (index, size): proof
    (0, 1): [],
    (0, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (5, 8): [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 3): ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"],
    (1, 5): [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}
PUBLISHED_CONSISTENCIES = {  # (first, second): proof
    (1, 1): [],
    (1, 8): PUBLISHED_INCLUSIONS[0, 8],
    (6, 8): [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 5): [
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
    (6, 7): [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "b08693ec2e721597130641e8211e7eedccb4c26413963eee6c1e2ed16ffb1a5f",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
}

# The definitions of RFC 6962, section 2.1, word for word and slow: MTH, PATH and SUBPROOF over LEAVES[start:end].


def split(size: int) -> int:
    return max(power for power in (1, 2, 4, 8, 16, 32, 64, 128) if power < size)


@cache
def mth(start: int, end: int) -> bytes:
    if start == end:
        return sha256().digest()
    if end - start == 1:
        return LEAVES[start]
    middle = start + split(end - start)
    return sha256(b"\x01" + mth(start, middle) + mth(middle, end)).digest()


def path(index: int, start: int, end: int) -> list[bytes]:
    if end - start == 1:
        return []
    middle = start + split(end - start)
    if index < middle:
        return [*path(index, start, middle), mth(middle, end)]
    return [*path(index, middle, end), mth(start, middle)]


def subproof(first: int, start: int, end: int, whole: bool) -> list[bytes]:
    if first == end:
        return [] if whole else [mth(start, end)]
    middle = start + split(end - start)
    if first <= middle:
        return [*subproof(first, start, middle, whole), mth(middle, end)]
    return [*subproof(first, middle, end, False), mth(start, middle)]


def holds(verify: Callable[..., None], *claim: object) -> bool:
    try:
        verify(*claim)
    except ProofRejected:
        return False
    return True


# -- right proofs


@pytest.mark.parametrize("size", range(9))
def test_the_roots_are_the_published_ones(size: int) -> None:
    frontier = Frontier()
    for entry in PUBLISHED_ENTRIES[:size]:
        frontier.append(leaf_hash(entry))
    assert frontier.root().hex() == PUBLISHED_ROOTS[size]


def test_the_proofs_are_the_published_ones() -> None:
    leaves = [leaf_hash(entry) for entry in PUBLISHED_ENTRIES]
    tree, roots = HashLevels(leaves), [bytes.fromhex(root) for root in PUBLISHED_ROOTS]
    for (index, size), published in PUBLISHED_INCLUSIONS.items():
        proof = [bytes.fromhex(each) for each in published]
        assert prove_inclusion(tree, index, size) == proof
        verify_inclusion(leaves[index], index, size, proof, roots[size])
    for (first, second), published in PUBLISHED_CONSISTENCIES.items():
        proof = [bytes.fromhex(each) for each in published]
        assert prove_consistency(tree, first, second) == proof
        verify_consistency(first, second, proof, roots[first], roots[second])


def test_every_inclusion_in_trees_of_up_to_129_leaves_is_shown_as_the_definition_says() -> None:
    for size in range(1, LARGEST + 1):
        assert root_of(TREE, size) == mth(0, size)
        for index in range(size):
            proof = prove_inclusion(TREE, index, size)
            assert proof == path(index, 0, size)
            verify_inclusion(LEAVES[index], index, size, proof, mth(0, size))


def test_every_growth_of_trees_of_up_to_129_leaves_is_shown_as_the_definition_says() -> None:
    for second in range(1, LARGEST + 1):
        for first in range(1, second + 1):
            proof = prove_consistency(TREE, first, second)
            assert proof == subproof(first, 0, second, True)
            verify_consistency(first, second, proof, mth(0, first), mth(0, second))


def test_a_proof_reads_few_hashes_and_all_at_once() -> None:
    reads = []

    class Counting:
        def read(self, subtrees: Sequence[Subtree]) -> list[bytes]:
            reads.append(len(subtrees))
            return TREE.read(subtrees)

    hashes = Counting()
    for size in range(1, LARGEST + 1):
        prove_inclusion(hashes, size // 3, size)
        prove_consistency(hashes, size // 3 + 1, size)
    assert len(reads) == 2 * LARGEST
    assert max(reads) <= 2 * LARGEST.bit_length()


# -- wrong proofs


def mangled(proof: list[bytes], random: Random) -> list[bytes]:
    """With a bit flipped, or a hash dropped, doubled, added or swapped with another one."""
    changed, at = list(proof), random.randrange(len(proof) + 1)
    kind = random.choice(["flip", "drop", "double", "add", "swap", "cut"])
    if kind == "add" or not proof or at == len(proof):
        changed.insert(at, random.choice([random.randbytes(32), random.choice(LEAVES), b""]))
    elif kind == "flip":
        changed[at] = flipped(proof[at], random)
    elif kind == "drop":
        del changed[at]
    elif kind == "double":
        changed.insert(at, proof[at])
    elif kind == "swap":
        other = random.randrange(len(proof))
        changed[at], changed[other] = proof[other], proof[at]
    else:
        changed[at] = proof[at][:-1]
    return changed


def flipped(value: bytes, random: Random) -> bytes:
    bit = 1 << random.randrange(8 * len(value))
    return (int.from_bytes(value) ^ bit).to_bytes(len(value))


def test_of_ten_thousand_changed_inclusion_proofs_none_is_accepted() -> None:
    random, refused = Random(6962), 0
    while refused < 10_000:
        size = random.randint(1, LARGEST)
        index = random.randrange(size)
        leaf, proof, root = LEAVES[index], prove_inclusion(TREE, index, size), mth(0, size)
        claim = random.choice(
            [
                (leaf, index, size, mangled(proof, random), root),
                (leaf, random.randint(-1, size), size, proof, root),
                (leaf, index, size, proof, flipped(root, random)),
                (flipped(leaf, random), index, size, proof, root),
                (leaf, index, size, proof, root[:-1]),
            ]
        )
        if claim != (leaf, index, size, proof, root):
            assert not holds(verify_inclusion, *claim), (index, size, claim)
            refused += 1


def test_of_ten_thousand_changed_consistency_proofs_none_is_accepted() -> None:
    random, refused = Random(9162), 0
    while refused < 10_000:
        second = random.randint(1, LARGEST)
        first = random.randint(1, second)
        proof, old, new = prove_consistency(TREE, first, second), mth(0, first), mth(0, second)
        claim = random.choice(
            [
                (first, second, mangled(proof, random), old, new),
                (first, second, proof, flipped(old, random), new),
                (first, second, proof, old, flipped(new, random)),
                (second, first, proof, new, old),
                (first, second, proof, new, old),
                (first, second, proof, old[:-1], new),
            ]
        )
        if claim != (first, second, proof, old, new):
            assert not holds(verify_consistency, *claim), (first, second, claim)
            refused += 1


def test_whatever_proof_is_given_only_the_leaf_that_is_there_is_shown_to_be_there() -> None:
    sizes = range(1, 14)
    proofs = [(LEAVES[index], path(index, 0, size)) for size in sizes for index in range(size)]
    for size in sizes:
        for index in range(size):
            for leaf, proof in proofs:
                if holds(verify_inclusion, leaf, index, size, proof, mth(0, size)):
                    assert leaf == LEAVES[index]


def test_whatever_proof_is_given_a_tree_with_a_changed_leaf_is_not_shown_to_begin_with_the_old_one() -> None:
    sizes, other = range(1, 11), HashLevels([*LEAVES[:2], leaf_hash(b"rewritten"), *LEAVES[3:]])
    proofs = [
        prove_consistency(tree, first, second)
        for tree in (TREE, other)
        for second in sizes
        for first in range(1, second + 1)
    ]
    for second in sizes:
        for first in range(3, second + 1):
            for proof in proofs:
                assert not holds(verify_consistency, first, second, proof, mth(0, first), root_of(other, second))


# What RFC 9162 tells a verifier to do, step by step.


def node(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


def accepts_inclusion(leaf: bytes, index: int, size: int, proof: list[bytes], root: bytes) -> bool:
    """RFC 9162, 2.1.3.2."""
    if index >= size:
        return False
    fn, sn, r = index, size - 1, leaf
    for p in proof:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            r = node(p, r)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = node(r, p)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and r == root


def accepts_consistency(first: int, second: int, proof: list[bytes], old: bytes, new: bytes) -> bool:
    """RFC 9162, 2.1.4.2."""
    if not proof:
        return False
    nodes = [old, *proof] if first.bit_count() == 1 else proof
    fn, sn = first - 1, second - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    fr = sr = nodes[0]
    for c in nodes[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            fr, sr = node(c, fr), node(c, sr)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = node(sr, c)
        fn, sn = fn >> 1, sn >> 1
    return (fr, sr, sn) == (old, new, 0)


def test_a_changed_index_or_size_is_accepted_only_where_the_algorithm_of_the_rfc_accepts_it() -> None:
    places = [(index, size) for size in range(1, 18) for index in range(size)]
    accepted = 0
    for index, size in places:
        leaf, proof, root = LEAVES[index], path(index, 0, size), mth(0, size)
        for place in places:
            expected = accepts_inclusion(leaf, *place, proof, root)
            assert holds(verify_inclusion, leaf, *place, proof, root) == expected, (index, size, place)
            accepted += expected
    assert accepted > len(places)


def test_changed_sizes_are_accepted_only_where_the_algorithm_of_the_rfc_accepts_them() -> None:
    pairs = [(first, second) for second in range(2, 18) for first in range(1, second)]
    accepted = 0
    for first, second in pairs:
        proof, old, new = prove_consistency(TREE, first, second), mth(0, first), mth(0, second)
        for pair in pairs:
            expected = accepts_consistency(*pair, proof, old, new)
            assert holds(verify_consistency, *pair, proof, old, new) == expected, (first, second, pair)
            accepted += expected
    assert accepted > len(pairs)


def test_a_proof_does_not_bind_a_size_that_came_without_its_root() -> None:
    """Why sizes are taken from checkpoints: along this path trees of 3 and of 4 leaves look the same."""
    verify_inclusion(LEAVES[0], 0, 4, path(0, 0, 3), mth(0, 3))
    assert not holds(verify_inclusion, LEAVES[0], 0, 4, path(0, 0, 3), mth(0, 4))
    assert not holds(verify_inclusion, LEAVES[0], 0, 5, path(0, 0, 3), mth(0, 3))


@pytest.mark.parametrize(("index", "size"), [(0, 0), (1, 1), (-1, 4), (4, 4), (0, -1), (-3, -2)])
def test_a_leaf_outside_of_the_tree_is_neither_shown_nor_believed(index: int, size: int) -> None:
    with pytest.raises(Invalid, match=f"a tree of {size} leaves has no leaf {index}"):
        prove_inclusion(TREE, index, size)
    with pytest.raises(ProofRejected, match=f"a tree of {size} leaves has no leaf {index}"):
        verify_inclusion(LEAVES[0], index, size, [], LEAVES[0])


@pytest.mark.parametrize(("first", "second"), [(0, 0), (0, 1), (2, 1), (-1, 1), (-2, -1)])
def test_an_empty_or_larger_first_tree_is_neither_shown_nor_believed(first: int, second: int) -> None:
    with pytest.raises(Invalid, match=f"a tree of {second} leaves cannot be shown"):
        prove_consistency(TREE, first, second)
    with pytest.raises(ProofRejected, match=f"a tree of {second} leaves cannot be shown"):
        verify_consistency(first, second, [], EMPTY_ROOT, EMPTY_ROOT)


def test_a_size_has_one_root() -> None:
    with pytest.raises(ProofRejected, match="two roots for 3 leaves"):
        verify_consistency(3, 3, [], mth(0, 3), LEAVES[0])


def test_bytes_may_not_move_from_one_hash_to_the_next() -> None:
    left, right = LEAVES[0] + LEAVES[1][:1], LEAVES[1][1:]
    with pytest.raises(ProofRejected, match="has not 32 bytes"):
        verify_inclusion(left, 0, 2, [right], mth(0, 2))


def test_neither_a_leaf_nor_a_root_has_another_length() -> None:
    with pytest.raises(ProofRejected, match="has not 32 bytes"):
        verify_inclusion(b"short", 0, 1, [], b"short")
    with pytest.raises(ProofRejected, match="has not 32 bytes"):
        verify_consistency(1, 1, [], b"short", b"short")


def test_a_rejected_proof_is_a_failed_verification() -> None:
    assert issubclass(ProofRejected, VerificationFailed)


# -- a tree that grows

leaves = st.lists(st.integers(0, LARGEST - 1).map(LEAVES.__getitem__), max_size=70)


@given(leaves, st.data())
def test_a_frontier_has_the_root_of_its_leaves_wherever_it_was_interrupted(
    given: list[bytes], data: st.DataObject
) -> None:
    cut = data.draw(st.integers(0, len(given)))
    tree, frontier = HashLevels(given), Frontier.resumed(HashLevels(given[:cut]), cut)
    for leaf in given[cut:]:
        frontier = Frontier(frontier.size, frontier.peaks)
        frontier.append(leaf)
    assert frontier.size == len(given)
    assert len(frontier.peaks) == len(given).bit_count()
    assert frontier.root() == root_of(tree, len(given))


@given(leaves)
def test_appending_gives_each_complete_subtree_once(given: list[bytes]) -> None:
    frontier, stored = Frontier(), dict[Subtree, bytes]()
    for index, leaf in enumerate(given):
        for level, completed in enumerate(frontier.append(leaf)):
            assert Subtree(level, index >> level) not in stored
            stored[Subtree(level, index >> level)] = completed
    assert set(stored) == {
        Subtree(level, index) for level in range(len(given).bit_length()) for index in range(len(given) >> level)
    }
    assert list(stored.values()) == HashLevels(given).read(list(stored))


@pytest.mark.parametrize(("size", "peaks"), [(1, []), (2, LEAVES[:2]), (-1, LEAVES[:1]), (1, [b"short"])])
def test_peaks_that_are_not_those_of_the_size_are_refused(size: int, peaks: list[bytes]) -> None:
    with pytest.raises(Invalid, match=f"not the peaks of a tree of {size} leaves"):
        Frontier(size, peaks)


def test_a_leaf_is_a_hash() -> None:
    with pytest.raises(Invalid, match="must have 32 bytes and has 5"):
        HashLevels([b"entry"])


@pytest.mark.parametrize("subtree", [Subtree(0, 5), Subtree(2, 1), Subtree(3, 0), Subtree(0, -1), Subtree(-1, 0)])
def test_a_subtree_that_is_not_complete_cannot_be_read(subtree: Subtree) -> None:
    with pytest.raises(Invalid, match="a tree of 5 leaves has no complete Subtree"):
        HashLevels(LEAVES[:5]).read([subtree])


def test_nothing_is_shown_of_a_tree_that_has_not_grown_so_far() -> None:
    with pytest.raises(Invalid, match="no complete Subtree"):
        prove_inclusion(HashLevels(LEAVES[:5]), 0, 6)
