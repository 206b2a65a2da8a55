"""Views over REST: what they hold, rebuilt and verified."""

from __future__ import annotations

import pytest

from tests.databases import superuser
from tests.served import Served, refusal

ALL = {"access", "catalogue", "edges", "labels", "scopes", "terms", "turns", "vectors"}


def asked(served: Served) -> str:
    """A cube that is in memory."""
    cube = served.cube()
    served.remember("Tea is in the tin.", cube=cube)
    answer = served.client.post("/v1/recall", json={"cube": cube, "query": "tea"})
    assert answer.status_code == 200, answer.text
    return cube


def test_each_view_says_how_far_it_is_and_which_cubes_it_holds(served: Served) -> None:
    cube = asked(served)
    found = served.client.get("/v1/views").json()
    views = {view["name"]: view for view in found["items"]}
    assert found["position"] == served.head()
    assert views.keys() == ALL
    assert views["catalogue"]["cubes"] is None
    (held,) = [each for each in views["terms"]["cubes"] if each["name"] == cube]
    assert held["memories"] == 1
    assert held["idle"] >= 0
    assert views["terms"]["resident_cubes"] == len(
        [each for each in views["terms"]["cubes"] if each["memories"] is not None]
    )
    strangers = {view["name"]: view for view in served.stranger.get("/v1/views").json()["items"]}
    assert cube not in {each["name"] for each in strangers["terms"]["cubes"]}


def test_a_view_is_rebuilt_and_verified_for_one_cube_by_name_or_id(served: Served) -> None:
    cube = asked(served)
    cube_id = served.client.get(f"/v1/cubes/{cube}").json()["cube_id"]
    before = served.client.post("/v1/recall", json={"cube": cube, "query": "tea"}).json()
    for each in (cube, cube_id):
        rebuilt = served.client.post("/v1/views/terms/rebuild", json={"cube": each}).json()
        assert [(item["view"], item["cube_id"]) for item in rebuilt["items"]] == [("terms", cube_id)]
        assert rebuilt["position"] == served.head()
        assert rebuilt["events"] > 0
        assert rebuilt["seconds"] >= 0
        verified = served.client.post("/v1/views/terms/verify", json={"cube": each}).json()
        assert [(item["view"], item["cube_id"]) for item in verified["items"]] == [("terms", cube_id)]
        assert 0 < verified["items"][0]["position"] <= served.head()
    after = served.client.post("/v1/recall", json={"cube": cube, "query": "tea"}).json()
    assert after["hits"] == before["hits"]


def test_without_a_cube_every_cube_of_the_tenant_is_meant(served: Served) -> None:
    asked(served)
    mine = {each.cube_id for each in served.store.cubes.list(limit=500).items}
    for work in ("rebuild", "verify"):
        items = served.client.post(f"/v1/views/edges/{work}", json={}).json()["items"]
        assert {item["cube_id"] for item in items} == {str(cube_id) for cube_id in mine}


def test_the_catalogue_is_verified_and_rebuilt_whole(served: Served) -> None:
    memory_id = served.remember()
    (verified,) = served.client.post("/v1/views/catalogue/verify", json={}).json()["items"]
    assert (verified["cube_id"], verified["position"]) == (None, served.head())
    rebuilt = served.client.post("/v1/views/catalogue/rebuild", json={}).json()
    assert rebuilt["position"] == rebuilt["events"] == served.head()
    assert served.client.get(f"/v1/memories/{memory_id}").status_code == 200


def test_a_difference_is_a_problem_that_says_where(served: Served) -> None:
    memory_id = served.remember()
    change = "UPDATE mnemolog.memory SET priority = 9 - priority WHERE memory_id = %s AND to_position IS NULL"
    assert served.client.get(f"/v1/memories/{memory_id}").status_code == 200  # so that the catalogue has it
    dsn = served.store.parts.settings.dsn
    assert dsn is not None
    with superuser(dsn) as connection:
        connection.execute(change, [memory_id])
    response = served.client.post("/v1/views/catalogue/verify", json={})
    assert refusal(response) == (500, "view_differs")
    problem = response.json()
    assert (problem["view"], problem["position"]) == ("catalogue", served.head())
    assert f"memory {memory_id}: priority" in problem["detail"]
    assert served.client.post("/v1/views/catalogue/rebuild", json={}).status_code == 200
    assert served.client.post("/v1/views/catalogue/verify", json={}).status_code == 200


@pytest.mark.parametrize("work", ["rebuild", "verify"])
def test_what_cannot_be_is_refused(served: Served, work: str) -> None:
    cube, path = served.cube(), f"/v1/views/terms/{work}"
    with served.agent() as agent:
        for view in ("terms", "catalogue", "nonsense"):
            assert refusal(agent.post(f"/v1/views/{view}/{work}", json={})) == (403, "denied")
    assert refusal(served.anonymous.post(path, json={})) == (401, "not_authenticated")
    assert refusal(served.client.post(f"/v1/views/nonsense/{work}", json={})) == (404, "not_found")
    assert refusal(served.client.post(path, json={"cube": "nowhere"})) == (404, "cube_not_found")
    assert refusal(served.stranger.post(path, json={"cube": cube})) == (404, "cube_not_found")
    assert refusal(served.client.post(f"/v1/views/catalogue/{work}", json={"cube": cube})) == (422, "invalid")
    assert refusal(served.client.post(path, json={"cubes": []})) == (422, "unknown_field")
