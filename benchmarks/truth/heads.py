"""Class heads on the activations of `digits` without its label: do they find misread samples?

A head is linear, and learns the classes of the model's own training images; no judge is asked. It
reads what the network computes of a sample's state when it is not told the label.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from benchmarks.report import Report
from benchmarks.truth.measures import add_interval, auroc, shown
from benchmarks.truth.rivals import EPOCHS, SEEN, margin, rivals
from benchmarks.truth.tried import order
from sureflow.checkpoint import load
from sureflow.evaluation.digit_reader import DigitReader
from sureflow.evaluation.evaluate import draw_balanced
from sureflow.evaluation.judge import train_judge
from sureflow.networks import NetworkOutput, VelocityNetwork
from sureflow.training.arrays import scaled
from sureflow.training.digits import digits

MODEL, SEED, COUNT, QUICK = "digits", 23, 2000, 100
SERVED = ("adherence_contrast", "pooled_residual")
TIMES = (0.5, 0.8, 1.0)
"""When the heads read; each costs an evaluation, none under guidance but the last."""

PASSES, COPIES, BATCH, RATE, DECAY = 8, 3, 250, 3e-3, 0.1
BLOCK = 100
JUDGES = ("the reader", "another judge")
ALL = "heads, sum"


def measure(report: Report, quick: bool) -> None:
    """Add, for every head, score and rival: its AUROC by two judges, and an interval."""
    loaded, count = load(MODEL), QUICK if quick else COUNT
    samples = draw_balanced(loaded, count, SEED, keep=TIMES[:-1], scores=SERVED, quiet=True)
    labels = torch.tensor([sample.spec.label for sample in samples])
    ends = torch.from_numpy(np.stack([sample.data for sample in samples]))
    found = {name: torch.tensor([sample.scores[name] for sample in samples]) for name in SERVED}
    images, classes = (z[: SEEN[MODEL]] for z in digits())
    total = torch.zeros(count)
    for number, t in enumerate(TIMES):
        states = ends
        if t < 1:
            kept = [torch.from_numpy(s.frames[number].arrays["x"]) for s in samples]
            states = torch.stack(kept)
        head = Head(loaded.network, t, scaled(images), classes, 1 if quick else COPIES)
        found[f"head at {t:g}"] = lead = margin(head(states), labels)
        total += lead
    found[ALL] = total
    ranks = [order(found[name], labels) for name in (ALL, *SERVED)]
    found["ranks of that sum and both scores"] = ranks[0] + (ranks[1] + ranks[2]) / 2
    found |= rivals(MODEL, ends, labels)
    report.add("heads: samples", count)
    for judge, bad in zip(JUDGES, _bad(ends, labels), strict=True):
        report.add(f"heads: bad by {judge}", int(bad.sum()))
        for name, score in found.items():
            report.add(f"heads, {name}: AUROC by {judge}", auroc(score, bad))
            add_interval(report, f"heads, {name}: AUROC by {judge}", score, bad)


def _bad(ends: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Which samples two judges take for another digit, ``[n]`` each.

    The other one is trained with another seed on all 5,000 images, 500 of which no rival has seen.
    """
    images, classes = digits()
    other = train_judge(images, classes, EPOCHS, seed=2, quiet=True, mirrored=False)
    inside = ends.clamp(-1, 1)
    return DigitReader.load().read(ends) != labels, other.read(inside)[0] != labels


class Head:
    """A linear classifier of what a network computes at one time when it is told no label.

    Args:
        network: The network.
        t: The time.
        images: What it was trained on, ``[m, *shape]``; states of ``t`` are made with fresh noise.
        classes: Their classes, ``[m]``.
        copies: With how many noises each image is shown.
    """

    def __init__(
        self, network: VelocityNetwork, t: float, images: Tensor, classes: Tensor, copies: int
    ) -> None:
        self._network, self._t = network, t
        generator = torch.Generator().manual_seed(0)
        drawn = [torch.randn(images.shape, generator=generator) for _ in range(copies)]
        features = torch.cat([self._features(t * images + (1 - t) * z) for z in drawn])
        self._mean, self._scale = features.mean(0), features.std(0) + 1e-3
        features = (features - self._mean) / self._scale
        self._weight = torch.zeros(network.classes, features.shape[1], requires_grad=True)
        self._fit(features, classes.repeat(copies), generator)

    def _fit(self, features: Tensor, classes: Tensor, generator: torch.Generator) -> None:
        steps = PASSES * -(-len(features) // BATCH)
        optimizer = torch.optim.AdamW([self._weight], lr=RATE, weight_decay=DECAY)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, steps)
        for _ in range(PASSES):
            for rows in torch.split(torch.randperm(len(features), generator=generator), BATCH):
                logits = features[rows] @ self._weight.T / features.shape[1] ** 0.5
                loss = F.cross_entropy(logits, classes[rows], label_smoothing=0.02)
                optimizer.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
                schedule.step()

    @torch.no_grad()
    def __call__(self, states: Tensor) -> Tensor:
        """Logits ``[n, classes]`` of states ``[n, *shape]`` at the head's time."""
        features = (self._features(states) - self._mean) / self._scale
        logits: Tensor = features @ self._weight.T / features.shape[1] ** 0.5
        return logits

    @torch.no_grad()
    def _features(self, states: Tensor) -> Tensor:
        """The activations that a probe reads, with their places, ``[n, C H W]``."""
        parts = []
        for block in torch.split(states, BLOCK):
            label = torch.full((len(block),), self._network.classes)
            out = self._network.run(block, torch.full((len(block),), self._t), label, False)
            assert isinstance(out, NetworkOutput)
            assert out.hidden is not None
            parts.append(out.hidden.flatten(1))
        return torch.cat(parts)


def fragment(figures: Mapping[str, Any]) -> str:
    """Markdown of the figures of :func:`measure`."""
    lines = [
        "### Class heads, which are not served",
        "",
        "What would find more misread digits: linear classifiers of the network's own activations",
        "(with their places in the image) when it is told no label, taught the classes of the",
        "training images. No judge was asked. A head's score is how far the likeliest other class",
        f"is ahead of the label. {figures['heads: samples']} fresh samples;",
        f"{figures['heads: bad by the reader']} are misread by somebody else's reader,",
        f"{figures['heads: bad by another judge']} by another judge, trained with another seed on",
        "all 5,000 images. In brackets 95 %, bootstrap.",
        "",
        "| score | AUROC by the reader | by another judge |",
        "| --- | ---: | ---: |",
    ]
    end = f": AUROC by {JUDGES[0]}"
    for label in figures:
        if label.startswith("heads, ") and label.endswith(end):
            name = label.removeprefix("heads, ").removesuffix(end)
            by = [shown(figures, f"heads, {name}: AUROC by {judge}") for judge in JUDGES]
            lines.append(f"| {name} | {' | '.join(by)} |")
    return "\n".join(lines)
