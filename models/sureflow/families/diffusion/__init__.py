"""Diffusion models: samples along the ODE or the SDE of any affine path from noise to data.

A network of any convention (see :mod:`sureflow.networks.foreign.convention`) is converted to the
velocity of a flow, so this family has everything that a flow has. Its own are the grids of its
paths, and the noise between the steps.
"""

from __future__ import annotations

import math
from typing import cast

from sureflow.core.lane import LaneSpec
from sureflow.core.schema import InvalidFieldError
from sureflow.core.setting import Setting
from sureflow.families.diffusion.options import DiffusionOptions
from sureflow.families.diffusion.spec import OWN, DiffusionSpec
from sureflow.families.flow import Flow
from sureflow.families.flow.setting import parse, sized


class Diffusion(Flow):
    """The family of diffusion models."""

    name = "diffusion"
    spec = DiffusionSpec
    engine = "sureflow.families.diffusion.engine:DiffusionEngine"
    sampler = DiffusionOptions
    inversion = DiffusionOptions(method="dopri5", tolerance=1e-4)

    def wanders(self, spec: LaneSpec) -> bool:
        """Whether a lane draws noise between its steps."""
        return bool(cast(DiffusionSpec, spec).run_by)

    def check_inversion(self, spec: LaneSpec) -> None:
        """Check that a lane like this one can start from the inversion of a given sample."""
        super().check_inversion(spec)
        for name in cast(DiffusionSpec, spec).run_by:
            raise InvalidFieldError(f"sampler.{name}", "an inverted sample goes on along the ODE")

    @staticmethod
    def parse_setting(text: str) -> Setting:
        """The setting that ``METHOD:STEPS[/GRID][~ETA][@GUIDANCE][:SIZE]`` means, or native."""
        plain, *size = sized(text)
        rest, at, scale = plain.partition("@")
        end = "".join((at, scale, *size))
        rest, noisy, eta = rest.partition("~")
        fixed = rest.rpartition(":")[2].isdecimal()
        found = parse(f"{rest}/{OWN}{end}" if fixed else f"{rest}{end}")
        if not noisy:
            return found
        try:
            share = float(eta)
        except ValueError:
            share = math.nan
        if not 0 <= share <= 1:
            raise ValueError(f"{text!r}: {eta!r} after ~ is no number in 0 .. 1")
        if found.axis != "steps":
            raise ValueError(f"{text!r}: an eta is for fixed steps, not for a tolerance")
        return Setting.of({**found.record(), "eta": share}) if share else found


FAMILY = Diffusion()
