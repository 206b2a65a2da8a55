"""Erasures over REST, and on the command line."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest

from mnemolog.api.receipts import read_receipt
from tests.command_line import CommandLine
from tests.served import Served, refusal

BASIS = "request 2026-14"


def test_an_erased_memory_is_gone_and_its_receipt_can_be_read_again(served: Served) -> None:
    cube = served.cube()
    memory_id = str(served.remember(cube=cube))
    preview = served.client.post("/v1/erasures", json={"memory_id": memory_id, "basis": BASIS, "dry_run": True})
    assert (preview.status_code, preview.json()["memories"]) == (200, 1)
    assert served.client.get(f"/v1/memories/{memory_id}").status_code == 200
    response = served.client.post("/v1/erasures", json={"memory_id": memory_id, "basis": BASIS})
    answer = response.json()
    assert response.status_code == 201
    assert response.headers["location"] == f"/v1/erasures/{answer['erasure_id']}"
    assert response.headers["mnemolog-position"] == str(answer["position"])
    assert read_receipt(answer["receipt"], answer["verifier_key"])["target_id"] == memory_id
    assert served.client.get(response.headers["location"]).json() == answer
    assert answer in served.client.get("/v1/erasures", params={"limit": 500}).json()["items"]
    assert refusal(served.client.get(f"/v1/memories/{memory_id}")) == (410, "memory_erased")
    assert served.client.get(f"/v1/cubes/{cube}/memories").json()["items"] == []
    assert served.client.post("/v1/erasures", json={"memory_id": memory_id, "basis": BASIS}).json() == answer


def test_a_person_is_erased_unless_something_of_the_person_is_held(served: Served) -> None:
    subject_id = served.client.post("/v1/subjects", json={"name": "Ada"}).json()["subject_id"]
    memory_id = served.remember("Ada likes tea.", subject_id=subject_id)
    transitions = f"/v1/memories/{memory_id}/transitions"
    served.client.post(transitions, json={"to": "frozen", "legal_hold": True})
    body = {"subject_id": subject_id, "basis": BASIS}
    assert refusal(served.client.post("/v1/erasures", json=body)) == (409, "subject_held")
    one = {"memory_id": str(memory_id), "basis": BASIS}
    assert refusal(served.client.post("/v1/erasures", json=one)) == (409, "legal_hold")
    assert served.client.get(f"/v1/memories/{memory_id}").json()["text"] == "Ada likes tea."
    served.client.post(transitions, json={"to": "activated"})
    assert served.client.post("/v1/erasures", json=body).status_code == 201
    again = served.client.post("/v1/cubes/main/memories", json={"text": "Ada likes jam.", "subject_id": subject_id})
    assert refusal(again) == (410, "subject_erased")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"basis": BASIS}, 422, "invalid"),
        ({"memory_id": str(uuid4()), "subject_id": str(uuid4()), "basis": BASIS}, 422, "invalid"),
        ({"memory_id": str(uuid4())}, 422, "invalid"),
        ({"memory_id": str(uuid4()), "basis": BASIS}, 404, "memory_not_found"),
        ({"subject_id": str(uuid4()), "basis": BASIS}, 404, "not_found"),
        ({"memory_id": "all", "basis": BASIS}, 422, "invalid"),
        ({"memory_id": str(uuid4()), "basis": BASIS, "force": True}, 422, "unknown_field"),
    ],
)
def test_what_cannot_be_meant_is_refused(served: Served, body: object, status: int, code: str) -> None:
    assert refusal(served.client.post("/v1/erasures", json=body)) == (status, code)


def test_an_erasure_that_there_is_not_is_not_found(served: Served) -> None:
    assert refusal(served.client.get(f"/v1/erasures/{uuid4()}")) == (404, "not_found")


def test_on_the_command_line_a_memory_is_erased_after_a_question(dsn: str, tmp_path: Path) -> None:
    mnemolog = CommandLine(tmp_path / "home", dsn)
    (memory_id,) = mnemolog("remember", "Tea is in the tin.").out.split()
    previewed = mnemolog("erase", memory_id, "--basis", BASIS, "--dry-run")
    assert (previewed.code, previewed.out) == (0, "")
    assert "1 memories would be erased" in previewed.err
    asked = mnemolog("erase", memory_id, "--basis", BASIS, stdin=b"n\n")
    assert asked.code != 0
    assert mnemolog("show", memory_id).code == 0
    erased = mnemolog("erase", memory_id, "--basis", BASIS, stdin=b"y\n")
    assert erased.code == 0, erased.err
    assert memory_id in erased.out
    assert mnemolog("show", memory_id).code == 3
    again = mnemolog("erase", memory_id, "--basis", BASIS, "--yes", "--json").json
    assert erased.out == again["receipt"]
    assert read_receipt(erased.out, again["verifier_key"])["basis"] == BASIS
    assert mnemolog("erase", "--basis", BASIS).code == 2


def test_on_the_command_line_keys_are_put_under_another_one(dsn: str, tmp_path: Path) -> None:
    mnemolog = CommandLine(tmp_path / "home", dsn)
    (memory_id,) = mnemolog("remember", "Tea is in the tin.").out.split()
    former = (tmp_path / "home" / "key-encryption.key").read_bytes()
    rewrapped = mnemolog("keys", "rewrap", "--json").json
    assert rewrapped["subject_keys"] == 1
    assert (tmp_path / "home" / "key-encryption.key").read_bytes() != former
    assert mnemolog("show", memory_id, "--json").json["text"] == "Tea is in the tin."
