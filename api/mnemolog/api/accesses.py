"""What goes on record of each request: one access when something was told, or one refusal.

Every public method of a capability is such a request. Texts leave through disclosure.py, which notes each of them here
and refuses to work outside a request, so nothing can be told that leaves no record.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from functools import wraps
from types import MappingProxyType
from typing import Any, TypeVar
from uuid import UUID

from mnemolog.adapters.postgres.access_log import Entry
from mnemolog.api.moments import Moment
from mnemolog.api.parts import Parts, origin
from mnemolog.domain.access import REFUSED, Access
from mnemolog.domain.permissions import Caller
from mnemolog.domain.refusals import Refusal
from mnemolog.projections.catalogue import MemoryRow
from mnemolog.projections.questions import question_json
from mnemolog.projections.recall import Question, Ranking

C = TypeVar("C")
MOST_ASKED = 200  # characters of what was asked for by another name than an id


@dataclass(slots=True)
class Request:
    """A request in progress. What is not noted by name is taken from what was disclosed."""

    parts: Parts
    caller: Caller
    kind: str
    texts: dict[UUID, int] = field(default_factory=dict)  # of each memory, the position of the text that was read
    cubes: dict[UUID, None] = field(default_factory=dict)
    moment: Moment | None = None
    clock: datetime | None = None
    told: bool = False
    facts: dict[str, Any] = field(default_factory=dict)

    def disclosed(self, rows: Mapping[UUID, MemoryRow], moment: Moment | None) -> None:
        self.told = self.told or bool(rows)
        self.texts.update((memory_id, row.text_position) for memory_id, row in rows.items())
        if not self.cubes:
            self.cubes = dict.fromkeys(row.cube_id for row in rows.values())
            self.moment, self.clock = moment, None if moment is None else moment.clock

    def asks(self, cube_ids: Iterable[UUID], moment: Moment | None, clock: datetime | None = None) -> None:
        """Which cubes, as of when, None being now, and when expiry is judged."""
        self.cubes, self.moment = dict.fromkeys(cube_ids), moment
        self.clock = clock if moment is None else moment.clock

    def tell(self, memory_ids: Iterable[UUID], position: int) -> None:
        """Of what was disclosed, these are told, in this order. Without this it counts as told, all of it."""
        self.told = True
        self.facts |= {"memory_ids": tuple(memory_ids), "position": position}

    def count(self, told: int, position: int, denied: Mapping[str, int] = MappingProxyType({})) -> None:
        """How much was told that is no memory: who may do what, who there is. `denied` counts what was not, by why."""
        self.tell((), position)
        self.facts |= {"considered": told + sum(denied.values()), "dropped": dict(denied)}

    def answer(
        self, asked: Question, ranking: Ranking, scores: Sequence[float], embedder: str, how: Mapping[str, Any]
    ) -> None:
        """What it takes to ask the same again and to compare the answers; `how` is what a question does not say."""
        self.facts |= {
            "considered": ranking.considered,
            "dropped": dict(ranking.dropped),
            "exact": ranking.exact,
            "embedder": embedder,
            "question": {**question_json(asked), **how},
            "scores": scores,
            "labelled_at": ranking.labelled_at,
            "app": self.caller.app,
            "address": self.caller.address,
            "administrator": self.caller.administrator,
            "scopes": None if self.caller.scopes is None else tuple(sorted(self.caller.scopes)),
        }

    def ran(self, sql: str, position: int) -> None:
        """A query in the caller's own words, which may name whom it is about, and the position that it was asked of."""
        self.tell((), position)
        self.facts["question"] = {"sql": sql}

    def judged(self, ruled_at: int, now: datetime) -> None:
        """The position whose rules an answer obeys, and when their time limits are judged."""
        self.facts |= {"ruled_at": ruled_at, "judged_at": now}

    def entry(self) -> Entry:
        now, moment = self.parts.catalogue.position, self.moment
        facts = {**_UNSAID, "position": now if moment is None else moment.position, **self.facts}
        memory_ids = facts.setdefault("memory_ids", tuple(self.texts))
        facts |= {
            "cube_ids": tuple(self.cubes),
            "text_positions": tuple(self.texts.get(memory_id, 0) for memory_id in memory_ids),
            "permitted_at": self.parts.policy(self.caller)[1],
            "as_of": None if moment is None else moment.position,
            "clock": self.clock,
            "scores": tuple(map(float.hex, facts["scores"])),
        }
        return self._entry(Access.Recorded, facts)

    def refusal(self, refusal: Refusal) -> Entry:
        target = next((refusal.facts[name] for name in _TARGETS if name in refusal.facts), None)
        named = target is None or isinstance(target, UUID)
        facts = {
            "code": refusal.code,
            "target_id": target if isinstance(target, UUID) else None,
            "asked": None if named else str(target)[:MOST_ASKED],
        }
        return self._entry(Access.Refused, facts)

    def _entry(self, kind: type[Access.Event], facts: Mapping[str, Any]) -> Entry:
        caller = self.caller
        said = {"kind": self.kind, "session_id": caller.session_id, "purpose": caller.purpose, **facts}
        now = self.parts.clock.now()
        return Entry(kind, caller.tenant_id, caller.subject_id, origin(caller), now, said)


_TARGETS = ("memory_id", "cube", "principal_id", "id", "sql")
_UNSAID: Mapping[str, Any] = {
    "considered": None,
    "dropped": {},
    "exact": None,
    "embedder": None,
    "question": None,
    "scores": (),
}
_CURRENT: ContextVar[Request | None] = ContextVar("request", default=None)


def current() -> Request:
    """The request that is being answered: whatever tells something runs within one."""
    request = _CURRENT.get()
    assert request is not None, "something would be told that leaves no record"
    return request


def audited(kind: str | None = None) -> Callable[[type[C]], type[C]]:
    """Each public method of a capability goes on record under its name, or `kind` and its name, or as `__call__` kind.

    A method that another one calls is part of that one's request.
    """

    def decorate(capability: type[C]) -> type[C]:
        for name, method in list(vars(capability).items()):
            if callable(method) and (name == "__call__" or not name.startswith("_")):
                setattr(capability, name, _audited(method, _name(kind, name)))
        return capability

    return decorate


def _name(kind: str | None, name: str) -> str:
    if kind is None:
        return name
    return kind if name == "__call__" else f"{kind}.{name}"


def _audited(method: Callable[..., Any], kind: str) -> Callable[..., Any]:
    @wraps(method)
    def recorded(self: Any, *arguments: Any, **named: Any) -> Any:
        if _CURRENT.get() is not None:
            return method(self, *arguments, **named)
        with _request(self._parts, self._caller, kind):
            return method(self, *arguments, **named)

    return recorded


@contextmanager
def _request(parts: Parts, caller: Caller, kind: str) -> Iterator[None]:
    """Raises AuditUnavailable in place of an answer that cannot be put on record."""
    request = Request(parts, caller, kind)
    token = _CURRENT.set(request)
    try:
        yield
    except REFUSED as refusal:
        parts.trail.record(request.refusal(refusal))
        raise
    finally:
        _CURRENT.reset(token)
    if request.told:
        parts.trail.record(request.entry())
