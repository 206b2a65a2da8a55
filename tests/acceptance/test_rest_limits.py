"""What a client may ask for in a time, and how long it may take to ask."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from mnemolog.adapters.embedders.hashing import HashingEmbedder
from mnemolog.api.settings import Settings
from mnemolog.api.store import open_store
from tests.served import PATIENCE, Served, refusal, serving

Limited = Callable[..., Served]


@contextmanager
def served_with(settings: Settings) -> Iterator[Served]:
    with ExitStack() as closing_all:
        store = closing_all.enter_context(open_store(settings=settings, embedder=HashingEmbedder()))
        url, _ = closing_all.enter_context(serving(store))
        yield closing_all.enter_context(closing(Served(store, url)))


@pytest.fixture
def limited(dsn: str, tmp_path: Path) -> Iterator[Limited]:
    with ExitStack() as closing_all:

        def opened(**limits: Any) -> Served:
            return closing_all.enter_context(served_with(Settings(home=tmp_path, dsn=dsn, **limits)))

        yield opened


def test_a_key_that_asks_too_often_is_told_when_to_come_back(limited: Limited) -> None:
    served = limited(rate_per_key=0.001)
    with served.agent() as agent, served.agent() as other:
        assert agent.get("/v1/cubes").status_code == 200
        response = agent.get("/v1/cubes")
        assert refusal(response) == (429, "too_many_requests")
        assert 900 <= int(response.headers["retry-after"]) <= 1000
        assert other.get("/v1/cubes").status_code == 200
    assert served.anonymous.get("/healthz").status_code == 200


def test_the_keys_of_a_tenant_share_its_rate_and_other_tenants_have_their_own(limited: Limited) -> None:
    served = limited(rate_per_tenant=0.001)
    one, other = (served.store.tenants.found(name).key for name in ("one", "other"))
    owner = served.store.acting_as(one)
    second = owner.principals.issue_key(owner.caller.principal_id).key
    with served.holding(one) as first, served.holding(second) as same, served.holding(other) as stranger:
        assert first.get("/v1/cubes").status_code == 200
        assert refusal(same.get("/v1/cubes")) == (429, "too_many_requests")
        assert stranger.get("/v1/cubes").status_code == 200


def test_the_limits_of_one_tenant_are_its_own(limited: Limited) -> None:
    served = limited()
    with served.holding(served.store.tenants.found("slow").key) as usual:
        assert [usual.get("/v1/cubes").status_code for _ in range(5)] == [200] * 5
    answer = served.client.post("/v1/tenants", json={"name": "slow", "requests_per_second": 0.001}).json()
    with served.holding(answer["key"]) as slow:
        assert [slow.get("/v1/cubes").status_code for _ in range(3)] == [200, 429, 429]


def test_a_stream_is_a_request_as_long_as_it_flows(limited: Limited) -> None:
    served = limited(concurrent_per_key=1)
    with served.client.stream("GET", "/v1/log/stream") as stream:
        assert stream.status_code == 200
        response = served.client.get("/v1/cubes")
        assert refusal(response) == (429, "too_many_requests")
        assert response.headers["retry-after"] == "1"
    while (status := served.client.get("/v1/cubes").status_code) == 429:
        pass
    assert status == 200


def test_a_refused_request_gives_its_place_back(limited: Limited) -> None:
    served = limited(concurrent_per_key=1)
    for _ in range(3):
        assert refusal(served.client.get("/v1/cubes/nothing")) == (404, "cube_not_found")
        assert refusal(served.client.post("/v1/cubes", json={"nonsense": 1}))[0] == 422
    assert served.client.get("/v1/cubes").status_code == 200


def test_a_body_that_does_not_arrive_is_not_waited_for(limited: Limited) -> None:
    served = limited(body_seconds=0.2)
    head = (
        f"POST /v1/cubes HTTP/1.1\r\nHost: mnemolog\r\nAuthorization: Bearer {served.key}\r\n"
        "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
    )
    address = urlsplit(served.url)
    with socket.create_connection((address.hostname, address.port), timeout=PATIENCE) as connection:
        connection.sendall(head.encode())
        answer = connection.recv(65536).decode()
        while '"code"' not in answer and (more := connection.recv(65536)):
            answer += more.decode()
    assert answer.startswith("HTTP/1.1 408")
    assert '"code":"body_too_slow"' in answer
