"""The log, for administrators: pages, a live stream, and a proof that it hangs together."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Header, Query
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from mnemolog.adapters.postgres.verify import Verified
from mnemolog.api.admission import Acting, AdmittedRoute, AtLeast, Cursor, Limit, bearer
from mnemolog.api.bodies import LAST_POSITION
from mnemolog.api.log_stream import LogStream
from mnemolog.api.problems import refused_by
from mnemolog.api.responses import Answer
from mnemolog.api.routes.declared import PAGES, READS, EventPage
from mnemolog.domain.refusals import (
    Denied,
    MalformedNote,
    SignatureRejected,
    SigningKeyUnavailable,
    VerificationFailed,
)

router = APIRouter(tags=["log"], route_class=AdmittedRoute)
After = Annotated[int, Query(ge=0, le=LAST_POSITION, description="Events with a greater position.")]
AfterOrNow = Annotated[int | None, Query(ge=0, le=LAST_POSITION, description="Absent: from now on.")]
LastEventId = Annotated[int | None, Header(alias="Last-Event-ID", ge=0, le=LAST_POSITION)]
VERIFYING = (VerificationFailed, MalformedNote, SignatureRejected, SigningKeyUnavailable)
EVENT_STREAM: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}
}


@router.get("/v1/log", response_model=EventPage, responses=refused_by(*PAGES, Denied))
def page(
    store: Acting,
    after: After = 0,
    limit: Limit = 50,
    cursor: Cursor = None,
    type: Annotated[list[str], Query(description="Of any of these types.")] = [],  # noqa: B006
    cube_id: UUID | None = None,
    memory_id: UUID | None = None,
    at_least: AtLeast = None,
) -> Response:
    """Events in the order they were recorded, without personal content."""
    answer = store.log.page(
        after=after, limit=limit, cursor=cursor, types=type, cube_id=cube_id, memory_id=memory_id, at_least=at_least
    )
    return Answer(answer)


@router.get("/v1/log/stream", response_class=StreamingResponse, responses=refused_by(*READS, Denied) | EVENT_STREAM)
def stream(
    request: Request, store: Acting, after: AfterOrNow = None, last_event_id: LastEventId = None
) -> StreamingResponse:
    """Events as they happen, as server-sent events; `Last-Event-ID` resumes."""
    state = request.app.state
    source = LogStream(store, bearer(request), state.stream_limiter, state.heartbeat_seconds)
    start = source.start(after if last_event_id is None else last_event_id)

    async def ended() -> bool:
        return state.stopping.is_set() or await request.is_disconnected()

    headers = {"X-Accel-Buffering": "no"}  # a proxy must not collect events
    return StreamingResponse(source.events(start, ended), media_type="text/event-stream", headers=headers)


@router.post("/v1/log/verify", response_model=Verified, responses=refused_by(*READS, Denied, *VERIFYING))
def verify(store: Acting) -> Response:
    """Recompute every hash of the log, and compare them with the checkpoints; this reads all of it."""
    return Answer(store.log.verify())
