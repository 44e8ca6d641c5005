"""What Prometheus reads of the server: requests, latency, rows, and rows unlike those of the training."""

import os

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

FOLDER = "PROMETHEUS_MULTIPROC_DIR"  # where the worker processes add up; prometheus-client reads this variable
SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)


class Counters:
    """The counters of one server."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter("samebits_requests", "Requests answered.", ["route", "status"], registry=self.registry)
        self.seconds = Histogram(
            "samebits_request_seconds", "Time to answer.", ["route"], buckets=SECONDS, registry=self.registry
        )
        self.rows = Counter("samebits_rows", "Rows predicted.", registry=self.registry)
        self.outside = Counter(
            "samebits_rows_outside_training",
            "Rows with a feature outside of its range in training.",
            registry=self.registry,
        )

    def answered(self, route: str, status: int, seconds: float) -> None:
        """Count a request."""
        self.requests.labels(route, status).inc()
        self.seconds.labels(route).observe(seconds)

    def predicted(self, rows: int, outside: int) -> None:
        """Count rows, and those outside of the ranges of the training."""
        self.rows.inc(rows)
        self.outside.inc(outside)

    def text(self) -> bytes:
        """All counters of all workers, in Prometheus' text format."""
        if FOLDER not in os.environ:
            return generate_latest(self.registry)
        together = CollectorRegistry()
        MultiProcessCollector(together)  # type: ignore[no-untyped-call]
        return generate_latest(together)
