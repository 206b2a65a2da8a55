"""Who belongs to a group or a role."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from starlette.responses import Response

from mnemolog.api.admission import Acting, AdmittedRoute, AtLeast, Cursor, Limit
from mnemolog.api.bodies import LAST_POSITION
from mnemolog.api.problems import refused_by
from mnemolog.api.responses import Answer, appended
from mnemolog.api.routes.declared import PAGES, WRITES, Appended, MemberPage
from mnemolog.domain.refusals import CannotJoin, ConditionFailed, Denied, NotFound, PrincipalNotFound

router = APIRouter(tags=["groups"], route_class=AdmittedRoute)
AtPosition = Annotated[int | None, Query(alias="at", ge=0, lt=LAST_POSITION, description="As of this position.")]


@router.get(
    "/v1/principals/{principal_id}/members", response_model=MemberPage, responses=refused_by(*PAGES, PrincipalNotFound)
)
def members(
    principal_id: UUID,
    store: Acting,
    at: AtPosition = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    at_least: AtLeast = None,
) -> Response:
    """Who belongs to it directly, for administrators and for whoever belongs to it too."""
    page = store.groups.members(principal_id, at=at, limit=limit, cursor=cursor, at_least=at_least)
    return Answer(page)


@router.put(
    "/v1/principals/{principal_id}/members/{member_id}",
    response_model=Appended,
    responses=refused_by(*WRITES, PrincipalNotFound, Denied, CannotJoin, ConditionFailed),
)
def add(principal_id: UUID, member_id: UUID, store: Acting) -> Response:
    """Make a user, an agent, a service or a group a member; it may be one already."""
    position = store.groups.add(principal_id, member_id)
    return appended(Appended(position), position)


@router.delete(
    "/v1/principals/{principal_id}/members/{member_id}",
    response_model=Appended,
    responses=refused_by(*WRITES, PrincipalNotFound, NotFound, Denied),
)
def remove(principal_id: UUID, member_id: UUID, store: Acting) -> Response:
    """When this has been answered, the group's grants are not the member's any more."""
    position = store.groups.remove(principal_id, member_id)
    return appended(Appended(position), position)
