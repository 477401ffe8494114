"""A stage: a trained module that stands before or after the velocity, and is not changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn

from sureflow.moments.rules import widened
from sureflow.networks.foreign.call import picked

MAX_DIMENSIONS = 8
MAX_SIZE = 1 << 26
"""Most components of what a stage gives for one row."""


class Stage(nn.Module):
    """A frozen module of one input, whose answer for a row depends on that row alone.

    Half precision is widened to float32.

    Args:
        module: The module.
        shape: Shape of what it gives for one row.
        inputs: Name of its argument, by our name of the input; without one it is positional.
        output: Where in what it returns its answer is; see
            :class:`~sureflow.networks.foreign.call.Call`.

    Raises:
        ValueError: An argument is not valid; the message begins with its name.
    """

    input: ClassVar[str]
    """Our name of the input."""

    def __init__(
        self,
        module: nn.Module,
        shape: Sequence[int],
        inputs: Mapping[str, str] | None = None,
        output: str | None = None,
    ) -> None:
        super().__init__()
        self.module = module.requires_grad_(False).eval()
        self.shape = _sizes(shape)
        named = isinstance(inputs or {}, Mapping) and {*(inputs or {})} <= {self.input}
        if not named or not all(isinstance(name, str) for name in (inputs or {}).values()):
            raise ValueError(f"inputs: expected the name of the argument for {self.input!r}")
        if not (output is None or isinstance(output, str)):
            raise ValueError("output: expected the name or the number of what it returns, as text")
        self.argument = (inputs or {}).get(self.input)
        self.output = output
        module._apply(lambda z: widened(z) if z.is_floating_point() else z)  # type: ignore[no-untyped-call]

    def train(self, mode: bool = True) -> Self:
        """Stay in evaluation mode."""
        return super().train(False)

    def answer(self, rows: Tensor) -> Tensor:
        """What the module says to ``rows [n, ...]``, ``[n, *shape]``, float32."""
        return answer_in(self.called(rows), self.output)

    def called(self, rows: Tensor) -> Any:
        """All that the module returns for ``rows``."""
        return self.module(rows) if self.argument is None else self.module(**{self.argument: rows})

    @torch.no_grad()
    def verify(self, rows: Tensor, shape: tuple[int, ...] | None = None) -> None:
        """Check that it maps ``rows`` to a shape, by default its own.

        A module that is not ``ready`` is left alone.

        Raises:
            ValueError: It does not, or cannot be evaluated; the message begins with ``shape`` or
                ``base``.
        """
        if not getattr(self.module, "ready", True):
            return
        try:
            found = self.answer(rows).shape
        except Exception as error:  # a third-party module may raise anything
            raise ValueError(f"base: cannot evaluate rows {[*rows.shape]}: {error}") from error
        expected = self.shape if shape is None else shape
        if found != (len(rows), *expected):
            raise ValueError(f"shape: is {[*expected]}, but it gives {[*found[1:]]}")


def answer_in(out: Any, where: str | None) -> Tensor:
    """The part of what a module returns that is its answer, float32.

    Raises:
        TypeError: There is no such part, or it is no floating-point tensor.
    """
    out = picked(out, where)
    if not (isinstance(out, Tensor) and out.is_floating_point()):
        what = out.dtype if isinstance(out, Tensor) else type(out).__name__
        raise TypeError(f"it answers with {what}; expected a floating-point tensor")
    return out.float()


def _sizes(shape: Any) -> tuple[int, ...]:
    listed = isinstance(shape, Sequence) and 1 <= len(shape) <= MAX_DIMENSIONS
    whole = listed and all(type(size) is int and size >= 1 for size in shape)
    if not (whole and torch.Size(shape).numel() <= MAX_SIZE):
        raise ValueError(f"shape: expected 1 to {MAX_DIMENSIONS} sizes, at most {MAX_SIZE} in all")
    return tuple(shape)
