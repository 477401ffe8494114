from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.deploy.sources import ROOT

DOCKERFILE = (ROOT / "Dockerfile").read_text()


def hadolint(path: Path) -> list[str]:
    command = [Path(sys.executable).with_name("hadolint"), "--format", "json", path]
    done = subprocess.run(command, capture_output=True, text=True)
    return [
        f"{found['line']}: {found['code']} {found['message']}" for found in json.loads(done.stdout)
    ]


def test_hadolint_has_nothing_to_say() -> None:
    assert hadolint(ROOT / "Dockerfile") == []


def test_hadolint_would(tmp_path: Path) -> None:
    bad = tmp_path / "Dockerfile"
    bad.write_text("FROM debian\nRUN cd /tmp\n")
    assert any("DL3006" in found for found in hadolint(bad))


def stage(name: str) -> str:
    """The instructions of a stage."""
    match = re.search(rf"^FROM (\S+) AS {name}$(.*?)(?=^FROM|\Z)", DOCKERFILE, re.M | re.S)
    assert match is not None
    return match[0]


@pytest.mark.parametrize("name", ["cpu", "cuda"])
def test_both_images_run_as_nobody_in_particular(name: str) -> None:
    assert stage(name).startswith("FROM runtime ")
    assert "USER" not in stage(name)
    assert "RUN" not in stage(name)
    assert re.findall(r"^USER (\S+)$", stage("runtime"), re.M) == ["10001:10001"]


def test_torch_is_the_one_that_was_tested() -> None:
    pinned = re.search(r"^torch==(\S+)$", (ROOT / "constraints.txt").read_text(), re.M)
    assert pinned is not None
    installed = re.findall(r'"torch==([\d.]+)(\+cpu)?"', DOCKERFILE)
    assert installed == [(pinned[1], "+cpu"), (pinned[1], "")]


def test_everything_copied_is_let_through() -> None:
    let = set(re.findall(r"^!(\S+)$", (ROOT / ".dockerignore").read_text(), re.M))
    lines = re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.M)
    copied = {source.rstrip("/") for line in lines for source in line.split()[:-1]}
    assert copied == let
    assert all((ROOT / name).exists() for name in copied)


def test_health_is_asked_of_the_port_that_is_served() -> None:
    match = re.search(r"HEALTHCHECK[^\[]*CMD (\[.*\])$", DOCKERFILE, re.M)
    assert match is not None
    program, option, code = json.loads(match[1])
    assert (program, option) == ("python3", "-c")
    compile(code, "healthcheck", "exec")
    assert "SUREFLOW_PORT" in code
    assert "/health/ready" in code
