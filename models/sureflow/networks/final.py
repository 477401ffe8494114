"""The final layer of a foreign module: reads its input, and finds out what follows it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

DIGIT = 256
"""The integers 1 to 256 are exact in every floating-point type that networks compute in."""


@dataclass(frozen=True)
class FinalLayer:
    """The last linear layer of ``network``, found by its dotted ``name``.

    All methods take ``evaluate``, which runs the network once and returns its output.

    Raises:
        ValueError: There is no such layer, or it is no ``Linear`` or ``Conv2d``.
    """

    network: nn.Module
    name: str

    def __post_init__(self) -> None:
        if not isinstance(self.layer, nn.Linear | nn.Conv2d):
            kind = type(self.layer).__name__
            raise ValueError(f"final: {self.name!r} is a {kind}; expected a Linear or Conv2d layer")

    @property
    def layer(self) -> nn.Module:
        """The layer itself."""
        try:
            return self.network.get_submodule(self.name)
        except AttributeError as error:
            raise ValueError(f"final: no layer named {self.name!r} in the network") from error

    @property
    def channels(self) -> int:
        """Number of its input channels."""
        layer: Any = self.layer
        return int(layer.in_features if isinstance(layer, nn.Linear) else layer.in_channels)

    @property
    def weight(self) -> Tensor:
        """Its weight."""
        return self.layer.get_parameter("weight")

    def capture(self, evaluate: Callable[[], Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """Output of the network, input and output of the layer.

        Raises:
            ValueError: The layer does not run exactly once, with as many rows as the output.
        """
        calls: list[tuple[Tensor, Tensor]] = []

        def record(inputs: tuple[Tensor, ...], output: Tensor) -> None:
            # Copied, because the following operations may work in place.
            calls.append((inputs[0], output.clone()))

        mean = self._hooked(record, evaluate)
        if len(calls) != 1:
            raise ValueError(f"final: {self.name!r} ran {len(calls)} times in one evaluation")
        ((h, out),) = calls
        if len(h) != len(mean):
            raise ValueError(f"final: {self.name!r} sees {len(h)} rows for {len(mean)}")
        return mean, h, out

    def entry_order(self, evaluate: Callable[[], Tensor]) -> Tensor | None:
        """For each entry of the network's output, the entry of the layer's output that it equals.

        Entries are numbered within a row. ``None`` if both outputs have the same order.

        Raises:
            ValueError: An operation after the layer does more than move, omit, repeat or negate
                entries, or treats rows differently.
        """
        mean, _, out = self.capture(evaluate)
        entries = out[0].numel()
        serial = torch.arange(entries, device=out.device).expand(len(out), -1).reshape(out.shape)
        index, sign = torch.zeros_like(mean, dtype=torch.long), torch.ones_like(mean)
        for place in (DIGIT**power for power in range(4) if DIGIT**power < max(entries, 2)):
            found = self._substituted((serial // place % DIGIT + 1).to(out), evaluate).nan_to_num()
            index += (found.abs().round().long() - 1) * place
            sign = torch.where(found < 0, -1.0, 1.0)
        # The order is right only if it also explains two other outputs of the layer.
        moved, sign = index[0].flatten().clamp(0, entries - 1), sign[0].flatten()
        # Every second row descends, which reveals operations that sort, mix or clip rows.
        other = torch.linspace(-1000, 1000, entries).expand(len(out), -1).clone()
        other[1::2] *= -1
        other = other.to(out).reshape(out.shape)
        for sent, came in ((out, mean), (other, self._substituted(other, evaluate))):
            if not torch.equal(sent.flatten(1)[:, moved] * sign, came.flatten(1)):
                raise ValueError(
                    f"final: the network's output is not that of {self.name!r}; name its last "
                    "layer, and let nothing follow it but moving or negating entries"
                )
        return None if torch.equal(moved, serial[0].flatten()) else moved

    def _substituted(self, value: Tensor, evaluate: Callable[[], Tensor]) -> Tensor:
        """Output of the network if the layer's output were ``value``."""
        return self._hooked(lambda inputs, output: value.clone(), evaluate)

    def _hooked(
        self,
        hook: Callable[[tuple[Tensor, ...], Tensor], Tensor | None],
        evaluate: Callable[[], Tensor],
    ) -> Tensor:
        thread = threading.get_ident()

        def own(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor | None:
            # Another thread may evaluate the same network while the hook is registered.
            return hook(inputs, output) if threading.get_ident() == thread else None

        handle = self.layer.register_forward_hook(own)
        try:
            return evaluate()
        finally:
            handle.remove()
