from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

from sureflow.moments import Moments
from sureflow.networks import VelocityNetwork, build, register, registry


class Still(VelocityNetwork):
    """A network that stands still."""

    def __init__(self, shape: list[int]) -> None:
        super().__init__(tuple(shape), 0, 0.0)
        self.noise = nn.ModuleDict()

    def run(self, x: Tensor, t: Tensor, label: Tensor, noisy: bool) -> Moments:
        return Moments(torch.zeros_like(x))


@pytest.fixture
def still(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(registry, "_kinds", dict(registry._kinds))
    register("still", Still)
    return "still"


def test_registered_network_is_built(still: str) -> None:
    network = build({"kind": still, "shape": [3]})
    assert isinstance(network, Still)
    assert network.shape == (3,)
    out = network.moments(torch.ones(2, 3), torch.zeros(2))
    assert out.variance is not None
    assert not out.variance.any()


def test_building_leaves_the_config_alone() -> None:
    config = {"kind": "mlp", "shape": [2], "width": 8, "layers": 1}
    build(config)
    assert config == {"kind": "mlp", "shape": [2], "width": 8, "layers": 1}


@pytest.mark.parametrize("config", [{"kind": "perceptron", "shape": [2]}, {"shape": [2]}])
def test_unknown_kind_lists_the_known(config: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"network\.kind: .*dit.*gaussian_mixture.*mlp.*unet"):
        build(config)


@pytest.mark.parametrize("arguments", [{"shape": [2], "depth": 4}, {}])
def test_arguments_that_do_not_fit(arguments: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="network: "):
        build({"kind": "mlp", **arguments})
