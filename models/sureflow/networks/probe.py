"""Linear probes: a number read from a network's activations, which predicts another number."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from sureflow.moments.reduction import row_sums
from sureflow.moments.rules import widened
from sureflow.moments.square_root import square_root
from sureflow.networks import tensor_file

WEIGHT, BIAS, CENTRE = "weight", "bias", "centre"

FORESEES = "foresees"
"""Entry in the settings of a foresight: the score that it is about."""


def pooled(hidden: Tensor) -> Tensor:
    """Mean, then standard deviation, of every channel over the positions of a row, ``[B, 2 C]``.

    Activations are ``[B, C, H, W]``, ``[B, tokens, C]`` or ``[B, C]``, which is a single position.
    The bits of a row's result depend on that row alone.
    """
    h = widened(hidden)
    rows = h.mT if h.dim() == 3 else h.flatten(2) if h.dim() > 3 else h[..., None]
    batch, channels, positions = rows.shape
    rows = rows.reshape(batch * channels, positions)
    mean = row_sums(rows) / positions
    deviation = square_root(row_sums((rows - mean[:, None]).square()) / positions)
    return torch.cat([mean.view(batch, channels), deviation.view(batch, channels)], 1)


class Probe(nn.Module):
    """Reads a number from a network's activations, linear in their :func:`pooled` moments.

    What it predicts is a judge's verdict on the finished sample, by the mean reading along the
    path; or, as a *foresight*, how its score will rank, by the reading at a single time. The
    weights are piecewise linear in time, between equally spaced knots on [0, 1]. Alain and
    Bengio, Understanding intermediate layers using linear classifier probes (2016).

    Activations of a single position have no deviation over positions. With a ``centre``, their
    distance from it takes its place, so that the reading bends there.

    Args:
        weight: At the knots, ``[K, 2 C]``, K >= 2, float32.
        bias: By label, the null label last, ``[classes + 1]``, float32.
        settings: How it was fitted: judge, or score that it foresees; draws, seed, solver.
        centre: At the knots, ``[K, C]``, float32, for activations of a single position.

    Raises:
        ValueError: The tensors have other shapes or types, or hold NaN or infinity.
    """

    weight: Tensor
    bias: Tensor
    centre: Tensor | None

    def __init__(
        self,
        weight: Tensor,
        bias: Tensor,
        settings: dict[str, Any],
        centre: Tensor | None = None,
    ) -> None:
        super().__init__()
        if weight.dim() != 2 or len(weight) < 2 or weight.shape[1] % 2:
            raise ValueError(f"{WEIGHT} has shape {[*weight.shape]}, not [K, 2 C] with K >= 2")
        if bias.dim() != 1 or not len(bias):
            raise ValueError(f"{BIAS} has shape {[*bias.shape]}, not [classes + 1]")
        if centre is not None and centre.shape != (len(weight), weight.shape[1] // 2):
            wanted = [len(weight), weight.shape[1] // 2]
            raise ValueError(f"{CENTRE} has shape {[*centre.shape]}, not {wanted}")
        for name, tensor in ((WEIGHT, weight), (BIAS, bias), (CENTRE, centre)):
            if tensor is not None and tensor.dtype != torch.float32:
                raise ValueError(f"{name} is {tensor.dtype}, not float32")
            if tensor is not None and not tensor.isfinite().all():
                raise ValueError(f"{name} holds NaN or infinity")
            # Not part of the network's state, because the probe has its own file.
            self.register_buffer(name, tensor, persistent=False)
        self.settings = settings

    @property
    def channels(self) -> int:
        """Number of channels of the activations that it reads."""
        return self.weight.shape[1] // 2

    @property
    def classes(self) -> int:
        """Number of labels, without the null label."""
        return len(self.bias) - 1

    def forward(self, hidden: Tensor, t: Tensor, label: Tensor) -> Tensor:
        """Read rows ``hidden [B, ...]`` at times ``t [B]`` with ``label [B]``; ``[B]``.

        The unit is that of what it predicts; larger is worse.
        """
        return self.read(pooled(hidden), t, label)

    def read(self, moments: Tensor, t: Tensor, label: Tensor) -> Tensor:
        """The same from the :func:`pooled` moments, ``[B, 2 C]``."""
        place, share = between(t.to(self.weight.dtype), len(self.weight))
        share = share[:, None]
        weight = self.weight[place] * (1 - share) + self.weight[place + 1] * share
        if self.centre is not None:
            centre = self.centre[place] * (1 - share) + self.centre[place + 1] * share
            moments = bent(moments, centre)
        return row_sums(moments * weight) + self.bias[label]

    def tensors(self) -> dict[str, Tensor]:
        """The tensors whose digest identifies this probe."""
        return dict(self.named_buffers())

    def save(self, path: Path) -> None:
        """Write the probe into a checkpoint folder."""
        tensor_file.write(path, self.tensors(), self.settings)

    @classmethod
    def load(cls, path: Path) -> Probe:
        """Read a probe.

        Raises:
            ValueError: The file lacks a tensor, or the tensors are not a probe.
        """
        found, settings = tensor_file.read_all(path)
        centre = found.pop(CENTRE, None)
        if found.keys() != {WEIGHT, BIAS}:
            raise ValueError(f"holds {sorted(found)}, not {BIAS} and {WEIGHT}")
        return cls(found[WEIGHT], found[BIAS], settings, centre)


def bent(moments: Tensor, centre: Tensor) -> Tensor:
    """Moments ``[B, 2 C]`` of a single position, with its distance from a centre, ``[..., C]``."""
    mean = moments[:, : moments.shape[1] // 2]
    return torch.cat([mean, (mean - centre).abs()], 1)


def between(t: Tensor, knots: int) -> tuple[Tensor, Tensor]:
    """The knot before each time, and the share of the way from there to the next; both ``[B]``."""
    scaled = t * (knots - 1)
    place = scaled.floor().clamp(0, knots - 2)
    return place.long(), scaled - place
