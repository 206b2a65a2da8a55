"""A server killed while programs store memories over REST: what it has acknowledged is there when it is back."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

import httpx
import pytest

from tests.faults.test_ingestion import home, stored

__all__ = ["home"]  # the fixture
pytestmark = pytest.mark.durable
WRITERS, EACH, KILLS = 4, 120, 2
SERVE = """
import sys
from pathlib import Path
from mnemolog.api.server import serve
from mnemolog.api.settings import Settings
settings = Settings(home=Path(sys.argv[1]), embedder="hashing")
serve(settings, port=int(sys.argv[2]), ready=lambda url: print("ready", flush=True))
"""


class Serving:
    """The server's process, always on the same port."""

    def __init__(self, home: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = int(free.getsockname()[1])
        self.home = home
        self.process = self.start()

    def start(self) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", SERVE, str(self.home), str(self.port)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n"
        return self.process

    def end(self, how: signal.Signals) -> None:
        self.process.send_signal(how)
        self.process.wait(60)
        assert self.process.stdout is not None
        self.process.stdout.close()


@contextmanager
def serving(home: Path) -> Iterator[Serving]:
    server = Serving(home)
    try:
        yield server
    finally:
        server.end(signal.SIGTERM)


def test_a_killed_server_carries_on_with_all_that_it_has_acknowledged(home: Path) -> None:
    acknowledged: set[int] = set()
    with serving(home) as server, ThreadPoolExecutor(WRITERS) as pool:
        key = (home / "owner.key").read_text().strip()
        writers = [pool.submit(write, server.port, key, range(n, WRITERS * EACH, WRITERS), acknowledged)
                   for n in range(WRITERS)]  # fmt: skip
        for kill in range(1, KILLS + 1):
            while len(acknowledged) < kill * WRITERS * EACH // (KILLS + 1):
                time.sleep(0.002)
            server.end(signal.SIGKILL)
            server.start()
        for writer in writers:
            writer.result(timeout=120)
    assert acknowledged == set(range(WRITERS * EACH))
    assert stored(home, "rest") == Counter(range(WRITERS * EACH))


def write(port: int, key: str, numbers: range, acknowledged: set[int]) -> None:
    """As a careful program does: the same name for the same request, again and again until there is an answer."""
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers={"Authorization": f"Bearer {key}"}) as client:
        for number in numbers:
            name = {"Idempotency-Key": str(uuid5(NAMESPACE_URL, f"rest:{number}"))}
            while not _answered(client, number, name):
                time.sleep(0.05)
            acknowledged.add(number)


def _answered(client: httpx.Client, number: int, headers: dict[str, str]) -> bool:
    try:
        body = {"text": f"rest saw thing {number}"}
        return client.post("/v1/cubes/main/memories", json=body, headers=headers, timeout=30).status_code == 201
    except httpx.TransportError:
        return False
