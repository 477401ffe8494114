"""The page on the metrics of a server, from the registry that ``/metrics`` shows."""

from __future__ import annotations

from documents.table import code, table

HEAD = """# Metrics

What `GET /metrics` has, in the text format of Prometheus. A dashboard and alert rules are in
[`deploy/`](../../deploy/README.md#what-is-watched).

"""


def page() -> str:
    """Return the page; metrics of Python and of the process are Prometheus' own."""
    from sureflow_server.metrics import Metrics

    metrics = Metrics()
    labels = {
        one._name: one._labelnames for one in vars(metrics).values() if hasattr(one, "_labelnames")
    }
    rows = [
        (code(_exposed(one.name, one.type)), one.type, _labels(labels, one.name), one.documentation)
        for one in metrics.registry.collect()
        if one.name.startswith("sureflow_")
    ]
    return HEAD + table(("metric", "type", "labels", "meaning"), sorted(rows))


def _exposed(name: str, kind: str) -> str:
    return f"{name}_total" if kind == "counter" else name


def _labels(known: dict[str, tuple[str, ...]], name: str) -> str:
    return ", ".join(map(code, known.get(name, ())))
