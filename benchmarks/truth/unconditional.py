"""Which score should judge digits without a label? Judged by somebody else's reader."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from scipy.stats import spearmanr

from benchmarks.report import Report
from benchmarks.truth.measures import auroc
from sureflow.checkpoint import load
from sureflow.evaluation.digit_reader import DigitReader
from sureflow.evaluation.evaluate import draw_balanced
from sureflow.evaluation.realism import realism
from sureflow.training.arrays import scaled
from sureflow.training.digits import digits

MODEL, COUNT, QUICK, SEED = "digits", 2000, 100, 17
DOUBT = 0.1
"""Share of the samples that the reader is least sure of, which count as unclear."""


def measure(report: Report, quick: bool) -> None:
    """Add, by score: AUROC of unclear and of unreal digits, each half of the samples, and ink."""
    model, reader = load(MODEL), DigitReader.load()
    calibration = model.calibration
    assert calibration is not None
    names = [
        name for name, table in calibration.quantiles.items() if np.isfinite(table[0, -1]).all()
    ]
    samples = draw_balanced(
        model, QUICK if quick else COUNT, SEED, labels=[None], scores=(*names,), quiet=True
    )
    images = torch.from_numpy(np.stack([sample.data for sample in samples]))
    sure = _probabilities(reader, images).amax(1)
    unclear = sure <= torch.quantile(sure, DOUBT)
    real, _ = digits()
    place = realism(_features(reader, images), _features(reader, scaled(real)))
    ink = images.flatten(1).sum(1)
    report.add("unconditional: samples", len(samples))
    halves = torch.arange(len(samples)) % 2 == 0
    for name in names:
        score = torch.tensor([sample.scores[name] for sample in samples])
        for what, bad in (("unclear", unclear), ("unreal", place.least_fifth)):
            for half, chosen in (("to choose by", halves), ("reported", ~halves)):
                title = f"unconditional, {name}: AUROC of {what}, {half}"
                report.add(title, auroc(score[chosen], bad[chosen]))
        rank = spearmanr(score.numpy(), ink.numpy()).statistic
        report.add(f"unconditional, {name}: Spearman with ink", float(rank))


@torch.inference_mode()
def _probabilities(reader: DigitReader, images: torch.Tensor) -> torch.Tensor:
    return torch.cat([reader(block).softmax(1) for block in torch.split(images, 500)])


@torch.inference_mode()
def _features(reader: DigitReader, images: torch.Tensor) -> torch.Tensor:
    """What the reader's last layer reads, ``[n, 256]``."""
    blocks = []
    for block in torch.split(images, 500):
        kept: list[torch.Tensor] = []
        handle = reader.fc_layers[1].register_forward_hook(
            lambda module, inputs, output, kept=kept: kept.append(output)
        )
        reader(block)
        handle.remove()
        blocks += kept
    return torch.cat(blocks)


def fragment(figures: Mapping[str, Any]) -> str:
    """Markdown of the figures of :func:`measure`."""
    lines = [
        "## digits without a label",
        "",
        f"*Unclear* is the tenth of {figures['unconditional: samples']} samples that somebody",
        "else's reader is least sure of; *unreal* the fifth that is least realistic in features.",
        "Half of the samples are to choose by, the other half is reported. The best of those that",
        "measure no ink is what the checkpoint recommends without a label, `score_unconditional`.",
        "",
        "| score | unclear, to choose by | reported | unreal, to choose by | reported | with ink |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    names = {
        label.split(", ")[1].split(":")[0]
        for label in figures
        if label.startswith("unconditional, ")
    }
    for name in sorted(names):
        start = f"unconditional, {name}: "
        cells = [
            figures[f"{start}AUROC of {what}, {half}"]
            for what in ("unclear", "unreal")
            for half in ("to choose by", "reported")
        ]
        shown = " | ".join(f"{cell:.3f}" for cell in [*cells, figures[f"{start}Spearman with ink"]])
        lines.append(f"| {name} | {shown} |")
    return "\n".join(lines)
