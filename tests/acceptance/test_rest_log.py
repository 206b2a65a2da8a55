"""The log over REST: pages, the live stream, verification."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import orjson
import pytest

from tests.served import PATIENCE, Served, refusal, serving


def told(lines: Iterator[str]) -> Iterator[dict[str, str]]:
    """Server-sent events as their fields; comments have none."""
    fields: dict[str, str] = {}
    for line in lines:
        if not line:
            yield fields
            fields = {}
        elif not line.startswith(":"):
            name, _, value = line.partition(": ")
            fields[name] = value


def events(response: httpx.Response) -> Iterator[dict[str, str]]:
    return (fields for fields in told(response.iter_lines()) if fields)


def test_the_log_is_read_in_order_and_in_pages(served: Served) -> None:
    start = served.head()
    for text in ("one", "two", "three"):
        served.remember(text)
    positions: list[int] = []
    params: dict[str, Any] = {"after": start, "limit": 2}
    while True:
        page = served.client.get("/v1/log", params=params).json()
        positions += [item["position"] for item in page["items"]]
        if page["next"] is None:
            break
        params = {"cursor": page["next"], "limit": 2}
    assert positions == list(range(start + 1, served.head() + 1))


def test_the_log_tells_no_personal_content(served: Served) -> None:
    served.client.post("/v1/principals", json={"name": "canary Smith"})
    served.remember("the canary sings", background="canary", tags=["canary"], key="canary", speaker="canary")
    assert "canary" not in served.client.get("/v1/log", params={"limit": 500}).text


def test_the_log_can_be_narrowed(served: Served) -> None:
    memory_id = served.remember()
    cube_id = served.client.get(f"/v1/memories/{memory_id}").json()["cube_id"]
    whole = served.client.get("/v1/log", params={"memory_id": str(memory_id)}).json()["items"]
    assert [event["type"] for event in whole] == ["memory.generated.v1", "memory.activated.v1"]
    types = {"type": ["memory.activated.v1", "memory.archived.v1"], "cube_id": cube_id}
    assert [event["memory_id"] for event in served.client.get("/v1/log", params=types).json()["items"]] == [
        str(memory_id)
    ]


def test_nobody_reads_the_log_of_another_tenant(served: Served) -> None:
    served.remember()
    mine = served.client.get("/v1/log", params={"limit": 500}).json()["items"]
    theirs = served.stranger.get("/v1/log", params={"limit": 500}).json()["items"]
    assert mine
    assert theirs
    assert not {event["tenant_id"] for event in mine} & {event["tenant_id"] for event in theirs}


def test_the_log_is_verified_to_its_end(served: Served) -> None:
    verified = served.client.post("/v1/log/verify").json()
    assert verified["position"] == verified["events"] == served.head()
    assert len(bytes.fromhex(verified["chain"])) == 32


def test_the_stream_tells_what_happens_as_it_happens(served: Served) -> None:
    cube = served.cube()
    with served.client.stream("GET", "/v1/log/stream") as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        lines = events(response)
        head = served.head()
        memory_id = served.remember("the canary sings", cube=cube)
        generated, activated = next(lines), next(lines)
    assert (generated["event"], generated["id"]) == ("memory.generated.v1", str(head + 1))
    assert (activated["event"], activated["id"]) == ("memory.activated.v1", str(head + 2))
    event = orjson.loads(generated["data"])
    assert (event["position"], event["memory_id"]) == (head + 1, str(memory_id))
    assert "canary" not in generated["data"]


@pytest.mark.parametrize("how", ["header", "query"])
def test_a_stream_resumes_after_the_last_event_that_was_seen(served: Served, how: str) -> None:
    start = served.head()
    for _ in range(3):
        served.remember()
    asked: dict[str, Any] = (
        {"headers": {"Last-Event-ID": str(start + 2)}} if how == "header" else {"params": {"after": start + 2}}
    )
    with served.client.stream("GET", "/v1/log/stream", **asked) as response:
        lines = events(response)
        missed = [int(next(lines)["id"]) for _ in range(served.head() - start - 2)]
    assert missed == list(range(start + 3, served.head() + 1))


def test_a_stream_says_nothing_about_other_tenants(served: Served) -> None:
    with served.client.stream("GET", "/v1/log/stream") as response:
        lines = events(response)
        served.stranger.post("/v1/cubes/main/memories", json={"text": "theirs"})
        mine = served.remember("mine", cube="main")
        assert orjson.loads(next(lines)["data"])["memory_id"] == str(mine)


def test_a_quiet_stream_beats(served: Served) -> None:
    with served.client.stream("GET", "/v1/log/stream") as response:
        lines = response.iter_lines()
        comments = [line for line in (next(lines) for _ in range(6)) if line]
    assert comments == [": "] * 3


def test_a_stream_ends_with_its_key(served: Served) -> None:
    principal = served.client.post("/v1/principals", json={"name": "auditor", "administrator": True}).json()
    path = f"/v1/principals/{principal['principal_id']}/keys"
    issued = served.client.post(path, json={}).json()
    with served.holding(issued["key"]) as auditor, auditor.stream("GET", "/v1/log/stream") as response:
        lines = events(response)
        served.client.delete(f"{path}/{issued['key_id']}")
        served.remember("what the auditor must not hear of any more")
        last = next(lines)
        assert (last["event"], orjson.loads(last["data"])) == ("end", {"code": "not_authenticated"})
        assert list(lines) == []


@pytest.mark.parametrize(
    ("headers", "params"),
    [
        ({"Last-Event-ID": "9" * 18}, {}),
        ({}, {"after": "9" * 18}),
    ],
)
def test_a_stream_does_not_start_beyond_the_end(
    served: Served, headers: dict[str, str], params: dict[str, str]
) -> None:
    assert refusal(served.client.get("/v1/log/stream", headers=headers, params=params)) == (422, "invalid_position")


def test_a_server_that_stops_ends_its_streams_and_answers_what_it_has_begun(served: Served) -> None:
    """`serving` fails when the server does not end."""
    with serving(served.store) as (url, server), served.holding(served.key) as client:
        client.base_url = url
        with client.stream("GET", "/v1/log/stream") as response:
            lines = response.iter_lines()
            assert next(lines) == ": "
            server.should_exit = True
            assert [line for line in lines if line and not line.startswith(":")] == []


def test_many_streams_leave_room_for_requests(served: Served) -> None:
    opened: list[Any] = []
    with served.holding(served.key) as client:
        for _ in range(60):  # a key has 64 at once
            context = client.stream("GET", "/v1/log/stream")
            context.__enter__()
            opened.append(context)
        assert served.client.get("/v1/cubes", timeout=PATIENCE).status_code == 200
        for context in opened:
            context.__exit__(None, None, None)


def test_an_unknown_event_type_is_refused(served: Served) -> None:
    response = served.client.get("/v1/log", params={"type": f"memory.{uuid4().hex}.v1"})
    assert refusal(response) == (422, "invalid")
