"""How many requests a key and its tenant may send: so many a second, with bursts of two seconds' worth, and so many at
once. Each process counts for itself."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from uuid import UUID

from mnemolog.adapters.postgres.registry import Registry
from mnemolog.api.settings import Settings
from mnemolog.domain.permissions import Caller
from mnemolog.domain.refusals import TooManyRequests

BURST_SECONDS = 2.0
REMEMBERED = 10_000  # keys and tenants, before those that are quiet are forgotten
FRESH_SECONDS = 5.0  # how long the limits of a tenant are believed without asking again


@dataclass(frozen=True, slots=True)
class Allowance:
    rate: float
    concurrent: int

    @property
    def burst(self) -> float:
        return max(1.0, self.rate * BURST_SECONDS)


@dataclass(slots=True)
class Bucket:
    tokens: float
    filled: float
    inside: int = 0

    def fill(self, allowed: Allowance, now: float) -> None:
        self.tokens = min(allowed.burst, self.tokens + (now - self.filled) * allowed.rate)
        self.filled = now

    def check(self, who: str, allowed: Allowance) -> None:
        """Raises TooManyRequests."""
        if self.inside >= allowed.concurrent:
            raise TooManyRequests(who=who, limit=allowed.concurrent, per="at once", retry_after=1)
        if self.tokens < 1:
            wait = math.ceil((1 - self.tokens) / allowed.rate)
            raise TooManyRequests(who=who, limit=f"{allowed.rate:g}", per="a second", retry_after=max(1, wait))


class Throttle:
    def __init__(self, settings: Settings, registry: Registry, seconds: Callable[[], float] = time.monotonic) -> None:
        self._registry = registry
        self._per_key = Allowance(settings.rate_per_key, settings.concurrent_per_key)
        self._per_tenant = Allowance(settings.rate_per_tenant, settings.concurrent_per_tenant)
        self._seconds = seconds
        self._buckets: dict[UUID, Bucket] = {}
        self._tenants: dict[UUID, tuple[float, Allowance]] = {}
        self._lock = threading.Lock()

    def enter(self, caller: Caller) -> Callable[[], None]:
        """To be called when the request is over. Raises TooManyRequests, and a refused request costs nothing."""
        of_tenant = self._allowance(caller.tenant_id)
        now = self._seconds()
        with self._lock:
            self._forget(now)
            key = self._bucket(caller.key_id or caller.principal_id, self._per_key, now)
            tenant = self._bucket(caller.tenant_id, of_tenant, now)
            key.check("key", self._per_key)
            tenant.check("tenant", of_tenant)
            for bucket in (key, tenant):
                bucket.tokens -= 1
                bucket.inside += 1
        return lambda: self._leave(key, tenant)

    def _leave(self, *buckets: Bucket) -> None:
        with self._lock:
            for bucket in buckets:
                bucket.inside -= 1

    def _bucket(self, whose: UUID, allowed: Allowance, now: float) -> Bucket:
        bucket = self._buckets.get(whose)
        if bucket is None:
            bucket = self._buckets[whose] = Bucket(allowed.burst, now)
        bucket.fill(allowed, now)
        return bucket

    def _allowance(self, tenant_id: UUID) -> Allowance:
        now = self._seconds()
        known = self._tenants.get(tenant_id)
        if known is None or now - known[0] > FRESH_SECONDS:
            known = self._tenants[tenant_id] = (now, self._read(tenant_id))
        return known[1]

    def _read(self, tenant_id: UUID) -> Allowance:
        own, usual = self._registry.limits(tenant_id), self._per_tenant
        if own is None:
            return usual
        usual = usual if own.requests_per_second is None else replace(usual, rate=own.requests_per_second)
        return usual if own.concurrent_requests is None else replace(usual, concurrent=own.concurrent_requests)

    def _forget(self, now: float) -> None:
        """Whoever has been quiet for long enough to have a full bucket again."""
        if len(self._buckets) > REMEMBERED:
            quiet = now - 60 * BURST_SECONDS
            kept = {whose: each for whose, each in self._buckets.items() if each.inside or each.filled > quiet}
            self._buckets = kept
