"""Links between memories of one cube."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter
from starlette.responses import Response

from mnemolog.api.admission import Acting, AdmittedRoute, AtLeast, IdempotencyKey, IfVersion
from mnemolog.api.answers import Written
from mnemolog.api.bodies import LinkBody
from mnemolog.api.problems import refused_by
from mnemolog.api.responses import Answer, changed, created, items
from mnemolog.api.routes.declared import BODIES, CHANGES, ONE_MEMORY, READS, Link, Links
from mnemolog.domain.memory import Relation
from mnemolog.domain.refusals import MemoryIsFrozen

router = APIRouter(tags=["links"], route_class=AdmittedRoute)


@router.get("/v1/memories/{memory_id}/links", response_model=Links, responses=refused_by(*READS, *ONE_MEMORY))
def links(memory_id: UUID, store: Acting, at_least: AtLeast = None) -> Response:
    """Where a memory's links lead, as far as the caller may read."""
    return Answer(items([Link(*each) for each in store.memories.links(memory_id, at_least=at_least)]))


@router.post(
    "/v1/memories/{memory_id}/links",
    status_code=201,
    response_model=Written,
    responses=refused_by(*CHANGES, *BODIES, MemoryIsFrozen),
)
def link(
    memory_id: UUID, body: LinkBody, store: Acting, if_version: IfVersion = None, idempotency_key: IdempotencyKey = None
) -> Response:
    """Link a memory to another one of its cube."""
    written = store.memories.link(
        memory_id,
        body.target_id,
        body.relation,
        body.weight,
        if_version=if_version,
        idempotency_key=idempotency_key,
    )
    return created(written)


@router.delete(
    "/v1/memories/{memory_id}/links/{relation}/{target_id}",
    response_model=Written,
    responses=refused_by(*CHANGES, MemoryIsFrozen),
)
def unlink(
    memory_id: UUID,
    relation: Relation,
    target_id: UUID,
    store: Acting,
    if_version: IfVersion = None,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Take a link away; there need not be one."""
    written = store.memories.unlink(
        memory_id, target_id, relation, if_version=if_version, idempotency_key=idempotency_key
    )
    return changed(written)
