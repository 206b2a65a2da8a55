"""Checkpoints and proofs over REST, verified as a client would, and the log verified with them."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from mnemolog.adapters.signing import Ed25519Verifier
from mnemolog.domain.merkle import verify_consistency, verify_inclusion
from mnemolog.domain.note import Checkpoint, open_checkpoint
from tests.served import Served, refusal

PATIENCE = 60.0


def newest_beyond(served: Served, position: int) -> dict[str, Any]:
    """What is told of checkpoints once one of them binds this position."""
    for _ in range(int(PATIENCE / 0.1)):
        told: dict[str, Any] = served.client.get("/v1/checkpoints", params={"limit": 500}).json()
        if told["newest"] is not None and told["newest"]["size"] >= position:
            return told
        served.store.parts.wakeups.listen(2**62, 0.1)
    raise AssertionError("no checkpoint was signed")


@pytest.fixture
def told(served: Served) -> dict[str, Any]:
    served.remember()
    return newest_beyond(served, served.head())


def opened(told: dict[str, Any], signed: dict[str, Any]) -> Checkpoint:
    verifier = Ed25519Verifier.parse(told["verifier_key"])
    return open_checkpoint(signed["note"].encode(), told["origin"], verifier)


def test_every_checkpoint_is_signed_and_says_what_is_told_of_it(told: dict[str, Any]) -> None:
    assert told["items"]
    sizes = [signed["size"] for signed in told["items"]]
    assert sizes == sorted(set(sizes))
    for signed in (*told["items"], told["newest"]):
        checkpoint = opened(told, signed)
        assert (checkpoint.size, checkpoint.root.hex()) == (signed["size"], signed["root"])


def test_checkpoints_come_in_pages(served: Served, told: dict[str, Any]) -> None:
    served.remember()
    sizes = [signed["size"] for signed in newest_beyond(served, served.head())["items"]]
    found, cursor = list[int](), dict[str, str]()
    while True:
        page = served.client.get("/v1/checkpoints", params={"limit": 1, **cursor}).json()
        found += [signed["size"] for signed in page["items"]]
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    assert found[: len(sizes)] == sizes


def test_an_inclusion_is_proven_against_the_newest_checkpoint(served: Served, told: dict[str, Any]) -> None:
    checkpoint = opened(told, told["newest"])
    for position in (1, checkpoint.size // 2, checkpoint.size):
        asked = {"position": position, "size": checkpoint.size}
        proof = served.client.get("/v1/proofs/inclusion", params=asked).json()
        hashes = [bytes.fromhex(each) for each in proof["proof"]]
        verify_inclusion(bytes.fromhex(proof["leaf"]), position - 1, checkpoint.size, hashes, checkpoint.root)


def test_a_consistency_is_proven_between_two_checkpoints(served: Served, told: dict[str, Any]) -> None:
    served.remember()
    later = newest_beyond(served, served.head())
    first, second = opened(told, told["newest"]), opened(later, later["newest"])
    assert first.size < second.size
    proof = served.client.get("/v1/proofs/consistency", params={"first": first.size, "second": second.size}).json()
    hashes = [bytes.fromhex(each) for each in proof["proof"]]
    verify_consistency(first.size, second.size, hashes, first.root, second.root)
    assert (proof["first_root"], proof["second_root"]) == (first.root.hex(), second.root.hex())


@pytest.mark.parametrize("path", ["/v1/proofs/inclusion?position=1", "/v1/proofs/consistency?first=1"])
def test_without_a_size_the_newest_checkpoint_is_meant(served: Served, told: dict[str, Any], path: str) -> None:
    answer = served.client.get(path).json()
    assert answer.get("size", answer.get("second")) >= told["newest"]["size"]


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/v1/proofs/inclusion?position=900000000", "invalid_position"),
        ("/v1/proofs/inclusion?position=2&size=1", "invalid_position"),
        ("/v1/proofs/inclusion?position=1&size=900000000", "invalid_position"),
        ("/v1/proofs/consistency?first=2&second=1", "invalid_position"),
        ("/v1/proofs/inclusion?position=0", "invalid"),
        ("/v1/proofs/inclusion?position=-1", "invalid"),
        ("/v1/proofs/inclusion", "invalid"),
        ("/v1/proofs/consistency?first=0", "invalid"),
        ("/v1/proofs/consistency?first=1&more=1", "unknown_field"),
        ("/v1/checkpoints?limit=0", "invalid_metadata"),
    ],
)
def test_what_cannot_be_proven_is_refused(served: Served, told: dict[str, Any], path: str, code: str) -> None:
    assert refusal(served.client.get(path)) == (422, code)


def test_a_cursor_that_was_made_up_is_refused(served: Served) -> None:
    assert refusal(served.client.get("/v1/checkpoints?cursor=abc")) == (400, "invalid_cursor")


PATHS = ("/v1/checkpoints", "/v1/proofs/inclusion?position=1", "/v1/proofs/consistency?first=1")


@pytest.mark.parametrize("path", PATHS)
def test_whoever_has_a_key_may_have_the_evidence_and_nobody_else(
    served: Served, told: dict[str, Any], path: str
) -> None:
    with served.agent() as agent:
        assert [client.get(path).status_code for client in (served.stranger, agent)] == [200, 200]
    assert refusal(served.anonymous.get(path)) == (401, "not_authenticated")


def test_the_log_is_verified_with_the_checkpoints_that_were_kept(served: Served, told: dict[str, Any]) -> None:
    verified = served.client.post("/v1/log/verify").json()
    assert verified["bound"] >= told["newest"]["size"]
    assert verified["checkpoints"] >= 1


def test_no_proof_leaves_a_log_that_does_not_hold_it(
    served: Served, told: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if somebody had changed the first leaf since the newest checkpoint was signed."""
    read = served.store.parts.application.log_recorder.rows

    def changed(statement: str, facts: dict[str, Any]) -> list[tuple[Any, ...]]:
        return [(0, 0, bytes(32)) if row[:2] == (0, 0) else row for row in read(statement, facts)]

    monkeypatch.setattr(served.store.parts.application.log_recorder, "rows", changed)
    for path in ("/v1/proofs/inclusion?position=1", "/v1/proofs/inclusion?position=2"):
        response: httpx.Response = served.client.get(path)
        assert refusal(response) == (500, "verification_failed")
