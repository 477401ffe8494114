"""Fitting classifiers: the classes of data, from noisy states and a network's activations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F
from tqdm import tqdm

from sureflow.core.path import LINEAR
from sureflow.evaluation.state_classifying import fit_state_classifier
from sureflow.families.flow.scores.class_margin import TIMES
from sureflow.learned import LEARNED_FROM, NETWORK
from sureflow.model import Model
from sureflow.networks import Classifier, VelocityNetwork
from sureflow.networks.classifier import celled
from sureflow.networks.state_classifier import StateClassifier, reads
from sureflow.training.arrays import Arrays
from sureflow.training.data import Source
from sureflow.training.suited import suited

SEED, DRAWS = 5_000_003, 12_000
WINDOW = 0.1
"""States are of the times at which lanes are read, and of those up to so much later."""

HELD = 10
"""One in so many samples is held out."""

SIDES, FEATURES = (4, 2, 1), 8192
"""Sides of the grid of cells, and how many features there are at most; the finest that fits."""

PENALTIES = tuple(10.0**power for power in range(-3, 0))
"""Penalties to try, on half the squared weights of standardised features, per draw."""

STEPS, BLOCK = 60, 100

WIDEST = 3.0
"""Largest logarithm of a scale, since logits that are always right could be scaled without end."""


class States(NamedTuple):
    """Noisy states ``[n, *shape]`` at times ``t [n]``, of classes ``labels [n]``."""

    x: Tensor
    t: Tensor
    labels: Tensor


class Reading(NamedTuple):
    """What is read linearly: weights ``[classes, C cells]`` and bias ``[classes]``."""

    weight: Tensor
    bias: Tensor

    def logits(self, features: Tensor) -> Tensor:
        """Logits ``[n, classes]`` of features ``[n, C cells]``."""
        return F.linear(features, self.weight, self.bias)


def fit_classifier(
    model: Model, source: Source, draws: int = DRAWS, seed: int = SEED, quiet: bool = False
) -> Classifier:
    """Mix noise to labelled data, and fit a classifier to what the network computes of that.

    The network is told no class. There is a linear reading for each of the times at which lanes are
    read, and of images a small convolutional net that reads the states themselves. The penalty is
    that of the least cross-entropy on samples held out, one in :data:`HELD`; the reading is then
    fitted to all. So is the scale of the logits, by the samples held out.

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
    cells, (known, unknown) = _cells(network), _parts(source, generator)
    state = None
    if reads(network.shape):
        state = fit_state_classifier(network, known, min(TIMES), generator, quiet)
    readings, scales, right, penalties = [], [], [], []
    bar: tqdm[Any]
    with tqdm(total=draws, disable=quiet, unit="state", desc=name) as bar:
        for time in TIMES:
            count = draws // len(TIMES)
            held = _states(network, unknown, count // HELD, time, generator)
            fitted = _states(network, known, count - count // HELD, time, generator)
            features = [_features(network, states, cells, bar) for states in (held, fitted)]
            tried = [_fit(features[1], fitted.labels, network.classes, p) for p in PENALTIES]
            losses = [F.cross_entropy(one.logits(features[0]), held.labels) for one in tried]
            best = int(torch.stack(losses).argmin())
            logits = tried[best].logits(features[0])
            if state is not None:
                logits = (logits + _read(state, held)) / 2
            scales.append(_scale(logits, held.labels))
            right.append(round(float((logits.argmax(1) == held.labels).double().mean()), 4))
            penalties.append(PENALTIES[best])
            whole, labels = torch.cat(features), torch.cat([held.labels, fitted.labels])
            readings.append(_fit(whole, labels, network.classes, PENALTIES[best]))
    settings = {
        "data": source.description,
        "draws": draws,
        "seed": seed,
        "penalties": penalties,
        "accuracy": right,
        LEARNED_FROM: {NETWORK: model.digests.get(NETWORK)},
    }
    weight = torch.stack([one.weight for one in readings])
    return Classifier(
        weight.view(len(TIMES), network.classes, -1, cells),
        torch.stack([one.bias for one in readings]),
        torch.tensor(scales),
        torch.tensor(TIMES),
        settings,
        state,
    )


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
def _states(
    network: VelocityNetwork, source: Source, count: int, time: float, generator: torch.Generator
) -> States:
    """Draw data, and states between noise and them."""
    drawn = source.draw(count, generator)
    noise = torch.randn(drawn.samples.shape, generator=generator)
    t = time + WINDOW * torch.rand(count, generator=generator)
    start = network.start(noise, drawn.samples, **drawn.conditions)
    return States(LINEAR.interpolate(start, drawn.samples, t), t, drawn.labels)


@torch.no_grad()
def _features(network: VelocityNetwork, states: States, cells: int, bar: tqdm[Any]) -> Tensor:
    """What is read of the activations of states, ``[n, C cells]``."""
    read = []
    for x, t in zip(torch.split(states.x, BLOCK), torch.split(states.t, BLOCK), strict=True):
        read.append(celled(_shown(network, x, t), cells).float().cpu())
        bar.update(len(x))
    return torch.cat(read)


def _shown(network: VelocityNetwork, x: Tensor, t: Tensor) -> Tensor:
    """The activations of states, when the network is told nothing."""
    return network.told_nothing(x.to(network.device), t.to(network.device))


@torch.no_grad()
def _read(state: StateClassifier, states: States) -> Tensor:
    blocks = zip(torch.split(states.x, BLOCK), torch.split(states.t, BLOCK), strict=True)
    return torch.cat([state(x, t) for x, t in blocks])


def _fit(features: Tensor, labels: Tensor, classes: int, penalty: float) -> Reading:
    """A ridge logistic regression."""
    centre, scale = features.mean(0), features.std(0)
    scale[scale == 0] = torch.inf  # a constant feature gets no weight
    x = (features - centre) / scale
    weight = torch.zeros(classes, x.shape[1], requires_grad=True)
    bias = torch.zeros(classes, requires_grad=True)

    def loss() -> Tensor:
        wrong = F.cross_entropy(F.linear(x, weight, bias), labels)
        return wrong + penalty / 2 * weight.square().sum()

    _minimise(loss, weight, bias)
    found = weight.detach() / scale
    return Reading(found, bias.detach() - found @ centre)


def _scale(logits: Tensor, labels: Tensor) -> float:
    """The factor by which logits ``[n, classes]`` are the likeliest."""
    log = torch.zeros((), requires_grad=True)
    _minimise(lambda: F.cross_entropy(logits * log.exp(), labels), log)
    return float(log.detach().clamp(-WIDEST, WIDEST).exp())


def _minimise(value: Callable[[], Tensor], *over: Tensor) -> None:
    search = torch.optim.LBFGS(over, max_iter=STEPS, history_size=20, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        search.zero_grad()
        found = value()
        found.backward()  # type: ignore[no-untyped-call]
        return found

    search.step(loss)  # type: ignore[no-untyped-call]
