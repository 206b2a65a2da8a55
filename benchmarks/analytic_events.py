"""A log as a team leaves it in four months: busy mornings, quiet weekends, favourites, and an incident.

The payloads have the shapes that the product writes. Of what is sealed there is only the size.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import chain, islice, repeat
from typing import Any, NamedTuple
from uuid import UUID

import numpy as np

from mnemolog.adapters.analytics.schema import facts_of
from mnemolog.domain.access import Access
from mnemolog.domain.erasure import Erasure
from mnemolog.domain.grants import Grant
from mnemolog.domain.lifecycle import Reason
from mnemolog.domain.memory import Memory, Relation
from mnemolog.domain.metadata import Governance, SemanticType, Sensitivity, Source

END, DAYS = datetime(2026, 11, 1, tzinfo=UTC), 120
BY_HOUR = [1, 1, 1, 1, 1, 2, 5, 12, 25, 38, 42, 40, 30, 34, 40, 41, 36, 26, 14, 9, 7, 5, 3, 2]
INCIDENT = range(DAYS - 31, DAYS - 27)  # an agent with a wrong key asks for what it may not have
PEOPLE, AGENTS, CUBES = 40, 12, 15
QUIET = ("memory_not_found", "cube_not_found", "denied", "memory_expired")
Facts = Mapping[str, Any]
ROWS_EACH = 1.22  # a drawing, on average
# How many of a hundred are of which kind; one that is impossible just then becomes a new memory.
MIX: Mapping[type[Any], float] = {
    Memory.Generated: 32,
    Memory.Activated: 8,
    Access.Recorded: 38,
    Access.Refused: 6,
    Memory.Revised: 9,
    Memory.Archived: 5,
    Memory.Merged: 3,
    Memory.Corroborated: 2.5,
    Memory.Linked: 2,
    Memory.RetentionSet: 1.5,
    Memory.Restored: 1,
    Memory.Frozen: 0.7,
    Memory.Thawed: 0.4,
    Memory.Erased: 0.3,
    Grant.Issued: 0.4,
    Erasure.Begun: 0.1,
}


class Row(NamedTuple):
    """An event before it has its position. `sealed` is how many bytes of personal content it has, if it has any."""

    event_type: str
    stream_id: UUID
    version: int
    cube_id: UUID | None
    memory_id: UUID | None
    actor_id: UUID
    on_behalf_of: UUID | None
    occurred_at: datetime
    recorded_at: datetime
    payload: Facts
    sealed: int | None


@dataclass(slots=True)
class Life:
    memory_id: UUID
    cube_id: UUID
    owner_id: UUID
    version: int = 1


@dataclass
class Team:
    """Draws what happens next. The same seed makes the same log."""

    seed: int = 0
    quarantined: list[Life] = field(default_factory=list)
    active: list[Life] = field(default_factory=list)
    archived: list[Life] = field(default_factory=list)
    frozen: list[Life] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.people, self.agents, self.cubes = (
            [UUID(int=self.random.getrandbits(128), version=4) for _ in range(n)] for n in (PEOPLE, AGENTS, CUBES)
        )
        self.process_id = self._id()
        self.now = END - timedelta(days=DAYS)
        self._trails: dict[UUID, list[Any]] = {}  # of each day and asker: the stream, and its last version

    def rows(self, count: int) -> Iterator[Row]:
        """`count` of them, in the order in which they were recorded."""
        return islice(self._drawn(count), count)

    def _drawn(self, count: int) -> Iterator[Row]:
        kinds, weights = list(MIX), list(MIX.values())
        for moment in chain(_moments(self.seed, int(count / ROWS_EACH)), repeat(END)):
            self.now = moment
            yield from self._happening(self.random.choices(kinds, weights)[0])

    def _happening(self, kind: type[Any]) -> Iterator[Row]:
        asked: Mapping[type[Any], Callable[[], Iterator[Row]]] = {
            Access.Recorded: self._answer,
            Access.Refused: self._refusal,
            Erasure.Begun: self._erasure,
        }
        if kind in asked:
            yield from asked[kind]()
        elif kind is Grant.Issued:
            yield self._grant()
        elif (made := STEPS.get(kind)) is not None and (row := made(self)) is not None:
            yield row
        else:
            yield from self._remembered()

    def _remembered(self) -> Iterator[Row]:
        """Three of four leave quarantine with the append that made them."""
        life = Life(self._id(), self.random.choice(self.cubes), self._person())
        source = self.random.choices([Source.USER, Source.AGENT, Source.DOCUMENT, Source.WEB], [50, 35, 10, 5])[0]
        governance = Governance(
            owner_id=life.owner_id,
            source=source,
            semantic_type=self.random.choice(list(SemanticType)),
            sensitivity=self.random.choice(list(Sensitivity)),
            session_id=self._id(),
            priority=self.random.randrange(10),
        )
        expires = self.now + timedelta(days=self.random.expovariate(1 / 40)) if self.random.random() < 0.25 else None
        occurred = self.now - self._delay()
        facts = {
            "governance": governance.to_json(),
            "trust": 0.9 if source is Source.USER else 0.6,
            "occurred_at": occurred,
            "expires_at": expires,
            "parents": [],
            "copied_from": None,
        }
        yield self._of(life, Memory.Generated, facts, occurred, sealed=self.random.randrange(120, 420))
        if self.random.random() < 0.75:
            self.active.append(life)
            yield self._step(life, Memory.Activated, gate="owner")
        else:
            self.quarantined.append(life)

    def _answer(self) -> Iterator[Row]:
        kind = self.random.choices(["recall", "get", "list", "history", "page"], [66, 14, 12, 5, 3])[0]
        count = {"recall": self.random.randint(1, 10), "list": self.random.randint(1, 20)}.get(kind, 1)
        found = [self._favourite() for _ in range(count)] if self.active else []
        told = list({life.memory_id: life for life in found}.values())
        position = len(self.active)
        facts = {
            "cube_ids": list({life.cube_id for life in told}),
            "memory_ids": [life.memory_id for life in told],
            "text_positions": [1 + self.random.randrange(position) for _ in told],
            "position": position,
            "permitted_at": position,
            "as_of": None,
            "clock": None,
            "considered": self.random.randint(count, 4000) if kind == "recall" else None,
            "dropped": {"state": self.random.randrange(9)} if kind == "recall" else {},
            "exact": True if kind == "recall" else None,
            "embedder": "all-MiniLM-L6-v2" if kind == "recall" else None,
        }
        if kind == "recall":
            facts |= {"administrator": False, "ruled_at": position, "judged_at": self.now, "labelled_at": [position]}
        yield self._asked(Access.Recorded, self._asker(), {**UNSAID, "kind": kind, **facts}, sealed=150 + 24 * count)

    def _refusal(self) -> Iterator[Row]:
        """In the days of the incident, one agent is refused ten times as often as everybody else together."""
        incident = DAYS - (END - self.now).days - 1 in INCIDENT
        for _ in range(6 if incident else 1):
            asker = (self.agents[0], self.people[0]) if incident else self._asker()
            code = "denied" if incident else self.random.choices(QUIET, [55, 20, 15, 10])[0]
            kind = self.random.choice(["recall", "get"] if code != "cube_not_found" else ["recall", "list"])
            target = self._favourite().memory_id if self.active else None
            yield self._asked(Access.Refused, asker, {"kind": kind, "code": code, "target_id": target}, sealed=60)

    def _erasure(self) -> Iterator[Row]:
        """Begun, what it dooms, and its receipt."""
        stream, target = self._id(), self._take(self.active or self.archived)
        if target is None:
            return
        begun = {"kind": "memory", "target_id": target.memory_id, "basis": "GDPR Art. 17"}
        yield self._row(Erasure.Begun, stream, 1, None, None, begun)
        yield self._step(target, Memory.Erased)
        yield self._row(Erasure.Completed, stream, 2, None, None, {"receipt": "mnemolog/erasure/1\n" + "0" * 600})

    def _grant(self) -> Row:
        cube, asker = self.random.choice(self.cubes), self._person()
        terms = {
            "effect": "permit",
            "subject_id": asker,
            "level": "cube",
            "resource_id": cube,
            "actions": ["read"],
            "conditions": {"purposes": [], "sessions": [], "networks": [], "apps": [], "sensitivity": 3},
            "delegable": False,
            "parent_id": None,
            "not_before": None,
            "expires_at": None,
        }
        return self._row(
            Grant.Issued, self._id(), 1, cube, None, {"terms": terms, "granted_by": self.people[0]}, sealed=60
        )

    def reviewed(self) -> Row | None:
        life = self._take(self.quarantined)
        return None if life is None else self._into(self.active, life, Memory.Activated, gate="reviewer")

    def revised(self) -> Row | None:
        if not self.active:
            return None
        life = self.random.choice(self.active)
        governance = Governance(owner_id=life.owner_id).to_json()
        facts = {"governance": governance, "rewritten": True, "trust": 0.9}
        return self._step(life, Memory.Revised, sealed=self.random.randrange(120, 420), **facts)

    def archive(self) -> Row | None:
        life = self._take(self.active)
        reason = self.random.choices(list(Reason), [30, 40, 15, 10, 3, 2])[0]
        return None if life is None else self._into(self.archived, life, Memory.Archived, reason=reason.value)

    def merged(self) -> Row | None:
        life = self._take(self.active)
        if life is None or not self.active:
            return None
        return self._step(life, Memory.Merged, into=self.random.choice(self.active).memory_id)

    def corroborated(self) -> Row | None:
        return self._step(self._favourite(), Memory.Corroborated, by=self._person()) if self.active else None

    def linked(self) -> Row | None:
        if not self.active:
            return None
        facts: dict[str, Any] = {
            "target_id": self._favourite().memory_id,
            "relation": Relation.SUPPORTS.value,
            "weight": 1.0,
        }
        return self._step(self._favourite(), Memory.Linked, **facts)

    def retained(self) -> Row | None:
        until = self.random.choice([None, self.now + timedelta(days=self.random.expovariate(1 / 30))])
        return (
            self._step(self.random.choice(self.active), Memory.RetentionSet, expires_at=until) if self.active else None
        )

    def restored(self) -> Row | None:
        life = self._take(self.archived)
        return None if life is None else self._into(self.active, life, Memory.Restored)

    def freeze(self) -> Row | None:
        life = self._take(self.active)
        return (
            None
            if life is None
            else self._into(self.frozen, life, Memory.Frozen, legal_hold=self.random.random() < 0.3)
        )

    def thawed(self) -> Row | None:
        life = self._take(self.frozen)
        return None if life is None else self._into(self.active, life, Memory.Thawed)

    def erased(self) -> Row | None:
        life = self._take(self.archived)
        return None if life is None else self._step(life, Memory.Erased)

    def _into(self, where: list[Life], life: Life, kind: type[Any], **facts: Any) -> Row:
        where.append(life)
        return self._step(life, kind, **facts)

    def _step(self, life: Life, kind: type[Any], sealed: int | None = None, **facts: Any) -> Row:
        life.version += 1
        return self._of(life, kind, facts, sealed=sealed)

    def _of(
        self, life: Life, kind: type[Any], facts: Facts, occurred: datetime | None = None, sealed: int | None = None
    ) -> Row:
        facts = {"subject_ids": [life.owner_id], **facts}
        return self._row(
            kind, life.memory_id, life.version, life.cube_id, life.memory_id, facts, life.owner_id, occurred, sealed
        )

    def _asked(self, kind: type[Any], asker: tuple[UUID, UUID | None], facts: Facts, sealed: int) -> Row:
        trail = self._trails.setdefault(asker[0], [self._id(), 0, self.now.date()])
        if trail[2] != self.now.date():
            trail[:] = [self._id(), 0, self.now.date()]
        trail[1] += 1
        context = {"process_id": self.process_id, "session_id": self._id(), "purpose": self.random.choice(PURPOSES)}
        facts = {"subject_ids": [asker[1] or asker[0]], **context, **facts}
        row = self._row(kind, trail[0], trail[1], None, None, facts, asker[0], sealed=sealed)
        return row._replace(on_behalf_of=asker[1])

    def _row(
        self,
        kind: type[Any],
        stream_id: UUID,
        version: int,
        cube_id: UUID | None,
        memory_id: UUID | None,
        facts: Facts,
        actor_id: UUID | None = None,
        occurred: datetime | None = None,
        sealed: int | None = None,
    ) -> Row:
        occurred = occurred or self.now - timedelta(microseconds=self.random.randrange(300, 30_000))
        payload = facts if "subject_ids" in facts else {"subject_ids": [], **facts}
        actor = actor_id or self.people[0]
        return Row(kind.TOPIC, stream_id, version, cube_id, memory_id, actor, None, occurred, self.now, payload, sealed)

    def _take(self, lives: list[Life]) -> Life | None:
        if not lives:
            return None
        place = self.random.randrange(len(lives))
        lives[place], lives[-1] = lives[-1], lives[place]
        return lives.pop()

    def _favourite(self) -> Life:
        """Few of them are told again and again."""
        return self.active[int(len(self.active) * self.random.random() ** 4)]

    def _person(self) -> UUID:
        return self.people[int(PEOPLE * self.random.random() ** 2)]

    def _asker(self) -> tuple[UUID, UUID | None]:
        person = self._person()
        return (self.random.choice(self.agents), person) if self.random.random() < 0.6 else (person, None)

    def _delay(self) -> timedelta:
        """Most is stored as it is said, some from the notes of the day, and some from old files."""
        seconds = self.random.choices([1.5, 3_600.0, 40 * 86_400.0], [80, 15, 5])[0]
        return timedelta(seconds=self.random.expovariate(1 / seconds))

    def _id(self) -> UUID:
        """In the order of time, as the product's own."""
        milliseconds = int(getattr(self, "now", END).timestamp() * 1000)
        return UUID(int=(milliseconds << 80) | (0x7 << 76) | (0b10 << 62) | self.random.getrandbits(62))


def _moments(seed: int, count: int) -> Iterator[datetime]:
    days = np.arange(DAYS)
    daily = (0.5 + days / DAYS) * np.where((days + 6) % 7 < 5, 1.0, 0.25)
    hourly = np.outer(daily, BY_HOUR).ravel()
    drawn = np.random.default_rng(seed)
    hours = drawn.choice(hourly.size, size=count, p=hourly / hourly.sum()) + drawn.random(count)
    start = END - timedelta(days=DAYS)
    return (start + timedelta(microseconds=int(hour * 3.6e9)) for hour in np.sort(hours))


# Facts that an answer need not have.
UNSAID = {
    each.name: getattr(Access.Recorded, each.name)
    for each in facts_of(Access.Recorded)
    if hasattr(Access.Recorded, each.name)
}
PURPOSES = (None, None, "support", "research")
STEPS: Mapping[type[Any], Any] = {
    Memory.Activated: Team.reviewed,
    Memory.Revised: Team.revised,
    Memory.Archived: Team.archive,
    Memory.Merged: Team.merged,
    Memory.Corroborated: Team.corroborated,
    Memory.Linked: Team.linked,
    Memory.RetentionSet: Team.retained,
    Memory.Restored: Team.restored,
    Memory.Frozen: Team.freeze,
    Memory.Thawed: Team.thawed,
    Memory.Erased: Team.erased,
}
