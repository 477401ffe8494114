"""The command: ``python -m benchmarks.captions FOLDER [--measure] [--steps N] [--draws N]``.

It trains a model that is ready to be served, with its confidence, and measures it.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

import sureflow
from benchmarks import captions as package
from benchmarks.captions import autoencoder, training
from benchmarks.captions.captions import thirds
from benchmarks.captions.images import images
from benchmarks.captions.measure import SCALES, data, measure, spec_of
from sureflow.checkpoint import CALIBRATION, CheckpointConfig, save
from sureflow.evaluation.reference import calibrate
from sureflow.networks import Staged, build
from sureflow.sampling.sample import run

SEED = 0
AUTOENCODER_STEPS, VELOCITY_STEPS = 1500, 4000
DRAWS, SCORE = 200, "adherence"
"""By which it is judged, as it compares a sample with what the model expects of its prompt."""
RESULTS = "results.json"
SHOWN = ("a slanted seven", "an upright seven", "a bold three", "a thin three", "a wide zero",
         "a narrow zero", "a slanted bold one", "a thin wide eight")  # fmt: skip
COLUMNS = 8


def main(arguments: list[str] | None = None) -> int:
    """Train, unless only to measure, and measure."""
    parser = argparse.ArgumentParser(description=package.__doc__)
    parser.add_argument("folder", type=Path, help="the checkpoint; its name is the folder's")
    parser.add_argument("--measure", action="store_true", help="measure the one that is there")
    parser.add_argument("--steps", type=int, default=VELOCITY_STEPS, help="of the velocity")
    parser.add_argument("--draws", type=int, default=DRAWS, help="for its confidence")
    parser.add_argument("--cache", type=Path, default=None, help="where drawn images are kept")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    folder: Path = options.folder
    pictures, labels, source = images(options.cache or folder / "images.npz")
    bounds = thirds(pictures, labels)
    if not options.measure:
        _train(folder, pictures, labels, bounds, source, options.steps)
        made = calibrate(sureflow.load(folder), options.draws, SCALES[:2], score=SCORE)
        made.save(folder / CALIBRATION)
    results = measure(folder, pictures, labels, bounds)
    (folder / RESULTS).write_text(json.dumps(results, indent=1) + "\n")
    _sheet(folder)
    print(json.dumps(results, indent=1))
    return 0


def _train(
    folder: Path, pictures: Any, labels: np.ndarray, bounds: Any, source: str, most: int
) -> None:
    steps = min(AUTOENCODER_STEPS, most), most
    whole = torch.from_numpy(pictures)
    encoder, decoder, first = autoencoder.train(whole, steps[0], SEED)
    with torch.no_grad():
        latents = torch.cat([encoder(part) for part in torch.split(whole, 500)])
        error = float((decoder(latents[:500]) - whole[:500]).square().mean().sqrt())
    network = build(training.NETWORK)
    assert isinstance(network, Staged)
    for stage, trained in ((network.decoder, decoder), (network.sample_encoder, encoder)):
        assert stage is not None
        stage.module.load_state_dict(trained.state_dict())
    drawn = training.Captioned(latents, pictures, labels, bounds, SEED)
    second = training.train(network, drawn, steps[1], SEED)
    provenance = {
        "data": source,
        "seed": SEED,
        "steps": {"autoencoder": steps[0], "velocity": steps[1]},
        "seconds": {"autoencoder": round(first), "velocity": round(second)},
        "decoder_rms_error": round(error, 4),
        "command": f"python -m benchmarks.captions FOLDER --steps {most}",
    }
    config = CheckpointConfig(
        name=folder.name, media="image", network=training.NETWORK, provenance=provenance
    )
    save(folder, config, network)


def _sheet(folder: Path) -> None:
    """Samples of some prompts, a row each, at guidance 2."""
    model = sureflow.load(folder)
    specs = [spec_of(text, n, 2.0) for text in SHOWN for n in range(COLUMNS)]
    made = data(run(model, specs)).reshape(len(SHOWN), COLUMNS, 28, 28)
    tiled = made.transpose(0, 2, 1, 3).reshape(28 * len(SHOWN), 28 * COLUMNS)
    pixels = ((tiled + 1) * 127.5).round().astype(np.uint8)
    Image.fromarray(pixels).resize((56 * COLUMNS, 56 * len(SHOWN))).save(folder / "sheet.png")


if __name__ == "__main__":
    raise SystemExit(main())
