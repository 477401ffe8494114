"""A guidance scale that the variances of both branches pick, against fixed ones.

The rule is after the guidance of UA-Flow (arXiv 2602.10326). The variance of the guided velocity
``(1 - w) v_null + w v_label`` is ``(1 - w)^2 Sigma_null + w^2 Sigma_label + 2 w (1 - w) r
sqrt(Sigma_null Sigma_label)``, where ``r`` is how the errors of both branches are correlated, which
has to be assumed. The scale is the one that minimises its trace, within bounds.
"""

from __future__ import annotations

from collections.abc import Callable
from statistics import fmean, stdev
from typing import Any

import torch
from torch import Tensor

from benchmarks.report import Report
from benchmarks.truth.path import starts
from benchmarks.truth.removal import judge
from benchmarks.truth.rivals import EPOCHS, SEEN
from sureflow.checkpoint import load
from sureflow.core.path import broadcast
from sureflow.evaluation.digit_reader import DigitReader
from sureflow.evaluation.frechet import frechet_distance
from sureflow.evaluation.judge import Judge, train_judge
from sureflow.evaluation.realism import realism, recall
from sureflow.folders import judges_folder
from sureflow.networks import VelocityNetwork
from sureflow.training.arrays import scaled
from sureflow.training.data import fashion_mnist
from sureflow.training.digits import digits

COUNTS, SEEDS, STEPS = {"digits": 300, "fashion": 200}, (81, 82, 83), 8
FIXED, CORRELATIONS, MOST = (1.0, 1.4, 1.5, 2.0, 3.0), (0.99,), 3.0
TIMES = (0.1, 0.3, 0.5, 0.7, 0.9)
HELD_OUT = 2000
"""Most real images that samples are compared with."""

MEASURES = {
    "bad by one judge": "%",
    "bad by another": "%",
    "judge-FD": "",
    "precision": "%",
    "recall": "%",
    "diversity": "%",
    "mean scale": "",
}
Rule = Callable[[Tensor, Tensor], Tensor]
"""Scales ``[n]`` from the variances with and without the label, both ``[n, *shape]``."""


def picked(label: Tensor, null: Tensor, correlation: float, most: float = MOST) -> Tensor:
    """The scales in [1, most] with the least predicted variance, ``[n]``.

    Args:
        label: Variance of the velocity with the label, ``[n, *shape]``.
        null: The same without.
        correlation: Of the errors of both, in every component.
        most: Largest scale.
    """
    both = correlation * (label * null).sqrt().flatten(1).sum(1)
    own, other = label.flatten(1).sum(1), null.flatten(1).sum(1)
    curvature = own + other - 2 * both  # not negative, as the correlation is at most 1
    return ((other - both) / curvature.clamp(min=1e-9)).clamp(1, most)


def best_on_data(
    network: VelocityNetwork, data: Tensor, labels: Tensor, t: float, seed: int = 0
) -> float:
    """The scale whose guided velocity is nearest to the target at points on the way to data.

    It is the regression of what the branch without label misses on the difference of both.
    """
    noise = torch.randn(data.shape, generator=torch.Generator().manual_seed(seed))
    x, null = (1 - t) * noise + t * data, torch.full_like(labels, network.classes)
    with torch.inference_mode():
        without, own = (_velocity(network, x, t, told) for told in (null, labels))
    difference = (own - without).double()
    missed = (data - noise - without).double()
    return float((missed * difference).sum() / difference.square().sum())


def made(
    network: VelocityNetwork, start: Tensor, labels: Tensor, rule: float | Rule, steps: int = STEPS
) -> tuple[Tensor, float]:
    """Samples by Heun's method under guidance, and the mean scale of all steps.

    Args:
        network: With a null label.
        start: Noise, ``[n, *shape]``.
        labels: ``[n]``.
        rule: A scale, or what picks one for each sample at the beginning of a step.
        steps: Equal steps.
    """
    h, x, scales = 1 / steps, start, []
    for step in range(steps):
        scale, first = _guided(network, x, step * h, labels, rule)
        scales.append(float(scale.mean()))
        _, second = _guided(network, x + h * first, (step + 1) * h, labels, scale)
        x = x + h / 2 * (first + second)
    return x, fmean(scales)


@torch.inference_mode()
def _guided(
    network: VelocityNetwork, x: Tensor, t: float, labels: Tensor, rule: float | Tensor | Rule
) -> tuple[Tensor, Tensor]:
    """Scales ``[n]`` and guided velocities."""
    null = torch.full_like(labels, network.classes)
    if callable(rule):
        own, without = (_moments(network, x, t, told) for told in (labels, null))
        scale = rule(own[1], without[1])
        return scale, _mixed(own[0], without[0], scale)
    scale = rule if isinstance(rule, Tensor) else torch.full((len(x),), rule)
    velocity = _velocity(network, x, t, labels)
    if (scale == 1).all():
        return scale, velocity
    return scale, _mixed(velocity, _velocity(network, x, t, null), scale)


def _mixed(own: Tensor, without: Tensor, scale: Tensor) -> Tensor:
    return without + broadcast(scale, own) * (own - without)


BLOCK = 50
"""Rows evaluated at once."""


def _velocity(network: VelocityNetwork, x: Tensor, t: float, labels: Tensor) -> Tensor:
    blocks = zip(torch.split(x, BLOCK), torch.split(labels, BLOCK), strict=True)
    return torch.cat([network(rows, torch.full((len(rows),), t), of) for rows, of in blocks])


def _moments(
    network: VelocityNetwork, x: Tensor, t: float, labels: Tensor
) -> tuple[Tensor, Tensor]:
    blocks = zip(torch.split(x, BLOCK), torch.split(labels, BLOCK), strict=True)
    found = [network.moments(rows, torch.full((len(rows),), t), of) for rows, of in blocks]
    variances = [out.variance for out in found if out.variance is not None]
    return torch.cat([out.mean for out in found]), torch.cat(variances)


def measure(report: Report, quick: bool) -> None:
    """Add, for every model and rule, the mean of every measure over seeds, and its deviation."""
    seeds = SEEDS[:2] if quick else SEEDS
    rules: dict[str, float | Rule] = {f"fixed {scale:g}": scale for scale in FIXED}
    for correlation in CORRELATIONS:
        rules[f"picked, correlation {correlation:g}"] = _picks(correlation)
    for name, samples in COUNTS.items():
        network, count = load(name).network, 50 if quick else samples
        held_out, of = _held_out(name)
        report.add(f"guidance, {name}: samples of each seed", count)
        report.add(f"guidance, {name}: seeds", len(seeds))
        for t in TIMES:
            few = 100 if quick else 500
            best = best_on_data(network, held_out[:few], of[:few], t)
            report.add(f"guidance, {name}: best scale on held-out data at {t:g}", best)
        read, real = judge(name, HELD_OUT)
        spread = _diversity(real, of[: len(real)])
        labels, judges = torch.arange(count) % network.classes, _judges(name)
        for rule, picks in rules.items():
            found: dict[str, list[float]] = {what: [] for what in MEASURES}
            for seed in seeds:
                start = starts(network, seed, count)
                images, scale = made(network, start, labels, picks)
                shown = images.clamp(-1, 1)
                features = read(shown)
                wrong = [float((one(shown) != labels).double().mean()) for one in judges]
                inside = float((~realism(features, real).off_manifold).double().mean())
                values = (
                    *(100 * share for share in wrong),
                    frechet_distance(features, real),
                    100 * inside,
                    100 * recall(features, real),
                    100 * _diversity(features, labels) / spread,
                    scale,
                )
                for what, value in zip(MEASURES, values, strict=True):
                    found[what].append(value)
            for what, values_of in found.items():
                title = f"guidance, {name}, {rule}: {what}"
                report.add(title, fmean(values_of), MEASURES[what])
                report.add(f"{title}, deviation", stdev(values_of))


def _picks(correlation: float) -> Rule:
    return lambda label, null: picked(label, null, correlation)


def _held_out(name: str) -> tuple[Tensor, Tensor]:
    """Real images that the model was not trained on, and their classes."""
    if name == "fashion":
        images, of = fashion_mnist("test")
        return scaled(images[:HELD_OUT]), of[:HELD_OUT]
    images, of = digits()
    return scaled(images[SEEN[name] :]), of[SEEN[name] :]


def _judges(name: str) -> list[Callable[[Tensor], Tensor]]:
    """Two readers of classes."""
    if name == "fashion":
        files = ("fashion.safetensors", "fashion-other.safetensors")
        return [_classes(Judge.load(judges_folder() / file, 10)) for file in files]
    other = train_judge(*digits(), EPOCHS, seed=2, quiet=True, mirrored=False)
    return [DigitReader.load().read, _classes(other)]


def _classes(judge: Judge) -> Callable[[Tensor], Tensor]:
    return lambda images: judge.read(images)[0]


def _diversity(features: Tensor, labels: Tensor) -> float:
    """Mean distance of two images of a class in features ``[n, d]``, over all classes."""
    means = []
    for label in sorted(set(labels.tolist())):
        own = features[labels == label]
        means.append(float(torch.pdist(own).mean()))
    return fmean(means)


def fragment(figures: dict[str, Any]) -> str:
    """The figures as a section with a table for each model."""
    parts = [
        "## A guidance scale by the variances",
        "After the guidance of UA-Flow (arXiv 2602.10326): at every step each sample has the scale"
        f" in [1, {MOST:g}] that minimises the predicted variance of its guided velocity. That"
        " takes an assumption on how the errors of both branches are correlated. If the network is"
        " right, the law of total variance says that the correlation is the square root of the"
        " ratio of both variances, and the scale of least variance is 1, whatever the sample. So a"
        " larger one comes from a correlation that is assumed to be larger. *Best scale on data* is"
        " the one whose guided velocity is nearest to the target on the way to images that the"
        " model was not trained on. Bad is read as another class than was asked for; *diversity* is"
        " the mean distance of two samples of a class, by that of real images; judge-FD, precision"
        " and recall are in the features of a judge that no score was fitted to. Heun, "
        f"{STEPS} steps. A fixed scale of 1.4, which is what the picked ones come to on `digits`,"
        " leaves half as many samples misread there, at a higher recall and a judge-FD within its"
        " spread; on `fashion`, where the picked ones come to more, both differ by no more than"
        " their spreads but in judge-FD and diversity, where the fixed one is ahead. Picking also"
        " needs the variance of both branches. So nothing is gained by picking, and it"
        " is not served.",
    ]
    for name in COUNTS:
        if f"guidance, {name}: seeds" not in figures:
            continue
        seeds, count = (
            figures[f"guidance, {name}: {what}"] for what in ("seeds", "samples of each seed")
        )
        best = ", ".join(
            f"{figures[f'guidance, {name}: best scale on held-out data at {t:g}']:.2f}"
            for t in TIMES
        )
        at = ", ".join(f"{t:g}" for t in TIMES)
        parts.append(
            f"`{name}`, {seeds} seeds of {count} samples. Best scale on data at t = {at}: {best}."
        )
        rows = [["scale", *MEASURES], ["---", *["---:"] * len(MEASURES)]]
        start, end = f"guidance, {name}, ", f": {next(iter(MEASURES))}"
        for label in figures:
            if label.startswith(start) and label.endswith(end):
                titles = [label.removesuffix(end) + f": {what}" for what in MEASURES]
                cells = [f"{figures[t]:.3g} ± {figures[f'{t}, deviation']:.2g}" for t in titles]
                rows.append([label.removeprefix(start).removesuffix(end), *cells])
        parts.append("\n".join("| " + " | ".join(row) + " |" for row in rows))
    return "\n\n".join(parts)
