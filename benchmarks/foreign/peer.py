"""A model of another package: how it is trained, written, imported, and sampled by its own code."""

from __future__ import annotations

from abc import ABC, abstractmethod
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.foreign import digits
from sureflow.networks.foreign.convention import Convention

ROWS = 16
"""Samples that are compared."""


class Peer(ABC):
    """A model of another package.

    Attributes:
        name: Of the model in requests.
        title: In the tables.
        package: Of the registry, whose version is shown.
        modules: What has to be installed besides.
        shape: Shape of one sample.
        classes: Number of its labels.
        command: What a user types, in a folder with the model's files, ``files``, and
            ``digits.safetensors``.
        files: Names and texts of what a user writes.
        solver: Fields of the request for which its own sampler and ours make the same steps.
        width: Numbers of an embedding of a class that it is conditioned on; 0 for none.
        iterations: Of the training.
        trained_as: The model whose weights it has; empty for its own.
        note: What is said of the comparison.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    package: ClassVar[str] = "diffusers"
    modules: ClassVar[tuple[str, ...]] = ("diffusers",)
    shape: ClassVar[tuple[int, ...]] = digits.SHAPE
    classes: ClassVar[int] = 0
    command: ClassVar[str]
    files: ClassVar[tuple[tuple[str, str], ...]] = ()
    solver: ClassVar[tuple[tuple[str, Any], ...]] = (("method", "euler"), ("steps", 20))
    width: ClassVar[int] = 0
    iterations: ClassVar[int] = 900
    trained_as: ClassVar[str] = ""
    note: ClassVar[str] = ""

    @abstractmethod
    def make(self) -> nn.Module:
        """The network, with weights drawn at random."""

    @abstractmethod
    def loss(self, network: nn.Module, x1: Tensor, label: Tensor) -> Tensor:
        """The loss of images and their labels, by the package's own code where it has some."""

    @abstractmethod
    def save(self, network: nn.Module, folder: Path) -> None:
        """Write the trained network, as the package does it."""

    @abstractmethod
    def sample(self, network: nn.Module, noise: Tensor, label: Tensor) -> Tensor:
        """Samples ``[n, *shape]`` of the package's own sampler from this noise."""

    @abstractmethod
    def forward(self, network: nn.Module, x: Tensor, label: Tensor) -> object:
        """A bare pass of the network, halfway."""

    def prepared(self, x1: Tensor) -> Tensor:
        """Images as the network sees them."""
        return x1.reshape(-1, *self.shape)

    def decoded(self, samples: Tensor) -> Tensor:
        """The images of samples."""
        return samples.reshape(-1, *digits.SHAPE)

    def conditions(self, label: int) -> dict[str, np.ndarray[Any, Any]]:
        """Named arrays of a request for this digit."""
        return {}

    @property
    def missing(self) -> str:
        """What of its package is not installed; empty if all is."""
        return next((name for name in self.modules if find_spec(name) is None), "")

    @property
    def plugins(self) -> list[str]:
        """What a server is told besides, if the network is a module of Python."""
        words = self.command.splitlines()[-2:]
        reference = next((w for line in words for w in line.split() if ":" in w and "." in w), "")
        if not reference or reference.startswith("./"):
            return []
        return ["--plugin", f"{reference.replace(':', '.')}={reference}"]

    @property
    def version(self) -> str:
        """Of its package."""
        try:
            return version(self.package)
        except PackageNotFoundError:
            return "-"

    @property
    def lines(self) -> int:
        """Lines that a user writes and types."""
        written = [line for _, text in self.files for line in text.splitlines()]
        typed = self.command.splitlines()
        return sum(1 for line in [*written, *typed] if line.strip())


def embedding(label: Tensor, tokens: int, width: int) -> Tensor:
    """What stands for the text of a digit, ``[n, tokens, width]``; zeros for none, label 10."""
    table = torch.randn(digits.CLASSES, tokens, width, generator=torch.Generator().manual_seed(5))
    return torch.cat([table, torch.zeros(1, tokens, width)])[label]


def dropped(label: Tensor) -> Tensor:
    """Labels, one in ten of which is the null."""
    return torch.where(torch.rand(len(label)) < 0.1, digits.CLASSES, label)


def said(convention: Convention) -> tuple[str, str]:
    """The path and the prediction of an imported model, as the table says them."""
    return str(convention.path.description()["kind"]), convention.prediction
