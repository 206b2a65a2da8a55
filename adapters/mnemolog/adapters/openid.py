"""Signed tokens of an OpenID Connect provider. Its keys come from one place that is set, and never from a token."""

from __future__ import annotations

import http.client
import json
import ssl
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mnemolog.domain.refusals import Invalid, NotAuthenticated, Unavailable

ALGORITHMS = ("EdDSA", "ES256", "RS256")
REQUIRED = ("exp", "iss", "aud", "sub")
LONGEST_TOKEN, LONGEST_KEY_ID, LONGEST_SUBJECT = 8192, 256, 512
LARGEST_SET = 1024 * 1024
FRESH_SECONDS, AGAIN_SECONDS, TIMEOUT_SECONDS = 300.0, 10.0, 5.0
LEEWAY_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Claims:
    """What a token proves. `tenant` is what its tenant claim says, None where none is asked for."""

    issuer: str
    subject: str
    tenant: str | None = None


class TokenVerifier:
    """`place` is a file or an https URL with a JSON Web Key Set. Raises Invalid where PyJWT is not installed."""

    def __init__(self, issuer: str, audience: str, place: str, tenant_claim: str | None = None) -> None:
        try:
            import jwt
        except ImportError:
            raise Invalid(reason="Tokens need PyJWT: pip install 'mnemolog[jwt]'") from None
        self._jwt, self._keys = jwt, KeySet(place)
        self._issuer, self._audience, self._tenant_claim = issuer, audience, tenant_claim

    def verify(self, token: str) -> Claims:
        """Raises NotAuthenticated for every reason alike, Unavailable when the keys cannot be had."""
        if len(token) > LONGEST_TOKEN or token.count(".") != 2:
            raise NotAuthenticated
        try:
            header = self._jwt.get_unverified_header(token)
            key = self._keys.key(header.get("kid"))
            if key is None or header.get("alg") != key.algorithm_name:
                raise NotAuthenticated
            claims = self._jwt.decode(
                token,
                key,
                algorithms=[key.algorithm_name],
                audience=self._audience,
                issuer=self._issuer,
                leeway=LEEWAY_SECONDS,
                options={"require": list(REQUIRED)},
            )
        except (self._jwt.PyJWTError, ValueError):  # ValueError: what a decoder makes of bytes that are no JSON
            raise NotAuthenticated from None
        return self._told(claims)

    def _told(self, claims: Mapping[str, Any]) -> Claims:
        subject, tenant = claims["sub"], claims.get(self._tenant_claim) if self._tenant_claim else None
        if not isinstance(subject, str) or not 0 < len(subject) <= LONGEST_SUBJECT:
            raise NotAuthenticated
        if self._tenant_claim and not isinstance(tenant, str):
            raise NotAuthenticated
        return Claims(self._issuer, subject, tenant)


class KeySet:
    """The keys of a provider by their ids, kept for five minutes. An id that is not known is looked for again, but not
    more often than every ten seconds, whatever tokens are sent."""

    def __init__(self, place: str, seconds: Callable[[], float] = time.monotonic) -> None:
        if "://" in place and not place.startswith("https://"):
            raise Invalid(reason="MNEMOLOG_JWT_JWKS must be a file or an https URL")
        self._place, self._seconds = place, seconds
        self._lock = threading.Lock()
        self._keys: Mapping[str, Any] | None = None
        self._read_at = self._tried_at = -FRESH_SECONDS

    def key(self, key_id: object) -> Any:
        """None for one that there is not."""
        if not isinstance(key_id, str) or not 0 < len(key_id) <= LONGEST_KEY_ID:
            return None
        with self._lock:
            now = self._seconds()
            is_old = now - self._read_at > FRESH_SECONDS or key_id not in (self._keys or {})
            if is_old and now - self._tried_at > AGAIN_SECONDS:
                self._tried_at = now
                self._refresh(now)
            if self._keys is None:
                raise Unavailable(reason="the keys of the identity provider cannot be had")
            return self._keys.get(key_id)

    def _refresh(self, now: float) -> None:
        """What was read before goes on being believed while the provider does not answer."""
        try:
            self._keys, self._read_at = usable(_read(self._place)), now
        except (OSError, http.client.HTTPException, ValueError):
            return


def usable(document: bytes) -> dict[str, Any]:
    """Those that have an id and sign with one of our algorithms. Raises ValueError for what is no key set."""
    import jwt

    found: dict[str, Any] = {}
    listed = json.loads(document)
    for each in listed["keys"] if isinstance(listed, dict) and isinstance(listed.get("keys"), list) else ():
        if not isinstance(each, dict) or not isinstance(each.get("kid"), str) or each.get("use", "sig") != "sig":
            continue
        try:
            key = jwt.PyJWK(each)
        except jwt.PyJWTError:
            continue
        if key.algorithm_name in ALGORITHMS:
            found[each["kid"]] = key
    if not found:
        raise ValueError("no usable key")
    return found


def _read(place: str) -> bytes:
    """Raises OSError, also for an answer that is too long or leads elsewhere."""
    if "://" not in place:
        return Path(place).expanduser().read_bytes()
    opener = urllib.request.build_opener(_NoRedirect, urllib.request.HTTPSHandler(context=ssl.create_default_context()))
    with opener.open(place, timeout=TIMEOUT_SECONDS) as answer:
        document: bytes = answer.read(LARGEST_SET + 1)
    if len(document) > LARGEST_SET:
        raise OSError("the key set is too large")
    return document


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None
