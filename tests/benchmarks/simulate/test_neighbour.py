"""The real pool, loop, scheduler and sampler, on a machine that a neighbour slows down for 5 s."""

from __future__ import annotations

import json
import sys
from functools import cache
from pathlib import Path

import pytest

from benchmarks.simulate.asked import Seen
from benchmarks.simulate.beside import run
from benchmarks.simulate.machine import Neighbour
from benchmarks.simulate.neighbour import main

BEGIN, END, LAST = 6.0, 11.0, 30.0


@cache
def played(load: float, slowdown: float = 1.0) -> Seen:
    return run(load, LAST, [Neighbour(BEGIN, END, slowdown)])


def test_nearly_all_is_answered_in_time_at_four_fifths_of_capacity() -> None:
    asked = played(0.8).asked
    assert sum(each.good for each in asked) > 0.95 * len(asked)
    assert sum(each.late for each in asked) <= 0.02 * len(asked)
    assert not any(each.good and each.refused for each in asked)


@pytest.mark.parametrize("load", [0.8, 1.2])
@pytest.mark.parametrize("slowdown", [4.0, 20.0, 500.0])
def test_three_seconds_after_a_neighbour_all_is_as_before(load: float, slowdown: float) -> None:
    """Goodput is 95 % of that without one from the third second on, and not of the first three."""
    alone, beside = played(load), played(load, slowdown)
    neighbour = Neighbour(BEGIN, END, slowdown)
    lost = sum(each.overlaps(neighbour) and not each.good for each in beside.asked)
    assert lost > 5, "it did disturb"
    assert beside.goodput(END + 3, LAST) >= 0.95 * alone.goodput(END + 3, LAST)
    overlapping = sum(each.overlaps(neighbour) for each in beside.asked)
    assert beside.refused - alone.refused <= overlapping


def test_ticks_do_not_become_narrow() -> None:
    """Narrow ticks cost more per row just when there is no time for it."""
    alone, beside = played(1.2), played(1.2, 4.0)
    assert mean(beside.rows(END + 1, LAST)) > 0.9 * mean(alone.rows(END + 1, LAST))


def mean(rows: list[int]) -> float:
    return sum(rows) / len(rows)


def test_it_is_the_same_again() -> None:
    assert run(0.8, 6.0, seed=3) == run(0.8, 6.0, seed=3)


def test_the_command_writes_its_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options = ["--quick", "--loads", "0.8", "--slowdowns", "20", "--docs", str(tmp_path)]
    options += ["--json", str(tmp_path / "figures.json")]
    monkeypatch.setattr(sys, "argv", ["neighbour", *options])
    main()
    assert "| 0.8 | 20 | later |" in (tmp_path / "neighbour.md").read_text()
    assert json.loads((tmp_path / "figures.json").read_text())["benchmark"] == "neighbour"
