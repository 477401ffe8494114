from __future__ import annotations

from dataclasses import replace
from math import inf

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sureflow.core.card import ModelCard
from sureflow.core.lane import Commit, Sample
from sureflow.families.flow.cost import TYPICAL_STEPS
from sureflow.families.flow.spec import FlowSpec
from sureflow.families.flow.tableau import EVALUATIONS, FURTHER
from sureflow_server.engine.forecast import Forecast
from sureflow_server.engine.job import Job
from sureflow_server.engine.messages import Terms, TickStats
from sureflow_server.engine.scheduler import Scheduler

CARDS = {name: ModelCard(name, "sha256:0", "vector", (2,), (), 0) for name in "mn"}
ROW_S, NOW = 0.001, 1000.0


def forecast(tick_rows: int = 4) -> Forecast:
    """One that sees ticks of a millisecond per row at NOW, as they should be."""
    learned = Forecast()
    tick_s = tuple(rows * ROW_S for rows in range(tick_rows + 1))
    learned.expect({"m": tick_s, "n": tick_s})
    see(learned, "m", 1.0, NOW)
    return learned


def see(learned: Forecast, model: str, slowness: float, now: float, seconds: float = 9.0) -> None:
    """Let it see so many seconds of ticks that are so many times longer than they should be."""
    learned.ticked(TickStats(model, rows=9, seconds=seconds, expected_s=seconds / slowness), now)


def job(id: int, lanes: int, evaluations: int, model: str = "m", **terms: float) -> Job:
    specs = {lane: FlowSpec(id, lane, "euler", evaluations) for lane in range(lanes)}
    given = Terms(priority=int(terms.get("priority", 0)), deadline=terms.get("deadline", inf))
    return Job(id, CARDS[model], specs, False, lambda job: None, given, float(evaluations))


def finished(spec: FlowSpec, evaluations: int) -> Sample:
    data = np.zeros(2, np.float32)
    return Sample(
        spec=spec,
        data=data,
        uncertainty=0.0,
        confidence=None,
        t=data,
        rate=data,
        commit=Commit(0.0, 0),
        finish_reason="converged",
        accepted=1,
        rejected=0,
        evaluations=evaluations,
    )


@pytest.mark.parametrize("method", EVALUATIONS)
def test_a_fixed_grid_costs_what_it_says(method: str) -> None:
    spec = FlowSpec(0, 0, method, 7)
    rows = 7 * EVALUATIONS[method] + FURTHER[method]
    assert forecast().lane_rows("m", spec) == rows
    guided = FlowSpec(0, 0, method, 7, label=1, guidance=2.0)
    assert forecast().lane_rows("m", guided) == 2 * rows
    asking = FlowSpec(0, 0, method, 7, label=1, scores=("propagated", "adherence"))
    assert forecast().lane_rows("m", asking) == rows + 1
    assert forecast().lane_rows("m", replace(asking, guidance=2.0)) == 2 * rows
    differentiated = FlowSpec(0, 0, method, 7, label=1, scores=("divergence",))
    assert forecast().lane_rows("m", differentiated) == 2 * rows
    assert forecast().lane_rows("m", replace(differentiated, guidance=2.0)) == 4 * rows
    renoised = FlowSpec(0, 0, method, 7, label=1, guidance=2.0, scores=("adherence", "residual"))
    assert forecast().lane_rows("m", renoised) == 2 * rows + 3


def test_nothing_is_learned_of_the_cost_of_a_lane_from_one_that_was_abandoned() -> None:
    spec = FlowSpec(0, 0, "heun", tolerance=0.1)
    learned = forecast()
    before = learned.lane_rows("m", spec)
    learned.finished("m", replace(finished(spec, 1), finish_reason="abandoned"))
    assert learned.lane_rows("m", spec) == before
    learned.finished("m", finished(spec, 1))
    assert learned.lane_rows("m", spec) < before


def test_an_adaptive_lane_costs_what_its_like_did() -> None:
    learned = forecast()
    spec = FlowSpec(0, 0, "bosh3", tolerance=0.01)
    assert learned.lane_rows("m", spec) == 3 * TYPICAL_STEPS
    learned.finished("m", finished(spec, 40))
    assert learned.lane_rows("m", spec) == 40
    for _ in range(100):
        learned.finished("m", finished(spec, 60))
    assert learned.lane_rows("m", FlowSpec(9, 9, "bosh3", tolerance=0.0101)) == pytest.approx(
        60, 1e-3
    )
    assert learned.lane_rows("m", FlowSpec(0, 0, "bosh3", tolerance=0.1)) == 3 * TYPICAL_STEPS
    assert learned.lane_rows("n", spec) == 3 * TYPICAL_STEPS


def test_nothing_is_promised_before_a_tick_was_seen() -> None:
    fresh = Forecast()
    fresh.expect({"m": (0.0, 1.0, 2.0, 3.0, 4.0)})
    assert fresh.seconds(job(1, 3, 10), [], NOW) == 0
    assert fresh.seconds(job(1, 3, 10), [job(2, 3, 10)], NOW) == 0


def test_alone_it_takes_its_rounds() -> None:
    """Six lanes of ten evaluations, four at a time: two rounds of ten ticks of four rows."""
    assert forecast().seconds(job(1, 6, 10), [], NOW) == pytest.approx(2 * 10 * 4 * ROW_S)


def test_a_large_request_slows_a_small_one_by_its_share_alone() -> None:
    """It runs in every tick, and every tick is full."""
    small = forecast().seconds(job(2, 1, 10), [job(1, 1000, 10)], NOW)
    assert small == pytest.approx(10 * 4 * ROW_S)


def test_where_there_are_more_requests_than_rows_it_waits_for_the_more_urgent() -> None:
    others = [job(id, 1, 100, deadline=1.0) for id in range(2, 42)]
    urgent = forecast().seconds(job(1, 1, 10, deadline=0.5), others, NOW)
    patient = forecast().seconds(job(1, 1, 10, deadline=9.0), others, NOW)
    assert urgent == pytest.approx(10 * 4 * ROW_S)
    assert patient == pytest.approx(40 * 100 * ROW_S + urgent), (
        "four rows, ten of them after another"
    )


def test_lower_priorities_do_not_count() -> None:
    crowd = [job(id, 9, 100) for id in range(2, 42)]
    assert forecast().seconds(job(1, 1, 10, priority=1), crowd, NOW) == pytest.approx(10 * ROW_S)


def test_another_model_at_work_takes_turns() -> None:
    learned = forecast()
    see(learned, "n", 1.0, NOW)
    alone = learned.seconds(job(1, 4, 10), [], NOW)
    assert learned.seconds(job(1, 4, 10), [job(2, 4, 10, "n")], NOW) == pytest.approx(2 * alone)


def test_who_comes_to_others_has_to_expect_the_present_pace() -> None:
    learned, others = forecast(), [job(2, 1, 10)]
    healthy = learned.seconds(job(1, 1, 10), others, NOW)
    see(learned, "m", 4.0, NOW + 9)
    assert learned.seconds(job(1, 1, 10), others, NOW + 9) == pytest.approx(4 * healthy, rel=0.05)
    see(learned, "m", 1.0, NOW + 12, seconds=3.0)
    assert learned.seconds(job(1, 1, 10), others, NOW + 12) == pytest.approx(healthy, rel=0.05)


@given(
    past=st.lists(st.tuples(st.floats(0.001, 20), st.floats(1, 1000)), min_size=1, max_size=9),
    lanes=st.integers(1, 12),
    evaluations=st.integers(1, 30),
    pause=st.floats(0, 10),
)
def test_where_nothing_is_under_way_what_fits_alone_is_never_refused(
    past: list[tuple[float, float]], lanes: int, evaluations: int, pause: float
) -> None:
    """Whatever the machine has been through, even from the beginning."""
    learned, now = Forecast(), NOW
    learned.expect({"m": tuple(rows * ROW_S for rows in range(5))})
    for seconds, slowness in past:
        now += seconds
        see(learned, "m", slowness, now, seconds)
    new = job(99, lanes, evaluations)
    alone = forecast().seconds(new, [], NOW)
    assert 0 < learned.seconds(new, [], now + pause) <= alone * (1 + 1e-9)


@given(slowness=st.floats(1, 1000), seconds=st.floats(0.1, 20))
def test_it_comes_back_within_three_seconds(slowness: float, seconds: float) -> None:
    """At work or at rest, for who comes to others."""
    new, others = job(1, 2, 10), [job(2, 1, 10)]
    healthy = forecast().seconds(new, others, NOW)
    for at_work in (True, False):
        learned = forecast()
        see(learned, "m", slowness, NOW + seconds, seconds)
        then = NOW + seconds + 3
        if at_work:
            see(learned, "m", 1.0, then, 1.5)
        assert learned.seconds(new, others, then) <= 1.3 * healthy


def test_a_new_worker_is_not_judged_by_the_last_one() -> None:
    learned = forecast()
    see(learned, "m", 100.0, NOW + 9)
    learned.expect({"m": tuple(rows * ROW_S for rows in range(5))})
    assert learned.seconds(job(1, 3, 10), [job(2, 3, 10)], NOW + 9) == 0


def test_ticks_in_a_hurry_are_as_wide_as_on_an_undisturbed_machine() -> None:
    learned = Forecast()
    learned.expect({"m": tuple(0.01 * rows for rows in range(9))})
    see(learned, "m", 8.0, NOW)
    assert learned.rows("m") == 3


@given(
    others=st.lists(st.tuples(st.integers(1, 12), st.integers(1, 30)), max_size=12),
    lanes=st.integers(1, 12),
    evaluations=st.integers(1, 30),
)
def test_it_is_right_within_a_factor_of_five(
    others: list[tuple[int, int]], lanes: int, evaluations: int
) -> None:
    """Against the scheduler itself, on a clock of rows; it takes the others that share a tick to
    stay as long as the request does."""
    jobs = [job(id, *shape) for id, shape in enumerate(others)]
    new = job(99, lanes, evaluations)
    took = simulated([*jobs, new], 4)
    expected = forecast(4).seconds(new, jobs, NOW)
    assert took / 5 <= expected <= 5 * took


def simulated(jobs: list[Job], rows: int) -> float:
    """Seconds until the last of these jobs, all there from the beginning, is done."""
    scheduler: Scheduler[tuple[int, int]] = Scheduler()
    for entry in jobs:
        lanes = [(entry.id, spec.steps) for spec in entry.unfinished.values()]
        scheduler.add("m", entry.id, lanes)
    left: dict[int, int] = {}
    owner: dict[int, int] = {}
    paused: set[int] = set()
    owed = len(jobs[-1].unfinished)
    clock = 0.0
    while owed:
        turn = scheduler.turn("m", rows, 2 * rows - len(left))
        paused = (paused | {*turn.pause}) - {*turn.resume}
        for ticket, (request, evaluations) in turn.start:
            left[ticket], owner[ticket] = evaluations, request
        running = [ticket for ticket in left if ticket not in paused]
        clock += len(running) * ROW_S
        for ticket in running:
            left[ticket] -= 1
            if not left[ticket]:
                del left[ticket]
                scheduler.finish(ticket)
                owed -= owner[ticket] == jobs[-1].id
    return clock
