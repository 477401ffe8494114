"""A critic: tells samples of a model from data, and changes by at most 1 per unit of distance."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sureflow.networks import tensor_file
from sureflow.networks.scorers import operator_norm

MOST_WIDTH = 1024


class Critic(nn.Module):
    """``D(x)``, larger for data; read is ``-D(x) / L`` with a certified Lipschitz constant ``L``.

    So the reading changes by at most 1 per unit of Euclidean distance in data units: a sample whose
    reading is apart from a threshold by ``m`` has to move by at least ``m`` to change the verdict.
    ``L`` is the product of the norms of all linear layers, computed when the critic is made, not
    taken from a file. Between them is ``(a, b) -> (max, min)`` (Anil, Lucas and Grosse, Sorting
    Out Lipschitz Function Approximation, 2019), which keeps distances at most as they are, as does
    the rearrangement of pixels. Spectral normalisation of critics: Miyato et al. (2018); its
    bounds: Lin et al., Why Spectral Normalization Stabilizes GANs (2021), section 2.

    Args:
        shape: Shape of one sample. Images whose sides are multiples of 4 are convolved.
        width: Channels of the first layer.
        settings: How it was trained.
    """

    def __init__(self, shape: Sequence[int], width: int, settings: dict[str, Any]) -> None:
        super().__init__()
        if not 2 <= width <= MOST_WIDTH or width % 2:
            raise ValueError(f"width: expected an even number from 2 to {MOST_WIDTH}")
        self.shape, self.width, self.settings = tuple(shape), width, settings
        self.convolved = len(shape) == 3 and not (shape[1] % 4 or shape[2] % 4)
        for number, of in enumerate(self.sizes()):
            self.register_buffer(f"weight{number}", torch.zeros(of), persistent=False)
            self.register_buffer(f"bias{number}", torch.zeros(of[0]), persistent=False)
        self.register_buffer("bound", torch.ones((), dtype=torch.float64), persistent=False)

    def sizes(self) -> list[tuple[int, ...]]:
        """Shapes of the weights."""
        width = self.width
        if not self.convolved:
            return [(width, math.prod(self.shape)), (width, width), (1, width)]
        channels, height, breadth = self.shape
        flat = 2 * width * (height // 4) * (breadth // 4)
        convolutions = [(width, 4 * channels, 3, 3), (2 * width, 4 * width, 3, 3)]
        return [*convolutions, (2 * width, flat), (1, 2 * width)]

    @property
    def layers(self) -> list[tuple[Tensor, Tensor]]:
        """Weights and biases, in order."""
        count = len(self.sizes())
        return [(getattr(self, f"weight{n}"), getattr(self, f"bias{n}")) for n in range(count)]

    def norms(self) -> list[float]:
        """Norms of the layers, or bounds on them."""
        found = []
        for number, (weight, _) in enumerate(self.layers):
            side = 2 << number
            image = tuple(z // side for z in self.shape[1:]) if weight.dim() == 4 else ()
            norm = operator_norm.padded(weight, image) if image else operator_norm.matrix(weight)  # type: ignore[arg-type]
            found.append(norm)
        return found

    def put(self, layers: Sequence[tuple[Tensor, Tensor]]) -> None:
        """Set weights and biases, and certify them.

        Raises:
            ValueError: They have other shapes, or are not finite.
        """
        for (weight, bias), (own, start) in zip(layers, self.layers, strict=True):
            for found, place in ((weight, own), (bias, start)):
                if found.shape != place.shape or found.dtype != torch.float32:
                    raise ValueError(f"holds {[*found.shape]} {found.dtype}, not {[*place.shape]}")
                if not found.isfinite().all():
                    raise ValueError("holds NaN or infinity")
                place.copy_(found)
        self.bound = torch.tensor(math.prod(self.norms()), dtype=torch.float64)
        if not self.bound > 0:
            raise ValueError("its bound is 0: it tells nothing apart")

    def forward(self, x: Tensor) -> Tensor:
        """Readings of samples ``x [n, *shape]``, ``[n]``, data units; larger is less like data."""
        return -evaluate(x, self.layers) / self.bound.float()

    def tensors(self) -> dict[str, Tensor]:
        """The tensors whose digest identifies it."""
        pairs = enumerate(self.layers)
        return {f"{name}{n}": z for n, pair in pairs for name, z in zip(KINDS, pair, strict=True)}

    def save(self, path: Path) -> None:
        """Write it into a checkpoint folder."""
        about = {"shape": [*self.shape], "width": self.width}
        tensor_file.write(path, self.tensors(), {**self.settings, **about})

    @classmethod
    def load(cls, path: Path) -> Critic:
        """Read one.

        Raises:
            ValueError: The file is of something else, or its tensors are not those of a critic.
        """
        found, settings = tensor_file.read_all(path)
        shape, width = settings.get("shape"), settings.get("width")
        if not (isinstance(shape, list) and _sizes(shape) and isinstance(width, int)):
            raise ValueError("says no shape and width")
        critic = cls(shape, width, settings)
        names = critic.tensors().keys()
        if found.keys() != names:
            raise ValueError(f"holds {sorted(found)}, not {sorted(names)}")
        count = range(len(critic.sizes()))
        critic.put([(found[f"weight{n}"], found[f"bias{n}"]) for n in count])
        return critic.eval()


KINDS = "weight", "bias"


def _sizes(shape: Any) -> bool:
    """Whether this is the shape of a sample."""
    whole = isinstance(shape, list) and all(type(z) is int and 0 < z <= 1 << 16 for z in shape)
    return whole and 0 < len(shape) <= 8 and math.prod(shape) <= 1 << 20


def evaluate(x: Tensor, layers: Sequence[tuple[Tensor, Tensor]]) -> Tensor:
    """``D`` at samples ``[n, *shape]``, ``[n]``."""
    h = x
    for number, (weight, bias) in enumerate(layers):
        if weight.dim() == 4:
            h = F.conv2d(F.pixel_unshuffle(h, 2), weight, bias, padding=1)
        else:
            h = F.linear(h.flatten(1), weight, bias)
        if number < len(layers) - 1:
            one, other = h.chunk(2, 1)
            h = torch.cat([torch.maximum(one, other), torch.minimum(one, other)], 1)
    return h[:, 0]
