"""The REST API as one ASGI application over one open store."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

from anyio import CapacityLimiter
from anyio.to_thread import current_default_thread_limiter
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from mnemolog.api import problems
from mnemolog.api.edge import Edge
from mnemolog.api.log_stream import HEARTBEAT_SECONDS, STREAM_THREADS
from mnemolog.api.metrics import Metrics
from mnemolog.api.routes import (
    analytics,
    audit,
    cubes,
    erasures,
    evidence,
    grants,
    graph,
    groups,
    health,
    imports,
    keys,
    lineage,
    links,
    log,
    memories,
    merges,
    permissions,
    principals,
    recall,
    replays,
    reports,
    tenants,
    time_travel,
    views,
)
from mnemolog.api.store import Store
from mnemolog.api.sweeper import Sweeper
from mnemolog.api.throttle import Throttle
from mnemolog.domain.refusals import Refusal

THREADS = 64  # concurrent writers share one append, so there must be some
ROUTERS = (
    cubes,
    memories,
    links,
    merges,
    imports,
    erasures,
    recall,
    graph,
    lineage,
    time_travel,
    log,
    audit,
    analytics,
    reports,
    evidence,
    views,
    replays,
    principals,
    groups,
    grants,
    permissions,
    keys,
    tenants,
    health,
)
TITLE = "mnemolog"
SUMMARY = "An event-sourced memory store for LLM agents."


class RestApi(FastAPI):
    def openapi(self) -> dict[str, Any]:
        """With the schema of problems, to which every route refers by name."""
        document = super().openapi()
        document["components"]["schemas"].setdefault("Problem", problems.Problem.model_json_schema())
        return document


def create_app(store: Store, *, heartbeat_seconds: float = HEARTBEAT_SECONDS) -> RestApi:
    """An application for the holders of the store's keys. Closing the store is left to whoever opened it."""
    app = RestApi(
        title=TITLE,
        summary=SUMMARY,
        version=version("mnemolog"),
        openapi_url=None,  # routes/health.py has it, for holders of a key
        redirect_slashes=False,
        lifespan=_lifespan,
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.state.store, app.state.metrics = store, Metrics(store.parts)
    app.state.throttle = Throttle(store.parts.settings, store.parts.registry)
    app.state.heartbeat_seconds, app.state.stopping = heartbeat_seconds, threading.Event()
    app.add_middleware(Edge, metrics=app.state.metrics)
    app.add_exception_handler(Refusal, problems.refused)
    app.add_exception_handler(RequestValidationError, problems.invalid)
    app.add_exception_handler(HTTPException, problems.not_routed)
    for module in ROUTERS:
        app.include_router(module.router)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    current_default_thread_limiter().total_tokens = THREADS
    app.state.stream_limiter = CapacityLimiter(STREAM_THREADS)
    parts = app.state.store.parts
    sweeper = Sweeper(parts, parts.settings.sweep_seconds)
    try:
        yield
    finally:
        app.state.stopping.set()
        await run_in_threadpool(sweeper.stop)
