"""Signed checkpoints of the log, and proofs against them. They hold nothing but hashes."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from mnemolog.api.admission import Acting, AdmittedRoute, Cursor, Limit
from mnemolog.api.bodies import LAST_POSITION
from mnemolog.api.evidence_answers import CheckpointPage, Consistency, Inclusion
from mnemolog.api.problems import refused_by
from mnemolog.api.responses import Answer
from mnemolog.api.routes.declared import PAGES, READS
from mnemolog.domain.refusals import MalformedNote, NotFound, SigningKeyUnavailable, VerificationFailed

router = APIRouter(tags=["evidence"], route_class=AdmittedRoute)
PROOFS = (*READS, NotFound, VerificationFailed, MalformedNote)
Position = Annotated[int, Query(ge=1, le=LAST_POSITION, description="Of the event.")]
First = Annotated[int, Query(ge=1, le=LAST_POSITION, description="The size of the smaller tree.")]
Size = Annotated[int | None, Query(ge=1, le=LAST_POSITION, description="Absent: that of the newest checkpoint.")]


@router.get(
    "/v1/checkpoints",
    response_model=CheckpointPage,
    responses=refused_by(*PAGES, MalformedNote, SigningKeyUnavailable),
)
def checkpoints(store: Acting, limit: Limit = 50, cursor: Cursor = None) -> Response:
    """Signed checkpoints from the first on, the newest, and the key that verifies them."""
    return Answer(store.evidence.checkpoints(limit=limit, cursor=cursor))


@router.get("/v1/proofs/inclusion", response_model=Inclusion, responses=refused_by(*PROOFS))
def inclusion(store: Acting, position: Position, size: Size = None) -> Response:
    """That an event is in the log of a size."""
    return Answer(store.evidence.inclusion(position, size))


@router.get("/v1/proofs/consistency", response_model=Consistency, responses=refused_by(*PROOFS))
def consistency(store: Acting, first: First, second: Size = None) -> Response:
    """That the log of one size begins with the log of another."""
    return Answer(store.evidence.consistency(first, second))
