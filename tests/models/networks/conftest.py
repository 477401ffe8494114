"""Small trained-looking networks, and their noise drawn instead of integrated out."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from sureflow.moments import Moments, MultiplicativeNoise
from sureflow.networks import VelocityNetwork, build

Simulate = Callable[..., Tensor]


@pytest.fixture
def randomised() -> Callable[..., VelocityNetwork]:
    """``randomised(config)``: a network with every weight drawn, so that no layer is idle."""

    def make(config: dict[str, object], scale: float = 1.0) -> VelocityNetwork:
        network = build(config)
        generator = torch.Generator().manual_seed(0)
        for name, parameter in network.named_parameters():
            fan_in = parameter[0].numel() if parameter.dim() > 1 else 1
            spread = scale * fan_in**-0.5 if parameter.dim() > 1 else 0.1
            drawn = spread * torch.randn(parameter.shape, generator=generator)
            # One-dimensional weights belong to norms: keep them around one.
            centred = parameter.dim() == 1 and name.endswith("weight")
            parameter.data = drawn + 1 if centred else drawn
        for noise in network.noise.values():
            assert isinstance(noise, MultiplicativeNoise)
            nn.init.constant_(noise.output.bias, -2.0)
        return network.eval()

    return make


@pytest.fixture
def drawn_noise(monkeypatch: pytest.MonkeyPatch) -> Simulate:
    """``drawn_noise(network, x, t)``: variance of the velocity over draws of every epsilon."""

    def simulate(network: VelocityNetwork, x: Tensor, t: Tensor, draws: int = 8000) -> Tensor:
        generator = torch.Generator().manual_seed(1)

        def sample(layer: MultiplicativeNoise, h: Moments, embedding: Tensor) -> Moments:
            assert h.variance is None
            eps = torch.randn(h.mean.shape, generator=generator)
            return Moments(h.mean * (1 + layer.alpha(h.mean, embedding).sqrt() * eps))

        label = torch.full((1,), network.classes)
        outputs = []
        with monkeypatch.context() as patch, torch.no_grad():
            patch.setattr(MultiplicativeNoise, "forward", sample)
            for _ in range(draws // 500):
                rows = (500, *(-1 for _ in x.shape[1:]))
                points = x[:1].expand(rows)
                out = network.run(points, t[:1].expand(500), label.expand(500), noisy=True)
                outputs.append(out.mean)
        return torch.cat(outputs).var(0)

    return simulate
