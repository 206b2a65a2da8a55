"""What was read of an export becomes memories in quarantine, batch by batch, each of them as a whole and once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from uuid import UUID

from mnemolog.adapters.imports.imported import Imported, Link, Reading
from mnemolog.api.answers import Written
from mnemolog.api.decisions import Decisions
from mnemolog.api.memories import MAX_AT_ONCE
from mnemolog.api.parts import Parts
from mnemolog.domain import commands
from mnemolog.domain.commands import CubeRules
from mnemolog.domain.cube import Gate
from mnemolog.domain.lifecycle import EDITABLE
from mnemolog.domain.memory import Memory
from mnemolog.domain.permissions import Action, Caller
from mnemolog.domain.refusals import CannotImport, Invalid, NotFound
from mnemolog.domain.retention import has_expired


class ImportBatches:
    """Of one document, for one cube. `digest` is the sha256 of what the document says."""

    def __init__(self, parts: Parts, caller: Caller, cube_id: UUID, reading: Reading, digest: str) -> None:
        self._parts, self._caller, self._cube_id = parts, caller, cube_id
        self._reading, self._digest = reading, digest
        self._decisions = Decisions(parts, caller)
        self._known: dict[str, UUID] = {}

    def check(self) -> None:
        """Make all of it once, and count what has expired. Raises CannotImport, CubeNotFound, Denied."""
        made = self._made(self._reading.memories)
        if expired := len(self._reading.memories) - len(made):
            self._reading.left_out["expired"] += expired
        links = [link for link in self._reading.links if {link.source_id, link.target_id} <= made.keys()]
        if lost := len(self._reading.links) - len(links):
            self._reading.left_out["links"] += lost
        self._reading.links = links

    def write(self) -> Iterator[Written]:
        for number, start in enumerate(range(0, len(self._reading.memories), MAX_AT_ONCE)):
            yield self._append(number, self._reading.memories[start : start + MAX_AT_ONCE])

    def _append(self, number: int, batch: Sequence[Imported]) -> Written:
        made: dict[str, Memory] = {}

        def decide() -> list[Memory]:
            made.clear()
            made.update(self._made(batch))
            return [*made.values(), *self._linked(made)]

        request = ("import", self._cube_id, self._digest, number)
        written = self._decisions.decide(decide, self._named("batch", self._digest, str(number)), request)
        earlier = set(self._known.values())  # some of those have been linked to these
        memory_ids = tuple(each for each in written.memory_ids if each not in earlier)
        names = self._remembered(memory_ids) if written.replayed else {name: each.id for name, each in made.items()}
        self._known |= names
        return replace(written, memory_ids=memory_ids)

    def _made(self, batch: Sequence[Imported]) -> dict[str, Memory]:
        """What has not expired yet, by its source id; linked to nothing."""
        rules, now = self._rules(), self._parts.clock.now()
        current = [each for each in batch if not has_expired(each.remember.expires_at, now)]
        made: dict[str, Memory] = {}
        for each in current:
            context_id = None if each.context is None else self._named("context", each.context)
            try:
                memory = commands.remember(replace(each.remember, context_id=context_id), rules, self._caller, now)
            except Invalid as refusal:
                raise CannotImport(what=each.source_id, reason=str(refusal)) from None
            if each.source_id in made:
                raise CannotImport(what=each.source_id, reason="it is in the export twice")
            made[each.source_id] = memory
        return made

    def _rules(self) -> CubeRules:
        """Those of the cube, but that its gate opens for nobody."""
        rules = self._parts.cube(self._caller, self._cube_id, Action.WRITE).rules
        return replace(rules, config=replace(rules.config, gate=Gate.CORROBORATION))

    def _linked(self, made: Mapping[str, Memory]) -> list[Memory]:
        """Link what is new among itself and with earlier batches; returns whom of those that has changed."""
        others: dict[str, Memory] = {}
        for link in self._reading.links:
            ends = self._ends(link, made, others)
            if ends is not None:
                ends[0].link(ends[1], link.relation)
        return [memory for memory in others.values() if memory.pending_events]

    def _ends(self, link: Link, made: Mapping[str, Memory], others: dict[str, Memory]) -> tuple[Memory, Memory] | None:
        """None when no end is new, when one comes later, and when an earlier one is gone or closed by now."""
        names = (link.source_id, link.target_id)
        if not made.keys() & set(names):
            return None
        for name in names:
            if name in self._known and name not in others:
                with suppress(NotFound):
                    others[name] = self._decisions.load(self._known[name], Action.WRITE)[0]
        source, target = ((made.get(name) or others.get(name)) for name in names)
        if source is None or target is None or source.state not in EDITABLE or target.state not in EDITABLE:
            return None
        return source, target

    def _remembered(self, memory_ids: Sequence[UUID]) -> dict[str, UUID]:
        """By source id, what an earlier import of the same wrote; read only where something may be linked to it."""
        found: dict[str, UUID] = {}
        for memory_id in memory_ids if self._reading.links else ():
            with suppress(NotFound):
                memory, _ = self._decisions.load(memory_id, Action.READ)
                found |= {name: memory_id for name in memory.description.sources[:1]}
        return found

    def _named(self, *names: str) -> UUID:
        """The same for the same names, within this cube and for this caller; nobody without the store's key can tell
        from it what it stands for, since it is stored in the clear.
        """
        place = (str(self._cube_id), str(self._caller.principal_id))
        token = self._parts.application.keyring.token("\x00".join(("import", *place, *names)))
        return UUID(bytes=token, version=5)
