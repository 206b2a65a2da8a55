"""All that the store does, done once with one conversation.

Every write has an idempotency key that follows from the conversation, so that a run which was killed is carried on by
the next one, and one that was finished is told again without being done again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID, uuid5

from mnemolog.adapters.postgres.verify import Verified
from mnemolog.api.answers import EventAnswer, MemoryAnswer, RecallAnswer, Written
from mnemolog.api.demo.conversations import Conversation
from mnemolog.api.parts import EVERY
from mnemolog.api.store import Store
from mnemolog.api.terminal.catching_up import catch_up
from mnemolog.domain.commands import Remember
from mnemolog.domain.lifecycle import State
from mnemolog.domain.refusals import CubeNotFound, MemoryExpired

Moved = Callable[[int], None]
AT_ONCE = 500
LIFETIMES = (2, 8, 32)  # seconds: the next one where a machine is too slow to look within the first


@dataclass(frozen=True, slots=True, kw_only=True)
class Ingested:
    """`new` of the `turns` were not in the store before; all are at the positions first to last."""

    turns: int
    new: int
    first: int
    last: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """What recall found of a memory with a short life: in it, and after it."""

    lifetime_seconds: int
    found_before: bool
    found_after: bool
    dropped: Mapping[str, int]
    position: int


class Demonstration:
    def __init__(self, store: Store, conversation: Conversation) -> None:
        self.store, self.conversation = store, conversation
        self.cube = f"{conversation.name}-{conversation.id.hex[:8]}"
        self.ids: dict[str, UUID] = {}

    def ingest(self, moved: Moved) -> Ingested:
        """A session is one append, or a few when it is long: it is in the log as a whole or not at all."""
        self._found_cube()
        began, new, first, last = time.monotonic(), 0, 0, 0
        for name, items in self._batches():
            written = self.store.memories.remember(self.cube, *items, idempotency_key=self._key(name))
            self.ids.update(zip((item.key or "" for item in items), written.memory_ids, strict=True))
            new += 0 if written.replayed else len(items)
            last = max(last, written.position)
            first = first or self.store.memories.history(written.memory_ids[0])[0].position
            moved(len(self.ids))
        turns = len(self.conversation.turns)
        return Ingested(turns=turns, new=new, first=first, last=last, seconds=time.monotonic() - began)

    def embed(self, moved: Moved) -> int:
        """The position that all views have reached."""
        return catch_up(self.store.parts, EVERY, moved=moved)

    def load(self) -> None:
        """The model, which is loaded with its first use."""
        self.store.parts.embeddings.embedder.embed(["load"], as_query=True)

    def ask(self, question: str, k: int = 3) -> RecallAnswer:
        return self.store.recall(self.cube, question, k=k)

    def revise(self) -> Written:
        key, text = self.conversation.changes.revise
        return self.store.memories.revise(self.ids[key], text, idempotency_key=self._key("revise"))

    def archive(self) -> Written:
        memory_id = self.ids[self.conversation.changes.archive]
        return self.store.memories.transition(memory_id, State.ARCHIVED, idempotency_key=self._key("archive"))

    def history(self, key: str) -> Sequence[EventAnswer]:
        return self.store.memories.history(self.ids[key])

    def merge(self) -> tuple[Written, MemoryAnswer]:
        keys, text = self.conversation.changes.merge
        parents = [self.ids[key] for key in keys]
        written = self.store.memories.merge(parents, text, idempotency_key=self._key("merge"))
        return written, self.store.memories.get(written.memory_ids[0])

    def let_pass(self, waiting: Callable[[float], None] = time.sleep) -> Passed:
        """A memory is remembered for a moment, asked for, and asked for again when that is over."""
        for seconds in LIFETIMES:
            passed = self._let_pass(seconds, waiting)
            if passed.found_before:
                break
        self.store.sweep()
        return passed

    def verify(self, moved: Moved) -> Verified:
        return self.store.log.verify(moved)

    def _let_pass(self, seconds: int, waiting: Callable[[float], None]) -> Passed:
        text, question = self.conversation.changes.passing
        item = Remember(text=text, ttl=timedelta(seconds=seconds))
        memory_id = self.store.memories.remember(self.cube, item).memory_ids[0]
        before = self.ask(question, k=1)
        waiting(self._left(memory_id))
        after = self.ask(question, k=1)
        return Passed(
            lifetime_seconds=seconds,
            found_before=memory_id in {hit.memory_id for hit in before.hits},
            found_after=memory_id in {hit.memory_id for hit in after.hits},
            dropped=after.dropped,
            position=after.position,
        )

    def _left(self, memory_id: UUID) -> float:
        try:
            expires_at = self.store.memories.get(memory_id).expires_at
        except MemoryExpired:
            return 0.0
        assert expires_at is not None
        return max(0.0, (expires_at - self.store.parts.clock.now()).total_seconds())

    def _batches(self) -> Iterator[tuple[str, list[Remember]]]:
        for number, session in enumerate(self.conversation.sessions):
            items = self.conversation.memories(session)
            for start in range(0, len(items), AT_ONCE):
                yield f"session:{number}:{start}", items[start : start + AT_ONCE]

    def _found_cube(self) -> None:
        try:
            self.store.cubes.get(self.cube)
        except CubeNotFound:
            self.store.cubes.found(self.cube)

    def _key(self, name: str) -> UUID:
        return uuid5(self.conversation.id, name)
