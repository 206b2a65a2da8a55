"""The server as a process: where it may listen, and how it ends."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from mnemolog.api.server import check_binding, is_loopback, listening, serve, url_of
from mnemolog.api.settings import Settings
from mnemolog.api.wiring import OWNER_KEY
from mnemolog.domain.refusals import InsecureBinding, Unavailable
from tests.served import PATIENCE

PROGRAM = """
import sys
from pathlib import Path
from mnemolog.api.server import serve
from mnemolog.api.settings import Settings
home, dsn = sys.argv[1:]
serve(Settings(home=Path(home), dsn=dsn, embedder="hashing"), port=0, ready=lambda url: print(url, flush=True))
"""


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_this_machine_may_listen_to_itself(host: str) -> None:
    check_binding(host, behind_tls=False)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "192.0.2.7", "2001:db8::1", "no-such-host.invalid"])  # noqa: S104
def test_nobody_else_may_listen_in_without_tls(host: str, tmp_path: Path) -> None:
    assert not is_loopback(host)
    with pytest.raises(InsecureBinding):
        serve(Settings(home=tmp_path / "home"), host)
    assert not (tmp_path / "home").exists()
    check_binding(host, behind_tls=True)


def test_a_port_that_is_taken_is_refused_before_a_store_is_opened(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(Unavailable, match="cannot be listened on"):
        serve(Settings(home=tmp_path / "home"), port=taken.getsockname()[1])
    assert not (tmp_path / "home").exists()


def test_the_url_names_where_it_listens() -> None:
    with listening("127.0.0.1", 0) as listener:
        assert url_of(listener) == f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_process_in_order_and_silence(dsn: str, tmp_path: Path, number: signal.Signals) -> None:
    command = [sys.executable, "-c", PROGRAM, str(tmp_path), dsn]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ
    ) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        key = (tmp_path / OWNER_KEY).read_text().strip()
        with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=PATIENCE) as client:
            assert client.post("/v1/cubes/main/memories", json={"text": "the canary sings"}).status_code == 201
            with client.stream("GET", "/v1/log/stream") as response:
                lines = response.iter_lines()
                assert next(lines) == ": "
                process.send_signal(number)
                assert not [line for line in lines if line.startswith("data")]
        _, said = process.communicate(timeout=PATIENCE)
    assert (process.returncode, said) == (0, "")
