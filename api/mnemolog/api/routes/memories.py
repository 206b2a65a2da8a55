"""Memories: remember, read, change, and the steps of their lives."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Body, Depends, Query
from starlette.responses import Response

from mnemolog.adapters.postgres.directory import MemoryFilter
from mnemolog.api.admission import (
    Acting,
    AdmittedRoute,
    AtLeast,
    AtMoment,
    CubeRef,
    Cursor,
    IdempotencyKey,
    IfVersion,
    Limit,
)
from mnemolog.api.answers import MemoryAnswer, Written
from mnemolog.api.bodies import RememberBody, RetentionBody, RevisionBody, TransitionBody
from mnemolog.api.filter_json import read_filter
from mnemolog.api.problems import refused_by
from mnemolog.api.responses import Answer, changed, created, items
from mnemolog.api.routes.declared import BODIES, CHANGES, ONE_MEMORY, PAGES, READS, WRITES, History, MemoryPage
from mnemolog.domain.lifecycle import State
from mnemolog.domain.metadata import MemoryType, SemanticType, Source
from mnemolog.domain.refusals import (
    CannotMerge,
    CubeNotFound,
    Denied,
    DuplicateJsonKey,
    IdempotencyKeyReused,
    IllegalTransition,
    InvalidMetadata,
    InvalidRetention,
    InvalidText,
    MemoryExpired,
    MemoryIsFrozen,
    MemoryNotEditable,
    NotFound,
)
from mnemolog.domain.retention import check_moment
from mnemolog.projections.filters import Filter

router = APIRouter(tags=["memories"], route_class=AdmittedRoute)


async def _wanted(
    state: Annotated[list[State] | None, Query()] = None,
    memory_type: Annotated[list[MemoryType] | None, Query()] = None,
    semantic_type: Annotated[list[SemanticType] | None, Query()] = None,
    source: Annotated[list[Source] | None, Query()] = None,
    owner_id: UUID | None = None,
    session_id: UUID | None = None,
    context_id: UUID | None = None,
    min_priority: Annotated[int | None, Query(ge=0, le=9)] = None,
    since: datetime | None = None,
    until: datetime | None = None,
    key: str | None = None,
    tag: Annotated[list[str] | None, Query(description="Each of them.")] = None,
) -> MemoryFilter:
    for name, moment in (("since", since), ("until", until)):
        if moment is not None:
            check_moment(name, moment)
    return MemoryFilter(
        states=None if state is None else tuple(state),
        memory_types=None if memory_type is None else tuple(memory_type),
        semantic_types=None if semantic_type is None else tuple(semantic_type),
        sources=None if source is None else tuple(source),
        owner_id=owner_id,
        session_id=session_id,
        context_id=context_id,
        min_priority=min_priority,
        since=since,
        until=until,
        key=key,
        tags=None if tag is None else tuple(tag),
    )


async def _filter(
    text: Annotated[str | None, Query(alias="filter", description="As recall takes it, written as JSON.")] = None,
) -> Filter | None:
    return None if text is None else read_filter("filter", text)


@router.post(
    "/v1/cubes/{cube}/memories",
    status_code=201,
    response_model=Written,
    responses=refused_by(
        *WRITES, *BODIES, CubeNotFound, InvalidMetadata, InvalidRetention, NotFound, IdempotencyKeyReused
    ),
)
def remember(
    cube: CubeRef, body: Annotated[RememberBody, Body()], store: Acting, idempotency_key: IdempotencyKey = None
) -> Response:
    """Store one memory, several, or the messages of a chat: all of them or none."""
    written = store.memories.remember(cube, *body.commands(), idempotency_key=idempotency_key)
    return created(written, written.memory_ids[0] if len(written.memory_ids) == 1 else None)


@router.get(
    "/v1/cubes/{cube}/memories",
    response_model=MemoryPage,
    responses=refused_by(*PAGES, CubeNotFound, DuplicateJsonKey, InvalidText),
)
def page(
    cube: CubeRef,
    store: Acting,
    wanted: Annotated[MemoryFilter, Depends(_wanted)],
    fitting: Annotated[Filter | None, Depends(_filter)],
    limit: Limit = 50,
    cursor: Cursor = None,
    at: AtMoment = None,
    at_least: AtLeast = None,
) -> Response:
    """The memories of a cube in the order they were made. What has expired is not among them."""
    found = store.memories.list(
        cube, wanted, filter=fitting, limit=limit, cursor=cursor, at=store.at(at), at_least=at_least
    )
    return Answer(found)


@router.get(
    "/v1/memories/{memory_id}", response_model=MemoryAnswer, responses=refused_by(*READS, *ONE_MEMORY, MemoryExpired)
)
def get(memory_id: UUID, store: Acting, at: AtMoment = None, at_least: AtLeast = None) -> Response:
    """One memory; its ETag is its version."""
    memory = store.memories.get(memory_id, at=store.at(at), at_least=at_least)
    return Answer(memory, headers={"ETag": f'"{memory.version}"'})


@router.patch(
    "/v1/memories/{memory_id}",
    response_model=Written,
    responses=refused_by(*CHANGES, *BODIES, InvalidMetadata, MemoryIsFrozen, MemoryNotEditable, MemoryExpired),
)
def revise(
    memory_id: UUID,
    body: RevisionBody,
    store: Acting,
    if_version: IfVersion = None,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Change the fields that are named, and no other."""
    written = store.memories.revise(memory_id, if_version=if_version, idempotency_key=idempotency_key, **body.sent())
    return changed(written)


@router.get(
    "/v1/memories/{memory_id}/history",
    response_model=History,
    responses=refused_by(*READS, *ONE_MEMORY, MemoryExpired),
)
def history(memory_id: UUID, store: Acting, at_least: AtLeast = None) -> Response:
    """All that happened to a memory, oldest first."""
    return Answer(items(store.memories.history(memory_id, at_least=at_least)))


@router.post(
    "/v1/memories/{memory_id}/transitions",
    response_model=Written,
    responses=refused_by(*CHANGES, *BODIES, Denied, IllegalTransition, CannotMerge),
)
def transition(
    memory_id: UUID,
    body: TransitionBody,
    store: Acting,
    if_version: IfVersion = None,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Activate, archive, freeze, thaw or restore."""
    written = store.memories.transition(
        memory_id,
        body.to,
        body.reason,
        legal_hold=body.legal_hold,
        if_version=if_version,
        idempotency_key=idempotency_key,
    )
    return changed(written)


@router.put(
    "/v1/memories/{memory_id}/retention",
    response_model=Written,
    responses=refused_by(*CHANGES, *BODIES, InvalidRetention, InvalidMetadata, MemoryIsFrozen),
)
def set_retention(
    memory_id: UUID,
    body: RetentionBody,
    store: Acting,
    if_version: IfVersion = None,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """When the memory stops being recalled; null is never."""
    written = store.memories.set_retention(
        memory_id,
        ttl=body.ttl,
        expires_at=body.expires_at,
        if_version=if_version,
        idempotency_key=idempotency_key,
    )
    return changed(written)


@router.post("/v1/memories/{memory_id}/corroborations", response_model=Written, responses=refused_by(*CHANGES))
def corroborate(memory_id: UUID, store: Acting, idempotency_key: IdempotencyKey = None) -> Response:
    """Say that the caller knows the same."""
    return changed(store.memories.corroborate(memory_id, idempotency_key=idempotency_key))
