"""Metrics for Prometheus: requests, latency, batches, load and connections."""

from __future__ import annotations

import os

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from fer_zoo.serve.request_records import RequestRecord

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

# Names the folder in which several worker processes share their numbers; prometheus_client reads the variable when it
# is imported.
FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_FACES = (1, 2, 4, 8, 16, 32, 64)


class Metrics:
    """The metrics of one server.

    Attributes:
        registry: Registry of this server's metrics only.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter("fer_zoo_requests", "Requests answered", ("endpoint", "status"), registry=self.registry)
        self.seconds = Histogram(
            "fer_zoo_request_seconds",
            "From a request's header to the end of its response",
            ("endpoint",),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.batch = Histogram(
            "fer_zoo_batch_faces", "Faces in one call of the model", buckets=_FACES, registry=self.registry
        )
        self.waiting = self._gauge("fer_zoo_waiting_requests", "Requests whose body has arrived, not answered yet")
        self.connections = self._gauge("fer_zoo_connections", "Open connections")
        self.refused = Counter(
            "fer_zoo_connections_refused", "Connections beyond the limit, answered with 503", registry=self.registry
        )
        self.aborted = Counter(
            "fer_zoo_connections_aborted",
            "Connections ended by the server: idle for too long or making room, too slow to send or to read",
            ("reason",),
            registry=self.registry,
        )

    def observe(self, record: RequestRecord) -> None:
        self.requests.labels(record.endpoint, str(record.status)).inc()
        self.seconds.labels(record.endpoint).observe(record.seconds)

    def text(self) -> bytes:
        """All numbers in Prometheus' text format; those of all workers where there are several."""
        if FOLDER_VARIABLE not in os.environ:
            return generate_latest(self.registry)
        registry = CollectorRegistry()
        MultiProcessCollector(registry)
        return generate_latest(registry)

    def _gauge(self, name: str, text: str) -> Gauge:
        return Gauge(name, text, registry=self.registry, multiprocess_mode="livesum")
