"""Whatever is sent: a clear refusal with a stable code, and nothing of it in the log."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from tests.served import PATIENCE, Served, refusal

MEBIBYTE = 1024 * 1024
JSON = {"Content-Type": "application/json"}
MISSING = "019ad000-0000-7000-8000-000000000000"


@contextmanager
def nothing_appended(served: Served) -> Iterator[None]:
    before = served.head()
    yield
    assert served.head() == before


def refused(served: Served, method: str, path: str, **request: Any) -> tuple[int, str]:
    with nothing_appended(served):
        return refusal(served.client.request(method, path, **request))


@pytest.fixture(scope="module")
def memory_id(served: Served) -> UUID:
    return served.remember(cube="main")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 422, "invalid"),
        (b" ", 400, "malformed_json"),
        (b"{", 400, "malformed_json"),
        (b"null", 422, "invalid"),
        (b"[]", 422, "invalid"),
        (b'"text"', 422, "invalid"),
        (b"17", 422, "invalid"),
        (b'{"text": "a", "text": "b"}', 400, "duplicate_json_key"),
        (b'{"text": "a", "confidence": NaN}', 400, "malformed_json"),
        (b'{"text": "a", "confidence": Infinity}', 400, "malformed_json"),
        (b'{"text": "a", "confidence": 1e999}', 400, "malformed_json"),
        (b'{"text": "a", "priority": 99999999999999999999}', 400, "malformed_json"),
        (b'{"text": "a", "priority": ' + b"9" * 10_000 + b"}", 400, "malformed_json"),
        (b'{"text": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", 400, "malformed_json"),
        (b'{"text": "\xed\xa0\x80"}', 400, "malformed_json"),
        (b'{"text": "\xff"}', 400, "malformed_json"),
        (b'{"text": "a\x00b"}', 400, "malformed_json"),
        (rb'{"text": "a\u0000b"}', 422, "invalid_text"),
        (rb'{"text": "\ud800"}', 422, "invalid_text"),
        (rb'{"text": "a", "tags": ["\udc00"]}', 422, "invalid_text"),
        (rb'{"text": "a", "\ud800": 1}', 422, "invalid_text"),
        (rb'{"text": "a", "\ud800": 1, "\ud800": 1}', 400, "duplicate_json_key"),
    ],
)
def test_a_body_that_is_not_sound_json(served: Served, body: bytes, status: int, code: str) -> None:
    assert refused(served, "POST", "/v1/cubes/main/memories", content=body, headers=JSON) == (status, code)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "invalid"),
        ({"text": None}, "invalid"),
        ({"text": 7}, "invalid"),
        ({"text": ["a"]}, "invalid"),
        ({"text": ""}, "invalid_text"),
        ({"text": " \n\t"}, "invalid_text"),
        ({"text": "a" * (64 * 1024 + 1)}, "invalid_text"),
        ({"text": "a", "txet": "b"}, "unknown_field"),
        ({"text": "a", "user_id": MISSING}, "unknown_field"),
        ({"text": "a", "owner_id": MISSING}, "unknown_field"),
        ({"text": "a", "tenant_id": MISSING}, "unknown_field"),
        ({"text": "a", "trust": 1.0}, "unknown_field"),
        ({"text": "a", "state": "activated"}, "unknown_field"),
        ({"text": "a", "x" * 100_000: 1}, "unknown_field"),
        ({"text": "a", "key": ""}, "invalid_text"),
        ({"text": "a", "key": "k" * 513}, "invalid_text"),
        ({"text": "a", "tags": "tag"}, "invalid"),
        ({"text": "a", "tags": [1]}, "invalid"),
        ({"text": "a", "tags": ["t"] * 65}, "invalid_metadata"),
        ({"text": "a", "priority": "5"}, "invalid"),
        ({"text": "a", "priority": 5.0}, "invalid"),
        ({"text": "a", "priority": True}, "invalid"),
        ({"text": "a", "priority": -1}, "invalid_metadata"),
        ({"text": "a", "priority": 10}, "invalid_metadata"),
        ({"text": "a", "confidence": 1.1}, "invalid_metadata"),
        ({"text": "a", "confidence": "1"}, "invalid"),
        ({"text": "a", "sensitivity": 4}, "invalid"),
        ({"text": "a", "sensitivity": "secret"}, "invalid"),
        ({"text": "a", "sensitivity": True}, "invalid"),
        ({"text": "a", "memory_type": "short_term"}, "invalid"),
        ({"text": "a", "source": "merge"}, "invalid_metadata"),
        ({"text": "a", "visibility": "session"}, "invalid_metadata"),
        ({"text": "a", "access_control": ["me"]}, "invalid"),
        ({"text": "a", "context_id": "here"}, "invalid"),
        ({"text": "a", "subject_id": MISSING}, "not_found"),
        ({"text": "a", "occurred_at": "yesterday"}, "invalid"),
        ({"text": "a", "occurred_at": 1700000000}, "invalid"),
        ({"text": "a", "occurred_at": "1700000000"}, "invalid"),
        ({"text": "a", "occurred_at": "2026-01-01T00:00:00"}, "invalid_metadata"),
        ({"text": "a", "occurred_at": "0001-01-01T00:00:00+14:00"}, "invalid_metadata"),
        ({"text": "a", "valid_from": "2026-01-02T00:00:00Z", "valid_to": "2026-01-01T00:00:00Z"}, "invalid_metadata"),
        ({"text": "a", "ttl_seconds": 0}, "invalid_retention"),
        ({"text": "a", "ttl_seconds": -1}, "invalid_retention"),
        ({"text": "a", "ttl_seconds": 1e-9}, "invalid_retention"),
        ({"text": "a", "ttl_seconds": 1e300}, "invalid_retention"),
        ({"text": "a", "ttl_seconds": 1e12}, "invalid_retention"),
        ({"text": "a", "ttl_seconds": "60"}, "invalid"),
        ({"text": "a", "ttl_seconds": True}, "invalid"),
        ({"text": "a", "ttl_seconds": 60, "expires_at": "2999-01-01T00:00:00Z"}, "invalid_retention"),
        ({"text": "a", "expires_at": "2001-01-01T00:00:00Z"}, "invalid_retention"),
        ({"text": "a", "expires_at": "9999-12-31T23:59:59Z"}, "invalid_retention"),
        ({"memories": []}, "invalid"),
        ({"memories": {}}, "invalid"),
        ({"memories": [{"text": "a"}] * 1001}, "invalid"),
        ({"memories": [{"text": "a"}, "b"]}, "invalid"),
        ({"memories": [{"text": "a"}], "text": "b"}, "unknown_field"),
        ({"messages": []}, "invalid"),
        ({"messages": [{"role": "god", "content": "a"}]}, "invalid"),
        ({"messages": [{"role": "user", "content": None}]}, "invalid"),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": "a"}]}]}, "invalid"),
        ({"messages": [{"role": "user", "content": "a", "tool_calls": []}]}, "unknown_field"),
        ({"messages": [{"role": "user", "content": "a"}], "memories": []}, "unknown_field"),
    ],
)
def test_a_memory_that_cannot_be(served: Served, body: dict[str, Any], code: str) -> None:
    status = 404 if code == "not_found" else 422
    assert refused(served, "POST", "/v1/cubes/main/memories", json=body) == (status, code)


def test_the_field_that_is_wrong_is_named_but_not_what_it_says(served: Served) -> None:
    body = {"messages": [{"role": "user", "content": "fine"}, {"role": "the canary", "content": "a"}]}
    response = served.client.post("/v1/cubes/main/memories", json=body)
    assert response.json()["errors"][0]["field"] == "messages[1].role"
    assert "canary" not in response.text


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "application/json; charset=latin-1"},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
        {},
    ],
)
def test_a_body_of_another_kind(served: Served, headers: dict[str, str]) -> None:
    request = {"content": b'{"text": "a"}', "headers": headers}
    assert refused(served, "POST", "/v1/cubes/main/memories", **request) == (415, "unsupported_media_type")


def ten_mebibytes() -> Iterator[bytes]:
    yield b'{"text": "'
    for _ in range(10):
        yield b"a" * MEBIBYTE
    yield b'"}'


def test_a_body_that_announces_to_be_too_large(served: Served) -> None:
    request = {"content": b"".join(ten_mebibytes()), "headers": JSON}
    assert refused(served, "POST", "/v1/cubes/main/memories", **request) == (413, "body_too_large")


def test_a_body_that_becomes_too_large(served: Served) -> None:
    """In chunks, without Content-Length."""
    request = {"content": ten_mebibytes(), "headers": JSON}
    assert refused(served, "POST", "/v1/cubes/main/memories", **request) == (413, "body_too_large")


def test_a_body_of_the_largest_size_is_read(served: Served) -> None:
    limit = served.store.parts.settings.max_body_bytes
    body = b'{"text": "' + b"a" * (limit - 12) + b'"}'
    assert len(body) == limit
    assert refused(served, "POST", "/v1/cubes/main/memories", content=body, headers=JSON) == (422, "invalid_text")
    body += b" "
    assert refused(served, "POST", "/v1/cubes/main/memories", content=body, headers=JSON) == (413, "body_too_large")


@pytest.mark.parametrize("announced", ["-1", "abc", "9" * 30, "1e3", "5, 6"])
def test_a_length_that_is_none(served: Served, announced: str) -> None:
    """Said over a bare socket, because no client would."""
    url = httpx.URL(served.url)
    request = (
        f"POST /v1/cubes/main/memories HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {served.key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {announced}\r\nConnection: close\r\n\r\n{{}}"
    )
    with nothing_appended(served), socket.create_connection((url.host, url.port), timeout=PATIENCE) as connection:
        connection.sendall(request.encode())
        connection.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answer[:10] == b"HTTP/1.1 4"


@pytest.mark.parametrize(
    "cube", ["missing", MISSING, "%00", "%ff", "..%2f..", "Main", "a" * 5000, "%F0%9F%A7%A0", "' OR 1=1"]
)
def test_a_cube_that_is_not_there(served: Served, cube: str) -> None:
    expected = {(404, "cube_not_found"), (404, "not_found")}
    assert refused(served, "GET", f"/v1/cubes/{cube}") in expected
    assert refused(served, "POST", f"/v1/cubes/{cube}/memories", json={"text": "a"}) in expected


def test_a_cube_with_a_slash_in_its_name_in_a_body(served: Served) -> None:
    for cube in ("../main", "\U0001f9e0", "", "main\n"):
        assert refused(served, "POST", "/v1/recall", json={"cube": cube, "query": "a"}) == (404, "cube_not_found")


MEMORY_REQUESTS: list[tuple[str, str, Any]] = [
    ("GET", "", None),
    ("PATCH", "", {"text": "b"}),
    ("GET", "/history", None),
    ("POST", "/transitions", {"to": "archived"}),
    ("GET", "/links", None),
    ("POST", "/links", {"target_id": MISSING}),
    ("DELETE", f"/links/supports/{MISSING}", None),
    ("PUT", "/retention", {"ttl_seconds": 5}),
    ("POST", "/corroborations", None),
]


@pytest.mark.parametrize(("method", "part", "body"), MEMORY_REQUESTS)
def test_a_memory_that_is_not_there_or_not_the_callers(
    served: Served, memory_id: UUID, method: str, part: str, body: Any
) -> None:
    response = served.stranger.post("/v1/cubes/main/memories", json={"text": "theirs"})
    theirs = response.json()["memory_ids"][0]
    missing = str(uuid4())
    with nothing_appended(served):
        told = {
            each: served.client.request(method, f"/v1/memories/{each}{part}", json=body) for each in (theirs, missing)
        }
        assert [refusal(response) for response in told.values()] == [(404, "memory_not_found")] * 2
    texts = [told[each].json()["detail"].replace(each, "X") for each in told]
    assert texts[0] == texts[1]
    assert served.stranger.get(f"/v1/memories/{theirs}").json()["version"] == 2


def test_the_id_of_something_else_is_no_memory(served: Served) -> None:
    cube_id = served.client.get("/v1/cubes/main").json()["cube_id"]
    for path, body in (("", {"text": "b"}), ("/transitions", {"to": "archived"})):
        method = "PATCH" if path == "" else "POST"
        assert refused(served, method, f"/v1/memories/{cube_id}{path}", json=body) == (404, "memory_not_found")


@pytest.mark.parametrize("text", ["1", "not-an-id", "%00", "019ad000-0000-7000-8000-00000000000g"])
def test_an_id_that_is_none(served: Served, text: str) -> None:
    assert refused(served, "GET", f"/v1/memories/{text}") == (422, "invalid")
    assert refused(served, "GET", f"/v1/principals/{text}") == (422, "invalid")


def test_no_merge_and_no_link_reaches_into_another_tenant(served: Served, memory_id: UUID) -> None:
    theirs = served.stranger.post("/v1/cubes/main/memories", json={"text": "theirs"}).json()["memory_ids"][0]
    merge = {"memory_ids": [str(memory_id), theirs], "text": "both"}
    assert refused(served, "POST", "/v1/merges", json=merge) == (404, "memory_not_found")
    link = {"target_id": theirs}
    assert refused(served, "POST", f"/v1/memories/{memory_id}/links", json=link) == (404, "memory_not_found")
    assert refused(served, "DELETE", f"/v1/merges/{theirs}") == (404, "memory_not_found")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"to": "activated"}, (409, "illegal_transition")),
        ({"to": "generated"}, (422, "invalid")),
        ({"to": "merged"}, (422, "invalid")),
        ({"to": "erased"}, (422, "invalid")),
        ({"to": "dead"}, (422, "invalid")),
        ({"to": "archived", "reason": "because"}, (422, "invalid")),
        ({"to": "frozen", "legal_hold": "yes"}, (422, "invalid")),
        ({"to": "frozen", "legal_hold": 1}, (422, "invalid")),
        ({"to": "archived", "why": "because"}, (422, "unknown_field")),
        ({}, (422, "invalid")),
    ],
)
def test_a_step_that_a_life_does_not_take(
    served: Served, memory_id: UUID, body: dict[str, Any], expected: tuple[int, str]
) -> None:
    assert refused(served, "POST", f"/v1/memories/{memory_id}/transitions", json=body) == expected


@pytest.mark.parametrize(
    ("etag", "expected"),
    [
        ('"1"', (412, "stale_version")),
        ('"999999999999999999"', (412, "stale_version")),
        ('W/"2"', (422, "invalid")),
        ("2", (422, "invalid")),
        ('"two"', (422, "invalid")),
        ('"-2"', (422, "invalid")),
        ('"2", "3"', (422, "invalid")),
        ('"' + "9" * 400 + '"', (422, "invalid")),
        ("", (422, "invalid")),
    ],
)
def test_a_version_that_is_stale_or_none(served: Served, memory_id: UUID, etag: str, expected: tuple[int, str]) -> None:
    headers = {"If-Match": etag}
    path = f"/v1/memories/{memory_id}"
    assert refused(served, "PATCH", path, json={"text": "b"}, headers=headers) == expected
    assert refused(served, "PUT", f"{path}/retention", json={"ttl_seconds": 5}, headers=headers) == expected
    assert refused(served, "POST", f"{path}/transitions", json={"to": "archived"}, headers=headers) == expected


def test_an_idempotency_key_stands_for_one_request(served: Served, memory_id: UUID) -> None:
    headers = {"Idempotency-Key": str(uuid4())}
    assert served.client.post("/v1/cubes/main/memories", json={"text": "a"}, headers=headers).status_code == 201
    reused = (422, "idempotency_key_reused")
    assert refused(served, "POST", "/v1/cubes/main/memories", json={"text": "b"}, headers=headers) == reused
    assert refused(served, "PATCH", f"/v1/memories/{memory_id}", json={"text": "b"}, headers=headers) == reused
    with served.agent(administrator=True) as other, nothing_appended(served):
        assert refusal(other.post("/v1/cubes/main/memories", json={"text": "a"}, headers=headers)) == reused


@pytest.mark.parametrize(
    "headers",
    [{"Idempotency-Key": "again"}, {"Mnemolog-Session": "mine"}, {"Mnemolog-Session": "{" + MISSING + "}"}],
)
def test_a_header_that_is_no_id(served: Served, headers: dict[str, str]) -> None:
    assert refused(served, "POST", "/v1/cubes/main/memories", json={"text": "a"}, headers=headers) == (422, "invalid")


@pytest.mark.parametrize(
    ("method", "path", "body", "header"),
    [
        ("POST", "/v1/cubes", {"name": "never"}, "Idempotency-Key"),
        ("POST", "/v1/principals", {"name": "never"}, "Idempotency-Key"),
        ("POST", "/v1/cubes/main/memories", {"text": "a"}, "If-Match"),
    ],
)
def test_a_promise_that_would_not_be_kept_is_not_made(
    served: Served, method: str, path: str, body: dict[str, Any], header: str
) -> None:
    """A route that cannot heed such a header says so, before the client relies on it."""
    assert refused(served, method, path, json=body, headers={header: str(uuid4())}) == (422, "unknown_field")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "invalid"),
        ({"ttl_seconds": 0}, "invalid_retention"),
        ({"ttl_seconds": -5}, "invalid_retention"),
        ({"ttl_seconds": 1e300}, "invalid_retention"),
        ({"ttl_seconds": 10**15}, "invalid_retention"),
        ({"ttl_seconds": "soon"}, "invalid"),
        ({"expires_at": "2001-01-01T00:00:00Z"}, "invalid_retention"),
        ({"expires_at": "2999-01-01T00:00:00"}, "invalid_metadata"),
        ({"ttl_seconds": 5, "expires_at": "2999-01-01T00:00:00Z"}, "invalid_retention"),
        ({"ttl": 5}, "unknown_field"),
    ],
)
def test_a_lifespan_that_is_none(served: Served, memory_id: UUID, body: dict[str, Any], code: str) -> None:
    assert refused(served, "PUT", f"/v1/memories/{memory_id}/retention", json=body) == (422, code)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"text": None}, "invalid"),
        ({"priority": None}, "invalid"),
        ({"tags": None}, "invalid"),
        ({"visibility": None}, "invalid"),
        ({"confidence": None}, "invalid"),
        ({"source": "user"}, "unknown_field"),
        ({"session_id": MISSING}, "unknown_field"),
        ({"state": "archived"}, "unknown_field"),
        ({"legal_hold": False}, "unknown_field"),
        ({"text": ""}, "invalid_text"),
        ({"priority": 10}, "invalid_metadata"),
        ({"visibility": "session"}, "invalid_metadata"),
    ],
)
def test_a_revision_that_cannot_be(served: Served, memory_id: UUID, body: dict[str, Any], code: str) -> None:
    assert refused(served, "PATCH", f"/v1/memories/{memory_id}", json=body) == (422, code)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"target_id": "SELF"}, 422, "invalid"),
        ({"target_id": "SELF", "relation": "merged_to"}, 422, "invalid"),
        ({"target_id": "SELF", "relation": "likes"}, 422, "invalid"),
        ({"target_id": "OTHER", "weight": 0}, 422, "invalid"),
        ({"target_id": "OTHER", "weight": 1.5}, 422, "invalid"),
        ({"target_id": "OTHER", "weight": "1"}, 422, "invalid"),
        ({"target_id": "OTHER", "relation": "merged_to"}, 422, "invalid"),
        ({"target_id": MISSING}, 404, "memory_not_found"),
        ({"relation": "supports"}, 422, "invalid"),
    ],
)
def test_a_link_that_cannot_be(served: Served, memory_id: UUID, body: dict[str, Any], status: int, code: str) -> None:
    other = served.remember(cube="main")
    ids = {"SELF": str(memory_id), "OTHER": str(other)}
    body = {name: ids.get(value, value) for name, value in body.items()}
    assert refused(served, "POST", f"/v1/memories/{memory_id}/links", json=body) == (status, code)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"memory_ids": [], "text": "a"}, 422, "invalid"),
        ({"memory_ids": ["SELF"], "text": "a"}, 422, "invalid"),
        ({"memory_ids": ["SELF", "SELF"], "text": "a"}, 409, "cannot_merge"),
        ({"memory_ids": ["SELF", "OTHER"], "text": ""}, 422, "invalid_text"),
        ({"memory_ids": ["SELF", "OTHER"]}, 422, "invalid"),
        ({"memory_ids": ["SELF", "ELSEWHERE"], "text": "a"}, 409, "cannot_merge"),
        ({"memory_ids": ["SELF"] * 1001, "text": "a"}, 422, "invalid"),
        ({"memory_ids": "SELF", "text": "a"}, 422, "invalid"),
        ({"memory_ids": ["SELF", "OTHER"], "text": "a", "tags": None}, 422, "invalid"),
    ],
)
def test_a_merge_that_cannot_be(served: Served, memory_id: UUID, body: dict[str, Any], status: int, code: str) -> None:
    ids = {"SELF": memory_id, "OTHER": served.remember(cube="main"), "ELSEWHERE": served.remember()}
    if isinstance(body["memory_ids"], list):
        body = body | {"memory_ids": [str(ids[each]) for each in body["memory_ids"]]}
    assert refused(served, "POST", "/v1/merges", json=body) == (status, code)


def test_what_is_no_merge_cannot_be_retracted(served: Served, memory_id: UUID) -> None:
    assert refused(served, "DELETE", f"/v1/merges/{memory_id}") == (409, "cannot_merge")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"query": "a"}, "invalid"),
        ({"cube": "main"}, "invalid"),
        ({"cube": "main", "cubes": ["main"], "query": "a"}, "invalid"),
        ({"cubes": [], "query": "a"}, "invalid"),
        ({"cubes": "main", "query": "a"}, "invalid"),
        ({"cubes": None, "query": "a"}, "invalid"),
        ({"cube": "main", "query": ""}, "invalid_text"),
        ({"cube": "main", "query": "a", "k": 0}, "invalid"),
        ({"cube": "main", "query": "a", "k": 10**9}, "invalid"),
        ({"cube": "main", "query": "a", "k": 2.5}, "invalid"),
        ({"cube": "main", "query": "a", "filter": []}, "invalid"),
        ({"cube": "main", "query": "a", "filter": {}}, "invalid"),
        ({"cube": "main", "query": "a", "filter": {"field": "text", "eq": "a"}}, "invalid"),
        ({"cube": "main", "query": "a", "filter": {"not": {"not": {"tag": "a"}}}}, "invalid"),
        ({"cube": "main", "query": "a", "rerank": True}, "invalid"),
        ({"cube": "main", "query": "a", "rerank": "yes"}, "invalid"),
        ({"cube": "main", "query": "a", "budget": 0}, "invalid"),
        ({"cube": "main", "query": "a", "budget": "100"}, "invalid"),
        ({"cube": "main", "query": "a", "recipe": "magic"}, "invalid"),
        ({"cube": "main", "query": "a", "recipe": None}, "invalid"),
        ({"cube": "main", "query": "a", "weights": {"terms": 1e308}}, "invalid"),
        ({"cube": "main", "query": "a", "weights": {"magic": 1}}, "invalid"),
        ({"cube": "main", "query": "a", "weights": {"terms": -1}}, "invalid"),
        ({"cube": "main", "query": "a", "weights": {"terms": "1"}}, "invalid"),
        ({"cube": "main", "query": "a", "weights": None}, "invalid"),
        ({"cube": "main", "query": "a", "memory_types": ["magic"]}, "invalid"),
        ({"cube": "main", "query": "a", "at_least": -1}, "invalid"),
        ({"cube": "main", "query": "a", "at_least": 2**62}, "invalid_position"),
        ({"cube": "main", "query": "a", "as": "admin"}, "unknown_field"),
    ],
)
def test_a_question_that_cannot_be_asked(served: Served, body: dict[str, Any], code: str) -> None:
    assert refused(served, "POST", "/v1/recall", json=body) == (422, code)


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"limit": 0}, (422, "invalid_metadata")),
        ({"limit": -1}, (422, "invalid_metadata")),
        ({"limit": 501}, (422, "invalid_metadata")),
        ({"limit": "9" * 30}, (422, "invalid_metadata")),
        ({"limit": "many"}, (422, "invalid")),
        ({"limit": ""}, (422, "invalid")),
        ({"at_least": -1}, (422, "invalid")),
        ({"at_least": 2**63 - 1}, (422, "invalid_position")),
        ({"at_least": "9" * 30}, (422, "invalid")),
        ({"limits": 5}, (422, "unknown_field")),
        ({"user_id": MISSING}, (422, "unknown_field")),
        ({"state": "dead"}, (422, "invalid")),
        ({"owner_id": "me"}, (422, "invalid")),
        ({"min_priority": 99999999999}, (422, "invalid")),
        ({"since": "yesterday"}, (422, "invalid")),
        ({"since": "2026-01-01T00:00:00"}, (422, "invalid_metadata")),
        ({"until": "0001-01-01T00:00:00Z"}, (422, "invalid_metadata")),
        ({"filter": ""}, (422, "invalid")),
        ({"filter": "{"}, (422, "invalid")),
        ({"filter": "null"}, (422, "invalid")),
        ({"filter": "[]"}, (422, "invalid")),
        ({"filter": "{}"}, (422, "invalid")),
        ({"filter": '{"field": "text", "eq": "a"}'}, (422, "invalid")),
        ({"filter": '{"field": "priority", "eq": NaN}'}, (422, "invalid")),
        ({"filter": '{"not": ' * 9 + '{"field": "tag", "eq": "a"}' + "}" * 9}, (422, "invalid")),
        ({"filter": "[" * 9000}, (422, "invalid")),
        ({"filter": '{"field": "tag", "eq": "a", "eq": "b"}'}, (400, "duplicate_json_key")),
        ({"filter": '{"field": "tag", "eq": "\\u0000"}'}, (422, "invalid_text")),
        ({"filter": '{"field": "tag", "eq": "\\ud800"}'}, (422, "invalid_text")),
        ({"where": '{"field": "tag", "eq": "a"}'}, (422, "unknown_field")),
        ({"cursor": "x"}, (400, "invalid_cursor")),
        ({"cursor": ""}, (400, "invalid_cursor")),
        ({"cursor": "\x00"}, (400, "invalid_cursor")),
        ({"cursor": "A" * 54}, (400, "invalid_cursor")),
        ({"cursor": "é"}, (400, "invalid_cursor")),
    ],
)
def test_a_list_that_cannot_be_asked_for(served: Served, params: dict[str, Any], expected: tuple[int, str]) -> None:
    assert refused(served, "GET", "/v1/cubes/main/memories", params=params) == expected


@pytest.mark.parametrize("params", [{"key": "\x00"}, {"tag": "\x00"}, {"key": "a" * 9000}, {"tag": ["a"] * 200}])
def test_a_filter_that_nothing_can_meet_finds_nothing(served: Served, params: dict[str, Any]) -> None:
    response = served.client.get("/v1/cubes/main/memories", params=params)
    assert (response.status_code, response.json()["items"]) == (200, [])


def test_a_cursor_fits_only_the_question_that_it_was_made_for(served: Served) -> None:
    cube = served.cube()
    for name in ("one", "two", "three"):
        served.remember(name, cube=cube, tags=["t"])
    path = f"/v1/cubes/{cube}/memories"
    cursor = served.client.get(path, params={"limit": 1}).json()["next"]
    assert served.client.get(path, params={"limit": 2, "cursor": cursor}).status_code == 200
    for other, params in (
        (path, {"tag": "t"}),
        (path, {"filter": '{"field": "tag", "eq": "t"}'}),
        (path, {"state": "activated"}),
        ("/v1/cubes/main/memories", {}),
        ("/v1/cubes", {}),
        ("/v1/log", {}),
        ("/v1/principals", {}),
    ):
        assert refused(served, "GET", other, params={**params, "cursor": cursor}) == (400, "invalid_cursor")
    last = cursor[:-1] + ("A" if cursor[-1] != "A" else "E")
    assert refused(served, "GET", path, params={"cursor": last}) == (400, "invalid_cursor")


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"after": -1}, "invalid"),
        ({"after": 2**63}, "invalid"),
        ({"after": "start"}, "invalid"),
        ({"type": "memory"}, "invalid"),
        ({"cube_id": "main"}, "invalid"),
        ({"tenant_id": MISSING}, "unknown_field"),
    ],
)
def test_a_part_of_the_log_that_cannot_be_asked_for(served: Served, params: dict[str, Any], code: str) -> None:
    assert refused(served, "GET", "/v1/log", params=params) == (422, code)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "invalid"),
        ({"name": ""}, "invalid"),
        ({"name": "Main"}, "invalid"),
        ({"name": "a/b"}, "invalid"),
        ({"name": "a" * 64}, "invalid"),
        ({"name": "-a"}, "invalid"),
        ({"name": "a\n"}, "invalid"),
        ({"name": "never", "owner_id": MISSING}, "unknown_field"),
        ({"name": "never", "subject_id": MISSING}, "not_found"),
        ({"name": "never", "config": {"gate": "ajar"}}, "invalid"),
        ({"name": "never", "config": {"corroborations": 0}}, "invalid_metadata"),
        ({"name": "never", "config": {"corroborations": 10**12}}, "invalid_metadata"),
        ({"name": "never", "config": {"capacities": {"working": 0}}}, "invalid_metadata"),
        ({"name": "never", "config": {"capacities": {"magic": 1}}}, "invalid"),
        ({"name": "never", "config": {"capacities": {"working": True}}}, "invalid"),
        ({"name": "never", "config": {"default_ttl_seconds": 0}}, "invalid_metadata"),
        ({"name": "never", "config": {"default_ttl_seconds": 1e300}}, "invalid_metadata"),
        ({"name": "never", "config": {"models": {"embedder": ""}}}, "invalid_text"),
        ({"name": "never", "config": {"gate": None}}, "invalid"),
        ({"name": "never", "config": {"speed": 1}}, "unknown_field"),
        ({"name": "never", "config": None}, "invalid"),
    ],
)
def test_a_cube_that_cannot_be_founded(served: Served, body: dict[str, Any], code: str) -> None:
    assert refused(served, "POST", "/v1/cubes", json=body) == (404 if code == "not_found" else 422, code)


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        ("/v1/principals", {"name": ""}, (422, "invalid_text")),
        ("/v1/principals", {"name": "a" * 513}, (422, "invalid_text")),
        ("/v1/principals", {"name": "a", "kind": "god"}, (422, "invalid")),
        ("/v1/principals", {"name": "a", "administrator": "yes"}, (422, "invalid")),
        ("/v1/principals", {"name": "a", "tenant_id": MISSING}, (422, "unknown_field")),
        ("/v1/subjects", {"name": " "}, (422, "invalid_text")),
        ("/v1/subjects", {}, (422, "invalid")),
        (f"/v1/principals/{MISSING}/keys", {}, (404, "principal_not_found")),
        (f"/v1/principals/{MISSING}/keys", {"key": "mine"}, (422, "unknown_field")),
    ],
)
def test_a_principal_that_cannot_be(served: Served, path: str, body: dict[str, Any], expected: tuple[int, str]) -> None:
    assert refused(served, "POST", path, json=body) == expected


@pytest.mark.parametrize("body", [{"ttl_seconds": 0}, {"ttl_seconds": 1e300}, {"expires_at": "2001-01-01T00:00:00Z"}])
def test_a_key_that_would_never_be_valid(served: Served, body: dict[str, Any]) -> None:
    principal_id = served.client.post("/v1/principals", json={"name": "Smith"}).json()["principal_id"]
    path = f"/v1/principals/{principal_id}/keys"
    assert refused(served, "POST", path, json=body) == (422, "invalid_retention")


@pytest.mark.parametrize("path", ["/v1/cubes/main/memories", "/v1/recall"])
@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_a_method_that_is_not_meant(served: Served, method: str, path: str) -> None:
    assert refused(served, method, path, json={}) == (405, "method_not_allowed")
