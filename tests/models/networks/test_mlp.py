from __future__ import annotations

import pytest
import torch

from sureflow.networks import MLP


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
