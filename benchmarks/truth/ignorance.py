"""Does `ignorance` rise where the training never was, in classes left out and strange images?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.overhead import median_ratio, paired_times
from benchmarks.report import Report
from benchmarks.truth.measures import add_interval, auroc, shown
from benchmarks.truth.unseen import Unseen
from sureflow.checkpoint import load
from sureflow.core.lane import Inverted, Sample
from sureflow.evaluation.evaluate import balanced, draw_balanced
from sureflow.model import Model
from sureflow.sampling.sample import run
from sureflow.training.arrays import scaled
from sureflow.training.digits import digits

CASES = (
    Unseen("ring", 0, (1, 4)),
    Unseen("ring", 1, (0, 1)),
    Unseen("ring", 2, (3, 6)),
    Unseen("digits", 0, (3,)),
    Unseen("digits", 0, (8,)),
)
SCORE = "ignorance"
SCORES = (
    SCORE,
    "propagated",
    "pooled_residual",
    "straightness",
    "adherence",
    "adherence_contrast",
    "residual",
    "likelihood",
)
OF_GIVEN = (SCORE, "propagated", "pooled_residual", "straightness", "residual", "likelihood")
"""Scores of samples without a label."""

NEAREST, NORM, APART = "nearest training sample", "norm of the label", "label from their centre"
SEED, COUNT, GIVEN, ROWS = 9, 1600, 400, 16
STRANGE = "strange"


def measure(report: Report, quick: bool, cache: Path) -> None:
    """Add AUROCs of classes left out, of their data, and of strange images; and the cost."""
    for case in CASES[2:3] if quick else CASES:
        model = case.model(cache, quick)
        _asked_for(report, case, model, 80 if quick else COUNT)
        _shown(report, case, model, 48 if quick else GIVEN)
    _strange(report, 12 if quick else 100)
    for name in ("ring", "digits", "fashion"):
        if load(name).network.laplace is not None:
            report.add(f"{SCORE}, cost of {name}", _cost(name, 40 if quick else 400))


def _asked_for(report: Report, case: Unseen, model: Model, count: int) -> None:
    """Samples of all classes, of which some were left out."""
    images = len(model.card.shape) > 1
    count = count // 2 if images else count
    scores = tuple(name for name in SCORES if not (images and name == "likelihood"))
    samples = draw_balanced(model, count, SEED, scores=scores, quiet=True)
    labels = torch.tensor([sample.spec.label for sample in samples])
    bad = torch.isin(labels, torch.tensor(case.held))
    found = _scores(samples, scores) | {NEAREST: _nearest(_data(samples), case.known.samples)}
    table = model.network.embedding.label.weight[: len(model.card.classes)]
    trained = [n for n in range(len(table)) if n not in case.held]
    found[NORM] = table.norm(dim=1)[labels]
    found[APART] = (table - table[trained].mean(0)).norm(dim=1)[labels]
    _add(report, f"{SCORE}, {case.title}", found, bad)


def _shown(report: Report, case: Unseen, model: Model, count: int) -> None:
    """Data of all classes, inverted without a label: what is new is where they lie."""
    samples, bad = case.fresh(count)
    scores = tuple(n for n in OF_GIVEN if samples.dim() == 2 or n != "likelihood")
    made = _inverted(model, samples, scores)
    found = _scores(made, scores) | {NEAREST: _nearest(samples, case.known.samples)}
    _add(report, f"{SCORE}, data of {case.title}", found, bad)


def _strange(report: Report, count: int) -> None:
    """Inverts digits that `digits` never saw, and what it should not know, without a label."""
    model = load("digits")
    if model.network.laplace is None:
        return
    images, _ = digits()
    seen, held = scaled(images[:4500]), scaled(images[4500 : 4500 + 2 * count])
    usual, others = held[:count], held[count:]
    generator = torch.Generator().manual_seed(1)
    pixels = torch.randperm(28 * 28, generator=generator)
    noise = torch.randn(others.shape, generator=generator)
    rows = torch.arange(28)[:, None]
    kinds = {
        "negatives of digits": -others,
        "digits upside down": others.flip(2),
        "digits with noise of 0.3": others + 0.3 * noise,
        "digits without their lower half": torch.where(rows < 14, others, -1.0),
        "digits moved by 6 pixels": others.roll(6, 3),
        "pixels of digits shuffled": others.flatten(2)[:, :, pixels].view_as(others),
    }
    scores = tuple(name for name in OF_GIVEN if name != "likelihood")
    first = _inverted(model, usual, scores)
    for kind, strange in kinds.items():
        both = [*first, *_inverted(model, strange, scores)]
        bad = torch.arange(len(both)) >= len(first)
        apart = _nearest(torch.cat([usual, strange]), seen)
        _add(report, f"{SCORE}, {STRANGE}, {kind}", _scores(both, scores) | {NEAREST: apart}, bad)


def _inverted(model: Model, samples: Tensor, scores: tuple[str, ...]) -> list[Sample]:
    """Given samples, from which the flow runs back to noise and comes again."""
    (lane,) = balanced(model, [0], SEED, labels=[None], scores=scores)
    given = samples.float().numpy()
    specs = [replace(lane, index=n, origin=Inverted(data)) for n, data in enumerate(given)]
    return run(model, specs, 64)


def _scores(samples: list[Sample], names: tuple[str, ...]) -> dict[str, Tensor]:
    return {name: torch.tensor([s.scores[name] for s in samples]).nan_to_num(0) for name in names}


def _data(samples: list[Sample]) -> Tensor:
    return torch.from_numpy(np.stack([sample.data for sample in samples]))


def _nearest(samples: Tensor, known: Tensor) -> Tensor:
    """Distance from the nearest training sample, ``[n]``."""
    rows = torch.split(samples.float().flatten(1), 100)
    return torch.cat([torch.cdist(part, known.flatten(1)).amin(1) for part in rows])


def _add(report: Report, title: str, found: Mapping[str, Tensor], bad: Tensor) -> None:
    for name, score in found.items():
        report.add(f"{title}, {name}: AUROC", auroc(score, bad))
        add_interval(report, f"{title}, {name}: AUROC", score, bad)


@torch.inference_mode()
def _cost(name: str, pairs: int) -> float:
    """Seconds of an evaluation with the reading, over those without."""
    network, bare = (load(name).network for _ in range(2))
    bare.laplace = None
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(ROWS, *network.shape, generator=generator)
    t = torch.rand(ROWS, generator=generator)
    label = torch.randint(0, network.classes + 1, (ROWS,), generator=generator)
    return median_ratio(
        paired_times(lambda: bare.moments(x, t, label), lambda: network.moments(x, t, label), pairs)
    )


def fragment(figures: Mapping[str, Any]) -> str:
    """Markdown of the figures of :func:`measure`."""
    asked = [case.title for case in CASES]
    lines = [
        "## ignorance: what the training never saw",
        "",
        "Networks trained without some classes (`ring` with its modes as classes, a small U-Net on",
        "`digits`), which are then asked for: AUROC of their samples against those of the classes",
        "that were trained. The label's vector is trivial: it stayed where it began.",
        "",
        *_table(figures, [f"{SCORE}, {title}" for title in asked], asked),
        "",
        "Data of these classes, given without a label (inverted), against data of the others that",
        "were not trained on either: what is new is where they lie.",
        "",
        *_table(figures, [f"{SCORE}, data of {title}" for title in asked], asked),
    ]
    start = f"{SCORE}, {STRANGE}, "
    labels = [key.removeprefix(start) for key in figures if key.startswith(start)]
    kinds = [*dict.fromkeys(label.split(",")[0] for label in labels)]
    if kinds:
        lines += [
            "",
            "Images given to the shipped `digits` without a label, against digits it never saw:",
            "",
            *_table(figures, [f"{start}{kind}" for kind in kinds], kinds),
        ]
    begun = f"{SCORE}, cost of "
    for name in (key.removeprefix(begun) for key in figures if key.startswith(begun)):
        ratio = figures[f"{begun}{name}"]
        what = f"An evaluation of `{name}` with the reading takes {ratio:.3f} of one without."
        lines += ["", what]
    return "\n".join(lines)


def _table(figures: Mapping[str, Any], cases: list[str], titles: list[str]) -> list[str]:
    """A row for each score of these cases, as far as they were measured."""
    there = [(case, title) for case, title in zip(cases, titles, strict=True)
             if f"{case}, {SCORE}: AUROC" in figures]  # fmt: skip
    names = [
        key.removeprefix(f"{case}, ").removesuffix(": AUROC")
        for case, _ in there
        for key in figures
        if key.startswith(f"{case}, ") and key.endswith(": AUROC")
    ]
    head = f"| score | {' | '.join(title for _, title in there)} |"
    rows = [head, f"|---{'|---' * len(there)}|"]
    for name in dict.fromkeys(names):
        labels = [f"{case}, {name}: AUROC" for case, _ in there]
        cells = [shown(figures, label) if label in figures else "" for label in labels]
        rows.append(f"| {name} | {' | '.join(cells)} |")
    return rows
