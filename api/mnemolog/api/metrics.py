"""What Prometheus is told: counts and durations. No label holds an id, a name or a text that a client chose."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from mnemolog.api.parts import Parts

METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})
UNROUTED = "unrouted"


class Metrics:
    """Of one application; `seconds` are those until an answer begins."""

    def __init__(self, parts: Parts) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "mnemolog_requests", "Requests answered.", ["route", "method", "status"], registry=self.registry
        )
        self._seconds = Histogram(
            "mnemolog_request_seconds", "Time to answer.", ["route", "method"], registry=self.registry
        )
        self._unknown = Counter(
            "mnemolog_authentication_failures", "Requests without a valid key or token.", registry=self.registry
        )
        self.registry.register(StoreFigures(parts))

    def answered(self, route: str, method: str, status: int, seconds: float) -> None:
        method = method if method in METHODS else "other"
        self._requests.labels(route, method, str(status)).inc()
        self._seconds.labels(route, method).observe(seconds)

    def not_authenticated(self) -> None:
        self._unknown.inc()

    def text(self) -> bytes:
        return generate_latest(self.registry)


class StoreFigures(Collector):
    """Read when they are asked for, from memory only: a scrape works while the database does not."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def collect(self) -> Iterator[Metric]:
        parts = self._parts
        yield CounterMetricFamily("mnemolog_appended_events", "Appended by this process.", value=parts.appended_events)
        yield CounterMetricFamily("mnemolog_embeddings_computed", "Not from cache.", value=parts.embeddings.computed)
        yield GaugeMetricFamily("mnemolog_audit_waiting", "Records not in the log yet.", value=parts.trail.waiting)
        yield GaugeMetricFamily("mnemolog_log_head", "The last position.", value=parts.wakeups.listen(-1, 0))
        lag = GaugeMetricFamily("mnemolog_view_lag_events", "Positions behind the log.", labels=["view"])
        parked = GaugeMetricFamily("mnemolog_view_parked_events", "Events not folded.", labels=["view"])
        for view in parts.runner.status():
            lag.add_metric([view.name], view.lag)
            parked.add_metric([view.name], len(view.parked))
        yield lag
        yield parked
