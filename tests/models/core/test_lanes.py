"""Arrays of lanes: what they are, and frames of them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sureflow.core.fields import Field
from sureflow.core.frame import Frame
from sureflow.core.lane import LaneSpec
from sureflow.core.lanes import Lanes

CPU = torch.device("cpu")
SPEC = LaneSpec(0, 0)
STEPS = 5


class Many(Lanes):
    """Lanes with a field of every kind; ``chosen`` is in the frames of slots with ``has_it``."""

    def __init__(self, capacity: int = 4) -> None:
        super().__init__(capacity, CPU, STEPS)
        self.state = self.tensor("state", 2, 3)
        self.double = self.tensor("double", dtype="f8")
        self.counts = self.tensor("counts", 3, dtype="i8", space="counts")
        self.mask = self.tensor("mask", 2, dtype="b1", space="mask")
        self.weight, self.tries = self.number("weight"), self.count("tries")
        self.retried = self.flag("retried")
        self.profile = self.history("profile", STEPS)
        self.scratch = self.tensor("scratch", 2, kept=False)
        self.has_it = np.zeros(capacity, np.bool_)
        self.chosen = self.tensor("chosen", 2, kept=lambda slot: bool(self.has_it[slot]))

    def fill(self, slot: int, seed: int, step: int) -> None:
        """Put something into every array."""
        rng = np.random.default_rng(seed)
        self.state[slot] = torch.from_numpy(rng.normal(size=(2, 3)).astype(np.float32))
        self.double[slot] = rng.normal()
        self.counts[slot] = torch.from_numpy(rng.integers(-(2**62), 2**62, 3))
        self.mask[slot] = torch.from_numpy(rng.random(2) < 0.5)
        self.weight[slot], self.tries[slot] = rng.normal(), rng.integers(2**62)
        self.retried[slot] = bool(seed % 2)
        self.step[slot], self.t[slot], self.rejected[slot] = step, rng.random(), 3
        for series in (self.times, self.rates, self.profile):
            series[slot] = rng.normal(size=STEPS)
        self.evaluations[slot] = 17
        self.scratch[slot], self.chosen[slot] = 5, 7


KEPT = {
    "step", "t", "rejected", "times", "rates", "state", "double", "counts", "mask", "weight",
    "tries", "retried", "profile",
}  # fmt: skip


def equal(one: Frame, other: Frame) -> bool:
    """Whether two frames are equal in every bit."""
    return (one.step, one.t, one.arrays.keys()) == (other.step, other.t, other.arrays.keys()) and (
        all(
            (array.dtype, array.shape, array.tobytes())
            == (other.arrays[name].dtype, other.arrays[name].shape, other.arrays[name].tobytes())
            for name, array in one.arrays.items()
        )
    )


@pytest.mark.parametrize("step", [0, 1, STEPS])
def test_a_frame_is_all_that_is_kept_and_goes_back_bit_for_bit(step: int) -> None:
    lanes, others = Many(), Many()
    lanes.fill(1, 3, step)
    frame = lanes.take_frame(1)
    assert frame.arrays.keys() == KEPT
    assert (frame.step, frame.t) == (step, lanes.t[1])
    for slot in range(4):
        others.fill(slot, 10 + slot, 2)
    before = [others.take_frame(slot) for slot in range(4)]
    assert others.fits(frame) is None
    others.restore(2, SPEC, frame)
    assert equal(others.take_frame(2), frame)
    assert all(equal(others.take_frame(slot), before[slot]) for slot in (0, 1, 3))
    assert equal(others.take_frame(2), Frame.parse(frame.dump()))


def test_values_of_every_type_are_those_that_were_there() -> None:
    lanes = Many()
    lanes.fill(0, 1, 2)
    arrays = lanes.take_frame(0).arrays
    assert {name: array.dtype.str[1:] for name, array in arrays.items()} == {
        "step": "i8", "t": "f8", "rejected": "i8", "times": "f4", "rates": "f4", "state": "f4",
        "double": "f8", "counts": "i8", "mask": "b1", "weight": "f8", "tries": "i8",
        "retried": "b1", "profile": "f4",
    }  # fmt: skip
    assert arrays["counts"].tolist() == lanes.counts[0].tolist()
    assert (arrays["tries"], arrays["retried"]) == (lanes.tries[0], True)
    assert arrays["profile"].tolist() == lanes.profile[0, :2].tolist()


def test_a_frame_does_not_change_with_its_lane() -> None:
    lanes = Many()
    lanes.fill(0, 1, 2)
    frame, again = lanes.take_frame(0), lanes.take_frame(0)
    lanes.fill(0, 2, 4)
    assert equal(frame, again)
    assert not equal(frame, lanes.take_frame(0))


def test_some_fields_are_in_the_frames_of_some_lanes() -> None:
    lanes = Many()
    for slot in (0, 1):
        lanes.fill(slot, slot, 1)
    lanes.has_it[1] = True
    without, with_it = lanes.take_frame(0), lanes.take_frame(1)
    assert with_it.arrays.keys() - without.arrays.keys() == {"chosen"}
    assert lanes.fits(without) is None
    assert lanes.fits(with_it) is None
    lanes.chosen[3] = 1
    lanes.restore(3, SPEC, with_it)
    assert lanes.chosen[3].tolist() == [7, 7]


def test_what_lanes_have_no_field_for_is_left_alone() -> None:
    """Such as what a score has kept that this lane does without."""
    lanes = Many()
    lanes.fill(0, 1, 2)
    frame = lanes.take_frame(0)
    more = Frame(frame.step, frame.t, {**frame.arrays, "score.x.sum": np.zeros(9)})
    assert lanes.fits(more) is None
    lanes.restore(1, SPEC, more)
    assert equal(lanes.take_frame(1), frame)


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("state", np.zeros((3, 2), np.float32)),
        ("state", np.zeros((2, 3), np.float64)),
        ("mask", np.zeros(2, np.uint8)),
        ("weight", np.zeros(1)),
        ("weight", np.float32(1)),
        ("profile", np.zeros(3, np.float32)),
        ("chosen", np.zeros(3, np.float32)),
        ("step", np.array(3)),
        ("step", np.array(2.0)),
        *((name, None) for name in sorted(KEPT)),
    ],
)
def test_the_array_that_does_not_fit_is_named(name: str, wrong: np.ndarray | None) -> None:
    lanes = Many()
    lanes.fill(0, 1, 2)
    frame = lanes.take_frame(0)
    arrays = {**frame.arrays, name: np.asarray(wrong)}
    if wrong is None:
        del arrays[name]
    assert lanes.fits(Frame(frame.step, frame.t, arrays)) == name


def test_a_frame_that_contradicts_itself_does_not_fit() -> None:
    lanes = Many()
    lanes.fill(0, 1, 2)
    frame = lanes.take_frame(0)
    assert lanes.fits(Frame(2, frame.t + 1e-9, frame.arrays)) == "step"


def test_a_slot_is_cleared_for_the_next_lane() -> None:
    lanes = Many()
    lanes.fill(1, 1, 3)
    lanes.abandoned[1] = lanes.halted[1] = True
    lanes.clear(1)
    assert (lanes.step[1], lanes.t[1]) == (0, 0.0)
    assert (lanes.rejected[1], lanes.evaluations[1]) == (0, 0)
    assert (lanes.times[1, 0], lanes.rates[1, 0]) == (0, 0)
    assert not lanes.abandoned[1]
    assert not lanes.halted[1]
    assert lanes.next_step_t(1) == 0


def test_names_are_given_once() -> None:
    lanes = Many()
    with pytest.raises(AssertionError):
        lanes.add("state", Field((1,)), torch.zeros(4, 1))


def test_bytes_are_those_of_all_arrays() -> None:
    lanes = Lanes(3, CPU, STEPS)
    before = lanes.nbytes
    lanes.tensor("x", 2, 2)
    lanes.flag("lowered")
    lanes.history("profile", 10)
    assert lanes.nbytes - before == 3 * (16 + 1 + 40)


@pytest.mark.parametrize(
    ("slots", "neighbours"), [([0], True), ([1, 2, 3], True), ([0, 2], False), ([], False)]
)
def test_neighbouring_slots_are_a_slice(slots: list[int], neighbours: bool) -> None:
    lanes = Lanes(4, CPU, STEPS)
    index = lanes.index(np.array(slots, np.int64))
    assert isinstance(index, slice) == neighbours
    assert torch.arange(4)[index].tolist() == slots


def test_a_family_that_shows_nothing_says_so() -> None:
    lanes = Lanes(1, CPU, STEPS)
    with pytest.raises(NotImplementedError):
        lanes.view(0)
    with pytest.raises(NotImplementedError):
        lanes.statistics("x", np.array([0]))
    assert lanes.ticks_left(np.array([0])).tolist() == [1.0]
