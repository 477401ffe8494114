"""The smallest attacks, on a server that really runs, and on one that ends of them."""

from __future__ import annotations

import os
import signal
from collections import deque
from collections.abc import Iterator

import pytest

from benchmarks.hostile import fieldwise, halves, observed, origins, trial
from benchmarks.hostile.attack import Attack
from benchmarks.hostile.limit import Limit
from benchmarks.hostile.observed import Observed
from benchmarks.hostile.page import table
from benchmarks.hostile.sending import Outcome
from benchmarks.hostile.target import Setup, Target, serving

pytestmark = pytest.mark.slow

SETUP = Setup("of a test", ("--no-studio",))
LIMIT = Limit(2 << 30, None)


@pytest.fixture(scope="module")
def seen() -> Iterator[Observed]:
    """A server that is watched; the last test ends it."""
    with serving(SETUP, LIMIT) as target, observed.observed(target, LIMIT) as found:
        yield found


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "IDLE_S", 0.3)
    monkeypatch.setattr(observed, "PAUSE_S", 0.3)


def kill(target: Target) -> Outcome:
    os.kill(target.pid, signal.SIGKILL)
    target.process.wait()
    return Outcome()


def test_it_withstands_the_smallest(seen: Observed) -> None:
    attacks = [
        Attack("numbers", fieldwise.changed("numbers", 40)),
        Attack("pages", origins.pages),
    ]
    rest, numbers, pages, after = trial.attacked(seen, SETUP, deque(attacks))
    assert {miss for row in (rest, numbers, pages, after) for miss in row.misses()} <= {"stall"}
    assert numbers.outcome.statuses[422] > 20
    assert numbers.outcome.statuses.total() == 40
    assert {*pages.outcome.statuses} == {403}
    assert pages.outcome.statuses[403] > 100
    assert 100 < pages.outcome.largest_refusal <= 4096
    assert 50 << 20 < rest.idle <= rest.peak
    assert min(row.stall_s for row in (rest, numbers, pages, after)) > 0
    assert "403 x" in table([pages])


def test_what_is_answered_otherwise_is_an_offence(seen: Observed) -> None:
    def broken(_: Target) -> Outcome:
        raise ConnectionError("reset")

    row = seen.row(Attack("broken", broken))
    assert row.misses()[-1] == "answers"
    assert row.outcome.offences == ["ConnectionError: reset"]


def test_one_that_ends_misses_its_bar_and_the_others_are_left(seen: Observed) -> None:
    left = deque([Attack("kill", kill), Attack("later", halves.ending)])
    *_, row = trial.attacked(seen, SETUP, left)
    assert row.ended
    assert "ended" in row.misses()
    assert [attack.name for attack in left] == ["later"]
