"""Fitting classifiers: the classes of data, from a network's activations without them."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F
from tqdm import tqdm

from sureflow.core.path import LINEAR
from sureflow.families.flow.scores.class_margin import READ
from sureflow.learned import LEARNED_FROM, NETWORK
from sureflow.model import Model
from sureflow.networks import Classifier, NetworkOutput, VelocityNetwork
from sureflow.networks.classifier import celled
from sureflow.training.arrays import Arrays
from sureflow.training.data import Source
from sureflow.training.suited import suited

SEED, DRAWS = 5_000_003, 12_000
LATEST = READ + 0.1
"""States are of the times from when lanes are read, to this one."""

HELD = 10
"""One in so many samples is held out."""

SIDES, FEATURES = (4, 2, 1), 8192
"""Sides of the grid of cells, and how many features there are at most; the finest that fits."""

PENALTIES = tuple(10.0**power for power in range(-3, 0))
"""Penalties to try, on half the squared weights of standardised features, per draw."""

STEPS, BLOCK = 60, 100


class Features(NamedTuple):
    """What is read of states, ``[n, C cells]``, and their classes, ``[n]``."""

    read: Tensor
    labels: Tensor


def fit_classifier(
    model: Model, source: Source, draws: int = DRAWS, seed: int = SEED, quiet: bool = False
) -> Classifier:
    """Mix noise to labelled data, and fit a classifier to what the network computes of that.

    The network is told no class. The times are those at which the score ``class_margin`` is read by
    usual steps. The penalty is that of the least cross-entropy on samples held out, one in
    :data:`HELD`; the classifier is then fitted to all.

    Args:
        model: The model.
        source: Data with labels, best those that the network was trained on.
        draws: Number of noisy states.
        seed: Of noise and times.
        quiet: Whether to show no progress.

    Returns:
        The classifier, not attached to the network. Its settings have the ``accuracy`` on samples
        held out.

    Raises:
        ValueError: The network has fewer than two classes, no null label or no activations, or
            always needs a condition; or the data do not suit it.
    """
    network, name = model.network, model.card.name
    if network.classes < 2:
        raise ValueError(f"{name} has no classes that could be told apart")
    if not network.probe_channels:
        raise ValueError(f"{name} has no activations that a classifier can read")
    if not network.null_label or model.card.required:
        raise ValueError(f"{name} is never evaluated without a condition, so it shows no class")
    source, generator = suited(source, network), torch.Generator().manual_seed(seed)
    cells = _cells(network)
    parts = _parts(source, generator)
    bar: tqdm[Any]
    with tqdm(total=draws, disable=quiet, unit="state", desc=name) as bar:
        held = _features(network, parts[1], draws // HELD, cells, generator, bar)
        fitted = _features(network, parts[0], draws - draws // HELD, cells, generator, bar)
    tried = {penalty: _fit(fitted, network.classes, penalty) for penalty in PENALTIES}
    losses = {p: float(F.cross_entropy(_logits(held, *w), held.labels)) for p, w in tried.items()}
    penalty = min(losses, key=losses.__getitem__)
    right = _logits(held, *tried[penalty]).argmax(1) == held.labels
    whole = Features(*(torch.cat(pair) for pair in zip(fitted, held, strict=True)))
    weight, bias = _fit(whole, network.classes, penalty)
    settings = {
        "data": source.description,
        "draws": draws,
        "seed": seed,
        "penalty": penalty,
        "accuracy": round(float(right.double().mean()), 4),
        LEARNED_FROM: {NETWORK: model.digests.get(NETWORK)},
    }
    return Classifier(weight.view(network.classes, -1, cells), bias, settings)


def _cells(network: VelocityNetwork) -> int:
    """In how many cells the activations are read: of an image as finely as is still small."""
    shown = _shown(network, torch.zeros(1, *network.shape), torch.zeros(1))
    if shown.dim() == 2:
        return 1
    places = shown[0].numel() // network.probe_channels
    squares = (side**2 for side in SIDES)
    fit = (n for n in squares if n <= places and n * network.probe_channels <= FEATURES)
    return next(fit, 1)


def _parts(source: Source, generator: torch.Generator) -> tuple[Source, Source]:
    """Those to fit to, and those held out; of exact distributions every draw is another."""
    if not isinstance(source, Arrays):
        return source, source
    order = torch.randperm(len(source.samples), generator=generator)
    held = len(order) // HELD
    if not held:
        raise ValueError(f"data: {len(order)} samples are too few; at least {HELD}")
    return source.at(order[held:]), source.at(order[:held])


@torch.no_grad()
def _features(
    network: VelocityNetwork,
    source: Source,
    count: int,
    cells: int,
    generator: torch.Generator,
    bar: tqdm[Any],
) -> Features:
    """Draw data, and read states between noise and them."""
    drawn = source.draw(count, generator)
    noise = torch.randn(drawn.samples.shape, generator=generator)
    t = READ + (LATEST - READ) * torch.rand(count, generator=generator)
    begin = network.start(noise, drawn.samples, **drawn.conditions)
    states = LINEAR.interpolate(begin, drawn.samples, t)
    read = []
    for x, times in zip(torch.split(states, BLOCK), torch.split(t, BLOCK), strict=True):
        read.append(celled(_shown(network, x, times), cells).float().cpu())
        bar.update(len(x))
    return Features(torch.cat(read), drawn.labels)


@torch.no_grad()
def _shown(network: VelocityNetwork, x: Tensor, t: Tensor) -> Tensor:
    """The activations of states, when the network is told nothing."""
    x, device = x.to(network.device), network.device
    label = torch.full((len(x),), network.classes, device=device)
    out = network.run(x, t.to(device), label, False, **network.complete(x, {}))
    assert isinstance(out, NetworkOutput)
    assert out.hidden is not None
    return out.hidden


def _fit(features: Features, classes: int, penalty: float) -> tuple[Tensor, Tensor]:
    """Weights ``[classes, C cells]`` and bias ``[classes]`` of a ridge logistic regression."""
    centre, scale = features.read.mean(0), features.read.std(0)
    scale[scale == 0] = torch.inf  # a constant feature gets no weight
    x = (features.read - centre) / scale
    weight = torch.zeros(classes, x.shape[1], requires_grad=True)
    bias = torch.zeros(classes, requires_grad=True)
    search = torch.optim.LBFGS(
        [weight, bias], max_iter=STEPS, history_size=20, line_search_fn="strong_wolfe"
    )

    def loss() -> Tensor:
        search.zero_grad()
        wrong = F.cross_entropy(F.linear(x, weight, bias), features.labels)
        found = wrong + penalty / 2 * weight.square().sum()
        found.backward()  # type: ignore[no-untyped-call]
        return found

    search.step(loss)  # type: ignore[no-untyped-call]
    found = weight.detach() / scale
    return found, bias.detach() - found @ centre


def _logits(features: Features, weight: Tensor, bias: Tensor) -> Tensor:
    return F.linear(features.read, weight, bias)
