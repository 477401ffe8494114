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
from sureflow.checkpoint import load
from sureflow.core.commit import commit_points, step_at
from sureflow.core.lane import Branch, Inverted, Sample
from sureflow.evaluation.digit_reader import DigitReader
from sureflow.evaluation.judge import Judge
from sureflow.evaluation.realism import JUDGE, realism
from sureflow.families.flow.operations import Resample
from sureflow.families.flow.spec import FlowSpec
from sureflow.model import Model
from sureflow.sampling.sample import run
from sureflow.training.arrays import scaled
from sureflow.training.data import fashion_mnist
from sureflow.training.digits import digits

SEED, METHOD, STEPS, CAPACITY = 23, "heun", 20, 32
MODELS, COUNT = ("digits", "fashion"), 500
DOUBTFUL, BRANCHES, CLASSES = 0.2, 4, 10

SWAPS = (
    (3.0, (), 1),
    (6.0, (), 1),
    (3.0, (Resample(1.0),), 1),
    (25.0, (Resample(1.0),), 1),
    (25.0, (Resample(1.0),), 4),
)
"""Guidance toward the other class, what else is done, and how many branches compete."""

DONE, SWAPPED = "doubtful, ", "another class, "
"""What labels of figures begin with."""

SHARES = ("bad", "bad, of all", "reached")
"""What they end with if they are per cent."""

HELD_OUT = 30
TOLERANCE = 1e-6


@dataclass(frozen=True)
class Place:
    """The step at which samples are edited.

    Attributes:
        rank: Of the commit point, as in `at: {"commit": rank}`; the last one of a sample that has
            fewer.
        shift: Added to its time.
        words: What the page calls it.
    """

    rank: int
    shift: float
    words: str

    def step(self, sample: Sample) -> int:
        """The step of a sample that this is."""
        points = commit_points(sample.t, sample.rate)
        return step_at(sample.t, points[min(self.rank, len(points)) - 1].t + self.shift)


PLACES = (
    Place(1, 0.0, "the commit point"),
    Place(1, -0.1, "0.1 before the commit point"),
    Place(2, 0.0, "commit point 2"),
)
"""At the first most is decided; a little before, there is a new decision; where the open variance
falls fastest, samples decide most."""


@dataclass(frozen=True)
class Truth:
    """Judges whether images are good, and of which class they are.

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
    """Add the figures of a model to a report, in place of earlier ones."""
    for label in [label for label in report.figures if label.startswith(f"{name}: ")]:
        del report.figures[label]
    model, judge = load(name), truth(name)
    count = 60 if quick else COUNT
    specs = [
        FlowSpec(SEED, index, METHOD, STEPS, label=index % CLASSES, keep="all")
        for index in range(count)
    ]
    whole = run(model, specs, CAPACITY)
    report.add(f"{name}: samples", count)
    report.add(f"{name}: score", model.score)
    report.add(f"{name}: what is bad", judge.what)
    order = np.argsort([_surety(sample) for sample in whole], kind="stable")
    least = round(DOUBTFUL * count)
    doubtful, others = ([whole[n] for n in part] for part in (order[:least], order[least:]))
    _rewound(report, name, model, judge, doubtful, others)
    _swapped(report, name, model, judge, whole[: count // 2])
    _inverted(report, name, model, 6 if quick else HELD_OUT)


def _rewound(
    report: Report,
    name: str,
    model: Model,
    judge: Truth,
    doubtful: list[Sample],
    others: list[Sample],
) -> None:
    """The doubtful samples: kept, rewound, and at equal evaluations drawn anew or dropped."""

    def add(title: str, instead: list[Sample], spent: int) -> None:
        report.add(f"{title}: evaluations each", spent / len(doubtful))
        report.add(f"{title}: bad", _share(judge, instead), "%")
        report.add(f"{title}: bad, of all", _share(judge, [*others, *instead]), "%")
        report.add(f"{title}: samples, of all", len(others) + len(instead))

    start = f"{name}: {DONE}"
    add(f"{start}kept", doubtful, 0)
    fresh_specs = [
        replace(parent.spec, seed=SEED + 2, index=parent.spec.index * BRANCHES + number, keep=())
        for parent in doubtful
        for number in range(BRANCHES)
    ]
    fresh = run(model, fresh_specs, CAPACITY)
    cost = sum(sample.evaluations for sample in fresh)
    turns = [place for number in range(BRANCHES) for place in range(number, len(fresh), BRANCHES)]
    surest = max(map(_surety, doubtful))
    for place in PLACES:
        branches = [
            replace(
                _branch(parent, place, Resample(1.0)), index=parent.spec.index * BRANCHES + number
            )
            for parent in doubtful
            for number in range(BRANCHES)
        ]
        made = run(model, branches, CAPACITY)
        spent = sum(sample.evaluations for sample in made)
        add(f"{start}rewound to {place.words}", _best(doubtful, made), spent)
        # as many draws, spread over the doubtful ones in turn, as the branches have cost
        drawn = turns[: round(len(fresh) * spent / cost)]
        equal = [sample if n in {*drawn} else None for n, sample in enumerate(fresh)]
        add(f"{start}regenerated, as much as from {place.words}", _best(doubtful, equal), spent)
        passed = [sample for n in drawn if _surety(sample := fresh[n]) > surest]
        add(f"{start}dropped, others drawn as much as from {place.words}", passed, spent)
    add(f"{start}regenerated {BRANCHES} times", _best(doubtful, fresh), cost)


def _best(doubtful: list[Sample], others: list[Sample] | list[Sample | None]) -> list[Sample]:
    """The most confident of every sample and its alternatives."""
    best = []
    for number, parent in enumerate(doubtful):
        own = others[number * BRANCHES : (number + 1) * BRANCHES]
        best.append(max([parent, *(sample for sample in own if sample)], key=_surety))
    return best


def _swapped(report: Report, name: str, model: Model, judge: Truth, parents: list[Sample]) -> None:
    """Another class from some moment on, against a fresh sample of that class."""
    targets = [(int(parent.spec.label or 0) + 1) % CLASSES for parent in parents]
    pairs = list(zip(parents, targets, strict=True))
    new = [replace(p.spec, seed=SEED + 3, label=label, keep=()) for p, label in pairs]
    fresh = run(model, new, CAPACITY)
    old = _images(parents)
    far = (_images(fresh) - old).square().flatten(1).mean(1).sqrt()
    reached = judge.read(_images(fresh)) == torch.tensor(targets)
    report.add(
        f"{name}: {SWAPPED}fresh samples: reached", 100 * float(reached.double().mean()), "%"
    )
    report.add(f"{name}: {SWAPPED}fresh samples: distance", float(far.mean()))
    for place, (guidance, operations, branches) in product(PLACES, SWAPS):
        specs = [
            replace(
                _branch(p, place, *operations),
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
        title = f"{name}: {SWAPPED}{how}, from {place.words}"
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
            FlowSpec(
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


def _branch(parent: Sample, place: Place, *operations: Resample) -> FlowSpec:
    """A branch of a sample, from the frame that was kept."""
    step = place.step(parent)
    frame = next(frame for frame in parent.frames if frame.step == step)
    origin = Branch(replace(parent.spec, keep=()), step, operations, frame)
    branch: FlowSpec = replace(parent.spec, seed=SEED + 1, keep=(), origin=origin)
    return branch


def _surety(sample: Sample) -> float:
    """Within the class where the model is calibrated, else by the score alone."""
    return -sample.uncertainty if sample.confidence is None else sample.confidence


def _share(judge: Truth, samples: list[Sample]) -> float:
    labels = torch.tensor([sample.spec.label for sample in samples])
    return 100 * float(judge.bad(_images(samples), labels).double().mean())


def _images(samples: list[Sample]) -> Tensor:
    return torch.from_numpy(np.stack([sample.data for sample in samples]))


def fragment(figures: dict[str, Any], name: str) -> str:
    """The figures of a model as a section with tables."""
    own = {
        key.removeprefix(f"{name}: "): value
        for key, value in figures.items()
        if key.startswith(f"{name}: ")
    }
    what, score = own.pop("what is bad"), own.pop("score")
    lines = [
        f"## {name}: rewinding what is doubtful, another class, given images",
        "",
        f"{own.pop('samples')} samples, Heun with {STEPS} steps; bad is what is {what}. The",
        f"least confident {DOUBTFUL:.0%} by `{score}`, each with {BRANCHES} branches that begin",
        "with `resample` of strength 1 and of which the most confident is kept, the sample itself",
        "among them; against as many evaluations spent on fresh samples instead, of which again",
        "the most confident is kept, or of which all are kept that are surer than the doubtful",
        "ones, which are dropped. Commit point 2 is where the open variance falls fastest.",
        "",
        *_table(
            own, DONE, "the doubtful are", ("evaluations each", *SHARES[:2], "samples, of all")
        ),
        "",
        "Half of the samples are given another class on their way. Distances are rms over pixels",
        "from the sample that it was done to.",
        "",
        *_table(own, SWAPPED, "how", (*SHARES[2:], "distance")),
        "",
        *(f"* {label}: {_shown(value)}" for label, value in own.items()),
    ]
    return "\n".join(lines)


def _table(figures: dict[str, Any], start: str, head: str, columns: tuple[str, ...]) -> list[str]:
    """Lines of the table of the figures that begin so, which are taken out."""
    labels = [label for label in figures if label.startswith(start)]
    rows = dict.fromkeys(label.removeprefix(start).rpartition(": ")[0] for label in labels)
    return [
        _line([head, *columns]),
        _line(["---", *["---:"] * len(columns)]),
        *(
            _line(
                [
                    row,
                    *(_shown(figures.pop(f"{start}{row}: {column}"), column) for column in columns),
                ]
            )
            for row in rows
        ),
    ]


def _shown(value: Any, column: str = "") -> str:
    shown = f"{value:.3g}" if isinstance(value, float) else str(value)
    return f"{shown} %" if column in SHARES else shown


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"
