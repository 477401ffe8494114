"""Variance for a foreign velocity network that is trained already and is not changed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Self, get_args

import torch
from torch import Tensor, nn

from sureflow.core.card import Condition, ConditionKind
from sureflow.moments import Moments, MultiplicativeNoise
from sureflow.moments.rules import rule_of, widened
from sureflow.networks.embedding import Embedding
from sureflow.networks.final import FinalLayer
from sureflow.networks.network import NetworkOutput, VelocityNetwork


class ConditionedNoise(nn.Module):
    """Multiplicative noise with a time-and-label embedding of its own."""

    def __init__(self, channels: int, classes: int, embedding: int, width: int) -> None:
        super().__init__()
        self.embedding = Embedding(embedding, classes)
        self.noise = MultiplicativeNoise(channels, embedding, width)

    def forward(self, h: Moments, t: Tensor, label: Tensor) -> Moments:
        """Add the variance of the noise to ``h``."""
        out: Moments = self.noise(h, self.embedding(t, label))
        return out


class FrozenVelocity(VelocityNetwork):
    """Any trained module, with noise injected in front of its last linear layer.

    The module keeps its parameters and its output bit for bit in float32 and float64; half
    precision is widened to float32. Only the noise layer, which has its own embedding, is trained
    (objective ``variance``). The variance is exact for the noise, because only the final layer
    follows it, and operations that move (``PixelShuffle``, ...), omit, repeat or negate entries.

    Args:
        network: Called as ``network(x, t)``, or ``network(x, t, label=label)`` if ``classes`` is
            positive; it must then understand the label ``classes`` as "no condition". Units and
            direction of time are those of :class:`~sureflow.networks.network.VelocityNetwork`.
            It is frozen and put in evaluation mode.
        final: Dotted name of its final layer, a ``Linear`` or ``Conv2d`` that it calls once.
        shape: Shape of one sample.
        classes: Number of labels, 0 for unconditional.
        embedding: Width of the time-and-label embedding of the noise layer.
        width: Hidden width of the noise layer.
        floor: See :class:`~sureflow.networks.network.VelocityNetwork`.
        conditions: Named arrays that it is called with as well, as ``network(x, t, name=array)``:
            by name the fields of a :class:`~sureflow.core.card.Condition`. It must understand the
            null of each as "not given".

    Raises:
        ValueError: A condition is not valid. Or as :meth:`verify`, which runs on construction
            (unless on the meta device) and whenever weights are loaded.
    """

    entry_order: Tensor | None

    def __init__(
        self,
        network: nn.Module,
        final: str,
        shape: Sequence[int],
        classes: int = 0,
        embedding: int = 128,
        width: int = 32,
        floor: float = 1e-4,
        conditions: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        super().__init__(tuple(shape), classes, floor)
        self.network = network.requires_grad_(False).eval()
        self.conditions = read_conditions(conditions or {})
        network._apply(_single)  # type: ignore[no-untyped-call]
        self.final = final
        last = FinalLayer(network, final)
        noise = ConditionedNoise(last.channels, classes, embedding, width)
        self.noise = nn.ModuleDict({"final": noise.to(widened(last.weight))})
        self.probe_channels = last.channels
        # For each entry of the velocity, its entry in the final layer's output; None if the same.
        self.register_buffer("entry_order", None, persistent=False)
        self.register_load_state_dict_post_hook(_verify)  # type: ignore[no-untyped-call]
        if not last.weight.is_meta:
            self.verify()

    def run(self, x: Tensor, t: Tensor, label: Tensor, noisy: bool, **given: Tensor) -> Moments:
        """Evaluate; see :class:`~sureflow.networks.network.VelocityNetwork`."""
        if not noisy:
            return Moments(self._evaluate(x, t, label, given))
        last = FinalLayer(self.network, self.final)
        mean, h, _ = last.capture(lambda: self._evaluate(x, t, label, given))
        # The noise layer reads an image channels first, anything else as rows of channels.
        image = isinstance(last.layer, nn.Conv2d)
        rows = h.detach() if image or h.dim() <= 3 else h.detach().flatten(1, -2)
        noisy_rows = self.noise["final"](Moments(rows), t, label)
        with torch.autocast(x.device.type, enabled=False):
            variance = rule_of(last.layer)(last.layer, widened(rows), noisy_rows.variance)
        variance = variance.flatten(1)
        if self.entry_order is not None:
            variance = variance.index_select(1, self.entry_order)
        return NetworkOutput(mean, variance.reshape(mean.shape), hidden=rows)

    def train(self, mode: bool = True) -> Self:
        """Set the mode of the noise layer; the frozen module stays in evaluation mode."""
        super().train(mode)
        self.network.eval()
        return self

    @torch.no_grad()
    def verify(self) -> None:
        """Evaluate two rows, and find out which operations follow the final layer.

        Raises:
            ValueError: ``final`` names no layer or one of another type, the module cannot be
                evaluated or gives another shape than ``shape``, or an operation after its final
                layer changes values; the message begins with the name of the argument.
        """
        last = FinalLayer(self.network, self.final)
        x = torch.randn(2, *self.shape, generator=torch.Generator().manual_seed(0))
        x = x.to(widened(last.weight))
        t, label = torch.tensor([0.25, 0.75]).to(x), torch.tensor([0, self.classes]).to(x.device)
        given = self.complete(x, {})
        try:
            found = self._evaluate(x, t, label, given).shape
        except Exception as error:
            labels = f", labels 0 and {self.classes} (none)" if self.classes else ""
            raise ValueError(
                f"network: cannot evaluate samples of shape {[*self.shape]}{labels}: {error}"
            ) from error
        if found != x.shape:
            raise ValueError(f"shape: the network maps {[*x.shape]} to {[*found]}")
        self.entry_order = last.entry_order(lambda: self._evaluate(x, t, label, given))

    def _evaluate(self, x: Tensor, t: Tensor, label: Tensor, given: Mapping[str, Tensor]) -> Tensor:
        # The noise layer has the type in which the module computes, which may be wider.
        own = self.noise_parameters()[0].dtype
        condition = {name: value.to(own) for name, value in given.items()}
        if self.classes:
            condition["label"] = label
        out = self.network(x.to(own), t.to(own), **condition)
        if not (isinstance(out, Tensor) and out.is_floating_point()):
            what = out.dtype if isinstance(out, Tensor) else type(out).__name__
            raise TypeError(f"it answers with {what}; expected a floating-point tensor")
        return out.to(x.dtype)


def _single(tensor: Tensor) -> Tensor:
    """Widen a floating-point tensor to float32 at least."""
    return widened(tensor) if tensor.is_floating_point() else tensor


def _verify(network: FrozenVelocity, keys: object) -> None:
    network.verify()


INPUTS = ("x", "t", "label", "direction")
"""Names of a network's other inputs, which no condition may have."""

MAX_SIZE = 1 << 20
"""Most components of a condition."""


def read_conditions(declared: Mapping[str, Mapping[str, Any]]) -> dict[str, Condition]:
    """Read conditions by name, each from the fields of a :class:`~sureflow.core.card.Condition`.

    Raises:
        ValueError: A condition is not valid; the message begins with ``conditions`` and its name.
    """
    return {name: _read(name, fields) for name, fields in declared.items()}


def _read(name: str, declared: Mapping[str, Any]) -> Condition:
    where = f"conditions.{name}"
    if not name.isidentifier() or name in INPUTS:
        raise ValueError(f"{where}: is no name for a condition; {INPUTS} have another meaning")
    try:
        found = Condition(**{**declared, "shape": tuple(declared.get("shape", ()))})
    except TypeError as error:
        raise ValueError(f"{where}: {error}") from error
    kinds = [kind for kind in get_args(ConditionKind) if kind != "label"]
    if found.kind not in kinds:
        raise ValueError(f"{where}.kind: {found.kind!r} is unknown; choose from {kinds}")
    whole = all(type(size) is int and size >= 1 for size in found.shape)
    if not (found.shape and whole and math.prod(found.shape) <= MAX_SIZE):
        raise ValueError(f"{where}.shape: expected sizes above 0, at most {MAX_SIZE} in all")
    if not (isinstance(found.null, int | float) and math.isfinite(found.null)):
        raise ValueError(f"{where}.null: {found.null!r} is no finite number")
    return found
