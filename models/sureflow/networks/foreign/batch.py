"""How many rows a program takes at once, and calls of it with any number of rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from sureflow.networks.foreign.program_input import ProgramInput

Call = Callable[[dict[str, Tensor]], Any]
"""Called with tensors by name, all of as many rows; its answers may be nested."""


@dataclass(frozen=True, slots=True)
class Batch:
    """The rows that a program takes at once.

    Attributes:
        least: Fewest rows; fewer are filled up with copies of the last one.
        most: Most rows, ``None`` if there is no limit; more are divided.
        single: Names of inputs that take a number instead of one per row, such as a time. If there
            are any, each row is evaluated alone, since rows may differ in them.
    """

    least: int = 1
    most: int | None = None
    single: frozenset[str] = frozenset()

    @classmethod
    def of(cls, inputs: Iterable[ProgramInput], least: int = 1, most: int | None = None) -> Batch:
        """The batch of a program with these inputs, whose free sizes have these limits.

        Raises:
            ValueError: Two inputs are made for different numbers of rows.
        """
        listed = [*inputs]
        fixed = {each.batch for each in listed if each.shape and each.batch is not None}
        if len(fixed) > 1:
            raise ValueError(
                f"program: its inputs have {sorted(map(str, fixed))} rows; expected one number"
            )
        if fixed:
            (only,) = fixed
            least = most = only or 1
        return cls(least, most, frozenset(each.name for each in listed if not each.shape))

    @property
    def note(self) -> str:
        """What is special about it, for a report; empty if nothing is."""
        if self.single:
            names = ", ".join(sorted(self.single))
            return f"takes one value of {names} for all rows, so each row is evaluated alone"
        if self.most == self.least:
            return (
                f"made for exactly {self.least} rows, so rows are evaluated {self.least} at a time"
            )
        if self.most is not None or self.least > 1:
            return f"made for {self.least} to {self.most or 'any number of'} rows at a time"
        return ""

    def run(self, call: Call, inputs: Mapping[str, Tensor]) -> Any:
        """Call with any number of rows, and join the answers."""
        rows = next(len(value) for name, value in inputs.items() if name not in self.single)
        step = 1 if self.single else self.most or max(rows, 1)
        if not self.single and self.least <= rows <= step:
            return call(dict(inputs))
        answers = [
            self._part(call, inputs, start, min(step, rows - start))
            for start in range(0, rows, step)
        ]
        leaves, tree = zip(*map(pytree.tree_flatten, answers), strict=True)
        joined = [_joined(parts) for parts in zip(*leaves, strict=True)]
        return pytree.tree_unflatten(joined, tree[0])

    def _part(self, call: Call, inputs: Mapping[str, Tensor], start: int, count: int) -> Any:
        filled = max(count, self.least)
        # Made on the device: while a CUDA graph is captured, nothing can be copied to it.
        device = next(iter(inputs.values())).device
        rows = torch.arange(filled, device=device).clamp(max=count - 1) + start
        part = {
            name: _row(value, start) if name in self.single else value[rows]
            for name, value in inputs.items()
        }
        out = call(part)
        return pytree.tree_map_only(
            Tensor, lambda z: z[:count] if z.dim() and len(z) == filled else z, out
        )


def _row(value: Tensor, index: int) -> Tensor:
    return value[index] if value.dim() else value


def _joined(parts: tuple[Any, ...]) -> Any:
    first = parts[0]
    return torch.cat(parts) if isinstance(first, Tensor) and first.dim() else first
