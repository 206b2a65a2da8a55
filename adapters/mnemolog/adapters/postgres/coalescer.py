"""Group commit: concurrent appends share one transaction, and so one flush of the disk.

While one transaction commits, the requests that arrive form the next. Inside the database each request stands alone: a
version conflict or a failed condition refuses that request and no other.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import psycopg

from mnemolog.adapters.postgres.append import AppendRequest, parameters
from mnemolog.adapters.postgres.connection import Row
from mnemolog.adapters.postgres.sql import QUERIES
from mnemolog.domain.log import Appended
from mnemolog.domain.refusals import StoreUnreachable

logger = logging.getLogger(__name__)
APPEND = QUERIES["append"]
MAX_EVENTS = 2000


class Coalescer:
    """One thread and one connection that write for everybody in this process."""

    def __init__(self, connect: Callable[[], psycopg.Connection[Row]], *, patience: float = 15.0) -> None:
        """`patience` is how many seconds a lost server may take to come back before the callers are told."""
        self._connect = connect
        self._patience = patience
        self._requests: queue.SimpleQueue[AppendRequest | None] = queue.SimpleQueue()
        self._connection: psycopg.Connection[Row] | None = None
        self._closed = False
        self._gate = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="mnemolog-append", daemon=True)
        self._thread.start()

    def append(self, request: AppendRequest) -> Appended:
        """Durable when it returns. Raises IntegrityError, ConditionFailed, IdempotencyKeyReused, StoreUnreachable."""
        with self._gate:
            if self._closed:
                raise StoreUnreachable(reason="the store has been closed")
            self._requests.put(request)
        return request.done.result()

    def close(self) -> None:
        """Write what is waiting, then stop."""
        with self._gate:
            if not self._closed:
                self._closed = True
                self._requests.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (first := self._requests.get()) is not None:
            batch, last = self._gather(first)
            self._write(batch)
            if last:
                break
        if self._connection is not None:
            self._connection.close()

    def _gather(self, first: AppendRequest) -> tuple[list[AppendRequest], bool]:
        batch, size = [first], len(first.events)
        while size < MAX_EVENTS:
            try:
                request = self._requests.get_nowait()
            except queue.Empty:
                break
            if request is None:
                return batch, True
            batch.append(request)
            size += len(request.events)
        return batch, False

    def _write(self, batch: Sequence[AppendRequest], *, resolving: bool = False, deadline: float | None = None) -> None:
        """Settle every request of the batch, whatever happens."""
        deadline = time.monotonic() + self._patience if deadline is None else deadline
        while True:
            try:
                outcomes = self._call(batch, resolving=resolving)
            except (psycopg.OperationalError, psycopg.InterfaceError, StoreUnreachable) as error:
                if self._is_alive():  # the database has answered: nothing was written
                    return self._isolate(batch, error, resolving, deadline)
                # The commit may have happened: the next try asks for each request whether it is there already.
                resolving = True
                if not self._recover(error, deadline):
                    return _fail(batch, StoreUnreachable(reason=f"the connection was lost ({type(error).__name__})"))
            except Exception as error:  # noqa: BLE001 - this thread serves everybody: what fails must reach its caller
                return self._isolate(batch, error, resolving, deadline)
            else:
                return self._settle(batch, outcomes)

    def _call(self, batch: Sequence[AppendRequest], *, resolving: bool) -> list[Row]:
        if self._connection is None or self._connection.closed:
            self._connection = self._connect()
        arguments: dict[str, Any] = parameters(batch, resolving=resolving)
        return self._connection.execute(APPEND, arguments, prepare=True, binary=True).fetchall()

    def _is_alive(self) -> bool:
        return self._connection is not None and not self._connection.closed

    def _settle(self, batch: Sequence[AppendRequest], outcomes: Sequence[Row]) -> None:
        repeated = []
        for number, outcome, first, last in outcomes:
            if outcome == "repeated":
                repeated.append(batch[number - 1])
            else:
                batch[number - 1].settle(outcome, first, last)
        if repeated:  # those that came before them are settled now, so there is an answer
            self._write(repeated)

    def _isolate(self, batch: Sequence[AppendRequest], error: Exception, resolving: bool, deadline: float) -> None:
        """A request that the database cannot store must not take its neighbours with it."""
        if len(batch) == 1:
            return _fail(batch, error)
        for request in batch:
            self._write([request], resolving=resolving, deadline=deadline)
        return None

    def _recover(self, error: Exception, deadline: float) -> bool:
        """Whether to try again. The old connection is gone for good, so that its backend can only finish or die."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        logger.warning("append: the connection was lost (%s)", type(error).__name__)
        pause = min(0.05, max(0.0, deadline - time.monotonic()))
        while time.monotonic() < deadline:
            time.sleep(pause)
            try:
                self._connection = self._connect()
            except (StoreUnreachable, psycopg.Error):
                pause = min(pause * 2, 1.0)
            else:
                return True
        return False


def _fail(batch: Sequence[AppendRequest], error: Exception) -> None:
    for request in batch:
        request.done.set_exception(error)
