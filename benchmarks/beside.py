"""A variance beside a foreign network, or inside of it, against the one that a network ships with.

The velocities of ``ring`` and ``digits`` are taken for foreign networks, and get a variance anew as
``sureflow fit FOLDER`` would fit it, with several seeds. What is compared is the negative
log-likelihood of ``x1 - x0`` per component at points that were not drawn in training, and on
``ring`` how well scores find bad samples, which are further than 0.3 from every mode.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.report import Report, options
from benchmarks.truth.measures import auroc
from sureflow.checkpoint import load
from sureflow.families.flow.spec import FlowSpec
from sureflow.model import Model
from sureflow.moments import Moments
from sureflow.networks import FrozenVelocity, VelocityNetwork
from sureflow.sampling.sample import run
from sureflow.training.arrays import Arrays, scaled
from sureflow.training.better_variance import variance_config
from sureflow.training.config import DataConfig
from sureflow.training.data import Ring, Source, source_of
from sureflow.training.digits import DIGIT_NAMES, digits
from sureflow.training.held_out import held_out_likelihoods
from sureflow.training.record import trained
from sureflow.training.variances import beside, inside

SCORES = ("propagated", "likelihood")
FAR = 0.3
SEEN = 4500
"""Digits that the shipped network was trained on; the others are held out."""


class Plain(nn.Module):
    """The velocity of one of our networks as a module that knows nothing of variances."""

    def __init__(self, net: VelocityNetwork) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor, t: Tensor, label: Tensor | None = None) -> Tensor:
        """The velocity."""
        net: Any = self.net
        if len(net.shape) == 3:
            return net(x, t, label)  # type: ignore[no-any-return]
        h, embedding = net.stem(x), net.embedding(t, torch.zeros(len(x), dtype=torch.long))
        for layer in net.layers:
            h = layer(Moments(h), embedding).mean
        return net.head(net.act(h))  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Case:
    """A network that ships, its data, and points that were not drawn."""

    model: Model
    source: Source
    held: Arrays
    steps: int
    batch: int


def ring(quick: bool) -> Case:
    """Vectors."""
    drawn = Ring().draw(20_000, torch.Generator().manual_seed(99))
    held = Arrays(drawn.samples, drawn.labels, (), "held out")
    return Case(load("ring"), Ring(), held, 100 if quick else 3000, 512)


def images(quick: bool) -> Case:
    """Images by class."""
    seen = source_of(DataConfig.model_validate({"name": "digits", "count": SEEN}))
    pixels, labels = digits()
    held = Arrays(scaled(pixels[SEEN:]), labels[SEEN:], DIGIT_NAMES, "held out")
    return Case(load("digits"), seen, held, 20 if quick else 300, 64)


def main() -> None:
    """Run the benchmark."""
    parser = options(__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", choices=("ring", "digits"))
    chosen = parser.parse_args()
    report = Report("beside")
    for name, case in (("ring", ring), ("digits", images)):
        if chosen.only in (None, name):
            measure(report, name, case(chosen.quick), chosen)
    report.write(chosen.json)


def measure(report: Report, name: str, case: Case, chosen: argparse.Namespace) -> None:
    """Measure the variance that ships, and those that are fitted."""
    lanes = 500 if chosen.quick else 4000
    figures(report, f"{name}, as it ships", case, case.model.network, lanes)
    settings: dict[str, Any] = {"kind": "frozen", "variance": "none"}
    settings |= {"shape": [*case.model.card.shape], "classes": len(case.model.card.classes)}
    arguments = {key: value for key, value in settings.items() if key != "kind"}
    foreign = FrozenVelocity(Plain(case.model.network), **arguments)
    for make in (inside, beside):
        for seed in range(1 if chosen.quick else chosen.seeds):
            variant = make(settings, foreign, seed)
            assert variant is not None
            config = variance_config(variant.source, case.steps, case.batch, seed)
            with TemporaryDirectory() as folder:
                trained(variant.network, case.source, config, Path(folder), quiet=True)
            label = f"{name}, {variant.source}, seed {seed}"
            figures(report, label, case, variant.network.eval(), lanes)


def figures(report: Report, label: str, case: Case, network: VelocityNetwork, lanes: int) -> None:
    """The figures of one variance."""
    count = 20_480 if len(network.shape) == 1 else 2048
    found = held_out_likelihoods(network, case.held, 7, 64, count)
    report.add(f"{label}: NLL", float(found.mean()))
    if len(network.shape) != 1:
        return
    card = replace(case.model.card, variance=network.variance_source)
    model = Model(card, network, None)
    specs = [FlowSpec(3, index, scores=SCORES) for index in range(lanes)]
    made = run(model, specs, capacity=256)
    data = torch.from_numpy(np.stack([sample.data for sample in made]))
    bad = (data[:, None] - Ring.centres()).norm(dim=-1).min(1).values > FAR
    for score in SCORES:
        values = torch.tensor([sample.scores[score] for sample in made])
        report.add(f"{label}: AUROC of {score} for {int(bad.sum())} bad", auroc(values, bad))


if __name__ == "__main__":
    main()
