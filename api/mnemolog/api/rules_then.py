"""The rules of a tenant as of any position, each state of them read once."""

from __future__ import annotations

from bisect import bisect_right
from uuid import UUID

from mnemolog.api.parts import CATALOGUE, Parts
from mnemolog.domain.log import Selection, pages
from mnemolog.domain.policy import PERMISSION_EVENTS, Policy
from mnemolog.domain.principal import Principal

PAGE = 1000
MOST_KEPT = 64  # states of the rules


class RulesThen:
    """Up to the head of the log, as it is now."""

    def __init__(self, parts: Parts, tenant_id: UUID) -> None:
        self._policies, self._tenant_id = parts.policies, tenant_id
        head = parts.log.head()
        parts.wait(CATALOGUE, head)
        changing = Selection(tenant_id=tenant_id, types=(*PERMISSION_EVENTS, Principal.Registered.TOPIC))
        self._changes = [event.position for page in pages(parts.log, 0, head, PAGE, changing) for event in page]
        self._kept: dict[int, Policy] = {}

    def at(self, position: int) -> Policy:
        place = bisect_right(self._changes, position)
        since = self._changes[place - 1] if place else 0
        if since not in self._kept:
            if len(self._kept) == MOST_KEPT:
                self._kept.clear()
            self._kept[since] = self._policies.at(self._tenant_id, since)
        return self._kept[since]
