"""The graph over REST: traversals, paths, what is related."""

from __future__ import annotations

from itertools import product
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.served import Served, refusal

MISSING = "019ad000-0000-7000-8000-000000000000"
ROUTES = ("/v1/traversals", "/v1/paths", "/v1/related")


@pytest.fixture(scope="module")
def trip(served: Served) -> tuple[str, list[UUID]]:
    """A cube where Ann knows Ben, and Ben knows something about Lisbon."""
    cube = served.cube()
    ann = served.remember("I had lunch with Ben.", cube=cube, speaker="Ann")
    ben = served.remember("My sister lives in Lisbon.", cube=cube, speaker="Ben")
    return cube, [ann, ben]


def asked(path: str, cube: str, start: Any, **facts: Any) -> dict[str, Any]:
    one = {"start": start, "goal": facts.pop("goal", "Lisbon")}
    return {"cube": cube, **(one if path == "/v1/paths" else {"start": [start]}), **facts}


def test_a_traversal_tells_every_step(served: Served, trip: tuple[str, list[UUID]]) -> None:
    cube, (ann, ben) = trip
    answer = served.client.post("/v1/traversals", json={"cube": cube, "start": ["Ann"], "depth": 4}).json()
    assert answer["complete"] is True
    assert answer["position"] <= served.head()
    assert [path["steps"][-1]["node"]["id"] for path in answer["paths"]] == [str(ann), "ben", str(ben), "lisbon"]
    last = answer["paths"][2]
    assert last["start"] == {"kind": "entity", "id": "ann"}
    step = last["steps"][2]
    assert (step["relation"], step["weight"], step["forward"]) == ("mentions", 1.0, False)
    assert step["node"] == {"kind": "memory", "id": str(ben)}
    assert answer["memories"] == [
        {"memory_id": str(ann), "state": "activated", "text": "I had lunch with Ben.", "speaker": "Ann"},
        {"memory_id": str(ben), "state": "activated", "text": "My sister lives in Lisbon.", "speaker": "Ben"},
    ]
    only = {"cube": cube, "start": [str(ann)], "relations": ["mentions"], "direction": "out", "order": "depth_first"}
    paths = served.client.post("/v1/traversals", json={**only, "limit": 1}).json()
    assert (len(paths["paths"]), paths["complete"]) == (1, False)


def test_a_path_is_the_shortest_or_none(served: Served, trip: tuple[str, list[UUID]]) -> None:
    cube, (ann, ben) = trip
    answer = served.client.post("/v1/paths", json=asked("/v1/paths", cube, str(ann))).json()
    assert [step["node"]["id"] for step in answer["path"]["steps"]] == ["ben", str(ben), "lisbon"]
    assert [memory["memory_id"] for memory in answer["memories"]] == [str(ann), str(ben)]
    none = served.client.post("/v1/paths", json=asked("/v1/paths", cube, str(ann), relations=["causes"]))
    assert (none.status_code, none.json()["path"], none.json()["memories"]) == (200, None, [])


def test_what_is_related_comes_with_its_score(served: Served, trip: tuple[str, list[UUID]]) -> None:
    cube, (ann, ben) = trip
    body = {"cube": cube, "start": [str(ann)], "k": 3, "at": served.head(), "at_least": served.head()}
    answer = served.client.post("/v1/related", json=body).json()
    (hit,) = answer["hits"]
    assert (hit["memory_id"], hit["text"], hit["speaker"]) == (str(ben), "My sister lives in Lisbon.", "Ben")
    assert hit["state"] == "activated"
    assert 0 < hit["score"] < 1
    assert answer["position"] == body["at"]


def test_a_merge_is_followed_to_its_parents_where_the_history_is_asked_for(served: Served) -> None:
    cube = served.cube()
    parents = [str(served.remember(text, cube=cube)) for text in ("Tea.", "Milk.", "Sugar.")]
    merge = served.client.post("/v1/merges", json={"memory_ids": parents, "text": "Sweet tea with milk."})
    merged, body = merge.json()["memory_ids"][0], {"cube": cube, "history": True}

    def reached(**asked: Any) -> dict[str, str]:
        answer = served.client.post("/v1/traversals", json={**body, "relations": ["merged_to"], **asked}).json()
        states = {memory["memory_id"]: memory["state"] for memory in answer["memories"]}
        return {end: states[end] for end in (path["steps"][-1]["node"]["id"] for path in answer["paths"])}

    assert reached(start=[merged]) == dict.fromkeys(parents, "merged")
    assert reached(start=parents[:1]) == {merged: "activated"} | dict.fromkeys(parents[1:], "merged")
    assert reached(start=[merged], history=False) == {}
    siblings = served.client.post("/v1/paths", json={**body, "start": parents[0], "goal": parents[1]}).json()
    assert [memory["text"] for memory in siblings["memories"]] == ["Tea.", "Sweet tea with milk.", "Milk."]
    related = served.client.post("/v1/related", json={**body, "start": [merged]}).json()
    assert {hit["memory_id"]: hit["state"] for hit in related["hits"]} == dict.fromkeys(parents, "merged")
    for path in ROUTES:
        without = asked(path, cube, parents[0], goal=parents[1])
        assert refusal(served.client.post(path, json=without)) == (404, "memory_not_found")


@pytest.mark.parametrize("path", ROUTES)
def test_what_is_not_the_callers_is_not_there(served: Served, trip: tuple[str, list[UUID]], path: str) -> None:
    cube, (ann, _) = trip
    other = served.cube()
    for start in (str(ann), MISSING):
        assert refusal(served.client.post(path, json=asked(path, other, start))) == (404, "memory_not_found")
    assert refusal(served.client.post(path, json=asked(path, other, "Ben"))) == (404, "not_found")
    with served.agent() as agent:
        for client, name in product((served.stranger, agent), (cube, f"cube-{uuid4().hex}")):
            assert refusal(client.post(path, json=asked(path, name, str(ann)))) == (404, "cube_not_found")
    assert refusal(served.anonymous.post(path, json={})) == (401, "not_authenticated")


@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"start": None}, "invalid"),
        ({"start": 7}, "invalid"),
        ({"cube": 7}, "invalid"),
        ({"at": -1}, "invalid"),
        ({"at": 10**12}, "invalid_position"),
        ({"at": "yesterday"}, "invalid"),
        ({"at_least": 10**12}, "invalid_position"),
        ({"history": 1}, "invalid"),
        ({"history": None}, "invalid"),
        ({"query": "Ann"}, "unknown_field"),
    ],
)
def test_a_question_that_cannot_be_is_refused(
    served: Served, trip: tuple[str, list[UUID]], path: str, wrong: dict[str, Any], code: str
) -> None:
    assert refusal(served.client.post(path, json=asked(path, trip[0], "Ann") | wrong)) == (422, code)


@pytest.mark.parametrize(
    ("path", "wrong", "code"),
    [
        ("/v1/traversals", {"start": []}, "invalid"),
        ("/v1/traversals", {"start": ["Ann"] * 101}, "invalid"),
        ("/v1/traversals", {"start": [""]}, "invalid_text"),
        ("/v1/traversals", {"start": ["n" * 513]}, "invalid_text"),
        ("/v1/traversals", {"depth": 0}, "invalid"),
        ("/v1/traversals", {"depth": "2"}, "invalid"),
        ("/v1/traversals", {"depth": True}, "invalid"),
        ("/v1/traversals", {"limit": 1001}, "invalid"),
        ("/v1/traversals", {"order": "random"}, "invalid"),
        ("/v1/traversals", {"relations": ["likes"]}, "invalid"),
        ("/v1/traversals", {"relations": "causes"}, "invalid"),
        ("/v1/paths", {"direction": "up"}, "invalid"),
        ("/v1/paths", {"relations": ["likes"]}, "invalid"),
        ("/v1/paths", {"goal": None}, "invalid"),
        ("/v1/paths", {"depth": 2}, "unknown_field"),
        ("/v1/related", {"k": 0}, "invalid"),
        ("/v1/related", {"k": 1001}, "invalid"),
        ("/v1/related", {"relations": ["causes"]}, "unknown_field"),
    ],
)
def test_each_route_has_bounds(
    served: Served, trip: tuple[str, list[UUID]], path: str, wrong: dict[str, Any], code: str
) -> None:
    assert refusal(served.client.post(path, json=asked(path, trip[0], "Ann") | wrong)) == (422, code)


def test_a_name_that_is_no_text_is_refused(served: Served, trip: tuple[str, list[UUID]]) -> None:
    for name in (rb"\ud800", rb"a\u0000"):
        body = b'{"cube": "%s", "start": ["%s"]}' % (trip[0].encode(), name)
        headers = {"Content-Type": "application/json"}
        assert refusal(served.client.post("/v1/related", content=body, headers=headers)) == (422, "invalid_text")
