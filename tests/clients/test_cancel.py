"""Whoever does not wait any more is not worked for."""

from __future__ import annotations

import asyncio
import re
import time

import pytest

from sureflow_client import APITimeoutError, AsyncClient, Client

PATIENCE_S = 30


def cancelled(client: Client) -> float:
    pattern = r'sureflow_requests_total\{.*outcome="cancelled".*\} (\S+)'
    return sum(float(count) for count in re.findall(pattern, client.metrics()))


def wait_for_one_more(client: Client, before: float) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while cancelled(client) <= before:
        assert time.monotonic() < deadline, "the server goes on with what nobody waits for"
        time.sleep(0.05)


def test_a_cancelled_task_hangs_up(server: str) -> None:
    async def give_up() -> None:
        async with AsyncClient(server) as client:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(client.generate("ring", n=64, steps=1000), 0.3)

    with Client(server) as client:
        before = cancelled(client)
        asyncio.run(give_up())
        wait_for_one_more(client, before)


def test_a_call_may_have_less_patience_than_its_client(server: str) -> None:
    with Client(server) as client:
        before = cancelled(client)
        with pytest.raises(APITimeoutError):
            client.with_options(timeout=0.3).generate("ring", n=64, steps=1000)
        wait_for_one_more(client, before)
        assert len(client.generate("ring", steps=2)) == 1
