"""Other scores of the finished sample's own target: chosen on one half, reported on the other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

import torch
from torch import Tensor

from benchmarks.report import Report
from benchmarks.truth.measures import auroc
from sureflow.checkpoint import load
from sureflow.core.draw import Purpose, normal
from sureflow.evaluation.digit_reader import DigitReader

SEED, COUNT, STEPS, BLOCK = 5, 3000, 20, 64
ASKED = (2, 3, 4, 6, 8, 10, 14)
"""Steps at whose beginning the velocity without the condition is asked for."""

BEST, PLAIN = "cosine at 0.15 less that at 0.5", "adherence at 0.1"
LEAD = "tried: lead of the contrast in AUROC"
RESAMPLED = 400


@dataclass(frozen=True)
class Traces:
    """Paths of samples, Heun with :data:`STEPS` steps, the classes taking turns.

    Attributes:
        label: Classes, ``[n]``.
        noise: ``x0``, ``[n, *shape]``.
        end: ``x1``, likewise.
        velocity: At the start of each step, ``[n, STEPS, *shape]``, half precision.
        trace: ``tr Sigma`` there, ``[n, STEPS]``.
        null: Velocities without the condition at :data:`ASKED`, ``[n, 7, *shape]``.
    """

    label: Tensor
    noise: Tensor
    end: Tensor
    velocity: Tensor
    trace: Tensor
    null: Tensor


@torch.inference_mode()
def traced(model: str, count: int) -> Traces:
    """Draw samples and keep their paths."""
    network = load(model).network
    blocks = []
    for first in range(0, count, BLOCK):
        numbers = range(first, min(first + BLOCK, count))
        noise = torch.stack([normal(network.shape, SEED, i, Purpose.START) for i in numbers])
        label = torch.tensor([i % network.classes for i in numbers])
        x, kept, null = noise, [], []
        for step in range(STEPS):
            t = torch.full((len(x),), step / STEPS)
            here = network.moments(x, t, label)
            assert here.variance is not None
            kept.append((here.mean.half(), here.variance.flatten(1).double().sum(1)))
            if step in ASKED:
                none = torch.full_like(label, network.classes)
                null.append(network.moments(x, t, none).mean.half())
            there = network.moments(x + here.mean / STEPS, t + 1 / STEPS, label).mean
            x = x + (here.mean + there) / (2 * STEPS)
        velocity, trace = (torch.stack(part, 1) for part in zip(*kept, strict=True))
        blocks.append((label, noise, x, velocity, trace, torch.stack(null, 1)))
    return Traces(*(torch.cat(parts) for parts in zip(*blocks, strict=True)))


def variants(traces: Traces) -> dict[str, Tensor]:
    """Scores by name, ``[n]``; larger is less sure."""
    target = traces.end - traces.noise
    off = torch.stack(
        [_sum((target - traces.velocity[:, k].float()).square()) for k in range(STEPS)], 1
    )
    found = {
        "straightness": off.mean(1),
        "straightness over int tr Sigma": off.mean(1) / traces.trace.mean(1),
        "pooled_residual": (off / traces.trace).mean(1),
    }
    distance, angle = {}, {}
    for number, step in enumerate(ASKED):
        asked, null = traces.velocity[:, step].float(), traces.null[:, number].float()
        apart = _sum((asked - null).square()).sqrt()
        nearer = _sum((target - asked).square() - (target - null).square())
        distance[step] = nearer / (2 * apart)
        angle[step] = distance[step] / _sum((target - (asked + null) / 2).square()).sqrt()
        found[f"adherence at {step / STEPS:g}"] = distance[step]
        found[f"its cosine at {step / STEPS:g}"] = angle[step]
    found["adherence at .1 + .2"] = distance[2] + distance[4]
    found["adherence at .1 + .15 + .2"] = distance[2] + distance[3] + distance[4]
    found["its cosine at .1 + .2"] = angle[2] + angle[4]
    for early, late in product((2, 3), (8, 10, 14)):
        times = f"at {early / STEPS:g} less that at {late / STEPS:g}"
        found[f"adherence {times}"] = distance[early] - distance[late]
        found[f"cosine {times}"] = angle[early] - angle[late]
    for name, score in (("adherence at .1", distance[2]), ("its cosine at .15", angle[3])):
        for other in ("pooled_residual", "straightness"):
            ranked = order(score, traces.label) + order(found[other], traces.label) / 2
            found[f"rank of {name} + half of {other}"] = ranked
    return found


def _sum(values: Tensor) -> Tensor:
    return values.flatten(1).double().sum(1)


def order(score: Tensor, label: Tensor) -> Tensor:
    """Places within the class, scaled to [0, 1), the surest first, ``[n]``."""
    place = torch.empty(len(score), dtype=torch.double)
    for each in set(label.tolist()):
        chosen = label == each
        place[chosen] = score[chosen].argsort().argsort().double() / int(chosen.sum())
    return place


def measure(report: Report, quick: bool) -> None:
    """Add how well each variant finds misread digits, on both halves."""
    traces = traced("digits", 200 if quick else COUNT)
    add(report, traces, DigitReader.load().read(traces.end) != traces.label)


def add(report: Report, traces: Traces, bad: Tensor) -> None:
    """The figures of some traces, of which these ``[n]`` are bad."""
    chosen = torch.arange(len(bad)) // 10 % 2 == 0
    report.add("tried: samples", len(bad))
    for name, score in variants(traces).items():
        for half, part in (("chosen", chosen), ("reported", ~chosen)):
            report.add(f"tried, {name}: AUROC, {half}", auroc(score[part], bad[part]))
            surest = order(score[part], traces.label[part]) < 0.5
            share = 100 * float(bad[part][surest].double().mean())
            report.add(f"tried, {name}: bad in the confident half, {half}", share, "%")
    tried = variants(traces)
    low, high = lead(tried[BEST], tried[PLAIN], bad)
    report.add(f"{LEAD}, least", low)
    report.add(f"{LEAD}, most", high)


def lead(score: Tensor, other: Tensor, bad: Tensor) -> tuple[float, float]:
    """Between what one is ahead of the other in AUROC, at 90 % (bootstrap over samples)."""
    generator = torch.Generator().manual_seed(0)
    leads = []
    for _ in range(RESAMPLED):
        drawn = torch.randint(len(bad), (len(bad),), generator=generator)
        if not 0 < int(bad[drawn].sum()) < len(bad):
            continue
        leads.append(auroc(score[drawn], bad[drawn]) - auroc(other[drawn], bad[drawn]))
    low, high = torch.quantile(torch.tensor(leads), torch.tensor([0.05, 0.95])).tolist()
    return low, high


def fragment(figures: Mapping[str, Any]) -> str:
    """Markdown of the figures of :func:`measure`."""
    lines = [
        "### What else was tried",
        "",
        "Other digits than above, in two halves: one to choose by, one to report. Every time asked",
        "costs an evaluation. *Its cosine* is adherence over the distance of the target from the",
        "midpoint of the two velocities.",
        "",
        "| score | AUROC, to choose by | reported | bad in the confident half | reported |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    start, end = "tried, ", ": AUROC, chosen"
    for name in (key[len(start) : -len(end)] for key in figures if key.endswith(end)):
        values = [figures[f"{start}{name}: AUROC, {half}"] for half in ("chosen", "reported")]
        halves = [
            figures[f"{start}{name}: bad in the confident half, {half}"]
            for half in ("chosen", "reported")
        ]
        cells = [f"{value:.3f}" for value in values] + [f"{share:.2f} %" for share in halves]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    low, high = figures[f"{LEAD}, least"], figures[f"{LEAD}, most"]
    lines += [
        "",
        "Early the condition has to be what explains a sample; halfway its state should show what",
        f"it is without. The {BEST} is served as",
        f"`adherence_contrast`. Over both halves it is ahead of {PLAIN}, which is served",
        f"as `adherence`, by {low:.3f} to {high:.3f} in AUROC (90 %, bootstrap).",
    ]
    return "\n".join(lines)
