"""API keys: shown once, stored as a keyed digest, checked against the store at every request."""

from __future__ import annotations

import hmac
import re
import secrets
from dataclasses import dataclass, field
from uuid import UUID

from mnemolog.adapters.postgres.directory import Credential
from mnemolog.api.parts import Parts
from mnemolog.api.references import CANONICAL
from mnemolog.domain.identity import new_id
from mnemolog.domain.permissions import Action, Caller
from mnemolog.domain.refusals import NotAuthenticated

KNOWN = frozenset(Action)
PREFIX = "mnl_"
KEY = re.compile(PREFIX + r"([0-9a-f]{32})_([A-Za-z0-9_-]{43})")


@dataclass(frozen=True, slots=True)
class ApiKey:
    key_id: UUID
    secret: str = field(repr=False)

    @classmethod
    def new(cls) -> ApiKey:
        return cls(new_id(), secrets.token_urlsafe(32))

    @classmethod
    def parse(cls, text: str) -> ApiKey:
        """Raises NotAuthenticated."""
        match = KEY.fullmatch(text.strip())
        if match is None:
            raise NotAuthenticated
        return cls(UUID(match[1]), match[2])

    def reveal(self) -> str:
        return f"mnl_{self.key_id.hex}_{self.secret}"


def authenticate(
    parts: Parts, text: str | None, *, session_id: UUID | None = None, request_id: UUID | None = None
) -> Caller:
    """Who holds this key or token. Raises NotAuthenticated for every reason alike."""
    is_token = parts.tokens is not None and not (text or "").startswith(PREFIX)
    found, key_id = _by_token(parts, text or "") if is_token else _by_key(parts, text or "")
    if not found.active:
        raise NotAuthenticated
    scopes = None if found.key is None or found.key.scopes is None else _actions(found.key.scopes)
    return Caller(
        principal_id=found.principal_id,
        tenant_id=found.tenant_id,
        subject_id=found.subject_id,
        kind=found.kind,
        administrator=found.administrator,
        session_id=session_id,
        request_id=request_id,
        on_behalf_of=None if found.key is None else found.key.on_behalf_of,
        scopes=scopes,
        key_id=key_id,
    )


def _by_key(parts: Parts, text: str) -> tuple[Credential, UUID | None]:
    key = ApiKey.parse(text)
    now, digest = parts.clock.now(), parts.application.keyring.digest_secret(key.secret)
    found = parts.directory.credential(key.key_id)
    if found is None or found.key is None or not hmac.compare_digest(digest, found.key.digest):
        raise NotAuthenticated
    if not found.key.is_valid(now):
        raise NotAuthenticated
    if found.active:
        parts.key_uses.note(key.key_id, now)
    return found, key.key_id


def _by_token(parts: Parts, text: str) -> tuple[Credential, None]:
    """Without a claim for it, tokens are those of the tenant that was there first: no other can claim its people."""
    assert parts.tokens is not None
    claims = parts.tokens.verify(text)
    founder = parts.registry.founder()
    tenant_id = _tenant(claims.tenant) if claims.tenant is not None else founder[1] if founder is not None else None
    if tenant_id is None:
        raise NotAuthenticated
    subject = subject_token(parts, claims.issuer, claims.subject)
    found = parts.registry.identified(tenant_id, claims.issuer, subject)
    if found is None:
        raise NotAuthenticated
    return found, None


def _tenant(claim: str) -> UUID | None:
    return UUID(claim) if CANONICAL.fullmatch(claim) else None


def subject_token(parts: Parts, issuer: str, subject: str) -> str:
    """What stands for a name of another system wherever it is stored."""
    return parts.application.keyring.token(f"identity:{issuer}\n{subject}").hex()


def _actions(scopes: tuple[str, ...]) -> frozenset[Action]:
    """A scope that this release does not know gives nothing."""
    return frozenset(Action(scope) for scope in scopes if scope in KNOWN)
