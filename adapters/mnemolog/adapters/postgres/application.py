"""The eventsourcing application: aggregates are saved to and restored from our log through its extension points."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any, TypeVar, cast
from uuid import UUID

from eventsourcing.application import AggregateNotFoundError, Application
from eventsourcing.domain import DomainEventProtocol
from eventsourcing.persistence import InfrastructureFactory, IntegrityError
from eventsourcing.postgres import PostgresFactory
from eventsourcing.utils import Environment

from mnemolog.adapters.keyring import Keyring, key_check, unwrap_root, wrap_root
from mnemolog.adapters.postgres.connection import LogDatastore, connect, unreachable_as_refusal
from mnemolog.adapters.postgres.keys import PostgresKeys
from mnemolog.adapters.postgres.mapper import LogMapper
from mnemolog.adapters.postgres.recorder import LogRecorder
from mnemolog.domain.aggregate import Pending, Root
from mnemolog.domain.log import Appended, Condition, IdempotencyKey, Origin
from mnemolog.domain.refusals import NotFound, VersionConflict

Aggregate = TypeVar("Aggregate", bound=Root)


class LogFactory(PostgresFactory):
    """Builds the library's parts over a connection string instead of host, port and user."""

    def __init__(self, env: Environment) -> None:
        InfrastructureFactory.__init__(self, env)
        self.datastore = LogDatastore(env["MNEMOLOG_DSN"])


class LogApplication(Application[UUID]):
    name = "mnemolog"
    env = {  # noqa: RUF012 - the library declares it so
        "PERSISTENCE_MODULE": "mnemolog.adapters.postgres.application:LogFactory",
        "APPLICATION_RECORDER_TOPIC": "mnemolog.adapters.postgres.recorder:LogRecorder",
        "MAPPER_TOPIC": "mnemolog.adapters.postgres.mapper:LogMapper",
        "TRANSCODER_TOPIC": "mnemolog.adapters.postgres.mapper:OrjsonTranscoder",
        "CREATE_TABLE": "n",
    }

    def __init__(self, dsn: str, key_encryption_key: bytes, *others: bytes) -> None:
        """`others` are tried too: while keys are being rotated, nobody but the store knows which one it is.

        Raises StoreUnreachable, KeyUnavailable.
        """
        connect(dsn).close()  # says why it cannot, where a pool only says that it waited
        with unreachable_as_refusal():
            super().__init__({**self.env, "MNEMOLOG_DSN": dsn})
        self.datastore = cast(LogFactory, self.factory).datastore
        try:
            self.keys = PostgresKeys(self.datastore)
            self.keyring = self._keyring([key_encryption_key, *others])
        except BaseException:
            self.close()
            raise
        cast(LogMapper, self.mapper).keyring = self.keyring

    def _keyring(self, candidates: Sequence[bytes]) -> Keyring:
        checked = {key_check(key): key for key in candidates}
        check, is_new = self.keys.choose(list(checked))
        key = self.key_encryption_key = checked[check]
        # The tokens and digests of a store without a root were derived from the key itself, and stay what they are.
        root = self.keys.root(lambda: wrap_root(key, secrets.token_bytes(32) if is_new else key))
        return Keyring(key, self.keys, unwrap_root(key, root))

    @property
    def log_recorder(self) -> LogRecorder:
        return cast(LogRecorder, self.recorder)

    def record(
        self,
        *aggregates: Pending,
        origin: Origin,
        condition: Condition | None = None,
        idempotency: IdempotencyKey | None = None,
    ) -> Appended | None:
        """Append what these aggregates have pending, all or nothing; None when there is nothing.

        Raises VersionConflict, ConditionFailed, IdempotencyKeyReused, StoreUnreachable.
        """
        events: list[DomainEventProtocol[UUID]] = [e for aggregate in aggregates for e in aggregate.collect_events()]
        return self.append(events, origin, condition, idempotency) if events else None

    def append(
        self,
        events: Sequence[DomainEventProtocol[UUID]],
        origin: Origin,
        condition: Condition | None = None,
        idempotency: IdempotencyKey | None = None,
    ) -> Appended:
        """The same for events that no aggregate was loaded for."""
        stored = cast(LogMapper, self.mapper).to_stored_events(events)
        try:
            with unreachable_as_refusal():
                return self.log_recorder.append(stored, origin, condition, idempotency)
        except IntegrityError:
            streams = ", ".join(sorted({str(event.originator_id) for event in events}))
            raise VersionConflict(stream_id=streams) from None

    def load(self, kind: type[Aggregate], stream_id: UUID, version: int | None = None) -> Aggregate:
        """The aggregate as its events make it. Raises NotFound, MemoryErased, StoreUnreachable."""
        try:
            with unreachable_as_refusal():
                aggregate: Any = self.repository.get(stream_id, version=version)
        except AggregateNotFoundError:
            raise NotFound(kind=kind.KIND, id=stream_id) from None
        if not isinstance(aggregate, kind):
            raise NotFound(kind=kind.KIND, id=stream_id)
        return aggregate

    def close(self) -> None:
        if hasattr(self, "recorder"):
            self.log_recorder.close()
        super().close()
