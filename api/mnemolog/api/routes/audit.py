"""The audit: who did, saw and was refused what."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from mnemolog.adapters.postgres.accesses import AccessFilter
from mnemolog.api.admission import Acting, AdmittedRoute, AtLeast, Cursor, Limit
from mnemolog.api.problems import refused_by
from mnemolog.api.responses import Answer, items
from mnemolog.api.routes.declared import PAGES, READS, AccessPatterns, AuditPage

router = APIRouter(tags=["audit"], route_class=AdmittedRoute)
MOST_PATTERNS = 500
Moment = Annotated[str | None, Query(description="A position, a time with its zone, or a while ago such as -2h.")]


async def _wanted(
    actor: Annotated[UUID | None, Query(description="Who acted, or for whom.")] = None,
    memory: UUID | None = None,
    cube: Annotated[UUID | None, Query(description="Its id.")] = None,
    session: UUID | None = None,
    kind: Annotated[list[str] | None, Query(description="Any of these, such as recall or memory.erased.")] = None,
    code: Annotated[str | None, Query(description="Of a refusal.")] = None,
    refused: Annotated[bool | None, Query(description="Refusals only, or all but refusals.")] = None,
) -> AccessFilter:
    return AccessFilter(
        actor_id=actor,
        memory_id=memory,
        cube_id=cube,
        session_id=session,
        kinds=None if kind is None else tuple(kind),
        code=code,
        refused=refused,
    )


@router.get("/v1/audit", response_model=AuditPage, responses=refused_by(*PAGES))
def audit(
    store: Acting,
    wanted: Annotated[AccessFilter, Depends(_wanted)],
    since: Moment = None,
    until: Moment = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    at_least: AtLeast = None,
) -> Response:
    """Who did, saw and was refused what, newest first."""
    page = store.audit(
        wanted, since=store.at(since), until=store.at(until), limit=limit, cursor=cursor, at_least=at_least
    )
    return Answer(page)


@router.get("/v1/audit/patterns", response_model=AccessPatterns, responses=refused_by(*READS))
def patterns(
    store: Acting, memory_id: Annotated[list[UUID], Query(max_length=MOST_PATTERNS, description="May be repeated.")]
) -> Response:
    """How often memories were told to somebody, and when last: to administrators and to their owners."""
    return Answer(items(list(store.audit.patterns(memory_id).values())))
