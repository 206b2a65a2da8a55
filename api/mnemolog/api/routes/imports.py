"""Exports of other systems as memories in quarantine."""

from __future__ import annotations

from typing import Any, Literal

from fastapi import APIRouter
from starlette.responses import Response

from mnemolog.api.admission import Acting, AdmittedRoute, CubeRef
from mnemolog.api.bodies import Body, Flag
from mnemolog.api.imports import ImportAnswer
from mnemolog.api.problems import refused_by
from mnemolog.api.responses import Answer, appended
from mnemolog.api.routes.declared import BODIES, WRITES
from mnemolog.domain.refusals import CannotImport, CubeNotFound, Denied

router = APIRouter(tags=["imports"], route_class=AdmittedRoute)


class ImportBody(Body):
    """`document` is the export, as its system wrote it."""

    document: dict[str, Any] | list[Any]
    format: Literal["auto", "memos", "mem0", "langgraph"] = "auto"
    dry_run: Flag = False


@router.post(
    "/v1/cubes/{cube}/imports",
    status_code=201,
    response_model=ImportAnswer,
    responses=refused_by(*WRITES, *BODIES, CubeNotFound, Denied, CannotImport),
)
def import_document(cube: CubeRef, body: ImportBody, store: Acting) -> Response:
    """Memories from an export of another system, in quarantine; the same export again writes nothing."""
    answer = store.imports.document(cube, body.document, body.format, dry_run=body.dry_run)
    if answer.position is None:
        return Answer(answer)
    return appended(answer, answer.position, status_code=201)
