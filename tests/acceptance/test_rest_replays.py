"""The past made again over REST."""

from __future__ import annotations

from tests.served import Served, refusal


def recorded(served: Served, cube: str) -> int:
    """The position of the record of an answer."""
    assert served.client.post("/v1/recall", json={"cube": cube, "query": "tea"}).status_code == 200
    page = served.client.get("/v1/audit", params={"kind": "recall", "limit": 1}).json()
    return int(page["items"][0]["position"])


def test_an_answer_is_asked_again_and_so_are_all(served: Served) -> None:
    cube = served.cube()
    memory_id = served.remember(cube=cube)
    position = recorded(served, cube)
    answer = served.client.post("/v1/replays", json={"position": position}).json()
    assert (answer["same"], answer["reason"], answer["memory_ids"]) == (True, None, [str(memory_id)])
    assert [float.fromhex(score) for score in answer["scores"]]
    proven = served.client.post("/v1/replays/verify", json={"since": position - 1}).json()
    assert (proven["same"], proven["not_replayable"]) == (1, {})
    assert served.client.post("/v1/replays/verify", json={"since": "-1h"}).status_code == 200
    assert served.client.post("/v1/replays/verify", json={}).json()["same"] >= 1


def test_a_view_is_made_again_as_it_was(served: Served) -> None:
    cube = served.cube()
    served.remember(cube=cube)
    then = served.head()
    path = "/v1/views/terms/replay"
    (made,) = served.client.post(path, json={"cube": cube}).json()["items"]
    served.remember("More of it.", cube=cube)
    (again,) = served.client.post(path, json={"cube": cube, "to": then}).json()["items"]
    (now,) = served.client.post(path, json={"cube": cube}).json()["items"]
    assert again["digest"] == made["digest"] != now["digest"]


def test_what_cannot_be_is_refused(served: Served) -> None:
    cube, founded = served.cube(), served.head()
    position = recorded(served, cube)
    with served.agent() as agent:
        assert refusal(agent.post("/v1/replays", json={"position": position})) == (403, "denied")
        assert refusal(agent.post("/v1/replays/verify", json={})) == (403, "denied")
        assert refusal(agent.post("/v1/views/terms/replay", json={})) == (403, "denied")
    assert refusal(served.stranger.post("/v1/replays", json={"position": position})) == (404, "not_found")
    assert refusal(served.client.post("/v1/replays", json={"position": founded}))[0] == 422
    assert refusal(served.client.post("/v1/replays", json={"position": 10**9})) == (404, "not_found")
    assert refusal(served.client.post("/v1/views/nonsense/replay", json={})) == (404, "not_found")
    assert refusal(served.client.post("/v1/views/terms/replay", json={"to": 10**9})) == (422, "invalid_position")
