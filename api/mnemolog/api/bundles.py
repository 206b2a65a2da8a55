"""Cubes in folders: taken away with their proofs, and lived again elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from uuid import UUID

from mnemolog.adapters.bundle_events import EVENTS_FILE, KEYS_FILE, TYPES, bundled_line, key_lines, opened
from mnemolog.adapters.bundle_files import CHECKPOINT_FILE, MOST_EVENTS, Draft, drafting, read_bundle, refuse_existing
from mnemolog.adapters.bundle_manifest import Manifest, Model
from mnemolog.adapters.bundle_vectors import POSITIONS_FILE, VECTORS_FILE, positions_file, vectors_file
from mnemolog.adapters.postgres.connection import Row, unreachable_as_refusal
from mnemolog.adapters.postgres.sql import QUERIES
from mnemolog.adapters.postgres.tiles import TiledHashes
from mnemolog.adapters.signing import Ed25519Signer
from mnemolog.api.bundle_answers import Dumped, Loaded
from mnemolog.api.evidence import Evidence
from mnemolog.api.loading import Loading
from mnemolog.api.moments import At
from mnemolog.api.parts import Parts
from mnemolog.api.signing_key import signing_seed
from mnemolog.api.taking import Taken, Taking
from mnemolog.domain.merkle import prove_inclusion
from mnemolog.domain.note import open_checkpoint
from mnemolog.domain.permissions import Caller
from mnemolog.domain.refusals import Invalid, NotFound, SigningKeyUnavailable, Unavailable
from mnemolog.domain.reliving import cube_as_told

PAGE = 1000
LOOK_SECONDS = 0.05


class Bundles:
    def __init__(self, parts: Parts, caller: Caller) -> None:
        self._parts = parts
        self._caller = caller

    def dump(self, cube: str | UUID, folder: Path | str, *, at: At = None, keys: bool = True) -> Dumped:
        """A cube as it is, or as it was at a position or time, with those of its memories that the caller may export.

        With `keys`, whoever has the folder can read it; without them it proves what was written, and cannot be loaded.
        Raises CubeNotFound, Denied, AlreadyExists, InvalidPosition, ProjectionBehind, SigningKeyUnavailable, Invalid
        for too large a cube or a place that cannot be written to, Unavailable while no checkpoint binds the position.
        """
        place = Path(folder).absolute()
        refuse_existing(place)
        taken = Taking(self._parts, self._caller).dump(cube, at, keys)
        note = self._checkpoint(taken.position)
        signer = self._signer()
        checkpoint = open_checkpoint(note, signer.name, signer.verifier)
        rows = list(self._rows(taken))
        try:
            with drafting(place, lambda draft: read_bundle(draft, signer.verifier.verifier_key)) as draft:
                draft.write(CHECKPOINT_FILE, [note])
                draft.write(EVENTS_FILE, self._lines(rows, checkpoint.size))
                _write_keys(draft, taken)
                manifest = self._manifest(taken, rows, signer, draft)
                sha256 = draft.sign(manifest, signer)
        except OSError as error:
            raise Invalid(reason=f"{place} cannot be written: {error.strerror}") from None
        return Dumped.of(place, manifest, sha256)

    def load(
        self,
        folder: Path | str,
        *,
        name: str | None = None,
        key: str | None = None,
        quarantine: bool = False,
        idempotency_key: UUID | None = None,
    ) -> Loaded:
        """A new cube of this principal, in which the memories of a dump live again: all of it, or nothing.

        `key` is the verifier key of the store that made it, which the caller has from somewhere else. Without one the
        dump can say whatever it likes, and what it says stays in quarantine.
        Raises what `read_bundle` raises; AlreadyExists, Denied, IdempotencyKeyReused, StoreUnreachable.
        """
        bundle = read_bundle(Path(folder), key)
        trusted = key is not None and not quarantine
        return Loading(self._parts, self._caller).load(bundle, name, trusted, idempotency_key)

    def _signer(self) -> Ed25519Signer:
        seed, origin = signing_seed(self._parts.settings), Evidence(self._parts, self._caller).origin()
        if seed is None or origin is None:
            raise SigningKeyUnavailable(reason="this process has none, and signs no dumps")
        return Ed25519Signer(origin, seed)

    def _checkpoint(self, position: int) -> bytes:
        """The newest, as soon as it binds the position: what was just written is sealed a moment later."""
        evidence, deadline = Evidence(self._parts, self._caller), time.monotonic() + self._parts.settings.wait_seconds
        while time.monotonic() < deadline:
            try:
                newest = evidence.checkpoint()
            except NotFound:
                newest = None
            if newest is not None and newest.size >= position:
                return newest.note.encode()
            time.sleep(LOOK_SECONDS)
        raise Unavailable(reason=f"no checkpoint binds position {position} yet")

    def _rows(self, taken: Taken) -> Iterator[Row]:
        """Raises Invalid for too many."""
        recorder, tenant_id, wanted = self._parts.application.log_recorder, self._caller.tenant_id, taken.memories
        facts = {"cube_id": taken.cube.cube_id, "upto": taken.position, "types": list(TYPES), "limit": PAGE}
        after, found = 0, 0
        with unreachable_as_refusal():
            while page := recorder.rows(QUERIES["hashes_of_cube"], facts | {"after": after}, tenant_id):
                rows = [row for row in page if row[1] == taken.cube.cube_id or row[1] in wanted]
                after, found = page[-1][0], found + len(rows)
                if found > MOST_EVENTS:
                    raise Invalid(reason=f"the cube has more than the {MOST_EVENTS} events that a dump can hold")
                yield from rows

    def _lines(self, rows: Sequence[Row], size: int) -> Iterator[bytes]:
        hashes = TiledHashes(self._parts.application.log_recorder.rows)
        with unreachable_as_refusal():
            for row in rows:
                yield bundled_line(row, prove_inclusion(hashes, row[0] - 1, size))

    def _manifest(self, taken: Taken, rows: Sequence[Row], signer: Ed25519Signer, draft: Draft) -> Manifest:
        cube, embedder = taken.cube, self._parts.embeddings.embedder
        name, config = cube_as_told(opened([row for row in rows if row[1] == cube.cube_id], {}))
        model = Model(embedder.name, embedder.dimensions, embedder.fingerprint.hex())
        return Manifest(
            verifier_key=signer.verifier.verifier_key,
            tenant_id=cube.tenant_id,
            cube_id=cube.cube_id,
            name=name,
            config=config.to_json(),
            position=taken.position,
            made_at=self._parts.clock.now(),
            events=len(rows),
            memories=len(taken.memories),
            readable=len(taken.keys),
            left_out=taken.left_out,
            embedder=None if taken.vectors is None else model,
            files=draft.files,
        )


def _write_keys(draft: Draft, taken: Taken) -> None:
    """And what says as much about the texts as keys do."""
    if taken.vectors is not None:
        draft.write(KEYS_FILE, key_lines(taken.keys))
        draft.write(POSITIONS_FILE, [positions_file(taken.worded)])
        draft.write(VECTORS_FILE, [vectors_file(taken.vectors)])
