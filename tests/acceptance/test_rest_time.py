"""Time travel over REST: differences, origins, a timeline, undoing, forks."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.served import Served, refusal


@pytest.fixture(scope="module")
def revised(served: Served) -> tuple[str, UUID, int, int]:
    """A cube, a memory of it, where that was made, and where it was revised."""
    cube = served.cube()
    memory_id = served.remember("Tea is in the blue tin.", cube=cube)
    made = served.head()
    answer = served.client.patch(f"/v1/memories/{memory_id}", json={"text": "Tea is in the red tin.", "priority": 9})
    return cube, memory_id, made, answer.json()["position"]


def test_a_diff_tells_words_fields_and_readers(served: Served, revised: tuple[str, UUID, int, int]) -> None:
    _, memory_id, made, position = revised
    answer = served.client.get(f"/v1/memories/{memory_id}/diff", params={"from": made, "to": position}).json()
    assert [(each["kind"], each["text"]) for each in answer["text"]][1:3] == [("gone", "blue"), ("new", "red")]
    assert answer["fields"] == {"priority": {"before": 5, "after": 9}}
    assert (answer["from_position"], answer["to_position"], answer["rewritten"]) == (made, position, True)
    assert answer["readers"]["gained"] == answer["readers"]["lost"] == []
    for params, code in (({}, "invalid"), ({"from": "soon"}, "invalid"), ({"from": 10**9}, "invalid_position")):
        response = served.client.get(f"/v1/memories/{memory_id}/diff", params=params)
        assert refusal(response) == (422, code)
    backwards = served.client.get(f"/v1/memories/{memory_id}/diff", params={"from": position, "to": made})
    assert refusal(backwards) == (422, "invalid")
    with served.agent() as agent:
        hidden = agent.get(f"/v1/memories/{memory_id}/diff", params={"from": made})
    assert refusal(hidden) == (404, "memory_not_found")


def test_blame_names_the_events(served: Served, revised: tuple[str, UUID, int, int]) -> None:
    _, memory_id, made, position = revised
    answer = served.client.get(f"/v1/memories/{memory_id}/blame", params={"at": position}).json()
    assert [(each["text"], each["position"]) for each in answer["text"]] == [
        ("Tea is in the ", made - 1),
        ("red", position),
        (" tin.", made - 1),
    ]
    assert answer["fields"]["priority"] == {"value": 9, "position": position}
    assert [each["position"] for each in answer["events"]] == [made - 1, made, position]


def test_a_timeline_has_pages(served: Served, revised: tuple[str, UUID, int, int]) -> None:
    cube, memory_id, made, _ = revised
    path = f"/v1/cubes/{cube}/timeline"
    first = served.client.get(path, params={"since": made - 2, "limit": 1}).json()
    assert [(each["type"], each["memory_id"]) for each in first["items"]] == [("memory.generated.v1", str(memory_id))]
    second = served.client.get(path, params={"since": made - 2, "limit": 1, "cursor": first["next"]}).json()
    assert second["items"][0]["type"] == "memory.activated.v1"
    with served.agent() as agent:
        assert refusal(agent.get(path)) == (404, "cube_not_found")


def test_an_undo_is_told_before_and_after_and_done_once(served: Served) -> None:
    memory_id = served.remember("Tea is in the blue tin.")
    revision = served.client.patch(f"/v1/memories/{memory_id}", json={"text": "Tea is out."}).json()["position"]
    body = {"position": revision}
    dry = served.client.post("/v1/undo", json={**body, "dry_run": True}).json()
    assert (dry["dry_run"], [step["type"] for step in dry["steps"]]) == (True, ["memory.revised.v1"])
    headers = {"Idempotency-Key": str(uuid4())}
    first, again = (served.client.post("/v1/undo", json=body, headers=headers).json() for _ in range(2))
    assert again == {**first, "replayed": True}
    assert served.client.get(f"/v1/memories/{memory_id}").json()["text"] == "Tea is in the blue tin."
    response = served.client.post("/v1/undo", json=body)
    assert refusal(response) == (409, "cannot_undo")
    assert response.json()["position"] == first["position"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"position": 10**9}, (422, "invalid_position")),
        ({"position": 0}, (422, "invalid_position")),
        ({"position": -1}, (422, "invalid")),
        ({"position": "1"}, (422, "invalid")),
        ({}, (422, "invalid")),
        ({"position": 1, "really": True}, (422, "unknown_field")),
        ({"position": 1}, (409, "cannot_undo")),
    ],
)
def test_what_cannot_be_undone_is_refused(served: Served, body: dict[str, Any], code: tuple[int, str]) -> None:
    assert refusal(served.client.post("/v1/undo", json=body)) == code


def test_what_is_anothers_looks_like_what_is_not_there(served: Served) -> None:
    served.remember("Tea is in the tin.")
    made = served.head()
    with served.agent() as agent:
        for who in (served.stranger, agent):
            assert refusal(who.post("/v1/undo", json={"position": made})) == (404, "not_found")


def test_a_fork_is_a_cube_of_ones_own(served: Served, revised: tuple[str, UUID, int, int]) -> None:
    cube, _, made, _ = revised
    name = f"cube-{uuid4().hex}"
    response = served.client.post(f"/v1/cubes/{cube}/forks", json={"at": made, "name": name})
    assert response.status_code == 201, response.text
    answer = response.json()
    assert response.headers["location"] == f"/v1/cubes/{answer['cube']['cube_id']}"
    assert (answer["memories"], answer["left_out"], answer["cube"]["forked_at"]) == (1, {}, made)
    page = served.client.get(f"/v1/cubes/{name}/memories").json()
    assert [memory["text"] for memory in page["items"]] == ["Tea is in the blue tin."]
    assert served.client.get(f"/v1/cubes/{name}").json() == answer["cube"]
    assert served.client.get(f"/v1/cubes/{cube}").json()["forked_from"] is None
    again = served.client.post(f"/v1/cubes/{cube}/forks", json={"at": made, "name": name})
    assert refusal(again) == (409, "already_exists")
    with served.agent() as agent:
        hidden = agent.post(f"/v1/cubes/{cube}/forks", json={"at": made, "name": name})
    assert refusal(hidden) == (404, "cube_not_found")
