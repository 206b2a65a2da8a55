"""Many memories into one, and back."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter
from starlette.responses import Response

from mnemolog.api.admission import Acting, AdmittedRoute, IdempotencyKey
from mnemolog.api.answers import Written
from mnemolog.api.bodies import MergeBody
from mnemolog.api.problems import refused_by
from mnemolog.api.responses import changed, created
from mnemolog.api.routes.declared import BODIES, ONE_MEMORY, WRITES
from mnemolog.domain.refusals import (
    CannotMerge,
    IdempotencyKeyReused,
    IllegalTransition,
    InvalidMetadata,
    MemoryExpired,
)

router = APIRouter(tags=["merges"], route_class=AdmittedRoute)
MERGES = (*WRITES, *ONE_MEMORY, CannotMerge, IllegalTransition, IdempotencyKeyReused)


@router.post(
    "/v1/merges",
    status_code=201,
    response_model=Written,
    responses=refused_by(*MERGES, *BODIES, InvalidMetadata, MemoryExpired),
)
def merge(body: MergeBody, store: Acting, idempotency_key: IdempotencyKey = None) -> Response:
    """One memory in place of several; the first id of the answer is the new one."""
    written = store.memories.merge(body.memory_ids, body.text, body.description, idempotency_key=idempotency_key)
    return created(written, written.memory_ids[0])


@router.delete("/v1/merges/{memory_id}", response_model=Written, responses=refused_by(*MERGES))
def retract(memory_id: UUID, store: Acting, idempotency_key: IdempotencyKey = None) -> Response:
    """Undo the merge that made this memory: its parents come back, it is archived."""
    return changed(store.memories.retract_merge(memory_id, idempotency_key=idempotency_key))
