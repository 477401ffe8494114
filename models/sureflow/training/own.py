"""Samples of a model itself, to fit its variance to where there are no data."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import cast

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor
from tqdm import tqdm

from sureflow.core.family import families
from sureflow.families.flow.spec import FlowSpec
from sureflow.learned import digest_of
from sureflow.model import Model
from sureflow.sampling.sample import run
from sureflow.training.arrays import CONDITION, Arrays, read_conditions, read_tensors

USUAL = 2000
LARGEST = 1 << 28
"""Most numbers that the samples have together where nobody asks for more, a gigabyte."""

IN_FLIGHT = 1 << 14
"""Numbers that the samples of all lanes in flight have together, within 64 to 256 lanes."""


def usual_count(model: Model, points: int) -> int:
    """How many samples make sense for a fit that draws so many points: at most as many."""
    return max(1, min(USUAL, points, LARGEST // math.prod(model.card.shape)))


def own_samples(
    model: Model,
    count: int,
    seed: int,
    folder: Path,
    conditions: Path | None = None,
    quiet: bool = False,
) -> Arrays:
    """Draw samples of a model, its classes and no class taking turns, or take those of before.

    They are made by the usual method and on the usual grid of the model's family. The folder gets a
    file of them. Conditions are null, or those in a file with ``conditions.NAME``, row by row.

    Raises:
        ValueError: A condition does not suit the model, or a sample is not finite.
    """
    given = {} if conditions is None else read_conditions(read_tensors(conditions))
    if conditions is not None and not given:
        raise ValueError(f"conditions: {conditions} has no tensor named {CONDITION}NAME")
    lanes = [_lane(model, seed, index, given) for index in range(count)]
    model.check(lanes[0])
    asked = [model.card.version, count, seed]
    file = folder / f"own-{digest_of(asked, given).removeprefix('sha256:')[:12]}.safetensors"
    if not file.exists():
        samples = _run(model, lanes, quiet)
        folder.mkdir(parents=True, exist_ok=True)
        save_file({"samples": samples}, file.with_suffix(".tmp"))
        file.with_suffix(".tmp").replace(file)
    labels = [lane.label for lane in lanes]
    null = len(model.card.classes)
    index = torch.arange(count)
    return Arrays(
        read_tensors(file)["samples"],
        torch.tensor([null if label is None else label for label in labels]),
        model.card.classes,
        f"{count} samples of the model itself, seed {seed}, {_method(lanes[0])}",
        {name: value[index % len(value)] for name, value in given.items()},
    )


def _lane(model: Model, seed: int, index: int, given: Mapping[str, Tensor]) -> FlowSpec:
    card, family = model.card, families()[model.card.family]
    turns: list[int | None] = [*range(len(card.classes))]
    if card.null_label or not turns:
        turns.append(None)
    condition = {name: value[index % len(value)].numpy() for name, value in given.items()}
    label, scores = turns[index % len(turns)], (family.usual_score(card),)
    kind = cast(type[FlowSpec], family.spec)
    return kind(seed, index, label=label, condition=condition, scores=scores)


def _method(lane: FlowSpec) -> str:
    return f"{lane.method} {lane.steps} on the {lane.grid} grid"


def _run(model: Model, lanes: list[FlowSpec], quiet: bool) -> Tensor:
    capacity = min(max(IN_FLIGHT // math.prod(model.card.shape), 64), 256)
    with tqdm(total=len(lanes), disable=quiet, unit="sample", desc="own samples") as bar:
        made = run(model, lanes, capacity, progress=bar.update)
    samples = torch.from_numpy(np.stack([sample.data for sample in made])).float()
    if not samples.isfinite().all():
        raise ValueError("network: its own samples are not finite, which tells of a wrong path")
    return samples
