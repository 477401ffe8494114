"""Fitting a probe anew, to what people said of samples that a server made."""

from __future__ import annotations

import shutil
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from sureflow.checkpoint import CONFIG, files_of, read_config
from sureflow.core.lane import LaneSpec
from sureflow.core.model_name import NAME
from sureflow.evaluation.probing import CHUNK, TIMES, probe_of, read_moments
from sureflow.evaluation.verdicts import Verdicts
from sureflow.learned import LEARNED_FROM, NETWORK
from sureflow.model import Model
from sureflow.networks import Probe
from sureflow.recipe import dump

SEED = 4_000_005
"""By which samples are divided for cross-validation."""

LEAST, LEAST_OF_BOTH = 50, 5
"""Judged samples that it takes; how many have to be worse, and how many better, than the mean."""


def refit_probe(model: Model, verdicts: Verdicts, name: str, quiet: bool = False) -> Probe:
    """Make the samples again, and fit a probe to what was said of them.

    They are run as they were, at their own solver and steps, and activations are read on their way
    as :func:`~sureflow.evaluation.probing.fit_probes` does. If people have looked at confident ones
    rather than others, so does the fit: a probe is no certificate, and takes no harm.

    Args:
        model: The model, in the version whose samples were judged.
        verdicts: What was said.
        name: Of whoever said it.
        quiet: Whether to show no progress.

    Returns:
        The probe, not attached to a network. Its settings have ``judge``, ``draws`` and
        ``spearman``, the rank correlation of verdicts with predictions for samples that were left
        out of the fit.

    Raises:
        ValueError: The network has no activations for a probe, or the verdicts are too few, or all
            but a few the same.
    """
    if not model.network.probe_channels:
        raise ValueError(f"{model.card.name} has no activations that a probe can read")
    kept = [
        (lane, bad)
        for lane, bad in zip(verdicts.lanes, verdicts.bad, strict=True)
        if not lane.condition
    ]
    bad = np.array([said for _, said in kept])
    if len(kept) < LEAST:
        reason = f"{len(kept)} judged samples can be made again, and it takes {LEAST}"
        raise ValueError(f"verdicts: {reason}{_missing(verdicts)}")
    if min((bad > bad.mean()).sum(), (bad < bad.mean()).sum()) < LEAST_OF_BOTH:
        raise ValueError(f"verdicts: {len(kept)} samples, and nearly all are said to be as bad")
    groups = defaultdict[bytes, list[int]](list)
    for number, (lane, _) in enumerate(kept):
        groups[_solver(lane)].append(number)
    features, labels, order = [], [], list[int]()
    for numbers in groups.values():
        lanes = [replace(kept[number][0], keep=TIMES) for number in numbers]
        model.check(lanes[0])
        parts = [lanes[first : first + CHUNK] for first in range(0, len(lanes), CHUNK)]
        drawn = read_moments(model, parts, quiet)
        features.append(drawn.integrals)
        labels.append(drawn.labels)
        order += numbers
    said = torch.from_numpy(bad[order])
    settings = {
        "judge": name,
        "draws": len(kept),
        "seed": SEED,
        LEARNED_FROM: {NETWORK: model.digests.get(NETWORK)},
    }
    return probe_of(
        torch.cat(features), torch.cat(labels), said, len(model.card.classes), SEED, settings
    )


def branch(folder: Path, out: Path) -> None:
    """Copy a checkpoint to a new folder, by whose name the copy is known.

    Raises:
        ValueError: There is something already, or the name cannot be that of a model.
    """
    config = read_config(folder)
    if out.exists():
        raise ValueError(f"out: {out} is there already")
    if not NAME.fullmatch(out.name):
        raise ValueError(f"out: {out.name[:70]!r} cannot be the name of a model")
    made = config.model_copy(update={"name": out.name})
    out.mkdir(parents=True)
    for name in files_of(folder):
        if (folder / name).is_file():
            shutil.copyfile(folder / name, out / name)
    (out / CONFIG).write_text(made.model_dump_json(indent=2) + "\n")


def _solver(lane: LaneSpec) -> bytes:
    """What lanes have in common that come to the same times."""
    own: dict[str, Any] = {"seed": 0, "index": 0, "label": None}
    return dump(replace(lane, **own))


def _missing(verdicts: Verdicts) -> str:
    """What other verdicts there were."""
    found = [
        f"{count} {words}"
        for count, words in (
            (verdicts.others, "are about other versions of the model"),
            (verdicts.bare, "do not say how, or are of edited samples"),
        )
        if count
    ]
    return f" ({'; '.join(found)})" if found else ""
