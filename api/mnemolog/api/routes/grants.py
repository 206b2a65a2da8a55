"""Grants: who lets whom do what, and takes it back."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter
from starlette.responses import Response

from mnemolog.api.admission import Acting, AdmittedRoute, AtLeast, Cursor, IdempotencyKey, Limit
from mnemolog.api.permission_answers import GrantAnswer
from mnemolog.api.permission_bodies import GrantBody, RevocationBody
from mnemolog.api.problems import refused_by
from mnemolog.api.references import id_or_name
from mnemolog.api.responses import Answer, appended
from mnemolog.api.routes.declared import BODIES, PAGES, READS, WRITES, GrantPage
from mnemolog.domain.refusals import (
    ConditionFailed,
    CubeNotFound,
    Denied,
    IdempotencyKeyReused,
    InvalidMetadata,
    MemoryNotFound,
    NotFound,
    PrincipalNotFound,
)

router = APIRouter(tags=["grants"], route_class=AdmittedRoute)
ISSUES = (*WRITES, *BODIES, Denied, NotFound, IdempotencyKeyReused, ConditionFailed)


@router.post(
    "/v1/grants",
    status_code=201,
    response_model=GrantAnswer,
    responses=refused_by(*ISSUES, InvalidMetadata, PrincipalNotFound, CubeNotFound, MemoryNotFound),
)
def issue(body: GrantBody, store: Acting, idempotency_key: IdempotencyKey = None) -> Response:
    """Permit or deny somebody something. It holds everywhere when this has been answered."""
    cube = None if body.cube is None else id_or_name(body.cube)
    level, resource_id = store.grants.about(cube=cube, memory_id=body.memory_id, tenant=body.tenant)
    answer = store.grants.issue(body.terms(level, resource_id), body.reason, idempotency_key=idempotency_key)
    return appended(answer, answer.position, status_code=201, location=f"/v1/grants/{answer.grant_id}")


@router.get("/v1/grants", response_model=GrantPage, responses=refused_by(*PAGES))
def page(
    store: Acting,
    subject_id: UUID | None = None,
    resource_id: UUID | None = None,
    revoked: bool = False,
    limit: Limit = 50,
    cursor: Cursor = None,
    at_least: AtLeast = None,
) -> Response:
    """The grants that the caller may know of; with `revoked` also those that were taken back."""
    return Answer(
        store.grants.list(
            subject_id=subject_id,
            resource_id=resource_id,
            revoked=revoked,
            limit=limit,
            cursor=cursor,
            at_least=at_least,
        )
    )


@router.get("/v1/grants/{grant_id}", response_model=GrantAnswer, responses=refused_by(*READS, NotFound))
def get(grant_id: UUID, store: Acting, at_least: AtLeast = None) -> Response:
    return Answer(store.grants.get(grant_id, at_least=at_least))


@router.post("/v1/grants/{grant_id}/revoke", response_model=GrantAnswer, responses=refused_by(*ISSUES))
def revoke(grant_id: UUID, body: RevocationBody, store: Acting, idempotency_key: IdempotencyKey = None) -> Response:
    """Take a grant back, and all that were made from it. It holds everywhere when this has been answered."""
    answer = store.grants.revoke(grant_id, body.reason, idempotency_key=idempotency_key)
    return appended(answer, answer.revoked_position or answer.position)
