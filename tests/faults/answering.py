"""A process that recalls as fast as it can, and writes down which memories it was told of, and when.

    python answering.py HOME DSN JOURNAL MODE

A line of the journal is the number of an answer; its question has the same number.
"""

from __future__ import annotations

import os
import sys
from itertools import count
from pathlib import Path

from mnemolog.adapters.embedders.hashing import HashingEmbedder
from mnemolog.api import open_store
from mnemolog.api.settings import Audit, Settings


def main(home: str, dsn: str, journal: str, mode: str) -> None:
    descriptor = os.open(journal, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    settings = Settings(home=Path(home), dsn=dsn, audit=Audit(mode))
    with open_store(settings=settings, embedder=HashingEmbedder()) as store:
        if not store.memories.list("main").items:
            store.memories.remember("main", "Tea is kept in the blue tin.")
        begun = len(Path(journal).read_text().split())
        print("ready", flush=True)
        for number in count(begun):
            assert store.recall("main", f"where is the tea? {number}").hits
            os.write(descriptor, f"{number}\n".encode())


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4])
