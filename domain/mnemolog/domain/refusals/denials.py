"""Who asks may not."""

from __future__ import annotations

from mnemolog.domain.refusals.refusal import Refusal


class Denied(Refusal):
    """This principal may not {action}."""

    code, status, exit_code = "denied", 403, 4


class NotAuthenticated(Denied):
    """A valid key is needed: send `Authorization: Bearer <key>`."""

    code, status = "not_authenticated", 401


class InsecureBinding(Denied):
    """Listening on {host} would send keys and memories over the network in the clear.
    Put TLS in front and say so with --behind-tls, or bind to 127.0.0.1."""

    code, status, exit_code = "insecure_binding", 403, 4


class TooManyRequests(Refusal):
    """This {who} may send {limit} requests {per}; wait {retry_after} seconds."""

    code, status, exit_code = "too_many_requests", 429, 7


class BodyTooSlow(Refusal):
    """The body did not arrive within {limit} seconds."""

    code, status, exit_code = "body_too_slow", 408, 7
