"""The shipped ``fashion`` and its judge, on few samples; ``sureflow evaluate`` does it properly."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

from sureflow import checkpoint
from sureflow.core.family import family_of
from sureflow.evaluation.evaluate import draw_balanced
from sureflow.evaluation.judge import Judge
from sureflow.families.flow.spec import FlowSpec
from sureflow.sampling.sample import run

load = cache(checkpoint.load)
"""One of each, since the first lane of a model tries its block sizes."""

JUDGE = Path(__file__).parents[3] / "models" / "judges" / "fashion.safetensors"


def test_class_conditional_samples_are_recognised() -> None:
    """Of 30 samples at 20 Euler steps a judge that reads nine in ten recognises most.

    The bound is four standard errors below.
    """
    model = load("fashion")
    samples = draw_balanced(model, 30, seed=3, method="euler", steps=20, quiet=True)
    images = torch.stack([torch.from_numpy(sample.data) for sample in samples]).clamp(-1, 1)
    predicted, _ = Judge.load(JUDGE, 10).read(images)
    asked = torch.tensor([sample.spec.label for sample in samples])
    assert float((predicted == asked).float().mean()) > 0.68
    said = [sample.confidence for sample in samples]
    assert all(value is not None and 0 <= value <= 1 for value in said)
    assert max(said) - min(said) > 0.5


@pytest.mark.parametrize("name", ["ring", "ring-exact", "digits", "fashion", "cells"])
def test_every_table_is_finite_where_it_is_used(name: str) -> None:
    """Of every lane that a table is for: its confidence, and what may abandon it on the way."""
    model = load(name)
    made, family = model.calibration, family_of(model.card)
    assert made is not None
    for number, reference in enumerate(made.references):
        for lane in family.draws(model.card, reference):
            ((stratum, _),) = family.strata(lane)
            row = made.strata.index(stratum)
            for score in made.quantiles:
                if family.obstacle(score, model.card, lane) is None:
                    assert np.isfinite(made.quantiles[score][number, row]).all()
                    assert made.calibrated_for(score, lane)
            for score, early in made.early.items():
                if family.obstacle(score, model.card, lane) is None:
                    assert np.isfinite(early.quantiles[number, row]).all()
                    assert np.isfinite(early.bounds[number]).all()
    assert {early.most() >= 0.75 for early in made.early.values()} == {True}


@pytest.mark.parametrize(("label", "score"), [(3, "class_margin"), (None, "pooled_residual")])
def test_digits_have_a_score_with_a_label_and_one_without(label: int | None, score: str) -> None:
    (sample,) = run(load("digits"), [FlowSpec(1, 0, "euler", 20, label)])
    assert sample.score == score
    assert sample.confidence is not None


def test_what_will_not_pass_is_foreseen() -> None:
    """Of `ring` half of all evaluations are saved when the surest 30 % are kept.

    The running score alone saved 37 %; 57 % were measured, and 2.0 % of those that pass were lost.
    """
    model = load("ring")
    specs = [FlowSpec(77, index) for index in range(1000)]
    whole = run(model, specs, capacity=256)
    early = run(model, [replace(spec, early=0.7) for spec in specs], capacity=256)
    spent = sum(sample.evaluations for sample in early)
    assert spent < 0.5 * sum(sample.evaluations for sample in whole)
    passing = [sample.confidence is not None and sample.confidence >= 0.7 for sample in whole]
    lost = [e.abandoned_at is not None for p, e in zip(passing, early, strict=True) if p]
    assert sum(lost) <= 0.05 * sum(passing)


def test_what_would_pass_is_not_given_up() -> None:
    """Of `digits` that pass a confidence of 0.5 at most a few in a hundred are lost."""
    model = load("digits")
    specs = [FlowSpec(78, index, label=index % 10) for index in range(40)]
    whole = run(model, specs, capacity=40)
    passing = [s.spec for s in whole if s.confidence is not None and s.confidence >= 0.5]
    early = run(model, [replace(spec, early=0.5) for spec in passing], capacity=40)
    assert len(passing) >= 10
    assert sum(sample.abandoned_at is not None for sample in early) <= 0.1 * len(passing)
