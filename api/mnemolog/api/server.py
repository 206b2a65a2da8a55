"""A process that serves the REST API."""

from __future__ import annotations

import ipaddress
import logging
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import uvicorn

from mnemolog.api.http import RestApi, create_app
from mnemolog.api.settings import Settings
from mnemolog.api.store import open_store
from mnemolog.domain.refusals import InsecureBinding, Unavailable

PORT = 7077
GRACE_SECONDS = 10


def serve(
    settings: Settings,
    host: str = "127.0.0.1",
    port: int = PORT,
    *,
    behind_tls: bool = False,
    ready: Callable[[str], None] = lambda url: None,
) -> None:
    """Until SIGINT or SIGTERM; then requests in progress are answered, streams end and the store is closed.

    `ready` is called with the URL once requests are answered. Raises InsecureBinding, Unavailable when the port
    is taken, and what `open_store` raises.
    """
    check_binding(host, behind_tls)
    with _signals_as_exit(), listening(host, port) as listener, open_store(settings=settings) as store:
        Server(create_app(store), lambda: ready(url_of(listener))).run(sockets=[listener])


class Server(uvicorn.Server):
    """Tells streams to end before it waits for them, and logs no request: paths hold ids, and bodies texts."""

    def __init__(self, app: RestApi, ready: Callable[[], None] = lambda: None) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                lifespan="on",
                ws="none",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_graceful_shutdown=GRACE_SECONDS,
            )
        )
        logging.getLogger("uvicorn.access").setLevel(logging.CRITICAL + 1)  # whatever handlers a program adds
        self._stopping: threading.Event = app.state.stopping
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._stopping.set()
        await super().shutdown(sockets)


def check_binding(host: str, behind_tls: bool) -> None:
    """Raises InsecureBinding unless nobody but this machine can listen in, or TLS is in front."""
    if not behind_tls and not is_loopback(host):
        raise InsecureBinding(host=host or "all addresses")


def is_loopback(host: str) -> bool:
    """Whether every address that this name stands for is of this machine alone."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM) if host else []
    except (OSError, UnicodeError):
        return False
    addresses = {str(address[0]).partition("%")[0] for *_, address in found}
    return bool(addresses) and all(ipaddress.ip_address(address).is_loopback for address in addresses)


@contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """Raises Unavailable, before a store is opened for nothing."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=2048)
    except (OSError, OverflowError) as error:
        raise Unavailable(reason=f"{host}:{port} cannot be listened on ({error})") from None
    with listener:
        yield listener


def url_of(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


@contextmanager
def _signals_as_exit() -> Iterator[None]:
    """A signal at any moment unwinds the stack, so that the embedded database is stopped and not abandoned."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, _leave) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _leave(number: int, frame: FrameType | None) -> None:
    raise SystemExit(0)
