"""What happens to requests when workers die."""

from __future__ import annotations

import pytest

from sureflow.core.card import ModelCard
from sureflow.families.flow.spec import FlowSpec
from sureflow_server.engine.account import Account, Limits
from sureflow_server.engine.admission import footprint
from sureflow_server.engine.errors import RateError
from sureflow_server.engine.job import Job
from sureflow_server.engine.ledger import Ledger
from sureflow_server.engine.messages import Terms
from sureflow_server.engine.scheduler import IDLE

CARD = ModelCard("m", "sha256:0", "vector", (2,), (), 0)


def opened(ledger: Ledger, number: int, lanes: int = 1, account: Account | None = None) -> Job:
    specs = {lane: FlowSpec(number, lane) for lane in range(lanes)}
    account = account or Account()
    nbytes = 1000 * lanes
    job = Job(number, CARD, specs, False, lambda job: None, account=account, nbytes=nbytes)
    ledger.open(job)
    return job


def crash(ledger: Ledger, *in_flight: Job) -> list[Job]:
    for job in in_flight:
        job.in_flight = True
    return ledger.take_back()


def test_requests_are_handed_over_once() -> None:
    ledger = Ledger()
    jobs = [opened(ledger, number) for number in range(3)]
    assert ledger.hand_over() == jobs
    assert ledger.hand_over() == []
    late = opened(ledger, 9)
    assert not ledger.was_given(late)
    assert ledger.hand_over() == [late]
    assert ledger.was_given(late)


def test_room_is_reserved_per_lane_and_given_back() -> None:
    ledger = Ledger()
    first, second = opened(ledger, 1, lanes=5), opened(ledger, 2, lanes=2)
    assert ledger.reserved == 7
    ledger.deliver(first, 3)
    assert ledger.reserved == 6
    assert sorted(first.unfinished) == [0, 1, 2, 4]
    ledger.close(first)
    assert ledger.reserved == 2
    assert first not in ledger
    assert not ledger.was_given(first)
    assert ledger.jobs == (second,)


def test_what_is_idle_takes_no_room() -> None:
    ledger = Ledger()
    specs = {lane: FlowSpec(1, lane) for lane in range(3)}
    idle = Job(1, CARD, specs, False, lambda job: None, Terms(priority=IDLE), nbytes=99)
    ledger.open(idle)
    opened(ledger, 2)
    assert (ledger.reserved, ledger.nbytes) == (1, 1000)
    ledger.deliver(idle, 0)
    ledger.close(idle)
    assert (ledger.reserved, ledger.nbytes) == (1, 1000)


def test_a_further_lane_takes_the_room_of_the_one_that_called_for_it() -> None:
    ledger = Ledger()
    job = opened(ledger, 1, lanes=2)
    ledger.hand_over()
    ledger.deliver(job, 0)
    assert ledger.launch(job, FlowSpec(1, 2)) == 2
    assert (ledger.reserved, job.launched) == (2, 3)
    assert sorted(job.unfinished) == [1, 2]
    assert ledger.was_given(job)
    assert crash(ledger, job) == []
    assert [sorted(job.submit().lanes) for job in ledger.hand_over()] == [[1, 2]]
    ledger.close(job)
    assert ledger.reserved == 0


def test_bytes_stay_reserved_until_a_request_is_done() -> None:
    ledger = Ledger()
    first, second = opened(ledger, 1, lanes=2), opened(ledger, 2)
    assert ledger.nbytes == 3000
    ledger.deliver(first, 0)
    assert ledger.nbytes == 3000, "its sample is still there"
    ledger.launch(first, FlowSpec(1, 2))
    more = footprint(FlowSpec(1, 2), CARD.shape)
    assert ledger.nbytes == 3000 + more
    crash(ledger, first, second)
    assert ledger.nbytes == 3000 + more
    ledger.close(second)
    assert ledger.nbytes == first.nbytes == 2000 + more
    ledger.close(first)
    assert ledger.nbytes == 0


def test_after_a_crash_all_that_is_owed_is_handed_over_again() -> None:
    ledger = Ledger()
    jobs = [opened(ledger, number, lanes=2) for number in range(2)]
    ledger.hand_over()
    ledger.deliver(jobs[0], 0)
    assert crash(ledger, *jobs) == []
    assert ledger.hand_over() == jobs
    assert [sorted(job.submit().lanes) for job in jobs] == [[1], [0, 1]]


def test_a_request_that_kills_workers_ends_alone() -> None:
    ledger = Ledger()
    killer, innocent, waiting = (opened(ledger, number) for number in range(3))
    for _ in range(2):
        assert ledger.hand_over() == [killer, innocent, waiting]
        assert crash(ledger, killer, innocent) == []
    assert ledger.hand_over() == [killer]
    late = opened(ledger, 3)
    assert ledger.hand_over() == [], "nobody runs beside a suspect"
    assert crash(ledger, killer) == [killer]
    ledger.close(killer)
    assert ledger.hand_over() == [innocent], "the other suspect clears itself, alone as well"
    ledger.deliver(innocent, 0)
    ledger.close(innocent)
    assert ledger.hand_over() == [waiting, late]


def test_finishing_a_sample_clears_a_suspect() -> None:
    ledger = Ledger()
    job = opened(ledger, 1, lanes=9)
    for lane in range(8):
        ledger.hand_over()
        ledger.deliver(job, lane)
        assert crash(ledger, job) == []


def test_requests_that_only_waited_are_not_suspected() -> None:
    ledger = Ledger()
    running, waiting = opened(ledger, 1), opened(ledger, 2)
    for _ in range(2):
        ledger.hand_over()
        crash(ledger, running)
    assert (running.crashes, waiting.crashes) == (2, 0)


def test_a_suspect_that_leaves_lets_the_others_go_on() -> None:
    ledger = Ledger()
    suspect, other = opened(ledger, 1), opened(ledger, 2)
    for _ in range(2):
        ledger.hand_over()
        crash(ledger, suspect)
    assert ledger.hand_over() == [suspect]
    ledger.close(suspect)
    assert ledger.hand_over() == [other]


def test_an_account_has_in_flight_what_its_requests_are_owed() -> None:
    ledger, account = Ledger(), Account()
    jobs = [opened(ledger, number, 3, account) for number in range(2)]
    opened(ledger, 2, lanes=5)
    ledger.hand_over()
    for job in jobs:
        ledger.deliver(job, 0)
        ledger.launch(job, FlowSpec(0, 3))
        ledger.deliver(job, 1)
        assert account.in_flight == sum(len(job.unfinished) for job in jobs if job in ledger)
    crash(ledger, *jobs)
    assert account.in_flight == 4
    ledger.close(jobs[0])
    assert account.in_flight == 2
    ledger.close(jobs[1])
    assert account.in_flight == 0


def test_a_further_lane_is_charged_like_a_first_one() -> None:
    ledger, account = Ledger(), Account(Limits(samples_per_minute=2), lambda: 0.0)
    job = opened(ledger, 1, 1, account)
    account.admit(1)
    ledger.deliver(job, 0)
    ledger.launch(job, FlowSpec(1, 1))
    with pytest.raises(RateError):
        account.admit(1)
