"""Who was told what, and who was refused: facts that change nothing and are many.

They go to streams that are only ever written: one for each process, data subject and day, so that versions never
conflict and nothing has to be loaded. What was asked is personal content of whoever asked; ids and counts are not.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from mnemolog.domain.aggregate import Root, topics
from mnemolog.domain.refusals import Denied, LegalHold, MemoryExpired, NotFound, QueryRefused, Refusal

# What somebody may not have, as opposed to what nobody can: these refusals go on record.
# So does a query that was refused: why may tell something of rows, and somebody may have been looking for a way out.
REFUSED: tuple[type[Refusal], ...] = (Denied, NotFound, MemoryExpired, LegalHold, QueryRefused)


class Access(Root):
    KIND = "access"

    class Event(Root.Event):
        """`process_id` is of the process that answered: of a process that died, the last of these is missing."""

        process_id: UUID

    class Recorded(Event):
        """One answer. `text_positions` are those of the events that hold the texts of `memory_ids`, 0 for no text.

        `position` is the one that the answer is of and `permitted_at` the one that permission was decided at; `as_of`
        is what was asked for. `clock` is when expiry was judged.

        What follows `scores` is of an answer to a question, and missing in what older releases recorded: the rest of
        the caller's context; the position whose rules the ranking obeyed, and when their time limits were judged; and
        for each cube, the last change of the labels that they were applied to.
        """

        TOPIC = "access.recorded.v1"
        SEALED = frozenset({"question", "scores", "app", "address"})
        kind: str
        session_id: UUID | None
        purpose: str | None
        cube_ids: tuple[UUID, ...]
        memory_ids: tuple[UUID, ...]
        text_positions: tuple[int, ...]
        position: int
        permitted_at: int
        as_of: int | None
        clock: datetime | None
        considered: int | None
        dropped: dict[str, int]
        exact: bool | None
        embedder: str | None
        question: dict[str, Any] | None
        scores: tuple[str, ...]  # of each memory, `float.hex`: every bit of it
        app: str | None = None
        address: str | None = None
        administrator: bool | None = None
        scopes: tuple[str, ...] | None = None  # of the key; None is one without limits
        ruled_at: int | None = None
        judged_at: datetime | None = None
        labelled_at: tuple[int, ...] = ()

    class Refused(Event):
        """`target_id` is the id that was asked for; `asked` is what was asked for by another name."""

        TOPIC = "access.refused.v1"
        SEALED = frozenset({"asked"})
        kind: str
        session_id: UUID | None
        purpose: str | None
        code: str
        target_id: UUID | None
        asked: str | None

    class Opened(Event):
        """A process begins to record answers a little after it has given them."""

        TOPIC = "access.opened.v1"

    class Closed(Event):
        """All that the process has answered is on record."""

        TOPIC = "access.closed.v1"

    class GapDeclared(Event):
        """The process ended without a word: what it answered after position `after` may not be on record."""

        TOPIC = "access.gap_declared.v1"
        after: int


EVENTS = topics(Access, Access.Recorded, Access.Refused, Access.Opened, Access.Closed, Access.GapDeclared)
