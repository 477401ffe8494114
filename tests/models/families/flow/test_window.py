"""What lanes that run together see of the arrays of all lanes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sureflow.families.flow.combine import combine
from sureflow.families.flow.stages import Stages
from sureflow.families.flow.tableau import STAGES
from sureflow.families.flow.window import Window

CPU = torch.device("cpu")
CAPACITY = 40
SHAPES = [(1,), (2,), (7,), (8, 8), (1, 8, 8), (3, 5, 7), (1, 28, 28)]
NEIGHBOURS, APART = np.array([3, 4, 5]), np.array([3, 5, 9])


def window_of(slots: np.ndarray, shape: tuple[int, ...]) -> tuple[Window, torch.Tensor, Stages]:
    """A window on lanes whose states are random."""
    torch.manual_seed(0)
    path, stages = torch.randn(2, CAPACITY, *shape), Stages(CAPACITY, shape, CPU)
    stages.path.copy_(torch.randn_like(stages.path))
    first, last = int(slots[0]), int(slots[-1]) + 1
    where = slice(first, last) if last - first == len(slots) else torch.from_numpy(slots)
    return Window(path, stages, slots, where), path, stages


@pytest.mark.parametrize("slots", [NEIGHBOURS, APART, np.array([7])], ids=["3", "apart", "1"])
def test_what_is_put_is_each_lanes_stage_and_nobody_elses(slots: np.ndarray) -> None:
    window, _, stages = window_of(slots, (2,))
    for stage in (np.zeros(len(slots), np.int64), np.arange(len(slots))):
        before, said = stages.path.clone(), torch.randn(2, len(slots), 2)
        sums = window.put(stage, *said)
        assert torch.allclose(sums, said.sum(2))
        for place, (slot, number) in enumerate(zip(slots, stage, strict=True)):
            assert torch.equal(stages.path[number, :, slot], said[:, place])
            before[number, :, slot] = said[:, place]
            assert torch.equal(window.velocity(number)[place], said[0, place])
        assert torch.equal(stages.path, before)


@pytest.mark.parametrize("shape", SHAPES)
def test_sums_have_the_bits_that_a_lane_has_alone(shape: tuple[int, ...]) -> None:
    """In one slice of many lanes, in several slots, and at stages of their own."""
    said = torch.randn(2, CAPACITY, *shape, generator=torch.Generator().manual_seed(1))
    alone = []
    for slot in range(CAPACITY):
        window, _, _ = window_of(np.array([slot]), shape)
        alone.append(window.put(np.zeros(1, np.int64), *said[:, slot : slot + 1])[:, 0])
    for slots in (np.arange(CAPACITY), np.arange(1, CAPACITY, 2), NEIGHBOURS):
        for stage in (np.zeros(len(slots), np.int64), np.arange(len(slots)) % STAGES):
            window, _, _ = window_of(slots, shape)
            sums = window.put(stage, *said[:, torch.from_numpy(slots)])
            assert torch.equal(sums, torch.stack([alone[slot] for slot in slots], 1))


@pytest.mark.parametrize("slots", [NEIGHBOURS, APART], ids=["neighbours", "apart"])
def test_a_step_moves_states_and_maps_of_its_lanes(slots: np.ndarray) -> None:
    window, path, stages = window_of(slots, (2,))
    before, weights = path.clone(), np.zeros((3, STAGES))
    weights[:, 0], weights[1, 2] = [0.5, 0.25, 0.125], 2.0
    for place, slot in enumerate(slots):
        own = torch.from_numpy(weights[place].astype(np.float32))
        before[:, slot] += torch.einsum("s,sqd->qd", own, stages.path[:, :, slot])
    window.step(weights)
    assert torch.allclose(path, before, atol=1e-6)
    assert torch.equal(window.x, path[0, torch.from_numpy(slots)])


def test_lanes_of_one_step_size_have_the_bits_of_lanes_of_several() -> None:
    """Their stages are multiplied by a number, those of others by one for each lane."""
    torch.manual_seed(0)
    start, stages = torch.randn(3, 70), torch.randn(STAGES, 3, 70)
    weights = np.random.default_rng(0).normal(size=(3, STAGES))
    together = combine(start, stages.__getitem__, weights)
    for lane in range(3):
        alone = combine(
            start[lane][None], lambda j, lane=lane: stages[j, lane][None], weights[lane][None]
        )
        assert torch.equal(alone[0], together[lane])


def test_a_stage_that_a_lane_does_not_use_may_hold_anything() -> None:
    start, stages = torch.ones(2, 1), torch.tensor([[[1.0], [np.nan]], [[np.inf], [2.0]]])
    weights = np.array([[1.0, 0.0], [0.0, 1.0]])
    assert combine(start, stages.__getitem__, weights).tolist() == [[2.0], [3.0]]
    none = combine(start, stages.__getitem__, np.zeros((2, 2)))
    assert torch.equal(none, start)
    assert none.data_ptr() != start.data_ptr()
