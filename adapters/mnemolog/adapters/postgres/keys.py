"""The tables of wrapped keys, outside the log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from eventsourcing.postgres import PostgresDatastore

from mnemolog.adapters.postgres.connection import Row, fetch
from mnemolog.adapters.postgres.envelope import ContentKey
from mnemolog.adapters.postgres.sql import QUERIES
from mnemolog.domain.refusals import KeyUnavailable


class PostgresKeys:
    def __init__(self, datastore: PostgresDatastore) -> None:
        self._datastore = datastore

    def content_keys(self, key_ids: Sequence[UUID]) -> Mapping[UUID, ContentKey]:
        rows = self._rows("content_keys", {"key_ids": list(key_ids)})
        return {key_id: ContentKey(key_id, tuple(subject_ids), wrapped) for key_id, subject_ids, wrapped in rows}

    def subject_keys(self, subject_ids: Sequence[UUID]) -> Mapping[UUID, bytes]:
        return dict(self._rows("subject_keys", {"subject_ids": list(subject_ids)}))

    def add_subject_key(self, tenant_id: UUID, subject_id: UUID, wrapped: bytes) -> bytes:
        facts = {"subject_id": subject_id, "tenant_id": tenant_id, "wrapped": wrapped}
        self._rows("add_subject_key", facts)
        return self.subject_keys([subject_id])[subject_id]

    def check(self, value: str) -> None:
        """Raises KeyUnavailable when the store was made with another key-encryption key."""
        if not self._rows("key_checks", {}):
            self._rows("add_key_check", {"check_value": value})
        if (value,) not in self._rows("key_checks", {}):
            raise KeyUnavailable(reason="this store was made with another one")

    def _rows(self, name: str, facts: dict[str, Any]) -> list[Row]:
        return fetch(self._datastore, QUERIES[name], facts)
