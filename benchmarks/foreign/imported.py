"""Imports a trained model as its user does: by typing a command in a folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import torch
from torch import nn

import sureflow
from benchmarks.foreign.digits import TRAINED, save_samples, small
from benchmarks.foreign.latents import Latents
from benchmarks.foreign.peer import Peer
from benchmarks.foreign.training import trained
from sureflow.model import Model
from sureflow.networks import declare_plugin

HOME, PLUGIN = "sureflow-models", "--plugin "


def prepare(peer: Peer, folder: Path, beside: Path) -> nn.Module:
    """Train it, and write its files; ``beside`` has those of the others."""
    folder.mkdir(parents=True, exist_ok=True)
    source = beside / peer.trained_as if peer.trained_as else folder
    source.mkdir(parents=True, exist_ok=True)
    network = trained(peer, source)
    peer.save(network, folder)
    images, labels = (part[:TRAINED] for part in small())
    data = images.reshape(-1, *peer.shape) if not isinstance(peer, Latents) else None
    with torch.inference_mode():
        samples = peer.encoded(network, images) if isinstance(peer, Latents) else data
    if samples is not None and peer.shape != (2,):
        save_samples(samples.clone(), labels, folder / "digits.safetensors")
    for name, text in peer.files:
        (folder / name).write_text(text)
    return network


def imported(peer: Peer, folder: Path) -> tuple[Model, str]:
    """The model, and what its command printed.

    Raises:
        RuntimeError: The command failed; says what it printed.
    """
    shutil.rmtree(folder / HOME / peer.name, ignore_errors=True)  # of an earlier run
    printed = typed(peer.command, folder)
    for line in printed.splitlines():
        if PLUGIN in line and "serve" in line.partition(":")[0]:
            declare_plugin(line.partition(PLUGIN)[2].split()[0])
    here = str(folder)
    if here not in sys.path:
        sys.path.insert(0, here)
    return sureflow.load(folder / HOME / peer.name), printed


def typed(command: str, folder: Path) -> str:
    """What a command that is typed in a folder prints.

    Raises:
        RuntimeError: It failed; says what it printed.
    """
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-ec", command],
        cwd=folder,
        env={**os.environ, "PATH": path, "PYTHONWARNINGS": "ignore"},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(f"{command}: {done.stdout}{done.stderr}")
    return done.stdout
