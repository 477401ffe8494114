"""Models of several stages with known answers."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sureflow.core.card import Condition, ModelCard
from sureflow.families.flow.engine import FlowEngine
from sureflow.model import Model
from sureflow.moments import Moments
from sureflow.networks import Decoder, SampleEncoder, Staged, TextEncoder, VelocityNetwork

WORDS = ("left", "right", "up", "far")
TOKENS = 3
NULL = -1.0
"""The declared null of the text, where none is encoded."""


class Pushed(VelocityNetwork):
    """Goes by its text, a vector ``[2]``, in a unit of time."""

    trained = False

    def __init__(self, bent: bool = False) -> None:
        super().__init__((2,), 0, floor=0.0)
        self.noise = nn.ModuleDict()
        self.bent = bent
        self.conditions = {"text": Condition("text", (2,), NULL)}

    def run(self, x: Tensor, t: Tensor, label: Tensor, noisy: bool, text: Tensor) -> Moments:
        mean = torch.sin(3 * x + text * (1 + t[:, None])) if self.bent else text.clone()
        variance = 0.1 + (text - x) ** 2 * (1 - t[:, None])
        return Moments(mean, variance if noisy else None)


class Words(nn.Module):
    """The text ``[a, b, c]`` means ``[a - c, b / 2]``."""

    def forward(self, tokens: Tensor) -> Tensor:
        a, b, c = tokens.float().unbind(1)
        return torch.stack([a - c, b / 2], 1)


class Drawn(nn.Module):
    """The latent ``[a, b]`` decodes to ``[a, b, a b]``."""

    def forward(self, z: Tensor) -> dict[str, Tensor]:
        return {"sample": torch.cat([z, z.prod(1, keepdim=True)], 1)}


class Read(nn.Module):
    """The sample ``[a, b, c]`` encodes to the latent ``[a, b]``."""

    def forward(self, x: Tensor) -> Tensor:
        return x[:, :2].clone()


class Sketched(nn.Module):
    """As ``Drawn``, without the product."""

    def forward(self, z: Tensor) -> Tensor:
        return torch.cat([z, torch.zeros_like(z[:, :1])], 1)


def sample_encoder(scale: float = 0.5, shift: float = 1.0) -> SampleEncoder:
    return SampleEncoder(Read(), (2,), scale, shift, inputs={"sample": "x"})


def preview() -> Decoder:
    return Decoder(Sketched(), (3,), 0.5, 1.0)


def encoder(**options: object) -> TextEncoder:
    return TextEncoder(Words(), (2,), TOKENS, {"words": WORDS}, **options)  # type: ignore[arg-type]


def decoder(scale: float = 0.5, shift: float = 1.0) -> Decoder:
    return Decoder(Drawn(), (3,), scale, shift, output="sample", inputs={"latent": "z"})


def staged_model(network: Staged) -> Model:
    """A model of it, with the card that a checkpoint would have."""
    facts = FlowEngine.facts(network, {})
    return Model(
        ModelCard("test", "sha256:0", "vector", classes=(), parameters=0, **facts), network, None
    )
