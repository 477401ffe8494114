"""Fitting a probe anew, to what people said of samples that a server made."""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.stats import spearmanr

from sureflow.checkpoint import CALIBRATION, CONFIG, files_of, load, read_config
from sureflow.core.lane import LaneSpec, Sample
from sureflow.core.model_name import NAME
from sureflow.evaluation.auroc import Interval, auroc_intervals
from sureflow.evaluation.evaluate import drawn
from sureflow.evaluation.probing import CHUNK, TIMES, left_out, moments_of, probe_of
from sureflow.evaluation.reference import calibrate
from sureflow.evaluation.verdicts import LEAST_OF_BOTH, Verdicts
from sureflow.families.flow.engine import PROBE
from sureflow.learned import LEARNED_FROM, NETWORK
from sureflow.model import Model
from sureflow.networks import Probe
from sureflow.recipe import dump

SEED = 4_000_005
"""By which samples are divided for cross-validation."""

BAD_ABOVE = 0.5
"""Verdicts above it are bad, where nobody says otherwise."""


@dataclass(frozen=True)
class Refit:
    """A probe, and what it is worth on samples that it was not fitted to.

    The numbers are of probes that were fitted without a fifth of the samples, penalty included. Of
    two samples of a class, one of which is bad, ``auroc`` says how often the bad one is ranked as
    the less sure.

    Attributes:
        probe: Fitted to all of the samples, not attached to a network.
        judged: How many samples these are.
        bad: How many of them are bad.
        spearman: Rank correlation with the verdicts.
        auroc: How well it tells bad ones; ``None`` if fewer than :data:`LEAST_OF_BOTH` are bad, or
            are not.
        score: Name of the score in use.
        in_use: How well that tells the same ones.
        gain: The first less the second.
    """

    probe: Probe
    judged: int
    bad: int
    spearman: float
    auroc: Interval | None = None
    score: str = ""
    in_use: Interval | None = None
    gain: Interval | None = None


class Refitting:
    """Reads the activations on the way of judged samples, and fits a probe to the verdicts.

    Args:
        model: The model, in the version whose samples were judged.

    Raises:
        ValueError: The network has no activations for a probe.
    """

    def __init__(self, model: Model) -> None:
        if not model.network.probe_channels:
            raise ValueError(f"{model.card.name} has no activations that a probe can read")
        self._model = model
        self._features = list[torch.Tensor]()
        self._labels = list[torch.Tensor]()
        self._unsure = list[tuple[str, float]]()

    @staticmethod
    def lanes(verdicts: Verdicts) -> list[LaneSpec]:
        """The lanes that make the judged samples again, with the frames that are read."""
        return [replace(lane, keep=TIMES) for lane in verdicts.lanes]

    def add(self, samples: Sequence[Sample]) -> None:
        """Read samples that such lanes made, in the order of the verdicts."""
        groups = defaultdict[bytes, list[int]](list)
        for number, sample in enumerate(samples):
            groups[_solver(sample.spec)].append(number)
        features: list[Any] = [None] * len(samples)
        labels = features.copy()
        for numbers in groups.values():
            read = moments_of(self._model, [[samples[number] for number in numbers]])
            for number, row, label in zip(numbers, read.integrals, read.labels, strict=True):
                features[number], labels[number] = row, label
        self._features.append(torch.stack(features))
        self._labels.append(torch.stack(labels))
        self._unsure += [(sample.score, sample.uncertainty) for sample in samples]

    def fit(self, bad: Sequence[float], name: str, bad_above: float = BAD_ABOVE) -> Refit:
        """Fit a probe to what was said of the samples, in their order.

        If people have looked at confident ones rather than others, so does the fit: a probe is no
        certificate, and takes no harm.

        Args:
            bad: How bad each sample is.
            name: Of whoever said it.
            bad_above: Samples above it are bad.
        """
        features, labels = torch.cat(self._features), torch.cat(self._labels)
        said, card = torch.tensor(bad, dtype=torch.double), self._model.card
        settings = {
            "judge": name,
            "draws": len(said),
            "seed": SEED,
            LEARNED_FROM: {NETWORK: self._model.digests.get(NETWORK)},
        }
        probe = probe_of(features, labels, said, len(card.classes), SEED, settings)
        predicted, worse = left_out(features, labels, said, SEED).numpy(), said.numpy() > bad_above
        found = Refit(
            probe, len(said), int(worse.sum()), float(spearmanr(predicted, said).statistic)
        )
        if min(worse.sum(), (~worse).sum()) < LEAST_OF_BOTH:
            return found
        score = self._unsure[0][0]
        unsure = np.array([value if each == score else np.nan for each, value in self._unsure])
        known = np.isfinite(unsure)  # elsewhere another score is in use, or none can be told
        values = [predicted[known], unsure[known]]
        told = auroc_intervals(values, worse[known], labels.numpy()[known], SEED)
        if told is None:
            return found
        return replace(found, score=score, auroc=told[0], in_use=told[1], gain=told[2])


def refit_probe(
    model: Model,
    verdicts: Verdicts,
    name: str,
    quiet: bool = False,
    bad_above: float = BAD_ABOVE,
) -> Refit:
    """Make the samples again, and fit a probe to what was said of them.

    They are run as they were, at their own solver and steps, and activations are read on their way
    as :func:`~sureflow.evaluation.probing.fit_probes` does.

    Args:
        model: The model, in the version whose samples were judged.
        verdicts: What was said.
        name: Of whoever said it.
        quiet: Whether to show no progress.
        bad_above: Samples above it are bad.

    Raises:
        ValueError: The network has no activations for a probe, or the verdicts are too few, or all
            but a few the same.
    """
    refitting = Refitting(model)
    verdicts.check()
    lanes = Refitting.lanes(verdicts)
    for one in {_solver(lane): lane for lane in lanes}.values():
        model.check(one)
    parts = [lanes[first : first + CHUNK] for first in range(0, len(lanes), CHUNK)]
    for samples in drawn(model, parts, quiet):
        refitting.add(samples)
    return refitting.fit(verdicts.bad, name, bad_above)


def branch(folder: Path, out: Path, name: str | None = None) -> None:
    """Copy a checkpoint to a new folder; the copy has this name, by default that of the folder.

    Raises:
        ValueError: There is something already, or the name cannot be that of a model.
    """
    config, name = read_config(folder), name or out.name
    if out.exists():
        raise ValueError(f"out: {out} is there already")
    if not NAME.fullmatch(name):
        raise ValueError(f"out: {name[:70]!r} cannot be the name of a model")
    made = config.model_copy(update={"name": name})
    out.mkdir(parents=True)
    for file in files_of(folder):
        if (folder / file).is_file():
            shutil.copyfile(folder / file, out / file)
    (out / CONFIG).write_text(made.model_dump_json(indent=2) + "\n")


def write_version(
    model: Model, folder: Path, out: Path, name: str, probe: Probe, draws: int
) -> Model:
    """Write a copy of a checkpoint that is judged by a probe, and return it.

    Its confidence is that of reference draws as the tables of the original were made of. Nothing
    else of these is kept: neither what was measured of other settings nor certificates, which are
    about another score.

    Args:
        model: The original.
        folder: Where it lies.
        out: Where the copy is written; nothing is there.
        name: Of the copy.
        probe: What it is judged by.
        draws: Reference draws of every class, and without one.

    Raises:
        ValueError: The name cannot be that of a model, or it cannot be drawn from without more.
    """
    before = model.calibration
    branch(folder, out, name)
    (out / CALIBRATION).unlink(missing_ok=True)
    probe.save(out / PROBE)
    options: dict[str, Any] = {}
    if before is not None:
        scales = [one.numbers.get("guidance", 1.0) for one in before.references]
        how = {name: before.settings.get(name) for name in ("method", "steps")}
        options = {"guidance": scales, **how}
    made = calibrate(load(out), draws, score="probe", quiet=True, **options)
    if before is not None and before.unconditional in made.quantiles:
        made = replace(made, unconditional=before.unconditional)
    made.save(out / CALIBRATION)
    return load(out)


def _solver(lane: LaneSpec) -> bytes:
    """What lanes have in common that come to the same times."""
    own: dict[str, Any] = {"seed": 0, "index": 0, "label": None, "scores": ()}
    return dump(replace(lane, **own))
