"""Nobody can tell what is another's from what is not there: two tenants, two users in each, every route with an id."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from mnemolog.domain.log import Selection
from mnemolog.domain.principal import PrincipalKind
from tests.acceptance.test_rest import ROUTES
from tests.served import Served

CANARY = "The canary sings in the cellar."
Ids = Mapping[str, str]
# What is sent, so that a request fails for no other reason than the id in it. `{memory}` and the like are those of
# somebody else, or of nobody; `{own_memory}` and `{own_cube}` are the caller's.
BODIES: dict[tuple[str, str], Any] = {
    ("PATCH", "/v1/cubes/{cube}"): {"config": {"gate": "open"}},
    ("POST", "/v1/cubes"): {"name": "{fresh}", "subject_id": "{subject}"},
    ("POST", "/v1/cubes/{cube}/memories"): {"text": "Mine."},
    ("POST", "/v1/cubes/{cube}/imports"): {"document": [{"namespace": ["a"], "key": "1", "value": {"text": "Mine."}}]},
    ("PATCH", "/v1/memories/{memory_id}"): {"text": "Mine."},
    ("POST", "/v1/memories/{memory_id}/transitions"): {"to": "archived"},
    ("PUT", "/v1/memories/{memory_id}/retention"): {"ttl_seconds": 1},
    ("POST", "/v1/memories/{memory_id}/links"): {"target_id": "{own_memory}"},
    ("POST", "/v1/merges"): {"memory_ids": ["{own_memory}", "{memory_id}"], "text": "Mine."},
    ("POST", "/v1/retractions"): {"actor_id": "{principal_id}", "since": 0, "reason": "case 1"},
    ("POST", "/v1/cubes/{cube}/forks"): {"at": 1, "name": "{fresh}"},
    ("POST", "/v1/erasures"): {"memory_id": "{memory_id}", "basis": "case 1"},
    ("POST", "/v1/recall"): {"cube": "{cube}", "query": "canary"},
    ("POST", "/v1/traversals"): {"cube": "{own_cube}", "start": ["{memory_id}"]},
    ("POST", "/v1/paths"): {"cube": "{own_cube}", "start": "{own_memory}", "goal": "{memory_id}"},
    ("POST", "/v1/related"): {"cube": "{own_cube}", "start": ["{memory_id}"]},
    ("POST", "/v1/views/{name}/rebuild"): {"cube": "{cube}"},
    ("POST", "/v1/views/{name}/verify"): {"cube": "{cube}"},
    ("POST", "/v1/views/{name}/replay"): {"cube": "{cube}"},
    ("POST", "/v1/principals/{principal_id}/identities"): {"issuer": "https://id.example", "subject": "somebody"},
    ("POST", "/v1/principals/{principal_id}/keys"): {},
    ("POST", "/v1/principals/{principal_id}/keys/{key_id}/rotation"): {},
    ("PUT", "/v1/tenants/{tenant_id}/limits"): {},
    ("POST", "/v1/grants"): {"subject_id": "{own_principal}", "actions": ["read"], "memory_id": "{memory_id}"},
    ("POST", "/v1/grants/{grant_id}/revoke"): {},
    ("POST", "/v1/permissions/check"): {"memory_id": "{memory_id}"},
    ("POST", "/v1/permissions/explain"): {"memory_id": "{memory_id}"},
    ("POST", "/v1/permissions/list"): {"cube": "{cube}"},
    ("POST", "/v1/permissions/expand"): {"memory_id": "{memory_id}"},
}
# Further ways to send an id through the same routes.
ALSO: list[tuple[str, str, Any]] = [
    ("POST", "/v1/cubes/{own_cube}/memories", {"text": "Mine.", "subject_id": "{subject}"}),
    ("POST", "/v1/memories/{own_memory}/links", {"target_id": "{memory_id}"}),
    ("DELETE", "/v1/memories/{own_memory}/links/supports/{memory_id}", None),
    ("POST", "/v1/erasures", {"subject_id": "{subject}", "basis": "case 1"}),
    ("POST", "/v1/recall", {"cubes": ["{own_cube}", "{cube}"], "query": "canary"}),
    ("POST", "/v1/traversals", {"cube": "{cube}", "start": ["canary"]}),
    ("POST", "/v1/grants", {"subject_id": "{own_principal}", "actions": ["read"], "cube": "{cube}"}),
    ("POST", "/v1/permissions/check", {"cube": "{cube}", "memory_ids": ["{memory_id}"]}),
    ("POST", "/v1/permissions/check", {"cube": "{own_cube}", "memory_ids": ["{memory_id}"]}),
    ("POST", "/v1/permissions/check", {"memory_id": "{own_memory}", "user": "{principal_id}"}),
    ("POST", "/v1/permissions/explain", {"memory_id": "{own_memory}", "user": "{principal_id}"}),
    ("POST", "/v1/permissions/list", {"cube": "{own_cube}", "user": "{principal_id}"}),
    ("POST", "/v1/permissions/expand", {"cube": "{cube}"}),
    ("GET", "/v1/grants?subject_id={principal_id}", None),
    ("GET", "/v1/grants?resource_id={memory_id}", None),
    ("GET", "/v1/grants?resource_id={cube}", None),
    ("GET", "/v1/audit/patterns?memory_id={memory_id}", None),
    ("GET", "/v1/memories/{memory_id}/influence?position=1", None),
    ("GET", "/v1/memories/{memory_id}/diff?from=1", None),
    ("GET", "/v1/cubes/{cube}/timeline?grants=true", None),
    ("GET", "/v1/log?memory_id={memory_id}", None),
    ("GET", "/v1/log?cube_id={cube}", None),
    ("GET", "/v1/cubes/{own_cube}/memories?owner_id={principal_id}", None),
    ("PUT", "/v1/principals/{own_group}/members/{principal_id}", None),
    ("DELETE", "/v1/principals/{own_group}/members/{principal_id}", None),
    ("POST", "/v1/principals/{own_principal}/keys", {"on_behalf_of": "{principal_id}"}),
    ("POST", "/v1/principals/{own_principal}/keys/{key_id}/rotation", {}),
    ("DELETE", "/v1/principals/{own_principal}/keys/{key_id}", None),
]
PARAMETER = re.compile(r"\{(\w+)\}")
NO_IDS = frozenset({"relation", "name"})
WITH_IDS = [(method, path) for method, path in ROUTES if set(PARAMETER.findall(path)) - NO_IDS]
# First, because the audit tells people what they have asked for themselves.
REQUESTS: list[tuple[str, str, Any]] = [
    ("GET", "/v1/audit?memory={memory_id}", None),
    ("GET", "/v1/audit?cube={cube}", None),
    ("GET", "/v1/audit?actor={principal_id}", None),
]
REQUESTS += [(method, path, BODIES.get((method, path))) for method, path in WITH_IDS]
REQUESTS += [(*key, body) for key, body in BODIES.items() if key not in WITH_IDS] + ALSO
TELLING = ("memory.", "cube.", "principal.", "subject.", "tenant.", "grant.", "erasure.")


@dataclass
class Person:
    """A client, and what is its own. Of the same tenant as another unless it has another `tenant_id`."""

    client: httpx.Client
    own: dict[str, str]


def settled(client: httpx.Client, principal_id: str, tenant_id: UUID) -> Person:
    """With a cube, a private memory in it and a key."""
    made = client.post("/v1/cubes", json={"name": f"cube-{uuid4().hex}"}).json()
    path = f"/v1/cubes/{made['cube_id']}/memories"
    memory = client.post(path, json={"text": CANARY, "visibility": "private"}).json()["memory_ids"][0]
    issued = client.post(f"/v1/principals/{principal_id}/keys", json={"ttl_seconds": 9999}).json()
    own = {"memory_id": memory, "cube": made["cube_id"], "principal_id": principal_id, "key_id": issued["key_id"]}
    return Person(client, own | {"subject": made["subject_id"], "tenant_id": str(tenant_id)})


@pytest.fixture
def people(served: Served) -> Iterator[dict[str, Person]]:
    """The owner of a tenant and a user without rights, twice."""
    found: dict[str, Person] = {}
    for tenant in ("A", "B"):
        answer = served.client.post("/v1/tenants", json={"name": tenant}).json()
        owner = served.holding(answer["key"])
        found[f"owner of {tenant}"] = settled(owner, answer["owner_id"], answer["tenant_id"])
        user = owner.post("/v1/principals", json={"name": "user", "kind": "user"}).json()["principal_id"]
        key = owner.post(f"/v1/principals/{user}/keys", json={}).json()["key"]
        found[f"user of {tenant}"] = settled(served.holding(key), user, answer["tenant_id"])
        group = owner.post("/v1/principals", json={"name": "all", "kind": PrincipalKind.GROUP.value}).json()
        erased = owner.post("/v1/cubes/main/memories", json={"text": CANARY}).json()["memory_ids"][0]
        erasure = owner.post("/v1/erasures", json={"memory_id": erased, "basis": "case 0"}).json()["erasure_id"]
        terms = {"subject_id": group["principal_id"], "actions": ["read"], "cube": "main"}  # of a group without members
        grant = owner.post("/v1/grants", json=terms).json()["grant_id"]
        for person in (found[f"owner of {tenant}"], found[f"user of {tenant}"]):
            person.own |= {"group": group["principal_id"], "erasure_id": erasure, "grant_id": grant}
    yield found
    for person in found.values():
        person.client.close()


PAIRS = [
    (asking, asked)
    for asking in ("owner of A", "user of A", "owner of B", "user of B")
    for asked in ("owner of A", "user of A", "owner of B", "user of B")
    if asking[-1] != asked[-1] or (asking.startswith("user") and asked.startswith("owner"))
]


def told(person: Person, method: str, path: str, body: Any, ids: Ids) -> tuple[int, str, list[str]]:
    """Status, body and headers of an answer, in which every id that was sent reads the same."""
    sent = dict(ids) | {f"own_{name.removesuffix('_id')}": value for name, value in person.own.items()}
    sent |= {"fresh": f"cube-{uuid4().hex}", "relation": "supports", "name": "terms"}
    response = person.client.request(method, filled(path, sent), json=filled(body, sent))
    text = response.text
    for name, value in sent.items():
        text = text.replace(value, "<asked>" if value in ids.values() else f"<{name}>")
    for noise in (r'"instance":"[^"]*"', r'"position":\d+', r'"seconds":[\d.e-]+', r'"issued_at":"[^"]*"'):
        text = re.sub(noise, "", text)
    return response.status_code, text, sorted(response.headers.keys())


def filled(template: Any, ids: Ids) -> Any:
    if isinstance(template, str):
        return PARAMETER.sub(lambda match: ids[match[1]], template)
    if isinstance(template, list):
        return [filled(each, ids) for each in template]
    return {name: filled(each, ids) for name, each in template.items()} if isinstance(template, dict) else template


def ids_of(person: Person) -> dict[str, str]:
    own = person.own
    others = {"target_id": own["memory_id"], "member_id": own["principal_id"]}
    return {name: value for name, value in own.items() if name != "group"} | others


def nobody() -> dict[str, str]:
    names = ("memory_id", "cube", "principal_id", "key_id", "subject", "tenant_id", "erasure_id", "grant_id")
    found = {name: str(uuid4()) for name in names}
    return found | {"target_id": found["memory_id"], "member_id": found["principal_id"]}


def events_since(served: Served, position: int) -> list[str]:
    """Of every tenant, those that say that something was changed."""
    events = served.store.parts.log.read(position, 500, Selection())
    return [event.type for event in events if event.type.startswith(TELLING)]


def test_every_route_that_takes_an_id_is_asked() -> None:
    """A new route with an id in its path and a body needs a line in BODIES."""
    without = [(method, path) for method, path in WITH_IDS if method in ("POST", "PUT", "PATCH")]
    needless = ("corroborations", "deactivation", "members/{member_id}")
    assert [each for each in without if each not in BODIES and not each[1].endswith(needless)] == []
    assert {name for _, path in WITH_IDS for name in PARAMETER.findall(path)} <= nobody().keys() | NO_IDS


@pytest.mark.parametrize(("asking", "asked"), PAIRS, ids=lambda name: name.replace(" ", "-"))
def test_what_is_anothers_is_answered_like_what_is_not_there(
    served: Served, people: dict[str, Person], asking: str, asked: str
) -> None:
    person, victim, missing = people[asking], ids_of(people[asked]), nobody()
    before = served.head()
    for method, path, body in REQUESTS:
        if asking[-1] == asked[-1] and "{subject}" in str(body):  # who is talked about is no secret in a tenant
            continue
        theirs, nobodys = told(person, method, path, body, victim), told(person, method, path, body, missing)
        assert theirs == nobodys, f"{method} {path}"
        assert CANARY not in theirs[1]
        assert events_since(served, before) == [], f"{method} {path}"


@pytest.mark.parametrize(("asking", "asked"), PAIRS, ids=lambda name: name.replace(" ", "-"))
def test_no_list_shows_what_is_anothers(people: dict[str, Person], asking: str, asked: str) -> None:
    person, victim = people[asking], people[asked].own
    secret = {victim["memory_id"], victim["cube"], victim["key_id"], victim["principal_id"], CANARY}
    own = set(person.own.values()) | {CANARY}
    for path in sorted({path for method, path in ROUTES if method == "GET" and "{" not in path} - {"/v1/log/stream"}):
        text = person.client.get(path, params={"limit": 500} if path in LISTS else {}).text
        assert not [each for each in secret - own if each in text], path


LISTS = {"/v1/cubes", "/v1/principals", "/v1/keys", "/v1/log", "/v1/erasures", "/v1/audit", "/v1/tenants"}
