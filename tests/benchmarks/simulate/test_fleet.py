from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.simulate.balancer import BALANCERS
from benchmarks.simulate.costs import Costs
from benchmarks.simulate.fleet import Point, drawn, lengths, rows_of, run

TICK_S = (0.0, 0.010, 0.014, 0.018, 0.022, 0.026, 0.030, 0.034, 0.036)
COSTS = Costs("test", TICK_S, TICK_S, {0.1: (9, 9, 12), 0.03: (9, 15)})


def point(
    replicas: int, load: float, balancer: str = "least outstanding", count: int = 600
) -> Point:
    return run(COSTS, drawn(3, count), replicas, load, balancer)


def test_fixed_requests_have_the_rows_that_the_mix_counts() -> None:
    for request in drawn(1, 200):
        if request.tolerance is None:
            assert rows_of(request, lengths(request, COSTS)) == request.rows
        else:
            assert set(lengths(request, COSTS)) <= set(COSTS.adaptive[request.tolerance])


@pytest.mark.parametrize("balancer", BALANCERS)
def test_every_request_ends_in_one_way(balancer: str) -> None:
    for load in (0.5, 1.5):
        found = point(4, load, balancer)
        assert found.good + found.refused + found.late == pytest.approx(1)
        assert 0 < found.utilisation <= 1
        assert 1 <= found.rows_per_tick <= COSTS.rows
        assert found.p50 <= found.p95 <= found.p99


def test_what_comes_in_at_low_load_goes_out() -> None:
    found = point(3, 0.3, count=3000)
    assert found.good > 0.99
    assert found.rows_per_second == pytest.approx(0.3 / COSTS.row_s, rel=0.1)


def test_it_is_the_same_again() -> None:
    assert point(5, 0.8, "random") == point(5, 0.8, "random")


def test_more_is_turned_away_the_more_is_asked_for() -> None:
    found = [point(2, load) for load in (0.5, 1.0, 2.0)]
    refused = [each.refused for each in found]
    assert refused == sorted(refused)
    assert refused[-1] > refused[0] + 0.1


def test_whoever_looks_at_the_replicas_does_better_than_whoever_does_not() -> None:
    blind = point(8, 0.8, "random", 2000)
    assert point(8, 0.8, "two choices", 2000).good > blind.good
    assert point(8, 0.8, "least outstanding", 2000).good > blind.good


def test_many_replicas_smooth_what_few_do_not() -> None:
    assert point(16, 0.8, count=3000).good > point(1, 0.8, count=3000).good


@pytest.mark.parametrize("name", BALANCERS)
def test_balancers_name_a_replica(name: str) -> None:
    choose = BALANCERS[name](1)
    chosen = [choose(np.zeros(7, np.int64)) for _ in range(400)]
    assert set(chosen) == set(range(7)), "equal ones all have their turn"


def test_least_outstanding_finds_the_least() -> None:
    choose = BALANCERS["least outstanding"](0)
    counts = np.array([3, 1, 2, 1, 4])
    assert {choose(counts) for _ in range(10)} == {1, 3}


def test_round_robin_takes_turns() -> None:
    choose = BALANCERS["round robin"](0)
    assert [choose(np.array([9, 0, 0])) for _ in range(5)] == [0, 1, 2, 0, 1]


def test_costs_survive_a_file_and_can_be_scaled(tmp_path: Path) -> None:
    COSTS.save(tmp_path / "costs.json")
    assert Costs.parse(tmp_path / "costs.json") == COSTS
    slow = COSTS.scaled(2 * COSTS.row_s)
    assert slow.tick_s == tuple(2 * seconds for seconds in COSTS.tick_s)
    assert slow.row_s == 2 * COSTS.row_s
    assert COSTS.seconds(2 * COSTS.rows + 1) == pytest.approx(2 * TICK_S[-1] + TICK_S[1])


def test_at_another_speed_everything_is_as_much_slower_but_the_grace() -> None:
    """Deadlines have a fixed part, so that only what nobody refuses can be compared."""
    requests = drawn(3, 300)
    fast = run(COSTS, requests, 2, 0.2)
    slow = run(replace(COSTS.scaled(COSTS.row_s / 10)), requests, 2, 0.2)
    assert (fast.good, slow.good) == (1, 1)
    assert slow.p99 == pytest.approx(fast.p99 / 10)


@pytest.mark.slow
def test_the_command_measures_and_writes_everything(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.simulate", "--quick", "--rows", "2"]
    command += ["--replicas", "1", "3", "--loads", "0.8", "--docs", str(tmp_path)]
    command += ["--json", str(tmp_path / "out.json"), "--save-costs", str(tmp_path / "costs.json")]
    subprocess.run(command, check=True)
    record = json.loads((tmp_path / "out.json").read_text())
    assert len(record["points"]) == 1 + len(BALANCERS)
    assert (tmp_path / "simulate.png").read_bytes().startswith(b"\x89PNG")
    text = (tmp_path / "simulate.md").read_text()
    assert "simulated" in text
    assert all(balancer in text for balancer in BALANCERS)
    assert Costs.parse(tmp_path / "costs.json").rows == 2
