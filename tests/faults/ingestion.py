"""A process that remembers numbered things as fast as it can, and writes down which of them were acknowledged.

    python ingestion.py HOME JOURNAL WRITER COUNT

It is killed at any moment and started again: then it goes on with what its journal lacks, under the same names.
"""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

from mnemolog.adapters.embedders.hashing import HashingEmbedder
from mnemolog.api import open_store
from mnemolog.domain.refusals import Unavailable


def main(home: str, journal: str, writer: str, count: int) -> None:
    acknowledged = {int(line) for line in Path(journal).read_text().split()} if Path(journal).exists() else set()
    descriptor = os.open(journal, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with open_store(home, embedder=HashingEmbedder()) as store, ThreadPoolExecutor(8) as pool:

        def remember(number: int) -> None:
            name = uuid5(NAMESPACE_URL, f"{writer}:{number}")
            while True:
                try:
                    store.memories.remember("main", f"{writer} saw thing {number}", idempotency_key=name)
                except Unavailable:  # a server that is away longer than the store's own patience
                    continue
                os.write(descriptor, f"{number}\n".encode())
                return

        print("ready", flush=True)
        list(pool.map(remember, [number for number in range(count) if number not in acknowledged]))
    print("done", flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
