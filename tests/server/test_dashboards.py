"""Alert rules and dashboard against the metrics of a real server."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import promql_parser as promql
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.deploy.sources import expressions, rules
from tests.server.running import Server, eventually

OF_PROMETHEUS = {"up": set(), "ALERTS": {"alertname", "alertstate"}}
"""Series that Prometheus makes by itself, and what it adds to those of others."""

OF_SCRAPING = {"job", "instance"}
RECORDED = {rule["record"]: {"model"} for rule in rules() if "record" in rule}


def selectors(expression: str) -> Iterator[promql.VectorSelector]:
    found: list[promql.VectorSelector] = []

    def visit(node: promql.Expr) -> None:
        if isinstance(node, promql.VectorSelector):
            found.append(node)

    promql.walk(promql.parse(expression), visit)
    return iter(found)


def groupings(expression: str) -> set[str]:
    """Labels by which the expression sums."""
    found: set[str] = set()

    def visit(node: promql.Expr) -> None:
        if isinstance(node, promql.AggregateExpr) and node.modifier is not None:
            found.update(node.modifier.labels)

    promql.walk(promql.parse(expression), visit)
    return found


@pytest.fixture(scope="module")
def labels(server: Server) -> dict[str, set[str]]:
    """Labels by name of the series, of a server that has done something of everything."""
    server.generate(
        model="icons", n=1, condition={"label": 1}, filter={"min": 0.5, "action": "drop"}
    )
    assert server.client.get("/v1/models/absent").status_code == 404
    (sample,) = server.client.get("/v1/models/icons/review?limit=1").json()["samples"]
    for verdict in ("good", None):
        said = {"verdicts": [{"draw": sample["draw"], "verdict": verdict}]}
        assert server.client.post("/v1/verdicts", json=said).status_code == 200
    page = "/metrics"  # which models have a certificate is told every second
    eventually(lambda: "sureflow_certificate_withdrawn{" in server.client.get(page).text)
    found: dict[str, set[str]] = defaultdict(set)
    for family in text_string_to_metric_families(server.client.get("/metrics").text):
        for sample in family.samples:
            found[sample.name] |= sample.labels.keys()
    return {**found, **OF_PROMETHEUS, **RECORDED}


@pytest.mark.parametrize(("place", "expression"), expressions())
def test_everything_named_is_exposed(
    place: str, expression: str, labels: dict[str, set[str]]
) -> None:
    used = list(selectors(expression))
    assert used, "an expression about nothing"
    carried = set(OF_SCRAPING)
    for selector in used:
        assert selector.name in labels, f"{place}: the server has no {selector.name}"
        matched = {matcher.name for matcher in selector.matchers.matchers}
        assert matched <= labels[selector.name] | OF_SCRAPING, f"{place}: {selector.name}"
        carried |= labels[selector.name]
    assert groupings(expression) <= carried, place


def test_reasons_are_those_that_the_server_gives() -> None:
    from sureflow_server.api.problems import TITLES

    for place, expression in expressions():
        for selector in selectors(expression):
            for matcher in selector.matchers.matchers:
                if matcher.name == "reason":
                    assert set(matcher.value.split("|")) <= TITLES.keys(), place


def test_no_metric_of_ours_is_left_out(labels: dict[str, set[str]]) -> None:
    """What is worth exposing is worth a look; versions are for tables."""
    shown = {s.name for _, expression in expressions() for s in selectors(expression)}
    ours = {name for name in labels if name.startswith("sureflow_")}
    families = {name.removesuffix("_sum") for name in ours if name.endswith("_sum")}
    plain = {name for name in ours if not name.endswith(("_sum", "_count", "_bucket", "_created"))}
    absent = {name for name in plain if name not in shown}
    absent |= {f for f in families if not {f"{f}_sum", f"{f}_bucket"} & shown}
    assert absent == {"sureflow_build_info", "sureflow_block_rows"}  # facts, not measurements
