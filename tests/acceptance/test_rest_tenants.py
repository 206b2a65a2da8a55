"""Tenants of one installation, as its owner founds them."""

from __future__ import annotations

from uuid import uuid4

import httpx
import pytest

from tests.served import Served, refusal


def test_a_tenant_has_an_owner_a_key_and_a_cube_of_its_own(served: Served) -> None:
    response = served.client.post("/v1/tenants", json={"name": "Bakery"})
    assert response.status_code == 201
    answer = response.json()
    assert response.headers["mnemolog-position"] == str(answer["position"])
    with served.holding(answer["key"]) as owner:
        assert [cube["name"] for cube in owner.get("/v1/cubes").json()["items"]] == ["main"]
        assert [each["principal_id"] for each in owner.get("/v1/principals").json()["items"]] == [answer["owner_id"]]
        assert owner.get("/v1/log").json()["items"][0]["tenant_id"] == answer["tenant_id"]
    assert "Bakery" not in served.client.get("/v1/tenants", params={"limit": 500}).text
    secret = answer["key"].rpartition("_")[2]
    assert secret not in served.client.get("/v1/log", params={"limit": 500}).text


def test_nobody_else_knows_that_there_are_tenants(served: Served) -> None:
    known = served.client.post("/v1/tenants", json={"name": "Bakery"}).json()["tenant_id"]
    before = served.head()
    with served.agent(administrator=True) as administrator, served.agent() as agent:
        for client in (administrator, agent, served.stranger):
            assert refusal(client.post("/v1/tenants", json={"name": "Mine"})) == (403, "denied")
            assert refusal(client.get("/v1/tenants")) == (403, "denied")
            for tenant_id in (known, uuid4()):
                assert refusal(client.put(f"/v1/tenants/{tenant_id}/limits", json={})) == (403, "denied")
    served_events = served.client.get("/v1/log", params={"after": before, "limit": 500}).json()["items"]
    assert not [event for event in served_events if event["type"].startswith("tenant.")]


def test_limits_are_listed_and_changed(served: Served) -> None:
    facts = {"requests_per_second": 2.5, "concurrent_requests": 3}
    tenant_id = served.client.post("/v1/tenants", json={"name": "Bakery", **facts}).json()["tenant_id"]
    assert limits(served.client, tenant_id) == facts
    changed = served.client.put(f"/v1/tenants/{tenant_id}/limits", json={"requests_per_second": 5})
    assert changed.status_code == 200
    assert limits(served.client, tenant_id) == {"requests_per_second": 5, "concurrent_requests": None}


def limits(client: httpx.Client, tenant_id: str) -> dict[str, float | None]:
    items = client.get("/v1/tenants", params={"limit": 500}).json()["items"]
    (found,) = (each for each in items if each["tenant_id"] == tenant_id)
    return {name: found[name] for name in ("requests_per_second", "concurrent_requests")}


@pytest.mark.parametrize(
    "facts", [{"requests_per_second": 0}, {"concurrent_requests": -1}, {"concurrent_requests": 1.5}]
)
def test_a_limit_that_is_none_is_refused(served: Served, facts: dict[str, float]) -> None:
    assert served.client.post("/v1/tenants", json={"name": "Bakery", **facts}).status_code == 422


def test_a_tenant_that_there_is_not_has_no_limits(served: Served) -> None:
    assert refusal(served.client.put(f"/v1/tenants/{uuid4()}/limits", json={})) == (404, "not_found")
