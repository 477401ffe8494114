"""How a foreign module is called: the names of its arguments, and where its prediction is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

STATE, TIME, LABEL = "x", "t", "label"


@dataclass(frozen=True)
class Call:
    """The call of a module, which need not be written for us.

    Attributes:
        inputs: Names of the module's arguments, by ours: ``x``, ``t``, ``label``, and those of the
            conditions. Without any, ``x`` and ``t`` are positional, and every other argument has
            our name.
        output: The attribute, key or index of what it returns; ``None``: that itself.
        channels: How many channels, from the first on, are the prediction, where the module
            predicts a variance besides; ``None``: all.

    Raises:
        ValueError: They are not valid; the message begins with the field.
    """

    inputs: Mapping[str, str] = field(default_factory=dict)
    output: str | None = None
    channels: int | None = None

    def __post_init__(self) -> None:
        named = isinstance(self.inputs, Mapping)
        texts = named and all(isinstance(z, str) for pair in self.inputs.items() for z in pair)
        if not texts or (self.inputs and not {STATE, TIME} <= self.inputs.keys()):
            raise ValueError(
                "inputs: expected the names of the module's arguments, by ours; at least x and t"
            )
        if not (self.output is None or isinstance(self.output, str)):
            raise ValueError("output: expected the name or the number of what it returns, as text")
        whole = self.channels is None or (type(self.channels) is int and self.channels > 0)
        if not whole:
            raise ValueError("channels: expected a number above 0")

    def check(self, names: set[str]) -> None:
        """Check that the arguments are among ours.

        Raises:
            ValueError: One is not, or one of ours has no argument.
        """
        for name in sorted(self.inputs.keys() ^ names if self.inputs else ()):
            known = name in names
            fault = "has no argument of the module" if known else "is no input of this model"
            raise ValueError(f"inputs.{name}: {fault}; there are {', '.join(sorted(names))}")

    def __call__(self, module: nn.Module, x: Tensor, t: Tensor, given: dict[str, Tensor]) -> Any:
        """What the module predicts at ``x [B, *shape]``, ``t [B]``, with conditions by our names.

        Raises:
            TypeError: The module returns something else than a floating-point tensor.
        """
        if self.inputs:
            ours = {STATE: x, TIME: t, **given}
            out = module(**{theirs: ours[name] for name, theirs in self.inputs.items()})
        else:
            out = module(x, t, **given)
        out = picked(out, self.output)
        if not (isinstance(out, Tensor) and out.is_floating_point()):
            what = out.dtype if isinstance(out, Tensor) else type(out).__name__
            raise TypeError(f"it answers with {what}; expected a floating-point tensor")
        return out if self.channels is None else out[:, : self.channels]


def picked(out: Any, name: str | None) -> Any:
    """The part of what a module returns that an attribute, key or index names; else all of it.

    Raises:
        TypeError: It has no such part.
    """
    if name is None:
        return out
    try:
        if isinstance(out, Mapping):
            return out[name]
        if name.isdecimal():
            return out[int(name)]
        return getattr(out, name)
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise TypeError(f"what it returns, a {type(out).__name__}, has no {name!r}") from error
