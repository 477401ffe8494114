"""The spec of a diffusion model's lane. Free of torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sureflow.families.flow.spec import GRIDS, FlowSpec
from sureflow.families.flow.tableau import TABLEAUS

OWN, KARRAS, LOGSNR = "native", "karras", "logsnr"
"""Grids of fixed steps besides those of a flow: the model's own schedule; equal steps of ``(sigma /
alpha)^(1/7)`` (Karras et al., 2022, equation 5); equal steps of ``log(sigma / alpha)``."""

NOISY = {
    "churn": tuple(name for name, each in TABLEAUS.items() if not each.multistep),
    "eta": tuple(
        name
        for name, each in TABLEAUS.items()
        if not each.multistep or (each.exponential and not each.corrected)
    ),
}
"""Methods with which there can be noise between the steps: those that remember nothing of earlier
steps, or, where the expected noise is drawn anew, the data alone."""


@dataclass(frozen=True, slots=True)
class DiffusionSpec(FlowSpec):
    """One sample of a diffusion model to make.

    Attributes:
        eta: How much of the noise is drawn anew between two steps, as a share of what ancestral
            sampling draws; 0 follows the ODE. With the method ``euler`` it is the ``eta`` of DDIM
            (Song et al., 2021, equation 16); 1 is ancestral sampling, DDPM. With ``dpmpp_2m`` 1 is
            SDE-DPM-Solver++ (2M) (Lu et al., 2022).
        churn: Noise that is added before a step, ``S_churn`` of Karras et al. (2022, algorithm 2),
            divided among the steps; 0 adds none.
    """

    family: ClassVar[str] = "diffusion"
    grids: ClassVar[tuple[str, ...]] = (OWN, KARRAS, LOGSNR, *GRIDS)

    grid: str = OWN
    eta: float = 0.0
    churn: float = 0.0

    @property
    def run_by(self) -> dict[str, float]:
        """The noise between the steps, if there is any."""
        return {name: z for name in ("eta", "churn") if (z := float(getattr(self, name)))}
