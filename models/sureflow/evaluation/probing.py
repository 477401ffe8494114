"""Fitting a probe: what a network's activations say of what a judge will say."""

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
from sureflow.model import Model
from sureflow.networks import Probe, Reply
from sureflow.networks.probe import between, pooled
from sureflow.sampling.sample import run
from sureflow.stamp import LEARNED_FROM, NETWORK

SEED = 4_000_003
KNOTS = 6
POINTS = 10
"""Places along the path at which activations are looked at, each in the middle of its part."""

FOLDS = 5
PENALTIES = tuple(10.0 ** (power / 2) for power in range(2, 13))
"""Tried on squared weights of standardised features, in judged samples."""

CHUNK = 64


@dataclass(frozen=True)
class Seen:
    """What is known of ``n`` judged samples.

    Attributes:
        features: Their activations' moments, integrated over time against the hat function of
            every knot, ``[n, KNOTS * 2 C]``.
        labels: ``[n]``; the null label for none.
        said: What the judge said, ``[n]``.
    """

    features: Tensor
    labels: Tensor
    said: Tensor


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
    """Draw samples, ask the judge about them, and fit a probe that foretells what it says.

    Ridge regression on the activations' moments along the path, with an offset for each class; the
    penalty is the one that foretells best what was left out of the fit. The classes take turns,
    without guidance.

    Args:
        model: The model; a probe that it has is not used.
        judge: Says of each sample whether it is bad, or how bad.
        name: What the judge is called in the settings.
        draws: How many samples; the more the better, there is one weight for every one of
            ``KNOTS * 2 C`` features.
        seed: Theirs; nothing that is to be checked later should be drawn by it.
        method: Solver of the draws.
        steps: Its steps; multiples of 20, or many, so that states are known where they are wanted.
        quiet: No progress bar.

    Returns:
        The probe, which is attached to nothing yet. Its settings have ``spearman``: the rank
        correlation of what it foretold of samples that it was not fitted to with what was said.

    Raises:
        ValueError: The network has no place to be probed, there are fewer than ten draws for every
            class, or the judge did not give a number for each, or gave the same for all.
    """
    network, classes = model.network, len(model.card.classes)
    if not network.probed:
        raise ValueError(f"{model.card.name} has no place to be probed")
    if draws < 10 * max(classes, 1):
        raise ValueError(f"draws: {draws} are too few; at least ten for every class")
    features, samples = _drawn(model, draws, seed, method, steps, quiet)
    said = torch.tensor(_numbers(judge(samples), name, draws), dtype=torch.double)
    labels = torch.tensor([classes if s.spec.label is None else s.spec.label for s in samples])
    seen = Seen(features, labels, said)
    penalty, spearman = _best_penalty(seen, seed)
    weight, bias = Regression(seen).solve(penalty, classes)
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
    """Ridge regression within classes, with an offset for each.

    Features count in units of their deviation within a class, the penalty in samples.

    Args:
        seen: What is to be foretold from what.
    """

    def __init__(self, seen: Seen) -> None:
        x, y = seen.features.double(), seen.said.clone()
        self._means = {}
        for label in sorted(set(seen.labels.tolist())):
            chosen = seen.labels == label
            self._means[label] = centre, usual = x[chosen].mean(0), y[chosen].mean()
            x[chosen] -= centre
            y[chosen] -= usual
        self._scale = x.square().mean(0).sqrt()
        self._scale[self._scale == 0] = torch.inf  # says nothing, and gets no weight
        x /= self._scale
        self._gram, self._cross = x.T @ x, x.T @ y

    def solve(self, penalty: float, classes: int) -> tuple[Tensor, Tensor]:
        """Weights ``[F]`` of the features, and the offset of every label, ``[classes + 1]``.

        A label of which nothing was seen has the mean offset of the others.
        """
        gram = self._gram.clone()
        gram.diagonal().add_(penalty)
        weight = torch.linalg.solve(gram, self._cross) / self._scale
        offsets = {label: said - centre @ weight for label, (centre, said) in self._means.items()}
        usual = torch.stack([*offsets.values()]).mean()
        return weight, torch.stack([offsets.get(label, usual) for label in range(classes + 1)])


def _best_penalty(seen: Seen, seed: int) -> tuple[float, float]:
    """The penalty that foretells best what was left out, and how well it does."""
    order = torch.randperm(len(seen.said), generator=torch.Generator().manual_seed(seed))
    classes = int(seen.labels.max())
    foretold = torch.zeros(len(PENALTIES), len(order), dtype=torch.double)
    for fold in range(FOLDS):
        out = torch.zeros(len(order), dtype=torch.bool)
        out[order[fold::FOLDS]] = True
        regression = Regression(Seen(seen.features[~out], seen.labels[~out], seen.said[~out]))
        for index, penalty in enumerate(PENALTIES):
            weight, bias = regression.solve(penalty, classes)
            foretold[index, out] = seen.features[out].double() @ weight + bias[seen.labels[out]]
    best = int((foretold - seen.said).square().mean(1).argmin())
    return PENALTIES[best], float(spearmanr(foretold[best], seen.said).statistic)


@torch.inference_mode()
def _drawn(
    model: Model, draws: int, seed: int, method: str, steps: int, quiet: bool
) -> tuple[Tensor, list[Sample]]:
    """Samples, and their features."""
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
    """Moments of activations, integrated against every hat function, ``[n, KNOTS * 2 C]``."""
    network, device = model.network, model.device
    null = network.classes
    labels = [null if sample.spec.label is None else sample.spec.label for sample in samples]
    label = torch.tensor(labels, device=device)
    total = torch.zeros(len(samples), KNOTS, 2 * network.probed)
    parts = _parts([frame.t for frame in samples[0].frames])
    # Samples of one solver have frames at the same steps.
    for part, frames in zip(parts, zip(*(s.frames for s in samples), strict=True), strict=True):
        x = torch.stack([torch.from_numpy(frame.arrays["x"]) for frame in frames]).to(device)
        t = torch.tensor([frame.t for frame in frames], dtype=torch.float32)
        reply = network.run(x, t.to(device), label, noisy=True)
        assert isinstance(reply, Reply)
        assert reply.hidden is not None
        moments = pooled(reply.hidden).cpu()
        place, share = between(t, KNOTS)
        rows = torch.arange(len(samples))
        total[rows, place] += part * moments * (1 - share[:, None])
        total[rows, place + 1] += part * moments * share[:, None]
    return total.flatten(1)


def _parts(times: Sequence[float]) -> list[float]:
    """Of [0, 1], that which lies nearest to each of these times, ascending."""
    borders = [0.0, *((a + b) / 2 for a, b in pairwise(times)), 1.0]
    return [after - before for before, after in pairwise(borders)]


def _numbers(said: Sequence[float], name: str, draws: int) -> list[float]:
    numbers = np.asarray(said, np.float64)
    if numbers.shape != (draws,):
        raise ValueError(f"judge: {name} gave {numbers.size} judgements on {draws} samples")
    if not np.isfinite(numbers).all():
        raise ValueError(f"judge: {name} gave something that is no finite number")
    if np.ptp(numbers) == 0:
        raise ValueError(f"judge: {name} said {numbers[0]:g} of all samples")
    return [float(number) for number in numbers]
