"""A digit classifier trained by others: the CNN of the package ``digit-recognizer-py``."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from sureflow.core.lane import Sample

MEAN, DEVIATION = 0.1307, 0.3081
"""Mean and standard deviation of the pixels, in [0, 1], that it was trained on."""


class DigitReader(nn.Module):
    """Classifier of digits in [-1, 1], ``[B, 1, 28, 28]`` to logits ``[B, 10]``.

    It was trained independently of our models, so it serves as a judge of them.
    """

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for before, after in ((1, 32), (32, 64), (64, 128)):
            layers += [nn.Conv2d(before, after, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
        self.conv_layers = nn.Sequential(*layers)
        self.fc_layers = nn.Sequential(nn.Linear(128 * 9, 256), nn.ReLU(), nn.Linear(256, 10))

    def forward(self, images: Tensor) -> Tensor:
        """Logits."""
        pixels = (images.clamp(-1, 1) + 1) / 2
        features = self.conv_layers((pixels - MEAN) / DEVIATION)
        logits: Tensor = self.fc_layers(features.flatten(1))
        return logits

    @torch.inference_mode()
    def read(self, images: Tensor) -> Tensor:
        """The most likely digits, ``[N]``."""
        return torch.cat([self(block).argmax(1) for block in torch.split(images, 500)])

    @classmethod
    def load(cls) -> DigitReader:
        """Read its weights as plain tensors from the installed package, without running its code.

        Raises:
            FileNotFoundError: The package is not installed; says how to get it.
        """
        found = find_spec("digit_recognizer")
        if found is None or found.origin is None:
            raise FileNotFoundError("digit-recognizer-py is missing: run `make data`")
        path = Path(found.origin).parent / "models" / "handwriting_model.pth"
        reader = cls()
        reader.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
        return reader.eval()


def misread(samples: list[Sample]) -> list[bool]:
    """Which samples the reader classifies as another digit than their label.

    A judge for ``sureflow calibrate --judge sureflow.evaluation.digit_reader:misread``.
    """
    images = torch.from_numpy(np.stack([sample.data for sample in samples]))
    read = DigitReader.load().read(images).tolist()
    return [label != sample.spec.label for label, sample in zip(read, samples, strict=True)]
