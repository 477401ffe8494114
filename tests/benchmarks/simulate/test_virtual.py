from __future__ import annotations

import asyncio
import time

import pytest

from benchmarks.simulate.virtual import play


def test_hours_pass_at_once_and_in_their_order() -> None:
    async def after(seconds: float) -> float:
        await asyncio.sleep(seconds)
        heard.append(seconds)
        return asyncio.get_running_loop().time()

    async def main() -> list[float]:
        return await asyncio.gather(after(7200), after(0.5), after(3600))

    heard: list[float] = []
    began = time.monotonic()
    assert play(main()) == pytest.approx([7200, 0.5, 3600])
    assert heard == [0.5, 3600, 7200]
    assert time.monotonic() - began < 3600


def test_who_waits_for_nothing_is_told() -> None:
    async def main() -> None:
        await asyncio.Event().wait()

    with pytest.raises(RuntimeError, match="nothing will ever happen"):
        play(main())
