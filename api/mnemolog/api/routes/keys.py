"""The keys of principals."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter
from starlette.responses import Response

from mnemolog.api.admission import Acting, AdmittedRoute, Cursor, Limit
from mnemolog.api.answers import KeyAnswer
from mnemolog.api.bodies import KeyBody, RotationBody
from mnemolog.api.problems import refused_by
from mnemolog.api.responses import Answer, appended
from mnemolog.api.routes.declared import BODIES, PAGES, WRITES, Appended, KeyPage
from mnemolog.domain.refusals import Denied, InvalidMetadata, InvalidRetention, NotFound, PrincipalNotFound

router = APIRouter(tags=["keys"], route_class=AdmittedRoute)
ISSUES = (*WRITES, *BODIES, PrincipalNotFound, InvalidRetention, InvalidMetadata, Denied)


@router.get("/v1/keys", response_model=KeyPage, responses=refused_by(*PAGES, Denied))
def of_tenant(store: Acting, limit: Limit = 50, cursor: Cursor = None) -> Response:
    """The keys of the tenant without their secrets, and when they were last used; for administrators."""
    return Answer(store.principals.keys(limit=limit, cursor=cursor))


@router.get(
    "/v1/principals/{principal_id}/keys", response_model=KeyPage, responses=refused_by(*PAGES, PrincipalNotFound)
)
def of_principal(principal_id: UUID, store: Acting, limit: Limit = 50, cursor: Cursor = None) -> Response:
    """The keys of one principal without their secrets, and when they were last used."""
    return Answer(store.principals.keys(principal_id, limit=limit, cursor=cursor))


@router.post(
    "/v1/principals/{principal_id}/keys", status_code=201, response_model=KeyAnswer, responses=refused_by(*ISSUES)
)
def issue_key(principal_id: UUID, body: KeyBody, store: Acting) -> Response:
    """A new key. It is in this answer and nowhere else."""
    answer = store.principals.issue_key(
        principal_id,
        ttl=body.ttl,
        expires_at=body.expires_at,
        scopes=body.scopes,
        on_behalf_of=body.on_behalf_of,
    )
    return appended(answer, answer.position, status_code=201)


@router.post(
    "/v1/principals/{principal_id}/keys/{key_id}/rotation",
    status_code=201,
    response_model=KeyAnswer,
    responses=refused_by(*ISSUES, NotFound),
)
def rotate_key(principal_id: UUID, key_id: UUID, body: RotationBody, store: Acting) -> Response:
    """A key that may do the same, in the place of this one. It is in this answer and nowhere else."""
    answer = store.principals.rotate_key(principal_id, key_id, body.overlap, ttl=body.ttl, expires_at=body.expires_at)
    return appended(answer, answer.position, status_code=201)


@router.delete(
    "/v1/principals/{principal_id}/keys/{key_id}",
    response_model=Appended,
    responses=refused_by(*WRITES, PrincipalNotFound, NotFound, Denied),
)
def revoke_key(principal_id: UUID, key_id: UUID, store: Acting) -> Response:
    """When this has been answered, the key is not accepted any more."""
    position = store.principals.revoke_key(principal_id, key_id)
    return appended(Appended(position), position)
