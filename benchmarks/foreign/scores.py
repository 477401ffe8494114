"""Scores of imported models: how well they find the digits that are misread."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from benchmarks.foreign.auroc import found
from benchmarks.foreign.catalogue import PEERS
from benchmarks.foreign.equal import specs, stacked
from benchmarks.foreign.fitted import fitted
from benchmarks.foreign.imported import imported, prepare
from benchmarks.foreign.reader import reader
from benchmarks.report import Report
from sureflow.evaluation.trivial import trivial_properties
from sureflow.model import Model
from sureflow.sampling.sample import run

JUDGED = {"noise": "unet-noise", "v": "unet-v", "data": "unet-data", "velocity": "torchcfm"}
"""One model for each prediction; all have classes."""

FREE = ("trajectory", "straightness", "divergence", "residual")
LEARNED = ("propagated", "path_residual", "pooled_residual", "residual")
TRIVIAL = ("mean", "contrast", "roughness")
COUNT, SEED = 500, 180
MARK = "score of "


def measure(report: Report, quick: bool, work: Path) -> None:
    """Add the AUROC of every score on every judged model."""
    judge, count = reader(), 60 if quick else COUNT
    for prediction, name in JUDGED.items():
        peer = PEERS[name]
        if peer.missing:
            continue
        folder = work / name
        prepare(peer, folder, work)
        model, _ = imported(peer, folder)
        for kind, one, names in (
            ("free", model, FREE),
            ("fitted", fitted(peer, folder, 50 if quick else 600), LEARNED),
        ):
            values, images, label = drawn(peer, one, names, count)
            bad = judge.read(images) != label
            if kind == "free":
                report.add(f"{MARK}{prediction}: misread", 100 * float(bad.double().mean()), "%")
                for trivial, numbers in trivial_properties(images.numpy()).items():
                    if trivial in TRIVIAL:
                        values[f"({trivial})"] = torch.from_numpy(numbers)
            for score, numbers in values.items():
                shown = found(numbers, bad, label)
                mark = f"{MARK}{prediction}: {score}" + (", fitted" if kind == "fitted" else "")
                report.add(f"{mark}: value", shown.value)
                report.add(f"{mark}: low", shown.low)
                report.add(f"{mark}: high", shown.high)
                report.add(f"{mark}: within", shown.within)


def drawn(peer: Any, model: Model, names: tuple[str, ...], count: int) -> Any:
    """Scores by name, images and the digits that were asked for, by the default sampler."""
    able = [name for name in names if name != "divergence" or model.card.differentiable]
    lanes = specs(peer, model, count, SEED, method="heun", scores=tuple(able))
    made = run(model, lanes, 64)
    values = {
        name: torch.tensor([sample.scores[name] for sample in made], dtype=torch.float64)
        for name in able
    }
    return values, peer.decoded(stacked(made)), torch.arange(count) % 10
