from __future__ import annotations

import os
import time
from pathlib import Path

from benchmarks.serving.neighbour import BUSY_S, EVERY_S, FIRST_S, busy_at, neighbours
from benchmarks.serving.servers import KINDS
from tests.server.running import eventually


def test_they_are_busy_for_five_seconds_in_every_thirty() -> None:
    hours = [n / 10 for n in range(36000 * 2)]
    busy = [second for second in hours if busy_at(second)]
    assert min(busy) == FIRST_S
    assert abs(len(busy) / len(hours) - BUSY_S / EVERY_S) < 0.001
    assert not busy_at(FIRST_S + BUSY_S)
    assert busy_at(FIRST_S + EVERY_S)


def test_they_work_on_the_core_that_they_are_given_and_go() -> None:
    core = min(os.sched_getaffinity(0))
    mine = children()
    with neighbours(2, core):
        started = children() - mine
        assert len(started) == 2
        eventually(lambda: all(os.sched_getaffinity(pid) == {core} for pid in started))
        time.sleep(FIRST_S)
        eventually(lambda: all(ticks(pid) > 20 for pid in started))
    assert not started & children()


def test_a_kind_beside_neighbours_is_told_from_the_one_alone() -> None:
    alone = KINDS["sureflow"]()
    beside = alone.beside(2)
    assert (alone.neighbours, beside.neighbours) == (0, 2)
    assert beside.name == "sureflow, neighbour"
    assert beside.command is alone.command


def children() -> set[int]:
    text = Path(f"/proc/self/task/{os.getpid()}/children").read_text()
    return {int(pid) for pid in text.split()}


def ticks(pid: int) -> int:
    """Hundredths of a second that a process has computed for."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11])
