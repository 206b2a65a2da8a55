"""Principals, their keys, data subjects and tenants."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from mnemolog.adapters.postgres.directory import PrincipalRow
from mnemolog.api.answers import KeyAnswer, Page, PrincipalAnswer, SubjectAnswer
from mnemolog.api.credentials import ApiKey
from mnemolog.api.cursors import check_limit, make_cursor, read_cursor
from mnemolog.api.parts import CATALOGUE, Parts, origin, require_administrator
from mnemolog.domain.cube import Cube
from mnemolog.domain.identity import new_id
from mnemolog.domain.log import Origin
from mnemolog.domain.permissions import Caller
from mnemolog.domain.principal import Principal, PrincipalKind
from mnemolog.domain.refusals import PrincipalNotFound
from mnemolog.domain.retention import expiry
from mnemolog.domain.subject import Subject

MAIN_CUBE = "main"


class Principals:
    """Registering and keys are for administrators of the tenant; everybody may look after their own keys."""

    def __init__(self, parts: Parts, caller: Caller) -> None:
        self._parts = parts
        self._caller = caller

    def register(
        self, name: str, kind: PrincipalKind = PrincipalKind.USER, *, administrator: bool = False
    ) -> PrincipalAnswer:
        """A new principal of this tenant; a user is also a data subject, whose data its cubes hold."""
        require_administrator(self._caller, "register principals")
        tenant_id = self._caller.tenant_id
        person = kind is PrincipalKind.USER
        subject = Subject.register(tenant_id=tenant_id, subject_id=new_id(), name=name) if person else None
        principal = Principal.register(
            tenant_id=tenant_id,
            kind=kind,
            name=name,
            subject_id=subject.id if subject is not None else self._caller.subject_id,
            administrator=administrator,
        )
        self._record(*(each for each in (subject, principal) if each is not None))
        return self.get(principal.id)

    def register_subject(self, name: str) -> SubjectAnswer:
        """A person whom memories are about and who has no key of their own."""
        require_administrator(self._caller, "register data subjects")
        subject = Subject.register(tenant_id=self._caller.tenant_id, subject_id=new_id(), name=name)
        return SubjectAnswer(subject_id=subject.id, position=self._record(subject))

    def get(self, principal_id: UUID, *, at_least: int | None = None) -> PrincipalAnswer:
        self._parts.wait(CATALOGUE, at_least)
        row = self._parts.directory.principal(self._caller.tenant_id, principal_id)
        if row is None or not (self._caller.administrator or row.principal_id == self._caller.principal_id):
            raise PrincipalNotFound(principal_id=principal_id)
        return _answer(row)

    def list(self, *, limit: int = 50, cursor: str | None = None, at_least: int | None = None) -> Page:
        require_administrator(self._caller, "list principals")
        self._parts.wait(CATALOGUE, at_least)
        keyring, question = self._parts.application.keyring, f"principals:{self._caller.tenant_id}"
        after = read_cursor(keyring, question, cursor)
        rows = self._parts.directory.principals(self._caller.tenant_id, after, check_limit(limit))
        following = make_cursor(keyring, question, rows[-1].position) if len(rows) == limit else None
        position = self._parts.catalogue.position
        return Page(items=[_answer(row) for row in rows], next=following, position=position)

    def issue_key(
        self, principal_id: UUID, *, ttl: timedelta | None = None, expires_at: datetime | None = None
    ) -> KeyAnswer:
        """A new key. It is in this answer and nowhere else."""
        self.get(principal_id)
        moment = expiry(self._parts.clock.now(), ttl, expires_at)
        key = ApiKey.new()
        principal = self._parts.application.load(Principal, principal_id)
        principal.issue_key(key.key_id, self._parts.application.keyring.digest_secret(key.secret), moment)
        position = self._record(principal)
        return KeyAnswer(
            key_id=key.key_id, principal_id=principal_id, key=key.reveal(), expires_at=moment, position=position
        )

    def revoke_key(self, principal_id: UUID, key_id: UUID) -> int:
        """When this returns, no process of the store accepts the key any more."""
        self.get(principal_id)
        principal = self._parts.application.load(Principal, principal_id)
        principal.revoke_key(key_id)
        return self._record(principal)

    def _record(self, *aggregates: Subject | Principal) -> int:
        appended = self._parts.application.record(*aggregates, origin=origin(self._caller))
        if appended is not None:
            self._parts.written(appended, rules=True)
        self._parts.wait(CATALOGUE)
        return appended.last if appended is not None else self._parts.catalogue.position


def found_tenant(parts: Parts, key: ApiKey, name: str) -> Caller:
    """A tenant with its owner, the owner's key and a first cube, in one append."""
    tenant_id = new_id()
    subject = Subject.register(tenant_id=tenant_id, subject_id=new_id(), name=name)
    owner = Principal.register(
        tenant_id=tenant_id, kind=PrincipalKind.USER, name=name, subject_id=subject.id, administrator=True
    )
    owner.issue_key(key.key_id, parts.application.keyring.digest_secret(key.secret))
    cube = Cube.found(tenant_id=tenant_id, name=MAIN_CUBE, owner_id=owner.id, subject_id=subject.id)
    appended = parts.application.record(subject, owner, cube, origin=Origin(actor_id=owner.id))
    assert appended is not None
    parts.written(appended, rules=True)
    parts.wait(CATALOGUE)
    return Caller(owner.id, tenant_id, subject.id, administrator=True)


def _answer(row: PrincipalRow) -> PrincipalAnswer:
    return PrincipalAnswer(
        principal_id=row.principal_id,
        kind=row.kind.value,
        administrator=row.administrator,
        subject_id=row.subject_id,
        position=row.position,
    )
