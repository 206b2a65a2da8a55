"""Recall: ask a cube."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from mnemolog.api.admission import Acting, AdmittedRoute, cube_named
from mnemolog.api.answers import RecallAnswer
from mnemolog.api.bodies import RecallBody
from mnemolog.api.problems import refused_by
from mnemolog.api.responses import Answer
from mnemolog.api.routes.declared import BODIES, READS
from mnemolog.domain.refusals import CubeNotFound, EmbedderUnavailable
from mnemolog.projections.recall import Question

router = APIRouter(tags=["recall"], route_class=AdmittedRoute)


@router.post(
    "/v1/recall",
    response_model=RecallAnswer,
    responses=refused_by(*READS, *BODIES, CubeNotFound, EmbedderUnavailable),
)
def recall(body: RecallBody, store: Acting) -> Response:
    """The memories of a cube that answer best, with the score of every signal."""
    question = Question(body.query, body.k, body.recipe, memory_types=body.memory_types, **body.sent("weights"))
    at = store.at(body.at) if isinstance(body.at, str) else body.at
    return Answer(store.recall(cube_named(body.cube), question, at=at, at_least=body.at_least))
