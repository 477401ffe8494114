"""The two clients offer the same."""

from __future__ import annotations

import inspect
import re

import pytest

from sureflow_client import AsyncClient, Client

METHODS = (
    "generate",
    "stream",
    "edit",
    "invert",
    "handle",
    "handles",
    "delete_handle",
    "frames",
    "models",
    "model",
    "metrics",
    "health",
    "ready",
    "wait_until_ready",
    "with_options",
)


def test_the_methods_are_the_same() -> None:
    def public(kind: type) -> set[str]:
        return {name for name in dir(kind) if not name.startswith("_")}

    assert public(Client) - {"close"} == public(AsyncClient) - {"aclose"} == set(METHODS)


@pytest.mark.parametrize("name", ["__init__", *METHODS])
def test_the_arguments_are_the_same(name: str) -> None:
    def arguments(kind: type) -> list[str]:
        parameters = inspect.signature(getattr(kind, name)).parameters.values()
        return [
            str(parameter).replace("AsyncBaseTransport", "BaseTransport")
            for parameter in parameters
        ]

    assert arguments(Client) == arguments(AsyncClient)


@pytest.mark.parametrize("name", METHODS)
def test_the_answers_are_the_same(name: str) -> None:
    def answer(kind: type) -> str:
        annotation = str(inspect.signature(getattr(kind, name)).return_annotation)
        return re.sub(r"^(?:Async)?Generator\[Event.*", "events", annotation)

    assert answer(Client) == answer(AsyncClient)
