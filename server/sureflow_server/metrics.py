"""Prometheus metrics; the one registry belongs to the API process."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import accumulate
from time import monotonic
from typing import Any

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from sureflow import __version__
from sureflow_server.engine.messages import ROW_BOUNDS, SECOND_BOUNDS, CacheEvent, TickStats
from sureflow_server.scrapes import Scrapes
from sureflow_server.store import Usage

LATENCY_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
CONFIDENCE_BUCKETS = tuple(step / 20 for step in range(1, 21))

log = logging.getLogger(__name__)


class Metrics:
    """Everything that ``/metrics`` shows.

    Labels are bounded: model names are those of the checkpoint folders, outcomes and reasons are
    fixed lists.
    """

    def __init__(self) -> None:
        registry = self.registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        GCCollector(registry=registry)
        operation = ("model", "operation")

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"sureflow_{name}", text, labels, registry=registry)

        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(f"sureflow_{name}", text, labels, registry=registry)

        def latency(name: str, text: str) -> Histogram:
            return Histogram(
                f"sureflow_{name}", text, operation, buckets=LATENCY_BUCKETS, registry=registry
            )

        self.requests = counter(
            "requests_total", "Accepted requests by how they ended.", *operation, "outcome"
        )
        self.rejected = counter(
            "requests_rejected_total", "Requests refused before any work.", "reason"
        )
        self.queue_time = latency(
            "request_queue_time_seconds", "From acceptance to the first lane in a slot."
        )
        self.inference_time = latency(
            "request_inference_time_seconds", "From the first lane in a slot to the last sample."
        )
        self.latency = latency("e2e_request_latency_seconds", "From acceptance to the answer.")
        self.samples = counter("samples_total", "Finished samples.", "model", "finish_reason")
        self.confidence = Histogram(
            "sureflow_sample_confidence",
            "Confidence of finished samples; higher is surer.",
            operation,
            buckets=CONFIDENCE_BUCKETS,
            registry=registry,
        )
        self.decisions = counter(
            "filter_decisions_total",
            "Filter decisions by what was asked for and what was done.",
            "model",
            "action_requested",
            "action_taken",
        )
        self.judged = counter(
            "judged_samples_total",
            "Samples that judges were asked about: accepted, refused, or none if no number came.",
            "judge",
            "outcome",
        )
        self.judge_seconds = counter(
            "judge_seconds_total", "Seconds for which processes of judges were busy.", "judge"
        )
        self.verdicts = counter(
            "verdicts_total",
            "Verdicts on samples: good, bad, or another number.",
            "model",
            "verdict",
        )
        self.certificate_withdrawn = gauge(
            "certificate_withdrawn",
            "1 where the certificate of a model does not hold any more, 0 where it does.",
            "model",
        )
        self.certificate_evidence = gauge(
            "certificate_evidence",
            "Evidence of later verdicts against the certificate of a model.",
            "model",
        )
        self.withdrawals = counter(
            "certificate_withdrawals_total", "Certificates that verdicts contradicted.", "model"
        )
        self.restarts = counter("worker_restarts_total", "Workers that died and were replaced.")
        self.loads = counter("model_loads_total", "Loads of models while serving.", "outcome")
        for outcome in ("ok", "error"):
            self.loads.labels(outcome)  # there from the start, so that the first one is an increase
        self.evicted_models = counter(
            "model_evictions_total", "Models that left memory to make room for others."
        )
        self.model_bytes = gauge(
            "model_bytes", "Bytes of the weights and lanes of the models in memory.", "model"
        )
        self.evaluations = counter(
            "model_evaluations_total", "Network rows evaluated, padding not counted.", "model"
        )
        self.saved = counter(
            "evaluations_saved_total",
            "Network rows that abandoned samples would still have cost.",
            "model",
        )
        self._numerics: dict[str, dict[str, Any]] = {}
        self.block_rows = gauge(
            "block_rows",
            "Block sizes in which rows are evaluated; 1 for each that is in use.",
            "model",
            "rows",
        )
        self.running = gauge("num_samples_running", "Lanes in slots.", "model")
        self.waiting = gauge("num_samples_waiting", "Lanes in the queue.", "model")
        self.reserved_bytes = gauge(
            "reserved_bytes",
            "Bytes reserved for the requests under way, their samples and key frames.",
        )
        self.answer_bytes = gauge("answer_bytes", "Bytes of answers that are being made or read.")
        self.job_bytes = gauge("job_bytes", "Bytes of the results and events of ended jobs.")
        self.unread = counter(
            "unread_connections_total", "Connections ended since their clients took nothing."
        )
        self.handles = gauge("handles", "Live rewind handles.")
        self.frames = gauge("key_frames", "Key frames that are kept.")
        self.store_bytes = gauge("store_bytes", "Bytes that handles and key frames take.")
        self.store_max_bytes = gauge("store_max_bytes", "Bytes that they may take.")
        self.evictions = counter("evictions_total", "Key frames that had to go for want of room.")
        self._evicted = 0
        self._scrapes = Scrapes(self.page)
        self._ticks = TickCollector()
        registry.register(self._ticks)
        gauge("build_info", "Version of the server.", "version").labels(__version__).set(1)

    @contextmanager
    def request(self, model: str, operation: str) -> Iterator[None]:
        """Time a request and count it by how it ended: ``ok``, ``error`` or ``cancelled``."""
        begun, outcome = monotonic(), "cancelled"
        try:
            yield
            outcome = "ok"
        except Exception:
            outcome = "error"
            raise
        finally:
            self.latency.labels(model, operation).observe(monotonic() - begun)
            self.requests.labels(model, operation, outcome).inc()

    @contextmanager
    def load(self) -> Iterator[None]:
        """Count a load of a model by its outcome, ``ok`` or ``error``."""
        outcome = "error"
        try:
            yield
            outcome = "ok"
        finally:
            self.loads.labels(outcome).inc()

    def ticked(self, stats: TickStats) -> None:
        """Add the ticks of one model."""
        self.evaluations.labels(stats.model).inc(stats.rows)
        self.running.labels(stats.model).set(stats.running)
        self.waiting.labels(stats.model).set(stats.waiting)
        self._ticks.add(stats)

    def cache_changed(self, event: CacheEvent) -> None:
        """Count a model that has come into memory, has not, or has gone."""
        if event.what == "evicted":
            self.evicted_models.inc()
        else:
            self.loads.labels("ok" if event.what == "loaded" else "error").inc()

    def resident(self, nbytes: dict[str, int]) -> None:
        """Take note of the models in memory and of what they take."""
        self.model_bytes.clear()
        for model, size in nbytes.items():
            self.model_bytes.labels(model).set(size)

    def runs_on(self, model: str, numerics: dict[str, Any]) -> None:
        """Take note of the block sizes that a model is evaluated in, and log what it runs on."""
        if self._numerics.get(model) == numerics:
            return
        self._numerics[model] = numerics
        for size in numerics.get("block_rows", ()):
            self.block_rows.labels(model, size).set(1)
        log.info("%s runs on %s", model, ", ".join(f"{k} {v}" for k, v in numerics.items()))

    def stored(self, usage: Usage) -> None:
        """Take note of how full the store is."""
        self.handles.set(usage.handles)
        self.frames.set(usage.frames)
        self.store_bytes.set(usage.bytes)
        self.store_max_bytes.set(usage.max_bytes)
        self.evictions.inc(usage.evictions - self._evicted)
        self._evicted = usage.evictions

    def worker_restarted(self) -> None:
        """Count a dead worker; whatever it ran, it runs no more."""
        self.restarts.inc()
        self.running.clear()

    def page(self) -> bytes:
        """Return the text that Prometheus scrapes."""
        return generate_latest(self.registry)

    async def scraped(self) -> bytes:
        """Return it, made beside the event loop; see :class:`~sureflow_server.scrapes.Scrapes`."""
        return await self._scrapes.page()


class TickCollector(Collector):
    """Histograms over ticks, which the worker has already sorted into buckets."""

    def __init__(self) -> None:
        self._totals: dict[str, TickStats] = {}

    def add(self, stats: TickStats) -> None:
        """Add the counts of one model."""
        total = self._totals.setdefault(stats.model, TickStats(stats.model))
        total.rows += stats.rows
        total.seconds += stats.seconds
        total.row_counts = _sum(total.row_counts, stats.row_counts)
        total.second_counts = _sum(total.second_counts, stats.second_counts)

    def collect(self) -> Iterator[Metric]:
        """Yield the two histograms."""
        rows = HistogramMetricFamily(
            "sureflow_batch_size", "Network rows per tick.", labels=("model",)
        )
        seconds = HistogramMetricFamily(
            "sureflow_tick_duration_seconds", "Duration of a tick.", labels=("model",)
        )
        for name, total in [*self._totals.items()]:  # another thread may add one
            rows.add_metric((name,), _buckets(ROW_BOUNDS, total.row_counts), total.rows)
            seconds.add_metric((name,), _buckets(SECOND_BOUNDS, total.second_counts), total.seconds)
        yield rows
        yield seconds


def _sum(left: list[int], right: list[int]) -> list[int]:
    return [a + b for a, b in zip(left, right, strict=True)]


def _buckets(bounds: tuple[float, ...], counts: list[int]) -> list[tuple[str, float]]:
    names = [*(str(float(bound)) for bound in bounds), "+Inf"]
    return list(zip(names, accumulate(counts), strict=True))
