"""A store that has a bit of everything, written by whatever release runs this, and what that release said of it.

`python -m tests.golden.telling NAME` writes logs/NAME.ndjson; it is called once for each release, before the next one.
So this speaks of what the first release could do, and of more where there is more. To run it with an older release, put
the sources of that one first on PYTHONPATH.
"""

from __future__ import annotations

import base64
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import click

from mnemolog.adapters.embedders.hashing import HashingEmbedder
from mnemolog.adapters.postgres.embedded import EmbeddedPostgres
from mnemolog.adapters.postgres.migrate import migrate
from mnemolog.api import Store, open_store
from mnemolog.api.settings import Settings
from mnemolog.domain.commands import Remember
from mnemolog.domain.cube import CubeConfig, Gate
from mnemolog.domain.lifecycle import Reason, State
from mnemolog.domain.memory import Relation
from mnemolog.domain.metadata import MemoryType, Sensitivity, Visibility
from mnemolog.domain.principal import PrincipalKind
from mnemolog.domain.refusals import Refusal
from tests.golden.old_logs import FOLDER, dumped, written

KEY = base64.b64encode(bytes(range(32))).decode()
YEARS = datetime(2900, 1, 1, tzinfo=UTC)
QUESTIONS = ("Where is the tea kept?", "What does Ada bake on Thursdays?", "Who plays the cello?")
SESSION = UUID(int=(7 << 76) + (2 << 62) + 1)


@click.command()
@click.argument("name")
def main(name: str) -> None:
    with tempfile.TemporaryDirectory(prefix="mnemolog-told-", dir="/dev/shm") as folder:
        home = Path(folder)
        home.chmod(0o711)
        with EmbeddedPostgres(home / "root", durable=False, linger=0.1) as server:
            migrate(server.dsn())
            settings = Settings(home=home / "home", dsn=server.dsn(), key_encryption_key=KEY)
            with open_store(settings=settings, embedder=HashingEmbedder()) as store:
                keys = told(store)
                expected = said(store, keys)
            written(FOLDER / f"{name}.ndjson", dumped(server.dsn(), home / "home", expected))
        server.wait_stopped()


def told(store: Store) -> dict[str, str]:
    """Tell it, and return the keys of those who may read some of it."""
    agent = store.principals.register("Ada's agent", PrincipalKind.AGENT)
    bea = store.principals.register("Bea")
    keys = {name: store.principals.issue_key(each.principal_id).key for name, each in (("agent", agent), ("bea", bea))}
    lost = store.principals.issue_key(agent.principal_id)
    store.principals.revoke_key(agent.principal_id, lost.key_id)
    ids = in_main(store, bea.principal_id)
    in_common(store, keys)
    lived(store, ids)
    if hasattr(store, "grants"):
        since_grants(store, bea.principal_id, ids)
    return keys


def in_main(store: Store, bea: UUID) -> tuple[UUID, ...]:
    cello = store.principals.register_subject("Cleo")
    private = {"visibility": Visibility.PRIVATE, "sensitivity": Sensitivity.SECRET}
    items = [
        Remember(text="The tea is kept in the blue tin.", key="Tea", tags=("tea", "Küche"), speaker="Ada"),
        Remember(text="The tea is kept beside the stove.", tags=("tea",), confidence=0.5),
        Remember(text="Ada bakes bread on Thursdays. 🍞", memory_type=MemoryType.USER, occurred_at=YEARS.replace(2020)),
        Remember(text="Cleo plays the cello.", subject_id=cello.subject_id, sources=("letter 7",)),
        Remember(text="Ada's number is 1234.", **private, access_control=(bea,)),  # type: ignore[arg-type]
        Remember(text="Ada is thinking of moving.", **private),  # type: ignore[arg-type]
        Remember(text="Everybody may know the opening hours.", visibility=Visibility.TENANT, purposes=("care",)),
        Remember(text="This was gone a moment later.", ttl=timedelta(microseconds=1)),
        Remember(text="This is there for centuries.", expires_at=YEARS, background="A promise."),
        Remember(text="The cellar is damp."),
    ]
    return store.memories.remember("main", *items).memory_ids


def in_common(store: Store, keys: dict[str, str]) -> None:
    """A cube in which two have to say the same, and one of an agent of its own."""
    common = store.cubes.found("common", CubeConfig(gate=Gate.CORROBORATION, corroborations=1))
    store.cubes.configure("common", CubeConfig(gate=Gate.OPEN, default_ttl_seconds=1e9), if_version=common.version)
    store.memories.remember("common", "The bakery opens at seven.", "The bakery is closed on Mondays.")
    agent = store.acting_as(keys["agent"])
    own = agent.cubes.found("agents")
    agent.memories.remember(own.cube_id, "The customer prefers mornings.")
    agent.in_session(SESSION).memories.remember(own.cube_id, "Only in this session.")


def lived(store: Store, ids: tuple[UUID, ...]) -> None:
    tea, stove, bread, cello, *_, kept, cellar = ids
    store.memories.revise(tea, "The tea is kept in the green tin.", tags=("tea", "tin"))
    store.memories.revise(bread, priority=8, confidence=0.9)
    store.memories.link(bread, cello, Relation.RELATES_TO, 0.5)
    store.memories.link(bread, tea, Relation.SUPPORTS)
    store.memories.unlink(bread, tea, Relation.SUPPORTS)
    store.memories.set_retention(kept, expires_at=YEARS + timedelta(days=1))
    merged = store.memories.merge([tea, stove], "The tea is kept in the green tin beside the stove.").memory_ids[0]
    undone = store.memories.merge([bread, cello], "Bread and cello.").memory_ids[0]
    store.memories.retract_merge(undone)
    store.memories.transition(merged, State.FROZEN, legal_hold=True)
    store.memories.transition(cellar, State.ARCHIVED, Reason.SUPERSEDED)


def since_grants(store: Any, bea: UUID, ids: tuple[UUID, ...]) -> None:
    from mnemolog.domain.grants import Effect, Level, Terms
    from mnemolog.domain.permissions import Action

    friends = store.principals.register("friends", PrincipalKind.GROUP)
    store.groups.add(friends.principal_id, bea)
    level, cube_id = store.grants.about(cube="common")
    read = {"subject_id": friends.principal_id, "actions": frozenset({Action.READ})}
    store.grants.issue(Terms(effect=Effect.PERMIT, level=level, resource_id=cube_id, **read), "They are friends.")
    lent = Terms(effect=Effect.PERMIT, level=Level.MEMORY, resource_id=ids[5], **read)
    store.grants.revoke(store.grants.issue(lent).grant_id, "Not that one.")
    gone = store.memories.remember("main", "This was erased.").memory_ids[0]
    store.erasures.erase(memory=gone, basis="case 1")
    dora = store.principals.register_subject("Dora").subject_id
    store.memories.remember("main", Remember(text="Dora was here.", subject_id=dora))
    store.erasures.erase(subject=dora, basis="case 2")
    store.tenants.found("somebody else")


def said(store: Store, keys: dict[str, str]) -> dict[str, Any]:
    """What this release says of it, to each who may ask."""
    from mnemolog.api.wiring import owner_key

    everybody = {"owner": owner_key(store.parts), **keys}
    verified = store.log.verify()
    made = [each.memory_id for each in store.log.page(types=["memory.generated.v1"], limit=500).items]
    return {
        "keys": everybody,
        "position": verified.position,
        "chain": verified.chain.hex(),
        "told": {name: answers(asking(store, key), made) for name, key in everybody.items()},
        "best": {question: store.recall("main", question).hits[0].text for question in QUESTIONS},
    }


def asking(store: Any, key: str) -> Store:
    """For the purpose that a memory has; there was a time when none was asked for."""
    found: Any = store.acting_as(key)
    chosen: Store = found.for_purpose("care") if hasattr(found, "for_purpose") else found
    return chosen


def answers(store: Store, memory_ids: list[UUID]) -> dict[str, Any]:
    """What is told of each memory, or why it is not."""
    found: dict[str, Any] = {}
    for memory_id in memory_ids:
        try:
            memory = store.memories.get(memory_id)
        except Refusal as refusal:
            found[str(memory_id)] = refusal.code
        else:
            facts = ("text", "tags", "key", "speaker", "state", "version", "trust", "legal_hold")
            found[str(memory_id)] = {name: getattr(memory, name) for name in facts}
    return found


if __name__ == "__main__":
    main()
