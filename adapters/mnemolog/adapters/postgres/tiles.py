"""Hashes of the tree for many proofs in the order of the log: 256 are read at once, and neighbours share them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from mnemolog.adapters.postgres.tree import STRIDE, TILE, Rows, stored
from mnemolog.domain.merkle import HashLevels, Subtree

MOST_KEPT = 256  # tiles, of 16 KiB each
MOST_KNOWN = 100_000  # hashes


class TiledHashes:
    """Implements `mnemolog.domain.merkle.Hashes`. Ask it for nothing that was not complete when it was made."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self._tiles: OrderedDict[tuple[int, int], HashLevels] = OrderedDict()
        self._known: dict[Subtree, bytes] = {}

    def read(self, subtrees: Sequence[Subtree]) -> list[bytes]:
        if len(self._known) > MOST_KNOWN:
            self._known.clear()
        for subtree in subtrees:
            if subtree not in self._known:
                self._known[subtree] = self._hash(subtree)
        return [self._known[subtree] for subtree in subtrees]

    def _hash(self, subtree: Subtree) -> bytes:
        up = subtree.level % STRIDE
        tile, place = divmod(subtree.index, TILE >> up)
        (found,) = self._tile(subtree.level - up, tile).read([Subtree(up, place)])
        return found

    def _tile(self, level: int, tile: int) -> HashLevels:
        if (level, tile) in self._tiles:
            self._tiles.move_to_end((level, tile))
            return self._tiles[level, tile]
        wanted = [Subtree(level, index) for index in range(tile * TILE, (tile + 1) * TILE)]
        found = stored(self._rows, wanted)
        made = self._tiles[level, tile] = HashLevels(found[each] for each in wanted if each in found)
        if len(self._tiles) > MOST_KEPT:
            self._tiles.popitem(last=False)
        return made
