"""Tokens of an identity provider in the place of keys."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from mnemolog.api.settings import Settings
from mnemolog.api.store import open_store
from mnemolog.domain.refusals import Invalid
from tests.acceptance.test_rest_keys import registered
from tests.acceptance.test_rest_limits import served_with
from tests.served import Served, refusal
from tests.unit.test_openid import AUDIENCE, ISSUER, key_set, signed


@pytest.fixture(params=[None, "org"], ids=["one tenant", "several"])
def trusting(request: pytest.FixtureRequest, dsn: str, tmp_path: Path) -> Iterator[Served]:
    keys = tmp_path / "keys.json"
    keys.write_text(json.dumps(key_set()))
    settings = Settings(
        home=tmp_path,
        dsn=dsn,
        jwt_issuer=ISSUER,
        jwt_audience=AUDIENCE,
        jwt_jwks=str(keys),
        jwt_tenant_claim=request.param,
    )
    with served_with(settings) as served:
        yield served


def token(served: Served, subject: str, tenant_id: str | None = None) -> str:
    return signed(sub=subject, org=tenant_id or str(served.store.caller.tenant_id))


def test_whoever_was_identified_signs_in_until_deactivated(trusting: Served) -> None:
    principal_id = registered(trusting, "user")
    subject = f"ada-{uuid4()}"
    with trusting.holding(token(trusting, subject)) as ada:
        assert refusal(ada.get("/v1/cubes")) == (401, "not_authenticated")
        body = {"issuer": ISSUER, "subject": subject}
        path = f"/v1/principals/{principal_id}"
        assert trusting.client.post(f"{path}/identities", json=body).status_code == 201
        assert ada.get(path).json()["principal_id"] == principal_id
        assert refusal(ada.get("/v1/log")) == (403, "denied")
        assert trusting.client.post(f"{path}/deactivation").status_code == 200
        assert refusal(ada.get(path)) == (401, "not_authenticated")
    assert subject not in trusting.client.get("/v1/log", params={"limit": 500}).text


def test_an_identity_is_of_one_principal(trusting: Served) -> None:
    one, other = registered(trusting, "user"), registered(trusting, "user")
    body = {"issuer": ISSUER, "subject": "ada"}
    assert trusting.client.post(f"/v1/principals/{one}/identities", json=body).status_code == 201
    assert trusting.client.post(f"/v1/principals/{one}/identities", json=body).status_code == 201
    response = trusting.client.post(f"/v1/principals/{other}/identities", json=body)
    assert refusal(response) == (409, "already_exists")


def test_another_tenant_cannot_claim_the_people_of_this_one(trusting: Served) -> None:
    stranger = trusting.stranger.get("/v1/principals").json()["items"][0]["principal_id"]
    body = {"issuer": ISSUER, "subject": "ada"}
    assert trusting.stranger.post(f"/v1/principals/{stranger}/identities", json=body).status_code == 201
    with trusting.holding(token(trusting, "ada")) as ada:
        assert refusal(ada.get("/v1/cubes")) == (401, "not_authenticated")


def test_a_bad_token_is_refused_and_keys_go_on_being_accepted(trusting: Served) -> None:
    for bad in (signed(sub="nobody"), signed(exp=1), "nonsense", "a.b.c"):
        with trusting.holding(bad) as client:
            assert refusal(client.get("/v1/cubes")) == (401, "not_authenticated")
    assert trusting.client.get("/v1/cubes").status_code == 200


def test_tokens_are_refused_where_none_are_expected(served: Served) -> None:
    with served.holding(signed()) as client:
        assert refusal(client.get("/v1/cubes")) == (401, "not_authenticated")


def test_half_a_setting_is_refused_when_the_store_is_opened(dsn: str, tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="needed together"):
        open_store(settings=Settings(home=tmp_path, dsn=dsn, jwt_issuer=ISSUER))
