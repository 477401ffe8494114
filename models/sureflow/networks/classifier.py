"""Classifiers: the class of a state, read from what a network computes of it."""

from __future__ import annotations

from math import isqrt
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sureflow.moments.rowwise import linear
from sureflow.moments.rules import widened
from sureflow.networks import tensor_file
from sureflow.networks.state_classifier import StateClassifier

WEIGHT, BIAS, SCALE, TIMES = "weight", "bias", "scale", "times"

STATE = "state."
"""Begins the names of the tensors of the classifier of states, if there is one."""

MOST_CELLS = 256
"""Most cells that are read."""


def celled(hidden: Tensor, cells: int) -> Tensor:
    """Means of every channel over so many equal cells of the positions of a row, ``[B, C cells]``.

    The cells of an image ``[B, C, H, W]`` are the squares of a grid; those of ``[B, tokens, C]``
    are runs of tokens. ``[B, C]`` is a single position.
    """
    h = widened(hidden)
    if h.dim() == 4:
        side = isqrt(cells)
        return (h if h.shape[2:] == (side, side) else F.adaptive_avg_pool2d(h, side)).flatten(1)
    rows = h.mT if h.dim() == 3 else h.flatten(2) if h.dim() > 4 else h[..., None]
    return (rows if rows.shape[2] == cells else F.adaptive_avg_pool1d(rows, cells)).flatten(1)


class Classifier(nn.Module):
    """Reads the class of a state on the way, from the network's activations and from the state.

    It reads the activations linearly in their :func:`celled` means, by weights of the nearest of a
    few times, and learned the classes of data to which noise was mixed. The network must not be
    told the class that it reads; its activations without a label are those of a classifier of noisy
    states. Alain and Bengio, Understanding intermediate layers using linear classifier probes
    (2016); Xiang et al., Denoising Diffusion Autoencoders are Unified Self-supervised Learners
    (2023). Of images it also reads the state itself; the logits are then the mean of both, the
    logarithm of a product of experts (Hinton, 1999). They are scaled so that they are the
    likeliest on data held out (Guo et al., On Calibration of Modern Neural Networks, 2017).

    Args:
        weight: By time, class, channel and cell, ``[K, classes, C, cells]``, float32; the cells are
            a square number.
        bias: ``[K, classes]``, float32.
        scale: What the logits are multiplied by, ``[K]``, float32, above 0.
        times: Ascending, ``[K]``, float32.
        settings: How it was fitted: data, seed, accuracy on data held out.
        state: Reads the state itself; ``None``: nothing does.

    Raises:
        ValueError: The tensors have other shapes or types, or hold NaN or infinity.
    """

    weight: Tensor
    bias: Tensor
    scale: Tensor
    times: Tensor

    def __init__(
        self,
        weight: Tensor,
        bias: Tensor,
        scale: Tensor,
        times: Tensor,
        settings: dict[str, Any],
        state: StateClassifier | None = None,
    ) -> None:
        super().__init__()
        cells = weight.shape[3] if weight.dim() == 4 else 0
        square = 0 < cells == isqrt(cells) ** 2 <= MOST_CELLS
        if not square or not len(weight) or weight.shape[1] < 2 or not weight.shape[2]:
            wanted = f"[times, classes, C, cells] with a square of cells, at most {MOST_CELLS}"
            raise ValueError(f"{WEIGHT} has shape {[*weight.shape]}, not {wanted}")
        shapes = {
            BIAS: (bias, weight.shape[:2]),
            SCALE: (scale, weight.shape[:1]),
            TIMES: (times, weight.shape[:1]),
        }
        for name, (tensor, shape) in shapes.items():
            if tensor.shape != shape:
                raise ValueError(f"{name} has shape {[*tensor.shape]}, not {[*shape]}")
        for name, tensor in (
            (WEIGHT, weight),
            *((name, each) for name, (each, _) in shapes.items()),
        ):
            if tensor.dtype != torch.float32:
                raise ValueError(f"{name} is {tensor.dtype}, not float32")
            if not tensor.isfinite().all():
                raise ValueError(f"{name} holds NaN or infinity")
            # Not part of the network's state, because the classifier has its own file.
            self.register_buffer(name, tensor, persistent=False)
        if not (times.diff() > 0).all():
            raise ValueError(f"{TIMES} are not ascending")
        if not (scale > 0).all():
            raise ValueError(f"{SCALE} is not above 0")
        if state is not None and state.classes != weight.shape[1]:
            raise ValueError(
                f"{STATE}out knows {state.classes} classes, {WEIGHT} {weight.shape[1]}"
            )
        self.state = state
        self.settings = settings

    @property
    def channels(self) -> int:
        """Number of channels of the activations that it reads."""
        return self.weight.shape[2]

    @property
    def classes(self) -> int:
        """Number of classes."""
        return self.weight.shape[1]

    def forward(self, hidden: Tensor, x: Tensor, t: Tensor) -> Tensor:
        """Logits ``[B, classes]`` of rows ``hidden [B, ...]``, states ``x [B, ...]`` at ``t [B]``.

        Between two times the nearest one counts, the earlier of two that are as near.
        """
        t = t.to(self.times.dtype)
        nearest = (t[:, None] - self.times).abs().argmin(1)
        cells = celled(hidden, self.weight.shape[3])
        logits = torch.stack(
            [linear(cells, w.flatten(1), b) for w, b in zip(self.weight, self.bias, strict=True)], 1
        )
        read = logits[torch.arange(len(t), device=t.device), nearest]
        if self.state is not None:
            read = (read + self.state(widened(x), t)) / 2
        return read * self.scale[nearest][:, None]

    def tensors(self) -> dict[str, Tensor]:
        """The tensors whose digest identifies this classifier."""
        return dict(self.named_buffers())

    def save(self, path: Path) -> None:
        """Write the classifier into a checkpoint folder."""
        tensor_file.write(path, self.tensors(), self.settings)

    @classmethod
    def load(cls, path: Path) -> Classifier:
        """Read a classifier.

        Raises:
            ValueError: The file lacks a tensor, or the tensors are not a classifier.
        """
        found, settings = tensor_file.read_all(path)
        state = {n.removeprefix(STATE): found.pop(n) for n in [*found] if n.startswith(STATE)}
        wanted = {WEIGHT, BIAS, SCALE, TIMES}
        if found.keys() != wanted:
            raise ValueError(f"holds {sorted(found)}, not {' and '.join(sorted(wanted))}")
        return cls(**found, settings=settings, state=StateClassifier.of(state) if state else None)
