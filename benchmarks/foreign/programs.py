"""Programs: a U-Net of diffusers as exported by torch, and as an ONNX model."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from benchmarks.foreign.digits import CLASSES
from benchmarks.foreign.unet import NoiseUNet


class Called(nn.Module):
    """The network with positional arguments, and a tensor as its answer."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, sample: Tensor, timestep: Tensor, class_labels: Tensor) -> Tensor:
        """What the network says."""
        return cast(Tensor, self.network(sample, timestep, class_labels).sample)


def example() -> tuple[Tensor, ...]:
    """Two rows of inputs."""
    return torch.randn(2, 1, 8, 8), torch.tensor([5.0, 7.0]), torch.tensor([0, CLASSES])


def free() -> tuple[dict[int, Any], ...]:
    """The number of rows is free."""
    return tuple({0: torch.export.Dim("rows", min=1, max=63)} for _ in range(3))


class Exported(NoiseUNet):
    """A ``.pt2`` file."""

    name, title, package = "pt2", "the DDPM U-Net as .pt2", "torch"
    trained_as = NoiseUNet.name
    command = (
        "sureflow import model.pt2 --name pt2 --shape 1,8,8 --classes 10 --path discrete \\\n"
        "  --prediction noise --input x=sample --input t=timestep --input label=class_labels \\\n"
        "  --data digits.safetensors"
    )

    def save(self, network: nn.Module, folder: Path) -> None:
        """Export it."""
        program = torch.export.export(Called(network), example(), dynamic_shapes=free())
        torch.export.save(program, folder / "model.pt2")


class Onnx(NoiseUNet):
    """An ``.onnx`` file."""

    name, title, package = "onnx", "the DDPM U-Net as .onnx", "onnx"
    modules = ("diffusers", "onnx", "onnxruntime", "onnxscript")
    trained_as = NoiseUNet.name
    command = Exported.command.replace("model.pt2 --name pt2", "model.onnx --name onnx")

    def save(self, network: nn.Module, folder: Path) -> None:
        """Export it."""
        torch.onnx.export(
            Called(network),
            example(),
            folder / "model.onnx",
            dynamic_shapes=free(),
            input_names=["sample", "timestep", "class_labels"],
            external_data=False,
            verbose=False,
        )
