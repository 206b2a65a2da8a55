"""Refusals as problem documents (RFC 9457). What an operator may know and a client need not stays inside."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from uuid import UUID

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import Request

from mnemolog.api.bodies import TAGS
from mnemolog.api.responses import Answer
from mnemolog.domain.refusals import (
    Invalid,
    NotAuthenticated,
    ProjectionBehind,
    Refusal,
    TooManyRequests,
    Unavailable,
    UnknownField,
)

MEDIA_TYPE = "application/problem+json"
TYPE = "urn:mnemolog:problem:"
MAX_ERRORS = 20
MAX_SHOWN = 200
RETRY_SECONDS = "1"
# Facts that are the client's own, or say where things stand. No other fact becomes a member of the document.
TOLD = frozenset(
    {"actual", "expected", "expires_at", "field", "limit", "memory_id", "position", "state", "target", "view", "wanted"}
)


class Problem(BaseModel):
    """Why a request was refused. `code` is stable; `instance` is the id of the request."""

    type: str = Field(examples=[f"{TYPE}memory_not_found"])
    title: str
    status: int
    detail: str
    instance: str = Field(examples=["urn:uuid:0198c0de-0000-7000-8000-000000000000"])
    code: str = Field(examples=["memory_not_found"])
    errors: list[dict[str, str]] | None = Field(None, description="Each field that is wrong, and why.")


class ProblemAnswer(Answer):
    media_type = MEDIA_TYPE


def problem(
    request_id: UUID,
    code: str,
    status: int,
    detail: str,
    facts: Mapping[str, Any] | None = None,
    headers: dict[str, str] | None = None,
) -> ProblemAnswer:
    members = {
        "type": TYPE + code,
        "title": code.replace("_", " ").capitalize(),
        "status": status,
        "detail": detail,
        "instance": request_id.urn,
        "code": code,
    }
    return ProblemAnswer({**members, **(facts or {})}, status_code=status, headers=headers)


async def refused(request: Request, error: Exception) -> ProblemAnswer:
    assert isinstance(error, Refusal)
    return of_refusal(request.state.request_id, error)


def of_refusal(request_id: UUID, refusal: Refusal) -> ProblemAnswer:
    facts = {name: value for name, value in refusal.facts.items() if name in TOLD}
    return problem(request_id, refusal.code, refusal.status, _detail(refusal), facts, _headers(refusal))


async def invalid(request: Request, error: Exception) -> ProblemAnswer:
    """What pydantic found, without the values that it found it in."""
    assert isinstance(error, RequestValidationError)
    found = error.errors()[:MAX_ERRORS]
    errors = [{"field": _field(each["loc"]), "reason": str(each["msg"])[:MAX_SHOWN]} for each in found]
    unknown = [each for each, raw in zip(errors, found, strict=True) if raw["type"] == "extra_forbidden"]
    if unknown:
        refusal: Refusal = UnknownField(field=unknown[0]["field"])
    else:
        refusal = Invalid(reason="; ".join(f"{each['field']}: {each['reason']}" for each in errors))
    return problem(request.state.request_id, refusal.code, refusal.status, str(refusal), {"errors": errors})


async def not_routed(request: Request, error: Exception) -> ProblemAnswer:
    """No such route, no such method, or a body that broke off."""
    assert isinstance(error, HTTPException)
    status = HTTPStatus(error.status_code)
    detail = f"{request.method} is not possible here." if status == 405 else f"{status.phrase}."
    headers = dict(error.headers) if error.headers else None
    return problem(request.state.request_id, status.name.lower(), status, detail, headers=headers)


def unexpected(request_id: UUID) -> ProblemAnswer:
    return problem(request_id, "internal_error", 500, "Something went wrong inside; the log has this request's id.")


def refused_by(*kinds: type[Refusal]) -> dict[int | str, dict[str, Any]]:
    """How a route declares its refusals."""
    codes: dict[int, list[str]] = defaultdict(list)
    for kind in kinds:
        codes[kind.status].append(kind.code)
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {
        status: {"description": ", ".join(f"`{code}`" for code in found), "content": content}
        for status, found in sorted(codes.items())
    }


def _detail(refusal: Refusal) -> str:
    """The reasons of an outage name hosts and paths, so they are for the log alone."""
    private = isinstance(refusal, Unavailable) and type(refusal) not in (Unavailable, ProjectionBehind)
    return "The store, or something that it needs, cannot answer now." if private else str(refusal)


def _headers(refusal: Refusal) -> dict[str, str] | None:
    if isinstance(refusal, NotAuthenticated):
        return {"WWW-Authenticate": "Bearer"}
    if isinstance(refusal, TooManyRequests):
        return {"Retry-After": str(refusal.facts["retry_after"])}
    return {"Retry-After": RETRY_SECONDS} if isinstance(refusal, Unavailable) else None


def _field(place: tuple[int | str, ...]) -> str:
    """`("body", "messages", 0, "role")` is `messages[0].role`."""
    name = ""
    for part in [part for part in place[1:] if part not in TAGS]:
        name += f"[{part}]" if isinstance(part, int) else f".{part}" if name else str(part)
    return (name or str(place[0]))[:MAX_SHOWN]
