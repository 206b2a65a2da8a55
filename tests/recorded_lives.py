"""A random life of a store, in which many ask: several callers, with grants that come and go, of memories that change.

All of it goes through the store's own capabilities, so whatever is answered is on record.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

from mnemolog.api.store import Store
from mnemolog.domain.commands import Remember
from mnemolog.domain.grants import Conditions, Effect, Level, Terms
from mnemolog.domain.identity import new_id
from mnemolog.domain.lifecycle import State
from mnemolog.domain.metadata import Sensitivity, Visibility
from mnemolog.domain.permissions import Action
from mnemolog.domain.principal import PrincipalKind
from mnemolog.domain.refusals import Denied, NotFound, Refusal
from mnemolog.projections.filters import parse
from mnemolog.projections.recall import Question

WORDS = ("tea", "blue", "tin", "train", "nine", "Ben", "peanuts", "dog", "Pilot", "May")
SESSIONS = (new_id(), new_id())
CONTEXTS = (None, new_id(), new_id())
RECIPES = ("dialogue", "documents", "graph", "keyword", "meaning")


class HandClock:
    """Shows what it is set to."""

    def __init__(self) -> None:
        self.moment = datetime.now(UTC)

    def now(self) -> datetime:
        return self.moment


@dataclass
class Life:
    store: Store
    clock: HandClock
    random: Random
    people: list[Store] = field(default_factory=list)
    groups: list[UUID] = field(default_factory=list)
    cubes: list[UUID] = field(default_factory=list)
    memories: list[UUID] = field(default_factory=list)
    grants: list[UUID] = field(default_factory=list)
    asked: int = 0

    def begin(self) -> Life:
        principals, store = self.store.principals, self.store
        ben = principals.register("Ben").principal_id
        agent = principals.register("an agent", PrincipalKind.AGENT).principal_id
        group = principals.register("friends", PrincipalKind.GROUP).principal_id
        keys = [
            principals.issue_key(ben).key,
            principals.issue_key(ben, scopes=frozenset({Action.READ})).key,
            principals.issue_key(agent, on_behalf_of=ben).key,
            principals.issue_key(agent, on_behalf_of=store.caller.principal_id).key,
            principals.issue_key(principals.register("Ann", administrator=True).principal_id).key,
        ]
        self.people = [store, *map(store.acting_as, keys)]
        self.people += [self.people[1].asked_from(address="10.1.2.3", app="notes"), store.in_session(SESSIONS[0])]
        self.groups = [group]
        self.cubes = [store.cubes.found(name).cube_id for name in ("kitchen", "garden")]
        for cube_id in self.cubes:
            reads = frozenset({Action.READ})
            terms = Terms(effect=Effect.PERMIT, subject_id=ben, level=Level.CUBE, resource_id=cube_id, actions=reads)
            self.grants.append(store.grants.issue(terms).grant_id)
        for _ in range(6):
            self.remember()
        return self

    def live(self, steps: int) -> Life:
        for _ in range(steps):
            self.random.choice((self.try_to_ask, self.change, self.change, self.try_to_ask, self.pass_time))()
        return self

    def change(self) -> None:
        changes: tuple[Callable[[], object], ...] = (
            *(self.remember, self.grant) * 3,
            *(self.revoke, self.relabel, self.reword, self.move, self.join),
        )
        with suppress(Refusal):
            self.random.choice(changes)()

    def try_to_ask(self) -> None:
        with suppress(Denied, NotFound):
            self.ask()
            self.asked += 1

    def beside(self, seed: int) -> Life:
        """Another one in the same house."""
        return replace(self, random=Random(seed), memories=[*self.memories], grants=[*self.grants], asked=0)

    def text(self, most: int = 7) -> str:
        return " ".join(self.random.choices(WORDS, k=self.random.randint(1, most)))

    def remember(self) -> None:
        facts: dict[str, Any] = {
            "visibility": self.random.choice((Visibility.CUBE, Visibility.CUBE, Visibility.TENANT, Visibility.PRIVATE)),
            "sensitivity": self.random.choice(tuple(Sensitivity)),
            "purposes": self.random.choice(((), (), ("care",))),
            "tags": self.random.choice(((), ("drinks",))),
            "speaker": self.random.choice((None, "Ben", "Ann Lee")),
            "context_id": self.random.choice(CONTEXTS),
            "ttl": self.random.choice((None, None, timedelta(hours=self.random.randint(1, 9)))),
        }
        written = self.store.memories.remember(self.random.choice(self.cubes), Remember(text=self.text(), **facts))
        self.memories += written.memory_ids

    def grant(self) -> None:
        deny = self.random.random() < 0.25
        level = self.random.choice((Level.CUBE, Level.CUBE, Level.MEMORY))
        now = self.clock.now()
        terms = Terms(
            effect=Effect.DENY if deny else Effect.PERMIT,
            subject_id=self.random.choice([*(each.caller.principal_id for each in self.people[1:4]), *self.groups]),
            level=level,
            resource_id=self.random.choice(self.cubes if level is Level.CUBE else self.memories),
            actions=frozenset({Action.READ}),
            conditions=Conditions() if deny else self.conditions(),
            not_before=self.random.choice((None, None, now + timedelta(hours=1))),
            expires_at=self.random.choice((None, now + timedelta(hours=2))),
        )
        self.grants.append(self.store.grants.issue(terms).grant_id)

    def conditions(self) -> Conditions:
        return Conditions(
            purposes=self.random.choice(((), (), ("care",))),
            networks=self.random.choice(((), (), ("10.0.0.0/8",))),
            apps=self.random.choice(((), (), ("notes",))),
            sensitivity=self.random.choice((Sensitivity.SECRET, Sensitivity.PERSONAL)),
        )

    def revoke(self) -> None:
        if self.grants:
            self.store.grants.revoke(self.grants.pop(self.random.randrange(len(self.grants))))

    def relabel(self) -> None:
        visibility = self.random.choice(tuple(Visibility))
        self.store.memories.revise(self.random.choice(self.memories), visibility=visibility)

    def reword(self) -> None:
        self.store.memories.revise(self.random.choice(self.memories), self.text())

    def move(self) -> None:
        to = self.random.choice((State.ARCHIVED, State.FROZEN, State.ACTIVATED))
        self.store.memories.transition(self.random.choice(self.memories), to)

    def join(self) -> None:
        member = self.people[1].caller.principal_id
        groups = self.store.groups
        self.random.choice((groups.add, groups.remove))(self.groups[0], member)

    def pass_time(self) -> None:
        self.clock.moment += timedelta(minutes=self.random.randint(1, 90))
        if self.random.random() < 0.5:
            self.store.sweep()

    def ask(self) -> None:
        who = self.random.choice(self.people)
        if self.random.random() < 0.3:
            who = Store(who.parts, replace(who.caller, purpose="care"))
        question = Question(self.text(4), self.random.choice((1, 3, 10)), self.random.choice(RECIPES))
        if self.random.random() < 0.2:
            question = replace(question, filter=parse({"field": "tag", "eq": "drinks"}))
        if self.random.random() < 0.2:
            question = replace(question, weights={"vector": 0.1 + 0.2, "terms": 1 / 3})
        cubes = self.random.choice((self.cubes[:1], self.cubes[1:], self.cubes))
        budget = self.random.choice((None, None, 5, 12))
        at = self.random.choice((None, None, self.random.randint(1, self.store.parts.log.head())))
        who.recall(cubes, question, budget=budget, at=at)
