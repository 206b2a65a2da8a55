"""A store that is served over a real socket, and what its clients say."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import httpx

from mnemolog.api.credentials import ApiKey
from mnemolog.api.http import create_app
from mnemolog.api.principals import found_tenant
from mnemolog.api.server import Server, listening, url_of
from mnemolog.api.store import Store
from mnemolog.api.wiring import owner_key
from mnemolog.domain.identity import new_id
from mnemolog.domain.principal import PrincipalKind

PATIENCE = 60.0


class Served:
    """`client` holds the owner's key; `strangers` that of the owner of another tenant."""

    def __init__(self, store: Store, url: str) -> None:
        self.store, self.url = store, url
        self.key = owner_key(store.parts)
        other = ApiKey.new()
        found_tenant(store.parts, other, "somebody else")
        self.client, self.stranger = self.holding(self.key), self.holding(other.reveal())
        self.anonymous = self.holding(None)
        for administrator in (self.client, self.stranger):  # the first record of a tenant is written at once
            assert administrator.get("/v1/log", params={"limit": 1}).status_code == 200

    def holding(self, key: str | None) -> httpx.Client:
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=PATIENCE)

    def agent(self, *, administrator: bool = False) -> httpx.Client:
        """A client of the owner's tenant that is no owner of any cube."""
        principal = self.store.principals.register("an agent", PrincipalKind.AGENT, administrator=administrator)
        return self.holding(self.store.principals.issue_key(principal.principal_id).key)

    def head(self) -> int:
        return self.store.log.head()

    def cube(self, **config: Any) -> str:
        name = f"cube-{new_id().hex}"
        response = self.client.post("/v1/cubes", json={"name": name, "config": config})
        assert response.status_code == 201, response.text
        return name

    def remember(self, text: str = "Tea is kept in the blue tin.", **facts: Any) -> UUID:
        """The id of a new memory, in a new cube unless `cube` is given."""
        cube = facts.pop("cube", None) or self.cube()
        response = self.client.post(f"/v1/cubes/{cube}/memories", json={"text": text, **facts})
        assert response.status_code == 201, response.text
        return UUID(response.json()["memory_ids"][0])

    def close(self) -> None:
        for client in (self.client, self.stranger, self.anonymous):
            client.close()


@contextmanager
def serving(store: Store, **options: Any) -> Iterator[tuple[str, Server]]:
    """The URL of a running server, which is stopped at the end and must then have ended."""
    ready = threading.Event()
    with listening("127.0.0.1", 0) as listener:
        server = Server(create_app(store, **options), ready.set)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            assert ready.wait(PATIENCE)
            yield url_of(listener), server
        finally:
            server.should_exit = True
            thread.join(PATIENCE)
    assert not thread.is_alive()


def refusal(response: httpx.Response) -> tuple[int, str]:
    """(status, code) of a problem document that says all that it must."""
    assert response.headers["content-type"] == "application/problem+json", response.text
    document = response.json()
    assert document["type"] == f"urn:mnemolog:problem:{document['code']}"
    assert document["status"] == response.status_code
    assert document["title"]
    assert document["detail"]
    assert document["instance"] == f"urn:uuid:{response.headers['x-request-id']}"
    return response.status_code, document["code"]
