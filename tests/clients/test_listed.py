"""The tool that lists models, however many there are."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from sureflow_client import Client
from sureflow_client._mcp.models import CARD_BYTES, NAME_BYTES, Cards, ListModels, _run
from sureflow_client._mcp.tool import Call


def listed(models: list[Any]) -> Cards:
    async def known() -> list[Any]:
        return models

    call = SimpleNamespace(client=SimpleNamespace(models=known))
    return cast(Cards, asyncio.run(_run(cast(Call, call), ListModels(name=None))).facts)


@pytest.mark.parametrize("count", [1, 12, 500])
@pytest.mark.parametrize("length", [5, 60])
def test_an_answer_is_short_however_many_models_there_are(
    server: str, count: int, length: int
) -> None:
    with Client(server) as client:
        card = client.model("digits")
    models = [card.model_copy(update={"name": f"{i:0{length}}"}) for i in range(count)]
    found = listed(models)
    assert len(found.models) + len(found.others or []) + (found.unnamed or 0) == count
    names = [*(one.name for one in found.models), *(found.others or [])]
    assert names == [one.name for one in models[: len(names)]]
    size = len(found.model_dump_json(exclude_none=True).encode())
    assert size < CARD_BYTES + 2 * NAME_BYTES
    assert (found.unnamed is None) == (count * length < NAME_BYTES)


def test_one_that_is_too_large_is_there_all_the_same(server: str) -> None:
    with Client(server) as client:
        card = client.model("digits")
    large = card.model_copy(update={"classes": tuple(f"{i:0200}" for i in range(40))})
    assert len(listed([large, card]).models) == 1
