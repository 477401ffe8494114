from __future__ import annotations

import subprocess
from pathlib import Path

import promql_parser as promql
import pytest

from tests.deploy.sources import DEPLOY, documents, expressions, rules

PROMETHEUS = DEPLOY / "prometheus"


@pytest.mark.parametrize(("place", "expression"), expressions())
def test_expressions_are_promql(place: str, expression: str) -> None:
    promql.parse(expression)


def test_alerts_say_what_to_do() -> None:
    names = [rule["alert"] for rule in rules() if "alert" in rule]
    assert len(set(names)) == len(names)
    for rule in rules():
        if "alert" in rule:
            assert rule["alert"].startswith("Sureflow")
            assert rule["labels"]["severity"] in ("critical", "warning")
            assert set(rule["annotations"]) == {"summary", "description"}


def test_every_alert_is_played_to_fire_and_to_stay_silent() -> None:
    (document,) = documents(PROMETHEUS / "tests.yml")
    played = [test for case in document["tests"] for test in case["alert_rule_test"]]
    fired = {test["alertname"] for test in played if test.get("exp_alerts")}
    silent = {test["alertname"] for test in played if not test.get("exp_alerts")}
    assert fired == silent == {rule["alert"] for rule in rules() if "alert" in rule}


def test_rules_are_where_prometheus_looks() -> None:
    (config,) = documents(PROMETHEUS / "prometheus.yml")
    assert [PROMETHEUS / name for name in config["rule_files"]] == [PROMETHEUS / "rules.yml"]
    assert [job["job_name"] for job in config["scrape_configs"]] == ["sureflow"]


@pytest.mark.slow
def test_promtool_plays_the_alerts(tmp_path: Path) -> None:
    """By Debian's build of promtool, taken out of its package without installing it."""
    subprocess.run(["apt-get", "download", "prometheus"], cwd=tmp_path, check=True)
    (package,) = tmp_path.glob("prometheus_*.deb")
    subprocess.run(["dpkg-deb", "-x", package, tmp_path], check=True)
    promtool = tmp_path / "usr" / "bin" / "promtool"
    for what in (["check", "config", "prometheus.yml"], ["test", "rules", "tests.yml"]):
        done = subprocess.run([promtool, *what], cwd=PROMETHEUS, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
