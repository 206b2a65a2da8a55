"""Cubes: spaces of memories."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from mnemolog.api.admission import Acting, AdmittedRoute, AtLeast, CubeRef, Cursor, IfVersion, Limit
from mnemolog.api.answers import CubeAnswer
from mnemolog.api.bodies import CubeBody, CubeChangeBody
from mnemolog.api.problems import refused_by
from mnemolog.api.responses import Answer, appended
from mnemolog.api.routes.declared import BODIES, PAGES, READS, WRITES, CubePage
from mnemolog.domain.cube import CubeConfig
from mnemolog.domain.refusals import (
    AlreadyExists,
    ConditionFailed,
    CubeNotFound,
    Denied,
    InvalidMetadata,
    NotFound,
    StaleVersion,
)

router = APIRouter(tags=["cubes"], route_class=AdmittedRoute)


@router.post(
    "/v1/cubes",
    status_code=201,
    response_model=CubeAnswer,
    responses=refused_by(*WRITES, *BODIES, InvalidMetadata, AlreadyExists, ConditionFailed, NotFound, Denied),
)
def found(body: CubeBody, store: Acting) -> Response:
    """Found a cube, owned by the caller."""
    cube = store.cubes.found(body.name, body.config.over(CubeConfig()), subject_id=body.subject_id)
    return appended(
        cube, cube.position, status_code=201, location=f"/v1/cubes/{cube.cube_id}", ETag=f'"{cube.version}"'
    )


@router.get("/v1/cubes", response_model=CubePage, responses=refused_by(*PAGES))
def page(store: Acting, limit: Limit = 50, cursor: Cursor = None, at_least: AtLeast = None) -> Response:
    """The cubes that the caller may use."""
    return Answer(store.cubes.list(limit=limit, cursor=cursor, at_least=at_least))


@router.get("/v1/cubes/{cube}", response_model=CubeAnswer, responses=refused_by(*READS, CubeNotFound))
def get(cube: CubeRef, store: Acting, at_least: AtLeast = None) -> Response:
    """One cube, by name or id."""
    answer = store.cubes.get(cube, at_least=at_least)
    return Answer(answer, headers={"ETag": f'"{answer.version}"'})


@router.patch(
    "/v1/cubes/{cube}",
    response_model=CubeAnswer,
    responses=refused_by(*WRITES, *BODIES, CubeNotFound, Denied, InvalidMetadata, StaleVersion),
)
def configure(cube: CubeRef, body: CubeChangeBody, store: Acting, if_version: IfVersion = None) -> Response:
    """Change the rules that are named, for what is written from now on."""
    read = store.cubes.get(cube)
    config = body.config.over(CubeConfig.from_json(dict(read.config)))
    expected = read.version if if_version is None else if_version
    answer = store.cubes.configure(read.cube_id, config, if_version=expected)
    return appended(answer, answer.position, ETag=f'"{answer.version}"')
