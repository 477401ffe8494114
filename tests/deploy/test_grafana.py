from __future__ import annotations

from itertools import combinations
from typing import Any

from tests.deploy.sources import DASHBOARD, DEPLOY, dashboard, documents

KINDS = {"stat", "timeseries", "heatmap"}
WIDTH = 24


def panels() -> list[dict[str, Any]]:
    return [panel for panel in dashboard()["panels"] if panel["type"] != "row"]


def test_panels_are_whole() -> None:
    numbers = [panel["id"] for panel in dashboard()["panels"]]
    assert len(set(numbers)) == len(numbers)
    for panel in panels():
        assert panel["type"] in KINDS
        assert panel["title"]
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        names = [target["refId"] for target in panel["targets"]]
        assert names
        assert len(set(names)) == len(names)
        assert all(target["legendFormat"] for target in panel["targets"])


def test_panels_lie_beside_each_other() -> None:
    places = [(panel["title"], panel["gridPos"]) for panel in dashboard()["panels"]]
    for title, place in places:
        assert 0 <= place["x"] < place["x"] + place["w"] <= WIDTH, title
    for (title, a), (other, b) in combinations(places, 2):
        apart = (
            a["x"] + a["w"] <= b["x"]
            or b["x"] + b["w"] <= a["x"]
            or a["y"] + a["h"] <= b["y"]
            or b["y"] + b["h"] <= a["y"]
        )
        assert apart, f"{title} covers {other}"


def test_variables_are_declared() -> None:
    assert {each["name"] for each in dashboard()["templating"]["list"]} == {"datasource", "model"}


def test_grafana_finds_source_and_dashboard() -> None:
    provisioning = DEPLOY / "grafana" / "provisioning"
    (sources,) = documents(provisioning / "datasources" / "prometheus.yml")
    assert [source["url"] for source in sources["datasources"]] == ["http://prometheus:9090"]
    (boards,) = documents(provisioning / "dashboards" / "sureflow.yml")
    (compose,) = documents(DEPLOY / "compose.yaml")
    mounts = dict(v.split(":")[1::-1] for v in compose["services"]["grafana"]["volumes"])
    folder = boards["providers"][0]["options"]["path"]
    assert DEPLOY / mounts[folder] == DASHBOARD.parent
    home = compose["services"]["grafana"]["environment"][
        "GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"
    ]
    assert home == f"{folder}/{DASHBOARD.name}"
