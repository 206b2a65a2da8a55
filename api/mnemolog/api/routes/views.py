"""How the store is, and how far its views are behind the log."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from mnemolog.api.admission import Acting, AdmittedRoute
from mnemolog.api.problems import refused_by
from mnemolog.api.responses import Answer, items
from mnemolog.api.routes.declared import READS
from mnemolog.api.status import Status

router = APIRouter(tags=["views"], route_class=AdmittedRoute)


@router.get("/v1/status", response_model=Status, responses=refused_by(*READS))
def status(store: Acting) -> Response:
    return Answer(store.status())


@router.get("/v1/views", responses=refused_by(*READS))
def views(store: Acting) -> Response:
    status = store.status()
    return Answer(items(status.views, status.position))
