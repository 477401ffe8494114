"""The files that deploy the server, as tests look at them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
DASHBOARD = DEPLOY / "grafana" / "dashboards" / "sureflow.json"


def documents(path: Path) -> list[dict[str, Any]]:
    """The documents of a YAML file."""
    return [found for found in yaml.safe_load_all(path.read_text()) if found is not None]


def room(environment: dict[str, Any]) -> int:
    """Bytes that servers with this environment may keep in their Redis."""
    return sum(
        int(environment[f"SUREFLOW_{name}"])
        for name in ("STORE_MAX_BYTES", "JOB_BYTES", "REPLAY_BYTES")
    )


def rules() -> list[dict[str, Any]]:
    (document,) = documents(DEPLOY / "prometheus" / "rules.yml")
    return [rule for group in document["groups"] for rule in group["rules"]]


def dashboard() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(DASHBOARD.read_text())
    return found


def expressions() -> list[tuple[str, str]]:
    """Pairs of a place and the PromQL that stands there, with Grafana's variables filled in."""
    board = dashboard()
    shown = [(panel["title"], target) for panel in board["panels"] for target in _of(panel)]
    shown += [(each["name"], each) for each in board["annotations"]["list"]]
    return [
        *((rule.get("alert") or rule["record"], rule["expr"]) for rule in rules()),
        *((place, _filled(target["expr"])) for place, target in shown),
    ]


def _of(panel: dict[str, Any]) -> list[dict[str, Any]]:
    targets: list[dict[str, Any]] = panel.get("targets", [])
    return targets


def _filled(expression: str) -> str:
    return expression.replace("$__rate_interval", "5m").replace("$model", ".*")
