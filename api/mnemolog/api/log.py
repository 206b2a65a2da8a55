"""The log for people who must answer for it: pages, a live tail, and a proof that it hangs together.

No memory text is shown here; that has one exit, disclosure.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from uuid import UUID

from mnemolog.adapters.postgres.verify import Verified
from mnemolog.api.accesses import audited, current
from mnemolog.api.answers import EventAnswer, Page
from mnemolog.api.cursors import check_limit, make_cursor, read_cursor
from mnemolog.api.kept_checkpoints import verify_kept
from mnemolog.api.parts import Parts, require_administrator
from mnemolog.domain.access import EVENTS as ACCESS_EVENTS
from mnemolog.domain.events import EVENTS
from mnemolog.domain.log import Event, Selection
from mnemolog.domain.permissions import Caller
from mnemolog.domain.refusals import Invalid

TAIL_PAGE = 500


@audited("log")
class Log:
    """For administrators; of their own tenant only."""

    def __init__(self, parts: Parts, caller: Caller) -> None:
        self._parts = parts
        self._caller = caller

    def page(
        self,
        *,
        after: int = 0,
        limit: int = 50,
        cursor: str | None = None,
        types: Sequence[str] = (),
        cube_id: UUID | None = None,
        memory_id: UUID | None = None,
        at_least: int | None = None,
    ) -> Page:
        selection = self._selection(types, cube_id, memory_id)
        self._parts.wait((), at_least)
        keyring, question = self._parts.application.keyring, f"log:{selection}"
        start = after if cursor is None else read_cursor(keyring, question, cursor)
        head = self._parts.log.head()
        events = self._parts.log.read(max(0, min(start, head)), check_limit(limit), selection)
        current().tell((), head)
        following = make_cursor(keyring, question, events[-1].position) if len(events) == limit else None
        return Page(items=[without_text(event) for event in events], next=following, position=head)

    def tail(
        self, after: int, wait_seconds: float, selection: Selection | None = None
    ) -> tuple[Sequence[EventAnswer], int]:
        """(what came after `after`, where to go on), waiting at most `wait_seconds` when there is nothing yet."""
        chosen = selection or Selection()
        selection = self._selection(chosen.types, chosen.cube_id, chosen.memory_id)
        head = self._parts.wakeups.listen(after, wait_seconds)
        events = self._parts.log.read(after, TAIL_PAGE, selection)
        if any(event.type not in ACCESS_EVENTS for event in events):  # or each record would be followed by its own
            current().tell((), head)
        reached = events[-1].position if len(events) == TAIL_PAGE else max(head, after, *(e.position for e in events))
        return [without_text(event) for event in events], reached

    def verify(self, progress: Callable[[int], None] | None = None) -> Verified:
        """Recompute every leaf, the chain and the tree, and compare them with every checkpoint that was kept.

        Raises VerificationFailed with the first bad position, MalformedNote and SignatureRejected for what was kept,
        SigningKeyUnavailable.
        """
        require_administrator(self._caller, "verify the log")
        return verify_kept(self._parts.settings, self._parts.application.log_recorder, progress)

    def head(self) -> int:
        require_administrator(self._caller, "read the log")
        return self._parts.log.head()

    def _selection(self, types: Sequence[str], cube_id: UUID | None, memory_id: UUID | None) -> Selection:
        require_administrator(self._caller, "read the log")
        for name in types:
            if name not in EVENTS:
                raise Invalid(reason=f"there is no event type {name!r}")
        return Selection(tenant_id=self._caller.tenant_id, types=tuple(types), cube_id=cube_id, memory_id=memory_id)


def full_types(names: Sequence[str]) -> tuple[str, ...]:
    """`memory.revised` stands for all its versions. Raises Invalid for a name that is no event's."""
    found = {name: [each for each in EVENTS if name in (each, each.rpartition(".")[0])] for name in names}
    for name, known in found.items():
        if not known:
            raise Invalid(reason=f"there is no event type {name!r}")
    return tuple(each for known in found.values() for each in known)


def without_text(event: Event) -> EventAnswer:
    """What an event says that is nobody's personal content."""
    known = EVENTS.get(event.type)
    return EventAnswer.of(event, hidden=known.SEALED if known is not None else frozenset(event.data))
