"""A velocity network of crystals: messages between all pairs of atoms and their periodic images."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import product

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sureflow.core.card import Condition
from sureflow.core.crystal import CELL, SCALE, VECTORS
from sureflow.core.elements import HEAVIEST, properties
from sureflow.moments import Moments, propagate
from sureflow.moments.rowwise import FEW, RowwiseLinear
from sureflow.networks.crystal_state import metric, noise_of, start
from sureflow.networks.embedding import TimeEmbedding
from sureflow.networks.network import NetworkOutput, VelocityNetwork, check_depth, noise_layers

COMPOSITION = "composition"
"""Name of the condition: atomic numbers ``[n]``."""

ABOVE, NULL = "above", -1.0
"""Name of the condition: energy above the best crystal of the composition, in eV per atom ``[1]``;
and what stands for none."""

SCALES = (0.02, 0.05, 0.15, 0.5)
"""Energies ``e`` by which that is seen, as ``exp(-above / e)``."""

WAVES = 6
"""Wave numbers of the Fourier features of differences of coordinates."""

RADII = 12
"""Distances at which neighbours are counted, up to ``FARTHEST`` angstrom."""

FARTHEST, WIDTH = 6.0, 0.5
"""Largest of those distances, and the deviation of the Gaussian by which neighbours count."""

ELEMENT = 16
"""Width of what is learned of an element, beside what chemistry tells of it."""


FEW_ATOMS = 16
"""From this many atoms on, matrix products of the CPU sum in the same order for each of them."""

UNIT = 32
"""Widths are multiples of it: torch computes the last numbers of a SiLU, beyond that, otherwise."""


class Messages(nn.Module):
    """A layer: every pair of atoms tells of itself, and every atom hears of its pairs."""

    def __init__(self, width: int, embedding: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.norm_pair = nn.LayerNorm(width, elementwise_affine=False)
        self.film = RowwiseLinear(embedding, 2 * width)
        self.edge = nn.Linear(width, width)
        self.source = nn.Linear(width, width, bias=False)
        self.target = nn.Linear(width, width, bias=False)
        self.message = nn.Linear(width, width)
        self.update = nn.Linear(2 * width, width)
        self.output = nn.Linear(width, width)

    def forward(self, h: Tensor, edges: Tensor, embedding: Tensor) -> tuple[Tensor, Tensor]:
        """Transform atoms ``h [B, n, width]`` and pairs of them ``edges [B, n, n, width]``."""
        scale, shift = self.film(embedding)[:, None].chunk(2, -1)
        z = self.norm(h) * (1 + scale) + shift
        pairs = self.edge(self.norm_pair(edges))
        pairs = pairs + self.source(z)[:, None] + self.target(z)[:, :, None]
        message = self.message(F.silu(pairs))
        heard = F.silu(message).mean(2)
        changed = self.output(F.silu(self.update(torch.cat([z, heard], -1))))
        return h + changed, edges + message


class CrystalNetwork(VelocityNetwork):
    """Messages over all pairs of atoms of a crystal, for states of :mod:`sureflow.core.crystal`.

    A pair is seen by sines and cosines of ``2 pi k (f_i - f_j)`` and by counts of the images of an
    atom around another one by their distance, so the velocity does not change if all atoms move
    together, or one by a lattice vector; and it is permuted as the atoms are. The velocities of the
    coordinates add up to zero over the atoms. As they are less their mean, their variance is
    ``S_i (1 - 2 / n) + sum_j S_j / n^2``, exactly, with ``S`` that of the last linear layer.

    Args:
        atoms: Numbers of atoms of the crystals that it is to be evaluated at.
        width: Hidden width, a multiple of :data:`UNIT`.
        layers: Number of layers.
        embedding: Width of the embedding of time and cell, the same.
        noise: Where noise is injected: ``cell`` and ``frac``, before the last linear layer of each.
        floor: See :class:`~sureflow.networks.network.VelocityNetwork`.
        examples: Formulae of the kind that it was trained with; calibration draws them.
        renoised: Times at which finished samples are renoised for the score ``renoised_nll``.
        draws: Draws of noise at each of them.
        above: Whether :data:`ABOVE` is a condition.

    Raises:
        ValueError: An argument is not valid.
    """

    def __init__(
        self,
        atoms: Sequence[int],
        width: int = 64,
        layers: int = 6,
        embedding: int = 64,
        noise: Sequence[str] = ("cell", "frac"),
        floor: float = 1e-4,
        examples: Sequence[str] = (),
        renoised: Sequence[float] = (0.6, 0.8, 0.9),
        draws: int = 1,
        above: bool = False,
    ) -> None:
        if not atoms or any(type(n) is not int or n < 1 for n in atoms):
            raise ValueError("atoms: expected one or several numbers of atoms, from 1 on")
        if any(size < 1 or size % UNIT for size in (width, embedding)):
            raise ValueError(f"width, embedding: expected multiples of {UNIT}")
        if not renoised or not all(0 <= t < 1 for t in renoised) or draws < 1:
            raise ValueError("renoised: expected times in 0 .. 1, each with a draw or several")
        super().__init__((CELL + atoms[0], 3), 0, floor)
        self.serve([(CELL + n, 3) for n in atoms])
        check_depth("layers", layers)
        self.atoms, self.renoised = tuple(atoms), tuple(renoised) * draws
        self.conditions = {
            COMPOSITION: Condition(
                "composition",
                (atoms[0],),
                says='a formula such as "MgF2", whose units fill the cell, or the elements of all'
                ' atoms: "Mg F F", or their atomic numbers',
                sized=True,
                examples=tuple(examples),
            )
        }
        if above:
            says = "energy above the best crystal of the composition, in eV/atom, from 0 on"
            self.conditions[ABOVE] = Condition("vector", (1,), NULL, says)
        self.register_buffer("known", torch.from_numpy(properties()), persistent=False)
        shifts = torch.tensor([*product((-1.0, 0.0, 1.0), repeat=3)])
        self.register_buffer("shifts", shifts, persistent=False)
        self.register_buffer("radii", torch.linspace(0.5, FARTHEST, RADII), persistent=False)
        self.element = nn.Embedding(1 + HEAVIEST, ELEMENT)
        self.stem = nn.Linear(ELEMENT + self.known.shape[1], width)
        self.time = TimeEmbedding(embedding)
        self.cell = RowwiseLinear(3 * CELL, embedding)
        self.pair = nn.Linear(6 * WAVES + RADII, width)
        self.layers = nn.ModuleList(Messages(width, embedding) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.heads = nn.ModuleDict(
            {"cell": nn.Linear(width, 3 * CELL), "frac": nn.Linear(width, 3)}
        )
        self.noise = noise_layers(noise, dict.fromkeys(("cell", "frac"), width), embedding)
        self.probe_channels = width
        self.above = RowwiseLinear(1 + len(SCALES), embedding) if above else None

    family = "crystals"
    known: Tensor
    shifts: Tensor
    radii: Tensor

    @property
    def sample_shapes(self) -> tuple[tuple[int, ...], ...]:
        """Shapes of the tables that come of its states."""
        return tuple((VECTORS + n, 4) for n in self.atoms)

    def start(self, x0: Tensor, x1: Tensor, **given: Tensor) -> Tensor:
        """The state from which the path of noise to data begins: on the shortest way."""
        return start(x0, x1, self.complete(x1, given)[COMPOSITION])

    def draw_noise(self, shape: Sequence[int], generator: torch.Generator) -> Tensor:
        """Noise ``[B, CELL + n, 3]``: normal cells, and coordinates uniform on the torus."""
        gaussian = torch.randn(*shape, generator=generator)
        return noise_of(gaussian, torch.rand(*shape, generator=generator))

    def complete(self, x: Tensor, given: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The conditions of the rows ``x``, null where they are not given."""
        rows = {COMPOSITION: x.new_zeros(len(x), x.shape[1] - CELL)}
        if self.above is not None:
            rows[ABOVE] = x.new_full((len(x), 1), NULL)
        return {**rows, **given}

    def null_of(self, name: str) -> Tensor:
        """What stands for a condition that is not given; of elements for any number of atoms."""
        return torch.full((), self.conditions[name].null, device=self.device)

    def run(self, x: Tensor, t: Tensor, label: Tensor, noisy: bool, **given: Tensor) -> Moments:
        """Evaluate; see :class:`~sureflow.networks.network.VelocityNetwork`."""
        composition = given[COMPOSITION]
        rows, few = len(x), max(FEW, -(-FEW_ATOMS // composition.shape[1]))
        if rows < few:
            # Matrix products use other kernels for few rows than for many.
            padded = {name: F.pad(z, (0, 0, 0, few - rows)) for name, z in given.items()}
            x, t = F.pad(x, (0, 0, 0, 0, 0, few - rows)), F.pad(t, (0, few - rows))
            return self.run(x, t, label, noisy, **padded).map(lambda z: z[:rows])
        number = composition.round().clamp(0, HEAVIEST).long()
        h = self.stem(torch.cat([self.element(number), self.known[number]], -1))
        embedding = self.time(t) + self.cell(x[:, :CELL].flatten(1))
        if self.above is not None:
            embedding = embedding + self.above(_energy_features(given[ABOVE]))
        embedding = F.silu(embedding)
        edges = self.pair(self._seen(x))
        for layer in self.layers:
            h, edges = layer(h, edges, embedding)
        h = F.silu(self.norm(h))
        parts = {"cell": Moments(h.mean(1)), "frac": Moments(h)}
        out = {
            name: propagate(self.heads[name], self.with_noise(name, part, embedding, noisy))
            for name, part in parts.items()
        }
        cell, frac = out["cell"].map(lambda z: z.reshape(-1, CELL, 3)), centred(out["frac"])
        mean = torch.cat([cell.mean, frac.mean], 1)
        if cell.variance is None and frac.variance is None:
            return NetworkOutput(mean, hidden=h)
        variances = [
            torch.zeros_like(part.mean) if part.variance is None else part.variance
            for part in (cell, frac)
        ]
        return NetworkOutput(mean, torch.cat(variances, 1), hidden=h)

    def _seen(self, x: Tensor) -> Tensor:
        """What is seen of each pair of atoms, ``[B, n, n, 6 WAVES + RADII]``."""
        frac = x[:, CELL:] / SCALE
        apart = frac[:, None] - frac[:, :, None]
        waves = torch.arange(1, WAVES + 1, device=x.device, dtype=x.dtype) * (2 * math.pi)
        angles = (apart[..., None] * waves).flatten(3)
        images = (apart - apart.round())[..., None, :] + self.shifts
        g = metric(x)[:, None, None, None]
        square = sum(
            (images[..., a] * images[..., b] * g[..., a, b] for a in range(3) for b in range(3)),
            start=torch.zeros_like(images[..., 0]),
        )
        distance = (square + 1e-6).sqrt()
        near = torch.exp(-0.5 * ((distance[..., None] - self.radii) / WIDTH).square()).sum(-2)
        return torch.cat([angles.sin(), angles.cos(), near], -1)


def _energy_features(above: Tensor) -> Tensor:
    """Whether an energy ``[B, 1]`` is given, and how it is seen: ``[B, 1 + SCALES]``."""
    known = (above >= 0).to(above)
    return torch.cat([known, *(known * torch.exp(-above.clamp(min=0) / e) for e in SCALES)], 1)


def centred(h: Moments) -> Moments:
    """Activations ``[B, n, C]``, independent of each other, less their mean over the atoms."""
    mean = h.mean - h.mean.mean(1, keepdim=True)
    if h.variance is None:
        return Moments(mean)
    n, total = h.variance.shape[1], h.variance.sum(1, keepdim=True)
    return Moments(mean, h.variance * (1 - 2 / n) + total / n**2)
