"""When keys were last used, to the hour: a request is not worth a write, but an unused key is worth finding."""

from __future__ import annotations

import threading
from datetime import datetime
from uuid import UUID

from mnemolog.adapters.postgres.registry import Registry


class KeyUses:
    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._noted: dict[UUID, datetime] = {}
        self._lock = threading.Lock()

    def note(self, key_id: UUID, now: datetime) -> None:
        """Written when this process first sees the key within an hour. Raises StoreUnreachable."""
        hour = now.replace(minute=0, second=0, microsecond=0)
        with self._lock:
            if self._noted.get(key_id) == hour:
                return
            self._noted[key_id] = hour
        self._registry.key_used(key_id, hour)
