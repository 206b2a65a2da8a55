"""The past made again, for administrators: answers as they were given, and views as they were."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Body
from pydantic import Field
from starlette.responses import Response

from mnemolog.api import bodies
from mnemolog.api.admission import Acting, AdmittedRoute
from mnemolog.api.moments import At
from mnemolog.api.problems import refused_by
from mnemolog.api.references import id_or_name
from mnemolog.api.replay_answers import ProvenAnswers, Replayed, ReplayedAnswer
from mnemolog.api.responses import Answer
from mnemolog.api.routes.declared import BODIES, READS
from mnemolog.api.store import Store
from mnemolog.domain.refusals import (
    AnswerDiffers,
    CubeNotFound,
    Denied,
    EmbedderUnavailable,
    NotFound,
    RerankerUnavailable,
)

router = APIRouter(tags=["replays"], route_class=AdmittedRoute)
ASKING = (*READS, *BODIES, Denied, AnswerDiffers, EmbedderUnavailable, RerankerUnavailable)
WHEN = "A position, a time with its zone, or -2h"


class AnswerBody(bodies.Body):
    position: bodies.Position = Field(description="Of the record of the answer.")


class AnswersBody(bodies.Body):
    since: bodies.Position | str | None = Field(None, description=f"{WHEN}; null is from the first answer on.")


class ViewsBody(bodies.Body):
    to: bodies.Position | str | None = Field(None, description=f"{WHEN}; null is the last position.")
    cube: str | None = Field(None, description="Its name or id; null is every cube of the tenant.")


Since = Annotated[AnswersBody, Body(default_factory=AnswersBody)]
Then = Annotated[ViewsBody, Body(default_factory=ViewsBody)]


@router.post("/v1/replays", response_model=ReplayedAnswer, responses=refused_by(*ASKING, NotFound))
def answer(store: Acting, body: AnswerBody) -> Response:
    """Ask again what was once answered, as it was asked, and compare every bit."""
    return Answer(store.replay.answer(body.position))


@router.post("/v1/replays/verify", response_model=ProvenAnswers, responses=refused_by(*ASKING))
def verify(store: Acting, body: Since) -> Response:
    """Ask everything again that was answered; answers when it is done."""
    return Answer(store.replay.answers(_at(store, body.since)))


@router.post(
    "/v1/views/{name}/replay",
    response_model=Replayed,
    responses=refused_by(*READS, *BODIES, Denied, NotFound, CubeNotFound),
)
def views(name: str, store: Acting, body: Then) -> Response:
    """Make a view from nothing as it was at a moment, and tell its digest; nothing is changed."""
    return Answer(store.replay(_at(store, body.to), [name], _cube(body.cube)))


def _at(store: Store, moment: int | str | None) -> At:
    return store.at(moment) if isinstance(moment, str) else moment


def _cube(cube: str | None) -> UUID | str | None:
    return None if cube is None else id_or_name(cube)
