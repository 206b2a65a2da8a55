"""Tenants of one installation. They share nothing that any of them could see; whoever installed it founds them."""

from __future__ import annotations

from uuid import UUID

from mnemolog.api.accesses import audited, current
from mnemolog.api.answers import FoundedTenant, Page, TenantAnswer
from mnemolog.api.credentials import ApiKey
from mnemolog.api.cursors import check_limit, make_cursor, read_cursor
from mnemolog.api.parts import CATALOGUE, Parts, origin, require_administrator
from mnemolog.api.principals import found_tenant
from mnemolog.domain.permissions import Caller
from mnemolog.domain.refusals import Denied
from mnemolog.domain.tenant import Limits, Tenant


@audited("tenants")
class Tenants:
    """For the founder of the installation, with a key that reaches so far: nobody else knows that there are others."""

    def __init__(self, parts: Parts, caller: Caller) -> None:
        self._parts = parts
        self._caller = caller

    def found(self, name: str, limits: Limits = Limits()) -> FoundedTenant:
        """A tenant with an owner of its own, whose key is in this answer and nowhere else."""
        self._require_founder("found tenants")
        key = ApiKey.new()
        owner = found_tenant(self._parts, key, name, limits, origin(self._caller))
        return FoundedTenant(
            tenant_id=owner.tenant_id,
            owner_id=owner.principal_id,
            key_id=key.key_id,
            key=key.reveal(),
            position=self._parts.catalogue.position,
        )

    def list(self, *, limit: int = 50, cursor: str | None = None) -> Page:
        """In the order they were founded."""
        self._require_founder("list tenants")
        self._parts.wait(CATALOGUE)
        keyring = self._parts.application.keyring
        rows = self._parts.registry.tenants(read_cursor(keyring, "tenants", cursor), check_limit(limit))
        following = make_cursor(keyring, "tenants", rows[-1].position) if len(rows) == limit else None
        items = [_answer(row.tenant_id, row.limits, row.position) for row in rows]
        current().count(len(items), self._parts.catalogue.position)
        return Page(items=items, next=following, position=self._parts.catalogue.position)

    def limit(self, tenant_id: UUID, limits: Limits) -> TenantAnswer:
        """What is None is as the installation is set. Raises NotFound."""
        self._require_founder("limit tenants")
        tenant = self._parts.application.load(Tenant, tenant_id)
        tenant.limit(limits)
        appended = self._parts.application.record(tenant, origin=origin(self._caller))
        if appended is not None:
            self._parts.written(appended, rules=True)
        self._parts.wait(CATALOGUE)
        return _answer(tenant_id, limits, appended.last if appended is not None else self._parts.catalogue.position)

    def _require_founder(self, action: str) -> None:
        require_administrator(self._caller, action)
        founder = self._parts.registry.founder()
        if founder is None or founder[0] != self._caller.principal_id or self._caller.on_behalf_of is not None:
            raise Denied(action=action)


def _answer(tenant_id: UUID, limits: Limits, position: int) -> TenantAnswer:
    return TenantAnswer(tenant_id=tenant_id, position=position, **limits.to_json())
