"""Judges of samples, and the certificates that their verdicts give to a model's confidence."""

from __future__ import annotations

import shlex
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import numpy as np

from sureflow.confidence.calibration import Calibration
from sureflow.confidence.certificate import Conformal, certify
from sureflow.confidence.recalibration import scored
from sureflow.core.arrays import Floats
from sureflow.core.family import family_of
from sureflow.core.lane import LaneSpec, Sample
from sureflow.core.setting import Setting
from sureflow.evaluation.evaluate import draw_balanced, drawn
from sureflow.model import Model

SampleJudge = Callable[[list[Sample]], Sequence[float]]
"""Returns for each sample whether it is bad, or how bad; larger is worse."""

GUIDANCE = 1.0


def by_function(reference: str) -> SampleJudge:
    """Return the judge that ``package.module:function`` names.

    Only for references that come from the operator, such as from a command line.

    Raises:
        ValueError: It cannot be imported, or cannot be called.
    """
    try:
        judge: SampleJudge = EntryPoint("judge", reference, "").load()
    except (Exception, SystemExit) as error:  # whatever the module does while it is imported
        raise ValueError(f"judge: cannot import {reference!r}: {error}") from error
    if not callable(judge):
        raise ValueError(f"judge: {reference!r} cannot be called")
    return judge


def by_command(command: str) -> SampleJudge:
    """Return the judge that runs a command.

    The command gets one more argument, the path of an ``.npz`` file with ``data [n, *shape]``
    float32 and ``label [n]`` int64, -1 for none. It prints n lines, 1 for a bad sample and 0 for
    another, or how bad each is.

    Raises:
        ValueError: It is no command. The judge raises one if the command cannot be run, ends with
            an error, or prints something that is no number.
    """
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise ValueError(f"judge: {command!r} is no command: {error}") from error

    def judge(samples: list[Sample]) -> list[float]:
        labels = [-1 if sample.spec.label is None else sample.spec.label for sample in samples]
        data = np.stack([sample.data for sample in samples])
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "samples.npz"
            np.savez(path, data=data, label=np.array(labels))
            try:
                done = subprocess.run([*words, str(path)], stdout=subprocess.PIPE, text=True)
            except (OSError, UnicodeDecodeError) as error:
                raise ValueError(f"judge: {command!r} failed with {error}") from error
        if done.returncode:
            raise ValueError(f"judge: {command!r} ended with code {done.returncode}")
        try:
            return [float(line) for line in done.stdout.split()]
        except ValueError as error:
            raise ValueError(f"judge: {command!r} printed something that is no number") from error

    return judge


def rated(judge: SampleJudge, name: str, samples: list[Sample]) -> Floats:
    """The verdicts of a judge on samples, ``[n]``.

    Raises:
        ValueError: They are not one finite number per sample, or the judge raises anything.
    """
    try:
        verdicts = np.array([float(verdict) for verdict in judge(samples)])
    except (Exception, SystemExit) as error:  # somebody else's code may raise anything
        said = " ".join(f"{type(error).__name__}: {error}".split())
        known = str(error).startswith("judge: ")
        raise ValueError(error if known else f"judge: {name!r} failed with {said}") from error
    if len(verdicts) != len(samples):
        counts = f"{len(verdicts)} judgements on {len(samples)} samples"
        raise ValueError(f"judge: {name} gave {counts}")
    if not np.isfinite(verdicts).all():
        raise ValueError(f"judge: {name} gave something that is no finite number")
    return verdicts


def judged(
    model: Model,
    calibration: Calibration,
    judge: SampleJudge,
    name: str,
    draws: int = 2000,
    seed: int = 3_000_003,
    quiet: bool = False,
    setting: Setting | None = None,
) -> Conformal:
    """Draw samples, let a judge rate them, and certify bad rates.

    The samples are drawn as the reference draws were, but from another seed and without guidance,
    the classes taking turns. The calibration gives them their confidence, by the score that it
    recommends. The certificate names the judge.

    Args:
        model: The model.
        calibration: Its tables.
        judge: Says of each sample whether it is bad.
        name: Of the judge.
        draws: Number of samples.
        seed: Their seed.
        quiet: Whether to show no progress.
        setting: How they are run; by default as the reference draws.

    Raises:
        ValueError: The seeds are the same, there is no confidence for such samples, or the judge
            did not rate each.
    """
    score = calibration.score
    if seed == calibration.settings.get("seed"):
        raise ValueError(f"seed: {seed} is that of the reference draws")
    references = {one.numbers.get("guidance"): one.record() for one in calibration.references}
    if GUIDANCE not in references:
        raise ValueError(f"{score} is not calibrated for guidance {GUIDANCE:g}, which is judged")
    note: dict[str, Any] = {"judge": name, "seed": seed, "score": score}
    if setting is None:
        solver = {name: references[GUIDANCE][name] for name in ("method", "steps")}
        note |= {**solver, "guidance": GUIDANCE}
        samples = draw_balanced(
            model, draws, seed, guidance=GUIDANCE, scores=(score,), quiet=quiet, **solver
        )
    else:
        note |= {"setting": setting.record(), **setting.record()}
        (samples,) = drawn(model, [_lanes(model, setting, score, draws, seed)], quiet)
    said = [calibration.confidence(score, each.scores[score], each.spec) for each in samples]
    confidence = np.array([np.nan if value is None else value for value in said])
    if not np.isfinite(confidence).any():
        raise ValueError(f"at: no confidence by {score} is known of such samples")
    bad = rated(judge, name, samples)
    if not np.isin(bad, (0, 1)).all():
        raise ValueError("judge: wants one of True and False for each sample")
    strata = [family_of(each.spec).strata(each.spec)[0][0] for each in samples]
    return certify(confidence, bad.astype(np.bool_), note, strata=strata)


def _lanes(model: Model, setting: Setting, score: str, draws: int, seed: int) -> list[LaneSpec]:
    """Lanes of a setting, the classes taking turns."""
    family, card = family_of(model.card), model.card
    turns = [
        lane
        for lane in scored(card, setting, (score,), seed)
        if lane.scores and (family.strata(lane)[0][0] or not card.classes)
    ]
    if not turns:
        raise ValueError(f"at: {card.name} has no {score} there")
    model.check(turns[0])
    return [family.drawn(card, replace(turns[i % len(turns)], index=i)) for i in range(draws)]
