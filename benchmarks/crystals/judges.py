"""The judge of the laboratory: its relaxations are kept, so that a crystal is relaxed once."""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import numpy as np

from benchmarks.crystals.kept import Kept
from sureflow.core.lane import Array, Sample
from sureflow.evaluation.crystals.known import known
from sureflow.evaluation.crystals.samples import crystal_of, crystals_of

FOLDER = "SUREFLOW_BENCHMARK_CACHE"
"""Variable of the environment that names the folder."""


@cache
def _kept() -> Kept:
    return Kept("chgnet", Path(os.environ[FOLDER]))


def relaxed_above_best(samples: list[Sample]) -> list[float]:
    """See :func:`sureflow.evaluation.crystals.judge.relaxed_above_best`.

    Raises:
        ValueError: The same.
    """
    ends = [_kept().relaxed(each).crystal for each in crystals_of(samples)]
    return [known().above(end, _kept().energy(end)) for end in ends]


def steps_of(tables: Iterable[Array], folder: Path) -> int:
    """Steps of the relaxations of crystals that were judged; one that failed counts none."""
    kept, steps = Kept("chgnet", folder), 0
    for table in tables:
        try:
            steps += kept.relaxed(crystal_of(table)).steps
        except (ArithmeticError, RuntimeError, ValueError, np.linalg.LinAlgError):
            continue
    return steps
