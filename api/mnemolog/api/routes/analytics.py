"""SQL over the log."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from mnemolog.api.admission import Acting, AdmittedRoute
from mnemolog.api.bodies import QueryBody
from mnemolog.api.problems import refused_by
from mnemolog.api.query_answers import QueryDocument, QueryTables
from mnemolog.api.responses import Answer
from mnemolog.api.routes.declared import BODIES, READS
from mnemolog.domain.refusals import (
    Conflict,
    QueryRefused,
    QueryTimedOut,
    QueryTooLarge,
    SegmentCorrupted,
    Unavailable,
)

router = APIRouter(tags=["analytics"], route_class=AdmittedRoute)
QUERIES = (QueryRefused, QueryTimedOut, QueryTooLarge, Conflict, SegmentCorrupted, Unavailable)


@router.post("/v1/analytics/query", response_model=QueryDocument, responses=refused_by(*READS, *BODIES, *QUERIES))
def query(body: QueryBody, store: Acting) -> Response:
    """One question in SQL to the events that the caller may see."""
    at = store.at(body.at) if isinstance(body.at, str) else body.at
    answer = store.analytics.query(body.sql, at=at, limit=body.limit, seconds=body.timeout)
    return Answer(answer.document())


@router.get("/v1/analytics/tables", response_model=QueryTables, responses=refused_by(*READS))
def tables(store: Acting) -> Response:
    """The tables with their columns, and the macros."""
    return Answer(store.analytics.tables())
