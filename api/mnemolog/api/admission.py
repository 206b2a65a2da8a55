"""Who asks, and what a request may carry. The key is checked before anything else of a request is read."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Coroutine, Iterator
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Header, Query, Security
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from mnemolog.api.bodies import LAST_POSITION
from mnemolog.api.references import CANONICAL, id_or_name
from mnemolog.api.store import Store
from mnemolog.api.strict_json import StrictRequest
from mnemolog.domain.refusals import Invalid, NotAuthenticated, Refusal, UnknownField

logger = logging.getLogger(__name__)
SESSION, PURPOSE, APP = "Mnemolog-Session", "Mnemolog-Purpose", "Mnemolog-App"
IDEMPOTENCY, IF_MATCH = "Idempotency-Key", "If-Match"
# These change what a write does, so a route that does not heed one refuses it.
MEANT = frozenset({IDEMPOTENCY.lower(), IF_MATCH.lower()})
ETAG = re.compile(r'"([0-9]{1,18})"')
KEY = HTTPBearer(auto_error=False, scheme_name="key", bearerFormat="mnl_...", description="An API key.")


class AdmittedRoute(APIRoute):
    """Open to holders of a key only; refuses what it would otherwise silently ignore."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        declared = list(_with_dependencies(self.dependant))
        queries = {field.alias for each in declared for field in each.query_params}
        ignored = MEANT - {field.alias.lower() for each in declared for field in each.header_params}

        async def admit(request: Request) -> Response:
            request.state.store = await run_in_threadpool(_admitted, request)
            for name in (*(request.query_params.keys() - queries), *(ignored & set(request.headers.keys()))):
                raise UnknownField(field=name)
            try:
                return await handle(StrictRequest(request.scope, request.receive))
            except HTTPException as error:  # what FastAPI makes of anything that reading a body raises
                if isinstance(error.__cause__, Refusal):
                    raise error.__cause__ from None
                raise

        return admit


def _with_dependencies(dependant: Dependant) -> Iterator[Dependant]:
    yield dependant
    for each in dependant.dependencies:
        yield from _with_dependencies(each)


def bearer(request: Request) -> str:
    """Raises NotAuthenticated."""
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        raise NotAuthenticated
    return key


def _known(request: Request) -> Store:
    """Raises NotAuthenticated, which is counted and logged: with the address, and nothing of what was sent."""
    owner: Store = request.app.state.store
    try:
        return owner.acting_as(bearer(request), request_id=request.state.request_id)
    except NotAuthenticated:
        request.app.state.metrics.not_authenticated()
        address = "an unknown address" if request.client is None else request.client.host
        logger.warning("request %s from %s: no valid key", request.state.request_id, address)
        raise


def _admitted(request: Request) -> Store:
    store = _known(request)
    request.state.leave = request.app.state.throttle.enter(store.caller)
    address = None if request.client is None else request.client.host
    store = store.asked_from(address=address, app=_text(APP, request.headers.get(APP)))
    if (purpose := _text(PURPOSE, request.headers.get(PURPOSE))) is not None:
        store = store.for_purpose(purpose)
    session = request.headers.get(SESSION)
    return store if session is None else store.in_session(_id(SESSION, session))


def _text(name: str, value: str | None) -> str | None:
    """A header is bytes: these are UTF-8. Raises Invalid."""
    try:
        return None if value is None else value.encode("latin-1").decode()
    except UnicodeDecodeError:
        raise Invalid(reason=f"{name} must be UTF-8") from None


def _id(name: str, text: str) -> UUID:
    if not CANONICAL.fullmatch(text):
        raise Invalid(reason=f"{name} must be a UUID")
    return UUID(text)


async def _store(
    request: Request,
    _key: Annotated[HTTPAuthorizationCredentials | None, Security(KEY)],
    _session: Annotated[
        UUID | None, Header(alias=SESSION, description="The session of the caller; it recalls its own quarantine too.")
    ] = None,
    _purpose: Annotated[
        str | None, Header(alias=PURPOSE, description="What for: a memory with purposes is used for those alone.")
    ] = None,
    _app: Annotated[str | None, Header(alias=APP, description="With which app: grants may ask for one.")] = None,
) -> Store:
    store: Store = request.state.store
    return store


async def _version(
    etag: Annotated[
        str | None, Header(alias=IF_MATCH, description="The ETag that was read; another version is refused.")
    ] = None,
) -> int | None:
    """Raises Invalid for weak tags and lists, of which none can name one version."""
    if etag is None or etag.strip() == "*":
        return None
    match = ETAG.fullmatch(etag.strip())
    if match is None:
        raise Invalid(reason=f'{IF_MATCH} takes the one ETag that was read, such as "3"')
    return int(match[1])


async def _cube(cube: str) -> str | UUID:
    return id_or_name(cube)


Acting = Annotated[Store, Depends(_store)]
CubeRef = Annotated[str | UUID, Depends(_cube)]
IfVersion = Annotated[int | None, Depends(_version)]
IdempotencyKey = Annotated[
    UUID | None, Header(alias=IDEMPOTENCY, description="The client's own name for this request: sent again, done once.")
]
AtLeast = Annotated[
    int | None, Query(ge=0, le=LAST_POSITION, description="Wait until this position of the log is included.")
]
AtMoment = Annotated[
    str | None, Query(alias="at", description="As of a position, a time with its zone, or a while ago such as -2h.")
]
Limit = Annotated[int, Query(description="At most this many, up to 500.")]
Cursor = Annotated[str | None, Query(description="`next` of the page before.")]
