"""Recall: ask one cube or several."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from mnemolog.api.admission import Acting, AdmittedRoute
from mnemolog.api.answers import RecallAnswer
from mnemolog.api.bodies import RecallBody
from mnemolog.api.problems import refused_by
from mnemolog.api.references import id_or_name
from mnemolog.api.responses import Answer
from mnemolog.api.routes.declared import BODIES, READS
from mnemolog.domain.refusals import CubeNotFound, EmbedderUnavailable, RerankerUnavailable
from mnemolog.projections.filters import parse
from mnemolog.projections.recall import Question

router = APIRouter(tags=["recall"], route_class=AdmittedRoute)


@router.post(
    "/v1/recall",
    response_model=RecallAnswer,
    responses=refused_by(*READS, *BODIES, CubeNotFound, EmbedderUnavailable, RerankerUnavailable),
)
def recall(body: RecallBody, store: Acting) -> Response:
    """The memories of one cube or several that answer best, with the score of every signal."""
    wanted = None if body.filter is None else parse(body.filter)
    question = Question(
        body.query,
        body.k,
        body.recipe,
        memory_types=body.memory_types,
        filter=wanted,
        exact=body.exact,
        **body.sent("weights"),
    )
    at = store.at(body.at) if isinstance(body.at, str) else body.at
    cubes = [id_or_name(cube) for cube in body.asked]
    return Answer(store.recall(cubes, question, budget=body.budget, rerank=body.rerank, at=at, at_least=body.at_least))
