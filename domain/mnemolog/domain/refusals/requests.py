"""The request cannot be understood."""

from __future__ import annotations

from mnemolog.domain.refusals.refusal import Refusal


class Invalid(Refusal):
    """{reason}"""

    code, status, exit_code = "invalid", 422, 2


class MalformedJson(Invalid):
    """The body is not JSON: {reason}"""

    code, status = "malformed_json", 400


class DuplicateJsonKey(Invalid):
    """The JSON object names {key!r} twice."""

    code, status = "duplicate_json_key", 400


class UnknownField(Invalid):
    """{field!r} is not a field of this request."""

    code = "unknown_field"


class InvalidText(Invalid):
    """{field} cannot be stored: {reason}"""

    code = "invalid_text"


class InvalidMetadata(Invalid):
    """{field} is not acceptable: {reason}"""

    code = "invalid_metadata"


class InvalidRetention(Invalid):
    """A time to live must be positive and end before the year 9999, not {value}."""

    code = "invalid_retention"


class InvalidPosition(Invalid):
    """{value!r} is not a position of this log: {reason}"""

    code = "invalid_position"


class InvalidCursor(Invalid):
    """The page cursor was not made by this store, or for another question."""

    code, status = "invalid_cursor", 400


class BodyTooLarge(Invalid):
    """The body has more than the {limit} bytes that are accepted."""

    code, status = "body_too_large", 413


class UnsupportedMediaType(Invalid):
    """The body must be application/json, not {media_type!r}."""

    code, status = "unsupported_media_type", 415


class QueryRefused(Invalid):
    """The query is not answered: {reason}"""

    code = "query_refused"


class QueryTimedOut(QueryRefused):
    """The query was not answered within {seconds} seconds."""

    code = "query_timed_out"


class QueryTooLarge(QueryRefused):
    """The query asks for too much: {reason}"""

    code = "query_too_large"


class CannotImport(Invalid):
    """{what} cannot be imported: {reason}"""

    code = "cannot_import"
