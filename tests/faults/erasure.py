"""A process that erases, and is killed before or after one step of it.

python erasure.py HOME DSN TARGET_KIND TARGET_ID STEP before|after
"""

from __future__ import annotations

import os
import signal
import sys
from importlib import import_module
from typing import Any
from uuid import UUID

from mnemolog.adapters.embedders.hashing import HashingEmbedder
from mnemolog.api import erasing, open_store
from mnemolog.domain.memory import Memory

STEPS = {
    "begin": ("mnemolog.api.erasures", "Erasures", "_begin"),
    "tombstone": ("mnemolog.adapters.tombstones", "Tombstones", "add"),
    "destroy": ("mnemolog.adapters.postgres.keys", "PostgresKeys", "destroy"),
    "events": ("mnemolog.api.erasing", None, "record_erased"),
    "batch": ("mnemolog.adapters.postgres.application", "LogApplication", "append"),  # the first of several
    "receipt": ("mnemolog.api.erasing", None, "receipt"),
    "complete": ("mnemolog.api.erasing", None, "complete"),
}


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def dies_at(step: str, moment: str) -> None:
    module, holder, name = STEPS[step]
    place: Any = import_module(module)
    place = place if holder is None else getattr(place, holder)
    original = getattr(place, name)

    def fatal(*arguments: Any, **named: Any) -> Any:
        if step == "batch" and not all(isinstance(event, Memory.Erased) for event in arguments[1]):
            return original(*arguments, **named)
        if moment == "before":
            die()
        original(*arguments, **named)
        return die()

    setattr(place, name, fatal)


def main(home: str, dsn: str, kind: str, target_id: str, step: str, moment: str) -> None:
    with open_store(home, dsn, embedder=HashingEmbedder()) as store:
        erasing.BATCH = 2
        dies_at(step, moment)
        meant: dict[str, Any] = {kind: UUID(target_id)}
        store.erasures.erase(basis="case 1", **meant)


if __name__ == "__main__":
    main(*sys.argv[1:])
