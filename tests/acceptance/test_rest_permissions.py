"""Grants and questions about permissions over REST."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from tests.served import Served, refusal

NOBODY = "00000000-0000-4000-8000-000000000000"


class Guest:
    """Somebody of the owner's tenant, with a key of their own."""

    def __init__(self, served: Served) -> None:
        self.id = served.store.principals.register("a guest").principal_id
        self.client = served.holding(served.store.principals.issue_key(self.id).key)


@pytest.fixture
def guest(served: Served) -> Iterator[Guest]:
    guest = Guest(served)
    yield guest
    guest.client.close()


def granted(served: Served, guest: Guest, **facts: Any) -> httpx.Response:
    body = {"subject_id": str(guest.id), "actions": ["read"], **facts}
    return served.client.post("/v1/grants", json=body)


def test_a_grant_is_issued_found_and_taken_back(served: Served, guest: Guest) -> None:
    cube = served.cube()
    memory_id = served.remember(cube=cube)
    answer = granted(served, guest, cube=cube, reason="For tea.")
    assert answer.status_code == 201, answer.text
    grant = answer.json()
    assert answer.headers["location"] == f"/v1/grants/{grant['grant_id']}"
    assert answer.headers["mnemolog-position"] == str(grant["position"])
    assert guest.client.get(f"/v1/memories/{memory_id}").status_code == 200
    assert served.client.get(answer.headers["location"]).json() == grant
    assert guest.client.get(answer.headers["location"]).json() == grant | {"reason": None}
    listed = guest.client.get("/v1/grants", params={"resource_id": grant["resource_id"]}).json()
    assert [each["grant_id"] for each in listed["items"]] == [grant["grant_id"]]
    revoked = served.client.post(f"/v1/grants/{grant['grant_id']}/revoke", json={"reason": "Tea is over."})
    assert revoked.json()["state"] == "revoked"
    assert refusal(guest.client.get(f"/v1/memories/{memory_id}")) == (404, "memory_not_found")
    assert served.client.get("/v1/grants", params={"resource_id": grant["resource_id"]}).json()["items"] == []


def test_a_grant_can_be_sent_again(served: Served, guest: Guest) -> None:
    headers, body = {"Idempotency-Key": str(uuid4())}, {"subject_id": str(guest.id), "actions": ["read"]}
    cube = served.cube()
    first, again = (
        served.client.post("/v1/grants", json={**body, "cube": cube}, headers=headers).json() for _ in range(2)
    )
    assert first == again


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({}, (422, "invalid")),
        ({"cube": "nowhere"}, (404, "cube_not_found")),
        ({"memory_id": NOBODY}, (404, "memory_not_found")),
        ({"tenant": True, "subject_id": NOBODY}, (404, "principal_not_found")),
        ({"tenant": True, "actions": []}, (422, "invalid")),
        ({"tenant": True, "actions": ["fly"]}, (422, "invalid")),
        ({"tenant": True, "conditions": {"networks": ["ten"]}}, (422, "invalid")),
        ({"tenant": True, "expires_at": "2020-01-01T00:00:00Z"}, (422, "invalid_metadata")),
        ({"tenant": True, "expires_at": "2020-01-01T00:00:00"}, (422, "invalid_metadata")),
        ({"tenant": True, "effect": "deny", "delegable": True}, (422, "invalid")),
        ({"tenant": True, "parent_id": NOBODY}, (403, "denied")),
        ({"tenant": True, "reason": "\x00"}, (422, "invalid_text")),
    ],
    ids=str,
)
def test_a_grant_that_cannot_be_is_refused(
    served: Served, guest: Guest, facts: dict[str, Any], expected: tuple[int, str]
) -> None:
    assert refusal(granted(served, guest, **facts)) == expected


def test_another_tenant_is_told_of_no_grant(served: Served, guest: Guest) -> None:
    grant_id = granted(served, guest, tenant=True).json()["grant_id"]
    assert refusal(served.stranger.get(f"/v1/grants/{grant_id}")) == (404, "not_found")
    assert refusal(served.stranger.post(f"/v1/grants/{grant_id}/revoke", json={})) == (404, "not_found")
    assert served.stranger.get("/v1/grants").json()["items"] == []
    served.client.post(f"/v1/grants/{grant_id}/revoke", json={})


def test_a_purpose_is_declared_in_a_header(served: Served, guest: Guest) -> None:
    cube = served.cube()
    memory_id = served.remember(cube=cube, purposes=["Pflege für Ada"])
    granted(served, guest, cube=cube)
    said = {b"Mnemolog-Purpose": "Pflege für Ada".encode()}
    assert refusal(guest.client.get(f"/v1/memories/{memory_id}")) == (404, "memory_not_found")
    assert guest.client.get(f"/v1/memories/{memory_id}", headers=said).status_code == 200
    assert refusal(guest.client.get("/v1/cubes", headers={b"Mnemolog-Purpose": b"\xff"})) == (422, "invalid")
    assert refusal(guest.client.get("/v1/cubes", headers={"Mnemolog-Purpose": ""})) == (422, "invalid_text")


def test_a_grant_is_for_a_network_and_an_app(served: Served, guest: Guest) -> None:
    cube = served.cube()
    memory_id = served.remember(cube=cube)
    granted(served, guest, cube=cube, conditions={"networks": ["127.0.0.0/8"], "apps": ["notes"]})
    assert refusal(guest.client.get(f"/v1/memories/{memory_id}")) == (404, "memory_not_found")
    assert guest.client.get(f"/v1/memories/{memory_id}", headers={"Mnemolog-App": "notes"}).status_code == 200


def test_permissions_are_checked_listed_explained_and_expanded(served: Served, guest: Guest) -> None:
    cube = served.cube()
    memory_id = str(served.remember(cube=cube))
    about: dict[str, Any] = {"user": str(guest.id), "action": "read"}

    def ask(what: str, **facts: Any) -> Any:
        answer = served.client.post(f"/v1/permissions/{what}", json=facts)
        assert answer.status_code == 200, answer.text
        return answer.json()

    assert ask("check", **about, memory_id=memory_id)["code"] == "no_permit"
    explained = ask("explain", **about, memory_id=memory_id)
    assert explained["changes"] == [{"kind": "grant", "text": f"a grant of read on cube {cube} for {guest.id}"}]
    granted(served, guest, cube=cube, conditions={"purposes": ["care"]})
    context = {"purpose": "care"}
    assert ask("check", **about, memory_id=memory_id, context=context)["allowed"] is True
    many = ask("check", **about, cube=cube, memory_ids=[memory_id, str(uuid4())], context=context)
    assert (many["allowed"], many["denied"]) == ([memory_id], {"not_found": 1})
    assert ask("list", **about, cube=cube, context=context)["items"] == [memory_id]
    assert ask("list", **about, cube=cube) | {"position": 0} == {
        "items": [], "next": None, "complete": True, "position": 0, "valid_until": None,
    }  # fmt: skip
    then = ask("explain", **about, memory_id=memory_id, context=context, at=explained["position"])
    assert then["allowed"] is False
    permitted = ask("expand", action="read", cube=cube, context=context)["items"]
    assert str(guest.id) in {each["principal_id"] for each in permitted}


@pytest.mark.parametrize(
    ("what", "facts", "expected"),
    [
        ("check", {}, (422, "invalid")),
        ("check", {"memory_id": str(UUID(int=1)), "cube": "main"}, (422, "invalid")),
        ("check", {"cube": "main"}, (422, "invalid")),
        ("check", {"memory_id": str(UUID(int=1))}, (404, "memory_not_found")),
        ("check", {"user": str(UUID(int=1)), "memory_id": str(UUID(int=1))}, (404, "principal_not_found")),
        ("list", {"cube": "nowhere"}, (404, "cube_not_found")),
        ("list", {"cube": "main", "cursor": "x"}, (400, "invalid_cursor")),
        ("list", {"cube": "main", "limit": 501}, (422, "invalid_metadata")),
        ("explain", {"memory_id": str(UUID(int=1)), "at": "yesterday"}, (422, "invalid")),
        ("expand", {}, (422, "invalid")),
        ("expand", {"cube": "nowhere"}, (404, "cube_not_found")),
    ],
    ids=str,
)
def test_a_question_that_makes_no_sense_is_refused(
    served: Served, what: str, facts: dict[str, Any], expected: tuple[int, str]
) -> None:
    assert refusal(served.client.post(f"/v1/permissions/{what}", json=facts)) == expected


def test_those_who_administer_nothing_ask_about_themselves(served: Served, guest: Guest) -> None:
    memory_id = str(served.remember())
    asked = {"user": str(served.store.caller.principal_id), "memory_id": memory_id}
    assert refusal(guest.client.post("/v1/permissions/check", json=asked)) == (403, "denied")
    own = {"memory_id": memory_id}
    assert refusal(guest.client.post("/v1/permissions/explain", json=own)) == (404, "memory_not_found")
