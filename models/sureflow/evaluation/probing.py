"""Fitting a probe: a linear prediction of a judge's verdicts from a network's activations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from scipy.stats import spearmanr
from torch import Tensor
from tqdm import tqdm

from sureflow.core.lane import Sample
from sureflow.evaluation.judged import SampleJudge
from sureflow.families.flow.spec import FlowSpec
from sureflow.learned import LEARNED_FROM, NETWORK
from sureflow.model import Model
from sureflow.networks import NetworkOutput, Probe
from sureflow.networks.probe import between, pooled
from sureflow.sampling.sample import run

SEED = 4_000_003
KNOTS = 6
POINTS = 10
"""Number of times along the path at which activations are read, each in the middle of its part."""

FOLDS = 5
PENALTIES = tuple(10.0 ** (power / 2) for power in range(2, 13))
"""Penalties to try, on squared weights of standardised features, in units of judged samples."""

CHUNK = 64


@dataclass(frozen=True)
class JudgedFeatures:
    """Features and verdicts of ``n`` judged samples.

    Attributes:
        features: Moments of the activations, integrated over time against the hat function of
            every knot, ``[n, KNOTS * 2 C]``.
        labels: Class of each sample, or the null label, ``[n]``.
        verdicts: Verdict of the judge on each sample, ``[n]``.
    """

    features: Tensor
    labels: Tensor
    verdicts: Tensor


def fit_probe(
    model: Model,
    judge: SampleJudge,
    name: str,
    draws: int = 12_000,
    seed: int = SEED,
    method: str = "heun",
    steps: int = 20,
    quiet: bool = False,
) -> Probe:
    """Draw samples, have the judge rate them, and fit a probe that predicts its verdicts.

    The fit is a ridge regression on the moments of the activations along the path, with an offset
    for each class. The penalty is chosen by cross-validation. The classes take turns, without
    guidance.

    Args:
        model: The model; a probe that it already has is not used.
        judge: Returns for each sample whether it is bad, or how bad it is.
        name: Name of the judge in the settings.
        draws: Number of samples; many are needed, since there are ``KNOTS * 2 C`` weights.
        seed: Seed of the samples. Samples that later check the probe should have another one.
        method: Solver of the draws.
        steps: Number of steps; a multiple of 20, or many, so that steps begin near the times at
            which activations are read.
        quiet: No progress bar.

    Returns:
        The probe, not attached to a network. Its settings have ``spearman``: the rank correlation
        of verdicts with predictions for samples that were left out of the fit.

    Raises:
        ValueError: The network has no activations for a probe, there are fewer than ten draws per
            class, or the judge's verdicts are not one finite number per sample, or all the same.
    """
    network, classes = model.network, len(model.card.classes)
    if not network.probe_channels:
        raise ValueError(f"{model.card.name} has no activations that a probe can read")
    if draws < 10 * max(classes, 1):
        raise ValueError(f"draws: {draws} are too few; at least ten for every class")
    features, samples = _draw_samples(model, draws, seed, method, steps, quiet)
    verdicts = torch.tensor(_checked(judge(samples), name, draws), dtype=torch.double)
    labels = torch.tensor([classes if s.spec.label is None else s.spec.label for s in samples])
    judged = JudgedFeatures(features, labels, verdicts)
    penalty, spearman = _best_penalty(judged, seed)
    weight, bias = Regression(judged).solve(penalty, classes)
    settings = {
        "judge": name,
        "draws": draws,
        "seed": seed,
        "method": method,
        "steps": steps,
        "penalty": penalty,
        "spearman": round(spearman, 4),
        LEARNED_FROM: {NETWORK: model.digests.get(NETWORK)},
    }
    return Probe(weight.view(KNOTS, -1).float(), bias.float(), settings)


class Regression:
    """Ridge regression within classes, with an offset for each class.

    Features are in units of their standard deviation within a class, the penalty in samples.

    Args:
        judged: The features and verdicts.
    """

    def __init__(self, judged: JudgedFeatures) -> None:
        x, y = judged.features.double(), judged.verdicts.clone()
        self._means = {}
        for label in sorted(set(judged.labels.tolist())):
            chosen = judged.labels == label
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


def _best_penalty(judged: JudgedFeatures, seed: int) -> tuple[float, float]:
    """The penalty with the least cross-validated error, and the rank correlation with it."""
    order = torch.randperm(len(judged.verdicts), generator=torch.Generator().manual_seed(seed))
    classes = int(judged.labels.max())
    predicted = torch.zeros(len(PENALTIES), len(order), dtype=torch.double)
    for fold in range(FOLDS):
        out = torch.zeros(len(order), dtype=torch.bool)
        out[order[fold::FOLDS]] = True
        features, labels, verdicts = judged.features, judged.labels, judged.verdicts
        regression = Regression(JudgedFeatures(features[~out], labels[~out], verdicts[~out]))
        for index, penalty in enumerate(PENALTIES):
            weight, bias = regression.solve(penalty, classes)
            predicted[index, out] = features[out].double() @ weight + bias[labels[out]]
    best = int((predicted - judged.verdicts).square().mean(1).argmin())
    return PENALTIES[best], float(spearmanr(predicted[best], judged.verdicts).statistic)


@torch.inference_mode()
def _draw_samples(
    model: Model, draws: int, seed: int, method: str, steps: int, quiet: bool
) -> tuple[Tensor, list[Sample]]:
    """Draw samples; returns their features and the samples."""
    turns = [*range(len(model.card.classes))] or [None]
    times = tuple((np.arange(POINTS) + 0.5) / POINTS)
    features, samples = [], []
    bar: tqdm[Any]
    with tqdm(total=draws, disable=quiet, unit="sample", desc=model.card.name) as bar:
        for first in range(0, draws, CHUNK):
            specs = [
                FlowSpec(seed, i, method, steps, turns[i % len(turns)], keep=times)
                for i in range(first, min(first + CHUNK, draws))
            ]
            chunk = run(model, specs, capacity=CHUNK)
            features.append(_features(model, chunk))
            samples += [replace(sample, frames=()) for sample in chunk]
            bar.update(len(chunk))
    return torch.cat(features), samples


def _features(model: Model, samples: list[Sample]) -> Tensor:
    """Moments of the activations, integrated against every hat function, ``[n, KNOTS * 2 C]``."""
    network, device = model.network, model.device
    null = network.classes
    labels = [null if sample.spec.label is None else sample.spec.label for sample in samples]
    label = torch.tensor(labels, device=device)
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
        rows = torch.arange(len(samples))
        total[rows, place] += part * moments * (1 - share[:, None])
        total[rows, place + 1] += part * moments * share[:, None]
    return total.flatten(1)


def _durations(times: Sequence[float]) -> list[float]:
    """Lengths of the parts of [0, 1] nearest to each of these ascending times."""
    borders = [0.0, *((a + b) / 2 for a, b in pairwise(times)), 1.0]
    return [after - before for before, after in pairwise(borders)]


def _checked(verdicts: Sequence[float], name: str, draws: int) -> list[float]:
    numbers = np.asarray(verdicts, np.float64)
    if numbers.shape != (draws,):
        raise ValueError(f"judge: {name} gave {numbers.size} judgements on {draws} samples")
    if not np.isfinite(numbers).all():
        raise ValueError(f"judge: {name} gave something that is no finite number")
    if np.ptp(numbers) == 0:
        raise ValueError(f"judge: {name} said {numbers[0]:g} of all samples")
    return [float(number) for number in numbers]
