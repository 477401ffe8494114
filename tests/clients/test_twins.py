"""The two clients offer the same, and the blocking one is made of the other."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

from sureflow_client import AsyncClient, AsyncJobs, Client, Jobs

CLIENT = Path(__file__).parents[2] / "clients" / "python"

METHODS = (
    "generate",
    "stream",
    "edit",
    "invert",
    "replay",
    "handle",
    "handles",
    "delete_handle",
    "frames",
    "models",
    "model",
    "load_model",
    "unload_model",
    "review",
    "judge",
    "certify",
    "verdicts",
    "metrics",
    "health",
    "ready",
    "wait_until_ready",
    "with_options",
)
JOBS = (
    "generate",
    "edit",
    "invert",
    "calibrate",
    "refit",
    "list",
    "get",
    "wait",
    "events",
    "cancel",
)
PAIRS = [
    *[(Client, AsyncClient, name) for name in ("__init__", *METHODS)],
    *[(Jobs, AsyncJobs, name) for name in JOBS],
]


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.glob("*.py")}


def test_the_blocking_client_is_what_the_generator_writes(tmp_path: Path) -> None:
    subprocess.run([sys.executable, str(CLIENT / "twins.py"), str(tmp_path)], check=True)
    assert contents(tmp_path) == contents(CLIENT / "sureflow_client" / "_sync")


def public(kind: type) -> set[str]:
    return {name for name in dir(kind) if not name.startswith("_")}


def test_the_methods_are_the_same() -> None:
    assert public(Client) - {"close"} == public(AsyncClient) - {"aclose"} == {*METHODS, "jobs"}
    assert public(Jobs) == public(AsyncJobs) == set(JOBS)


@pytest.mark.parametrize(("one", "other", "name"), PAIRS)
def test_the_arguments_are_the_same(one: type, other: type, name: str) -> None:
    def arguments(kind: type) -> list[str]:
        parameters = inspect.signature(getattr(kind, name)).parameters.values()
        return [
            str(parameter).replace("AsyncBaseTransport", "BaseTransport")
            for parameter in parameters
        ]

    assert arguments(one) == arguments(other)


@pytest.mark.parametrize(("one", "other", "name"), PAIRS)
def test_the_answers_are_the_same(one: type, other: type, name: str) -> None:
    def answer(kind: type) -> str:
        annotation = str(inspect.signature(getattr(kind, name)).return_annotation)
        return re.sub(r"^(?:Async)?Generator\[Event.*", "events", annotation)

    assert answer(one) == answer(other)
