import numpy as np
import torch

from sureflow.families.flow.points import Points


def test_every_point_knows_its_lane_and_its_place() -> None:
    points = Points(np.array([3, 1, 2]))
    assert points.first.tolist() == [0, 3, 4]
    assert points.lane.tolist() == [0, 0, 0, 1, 2, 2]
    assert points.position.tolist() == [0, 1, 2, 0, 0, 1]


def test_spreading_and_picking_are_inverse() -> None:
    points, values = Points(np.array([3, 1, 2])), torch.arange(12.0).reshape(6, 2)
    whole = points.padded(values)
    assert whole.shape == (3, 3, 2)
    assert torch.equal(points.of(whole), values)
    assert whole[1, 1:].abs().max() == 0


def test_leading_flags_are_counted_for_each_lane() -> None:
    points = Points(np.array([3, 1, 2, 1]))
    flags = np.array([True, False, True, False, True, True, True])
    assert points.leading(flags).tolist() == [1, 0, 2, 1]
