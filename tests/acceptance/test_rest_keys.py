"""What a key may be used for, how long, and for whom."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx
import pytest

from mnemolog.domain.permissions import Action
from tests.served import Served, refusal


def registered(served: Served, kind: str = "agent", **facts: Any) -> str:
    response = served.client.post("/v1/principals", json={"name": "Smith", "kind": kind, **facts})
    assert response.status_code == 201, response.text
    principal_id: str = response.json()["principal_id"]
    return principal_id


def issued(served: Served, principal_id: str, **facts: Any) -> dict[str, Any]:
    response = served.client.post(f"/v1/principals/{principal_id}/keys", json=facts)
    assert response.status_code == 201, response.text
    answer: dict[str, Any] = response.json()
    return answer


def scoped(served: Served, *scopes: str, administrator: bool = True) -> httpx.Client:
    principal_id = registered(served, administrator=administrator)
    return served.holding(issued(served, principal_id, scopes=scopes)["key"])


def test_a_key_for_reading_writes_nothing(served: Served) -> None:
    cube = served.cube()
    memory_id = served.remember(cube=cube)
    with scoped(served, "read") as reader:
        before = served.head()
        assert reader.get(f"/v1/memories/{memory_id}").status_code == 200
        assert reader.post("/v1/recall", json={"cube": cube, "query": "tea"}).json()["hits"]
        for method, path, body in (
            ("POST", f"/v1/cubes/{cube}/memories", {"text": "Tea is kept in the red tin."}),
            ("PATCH", f"/v1/memories/{memory_id}", {"text": "Tea is kept in the red tin."}),
            ("POST", f"/v1/memories/{memory_id}/transitions", {"to": "archived"}),
            ("POST", "/v1/cubes", {"name": f"cube-{uuid4().hex}"}),
            ("POST", "/v1/principals", {"name": "Neo"}),
            ("POST", "/v1/subjects", {"name": "Neo"}),
        ):
            assert reader.request(method, path, json=body).status_code in (403, 404), path
        assert served.head() == before


def test_a_key_for_writing_reads_nothing(served: Served) -> None:
    cube = served.cube()
    memory_id = served.remember("The canary sings.", cube=cube)
    with scoped(served, "write") as writer:
        assert refusal(writer.get(f"/v1/memories/{memory_id}")) == (404, "memory_not_found")
        for response in (
            writer.get(f"/v1/cubes/{cube}/memories"),
            writer.post("/v1/recall", json={"cube": cube, "query": "canary"}),
            writer.get("/v1/log"),
            writer.get("/metrics"),
        ):
            assert response.status_code in (403, 404)
            assert "canary" not in response.text


@pytest.mark.parametrize("scopes", [["administer"], ["read"], ["administer", "read"], [each.value for each in Action]])
def test_a_key_makes_no_key_that_reaches_further(served: Served, scopes: list[str]) -> None:
    principal_id = registered(served, administrator=True)
    wide = issued(served, principal_id)["key_id"]
    path = f"/v1/principals/{principal_id}/keys"
    with served.holding(issued(served, principal_id, scopes=scopes)["key"]) as narrow:
        before = served.head()
        assert refusal(narrow.post(path, json={})) == (403, "denied")
        assert refusal(narrow.post(f"{path}/{wide}/rotation", json={})) == (403, "denied")
        beyond = [each.value for each in Action if each.value not in scopes]
        for further in beyond:
            assert refusal(narrow.post(path, json={"scopes": [*scopes, further]})) == (403, "denied")
        assert served.head() == before
        expected = 201 if "administer" in scopes else 403
        assert narrow.post(path, json={"scopes": scopes}).status_code == expected


def test_a_scope_that_there_is_not_is_refused(served: Served) -> None:
    path = f"/v1/principals/{registered(served)}/keys"
    assert refusal(served.client.post(path, json={"scopes": ["everything"]})) == (422, "invalid")
    assert refusal(served.client.post(path, json={"scopes": []})) == (422, "invalid")


def test_a_rotated_key_is_accepted_as_long_as_the_overlap_says(served: Served) -> None:
    principal_id = registered(served)
    old = issued(served, principal_id, scopes=["read"])
    path = f"/v1/principals/{principal_id}/keys"
    new = served.client.post(f"{path}/{old['key_id']}/rotation", json={"overlap_seconds": 3600}).json()
    newest = served.client.post(f"{path}/{new['key_id']}/rotation", json={"ttl_seconds": 60}).json()
    assert (new["scopes"], new["expires_at"]) == (["read"], None)
    assert newest["expires_at"] is not None
    for answer, status in ((old, 200), (new, 401), (newest, 200)):
        with served.holding(answer["key"]) as client:
            assert client.get("/v1/cubes").status_code == status


def test_keys_are_listed_without_secrets_and_with_their_last_hour_of_use(served: Served) -> None:
    principal_id = registered(served)
    used, unused = issued(served, principal_id), issued(served, principal_id, scopes=["read"])
    with served.holding(used["key"]) as client:
        assert client.get("/v1/cubes").status_code == 200
        mine = client.get(f"/v1/principals/{principal_id}/keys").json()["items"]
        assert refusal(client.get("/v1/keys")) == (403, "denied")
    rows = {row["key_id"]: row for row in mine}
    assert rows.keys() == {used["key_id"], unused["key_id"]}
    moment = datetime.fromisoformat(rows[used["key_id"]]["used_at"])
    assert (moment.minute, moment.second, moment.microsecond) == (0, 0, 0)
    assert abs(datetime.now(UTC) - moment).total_seconds() < 2 * 3600
    assert (rows[unused["key_id"]]["used_at"], rows[unused["key_id"]]["scopes"]) == (None, ["read"])
    assert "digest" not in rows[used["key_id"]]
    listed = served.client.get("/v1/keys", params={"limit": 500}).text
    assert used["key_id"] in listed
    assert used["key"].rpartition("_")[2] not in listed
    assert refusal(served.stranger.get(f"/v1/principals/{principal_id}/keys")) == (404, "principal_not_found")


def test_pages_of_keys_join_on(served: Served) -> None:
    principal_id = registered(served)
    keys = [issued(served, principal_id)["key_id"] for _ in range(3)]
    path, found, cursor = f"/v1/principals/{principal_id}/keys", list[str](), None
    while True:
        page = served.client.get(path, params={"limit": 2} | ({"cursor": cursor} if cursor else {})).json()
        found += [row["key_id"] for row in page["items"]]
        if (cursor := page["next"]) is None:
            break
    assert found == keys


def test_an_agent_acts_on_behalf_of_a_user_whom_only_its_key_names(served: Served) -> None:
    agent, person = (registered(served, kind, administrator=True) for kind in ("agent", "user"))
    bound, cube = issued(served, agent, on_behalf_of=person), served.cube()
    assert bound["on_behalf_of"] == person
    with served.holding(bound["key"]) as client:
        path = f"/v1/cubes/{cube}/memories"
        assert refusal(client.post(path, json={"text": "Tea.", "on_behalf_of": person})) == (422, "unknown_field")
        written = client.post(path, json={"text": "Tea is kept in the blue tin."}).json()
        assert refusal(client.post("/v1/cubes", json={"name": f"cube-{uuid4().hex}"})) == (403, "denied")
        assert refusal(client.post(f"/v1/principals/{agent}/keys", json={})) == (403, "denied")
    event = served.client.get("/v1/log", params={"after": written["position"] - 1, "limit": 1}).json()["items"][0]
    assert (event["actor_id"], event["on_behalf_of"]) == (agent, person)


def test_an_agent_is_no_administrator_when_its_user_is_none(served: Served) -> None:
    agent, person = registered(served, administrator=True), registered(served, "user")
    with served.holding(issued(served, agent, on_behalf_of=person)["key"]) as client:
        assert refusal(client.get("/v1/log")) == (403, "denied")


def test_a_key_is_bound_to_a_user_of_the_tenant_and_to_nobody_else(served: Served) -> None:
    agent = registered(served)
    path = f"/v1/principals/{agent}/keys"
    before = served.head()
    assert refusal(served.client.post(path, json={"on_behalf_of": agent})) == (422, "invalid")
    assert refusal(served.client.post(path, json={"on_behalf_of": str(uuid4())})) == (404, "principal_not_found")
    assert served.head() == before


def test_an_agent_does_not_choose_for_whom_it_acts(served: Served) -> None:
    agent, person = registered(served), registered(served, "user")
    with served.holding(issued(served, agent)["key"]) as client:
        for each in (person, str(uuid4())):
            response = client.post(f"/v1/principals/{agent}/keys", json={"on_behalf_of": each})
            assert refusal(response) == (403, "denied")


def test_a_deactivated_principal_is_refused_at_once_and_so_are_agents_on_its_behalf(served: Served) -> None:
    agent, person = registered(served), registered(served, "user")
    own, bound = issued(served, person)["key"], issued(served, agent, on_behalf_of=person)["key"]
    free = issued(served, agent)["key"]
    with served.holding(own) as user, served.holding(bound) as acting, served.holding(free) as other:
        assert [each.get("/v1/cubes").status_code for each in (user, acting, other)] == [200, 200, 200]
        assert served.client.post(f"/v1/principals/{person}/deactivation").status_code == 200
        assert refusal(user.get("/v1/cubes")) == (401, "not_authenticated")
        assert refusal(acting.get("/v1/cubes")) == (401, "not_authenticated")
        assert other.get("/v1/cubes").status_code == 200
        assert served.client.get(f"/v1/principals/{person}").json()["active"] is False
        assert served.client.delete(f"/v1/principals/{person}/deactivation").status_code == 200
        assert [each.get("/v1/cubes").status_code for each in (user, acting)] == [200, 200]


def test_nobody_deactivates_themselves_and_none_but_administrators_others(served: Served) -> None:
    me, other = str(served.store.caller.principal_id), registered(served)
    before = served.head()
    assert refusal(served.client.post(f"/v1/principals/{me}/deactivation")) == (409, "cannot_deactivate")
    with served.agent() as agent:
        for path in (f"/v1/principals/{other}/deactivation", f"/v1/principals/{me}/deactivation"):
            assert agent.post(path).status_code == 403
    assert refusal(served.stranger.post(f"/v1/principals/{other}/deactivation")) == (404, "principal_not_found")
    assert served.head() >= before


def test_other_administrators_have_no_power_over_whoever_owns_the_installation(served: Served) -> None:
    me = str(served.store.caller.principal_id)
    with served.agent(administrator=True) as administrator:
        before = served.head()
        for method, path, body in (
            ("POST", f"/v1/principals/{me}/keys", {}),
            ("POST", f"/v1/principals/{me}/deactivation", None),
            ("POST", f"/v1/principals/{me}/identities", {"issuer": "https://id.example", "subject": "me"}),
        ):
            assert refusal(administrator.request(method, path, json=body)) == (403, "denied")
        assert served.head() == before
