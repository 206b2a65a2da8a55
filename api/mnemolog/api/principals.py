"""Principals, their keys, data subjects and tenants."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from mnemolog.adapters.postgres.directory import PrincipalRow
from mnemolog.api.accesses import audited, current
from mnemolog.api.answers import KeyAnswer, Page, PrincipalAnswer, SubjectAnswer
from mnemolog.api.credentials import ApiKey, subject_token
from mnemolog.api.cursors import check_limit, make_cursor, read_cursor
from mnemolog.api.parts import CATALOGUE, Parts, is_administrator, origin, require_administrator
from mnemolog.domain.aggregate import Recorded
from mnemolog.domain.cube import Cube
from mnemolog.domain.identity import new_id
from mnemolog.domain.log import Condition, Origin
from mnemolog.domain.permissions import Action, Caller
from mnemolog.domain.principal import Principal, PrincipalKind
from mnemolog.domain.refusals import (
    AlreadyExists,
    CannotDeactivate,
    Denied,
    Invalid,
    InvalidRetention,
    NotFound,
    PrincipalNotFound,
)
from mnemolog.domain.retention import expiry
from mnemolog.domain.subject import Subject
from mnemolog.domain.tenant import Limits, Tenant

MAIN_CUBE = "main"


@audited("principals")
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
        return self._known(principal.id)

    def register_subject(self, name: str) -> SubjectAnswer:
        """A person whom memories are about and who has no key of their own."""
        require_administrator(self._caller, "register data subjects")
        subject = Subject.register(tenant_id=self._caller.tenant_id, subject_id=new_id(), name=name)
        return SubjectAnswer(subject_id=subject.id, position=self._record(subject))

    def get(self, principal_id: UUID, *, at_least: int | None = None) -> PrincipalAnswer:
        found = self._known(principal_id, at_least)
        current().count(1, self._parts.catalogue.position)
        return found

    def _known(self, principal_id: UUID, at_least: int | None = None) -> PrincipalAnswer:
        self._parts.wait(CATALOGUE, at_least)
        row = self._parts.directory.principal(self._caller.tenant_id, principal_id)
        if row is None or not (is_administrator(self._caller) or row.principal_id == self._caller.principal_id):
            raise PrincipalNotFound(principal_id=principal_id)
        return _answer(row)

    def list(
        self,
        *,
        kind: PrincipalKind | None = None,
        limit: int = 50,
        cursor: str | None = None,
        at_least: int | None = None,
    ) -> Page:
        require_administrator(self._caller, "list principals")
        self._parts.wait(CATALOGUE, at_least)
        keyring, question = self._parts.application.keyring, f"principals:{self._caller.tenant_id}:{kind}"
        after = read_cursor(keyring, question, cursor)
        rows = self._parts.directory.principals(self._caller.tenant_id, after, check_limit(limit), kind)
        following = make_cursor(keyring, question, rows[-1].position) if len(rows) == limit else None
        position = self._parts.catalogue.position
        current().count(len(rows), position)
        return Page(items=[_answer(row) for row in rows], next=following, position=position)

    def deactivate(self, principal_id: UUID) -> int:
        """When this returns, no process accepts a key of this principal, or of an agent on its behalf.

        Raises CannotDeactivate for oneself: so a tenant never loses its last administrator.
        """
        require_administrator(self._caller, "deactivate principals")
        if principal_id == self._caller.principal_id:
            raise CannotDeactivate(principal_id=principal_id, reason="nobody deactivates themselves")
        principal = self._load(principal_id)
        principal.deactivate()
        return self._record(principal, unless=Principal.Deactivated)

    def reactivate(self, principal_id: UUID) -> int:
        require_administrator(self._caller, "reactivate principals")
        principal = self._load(principal_id)
        principal.reactivate()
        return self._record(principal)

    def identify(self, principal_id: UUID, issuer: str, subject: str) -> int:
        """From now on, tokens of this issuer that say `subject` are this principal's. Raises AlreadyExists."""
        require_administrator(self._caller, "say whom tokens mean")
        principal = self._load(principal_id)
        token = subject_token(self._parts, issuer, subject)
        known = self._parts.registry.identified(self._caller.tenant_id, issuer, token)
        if known is not None and known.principal_id != principal_id:
            raise AlreadyExists(kind="principal with this identity", name=issuer)
        principal.identify(issuer, token)
        return self._record(principal, unless=Principal.Identified)

    def issue_key(
        self,
        principal_id: UUID,
        *,
        ttl: timedelta | None = None,
        expires_at: datetime | None = None,
        scopes: frozenset[Action] | None = None,
        on_behalf_of: UUID | None = None,
    ) -> KeyAnswer:
        """A new key. It is in this answer and nowhere else.

        `scopes` None is all that the principal may do; `on_behalf_of` is the user for whom an agent acts with it.
        """
        principal = self._load(principal_id)
        self._check_narrows(scopes)
        if on_behalf_of is not None:
            self._check_person(on_behalf_of)
        moment, key = expiry(self._parts.clock.now(), ttl, expires_at), ApiKey.new()
        digest = self._parts.application.keyring.digest_secret(key.secret)
        principal.issue_key(key.key_id, digest, moment, scopes=scopes, on_behalf_of=on_behalf_of)
        return _issued(principal, key, self._record(principal))

    def rotate_key(
        self,
        principal_id: UUID,
        key_id: UUID,
        overlap: timedelta = timedelta(0),
        *,
        ttl: timedelta | None = None,
        expires_at: datetime | None = None,
    ) -> KeyAnswer:
        """A key in the place of another, which may do the same and is accepted for `overlap` longer.

        Without a time of its own the new key ends when the old one would have.
        """
        principal, now, key = self._load(principal_id), self._parts.clock.now(), ApiKey.new()
        if (old := principal.keys.get(key_id)) is None:
            raise NotFound(kind="key", id=key_id)
        self._check_narrows(None if old.scopes is None else frozenset(map(Action, old.scopes)))
        given = ttl is not None or expires_at is not None
        moment = expiry(now, ttl, expires_at) if given else old.expires_at
        digest = self._parts.application.keyring.digest_secret(key.secret)
        principal.rotate_key(key_id, key.key_id, digest, end_of_overlap(now, overlap), moment)
        return _issued(principal, key, self._record(principal))

    def revoke_key(self, principal_id: UUID, key_id: UUID) -> int:
        """When this returns, no process of the store accepts the key any more."""
        principal = self._load(principal_id)
        principal.revoke_key(key_id)
        return self._record(principal)

    def holder_of(self, key_id: UUID) -> UUID:
        """The principal whose key this is. Raises NotFound, also for a key that is none of the caller's business."""
        self._parts.wait(CATALOGUE)
        found = self._parts.directory.credential(key_id)
        mine = found is not None and found.principal_id == self._caller.principal_id
        if found is None or found.tenant_id != self._caller.tenant_id or not (mine or is_administrator(self._caller)):
            raise NotFound(kind="key", id=key_id)
        return found.principal_id

    def keys(self, principal_id: UUID | None = None, *, limit: int = 50, cursor: str | None = None) -> Page:
        """Those of one principal, or of the whole tenant for administrators, without their secrets."""
        if principal_id is None:
            require_administrator(self._caller, "list the keys of others")
        else:
            self._known(principal_id)
        self._parts.wait(CATALOGUE)
        tenant_id, keyring = self._caller.tenant_id, self._parts.application.keyring
        question = f"keys:{tenant_id}:{principal_id}"
        after = read_cursor(keyring, question, cursor)
        rows = self._parts.registry.keys(tenant_id, principal_id, after, check_limit(limit))
        following = make_cursor(keyring, question, rows[-1].position) if len(rows) == limit else None
        current().count(len(rows), self._parts.catalogue.position)
        return Page(items=rows, next=following, position=self._parts.catalogue.position)

    def _load(self, principal_id: UUID) -> Principal:
        """To be changed. Only the founder of the installation changes the founder, whose right is over all tenants."""
        self._known(principal_id)
        founder = self._parts.registry.founder()
        if founder is not None and principal_id == founder[0] != self._caller.principal_id:
            raise Denied(action="change whoever owns this installation")
        return self._parts.application.load(Principal, principal_id)

    def _check_narrows(self, scopes: frozenset[Action] | None) -> None:
        """A key makes no key that reaches further. Raises Denied."""
        own = self._caller.scopes
        if self._caller.on_behalf_of is not None:
            raise Denied(action="issue keys on behalf of another")
        if own is not None and (Action.ADMINISTER not in own or scopes is None or not scopes <= own):
            raise Denied(action="issue such a key with this one")

    def _check_person(self, user_id: UUID) -> None:
        """Raises Denied: nobody says by themselves for whom they act. Raises PrincipalNotFound or Invalid."""
        require_administrator(self._caller, "let agents act on behalf of others")
        row = self._parts.directory.principal(self._caller.tenant_id, user_id)
        if row is None:
            raise PrincipalNotFound(principal_id=user_id)
        if row.kind is not PrincipalKind.USER:
            raise Invalid(reason="An agent acts on behalf of a user.")

    def _record(self, *aggregates: Subject | Principal, unless: type[Recorded] | None = None) -> int:
        """`unless` an event of this type was recorded in the tenant since the catalogue was asked."""
        condition = None
        if unless is not None:
            position, tenant_id = self._parts.catalogue.position, self._caller.tenant_id
            condition = Condition(after=position, types=(unless.TOPIC,), tenant_id=tenant_id)
        appended = self._parts.application.record(*aggregates, origin=origin(self._caller), condition=condition)
        if appended is not None:
            self._parts.written(appended, rules=True)
        self._parts.wait(CATALOGUE)
        return appended.last if appended is not None else self._parts.catalogue.position


def found_tenant(
    parts: Parts, key: ApiKey, name: str, limits: Limits = Limits(), caused_by: Origin | None = None
) -> Caller:
    """A tenant with its owner, the owner's key and a first cube, in one append."""
    tenant = Tenant.found(new_id(), limits)
    subject = Subject.register(tenant_id=tenant.id, subject_id=new_id(), name=name)
    owner = Principal.register(
        tenant_id=tenant.id, kind=PrincipalKind.USER, name=name, subject_id=subject.id, administrator=True
    )
    owner.issue_key(key.key_id, parts.application.keyring.digest_secret(key.secret))
    cube = Cube.found(tenant_id=tenant.id, name=MAIN_CUBE, owner_id=owner.id, subject_id=subject.id)
    cause = caused_by or Origin(actor_id=owner.id)
    appended = parts.application.record(tenant, subject, owner, cube, origin=cause)
    assert appended is not None
    parts.written(appended, rules=True)
    parts.wait(CATALOGUE)
    return Caller(owner.id, tenant.id, subject.id, administrator=True)


def end_of_overlap(now: datetime, overlap: timedelta) -> datetime:
    """Raises InvalidRetention."""
    try:
        return now + max(overlap, timedelta(0))
    except OverflowError:
        raise InvalidRetention(value=overlap) from None


def _issued(principal: Principal, key: ApiKey, position: int) -> KeyAnswer:
    kept = principal.keys[key.key_id]
    return KeyAnswer(
        key_id=key.key_id,
        principal_id=principal.id,
        key=key.reveal(),
        expires_at=kept.expires_at,
        scopes=kept.scopes,
        on_behalf_of=kept.on_behalf_of,
        position=position,
    )


def _answer(row: PrincipalRow) -> PrincipalAnswer:
    return PrincipalAnswer(
        principal_id=row.principal_id,
        kind=row.kind.value,
        administrator=row.administrator,
        active=row.active,
        subject_id=row.subject_id,
        position=row.position,
    )
