"""Crystals to train on: which are chosen, and that their paths lead there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from sureflow.checkpoint import CheckpointConfig, load, save
from sureflow.core.crystal import CELL, SCALE
from sureflow.families.crystals.spec import CrystalSpec
from sureflow.networks import build
from sureflow.sampling.sample import run
from sureflow.training.config import DataConfig, TrainingConfig
from sureflow.training.crystal_data import open_crystals
from sureflow.training.points import Points
from sureflow.training.trainer import Trainer

FCC = np.array([[0.0, 1, 1], [1, 0, 1], [1, 1, 0]]) * 2.5


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Rock salt, fluorite, one atom alone, one held out, and one that is far above."""
    species = [11, 17, 20, 9, 9, 29, 19, 17, 3, 9]
    frac = np.zeros((10, 3))
    frac[[1, 7, 9]], frac[3], frac[4] = 0.5, 0.25, 0.75
    arrays = {
        "species": np.array(species),
        "atoms": np.array([2, 3, 1, 2, 2]),
        "lattice": np.stack([FCC] * 5),
        "frac": frac,
        "above": np.array([0, 0, 0, 0, 0.3]),
        "held_out": np.array([0, 0, 0, 1, 0], np.uint8),
    }
    save_file(arrays, tmp_path / "crystals.safetensors")
    return tmp_path / "crystals.safetensors"


def test_it_is_drawn_by_the_number_of_atoms(file: Path) -> None:
    source = open_crystals(DataConfig(name="crystals", path=file))
    assert {n: z.tolist() for n, z in source.species.items()} == {2: [[11, 17]], 3: [[20, 9, 9]]}
    np.testing.assert_allclose(source.states[2][0, CELL:], SCALE * np.array([[0] * 3, [0.5] * 3]))
    seen = {source.draw(4, torch.Generator().manual_seed(seed)).samples.shape for seed in range(20)}
    assert seen == {(4, CELL + 2, 3), (4, CELL + 3, 3)}


def test_a_path_leads_to_the_crystal_but_for_a_movement(file: Path) -> None:
    source = open_crystals(DataConfig(name="crystals", path=file))
    network = build({"kind": "crystal", "atoms": [2, 3], "width": 32, "layers": 1, "embedding": 32})
    generator = torch.Generator().manual_seed(1)
    drawn = source.draw(6, generator)
    noise = network.draw_noise(drawn.samples.shape, generator)
    t, free = torch.rand(6, generator=generator), torch.arange(6) < 3
    points = Points.between(noise, drawn, t, free, network)
    ends = points.x + (1 - t)[:, None, None] * points.u
    torch.testing.assert_close(ends, drawn.samples)
    torch.testing.assert_close(points.u[:, CELL:].mean(1), torch.zeros(6, 3), atol=1e-5, rtol=0)
    assert points.u[:, CELL:].abs().max() <= SCALE
    assert (points.given["composition"][:3] == 0).all()
    assert (points.given["composition"][3:] > 0).all()


def test_an_energy_is_told_if_it_is_asked_for(file: Path) -> None:
    source = open_crystals(DataConfig(name="crystals", path=file, above=0.5))
    assert source.above is not None
    assert source.species[2].tolist() == [[11, 17], [3, 9]]
    generator = torch.Generator().manual_seed(0)
    draws = [source.draw(100, generator) for _ in range(8)]
    pairs = {
        (float(state[-1, 0]), float(energy))
        for drawn in draws
        for state, energy in zip(drawn.samples, drawn.conditions["above"], strict=True)
        if drawn.samples.shape[1] == CELL + 2
    }
    energies = torch.cat([drawn.conditions["above"] for drawn in draws])[:, 0]
    assert {round(energy, 4) for _, energy in pairs} == {-1, 0, 0.3}
    assert abs(float((energies == -1).double().mean()) - 0.2) < 0.06


def test_a_network_learns_what_a_low_energy_looks_like(tmp_path: Path) -> None:
    """One compound with a small cell at 0 eV/atom and a large one at 0.2, of which it draws."""
    cells = np.stack([FCC, FCC * 1.4])
    arrays = {
        "species": np.array([11, 17, 11, 17]),
        "atoms": np.array([2, 2]),
        "lattice": cells,
        "frac": np.array([[0.0] * 3, [0.5] * 3] * 2),
        "above": np.array([0, 0.2]),
        "held_out": np.array([0, 0], np.uint8),
    }
    save_file(arrays, tmp_path / "two.safetensors")
    source = open_crystals(DataConfig(name="crystals", path=tmp_path / "two.safetensors", above=1))
    torch.manual_seed(0)
    shape = {"kind": "crystal", "atoms": [2], "width": 32, "layers": 1, "embedding": 32}
    shape["above"] = True
    network = build(shape)
    config = TrainingConfig(steps=250, batch=64, learning_rate=1e-2, warmup=10, ema=0.9)
    trainer = Trainer(network, source, config, tmp_path / "run")
    trainer.run(quiet=True)
    described = CheckpointConfig(name="two", network=shape, family="crystals", media="vector")
    save(tmp_path / "model", described, network)
    model = load(tmp_path / "model")
    volumes = {}
    for above in (0.0, 0.2, None):
        told = {} if above is None else {"above": np.array([above], np.float32)}
        specs = [
            CrystalSpec(1, i, condition={"composition": np.array([11, 17], np.float32), **told})
            for i in range(40)
        ]
        made = run(model, specs, 40)
        volumes[above] = np.array([np.linalg.det(sample.data[:3, :3]) for sample in made])
    small, large = np.linalg.det(cells)
    assert abs(np.median(volumes[0.0]) / small - 1) < 0.25
    assert abs(np.median(volumes[0.2]) / large - 1) < 0.25
    middle = np.sqrt(small * large)
    assert 0.2 < (volumes[None] > middle).mean() < 0.8


def test_it_learns(file: Path, tmp_path: Path) -> None:
    source = open_crystals(DataConfig(name="crystals", path=file))
    torch.manual_seed(0)
    network = build({"kind": "crystal", "atoms": [2, 3], "width": 32, "layers": 1, "embedding": 32})
    config = TrainingConfig(steps=60, batch=16, learning_rate=5e-3, warmup=5, label_dropout=0.15)
    trainer = Trainer(network, source, config, tmp_path / "run")
    trainer.run(quiet=True)
    assert np.mean(trainer.losses[-10:]) < np.mean(trainer.losses[:10]) - 0.2


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    save_file({"samples": np.zeros((2, 2), np.float32)}, tmp_path / "other.safetensors")
    with pytest.raises(ValueError, match=r"data\.path"):
        open_crystals(DataConfig(name="crystals", path=tmp_path / "other.safetensors"))
    with pytest.raises(ValueError, match=r"data\.path"):
        open_crystals(DataConfig(name="crystals"))
