"""Fits the variance of an imported model, without a configuration."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from sureflow.checkpoint import load, read_config, resolve, save
from sureflow.networks import FrozenVelocity, Staged
from sureflow.training.arrays import Arrays, arrays_in
from sureflow.training.better_variance import BetterVariance, Wanted
from sureflow.training.held_out import split
from sureflow.training.latent_data import latents_of
from sureflow.training.own import own_samples, usual_count
from sureflow.training.soundness import assess, check_finite
from sureflow.training.suited import suited

log = logging.getLogger(__name__)

DISTILLED = (
    "distilled residual variance: how far the model's own samples are from what it expects on the "
    "way to them; where the model is wrong about the data, this variance does not tell"
)
"""What the variance means without data."""

STEPS_OF_IMAGES, STEPS_OF_VECTORS = 1000, 3000
"""Steps where nobody asks for a number. Those of vectors take little time."""

POINTS_AT_ONCE, LEAST_BATCH, MOST_BATCH = 1 << 16, 16, 512
"""Numbers in a batch where nobody asks for its size, and its bounds."""


@dataclass(frozen=True)
class FolderFit:
    """What a variance of a checkpoint folder is fitted to, and how.

    Attributes:
        data: File of samples; without it, those of the model itself.
        own: How many of its own.
        conditions: File with the conditions of its own samples; without it, they are null.
        variance: Where the variance comes from; ``auto`` tries both places, and keeps the better.
        steps: Number of steps of training, of the variance that is kept; by default more for
            vectors than for images.
        batch: Points per step; by default as suits the size of a sample.
        seed: Seed of everything that is drawn.
        force: Whether to fit also a network that does not suit the data.
        device: Torch device.
        quiet: Whether there is no progress bar.
        say: Called with what was found out, a line at a time.
    """

    data: Path | None = None
    own: int | None = None
    conditions: Path | None = None
    variance: Wanted = "auto"
    steps: int | None = None
    batch: int | None = None
    seed: int = 0
    force: bool = False
    device: str = "cpu"
    quiet: bool = False
    say: Callable[[str], object] = log.info

    def run(self, folder: Path, out: Path, runs: Path) -> None:
        """Fit the variance of the model in a folder, and write the checkpoint; see ``fit``.

        Raises:
            ValueError: The folder is not that of a foreign network, or data or options do not suit
                it; the message begins with the field.
            CheckpointError: The folder cannot be used.
        """
        if self.data is not None and (self.own is not None or self.conditions is not None):
            other = "own" if self.own is not None else "conditions"
            raise ValueError(f"{other}: is for samples of the model itself; leave it or data out")
        folder = resolve(folder)
        config, model = read_config(folder), load(folder, self.device)
        whole = model.network
        staged = isinstance(whole, Staged)
        described = config.network["denoiser"] if staged else config.network
        network = whole.denoiser if staged else whole
        if not isinstance(network, FrozenVelocity):
            kind = described.get("kind")
            what = f"{folder} has a network of kind {kind!r}"
            raise ValueError(f"network.kind: {what}, which is fitted by its configuration")
        usual = STEPS_OF_IMAGES if len(network.shape) == 3 else STEPS_OF_VECTORS
        steps, batch = self.steps or usual, self.batch or self._usual_batch(network)
        state = runs / config.name
        if self.data is None:
            count = self.own or usual_count(model, steps * batch)
            source = own_samples(model, count, self.seed, state, self.conditions, self.quiet)
        else:
            source = latents_of(arrays_in(self.data, config.classes), whole)
        fitted = suited(source, network)
        assert isinstance(fitted, Arrays)
        parts = split(fitted, self.seed)
        self._check(network, fitted)
        training = BetterVariance(*parts, steps, batch, self.seed, state, self.quiet, self.say)
        kept, record = training.find(self.variance, described, network)
        record["fitted_to"] = source.description
        if self.data is None:
            record["meaning"] = DISTILLED
            self.say(f"fitted to {source.description}: a {DISTILLED}")
        provenance = {**config.provenance, "variance": record}
        fitted_network: nn.Module = kept.network
        written: dict[str, Any] = kept.config
        if staged:
            whole.denoiser, fitted_network = kept.network, whole
            written = {**config.network, "denoiser": kept.config}
        update = {"network": written, "provenance": provenance}
        save(out, config.model_copy(update=update), fitted_network)

    @staticmethod
    def _usual_batch(network: FrozenVelocity) -> int:
        fitting = POINTS_AT_ONCE // math.prod(network.shape)
        return min(max(fitting, LEAST_BATCH), MOST_BATCH)

    def _check(self, network: FrozenVelocity, source: Arrays) -> None:
        """Check that the network is a velocity of the data; of its own samples, with a warning."""
        check_finite(network, source)
        reason = assess(network, source).problem
        if reason and self.data is not None and not self.force:
            raise ValueError(f"network: {reason}; --force fits it all the same")
        if reason:
            log.warning("%s%s", "" if self.data else "on its own samples, the network ", reason)
