import gzip
import json
import pickle
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from sureflow.checkpoint import CheckpointConfig, CheckpointError, load, resolve, save
from sureflow.families.flow.grid import Grid
from sureflow.learned import LEARNED_FROM
from sureflow.networks import MLP
from sureflow.numerics import make_deterministic


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    network = MLP((3,), width=16, layers=1, classes=2)
    config = CheckpointConfig(
        name="small",
        media="vector",
        classes=("a", "b"),
        network={"kind": "mlp", "shape": [3], "width": 16, "layers": 1, "classes": 2},
        provenance={"data": "none"},
    )
    save(tmp_path / "small", config, network)
    return tmp_path / "small"


def test_round_trip(folder: Path) -> None:
    model = load(folder)
    torch.manual_seed(0)
    same = MLP((3,), width=16, layers=1, classes=2)
    x, t = torch.randn(5, 3), torch.rand(5)
    assert torch.equal(model.network(x, t), same(x, t))
    assert model.card.classes == ("a", "b")
    assert model.card.provenance == {"data": "none"}
    assert not any(p.requires_grad for p in model.network.parameters())


def test_version_is_that_of_the_bytes(folder: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(folder, tmp_path / "copy")
    assert load(copy).card.version == load(folder).card.version
    tensors = load_file(copy / "model.safetensors")
    tensors["head.bias"] += 1
    save_file(tensors, copy / "model.safetensors")
    assert load(copy).card.version != load(folder).card.version


def _edit(folder: Path, **changes: object) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def _truncate(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])


def _retensor(folder: Path, name: str, value: torch.Tensor | None) -> None:
    tensors = load_file(folder / "model.safetensors")
    tensors.pop(name, None)
    save_file(tensors if value is None else {**tensors, name: value}, folder / "model.safetensors")


DAMAGE = {
    "no such folder": lambda f: shutil.rmtree(f),
    "config.json: No such file": lambda f: (f / "config.json").unlink(),
    "config.json: file: Invalid JSON": lambda f: (f / "config.json").write_text('{"name": '),
    "config.json: larger than": lambda f: (f / "config.json").write_text(" " * (1 << 21)),
    "config.json: media": lambda f: _edit(f, media="audio"),
    "config.json: surprise": lambda f: _edit(f, surprise=1),
    "config.json: network.kind": lambda f: _edit(f, network={"kind": "warp"}),
    "config.json: network: ": lambda f: _edit(f, network={"kind": "mlp", "shape": [3], "x": 1}),
    "config.json: classes names 1": lambda f: _edit(f, classes=["a"]),
    "model.safetensors: ": _truncate,
    "model.safetensors: .*No such file": lambda f: (f / "model.safetensors").unlink(),
    "tensor head.bias is absent": lambda f: _retensor(f, "head.bias", None),
    r"tensor head.bias is \[4\]": lambda f: _retensor(f, "head.bias", torch.zeros(4)),
    "tensor head.bias holds NaN": lambda f: _retensor(f, "head.bias", torch.full((3,), np.nan)),
    "tensor extra is": lambda f: _retensor(f, "extra", torch.zeros(1)),
    "model.safetensors: is a pickle": lambda f: (f / "model.safetensors").write_bytes(
        pickle.dumps({"head.bias": [0.0]}) * 8
    ),
    "config.json: is a Git LFS pointer": lambda f: (f / "config.json").write_text(
        "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"
    ),
    "config.json: is compressed": lambda f: (f / "config.json").write_bytes(
        gzip.compress((f / "config.json").read_bytes())
    ),
    "config.json: byte 10 is no UTF-8": lambda f: (f / "config.json").write_bytes(
        b'{"name": "\xff"}'
    ),
    "grid.safetensors: ": lambda f: (f / "grid.safetensors").write_bytes(b"junk"),
    "grid.safetensors: holds": lambda f: save_file(
        {"density": torch.zeros(3)}, f / "grid.safetensors"
    ),
    "grid.safetensors: log_density is not": lambda f: save_file(
        {"log_density": torch.full((3,), np.nan, dtype=torch.float64)}, f / "grid.safetensors"
    ),
    "calibration.safetensors: ": lambda f: (f / "calibration.safetensors").write_bytes(b"junk"),
}


@pytest.mark.parametrize("message", DAMAGE)
def test_damage_is_named(folder: Path, message: str) -> None:
    DAMAGE[message](folder)
    with pytest.raises(CheckpointError, match=message) as caught:
        load(folder)
    assert str(folder) in str(caught.value)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_a_config_is_read_as_editors_write_it(folder: Path, encoding: str) -> None:
    path = folder / "config.json"
    before = load(folder).card
    path.write_text(path.read_text(), encoding)
    after = load(folder).card
    assert after.version != before.version
    assert replace(after, version=before.version) == before


def test_a_config_cannot_make_us_allocate_what_the_file_does_not_hold(folder: Path) -> None:
    """A width of a million would need terabytes; shapes are compared before that."""
    _edit(folder, network={"kind": "mlp", "shape": [3], "width": 1_000_000, "classes": 2})
    with pytest.raises(CheckpointError, match="tensor"):
        load(folder)


def test_saving_drops_calibration_and_grid_that_no_longer_hold(folder: Path) -> None:
    for outdated in ("calibration.safetensors", "grid.safetensors"):
        (folder / outdated).write_bytes(b"old")
    model_config = {"kind": "mlp", "shape": [3], "width": 16, "layers": 1}
    config = CheckpointConfig(name="small", media="vector", network=model_config)
    save(folder, config, MLP((3,), width=16, layers=1))
    assert load(folder).calibration is None
    assert load(folder).grid is None


def test_a_grid_is_part_of_the_version_and_on_the_card(folder: Path) -> None:
    before = load(folder).card
    stamp = {LEARNED_FROM: load(folder).digests}
    Grid(np.array([0.0, 1.0]), stamp).save(folder / "grid.safetensors")
    after = load(folder).card
    assert (before.grids, after.grids) == (("uniform",), ("uniform", "fitted"))
    assert after.version != before.version


@pytest.mark.parametrize("name", ["ring", "ring-exact", "fashion"])
def test_embedded_checkpoints_load_by_name(name: str) -> None:
    model = load(name)
    assert model.card.name == resolve(name).name == name
    assert model.card.calibrated["draws"] > 0
    assert model.card.grids == ("uniform", "fitted")


def test_half_precision_is_close_and_a_version_of_its_own(folder: Path) -> None:
    exact, rounded = load(folder), load(folder, precision="bfloat16")
    assert rounded.card.version == f"{exact.card.version}+bfloat16"
    assert rounded.card.parameters == exact.card.parameters
    x, t, label = torch.randn(64, 3), torch.rand(64), torch.arange(64) % 3
    truth, near = exact.network.moments(x, t, label), rounded.network.moments(x, t, label)
    assert near.mean.dtype == near.variance.dtype == torch.float32
    assert torch.equal(near.mean, rounded.network(x, t, label))
    assert 0 < (near.mean - truth.mean).abs().max() < 0.03 * truth.mean.abs().max()
    assert (near.variance / truth.variance - 1).abs().max() < 0.1
    kept = {p.dtype for p in rounded.network.noise_parameters()}
    assert kept == {torch.float32}
    assert {p.dtype for p in rounded.network.velocity_parameters()} > {torch.bfloat16}


def test_what_changes_bytes_changes_the_version_and_nothing_else_does(folder: Path) -> None:
    version = load(folder).card.version
    assert load(folder, compile="graphs").card.version == version
    assert load(folder, compile="compile").card.version == f"{version}+compile"
    assert load("ring-exact", precision="bfloat16").card.version == load("ring-exact").card.version
    with pytest.raises(ValueError, match="precision: 'float16' is unknown"):
        load(folder, precision="float16")


def test_deterministic_kernels_leave_nothing_to_chance(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    try:
        make_deterministic()
        assert torch.are_deterministic_algorithms_enabled()
        assert not torch.backends.cuda.matmul.allow_tf32
        assert not torch.backends.cudnn.allow_tf32
    finally:
        torch.use_deterministic_algorithms(False)
        torch.backends.cudnn.allow_tf32 = True
        torch.utils.deterministic.fill_uninitialized_memory = True
