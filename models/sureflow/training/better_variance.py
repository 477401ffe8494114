"""Trains the variance of a foreign module, in the better one of two places."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from torch import Tensor

from sureflow.networks import FrozenVelocity
from sureflow.networks.frozen import VarianceSource
from sureflow.training.arrays import Arrays
from sureflow.training.config import VarianceConfig
from sureflow.training.fingerprint import fingerprint
from sureflow.training.held_out import DRAWS, Comparison, held_out_likelihoods
from sureflow.training.record import trained
from sureflow.training.variances import Variant, beside, inside

Wanted = Literal["auto", "beside", "inside"]

TRIAL = 0.2
"""Share of the steps after which two variances are compared."""


LEARNING_RATES: dict[VarianceSource, float] = {"beside": 5e-3, "inside": 2e-3}
"""Largest learning rates, chosen on ``ring``."""


def variance_config(source: VarianceSource, steps: int, batch: int, seed: int) -> VarianceConfig:
    """How the variance of an imported model is trained; see ``python -m benchmarks.beside``."""
    rate = LEARNING_RATES[source]
    settings = {"objective": "beta_variance", "learning_rate": rate, "ema": 0.99}
    counts = {"steps": steps, "batch": batch, "seed": seed, "warmup": min(50, steps // 4)}
    return VarianceConfig.model_validate(settings | counts)


@dataclass(frozen=True)
class BetterVariance:
    """Trains variances on the same samples, and compares them on the same that are held out.

    Attributes:
        source: Samples to fit to.
        held: Samples to compare on.
        steps: Number of steps of the variance that is kept.
        batch: Points per step.
        seed: Seed of everything that is drawn.
        state: States of training are in folders whose names begin like this one's.
        quiet: Whether there is no progress bar.
        say: Called with what was found out, a line at a time.
    """

    source: Arrays
    held: Arrays
    steps: int
    batch: int
    seed: int
    state: Path
    quiet: bool
    say: Callable[[str], object]

    def find(
        self, wanted: Wanted, described: dict[str, Any], network: FrozenVelocity
    ) -> tuple[Variant, dict[str, Any]]:
        """The variance that is wanted, trained, and its record for the provenance.

        With ``auto``, both places are tried for a share of the steps, if the module has a last
        layer; the better one is kept and trained for the rest of the steps.

        Raises:
            ValueError: The variance is wanted inside, and there is no layer for it.
        """
        within = None if wanted == "beside" else inside(described, network, self.seed)
        if wanted == "inside" and within is None:
            reason = "found no Linear or Conv2d layer whose output the prediction is; take beside"
            raise ValueError(f"variance: {reason}")
        compared, left = None, self.steps
        if within is None or wanted == "inside":
            kept = within or beside(described, network, self.seed)
        else:
            trial = max(1, round(TRIAL * self.steps))
            kept, compared = self._better(within, beside(described, network, self.seed), trial)
            left = max(1, self.steps - trial)
        record = self._train(kept, left, self.seed + 1)
        found = float(self._likelihoods(kept).mean())
        self.say(f"{kept.place}: negative log-likelihood {found:.4f} of samples held out")
        record |= {"source": kept.place, "held_out_nll": round(found, 5), "steps": self.steps}
        return kept, record if compared is None else record | {"compared": compared.record()}

    def _better(self, first: Variant, second: Variant, steps: int) -> tuple[Variant, Comparison]:
        """The better of two after so many steps."""
        found = {}
        for each in (first, second):
            self._train(each, steps, self.seed)
            found[each.source] = self._likelihoods(each)
        compared = Comparison.of(*found.items())
        kept = first if compared.better == first.source else second
        figures = ", ".join(f"{z.place}: {compared.nll[z.source]:.4f}" for z in (first, second))
        self.say(
            f"negative log-likelihood of samples held out, after {steps} steps: {figures}; "
            f"difference {compared.difference:.4f}, standard error {compared.error:.4f}: "
            f"keeps {kept.source}"
        )
        return kept, compared

    def _train(self, variant: Variant, steps: int, seed: int) -> dict[str, Any]:
        self.say(f"trains the variance {variant.place}, {steps} steps")
        config = variance_config(variant.source, steps, self.batch, seed)
        settings = {"network": variant.config, "variance": config.model_dump(mode="json")}
        key = fingerprint(settings, variant.network, self.source)
        state = self.state.with_name(f"{self.state.name}-{variant.source}-{key}")
        return trained(variant.network, self.source, config, state, self.quiet)

    def _likelihoods(self, variant: Variant) -> Tensor:
        draws = min(DRAWS, max(64, self.steps * self.batch // 10))
        network = variant.network.eval()
        return held_out_likelihoods(network, self.held, self.seed, self.batch, draws)
