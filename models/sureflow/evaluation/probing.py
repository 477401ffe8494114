"""Fitting probes: linear predictions from a network's activations, of verdicts and of scores."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from scipy.stats import spearmanr
from torch import Tensor

from sureflow.core.lane import LaneSpec, Sample
from sureflow.evaluation.evaluate import balanced, drawn
from sureflow.evaluation.judged import SampleJudge, rated
from sureflow.learned import LEARNED_FROM, NETWORK, digest_of
from sureflow.model import Model
from sureflow.networks import NetworkOutput, Probe
from sureflow.networks.probe import FORESEES, bent, between, pooled

SEED, METHOD = 4_000_003, "heun"
KNOTS = 6
POINTS = 10
"""Number of times along the path at which a probe is fitted, each in the middle of its part."""

INSTANTS = 2 * POINTS
"""Number of times at which a foresight is fitted, the beginnings of equal parts."""

TIMES = tuple(np.arange(INSTANTS) / INSTANTS)
"""At which samples keep frames."""

FOLDS = 5
PENALTIES = tuple(10.0 ** (power / 2) for power in range(2, 13))
"""Penalties to try, on squared weights of standardised features, in units of judged samples."""

CHUNK = 64


def fit_probes(
    model: Model,
    judge: SampleJudge | None = None,
    name: str = "",
    draws: int = 12_000,
    seed: int = SEED,
    steps: int = 20,
    quiet: bool = False,
    foresee: str | None = None,
) -> tuple[Probe | None, Probe]:
    """Draw samples, and fit a probe to what a judge says of them, and a foresight of their score.

    The probe is a ridge regression on the moments of the activations along the path, with an offset
    for each class. The foresight is one at each of :data:`INSTANTS` times, of the rank that the
    finished sample's score has in its class; a sample's fate is in its state, since its path is
    determined. The penalties are chosen by cross-validation. The classes take turns, without
    guidance. Many samples are needed, since the probe has ``KNOTS * 2 C`` weights; samples that
    later check it should have another seed. A multiple of 20 steps, or many, lets steps begin near
    the times at which activations are read.

    Args:
        model: The model.
        judge: Rates the samples; without it there is no probe.
        name: Of the judge.
        draws: Number of samples.
        seed: Their seed.
        steps: Steps of each.
        quiet: Whether to show no progress.
        foresee: Name of the score to foresee; by default ``probe`` if one is fitted, and else the
            one that the model is judged by.

    Returns:
        The probe and the foresight, not attached to a network. Their settings name the judge or the
        score, and have ``spearman``: the rank correlations of verdicts, or of scores by time, with
        predictions for samples that were left out of the fit.

    Raises:
        ValueError: The network has no activations for a probe, there are fewer than ten draws per
            class, the model has no such score, or the judge's verdicts are not one finite number
            per sample, or all the same.
    """
    classes = len(model.card.classes)
    if not model.network.probe_channels:
        raise ValueError(f"{model.card.name} has no activations that a probe can read")
    if draws < 10 * max(classes, 1):
        raise ValueError(f"draws: {draws} are too few; at least ten for every class")
    made = {"draws": draws, "seed": seed, "method": METHOD, "steps": steps}
    own = judge is not None and foresee in (None, "probe")
    score = "probe" if own else foresee or model.score
    drawn = _draw_samples(model, draws, seed, steps, quiet, None if own else score)
    digests, probe = {NETWORK: model.digests.get(NETWORK)}, None
    if judge is not None:
        verdicts = torch.from_numpy(rated(judge, name, drawn.samples))
        if (verdicts == verdicts[0]).all():
            raise ValueError(f"judge: {name} said {verdicts[0]:g} of all samples")
        settings = {"judge": name, **made, LEARNED_FROM: dict(digests)}
        probe = probe_of(drawn.integrals, drawn.labels, verdicts, classes, seed, settings)
    if own and probe is not None:
        final = drawn.integrals @ probe.weight.flatten() + probe.bias[drawn.labels]
        digests["probe"] = digest_of(None, probe.tensors())
    else:
        final = torch.tensor([sample.scores[score] for sample in drawn.samples])
        if score == "probe":
            digests["probe"] = model.digests.get("probe")
    return probe, _foresight(drawn, final, seed, {FORESEES: score, **made, LEARNED_FROM: digests})


@dataclass(frozen=True)
class Drawn:
    """Samples and the moments of the activations on their way.

    Attributes:
        samples: The samples.
        labels: Their labels, ``[n]``; the null label without one.
        classes: Number of labels, without the null label.
        times: When activations were read, ``[T]``.
        moments: Their moments, ``[n, T, 2 C]``.
    """

    samples: list[Sample]
    labels: Tensor
    classes: int
    times: list[float]
    moments: Tensor

    @property
    def integrals(self) -> Tensor:
        """Moments integrated against every hat function, ``[n, KNOTS * 2 C]``."""
        total = torch.zeros(len(self.samples), KNOTS, self.moments.shape[2])
        places = [*dict.fromkeys(_nearest(self.times, (np.arange(POINTS) + 0.5) / POINTS))]
        times = [self.times[place] for place in places]
        for number, time, part in zip(places, times, _durations(times), strict=True):
            place, share = between(torch.tensor([time], dtype=torch.float32), KNOTS)
            whole = part * self.moments[:, number, None]
            total[:, place] += whole * (1 - share)
            total[:, place + 1] += whole * share
        return total.flatten(1)


def probe_of(
    features: Tensor,
    labels: Tensor,
    verdicts: Tensor,
    classes: int,
    seed: int,
    settings: dict[str, Any],
) -> Probe:
    """Fit a probe to verdicts ``[n]`` on samples of these integrals and labels."""
    penalty, spearman = _best_penalty(features, labels, verdicts, seed)
    weight, bias = Regression(features, labels, verdicts).solve(penalty, classes)
    fitted = {"penalty": penalty, "spearman": round(spearman, 4)}
    return Probe(weight.view(KNOTS, -1).float(), bias.float(), settings | fitted)


def _foresight(drawn: Drawn, final: Tensor, seed: int, settings: dict[str, Any]) -> Probe:
    """Fit a foresight to the ranks of final scores ``[n]``, from single times.

    Its weights at every knot are those that were fitted at the nearest time. Activations of a
    single position bend at their means.
    """
    placed = torch.empty(len(final), dtype=torch.double)
    for label in set(drawn.labels.tolist()):
        chosen = drawn.labels == label
        placed[chosen] = final[chosen].argsort().argsort().double() / int(chosen.sum())
    fits, told, half = [], {}, drawn.moments.shape[2] // 2
    single, centres = not drawn.moments[..., half:].any(), drawn.moments[..., :half].mean(0)
    for number, time in enumerate(drawn.times):
        moments = drawn.moments[:, number]
        if single:
            moments = bent(moments, centres[number])
        penalty, spearman = _best_penalty(moments, drawn.labels, placed, seed)
        fits.append(Regression(moments, drawn.labels, placed).solve(penalty, drawn.classes))
        told[f"{time:.3g}"] = round(spearman, 4)
    nearest = _nearest(drawn.times, np.linspace(0, 1, INSTANTS + 1))
    weight = torch.stack([fits[place][0] for place in nearest])
    bias = torch.stack([offsets for _, offsets in fits]).mean(0)
    centre = centres[nearest].float() if single else None
    return Probe(weight.float(), bias.float(), settings | {"spearman": told}, centre)


def _nearest(times: Sequence[float], wanted: Iterable[float]) -> list[int]:
    """Place of the time nearest to each wanted one."""
    return [int(np.abs(np.array(times) - one).argmin()) for one in wanted]


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
        few = len(x) < x.shape[1]  # then the smaller system has the same solution
        self._rows = x if few else None
        self._gram, self._cross = (x @ x.T, y) if few else (x.T @ x, x.T @ y)

    def solve(self, penalty: float, classes: int) -> tuple[Tensor, Tensor]:
        """Weights ``[F]`` of the features, and the offset of every label, ``[classes + 1]``.

        A label without samples has the mean offset of the others.
        """
        gram = self._gram.clone()
        gram.diagonal().add_(penalty)
        solved = torch.linalg.solve(gram, self._cross)
        weight = (solved if self._rows is None else self._rows.T @ solved) / self._scale
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


def left_out(features: Tensor, labels: Tensor, verdicts: Tensor, seed: int) -> Tensor:
    """What probes say of samples ``[n]`` that they were not fitted to, nor their penalty chosen by.

    The samples are divided into :data:`FOLDS` parts, each of which is left out once.
    """
    order = torch.randperm(len(verdicts), generator=torch.Generator().manual_seed(seed))
    predicted, classes = torch.zeros(len(order), dtype=torch.double), int(labels.max())
    for fold in range(FOLDS):
        out = torch.zeros(len(order), dtype=torch.bool)
        out[order[fold::FOLDS]] = True
        known = features[~out], labels[~out], verdicts[~out]
        penalty, _ = _best_penalty(*known, seed + 1)
        weight, bias = Regression(*known).solve(penalty, classes)
        predicted[out] = features[out].double() @ weight + bias[labels[out]]
    return predicted


def _draw_samples(
    model: Model, draws: int, seed: int, steps: int, quiet: bool, score: str | None
) -> Drawn:
    """Draw samples, with a score if one is named, and read the activations on their way."""
    chunks = [range(first, min(first + CHUNK, draws)) for first in range(0, draws, CHUNK)]
    options: dict[str, Any] = {
        "method": METHOD,
        "steps": steps,
        "keep": TIMES,
        "scores": (score,) * bool(score),
    }
    lanes = [balanced(model, indices, seed, **options) for indices in chunks]
    model.check(lanes[0][0])
    return read_moments(model, lanes, quiet)


def read_moments(model: Model, lanes: Sequence[Sequence[LaneSpec]], quiet: bool) -> Drawn:
    """Make samples of lanes that keep frames at the same times, and read the activations there."""
    return moments_of(model, drawn(model, lanes, quiet))


@torch.inference_mode()
def moments_of(model: Model, chunks: Iterable[list[Sample]]) -> Drawn:
    """Read the activations at the frames of samples, which are of the same times."""
    moments, samples, read = [], [], []
    for chunk in chunks:
        read = [frame.t for frame in chunk[0].frames]
        moments.append(_moments(model, chunk))
        samples += [replace(sample, frames=()) for sample in chunk]
    labels = _labels(samples, model.network.classes)
    return Drawn(samples, labels, len(model.card.classes), read, torch.cat(moments))


def _labels(samples: Sequence[Sample], null: int) -> Tensor:
    return torch.tensor([null if s.spec.label is None else s.spec.label for s in samples])


def _moments(model: Model, samples: list[Sample]) -> Tensor:
    """Moments of the activations at the frames of some samples, ``[n, T, 2 C]``."""
    network, device = model.network, model.device
    label, found = _labels(samples, network.classes).to(device), []
    # Samples of one solver have frames of the same steps.
    for frames in zip(*(s.frames for s in samples), strict=True):
        x = torch.stack([torch.from_numpy(frame.arrays["x"]) for frame in frames]).to(device)
        t = torch.tensor([frame.t for frame in frames], dtype=torch.float32)
        reply = network.run(x, t.to(device), label, True, **network.complete(x, {}))
        assert isinstance(reply, NetworkOutput)
        assert reply.hidden is not None
        found.append(pooled(reply.hidden).cpu())
    return torch.stack(found, 1)


def _durations(times: Sequence[float]) -> list[float]:
    """Lengths of the parts of [0, 1] nearest to each of these ascending times."""
    borders = [0.0, *((a + b) / 2 for a, b in pairwise(times)), 1.0]
    return [after - before for before, after in pairwise(borders)]
