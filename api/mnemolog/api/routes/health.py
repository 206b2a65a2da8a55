"""Whether the process runs and can answer. The only routes that need no key are here."""

from __future__ import annotations

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.requests import Request
from starlette.responses import Response

from mnemolog.api.admission import Acting, AdmittedRoute
from mnemolog.api.parts import require_administrator
from mnemolog.api.problems import refused_by
from mnemolog.api.responses import Answer
from mnemolog.api.routes.declared import READS
from mnemolog.api.status import check_ready
from mnemolog.domain.refusals import Denied, StoreUnreachable, Unavailable

router = APIRouter(tags=["health"])
admitted = APIRouter(tags=["health"], route_class=AdmittedRoute)


@router.get("/healthz")
async def healthz() -> Response:
    """The process runs."""
    return Answer({"status": "ok"})


@router.get("/readyz", responses=refused_by(Unavailable, StoreUnreachable))
def readyz(request: Request) -> Response:
    """The log can be reached, and no view waits for something that does not answer."""
    check_ready(request.app.state.store.parts)
    return Answer({"status": "ready"})


@admitted.get("/metrics", responses=refused_by(*READS, Denied))
def metrics(request: Request, store: Acting) -> Response:
    """For Prometheus, with the key of an administrator."""
    require_administrator(store.caller, "read the metrics")
    return Response(request.app.state.metrics.text(), media_type=CONTENT_TYPE_LATEST)


@admitted.get("/openapi.json", include_in_schema=False)
def openapi(request: Request, store: Acting) -> Response:
    return Answer(request.app.openapi())


router.include_router(admitted)
