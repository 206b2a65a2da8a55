"""A process that loads an index and asks it about its own rows; a damaged one ends this process, and no other.

Run as `python -m mnemolog.adapters.hnsw_trial PATH DIMENSIONS COUNT`; exits with 0 for an index that can be used.
"""

from __future__ import annotations

import resource
import sys
from pathlib import Path

import hnswlib
import numpy as np

ASKED = 200  # rows
FOUND_SHARE = 0.9
ROOM = 2**31  # bytes on top of twice the file: a damaged size must not take the machine's memory


def main(path: Path, dimensions: int, count: int) -> bool:
    room = ROOM + 2 * path.stat().st_size
    resource.setrlimit(resource.RLIMIT_AS, (room, room))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    index = hnswlib.Index(space="ip", dim=dimensions)
    index.load_index(str(path))
    labels = sorted(index.get_ids_list())
    if len(set(labels)) != count or index.get_current_count() != count:
        return False
    asked = np.array(labels)[:: max(1, count // ASKED)]
    cells = index.get_items(asked)
    _, distances = index.knn_query(cells, k=1, num_threads=1)
    own = 1 - (cells.astype(np.float64) ** 2).sum(axis=1)
    return bool(np.mean(distances[:, 0] <= own) >= FOUND_SHARE)


if __name__ == "__main__":
    sys.exit(0 if main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])) else 1)
