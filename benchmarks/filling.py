"""Many memories, quickly: sealed and appended as always, but in large batches and with vectors that cost nothing."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from benchmarks.clusters import Seeded
from benchmarks.events import KEY_ENCRYPTION_KEY, Sealer, batches
from benchmarks.speech import Turn
from benchmarks.views import Store
from mnemolog.adapters.keyring import Keyring
from mnemolog.adapters.postgres.embeddings import CachedEmbeddings
from mnemolog.domain.cube import Cube
from mnemolog.domain.memory import Memory
from mnemolog.domain.metadata import Description, Governance
from mnemolog.domain.permissions import Caller

BATCH = 1_000  # memories


class Filling:
    """Memories of one owner. `embeddings` has the vectors of all of them."""

    def __init__(self, store: Store, owner: Caller) -> None:
        self._store, self._owner = store, owner
        keyring = Keyring(KEY_ENCRYPTION_KEY, store.keys)
        self.embeddings = CachedEmbeddings(store.recorder.datastore, Seeded(), keyring.token)

    def found(self, name: str) -> UUID:
        owner, sealer = self._owner, self._sealer()
        cube = Cube.found(
            tenant_id=owner.tenant_id, name=name, owner_id=owner.principal_id, subject_id=owner.subject_id
        )
        self._store.recorder.append(sealer.log_events([cube]))
        return cube.id

    def remember(self, cube_id: UUID, turns: Iterable[Turn]) -> None:
        for batch in batches(list(turns), BATCH):
            memories = [self._said(cube_id, turn) for turn in batch]
            self._store.recorder.append(self._sealer().log_events(memories))
            self.embeddings.vectors([(memory.id, memory.text) for memory in memories])

    def _said(self, cube_id: UUID, turn: Turn) -> Memory:
        memory = Memory.generate(
            tenant_id=self._owner.tenant_id,
            cube_id=cube_id,
            subject_ids=(self._owner.subject_id,),
            text=turn.text,
            governance=Governance(owner_id=self._owner.principal_id, context_id=turn.talk_id),
            occurred_at=turn.occurred_at,
            description=Description(speaker=turn.speaker),
        )
        memory.activate(gate="owner")
        return memory

    def _sealer(self) -> Sealer:
        """A new one for each batch: it holds the keys of all that it has sealed."""
        sealer, subject_id = Sealer(), self._owner.subject_id
        sealer.keys.subjects |= self._store.keys.subject_keys([subject_id])
        if subject_id not in sealer.keys.subjects:
            keyring = Keyring(KEY_ENCRYPTION_KEY, self._store.keys)
            keyring.new_content_key(self._owner.tenant_id, subject_id, (subject_id,))
            sealer.keys.subjects |= self._store.keys.subject_keys([subject_id])
        return sealer
