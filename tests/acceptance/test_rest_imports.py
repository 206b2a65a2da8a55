"""Exports of other systems over REST."""

from __future__ import annotations

from typing import Any

import pytest

from tests.served import Served, refusal

EXPORT: dict[str, Any] = {
    "results": [{"id": "1", "memory": "Ada likes tea.", "created_at": "2024-07-05T15:30:00Z", "user_id": "ada"}]
}


def test_an_export_arrives_in_quarantine_and_once(served: Served) -> None:
    path = f"/v1/cubes/{served.cube(gate='open')}/imports"
    dry = served.client.post(path, json={"document": EXPORT, "dry_run": True})
    assert (dry.status_code, dry.json()["memories"], dry.json()["memory_ids"]) == (200, 1, [])
    first = served.client.post(path, json={"document": EXPORT, "format": "mem0"})
    assert (first.status_code, first.json()["format"]) == (201, "mem0")
    assert first.headers["mnemolog-position"] == str(first.json()["position"])
    (memory_id,) = first.json()["memory_ids"]
    assert served.client.get(f"/v1/memories/{memory_id}").json()["state"] == "generated"
    again = served.client.post(path, json={"document": EXPORT})
    assert (again.json()["memory_ids"], again.json()["replayed"]) == ([memory_id], True)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"document": EXPORT, "format": "pickle"}, "invalid"),
        ({"document": "Ada likes tea."}, "invalid"),
        ({"document": []}, "cannot_import"),
        ({"document": {"results": [{"id": "1", "memory": 7, "hash": ""}]}}, "cannot_import"),
        ({"document": EXPORT, "path": "/etc/passwd"}, "unknown_field"),
    ],
)
def test_what_is_no_export_is_refused(served: Served, body: Any, code: str) -> None:
    assert refusal(served.client.post("/v1/cubes/main/imports", json=body)) == (422, code)


def test_a_key_that_an_export_has_twice_is_refused(served: Served) -> None:
    body = b'{"document": [{"id": "1", "id": "2", "memory": "Tea.", "hash": ""}]}'
    response = served.client.post("/v1/cubes/main/imports", content=body, headers={"Content-Type": "application/json"})
    assert refusal(response) == (400, "duplicate_json_key")


def test_who_may_not_write_into_a_cube_imports_nothing_into_it(served: Served) -> None:
    with served.agent() as agent:
        response = agent.post("/v1/cubes/main/imports", json={"document": EXPORT})
    assert refusal(response) == (404, "cube_not_found")
