"""Fitting a probe: a linear prediction of a judge's verdicts from a network's activations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import torch
from scipy.stats import spearmanr
from torch import Tensor

from sureflow.core.lane import Sample
from sureflow.evaluation.evaluate import balanced, drawn
from sureflow.evaluation.judged import SampleJudge, rated
from sureflow.learned import LEARNED_FROM, NETWORK
from sureflow.model import Model
from sureflow.networks import NetworkOutput, Probe
from sureflow.networks.probe import between, pooled

SEED, METHOD = 4_000_003, "heun"
KNOTS = 6
POINTS = 10
"""Number of times along the path at which activations are read, each in the middle of its part."""

FOLDS = 5
PENALTIES = tuple(10.0 ** (power / 2) for power in range(2, 13))
"""Penalties to try, on squared weights of standardised features, in units of judged samples."""

CHUNK = 64


def fit_probe(
    model: Model,
    judge: SampleJudge,
    name: str,
    draws: int = 12_000,
    seed: int = SEED,
    steps: int = 20,
    quiet: bool = False,
) -> Probe:
    """Draw samples, have the judge rate them, and fit a probe that predicts its verdicts.

    The fit is a ridge regression on the moments of the activations along the path, with an offset
    for each class. The penalty is chosen by cross-validation. The classes take turns, without
    guidance. Many samples are needed, since there are ``KNOTS * 2 C`` weights; samples that later
    check the probe should have another seed. A multiple of 20 steps, or many, lets steps begin near
    the times at which activations are read.

    Returns:
        The probe, not attached to a network. Its settings name the judge, and have ``spearman``:
        the rank correlation of verdicts with predictions for samples that were left out of the fit.

    Raises:
        ValueError: The network has no activations for a probe, there are fewer than ten draws per
            class, or the judge's verdicts are not one finite number per sample, or all the same.
    """
    classes = len(model.card.classes)
    if not model.network.probe_channels:
        raise ValueError(f"{model.card.name} has no activations that a probe can read")
    if draws < 10 * max(classes, 1):
        raise ValueError(f"draws: {draws} are too few; at least ten for every class")
    features, samples = _draw_samples(model, draws, seed, steps, quiet)
    verdicts = torch.from_numpy(rated(judge, name, samples))
    if (verdicts == verdicts[0]).all():
        raise ValueError(f"judge: {name} said {verdicts[0]:g} of all samples")
    labels = _labels(samples, classes)
    penalty, spearman = _best_penalty(features, labels, verdicts, seed)
    weight, bias = Regression(features, labels, verdicts).solve(penalty, classes)
    made = {"judge": name, "draws": draws, "seed": seed, "method": METHOD, "steps": steps}
    fitted = {"penalty": penalty, "spearman": round(spearman, 4)}
    settings = {**made, **fitted, LEARNED_FROM: {NETWORK: model.digests.get(NETWORK)}}
    return Probe(weight.view(KNOTS, -1).float(), bias.float(), settings)


class Regression:
    """Ridge regression of verdicts on features within classes, with an offset for each class.

    The features are ``[n, F]``, the labels and verdicts ``[n]``. Features are in units of their
    standard deviation within a class, the penalty in samples.
    """

    def __init__(self, features: Tensor, labels: Tensor, verdicts: Tensor) -> None:
        x, y = features.double(), verdicts.clone()
        self._means = {}
        for label in sorted(set(labels.tolist())):
            chosen = labels == label
            self._means[label] = centre, usual = x[chosen].mean(0), y[chosen].mean()
            x[chosen] -= centre
            y[chosen] -= usual
        self._scale = x.square().mean(0).sqrt()
        self._scale[self._scale == 0] = torch.inf  # a constant feature gets no weight
        x /= self._scale
        self._gram, self._cross = x.T @ x, x.T @ y

    def solve(self, penalty: float, classes: int) -> tuple[Tensor, Tensor]:
        """Weights ``[F]`` of the features, and the offset of every label, ``[classes + 1]``.

        A label without samples has the mean offset of the others.
        """
        gram = self._gram.clone()
        gram.diagonal().add_(penalty)
        weight = torch.linalg.solve(gram, self._cross) / self._scale
        offsets = {label: mean - centre @ weight for label, (centre, mean) in self._means.items()}
        usual = torch.stack([*offsets.values()]).mean()
        return weight, torch.stack([offsets.get(label, usual) for label in range(classes + 1)])


def _best_penalty(
    features: Tensor, labels: Tensor, verdicts: Tensor, seed: int
) -> tuple[float, float]:
    """The penalty with the least cross-validated error, and the rank correlation with it."""
    order = torch.randperm(len(verdicts), generator=torch.Generator().manual_seed(seed))
    classes = int(labels.max())
    predicted = torch.zeros(len(PENALTIES), len(order), dtype=torch.double)
    for fold in range(FOLDS):
        out = torch.zeros(len(order), dtype=torch.bool)
        out[order[fold::FOLDS]] = True
        regression = Regression(features[~out], labels[~out], verdicts[~out])
        for index, penalty in enumerate(PENALTIES):
            weight, bias = regression.solve(penalty, classes)
            predicted[index, out] = features[out].double() @ weight + bias[labels[out]]
    best = int((predicted - verdicts).square().mean(1).argmin())
    return PENALTIES[best], float(spearmanr(predicted[best], verdicts).statistic)


@torch.inference_mode()
def _draw_samples(
    model: Model, draws: int, seed: int, steps: int, quiet: bool
) -> tuple[Tensor, list[Sample]]:
    """Draw samples; returns their features and the samples."""
    times = tuple((np.arange(POINTS) + 0.5) / POINTS)
    chunks = [range(first, min(first + CHUNK, draws)) for first in range(0, draws, CHUNK)]
    lanes = [balanced(model, i, seed, method=METHOD, steps=steps, keep=times) for i in chunks]
    features, samples = [], []
    for chunk in drawn(model, lanes, quiet):
        features.append(_features(model, chunk))
        samples += [replace(sample, frames=()) for sample in chunk]
    return torch.cat(features), samples


def _labels(samples: Sequence[Sample], null: int) -> Tensor:
    return torch.tensor([null if s.spec.label is None else s.spec.label for s in samples])


def _features(model: Model, samples: list[Sample]) -> Tensor:
    """Moments of the activations, integrated against every hat function, ``[n, KNOTS * 2 C]``."""
    network, device = model.network, model.device
    label, rows = _labels(samples, network.classes).to(device), torch.arange(len(samples))
    total = torch.zeros(len(samples), KNOTS, 2 * network.probe_channels)
    parts = _durations([frame.t for frame in samples[0].frames])
    # Samples of one solver have frames of the same steps.
    for part, frames in zip(parts, zip(*(s.frames for s in samples), strict=True), strict=True):
        x = torch.stack([torch.from_numpy(frame.arrays["x"]) for frame in frames]).to(device)
        t = torch.tensor([frame.t for frame in frames], dtype=torch.float32)
        reply = network.run(x, t.to(device), label, True, **network.complete(x, {}))
        assert isinstance(reply, NetworkOutput)
        assert reply.hidden is not None
        moments = pooled(reply.hidden).cpu()
        place, share = between(t, KNOTS)
        total[rows, place] += part * moments * (1 - share[:, None])
        total[rows, place + 1] += part * moments * share[:, None]
    return total.flatten(1)


def _durations(times: Sequence[float]) -> list[float]:
    """Lengths of the parts of [0, 1] nearest to each of these ascending times."""
    borders = [0.0, *((a + b) / 2 for a, b in pairwise(times)), 1.0]
    return [after - before for before, after in pairwise(borders)]
