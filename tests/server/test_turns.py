"""A long loop whose steps never wait."""

from __future__ import annotations

import asyncio

from sureflow_server.turns import Turns


def test_others_have_a_turn_after_so_many_steps() -> None:
    async def test() -> tuple[int, int]:
        others = 0

        async def other() -> None:
            nonlocal others
            while True:
                others += 1
                await asyncio.sleep(0)

        task = asyncio.create_task(other())
        turns = Turns(10)
        for _ in range(9):
            await turns.step()
        before = others
        for _ in range(991):
            await turns.step()
        task.cancel()
        return before, others

    before, others = asyncio.run(test())
    assert before == 0
    assert others == 100
