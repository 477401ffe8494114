"""The base of velocity networks: a velocity, and the velocity with its variance."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from sureflow.core.card import Condition
from sureflow.core.size import check_shapes
from sureflow.moments import Moments, MultiplicativeNoise
from sureflow.moments.rules import widened
from sureflow.networks.classifier import Classifier
from sureflow.networks.foreign.convention import PLAIN, Convention
from sureflow.networks.laplace import Laplace
from sureflow.networks.probe import Probe, pooled

MAX_DIMENSIONS = 8
"""Most dimensions of a sample."""

MAX_SHAPES = 64
"""Most shapes of samples of one network."""

MAX_SIZE = 1 << 26
"""Most components of a sample."""

MAX_DEPTH = 1024
"""Most layers, blocks or levels of a network, so that a small config cannot make a huge one."""


@dataclass(frozen=True, slots=True)
class NetworkOutput(Moments):
    """Velocity and variance of ``B`` rows, with the activations for a probe or its reading.

    Attributes:
        hidden: Activations that a probe can read, ``[B, C, ...]`` for an image, ``[B, tokens, C]``,
            or ``[B, C]``. Only :meth:`VelocityNetwork.run` returns them.
        reading: Reading of the probe, ``[B]``; ``None`` without a probe.
        foreseen: Reading of the foresight, likewise.
        ignorance: Reading of the Laplace approximation, likewise.
    """

    hidden: Tensor | None = None
    reading: Tensor | None = None
    foreseen: Tensor | None = None
    ignorance: Tensor | None = None


class VelocityNetwork(nn.Module, ABC):
    """A network ``v(x_t, t, label)`` that approximates ``E[x1 - x0 | x_t]``.

    A subclass implements :meth:`run` over :class:`~sureflow.moments.Moments`. Noise layers take
    part only if the variance is wanted; the velocity is computed by the same code either way.

    Samplers call it under ``torch.inference_mode``, and operations that need gradients leave that
    mode. Training, and the score ``divergence``, call it outside of that mode.

    Attributes:
        shape: Shape of one sample, without the batch dimension.
        shapes: All shapes that it is to be evaluated at, of which that is the first.
        classes: Number of class labels; 0 for an unconditional network. The label ``classes`` is
            the null label, which stands for "no condition".
        floor: Variance added to every component of the velocity, in squared data units; the
            smallest variance that the network can return.
        noise: The noise layers, by the name of their place in the network.
        probe_channels: Channels of the activations that a probe can read, which :meth:`run` returns
            as ``hidden``; 0 if there are none.
        probe: The probe that was attached, if any.
        foresight: The probe that foresees a score, if any was attached.
        classifier: The classifier that was attached, if any.
        laplace: What training data leave open of a read-out, if that was attached.
        scorers: By name, what scores finished samples of it.
        conditions: Named arrays, besides a label, that :meth:`run` takes.
        null_label: Whether it knows the null label; if not, every row needs a label.
        convention: What its numbers meant before they were converted; for noise and samplers.
        variance_source: Where its variance comes from: ``own``, its layers, unless a subclass says.
        trained: Whether the network has weights to learn; analytic networks have none.
        family: Name of the family whose lanes it moves.

    Raises:
        ValueError: Shape, classes or floor are not valid.
    """

    trained: ClassVar[bool] = True
    family: ClassVar[str] = "flow"
    noise: nn.ModuleDict
    null_label: bool = True
    variance_source: str = "own"
    convention: Convention = PLAIN

    def __init__(self, shape: tuple[int, ...], classes: int, floor: float) -> None:
        super().__init__()
        whole = all(isinstance(size, int) and size >= 1 for size in shape)
        if not 1 <= len(shape) <= MAX_DIMENSIONS or not whole:
            raise ValueError(f"shape: expected 1 to {MAX_DIMENSIONS} sizes, integers above 0")
        if classes < 0:
            raise ValueError(f"classes: {classes} is below 0")
        if not (floor >= 0 and math.isfinite(floor)):
            raise ValueError(f"floor: {floor} is no variance")
        self.shape = shape
        self.shapes: tuple[tuple[int, ...], ...] = (shape,)
        self.classes = classes
        self.floor = floor
        self.probe_channels = 0
        self.probe: Probe | None = None
        self.foresight: Probe | None = None
        self.classifier: Classifier | None = None
        self.laplace: Laplace | None = None
        self.scorers = nn.ModuleDict()
        self.conditions: dict[str, Condition] = {}

    @abstractmethod
    def run(self, x: Tensor, t: Tensor, label: Tensor, noisy: bool, **given: Tensor) -> Moments:
        """Evaluate the network; ``noisy`` says whether the noise layers take part.

        Samplers pass ``x`` and ``t`` in float32; the output is cast to the type of ``x``. If there
        are ``probe_channels``, returns a :class:`~sureflow.networks.network.NetworkOutput`. A
        network with ``conditions`` is given all of them, each ``[B, ...]``; see :meth:`complete`.
        """

    def forward(self, x: Tensor, t: Tensor, label: Tensor | None = None, **given: Tensor) -> Tensor:
        """Velocity ``[B, *shape]`` at points ``x [B, *shape]``, times ``t [B]``, ``label [B]``.

        Units are data units per unit time; ``t = 0`` is noise and ``t = 1`` is data. Without
        ``label`` every row is unconditional; conditions ``given`` by name are ``[B, ...]``.
        """
        given = self.complete(x, given)
        return self.run(x, t, self._labels(x, label), False, **given).mean.to(x.dtype)

    def raw(self, x: Tensor, told: Tensor, label: Tensor, **given: Tensor) -> Tensor:
        """What the network says at ``x [B, *shape]`` if it is told these times, not converted."""
        return self.forward(x, told, label, **given)

    def moments(
        self, x: Tensor, t: Tensor, label: Tensor | None = None, **given: Tensor
    ) -> NetworkOutput:
        """Velocity and its variance per component, ``Sigma(x_t, t) ~ Var[x1 - x0 | x_t]``.

        The mean has the bits of :meth:`forward`. Variance is in squared data units; larger is less
        sure. The output has the type of ``x``, and the readings of what is attached.
        """
        label = self._labels(x, label)
        out = self.run(x, t, label, True, **self.complete(x, given))
        if out.variance is None:
            variance = torch.full_like(widened(out.mean), self.floor)
        else:
            variance = out.variance + self.floor
        read: dict[str, Tensor] = {}
        hidden = out.hidden if isinstance(out, NetworkOutput) else None
        probes = {"reading": self.probe, "foreseen": self.foresight}
        if hidden is not None and (any(probes.values()) or self.laplace is not None):
            found = pooled(hidden)
            read |= {name: p.read(found, t, label) for name, p in probes.items() if p is not None}
            if self.laplace is not None:
                read["ignorance"] = self.laplace.read(found)
        said = {name: number.to(x.dtype) for name, number in read.items()}
        return NetworkOutput(out.mean.to(x.dtype), variance.to(x.dtype), **said)

    def told_nothing(self, x: Tensor, t: Tensor) -> Tensor:
        """Activations ``[B, C, ...]`` that a classifier reads at ``x [B, *shape]``, ``t [B]``.

        They are those of rows without label or condition.
        """
        out = self.run(x, t, self._labels(x, None), False, **self.complete(x, {}))
        assert isinstance(out, NetworkOutput)
        assert out.hidden is not None
        return out.hidden

    def start(self, x0: Tensor, x1: Tensor, **given: Tensor) -> Tensor:
        """The state from which the path of noise ``x0`` to data ``x1`` of conditions begins.

        It is the noise itself, but for foreign paths that begin with a little of the data in it.
        """
        return self.convention.start(x0, x1)

    def draw_noise(self, shape: Sequence[int], generator: torch.Generator) -> Tensor:
        """Noise ``[*shape]`` of several rows for training, from which its paths begin."""
        return torch.randn(*shape, generator=generator)

    def attach(
        self,
        part: Probe | Classifier | Laplace,
        place: Literal["probe", "foresight", "classifier", "laplace"] = "probe",
    ) -> None:
        """Let a part read every evaluation from now on, in the place of one like it.

        Raises:
            ValueError: It was fitted to another network.
        """
        known = self.probe_channels
        if not known:
            raise ValueError("this network has no activations that a probe can read")
        if isinstance(part, Laplace):
            if part.features not in (known, 2 * known):
                raise ValueError(f"reads {part.features} features, of {known} channels")
        elif part.channels != known:
            raise ValueError(f"reads {part.channels} channels, the network has {known}")
        elif part.classes != self.classes:
            raise ValueError(f"knows {part.classes} classes, the network has {self.classes}")
        elif isinstance(part, Classifier) and part.state is not None:
            part.state.check(self.shape)
        setattr(self, place, part.to(self.device))

    def score_by(self, scorer: nn.Module, name: str) -> None:
        """Let a network beside this one score its finished samples.

        Raises:
            ValueError: It is for samples of another shape.
        """
        if scorer.shape != self.shape:
            raise ValueError(f"scores {[*scorer.shape]}, the samples are {[*self.shape]}")  # type: ignore[misc]
        self.scorers[name] = scorer.to(self.device)

    def serve(self, shapes: Sequence[Sequence[int]]) -> None:
        """Say at which shapes it is to be evaluated, its own first; none are its own alone.

        Raises:
            ValueError: They are not valid; the message begins with ``shapes``.
        """
        listed = tuple(map(tuple, shapes)) or (self.shape,)
        if len(listed) > MAX_SHAPES or not all(map(_whole, listed)):
            raise ValueError(f"shapes: expected at most {MAX_SHAPES}, of integers above 0")
        check_shapes(listed, self.shape)
        self.shapes = listed

    @property
    def sample_shapes(self) -> tuple[tuple[int, ...], ...]:
        """Shapes of the samples that come of its states, in the order of ``shapes``."""
        return self.shapes

    @property
    def device(self) -> torch.device:
        """Where the network lives; the CPU for one without tensors."""
        tensors = chain(self.parameters(), self.buffers())
        return next((tensor.device for tensor in tensors), torch.device("cpu"))

    def with_noise(self, place: str, h: Moments, embedding: Tensor, noisy: bool) -> Moments:
        """Add the variance of the noise layer at a place, if it has one that takes part."""
        if not (noisy and place in self.noise):
            return h
        out: Moments = self.noise[place](h, embedding)
        return out

    def noise_parameters(self) -> list[nn.Parameter]:
        """Parameters of the noise layers: the only ones that shape the variance alone."""
        return list(self.noise.parameters())

    def velocity_parameters(self) -> list[nn.Parameter]:
        """All other parameters: the plain network."""
        of_noise = {id(parameter) for parameter in self.noise_parameters()}
        return [p for p in self.parameters() if id(p) not in of_noise]

    def _labels(self, x: Tensor, label: Tensor | None) -> Tensor:
        if label is None:
            return torch.full((x.shape[0],), self.classes, dtype=torch.long, device=x.device)
        return label

    def complete(self, x: Tensor, given: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """All conditions for the rows ``x``, null where they are not given."""
        missing = {name: self.null_of(name) for name in self.conditions if name not in given}
        nulls = {name: z.to(x).repeat(len(x), *(1 for _ in z.shape)) for name, z in missing.items()}
        return {**given, **nulls}

    def null_of(self, name: str) -> Tensor:
        """What stands for a condition that is not given, ``[*shape]``."""
        condition = self.conditions[name]
        return torch.full(condition.shape, condition.null, device=self.device)


def _whole(shape: Sequence[int]) -> bool:
    whole = all(type(size) is int and 1 <= size <= MAX_SIZE for size in shape)
    return 1 <= len(shape) <= MAX_DIMENSIONS and whole and math.prod(shape) <= MAX_SIZE


def check_depth(name: str, count: int) -> None:
    """Check an argument that is a number of layers.

    Raises:
        ValueError: It is not in range; the message begins with the name.
    """
    if not 0 <= count <= MAX_DEPTH:
        raise ValueError(f"{name}: {count} is not in 0 .. {MAX_DEPTH}")


def noise_layers(wanted: Sequence[str], places: Mapping[str, int], embedding: int) -> nn.ModuleDict:
    """Make the noise layers at the wanted places of a network, which has these channels by place.

    Raises:
        ValueError: A wanted name is no place of this network.
    """
    if unknown := [name for name in wanted if name not in places]:
        raise ValueError(f"noise: no layer named {unknown}; choose from {[*places]}")
    return nn.ModuleDict({name: MultiplicativeNoise(places[name], embedding) for name in wanted})
