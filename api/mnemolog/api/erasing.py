"""How an erasure that has begun is brought to its end. Every step may be done twice, so a crash between two is no loss.

    tombstone         outside the database, before the key goes
    keys destroyed    from here on nobody can read it, whatever else is still there
    erased events     on every memory that is meant, so that all views and all processes hear of it
    views waited for  all of this process, past the last of these events; what is kept in files and tables with them
    receipt           signed, in the log

Of a data subject the log says first that it is erased, so that nobody adds to what is being destroyed.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import suppress
from uuid import UUID

from mnemolog.adapters.postgres.erasures import ErasureRow
from mnemolog.api.parts import CATALOGUE, Parts
from mnemolog.api.receipts import receipt
from mnemolog.domain.aggregate import Root
from mnemolog.domain.erasure import Doomed, Erasure, Kind, erased
from mnemolog.domain.identity import new_id
from mnemolog.domain.log import Origin, Selection
from mnemolog.domain.refusals import Unavailable, VersionConflict
from mnemolog.domain.subject import Subject

BATCH = 500
RESTORED = "destroyed keys came back with a copy of the database"

log = logging.getLogger(__name__)


def finish(parts: Parts, row: ErasureRow) -> None:
    """Raises ProjectionBehind and other Unavailable: the erasure stays unfinished, and is tried again."""
    destroy(parts, row)
    record_erased(parts, row)
    head = parts.log.head()
    names = tuple(sorted(parts.runner.names))
    parts.wait(names, head)
    streams = parts.application.keys.destroyed_by(row.erasure_id)
    for each in parts.forgetting:
        each.forget(streams)
    forgotten = [each.name for each in parts.forgetting]
    complete(parts, row, receipt(parts.application.keyring, row, streams, dict.fromkeys(names, head), forgotten))


def record_erased(parts: Parts, row: ErasureRow) -> None:
    """In batches. Nothing is added to what is found here: writers have been refused since the erasure began."""
    parts.wait(CATALOGUE, parts.log.head())
    origin = Origin(actor_id=row.requested_by, request_id=new_id())
    while doomed := _doomed(parts, row):
        for start in range(0, len(doomed), BATCH):
            events = [erased(memory, parts.clock.now()) for memory in doomed[start : start + BATCH]]
            with suppress(VersionConflict):  # another writer was faster: what is left comes in the next round
                parts.written(parts.application.append(events, origin))
        parts.wait(CATALOGUE, parts.log.head())


def destroy(parts: Parts, row: ErasureRow) -> None:
    parts.tombstones.add([row.target_id])
    subject_id = row.target_id if row.kind is Kind.SUBJECT else None
    parts.application.keys.destroy(row.erasure_id, subject_id, [] if subject_id else [row.target_id])
    parts.application.keyring.forget(row.target_id)


def complete(parts: Parts, row: ErasureRow, note: str) -> None:
    erasure = parts.application.load(Erasure, row.erasure_id)
    erasure.complete(note)
    try:
        appended = parts.application.record(erasure, origin=Origin(actor_id=row.requested_by, request_id=new_id()))
    except VersionConflict:  # another process has completed it at the same moment
        appended = None
    if appended is not None:
        parts.written(appended, rules=True)
    parts.wait(CATALOGUE, parts.log.head())


def destroy_again(parts: Parts) -> list[tuple[UUID, bool]]:
    """Keys that are there although they were destroyed came with an older copy of the tables. They go before anything
    is read with them.

    Raises ErasedKeysDamaged.
    """
    keys, known = parts.application.keys, parts.tombstones.all()
    if missing := set(keys.every_destroyed()) - known:
        parts.tombstones.add(sorted(missing))
    returned = sorted(set(keys.returned(sorted(known | missing))))
    for key_id, is_subject in returned:
        row = parts.erasures.of(key_id)
        erasure_id = new_id() if row is None else row.erasure_id
        keys.destroy(erasure_id, key_id if is_subject else None, [] if is_subject else [key_id])
        log.warning("%s: %s", RESTORED, key_id)
    return returned


def resume(parts: Parts, returned: Sequence[tuple[UUID, bool]] = ()) -> None:
    """Bring to its end what a process that is gone has begun, and erase again what a copy has brought back."""
    try:
        if returned or _has_begun_since(parts):
            parts.wait(CATALOGUE, parts.log.head())
        for key_id, is_subject in returned:
            _begin_again(parts, key_id, is_subject=is_subject)
        for row in parts.erasures.unfinished():
            finish(parts, row)
    except Unavailable as refusal:  # the sweeper of a server and the next start try again
        log.warning("an erasure is not finished: %s", refusal.code)


def _doomed(parts: Parts, row: ErasureRow) -> list[Doomed]:
    if row.kind is Kind.SUBJECT:
        return parts.erasures.doomed(row.target_id)
    return parts.erasures.doomed_memory(row.target_id)


def _has_begun_since(parts: Parts) -> bool:
    begun = Selection(types=(Erasure.Begun.TOPIC,))
    return bool(parts.log.read(parts.catalogue.position, 1, begun))


def _begin_again(parts: Parts, key_id: UUID, *, is_subject: bool) -> None:
    """Only where the log has forgotten the erasure too: the whole database is older than it."""
    if is_subject:
        subject = parts.application.load(Subject, key_id)
        if subject.erased:
            return
        subject.erase()
        erasure = Erasure.begin(tenant_id=subject.tenant_id, kind=Kind.SUBJECT, target_id=key_id, basis=RESTORED)
        aggregates: tuple[Root, ...] = (erasure, subject)
    elif doomed := parts.erasures.doomed_memory(key_id):
        tenant_id = doomed[0].tenant_id
        aggregates = (Erasure.begin(tenant_id=tenant_id, kind=Kind.MEMORY, target_id=key_id, basis=RESTORED),)
    else:
        return
    appended = parts.application.record(*aggregates, origin=Origin(request_id=new_id()))
    assert appended is not None
    parts.written(appended, rules=True)
    parts.wait(CATALOGUE)
