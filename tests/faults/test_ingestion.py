"""Acknowledged means durable, once: whatever is killed, and however often."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from mnemolog.adapters.embedders.hashing import HashingEmbedder
from mnemolog.adapters.postgres.embedded import EmbeddedPostgres
from mnemolog.api import open_store
from mnemolog.domain.log import Selection

pytestmark = pytest.mark.durable
SCRIPT = Path(__file__).with_name("ingestion.py")


@pytest.fixture
def home() -> Iterator[Path]:
    """Not below tmp_path: pytest closes that to the account which root lends the server."""
    folder = Path(tempfile.mkdtemp(prefix="mnemolog-fault-"))
    folder.chmod(0o711)
    yield folder / "home"
    EmbeddedPostgres(folder / "home").wait_stopped()
    shutil.rmtree(folder)


class Ingestion:
    """The process under fire."""

    def __init__(self, home: Path, writer: str, count: int) -> None:
        self.journal = home.parent / f"{writer}.journal"
        self.command = [sys.executable, str(SCRIPT), str(home), str(self.journal), writer, str(count)]
        self.process = self.start()

    def start(self) -> subprocess.Popen[str]:
        process = subprocess.Popen(self.command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        self.process = process
        return process

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.finish()

    def finish(self, timeout: float = 120) -> int:
        code = self.process.wait(timeout)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code

    def wait_for(self, acknowledgements: int) -> None:
        """Until so many are in the journal, so that what follows happens in the middle of the work."""
        while len(self.acknowledged()) < acknowledgements:
            assert self.process.poll() is None, "it has ended before it was killed"
            time.sleep(0.002)

    def acknowledged(self) -> set[int]:
        return {int(line) for line in self.journal.read_text().split()} if self.journal.exists() else set()


def stored(home: Path, writer: str) -> Counter[int]:
    """How often each numbered thing is in the log, after the chain has been verified."""
    numbers: Counter[int] = Counter()
    with open_store(home, embedder=HashingEmbedder()) as store:
        store.log.verify()
        position = 0
        while page := store.parts.log.read(position, 1000, Selection(types=("memory.generated.v1",))):
            position = page[-1].position
            texts = [event.data["text"] for event in page]
            numbers.update(int(text.split()[-1]) for text in texts if text.startswith(f"{writer} "))
    return numbers


def kill_clients(home: Path, kills: int, count: int, seed: int) -> None:
    chance = random.Random(seed)
    ingestion = Ingestion(home, "client", count)
    for moment in sorted(chance.sample(range(1, count * 3 // 4), kills)):
        ingestion.wait_for(moment)
        ingestion.kill()
        ingestion.start()
    assert ingestion.finish() == 0
    assert ingestion.acknowledged() == set(range(count))
    assert stored(home, "client") == Counter(range(count))


def kill_servers(home: Path, kills: int, count: int, seed: int) -> None:
    chance = random.Random(seed)
    with EmbeddedPostgres(home) as server:
        ingestion = Ingestion(home, "server", count)
        for moment in sorted(chance.sample(range(1, count * 3 // 4), kills)):
            ingestion.wait_for(moment)
            if (pid := server.pid) is not None:
                os.kill(pid, signal.SIGKILL)
        assert ingestion.finish() == 0
    assert ingestion.acknowledged() == set(range(count))
    assert stored(home, "server") == Counter(range(count))


def test_a_killed_process_loses_nothing_that_it_was_told_is_stored(home: Path) -> None:
    kill_clients(home, kills=3, count=600, seed=1)


def test_a_killed_server_comes_back_with_all_it_has_acknowledged(home: Path) -> None:
    kill_servers(home, kills=2, count=600, seed=2)


@pytest.mark.long
def test_two_hundred_kills_of_the_process(home: Path) -> None:
    kill_clients(home, kills=200, count=40_000, seed=3)


@pytest.mark.long
def test_twenty_kills_of_the_server(home: Path) -> None:
    kill_servers(home, kills=20, count=20_000, seed=4)
