"""The graph: traversals, paths, and what is related."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from mnemolog.api.admission import Acting, AdmittedRoute
from mnemolog.api.bodies import GraphBody, PathBody, RelatedBody, TraversalBody
from mnemolog.api.graph_answers import RelatedAnswer, ShortestPathAnswer, TraversalAnswer
from mnemolog.api.problems import refused_by
from mnemolog.api.references import id_or_name
from mnemolog.api.responses import Answer
from mnemolog.api.routes.declared import BODIES, READS
from mnemolog.api.store import Store
from mnemolog.domain.refusals import CubeNotFound, MemoryNotFound, NotFound

router = APIRouter(tags=["graph"], route_class=AdmittedRoute)
REFUSALS = refused_by(*READS, *BODIES, CubeNotFound, MemoryNotFound, NotFound)


@router.post("/v1/traversals", response_model=TraversalAnswer, responses=REFUSALS)
def traverse(body: TraversalBody, store: Acting) -> Response:
    """A path to all that is near: memories, names and contexts."""
    limits = body.sent("relations", "depth", "direction", "limit", "order")
    start = [id_or_name(each) for each in body.start]
    return Answer(store.graph.traverse(id_or_name(body.cube), start, **limits, **_common(body, store)))


@router.post("/v1/paths", response_model=ShortestPathAnswer, responses=REFUSALS)
def path(body: PathBody, store: Acting) -> Response:
    """The shortest way from one to the other, or null."""
    cube, start, goal = map(id_or_name, (body.cube, body.start, body.goal))
    limits = body.sent("relations", "direction")
    return Answer(store.graph.path(cube, start, goal, **limits, **_common(body, store)))


@router.post("/v1/related", response_model=RelatedAnswer, responses=REFUSALS)
def related(body: RelatedBody, store: Acting) -> Response:
    """The other memories that have most to do with these, by personalised PageRank."""
    start = [id_or_name(each) for each in body.start]
    return Answer(store.graph.related(id_or_name(body.cube), start, k=body.k, **_common(body, store)))


def _common(body: GraphBody, store: Store) -> dict[str, Any]:
    at = store.at(body.at) if isinstance(body.at, str) else body.at
    return {"history": body.history, "at": at, "at_least": body.at_least}
