"""The outermost layer: every request gets an id, every answer its headers, every bug a line in the log."""

from __future__ import annotations

import logging
import time
import traceback
from pathlib import PurePath
from uuid import UUID

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mnemolog.api.metrics import UNROUTED, Metrics
from mnemolog.api.problems import unexpected
from mnemolog.domain.identity import new_id

logger = logging.getLogger(__name__)
REQUEST_ID = "X-Request-Id"


class Edge:
    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = Exchange(scope, send, self._metrics)
        scope.setdefault("state", {})["request_id"] = exchange.request_id
        try:
            await self._app(scope, receive, exchange.send)
        except ClientDisconnect:
            return
        except Exception as error:  # noqa: BLE001 - the edge of the process; the message may hold what a client sent
            logger.error("request %s: %s at %s", exchange.request_id, type(error).__name__, _place(error))
            if not exchange.begun:
                await unexpected(exchange.request_id)(scope, receive, exchange.send)
        finally:
            if (
                leave := scope["state"].get("leave")
            ) is not None:  # only now: a stream is a request as long as it flows
                leave()


class Exchange:
    """One request on its way to its answer."""

    def __init__(self, scope: Scope, send: Send, metrics: Metrics) -> None:
        self.request_id = _request_id(Headers(scope=scope).get(REQUEST_ID))
        self.begun = False
        self._scope, self._send, self._metrics = scope, send, metrics
        self._started = time.perf_counter()

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.begun = True
            self._head(message)
        await self._send(message)

    def _head(self, message: Message) -> None:
        headers = MutableHeaders(scope=message)
        headers[REQUEST_ID] = str(self.request_id)
        headers["X-Content-Type-Options"] = "nosniff"
        headers["Cache-Control"] = "no-store"
        route = getattr(self._scope.get("route"), "path", UNROUTED)
        seconds = time.perf_counter() - self._started
        self._metrics.answered(route, self._scope["method"], message["status"], seconds)


def _request_id(text: str | None) -> UUID:
    try:
        return UUID(text) if text is not None else new_id()
    except ValueError:
        return new_id()


def _place(error: Exception) -> str:
    """Where it was raised. The message stays out: it may hold texts and parameters."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{PurePath(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "unknown"
