"""The inverse of what was appended: which steps bring a memory back to what it was, as new events.

Nothing is rewritten and nothing overwritten: what has been changed again since stands in the way, and so does what no
event can take back. All of this is decided on three states of a memory: before the append, after it, and now.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, NoReturn, TypeAlias
from uuid import UUID

from mnemolog.domain.blame import TARGETS, Link
from mnemolog.domain.cube import Cube
from mnemolog.domain.lifecycle import EDITABLE, Reason, State
from mnemolog.domain.log import Event
from mnemolog.domain.memory import Memory, Relation
from mnemolog.domain.refusals import CannotUndo
from mnemolog.domain.retention import has_expired

Facet: TypeAlias = str | Link
STATE, STANDING, EXPIRY, TEXT = "state", "standing", "expires_at", "text"
WORDED = frozenset({TEXT, "key", "tags", "background", "sources", "speaker"})
NOT_GOVERNED = frozenset({*WORDED, STATE, STANDING, EXPIRY})


@dataclass(frozen=True, slots=True)
class Passed:
    """A memory around an append; `before` is None when the append made it.

    `reason` is why it was last archived by the time of `before`. `changed_at` tells the position of the last event that
    changed a facet, for those that are in the way.
    """

    before: Memory | None
    after: Memory
    now: Memory
    changed_at: Callable[[Facet], int]
    reason: Reason = Reason.MANUAL

    @property
    def changed(self) -> frozenset[Facet]:
        """What the append changed. Of a memory that it made, everything."""
        return different({} if self.before is None else facets(self.before), facets(self.after))

    @property
    def touches_hold(self) -> bool:
        """Whether it sets or lifts a legal hold to go back."""
        return STATE in self.changed and (self.now.legal_hold or (self.before is not None and self.before.legal_hold))


def facets(memory: Memory) -> dict[Facet, Any]:
    """All that can be changed in a memory, each by a name of its own."""
    named = {
        TEXT: memory.text,
        **asdict(memory.description),
        **asdict(memory.governance),
        EXPIRY: memory.expires_at,
        STANDING: (memory.standing, memory.corroborated_by),
        STATE: (memory.state, memory.legal_hold, merged_into(memory)),
    }
    links = {link: weight for link, weight in memory.links.items() if link[1] is not Relation.MERGED_TO}
    return dict([*named.items(), *links.items()])


def different(one: Mapping[Facet, Any], other: Mapping[Facet, Any]) -> frozenset[Facet]:
    missing = object()
    return frozenset(name for name in one.keys() | other.keys() if one.get(name, missing) != other.get(name, missing))


def merged_into(memory: Memory) -> UUID | None:
    return next((target for target, relation in memory.links if relation is Relation.MERGED_TO), None)


def compensate(passed: Passed, target: Callable[[UUID], Memory], now: datetime) -> None:
    """Bring `passed.now` back, by events of its own. `target` finds the memory that a former link led to.

    Raises CannotUndo, IllegalTransition and whatever else a step by hand would be refused with.
    """
    check(passed, now)
    memory, before = passed.now, passed.before
    if before is None:
        memory.archive(Reason.RETRACTED)
        return
    changed = passed.changed
    leaving = STATE in changed and before.state not in EDITABLE
    if not leaving:
        _return_to(memory, before, passed.reason, changed)
    _reword(memory, before, changed, now)
    if EXPIRY in changed:
        memory.set_retention(before.expires_at)
    _relink(memory, before, changed, target)
    if leaving:  # what is archived or frozen again cannot be changed any more
        _return_to(memory, before, passed.reason, changed)


def reconfigure(before: Cube, after: Cube, now: Cube, changed_at: int) -> None:
    """The same for the rules of a cube. `changed_at` is the position at which they were changed last."""
    if now.config != after.config:
        reason = f"the rules of cube {now.id} were changed again at position {changed_at}; undo that first"
        raise CannotUndo(reason=reason, position=changed_at)
    now.configure(before.config)


def check(passed: Passed, now: datetime) -> None:
    """Raises CannotUndo, with the position of what stands in the way where there is one."""
    changed = passed.changed
    built_on = changed | ({STANDING} if TEXT in changed else set())  # what is corroborated is the text that there is
    if since := different(facets(passed.after), facets(passed.now)) & built_on:
        _stopped(passed, since)
    if passed.before is None:
        return
    if STANDING in changed and TEXT not in changed:
        raise CannotUndo(reason="what somebody has corroborated stays corroborated")
    if STATE in changed and passed.before.state is State.GENERATED and passed.after.state is not State.ACTIVATED:
        raise CannotUndo(reason="a memory cannot go back into quarantine")
    if EXPIRY in changed and has_expired(passed.before.expires_at, now):
        raise CannotUndo(reason=f"memory {passed.now.id} would have expired at {passed.before.expires_at}")


def last_changed(events: Sequence[Event], facet: Facet) -> int:
    """The position of the last event of a memory that changed this. `events` are all of the memory's own."""
    if not isinstance(facet, str):
        return max((event.position for event in events if _is_about(event, facet)), default=0)
    if facet in (STATE, EXPIRY, STANDING):
        return max(event.position for event in events if _changes(event, facet))
    found, value = 0, None
    for event in events:
        if event.type in (Memory.Generated.TOPIC, Memory.Revised.TOPIC):
            said = _said(event, facet)
            found, value = (found, value) if found and said == value else (event.position, said)
    return found


def _said(event: Event, facet: str) -> Any:
    if facet == TEXT:
        return event.data["text"]
    return event.data["description" if facet in WORDED else "governance"].get(facet)


def _changes(event: Event, facet: str) -> bool:
    if event.type == Memory.Generated.TOPIC:
        return True
    if facet == STATE:
        return event.type in TARGETS
    if facet == EXPIRY:
        return event.type == Memory.RetentionSet.TOPIC
    return event.type == Memory.Corroborated.TOPIC or bool(event.data.get("rewritten"))


def _is_about(event: Event, link: Link) -> bool:
    is_link = event.type in (Memory.Linked.TOPIC, Memory.Unlinked.TOPIC)
    return is_link and (event.data["target_id"], event.data["relation"]) == (str(link[0]), link[1].value)


def _stopped(passed: Passed, since: frozenset[Facet]) -> NoReturn:
    position, facet = max((passed.changed_at(each), _name(each)) for each in since)
    reason = f"{facet} of memory {passed.now.id} was changed again at position {position}; undo that first"
    raise CannotUndo(reason=reason, position=position)


def _return_to(memory: Memory, before: Memory, reason: Reason, changed: frozenset[Facet]) -> None:
    if STATE not in changed:
        return
    if before.state is State.GENERATED:  # nothing leads back into quarantine: what was let out is taken out of recall
        memory.archive(Reason.REJECTED)
        return
    if memory.state is not State.ACTIVATED:
        memory.transition_state(State.ACTIVATED)
    if (into := merged_into(before)) is not None:
        memory.record(Memory.Merged, into=into)
    if before.state is State.ARCHIVED or (before.state is State.FROZEN and into is not None):
        memory.archive(reason)
    if before.state is State.FROZEN:
        memory.freeze(legal_hold=before.legal_hold)


def _reword(memory: Memory, before: Memory, changed: frozenset[Facet], now: datetime) -> None:
    """Whoever had corroborated the former text has corroborated what is said again."""
    names = {name for name in changed if isinstance(name, str)}
    if names <= {STATE, STANDING, EXPIRY}:
        return
    memory.revise(
        now,
        text=before.text if TEXT in names else None,
        description=_with(memory.description, before.description, names & WORDED),
        governance=_with(memory.governance, before.governance, names - NOT_GOVERNED),
    )
    if TEXT in names:
        for witness in sorted(before.corroborated_by):
            memory.corroborate(witness)


def _with(value: Any, former: Any, names: set[str]) -> Any:
    """`value` with these fields as they were."""
    kept = {name: getattr(value, name) for name in value.__dataclass_fields__}
    return type(value)(**kept | {name: getattr(former, name) for name in names if name in kept})


def _relink(memory: Memory, before: Memory, changed: frozenset[Facet], target: Callable[[UUID], Memory]) -> None:
    for link in sorted(each for each in changed if not isinstance(each, str)):
        if link in before.links:
            memory.link(target(link[0]), link[1], before.links[link])
        else:
            memory.unlink(*link)


def _name(facet: Facet) -> str:
    return facet.replace("_", " ") if isinstance(facet, str) else f"the link to {facet[0]}"
