from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnemolog.adapters.postgres import tiles
from mnemolog.adapters.postgres.connection import Row
from mnemolog.adapters.postgres.tiles import TiledHashes
from mnemolog.domain.merkle import HashLevels, Subtree, prove_inclusion
from mnemolog.domain.refusals import Invalid

SIZE = 66_000  # two stored levels and a part of the third


class Table:
    """What the query `tree_hashes` finds of a tree, of which every eighth level is stored."""

    def __init__(self, levels: HashLevels) -> None:
        self.levels, self.asked = levels, 0

    def __call__(self, statement: str, facts: dict[str, Any]) -> list[Row]:
        self.asked += 1
        nodes = list(zip(facts["levels"], facts["indexes"], strict=True))
        wanted = [*nodes, *((0, position - 1) for position in facts["positions"])]
        there = [(level, index) for level, index in wanted if index < self.levels.size >> level]
        return [(level, index, self.levels.read([Subtree(level, index)])[0]) for level, index in there]


@pytest.fixture(scope="module")
def levels() -> HashLevels:
    return HashLevels(number.to_bytes(32, "big") for number in range(SIZE))


@given(index=st.integers(0, SIZE - 1), less=st.integers(0, 300))
def test_a_proof_is_the_one_that_the_whole_tree_gives(levels: HashLevels, index: int, less: int) -> None:
    size = max(index + 1, SIZE - less)
    assert prove_inclusion(TiledHashes(Table(levels)), index, size) == prove_inclusion(levels, index, size)


def test_neighbours_share_what_was_read(levels: HashLevels, monkeypatch: pytest.MonkeyPatch) -> None:
    table = Table(levels)
    hashes = TiledHashes(table)
    for index in range(512):
        prove_inclusion(hashes, index, SIZE)
    assert table.asked < 10
    monkeypatch.setattr(tiles, "MOST_KEPT", 1)
    monkeypatch.setattr(tiles, "MOST_KNOWN", 1)
    assert prove_inclusion(hashes, 60_000, SIZE) == prove_inclusion(levels, 60_000, SIZE)


def test_what_is_not_complete_is_not_there(levels: HashLevels) -> None:
    with pytest.raises(Invalid):
        TiledHashes(Table(levels)).read([Subtree(9, SIZE >> 9)])
