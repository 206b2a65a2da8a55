"""Cubes over REST."""

from __future__ import annotations

from uuid import uuid4

from mnemolog.domain.identity import new_id
from tests.served import Served, refusal


def test_a_cube_is_found_by_its_name_and_by_its_id(served: Served) -> None:
    name = f"cube-{new_id().hex}"
    response = served.client.post("/v1/cubes", json={"name": name, "config": {"gate": "open", "corroborations": 3}})
    assert response.status_code == 201
    cube = response.json()
    assert response.headers["mnemolog-position"] == str(cube["position"]) == str(served.head())
    assert served.client.get(response.headers["location"]).json() == cube
    assert served.client.get(f"/v1/cubes/{name}").json() == cube
    assert cube["config"]["gate"] == "open"
    assert cube["config"]["corroborations"] == 3


def test_two_cubes_cannot_have_one_name(served: Served) -> None:
    body = {"name": served.cube()}
    assert refusal(served.client.post("/v1/cubes", json=body)) == (409, "already_exists")


def test_a_name_that_looks_like_an_id_is_never_taken_for_the_id(served: Served) -> None:
    victim = served.client.get("/v1/cubes/main").json()["cube_id"]
    with served.agent() as agent:
        agent.post("/v1/cubes", json={"name": victim})
    assert served.client.get(f"/v1/cubes/{victim}").json()["name"] == "main"


def test_only_the_rules_that_are_named_change(served: Served) -> None:
    path = f"/v1/cubes/{served.cube(corroborations=4)}"
    before = served.client.get(path)
    body = {"config": {"default_ttl_seconds": 60}}
    response = served.client.patch(path, json=body, headers={"If-Match": before.headers["etag"]})
    assert response.json()["config"] == before.json()["config"] | {"default_ttl_seconds": 60}
    assert response.json()["position"] == served.head()
    again = served.client.patch(path, json={"config": {}}, headers={"If-Match": before.headers["etag"]})
    assert refusal(again) == (412, "stale_version")
    lifted = served.client.patch(path, json={"config": {"default_ttl_seconds": None}})
    assert lifted.json()["config"] == before.json()["config"]


def test_the_cubes_that_one_may_use_are_listed_in_pages(served: Served) -> None:
    names = [served.cube() for _ in range(3)]
    found: list[str] = []
    cursor: str | None = None
    while True:
        params = {"limit": "2"} | ({} if cursor is None else {"cursor": cursor})
        page = served.client.get("/v1/cubes", params=params).json()
        found += [item["name"] for item in page["items"]]
        if (cursor := page["next"]) is None:
            break
    assert len(found) == len(set(found))
    assert set(names) < set(found)
    assert [item["name"] for item in served.stranger.get("/v1/cubes").json()["items"]] == ["main"]


def test_a_cube_of_others_is_as_if_it_were_not_there(served: Served) -> None:
    mine, missing = served.client.get(f"/v1/cubes/{served.cube()}").json(), str(uuid4())
    with served.agent() as agent:
        for client in (agent, served.stranger):
            told = [client.get(f"/v1/cubes/{cube}") for cube in (mine["cube_id"], missing)]
            assert [refusal(response) for response in told] == [(404, "cube_not_found")] * 2
            assert told[0].json()["detail"].replace(mine["cube_id"], missing) == told[1].json()["detail"]
