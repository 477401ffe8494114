"""Thousands of damaged and hostile checkpoints: each is refused in a word, or works."""

from __future__ import annotations

import json
import random
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from sureflow.checkpoint import (
    CALIBRATION,
    CONFIG,
    WEIGHTS,
    CheckpointConfig,
    CheckpointError,
    load,
    save,
)
from sureflow.core.frame import Frame
from sureflow.core.lane import Sample
from sureflow.evaluation.judged import judged
from sureflow.evaluation.reference import calibrate
from sureflow.families.flow.engine import CLASSIFIER, GRID, LAPLACE, PROBE
from sureflow.families.flow.grid import Grid
from sureflow.families.flow.spec import FlowSpec
from sureflow.inspection import inspect
from sureflow.learned import LEARNED_FROM
from sureflow.networks import Classifier, Laplace, Probe
from sureflow.networks.registry import build
from sureflow.sampling import evaluator
from sureflow.sampling.sample import run
from sureflow.sampling.sampler import Sampler
from tests.hostile import tensors, text

MEBIBYTE = 1 << 20
SLACK = 48 * MEBIBYTE
"""What reading a checkpoint of a few kilobytes may take at its peak, code that is loaded late
included."""

SHARE = 8
"""And so many times the size of the files."""

NETWORKS: dict[str, dict[str, Any]] = {
    "mlp": {"kind": "mlp", "shape": [3], "width": 8, "layers": 2, "classes": 2, "embedding": 8},
    "unet": {
        "kind": "unet",
        "shape": [1, 8, 8],
        "channels": [8, 8],
        "blocks": 1,
        "classes": 2,
        "embedding": 8,
        "heads": 2,
    },
    "dit": {
        "kind": "dit",
        "shape": [1, 8, 8],
        "width": 8,
        "blocks": 1,
        "heads": 2,
        "classes": 2,
        "embedding": 8,
    },
    "mixture": {
        "kind": "gaussian_mixture",
        "weights": [1, 1, 2],
        "means": [[2.0, 0.0], [-2.0, 0.0], [0.0, 2.0]],
        "covariances": [[[0.1, 0.0], [0.0, 0.1]]] * 3,
        "labels": [0, 1, 1],
    },
}

TRIED = (CONFIG, CONFIG, WEIGHTS, CALIBRATION, CALIBRATION, GRID, PROBE, CLASSIFIER, LAPLACE)

READ = ("probe", "class_margin", "ignorance")
"""Scores that are read off activations."""


def doubtful(samples: list[Sample]) -> list[bool]:
    worst = np.quantile([sample.uncertainty for sample in samples], 0.7)
    return [sample.uncertainty > worst for sample in samples]


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, bytes]]:
    """Files of checkpoints that work, by kind of network and by name."""
    root = tmp_path_factory.mktemp("sound")
    for kind, network in NETWORKS.items():
        torch.manual_seed(0)
        config = CheckpointConfig(
            name="one",
            media="vector" if kind in ("mlp", "mixture") else "image",
            classes=("a", "b"),
            network=network,
            provenance={"data": {"rows": 7}},
        )
        save(root / kind, config, build(network))
        stamp = {LEARNED_FROM: load(root / kind).digests}
        Grid(np.array([0.5, -0.5, 1.0]), stamp).save(root / kind / GRID)
        if probed := build(network).probe_channels:
            settings = {"judge": "chance", **stamp}
            Probe(torch.randn(3, 2 * probed), torch.zeros(3), settings).save(root / kind / PROBE)
            tables = torch.randn(2, 2, probed, 1), torch.zeros(2, 2), torch.ones(2)
            times, data = torch.tensor([0.2, 0.9]), {"data": "chance", **stamp}
            Classifier(*tables, times, data).save(root / kind / CLASSIFIER)
            unit = torch.zeros(probed), torch.eye(probed), torch.ones(1)
            Laplace(*unit, settings).save(root / kind / LAPLACE)
    # One is enough: tables know of classes and scales alone.
    made = calibrate(load(root / "mlp"), 20, [1.0, 2.0], 5, quiet=True)
    table = judged(load(root / "mlp"), made, doubtful, "by eye", 40, 6, quiet=True)
    for kind in NETWORKS:
        kept = {n: t for n, t in made.quantiles.items() if kind != "mixture" or n not in READ}
        settings = made.settings | {LEARNED_FROM: load(root / kind).digests}
        whole = replace(made, quantiles=kept, conformal=table, settings=settings)
        whole.save(root / kind / CALIBRATION)
    return {
        kind: {path.name: path.read_bytes() for path in (root / kind).iterdir()}
        for kind in NETWORKS
    }


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few sizes of blocks to try."""
    monkeypatch.setattr(evaluator, "ROW_COUNTS", (1, 2))


def mutations(
    sound: dict[str, dict[str, bytes]], seed: int
) -> Iterator[tuple[str, dict[str, bytes]]]:
    """Name of the damaged file, and all files of a checkpoint."""
    chance = random.Random(seed)
    while True:
        files = dict(sound[chance.choice([*sound])])
        name = chance.choice([name for name in TRIED if name in files])
        mutate = text if name == CONFIG else tensors
        files[name] = mutate(chance, files[name])
        yield name, files


def write(folder: Path, files: dict[str, bytes]) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)


def resident(field: str) -> int:
    status = Path("/proc/self/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith(field))
    return int(line.split()[1]) * 1024


def use(folder: Path) -> None:
    """Do with a checkpoint what a server does: show its card, and generate."""
    model = load(folder)
    json.dumps(asdict(model.card), allow_nan=False)
    sampler = Sampler(model, 4)
    for ticket, guidance in enumerate((1.0, 2.0, 1.5)):
        spec = FlowSpec(0, ticket, steps=2, label=0, guidance=guidance, grid=model.card.grids[-1])
        there = model.card.probed, model.card.classified, model.card.laplace
        scores = (model.score, *(name for name, one in zip(READ, there, strict=True) if one))
        spec = replace(spec, scores=scores)
        model.check(spec)
        sampler.admit(ticket, replace(spec, early=0.2))
    while sampler.running:
        for _, sample in sampler.tick().finished:
            assert sample.confidence is None or 0 <= sample.confidence <= 1


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("count", [120, pytest.param(4000, marks=pytest.mark.slow)])
def test_damaged_checkpoints_are_refused_or_work(
    sound: dict[str, dict[str, bytes]], tmp_path: Path, count: int
) -> None:
    folder = tmp_path / "one"
    for files in sound.values():
        write(folder, files)
        use(folder)
        assert not load(folder).card.warnings
    came: Counter[tuple[str, str]] = Counter()
    for number, (name, files) in zip(range(count), mutations(sound, 1), strict=False):
        write(folder, files)
        Path("/proc/self/clear_refs").write_text("5")
        before = resident("VmRSS")
        refusal: str | None = None
        try:
            use(folder)
        except CheckpointError as error:
            refusal = str(error)
        except Exception as error:
            raise AssertionError(f"mutation {number}, of {name}: {files[name][:400]!r}") from error
        came[name, "works" if refusal is None else "refused"] += 1
        assert refusal is None or (str(folder) in refusal and len(refusal) < 2000), number
        taken = resident("VmHWM") - before
        size = sum(map(len, files.values()))
        assert taken < SLACK + SHARE * size, (number, name, files[name][:400])
    print(dict(came))
    assert all(came[name, "refused"] for name in {*TRIED})


@pytest.mark.usefixtures("hasty")
def test_inspection_refuses_them_too(sound: dict[str, dict[str, bytes]], tmp_path: Path) -> None:
    folder = tmp_path / "one"
    for _, (_, files) in zip(range(150), mutations(sound, 2), strict=False):
        write(folder, files)
        with suppress(CheckpointError):
            inspect(folder)


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("count", [500, pytest.param(5000, marks=pytest.mark.slow)])
def test_damaged_frames_are_refused_or_the_same(
    sound: dict[str, dict[str, bytes]], tmp_path: Path, count: int
) -> None:
    write(tmp_path / "one", sound["mlp"])
    (sample,) = run(load(tmp_path / "one"), [FlowSpec(0, 0, steps=4, keep="all")])
    chance = random.Random(4)
    refused = 0
    for number in range(count):
        data = chance.choice(sample.frames).dump()
        mutated = tensors(chance, data)
        try:
            got = Frame.parse(mutated)
        except ValueError:
            refused += 1
            continue
        (same,) = (frame for frame in sample.frames if frame.step == got.step)
        assert got.t == same.t, number
        assert got.dump() == same.dump(), number
    assert refused > 0.8 * count


BOMBS: dict[str, dict[str, Any]] = {
    "width": {**NETWORKS["mlp"], "width": 10**7},
    "layers": {**NETWORKS["mlp"], "layers": 10**9},
    "no layers": {**NETWORKS["mlp"], "layers": -(10**9)},
    "classes": {**NETWORKS["mlp"], "classes": 10**12},
    "embedding": {**NETWORKS["mlp"], "embedding": 2**62},
    "shape": {**NETWORKS["mlp"], "shape": [2**40]},
    "blocks": {**NETWORKS["unet"], "blocks": 10**9},
    "levels": {**NETWORKS["unet"], "channels": [8] * 100_000},
    "image": {**NETWORKS["dit"], "shape": [1, 2**20, 2**20]},
    "tokens": {**NETWORKS["dit"], "blocks": 10**9},
    "labels": {**NETWORKS["mixture"], "labels": [0, 1, 10**12]},
    "a shape of ones": {**NETWORKS["mixture"], "shape": [2] + [1] * 100_000},
}


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("name", BOMBS)
def test_numbers_in_a_config_are_no_bombs(
    sound: dict[str, dict[str, bytes]], tmp_path: Path, name: str
) -> None:
    """Neither memory nor time goes by what a file of a few bytes says."""
    network = BOMBS[name]
    kind = {"gaussian_mixture": "mixture"}.get(network["kind"], network["kind"])
    folder, files = tmp_path / "one", dict(sound[kind])
    files[CONFIG] = json.dumps({**json.loads(files[CONFIG]), "network": network}).encode()
    write(folder, files)
    Path("/proc/self/clear_refs").write_text("5")
    before = resident("VmRSS")
    with pytest.raises(CheckpointError, match=str(folder)):
        use(folder)
    assert resident("VmHWM") - before < SLACK + SHARE * sum(map(len, files.values()))
