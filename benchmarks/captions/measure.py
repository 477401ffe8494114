"""How often a sample is what its prompt says."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

import sureflow
from benchmarks.captions.captions import (
    OPPOSITES,
    TOKENS,
    Images,
    Numbers,
    caption,
    measures,
)
from benchmarks.captions.training import VOCABULARY
from benchmarks.foreign import auroc
from sureflow.core.lane import Sample
from sureflow.evaluation.trivial import trivial_properties
from sureflow.families.flow.spec import FlowSpec
from sureflow.model import Model
from sureflow.sampling.sample import edit, run

NEIGHBOURS = 5
EACH = 20
"""Samples of a prompt."""

SPEC = FlowSpec(0, 0, "heun", 10)
SCALES = (1.0, 2.0, 3.0)

JUDGED = 1000
"""Samples that are judged by their scores."""

SCORES = ("adherence", "adherence_contrast", "straightness", "residual", "trajectory", "propagated")


def spec_of(text: str, index: int, scale: float = 1.0) -> FlowSpec:
    """A lane of a prompt."""
    condition = {"text": VOCABULARY.tokens(text, TOKENS)} if text else {}
    return replace(SPEC, index=index, guidance=scale, condition=condition)


def read(images: Images, known: Images, labels: np.ndarray) -> np.ndarray:
    """The digits on images, by the nearest of those that are known."""
    one, two = images.reshape(len(images), -1), known.reshape(len(known), -1)
    squares = (one**2).sum(1)[:, None] + (two**2).sum(1) - 2 * one @ two.T
    nearest = labels[np.argsort(squares, 1)[:, :NEIGHBOURS]]
    votes = np.stack([(nearest == digit).sum(1) for digit in range(10)], 1)
    found: np.ndarray = votes.argmax(1)
    return found


def data(samples: list[Sample]) -> Images:
    """Their images."""
    return np.clip(np.stack([sample.data for sample in samples]), -1, 1)


def measure(
    folder: Path, known: Images, labels: np.ndarray, bounds: dict[str, Numbers]
) -> dict[str, Any]:
    """Measure a checkpoint; shares are of samples that are as their prompt says."""
    model = sureflow.load(folder)
    found: dict[str, Any] = {"held_out_reading": _control(known, labels)}
    for scale in SCALES:
        found[f"guidance_{scale:g}"] = {
            "digit": _digits(model, scale, known, labels),
            **{name: _adjectives(model, scale, name, bounds) for name in OPPOSITES},
        }
    found["misread"] = _misread(model, known, labels)
    found["edit"] = _edits(model, known, labels)
    found["seconds"] = _seconds(model)
    return found


def _control(known: Images, labels: np.ndarray) -> float:
    """How well the neighbours read images that are not among them."""
    right = read(known[-500:], known[:-500], labels[:-500]) == labels[-500:]
    return round(float(right.mean()), 4)


def _digits(model: Model, scale: float, known: Images, labels: np.ndarray) -> float:
    specs = [spec_of(caption([], n % 10), n, scale) for n in range(10 * EACH)]
    right = read(data(run(model, specs)), known, labels) == np.arange(10 * EACH) % 10
    return round(float(right.mean()), 4)


def _misread(model: Model, known: Images, labels: np.ndarray) -> dict[str, Any]:
    """AUROC, with its interval, of scores and of trivial properties for samples read as another.

    Guidance is 1; a trivial property counts in the direction that suits it better.
    """
    wanted = np.arange(JUDGED) % 10
    specs = [
        replace(spec_of(caption([], int(digit)), n), seed=1, scores=SCORES)
        for n, digit in enumerate(wanted)
    ]
    made = run(model, specs, 64)
    images = data(made)
    bad = torch.from_numpy(read(images, known, labels) != wanted)
    properties = trivial_properties(images) | {"nearest": -_similarity(images, known)}
    values = {name: np.array([sample.scores[name] for sample in made]) for name in SCORES}
    report: dict[str, Any] = {"share": round(float(bad.float().mean()), 4)}
    for name, value in (values | properties).items():
        score = auroc.found(torch.from_numpy(value), bad, torch.from_numpy(wanted))
        ends = (score.value, score.low, score.high)
        if name in properties and score.value < 0.5:
            ends = (1 - score.value, 1 - score.high, 1 - score.low)
        report[name] = [round(end, 3) for end in ends]
    return report


def _similarity(images: Images, known: Images) -> np.ndarray:
    """Minus the squared distance to the nearest of those that are known, less a constant."""
    one, two = images.reshape(len(images), -1), known.reshape(len(known), -1)
    found: np.ndarray = (2 * one @ two.T - (two**2).sum(1)).max(1) - (one**2).sum(1)
    return found


def _adjectives(model: Model, scale: float, name: str, bounds: dict[str, Numbers]) -> list[float]:
    """For each word of a pair: share of samples on its side of the middle of their class."""
    shares = []
    middle = bounds[name].mean(1)
    for side, word in enumerate(OPPOSITES[name]):
        specs = [spec_of(caption([word], n % 10), n, scale) for n in range(10 * EACH)]
        above = measures(data(run(model, specs)))[name] > middle[np.arange(10 * EACH) % 10]
        shares.append(round(float((above == bool(side)).mean()), 4))
    return shares


def _edits(model: Model, known: Images, labels: np.ndarray) -> dict[str, float]:
    """Sevens, of which ones are asked for from some time on: how many are read as ones."""
    sevens = run(model, [spec_of(caption([], 7), n, 2.0) for n in range(EACH)])
    other = {"text": VOCABULARY.tokens(caption([], 1), TOKENS)}
    found = {}
    for t in (0.0, 0.25, 0.5, 0.75):
        edited = [edit(model, sample, t, condition=other)[0] for sample in sevens]
        found[f"from_{t:g}"] = float((read(data(edited), known, labels) == 1).mean())
    return found


def _seconds(model: Model) -> dict[str, float]:
    """CPU seconds of one sample, and of one of 64 of a prompt."""
    begun = time.process_time()
    run(model, [spec_of("a bold three", 0)])
    one = time.process_time()
    run(model, [spec_of("a bold three", n) for n in range(64)], 64)
    return {"one": round(one - begun, 4), "of_64": round((time.process_time() - one) / 64, 4)}
