"""The tick loop over real samplers, driven through its inbox."""

from __future__ import annotations

from dataclasses import replace
from queue import SimpleQueue
from time import monotonic
from typing import Any

import pytest

from sureflow.confidence.calibration import Calibration
from sureflow.confidence.calibration_file import version_of
from sureflow.core.card import ModelCard
from sureflow.core.halving import halve
from sureflow.evaluation.reference import calibrate
from sureflow.families.flow.spec import FlowSpec
from sureflow.model import Model
from sureflow.networks.registry import build
from sureflow.sampling.halved import run_halved
from sureflow.sampling.sample import run
from sureflow.sampling.sampler import Sampler
from sureflow_server.engine.loop import TickLoop
from sureflow_server.engine.messages import (
    Cancel,
    Command,
    Finished,
    Recalibrate,
    Report,
    Shutdown,
    Submit,
    Terms,
    Viewed,
)
from sureflow_server.engine.scheduler import IDLE

MIXTURE: dict[str, Any] = {
    "kind": "gaussian_mixture",
    "weights": [1, 1],
    "means": [[1.0, 0.0], [-1.0, 0.0]],
    "covariances": [0.2, 0.2],
    "labels": [0, 1],
}


@pytest.fixture(scope="module")
def model() -> Model:
    card = ModelCard("m", "sha256:0", "vector", (2,), ("right", "left"), 0)
    return Model(card, build(MIXTURE).eval(), None)


def lanes(seed: int, count: int, method: str, steps: int, **fields: Any) -> dict[int, FlowSpec]:
    return {n: FlowSpec(seed, n, method, steps, **fields) for n in range(count)}


class Driver:
    """Puts commands into the inbox and ends the loop when all lanes are in."""

    def __init__(self, owed: int) -> None:
        self.inbox: SimpleQueue[Command] = SimpleQueue()
        self.reports: list[Report] = []
        self.owed = owed

    def send(self, report: Report) -> None:
        self.reports.append(report)
        self.owed -= len(report.finished)
        if self.owed == 0:
            self.inbox.put(Shutdown())

    @property
    def finished(self) -> dict[tuple[int, int], Finished]:
        return {(f.request, f.lane): f for report in self.reports for f in report.finished}

    def total(self, name: str, model: str) -> int:
        stats = [s for report in self.reports for s in report.stats if s.model == model]
        values = [getattr(entry, name) for entry in stats]
        return sum(sum(value) if isinstance(value, list) else value for value in values)


@pytest.fixture
def no_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sureflow_server.engine.loop.BEAT_S", 0.001)


def test_requests_of_all_kinds_share_ticks(model: Model) -> None:
    requests = {
        1: lanes(1, 2, "euler", 6),
        2: lanes(2, 3, "rk4", 3, label=1),
        3: lanes(3, 1, "heun", 5, label=0, guidance=2.0),
    }
    driver = Driver(owed=6)
    for request, specs in requests.items():
        driver.inbox.put(Submit(request, "m", specs, progress=False))
    TickLoop({"m": Sampler(model, 8)}, driver.inbox, driver.send).run()
    assert driver.total("row_counts", "m") == 12, "as many ticks as the longest lane, rk4's, needs"
    assert driver.total("rows", "m") == 2 * 6 + 3 * 12 + 2 * 10
    every = [spec for request in requests.values() for spec in request.values()]
    for (_, done), alone in zip(
        sorted(driver.finished.items()), run(model, every, capacity=1), strict=True
    ):
        assert done.sample.data.tobytes() == alone.data.tobytes()
        assert done.sample.uncertainty == alone.uncertainty


def test_every_model_ticks(model: Model) -> None:
    driver = Driver(owed=4)
    for number, name in enumerate("ab"):
        driver.inbox.put(Submit(number, name, lanes(number, 2, "euler", 4), progress=False))
    TickLoop({name: Sampler(model, 2) for name in "ab"}, driver.inbox, driver.send).run()
    assert [driver.total("row_counts", name) for name in "ab"] == [4, 4]


def test_a_freed_slot_is_refilled_in_the_next_tick(model: Model) -> None:
    driver = Driver(owed=5)
    driver.inbox.put(Submit(1, "m", lanes(1, 5, "euler", 3), progress=False))
    TickLoop({"m": Sampler(model, 2)}, driver.inbox, driver.send).run()
    assert driver.total("row_counts", "m") == 9, "three rounds of three steps, without a gap"


def test_it_rests_once_between_one_request_and_the_next(model: Model, no_wait: None) -> None:
    driver, rested = Driver(owed=2), list[int]()
    submits = [Submit(n, "m", lanes(n, 1, "euler", 3), progress=False) for n in range(2)]

    def rest() -> None:
        rested.append(len(driver.finished))

    loop = TickLoop({"m": Sampler(model, 2)}, driver.inbox, driver.send, rest=rest)
    for _ in range(3):
        loop.turn()  # nothing has come yet
    for done, submit in enumerate(submits, 1):
        driver.inbox.put(submit)
        while not loop.asleep or len(driver.finished) < done:
            loop.turn()
        if done < len(submits):
            for _ in range(3):
                loop.turn()
    assert rested == [1]


def test_there_is_at_most_one_report_per_tick(model: Model) -> None:
    driver = Driver(owed=9)
    driver.inbox.put(Submit(1, "m", lanes(1, 9, "heun", 7), progress=True))
    TickLoop({"m": Sampler(model, 4)}, driver.inbox, driver.send).run()
    assert len(driver.reports) <= driver.total("row_counts", "m") + 1


def test_views_of_watched_lanes_are_reported_once_and_on_the_way(model: Model) -> None:
    driver = Driver(owed=4)
    watched = lanes(1, 2, "heun", 8, watch=(2, 5))
    driver.inbox.put(Submit(1, "m", watched, progress=True))
    driver.inbox.put(Submit(2, "m", lanes(1, 2, "heun", 8, watch=(2, 5)), progress=False))
    TickLoop({"m": Sampler(model, 4)}, driver.inbox, driver.send).run()
    told: dict[int, list[Viewed]] = {}
    for report in driver.reports:
        for viewed in report.viewed:
            assert (viewed.request, viewed.lane) not in driver_done(driver, report)
            told.setdefault(viewed.lane, []).append(viewed)
            assert viewed.request == 1
    for lane, spec in watched.items():
        done = driver.finished[1, lane].sample
        assert [viewed.view.step for viewed in told[lane]] == [2, 5]
        for viewed, own in zip(told[lane], done.views, strict=True):
            assert viewed.view.prediction.tobytes() == own.prediction.tobytes()
        (alone,) = run(model, [replace(spec, watch=())])
        assert done.data.tobytes() == alone.data.tobytes()


def driver_done(driver: Driver, until: Report) -> set[tuple[int, int]]:
    """Lanes that were finished by a report, or before it."""
    before = driver.reports[: driver.reports.index(until) + 1]
    return {(each.request, each.lane) for report in before for each in report.finished}


def test_started_comes_before_finished_and_once_per_report(model: Model) -> None:
    driver = Driver(owed=3)
    driver.inbox.put(Submit(7, "m", lanes(1, 3, "euler", 2), progress=False))
    TickLoop({"m": Sampler(model, 8)}, driver.inbox, driver.send).run()
    assert [started.request for report in driver.reports for started in report.started] == [7]
    assert driver.reports[0].started
    assert not driver.reports[0].finished


def test_a_request_may_have_more_lanes_at_any_time(model: Model) -> None:
    """While others of it wait, while they run, and when all have ended."""
    specs = lanes(1, 8, "euler", 4)
    driver = Driver(owed=8)
    submits = [{n: specs[n] for n in part} for part in ([0, 1, 2], [3], [4, 5], [6], [7])]
    first, second, *later = [Submit(1, "m", part, progress=False) for part in submits]

    def send(report: Report) -> None:
        driver.send(report)
        if report.finished and later:
            driver.inbox.put(later.pop(0))

    driver.inbox.put(first)
    driver.inbox.put(second)
    TickLoop({"m": Sampler(model, 2)}, driver.inbox, send).run()
    alone = run(model, specs.values())
    for lane, sample in enumerate(alone):
        assert driver.finished[1, lane].sample.data.tobytes() == sample.data.tobytes()


def test_cancel_frees_the_slots_and_disturbs_nobody(model: Model) -> None:
    cancelled, other = lanes(1, 9, "rk4", 50), lanes(2, 2, "euler", 5)
    driver = Driver(owed=2)
    sampler = Sampler(model, 4)

    def send(report: Report) -> None:
        if any(started.request == 1 for started in report.started):
            driver.inbox.put(Cancel(1))
        driver.send(report)

    driver.inbox.put(Submit(1, "m", cancelled, progress=False))
    driver.inbox.put(Submit(2, "m", other, progress=False))
    driver.inbox.put(Cancel(99))
    TickLoop({"m": sampler}, driver.inbox, send).run()
    assert {request for request, _ in driver.finished} == {2}
    assert (sampler.running, sampler.free) == (0, 4)
    alone = run(model, other.values())
    for lane, sample in enumerate(alone):
        assert driver.finished[2, lane].sample.data.tobytes() == sample.data.tobytes()


@pytest.mark.parametrize(("method", "ticks"), [("euler", 1), ("midpoint", 2), ("rk4", 4)])
def test_progress_counts_steps(model: Model, method: str, ticks: int) -> None:
    driver = Driver(owed=1)
    driver.inbox.put(Submit(1, "m", lanes(1, 1, method, 400), progress=True))
    TickLoop({"m": Sampler(model, 4)}, driver.inbox, driver.send).run()
    assert driver.total("row_counts", "m") == 400 * ticks
    steps = [progress.step for report in driver.reports for progress in report.progress]
    assert steps == sorted(steps)
    assert steps[0] == 0
    assert all(step < 400 for step in steps)
    for report in driver.reports:
        assert all(progress.t == progress.step / 400 for progress in report.progress)


def test_progress_of_an_adaptive_lane_is_its_own_clock(model: Model) -> None:
    driver = Driver(owed=1)
    spec = FlowSpec(1, 0, "dopri5", tolerance=1e-5, min_steps=300, max_steps=1000)
    driver.inbox.put(Submit(1, "m", {0: spec}, progress=True))
    TickLoop({"m": Sampler(model, 4)}, driver.inbox, driver.send).run()
    times = [progress.t for report in driver.reports for progress in report.progress]
    assert times[0] == 0
    assert times == sorted(times)
    assert times[-1] < 1
    sample = driver.finished[1, 0].sample
    assert sample.rejected == 0
    assert driver.total("rows", "m") == sample.evaluations == 6 * sample.accepted


def test_a_thousand_samples_do_not_delay_one(model: Model) -> None:
    """The one runs in every tick from the first after its arrival."""
    ticks_of_one: list[int] = []
    driver = Driver(owed=1)

    def send(report: Report) -> None:
        finished = [f for f in report.finished if f.request == 2]
        driver.send(Report(report.started, report.progress, finished, report.stats))

    class Counted(Sampler):
        arrived = False

        def tick(self) -> Any:
            if self.arrived and not ticks_of_one:
                driver.inbox.put(Submit(2, "m", lanes(2, 1, "euler", 5), progress=False))
            ticks_of_one.extend([self.running] * self.arrived)
            self.arrived = True
            return super().tick()

    driver.inbox.put(Submit(1, "m", lanes(1, 1000, "rk4", 50), progress=False))
    TickLoop({"m": Counted(model, 8)}, driver.inbox, send, {"m": [0.0] * 5}).run()
    assert len(ticks_of_one) <= 1 + 5 + 1, "one tick was under way when it came"
    assert set(ticks_of_one) == {4}, "every tick is full"


def test_request_admission_waits_until_nothing_runs(model: Model) -> None:
    driver = Driver(owed=3)
    driver.inbox.put(Submit(1, "m", lanes(1, 1, "euler", 9), progress=False))
    driver.inbox.put(Submit(2, "m", lanes(2, 2, "euler", 3), progress=False))
    TickLoop({"m": Sampler(model, 2)}, driver.inbox, driver.send, admission="request").run()
    assert driver.total("row_counts", "m") == 9 + 3, "the freed slot was not filled"
    admitted = sorted((f.admitted, f.request) for f in driver.finished.values())
    assert [request for _, request in admitted] == [1, 2, 2]


def test_a_late_lane_hurries(model: Model) -> None:
    spec = FlowSpec(1, 0, "bosh3", tolerance=1e-5, max_steps=1000)
    terms = Terms(deadline=monotonic())
    driver = Driver(owed=1)
    driver.inbox.put(Submit(1, "m", {0: spec}, progress=False, terms=terms))
    TickLoop({"m": Sampler(model, 2)}, driver.inbox, driver.send).run()
    (alone,) = run(model, [spec])
    sample = driver.finished[1, 0].sample
    assert sample.finish_reason == "deadline"
    assert sample.evaluations < alone.evaluations


def test_the_higher_priority_is_done_first(model: Model) -> None:
    driver = Driver(owed=4)
    for request, priority in ((1, 0), (2, 5)):
        terms = Terms(priority=priority)
        driver.inbox.put(Submit(request, "m", lanes(request, 2, "euler", 5), False, terms))
    TickLoop({"m": Sampler(model, 4)}, driver.inbox, driver.send, {"m": [0.0] * 3}).run()
    assert [request for request, _ in driver.finished] == [2, 2, 1, 1]


def test_idle_lanes_stand_still_while_any_model_is_asked_for_others(model: Model) -> None:
    """Once the others are done they go on; their samples are those that they always are."""
    driver = Driver(owed=6)
    idle, wanted = lanes(1, 4, "rk4", 20), lanes(2, 2, "rk4", 40)

    def send(report: Report) -> None:
        if any(started.request == 1 for started in report.started):
            driver.inbox.put(Submit(2, "other", wanted, progress=False))
        driver.send(report)

    driver.inbox.put(Submit(1, "m", idle, progress=False, terms=Terms(priority=IDLE)))
    TickLoop({name: Sampler(model, 8) for name in ("m", "other")}, driver.inbox, send).run()
    order = [done.request for report in driver.reports for done in report.finished]
    assert order == [2, 2, 1, 1, 1, 1], "they began later, and are twice as long"
    for lane, sample in enumerate(run(model, idle.values())):
        assert driver.finished[1, lane].sample.data.tobytes() == sample.data.tobytes()


def test_a_calibration_takes_effect_while_lanes_run(model: Model) -> None:
    """Their samples are the same; those that end later have a confidence by it."""
    made = replace(calibrate(model, 20, steps=2, quiet=True), version="")
    data = made.encode()
    driver = Driver(owed=2)
    sampler = Sampler(model, 4)

    def send(report: Report) -> None:
        if any(done.lane == 0 for done in report.finished):
            driver.inbox.put(Recalibrate("m", data))
        driver.send(report)

    spec = FlowSpec(1, 0, "heun", 2, 0)
    both = {0: spec, 1: replace(spec, steps=200)}
    driver.inbox.put(Submit(1, "m", both, progress=False))
    TickLoop({"m": sampler}, driver.inbox, send).run()
    first, second = (driver.finished[1, lane].sample for lane in (0, 1))
    assert (first.confidence, first.calibration_version) == (None, "")
    assert second.calibration_version == version_of(data)
    plain = run(model, [both[1]])[0]
    assert second.data.tobytes() == plain.data.tobytes()
    known = model.recalibrated(Calibration.decode(data))
    assert second.confidence == run(known, [both[1]])[0].confidence
    assert second.confidence is not None


def compared(request: int, specs: dict[int, FlowSpec], finish: int, lanes: int = 0) -> Submit:
    return Submit(request, "m", specs, False, halving=halve(lanes or len(specs), finish))


def test_lanes_that_are_compared_hold_no_slots_while_they_wait(model: Model) -> None:
    """Two requests, each larger than all slots, beside one that is not compared."""
    requests = {
        1: lanes(1, 9, "heun", 10),
        2: lanes(2, 7, "euler", 10, guidance=2.0, label=0),
    }
    others = lanes(3, 5, "heun", 7)
    driver = Driver(owed=21)
    driver.inbox.put(compared(1, requests[1], 2))
    driver.inbox.put(Submit(3, "m", others, progress=False))
    driver.inbox.put(compared(2, requests[2], 3))
    TickLoop({"m": Sampler(model, 4)}, driver.inbox, driver.send).run()
    for number, specs in requests.items():
        finish = {1: 2, 2: 3}[number]
        (made,) = run_halved(model, [[*specs.values()]], halve(len(specs), finish))
        for lane, expected in enumerate(made):
            done = driver.finished[number, lane].sample
            assert done.data.tobytes() == expected.data.tobytes()
            assert (done.rung, done.evaluations) == (expected.rung, expected.evaluations)
        assert sum(sample.rung is None for sample in made) == finish
    spent = sum(done.sample.evaluations for done in driver.finished.values())
    assert driver.total("rows", "m") == spent, "no row is spent twice"
    for lane, alone in enumerate(run(model, others.values())):
        assert driver.finished[3, lane].sample.data.tobytes() == alone.data.tobytes()


def test_what_is_dropped_at_a_rung_is_told_in_one_report(model: Model) -> None:
    driver = Driver(owed=8)
    driver.inbox.put(compared(1, lanes(1, 8, "heun", 10), 1))
    TickLoop({"m": Sampler(model, 3)}, driver.inbox, driver.send).run()
    by_report = [
        {done.sample.abandoned_at for done in report.finished if done.sample.rung}
        for report in driver.reports
    ]
    assert [times for times in by_report if times] == [{0.2}, {0.4}, {0.6}]


@pytest.mark.parametrize("told", [0, 1, 2, 3])
def test_a_worker_that_takes_over_what_is_left_comes_to_the_same(model: Model, told: int) -> None:
    """It is given the lanes of which nothing has been heard, and no more."""
    specs = lanes(4, 12, "heun", 10)
    (whole,) = run_halved(model, [[*specs.values()]], halve(12, 3))
    heard = (0.2, 0.4, 0.6)[:told]
    left = {n: spec for n, spec in specs.items() if whole[n].abandoned_at not in heard}
    driver = Driver(owed=len(left))
    driver.inbox.put(compared(1, left, 3, lanes=12))
    TickLoop({"m": Sampler(model, 4)}, driver.inbox, driver.send).run()
    for lane in left:
        done = driver.finished[1, lane].sample
        assert done.data.tobytes() == whole[lane].data.tobytes()
        assert (done.rung, done.finish_reason) == (whole[lane].rung, whole[lane].finish_reason)


def test_a_request_that_is_compared_can_be_cancelled_at_a_rung(model: Model) -> None:
    driver = Driver(owed=4)
    driver.inbox.put(compared(1, lanes(1, 12, "heun", 200), 3))
    loop = TickLoop({"m": Sampler(model, 4)}, driver.inbox, driver.send)
    assert loop.turn()
    while not loop._compared.parked("m"):
        assert loop.turn()
    driver.inbox.put(Cancel(1))
    driver.inbox.put(Submit(2, "m", lanes(2, 4, "heun", 3), progress=False))
    loop.run()
    assert not loop._compared
    assert {request for request, _ in driver.finished} == {2}


def test_views_of_lanes_that_are_compared_are_reported_once(model: Model) -> None:
    driver = Driver(owed=6)
    watched = lanes(1, 6, "heun", 10, watch=(1, 5, 9))
    driver.inbox.put(Submit(1, "m", watched, progress=True, halving=halve(6, 6)))
    TickLoop({"m": Sampler(model, 2)}, driver.inbox, driver.send).run()
    told: dict[int, list[int]] = {}
    for report in driver.reports:
        for viewed in report.viewed:
            told.setdefault(viewed.lane, []).append(viewed.view.step)
    assert told == {lane: [1, 5, 9] for lane in range(6)}
