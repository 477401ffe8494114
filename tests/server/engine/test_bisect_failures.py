"""Networks that fail for some rows, and what becomes of the others."""

from __future__ import annotations

from queue import SimpleQueue
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from stubs import Scripted, model_of

from sureflow.families.flow.process import VELOCITY
from sureflow.families.flow.spec import FlowSpec
from sureflow.sampling.evaluator import evaluators
from sureflow.sampling.sample import run
from sureflow.sampling.sampler import EvaluationError, Sampler
from sureflow_server.engine.bisect_failures import bisect_failures
from sureflow_server.engine.loop import TickLoop
from sureflow_server.engine.messages import Command, Report, Shutdown, Submit

CLASSES = 6
NO_MEMORY = (
    MemoryError("none"),
    torch.OutOfMemoryError("CUDA out of memory"),
    RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes"),
)


class Trouble:
    """What a network does not bear; nothing at first, since it is verified when it is loaded."""

    rows: int | None = None
    labels: frozenset[int] = frozenset()
    error: Exception = MemoryError("none")

    def __init__(self) -> None:
        self.asked: list[int] = []
        network = Scripted(self.velocity, classes=CLASSES)
        self.model = model_of(network)
        evaluators(self.model)[VELOCITY]  # verified while nothing is wrong
        self.asked.clear()

    def velocity(self, x: torch.Tensor, t: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        self.asked.append(len(x))
        if self.rows is not None and len(x) > self.rows:
            raise self.error
        if self.labels & {*label.tolist()}:
            raise ValueError("not this label")
        return label.view(-1, 1).to(x.dtype) - x


def served(trouble: Trouble, requests: dict[int, dict[int, FlowSpec]], slots: int = 16) -> Any:
    """Serve these requests; returns finished samples by request and lane, and failures."""
    inbox: SimpleQueue[Command] = SimpleQueue()
    finished: dict[tuple[int, int], Any] = {}
    failed: dict[int, Any] = {}
    sampler = Sampler(trouble.model, slots)

    def send(report: Report) -> None:
        for done in report.finished:
            assert (done.request, done.lane) not in finished
            finished[done.request, done.lane] = done.sample
        for failure in report.failed:
            assert failure.request not in failed, "one end for each"
            failed[failure.request] = failure
        owed = {
            (request, lane)
            for request, lanes in requests.items()
            for lane in lanes
            if request not in failed
        }
        if owed <= finished.keys():
            inbox.put(Shutdown())

    for request, lanes in requests.items():
        inbox.put(Submit(request, "test", lanes, progress=False))
    loop = TickLoop({"test": sampler}, inbox, send)
    loop.run()
    assert (sampler.running, sampler.free) == (0, slots)
    return finished, failed, loop


def lanes(request: int, count: int, label: int, steps: int = 5) -> dict[int, FlowSpec]:
    return {n: FlowSpec(request, n, "heun", steps, label) for n in range(count)}


@pytest.mark.parametrize("error", NO_MEMORY, ids=lambda error: type(error).__name__)
def test_without_memory_a_tick_is_split_and_every_sample_is_the_same(error: Exception) -> None:
    requests = {request: lanes(request, 4, request) for request in range(4)}
    trouble = Trouble()
    alone = run(trouble.model, [s for each in requests.values() for s in each.values()], 16)
    trouble.asked.clear()
    trouble.rows, trouble.error = 5, error
    finished, failed, _ = served(trouble, requests)
    assert failed == {}
    assert max(trouble.asked) > 5, "it was tried"
    for sample, (_, made) in zip(alone, sorted(finished.items()), strict=True):
        assert made.data.tobytes() == sample.data.tobytes()
        assert made.uncertainty == sample.uncertainty


def test_what_had_no_room_is_not_tried_at_every_tick() -> None:
    trouble = Trouble()
    trouble.rows = 8
    served(trouble, {1: lanes(1, 16, 1, steps=100)})
    too_many = sum(rows > 8 for rows in trouble.asked)
    assert 0 < too_many < len(trouble.asked) / 8


def test_no_memory_for_a_single_lane_fails_its_request_and_no_other() -> None:
    """A guided lane has two rows, and there is room for one."""
    trouble = Trouble()
    if 1 not in evaluators(trouble.model)[VELOCITY].sizes:
        pytest.skip("no block of one row on this machine")
    guided = {0: FlowSpec(2, 0, "heun", 5, 2, 3.0)}
    trouble.rows = 1
    finished, failed, _ = served(trouble, {1: lanes(1, 3, 1), 2: guided, 3: lanes(3, 2, 3)})
    assert {request: failure.memory for request, failure in failed.items()} == {2: True}
    assert {request for request, _ in finished} == {1, 3}


@settings(max_examples=25)
@given(
    st.lists(st.integers(0, CLASSES - 1), min_size=1, max_size=8),
    st.frozensets(st.integers(0, CLASSES - 1), max_size=3),
)
def test_a_network_that_raises_fails_those_that_make_it(
    labels: list[int], bad: frozenset[int]
) -> None:
    trouble = Trouble()
    trouble.labels = bad
    requests = {request: lanes(request, 2, label) for request, label in enumerate(labels)}
    finished, failed, _ = served(trouble, requests)
    assert failed.keys() == {request for request, label in enumerate(labels) if label in bad}
    assert all("not this label" in failure.error for failure in failed.values())
    assert not any(failure.memory for failure in failed.values())
    good = requests.keys() - failed.keys()
    assert finished.keys() == {(request, lane) for request in good for lane in (0, 1)}


def test_lanes_stand_where_they_stood_after_an_error() -> None:
    trouble = Trouble()
    sampler = Sampler(trouble.model, 4)
    for ticket in range(4):
        sampler.admit(ticket, FlowSpec(1, ticket, "heun", 3, 1))
    sampler.tick()
    before = sampler.progress()
    trouble.rows = 0
    with pytest.raises(EvaluationError) as raised:
        sampler.tick()
    assert (raised.value.memory, raised.value.rows) == (True, 4)
    assert sampler.progress() == before
    trouble.rows = None
    done = [ticket for _ in range(5) for ticket, _ in sampler.tick().finished]
    assert sorted(done) == [0, 1, 2, 3]


def test_a_device_that_is_lost_is_no_fault_of_a_lane() -> None:
    trouble = Trouble()
    trouble.rows, trouble.error = 0, torch.AcceleratorError("an illegal memory access")
    sampler = Sampler(trouble.model, 2)
    sampler.admit(0, FlowSpec(1, 0))
    with pytest.raises(torch.AcceleratorError):
        bisect_failures(sampler, lambda ticket: 1)
