"""One POST of JSON to an address that was checked first, with retries.

No redirect is followed: it could lead the key and the texts elsewhere.
"""

from __future__ import annotations

import ipaddress
import time
import urllib.request
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse, IncompleteRead
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit

from mnemolog.domain.refusals import EmbedderUnavailable, Invalid, Unavailable

ATTEMPTS = 3
LONGEST_PAUSE = 10.0  # seconds, whatever the server asks for
LARGEST_ANSWER = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Address:
    scheme: str
    host: str
    """With the port when there is one."""
    path: str
    loopback: bool

    @classmethod
    def of(cls, url: str) -> Address:
        """Raises Invalid, with words that repeat no part of the url that may be secret."""
        try:
            parts = urlsplit(url)
            host, port = (parts.hostname or "").lower(), parts.port
        except ValueError as problem:
            raise Invalid(reason=f"The url of the endpoint cannot be read: {problem}") from problem
        if parts.scheme not in ("http", "https") or not host:
            raise Invalid(reason="The url of the endpoint must begin with https:// and a host.")
        if parts.username is not None or parts.query or parts.fragment:
            raise Invalid(reason="The url of the endpoint must hold no user, no query and no fragment.")
        loopback = _is_loopback(host)
        if parts.scheme == "http" and not loopback:
            raise Invalid(reason=f"http to {host} would send texts over the network in the clear: use https.")
        named = f"[{host}]" if ":" in host else host
        return cls(parts.scheme, f"{named}:{port}" if port else named, parts.path.rstrip("/"), loopback=loopback)

    @property
    def identity(self) -> str:
        return f"{self.host}{self.path}"


class Poster:
    """To `resource` under the address. What it raises when there is no answer is `unavailable`."""

    def __init__(
        self,
        address: Address,
        api_key: str | None,
        timeout: float,
        pause: float,
        *,
        resource: str = "embeddings",
        unavailable: type[Unavailable] = EmbedderUnavailable,
    ) -> None:
        if api_key is not None and not (api_key.isascii() and api_key.isprintable()):
            raise Invalid(reason="The API key holds characters that no header can carry.")
        self._address = address
        self._url = f"{address.scheme}://{address.identity}/{resource}"
        self._unavailable = unavailable
        self._timeout = timeout
        self._pause = pause
        self._headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if api_key:
            self._headers["Authorization"] = f"Bearer {api_key}"
        direct = [urllib.request.ProxyHandler({})] if address.loopback else []
        self._opener = urllib.request.build_opener(_NoRedirect, *direct)

    def post(self, body: bytes) -> bytes:
        """Raises `unavailable` after three attempts, or at once when another attempt would change nothing."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return self._exchange(body)
            except _TryAgain as problem:
                if attempt == ATTEMPTS:
                    raise self._unavailable(reason=f"{problem}, {ATTEMPTS} times") from problem
                time.sleep(min(LONGEST_PAUSE, problem.after or self._pause * 2 ** (attempt - 1)))
        raise AssertionError("the last attempt returns or raises")

    def _exchange(self, body: bytes) -> bytes:
        # The scheme can only be http or https: Address.of has seen to it.
        request = urllib.request.Request(self._url, data=body, headers=self._headers, method="POST")  # noqa: S310
        try:
            with self._opener.open(request, timeout=self._timeout) as response:
                return self._read(response)
        except HTTPError as problem:
            with problem:
                raise self._refused(problem) from None
        except (OSError, HTTPException) as problem:
            raise self._broken(problem) from None

    def _refused(self, problem: HTTPError) -> Exception:
        # What the server says stays out: it may repeat the key or the texts.
        reason = f"{self._address.host} answered with HTTP status {problem.code}"
        if problem.code == 429 or problem.code >= 500:
            return _TryAgain(reason, after=_seconds(problem.headers.get("Retry-After")))
        return self._unavailable(reason=reason)

    def _broken(self, problem: OSError | HTTPException) -> Exception:
        cause: Any = getattr(problem, "reason", problem)  # urllib wraps what goes wrong while connecting
        if isinstance(cause, TimeoutError):
            return self._unavailable(reason=f"{self._address.host} took over {self._timeout:g} seconds")
        why = getattr(cause, "strerror", None) or type(cause).__name__
        return _TryAgain(f"the connection to {self._address.host} failed ({why})")

    def _read(self, response: HTTPResponse) -> bytes:
        """The socket's own timeout is for each packet; a server that drips needs a limit for the whole."""
        deadline = time.monotonic() + self._timeout
        content = bytearray()
        while piece := response.read1(1 << 16):
            content += piece
            if len(content) > LARGEST_ANSWER:
                raise self._unavailable(reason=f"the endpoint answered with over {LARGEST_ANSWER} bytes")
            if time.monotonic() > deadline:
                raise TimeoutError
        if response.length:
            raise IncompleteRead(b"")
        return bytes(content)


class _TryAgain(Exception):
    def __init__(self, reason: str, after: float | None = None) -> None:
        super().__init__(reason)
        self.after = after


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_args: Any) -> None:
        return None


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _seconds(header: str | None) -> float | None:
    return float(header) if header and header.isascii() and header.isdigit() else None
