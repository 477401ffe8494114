"""Networks given as ONNX models, run by ONNX Runtime on the CPU."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad

from sureflow.networks.foreign.batch import Batch
from sureflow.networks.foreign.held_program import HeldProgram
from sureflow.networks.foreign.onnx_model import ADVICE, checked_model
from sureflow.networks.foreign.program_input import ProgramInput, ProgramOutput

TYPES = {
    "tensor(float)": torch.float32,
    "tensor(double)": torch.float64,
    "tensor(float16)": torch.float16,
    "tensor(int64)": torch.int64,
    "tensor(int32)": torch.int32,
    "tensor(int16)": torch.int16,
    "tensor(int8)": torch.int8,
    "tensor(uint8)": torch.uint8,
    "tensor(bool)": torch.bool,
}
"""Types of inputs, by the names that sessions give them."""


def onnx(size: int) -> nn.Module:
    """A network in the ONNX format, of so many bytes. It cannot be differentiated.

    Raises:
        ValueError: The packages of the extra ``onnx`` are missing.
    """
    _runtime()
    return OnnxNetwork(size)


@dataclass(frozen=True)
class OpenedOnnx:
    """An ONNX model that can be called; see :class:`~.held_program.Opened`."""

    session: Any
    inputs: tuple[ProgramInput, ...]
    outputs: tuple[ProgramOutput, ...]
    batch: Batch

    def __call__(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """Evaluate tensors by name; the answers, by name, are on the device of the inputs."""
        device = next(iter(inputs.values())).device
        arrays = {name: value.detach().cpu().contiguous().numpy() for name, value in inputs.items()}
        names = [each.name for each in self.outputs]
        answers = self.session.run(names, arrays)
        return {n: torch.as_tensor(z).to(device) for n, z in zip(names, answers, strict=True)}


class OnnxNetwork(HeldProgram):
    """An ONNX model that holds all its weights, and calls operators of the ONNX standard only.

    One thread evaluates it, so that its answers do not depend on the machine's load.
    """

    runtime = "ONNX Runtime"

    def open(self, data: bytes, device: torch.device) -> OpenedOnnx:
        """Check and open a model; see :class:`~.held_program.HeldProgram`."""
        runtime = _runtime()
        checked_model(data)
        options = runtime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.execution_mode = runtime.ExecutionMode.ORT_SEQUENTIAL
        options.use_deterministic_compute = True
        options.log_severity_level = 4
        try:
            session = runtime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
            signature = signature_of(session.get_inputs(), session.get_outputs())
        except Exception as error:  # the runtime raises errors of many types
            if str(error).startswith("program: "):
                raise
            said = (str(error).strip().splitlines() or [type(error).__name__])[-1][:300]
            raise ValueError(f"program: ONNX Runtime cannot open it: {said}") from error
        return OpenedOnnx(session, *signature)

    @torch.compiler.disable  # type: ignore[untyped-decorator]
    def forward(self, *args: Tensor, **kwargs: Tensor) -> Any:
        """Evaluate tensors ``[B, ...]``, by position or by the names of the model's inputs.

        Raises:
            ValueError: As :meth:`~.held_program.HeldProgram.forward`.
            RuntimeError: A derivative is wanted; without the error it would be 0.
        """
        if any(_differentiated(value) for value in (*args, *kwargs.values())):
            raise RuntimeError("an ONNX model has no derivatives; use scores that need none")
        return super().forward(*args, **kwargs)


def signature_of(
    inputs: Iterable[Any], outputs: Iterable[Any]
) -> tuple[tuple[ProgramInput, ...], tuple[ProgramOutput, ...], Batch]:
    """Inputs, outputs and batch, from the ``NodeArg`` of a session.

    Raises:
        ValueError: An input is no tensor of numbers, or none has rows.
    """
    found = []
    for each in inputs:
        if each.type not in TYPES:
            raise ValueError(f"program: its input {each.name!r} is {each.type}; expected numbers")
        found.append(ProgramInput(each.name, _shape(each.shape), TYPES[each.type]))
    if not any(each.shape for each in found):
        raise ValueError("program: it has no input with rows")
    answers = tuple(ProgramOutput(each.name, _shape(each.shape)) for each in outputs)
    return tuple(found), answers, Batch.of(found)


def _shape(sizes: Iterable[Any]) -> tuple[int | None, ...]:
    """A shape, in which names and negative numbers stand for free sizes."""
    return tuple(n if isinstance(n, int) and n >= 0 else None for n in sizes)


def _differentiated(value: Tensor) -> bool:
    if torch.is_grad_enabled() and value.requires_grad:
        return True
    return forward_ad.unpack_dual(value).tangent is not None  # type: ignore[no-untyped-call]


def _runtime() -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise ValueError(f"an ONNX model {ADVICE}") from error
    return onnxruntime
