"""Permissions: who may do what, and why."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from mnemolog.api.admission import Acting, AdmittedRoute
from mnemolog.api.permission_answers import Decision, Decisions, Expansion, Explanation, PermittedPage
from mnemolog.api.permission_bodies import CheckBody, ExpandBody, ExplainBody, ListPermittedBody
from mnemolog.api.problems import refused_by
from mnemolog.api.references import id_or_name
from mnemolog.api.responses import Answer
from mnemolog.api.routes.declared import BODIES, READS
from mnemolog.domain.refusals import CubeNotFound, Denied, InvalidCursor, MemoryNotFound, PrincipalNotFound

router = APIRouter(tags=["permissions"], route_class=AdmittedRoute)
ASKS = (*READS, *BODIES, Denied, PrincipalNotFound)


@router.post(
    "/v1/permissions/check",
    response_model=Decision | Decisions,
    responses=refused_by(*ASKS, MemoryNotFound, CubeNotFound),
)
def check(body: CheckBody, store: Acting) -> Response:
    """Whether somebody may do something with a memory, or with which of many."""
    common, context = (body.user, body.action), body.context.context
    if body.memory_id is not None:
        return Answer(store.permissions.check(*common, body.memory_id, context, at_least=body.at_least))
    assert body.cube is not None
    assert body.memory_ids is not None
    cube = id_or_name(body.cube)
    return Answer(store.permissions.check_many(*common, cube, body.memory_ids, context, at_least=body.at_least))


@router.post("/v1/permissions/explain", response_model=Explanation, responses=refused_by(*ASKS, MemoryNotFound))
def explain(body: ExplainBody, store: Acting) -> Response:
    """Why, rule by rule, now or by the rules of then."""
    at = store.at(body.at) if isinstance(body.at, str) else body.at
    return Answer(
        store.permissions.explain(
            body.user, body.action, body.memory_id, body.context.context, at=at, at_least=body.at_least
        )
    )


@router.post(
    "/v1/permissions/list", response_model=PermittedPage, responses=refused_by(*ASKS, CubeNotFound, InvalidCursor)
)
def page(body: ListPermittedBody, store: Acting) -> Response:
    """The memories of a cube with which somebody may do something."""
    return Answer(
        store.permissions.list_permitted(
            body.user,
            body.action,
            id_or_name(body.cube),
            body.context.context,
            limit=body.limit,
            cursor=body.cursor,
            at_least=body.at_least,
        )
    )


@router.post(
    "/v1/permissions/expand", response_model=Expansion, responses=refused_by(*ASKS, CubeNotFound, MemoryNotFound)
)
def expand(body: ExpandBody, store: Acting) -> Response:
    """Everybody who may do something with a memory or in a cube, and why."""
    cube = None if body.cube is None else id_or_name(body.cube)
    context, at_least = body.context.context, body.at_least
    return Answer(
        store.permissions.expand(body.action, memory_id=body.memory_id, cube=cube, context=context, at_least=at_least)
    )
