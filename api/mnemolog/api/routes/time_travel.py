"""Time travel: differences, origins, what happened, undoing, and forks of cubes."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from starlette.responses import Response

from mnemolog.api.admission import Acting, AdmittedRoute, AtLeast, AtMoment, CubeRef, Cursor, IdempotencyKey, Limit
from mnemolog.api.problems import refused_by
from mnemolog.api.responses import Answer, appended
from mnemolog.api.routes.declared import BODIES, ONE_MEMORY, PAGES, READS, WRITES, TimelinePage
from mnemolog.api.time_answers import BlameAnswer, DiffAnswer, ForkAnswer, UndoAnswer
from mnemolog.api.time_bodies import ForkBody, UndoBody
from mnemolog.domain.refusals import (
    AlreadyExists,
    CannotUndo,
    ConditionFailed,
    CubeNotFound,
    Denied,
    IdempotencyKeyReused,
    IllegalTransition,
    InvalidMetadata,
    InvalidPosition,
    MemoryExpired,
    MemoryIsFrozen,
    MemoryNotEditable,
    NotFound,
)

router = APIRouter(tags=["time travel"], route_class=AdmittedRoute)
From = Annotated[str, Query(alias="from", description="A position, a time with its zone, or a while ago such as -2h.")]
To = Annotated[str | None, Query(description="The same; now when it is absent.")]
Since = Annotated[str | None, Query(description="Only what came after this moment.")]
Until = Annotated[str | None, Query(description="Only what had come by this moment.")]
BY_HAND = (IllegalTransition, MemoryIsFrozen, MemoryNotEditable, MemoryExpired, InvalidMetadata)


@router.get(
    "/v1/memories/{memory_id}/diff",
    response_model=DiffAnswer,
    responses=refused_by(*READS, *ONE_MEMORY, MemoryExpired),
)
def diff(memory_id: UUID, store: Acting, from_: From, to: To = None, at_least: AtLeast = None) -> Response:
    """What is different in a memory between two moments: words, fields, links, and who may read it."""
    first = store.at(from_)
    assert first is not None
    return Answer(store.time.diff(memory_id, first, store.at(to), at_least=at_least))


@router.get(
    "/v1/memories/{memory_id}/blame",
    response_model=BlameAnswer,
    responses=refused_by(*READS, *ONE_MEMORY, MemoryExpired),
)
def blame(memory_id: UUID, store: Acting, at: AtMoment = None, at_least: AtLeast = None) -> Response:
    """Which event put each word and each field of a memory there."""
    return Answer(store.time.blame(memory_id, at=store.at(at), at_least=at_least))


@router.get(
    "/v1/cubes/{cube}/timeline",
    response_model=TimelinePage,
    responses=refused_by(*PAGES, CubeNotFound, Denied),
)
def timeline(
    cube: CubeRef,
    store: Acting,
    since: Since = None,
    until: Until = None,
    grants: Annotated[bool, Query(description="Also what was granted and taken back there.")] = False,
    limit: Limit = 50,
    cursor: Cursor = None,
    at_least: AtLeast = None,
) -> Response:
    """What happened in a cube and to its memories, oldest first."""
    page = store.time.timeline(
        cube,
        since=store.at(since),
        until=store.at(until),
        grants=grants,
        limit=limit,
        cursor=cursor,
        at_least=at_least,
    )
    return Answer(page)


@router.post(
    "/v1/undo",
    response_model=UndoAnswer,
    responses=refused_by(
        *WRITES, *BODIES, *ONE_MEMORY, *BY_HAND, CannotUndo, Denied, InvalidPosition, NotFound, IdempotencyKeyReused
    ),
)
def undo(body: UndoBody, store: Acting, idempotency_key: IdempotencyKey = None) -> Response:
    """Take back all that was written together with the event at a position, by new events."""
    answer = store.time.undo(body.position, dry_run=body.dry_run, idempotency_key=idempotency_key)
    return appended(answer, answer.position)


@router.post(
    "/v1/cubes/{cube}/forks",
    status_code=201,
    response_model=ForkAnswer,
    responses=refused_by(
        *WRITES, *BODIES, CubeNotFound, Denied, InvalidPosition, AlreadyExists, ConditionFailed, IdempotencyKeyReused
    ),
)
def fork(cube: CubeRef, body: ForkBody, store: Acting, idempotency_key: IdempotencyKey = None) -> Response:
    """A new cube with the memories of another one as they were at a moment, as far as the caller may read them."""
    at = store.at(body.at) if isinstance(body.at, str) else body.at
    answer = store.cubes.fork(cube, at, body.name, idempotency_key=idempotency_key)
    return appended(answer, answer.position, status_code=201, location=f"/v1/cubes/{answer.cube.cube_id}")
