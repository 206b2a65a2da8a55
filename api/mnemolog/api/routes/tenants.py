"""Tenants, for the owner of the installation."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter
from starlette.responses import Response

from mnemolog.api.admission import Acting, AdmittedRoute, Cursor, Limit
from mnemolog.api.answers import FoundedTenant, TenantAnswer
from mnemolog.api.bodies import LimitsBody, TenantBody
from mnemolog.api.problems import refused_by
from mnemolog.api.responses import Answer, appended
from mnemolog.api.routes.declared import BODIES, PAGES, WRITES, TenantPage
from mnemolog.domain.refusals import Denied, InvalidMetadata, NotFound

router = APIRouter(tags=["tenants"], route_class=AdmittedRoute)


@router.post(
    "/v1/tenants",
    status_code=201,
    response_model=FoundedTenant,
    responses=refused_by(*WRITES, *BODIES, InvalidMetadata, Denied),
)
def found(body: TenantBody, store: Acting) -> Response:
    """A tenant with an owner and a first cube; the owner's key is in this answer and nowhere else."""
    answer = store.tenants.found(body.name, body.limits)
    return appended(answer, answer.position, status_code=201)


@router.get("/v1/tenants", response_model=TenantPage, responses=refused_by(*PAGES, Denied))
def page(store: Acting, limit: Limit = 50, cursor: Cursor = None) -> Response:
    """The tenants of this installation, and what limits them."""
    return Answer(store.tenants.list(limit=limit, cursor=cursor))


@router.put(
    "/v1/tenants/{tenant_id}/limits",
    response_model=TenantAnswer,
    responses=refused_by(*WRITES, *BODIES, InvalidMetadata, NotFound, Denied),
)
def limit(tenant_id: UUID, body: LimitsBody, store: Acting) -> Response:
    """How many requests a tenant may send; null is what the installation is set to."""
    answer = store.tenants.limit(tenant_id, body.limits)
    return appended(answer, answer.position)
