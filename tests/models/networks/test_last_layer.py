import torch
from torch import Tensor, nn

from sureflow.networks import FrozenVelocity
from sureflow.networks.last_layer import last_layers


class Backward(nn.Module):
    """Names its layers in another order than it runs them, and runs one twice."""

    def __init__(self) -> None:
        super().__init__()
        self.output = nn.Linear(8, 4)
        self.hidden = nn.Sequential(nn.Linear(5, 8), nn.SiLU())
        self.twice = nn.Linear(8, 8)
        self.idle = nn.Linear(8, 8)

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        h = self.hidden(torch.cat([x, t[:, None]], -1))
        return self.output(self.twice(self.twice(h)))  # type: ignore[no-any-return]


def test_layers_come_as_they_ran_and_only_those_that_ran_once() -> None:
    module = Backward()
    network = FrozenVelocity(module, shape=(4,), variance="none")
    assert last_layers(network, module) == ["output", "hidden.0"]
    assert not module.output._forward_hooks
