"""``digits`` and ``fashion``: doubtful samples rewound, redirected, and given images inverted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.report import Report
from benchmarks.truth.measures import auroc
from benchmarks.truth.realism import realism
from sureflow.checkpoint import load
from sureflow.commit import step_at
from sureflow.evaluation.digit_reader import DigitReader
from sureflow.evaluation.judge import Judge
from sureflow.lane import LaneSpec, Sample
from sureflow.model import Model
from sureflow.operations import Resample
from sureflow.origin import Branch, Inverted
from sureflow.sampling.sample import run
from sureflow.training.data import fashion_mnist, scaled
from sureflow.training.digits import digits

SEED, METHOD, STEPS, CAPACITY = 23, "heun", 20, 32
COUNTS = {"digits": 500, "fashion": 300}
DOUBTFUL, BRANCHES, CLASSES = 0.2, 4, 10
SHIFTS = (0.0, -0.1)
"""From the commit point: at it, most is decided; a little before, there is a new decision."""

SWAPS = (
    (3.0, (), 1),
    (6.0, (), 1),
    (3.0, (Resample(1.0),), 1),
    (25.0, (Resample(1.0),), 1),
    (25.0, (Resample(1.0),), 4),
)
"""Guidance toward the other class, what else is done, and how many branches compete."""

HELD_OUT = 30
TOLERANCE = 1e-6
JUDGE = Path("models/judges/fashion.safetensors")


@dataclass(frozen=True)
class Truth:
    """What says whether images are good, and of which class they are.

    Attributes:
        what: Name of what is bad.
        bad: Of images and the labels that were asked for, ``[n]``.
        read: Classes of images, ``[n]``.
    """

    what: str
    bad: Callable[[Tensor, Tensor], Tensor]
    read: Callable[[Tensor], Tensor]


def truth(model: str) -> Truth:
    """The judge of a model: misread digits; clothes off the manifold of held-out images."""
    if model == "digits":
        reader = DigitReader.load()
        return Truth("misread", lambda x, label: reader.read(x) != label, reader.read)
    judge = Judge.load(JUDGE, CLASSES)
    real = judge.read(scaled(fashion_mnist("test")[0]))[1][:2000]

    def unreal(images: Tensor, label: Tensor) -> Tensor:
        return realism(judge.read(images.clamp(-1, 1))[1], real).off_manifold

    return Truth("off the manifold", unreal, lambda x: judge.read(x.clamp(-1, 1))[0])


def measure(report: Report, quick: bool, docs: Path | None, name: str) -> None:
    """Add the figures of a model to a report."""
    model, judge = load(name), truth(name)
    count = 60 if quick else COUNTS[name]
    specs = [
        LaneSpec(SEED, index, METHOD, STEPS, label=index % CLASSES, keep="all")
        for index in range(count)
    ]
    whole = run(model, specs, CAPACITY)
    report.add(f"{name}: samples", count)
    report.add(f"{name}: score", model.score)
    report.add(f"{name}: {judge.what}, all", _share(judge, whole), "%")
    order = np.argsort([_surety(sample) for sample in whole], kind="stable")
    doubtful = [whole[place] for place in order[: round(DOUBTFUL * count)]]
    _rewound(report, name, model, judge, doubtful)
    _swapped(report, name, model, judge, whole[: count // 2])
    _inverted(report, name, model, 6 if quick else HELD_OUT)


def _rewound(report: Report, name: str, model: Model, judge: Truth, doubtful: list[Sample]) -> None:
    """The doubtful samples: as they are, rewound, and drawn anew at equal evaluations and more."""
    report.add(f"{name}: doubtful samples", len(doubtful))
    report.add(f"{name}: {judge.what}, doubtful, kept", _share(judge, doubtful), "%")
    rewound = {}
    for shift in SHIFTS:
        branches = [
            replace(
                _branch(parent, shift, Resample(1.0)), index=parent.spec.index * BRANCHES + number
            )
            for parent in doubtful
            for number in range(BRANCHES)
        ]
        made = run(model, branches, CAPACITY)
        rewound[shift] = spent = sum(sample.evaluations for sample in made)
        label = f"{name}: {judge.what}, doubtful, rewound {_where(shift)}"
        _compare(report, label, judge, doubtful, made, spent)
    fresh_specs = [
        replace(parent.spec, seed=SEED + 2, index=parent.spec.index * BRANCHES + number, keep=())
        for parent in doubtful
        for number in range(BRANCHES)
    ]
    fresh = run(model, fresh_specs, CAPACITY)
    cost = sum(sample.evaluations for sample in fresh)
    _compare(report, f"{name}: {judge.what}, doubtful, regenerated", judge, doubtful, fresh, cost)
    turns = [place for number in range(BRANCHES) for place in range(number, len(fresh), BRANCHES)]
    for shift, spent in rewound.items():
        # as many draws, spread over the doubtful ones in turn, as the branches have cost
        equal: list[Sample | None] = [None] * len(fresh)
        for place in turns[: round(len(fresh) * spent / cost)]:
            equal[place] = fresh[place]
        label = f"{name}: {judge.what}, doubtful, regenerated for what {_where(shift)} costs"
        _compare(report, label, judge, doubtful, equal, spent)


def _compare(
    report: Report,
    label: str,
    judge: Truth,
    doubtful: list[Sample],
    others: list[Sample | None] | list[Sample],
    spent: int,
) -> None:
    """The most confident of every sample and its alternatives."""
    best = []
    for number, parent in enumerate(doubtful):
        own = others[number * BRANCHES : (number + 1) * BRANCHES]
        best.append(max([parent, *(sample for sample in own if sample)], key=_surety))
    report.add(label, _share(judge, best), "%")
    report.add(f"{label}, evaluations each", spent / len(doubtful))


def _swapped(report: Report, name: str, model: Model, judge: Truth, parents: list[Sample]) -> None:
    """Another class from the commit point on, against a fresh sample of that class."""
    targets = [(int(parent.spec.label or 0) + 1) % CLASSES for parent in parents]
    pairs = list(zip(parents, targets, strict=True))
    new = [replace(p.spec, seed=SEED + 3, label=label, keep=()) for p, label in pairs]
    fresh = run(model, new, CAPACITY)
    old = _images(parents)
    far = (_images(fresh) - old).square().flatten(1).mean(1).sqrt()
    report.add(f"{name}: new class, fresh samples: distance", float(far.mean()))
    for shift, (guidance, operations, branches) in product(SHIFTS, SWAPS):
        specs = [
            replace(
                _branch(p, shift, *operations),
                label=label,
                guidance=guidance,
                index=p.spec.index * branches + number,
            )
            for p, label in pairs
            for number in range(branches)
        ]
        made = run(model, specs, CAPACITY)
        swapped = [
            max(made[first : first + branches], key=_surety)
            for first in range(0, len(made), branches)
        ]
        reached = judge.read(_images(swapped)) == torch.tensor(targets)
        how = f"guidance {guidance:g}{', fresh noise' if operations else ''}"
        how += f", best of {branches}" if branches > 1 else ""
        title = f"{name}: new class {_where(shift)}, {how}"
        report.add(f"{title}: reached", 100 * float(reached.double().mean()), "%")
        near = (_images(swapped) - old).square().flatten(1).mean(1).sqrt()
        report.add(f"{title}: distance", float(near.mean()))


def _inverted(report: Report, name: str, model: Model, count: int) -> None:
    """Held-out images made again, and told from others by their likelihood."""
    own, other = fashion_mnist("test")[0], digits()[0]
    if name == "digits":
        own, other = other[-count:], own
    shape = (count, *own.shape[1:])
    noise = torch.randn(shape, generator=torch.Generator().manual_seed(0)).clamp(-1, 1)
    sets = {"held out": scaled(own[:count]), "of the other set": scaled(other[:count])}
    scores = {}
    for kind, images in (sets | {"noise": noise}).items():
        specs = [
            LaneSpec(
                SEED,
                index,
                "dopri5",
                tolerance=TOLERANCE,
                scores=("likelihood",),
                origin=Inverted(image.numpy()),
            )
            for index, image in enumerate(images)
        ]
        made = run(model, specs, CAPACITY)
        errors = [sample.inversion_error for sample in made if sample.inversion_error is not None]
        report.add(f"{name}: inversion error, {kind}, median", float(np.median(errors)))
        report.add(f"{name}: inversion error, {kind}, largest", float(np.max(errors)))
        scores[kind] = torch.tensor([sample.scores["likelihood"] for sample in made])
    for kind in ("of the other set", "noise"):
        both = torch.cat([scores["held out"], scores[kind]])
        value = auroc(both, torch.arange(2 * count) >= count)
        report.add(f"{name}: AUROC of the likelihood, images {kind}", value)


def _branch(parent: Sample, shift: float, *operations: Resample) -> LaneSpec:
    """A branch of a sample so long after it committed, by the frame that it kept there."""
    step = step_at(parent.t, parent.commit.t + shift)
    frame = next(frame for frame in parent.frames if frame.step == step)
    origin = Branch(replace(parent.spec, keep=()), step, operations, frame)
    return replace(parent.spec, seed=SEED + 1, keep=(), origin=origin)


def _where(shift: float) -> str:
    return f"from {-shift:g} before the commit point" if shift else "from the commit point"


def _surety(sample: Sample) -> float:
    """Within the class where the model is calibrated, else by the score alone."""
    return -sample.uncertainty if sample.confidence is None else sample.confidence


def _share(judge: Truth, samples: list[Sample]) -> float:
    labels = torch.tensor([sample.spec.label for sample in samples])
    return 100 * float(judge.bad(_images(samples), labels).double().mean())


def _images(samples: list[Sample]) -> Tensor:
    return torch.from_numpy(np.stack([sample.data for sample in samples]))


def fragment(figures: dict[str, Any], name: str) -> str:
    """The figures of a model as a section with a markdown table."""
    own = {key: value for key, value in figures.items() if key.startswith(f"{name}: ")}
    rows = [
        f"## {name}: rewinding what is doubtful, another class, given images",
        "",
        f"The least confident {DOUBTFUL:.0%}, each with {BRANCHES} alternatives of which the most",
        "confident is kept, the sample itself among them. Branches begin with `resample` with",
        "strength 1. Distances are rms over pixels, from the sample that was given another class.",
        "",
        "| figure | value |",
        "| --- | ---: |",
    ]
    for key, value in own.items():
        shown = f"{value:.3g}" if isinstance(value, float) else str(value)
        rows.append(f"| {key.removeprefix(f'{name}: ')} | {shown} |")
    return "\n".join(rows)
