"""A foreign network, trained already and not changed, with a variance for its velocity."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from typing import Any, Literal, Self, get_args

import torch
from torch import Tensor, nn

from sureflow.core.path import broadcast
from sureflow.core.size import in_words
from sureflow.moments import Moments, MultiplicativeNoise
from sureflow.moments.rules import rule_of, widened
from sureflow.networks.embedding import Embedding
from sureflow.networks.final import FinalLayer
from sureflow.networks.foreign.beside import BesideHead, seen
from sureflow.networks.foreign.call import LABEL, STATE, TIME, Call
from sureflow.networks.foreign.conditions import read_conditions
from sureflow.networks.foreign.convention import Convention
from sureflow.networks.foreign.prediction import ForeignPrediction
from sureflow.networks.network import NetworkOutput, VelocityNetwork

VarianceSource = Literal["inside", "beside", "none"]
"""Where the variance of a foreign network comes from: noise in front of its last layer, a head
beside it, or nowhere."""


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
    """Any trained module, converted to a velocity of flows, with a variance.

    The module keeps its parameters and its output bit for bit in float32 and float64; half
    precision is widened to float32. Only the variance is trained (objective ``variance``). Inside
    the module it comes from noise in front of the last linear layer, with an embedding of its own;
    it is exact for that noise, because only the final layer follows it, and operations that move
    (``PixelShuffle``, ...), omit, repeat or negate entries. Beside the module it comes from a small
    network that sees its input and its velocity, and of samples that are no images also conditions
    that are vectors.

    Args:
        network: A module, which is called as ``inputs`` and ``output`` say. It must understand the
            label ``classes`` as "no condition", unless there is no ``null_label``. It is frozen and
            put in evaluation mode.
        shape: Shape of one sample.
        final: Dotted name of its final layer, a ``Linear`` or ``Conv2d`` that it calls once.
        variance: Where the variance comes from; by default ``inside`` if a ``final`` layer is
            named, ``beside`` if not.
        classes: Number of labels, 0 for unconditional.
        null_label: Whether it understands the label ``classes``.
        embedding: Width of the time-and-label embedding of the noise layer.
        width: Hidden width of the noise layer, or of the head beside.
        floor: See :class:`~sureflow.networks.network.VelocityNetwork`.
        conditions: Named arrays that it is called with as well: by name the fields of a
            :class:`~sureflow.core.card.Condition`. It must understand the null of each as "not
            given".
        path: See :class:`~sureflow.networks.foreign.convention.Convention`, as for ``prediction``
            and ``time``. By default the module is a velocity on the linear path.
        prediction: What it predicts.
        time: The time that it is told.
        inputs: See :class:`~sureflow.networks.foreign.call.Call`, as for ``output`` and
            ``channels``.
        output: Where in what it returns its prediction is.
        channels: How many channels of that are the prediction.
        shapes: All shapes that it is to be evaluated at, of which ``shape`` is the first.

    Raises:
        ValueError: An argument is not valid, or as :meth:`verify`, which runs on construction
            (unless on the meta device) and whenever weights are loaded.
    """

    def __init__(
        self,
        network: nn.Module,
        final: str | None = None,
        shape: Sequence[int] = (),
        classes: int = 0,
        embedding: int = 128,
        width: int = 32,
        floor: float = 1e-4,
        conditions: Mapping[str, Mapping[str, Any]] | None = None,
        *,
        variance: VarianceSource | None = None,
        null_label: bool = True,
        path: Mapping[str, Any] | None = None,
        prediction: ForeignPrediction = "velocity",
        time: str | None = None,
        inputs: Mapping[str, str] | None = None,
        output: str | None = None,
        channels: int | None = None,
        shapes: Sequence[Sequence[int]] = (),
    ) -> None:
        super().__init__(tuple(shape), classes, floor)
        self._called_in: torch.dtype | None = None
        self.serve(shapes)
        self.network = network.requires_grad_(False).eval()
        self.conditions = read_conditions(conditions or {})
        self._seen = seen(self.conditions, tuple(shape))
        self.null_label = null_label
        with torch.device("cpu"):  # it computes with numbers, of which the meta device has none
            self.convention = Convention(path, prediction, time)
        self.call = Call(inputs or {}, output, channels)
        self.call.check({STATE, TIME, *self.conditions, *((LABEL,) if classes else ())})
        network._apply(_single)  # type: ignore[no-untyped-call]
        self.final = final
        self.variance_source = variance or ("beside" if final is None else "inside")
        self.noise = self._noise(embedding, width)
        # For each entry of the velocity, its entry in the final layer's output; None if the same.
        for each in self.shapes:
            self.register_buffer(_order(each), None, persistent=False)
        self.register_load_state_dict_post_hook(_verify)  # type: ignore[no-untyped-call]
        if not any(z.is_meta for z in network.state_dict().values()):
            self.verify()

    def _noise(self, embedding: int, width: int) -> nn.ModuleDict:
        if self.variance_source not in get_args(VarianceSource):
            known = ", ".join(get_args(VarianceSource))
            raise ValueError(f"variance: {self.variance_source!r} is unknown; choose from {known}")
        if self.variance_source == "none":
            return nn.ModuleDict()
        if self.variance_source == "beside":
            given = sum(self._seen.values())
            return nn.ModuleDict({"beside": BesideHead(self.shape, self.classes, width, given)})
        if self.final is None:
            raise ValueError("final: name the last layer, in front of which the noise is injected")
        last = FinalLayer(self.network, self.final)
        self.probe_channels = last.channels
        noise = ConditionedNoise(last.channels, self.classes, embedding, width)
        return nn.ModuleDict({"final": noise.to(widened(last.weight))})

    def run(self, x: Tensor, t: Tensor, label: Tensor, noisy: bool, **given: Tensor) -> Moments:
        """Evaluate; see :class:`~sureflow.networks.network.VelocityNetwork`."""
        if not noisy or self.variance_source == "none":
            return Moments(self._evaluate(x, t, label, given))
        if self.variance_source == "beside":
            mean = self._evaluate(x, t, label, given)
            parts = [given[name].float() for name in self._seen]
            head = self.noise["beside"]
            at = x.detach().float(), mean.detach().float(), t.float()
            return Moments(mean, head(*at, label, *parts))
        assert self.final is not None
        last = FinalLayer(self.network, self.final)
        mean, h, _ = last.capture(lambda: self._evaluate(x, t, label, given))
        # The noise layer reads an image channels first, anything else as rows of channels.
        image = isinstance(last.layer, nn.Conv2d)
        rows = h.detach() if image or h.dim() <= 3 else h.detach().flatten(1, -2)
        noisy_rows = self.noise["final"](Moments(rows), t, label)
        with torch.autocast(x.device.type, enabled=False):
            variance = rule_of(last.layer)(last.layer, widened(rows), noisy_rows.variance)
        variance = variance.flatten(1)
        order = getattr(self, _order(x.shape[1:]))
        if order is not None:
            variance = variance.index_select(1, order)
        variance = variance.reshape(mean.shape)
        if not self.convention.plain:
            factor = self.convention.at(t).output.square()
            variance = variance * broadcast(factor.to(variance), variance)
        return NetworkOutput(mean, variance, hidden=rows)

    def raw(self, x: Tensor, told: Tensor, label: Tensor, **given: Tensor) -> Tensor:
        """What the module says, before it is converted."""
        return self._said(x, told, label, self.complete(x, given)).to(x.dtype)

    def train(self, mode: bool = True) -> Self:
        """Set the mode of the noise layer; the frozen module stays in evaluation mode."""
        super().train(mode)
        self.network.eval()
        return self

    @torch.no_grad()
    def verify(self) -> None:
        """Evaluate two rows of each shape, and find out which operations follow the final layer.

        A module that has to be opened first, and says that it is not ``ready``, is left alone.

        Raises:
            ValueError: ``final`` names no layer or one of another type, the module cannot be
                evaluated or gives another shape than ``shape``, or an operation after its final
                layer changes values; the message begins with the name of the argument.
        """
        if getattr(self.network, "ready", True):
            for shape in self.shapes:
                self._verify(shape)

    def _verify(self, shape: tuple[int, ...]) -> None:
        x = torch.randn(2, *shape, generator=torch.Generator().manual_seed(0))
        x = x.to(self.device, self._dtype)
        t, label = torch.tensor([0.25, 0.75]).to(x), torch.tensor([0, self.classes]).to(x.device)
        given = self.complete(x, {})
        try:
            found = self._evaluate(x, t, label, given).shape
        except Exception as error:
            labels = f", labels 0 and {self.classes} (none)" if self.classes else ""
            raise ValueError(
                f"network: cannot evaluate samples of shape {[*shape]}{labels}: {error}"
            ) from error
        if found != x.shape:
            raise ValueError(f"shape: the network maps {[*x.shape]} to {[*found]}")
        if self.final is not None and self.variance_source == "inside":
            last = FinalLayer(self.network, self.final)
            order = last.entry_order(lambda: self._said(x, t, label, given))
            setattr(self, _order(shape), order)

    @property
    def _dtype(self) -> torch.dtype:
        """The type in which the module is called: float32, or what it computes in that is wider.

        Weights in half precision take part in products alone. A time of 999 would be 1000 in it.
        """
        if self._called_in is None:
            tensors = chain(self.network.parameters(), self.network.buffers())
            found = next((z.dtype for z in tensors if z.is_floating_point()), torch.float32)
            self._called_in = torch.promote_types(found, torch.float32)
        return self._called_in

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        self._called_in = None
        return super()._apply(fn, recurse)  # type: ignore[no-untyped-call,no-any-return]

    def _evaluate(self, x: Tensor, t: Tensor, label: Tensor, given: Mapping[str, Tensor]) -> Tensor:
        """The velocity."""
        if self.convention.plain:
            return self._said(x, t, label, given).to(x.dtype)
        affine = self.convention.at(t, x)
        out = self._said(x * affine.input, affine.time, label, given)
        if out.shape != x.shape:
            return out
        return affine.state * x + affine.output * out.to(x.dtype)

    def _said(self, x: Tensor, t: Tensor, label: Tensor, given: Mapping[str, Tensor]) -> Tensor:
        """What the module predicts, in its own type."""
        own = self._dtype
        condition = {name: value.to(own) for name, value in given.items()}
        if self.classes:
            condition[LABEL] = label if self.null_label else label.clamp(max=self.classes - 1)
        told = t if not t.is_floating_point() else t.to(own)
        out: Tensor = self.call(self.network, x.to(own), told, condition)
        return out


def _order(shape: Sequence[int]) -> str:
    """Name of the buffer with the order of entries of a shape."""
    return f"entry_order_{in_words(tuple(shape))}"


def _single(tensor: Tensor) -> Tensor:
    """Widen a floating-point tensor to float32 at least."""
    return widened(tensor) if tensor.is_floating_point() else tensor


def _verify(network: FrozenVelocity, keys: object) -> None:
    network.verify()
