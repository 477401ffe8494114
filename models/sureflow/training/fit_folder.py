"""Fits the variance of an imported model, without a configuration."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch

from sureflow.checkpoint import load, read_config, resolve, save
from sureflow.networks import FrozenVelocity
from sureflow.training.arrays import Arrays
from sureflow.training.config import DataConfig, VarianceConfig
from sureflow.training.data import source_of
from sureflow.training.fingerprint import fingerprint
from sureflow.training.held_out import DRAWS, Comparison, held_out_likelihoods, split
from sureflow.training.own import own_samples, usual_count
from sureflow.training.record import trained
from sureflow.training.soundness import check_finite, convention_problem
from sureflow.training.suited import suited
from sureflow.training.variances import Variant, beside, inside

log = logging.getLogger(__name__)

Wanted = Literal["auto", "beside", "inside"]

DISTILLED = (
    "distilled residual variance: how far the model's own samples are from what it expects on the "
    "way to them; where the model is wrong about the data, this variance does not tell"
)
"""What the variance means without data."""

TRIAL = 0.2
"""Share of the steps after which two variances are compared."""

STEPS = 1000
POINTS_AT_ONCE, LEAST_BATCH, MOST_BATCH = 1 << 16, 16, 512
"""Numbers in a batch where nobody asks for its size, and its bounds."""


def variance_config(steps: int, batch: int, seed: int) -> VarianceConfig:
    """How the variance of a folder is trained."""
    settings = {"objective": "beta_variance", "learning_rate": 2e-3, "ema": 0.99}
    counts = {"steps": steps, "batch": batch, "seed": seed, "warmup": min(50, steps // 4)}
    return VarianceConfig.model_validate(settings | counts)


@dataclass(frozen=True)
class FolderFit:
    """What a variance of a checkpoint folder is fitted to, and how.

    Attributes:
        data: File of samples; without it, those of the model itself.
        own: How many of its own.
        conditions: File with the conditions of its own samples; without it, they are null.
        variance: Where the variance comes from; ``auto`` tries both places, and keeps the better.
        steps: Number of steps of training, of the one that is kept.
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
    steps: int = STEPS
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
        network = model.network
        if not isinstance(network, FrozenVelocity):
            kind = config.network.get("kind")
            what = f"{folder} has a network of kind {kind!r}"
            raise ValueError(f"network.kind: {what}, which is fitted by its configuration")
        batch = self.batch or self._usual_batch(network)
        state = runs / config.name
        if self.data is None:
            count = self.own or usual_count(model, self.steps * batch)
            source = own_samples(model, count, self.seed, state, self.conditions, self.quiet)
        else:
            source = self._read(self.data, config.classes)
        fitted = suited(source, network)
        assert isinstance(fitted, Arrays)
        run = _Run(self, batch, *split(fitted, self.seed), state)
        self._check(network, fitted)
        kept, record = run.best(config.network, network)
        record["fitted_to"] = source.description
        if self.data is None:
            record["meaning"] = DISTILLED
            self.say(f"fitted to {source.description}: a {DISTILLED}")
        provenance = {**config.provenance, "variance": record}
        update = {"network": kept.config, "provenance": provenance}
        save(out, config.model_copy(update=update), kept.network)

    @staticmethod
    def _read(path: Path, classes: tuple[str, ...]) -> Arrays:
        source = source_of(
            DataConfig.model_validate({"name": "file", "path": path, "names": classes})
        )
        assert isinstance(source, Arrays)
        return source

    @staticmethod
    def _usual_batch(network: FrozenVelocity) -> int:
        fitting = POINTS_AT_ONCE // math.prod(network.shape)
        return min(max(fitting, LEAST_BATCH), MOST_BATCH)

    def _check(self, network: FrozenVelocity, source: Arrays) -> None:
        """Check that the network is a velocity of the data; of its own samples, with a warning."""
        check_finite(network, source)
        reason = convention_problem(network, source)
        if reason and self.data is not None and not self.force:
            raise ValueError(f"network: {reason}; --force fits it all the same")
        if reason:
            log.warning("%s", reason)


@dataclass(frozen=True)
class _Run:
    """Trains variants on the same samples."""

    fit: FolderFit
    batch: int
    source: Arrays
    held: Arrays
    state: Path

    def best(
        self, described: dict[str, Any], network: FrozenVelocity
    ) -> tuple[Variant, dict[str, Any]]:
        """The variant that is wanted, or the better one, trained, and its record."""
        fit, seed = self.fit, self.fit.seed
        within = None if fit.variance == "beside" else inside(described, network, seed)
        if fit.variance == "inside" and within is None:
            raise ValueError(
                "variance: found no Linear or Conv2d layer that the velocity is the output of; "
                "take beside"
            )
        if within is None or fit.variance == "inside":
            kept = within or beside(described, network, seed)
            compared, left = None, fit.steps
        else:
            trial = max(1, round(TRIAL * fit.steps))
            kept, compared = self._compared(within, beside(described, network, seed), trial)
            left = max(1, fit.steps - trial)
        record = self._train(kept, left, seed + 1)
        found = float(self._likelihoods(kept).mean())
        fit.say(f"{kept.place}: negative log-likelihood {found:.4f} of samples held out")
        record |= {"source": kept.place, "held_out_nll": round(found, 5), "steps": fit.steps}
        if compared is not None:
            record["compared"] = {
                "nll": {name: round(value, 5) for name, value in compared.nll.items()},
                "difference": round(compared.difference, 5),
                "standard_error": round(compared.error, 5),
            }
        return kept, record

    def _compared(self, first: Variant, second: Variant, steps: int) -> tuple[Variant, Comparison]:
        """The better of two after so many steps."""
        found: dict[str, Any] = {}
        for each in (first, second):
            self._train(each, steps, self.fit.seed)
            found[each.source] = self._likelihoods(each)
        compared = Comparison.of(*found.items())
        kept = first if compared.better == first.source else second
        figures = ", ".join(
            f"{each.place}: {compared.nll[each.source]:.4f}" for each in (first, second)
        )
        self.fit.say(
            f"negative log-likelihood of samples held out, after {steps} steps: {figures}; "
            f"difference {compared.difference:.4f}, standard error {compared.error:.4f}: "
            f"keeps {kept.source}"
        )
        return kept, compared

    def _train(self, variant: Variant, steps: int, seed: int) -> dict[str, Any]:
        config = variance_config(steps, self.batch, seed)
        settings = {"network": variant.config, "variance": config.model_dump(mode="json")}
        key = fingerprint(settings, variant.network, self.source)
        state = self.state.with_name(f"{self.state.name}-{variant.source}-{key}")
        return trained(variant.network, self.source, config, state, self.fit.quiet)

    def _likelihoods(self, variant: Variant) -> torch.Tensor:
        draws = min(DRAWS, max(64, self.fit.steps * self.batch // 10))
        return held_out_likelihoods(
            variant.network.eval(), self.held, self.fit.seed, self.batch, draws
        )
