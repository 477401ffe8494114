"""Names of judges, and their processes without a server."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from sureflow.core.lane import Sample
from sureflow_server.judges import JudgePool, Verdict, judges_of
from tests.server.running import eventually, gone
from tests.server.samples import finished

HERE = "tests.server.judges"


def at(x: float) -> Sample:
    return finished(data=np.array([x, 0], np.float32))


@contextmanager
def pool(processes: int = 1, timeout_s: float = 60) -> Iterator[JudgePool]:
    named = {name: f"{HERE}:{name}" for name in ("far", "slow", "deadly")}
    made = JudgePool(named, processes, timeout_s)
    try:
        yield made
    finally:
        made.close()


def test_names_of_the_server_win_over_those_of_packages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "offers-1.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: offers\nVersion: 1\n")
    (folder / "entry_points.txt").write_text("[sureflow.judges]\na = x.y:z\nb = x.y:w\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert judges_of(["a=own.place:judge"]) == {"a": "own.place:judge", "b": "x.y:w"}


def test_a_pool_without_judges_starts_nothing() -> None:
    with pool() as made:
        assert made.names == ("deadly", "far", "slow")
        assert all(process._process is None for process in made._all)


def test_many_are_asked_and_few_at_a_time() -> None:
    async def ask() -> list[Verdict]:
        with pool(2) as made:
            asked = (made.ask("far", at(float(x))) for x in range(12))
            verdicts = await asyncio.gather(*asked)
            assert sum(process._process is not None for process in made._all) <= 2
            return verdicts

    assert [verdict.value for verdict in asyncio.run(ask())] == [float(x) for x in range(12)]


def test_what_hangs_costs_its_time_and_no_more() -> None:
    async def ask() -> None:
        with pool(1, timeout_s=1) as made:
            hanging, fine = await asyncio.gather(made.ask("slow", at(1)), made.ask("slow", at(-1)))
            assert hanging.value is None
            assert hanging.failure == "the judge took longer than 1 s"
            assert hanging.seconds >= 1
            assert (fine.value, fine.failure) == (0.0, "")

    asyncio.run(ask())


def test_nobody_waits_beyond_a_deadline() -> None:
    async def ask() -> None:
        with pool(1) as made:
            hanging = asyncio.create_task(made.ask("slow", at(1)))
            await asyncio.sleep(0)
            began = time.monotonic()
            late = await made.ask("far", at(1), deadline=began + 0.2)
            assert (late.value, late.failure) == (None, "the deadline passed")
            assert time.monotonic() >= began + 0.2
            hanging.cancel()

    asyncio.run(ask())


@pytest.mark.slow
def test_a_potential_judges_a_crystal() -> None:
    """Beside the server, which has no torch."""
    pytest.importorskip("chgnet")
    salt = np.array([[0, 1, 1, 0], [1, 0, 1, 0], [1, 1, 0, 0], [0, 0, 0, 12], [0.5, 0.5, 0.5, 8]])

    async def ask(edge: float) -> Verdict:
        """Magnesium oxide as rock salt with this edge, in angstrom."""
        table = salt * np.array([edge / 2] * 3 + [1.0] * 2)[:, None]
        crystal = finished(data=table.astype(np.float32))
        named = {"chgnet": "sureflow.evaluation.crystals.judge:above_best"}
        made = JudgePool(named, 1, 120)
        try:
            return await made.ask("chgnet", crystal)
        finally:
            made.close()

    good = asyncio.run(ask(4.25)).value
    bad = asyncio.run(ask(5.5)).value
    assert good is not None
    assert bad is not None
    assert good < 0.1 < bad


def test_who_leaves_takes_what_waits_with_him() -> None:
    async def ask() -> None:
        with pool(1) as made:
            waiting = asyncio.create_task(made.ask("far", at(1)))
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            assert (await made.ask("far", at(2))).value == 2.0

    asyncio.run(ask())


def test_closing_ends_a_process_that_hangs() -> None:
    async def ask() -> int:
        with pool(1) as made:
            asked = asyncio.create_task(made.ask("slow", at(1)))
            while (process := made._all[0]._process) is None or process.pid is None:
                await asyncio.sleep(0.01)
            pid = process.pid
        with pytest.raises((asyncio.CancelledError, AssertionError)):
            assert (await asked).value is not None
        return pid

    began = time.monotonic()
    pid = asyncio.run(ask())
    eventually(lambda: gone(pid))
    assert time.monotonic() - began < 120


def test_signals_of_the_group_leave_it_alone() -> None:
    async def ask() -> None:
        with pool(1) as made:
            assert (await made.ask("far", at(1))).value == 1.0
            process = made._all[0]._process
            assert process is not None
            assert process.pid is not None
            for number in (signal.SIGINT, signal.SIGTERM):
                os.kill(process.pid, number)
            assert (await made.ask("far", at(3))).value == 3.0
            assert made._all[0]._process is process

    asyncio.run(ask())
