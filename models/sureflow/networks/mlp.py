"""A residual multilayer perceptron for vectors."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional as F

from sureflow.moments import Moments, add, modulate, propagate
from sureflow.moments.rowwise import FEW
from sureflow.networks.embedding import Embedding
from sureflow.networks.network import NetworkOutput, VelocityNetwork, check_depth, noise_layers


class ResidualLayer(nn.Module):
    """LayerNorm, AdaLN by the embedding, and a two-layer perceptron, added back."""

    def __init__(self, width: int, embedding: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.film = nn.Linear(embedding, 2 * width)
        self.input = nn.Linear(width, width)
        self.act = nn.SiLU()
        self.output = nn.Linear(width, width)

    def forward(self, h: Moments, embedding: Tensor) -> Moments:
        """Transform ``h [B, width]`` with ``embedding [B, E]``."""
        scale, shift = self.film(embedding).chunk(2, -1)
        branch = modulate(propagate(self.norm, h), scale, shift)
        branch = propagate(self.act, propagate(self.input, branch))
        return add(h, propagate(self.output, branch))


class MLP(VelocityNetwork):
    """Residual perceptron for samples of shape ``[d]``.

    Args:
        shape: ``(d,)``.
        width: Hidden width.
        layers: Number of residual layers.
        classes: Number of labels, 0 for unconditional.
        embedding: Width of the time-and-label embedding.
        noise: Where noise is injected, any of ``head`` (before the last linear layer, exact) and
            ``layer_K`` (after residual layer K).
        floor: See :class:`~sureflow.networks.network.VelocityNetwork`.

    Raises:
        ValueError: There are too many layers, or ``noise`` names none of them.
    """

    def __init__(
        self,
        shape: Sequence[int],
        width: int = 128,
        layers: int = 3,
        classes: int = 0,
        embedding: int = 128,
        noise: Sequence[str] = ("head",),
        floor: float = 1e-4,
    ) -> None:
        (size,) = shape
        super().__init__((size,), classes, floor)
        check_depth("layers", layers)
        self.embedding = Embedding(embedding, classes)
        self.stem = nn.Linear(size, width)
        self.layers = nn.ModuleList(ResidualLayer(width, embedding) for _ in range(layers))
        self.act = nn.SiLU()
        self.head = nn.Linear(width, size)
        places = [*(f"layer_{index}" for index in range(layers)), "head"]
        self.noise = noise_layers(noise, dict.fromkeys(places, width), embedding)
        self.probe_channels = width

    def run(self, x: Tensor, t: Tensor, label: Tensor, noisy: bool, **given: Tensor) -> Moments:
        """Evaluate; see :class:`~sureflow.networks.network.VelocityNetwork`."""
        if (rows := len(x)) < FEW:
            # All layers are matrix products, which use other kernels for few rows than for many.
            x, t, label = (
                F.pad(z, (*(0, 0) * (z.dim() - 1), 0, FEW - rows)) for z in (x, t, label)
            )
            return self.run(x, t, label, noisy).map(lambda z: z[:rows])
        embedding = self.embedding(t, label)
        h = propagate(self.stem, Moments(x))
        for index, layer in enumerate(self.layers):
            h = self.with_noise(f"layer_{index}", layer(h, embedding), embedding, noisy)
        h = self.with_noise("head", propagate(self.act, h), embedding, noisy)
        out = propagate(self.head, h)
        return NetworkOutput(out.mean, out.variance, hidden=h.mean)
