"""Every bar is missed by what is just beyond it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from benchmarks.hostile.attack import Attack
from benchmarks.hostile.row import Row
from benchmarks.hostile.sending import Outcome
from benchmarks.hostile.target import Setup

JUST = Row(
    name="a",
    outcome=Outcome(largest=10**6, largest_refusal=4096),
    stall_s=0.125,
    control_s=0.025,
    idle=100.0,
    peak=157.0,
    budget=7,
    growth=1.5,
    ended=False,
    seconds=1.0,
)


@pytest.mark.parametrize(
    ("miss", "change"),
    [
        ("stall", {"stall_s": 0.126}),
        ("stall", {"control_s": 0.024}),
        ("memory", {"peak": 158.0}),
        ("memory", {"budget": 6}),
        ("ended", {"ended": True}),
        ("size", {"outcome": Outcome(largest_refusal=4097)}),
        ("5xx", {"outcome": Outcome(undocumented=1)}),
        ("answers", {"outcome": Outcome(offences=["x"])}),
    ],
)
def test_bars(miss: str, change: dict[str, Any]) -> None:
    assert JUST.misses() == []
    assert JUST.cells()[-1] == "ok"
    row = replace(JUST, **change)
    assert row.misses() == [miss]
    assert row.cells()[-1] == f"MISSED: {miss}"


def test_answers_are_counted() -> None:
    outcome = Outcome()
    for status, nbytes in ((200, 9000), (422, 300), (503, 10), (500, 20), (504, 5)):
        outcome.count(status, nbytes, {500, 503})
    assert (outcome.largest, outcome.largest_refusal, outcome.undocumented) == (9000, 300, 2)
    assert len(outcome.expect(200, 422, 503).offences) == 2


def test_budgets_are_those_of_the_settings() -> None:
    attack = Attack("a", lambda _: Outcome(), ("job_bytes", "bodies_bytes"))
    assert attack.budget(Setup("x")) == (256 + 64) << 20
    assert attack.budget(Setup("x", ("--job-bytes", "2000000"))) == 2_000_000 + (64 << 20)
