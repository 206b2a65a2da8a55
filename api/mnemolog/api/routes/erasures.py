"""What is made unreadable for ever, and the receipts."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from fastapi import APIRouter
from starlette.responses import Response

from mnemolog.api.admission import Acting, AdmittedRoute, AtLeast, Cursor, Limit
from mnemolog.api.answers import ErasureAnswer
from mnemolog.api.bodies import ErasureBody
from mnemolog.api.problems import refused_by
from mnemolog.api.responses import Answer, appended
from mnemolog.api.routes.declared import BODIES, ONE_MEMORY, PAGES, READS, WRITES
from mnemolog.domain.refusals import ConditionFailed, Denied, LegalHold, NotFound, SubjectHeld

router = APIRouter(tags=["erasures"], route_class=AdmittedRoute)


@dataclass(frozen=True, slots=True)
class ErasurePage:
    items: list[ErasureAnswer]
    next: str | None
    position: int


@router.post(
    "/v1/erasures",
    status_code=201,
    response_model=ErasureAnswer,
    responses=refused_by(*WRITES, *BODIES, *ONE_MEMORY, NotFound, Denied, LegalHold, SubjectHeld, ConditionFailed),
)
def erase(body: ErasureBody, store: Acting) -> Response:
    """Erase a memory, or everything about a data subject. When this has been answered, nobody can read it any more."""
    answer = store.erasures.erase(
        memory=body.memory_id, subject=body.subject_id, basis=body.basis, dry_run=body.dry_run
    )
    if answer.dry_run:
        return Answer(answer)
    return appended(answer, answer.position, status_code=201, location=f"/v1/erasures/{answer.erasure_id}")


@router.get("/v1/erasures", response_model=ErasurePage, responses=refused_by(*PAGES, Denied))
def page(store: Acting, limit: Limit = 50, cursor: Cursor = None, at_least: AtLeast = None) -> Response:
    """The erasures of the tenant in the order they were begun; for administrators."""
    return Answer(store.erasures.list(limit=limit, cursor=cursor, at_least=at_least))


@router.get("/v1/erasures/{erasure_id}", response_model=ErasureAnswer, responses=refused_by(*READS, NotFound))
def get(erasure_id: UUID, store: Acting, at_least: AtLeast = None) -> Response:
    """One erasure with its receipt; for administrators, and for whoever asked for it."""
    return Answer(store.erasures.get(erasure_id, at_least=at_least))
