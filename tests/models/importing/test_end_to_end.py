"""Models of other packages, imported by a command, give the samples of their own samplers."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import chdir
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

import sureflow
from sureflow.cli import app
from sureflow.core.draw import Purpose, normal
from sureflow.families.flow.inversion import invert
from sureflow.importing.adapter import Adapter
from sureflow.importing.run import import_model
from sureflow.networks import declare_plugin
from tests.commands import invoke
from tests.models.networks.foreign.programs import Image
from tests.models.networks.foreign.programs import saved as exported
from tests.tiny_diffusers import UNET, peer, saved, scheduled

COUNT, SEED, STEPS, CLASS = 3, 11, 5, 2
"""The steps divide 1000: otherwise DDIM of diffusers steps to other times than it goes on from."""

OWN = """
import torch
from torch import nn


class Backwards(nn.Module):
    def __init__(self, width):
        super().__init__()
        torch.manual_seed(0)
        self.layer, self.classes = nn.Linear(width + 1, width), nn.Embedding(4, width)

    def forward(self, when, kind, where):
        h = self.layer(torch.cat([where, when[:, None]], 1)) + self.classes(kind)
        return {"away": torch.tanh(h), "other": h}
"""
"""A velocity from the data to the noise; its time is 100 at the noise, its arguments are odd."""


def typed(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """A command that is typed in a folder."""
    command = [sys.executable, "-m", "sureflow", *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def invoked(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """The same in this process, which has imported the packages of others."""
    with chdir(folder):
        return invoke(app, *words)


def imported(
    folder: Path, *arguments: str, by: Callable[..., subprocess.CompletedProcess[str]] = invoked
) -> tuple[sureflow.Model, str]:
    """The model ``mine``, by a command in a folder; and what it printed."""
    done = by(folder, "import", *arguments, "--name", "mine")
    assert done.returncode == 0, done.stderr
    for plugin in {words[1] for line in done.stdout.splitlines() if (words := _plugin(line))}:
        declare_plugin(plugin)
    return sureflow.load(folder / "sureflow-models" / "mine"), done.stdout


def _plugin(line: str) -> list[str]:
    return line.split()[-2:] if " --plugin " in line else []


def close(model: sureflow.Model, expected: Tensor, **options: Any) -> None:
    """Samples by Euler's method, and what they should be."""
    made = sureflow.sample(model, COUNT, SEED, method="euler", steps=STEPS, **options)
    ours = np.stack([sample.data for sample in made])
    assert np.abs(ours - expected.numpy()).max() <= 1e-4 * max(1, float(expected.abs().max()))


def noise(model: sureflow.Model, size: tuple[int, ...] | None = None) -> Tensor:
    shape = model.card.at(size).shape
    return torch.stack([normal(shape, SEED, i, Purpose.START) for i in range(COUNT)])


def descended(velocity: Callable[[Tensor, Tensor], Tensor], x: Tensor) -> Tensor:
    """Euler's method from the noise, at sigma 1, to the data."""
    for step in range(STEPS):
        sigma = torch.full((len(x),), 1 - step / STEPS)
        x = x - velocity(x, sigma) / STEPS
    return x


def test_folder_of_diffusers(tmp_path: Path) -> None:
    diffusers = pytest.importorskip("diffusers")
    options = {"prediction_type": "v_prediction", "beta_schedule": "squaredcos_cap_v2"}
    scheduled(saved("labelled", tmp_path / "theirs"), "DDIMScheduler", **options)
    model, printed = imported(tmp_path, "./theirs", "--classes", "9", "--shapes", "8x8,12x8")
    assert "predicts v on the path discrete (betas cosine)" in printed
    assert model.card.family == "diffusion"
    assert len(model.card.classes) == 9
    scheduler = diffusers.DDIMScheduler(**options, clip_sample=False, timestep_spacing="trailing")
    scheduler.set_timesteps(STEPS)
    network, label = peer("labelled"), torch.full((COUNT,), CLASS)
    assert model.card.sizes == ((8, 8), (12, 8))
    for size in model.card.sizes:
        x = noise(model, size)
        with torch.no_grad():
            for step in scheduler.timesteps:
                x = scheduler.step(network(x, step, label).sample, step, x).prev_sample
        close(model, x, label=CLASS, size=size)


def pipeline(folder: Path) -> tuple[Any, Any]:
    """A pipeline of a tiny U-Net of latents, with two autoencoders, which are returned."""
    diffusers = pytest.importorskip("diffusers")
    torch.manual_seed(0)
    unet = diffusers.UNet2DModel(**UNET | {"in_channels": 4, "out_channels": 4, "sample_size": 4})
    full = diffusers.AutoencoderKL(
        block_out_channels=(8, 8),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        norm_num_groups=4,
        scaling_factor=0.25,
        shift_factor=0.5,
    )
    tiny = diffusers.AutoencoderTiny(
        encoder_block_out_channels=(4, 4),
        decoder_block_out_channels=(4, 4),
        num_encoder_blocks=(1, 1),
        num_decoder_blocks=(1, 1),
    )
    for part, module in (("unet", unet), ("vae", full), ("taesd", tiny)):
        module.save_pretrained(folder / part)
    parts = {"unet": ["diffusers", "UNet2DModel"], "vae": ["diffusers", "AutoencoderKL"]}
    (folder / "model_index.json").write_text(json.dumps(parts))
    scheduled(folder, "DDIMScheduler")
    return full.eval(), tiny.eval()


def test_latents_are_those_of_the_autoencoder(tmp_path: Path) -> None:
    """What it is given is encoded as in diffusers; previews are those of the tiny decoder."""
    full, tiny = pipeline(tmp_path / "theirs")
    images, latents = torch.rand(3, 3, 8, 8) * 2 - 1, torch.randn(3, 4, 4, 4)
    save_file({"samples": images}, tmp_path / "images.safetensors")
    made = import_model(
        *(str(tmp_path / "theirs"), "mine", tmp_path / "mine", Adapter()),
        data=tmp_path / "images.safetensors",
        force=True,
    )
    assert any(note.startswith("On the data it explains") for note in made.notes)
    assert "Frames of trajectories are decoded by AutoencoderTiny, for previews." in made.notes
    model = sureflow.load(tmp_path / "mine")
    assert model.card.stages == ("sample_encoder", "decoder", "preview")
    assert model.card.media == "image"
    network = model.network
    with torch.no_grad():
        encoded = (full.encode(images).latent_dist.mode() - 0.5) * 0.25
        decoded = full.decode(latents / 0.25 + 0.5).sample
        for found, expected in (
            (network.sample_encoder(images), encoded),
            (network.decoder(latents), decoded),
            (network.preview(latents), tiny.decode(latents).sample),
        ):
            torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)
    options: dict[str, Any] = {"method": "euler", "tolerance": None, "steps": 2}
    (by_image,) = invert(model, images[:1].numpy(), **options)
    (by_latent,) = invert(model, encoded[:1].numpy(), **options)
    np.testing.assert_allclose(by_image.start, by_latent.start, rtol=1e-4, atol=1e-4)
    off = np.square(by_image.data - images[0].numpy()).mean() / images[0].square().mean()
    assert by_image.inversion_error == pytest.approx(float(off) ** 0.5, rel=1e-4)


def test_module_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "backwards_flow.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    from backwards_flow import Backwards

    network = Backwards(5)
    weights = {f"model.{name}": z.half() for name, z in network.state_dict().items()}
    save_file(weights, tmp_path / "flow.safetensors")
    network.half().float()
    adapter = {
        "shape": [5],
        "classes": ["north", "east", "south"],
        "arguments": {"width": 5},
        "inputs": {"x": "where", "t": "when", "label": "kind"},
        "output": "away",
        "prediction": "reverse_velocity",
        "time": "100 * (1 - t)",
    }
    (tmp_path / "adapter.json").write_text(json.dumps(adapter))
    model, printed = imported(
        tmp_path,
        *("backwards_flow:Backwards", "--weights", "flow.safetensors"),
        *("--adapter", "adapter.json"),
        by=typed,
    )
    assert "the prefix 'model.', which is taken off" in printed
    kind = torch.full((COUNT,), CLASS)

    def velocity(x: Tensor, sigma: Tensor) -> Tensor:
        away: Tensor = network(when=100 * sigma, kind=kind, where=x)["away"]
        return away

    with torch.no_grad():
        close(model, descended(velocity, noise(model)), label=CLASS)


SAME = """
from torch import nn


class Same(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 2)

    def forward(self, x, t):
        return {factor} * self.layer(x)
"""


def test_two_modules_of_one_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many a class is called Unet, and a server may have two of them."""
    monkeypatch.syspath_prepend(tmp_path)
    weights = tmp_path / "flow.safetensors"
    layer = torch.nn.Linear(2, 2)
    save_file({f"layer.{name}": z for name, z in layer.state_dict().items()}, weights)
    for number in (1, 2):
        (tmp_path / f"flow_{number}.py").write_text(SAME.replace("{factor}", str(number)))
        source, folder = f"flow_{number}:Same", tmp_path / f"model-{number}"
        import_model(source, f"model-{number}", folder, Adapter(shape=(2,)), weights=weights)
    one, two = (sureflow.load(tmp_path / f"model-{number}").network for number in (1, 2))
    x, t = torch.ones(1, 2), torch.zeros(1)
    assert torch.equal(2 * one(x, t), two(x, t))


def test_exported_program(tmp_path: Path) -> None:
    network = Image()
    rows = torch.export.Dim("rows", min=1, max=64)
    example = torch.randn(2, 1, 6, 6), torch.rand(2), torch.tensor([0, 1])
    free = {"x": {0: rows}, "t": {0: rows}, "label": {0: rows}}
    (tmp_path / "flow.pt2").write_bytes(exported(network, *example, dynamic_shapes=free))
    # The linear path, by tables from the data to the noise.
    signal = [1 - k / 9 for k in range(10)]
    tables = {"kind": "affine", "alpha": signal, "sigma": [1 - z for z in signal]}
    (tmp_path / "path.json").write_text(json.dumps(tables))
    model, printed = imported(
        tmp_path,
        *("flow.pt2", "--shape", "1,6,6", "--classes", "3", "--prediction", "reverse_velocity"),
        *("--time", "1 - t", "--output", "sample", "--path", "path.json"),
    )
    assert "on the path affine (alpha 1 to 0 in 10 entries, sigma 0 to 1 in 10" in printed
    label = torch.full((COUNT,), CLASS)
    with torch.no_grad():
        close(
            model,
            descended(lambda x, sigma: network(x, sigma, label)["sample"], noise(model)),
            label=CLASS,
        )
