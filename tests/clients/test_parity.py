"""The two clients return the same."""

from __future__ import annotations

import asyncio
import inspect
from typing import Any

import numpy as np
import pytest
from pydantic import BaseModel

from sureflow_client import AsyncClient, Client, Resample, collect

VOLATILE = {"id", "usage", "handle", "parent"}
"""What differs from request to request."""

CALLS: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
    ("generate", ("ring", 3), {"seed": 7, "steps": 4, "rewind": True, "profile": True}),
    ("generate", ("fashion",), {"seed": 7, "label": 3, "steps": 2, "map": True}),
    ("invert", (np.array([[2.0, 0.0]]), "ring"), {}),
    ("models", (), {}),
    ("model", ("ring",), {}),
    ("health", (), {}),
    ("ready", (), {}),
]
OF_A_HANDLE: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
    ("handle", (), {}),
    ("frames", ([0, 0.5, 1],), {"show": ["state", "map"]}),
    ("edit", (Resample(),), {"branches": 2, "seed": 1}),
]


def both(server: str, name: str, *args: Any, **options: Any) -> tuple[Any, Any]:
    async def ask() -> Any:
        async with AsyncClient(server) as client:
            answer = getattr(client, name)(*args, **options)
            return await answer if inspect.isawaitable(answer) else [x async for x in answer]

    with Client(server) as client:
        answer = getattr(client, name)(*args, **options)
        return [*answer] if inspect.isgenerator(answer) else answer, asyncio.run(ask())


def plain(answer: Any) -> Any:
    """Everything of an answer that a repetition must have too."""
    if isinstance(answer, tuple | list):
        return [plain(one) for one in answer]
    if not isinstance(answer, BaseModel):
        return answer
    names = set(type(answer).model_fields) - VOLATILE
    return {name: plain(getattr(answer, name)) for name in names}


@pytest.mark.parametrize(("name", "args", "options"), CALLS, ids=[name for name, _, _ in CALLS])
def test_answers_are_the_same(
    name: str, args: tuple[Any, ...], options: dict[str, Any], server: str
) -> None:
    mine, theirs = both(server, name, *args, **options)
    assert plain(mine) == plain(theirs)


@pytest.mark.parametrize(("name", "args", "options"), OF_A_HANDLE, ids=["handle", "frames", "edit"])
def test_answers_about_a_handle_are_the_same(
    name: str, args: tuple[Any, ...], options: dict[str, Any], server: str
) -> None:
    with Client(server) as client:
        (sample,) = client.generate("ring", seed=7, steps=4, rewind="all")
    mine, theirs = both(server, name, sample, *args, **options)
    assert plain(mine) == plain(theirs)


def test_streams_come_to_the_same(server: str) -> None:
    mine, theirs = both(server, "stream", "ring", 3, seed=7, steps=4)
    whole, _ = both(server, "generate", "ring", 3, seed=7, steps=4)
    results = [collect(mine), collect(theirs), whole]
    assert plain(results[0]) == plain(results[1]) == plain(results[2])
    assert [result.usage.evaluations for result in results] == [whole.usage.evaluations] * 3
