"""The live tail of the log as server-sent events. A client that was cut off resumes after the last id it saw."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import partial

import orjson
from anyio import CapacityLimiter
from anyio.to_thread import run_sync

from mnemolog.api.answers import EventAnswer
from mnemolog.api.parts import CATALOGUE
from mnemolog.api.store import Store
from mnemolog.domain.refusals import InvalidPosition, Refusal

WAIT_SECONDS = 0.5  # also how long a stream outlives its client, its key and the server
STREAM_THREADS = 16  # streams wait in threads of their own, so that they can never use up those of the requests
HEARTBEAT_SECONDS = 15.0
COMMENT = b": \n\n"


class LogStream:
    def __init__(self, store: Store, key: str, limiter: CapacityLimiter, heartbeat_seconds: float) -> None:
        self._store, self._key = store, key
        self._limiter, self._heartbeat = limiter, heartbeat_seconds

    def start(self, after: int | None) -> int:
        """The position to go on from: now, unless another is asked for. Raises Denied or InvalidPosition."""
        head = self._store.log.head()
        if after is not None and after > head:
            raise InvalidPosition(value=after, reason=f"the log ends at {head}")
        return head if after is None else after

    async def events(self, after: int, ended: Callable[[], Awaitable[bool]]) -> AsyncIterator[bytes]:
        yield COMMENT
        spoken = time.monotonic()
        while not await ended():
            try:
                found, after = await run_sync(partial(self._next, after), limiter=self._limiter)
            except Refusal as refusal:
                yield b"event: end\ndata: " + orjson.dumps({"code": refusal.code}) + b"\n\n"
                return
            if chunk := b"".join(map(_told, found)) or (COMMENT if self._is_quiet(spoken) else b""):
                yield chunk
                spoken = time.monotonic()

    def _next(self, after: int) -> tuple[Sequence[EventAnswer], int]:
        """Raises NotAuthenticated once the key has been revoked: not even that is told to whoever held it."""
        found, reached = self._store.log.tail(after, WAIT_SECONDS)
        self._store.parts.wait(CATALOGUE, reached)
        self._store.acting_as(self._key)
        return found, reached

    def _is_quiet(self, spoken: float) -> bool:
        return time.monotonic() - spoken >= self._heartbeat


def _told(event: EventAnswer) -> bytes:
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (event.position, event.type.encode(), orjson.dumps(event))
