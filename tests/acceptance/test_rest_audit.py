"""The audit over REST: every route that tells what memories say leaves a record, and so does every refusal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import httpx
import pytest

from mnemolog.domain.identity import new_id
from tests.served import Served, refusal

TEA = "Tea is kept in the blue tin."
Ask = Callable[[httpx.Client, str, UUID], httpx.Response]
TELLING: dict[str, Ask] = {
    "recall": lambda client, cube, _: client.post("/v1/recall", json={"cube": cube, "query": "tea"}),
    "get": lambda client, _, memory: client.get(f"/v1/memories/{memory}"),
    "history": lambda client, _, memory: client.get(f"/v1/memories/{memory}/history"),
    "lineage": lambda client, _, memory: client.get(f"/v1/memories/{memory}/lineage"),
    "list": lambda client, cube, _: client.get(f"/v1/cubes/{cube}/memories"),
    "traverse": lambda client, cube, memory: client.post("/v1/traversals", json=way(cube, memory)),
    "path": lambda client, cube, memory: client.post("/v1/paths", json=way(cube, memory) | ends(memory)),
    "related": lambda client, cube, _: client.post("/v1/related", json={"cube": cube, "start": ["Ann"]}),
}


def way(cube: str, memory_id: UUID) -> dict[str, Any]:
    return {"cube": cube, "start": [str(memory_id)]}


def ends(memory_id: UUID) -> dict[str, Any]:
    return {"start": str(memory_id), "goal": "Ann"}


def audit(client: httpx.Client, **asked: Any) -> list[dict[str, Any]]:
    response = client.get("/v1/audit", params=asked)
    assert response.status_code == 200, response.text
    items: list[dict[str, Any]] = response.json()["items"]
    return items


@pytest.mark.parametrize("kind", TELLING)
def test_a_route_that_tells_what_a_memory_says_leaves_a_record(served: Served, kind: str) -> None:
    cube = served.cube()
    memory_id = served.remember(TEA, cube=cube, speaker="Ann")
    session, request = new_id(), new_id()
    told = {"Mnemolog-Session": str(session), "X-Request-Id": str(request)}
    with served.holding(served.key) as client:
        client.headers.update(told)
        response = TELLING[kind](client, cube, memory_id)
    assert TEA in response.text
    (entry,) = audit(served.client, session=str(session))
    assert (entry["kind"], entry["memory_ids"]) == (kind, [str(memory_id)])
    assert entry["actor_id"] == str(served.store.caller.principal_id)
    assert TEA not in str(entry)
    event = served.client.get("/v1/log", params={"after": entry["position"] - 1, "limit": 1}).json()["items"][0]
    assert event["request_id"] == str(request)
    assert not {"question", "scores"} & event["data"].keys()


def test_these_are_all_the_routes_that_tell_what_a_memory_says(served: Served) -> None:
    """By what they answer: a schema with `text`, or events of a memory with their data."""
    document = served.client.get("/openapi.json").json()
    schemas = document["components"]["schemas"]

    def tells(schema: Any, seen: frozenset[str] = frozenset()) -> bool:
        if isinstance(schema, list):
            return any(tells(each, seen) for each in schema)
        if not isinstance(schema, dict):
            return False
        if (name := schema.get("$ref", "").rpartition("/")[2]) and name not in seen:
            return tells(schemas[name], seen | {name})
        return "text" in schema.get("properties", {}) or any(tells(each, seen) for each in schema.values())

    telling = {
        path
        for path, methods in document["paths"].items()
        for route in methods.values()
        if tells(route["responses"].get("200", {}).get("content", {}))
    }
    assert telling - {"/v1/permissions/explain"} == {  # the text of that one is a reason
        "/v1/recall",
        "/v1/memories/{memory_id}",
        "/v1/memories/{memory_id}/lineage",
        "/v1/memories/{memory_id}/diff",
        "/v1/memories/{memory_id}/blame",
        "/v1/cubes/{cube}/timeline",
        "/v1/cubes/{cube}/memories",
        "/v1/traversals",
        "/v1/paths",
        "/v1/related",
    }


def test_a_refusal_is_on_record_and_its_owner_learns_of_it(served: Served) -> None:
    memory_id = served.remember(TEA, visibility="private")
    with served.agent() as agent:
        assert refusal(agent.get(f"/v1/memories/{memory_id}")) == (404, "memory_not_found")
        (own,) = audit(agent, refused="true")
        assert (own["kind"], own["code"], own["memory_ids"]) == ("get", "memory_not_found", [str(memory_id)])
    (entry,) = audit(served.client, memory=str(memory_id), refused="true")
    assert (entry["actor_id"], entry["facts"]["target_id"]) == (own["actor_id"], str(memory_id))


def test_pages_follow_each_other(served: Served) -> None:
    cube = served.cube()
    for number in range(4):
        served.remember(f"Thing {number}.", cube=cube)
    cube_id = served.client.get(f"/v1/cubes/{cube}").json()["cube_id"]
    asked = {"cube": cube_id, "kind": ["memory.generated", "memory.activated"], "limit": 3}
    pages: list[list[int]] = []
    cursor: dict[str, str] = {}
    while True:
        page = served.client.get("/v1/audit", params=asked | cursor).json()
        pages.append([each["position"] for each in page["items"]])
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    assert [len(page) for page in pages] == [3, 3, 2]
    positions = [position for page in pages for position in page]
    assert positions == sorted(positions, reverse=True)
    assert refusal(served.client.get("/v1/audit", params={"code": "denied"} | cursor)) == (400, "invalid_cursor")


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"actor": "nobody"}, (422, "invalid")),
        ({"since": "yesterday"}, (422, "invalid")),
        ({"limit": 0}, (422, "invalid_metadata")),
        ({"cursor": "forged"}, (400, "invalid_cursor")),
        ({"who": "Ann"}, (422, "unknown_field")),
    ],
)
def test_what_cannot_be_asked_is_refused(served: Served, asked: dict[str, Any], expected: tuple[int, str]) -> None:
    assert refusal(served.client.get("/v1/audit", params=asked)) == expected


def test_the_store_tells_how_many_records_wait(served: Served) -> None:
    text = served.client.get("/metrics").text
    assert any(line.startswith("mnemolog_audit_waiting ") for line in text.splitlines())
