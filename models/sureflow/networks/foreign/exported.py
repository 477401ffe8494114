"""Networks given as exported programs, the files ``.pt2`` of torch.export."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch._export.serde.schema import SCHEMA_VERSION
from torch.export.pt2_archive._package import load_pt2

from sureflow.networks.foreign.archive import Archive, read_archive
from sureflow.networks.foreign.batch import Batch
from sureflow.networks.foreign.call_signature import CallSignature
from sureflow.networks.foreign.description import checked_description
from sureflow.networks.foreign.held_program import HeldProgram
from sureflow.networks.foreign.payload import checked_payload
from sureflow.networks.foreign.program_input import ProgramInput, ProgramOutput

CPU = torch.device("cpu")


def exported(size: int) -> nn.Module:
    """A network that torch.export.save has written, of so many bytes.

    Its answers can be differentiated in forward and reverse mode, but its weights are constants.
    """
    return ExportedNetwork(size)


@dataclass(frozen=True)
class OpenedExport:
    """An exported program that can be called; see :class:`~.held_program.Opened`.

    torch's check of the shapes takes longer than a small network, so it runs once for each of the
    shapes that are ``known``.
    """

    module: Any
    signature: CallSignature
    inputs: tuple[ProgramInput, ...]
    outputs: tuple[ProgramOutput, ...]
    batch: Batch
    known: set[tuple[torch.Size, ...]] = field(default_factory=set)

    def __call__(self, inputs: dict[str, Tensor]) -> Any:
        """Evaluate tensors by name."""
        args, kwargs = self.signature.arguments(inputs)
        if torch.compiler.is_compiling():
            return self.module(*args, **kwargs)
        shapes = tuple(value.shape for value in inputs.values())
        self.module.validate_inputs = shapes not in self.known
        out = self.module(*args, **kwargs)
        self.known.add(shapes)
        return out


class ExportedNetwork(HeldProgram):
    """A program of torch.export, opened without running anything that its file could bring along.

    torch.export.load unpickles, evaluates and imports what a file says. Here only plain tensors, a
    graph of the operators in :data:`~.operators.ALLOWED`, and sizes reach it; see
    :func:`checked_archive`. Such a program can still take long, ask for much memory, or end the
    process where one of torch's kernels trusts the shapes it is given.
    """

    def open(self, data: bytes, device: torch.device) -> OpenedExport:
        """Check and open a program; see :class:`~.held_program.HeldProgram`."""
        archive = checked_archive(data, device)
        signature = CallSignature.read(archive.model)
        try:
            program = load_pt2(archive.write()).exported_programs["model"]
            module = program.module(check_guards=False)
        except Exception as error:  # torch raises errors of many types
            raise ValueError(f"program: torch cannot open it: {_reason(error)}") from error
        for name, value in [*module.named_parameters(), *module.named_buffers()]:
            value.requires_grad_(False)
            if name in program.state_dict and not value.isfinite().all():
                raise ValueError(f"program: its tensor {name} holds NaN or infinity")
        return OpenedExport(module, signature, signature.inputs, signature.outputs, signature.batch)


def checked_archive(data: bytes, device: torch.device = CPU) -> Archive:
    """Read the archive of an exported program, with all that is in it checked.

    Its example inputs, guards, metadata and extra files are left out; all devices become this one.

    Raises:
        ValueError: It is damaged, or has anything that is not known to be harmless; the message
            begins with ``program``.
    """
    archive = read_archive(data)
    archive.model = checked_description(archive.model, device)
    _check_format(archive.model["schema_version"]["major"])
    for folder, tensors in archive.tensors.items():
        sizes = {name: len(found) for name, found in tensors.items()}
        config = checked_payload(folder, archive.configs[folder], sizes, device)
        archive.configs[folder] = config
    return archive


def _check_format(version: int) -> None:
    """Check that the torch installed reads descriptions of this version.

    Raises:
        ValueError: It does not; the message begins with ``program``.
    """
    own = SCHEMA_VERSION[0]
    if version != own:
        raise ValueError(
            f"program: saved by another torch, in version {version} of its format; torch "
            f"{torch.__version__} reads version {own}: save it again by that"
        )


def _reason(error: BaseException) -> str:
    while error.__cause__ is not None:
        error = error.__cause__
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[-1][:300]
