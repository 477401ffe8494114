"""Diffusion models: samples along the ODE or the SDE of any affine path from noise to data.

A network of any convention (see :mod:`sureflow.networks.foreign.convention`) is converted to the
velocity of a flow, so this family has everything that a flow has. Its own are the grids of its
paths, and the noise between the steps.
"""

from __future__ import annotations

from sureflow.core.setting import Setting
from sureflow.families.diffusion.options import DiffusionOptions
from sureflow.families.diffusion.spec import OWN, DiffusionSpec
from sureflow.families.flow import Flow
from sureflow.families.flow.setting import parse


class Diffusion(Flow):
    """The family of diffusion models."""

    name = "diffusion"
    spec = DiffusionSpec
    engine = "sureflow.families.diffusion.engine:DiffusionEngine"
    sampler = DiffusionOptions
    inversion = DiffusionOptions(method="dopri5", tolerance=1e-4)

    @staticmethod
    def parse_setting(text: str) -> Setting:
        """The setting that ``METHOD:STEPS[/GRID][~ETA][@GUIDANCE]`` means, by default native."""
        rest, at, scale = text.partition("@")
        rest, noisy, eta = rest.partition("~")
        fixed = rest.rpartition(":")[2].isdecimal()
        found = parse(f"{rest}/{OWN}{at}{scale}" if fixed else f"{rest}{at}{scale}")
        if not noisy:
            return found
        try:
            return Setting.of({**found.record(), "eta": float(eta)})
        except ValueError as error:
            raise ValueError(f"{text!r}: {eta!r} after ~ is no number") from error


FAMILY = Diffusion()
