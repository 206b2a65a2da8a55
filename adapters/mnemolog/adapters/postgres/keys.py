"""The tables of wrapped keys, outside the log."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

from eventsourcing.postgres import PostgresDatastore

from mnemolog.adapters.postgres.connection import Row, fetch
from mnemolog.adapters.postgres.envelope import ContentKey
from mnemolog.adapters.postgres.sql import QUERIES
from mnemolog.domain.refusals import KeyUnavailable, SubjectErased


class PostgresKeys:
    def __init__(self, datastore: PostgresDatastore) -> None:
        self._datastore = datastore
        self._check: str | None = None

    def content_keys(self, key_ids: Sequence[UUID]) -> Mapping[UUID, ContentKey]:
        rows = self._rows("content_keys", {"key_ids": list(key_ids)})
        return {key_id: ContentKey(key_id, tuple(subject_ids), wrapped) for key_id, subject_ids, wrapped in rows}

    def subject_keys(self, subject_ids: Sequence[UUID]) -> Mapping[UUID, bytes]:
        return dict(self._rows("subject_keys", {"subject_ids": list(subject_ids)}))

    def add_subject_key(self, tenant_id: UUID, subject_id: UUID, wrapped: bytes) -> bytes:
        """Raises SubjectErased, and KeyUnavailable when the keys of the store have been put under another one since."""
        facts = {"subject_id": subject_id, "tenant_id": tenant_id, "wrapped": wrapped, "check_value": self._check}
        self._rows("add_subject_key", facts)
        known = self.subject_keys([subject_id])
        if subject_id in known:
            return known[subject_id]
        if self.destroyed([subject_id]):
            raise SubjectErased(subject_id=subject_id)
        raise KeyUnavailable(reason="it was changed while this process ran; open the store again")

    def choose(self, values: Sequence[str]) -> tuple[str, bool]:
        """Of these check values the one of the key that wrapped the keys of this store, and whether the store is new.

        A new store takes the first. Raises KeyUnavailable when it was made with another key.
        """
        found = self._rows("key_checks", {})
        if is_new := not found:
            self._rows("add_key_check", {"check_value": values[0]})
            found = self._rows("key_checks", {})
        self._check = next((value for value in values if (value,) in found), None)
        if self._check is None:
            raise KeyUnavailable(reason="this store was made with another one")
        return self._check, is_new

    def root(self, make: Callable[[], bytes]) -> bytes:
        """The wrapped root key: what `make` gives, or what another process stored first."""
        if not (found := self._rows("root_key", {})):
            self._rows("add_root_key", {"wrapped": make()})
            found = self._rows("root_key", {})
        return bytes(found[0][0])

    def every_subject_key(self) -> Mapping[UUID, bytes]:
        return dict(self._rows("every_subject_key", {}))

    def rewrap(self, former: str, new: str, root: bytes, subjects: Mapping[UUID, bytes]) -> bool:
        """All of them at once. False when they have changed since they were read, and must be read again."""
        facts = {"former": former, "new": new, "root": root}
        facts |= {"subjects": list(subjects), "keys": list(subjects.values())}
        return bool(self._rows("rewrap_keys", facts)[0][0])

    def destroy(self, erasure_id: UUID, subject_id: UUID | None, streams: Sequence[UUID]) -> None:
        """For ever: the key of the subject with those of all streams that need it, and those of `streams`."""
        self._rows("destroy_keys", {"erasure_id": erasure_id, "subject_id": subject_id, "streams": list(streams)})

    def destroyed(self, key_ids: Sequence[UUID]) -> set[UUID]:
        """Which of these keys were destroyed."""
        return {key_id for (key_id,) in self._rows("destroyed_keys", {"key_ids": list(key_ids)})}

    def destroyed_by(self, erasure_id: UUID) -> list[UUID]:
        """The streams whose keys an erasure destroyed, by id."""
        return [key_id for (key_id,) in self._rows("destroyed_by", {"erasure_id": erasure_id})]

    def every_destroyed(self) -> list[UUID]:
        """The keys that erasures named: those of data subjects, and of streams that did not go with a subject."""
        return [key_id for (key_id,) in self._rows("every_destroyed", {})]

    def returned(self, key_ids: Sequence[UUID]) -> list[tuple[UUID, bool]]:
        """Which of these there are, and whether it is a data subject's, although they were destroyed."""
        return [(key_id, is_subject) for key_id, is_subject in self._rows("returned_keys", {"key_ids": list(key_ids)})]

    def _rows(self, name: str, facts: dict[str, Any]) -> list[Row]:
        return fetch(self._datastore, QUERIES[name], facts)
