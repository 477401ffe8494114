"""The largest part of the map of uncertainty, in place of its sum: does it find bad samples sooner?

The mean of the largest 5 to 20 % of the components is the conditional value at risk of a component
that is chosen at random.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from benchmarks.report import Report
from benchmarks.truth.measures import add_interval, auroc, shown
from benchmarks.truth.rivals import EPOCHS
from benchmarks.truth.tried import order
from sureflow.checkpoint import load
from sureflow.evaluation.digit_reader import DigitReader
from sureflow.evaluation.evaluate import draw_balanced
from sureflow.evaluation.judge import Judge, train_judge
from sureflow.evaluation.realism import JUDGE, realism
from sureflow.training.arrays import scaled
from sureflow.training.data import fashion_mnist
from sureflow.training.digits import digits

COUNTS, SEED = {"digits": 1000, "fashion": 600}, 84
SHARES = (0.05, 0.1, 0.2)
JUDGES = ("one judge", "another judge")


def largest(maps: Tensor, share: float) -> Tensor:
    """Mean of the largest share of the components of maps ``[n, *shape]``, ``[n]``."""
    flat = maps.flatten(1)
    return flat.topk(max(round(share * flat.shape[1]), 1), 1).values.mean(1)


def measure(report: Report, quick: bool) -> None:
    """Add the AUROC of every aggregation, by two judges, of all samples and within a class."""
    for name, count in COUNTS.items():
        model = load(name)
        samples = draw_balanced(model, 200 if quick else count, SEED, quiet=True)
        maps = torch.stack([torch.from_numpy(sample.map) for sample in samples])
        labels = torch.tensor([sample.spec.label for sample in samples])
        images = torch.stack([torch.from_numpy(sample.data) for sample in samples]).clamp(-1, 1)
        values = {"sum of the map": maps.flatten(1).sum(1)}
        values |= {f"largest {share:.0%} of the map": largest(maps, share) for share in SHARES}
        values[model.score] = torch.tensor([sample.uncertainty for sample in samples])
        report.add(f"tail, {name}: samples", len(samples))
        for judge, bad in zip(JUDGES, _bad(name, images, labels), strict=True):
            report.add(f"tail, {name}: bad by {judge}", int(bad.sum()))
            for score, of in values.items():
                for where, placed in (("", of), (" within a class", order(of, labels))):
                    title = f"tail, {name}, {score}: AUROC{where} by {judge}"
                    report.add(title, auroc(placed, bad))
                    add_interval(report, title, placed, bad)


def _bad(name: str, images: Tensor, labels: Tensor) -> list[Tensor]:
    """Misread digits; the least realistic fifth of clothes. By each of two judges, ``[n]``."""
    if name == "digits":
        other = train_judge(*digits(), EPOCHS, seed=2, quiet=True, mirrored=False)
        return [DigitReader.load().read(images) != labels, other.read(images)[0] != labels]
    real = scaled(fashion_mnist("test")[0][: len(images)])
    judges = [
        Judge.load(JUDGE.with_name(f"fashion{end}.safetensors"), 10) for end in ("", "-other")
    ]
    return [realism(one.read(images)[1], one.read(real)[1]).least_fifth for one in judges]


def fragment(figures: dict[str, Any]) -> str:
    """The figures as a section with a table."""
    head = [
        "model",
        "score",
        *(f"AUROC{w} by {j}" for j in JUDGES for w in ("", " within a class")),
    ]
    rows = [head, ["---", "---", *["---:"] * 4]]
    start, end = "tail, ", f": AUROC by {JUDGES[0]}"
    for label in figures:
        if label.startswith(start) and label.endswith(end):
            name, score = label.removeprefix(start).removesuffix(end).split(", ")
            title = f"tail, {name}, {score}: "
            rows.append([name, score, *(shown(figures, title + what) for what in head[2:])])
    table = "\n".join("| " + " | ".join(row) + " |" for row in rows)
    return f"## The largest part of the map\n\n{TEXT}\n\n{table}"


TEXT = """The mean of the largest 5, 10 or 20 % of the components of the map (their conditional
value at risk) in place of its sum, which is `propagated`; the last row of a model is its default
score. Bad are misread digits, and the least realistic fifth of clothes. Nowhere is a part better
than the sum by more than its interval, so it is not served."""
