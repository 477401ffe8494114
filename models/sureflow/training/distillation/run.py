"""From a teacher's checkpoint to the checkpoint of its student."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch

from sureflow.checkpoint import CheckpointConfig, load, read_config, resolve, save
from sureflow.families.students.engine import SCHEDULE
from sureflow.families.students.schedule import Schedule
from sureflow.learned import LEARNED_FROM, NETWORK, digest_of
from sureflow.networks import VelocityNetwork, build
from sureflow.networks.foreign.convention import Convention
from sureflow.networks.foreign.path import UnitVariancePath
from sureflow.training.distillation.config import DistillationConfig
from sureflow.training.distillation.distiller import Distiller
from sureflow.training.record import commit

FAMILY = "students"

TEACHERS = ("flow", "diffusion")
"""Families whose networks can be teachers."""


def distill(
    folder: str | Path,
    config: DistillationConfig,
    out: Path,
    name: str,
    device: str = "cpu",
    quiet: bool = False,
) -> dict[str, Any]:
    """Distil a student from a checkpoint of a flow or a diffusion model, and write its folder.

    The student begins with its teacher's weights, without the variance. What a network of another
    convention says is converted to a slope as it was to a velocity; but the student of a network
    that predicts the noise predicts ``v`` (Salimans and Ho, Progressive Distillation, 2022): of
    almost pure noise the noise says nothing about the data, and there a student needs them most.
    Its weights are stored in float16, to which they are rounded before anything else is learned
    from them. Returns the record.

    Raises:
        ValueError: No student can be made of this model; says why.
        CheckpointError: The checkpoint cannot be used.
    """
    source = resolve(folder)
    written, teacher = read_config(source), load(source, device).network
    _check(written, teacher)
    torch.manual_seed(config.seed)
    network = _described(written.network, teacher.convention)
    student = _student(network, teacher)
    started = time.monotonic()
    distiller = Distiller(teacher, student, config)
    distiller.run(quiet)
    made = distiller.average
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.copy_(parameter.half())
    record = {
        "teacher": written.name,
        **config.model_dump(),
        "updates": config.updates,
        "seconds": round(time.monotonic() - started),
        "first_loss": round(float(np.mean(distiller.losses[:20])), 5),
        "final_loss": round(distiller.recent_loss(), 5),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "torch": torch.__version__,
        "commit": commit(),
    }
    described = CheckpointConfig(
        name=name,
        family=FAMILY,
        media=written.media,
        classes=written.classes,
        network=network,
        provenance={**_origin(written.provenance), "distillation": record},
    )
    save(out, described, made, torch.float16)
    stamp = {LEARNED_FROM: {NETWORK: digest_of(network, made.state_dict())}}
    pinned = {n: np.linspace(0, 1, n + 1) for n in config.counts}
    Schedule(pinned, stamp).save(out / SCHEDULE)
    return record


def _check(written: CheckpointConfig, teacher: Any) -> None:
    if written.family not in TEACHERS:
        known = f"{written.name} is of the family {written.family}"
        raise ValueError(f"model: {known}, not of {' or '.join(TEACHERS)}")
    trained = isinstance(teacher, VelocityNetwork) and teacher.trained
    if not trained or not teacher.velocity_parameters():
        raise ValueError(f"model: the network of {written.name} has no weights that can be trained")
    if teacher.conditions:
        names = ", ".join(teacher.conditions)
        raise ValueError(f"model: {written.name} takes {names}, of which there are no examples")


def _described(network: Mapping[str, Any], convention: Convention) -> dict[str, Any]:
    """The config of a student's network: that of its teacher's, without noise layers."""
    found = dict(network)
    if "denoiser" in found:
        found["denoiser"] = _described(found["denoiser"], convention)
    if "noise" in found:
        found["noise"] = []
    if found["kind"] == "frozen":
        found["variance"] = "none"
        if convention.prediction == "noise" and isinstance(convention.path, UnitVariancePath):
            found["prediction"] = "v"
    return found


def _student(network: dict[str, Any], teacher: VelocityNetwork) -> VelocityNetwork:
    """A network that begins as the teacher, but for its noise layers."""
    student: VelocityNetwork = build(dict(network)).to(teacher.device)
    known = student.state_dict()
    student.load_state_dict({name: teacher.state_dict()[name] for name in known})
    return student


def _origin(provenance: Mapping[str, Any]) -> dict[str, Any]:
    """What a student has of its teacher's provenance: the data."""
    return {"data": provenance["data"]} if "data" in provenance else {}
