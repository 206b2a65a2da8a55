"""How the store is, how far its views are behind the log, and for administrators views made anew and verified."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Body
from pydantic import Field
from starlette.responses import Response

from mnemolog.api import bodies
from mnemolog.api.admission import Acting, AdmittedRoute
from mnemolog.api.problems import refused_by
from mnemolog.api.references import id_or_name
from mnemolog.api.responses import Answer, items
from mnemolog.api.routes.declared import BODIES, READS
from mnemolog.api.status import Status
from mnemolog.api.view_answers import Rebuilt, Verified, ViewAnswer
from mnemolog.domain.refusals import CubeNotFound, Denied, NotFound, Unavailable, ViewDiffers

router = APIRouter(tags=["views"], route_class=AdmittedRoute)
REFUSALS = (*READS, *BODIES, Denied, NotFound, CubeNotFound)


class ViewBody(bodies.Body):
    cube: str | None = Field(None, description="Its name or id; null is every cube of the tenant.")


Of = Annotated[ViewBody, Body(default_factory=ViewBody)]


@dataclass(frozen=True, slots=True)
class ViewList:
    items: Sequence[ViewAnswer]
    position: int


@dataclass(frozen=True, slots=True)
class Rebuilding:
    """`position` is the least of those that were reached; `events` and `seconds` are of all together."""

    items: Sequence[Rebuilt]
    position: int
    events: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Verification:
    items: Sequence[Verified]
    seconds: float


@router.get("/v1/status", response_model=Status, responses=refused_by(*READS))
def status(store: Acting) -> Response:
    return Answer(store.status())


@router.get("/v1/views", response_model=ViewList, responses=refused_by(*READS))
def views(store: Acting) -> Response:
    """How far each view has come, what holds it up, and which cubes it holds."""
    return Answer(items(store.views.list(), store.parts.log.head()))


@router.post("/v1/views/{name}/rebuild", response_model=Rebuilding, responses=refused_by(*REFUSALS, Unavailable))
def rebuild(name: str, store: Acting, body: Of) -> Response:
    """Make a view anew from the log; answers when it is done."""
    done = store.views.rebuild(name, _cube(body))
    position = min((each.position for each in done), default=store.parts.log.head())
    events, seconds = sum(each.events for each in done), sum(each.seconds for each in done)
    return Answer(Rebuilding(done, position, events, seconds))


@router.post("/v1/views/{name}/verify", response_model=Verification, responses=refused_by(*REFUSALS, ViewDiffers))
def verify(name: str, store: Acting, body: Of) -> Response:
    """Compare a view with what the log says, and change nothing; answers when it is done."""
    done = store.views.verify(name, _cube(body))
    return Answer(Verification(done, sum(each.seconds for each in done)))


def _cube(body: ViewBody) -> UUID | str | None:
    return None if body.cube is None else id_or_name(body.cube)
