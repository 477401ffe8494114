"""A variance beside an imported network, fitted to the digits that it was trained on."""

from __future__ import annotations

from pathlib import Path

import sureflow
from benchmarks.foreign.imported import HOME, typed
from benchmarks.foreign.peer import Peer
from sureflow.model import Model

STEPS = 600


def fitted(peer: Peer, folder: Path, steps: int = STEPS) -> Model:
    """The imported model with a variance, by ``sureflow fit``; kept from an earlier run."""
    made = folder / "fitted" / peer.name
    if not (made / "config.json").exists():
        command = ["sureflow fit", f"{HOME}/{peer.name}", "--data digits.safetensors --quiet"]
        command += [f"--variance beside --steps {steps} --checkpoint {made}", *peer.plugins]
        typed(" ".join(command), folder)
    return sureflow.load(made)
