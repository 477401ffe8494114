"""Classifiers of states: the class of a noisy image, from its pixels and the time."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sureflow.core.unwatched import unwatched
from sureflow.moments.rowwise import RowwiseConv2d, RowwiseLinear

LEAST = 8
"""Fewest pixels of a side that it reads."""

GRID, WIDTH, FEATURES = 3, 32, 128
"""Side of the grid that is left of an image, channels of the first layer, and units of the last."""


class StateClassifier(nn.Module):
    """Reads the class of states ``x_t``, which are images with noise, by a small convolutional net.

    It sees the state and the time alone, and knows no velocity network. Beside a reading of a
    network's activations it errs on its own, so that both together err less.

    Args:
        channels: Of the states ``[channels, H, W]``, whose sides are at least :data:`LEAST`.
        classes: Number of classes.
    """

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.conv1 = RowwiseConv2d(channels + 1, WIDTH, 3, padding=1)
        self.conv2 = RowwiseConv2d(WIDTH, 2 * WIDTH, 3, padding=1)
        self.conv3 = RowwiseConv2d(2 * WIDTH, 2 * WIDTH, 3, padding=1)
        self.hidden = RowwiseLinear(2 * WIDTH * GRID**2, FEATURES)
        self.dropout = nn.Dropout(0.3)
        self.out = RowwiseLinear(FEATURES, classes)

    @property
    def channels(self) -> int:
        """Channels of the states that it reads."""
        return self.conv1.in_channels - 1

    @property
    def classes(self) -> int:
        """Number of classes."""
        return self.out.out_features

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        """Logits ``[B, classes]`` of states ``x [B, channels, H, W]`` at times ``t [B]``."""
        clock = t.to(x.dtype)[:, None, None, None].expand(-1, 1, *x.shape[2:])
        h = F.max_pool2d(F.relu(self.conv1(torch.cat([x, clock], 1))), 2)
        h = F.max_pool2d(F.relu(self.conv2(h)), 2)
        h = F.relu(self.conv3(h))
        # Whatever the size of the image, the last layers read as many numbers.
        h = F.adaptive_max_pool2d(h, GRID).flatten(1)
        found: Tensor = self.out(self.dropout(F.relu(self.hidden(h))))
        return found

    def check(self, shape: tuple[int, ...]) -> None:
        """Check that it can read states of a shape.

        Raises:
            ValueError: It reads others.
        """
        if not reads(shape) or shape[0] != self.channels:
            raise ValueError(f"reads images of {self.channels} channels, not {[*shape]}")

    def frozen(self) -> StateClassifier:
        """Itself, to be read from now on: its tensors are no part of a network's state."""
        for part in self.modules():
            for name, tensor in [*part.named_parameters(recurse=False)]:
                delattr(part, name)
                part.register_buffer(name, tensor.detach(), persistent=False)
        return self.eval()

    @classmethod
    def of(cls, tensors: Mapping[str, Tensor]) -> StateClassifier:
        """Make one of its tensors by name.

        Raises:
            ValueError: They are not a classifier's.
        """
        first, last = tensors.get("conv1.weight"), tensors.get("out.weight")
        if first is None or last is None or first.dim() != 4 or last.dim() != 2:
            raise ValueError(f"holds {sorted(tensors)}, which are no classifier of states")
        with torch.device("meta"), unwatched():
            found = cls(max(first.shape[1] - 1, 1), len(last))
        for name, tensor in tensors.items():
            if tensor.dtype != torch.float32:
                raise ValueError(f"{name} is {tensor.dtype}, not float32")
            if not tensor.isfinite().all():
                raise ValueError(f"{name} holds NaN or infinity")
        try:
            found.load_state_dict(dict(tensors), strict=True, assign=True)
        except RuntimeError as error:
            raise ValueError(str(error).splitlines()[-1].strip()) from None
        return found.frozen()


def reads(shape: tuple[int, ...]) -> bool:
    """Whether states of a shape can be read: images that are not too small."""
    return len(shape) == 3 and min(shape[1:]) >= LEAST
