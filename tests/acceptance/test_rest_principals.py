"""Principals, keys and data subjects over REST."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from tests.served import Served, refusal


def registered(served: Served, kind: str = "agent") -> str:
    response = served.client.post("/v1/principals", json={"name": "Smith", "kind": kind})
    assert response.status_code == 201
    assert response.headers["mnemolog-position"] == str(response.json()["position"])
    principal_id: str = response.json()["principal_id"]
    return principal_id


def test_a_principal_is_registered_listed_and_read(served: Served) -> None:
    principal_id = registered(served)
    found = served.client.get(f"/v1/principals/{principal_id}").json()
    assert (found["kind"], found["administrator"]) == ("agent", False)
    assert "name" not in found
    assert found in served.client.get("/v1/principals", params={"limit": 500}).json()["items"]
    assert refusal(served.stranger.get(f"/v1/principals/{principal_id}")) == (404, "principal_not_found")


def test_a_key_is_shown_once_and_works_until_it_is_revoked(served: Served) -> None:
    path = f"/v1/principals/{registered(served)}/keys"
    response = served.client.post(path, json={})
    assert response.status_code == 201
    assert response.headers["cache-control"] == "no-store"
    issued = response.json()
    with served.holding(issued["key"]) as client:
        assert client.get("/v1/cubes").json()["items"] == []
        assert served.client.delete(f"{path}/{issued['key_id']}").status_code == 200
        assert refusal(client.get("/v1/cubes")) == (401, "not_authenticated")
    secret = issued["key"].rpartition("_")[2]
    assert secret not in served.client.get("/v1/log", params={"limit": 500}).text


def test_a_key_can_have_an_end(served: Served) -> None:
    path = f"/v1/principals/{registered(served)}/keys"
    moment = datetime.now(UTC) + timedelta(days=1)
    assert served.client.post(path, json={"expires_at": moment.isoformat()}).json()["expires_at"] == moment.isoformat()
    assert served.client.post(path, json={"ttl_seconds": 60}).json()["expires_at"] is not None


def test_a_data_subject_can_be_whom_a_memory_is_about(served: Served) -> None:
    response = served.client.post("/v1/subjects", json={"name": "Grace"})
    assert response.status_code == 201
    assert response.headers["mnemolog-position"] == str(response.json()["position"])
    memory_id = served.remember("Grace plays chess.", subject_id=response.json()["subject_id"])
    assert served.client.get(f"/v1/memories/{memory_id}").json()["subject_ids"] == [response.json()["subject_id"]]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/v1/principals", {"name": "Neo"}),
        ("GET", "/v1/principals", None),
        ("POST", "/v1/subjects", {"name": "Neo"}),
        ("GET", "/v1/log", None),
        ("GET", "/v1/log/stream", None),
        ("POST", "/v1/log/verify", None),
    ],
)
def test_what_is_for_administrators_is_denied_to_others(
    served: Served, method: str, path: str, body: dict[str, str] | None
) -> None:
    with served.agent() as agent:
        before = served.head()
        assert refusal(agent.request(method, path, json=body)) == (403, "denied")
        assert served.head() == before


def test_nobody_can_make_keys_for_another(served: Served) -> None:
    principal_id = registered(served)
    with served.agent() as agent:
        before = served.head()
        for client in (agent, served.stranger):
            response = client.post(f"/v1/principals/{principal_id}/keys", json={})
            assert refusal(response) == (404, "principal_not_found")
        assert served.head() == before


def test_a_key_that_is_not_there_cannot_be_revoked(served: Served) -> None:
    response = served.client.delete(f"/v1/principals/{registered(served)}/keys/{uuid4()}")
    assert refusal(response) == (404, "not_found")
