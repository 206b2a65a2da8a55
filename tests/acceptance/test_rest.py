"""What holds for every route of the REST API."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest
from fastapi.routing import APIRoute
from starlette.types import Receive, Scope, Send

from mnemolog.api.admission import AdmittedRoute
from mnemolog.api.edge import Edge
from mnemolog.api.http import ROUTERS, create_app
from mnemolog.api.metrics import Metrics
from mnemolog.api.routes.health import admitted
from tests.served import Served, refusal

OPEN = {"/healthz", "/readyz"}


def routes() -> Iterator[APIRoute]:
    for router in (*(module.router for module in ROUTERS), admitted):
        yield from (route for route in router.routes if isinstance(route, APIRoute))


ROUTES = sorted({(method, route.path) for route in routes() for method in route.methods or ()})


def at(path: str) -> str:
    """The path with something in the place of each parameter."""
    for name in ("memory_id", "target_id", "principal_id", "key_id"):
        path = path.replace(f"{{{name}}}", str(uuid4()))
    return path.replace("{cube}", "main").replace("{relation}", "supports")


def test_there_are_routes_to_look_at() -> None:
    assert len(ROUTES) >= 30
    assert {path for _, path in ROUTES} >= OPEN | {"/v1/recall", "/metrics", "/openapi.json"}


@pytest.mark.parametrize(("method", "path"), [each for each in ROUTES if each[1] not in OPEN])
@pytest.mark.parametrize(
    "credentials",
    [None, "", "Bearer", "Bearer nonsense", f"Bearer mnl_{'0' * 32}_{'x' * 43}", "Basic b3duZXI6b3duZXI="],
)
def test_nothing_but_health_is_open(served: Served, method: str, path: str, credentials: str | None) -> None:
    headers = {} if credentials is None else {"Authorization": credentials}
    response = served.anonymous.request(method, at(path), headers=headers)
    assert refusal(response) == (401, "not_authenticated")
    assert response.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("path", sorted(OPEN))
def test_health_needs_no_key(served: Served, path: str) -> None:
    assert served.anonymous.get(path).status_code == 200


def test_every_route_but_health_is_made_by_the_class_that_asks_for_a_key() -> None:
    assert {route.path for route in routes() if not isinstance(route, AdmittedRoute)} == OPEN


def test_a_key_is_asked_for_before_anything_else_is_read(served: Served) -> None:
    response = served.anonymous.post("/v1/cubes", content=b"{" * 1000, headers={"Content-Type": "text/plain"})
    assert refusal(response) == (401, "not_authenticated")


@pytest.mark.parametrize("path", ["/", "/v1", "/v1/nothing", "/v1/cubes/", "/docs", "/redoc", "//v1/cubes"])
def test_an_unknown_path_is_a_problem_document(served: Served, path: str) -> None:
    assert refusal(served.client.get(path)) == (404, "not_found")


@pytest.mark.parametrize(
    ("method", "path", "allowed"), [("DELETE", "/v1/cubes", {"GET", "POST"}), ("PROPFIND", "/v1/recall", {"POST"})]
)
def test_a_method_that_a_path_does_not_know_is_a_problem_document(
    served: Served, method: str, path: str, allowed: set[str]
) -> None:
    response = served.client.request(method, path)
    assert refusal(response) == (405, "method_not_allowed")
    assert set(response.headers["allow"].split(", ")) <= allowed


def test_an_answer_has_an_id_and_is_neither_guessed_at_nor_kept(served: Served) -> None:
    headers = served.client.get("/v1/cubes").headers
    assert UUID(headers["x-request-id"]).version == 7
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
    assert "access-control-allow-origin" not in headers
    assert "server" not in headers


def test_the_id_of_a_request_is_the_clients_when_it_is_one(served: Served) -> None:
    mine = str(uuid4())
    assert served.client.get("/v1/cubes", headers={"X-Request-Id": mine}).headers["x-request-id"] == mine
    assert served.client.get("/v1/cubes", headers={"X-Request-Id": "mine"}).headers["x-request-id"] != "mine"


def test_the_id_of_a_request_is_in_the_events_it_caused(served: Served) -> None:
    mine, cube = str(uuid4()), served.cube()
    response = served.client.post(
        f"/v1/cubes/{cube}/memories", json={"text": "Ada likes pears."}, headers={"X-Request-Id": mine}
    )
    page = served.client.get("/v1/log", params={"after": response.json()["position"] - 1}).json()
    assert page["items"][0]["request_id"] == mine


def test_a_bug_is_answered_without_detail_and_logged_without_text(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        raise psycopg.DataError("DETAIL: the canary sings")

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(Edge(broken, Metrics(served.store.parts)))
        async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
            return await client.get("/v1/log?q=canary")

    response = asyncio.run(ask())
    assert refusal(response) == (500, "internal_error")
    assert "canary" not in response.text
    lines = [record.getMessage() for record in caplog.records if record.name.startswith("mnemolog")]
    assert len(lines) == 1
    assert "canary" not in lines[0]
    assert response.headers["x-request-id"] in lines[0]
    assert "DataError" in lines[0]


def test_openapi_declares_every_route_its_refusals_and_its_key(served: Served) -> None:
    document = served.client.get("/openapi.json").json()
    operations = {
        (method.upper(), path): operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }
    assert set(operations) == set(ROUTES) - {("GET", "/openapi.json")}
    assert document["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
    for (_, path), operation in operations.items():
        assert operation["tags"]
        if path not in OPEN:
            assert operation["security"] == [{"key": []}]
            assert {"401", "422", "503"} <= operation["responses"].keys(), path
        for status, response in operation["responses"].items():
            if status >= "400":
                assert response["content"].keys() == {"application/problem+json"}
    assert "HTTPValidationError" not in document["components"]["schemas"]


def test_every_reference_in_openapi_leads_somewhere(served: Served) -> None:
    document = create_app(served.store).openapi()
    schemas = document["components"]["schemas"]

    def references(value: Any) -> Iterator[str]:
        if isinstance(value, dict):
            yield from (str(each) for name, each in value.items() if name == "$ref")
            for each in value.values():
                yield from references(each)
        elif isinstance(value, list):
            for each in value:
                yield from references(each)

    found = set(references(document))
    assert found
    assert {name.removeprefix("#/components/schemas/") for name in found} <= schemas.keys()


def test_figures_are_for_administrators_and_name_routes_not_ids(served: Served) -> None:
    memory_id = served.remember("The canary sings.")
    served.client.get(f"/v1/memories/{memory_id}")
    figures = served.client.get("/metrics").text
    assert 'route="/v1/memories/{memory_id}"' in figures
    assert str(memory_id) not in figures
    assert "canary" not in figures
    appended = next(line for line in figures.splitlines() if line.startswith("mnemolog_appended_events_total"))
    assert float(appended.split()[1]) > 0
    for name in ("mnemolog_log_head", "mnemolog_view_lag_events", "mnemolog_request_seconds_bucket"):
        assert name in figures
    with served.agent() as agent:
        assert refusal(agent.get("/metrics")) == (403, "denied")


def test_who_has_no_valid_key_is_counted_and_logged_without_what_they_sent(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    def failures() -> float:
        lines = served.client.get("/metrics").text.splitlines()
        return next(float(line.split()[1]) for line in lines if line.startswith("mnemolog_authentication_failures_tot"))

    before, forged = failures(), f"mnl_{'0' * 32}_{'c' * 43}"
    for credentials in (f"Bearer {forged}", "Basic canary", ""):
        assert served.anonymous.get("/v1/cubes", headers={"Authorization": credentials}).status_code == 401
    assert failures() == before + 3
    lines = [record.getMessage() for record in caplog.records if record.name == "mnemolog.api.admission"]
    assert [line.split(" from ")[1] for line in lines] == ["127.0.0.1: no valid key"] * 3
    assert not [line for line in lines if "canary" in line or "ccc" in line]


def test_status_counts_what_is_the_callers(served: Served) -> None:
    before = served.client.get("/v1/status").json()["memories"].get("activated", 0)
    strangers = served.stranger.get("/v1/status").json()["memories"]
    memory_id = served.remember()
    assert served.client.get(f"/v1/memories/{memory_id}").status_code == 200  # so that the catalogue knows it
    assert served.client.get("/v1/status").json()["memories"]["activated"] == before + 1
    assert served.stranger.get("/v1/status").json()["memories"] == strangers
    views = served.client.get("/v1/views").json()["items"]
    assert {view["name"] for view in views} >= {"catalogue", "terms", "vectors"}


def test_clients_at_the_same_time_are_never_taken_for_each_other(served: Served) -> None:
    """Two tenants, one server: each is told its own memories only."""
    mine = served.remember("mine")
    response = served.stranger.post("/v1/cubes/main/memories", json={"text": "theirs"})
    theirs = response.json()["memory_ids"][0]
    seen: list[tuple[int, int]] = []

    def ask(client: httpx.Client, own: object, other: object) -> None:
        for _ in range(20):
            seen.append(
                (client.get(f"/v1/memories/{own}").status_code, client.get(f"/v1/memories/{other}").status_code)
            )

    in_parallel(lambda: ask(served.client, mine, theirs), lambda: ask(served.stranger, theirs, mine))
    assert seen == [(200, 404)] * 40


def in_parallel(*calls: Callable[[], None]) -> None:
    with ThreadPoolExecutor(len(calls)) as pool:
        for future in [pool.submit(call) for call in calls]:
            future.result()
