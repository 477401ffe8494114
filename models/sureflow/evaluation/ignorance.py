"""Fits what training data leave open of a network, by its activations on the way to them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor
from tqdm import tqdm

from sureflow.learned import LEARNED_FROM, NETWORK
from sureflow.model import Model
from sureflow.networks import Laplace, NetworkOutput
from sureflow.networks.probe import pooled
from sureflow.training.data import Source
from sureflow.training.own import own_samples, usual_count
from sureflow.training.points import Points
from sureflow.training.suited import data_at, suited

SEED = 5_000_011
FREE = 0.1
"""Share of the points without a condition, as in the trainings that ship."""

CHUNK = 64


def data_of(model: Model, data: Path | None, runs: Path, quiet: bool = False) -> Source:
    """The data that a model is to know.

    Args:
        model: The model.
        data: As for :func:`~sureflow.training.suited.data_at`; without it, samples of the model
            itself, which know what it makes of its conditions and not whether it ever saw them.
        runs: Folder for samples of the model.
        quiet: Whether to show no progress.

    Raises:
        ValueError: The data do not suit the model; the message begins with the field.
        FileNotFoundError: They are not installed.
    """
    if data is not None:
        return data_at(data, model)
    count = usual_count(model, 1 << 30)
    own = own_samples(model, count, SEED, runs / model.card.name, quiet=quiet)
    return suited(own, model.network)


def fit_laplace(
    model: Model, source: Source, points: int = 20_000, seed: int = SEED, quiet: bool = False
) -> Laplace:
    """Fit the Laplace approximation to points on the way to data.

    The points are drawn as in training: data, noise, a time in [0, 1], and of a share of
    :data:`FREE` no condition. A point weighs as much as the network's own variance there allows, as
    it does in the likelihood; of a network without one all count alike.

    Args:
        model: The model.
        source: What it was trained on.
        points: Number of points.
        seed: Their seed.
        quiet: Whether to show no progress.

    Returns:
        The approximation, not attached to the network. Its settings have ``fresh``: its mean
        reading at a tenth as many other points, which is 1 if the points are enough.

    Raises:
        ValueError: The network has no activations to read, or they are not finite.
    """
    name = model.card.name
    if not model.network.probe_channels:
        raise ValueError(f"{name} has no activations that can be read")
    found: tuple[Moments, Moments] | None = None
    with tqdm(total=points, disable=quiet, unit="point", desc=name) as bar:
        for rows, weight in _features(model, source, points, seed):
            found = found or (Moments(rows.shape[1]), Moments(rows.shape[1]))
            found[0].add(rows.double(), weight.double())
            found[1].add(rows.double(), torch.ones_like(weight, dtype=torch.double))
            bar.update(len(rows))
    assert found is not None
    weighted, plain = found
    settings = {
        "data": source.description,
        "points": points,
        "seed": seed,
        LEARNED_FROM: {NETWORK: model.digests.get(NETWORK)},
    }
    centre = weighted.mean
    fitted = Laplace.of(centre, weighted.about(centre), plain.about(centre), settings)
    with torch.inference_mode():
        others = _features(model, source, points // 10, seed + 1)
        fresh = torch.cat([fitted.read(rows) for rows, _ in others])
    fitted.settings["fresh"] = round(float(fresh.mean()), 4)
    return fitted


class Moments:
    """Mean and second moments of weighted rows, added up in float64."""

    def __init__(self, channels: int) -> None:
        self._weight = torch.zeros(1, dtype=torch.double)
        self._sum = torch.zeros(channels, dtype=torch.double)
        self._squares = torch.zeros(channels, channels, dtype=torch.double)

    def add(self, rows: Tensor, weight: Tensor) -> None:
        """Add rows ``[n, C]`` that weigh so much, ``[n]``."""
        heavy = rows * weight[:, None]
        self._weight += weight.sum()
        self._sum += heavy.sum(0)
        self._squares += heavy.T @ rows

    @property
    def mean(self) -> Tensor:
        """The mean row, ``[C]``."""
        return self._sum / self._weight

    def about(self, centre: Tensor) -> Tensor:
        """Mean of ``(h - c) (h - c)^T`` over rows ``h``, about a centre ``c [C]``; ``[C, C]``."""
        off = centre.outer(self.mean)
        return self._squares / self._weight - off - off.T + centre.outer(centre)


@torch.inference_mode()
def _features(
    model: Model, source: Source, points: int, seed: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Features at points ``[n, F]``, a chunk at a time, and precisions of the targets ``[n]``."""
    network, generator = model.network, torch.Generator().manual_seed(seed)
    for first in range(0, points, CHUNK):
        count = min(CHUNK, points - first)
        drawn = source.draw(count, generator)
        noise = torch.randn(drawn.samples.shape, generator=generator)
        t, free = torch.rand(2, count, generator=generator)
        at = Points.between(noise, drawn, t, free < FREE, network)
        out = network.run(at.x, at.t, at.label, True, **network.complete(at.x, at.given))
        assert isinstance(out, NetworkOutput)
        assert out.hidden is not None
        rows = pooled(out.hidden)
        if out.hidden.dim() == 2:  # a single position, of which nothing deviates
            rows = rows[:, : rows.shape[1] // 2]
        if not rows.isfinite().all():
            raise ValueError(f"{model.card.name}: its activations are not finite")
        variance = torch.ones(count, 1) if out.variance is None else out.variance + network.floor
        yield rows.cpu(), 1 / variance.flatten(1).mean(1).cpu()
