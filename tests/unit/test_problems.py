from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

import orjson
import pytest

from mnemolog.api.problems import of_refusal, refused_by
from mnemolog.domain.refusals import (
    DuplicateJsonKey,
    EmbedderUnavailable,
    KeyUnavailable,
    MemoryErased,
    NotAuthenticated,
    NotFound,
    ProjectionBehind,
    Refusal,
    StaleVersion,
    StoreUnreachable,
)

REQUEST = UUID("0198c0de-0000-7000-8000-000000000000")


def tree(root: type[Refusal]) -> Iterator[type[Refusal]]:
    yield root
    for child in root.__subclasses__():
        yield from tree(child)


def test_a_refusal_is_a_problem_document() -> None:
    answer = of_refusal(REQUEST, StaleVersion(kind="Memory", id=REQUEST, actual=3, expected=2))
    assert answer.status_code == 412
    assert answer.media_type == "application/problem+json"
    assert orjson.loads(answer.body) == {
        "type": "urn:mnemolog:problem:stale_version",
        "title": "Stale version",
        "status": 412,
        "detail": f"Memory {REQUEST} is at version 3, not 2; read it again.",
        "instance": f"urn:uuid:{REQUEST}",
        "code": "stale_version",
        "actual": 3,
        "expected": 2,
    }


@pytest.mark.parametrize("kind", [StoreUnreachable, EmbedderUnavailable, KeyUnavailable])
def test_the_reason_of_an_outage_is_not_told(kind: type[Refusal]) -> None:
    answer = of_refusal(REQUEST, kind(reason="password authentication failed for db.internal:5432"))
    assert answer.status_code == 503
    assert b"internal" not in answer.body
    assert answer.headers["retry-after"] == "1"


def test_how_far_a_view_is_behind_is_told() -> None:
    document = orjson.loads(of_refusal(REQUEST, ProjectionBehind(view="terms", position=7, wanted=9)).body)
    assert (document["view"], document["position"], document["wanted"]) == ("terms", 7, 9)
    assert "terms" in document["detail"]


def test_no_fact_can_take_the_place_of_a_member() -> None:
    document = orjson.loads(of_refusal(REQUEST, NotFound(kind="view", id="x", status=200, code="ok", type="t")).body)
    assert (document["status"], document["code"], document["type"]) == (
        404,
        "not_found",
        "urn:mnemolog:problem:not_found",
    )


def test_a_fact_that_is_no_text_does_no_harm() -> None:
    assert of_refusal(REQUEST, DuplicateJsonKey(key="\ud800")).status_code == 400


def test_who_is_not_known_is_told_how_to_be() -> None:
    assert of_refusal(REQUEST, NotAuthenticated()).headers["www-authenticate"] == "Bearer"


def test_a_route_declares_its_refusals_by_status() -> None:
    declared = refused_by(NotFound, MemoryErased, StaleVersion)
    assert list(declared) == [404, 410, 412]
    assert declared[404]["description"] == "`not_found`"
    assert declared[404]["content"].keys() == {"application/problem+json"}


def test_every_refusal_is_an_error_to_a_client() -> None:
    assert all(400 <= kind.status < 600 for kind in tree(Refusal))
