"""Tables, grids and probes beside a network that they were not learned from."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor
from typer.testing import CliRunner

import sureflow
from sureflow.checkpoint import CheckpointConfig, CheckpointError, load, save
from sureflow.cli import app
from sureflow.core.lane import Sample
from sureflow.evaluation.classifying import fit_classifier
from sureflow.evaluation.ignorance import fit_laplace
from sureflow.evaluation.judged import judged
from sureflow.evaluation.placement import fit_grid
from sureflow.evaluation.probing import fit_probes
from sureflow.evaluation.reference import calibrate
from sureflow.families.flow.engine import CLASSIFIER, FORESIGHT, GRID, LAPLACE, PROBE
from sureflow.families.flow.grid import Grid
from sureflow.families.flow.spec import FlowSpec
from sureflow.folders import embedded_folder
from sureflow.learned import CALIBRATION, LEARNED_FROM, digest_of
from sureflow.networks import Classifier, Probe, build
from sureflow.training.arrays import Arrays

NETWORK: dict[str, Any] = {"kind": "mlp", "shape": [2], "width": 16, "layers": 1, "classes": 2}
ALL = (GRID, PROBE, FORESIGHT, CLASSIFIER, LAPLACE, CALIBRATION)


def distance(samples: list[Sample]) -> list[float]:
    return [float(np.square(sample.data).sum()) for sample in samples]


def far(samples: list[Sample]) -> list[bool]:
    return [value > 3 for value in distance(samples)]


def halves() -> Arrays:
    """Points of the plane, of the one class right of the axis and of the other left of it."""
    points = torch.randn(200, 2, generator=torch.Generator().manual_seed(0))
    return Arrays(points, (points[:, 0] > 0).long(), ("a", "b"), "halves of the plane")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint with all that can be learned from it, by what learns it."""
    folder = tmp_path_factory.mktemp("models") / "one"
    torch.manual_seed(0)
    network = build(NETWORK)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    config = CheckpointConfig(name="one", media="vector", classes=("a", "b"), network=NETWORK)
    save(folder, config, network)
    fit_grid(load(folder), draws=2, quiet=True).save(folder / GRID)
    probe, foresight = fit_probes(
        load(folder), distance, "distance", 40, steps=2, quiet=True, foresee="propagated"
    )
    assert probe is not None
    probe.save(folder / PROBE)
    foresight.save(folder / FORESIGHT)
    fit_classifier(load(folder), halves(), 100, quiet=True).save(folder / CLASSIFIER)
    data = Arrays(torch.eye(2), torch.arange(2), ("a", "b"), "two points")
    fit_laplace(load(folder), data, 100, quiet=True).save(folder / LAPLACE)
    table = calibrate(load(folder), 20, seed=5, steps=4, quiet=True)
    certificate = judged(load(folder), table, far, "far", 100, 6, quiet=True)
    replace(table, conformal=certificate).save(folder / CALIBRATION)
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "one"))


def aside(folder: Path) -> set[str]:
    """Names of the files that were ignored; their contents are not there."""
    model = load(folder)
    names = {warning.partition(":")[0] for warning in model.card.warnings}
    assert (model.grid is None) == (model.card.grids == ("uniform",)) == (GRID in names)
    assert (model.card.probed == {}) == (model.network.probe is None) == (PROBE in names)
    assert (model.network.foresight is None) == (FORESIGHT in names)
    assert (model.card.classified == {}) == (CLASSIFIER in names)
    assert (model.network.classifier is None) == (CLASSIFIER in names)
    known = model.card.laplace != {}
    assert (not known) == (model.network.laplace is None) == (LAPLACE in names)
    assert (model.calibration is None) == (model.card.calibrated == {}) == (CALIBRATION in names)
    (sample,) = sureflow.sample(model, label=0, steps=4)
    assert (
        (sample.confidence is None) == (sample.confidence_holds is None) == (CALIBRATION in names)
    )
    return names


def test_what_was_learned_of_this_network_counts(folder: Path) -> None:
    assert aside(folder) == set()
    model = load(folder)
    assert model.calibration is not None
    assert model.calibration.conformal is not None
    assert model.card.calibrated[LEARNED_FROM] == model.digests
    parts = {"network", "grid", "probe", "foresight", "classifier", "laplace"}
    assert set(model.digests) == parts


def _tensors(change: Callable[[str, Tensor], Tensor]) -> Callable[[Path], object]:
    def edit(folder: Path) -> None:
        path = folder / "model.safetensors"
        save_file({k: change(k, z).contiguous() for k, z in load_file(path).items()}, path)

    return edit


def _network(**changes: object) -> Callable[[Path], object]:
    def edit(folder: Path) -> None:
        path = folder / "config.json"
        config = json.loads(path.read_text())
        config["network"] |= changes
        path.write_text(json.dumps(config))

    return edit


def _config(**changes: object) -> Callable[[Path], object]:
    def edit(folder: Path) -> None:
        path = folder / "config.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))

    return edit


def _one_bit(name: str, tensor: Tensor) -> Tensor:
    if name == "head.bias":
        tensor[0] = torch.nextafter(tensor[0], torch.tensor(9.0))
    return tensor


OTHERS: dict[str, Callable[[Path], object]] = {
    "noise added": _tensors(lambda k, z: z + 0.01 * torch.randn_like(z)),
    "rounded": _tensors(lambda k, z: z.bfloat16().float()),
    "stored in half precision": _tensors(lambda k, z: z.half()),
    "one bit": _tensors(_one_bit),
    "another variance": _tensors(lambda k, z: z * 1.1 if k.startswith("noise.") else z),
    "retrained": _tensors(lambda k, z: torch.randn_like(z)),
    "another floor": _network(floor=0.01),
}


@pytest.mark.parametrize("change", OTHERS)
def test_beside_another_network_all_is_set_aside(folder: Path, change: str) -> None:
    OTHERS[change](folder)
    assert aside(folder) == {*ALL}


SAME: dict[str, Callable[[Path], object]] = {
    "wider": _tensors(lambda k, z: z.double()),
    "other names of classes": _config(classes=["x", "y"], provenance={"data": "none"}),
    "moved": lambda folder: folder.rename(folder.with_name("two")).rename(folder),
}


@pytest.mark.parametrize("change", SAME)
def test_what_leaves_the_network_as_it_is_sets_nothing_aside(folder: Path, change: str) -> None:
    SAME[change](folder)
    assert aside(folder) == set()


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize(
    "stamp", [None, [], "x", {}, {"network": None}, {"network": 1}, {"network": "sha256:0"}]
)
def test_a_file_without_its_stamp_is_set_aside(folder: Path, name: str, stamp: object) -> None:
    """Those of older versions among them."""
    _restamp(folder / name, stamp)
    assert name in aside(folder)
    assert aside(folder) <= {name, CALIBRATION}


def _restamp(path: Path, stamp: object) -> None:
    tensors = load_file(path)
    with safe_open(path, "pt") as file:
        notes = file.metadata()
    settings = json.loads(notes["settings"])
    del settings[LEARNED_FROM]
    if stamp is not None:
        settings[LEARNED_FROM] = stamp
    save_file(tensors, path, {**notes, "settings": json.dumps(settings)})


def test_a_stamp_must_name_the_probe_whose_tables_there_are(folder: Path) -> None:
    digests = load(folder).digests
    _restamp(folder / CALIBRATION, {"network": digests["network"], "grid": digests["grid"]})
    assert aside(folder) == {CALIBRATION}
    _restamp(folder / CALIBRATION, digests)
    (folder / PROBE).unlink()
    (warning,) = load(folder).card.warnings
    assert "learned from a probe that is not there" in warning


def test_tables_go_with_the_grid_and_the_probe_that_they_were_made_with(folder: Path) -> None:
    settings = load(folder).grid.settings
    Grid(np.array([0.5, -0.5, 1.0]), settings).save(folder / GRID)
    assert aside(folder) == {CALIBRATION}


def test_tables_go_with_another_probe(folder: Path) -> None:
    probe = load(folder).network.probe
    Probe(probe.weight + 1, probe.bias, probe.settings).save(folder / PROBE)
    assert aside(folder) == {CALIBRATION}


def test_tables_go_with_another_classifier(folder: Path) -> None:
    classifier = load(folder).network.classifier
    rest = classifier.bias, classifier.scale, classifier.times, classifier.settings
    changed = Classifier(classifier.weight + 1, *rest)
    changed.save(folder / CLASSIFIER)
    assert aside(folder) == {CALIBRATION}
    (folder / CLASSIFIER).unlink()
    (warning,) = load(folder).card.warnings
    assert "learned from a classifier that is not there" in warning


def test_tables_from_before_there_was_a_grid_remain(folder: Path) -> None:
    grid = (folder / GRID).read_bytes()
    (folder / GRID).unlink()
    calibrate(load(folder), 5, steps=2, quiet=True).save(folder / CALIBRATION)
    (folder / GRID).write_bytes(grid)
    assert aside(folder) == set()


def test_files_of_another_checkpoint_are_set_aside(folder: Path) -> None:
    shutil.copy(embedded_folder() / "ring" / CALIBRATION, folder / CALIBRATION)
    shutil.copy(embedded_folder() / "ring" / GRID, folder / GRID)
    shutil.copy(embedded_folder() / "fashion" / PROBE, folder / PROBE)
    shutil.copy(embedded_folder() / "ring" / FORESIGHT, folder / FORESIGHT)
    shutil.copy(embedded_folder() / "digits" / CLASSIFIER, folder / CLASSIFIER)
    shutil.copy(embedded_folder() / "ring" / LAPLACE, folder / LAPLACE)
    assert aside(folder) == {*ALL}


def test_damaged_files_are_refused_all_the_same(folder: Path) -> None:
    OTHERS["rounded"](folder)
    (folder / CALIBRATION).write_text("version https://git-lfs.github.com/spec/v1\n")
    with pytest.raises(CheckpointError, match=r"calibration.safetensors: is a Git LFS pointer"):
        load(folder)


def test_it_is_said_and_calibrating_anew_mends_it(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    OTHERS["rounded"](folder)
    with caplog.at_level(logging.WARNING, "sureflow"):
        load(folder)
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 6
    assert said[-1] == (
        f"{folder}/calibration.safetensors: ignored, because it was learned from another network; "
        "`sureflow calibrate` makes it again"
    )
    run = CliRunner().invoke
    shown = json.loads(run(app, ["inspect", str(folder)]).stdout)
    assert [f"{folder}/{warning}" for warning in shown["warnings"]] == said
    kept = run(app, ["calibrate", str(folder), "--draws", "0", "--quiet"])
    assert kept.exit_code == 1
    assert "there must be tables" in kept.output
    few = ["--draws", "10", "--other-draws", "0", "--quiet"]
    done = run(app, ["calibrate", str(folder), *few])
    assert done.exit_code == 0, done.output
    assert aside(folder) == {GRID, PROBE, FORESIGHT, CLASSIFIER, LAPLACE}


def test_the_digest_is_that_of_names_types_shapes_and_values() -> None:
    one = {"a": torch.ones(2, 3), "b": torch.zeros(1)}
    same = {"b": torch.zeros(1), "a": torch.ones(3, 2).T}
    assert digest_of({"x": 1, "y": 2}, one) == digest_of({"y": 2, "x": 1}, same)
    others = [
        ({"x": 1, "y": 3}, one),
        ({"x": 1, "y": 2}, {**one, "b": torch.zeros(2)}),
        ({"x": 1, "y": 2}, {**one, "b": torch.zeros(1, dtype=torch.int32)}),
        ({"x": 1, "y": 2}, {**one, "b": -torch.zeros(1)}),
        ({"x": 1, "y": 2}, {"a": torch.ones(3, 2), "b": torch.zeros(1)}),
        ({"x": 1, "y": 2}, {"c": one["a"], "b": one["b"]}),
    ]
    digests = {digest_of(config, tensors) for config, tensors in [({"x": 1, "y": 2}, one), *others]}
    assert len(digests) == 1 + len(others)
    odd = [torch.tensor(True), torch.tensor([1j]), torch.empty(0), torch.ones(2).bfloat16()]
    assert len({digest_of(None, {"": tensor}) for tensor in odd}) == len(odd)


@pytest.mark.parametrize("name", ["ring", "ring-exact", "digits", "fashion"])
def test_shipped_files_say_what_they_were_learned_from(name: str) -> None:
    model = load(name)
    assert model.card.warnings == ()
    made_with = {name: digest for name, digest in model.digests.items() if name != "laplace"}
    told = model.card.calibrated[LEARNED_FROM]
    assert made_with.items() <= told.items() <= model.digests.items(), "ignorance has no tables"
    assert model.confidence(1.0, FlowSpec(0, 0, label=0 if model.card.classes else None))[1]
