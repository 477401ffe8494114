"""Served scores of images against judges: misread digits, unreal clothes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.report import Report
from benchmarks.truth import pictures
from benchmarks.truth.measures import ENDS, add_interval, auroc, shown
from benchmarks.truth.rivals import EPOCHS, NAMES, NEAREST, rivals
from benchmarks.truth.tried import lead, order
from sureflow.checkpoint import load
from sureflow.confidence.quantile_map import distance as distance_of
from sureflow.core.lane import Sample
from sureflow.evaluation.digit_reader import DigitReader
from sureflow.evaluation.evaluate import draw_balanced
from sureflow.evaluation.frechet import frechet_distance
from sureflow.evaluation.judge import Judge, train_judge
from sureflow.evaluation.realism import JUDGE, coverage, real_clothes, realism, recall, unreality
from sureflow.families.flow.scores.catalogue import SCORES
from sureflow.families.flow.spec import FlowSpec
from sureflow.training.arrays import scaled
from sureflow.training.data import fashion_mnist
from sureflow.training.digits import digits

RATES = (0.005, 0.01, 0.02, 0.03)
METHOD, STEPS = "heun", 20
SEEDS = {"digits": 15, "fashion": 5}
"""Of `digits` not that of the draws which its score was chosen by."""
COUNTS = {"digits": 3000, "fashion": 2000}
OTHER_JUDGE = JUDGE.with_name("fashion-other.safetensors")
"""Trained alike with another seed; nothing was ever fitted to it."""


@dataclass(frozen=True)
class Judged:
    """Samples with their scores, each ``[n]``, and what is wrong with them."""

    samples: list[Sample]
    labels: Tensor
    scores: dict[str, Tensor]

    @property
    def images(self) -> Tensor:
        """``[n, 1, 28, 28]`` in data units."""
        return torch.from_numpy(np.stack([sample.data for sample in self.samples]))

    @property
    def confidence(self) -> Tensor:
        """By the score that the model recommends, ``[n]``."""
        return torch.tensor([sample.confidence or 0.0 for sample in self.samples])

    def order(self, name: str) -> Tensor:
        """Places within the class, scaled to [0, 1), the surest first, ``[n]``."""
        return order(self.scores[name], self.labels)

    def half(self, name: str) -> Tensor:
        """The most confident half of every class, ``[n]``."""
        return self.order(name) < 0.5


def measure(report: Report, quick: bool, docs: Path | None, model: str) -> None:
    """Add the figures of every score on a model to a report, and draw them.

    Args:
        report: Where to.
        quick: Fewer samples.
        docs: Folder for plots and sheets; none are drawn without.
        model: ``digits`` or ``fashion``.
    """
    judged = drawn(model, 200 if quick else COUNTS[model])
    beside = rivals(model, judged.images, judged.labels)
    judged = replace(judged, scores=judged.scores | beside)
    bad = _digits(report, judged) if model == "digits" else _fashion(report, judged)
    for name in judged.scores:
        _row(report, model, name, judged, bad)
    if model == "digits":
        _other_reader(report, judged, bad)
    apart = distance_of(judged.confidence.double().numpy())
    report.add(f"{model}: distance of confidence from uniform", apart)
    _certified(report, model, judged, bad)
    if docs is not None:
        recommended = judged.samples[0].score
        pictures.reliability(judged.confidence, bad, docs, model, recommended)
        pictures.risks({n: judged.order(n) for n in judged.scores}, bad, docs, model)
        pictures.extremes(judged.images, judged.order(recommended), bad, docs, model)


def drawn(model: str, count: int) -> Judged:
    """Balanced samples with all scores, the model's own first."""
    loaded = load(model)
    affordable = [
        name
        for name, meaning in SCORES.items()
        if not meaning.factor and meaning.obstacle(loaded.card, FlowSpec(0, 0, label=0)) is None
    ]
    names = sorted(affordable, key=lambda name: name != loaded.score)
    samples = draw_balanced(
        loaded, count, SEEDS[model], method=METHOD, steps=STEPS, scores=tuple(names), quiet=True
    )
    labels = torch.tensor([sample.spec.label for sample in samples])
    scores = {
        name: torch.tensor([sample.scores[name] for sample in samples]) for name in affordable
    }
    return Judged(samples, labels, scores)


def _digits(report: Report, judged: Judged) -> Tensor:
    """Which digits an independent reader classifies as another one."""
    reader = DigitReader.load()
    images, labels = digits()
    wrong = float((reader.read(scaled(images)) != labels).double().mean())
    report.add("digits: samples", len(judged.samples))
    report.add("digits: errors of the judge on real digits", 100 * wrong, "%")
    bad = reader.read(judged.images) != judged.labels
    report.add("digits: misread samples", 100 * float(bad.double().mean()), "%")
    report.add("digits: misread samples, count", int(bad.sum()))
    return bad


def _other_reader(report: Report, judged: Judged, bad: Tensor) -> None:
    """Figures by a judge trained with another seed than the rival, on 500 more images.

    Also by how much the recommended score is ahead of the nearest image, by both judges.
    """
    images, classes = digits()
    other = train_judge(images, classes, EPOCHS, seed=2, quiet=True, mirrored=False)
    wrong = other.read(judged.images.clamp(-1, 1))[0] != judged.labels
    report.add("digits: misread by another judge, count", int(wrong.sum()))
    for name, score in judged.scores.items():
        label = f"digits, {name}: AUROC by another judge"
        report.add(label, auroc(score, wrong))
        add_interval(report, label, score, wrong)
    best, nearest = (judged.scores[name] for name in (judged.samples[0].score, NEAREST))
    for judge, found in (("", bad), (" by another judge", wrong)):
        for end, value in zip(ENDS, lead(best, nearest, found), strict=True):
            report.add(f"digits: lead over the {NEAREST} in AUROC{judge}, {end}", value)


def _fashion(report: Report, judged: Judged) -> Tensor:
    """The least realistic fifth; further figures about realism on the way."""
    judge = Judge.load(JUDGE, 10)
    images, _ = fashion_mnist("test")
    real = judge.read(scaled(images))[1][: len(judged.samples)]
    features = judge.read(judged.images.clamp(-1, 1))[1]
    place = realism(features, real)
    report.add("fashion: samples", len(judged.samples))
    precision = 100 * float((~place.off_manifold).double().mean())
    report.add("fashion: precision of all", precision, "%")
    shuffled = torch.randperm(len(features), generator=torch.Generator().manual_seed(0))
    sets = {"a random half": shuffled < len(features) // 2}
    sets |= {f"the confident half by {name}": judged.half(name) for name in judged.scores}
    for name, chosen in sets.items():
        inside = 100 * float((~place.off_manifold[chosen]).double().mean())
        report.add(f"fashion: precision of {name}", inside, "%")
        report.add(f"fashion: recall of {name}", 100 * recall(features[chosen], real), "%")
        report.add(f"fashion: coverage of {name}", 100 * coverage(features[chosen], real), "%")
        distance = frechet_distance(features[chosen], real)
        report.add(f"fashion: judge-FD of {name}", distance)
    for name, score in judged.scores.items():
        report.add(f"fashion, {name}: AUROC off manifold", auroc(score, place.off_manifold))
    _other_judge(report, judged, images[: len(judged.samples)])
    known = unreality(features, real_clothes(judge))
    report.add("fashion: AUROC of the judge itself", auroc(known, place.least_fifth))
    report.add("fashion: AUROC off manifold of the judge itself", auroc(known, place.off_manifold))
    return place.least_fifth


def _other_judge(report: Report, judged: Judged, real: Tensor) -> None:
    """Figures of the recommended score, and of the best one without a judge, by another judge."""
    judge = Judge.load(OTHER_JUDGE, 10)
    place = realism(judge.read(judged.images.clamp(-1, 1))[1], judge.read(scaled(real))[1])
    for name in (judged.samples[0].score, "straightness"):
        for what, bad in (("", place.least_fifth), (" off manifold", place.off_manifold)):
            title = f"fashion: AUROC{what} of {name} by another judge"
            report.add(title, auroc(judged.scores[name], bad))


def _certified(report: Report, model: str, judged: Judged, bad: Tensor) -> None:
    """What the checkpoint's judge has certified, against these samples, which it has not seen."""
    calibration = load(model).calibration
    if calibration is None or calibration.conformal is None:
        return
    for rate in RATES:
        threshold = calibration.conformal.threshold(rate)
        title = f"certified, {model}, {rate:g}"
        report.add(f"{title}: least confidence", "none" if threshold is None else threshold)
        if threshold is not None:
            accepted = judged.confidence >= threshold
            report.add(f"{title}: accepted", 100 * float(accepted.double().mean()), "%")
            report.add(f"{title}: bad among them", 100 * float(bad[accepted].double().mean()), "%")


def certificates(figures: dict[str, Any], model: str) -> str:
    """The figures of what is certified as a markdown table; nothing if there are none."""
    rows = [
        "Certified at 90 %, and what these samples, which the judge had not seen, come to:",
        "",
        _line(["`max_bad_rate`", "confidence from", "accepted", "bad among them"]),
        _line(["---:"] * 4),
    ]
    for rate in RATES:
        title = f"certified, {model}, {rate:g}"
        if f"{title}: accepted" in figures:
            shares = (figures[f"{title}: {what}"] for what in ("accepted", "bad among them"))
            shown = [f"{100 * rate:g} %", f"{figures[f'{title}: least confidence']:.2f}"]
            rows.append(_line([*shown, *(f"{share:.3g} %" for share in shares)]))
        elif f"{title}: least confidence" in figures:
            rows.append(_line([f"{100 * rate:g} %", "cannot be certified", "", ""]))
    return "\n".join(rows) if len(rows) > 4 else ""


def _row(report: Report, model: str, name: str, judged: Judged, bad: Tensor) -> None:
    """How well one score finds the bad ones."""
    half = judged.half(name)
    report.add(f"{model}, {name}: AUROC", auroc(judged.scores[name], bad))
    add_interval(report, f"{model}, {name}: AUROC", judged.scores[name], bad)
    report.add(f"{model}, {name}: AUROC of confidence", auroc(judged.order(name), bad))
    share = 100 * float(bad[half].double().mean())
    report.add(f"{model}, {name}: bad in the confident half", share, "%")


def fragment(figures: dict[str, Any], model: str) -> str:
    """The figures of a model as markdown tables."""
    head = ["score", "AUROC", "AUROC of confidence", "bad in the confident half"]
    head += ["AUROC by another judge"] * (model == "digits")
    more = ("precision", "recall", "coverage", "judge-FD") if model == "fashion" else ()
    if more:
        head += ["AUROC off manifold", *(f"{what} of that half" for what in more)]
    rows = [_line(head), _line(["---"] + ["---:"] * (len(head) - 1))]
    for name in (*SCORES, *NAMES):
        start = f"{model}, {name}: AUROC"
        if start not in figures:
            continue
        cells = [name, shown(figures, start), f"{figures[f'{start} of confidence']:.3f}"]
        cells.append(f"{figures[f'{model}, {name}: bad in the confident half']:.2f} %")
        if model == "digits":
            cells.append(shown(figures, f"{start} by another judge"))
        if more:
            cells.append(f"{figures[f'{model}, {name}: AUROC off manifold']:.3f}")
            cells += _of_half(figures, f"the confident half by {name}", more)
        rows.append(_line(cells))
    if more:
        cells = _of_half(figures, "a random half", more)
        rows.append(_line(["a random half", *[""] * 4, *cells]))
    facts = [
        f"* {label.removeprefix(model + ': ')}: {value:.4g}"
        for label, value in figures.items()
        if label.startswith(f"{model}: ") and "half" not in label
    ]
    return "\n".join([*facts, "", *rows])


def _of_half(figures: dict[str, Any], name: str, what: tuple[str, ...]) -> list[str]:
    return [f"{figures[f'fashion: {each} of {name}']:.3g}" for each in what]


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"
