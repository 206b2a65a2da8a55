"""Reports on the log."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from mnemolog.api.admission import Acting, AdmittedRoute
from mnemolog.api.problems import refused_by
from mnemolog.api.reports import Report
from mnemolog.api.responses import Answer
from mnemolog.api.routes.declared import READS
from mnemolog.domain.refusals import Conflict, NotFound, QueryTimedOut, QueryTooLarge, Unavailable

router = APIRouter(tags=["analytics"], route_class=AdmittedRoute)
Moment = Annotated[str | None, Query(description="A position, a time with its zone, or a while ago such as -2h.")]
REFUSALS = (*READS, NotFound, QueryTimedOut, QueryTooLarge, Conflict, Unavailable)


@router.get("/v1/analytics/reports/{name}", response_model=Report, responses=refused_by(*REFUSALS))
def report(store: Acting, name: str, since: Moment = None, until: Moment = None) -> Response:
    """A report on what was recorded: activity, access, funnel, denials, retention or lag."""
    return Answer(store.reports(name, since=store.at(since), until=store.at(until)))
