"""Where memories come from, how far they have reached, and taking back what somebody wrote."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from starlette.responses import Response

from mnemolog.api.admission import Acting, AdmittedRoute, AtLeast, Cursor, IdempotencyKey, Limit
from mnemolog.api.bodies import LAST_POSITION, Body, Flag, Position
from mnemolog.api.lineage_answers import InfluenceAnswer, LineageAnswer, RetractionAnswer
from mnemolog.api.moments import parse_at
from mnemolog.api.problems import refused_by
from mnemolog.api.responses import Answer, appended
from mnemolog.api.routes.declared import BODIES, ONE_MEMORY, PAGES, READS, WRITES
from mnemolog.api.store import Store
from mnemolog.domain.refusals import (
    AuditUnavailable,
    ConditionFailed,
    Denied,
    IdempotencyKeyReused,
    InvalidPosition,
    MemoryExpired,
    MemoryNotFound,
    PrincipalNotFound,
)

router = APIRouter(tags=["lineage"], route_class=AdmittedRoute)
From = Annotated[
    int | None, Query(ge=0, le=LAST_POSITION, description="Only what was made or told from this position on.")
]
RETRACTS = (Denied, PrincipalNotFound, InvalidPosition, IdempotencyKeyReused, ConditionFailed, AuditUnavailable)


class RetractionBody(Body):
    """`since` and `until` are positions, times with their zone, or whiles ago: what was written after the one and up to
    the other, by default up to now.
    """

    actor_id: UUID
    since: Position | str
    until: Position | str | None = None
    reason: str
    dry_run: Flag = False


@router.get(
    "/v1/memories/{memory_id}/lineage",
    response_model=LineageAnswer,
    responses=refused_by(*READS, *ONE_MEMORY, MemoryExpired),
)
def lineage(memory_id: UUID, store: Acting, at_least: AtLeast = None) -> Response:
    """What a memory was made from and what was made of it, as far as the caller may read."""
    return Answer(store.lineage(memory_id, at_least=at_least))


@router.get(
    "/v1/memories/{memory_id}/influence", response_model=InfluenceAnswer, responses=refused_by(*PAGES, MemoryNotFound)
)
def influence(
    memory_id: UUID,
    store: Acting,
    position: From = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    at_least: AtLeast = None,
) -> Response:
    """All that was made from a memory, and the answers that told somebody any of it, newest first."""
    return Answer(store.influence(memory_id, position=position, limit=limit, cursor=cursor, at_least=at_least))


@router.post(
    "/v1/retractions",
    status_code=201,
    response_model=RetractionAnswer,
    responses=refused_by(*WRITES, *BODIES, *RETRACTS),
)
def retract(body: RetractionBody, store: Acting, idempotency_key: IdempotencyKey = None) -> Response:
    """Take back what somebody wrote, with all that was made from it; a dry run says what would be done."""
    since, until = _moment(store, body.since), None if body.until is None else _moment(store, body.until)
    answer = store.retract(
        body.actor_id,
        since,
        until,
        reason=body.reason,
        dry_run=body.dry_run,
        idempotency_key=idempotency_key,
    )
    return Answer(answer) if answer.dry_run else appended(answer, answer.position, status_code=201)


def _moment(store: Store, at: int | str) -> int | datetime:
    """Raises Invalid."""
    return parse_at(at, store.parts.clock.now()) if isinstance(at, str) else at
