"""An erasure that was killed at any step: the next start brings it to its end, and until then nobody is told anything
that it had made unreadable.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from mnemolog.adapters.embedders.hashing import HashingEmbedder
from mnemolog.api import Store, open_store
from mnemolog.api.receipts import read_receipt
from mnemolog.domain.commands import Remember
from mnemolog.domain.refusals import MemoryErased
from tests.faults import erasure

PROGRAM = Path(erasure.__file__)
SOON = {
    ("memory", "begin", "after"),
    ("memory", "destroy", "after"),
    ("subject", "tombstone", "after"),
    ("subject", "destroy", "before"),
    ("subject", "batch", "after"),
    ("subject", "complete", "before"),
}
DEATHS = [
    pytest.param(kind, step, moment, marks=[] if (kind, step, moment) in SOON else [pytest.mark.long])
    for kind in ("memory", "subject")
    for step in erasure.STEPS
    for moment in ("before", "after")
    if (kind, step) != ("memory", "batch")  # the event of a single memory comes with the beginning
]


def opened(home: Path, dsn: str) -> Store:
    return open_store(home, dsn, embedder=HashingEmbedder())


def killed(home: Path, dsn: str, kind: str, target_id: UUID, step: str, moment: str) -> None:
    command = [sys.executable, str(PROGRAM), str(home), dsn, kind, str(target_id), step, moment]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr


@pytest.mark.parametrize(("kind", "step", "moment"), DEATHS)
def test_an_erasure_that_was_killed_is_finished_at_the_next_start(
    dsn: str, tmp_path: Path, kind: str, step: str, moment: str
) -> None:
    home = tmp_path / "home"
    with opened(home, dsn) as store:
        ada = store.principals.register_subject("Ada").subject_id
        hers = [Remember(text=f"Ada said {number}.", subject_id=ada) for number in range(5)]
        told = store.memories.remember("main", *hers).memory_ids
        store.memories.remember("main", "Jam is in the jar.")
        store.recall("main", "Ada")
    meant = {"memory": told[:1], "subject": told}[kind]
    target_id = {"memory": told[0], "subject": ada}[kind]
    killed(home, dsn, kind, target_id, step, moment)
    with opened(home, dsn) as store:
        answers = store.erasures.list().items
        if (step, moment) == ("begin", "before"):
            assert answers == []
            asked: dict[str, Any] = {kind: target_id}
            answers = [store.erasures.erase(basis="case 1", **asked)]
        (answer,) = answers
        assert answer.completed
        streams = read_receipt(answer.receipt, answer.verifier_key)["destroyed_keys"]["stream_ids"]
        assert set(streams) >= {str(each) for each in meant}
        for each in meant:
            with pytest.raises(MemoryErased):
                store.memories.get(each)
        left = {memory.text for memory in store.memories.list("main").items}
        assert left == {"Jam is in the jar."} | ({f"Ada said {n}." for n in range(1, 5)} if kind == "memory" else set())
        store.views.verify()
        store.log.verify()
