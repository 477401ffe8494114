"""The gap between a student and its teacher: how far apart they end from the same noise.

An audit, which takes as many evaluations of the teacher as its samples cost. A gap says how true a
student is to its teacher, not how good its samples are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from sureflow.core.arrays import Floats
from sureflow.core.family import family_of
from sureflow.core.lane import Sample
from sureflow.evaluation.evaluate import balanced, draw_balanced
from sureflow.evaluation.trivial import rank_correlation
from sureflow.model import Model

TEACHERS = ("flow", "diffusion")
"""Families of teachers."""

QUANTILES = (0.1, 0.5, 0.9)
"""Parts of the samples that have a smaller gap."""


@dataclass(frozen=True)
class TeacherGap:
    """Samples of a student of one evaluation beside the teacher's from the same noise.

    Attributes:
        gap: ``|f(z, 0) - ODE(z)|``, root of the sum of squares in data units, ``[n]``; larger is
            less like the teacher.
        apart: Median distance of two samples of the teacher of one class, likewise: the gap of a
            student that knows the class alone.
        follows: By score of the student Spearman's correlation with the gap, and half its 95 %
            interval; of scores that are numbers and differ between samples.
    """

    gap: Floats
    apart: float
    follows: dict[str, tuple[float, float]]

    @property
    def quantiles(self) -> list[float]:
        """The gap below which the parts :data:`QUANTILES` of the samples are."""
        return [float(each) for each in np.quantile(self.gap, QUANTILES)]

    def record(self) -> dict[str, Any]:
        """The figures, for a file."""
        return {**asdict(self), "gap": self.gap.tolist(), "quantiles": self.quantiles}


def teacher_gap(
    student: Model,
    teacher: Model,
    count: int,
    seed: int,
    run_by: Mapping[str, Any],
    quiet: bool = False,
) -> TeacherGap:
    """Draw samples of both from the same noise, all classes in turn, and compare them.

    The teacher is guided as it was when the student was distilled, and the student is not.

    Args:
        student: The student, which is run in one step.
        teacher: Its teacher.
        count: How many samples.
        seed: Of the noise.
        run_by: How the teacher is run: fields of its lanes, such as ``method`` and ``steps``.
        quiet: Whether to show no progress.

    Raises:
        ValueError: They are no student and teacher; the message begins with ``model`` or
            ``teacher``.
    """
    _check(student, teacher)
    (lane,) = balanced(student, [0], seed, steps=1)
    family = family_of(student.card)
    scores = [n for n in family.scores if family.obstacle(n, student.card, lane) is None]
    own = draw_balanced(student, count, seed, quiet=quiet, steps=1, scores=tuple(scores))
    options: dict[str, Any] = {"guidance": _guidance(student), **run_by}
    theirs = draw_balanced(teacher, count, seed, quiet=quiet, **options)
    gap = np.sqrt(np.square(_flat(own) - _flat(theirs)).sum(1))
    values = {name: np.array([each.scores[name] for each in own]) for name in scores}
    told = {name: found for name, found in values.items() if _differ(found) and _differ(gap)}
    follows = {name: rank_correlation(found, gap) for name, found in told.items()}
    return TeacherGap(gap, _apart(theirs), follows)


def _check(student: Model, teacher: Model) -> None:
    mine, other = student.card, teacher.card
    if mine.family != "students":
        raise ValueError(f"model: {mine.name} is of the family {mine.family}, no student")
    if 1 not in (mine.step_counts or (1,)):
        raise ValueError(f"model: {mine.name} makes no samples in one step")
    if other.family not in TEACHERS:
        raise ValueError(f"teacher: {other.name} is of the family {other.family}")
    if (mine.shape, mine.classes) != (other.shape, other.classes):
        raise ValueError(f"teacher: {other.name} makes samples of another shape or other classes")


def _guidance(student: Model) -> float:
    """The scale at which its teacher was guided, as the checkpoint says; 1 if it says nothing."""
    told = student.card.provenance.get("distillation")
    scale = told.get("guidance") if isinstance(told, dict) else None
    return float(scale) if isinstance(scale, int | float) else 1.0


def _differ(values: Floats) -> bool:
    """Whether numbers can be ranked: all are finite, and not one number alone."""
    return bool(np.isfinite(values).all() and np.ptp(values) > 0)


def _flat(samples: Sequence[Sample]) -> Floats:
    """Data of samples, ``[n, size]``."""
    return np.stack([each.data for each in samples]).reshape(len(samples), -1).astype(np.float64)


def _apart(samples: Sequence[Sample]) -> float:
    """Median distance of every sample and the next one of its class."""
    by_class: dict[Any, list[Sample]] = {}
    for each in samples:
        by_class.setdefault(getattr(each.spec, "label", None), []).append(each)
    steps = [np.diff(_flat(of), axis=0) for of in by_class.values() if len(of) > 1]
    return float(np.median(np.sqrt(np.square(np.concatenate(steps)).sum(1))))
