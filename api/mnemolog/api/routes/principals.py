"""Principals, and data subjects."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter
from starlette.responses import Response

from mnemolog.api.admission import Acting, AdmittedRoute, AtLeast, Cursor, Limit
from mnemolog.api.answers import PrincipalAnswer, SubjectAnswer
from mnemolog.api.bodies import IdentityBody, PrincipalBody, SubjectBody
from mnemolog.api.problems import refused_by
from mnemolog.api.responses import Answer, appended
from mnemolog.api.routes.declared import BODIES, PAGES, READS, WRITES, Appended, PrincipalPage
from mnemolog.domain.principal import PrincipalKind
from mnemolog.domain.refusals import AlreadyExists, CannotDeactivate, ConditionFailed, Denied, PrincipalNotFound

router = APIRouter(tags=["principals"], route_class=AdmittedRoute)


@router.post(
    "/v1/principals",
    status_code=201,
    response_model=PrincipalAnswer,
    responses=refused_by(*WRITES, *BODIES, Denied),
)
def register(body: PrincipalBody, store: Acting) -> Response:
    """A new principal of the caller's tenant. A user is a data subject too."""
    answer = store.principals.register(body.name, body.kind, administrator=body.administrator)
    return appended(answer, answer.position, status_code=201, location=f"/v1/principals/{answer.principal_id}")


@router.get("/v1/principals", response_model=PrincipalPage, responses=refused_by(*PAGES, Denied))
def page(
    store: Acting,
    kind: PrincipalKind | None = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    at_least: AtLeast = None,
) -> Response:
    """The principals of the tenant, or those of one kind; for administrators."""
    return Answer(store.principals.list(kind=kind, limit=limit, cursor=cursor, at_least=at_least))


@router.get(
    "/v1/principals/{principal_id}", response_model=PrincipalAnswer, responses=refused_by(*READS, PrincipalNotFound)
)
def get(principal_id: UUID, store: Acting, at_least: AtLeast = None) -> Response:
    return Answer(store.principals.get(principal_id, at_least=at_least))


@router.post(
    "/v1/principals/{principal_id}/deactivation",
    response_model=Appended,
    responses=refused_by(*WRITES, PrincipalNotFound, Denied, CannotDeactivate, ConditionFailed),
)
def deactivate(principal_id: UUID, store: Acting) -> Response:
    """When this has been answered, no key of the principal is accepted any more."""
    position = store.principals.deactivate(principal_id)
    return appended(Appended(position), position)


@router.delete(
    "/v1/principals/{principal_id}/deactivation",
    response_model=Appended,
    responses=refused_by(*WRITES, PrincipalNotFound, Denied),
)
def reactivate(principal_id: UUID, store: Acting) -> Response:
    """Its keys are accepted again."""
    position = store.principals.reactivate(principal_id)
    return appended(Appended(position), position)


@router.post(
    "/v1/principals/{principal_id}/identities",
    status_code=201,
    response_model=Appended,
    responses=refused_by(*WRITES, *BODIES, PrincipalNotFound, Denied, AlreadyExists, ConditionFailed),
)
def identify(principal_id: UUID, body: IdentityBody, store: Acting) -> Response:
    """Tokens of this issuer that say this subject are the principal's from now on."""
    position = store.principals.identify(principal_id, body.issuer, body.subject)
    return appended(Appended(position), position, status_code=201)


@router.post(
    "/v1/subjects", status_code=201, response_model=SubjectAnswer, responses=refused_by(*WRITES, *BODIES, Denied)
)
def register_subject(body: SubjectBody, store: Acting) -> Response:
    """A person whom memories are about and who has no key."""
    answer = store.principals.register_subject(body.name)
    return appended(answer, answer.position, status_code=201)
