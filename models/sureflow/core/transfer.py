"""Copies between host and device: to the device without waiting, to the host with waiting."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt
import torch
from torch import Tensor


def to_device(array: npt.NDArray[Any], device: torch.device) -> Tensor:
    """The array as a tensor; on a CPU the same memory, on a GPU an asynchronous copy.

    Torch's cache of pinned memory reuses a block only after the copy from it is complete.
    """
    tensor = torch.from_numpy(array)
    if device.type == "cpu":
        return tensor
    if device.type == "cuda":
        tensor = tensor.pin_memory()
    return tensor.to(device, non_blocking=True)


def to_host(tensor: Tensor) -> npt.NDArray[Any]:
    """The values in host memory; waits until the device has computed them."""
    if tensor.device.type == "cuda":
        pinned = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
        pinned.copy_(tensor, non_blocking=True)
        torch.cuda.current_stream(tensor.device).synchronize()
        tensor = pinned
    values: npt.NDArray[Any] = tensor.cpu().numpy()
    return values


def copied(tensor: Tensor) -> npt.NDArray[Any]:
    """The values in host memory of their own."""
    return tensor.cpu().numpy().copy()
