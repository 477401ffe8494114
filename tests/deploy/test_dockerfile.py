from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.deploy.sources import DEPLOY, ROOT, documents

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


def addresses(text: str) -> set[str]:
    """The hosts that a text names by URL."""
    return set(re.findall(r"https?://([\w.-]+)", text))


def test_no_file_says_where_packages_come_from() -> None:
    """That is for whoever builds to say: by the build argument, or in the configuration of pip."""
    services = documents(DEPLOY / "compose.yaml")[0]["services"]
    names = ("Dockerfile", "Makefile", "pyproject.toml", "constraints.txt", ".ci/run")
    files = [ROOT / "clients/python/pyproject.toml", *(ROOT / name for name in names)]
    files += [path for path in DEPLOY.rglob("*.*") if path.is_file() and path.suffix != ".pyc"]
    for path in files:
        assert addresses(path.read_text()) <= {"127.0.0.1", "localhost", *services}, path
    assert re.findall(r"^ARG TORCH_INDEX(.*)$", DOCKERFILE, re.M) == [""]
    assert re.findall(r"--\S*(?:index|links|host)\S*\s+(\S+)", DOCKERFILE) == ['"${TORCH_INDEX}"}']


def test_an_address_would_be_found() -> None:
    line = "ARG TORCH_INDEX=https://packages.example/simple"
    assert addresses(line) == {"packages.example"}


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
