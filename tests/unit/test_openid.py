from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from mnemolog.adapters.openid import LONGEST_TOKEN, Claims, KeySet, TokenVerifier, usable
from mnemolog.domain.refusals import Invalid, NotAuthenticated, Unavailable

ISSUER, AUDIENCE = "https://id.example", "mnemolog"
ED = ed25519.Ed25519PrivateKey.generate()
EC = ec.generate_private_key(ec.SECP256R1())
RSA = rsa.generate_private_key(65537, 2048)
OTHER = ed25519.Ed25519PrivateKey.generate()
KEYS: dict[str, tuple[Any, str, Any]] = {
    "ed": (ED, "EdDSA", OKPAlgorithm),
    "ec": (EC, "ES256", ECAlgorithm),
    "rsa": (RSA, "RS256", RSAAlgorithm),
}


def key_set() -> dict[str, Any]:
    made = [
        json.loads(algorithm.to_jwk(key.public_key())) | {"kid": name, "alg": alg, "use": "sig"}
        for name, (key, alg, algorithm) in KEYS.items()
    ]
    return {"keys": made}


def claims(**changes: Any) -> dict[str, Any]:
    stated = {"iss": ISSUER, "aud": AUDIENCE, "sub": "ada", "exp": time.time() + 3600, "iat": time.time()}
    return {name: value for name, value in (stated | changes).items() if value is not None}


def signed(kid: str = "ed", *, headers: dict[str, Any] | None = None, **changes: Any) -> str:
    key, algorithm, _ = KEYS[kid]
    return jwt.encode(claims(**changes), key, algorithm, headers={"kid": kid} | (headers or {}))


@pytest.fixture
def place(tmp_path: Path) -> Path:
    place = tmp_path / "keys.json"
    place.write_text(json.dumps(key_set()))
    return place


@pytest.fixture
def verifier(place: Path) -> TokenVerifier:
    return TokenVerifier(ISSUER, AUDIENCE, str(place))


@pytest.mark.parametrize("kid", KEYS)
def test_a_token_that_was_signed_with_a_known_key_is_believed(verifier: TokenVerifier, kid: str) -> None:
    assert verifier.verify(signed(kid)) == Claims(ISSUER, "ada")


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": time.time() - 3600},
        {"exp": None},
        {"aud": "another"},
        {"aud": None},
        {"iss": "https://evil.example"},
        {"iss": None},
        {"sub": None},
        {"sub": ""},
        {"sub": "a" * 513},
        {"nbf": time.time() + 3600},
    ],
    ids=lambda changes: "-".join(changes),
)
def test_a_token_that_says_too_little_or_the_wrong_thing_is_refused(
    verifier: TokenVerifier, changes: dict[str, Any]
) -> None:
    with pytest.raises(NotAuthenticated):
        verifier.verify(signed(**changes))


def refused() -> dict[str, str]:
    public = json.loads(RSAAlgorithm.to_jwk(RSA.public_key()))
    return {
        "no signature": jwt.encode(claims(), "", "none", headers={"kid": "ed"}),
        "a key of somebody else": jwt.encode(claims(), OTHER, "EdDSA", headers={"kid": "ed"}),
        "an id that there is not": jwt.encode(claims(), ED, "EdDSA", headers={"kid": "other"}),
        "no id": jwt.encode(claims(), ED, "EdDSA"),
        "a very long id": jwt.encode(claims(), ED, "EdDSA", headers={"kid": "k" * 257}),
        "a public key as the secret": jwt.encode(claims(), public["n"], "HS256", headers={"kid": "rsa"}),
        "another algorithm of the same key": jwt.encode(claims(), RSA, "RS512", headers={"kid": "rsa"}),
        "its own key set": jwt.encode(
            claims(), OTHER, "EdDSA", headers={"kid": "own", "jku": "https://evil.example/keys.json"}
        ),
        "too long": signed(padding="a" * LONGEST_TOKEN),
        "two parts": signed().rpartition(".")[0],
        "nothing": "",
    }


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
@pytest.mark.parametrize("why", refused())
def test_a_token_that_anybody_could_have_made_is_refused(verifier: TokenVerifier, why: str) -> None:
    with pytest.raises(NotAuthenticated):
        verifier.verify(refused()[why])


@given(text=st.text(max_size=60), place_of_change=st.integers(0, 10_000))
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_sent_is_refused_and_never_an_error(
    verifier: TokenVerifier, text: str, place_of_change: int
) -> None:
    token = signed()
    at = place_of_change % (len(token) - 1)  # the last character has bits that mean nothing
    changed = token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :]
    for each in (text, f"{text}.{text}.{text}", changed):
        with pytest.raises(NotAuthenticated):
            verifier.verify(each)


def test_a_tenant_is_told_where_a_claim_for_it_is_set(place: Path) -> None:
    verifier = TokenVerifier(ISSUER, AUDIENCE, str(place), "org")
    assert verifier.verify(signed(org="one")) == Claims(ISSUER, "ada", "one")
    for org in (None, 7, ["one"]):
        with pytest.raises(NotAuthenticated):
            verifier.verify(signed(org=org))


def test_a_new_key_is_found_and_unknown_ones_are_not_looked_for_again_and_again(place: Path) -> None:
    now = [0.0]
    keys = KeySet(str(place), lambda: now[0])
    assert keys.key("ed") is not None
    document = key_set()
    document["keys"][0]["kid"] = "new"
    place.write_text(json.dumps(document))
    assert keys.key("new") is None  # it was read a moment ago
    now[0] += 11
    assert keys.key("new") is not None
    assert keys.key("ed") is None


def test_keys_are_believed_while_their_place_does_not_answer_and_not_without_ever_having_been_read(place: Path) -> None:
    now = [0.0]
    keys = KeySet(str(place), lambda: now[0])
    assert keys.key("ed") is not None
    place.unlink()
    now[0] += 1000
    assert keys.key("ed") is not None
    with pytest.raises(Unavailable, match="cannot be had"):
        KeySet(str(place)).key("ed")


@pytest.mark.parametrize("place", ["http://id.example/keys", "ftp://id.example/keys"])
def test_keys_are_not_fetched_in_the_clear(place: str) -> None:
    with pytest.raises(Invalid, match="https"):
        KeySet(place)


@pytest.mark.parametrize(
    "document", [b"", b"[]", b"{}", b'{"keys": 1}', b'{"keys": [1, {"kid": "a", "kty": "oct", "k": "c2VjcmV0"}]}']
)
def test_a_secret_that_is_shared_and_what_is_no_key_set_are_of_no_use(document: bytes) -> None:
    with pytest.raises(ValueError, match=r"no usable key|Expecting value"):
        usable(document)
