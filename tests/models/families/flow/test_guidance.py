import numpy as np
import torch
from stubs import Scripted, model_of

from sureflow.families.flow.guidance import apply_guidance
from sureflow.families.flow.spec import FlowSpec
from sureflow.sampling.sample import run


def test_combination_of_velocity_and_variance() -> None:
    scale = np.array([1.0, 3.0, 0.0], np.float32)
    mean = torch.tensor([[1.0], [2.0], [3.0], [10.0], [20.0]])
    reply = {"velocity": mean, "variance": mean.clone()}
    velocity, variance = apply_guidance(reply, scale, np.array([1, 2]))
    assert velocity.squeeze().tolist() == [1.0, 10 + 3 * (2 - 10), 20.0]
    assert variance.squeeze().tolist() == [1.0, 9 * 2 + 4 * 10, 20.0]


def test_a_second_row_without_guidance_changes_nothing() -> None:
    """It was asked for by a score."""
    scale = np.array([1.0, 1.0, 2.0], np.float32)
    mean = torch.randn(5, 3)
    reply = {"velocity": mean, "variance": mean.square()}
    velocity, variance = apply_guidance(reply, scale, np.array([1, 2]))
    assert torch.equal(velocity[:2], mean[:2])
    assert torch.equal(variance[:2], mean[:2].square())
    assert torch.equal(velocity[2], mean[4] + 2 * (mean[2] - mean[4]))


def test_unguided_replies_pass_untouched() -> None:
    reply = {"velocity": torch.randn(2, 3), "variance": torch.rand(2, 3)}
    velocity, variance = apply_guidance(reply, np.ones(2, np.float32), np.array([], np.int64))
    assert torch.equal(velocity, reply["velocity"])
    assert torch.equal(variance, reply["variance"])


def test_guidance_shifts_a_lane_as_the_formula_says() -> None:
    """Constant velocities 1 (label 0) and 0 (null): the end point is x0 + g."""
    net = Scripted(
        lambda x, t, label: (label == 0).float()[:, None].expand_as(x).clone(), classes=1
    )
    start = run(model_of(net), [FlowSpec(0, 0, "euler", 4)])[0].data
    for scale in (0.0, 1.0, 2.5):
        spec = FlowSpec(0, 0, "euler", 4, 0, scale)
        (sample,) = run(model_of(net), [spec])
        assert torch.allclose(torch.from_numpy(sample.data - start), torch.tensor(scale))
