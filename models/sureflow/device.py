"""The device that networks run on: whether this build of torch and this machine have it."""

from __future__ import annotations

import re
import warnings
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

NAME = re.compile(r"cpu|cuda(:\d{1,3})?")
"""Devices that networks were written for. AMD's build of torch calls its GPUs ``cuda``, too."""

LONGEST = 200
"""Most characters of what a driver says."""


class DeviceError(ValueError):
    """A device that is unknown, or cannot be used here; the message says what to do."""


def check_name(device: str) -> str:
    """Return the name of a device, without a look at the machine; loads no torch.

    Raises:
        DeviceError: It is none of ``cpu``, ``cuda`` and ``cuda:N``.
    """
    if not NAME.fullmatch(device):
        raise DeviceError(
            f"device: {device[:40]!r} is unknown; choose cpu, cuda, or cuda:1 and so on"
        )
    return device


def usable(device: str | torch.device) -> torch.device:
    """Return a device that has been seen to compute.

    Raises:
        DeviceError: It is unknown, torch is built without it, there is no driver or no such GPU, or
            the GPU cannot run this build. The message is one sentence, with the remedy.
    """
    import torch

    name = check_name(str(device))
    if name == "cpu":
        return torch.device(name)
    version = torch.__version__
    if not torch.backends.cuda.is_built():  # type: ignore[no-untyped-call]
        raise DeviceError(
            f"device: {name} needs torch for GPUs, and torch {version} is built for CPUs; "
            f"replace it by a build of {version.partition('+')[0]} for CUDA (docs/gpu.md), or "
            "choose cpu"
        )
    needed = f"torch {version} (CUDA {torch.version.cuda or 'none'})"
    _check_driver(name, needed)
    found = torch.cuda.device_count()
    if (torch.device(name).index or 0) >= found:
        there = "cuda:0" if found == 1 else f"cuda:0 to cuda:{found - 1}"
        raise DeviceError(f"device: there is no {name}: this machine has {there}")
    _check_computes(name, needed)
    return torch.device(name)


def _check_driver(name: str, needed: str) -> None:
    import torch

    try:
        with warnings.catch_warnings(record=True) as said:  # an old driver is only warned of
            warnings.simplefilter("always")
            there = torch.cuda.is_available() and torch.cuda.device_count() > 0
    except RuntimeError as error:
        there, said = False, [error]  # type: ignore[list-item]
    if not there:
        reason = f" ({_in_short(said[-1])})" if said else ""
        raise DeviceError(
            f"device: {name} needs a GPU and a driver that {needed} can use, and there is none"
            f"{reason}; see that nvidia-smi lists the GPU here (in a container, that it was given "
            "one), renew the driver or take a build of torch for an older CUDA, or choose cpu"
        )


def _check_computes(name: str, needed: str) -> None:
    import torch

    try:
        torch.ones(1, device=name).add_(1).item()
    except RuntimeError as error:
        major, minor = torch.cuda.get_device_capability(name)
        gpu = f"{torch.cuda.get_device_name(name)} (sm_{major}{minor})"
        raise DeviceError(
            f"device: {name}, {gpu}, does not run {needed}, a build for "
            f"{' '.join(torch.cuda.get_arch_list())} ({_in_short(error)}); install a build for "
            "this GPU, end what else fills or blocks it, or choose cpu"
        ) from error


def _in_short(said: warnings.WarningMessage | Exception) -> str:
    text = str(said.message if isinstance(said, warnings.WarningMessage) else said)
    return text.strip().partition("\n")[0].partition(" (Triggered")[0].rstrip(".")[:LONGEST]
