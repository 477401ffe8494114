"""The benchmark of kernels: ratios, and processes in which nothing but the mode is decided."""

import os

import pytest

from benchmarks.kernels import MODES, all_modes, divided, table
from sureflow import numerics
from sureflow.sampling.blocks import Division
from sureflow.sampling.evaluator import Evaluator
from sureflow.sampling.verified import best_rows


def evaluator(costs: dict[int, float]) -> Evaluator:
    made = Evaluator.__new__(Evaluator)
    made.division, made.best_rows = Division(costs), best_rows(costs)
    return made


def test_lanes_in_ticks_of_the_chosen_width_against_all_at_once() -> None:
    assert divided(evaluator({1: 1.0, 8: 4.0, 16: 8.0})) == pytest.approx(1.0)
    assert divided(evaluator({1: 1.0, 8: 4.2, 16: 8.0})) == pytest.approx(1.05)
    assert divided(evaluator({1: 1.0, 8: 6.0, 64: 16.0})) == pytest.approx(1.0)


def test_every_mode_is_measured_as_often_and_its_least_time_counts(monkeypatch) -> None:
    asked = []

    def fresh(model, environment):
        asked.append(environment)
        seconds = 2.0 if len(asked) <= len(MODES) else float(len(asked))
        return {
            "numerics": {"block_rows": [1], "fingerprint": "sha256:" + "0" * 64},
            "evaluation": {str(n): seconds for n in (1, 2, 4, 16, 64)},
            "samples": {"1": seconds, "16": 4 * seconds},
        }

    monkeypatch.setattr("benchmarks.kernels.in_fresh_process", fresh)
    found = all_modes("ring", 3)
    assert asked == [*MODES.values()] * 3
    assert all(each["evaluation"]["1"] == 2.0 for each in found.values())
    rows = table("ring", found).splitlines()[4:]
    assert len(rows) == len(MODES)
    assert all("| 1.00 |" in row and "| 0.25 |" in row for row in rows)


def test_what_this_process_decided_is_not_passed_on(monkeypatch) -> None:
    from benchmarks import kernels

    seen = {}

    def run(command, env, **options):
        seen.update(env)
        return type("Done", (), {"stdout": "{}"})

    monkeypatch.setattr(kernels.subprocess, "run", run)
    assert "MKL_CBWR" in os.environ, "decided when the library was imported"
    kernels.in_fresh_process("ring", {})
    assert not {numerics.SWITCH, *numerics.PORTABLE} & {*seen}
