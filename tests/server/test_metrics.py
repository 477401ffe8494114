from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

import sureflow
from sureflow_server.engine.messages import ROW_BOUNDS, SECOND_BOUNDS, TickStats
from sureflow_server.metrics import Metrics
from tests.server.running import Server, eventually

HISTOGRAMS = [
    "request_queue_time_seconds",
    "request_inference_time_seconds",
    "e2e_request_latency_seconds",
]


def delta(server: Server, name: str, **labels: str) -> Iterator[float]:
    """Yield the value now, and then how far it has moved since."""
    before = server.metric(name, **labels)
    yield before
    while True:
        yield server.metric(name, **labels) - before


def test_a_request_leaves_its_traces(server: Server) -> None:
    who = {"model": "icons", "operation": "generate"}
    watched = {
        "requests_total": delta(server, "sureflow_requests_total", **who, outcome="ok"),
        **{
            name: delta(server, f"sureflow_{name}_count", **who)
            for name in [*HISTOGRAMS, "sample_confidence"]
        },
        "samples_total": delta(
            server, "sureflow_samples_total", model="icons", finish_reason="converged"
        ),
        "evaluations": delta(server, "sureflow_model_evaluations_total", model="icons"),
        "rows": delta(server, "sureflow_batch_size_sum", model="icons"),
        "ticks": delta(server, "sureflow_tick_duration_seconds_count", model="icons"),
        "accepted": delta(
            server,
            "sureflow_filter_decisions_total",
            model="icons",
            action_requested="drop",
            action_taken="accepted",
        ),
    }
    for values in watched.values():
        next(values)
    answer = server.generate(
        model="icons",
        n=3,
        condition={"label": 1},
        guidance={"scale": 1.5},
        sampler={"steps": 10},
        filter={"min": 0.0, "action": "drop"},
    )
    assert answer["usage"]["evaluations"] == 3 * 2 * 2 * 10
    eventually(lambda: next(watched["evaluations"]) == 120)
    assert next(watched["rows"]) == 120
    assert 20 <= next(watched["ticks"]) <= 60, "three lanes share ticks, as far as they met"
    assert next(watched["requests_total"]) == 1
    assert [next(watched[name]) for name in HISTOGRAMS] == [1, 1, 1]
    assert next(watched["sample_confidence"]) == 3
    assert next(watched["samples_total"]) == 3
    assert next(watched["accepted"]) == 3


def test_names_and_kinds_are_prometheus_style(server: Server) -> None:
    page = server.client.get("/metrics")
    assert page.headers["content-type"].startswith("text/plain")
    ours = dict(re.findall(r"^# TYPE (sureflow_\S+) (\S+)$", page.text, re.MULTILINE))
    assert {name for name, kind in ours.items() if kind == "counter"} == {
        "sureflow_requests_total",
        "sureflow_requests_rejected_total",
        "sureflow_samples_total",
        "sureflow_filter_decisions_total",
        "sureflow_worker_restarts_total",
        "sureflow_model_evaluations_total",
        "sureflow_evaluations_saved_total",
        "sureflow_evictions_total",
        "sureflow_model_loads_total",
        "sureflow_model_evictions_total",
        "sureflow_unread_connections_total",
        "sureflow_verdicts_total",
        "sureflow_certificate_withdrawals_total",
        "sureflow_judged_samples_total",
        "sureflow_judge_seconds_total",
    }
    assert {name for name, kind in ours.items() if kind == "histogram"} == {
        *(f"sureflow_{name}" for name in HISTOGRAMS),
        "sureflow_sample_confidence",
        "sureflow_batch_size",
        "sureflow_tick_duration_seconds",
    }
    assert server.metric("sureflow_build_info", version=sureflow.__version__) == 1


def test_ticks_add_up_in_their_buckets() -> None:
    metrics = Metrics()
    for _ in range(2):
        stats = TickStats("m", running=3, waiting=5, rows=34, seconds=0.6)
        stats.row_counts[ROW_BOUNDS.index(2)] = 1
        stats.row_counts[ROW_BOUNDS.index(32)] = 1
        stats.second_counts[SECOND_BOUNDS.index(0.5)] = 2
        metrics.ticked(stats)
    value = metrics.registry.get_sample_value
    rows = [value("sureflow_batch_size_bucket", {"model": "m", "le": le}) for le in ("1.0", "2.0")]
    assert rows == [0, 2]
    assert value("sureflow_batch_size_bucket", {"model": "m", "le": "+Inf"}) == 4
    assert value("sureflow_batch_size_count", {"model": "m"}) == 4
    assert value("sureflow_batch_size_sum", {"model": "m"}) == 68
    assert value("sureflow_tick_duration_seconds_sum", {"model": "m"}) == pytest.approx(1.2)
    assert value("sureflow_model_evaluations_total", {"model": "m"}) == 68
    assert value("sureflow_num_samples_running", {"model": "m"}) == 3
    assert value("sureflow_num_samples_waiting", {"model": "m"}) == 5
