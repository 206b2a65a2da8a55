"""What it costs to ask who may do what: 10,000 memories at once, against one after the other and against a recall."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from datetime import datetime
from random import Random
from uuid import UUID

from benchmarks.figure import Figure
from benchmarks.meter import medians
from mnemolog.adapters.embedders.hashing import HashingEmbedder
from mnemolog.api import Store, open_store
from mnemolog.domain.commands import Remember
from mnemolog.domain.grants import Conditions, Effect, Level, Terms
from mnemolog.domain.lifecycle import State
from mnemolog.domain.metadata import Sensitivity, Visibility
from mnemolog.domain.permissions import Action, Caller, Code, CubeLabel, MemoryLabel, decide
from mnemolog.domain.policy import Policy
from mnemolog.projections.permission_mask import CODES

MEMORIES, BATCH, GRANTS, ROUNDS = 10_000, 1_000, 200, 21
WORDS = ("tea", "tin", "blue", "red", "shelf", "kitchen", "garden", "train", "Lisbon", "morning", "lamp", "river")
PACKAGES = ("mnemolog", "numpy", "psycopg")


def checks(dsn: str) -> Iterator[Figure]:
    """Of one guest with grants on a cube and on single memories, for a purpose."""
    with (
        tempfile.TemporaryDirectory() as home,
        open_store(home, dsn, embedder=HashingEmbedder()) as store,
    ):
        cube_id, memory_ids = _filled(store)
        guest = _guest(store, cube_id, memory_ids).for_purpose("care")
        guest.recall(cube_id, "warm")
        rows = store.parts.directory.memories(memory_ids)
        labels = [rows[each].label for each in memory_ids]
        cube, caller, scopes = (
            CubeLabel(store.caller.tenant_id, store.caller.principal_id),
            guest.caller,
            store.parts.views.scopes,
        )
        policy, now = store.parts.policy(caller)[0], store.parts.clock.now()

        def one_by_one(_: int) -> list[object]:
            reaches = policy.reaches(caller, Action.READ, cube_id, now)
            return [decide(caller, Action.READ, label, cube, reaches) for label in labels]

        def plainly(_: int) -> list[bool]:
            return [_may_read(policy, caller, label, cube, cube_id, now) for label in labels]

        def at_once(_: int) -> object:
            asked = [(each, policy.reaches(each, Action.READ, cube_id, now)) for each in policy.callers(caller)]
            return scopes.judged(cube_id, asked, Action.READ, now)

        found = scopes.judged(cube_id, [(caller, policy.reaches(caller, Action.READ, cube_id, now))], Action.READ, now)
        assert [CODES[code] for code in found.codes] == one_by_one(0)
        assert [CODES[code] is Code.ALLOWED for code in found.codes] == plainly(0)
        random = Random(1)
        told = medians(
            ROUNDS,
            {
                "plain loops": plainly,
                "one by one": one_by_one,
                "at once": at_once,
                "check_many": lambda _: guest.permissions.check_many(None, Action.READ, cube_id, memory_ids),
                "recall": lambda _: guest.recall(cube_id, " ".join(random.sample(WORDS, 4))),
                "rules": lambda _: store.parts.policy(caller),
            },
        )
    yield Figure.at_most(
        0.02, "10,000 decisions at once, to plain loops", told["at once"] / told["plain loops"], "ratio"
    )
    yield Figure.at_most(
        0.05, "10,000 decisions at once, to a recall that they guard", told["at once"] / told["recall"], "ratio"
    )
    for name, seconds in told.items():
        yield Figure(name, 1e3 * seconds, "ms")


def _may_read(
    policy: Policy, caller: Caller, memory: MemoryLabel, cube: CubeLabel, cube_id: UUID, now: datetime
) -> bool:
    """As one would write it down: all grants are looked at for each memory."""
    permitted = owner = caller.principal_id == memory.owner_id
    permitted |= caller.principal_id in memory.access_control
    permitted |= memory.visibility is Visibility.TENANT and memory.state is not State.GENERATED
    permitted |= memory.visibility is not Visibility.PRIVATE and caller.principal_id == cube.owner_id
    for rule in policy.rules:
        terms = rule.terms
        if terms.subject_id != caller.principal_id or terms.resource_id not in (cube_id, memory.memory_id):
            continue
        if Action.READ in terms.actions and terms.in_time(now) and terms.conditions.hold(caller):
            if terms.effect is Effect.DENY:
                return False
            reaches = memory.sensitivity <= terms.conditions.sensitivity
            permitted |= reaches and (terms.level is Level.MEMORY or memory.visibility is not Visibility.PRIVATE)
    return permitted and (not memory.purposes or owner or caller.purpose in memory.purposes)


def _filled(store: Store) -> tuple[UUID, list[UUID]]:
    random, found = Random(0), list[UUID]()
    cube_id = store.cubes.found("kitchen").cube_id
    for _ in range(0, MEMORIES, BATCH):
        items = [
            Remember(
                text=" ".join(random.choices(WORDS, k=8)),
                visibility=random.choice((Visibility.CUBE, Visibility.CUBE, Visibility.PRIVATE, Visibility.TENANT)),
                purposes=random.choice(((), (), ("care",), ("research",))),
                sensitivity=random.choice(list(Sensitivity)),
            )
            for _ in range(BATCH)
        ]
        found += store.memories.remember(cube_id, *items).memory_ids
    return cube_id, found


def _guest(store: Store, cube_id: UUID, memory_ids: list[UUID]) -> Store:
    principal_id = store.principals.register("A guest").principal_id
    at_most = Conditions(sensitivity=Sensitivity.PERSONAL)
    on = [(Level.CUBE, cube_id), *((Level.MEMORY, each) for each in Random(2).sample(memory_ids, GRANTS))]
    for number, (level, resource_id) in enumerate(on):
        terms = Terms(
            effect=Effect.DENY if number % 10 == 9 else Effect.PERMIT,
            subject_id=principal_id,
            level=level,
            resource_id=resource_id,
            actions=frozenset({Action.READ}),
            conditions=at_most if level is Level.CUBE else Conditions(),
        )
        store.grants.issue(terms)
    return store.acting_as(store.principals.issue_key(principal_id).key)


MEASURES = (checks,)
