"""The action rewind, without a server."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sureflow.core.frame import Frame
from sureflow.core.lane import Branch, Commit, Sample
from sureflow.families.flow.operations import Resample
from sureflow.families.flow.spec import FlowSpec
from sureflow_server.filters import Rewinding, Threshold
from tests.server.samples import abandoned, finished

TIMES = np.linspace(0, 0.9, 10, dtype=np.float32)
FRAMES = tuple(Frame(step, step / 10, {}) for step in (0, 4))


def rewinding(count: int = 3, max_attempts: int = 4, shift: float = 0.0) -> Rewinding:
    threshold = Threshold("confidence", 0.5, None, "rewind")
    return Rewinding(threshold, count, max_attempts, shift)


def ended(index: int, confidence: float = 0.1, **fields: object) -> Sample:
    values = {"t": TIMES, "commit": Commit(0.4, 4), "frames": FRAMES, **fields}
    return finished(index, confidence, **values)


def branch_of(spec: FlowSpec | None) -> Branch:
    assert spec is not None
    assert isinstance(spec.origin, Branch)
    return spec.origin


def test_what_fails_is_taken_back_to_its_commit_point() -> None:
    sample = ended(1)
    spec = rewinding().follow(sample, 3)
    origin = branch_of(spec)
    assert spec is not None
    assert (spec.seed, spec.index) == (0, 4)
    assert origin.parent is sample.spec
    assert (origin.step, origin.frame) == (4, FRAMES[1])
    assert isinstance(origin.operations[0], Resample)
    assert (origin.operations[0].strength, origin.operations[0].region) == (1.0, "all")


@pytest.mark.parametrize(
    ("shift", "step", "frame"),
    [(-0.1, 3, 0), (0.2, 6, 4), (-0.99, 0, 0), (0.99, 9, 4), (-0.05, 3, 0)],
)
def test_a_little_earlier_leaves_more_open(shift: float, step: int, frame: int) -> None:
    origin = branch_of(rewinding(shift=shift).follow(ended(0), 3))
    assert origin.step == step
    assert origin.frame is not None
    assert origin.frame.step == frame


def test_without_a_frame_it_is_run_again() -> None:
    assert branch_of(rewinding().follow(ended(0, frames=()), 3)).frame is None


@pytest.mark.parametrize(
    "sample",
    [
        ended(0, 0.9),
        ended(9),
        ended(0, finish_reason="diverged"),
        ended(0, finish_reason="deadline"),
        abandoned(0),
    ],
)
def test_what_passes_or_cannot_go_on_is_left(sample: Sample) -> None:
    assert rewinding().follow(sample, 3) is None


@given(st.integers(1, 5), st.integers(1, 6), st.data())
def test_what_is_made_does_not_depend_on_the_order(
    count: int, most: int, data: st.DataObject
) -> None:
    """Every place has its own chain of attempts; the last that fails is dropped."""
    filter = rewinding(count, most)
    passes = {i: data.draw(st.booleans()) for i in range(count * most)}
    waiting = [FlowSpec(0, index) for index in range(count)]
    taken: dict[int, str] = {}
    while waiting:
        spec = waiting.pop(data.draw(st.integers(0, len(waiting) - 1)))
        sample = replace(ended(spec.index, 0.9 if passes[spec.index] else 0.1), spec=spec)
        decision = filter.decide(sample)
        assert decision.attempt == spec.index // count + 1
        taken[spec.index] = decision.action_taken
        following = filter.follow(sample, len(taken))
        assert (following is not None) == (decision.action_taken == "rewound")
        if following is not None:
            assert following.index == spec.index + count
            waiting.append(following)
    for place in range(count):
        chain = [taken[i] for i in range(place, count * most, count) if i in taken]
        assert chain[:-1] == ["rewound"] * (len(chain) - 1)
        assert chain[-1] == "accepted" or (chain[-1] == "dropped" and len(chain) == most)
    assert filter.finalize([], 0) == []


def test_the_reason_says_that_no_attempt_is_left() -> None:
    decision = rewinding(3, 2).decide(ended(4))
    assert decision.action_requested == "rewind"
    assert decision.reason == "score < threshold; no attempt left"
