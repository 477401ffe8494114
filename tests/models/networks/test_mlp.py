from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from sureflow.moments import Moments
from sureflow.networks import MLP, VelocityNetwork


class Plain(VelocityNetwork):
    def run(self, x: Tensor, t: Tensor, label: Tensor, noisy: bool, **given: Tensor) -> Moments:
        return Moments(x)


def test_head_variance_is_the_squared_weights_times_the_noise() -> None:
    torch.manual_seed(0)
    network = MLP((3,), width=16, layers=1, floor=0.0).double()
    captured: list[torch.Tensor] = []
    hook = network.head.register_forward_pre_hook(lambda layer, inputs: captured.append(inputs[0]))
    x = torch.randn(5, 3, dtype=torch.float64)
    t = torch.linspace(0.1, 0.9, 5, dtype=torch.float64)
    out = network.moments(x, t)
    hook.remove()
    # A fresh noise layer has alpha 0.1 everywhere.
    expected = (0.1 * captured[0].square()) @ network.head.weight.square().T
    torch.testing.assert_close(out.variance, expected, rtol=1e-6, atol=0)


def test_noise_before_the_last_layer_gives_more_variance_than_the_head_alone() -> None:
    torch.manual_seed(0)
    both = MLP((3,), width=16, layers=2, noise=("layer_0", "head"))
    x, t = torch.randn(5, 3), torch.linspace(0.1, 0.9, 5)
    deep = both.moments(x, t).variance
    del both.noise["layer_0"]
    shallow = both.moments(x, t).variance
    assert deep is not None
    assert shallow is not None
    assert (deep > shallow).all()


def test_shape_must_be_a_vector() -> None:
    with pytest.raises(ValueError, match="unpack"):
        MLP((3, 4))


@pytest.mark.parametrize("shape", [(), (0,), (3.0,), (1, 1e38, 8), (1,) * 9])
def test_a_shape_is_of_integers_above_0(shape: tuple[Any, ...]) -> None:
    with pytest.raises(ValueError, match="shape"):
        Plain(shape, classes=0, floor=0.0)


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_few_rows_have_the_bits_of_many(rows: int) -> None:
    network = MLP((3,), classes=2, noise=("head", "layer_1")).eval()
    generator = torch.Generator().manual_seed(0)
    x, t = torch.randn(16, 3, generator=generator), torch.rand(16, generator=generator)
    label = torch.arange(16) % 3
    with torch.inference_mode():
        many = network.moments(x, t, label)
        few = network.moments(x[:rows], t[:rows], label[:rows])
    assert torch.equal(few.mean, many.mean[:rows])
    assert few.variance is not None
    assert many.variance is not None
    assert torch.equal(few.variance, many.variance[:rows])
