"""API keys: shown once, stored as a keyed digest, checked against the store at every request."""

from __future__ import annotations

import hmac
import re
import secrets
from dataclasses import dataclass, field
from uuid import UUID

from mnemolog.adapters.keyring import Keyring
from mnemolog.adapters.postgres.directory import Directory
from mnemolog.domain.identity import new_id
from mnemolog.domain.log import Clock
from mnemolog.domain.permissions import Caller
from mnemolog.domain.refusals import NotAuthenticated

KEY = re.compile(r"mnl_([0-9a-f]{32})_([A-Za-z0-9_-]{43})")


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
    text: str | None,
    directory: Directory,
    keyring: Keyring,
    clock: Clock,
    *,
    session_id: UUID | None = None,
    request_id: UUID | None = None,
) -> Caller:
    """Who holds this key. Raises NotAuthenticated for every reason alike."""
    key = ApiKey.parse(text or "")
    found = directory.credential(key.key_id)
    digest = keyring.digest_secret(key.secret)
    if found is None or not hmac.compare_digest(digest, found.key.digest) or not found.key.is_valid(clock.now()):
        raise NotAuthenticated
    return Caller(
        principal_id=found.principal_id,
        tenant_id=found.tenant_id,
        subject_id=found.subject_id,
        kind=found.kind,
        administrator=found.administrator,
        session_id=session_id,
        request_id=request_id or new_id(),
    )
