"""Lineage, influence and retractions over REST."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from tests.served import Served, refusal


def merged(client: httpx.Client, *memory_ids: UUID | str, text: str = "Both.") -> str:
    response = client.post("/v1/merges", json={"memory_ids": list(map(str, memory_ids)), "text": text})
    assert response.status_code == 201, response.text
    return str(response.json()["memory_ids"][0])


def writer(served: Served, cube: str) -> tuple[str, httpx.Client]:
    """(id, client) of an agent that may write into a cube."""
    agent = served.client.post("/v1/principals", json={"name": "agent", "kind": "agent"}).json()["principal_id"]
    terms = {"subject_id": agent, "actions": ["read", "write", "merge"], "cube": cube}
    assert served.client.post("/v1/grants", json=terms).status_code == 201
    key = served.client.post(f"/v1/principals/{agent}/keys", json={}).json()["key"]
    return agent, served.holding(key)


def test_a_lineage_is_a_small_graph(served: Served) -> None:
    cube = served.cube()
    tea, jam = served.remember("Tea.", cube=cube, sources=["letter"]), served.remember("Jam.", cube=cube)
    result = merged(served.client, tea, jam)
    answer = served.client.get(f"/v1/memories/{tea}/lineage").json()
    assert [(node["memory_id"], node["steps"], node["text"]) for node in answer["nodes"]] == [
        (str(tea), 0, "Tea."),
        (result, 1, "Both."),
    ]
    assert answer["nodes"][0]["sources"] == ["letter"]
    (step,) = answer["derivations"]
    assert (step["parent_id"], step["child_id"], step["relation"]) == (str(tea), result, "merged_to")
    assert answer["complete"] is True


def test_influence_tells_what_was_made_and_who_was_told_a_page_at_a_time(served: Served) -> None:
    cube = served.cube()
    tea, jam = served.remember("Tea.", cube=cube), served.remember("Jam.", cube=cube)
    result = merged(served.client, tea, jam)
    for _ in range(2):
        assert served.client.post("/v1/recall", json={"cube": cube, "query": "both"}).status_code == 200
    path = f"/v1/memories/{tea}/influence"
    first = served.client.get(path, params={"limit": 1}).json()
    assert [each["memory_id"] for each in first["derived"]] == [result]
    assert [(each["kind"], each["memory_ids"]) for each in first["items"]] == [("recall", [result])]
    second = served.client.get(path, params={"limit": 1, "cursor": first["next"]}).json()
    assert second["items"][0]["position"] < first["items"][0]["position"]
    assert second["next"] is None
    later = served.client.get(path, params={"position": first["position"]}).json()
    assert (later["derived"], later["items"]) == ([], [])
    assert refusal(served.stranger.get(path)) == (404, "memory_not_found")
    assert refusal(served.client.get(path, params={"cursor": "forged"})) == (400, "invalid_cursor")


def test_what_an_agent_wrote_is_taken_back_as_it_was_planned(served: Served) -> None:
    cube = served.cube(gate="open")
    tea = served.remember("Tea.", cube=cube)
    agent, client = writer(served, cube)
    with client:
        poison = client.post(f"/v1/cubes/{cube}/memories", json={"text": "Poison."}).json()["memory_ids"][0]
        assert client.patch(f"/v1/memories/{tea}", json={"text": "Poisoned tea."}).status_code == 200
    asked = {"actor_id": agent, "since": 0, "reason": "incident 7"}
    planned = served.client.post("/v1/retractions", json={**asked, "dry_run": True})
    assert (planned.status_code, planned.json()["retraction_id"]) == (200, None)
    name = {"Idempotency-Key": str(uuid4())}
    done = served.client.post("/v1/retractions", json=asked, headers=name)
    assert (done.status_code, done.headers["mnemolog-position"]) == (201, str(done.json()["position"]))
    findings = {(each["id"], each["outcome"], each["why"]) for each in done.json()["findings"]}
    assert findings == {(poison, "archived", "written"), (str(tea), "returned", "revised")}
    assert done.json()["findings"] == planned.json()["findings"]
    assert served.client.post("/v1/retractions", json=asked, headers=name).json() == done.json()
    hits = served.client.post("/v1/recall", json={"cube": cube, "query": "poison tea"}).json()["hits"]
    assert [hit["text"] for hit in hits] == ["Tea."]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"since": "yesterday"}, (422, "invalid")),
        ({"since": -1}, (422, "invalid")),
        ({"since": 2**60}, (422, "invalid_position")),
        ({"until": "12:00"}, (422, "invalid")),
        ({"reason": ""}, (422, "invalid_text")),
        ({"actor_id": str(UUID(int=7))}, (404, "principal_not_found")),
        ({"force": True}, (422, "unknown_field")),
    ],
)
def test_a_retraction_that_makes_no_sense_is_refused(
    served: Served, change: dict[str, Any], expected: tuple[int, str]
) -> None:
    asked = {"actor_id": str(served.store.caller.principal_id), "since": served.head(), "reason": "none"}
    assert refusal(served.client.post("/v1/retractions", json=asked | change)) == expected


def test_only_administrators_take_back(served: Served) -> None:
    asked = {"actor_id": str(served.store.caller.principal_id), "since": "-1h", "reason": "none", "dry_run": True}
    with served.agent() as agent:
        assert refusal(agent.post("/v1/retractions", json=asked)) == (403, "denied")
    assert refusal(served.stranger.post("/v1/retractions", json=asked)) == (404, "principal_not_found")


def test_how_often_a_memory_was_told_is_told_to_its_owner(served: Served) -> None:
    memory_id = served.remember()
    for _ in range(2):
        served.client.get(f"/v1/memories/{memory_id}")
    path, asked = "/v1/audit/patterns", {"memory_id": [str(memory_id), str(uuid4())]}
    (pattern,) = served.client.get(path, params=asked).json()["items"]
    assert (pattern["memory_id"], pattern["reads"]) == (str(memory_id), 2)
    with served.agent() as agent:
        assert agent.get(path, params=asked).json() == {"items": []}
    assert refusal(served.client.get(path)) == (422, "invalid")
