"""A torch module that holds a program as bytes, so a checkpoint is still safetensors and JSON."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, Protocol, Self

import torch
from torch import Tensor, nn

from sureflow.networks.foreign.batch import Batch
from sureflow.networks.foreign.program_input import ProgramInput, ProgramOutput

LARGEST = 2 << 30
"""Most bytes of a program."""

TORCH = "torch"


class Opened(Protocol):
    """A program that can be called."""

    @property
    def inputs(self) -> tuple[ProgramInput, ...]:
        """Its inputs, in order."""

    @property
    def outputs(self) -> tuple[ProgramOutput, ...]:
        """Its outputs."""

    @property
    def batch(self) -> Batch:
        """How many rows it takes at once."""

    def __call__(self, inputs: dict[str, Tensor]) -> Any:
        """Evaluate tensors by name, which fit the inputs."""


class HeldProgram(nn.Module, ABC):
    """A module whose only tensor is the buffer ``program``: the bytes of a file.

    The program is opened when weights are loaded, and again when the module is moved to another
    device. A buffer of zeros, as the module has before, is no program.

    Attributes:
        runtime: What evaluates it.

    Args:
        size: Bytes of the program.

    Raises:
        ValueError: The size is no number of bytes that can be served.
    """

    program: Tensor
    runtime: ClassVar[str] = TORCH

    def __init__(self, size: int) -> None:
        super().__init__()
        if type(size) is not int or not 1 <= size <= LARGEST:
            raise ValueError(f"size: {size!r} is no number of bytes from 1 to {LARGEST}")
        self.register_buffer("program", torch.zeros(size, dtype=torch.uint8))
        self.opened: Opened | None = None
        self.register_load_state_dict_post_hook(_open)  # type: ignore[no-untyped-call]

    @classmethod
    def holding(cls, data: bytes) -> Self:
        """A module that holds these bytes, and has opened them."""
        module = cls(len(data))
        module.load_state_dict({"program": torch.frombuffer(bytearray(data), dtype=torch.uint8)})
        return module

    @abstractmethod
    def open(self, data: bytes, device: torch.device) -> Opened:
        """Check and open a program, for a device.

        Raises:
            ValueError: It is no program that can be served; the message begins with ``program``.
        """

    @property
    def ready(self) -> bool:
        """Whether a program is loaded, so that the module can be called."""
        return self.opened is not None

    @property
    def note(self) -> str:
        """What is special about the program that is loaded, in words; empty if nothing is."""
        return "" if self.opened is None else self.opened.batch.note

    def reopen(self) -> None:
        """Open what the buffer holds; nothing if it holds zeros or is on the meta device."""
        self.opened = None
        if not self.program.is_meta and bool(self.program.any()):
            data = self.program.detach().cpu().numpy().tobytes()
            self.opened = self.open(data, self.program.device)

    def forward(self, *args: Tensor, **kwargs: Tensor) -> Any:
        """Evaluate tensors ``[B, ...]``, by position or by the names of the program's inputs.

        Raises:
            ValueError: No program is loaded, or these are not its inputs.
        """
        if self.opened is None:
            raise ValueError("program: no weights are loaded, so there is nothing to call")
        names = [each.name for each in self.opened.inputs]
        given = dict(zip(names, args, strict=False)) | kwargs
        if len(args) > len(names) or given.keys() != {*names}:
            found = [*range(len(args)), *kwargs]
            raise ValueError(f"program: its inputs are {', '.join(names)}; called with {found}")
        fitted = {each.name: each.fitted(given[each.name]) for each in self.opened.inputs}
        return self.opened.batch.run(self.opened, fitted)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        before = self.program.device
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        if self.program.device != before and self.opened is not None:
            self.reopen()
        return self


def other_runtime(network: nn.Module) -> str | None:
    """What else than torch evaluates a part of a network; ``None`` if nothing does."""
    held = (part.runtime for part in network.modules() if isinstance(part, HeldProgram))
    return next((runtime for runtime in held if runtime != TORCH), None)


def _open(module: HeldProgram, keys: object) -> None:
    module.reopen()
