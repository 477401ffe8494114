"""A network from elsewhere that does what a file tells it to, in a worker that really runs."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from sureflow.moments import Moments
from sureflow.networks import VelocityNetwork
from tests.server.running import eventually

CLASSES = 4


class Moody(VelocityNetwork):
    """Velocity ``label - x``, if the file ``mood`` is not there, or empty.

    It may say ``hang``, ``rows 8`` (no memory for more) or ``label 2`` (raises for this one). What
    it has done is written to ``mood.seen``.
    """

    trained = False

    def __init__(self, mood: str) -> None:
        super().__init__((2,), CLASSES, floor=0.0)
        self.noise = nn.ModuleDict()
        self.mood = Path(mood)

    def run(self, x: Tensor, t: Tensor, label: Tensor, noisy: bool) -> Moments:
        what, _, which = (
            self.mood.read_text().partition(" ") if self.mood.exists() else ("", "", "")
        )
        if what == "hang":
            self.mood.with_suffix(".seen").touch()
            time.sleep(600)
        if what == "rows" and len(x) > int(which):
            self.mood.with_suffix(".seen").touch()
            raise MemoryError(f"no room for {len(x)} rows")
        if what == "label" and (label == int(which)).any():
            raise ValueError(f"label {which} is out of order")
        mean = label.view(-1, 1).to(x.dtype) - x
        return Moments(mean, torch.ones_like(x) if noisy else None)


class Mood:
    """The file, and the folders that a server needs."""

    def __init__(self, root: Path) -> None:
        self.file = root / "mood"
        self.models = root / "models"
        self.plugins = install(root / "plugins")

    @property
    def network(self) -> dict[str, Any]:
        """For ``config.json``."""
        return {"kind": "moody", "mood": str(self.file)}

    def set(self, mood: str) -> None:
        """Be in this mood from the next evaluation on."""
        self.file.with_suffix(".seen").unlink(missing_ok=True)
        new = self.file.with_suffix(".new")
        new.write_text(mood)
        new.rename(self.file)

    def wait_seen(self) -> None:
        """Wait until it has shown."""
        eventually(self.file.with_suffix(".seen").exists)


def install(folder: Path) -> Path:
    """Make a folder in which a distribution with this network is installed."""
    info = folder / "moody-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: moody\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[sureflow.networks]\nmoody = tests.server.moody:Moody\n"
    )
    return folder
